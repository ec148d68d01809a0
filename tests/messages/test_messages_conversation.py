"""Plans: which answer a turn goes on from, and what is said anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)

from langchain_grokweb.messages.conversation import hash_answer, hash_messages, hash_system, plan

ACCOUNT = "acc"


def answer(number: int, since: list[BaseMessage], parent: int | None, system: str | None = None) -> AIMessage:
    """The answer to what was said since the parent's."""
    message = AIMessage(f"answer {number}")
    link = {
        "v": 1,
        "account": ACCOUNT,
        "conversation_id": "c",
        "response_id": f"r{number}",
        "turn_hash": hash_messages(since),
        "self_hash": hash_answer(message),
        "system_hash": hash_system([SystemMessage(system)] if system else []),
    }
    link |= {} if parent is None else {"parent_response_id": f"r{parent}"}
    message.response_metadata["grokweb"] = link
    return message


def thread(turns: int = 3) -> list[BaseMessage]:
    messages: list[BaseMessage] = []
    for number in range(turns):
        question = HumanMessage(f"question {number}")
        messages += [question, answer(number, [question], number - 1 if number else None)]
    return [*messages, HumanMessage("next")]


def outcome(messages: list[BaseMessage], **kwargs: Any) -> tuple[str, str | None, list[str]]:
    found = plan(messages, ACCOUNT, **kwargs)
    parent = found.conversation.parent_response_id if found.conversation else None
    return found.reason, parent, [message.text for message in found.messages]


def everything_but_the_last(messages: list[BaseMessage]) -> list[str]:
    return [message.text for message in messages]


def test_nothing_linked():
    assert outcome([HumanMessage("Hi")]) == ("new", None, ["Hi"])


def test_proven_to_the_root():
    assert outcome(thread()) == ("continued", "r2", ["next"])


def test_ids_names_metadata_and_the_shape_of_content_do_not_count():
    messages = thread()
    messages[0] = HumanMessage(
        [{"type": "text", "text": "question 0"}], id="other", name="Ada", additional_kwargs={"a": 1}
    )
    messages[3].additional_kwargs["reasoning_content"] = "hm"
    messages[3].content = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "answer 1"}]
    assert outcome(messages)[:2] == ("continued", "r2")


def test_an_edited_message_leads_to_the_answer_before_it():
    messages = thread()
    messages[4] = HumanMessage("edited")
    assert outcome(messages) == ("branched", "r1", ["edited", "answer 2", "next"])
    messages = thread()
    messages[3].content = "edited"
    assert outcome(messages) == ("branched", "r0", ["question 1", "edited", "question 2", "answer 2", "next"])


def test_an_edited_beginning_is_told_anew():
    messages = [HumanMessage("edited"), *thread()[1:]]
    assert outcome(messages) == ("replayed", None, everything_but_the_last(messages))


def test_an_inserted_message_counts_as_an_edit():
    messages = thread()
    messages.insert(4, HumanMessage("inserted"))
    assert outcome(messages)[:2] == ("branched", "r1")


def test_the_head_is_gone():
    assert outcome(thread()[2:]) == ("truncated", "r2", ["next"])
    assert outcome(thread()[2:], on_truncated="replay")[:2] == ("replayed", None)
    assert outcome(thread()[3:])[0] == "replayed"  # an answer without its question proves nothing


def test_regenerating_leads_to_the_same_place():
    messages = thread()
    assert outcome(messages[:5])[:2] == outcome(messages[:5])[:2] == ("continued", "r1")


def test_a_history_that_ends_with_an_answer_goes_on_from_before_it():
    assert outcome(thread()[:-1]) == ("continued", "r1", ["question 2", "answer 2"])


@pytest.mark.parametrize(
    "change",
    [
        {"account": "other"},
        {"v": 2},
        {"self_hash": None},
        {"conversation_id": None},
        {"self_hash": "0" * 16},
        {"turn_hash": "x"},
    ],
)
def test_a_link_that_is_not_ours_or_not_whole_is_not_used(change):
    messages = thread(1)
    messages[1].response_metadata["grokweb"].update(change)
    assert outcome(messages)[1] is None


def test_a_forged_loop_of_parents_ends():
    messages = thread()
    messages[1].response_metadata["grokweb"]["parent_response_id"] = "r2"
    assert outcome(messages)[1] in {None, "r2"}


def test_answers_that_name_each_other_as_parents_end():
    first, second = answer(0, [], 1), answer(1, [], 0)
    messages = [first, second, HumanMessage("next")]
    assert outcome(messages)[1] in {None, "r0", "r1"}


def test_the_role_of_a_chat_message_counts():
    question = ChatMessage(role="critic", content="Hm.")
    messages = [question, answer(0, [question], None), HumanMessage("next")]
    assert outcome(messages)[0] == "continued"
    messages[0] = ChatMessage(role="author", content="Hm.")
    assert outcome(messages)[0] == "replayed"


def test_instructions_that_are_gone_are_told_to_be():
    question = HumanMessage("question 0")
    messages = [question, answer(0, [question], None, system="Be brief."), HumanMessage("next")]
    found = plan(messages, ACCOUNT)
    assert found.reason == "continued"
    assert [message.text for message in found.system] == ["The instructions given before no longer apply."]


def test_instructions_are_hashed_apart():
    question = HumanMessage("question 0")
    messages = [question, answer(0, [question], None, system="Be brief."), HumanMessage("next")]
    same = plan([SystemMessage("Be brief."), *messages], ACCOUNT)
    assert (same.reason, same.system) == ("continued", [])
    changed = plan([SystemMessage("Be long."), *messages], ACCOUNT)
    assert (changed.reason, [message.text for message in changed.system]) == ("continued", ["Be long."])


# --- attachments

DATA = "iVBORw0KGgo="
SAME = [
    {"type": "image", "base64": DATA, "mime_type": "image/png"},
    {"type": "image", "base64": DATA, "mime_type": "image/png", "id": "lc_1", "extras": {"filename": "a.png"}},
    {"type": "image", "url": f"data:image/png;base64,{DATA}"},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
    {"type": "image_url", "image_url": f"data:image/png;base64,{DATA}"},
    {"type": "file", "file": {"filename": "a.png", "file_data": f"data:image/png;base64,{DATA}"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
    {"type": "media", "mime_type": "image/png", "data": f"{DATA[:4]}\n{DATA[4:]}"},
]


def with_block(block: Any) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": "What?"}, block])


def test_the_same_bytes_have_the_same_hash_whatever_form_they_have():
    said = [with_block(block) for block in SAME]
    said += messages_from_dict(json.loads(json.dumps(messages_to_dict(said))))
    assert len({hash_messages([message]) for message in said}) == 1


def test_what_cannot_be_read_has_a_hash_of_its_own_that_lasts():
    others = [
        {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "url": "https://example.com/b.png"},
        {"type": "file", "file_id": "f1"},
        {"type": "hologram", "of": "a fox"},
    ]
    hashes = [hash_messages([with_block(block)]) for block in [SAME[0], *others]]
    assert len({hash_messages([HumanMessage("What?")]), *hashes}) == 7
    assert hashes[1:] == [hash_messages([with_block(block | {"id": "lc_2", "index": 3})]) for block in others]


def test_a_picture_among_the_instructions_counts():
    said = [SystemMessage([{"type": "text", "text": "Be brief."}, block]) for block in (SAME[0], SAME[3], OTHER)]
    hashes = [hash_system([message]) for message in [SystemMessage("Be brief."), *said]]
    assert (hashes[1] == hashes[2], len(set(hashes))) == (True, 3)


OTHER = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}


def test_links_of_messages_without_attachments_stay_what_they_were():
    said = [HumanMessage("What?"), AIMessage("Hm."), ToolMessage("x", tool_call_id="c")]
    blocks = [HumanMessage([{"type": "text", "text": "What?"}]), AIMessage([{"type": "text", "text": "Hm."}, SAME[0]])]
    assert hash_messages(said) == HASH_BEFORE
    assert hash_messages([*blocks, said[2]]) == HASH_BEFORE


HASH_BEFORE = "3c27b499dac15fe8"
