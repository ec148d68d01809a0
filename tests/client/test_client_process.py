"""What a process runs out of, and what a forked child must not touch."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebClient, GrokWebConnectionError, GrokWebInvalidRequestError
from langchain_grokweb.client import portal
from langchain_grokweb.client.network import failures, pool
from langchain_grokweb.testing import GrokEmulator


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def model_on(server: ScriptedServer, transport: str, **settings: Any) -> ChatGrokWeb:
    common = {"base_url": server.base_url, "cookies": server.cookies, "model": "fast", "max_retries": 0}
    return ChatGrokWeb(**{**common, **settings}, transport=transport)


def script(transport: str) -> Script:
    return (gateway if transport == "gateway" else rest).script([s.Text("Par"), s.Text("is."), s.Final("Paris.")])


WIRES = pytest.mark.parametrize("transport", ["rest", "gateway"])


async def out_of_files(_loop: Any, errors: list[Any], *_: Any, **__: Any) -> Any:
    """What the loop does where the system gives no more files."""
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    errors.append([error])
    raise error


def in_a_child(work: Callable[[], Any]) -> str:
    """The name of the error that the work ends with in a forked child."""
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        try:
            work()
            os.write(writes, b"nothing")
        except BaseException as error:  # noqa: BLE001 - the parent judges it
            os.write(writes, type(error).__name__.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as report:
        name = report.read()
    os.waitpid(child, 0)
    return name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork on this system.")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@WIRES
def test_a_stream_that_is_read_in_a_forked_child_ends_with_an_error_and_the_parents_goes_on(
    server: ScriptedServer, transport: str
):
    server.play(script(transport))
    stream = model_on(server, transport).stream("Hi")
    first = next(stream)
    assert in_a_child(lambda: list(stream)) == GrokWebInvalidRequestError.__name__
    assert first.text + "".join(chunk.text for chunk in stream) == "Paris."
    assert server.asked("stop") == []


@WIRES
async def test_idle_connections_are_given_up_where_too_many_files_are_open(
    server: ScriptedServer, transport: str, monkeypatch: pytest.MonkeyPatch
):
    server.play(script(transport))
    model = model_on(server, transport)
    given_up: list[None] = []
    connect, close_idle = BaseEventLoop._connect_sock, pool.close_idle

    async def fail_at_first(self: Any, errors: list[Any], *args: Any, **options: Any) -> Any:
        if not given_up:
            return await out_of_files(self, errors)
        return await connect(self, errors, *args, **options)

    async def give_up() -> None:
        given_up.append(None)
        await close_idle()

    monkeypatch.setattr(BaseEventLoop, "_connect_sock", fail_at_first)
    monkeypatch.setattr(failures, "close_idle", give_up)
    await pool.close_idle()
    assert (await model.ainvoke("Hi")).text == "Paris."
    assert given_up == [None]


@WIRES
async def test_too_many_open_files_are_named(server: ScriptedServer, transport: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BaseEventLoop, "_connect_sock", out_of_files)
    with pytest.raises(GrokWebConnectionError, match="too many open files"):
        await model_on(server, transport).ainvoke("Hi")


@WIRES
async def test_a_missing_thread_is_named(server: ScriptedServer, transport: str, monkeypatch: pytest.MonkeyPatch):
    async def fail(*_: Any, **__: Any) -> Any:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(BaseEventLoop, "getaddrinfo", fail)
    model = model_on(server, transport, base_url=server.base_url.replace("127.0.0.1", "localhost"))
    with pytest.raises(GrokWebConnectionError, match="could not start a thread"):
        await model.ainvoke("Hi")


def test_a_missing_thread_for_blocking_calls_is_named(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    def fail() -> Any:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(portal, "start_blocking_portal", fail)
    monkeypatch.setattr(portal, "_portal", portal._Portal())
    with pytest.raises(GrokWebConnectionError, match="could not start a thread"):
        model_on(server, "rest").invoke("Hi")


@pytest.fixture
def trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that is run step by step, as trio runs it: no loop of asyncio's is there."""
    lowlevel = SimpleNamespace(in_trio_run=lambda: True)
    monkeypatch.setitem(sys.modules, "trio", SimpleNamespace(lowlevel=lowlevel))


A_CONVERSATION = "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10"
ENTRANCES: dict[str, Callable[[ChatGrokWeb, GrokWebClient], Any]] = {
    "ainvoke": lambda model, _: model.ainvoke("Hi"),
    "astream": lambda model, _: anext(model.astream("Hi")),
    "alist_modes": lambda model, _: model.alist_modes(),
    "aquota": lambda model, _: model.aquota(),
    "adownload": lambda model, _: model.adownload(A_CONVERSATION),
    "modes": lambda _, client: client.modes(),
    "diagnose": lambda _, client: client.diagnose(),
    "conversation": lambda _, client: client.conversation(A_CONVERSATION),
    "delete": lambda _, client: client.delete(A_CONVERSATION),
    "aclose": lambda model, _: model.aclose(),
}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.usefixtures("trio")
@pytest.mark.parametrize("entrance", ENTRANCES.values(), ids=ENTRANCES)
def test_a_library_other_than_asyncio_is_refused_in_one_sentence(server: ScriptedServer, entrance: Any):
    client = GrokWebClient(base_url=server.base_url, cookies=server.cookies)
    with pytest.raises(GrokWebInvalidRequestError, match="Only asyncio is supported"):
        entrance(model_on(server, "rest"), client).__await__().send(None)


def test_under_nest_asyncio_nothing_is_printed_at_exit(server: ScriptedServer):
    """Its `asyncio.run` closes no generators, so that the one which keeps connections ends with the interpreter."""
    program = f"""
import asyncio
import nest_asyncio
nest_asyncio.apply()
from langchain_grokweb import ChatGrokWeb
def model(wire):
    return ChatGrokWeb(base_url={server.base_url!r}, cookies={server.cookies!r}, model="fast", transport=wire)
async def main():
    print(model("rest").invoke("Hi").text)
    print(asyncio.run(model("rest").ainvoke("Hi")).text)
    open_stream.append(model("rest").stream("Hi"))
    print(next(open_stream[0]).text)
open_stream = []
asyncio.run(main())
"""
    pytest.importorskip("nest_asyncio")
    server.play(rest.script([s.Text("Paris."), s.Final("Paris.")]))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["Paris."] * 3, "")


def test_under_nest_asyncio_a_stream_that_is_closed_early_is_stopped_and_nothing_is_printed(wire: str):
    """Its `asyncio.run` looks after no generators: Python destroys ours where LangChain's is closed."""
    pytest.importorskip("nest_asyncio")
    with GrokEmulator(pace=0.05) as grok:
        program = f"""
import asyncio
from contextlib import aclosing
import nest_asyncio
nest_asyncio.apply()
from langchain_grokweb import ChatGrokWeb
async def main():
    model = ChatGrokWeb(base_url={grok.base_url!r}, cookies={grok.cookies!r}, transport={wire!r})
    async with aclosing(model.astream("Hi")) as chunks:
        async for chunk in chunks:
            if chunk.text:
                break
asyncio.run(main())
"""
        grok.reply("word " * 1000)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        assert (ran.stdout, ran.stderr) == ("", "")
        assert grok.stops == [grok.turns[0].response_id]


@pytest.mark.wire("rest")
def test_an_interrupt_within_the_work_does_not_end_the_portal(grok, make_model):
    """anyio ends a portal in which something is raised that is no `Exception`; later blocking calls need it."""

    async def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        portal.call(work)
    assert make_model().invoke("Hi").text
    portal.soon(work)
    for _ in range(2):
        assert make_model().invoke("Hi").text
