"""Input that no service should send: a fuzzed sample for every run, and what fuzzing found, case by case."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb import errors
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import GatewaySession
from langchain_grokweb.wire.rest import RestDecoder
from langchain_grokweb.wire.turn import Turn
from tests.fuzz import targets

SEED = 20260901
CONV, ANSWER = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_fuzzed_corpus_gives_events_normal_ends_or_our_errors(name: str):
    """A sample of what `python -m tests.fuzz` runs a hundred thousand of."""
    ends = targets.run(SEED, 300, [name])
    assert sum(ends.values()) == 300
    assert len(ends) > 4  # it reaches more than one kind of end


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(list(targets.TARGETS)))
def test_any_seed_does(seed: int, name: str):
    targets.one(seed, 0, name)


# --- the conversations endpoint


def frame(token: Any = "", **members: Any) -> bytes:
    common = {"token": token, "isThinking": False, "isSoftStop": False, "responseId": ANSWER}
    return json.dumps({"result": {"response": {**common, **members}}}).encode() + b"\n"


def events(*frames: bytes, together: bool = True) -> list[Any]:
    decoder = RestDecoder(assets_url="https://assets.example")
    pieces = [b"".join(frames)] if together else frames
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


@pytest.mark.parametrize("value", [5, ["Paris"], {"text": "Paris"}, True])
def test_a_piece_of_the_answer_that_is_no_text_is_not_passed_over(value: Any):
    *given, failed = events(frame("A"), frame(value))
    assert "".join(event.text for event in given if isinstance(event, ev.TextDelta)) == "A"
    assert (failed.error.where, failed.error.got) == ("result.response.token", type(value).__name__)


@pytest.mark.parametrize("together", [True, False])
def test_what_comes_behind_garbage_behind_a_whole_answer_is_never_read(together: bool):
    definitive = frame(modelResponse={"responseId": ANSWER, "message": "A", "sender": "ASSISTANT"})
    title = json.dumps({"result": {"title": {"newTitle": "T"}}}).encode() + b"\n"
    found = events(frame("A"), definitive, b"garbage\n", title, together=together)
    assert isinstance(found[-1], ev.AnswerFinished)


def test_nothing_comes_behind_a_failure_in_the_same_frame():
    found = events(frame("A"), frame(error={"message": "x", "internalError": {}}, generatedTitle={"newTitle": "T"}))
    assert isinstance(found[-1], ev.TurnFailed)


CARD = "<xai:tool_usage_card>"
LONG = 300_000


@pytest.mark.parametrize(
    "text",
    [
        *("<grok:render ", "<grok:render>", '<grok:render card_id="x"/>', "<", "<grok:render " + "a" * 4000),
        *(CARD, f"{CARD}<xai:tool_args>", f"{CARD}<xai:tool_args> </xai:tool_args>", f"{CARD}<xai:tool_name>\n"),
    ],
)
@pytest.mark.parametrize("tag", ["final", "tool_usage_card"])
def test_time_grows_with_the_length_of_text_alone(text: str, tag: str):
    """With a pattern that goes back over what it has read, each of these would take minutes."""
    token = text * (LONG // len(text))
    events(
        frame(token, messageTag=tag), frame(f"{CARD}<xai:tool_args>{' ' * LONG}</xai:tool_usage_card>", messageTag=tag)
    )


def test_the_arguments_of_a_card_may_hold_its_own_markup():
    args = json.dumps({"message": "</xai:tool_args> is markup", "n": 1})
    card = f"{CARD}<xai:tool_name>send</xai:tool_name><xai:tool_args><![CDATA[{args}]]></xai:tool_args>"
    found = events(frame(f"{card}</xai:tool_usage_card>", messageTag="tool_usage_card", isThinking=True))
    (started,) = [event for event in found if isinstance(event, ev.ToolStarted)]
    assert (started.name, started.args) == ("send", json.loads(args))


# --- the gateway


_NUMBERS = itertools.count(1)


def message(kind: str, session_id: Any = CONV, **members: Any) -> bytes:
    event = {"type": kind, "event_id": f"e{next(_NUMBERS)}", **members}
    return json.dumps({"session_id": session_id, "event": event}).encode()


def begun() -> GatewaySession:
    session = GatewaySession(Turn(prompt="Hi", model="auto"))
    session.receive(message("session.created", session={"id": CONV}))
    session.receive(message("conversation.attached", conversation={"id": CONV}))
    session.send_prompt()
    session.receive(message("response.created", response={"id": ANSWER}))
    session.take()
    return session


def piece(**chunk: Any) -> bytes:
    return message("response.chunk", response_id=ANSWER, item_id=ANSWER, chunk=chunk)


def text(value: Any) -> dict[str, Any]:
    return {"text": value, "channel": "CHANNEL_ASSISTANT_RESPONSE"}


@pytest.mark.parametrize("odd", [{"a": 1}, ["a"], 5, True])
def test_ids_of_any_type_are_those_of_others(odd: Any):
    session = begun()
    session.receive(message("response.chunk", session_id=odd, response_id=ANSWER, chunk={"text": text("X")}))
    session.receive(message("error", client_event_id="another", error={"code": "x"}))
    session.receive(piece(text=text("A")))
    session.receive(message("error", client_event_id=odd, error={"code": 13, "message": "failed"}))
    given, failed = session.take()
    assert given == ev.TextDelta("A")
    assert isinstance(failed.error, errors.GrokWebServerError)


@pytest.mark.parametrize("value", [5, ["Paris"], None, {"a": "b"}])
@pytest.mark.parametrize("dialect", ["chunks", "deltas"])
def test_a_piece_of_the_gateways_answer_that_is_no_text_is_not_passed_over(dialect: str, value: Any):
    session = begun()
    if dialect == "chunks":
        session.receive(piece(text=text(value)))
    else:
        session.receive(message("response.output_text.delta", response_id=ANSWER, delta=value))
    found = session.take()
    if value is None and dialect == "deltas":
        assert found == []  # left out, as an empty text is
    else:
        assert found[-1].error.got == type(value).__name__


def test_a_chunk_with_more_than_text_in_it_loses_nothing():
    session = begun()
    session.receive(piece(text=text("A"), render_citation={"id": "c", "url": "https://e.example/"}))
    assert session.take() == [ev.TextDelta("A"), ev.CitationFound("https://e.example/", "", "web", 1)]
    session.receive(message("response.chunk", response_id=ANSWER, chunk={"text": text("B")}, of_tomorrow=1, a=1, b=2))
    assert session.take() == [ev.TextDelta("B")]
    assert session.unknown["event response.chunk.of_tomorrow:int"] == 1


# --- refusals


@pytest.mark.parametrize("kind", ["te\x1b[31mxt/html", "x" * 500, "text/html secret"])
def test_a_content_type_is_told_where_it_is_one(kind: str):
    error = error_mapping.from_reply(error_mapping.Reply(200, {"content-type": kind}, b"hello"))
    assert error.got == "another content type"


@pytest.mark.parametrize("wait", [-5, 1e300, float("inf")])
def test_a_wait_that_makes_no_sense_is_none(wait: float):
    error = error_mapping.from_error({"code": 8, "message": "Too many requests", "waitTimeSeconds": wait})
    assert error.retry_after is None
    reply = error_mapping.Reply(429, {"retry-after": "9" * 400}, b"")
    assert error_mapping.from_reply(reply).retry_after is None
