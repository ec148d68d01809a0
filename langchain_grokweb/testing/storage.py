"""What the service keeps of an answer beside its text (rest.md 4.9), whichever wire it was asked on."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_grokweb.testing.composition import Composition, Search, Thought
from langchain_grokweb.testing.conversations import Node
from langchain_grokweb.testing.faults import STREAM_ERRORS
from langchain_grokweb.testing.responses import MODEL_HASH, Era

STORED_LAYOUT: Mapping[str, Any] = {"reasoningUiLayout": "UNIFIED"}


CARD_MEMBERS: Mapping[str, str] = {"web": "webSearch", "x": "xSearch"}
RESULT_MEMBERS: Mapping[str, str] = {"web": "webSearchResults", "x": "xSearchResults"}

# In the order of rest.md 4.9.
_STEP: Mapping[str, Any] = {
    "text": [],
    "tags": [],
    "webSearchResults": [],
    "xpostIds": [],
    "xposts": [],
    "toolUsageResults": [],
    "rolloutId": "",
    "ragResults": [],
    "connectorSearchResults": [],
    "collectionSearchResults": [],
    "toolUsageCards": [],
}


def keep(answer: Node, composition: Composition, era: Era) -> None:
    """Fill in the node of an answer."""
    details: dict[str, Any] = {
        "webSearchResults": composition.web_results,
        "xpostIds": [post["postId"] for post in composition.posts],
        "xposts": composition.posts,
        "generatedImageUrls": composition.finished_keys,
        "cardAttachmentsJson": composition.cards,
    }
    if era == "2025" and composition.trace:
        details["thinkingTrace"] = composition.trace
    if era == "2026":
        details["citedWebSearchResults"] = composition.cited
        details["steps"] = list(_steps(composition))
    error = composition.reply.error
    if error is not None and error in STREAM_ERRORS:
        details["streamErrors"] = [stream_error(error)]
    answer.message = composition.message
    answer.details = details | _description(era)


def _steps(composition: Composition) -> Iterator[dict[str, Any]]:
    """Reasoning and searches, one step each. That text and tags go in pairs is a guess."""
    for thought in composition.of(Thought):
        told = [(thought.header, "header"), (thought.text, "summary")]
        said = [(text, tag) for text, tag in told if text]
        yield {**_STEP, "text": [text for text, _ in said], "tags": [tag for _, tag in said]}
    for search in composition.of(Search):
        card = {"toolUsageCardId": search.card_id, CARD_MEMBERS[search.kind]: {"args": {"query": search.query}}}
        found = {"toolUsageCardId": search.card_id, RESULT_MEMBERS[search.kind]: {"results": list(search.results)}}
        yield {**_STEP, "toolUsageCards": [card], "toolUsageResults": [found]}


def keep_stopped(answer: Node, text: str, era: Era) -> None:
    """Fill in the node of an answer that was stopped at this text."""
    cards = answer.details.get("cardAttachmentsJson", [])
    answer.message = text
    answer.details = {"cardAttachmentsJson": cards} | _description(era)


def metadata() -> dict[str, Any]:
    """The member `metadata` of an answer."""
    return {"llm_info": {"modelHash": MODEL_HASH}, "ui_layout": dict(STORED_LAYOUT)}


def stream_error(name: str) -> dict[str, Any]:
    """The StreamError of this kind; the usage limit in the form that was captured, the others as defined."""
    kind = STREAM_ERRORS[name]
    if kind.member is None:
        return {"message": kind.message}
    return {"message": kind.message, "severity": kind.severity, kind.member: dict(kind.value)}


def _description(era: Era) -> dict[str, Any]:
    if era == "2025":
        return {}
    return {"metadata": metadata(), "uiLayout": dict(STORED_LAYOUT), "model": "grok-4-auto"}
