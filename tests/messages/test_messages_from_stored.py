"""Stored conversations as messages: what `plan` can prove of them, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_grokweb.messages.from_stored import to_messages
from langchain_grokweb.messages.planner import plan
from langchain_grokweb.wire.stored import read_stored

ME = "me"


def load(*said: str, head: str | None = None, **options: Any) -> list[Any]:
    """Messages of a chain of responses: `q text`, `a text` a whole answer, `b text` one that broke off."""
    found, parent = [], head
    for number, (kind, _, text) in enumerate(one.partition(" ") for one in said):
        entry = {"responseId": f"r{number}", "parentResponseId": parent, "message": text}
        found.append(entry | {"sender": "human" if kind == "q" else "ASSISTANT", "partial": kind == "b"})
        parent = entry["responseId"]
    whole = read_stored({"conversation": {"conversationId": "c"}}, {"responses": found}, assets_url="")
    return to_messages("c", whole.path(), ME, **options)


NEW = HumanMessage("And now?")


@pytest.mark.parametrize(
    ("said", "shapes", "reason", "parent", "sent"),
    [
        (["q one", "a 1"], "ha", "continued", "r1", ["And now?"]),
        (["q one", "a 1", "q two", "a 2"], "haha", "continued", "r3", ["And now?"]),
        (["q one", "q two", "a 2"], "hha", "continued", "r2", ["And now?"]),
        (["q one", "a 1", "q two", "q three", "a 3"], "hahha", "continued", "r4", ["And now?"]),
        (["q one", "b 1", "q two", "a 2"], "hbha", "continued", "r3", ["And now?"]),
        (["q one", "b ", "q two", "a 2"], "hha", "continued", "r3", ["And now?"]),
        (["q one", "a ", "q two", "a 2"], "hha", "continued", "r3", ["And now?"]),
        (["q one", "a 1", "a 2"], "haa", "continued", "r2", ["And now?"]),
        (["a Hello", "q one", "a 1"], "aha", "continued", "r2", ["And now?"]),
        (["q one", "a 1", "q two"], "hah", "continued", "r1", ["two", "And now?"]),
        (["q one", "a 1", "q two", "b 2"], "hahb", "continued", "r1", ["two", "2", "And now?"]),
        (["q one", "b 1"], "hb", "replayed", None, ["one", "1", "And now?"]),
        (["q one"], "h", "new", None, ["one", "And now?"]),
        ([], "", "new", None, ["And now?"]),
    ],
)
def test_what_is_proven_of_a_loaded_conversation(said, shapes, reason, parent, sent):
    messages = load(*said)
    assert "".join(map(shape, messages)) == shapes
    found = plan([*messages, NEW], ME)
    assert found.reason == reason
    assert (found.conversation.parent_response_id if found.conversation else None) == parent
    assert [message.text for message in found.messages] == sent
    assert found.system == []


def shape(message: Any) -> str:
    """`h`, `a` with a link to go on from, `b` one that broke off."""
    if isinstance(message, HumanMessage):
        return "h"
    return "b" if message.response_metadata["grokweb"].get("interrupted") else "a"


def test_a_message_has_what_is_known_and_no_key_for_what_is_not():
    _, first, _, second = load("q one", "a 1", "q two", "a 2")
    assert first.response_metadata == {
        "model_provider": "grokweb",
        "finish_reason": "stop",
        "id": "r1",
        "grokweb": {
            "v": 1,
            "account": ME,
            "conversation_id": "c",
            "response_id": "r1",
            **{name: first.response_metadata["grokweb"][name] for name in ("turn_hash", "self_hash", "system_hash")},
        },
    }
    assert second.response_metadata["grokweb"]["parent_response_id"] == "r1"
    assert (first.id, first.usage_metadata, first.additional_kwargs) == (None, None, {})


def test_a_parent_that_is_no_response_is_the_root():
    """So shares and conversations of October 2026 begin (rest.md 8.4)."""
    messages = [*load("q one", "a 1", head="5d1f0e6c-0000-5000-8000-000000000000"), NEW]
    assert plan(messages, ME, on_truncated="replay").reason == "continued"
    assert "parent_response_id" not in messages[1].response_metadata["grokweb"]


def test_a_private_chat_is_gone_on_from_in_private():
    messages = [*load("q one", "a 1", temporary=True), NEW]
    assert plan(messages, ME, temporary=True).reason == "continued"
    assert plan(messages, ME).reason == "replayed"


def test_instructions_are_sent_and_other_accounts_begin_anew():
    messages = [SystemMessage("Be brief."), *load("q one", "a 1"), NEW]
    found = plan(messages, ME)
    assert (found.reason, [message.text for message in found.system]) == ("continued", ["Be brief."])
    assert plan(messages, "somebody").reason == "replayed"


@settings(max_examples=60, deadline=None)
@given(
    said=st.lists(
        st.builds("{} {}".format, st.sampled_from(["q", "a", "b"]), st.sampled_from(["", "x", "y"])),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_only_what_stands_as_it_was_is_gone_on_from(said, data):
    messages = load(*said)
    newest = max((place for place, message in enumerate(messages) if shape(message) == "a"), default=None)
    found = plan([*messages, NEW], ME)
    if newest is None:
        assert found.conversation is None
        return
    assert found.reason == "continued"
    assert found.conversation.parent_response_id == messages[newest].response_metadata["id"]
    assert found.messages == [*messages[newest + 1 :], NEW]
    edited = data.draw(st.integers(0, newest))
    messages[edited] = messages[edited].model_copy(update={"content": "edited"})
    place = plan([*messages, NEW], ME).conversation
    before = [message.response_metadata["id"] for message in messages[:edited] if shape(message) == "a"]
    assert (place.parent_response_id if place else None) == (before[-1] if before else None)


def test_pictures_may_be_appended_for_front_ends_that_know_markdown():
    found = [
        {"responseId": "q", "sender": "human", "message": "Draw"},
        {
            "responseId": "a",
            "parentResponseId": "q",
            "sender": "ASSISTANT",
            "message": "Here.",
            "generatedImageUrls": ["https://e.com/generated/a/image.png"],
        },
    ]
    whole = read_stored({"conversation": {"conversationId": "c"}}, {"responses": found}, assets_url="")
    messages = to_messages("c", whole.path(), ME, image_markdown=True)
    assert messages[1].text == "Here.\n\n![image](https://e.com/generated/a/image.png)"
    assert plan([*messages, NEW], ME).reason == "continued"
    assert isinstance(messages[1], AIMessage)
