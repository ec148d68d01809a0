"""The tree of a conversation, as the service tells it without texts (rest.md 2.1, `response-node`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_grokweb.errors import GrokWebProtocolError

_ASSISTANT = "assistant"  # in any case of letters (rest.md 2.1)


def newest_answer(told: Any) -> str | None:
    """The answer that a next turn follows: on the way to the newest leaf the last that is finished.

    A question without an answer, or whose answer is still being written, is not gone on from, and neither is what was
    said in a thread beside the conversation.

    Raises:
        GrokWebProtocolError: This is no tree.
    """
    nodes = _by_id(told, "responseNodes")
    running = _by_id(told, "inflightResponses")
    line = {name: node for name, node in nodes.items() if not node.get("threadParentId") and name not in running}
    parents = {node.get("parentResponseId") for node in line.values()}
    place = next((name for name in reversed(line) if name not in parents), None)
    for _ in range(len(line)):
        if place not in line or _is_answer(line[place]):
            break
        place = line[place].get("parentResponseId")
    return place if place in line and _is_answer(line[place]) else None


def _by_id(told: Any, member: str) -> dict[str, Mapping[str, Any]]:
    found = told.get(member, []) if isinstance(told, dict) else None
    if not isinstance(found, list):
        raise GrokWebProtocolError(where=f"response-node: {member}", expected="list", got=type(found).__name__)
    named = (entry for entry in found if isinstance(entry, dict))
    return {name: entry for entry in named if isinstance(name := entry.get("responseId"), str)}


def _is_answer(node: Mapping[str, Any]) -> bool:
    return str(node.get("sender")).lower() == _ASSISTANT
