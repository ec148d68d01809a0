"""Trees without texts: which answer a next turn follows."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire.inflight import newest_answer


def node(name: str, sender: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"responseId": name, "sender": sender, **({"parentResponseId": parent} if parent else {}), **more}


LINE = [node("q1", "human"), node("a1", "ASSISTANT", "q1"), node("q2", "human", "a1"), node("a2", "assistant", "q2")]
RUNNING = {"responseId": "a3", "status": "RESPONSE_STATUS_ACTIVE", "parentResponseId": "q3"}


def reply(*nodes: dict[str, Any], running: Any = ()) -> dict[str, Any]:
    return {"responseNodes": [*nodes], "inflightResponses": [*running]}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (reply(*LINE), "a2"),
        (reply(*LINE, node("a2b", "ASSISTANT", "q2")), "a2b"),
        (reply(*LINE, node("q2b", "human", "a1"), node("a2b", "ASSISTANT", "q2b")), "a2b"),
        (reply(*LINE, node("q3", "human", "a2"), running=[RUNNING]), "a2"),
        (reply(*LINE, node("q3", "human", "a2"), node("a3", "ASSISTANT", "q3"), running=[RUNNING]), "a2"),
        (reply(*LINE, node("q2b", "human", "a1")), "a1"),
        (
            reply(
                *LINE, node("t", "human", "a1", threadParentId="a1"), node("u", "ASSISTANT", "t", threadParentId="a1")
            ),
            "a2",
        ),
        (reply(LINE[0]), None),
        (reply(), None),
        (reply(node("q1", "human", "q2"), node("q2", "human", "q1")), None),
        ({"responseNodes": [*LINE, "?", {"sender": "ASSISTANT"}, node("x", "human", "gone")]}, None),
    ],
)
def test_the_newest_answer(tree, expected):
    assert newest_answer(tree) == expected


@pytest.mark.parametrize("tree", [None, [], "x", {"responseNodes": {}}, {"responseNodes": [], "inflightResponses": 3}])
def test_what_is_no_tree(tree):
    with pytest.raises(GrokWebProtocolError, match="response-node"):
        newest_answer(tree)
