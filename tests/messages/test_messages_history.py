"""Hashes: the same for what says the same, in whatever form; they are in links that outlive a process."""

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

from langchain_grokweb.messages.history import hash_messages, hash_system

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


HASH_BEFORE = "5879a1c79fcd8a19:ebc89010870f324cc4cc94d1"
