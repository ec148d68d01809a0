"""What a broken or hostile service may say, on both wires: one bad member costs nothing, and no cookie comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.client import state
from tests import leaks
from tests.clock import HANG_SECONDS

SECRET = "mArKeRabcdefghijklmnop"  # of letters alone, as names of members are
COOKIES = f"sso={SECRET}; sso-rw={SECRET}; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8ca"
MAX_MESSAGE_CHARS = 700
WIRES = pytest.mark.parametrize("transport", ["rest", "gateway"])


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def model_of(server: ScriptedServer, transport: str) -> ChatGrokWeb:
    settings: dict[str, Any] = {
        "cookies": COOKIES,
        "max_retries": 0,
        "timeout": HANG_SECONDS,
        "stream_event_timeout": HANG_SECONDS,
    }
    return ChatGrokWeb(base_url=server.base_url, transport=transport, model="fast", **settings)


def failure(server: ScriptedServer, transport: str, script: Script) -> GrokWebError:
    """The error of a call, which must be one of ours, short, and without a cookie anywhere."""
    server.play(script)
    with leaks.logged() as lines, pytest.raises(GrokWebError) as caught:
        model_of(server, transport).invoke("Hi")
    error = caught.value
    assert len(str(error)) <= MAX_MESSAGE_CHARS
    leaks.check_error(error)
    assert leaks.MARK not in "\n".join(lines)
    assert leaks.MARK not in str(state.drift())
    return error


# --- one bad member costs nothing

DIGITS = "9" * 5000
ODD_MEMBERS = {
    "NaN": '"odd": NaN',
    "infinity": '"odd": Infinity',
    "minus infinity": '"odd": -Infinity',
    "a large exponent": '"odd": 1e999',
    "5,000 digits": f'"odd": {DIGITS}',
    "minus 5,000 digits": f'"odd": -{DIGITS}',
    "400 digits": f'"odd": {"1" * 400}',
    "in a list": f'"odd": [1, NaN, {{"a": {DIGITS}}}]',
    "half a character": '"odd": "\\ud800"',
    "half a character in a name": '"\\ud800": 1',
    "nested": f'"odd": {"[" * 200}{"]" * 200}',
    "the same name twice": '"odd": 1, "odd": NaN',
    "a number of a known member": '"messageStepId": NaN, "output_index": NaN, "createTime": Infinity, "step_id": NaN',
    "a long name": f'"{"x" * 5000}": NaN',
}


def with_member(member: str) -> s.Raw:
    """The answer's text, in a frame that has a further member."""
    frame = {"token": "Paris.", "isThinking": False, "isSoftStop": False, "responseId": s.ANSWER, "@": 0}
    text = {"text": "Paris.", "channel": "CHANNEL_ASSISTANT_RESPONSE"}
    chunk = {"metadata": {"step_id": 0, "phase_index": 2}, "text": text}
    event = {"type": "response.chunk", "event_id": "evt_odd", "response_id": s.ANSWER, "chunk": chunk, "@": 0}
    line = json.dumps({"result": {"response": frame}}).replace('"@": 0', member)
    message = json.dumps({"session_id": s.CONVERSATION, "event": event}).replace('"@": 0', member)
    return s.Raw(f"{line}\n".encode(), message)


def answer(server: ScriptedServer, transport: str, steps: list[s.Step]) -> str:
    server.play((rest if transport == "rest" else gateway).script(steps))
    return model_of(server, transport).invoke("Hi").text


@WIRES
@pytest.mark.parametrize("name", ODD_MEMBERS)
def test_a_bad_member_costs_nothing(server, transport, name):
    assert answer(server, transport, [with_member(ODD_MEMBERS[name]), s.Final("Paris.")]) == "Paris."


@WIRES
def test_a_byte_order_mark_costs_nothing(server, transport):
    frame = with_member('"odd": 1')
    marked = s.Raw(b"\xef\xbb\xbf" + (frame.rest or b""), f"\ufeff{frame.gateway}")
    assert answer(server, transport, [marked, s.Final("Paris.")]) == "Paris."


@pytest.mark.parametrize(
    "kind", ["text/html", "text/html; charset=utf-8", "text/plain", "application/octet-stream", ""]
)
@pytest.mark.parametrize("beginning", [b"", b"\xef\xbb\xbf", b" \n"])
def test_the_name_of_another_type_over_good_frames_costs_nothing(server, kind, beginning):
    body = [beginning, *rest.body([s.Text("Paris."), s.Final("Paris.")])]
    server.play(Script({"turn": Reply([piece for piece in body if piece], headers={"content-type": kind})}))
    assert model_of(server, "rest").invoke("Hi").text == "Paris."


def test_a_bad_member_of_a_card_costs_nothing(server):
    kind = {"cardType": "citation_card", "type": "render_inline_citation"}
    card = json.dumps({"id": "c1", "url": "https://a.example", "odd": float("nan"), **kind})
    assert "NaN" in card
    text = 'Paris.<grok:render card_id="c1" card_type="citation_card" type="render_inline_citation"></grok:render>'
    frames = [rest.frame(s.ANSWER, cardAttachment={"jsonData": card}), rest.frame(s.ANSWER, token=text)]
    final = s.Final(text, members={"cardAttachmentsJson": [card]})
    server.play(rest.script([s.Raw(b"".join(frames)), final]))
    answer = model_of(server, "rest").invoke("Hi")
    assert [citation["url"] for citation in answer.additional_kwargs["citations"]] == ["https://a.example"]


async def test_a_bad_member_of_a_small_reply_costs_nothing(server):
    menu = '\ufeff{"modes": [{"id": "fast", "title": "Fast", "odd": NaN, "availability": {"available": {"n": 1e999}}}]}'
    server.play(Script({"modes": Reply.of(menu)}))
    (mode,) = await model_of(server, "rest").alist_modes()
    assert (mode.id, mode.available) == ("fast", True)


# --- replies that refuse, or are none: of the turn, or in place of the socket

REPLIES: dict[str, Reply] = {
    "a page": Reply.of("<!doctype html><title>Hello</title>", content_type="text/html"),
    "nothing": Reply.of(""),
    "a list": Reply.of("[]"),
    "a number": Reply.of("1"),
    "text": Reply.of("hello", content_type="text/plain"),
    "bytes": Reply.of(bytes(range(256))),
    "deep JSON": Reply.of("[" * 50_000, 500),
    "deep objects": Reply.of('{"a":' * 50_000, 500),
    "no type": Reply([b"no"], 500, {}),
    "a long type": Reply.of("no", 500, content_type="x" * 5000),
    "an error after a mark": Reply.of('\ufeff{"code": 8, "message": "Too many requests"}', 429),
    "an error with NaN": Reply.of('{"code": 8, "message": "Too many requests", "waitTimeSeconds": NaN}', 429),
    "an error of 5,000 digits": Reply.of(f'{{"code": {DIGITS}, "message": "No", "waitTimeSeconds": {DIGITS}}}', 500),
    "a long code": Reply.of({"code": "x" * 5000, "message": "y" * 5000}, 500),
    "codes of other types": Reply.of({"code": [1], "message": {"a": 1}, "details": "x"}, 500),
    "a wait that is none": Reply.of("", 429, retry_after="NaN"),
    "a wait of 5,000 digits": Reply.of("", 429, retry_after=DIGITS),
    "a wait in the past": Reply.of("", 503, retry_after="Mon, 01 Jan 1900 00:00:00 GMT"),
    "a wait that is no date": Reply.of("", 429, retry_after="Mon, 99 Foo 99999 99:99:99 +9999"),
    "a redirect": Reply.of("", 302, location="https://elsewhere.example/"),
    "a redirect to nowhere": Reply.of("", 301),
    "a redirect to no address": Reply.of("", 308, location="http://[::x"),
    "a teapot": Reply.of("", 418),
    "an unknown status": Reply.of("", 599),
    "gzip that is none": Reply.of("no gzip", 500, content_encoding="gzip"),
    "gzip that is none, at 200": Reply.of("no gzip", content_encoding="gzip"),
    "an unknown encoding": Reply.of("abc", 500, content_encoding="x-none"),
    "an unknown character set": Reply.of("abc", 500, content_type="text/plain; charset=none"),
    "UTF-16": Reply.of("No".encode("utf-16"), 500),
    "control characters": Reply.of("\x1b[31mNo\x07\x00\u202e", 500),
    "a cookie that is none": Reply.of("", 500, set_cookie="\x01=;;;=\x7f"),
    "a date that is none": Reply.of("", 500, date="never"),
}


@WIRES
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_is_no_answer_is_one_of_our_errors(server, transport, name):
    reply = REPLIES[name]
    script = Script({"turn": reply}) if transport == "rest" else Script(handshake=reply)
    error = failure(server, transport, script)
    assert str(error).isprintable()


FRAMES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"hello\n", "hello"),
    "a list": (b"[1]\n", "[1]"),
    "half an object": (b'{"result":', '{"result":'),
    "braces": (b"{]}\n", "{]}"),
    "deep": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"\n", '{"a":' * 20_000 + "1" + "}" * 20_000),
    "an error of 5,000 digits": (
        f'{{"error": {{"code": {DIGITS}, "message": "No"}}}}\n'.encode(),
        f'{{"session_id": "c", "event": {{"type": "error", "event_id": "e", "error": {{"code": {DIGITS}}}}}}}',
    ),
    "the cookie, and no JSON": (f"{SECRET}\n".encode(), SECRET),
    "the cookie, in half an object": (f'{{"{SECRET}": "{SECRET}'.encode(), f'{{"{SECRET}": "{SECRET}'),
}


@WIRES
@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_cannot_be_read_is_one_of_our_errors(server, transport, name):
    frame = s.Raw(*FRAMES[name])
    steps = [s.Text("Par"), frame, s.Cut()]
    script = (rest if transport == "rest" else gateway).script(steps)
    assert failure(server, transport, script).partial is not None


# --- the cookie, in whatever they say

ECHOES: dict[str, Reply] = {
    "in a header": Reply.of("no", 500, x_echo=SECRET, server=f"{SECRET}/1.0"),
    "in the type": Reply.of("no", content_type=f"text/{SECRET}"),
    "in the place of a redirect": Reply.of("", 302, location=f"https://elsewhere.example/{SECRET}"),
    "in the wait": Reply.of("", 429, retry_after=SECRET),
    "in a code": Reply.of({"code": SECRET, "message": "no"}, 500),
    "in a well-known code": Reply.of({"code": 3, "message": f"[WKE={SECRET[:12]}] no"}, 400),
    "in the name of a member": Reply.of({SECRET: 1, "message": f"no {SECRET[:8]}"}, 500),
    "in UTF-16": Reply.of(f"no {SECRET}".encode("utf-16"), 500),
    "in a page": Reply.of(f"<html>{SECRET}</html>", 403, content_type="text/html"),
    "in JSON that is none": Reply.of(f'{{"message": "{SECRET}', 500),
    "in a small reply that is no JSON": Reply.of(f"{{{SECRET}"),
}


@WIRES
@pytest.mark.parametrize("name", ECHOES)
def test_a_cookie_in_a_refusal_shows_nowhere(server, transport, name):
    reply = ECHOES[name]
    failure(server, transport, Script({"turn": reply}) if transport == "rest" else Script(handshake=reply))


async def test_a_cookie_in_a_small_reply_shows_nowhere(server):
    for reply in ECHOES.values():
        server.play(Script({"modes": reply}))
        with pytest.raises(GrokWebError) as caught:
            await model_of(server, "rest").alist_modes()
        leaks.check_error(caught.value)


@WIRES
@pytest.mark.parametrize("cut", [8, 9, 12, len(SECRET)])
def test_a_cookie_in_an_answer_that_fails_shows_nowhere(server, transport, cut):
    """In names of members, in an error that is only informed of, in the text so far, and in the last error."""
    echo = SECRET[:cut]
    steps = [
        with_member(f'"{echo}": 1, "a.{echo}.b": {{"{echo}": 2}}'),
        s.Error("tool_call_failed", f"no {echo}", "NORMAL"),
        s.Text(f" Your cookie is {echo}."),
        s.Error("internal_error", f"no {echo}", "FATAL"),
    ]
    error = failure(server, transport, (rest if transport == "rest" else gateway).script(steps))
    assert error.partial is not None
    assert "Your cookie is [cookie]." in error.partial.text


# --- secrets in headers of the caller's own


def says(word: str) -> Reply:
    return Reply.of({"code": word, "message": f"not for {word}, {word[:9]}"}, 500, x_echo=word)


@WIRES
@pytest.mark.parametrize("is_function", [True, False])
def test_a_secret_of_the_callers_headers_shows_nowhere(server, transport, is_function):
    secret = "k3y-abcdefghij-0123456789"
    headers = {
        "x-gate": f"Bearer {secret}",
        "x-purpose": "research",
        "x-number": "12345678",
        "accept": "a/b1c2d3e4",
    }
    for word, is_hidden in ((secret, True), ("research", False), ("12345678", False), ("a/b1c2d3e4", False)):
        server.play(Script({"turn": says(word)}) if transport == "rest" else Script(handshake=says(word)))
        settings: dict[str, Any] = {"cookies": COOKIES, "max_retries": 0, "transport": transport}
        model = ChatGrokWeb(
            base_url=server.base_url, headers=(lambda _method, _path: headers) if is_function else headers, **settings
        )
        with pytest.raises(GrokWebError) as caught:
            model.invoke("Hi")
        shown = f"{caught.value!r} {vars(caught.value)}"
        assert (word[:8] not in shown) is is_hidden, word
