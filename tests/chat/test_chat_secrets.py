"""A cookie with a mark in it shows up in Cookie headers to the service, and nowhere else."""

from __future__ import annotations

import asyncio
import io
import logging
import pickle
import traceback
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from langchain_grokweb import ChatGrokWeb, GrokCredentials, GrokWebAuthenticationError, GrokWebError
from tests import leaks

MARK = "eyJtYXJrZXI.mArKeR.dGhlLW1hcms"


class Runs(BaseTracer):
    """Keeps what a tracer would send away."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.kept.append(run)


@pytest.fixture
def marked(grok):
    """The emulator's account, with a mark in cookies that it does not look at."""
    return f"{grok.cookies}; cf_clearance={MARK}; __cf_bm={MARK}2"


def shown(value: Any) -> str:
    return f"{value!r} {value} {getattr(value, '__dict__', '')}"


@pytest.mark.parametrize("transport", ["rest", "gateway", "auto"])
def test_in_cookie_headers_to_the_service_and_nowhere_else(grok, marked, caplog, transport):
    caplog.set_level(logging.DEBUG)
    model = ChatGrokWeb(base_url=grok.base_url, cookies=marked, max_retries=1, transport=transport)
    runs = Runs()
    places: list[str] = []
    for fault in (None, "expired", "challenge", "anti_bot", "rate_limited", "server_error", "html"):
        if fault:
            grok.fault(fault, times=2)
        for call in (model.invoke, lambda m, config: list(model.stream(m, config=config))):
            try:
                places.append(shown(call([HumanMessage("Hi")], config={"callbacks": [runs]})))
            except GrokWebError as error:
                places += [shown(error), "".join(traceback.format_exception(error))]
                places.append(pickle.dumps(error).decode("latin-1"))
    places += [shown(model), dumps(model), pickle.dumps(model).decode("latin-1"), str(model.model_dump_json())]
    places += [str(model._identifying_params), str(model._get_ls_params()), shown(model.asdict())]
    places += [run.model_dump_json() for run in runs.kept] + [run.error or "" for run in runs.kept]
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn"))
    places.append(logged)
    assert runs.kept
    assert not [place[:200] for place in places if "mArKeR" in place]
    assert transport == "gateway" or "set-cookie" in logged.lower()
    assert "__cf_bm" not in logged
    assert all(MARK in request.headers["cookie"] for request in grok.requests)
    for request in grok.requests:
        rest = {name: value for name, value in request.headers.items() if name != "cookie"}
        assert "mArKeR" not in f"{rest} {request.body} {request.path}"


# That no error of any fault shows a cookie, nor its frames' variables, nor a log: see tests/docs/test_reliability.py.


@pytest.mark.parametrize("while_", ["opening", "answering"])
async def test_frames_of_a_call_that_is_cancelled(clock, grok, make_model, wire, while_):
    if while_ == "opening":
        grok.fault("slow_open", seconds=9)
    else:
        grok.reply("word " * 20, fault="silence:9")
    model = make_model(cookies=leaks.signed_in(grok.cookies))
    call = asyncio.create_task(model.ainvoke("Hi"))
    if while_ == "opening":
        await asyncio.to_thread(grok.wait_for_requests, 1)
    else:
        await asyncio.to_thread(grok.wait_for_turns, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await call
    leaks.check_error(raised.value)


@pytest.mark.parametrize(
    "paste",
    [
        f"cf_clearance={leaks.MARK}",
        f"sso={leaks.MARK} x",
        f"[{leaks.MARK}",
        f"curl 'https://grok.com' -H 'cookie: a={leaks.MARK}'",
        {"sso": f"{leaks.MARK},"},
        leaks.MARK,
    ],
)
async def test_frames_of_a_paste_that_cannot_be_read(grok, paste):
    with pytest.raises(GrokWebError) as raised:
        await ChatGrokWeb(base_url=grok.base_url, cookies=paste).ainvoke("Hi")
    leaks.check_error(raised.value)


def test_frames_of_what_is_not_ours(grok, make_model, wire):
    """The caller's own function raises; nobody is there; a proxy is not."""

    def fails(_method: str, _path: str) -> dict[str, str]:
        raise ZeroDivisionError

    cookies = leaks.signed_in(grok.cookies)
    with pytest.raises(ZeroDivisionError) as raised:
        make_model(cookies=cookies, headers=fails).invoke("Hi")
    leaks.check_error(raised.value)
    for elsewhere in ({"base_url": "http://127.0.0.1:9"}, {"proxy": "http://127.0.0.1:9"}):
        with pytest.raises(GrokWebError) as refused:
            make_model(cookies=cookies, max_retries=0, **elsewhere).invoke("Hi")
        leaks.check_error(refused.value)


@pytest.mark.wire("gateway")
def test_rich_shows_no_cookie_with_all_its_locals(grok, make_model, wire):
    from rich.console import Console
    from rich.traceback import Traceback

    grok.fault("expired")
    with pytest.raises(GrokWebError) as raised:
        make_model(cookies=leaks.signed_in(grok.cookies)).invoke("Hi")
    error = raised.value
    ours = error.__traceback__.tb_next  # the frame of this test knows the cookies
    console = Console(file=io.StringIO(), width=200)
    console.print(Traceback.from_exception(type(error), error, ours, show_locals=True, locals_max_string=None))
    shown = console.file.getvalue()
    assert "GrokWebAuthenticationError" in shown
    assert leaks.MARK not in shown


async def test_a_redirect_elsewhere_gets_no_cookie(grok, marked):
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    heard: list[bytes] = []
    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        grok.fault("login_redirect", location=f"http://127.0.0.1:{port}/sign-in")
        with pytest.raises(GrokWebError):
            await ChatGrokWeb(base_url=grok.base_url, cookies=marked).ainvoke("Hi")
    assert heard == []


def test_a_body_that_echoes_the_cookies_is_cleaned(marked, echo_server):
    with pytest.raises(GrokWebError) as raised:
        ChatGrokWeb(base_url=echo_server, cookies=marked, max_retries=0).invoke("Hi")
    assert "your cookies" in str(raised.value)
    assert "mArKeR" not in shown(raised.value)


@pytest.fixture
def echo_server():
    """A broken server that tells back what it was sent."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = f'{{"code": 13, "message": "your cookies {self.headers["cookie"]}"}}'.encode()
            self.send_response(500)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "headers", [{"Cookie": "sso=x"}, {"authorization": "Bearer x"}, {"x-a": "b\r\nCookie: c"}, {"x\n": "b"}]
)
def test_headers_that_would_smuggle_are_refused(grok, make_model, headers):
    with pytest.raises(GrokWebError, match="headers="):
        make_model(headers=headers).invoke("Hi")
    assert grok.requests == []


@pytest.mark.wire("rest")
def test_a_renewed_cookie_goes_out_with_the_same_account_alone(grok, make_model):
    model = make_model()
    model.invoke("Hi")
    model.invoke("Hi")
    first, second = grok.requests[0].headers["cookie"], grok.requests[1].headers["cookie"]
    assert "__cf_bm" in second
    assert first != second
    other = GrokCredentials.parse(grok.cookies.replace("x-userid=", "x-userid=0"))
    ChatGrokWeb(base_url=grok.base_url, credentials=other, transport="rest").invoke("Hi")
    assert second.split("__cf_bm=")[1] not in grok.requests[2].headers["cookie"]


def test_a_model_that_read_its_cookies_is_the_same_and_shows_none(grok):
    fields = {"base_url": grok.base_url, "cookies": grok.cookies}
    used, unused = ChatGrokWeb(**fields), ChatGrokWeb(**fields)
    used.invoke("Hi")
    assert used == unused
    (secret, *_) = [pair.partition("=")[2] for pair in grok.cookies.split("; ") if pair.startswith("sso=")]
    for shown in (repr(used), str(vars(used)), dumps(used), pickle.dumps(used).decode("latin-1"), str(dict(used))):
        assert secret not in shown
    other = used.model_copy(update={"cookies": None})
    with pytest.raises(GrokWebAuthenticationError):
        other.invoke("Hi")
