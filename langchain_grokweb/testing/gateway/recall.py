"""The history of a conversation, as a session that asks for it gets it (gateway.md 3.4).

The stored text has tags where citations and pictures stand; here it is told in chunks again, whichever wire it
came from. Only text and citations are told; pictures are left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_grokweb.testing.gateway.chunks import RESPONSE, citation, text_chunk
from langchain_grokweb.testing.state.composition import Mark
from langchain_grokweb.testing.state.conversations import HUMAN, Conversation, Node

_TAG = re.compile(r'<grok:render card_id="([^"]*)".*?</grok:render>', re.DOTALL)
_NUMBER = re.compile(r'<argument name="citation_id">(\d+)</argument>')


def history_events(conversation: Conversation, leaf: str | None) -> Iterator[dict[str, Any]]:
    """The responses down to this leaf, oldest first, and the end of them."""
    for node in conversation.path_to(leaf):
        yield {"type": "conversation.history.item", "item": _item(node)}
    yield {"type": "conversation.history.done"}


def _item(node: Node) -> dict[str, Any]:
    is_question = node.sender == HUMAN
    told = {"id": node.response_id, "type": "message", "role": "user" if is_question else "assistant"}
    said = {"input_chunks": [{"text": {"text": node.message}}]} if is_question else {"output_chunks": _chunks(node)}
    return {**told, "status": "completed", "x_grok": said}


def _chunks(node: Node) -> list[dict[str, Any]]:
    return [{"metadata": {"step_id": 0}, **payload} for payload in _payloads(node)]


def _payloads(node: Node) -> Iterator[dict[str, Any]]:
    cards = {card["id"]: card for card in map(json.loads, node.details.get("cardAttachmentsJson", ()))}
    start = 0
    for tag in _TAG.finditer(node.message):
        if tag.start() > start:
            yield text_chunk(node.message[start : tag.start()], RESPONSE)
        yield from _cited(cards.get(tag[1], {}), tag[0])
        start = tag.end()
    if node.message[start:]:
        yield text_chunk(node.message[start:], RESPONSE)


def _cited(card: Mapping[str, Any], tag: str) -> Iterator[dict[str, Any]]:
    number = _NUMBER.search(tag)
    if number is not None and "url" in card:
        yield citation(Mark(card, int(number[1]), tag))
