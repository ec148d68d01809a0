"""Every refusal and every broken stream: the right error, by every path, and nothing is asked twice without need."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from paths import PATHS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebConnectionError,
    GrokWebContentFilterError,
    GrokWebContextOverflowError,
    GrokWebError,
    GrokWebInterruptedError,
    GrokWebModelNotFoundError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebRateLimitError,
    GrokWebServerError,
    GrokWebTimeoutError,
)
from tests.clock import HANG_SECONDS

REFUSALS: list[tuple[str, dict[str, Any], type, int]] = [
    ("challenge", {}, GrokWebPermissionError, 1),
    ("expired", {}, GrokWebAuthenticationError, 1),
    ("login_redirect", {}, GrokWebAuthenticationError, 1),
    ("blocked", {}, GrokWebPermissionError, 1),
    ("region", {}, GrokWebPermissionError, 1),
    ("rate_limited", {}, GrokWebRateLimitError, 3),
    ("rate_limited", {"retry_after": 0}, GrokWebRateLimitError, 3),
    ("rate_limited", {"retry_after": 2429}, GrokWebRateLimitError, 1),
    ("heavy_load", {}, GrokWebServerError, 3),
    ("server_error", {"status": 500}, GrokWebServerError, 1),
    ("server_error", {"status": 502}, GrokWebServerError, 1),
    ("server_error", {"status": 503}, GrokWebServerError, 3),
]
OF_THE_ENDPOINT: list[tuple[str, dict[str, Any], type, int]] = [
    ("anti_bot", {}, GrokWebPermissionError, 1),
    ("anti_bot", {"in_stream": True}, GrokWebPermissionError, 1),
    ("model_not_found", {}, GrokWebModelNotFoundError, 1),
    ("rate_limited", {"in_stream": True}, GrokWebRateLimitError, 3),
    ("html", {}, GrokWebProtocolError, 1),
]


def tries_at(grok: Any) -> list[Any]:
    """The requests that asked: posts to the conversations endpoint, and upgrades to the gateway."""
    posts = [r for r in grok.requests if r.method == "POST" and "/app-chat/conversations/" in r.path]
    return [*posts, *(r for r in grok.requests if r.path == "/ws/mgw/")]


@pytest.mark.parametrize(("fault", "options", "expected", "tries"), REFUSALS)
@pytest.mark.parametrize("way", PATHS)
def test_a_refusal_has_its_error_and_its_number_of_tries(grok, model, way, fault, options, expected, tries):
    grok.fault(fault, times=9, **options)
    with pytest.raises(expected) as raised:
        PATHS[way](model, "Hi")
    assert type(raised.value) is expected
    assert len(tries_at(grok)) == tries
    assert grok.stops == []


@pytest.mark.wire("rest")
@pytest.mark.parametrize(("fault", "options", "expected", "tries"), OF_THE_ENDPOINT)
def test_a_refusal_of_the_endpoint(grok, model, fault, options, expected, tries):
    grok.fault(fault, times=9, **options)
    with pytest.raises(expected):
        model.invoke("Hi")
    assert len(tries_at(grok)) == tries


@pytest.mark.parametrize("fault", ["challenge", "blocked", "region"])
def test_the_reason_is_told(grok, model, fault):
    grok.fault(fault)
    with pytest.raises(GrokWebPermissionError) as raised:
        model.invoke("Hi")
    assert raised.value.reason == fault


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize(
    ("fault", "options"), [("rate_limited", {"retry_after": 0}), ("heavy_load", {}), ("server_error", {"status": 503})]
)
def test_a_passing_refusal_is_tried_again(grok, model, way, fault, options):
    grok.fault(fault, times=2, **options)
    grok.reply("At last.")
    assert PATHS[way](model, "Hi").text == "At last."
    assert len(grok.turns) == 1


def test_no_retries_means_none(grok, make_model):
    grok.fault("rate_limited", retry_after=0)
    with pytest.raises(GrokWebRateLimitError) as raised:
        make_model(max_retries=0).invoke("Hi")
    assert raised.value.retry_after == 0
    assert len(tries_at(grok)) == 1


@pytest.mark.parametrize("cookies", [None, "", "theme=dark", "sso="])
def test_without_cookies_nothing_is_sent(grok, cookies):
    model = ChatGrokWeb(base_url=grok.base_url, cookies=cookies)
    with pytest.raises(GrokWebAuthenticationError) as raised:
        model.invoke("Hi")
    assert raised.value.login_url == f"{grok.base_url}/"
    assert grok.requests == []


IN_STREAM = [
    ("usage_limit", GrokWebRateLimitError),
    ("moderated", GrokWebContentFilterError),
    ("prompt_too_long", GrokWebContextOverflowError),
    ("context_overflow", GrokWebContextOverflowError),
    ("internal_error", GrokWebServerError),
    ("model_not_available", GrokWebModelNotFoundError),
]


@pytest.mark.parametrize(("error", "expected"), IN_STREAM)
@pytest.mark.parametrize("way", PATHS)
def test_an_error_in_the_stream(grok, model, way, error, expected):
    grok.reply("Some words", error=error)
    with pytest.raises(expected):
        PATHS[way](model, "Hi")
    assert len(tries_at(grok)) == 1


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_an_answer_that_breaks_off_and_is_lost_raises_with_what_there_is(grok, model, fault):
    grok.reply("One two three four five six seven.")
    grok.fault(fault, after=6, then="lost")
    with pytest.raises(GrokWebInterruptedError) as raised:
        model.invoke("Hi")
    partial = raised.value.partial
    assert "One two three four five six seven.".startswith(partial.text)
    assert partial.text or fault == "reset"  # a reset may overtake what was sent before it
    assert partial.response_metadata["grokweb"]["interrupted"] is True
    assert pickle.loads(pickle.dumps(raised.value)).partial == partial


@pytest.mark.wire("rest")
def test_an_end_without_the_definitive_answer(grok, model):
    grok.reply("One two three.", fault="no_model_response")
    assert model.invoke("Hi").text == "One two three."
    assert [request.path.rsplit("/", 1)[1] for request in grok.requests] == ["new", "response-node", "load-responses"]


@pytest.mark.wire("gateway")
@pytest.mark.parametrize("fault", ["close_without_done", "session_ended:6"])
@pytest.mark.parametrize("way", PATHS)
def test_an_end_of_the_gateway_that_is_none(grok, model, way, fault):
    grok.reply("One two three four five six seven.", fault=fault)
    assert PATHS[way](model, "Hi").text == "One two three four five six seven."
    assert len(grok.turns) == 1


@pytest.mark.wire("gateway")
@pytest.mark.parametrize("way", PATHS)
def test_a_failure_that_is_reported_is_no_cut(grok, model, way):
    grok.reply("One two three four five six seven.", fault="incomplete")
    with pytest.raises(GrokWebInterruptedError) as raised:
        PATHS[way](model, "Hi")
    assert raised.value.partial.text == "One two three four five six seven."
    # Only the menu of modes was asked for, since the service named no reason.
    assert [request.path for request in grok.requests] == ["/ws/mgw/", "/rest/modes"]


@pytest.mark.parametrize("way", PATHS)
def test_garbage_in_the_stream_is_an_error_and_the_turn_is_stopped(grok, model, way):
    grok.reply("One two three four five six seven.", fault="garbage:6")
    with pytest.raises(GrokWebProtocolError) as raised:
        PATHS[way](model, "Hi")
    assert raised.value.got in {"other text", "something else in braces"}


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("fault", ["silence:5", "keepalive_only:5"])
def test_silence_ends_in_an_error_that_names_the_field(clock, grok, make_model, way, fault):
    grok.reply("One two three four five six seven.", fault=fault)
    with pytest.raises(GrokWebTimeoutError, match="stream_event_timeout"):
        PATHS[way](make_model(stream_event_timeout=1), "Hi")
    grok.wait_for_stop()


@pytest.mark.parametrize("way", PATHS)
def test_a_turn_that_does_not_open_ends_in_an_error_that_names_the_field(clock, grok, model, way):
    grok.fault("slow_open", seconds=60, times=9)  # a handshake that takes too long is tried again
    with pytest.raises(GrokWebTimeoutError, match="timeout="):
        PATHS[way](model, "Hi")


@pytest.mark.parametrize("way", PATHS)
def test_a_service_that_is_not_there(way, unused_tcp_port):
    model = ChatGrokWeb(base_url=f"http://127.0.0.1:{unused_tcp_port}", cookies="sso=eyJh.b.c", max_retries=1)
    with pytest.raises(GrokWebConnectionError, match="base_url"):
        PATHS[way](model, "Hi")


def test_why_no_connection_could_be_made(grok, make_model):
    secure = grok.base_url.replace("http:", "https:")
    with pytest.raises(GrokWebConnectionError, match="no TLS connection could be negotiated"):
        make_model(base_url=secure, max_retries=0).invoke("Hi")
    grok.fault("hang_up")
    with pytest.raises(GrokWebConnectionError, match=r"before an answer came|did not answer as a WebSocket should"):
        make_model(max_retries=0).invoke("Hi")
    grok.fault("hang_up")  # it was looked up that the prompt did not arrive: it is sent again
    assert make_model().invoke("Hi").text
    assert len(grok.turns) == 1


ODDITIES = {
    "rest": ["unknown_frames", "concatenated", "pretty", "sse", "reordered", "empty_final", "late_title"],
    "gateway": [
        "unknown_frames",
        "attached_first",
        "two_objects",
        "duplicate_citations",
        "late_text",
        "late_title",
        "no_channel",
        "no_persisted",
        "wrong_session",
    ],
}


@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_odd_streams_are_read_all_the_same(grok, make_model, wire, name):
    for fault in ODDITIES[wire]:
        grok.reply("Paris 🗼 is “it”.", reasoning="Hm", citations=[{"url": "https://e.com"}], fault=fault)
        message = make_model(model=name).invoke("Hi")
        assert message.text == "Paris 🗼 is “it”.", fault
        assert message.additional_kwargs["reasoning_content"].startswith("Hm"), fault
        assert len(message.additional_kwargs["citations"]) == 1, fault


@pytest.mark.parametrize("fault", ["silence", "garbage"])
@pytest.mark.wire("rest")
def test_a_whole_answer_is_not_lost_by_what_comes_behind_it(make_model, fault):
    answer = "aaaaaaaa-0000-4000-8000-000000000001"
    frames = [
        {"conversation": {"conversationId": "c"}},
        {"response": {"token": "Paris.", "isThinking": False, "isSoftStop": False, "responseId": answer}},
        {"response": {"modelResponse": {"responseId": answer, "message": "Paris.", "sender": "ASSISTANT"}}},
    ]
    body = b"".join(json.dumps({"result": frame}).encode() + b"\n" for frame in frames)
    with served(body + (b"garbage\n" if fault == "garbage" else b""), stay_open=fault == "silence") as url:
        assert make_model(base_url=url).invoke("Hi").text == "Paris."


@pytest.mark.wire("rest")
def test_an_error_in_the_stream_that_tells_cookies_back_is_cleaned(grok, make_model):
    secret = grok.cookies.split("; ")[0].split("=", 1)[1]
    error = {"error": {"code": 13, "message": f"bad header {secret}"}}
    with served(json.dumps(error).encode() + b"\n") as url, pytest.raises(GrokWebServerError) as raised:
        make_model(base_url=url).invoke("Hi")
    assert "bad header [cookie]" in str(raised.value)


@pytest.mark.wire("rest")
def test_an_encoding_that_breaks_is_an_answer_that_breaks_off(make_model):
    frame = {"result": {"conversation": {"conversationId": "c"}}}
    packed = gzip.compress(json.dumps(frame).encode() + b"\n" + b"x" * 5000)
    with served(packed[:-30] + b"\x00" * 40, encoding="gzip") as url, pytest.raises(GrokWebError) as raised:
        make_model(base_url=url).invoke("Hi")
    assert not isinstance(raised.value, httpx.HTTPError)


@contextmanager
def served(body: bytes, *, encoding: str = "identity", stay_open: bool = False) -> Iterator[str]:
    """A server that answers every POST with this body."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-encoding", encoding)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if stay_open:
                over.wait(HANG_SECONDS)

        def log_message(self, *_: Any) -> None: ...

    over = Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()
        thread.join()
