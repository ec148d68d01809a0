"""What is fuzzed, and what must hold: events of the right kinds, a normal end, or a `GrokWebError`; nothing else.

Each target takes one input from a `Spoiler` and raises an `AssertionError`, or whatever the code under test raised.
"""

from __future__ import annotations

import json
import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import orjson
from langchain_core.messages import AIMessage, HumanMessage, message_chunk_to_message

from langchain_grokweb import GrokWebError
from langchain_grokweb.messages.accumulator import Answer
from langchain_grokweb.messages.planner import RequestInfo, fresh
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import GatewaySession
from langchain_grokweb.wire.inflight import running_answer
from langchain_grokweb.wire.rest import RestDecoder
from langchain_grokweb.wire.turn import Turn
from tests.fuzz.mutations import Spoiler, Values

SAMPLES = Path(__file__).parent.parent / "samples"
_EVENTS = get_args(ev.Event)


def run(seed: int, count: int, kinds: Iterable[str] = ()) -> Counter[str]:
    """Fuzz so many inputs, the targets in turn; how often each ended how.

    Raises:
        Escaped: An input gave something else; it names the input.
    """
    names = list(kinds) or list(TARGETS)
    ends: Counter[str] = Counter()
    for number in range(count):
        ends[one(seed, number, names[number % len(names)])] += 1
    return ends


class Escaped(AssertionError):  # noqa: N818 - what it says is what happened
    """An input that gave neither events nor one of our errors."""


def one(seed: int, number: int, name: str) -> str:
    """Fuzz one input, that a seed and a number name; how it ended."""
    target, samples = TARGETS[name], _samples(name)
    spoiler = Spoiler(random.Random(f"{seed}/{number}"), samples, _names(samples))
    try:
        return f"{name}: {target(spoiler)}"
    except Exception as error:
        msg = f"python -m tests.fuzz --seed {seed} --only {name} --number {number}"
        raise Escaped(f"{type(error).__name__}: {str(error)[:300]}; again with: {msg}") from error


# --- targets


def _rest(spoiler: Spoiler) -> str:
    body = b"\n".join(spoiler.written(spoiler.values()))
    decoder = RestDecoder(assets_url="https://assets.example")
    found = [event for piece in spoiler.pieces(body) for event in decoder.feed(piece)] + decoder.close()
    _check_unknown(decoder.unknown)
    whole = RestDecoder(assets_url="https://assets.example")
    _alike(found, whole.feed(body) + whole.close())
    return _check(found, finished=decoder.finished)


def _gateway(spoiler: Spoiler) -> str:
    session = GatewaySession(Turn(prompt="Hi", model="auto"), assets_url="https://assets.example")
    session.outgoing()
    found: list[ev.Event] = []
    for message in spoiler.written(spoiler.values()):
        session.receive(message)
        if session.is_ready:
            session.send_prompt()
            session.outgoing()
        found += session.take()
    session.close()
    found += session.take()
    assert not session.has_events
    _check_unknown(session.unknown)
    return _check(found, finished=session.finished)


def _refusal(spoiler: Spoiler) -> str:
    body = b"\n".join(spoiler.written(spoiler.values()))
    choice = random.Random(body).choice
    headers = {
        "content-type": choice(("application/json", "text/html", "text/plain; charset=x", "", "\x00")),
        "retry-after": choice(("", "3", "-1", "9" * 400, "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "\u0663")),
        "location": choice(("", "https://evil.example/", "//x", "https://accounts.x.ai/sign-in", "\r\n")),
    }
    status = choice((200, 204, 301, 307, 400, 401, 403, 404, 413, 418, 422, 429, 500, 503, 521, 599))
    error = error_mapping.from_reply(error_mapping.Reply(status, headers, body))
    _check_error(error)
    for value in _read(body):
        _check_error(error_mapping.from_error(value))
        _check_error(error_mapping.from_stream_error(value).error)
        assert isinstance(running_answer(value, "prompt"), str | None)
    return type(error).__name__


def _read(body: bytes) -> Values:
    try:
        return [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return []


TARGETS: Mapping[str, Callable[[Spoiler], str]] = {"rest": _rest, "gateway": _gateway, "refusal": _refusal}


# --- what must hold


def _check(found: list[ev.Event], *, finished: bool) -> str:
    """Whether these are the events of an answer, whole or failed, and make a message."""
    for place, event in enumerate(found):
        assert type(event) in _EVENTS, type(event)
        _check_members(event)
        assert place == len(found) - 1 or not isinstance(event, ev.TurnFailed), "something came after a failure"
    failed = found and isinstance(found[-1], ev.TurnFailed)
    assert not (failed and finished), "whole and failed"
    # A fatal error after the final text fails an answer that was whole.
    assert finished or failed or not any(isinstance(event, ev.AnswerFinished) for event in found)
    assert not finished or any(isinstance(event, ev.AnswerFinished) for event in found)
    given = _check_message([event for event in found if not isinstance(event, ev.TurnFailed)])
    if failed:
        _check_error(found[-1].error)
        return type(found[-1].error).__name__
    return f"whole, {given}" if finished else f"broken off, {given}"


_TYPES: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "Any": object,
    "int | None": int | None,
    "CitationKind": str,
    "dict[str, Any]": dict,
    "list[str]": list,
    "GrokWebError": GrokWebError,
}


def _check_members(event: ev.Event) -> None:
    for field in fields(event):
        value = getattr(event, field.name)
        assert isinstance(value, _TYPES[str(field.type)]), f"{type(event).__name__}.{field.name}: {type(value)}"
        if field.name != "error":
            orjson.dumps(value)  # plain JSON, and text that can be written
    match event:
        case ev.TextDelta(text) | ev.ReasoningDelta(text):
            assert text, "an empty delta"
        case ev.ImagePreview(url=url) | ev.ImageFinished(url=url) | ev.CitationFound(url=url):
            assert url.startswith(("https://", "http://")), "an address of another scheme"


def _check_message(events: list[ev.Event]) -> str:
    """Both faces of an answer take the events and say the same."""
    chunks: Any = None
    told, streamed = _answer(), _answer()
    for event in events:
        for generation in streamed.chunks(streamed.feed([event])):
            chunk = generation.message
            chunks = chunk if chunks is None else chunks + chunk
        told.feed([event])
    try:
        told.finish()
        streamed.finish()
    except GrokWebError as error:
        _check_error(error)
        told.partial()
        return "nothing"
    chunks = streamed.last_chunk().message if chunks is None else chunks + streamed.last_chunk().message
    message, added = told.message(), message_chunk_to_message(chunks)
    added.additional_kwargs.pop("image_previews", None)
    assert isinstance(message, AIMessage)
    if any(isinstance(event, ev.AnswerReplaced) for event in events):
        return "replaced"  # what was streamed is another text than the message, by design
    assert message.content == added.content
    assert message.additional_kwargs == added.additional_kwargs
    assert message.response_metadata == added.response_metadata
    json.dumps(message.model_dump(mode="json"))
    return "words" if message.text else "no words"


def _answer() -> Answer:
    plan = fresh([HumanMessage("Hi")])
    return Answer(RequestInfo(model="auto", mode="auto", account="a", plan=plan, transport="rest"))


def _check_error(error: GrokWebError) -> None:
    assert isinstance(error, GrokWebError), type(error)
    text = str(error)
    assert text.isprintable(), "a control character"
    assert len(text) < 1500, "an endless message"
    assert error.next_step, "no next step"
    text.encode()
    assert str(pickle.loads(pickle.dumps(error))) == text


def _check_unknown(unknown: Counter[str]) -> None:
    assert len(unknown) <= 300, "an endless ledger"
    for name in unknown:
        assert name.isascii(), "a name that may be a value"
        assert name.isprintable(), "a name that may be a value"
        assert len(name) < 200, "a name that may be a value"


def _alike(pieces: list[ev.Event], whole: list[ev.Event]) -> None:
    """However the bytes were cut, the events are the same."""
    one, other = _joined(pieces), _joined(whole)
    assert one == other, f"cut: {one[:6]}, whole: {other[:6]}"


def _joined(events: list[ev.Event]) -> list[object]:
    joined: list[object] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, ev.TextDelta | ev.ReasoningDelta) and type(last) is type(event):
            joined[-1] = type(event)(last.text + event.text)
        else:
            joined.append(str(event.error) if isinstance(event, ev.TurnFailed) else event)
    return joined


# --- samples

_read_samples: dict[str, list[Values]] = {}


def _samples(name: str) -> list[Values]:
    if name not in _read_samples:
        _read_samples[name] = list(_SOURCES[name]())
    return _read_samples[name]


def _rest_samples() -> Iterable[Values]:
    for path in sorted((SAMPLES / "rest").glob("*.ndjson")):
        yield [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _gateway_samples() -> Iterable[Values]:
    for path in sorted((SAMPLES / "gateway").glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        frames = [line["frame"] for line in lines if line["dir"] == "server"]
        for frame in frames:
            frame["event"].pop("client_event_id", None)  # of the recorded client, not of ours
        yield frames


def _unary_samples() -> Iterable[Values]:
    for path in sorted((SAMPLES / "rest" / "unary").glob("*.json")):
        yield [json.loads(path.read_text(encoding="utf-8"))]


_SOURCES: Mapping[str, Callable[[], Iterable[Values]]] = {
    "rest": _rest_samples,
    "gateway": _gateway_samples,
    "refusal": _unary_samples,
}


def _names(samples: Values) -> list[str]:
    """Every member's name that occurs, and some that do not."""
    found: set[str] = set()
    waiting: list[Any] = [samples]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found |= value.keys()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    more = [
        "",
        "a future member\n",
        "sso=eyJh",
        "streamErrors",
        "severity",
        "waitTimeSeconds",
        "sideBySideIndex",
        "é" * 300,
    ]
    return [*sorted(found), *more]
