"""The connections that requests go by, against a server that says raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from langchain_grokweb.client.network import pool

READ_LIMIT = 2**20
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Connections to it, and what each read of one brought."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.reads: list[bytes] = []
        self.heard = asyncio.Event()
        self.hung_up = asyncio.Event()


@asynccontextmanager
async def raw_server(*replies: bytes, closes: bool = False) -> AsyncIterator[RawServer]:
    """Answers one read with one of these, and hangs up after each, or not."""
    server, left = RawServer(), list(replies)
    talks: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        talks[asyncio.current_task()] = writer
        with suppress(ConnectionError):
            while data := await reader.read(READ_LIMIT):
                server.reads.append(data)
                server.heard.set()
                writer.write(left.pop(0) if left else b"")
                await writer.drain()
                if closes:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        server.hung_up.set()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    try:
        yield server
    finally:
        await pool.close_idle()
        listening.close()
        await listening.wait_closed()
        for writer in talks.values():
            writer.close()
        await asyncio.gather(*filter(None, talks))


@asynccontextmanager
async def client() -> AsyncIterator[pool.PlainClient]:
    leased = await pool.lease(None, is_secure=False)
    try:
        yield leased.client
    finally:
        await leased.give_back()


async def ask(url: str, content: bytes | None = None, *, read: float | None = None) -> bytes:
    async with client() as http:
        request = http.build_request("POST", url, content=content, timeout=(5.0, read, None, None))
        response = await http.send(request)
        try:
            return b"".join([piece async for piece in response.aiter_raw()])
        finally:
            await response.aclose()


async def test_head_and_body_leave_together():
    async with raw_server(OK) as server:
        assert await ask(server.url, b"question") == b"ok"
        assert len(server.reads) == 1
        assert server.reads[0].endswith(b"\r\n\r\nquestion")


async def test_a_connection_is_used_again():
    async with raw_server(OK, OK, OK) as server:
        assert [await ask(server.url) for _ in range(3)] == [b"ok"] * 3
        assert server.connections == 1


async def test_one_that_the_server_has_closed_is_replaced():
    async with raw_server(OK, OK, closes=True) as server:
        assert await ask(server.url) == b"ok"
        await server.hung_up.wait()
        assert await ask(server.url) == b"ok"
        assert server.connections == 2


async def test_one_to_another_server_is_replaced():
    async with raw_server(OK) as first, raw_server(OK) as second:
        assert [await ask(first.url), await ask(second.url)] == [b"ok", b"ok"]
        assert (first.connections, second.connections) == (1, 1)


async def test_one_whose_reply_was_not_read_to_its_end_is_replaced():
    async with raw_server(ENDLESS, OK) as server:
        async with client() as http:
            response = await http.send(http.build_request("GET", server.url))
            assert await anext(response.aiter_raw()) == b"ok"
            await response.aclose()
        assert await ask(server.url) == b"ok"
        assert server.connections == 2


async def test_one_of_a_request_that_was_cancelled_is_replaced():
    async with raw_server(b"", OK) as server:
        asking = asyncio.create_task(ask(server.url))
        await server.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await ask(server.url) == b"ok"
        assert server.connections == 2


async def test_a_large_body_leaves_in_pieces_and_may_be_answered_before_its_end():
    async with raw_server(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno") as server:

        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 100_000
            await server.heard.wait()
            yield b"x" * 100_000

        async with client() as http:
            response = await http.send(http.build_request("POST", server.url, content=body(), timeout=(5, 5, 5, 5)))
            assert response.status_code == 413
            await response.aclose()


@pytest.mark.parametrize(
    ("reply", "closes", "error"),
    [
        (b"", True, httpx.RemoteProtocolError),
        (b"what?\r\n\r\n", False, httpx.RemoteProtocolError),
        (ENDLESS, True, httpx.RemoteProtocolError),
        (ENDLESS + b"no size\r\n", False, httpx.RemoteProtocolError),
        (b"", False, httpx.ReadTimeout),
        (ENDLESS, False, httpx.ReadTimeout),
    ],
)
async def test_what_breaks_is_an_error_of_httpx(reply: bytes, closes: bool, error: type[Exception]):
    async with raw_server(reply, OK, closes=closes) as server:
        with pytest.raises(error):
            await ask(server.url, read=0.05 if error is httpx.ReadTimeout else 60)
        assert await ask(server.url) == b"ok"


async def test_a_connection_that_cannot_be_made_is_an_error_of_httpx():
    async with raw_server() as server:
        url = server.url
    with pytest.raises(httpx.ConnectError):
        await ask(url)
    with pytest.raises(httpx.UnsupportedProtocol):
        await ask("ftp://127.0.0.1/")


async def test_a_client_that_is_closed_closes_its_connections():
    async with raw_server(ENDLESS) as server, client() as http:
        response = await http.send(http.build_request("GET", server.url))
        await http.aclose()
        with pytest.raises(httpx.ReadError):
            [piece async for piece in response.aiter_raw()]
        with pytest.raises(RuntimeError, match="closed"):
            await http.send(http.build_request("GET", server.url))
