"""What the service says of answers that are being made, or were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.errors import GrokWebServerError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.inflight import (
    ResponseStatus,
    answer_status,
    conversations_since,
    prompts_in,
    read_definitive,
    running_answer,
    stored_answer,
)

ANSWER, PROMPT = "answer-1", "prompt-1"
RUNNING = {"responseId": ANSWER, "status": "RESPONSE_STATUS_ACTIVE", "parentResponseId": PROMPT}
NODES = [
    {"responseId": PROMPT, "sender": "human"},
    {"responseId": ANSWER, "sender": "ASSISTANT", "parentResponseId": PROMPT},
]


def test_which_answer_runs_for_a_prompt():
    assert running_answer({"responseNodes": [], "inflightResponses": [RUNNING]}, PROMPT) == ANSWER
    assert running_answer({"inflightResponses": [RUNNING]}, "another") is None
    assert running_answer([], PROMPT) is None


@pytest.mark.parametrize("known", [{"answer_id": ANSWER, "prompt_id": None}, {"answer_id": None, "prompt_id": PROMPT}])
def test_where_an_answer_is(known):
    assert answer_status({"inflightResponses": [RUNNING], "responseNodes": NODES[:1]}, **known) == ResponseStatus(
        ANSWER, is_running=True
    )
    assert answer_status({"inflightResponses": [], "responseNodes": NODES}, **known) == ResponseStatus(
        ANSWER, is_running=False
    )
    over = {**RUNNING, "status": "RESPONSE_STATUS_FINISHED"}
    assert not answer_status({"inflightResponses": [over], "responseNodes": NODES}, **known).is_running
    other = {"inflightResponses": [{**RUNNING, "responseId": "x", "parentResponseId": "y"}], "responseNodes": NODES[:1]}
    assert answer_status(other, **known).answer_id is None


def test_the_only_answer_of_a_conversation_needs_no_id():
    assert answer_status({"responseNodes": NODES}, answer_id=None, prompt_id=None).answer_id == ANSWER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)
NAMES = ["responseId", "sender", "parentResponseId", "status", "message", "createTime", "steps", "conversationId"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from([ANSWER, PROMPT, "human"])))
def test_members_of_any_type_never_crash_the_readers(entry):
    reply = {name: [entry, 1] for name in ("responses", "responseNodes", "inflightResponses", "conversations")}
    answer_status(reply, answer_id=ANSWER, prompt_id=None)
    answer_status(reply, answer_id=None, prompt_id=PROMPT)
    prompts_in(reply, "Hi", parent=None, since=datetime.now(UTC), known=())
    conversations_since(reply, datetime.now(UTC))
    read_definitive(
        {**entry, "steps": [entry, {"text": [entry, "t"], "tags": ["header", "x"], "toolUsageCards": [entry]}]},
        assets_url="https://a",
    )


@pytest.mark.parametrize("strange", [None, [], "x", {"responseNodes": 1, "inflightResponses": [3, {"responseId": 4}]}])
def test_strange_replies_tell_nothing(strange):
    assert answer_status(strange, answer_id=ANSWER, prompt_id=None).answer_id is None
    assert stored_answer(strange, ANSWER) is None
    assert prompts_in(strange, "Hi", parent=None, since=datetime.now(UTC), known=()) == []
    assert conversations_since(strange, datetime.now(UTC)) == []


def test_a_stored_answer_is_told_whole():
    stored = {
        "responseId": ANSWER,
        "sender": "ASSISTANT",
        "message": 'Paris<grok:render card_id="c" type="render_inline_citation"></grok:render>.',
        "cardAttachmentsJson": ['{"id":"c","url":"https://e.com/a"}'],
        "webSearchResults": [{"url": "https://e.com/a", "title": "A"}],
    }
    events = read_definitive(stored, assets_url="https://assets.grok.com")
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta)) == "Paris."
    assert [event for event in events if isinstance(event, ev.CitationFound)] == [
        ev.CitationFound("https://e.com/a", "A", position=5)
    ]
    assert events[-1] == ev.AnswerFinished(ANSWER)


def test_a_stored_failure_is_one():
    stored = {"responseId": ANSWER, "sender": "ASSISTANT", "streamErrors": [{"message": "m", "internalError": {}}]}
    (failed,) = read_definitive(stored, assets_url="https://assets.grok.com")
    assert isinstance(failed.error, GrokWebServerError)


def test_which_prompts_may_be_one_that_was_sent():
    now = datetime(2026, 4, 20, 9, 15, tzinfo=UTC)
    prompt = {
        "responseId": PROMPT,
        "sender": "human",
        "message": "Hi",
        "parentResponseId": "p",
        "createTime": "2026-04-20T09:15:02.155903118Z",
    }

    before = {"responseId": "p", "sender": "ASSISTANT"}

    def prompts(since=now, known=(), parent="p", prompt_text="Hi", **changed):
        reply = {"responses": [before, {**prompt, **changed}]}
        return prompts_in(reply, prompt_text, parent=parent, since=since, known=known)

    assert prompts() == [PROMPT]
    assert prompts(prompt_text=None) == [PROMPT]
    assert prompts(createTime="yesterday") == [PROMPT]  # who does not say when may be the one
    assert prompts(since=now + timedelta(minutes=1)) == []
    assert prompts(known=[PROMPT]) == []
    assert prompts(parent=None) == []
    assert prompts(parent=None, parentResponseId="no-response") == [PROMPT]
    assert prompts(parent=None, parentResponseId=None) == [PROMPT]
    assert prompts(parentResponseId="no-response") == []
    assert prompts(sender="ASSISTANT") == []
    assert prompts(message="Ho") == []
