"""The connections that requests go by, against a server that says raw bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from langchain_grokweb import GrokWebClient, GrokWebError
from langchain_grokweb.client.network import pool

CERTIFICATE = Path(__file__).parent / "untrusted.pem"
TLS_RECORD_BYTES = 16 * 1024
READ_BYTES = 64 * 1024  # at most, of one read of the client

READ_LIMIT = 2**20
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
STALE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstale"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Connections to it, and what each read of one brought."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.reads: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []  # one of each connection
        self.heard = asyncio.Event()
        self.hung_up = asyncio.Event()


@asynccontextmanager
async def raw_server(*replies: bytes, closes: bool = False, is_secure: bool = False) -> AsyncIterator[RawServer]:
    """Answers one read with one of these, and hangs up after each, or not."""
    server, left, context = RawServer(), list(replies), None
    talks: list[asyncio.Task[None] | None] = []
    if is_secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.writers.append(writer)
        talks.append(asyncio.current_task())
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

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    server.url = f"http{'s' if is_secure else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    try:
        yield server
    finally:
        await pool.close_idle()
        listening.close()
        await listening.wait_closed()
        for writer in server.writers:
            writer.close()
        await asyncio.gather(*filter(None, talks))


@asynccontextmanager
async def client(account: str = "", *, is_secure: bool = False) -> AsyncIterator[pool.PlainClient]:
    leased = await pool.lease(None, is_secure=is_secure, account=account)
    try:
        yield leased.client
    finally:
        await leased.give_back()


async def ask(url: str, content: bytes | None = None, *, read: float | None = None, account: str = "") -> bytes:
    async with client(account, is_secure=url.startswith("https")) as http:
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


def reply_of(size: int) -> bytes:
    """A reply of this size, its head included; not for small ones."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %05d\r\n\r\n"
    return head % (size - len(head % 0)) + b"x" * (size - len(head % 0))


@pytest.mark.parametrize(
    "reply",
    [
        OK + STALE,
        OK + b"\r\n",
        OK + b"what?",
        OK + b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\nstale",
        ENDLESS + b"0\r\n\r\n" + STALE,
        reply_of(READ_BYTES) + STALE,  # which one read of the client does not bring
    ],
)
async def test_one_with_more_than_its_reply_is_replaced(reply: bytes):
    async with raw_server(reply, OK, OK) as server:
        await ask(server.url)
        assert [await ask(server.url), await ask(server.url)] == [b"ok", b"ok"]
        assert server.connections == 2


@pytest.mark.parametrize("more", [b"", OK, b"\r\n"])
@pytest.mark.parametrize("is_secure", [False, True])
async def test_one_on_which_more_comes_later_is_replaced(monkeypatch, is_secure: bool, more: bytes):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with raw_server(OK, OK, is_secure=is_secure) as server:
        assert await ask(server.url) == b"ok"
        server.writers[0].write(more)
        assert await ask(server.url) == b"ok"
        assert server.connections == (2 if more else 1)


@pytest.mark.parametrize("size", [len(OK), TLS_RECORD_BYTES, READ_BYTES])
async def test_a_secure_one_with_more_than_its_reply_is_replaced(monkeypatch, size: int):
    """Whichever layer holds what is too much."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    reply = OK if size == len(OK) else reply_of(size)
    async with raw_server(reply + STALE, OK, OK, is_secure=True) as server:
        await ask(server.url)
        assert [await ask(server.url), await ask(server.url)] == [b"ok", b"ok"]
        assert server.connections == 2


async def test_one_of_another_account_is_not_used():
    async with raw_server(OK, OK, OK, OK) as server:
        assert [await ask(server.url, account=name) for name in ("one", "two", "one", "two")] == [b"ok"] * 4
        assert server.connections == 2


async def test_clients_of_two_accounts_share_no_connection():
    async with raw_server(OK, OK, OK) as server:
        for user in (1, 2, 1):
            cookies = f"sso=a{user}; sso-rw=a{user}; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8c{user}"
            with suppress(GrokWebError):  # this server knows no modes
                await GrokWebClient(base_url=server.url.rstrip("/"), cookies=cookies).quota()
        assert server.connections == 2


async def test_the_oldest_of_too_many_that_wait_is_closed(monkeypatch):
    monkeypatch.setattr(pool, "MAX_IDLE_CLIENTS", 2)
    kept = []
    for name in ("one", "two", "three"):
        async with client(name) as http:
            kept.append(http)
    assert [http.is_closed for http in kept] == [True, False, False]
    async with client("two") as http:
        assert http is kept[1]
    await pool.close_idle()


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
