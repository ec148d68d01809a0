"""Every wait has an end, and it is the model that must be silent, not the line, for a wait to end in an error."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from paths import PATHS

from langchain_grokweb import ChatGrokWeb, GrokWebConnectionError, GrokWebTimeoutError
from langchain_grokweb.client.stopping import STOP_SECONDS

pytestmark = pytest.mark.usefixtures("clock")


async def test_long_thinking_is_no_silence(grok, make_model):
    """Reports of progress are words of the model, though they add nothing to the answer; keep-alives are none."""
    grok.reply("Paris.", fault="long_thinking:0.6")
    assert (await make_model(stream_event_timeout=0.2).ainvoke("Hi")).text == "Paris."


@contextmanager
def mute() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def full() -> Iterator[str]:
    """A host that takes no more connections: its backlog is full, and what comes is dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        with ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}"


@pytest.mark.parametrize("host", [mute, full])
@pytest.mark.parametrize("way", ["invoke", "astream"])
def test_a_host_that_does_not_answer(grok, make_model, way, host):
    with host() as url, pytest.raises(GrokWebTimeoutError, match="timeout="):
        PATHS[way](make_model(base_url=url, max_retries=0), "Hi")


@pytest.mark.parametrize("cookies", ["all", "no x-userid"])
async def test_small_requests_end_too(grok, cookies):
    """Modes; and for the gateway, the page and the session that tell an account's id."""
    with mute() as url:
        kept = grok.cookies if cookies == "all" else grok.cookies.split("; x-userid")[0]
        model = ChatGrokWeb(base_url=url, cookies=kept, max_retries=0, transport="gateway")
        with pytest.raises(GrokWebTimeoutError, match="timeout="):
            await model.alist_modes()
        with pytest.raises(GrokWebTimeoutError, match="timeout="):
            await model.ainvoke("Hi")


async def test_a_proxy_that_does_not_answer(grok, make_model):
    with mute() as url, pytest.raises(GrokWebTimeoutError, match="timeout="):
        await make_model(base_url="https://127.0.0.1:1", proxy=url, max_retries=0).ainvoke("Hi")


async def test_a_session_that_is_never_attached(grok):
    grok.fault("late_attach", seconds=30, times=9)
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, max_retries=0, transport="gateway")
    with pytest.raises(GrokWebTimeoutError, match="timeout="):
        await model.ainvoke("Hi")


async def test_a_refusal_that_never_ends_is_told_all_the_same(clock, make_model):
    """Its status is there; of its body only so much is waited for."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 No\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await clock.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises((GrokWebTimeoutError, GrokWebConnectionError)):
            await make_model(base_url=url, timeout=0.4, max_retries=0).ainvoke("Hi")
        await over.wait()


async def test_a_stop_that_is_not_answered_holds_nobody_up(clock, grok, make_model):
    """Where the site does not answer the request to stop, leaving ends all the same, in bounded time."""
    grok.reply("word " * 50, fault="silence:9")
    grok.fault("slow_open", seconds=60, path="/rest/app-chat/conversations/inflight-response/")
    before = clock.time()
    with pytest.raises(GrokWebTimeoutError, match="stream_event_timeout"):
        await make_model(stream_event_timeout=4).ainvoke("Hi")
    assert 4 + STOP_SECONDS <= clock.time() - before <= 5 + STOP_SECONDS
