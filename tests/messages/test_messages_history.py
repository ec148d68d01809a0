"""Hashes, which outlive a process in links, are the same for what says the same; and what a history proves."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)

from langchain_grokweb.messages.history import ConversationLink, History, hash_answer, hash_messages, hash_system

DATA = "iVBORw0KGgo="
SAME = [
    {"type": "image", "base64": DATA, "mime_type": "image/png"},
    {"type": "image", "base64": DATA, "mime_type": "image/png", "id": "lc_1", "extras": {"detail": "low"}},
    {"type": "image", "url": f"data:image/png;base64,{DATA}"},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
    {"type": "image_url", "image_url": f"data:image/png;base64,{DATA}"},
    {"type": "file", "file": {"file_data": f"data:image/png;base64,{DATA}"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
    {"type": "media", "mime_type": "image/png", "data": f"{DATA[:4]}\n{DATA[4:]}"},
]
SAME_NAMED = [
    {"type": "image", "base64": DATA, "mime_type": "image/png", "extras": {"filename": "a.png"}},
    {"type": "file", "file": {"filename": "a.png", "file_data": f"data:image/png;base64,{DATA}"}},
]


def with_block(block: Any) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": "What?"}, block])


def test_the_same_bytes_have_the_same_hash_whatever_form_they_have():
    said = [with_block(block) for block in SAME]
    said += messages_from_dict(json.loads(json.dumps(messages_to_dict(said))))
    assert len({hash_messages([message]) for message in said}) == 1


def test_the_name_the_type_and_the_place_of_an_attachment_count():
    text = {"type": "text", "text": "What?"}
    said = [[text, block] for block in (SAME[0], *SAME_NAMED)]
    said += [[text, {**SAME[0], "mime_type": "image/webp"}], [SAME[0], text]]
    said += [[{"type": "text", "text": "Wh"}, SAME[0], {"type": "text", "text": "at?"}]]
    for hash_of in (
        lambda content: hash_messages([HumanMessage(content)]),
        lambda content: hash_system([SystemMessage(content)]),
    ):
        plain, named, also_named, *others = map(hash_of, said)
        assert named == also_named
        assert len({plain, named, *others}) == 5


def test_the_name_of_a_message_counts_but_not_in_an_answers_own_hash():
    for kind in (HumanMessage, AIMessage):
        assert hash_messages([kind("Hi", name="Ada")]) != hash_messages([kind("Hi")])
    assert hash_answer(AIMessage("Hi", name="Ada")) == hash_answer(AIMessage("Hi"))


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


HASH_BEFORE = "5879a1c79fcd8a19:ebc89010870f324cc4cc94d1"


def test_half_a_character_is_not_a_question_mark():
    assert hash_messages([HumanMessage("half \ud83e")]) != hash_messages([HumanMessage("half ?")])


def test_two_instructions_are_not_one():
    assert hash_system([SystemMessage("a"), SystemMessage("b")]) != hash_system([SystemMessage("ab")])


# --- proofs

NEXT = HumanMessage("And now?")


def linked(text: str, *turn: Any, **members: Any) -> AIMessage:
    """An answer, with the link that it would have after these messages."""
    answer = AIMessage(text)
    link = {"v": 1, "account": "me", "conversation_id": "c", "response_id": "r1", "turn_hash": hash_messages(turn)}
    answer.response_metadata["grokweb"] = link | {"self_hash": hash_answer(answer)} | members
    return answer


def test_a_link_says_which_tools_the_service_has():
    link = ConversationLink.of(linked("1", tools_hash="abc"), "me")
    assert link is not None
    assert (link.tools_hash, link.system_hash) == ("abc", "")


def test_an_answer_counts_as_answered_once_something_follows_it():
    answer = linked("1", HumanMessage("one"), v=0)
    assert not History([HumanMessage("one"), answer], "me").was_answered
    assert History([HumanMessage("one"), answer, NEXT], "me").was_answered


def test_the_newest_answer_is_checked_even_where_nothing_else_is():
    question, answer = HumanMessage("one"), linked("1", HumanMessage("one"))
    assert History([question, answer, NEXT], "me", limit=0).prove(1) == "proven"
    answer.content = "edited"
    assert History([question, answer, NEXT], "me", limit=0).prove(1) == "unproven"


def test_an_answer_that_says_to_follow_itself_ends_a_proof():
    answer = linked("1", parent_response_id="r1", turn_hash="0" * 16)
    assert History([answer, NEXT], "me").prove(0) == "truncated"


def test_of_a_turn_without_its_beginning_at_most_63_messages_are_known():
    turn = [HumanMessage(str(number)) for number in range(100)]
    answer = linked("1", *turn)
    assert History([*turn[37:], answer, NEXT], "me").prove(63) == "truncated"
    assert History([*turn[36:], answer, NEXT], "me").prove(64) == "unproven"
