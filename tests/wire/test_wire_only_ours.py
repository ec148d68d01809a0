"""Of all that arrives, only what is of our answer counts: for text, for the end, and as a sign of life."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import GatewaySession
from langchain_grokweb.wire.rest import RestDecoder
from langchain_grokweb.wire.turn import Turn

CONVERSATION, OURS, PROMPT, THEIRS = "c-1", "a-1", "q-1", "a-2"
NUMBERS = itertools.count(1)


def line(**result: Any) -> bytes:
    return json.dumps({"result": result}).encode() + b"\n"


def frame(of: str = OURS, **members: Any) -> bytes:
    return line(response={**members, "isThinking": False, "isSoftStop": False, **({"responseId": of} if of else {})})


def said(found: list[ev.Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, ev.TextDelta))


def message(kind: str, **members: Any) -> bytes:
    event = {"type": kind, "event_id": f"e{next(NUMBERS)}", **members}
    return json.dumps({"session_id": CONVERSATION, "event": event}).encode()


def chunk(text: str, of: str = OURS, **metadata: Any) -> bytes:
    answer = {"text": text, "channel": "CHANNEL_ASSISTANT_RESPONSE"}
    return message("response.chunk", response_id=of, item_id=of, chunk={"metadata": metadata, "text": answer})


def delta(text: str, **more: Any) -> bytes:
    return message("response.output_text.delta", response_id=OURS, delta=text, **more)


def begun() -> GatewaySession:
    session = GatewaySession(Turn(prompt="Hi", model="auto"))
    session.receive(message("session.created", session={"id": CONVERSATION}))
    session.receive(message("conversation.attached", conversation={"id": CONVERSATION}))
    session.send_prompt()
    session.receive(message("response.created", response={"id": OURS}))
    session.take()
    return session


# --- the conversations endpoint


@pytest.mark.parametrize(
    "theirs",
    [
        frame(THEIRS, token="X", messageTag="final"),
        frame(THEIRS, token="X", messageTag="header"),
        frame(THEIRS, modelResponse={"responseId": THEIRS, "message": "X", "sender": "ASSISTANT"}),
        frame("", modelResponse={"responseId": THEIRS, "message": "X", "sender": "ASSISTANT"}),
        frame(THEIRS, error={"message": "X", "usageLimitReached": {}}),
        frame(THEIRS, finalMetadata={"followUpSuggestions": [{"label": "X"}]}),
        frame("q-2", userResponse={"responseId": "q-2", "message": "X"}),
        line(conversation={"conversationId": "c-2"}),
    ],
)
def test_on_rest_nothing_of_anothers_is_an_event_or_a_sign_of_life(theirs: bytes):
    decoder = RestDecoder()
    decoder.feed(line(conversation={"conversationId": CONVERSATION}))
    decoder.feed(frame(PROMPT, userResponse={"responseId": PROMPT}) + frame(token="A", messageTag="final"))
    heard = decoder.heard
    assert decoder.feed(theirs) == []
    assert decoder.heard == heard
    assert said(decoder.feed(frame(token="B", messageTag="final"))) == "B"
    assert decoder.heard == heard + 1
    assert not decoder.finished


@pytest.mark.parametrize("frame_of_nothing", [line(keepAlive={}), line(title={"newTitle": "T"}), frame(keepAlive={})])
def test_on_rest_what_keeps_alive_is_silence(frame_of_nothing: bytes):
    decoder = RestDecoder()
    decoder.feed(frame(token="A", messageTag="final"))
    heard = decoder.heard
    decoder.feed(frame_of_nothing)
    assert decoder.heard == heard


def test_on_rest_a_further_stream_knows_its_answer_and_its_conversation():
    decoder = RestDecoder(conversation_id=CONVERSATION, answer_id=OURS)
    found = decoder.feed(
        line(conversation={"conversationId": "c-2"}) + frame(THEIRS, token="X") + frame(token="A") + frame(token="B")
    )
    assert found == [ev.AnswerStarted(OURS), ev.TextDelta("AB")]


@pytest.mark.parametrize("unsafe", ["../../admin", "a/b", "a?b", "a b", "%2e%2e", "a" * 129, "é"])
def test_on_rest_no_id_passes_that_could_not_stand_in_a_path(unsafe: str):
    for first in (line(conversation={"conversationId": unsafe}), frame(unsafe, token="A")):
        (failed,) = RestDecoder().feed(first)
        assert isinstance(failed, ev.TurnFailed)
        assert isinstance(failed.error, GrokWebProtocolError)
        assert unsafe not in str(failed.error)
    assert RestDecoder().feed(frame(unsafe, userResponse={"responseId": unsafe})) == []


def test_on_rest_the_leader_alone_answers():
    decoder = RestDecoder()
    agents = frame(uiLayout={"rolloutIds": ["Grok", "Agent 1"]})
    found = decoder.feed(
        agents
        + frame(token="Draft.", messageTag="final", rolloutId="Agent 1")
        + frame(token="A", messageTag="final", rolloutId="Grok")
        + frame(token="B", messageTag="final")
        + frame(uiLayout={"rolloutIds": ["Agent 1"]})
        + frame(token="C", messageTag="final", rolloutId="Agent 1")
    )
    assert said(found) == "AB"


def test_on_rest_an_agent_counts_where_no_agents_are_listed():
    found = RestDecoder().feed(frame(uiLayout={"rolloutIds": []}) + frame(token="A", rolloutId="Grok"))
    assert said(found) == "A"


# --- the gateway


@pytest.mark.parametrize(
    "theirs",
    [
        chunk("X", of=THEIRS),
        chunk("X", of=""),
        message("response.output_text.delta", response_id=THEIRS, delta="X"),
        message("response.output_text.done", response_id=THEIRS, text="X"),
        message("response.grok.output", response_id=THEIRS, output={"stream_error": {"usage_limit_reached": {}}}),
        message("response.done", response={"id": THEIRS, "status": "completed"}),
        message("conversation.attached", conversation={"id": "c-2"}),
        message("response.created", response={"id": THEIRS}),
        message("conversation.queue.updated"),
        message("pong"),
    ],
)
def test_on_the_gateway_nothing_of_anothers_is_an_event_or_a_sign_of_life(theirs: bytes):
    session = begun()
    session.receive(chunk("A"))
    session.take()
    heard = session.heard
    session.receive(theirs)
    assert session.take() == []
    assert session.heard == heard
    session.receive(chunk("B"))
    assert session.take() == [ev.TextDelta("B")]
    assert session.heard == heard + 1


def test_an_event_that_comes_again_counts_once():
    session, first = begun(), chunk("A")
    for event in (first, first, chunk("A"), first):
        session.receive(event)
    assert said(session.take()) == "AA"


@pytest.mark.parametrize("first", ["chunks", "deltas"])
def test_the_first_dialect_that_speaks_counts(first: str):
    session = begun()
    for piece in ("Paris ", "is big."):
        for make in (chunk, delta) if first == "chunks" else (delta, chunk):
            session.receive(make(piece))
    assert said(session.take()) == "Paris is big."


def test_an_empty_piece_decides_no_dialect():
    session = begun()
    session.receive(chunk(""))
    session.receive(delta("Paris"))
    assert said(session.take()) == "Paris"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Thinking about your request", "Paris"], "Paris"),
        (["Thinking about your request…\n", "Paris"], "Paris"),
        (["Thinking about your request\n\nParis", " is big."], "Paris is big."),
        (["Thinking about your request, I say Paris"], "Thinking about your request, I say Paris"),
        (["Paris ", "Thinking about your request"], "Paris Thinking about your request"),
    ],
)
def test_the_headline_is_no_text_where_it_stands_before_it(pieces: list[str], text: str):
    session = begun()
    for piece in pieces:
        session.receive(delta(piece))
    assert said(session.take()) == text


def test_on_the_gateway_the_leader_alone_answers():
    session = begun()
    agents = {"ui_layout": {"rollout_ids": ["Grok", "Agent 1"]}}
    session.receive(message("response.chunk", response_id=OURS, chunk=agents))
    for event in (chunk("Draft.", rollout_id="Agent 1"), chunk("A", rollout_id="Grok"), chunk("B")):
        session.receive(event)
    assert said(session.take()) == "AB"


@pytest.mark.parametrize("unsafe", ["../../admin", "a/b", "a b"])
def test_on_the_gateway_no_id_passes_that_could_not_stand_in_a_path(unsafe: str):
    session = GatewaySession(Turn(prompt="Hi", model="auto"))
    session.receive(message("session.created", session={"id": CONVERSATION}))
    session.receive(message("conversation.attached", conversation={"id": unsafe}))
    (failed,) = session.take()
    assert isinstance(failed, ev.TurnFailed)
    assert unsafe not in str(failed.error)


def test_a_question_back_ends_the_text_and_is_said_once():
    session = begun()
    asked = {"user_input_request": {"tool_call_id": "t", "user_question": {"question": "Which city?"}}}
    session.receive(chunk("I need to know."))
    for _ in range(2):
        session.receive(message("response.chunk", response_id=OURS, chunk=asked))
    session.receive(message("response.output_text.done", response_id=OURS, text="I need to know."))
    session.receive(message("response.done", response={"id": OURS, "status": "completed"}))
    assert said(session.take()) == "I need to know.\n\nWhich city?"


@settings(deadline=None)
@given(st.lists(st.sampled_from([OURS, THEIRS, ""]), max_size=8))
def test_the_text_is_that_of_our_frames_however_they_are_mixed(owners: list[str]):
    decoder, session = RestDecoder(answer_id=OURS), begun()
    for number, owner in enumerate(owners):
        session.receive(chunk(str(number), of=owner))
    found = decoder.feed(b"".join(frame(owner, token=str(number)) for number, owner in enumerate(owners)))
    assert said(found) == "".join(str(number) for number, owner in enumerate(owners) if owner != THEIRS)
    assert said(session.take()) == "".join(str(number) for number, owner in enumerate(owners) if owner == OURS)
