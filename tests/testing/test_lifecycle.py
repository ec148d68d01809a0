"""Starting, stopping, waiting: from threads, event loops and a fixture, leaving nothing behind."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from langchain_grokweb import testing
from langchain_grokweb.testing import GrokEmulator
from testing.asking import CONVERSATIONS
from testing.talking import CHUNKS, Open
from tests.clock import HANG_SECONDS

NEW = f"{CONVERSATIONS}/new"


def emulator_threads():
    return [thread for thread in threading.enumerate() if thread.name == "grok-emulator"]


def test_the_fixture_gives_a_running_emulator(grok_emulator):
    response = httpx.get(f"{grok_emulator.base_url}{CONVERSATIONS}", headers={"cookie": grok_emulator.cookies})
    assert response.status_code == 200


def test_with_and_without(caplog):
    caplog.set_level(logging.DEBUG)
    grok = GrokEmulator()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = grok.base_url
    with grok:
        url = grok.base_url
        assert httpx.post(url + NEW, json={"message": "x"}).status_code == 401
        with pytest.raises(RuntimeError, match="runs already"):
            grok.start()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert emulator_threads() == []
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_it_can_be_started_again_and_keeps_its_memory():
    grok = GrokEmulator()
    for _ in range(2):
        with grok:
            httpx.post(grok.base_url + NEW, json={"message": "x"}, headers={"cookie": grok.cookies})
    assert len(grok.turns) == 2
    grok.reset()
    assert grok.turns == []


async def test_async_with():
    async with GrokEmulator() as grok, httpx.AsyncClient(base_url=grok.base_url) as client:
        assert (await client.get("/sign-in")).status_code == 200
    assert emulator_threads() == []


def test_stopping_is_prompt_with_running_streams_and_idle_connections(caplog):
    caplog.set_level(logging.DEBUG)
    with GrokEmulator() as grok:
        grok.reply("x", fault="silence:1")
        grok.reply("x", fault="keepalive_only:1")
        grok.fault("slow_open", path="/rest/modes", seconds=60)
        idle = httpx.Client(base_url=grok.base_url, headers={"cookie": grok.cookies})
        idle.get(CONVERSATIONS)
        paths = [NEW, NEW, "/rest/modes"]
        threads = [threading.Thread(target=post, args=(grok, path)) for path in paths]
        for thread in threads:
            thread.start()
        grok.wait_for_requests(4)
        grok.wait_for_turns(2)
    for thread in threads:
        thread.join(HANG_SECONDS)
    idle.close()
    assert emulator_threads() == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith(("uvicorn", "asyncio"))] == [
        record.getMessage() for record in caplog.records if "Using selector" in record.getMessage()
    ]


def post(grok, path):
    headers = {"cookie": grok.cookies}
    try:
        httpx.post(grok.base_url + path, json={"message": "x"}, headers=headers, timeout=HANG_SECONDS)
    except httpx.TransportError:
        return


def test_a_client_that_leaves_in_the_middle_leaves_no_trace(caplog):
    with GrokEmulator(chunk_size=7) as grok:
        grok.reply("word " * 20000)
        with httpx.Client(base_url=grok.base_url, headers={"cookie": grok.cookies}) as client:
            with client.stream("POST", NEW, json={"message": "x"}) as response:
                next(response.iter_raw())
            grok.wait_for_turns(1, status="finished")
            assert client.get(CONVERSATIONS).status_code == 200
    assert caplog.records == []


def test_a_blocking_assistant_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with GrokEmulator(assistant=lambda turn: turn.prompt) as grok:
        httpx.post(grok.base_url + NEW, json={"message": "x"}, headers={"cookie": grok.cookies})
    for thread in set(threading.enumerate()) - before:
        thread.join(HANG_SECONDS)
        assert not thread.is_alive()


def test_the_port_can_be_chosen_and_a_taken_one_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            GrokEmulator(port).start()
    with GrokEmulator(port) as grok:
        assert grok.base_url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("options", [{"era": "1999"}, {"tier": "gold"}, {"reconnect": "maybe"}])
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="it can be one of"):
        GrokEmulator(**options)


def test_waiting_says_what_did_not_come(grok):
    with pytest.raises(TimeoutError, match="fewer than 2 requests came; 0 requests came"):
        grok.wait_for_requests(2, timeout=0.01)
    with pytest.raises(TimeoutError, match="fewer than 1 turns were finished"):
        grok.wait_for_turns(timeout=0.01, status="finished")


async def test_one_emulator_serves_several_event_loops(grok):
    def elsewhere():
        async def ask():
            async with httpx.AsyncClient(base_url=grok.base_url, headers={"cookie": grok.cookies}) as client:
                return (await client.post(NEW, json={"message": "x"})).status_code

        return asyncio.run(ask())

    assert await asyncio.gather(*(asyncio.to_thread(elsewhere) for _ in range(4))) == [200] * 4
    assert len(grok.turns) == 4


FOREVER = """
import threading, sys
from langchain_grokweb.testing import GrokEmulator
grok = GrokEmulator()
def tell():
    while True:
        try:
            print(grok.base_url, flush=True)
            return
        except RuntimeError:
            pass
threading.Thread(target=tell, daemon=True).start()
grok.serve_forever()
print("stopped", [t.name for t in threading.enumerate()])
"""


def test_serving_forever_ends_with_a_signal():
    with subprocess.Popen([sys.executable, "-W", "error", "-c", FOREVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/sign-in").status_code == 200
            os.kill(process.pid, signal.SIGTERM)
            assert process.stdout.readline().strip() == "stopped ['MainThread']"
            assert process.wait(HANG_SECONDS) == 0
        finally:
            process.kill()


async def test_latency_delays_both_directions(clock, emulator):
    grok, browser = emulator(latency=0.05)
    started = clock.time()
    assert (await asyncio.to_thread(browser.new)).text
    asked = clock.time()
    browser.get(CONVERSATIONS)
    listed = clock.time()
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        created = clock.time()
        assert (await talk.ask()).text
    assert asked - started > 0.099
    assert listed - asked > 0.099
    assert created - listed > 0.099
    assert clock.time() - created > 0.099


NOISY = r"""
import socket
from langchain_grokweb.testing import GrokEmulator
with GrokEmulator() as grok:
    host, port = grok.base_url.removeprefix("http://").split(":")
    upgrade = b"GET /ws/mgw/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    for words in (b"no HTTP at all\r\n\r\n", upgrade):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(words)
            while client.recv(4096):
                pass
"""


def test_nothing_of_the_server_reaches_standard_error():
    done = subprocess.run(
        [sys.executable, "-c", NOISY], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_grokweb.testing.emulator", None)
    monkeypatch.setattr(testing, "_EXTRA", frozenset({"langchain_grokweb"}))
    with pytest.raises(ImportError, match=r'pip install "langchain-grokweb\[emulator\]"'):
        testing.__getattr__("GrokEmulator")
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = testing.Nothing


def test_the_plugin_imports_neither_starlette_nor_uvicorn():
    code = (
        "import sys, langchain_grokweb.testing.pytest_plugin as p; print({'starlette', 'uvicorn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
