"""What the service keeps of an answer beside its text (rest.md 4.9), whichever wire it was asked on."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_grokweb.testing.rest.frame_parts import search_card, search_results, search_token
from langchain_grokweb.testing.state.composition import Composition, Search, Thought
from langchain_grokweb.testing.state.conversations import Node
from langchain_grokweb.testing.state.faults import STREAM_ERRORS
from langchain_grokweb.testing.state.responses import MODEL_HASH, Era

STORED_LAYOUT: Mapping[str, Any] = {"reasoningUiLayout": "UNIFIED"}
IMAGE_SIDE = 1024  # of pictures of shape "a", in pixels


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
    if composition.finished_keys:
        details |= {"generatedImageHeight": IMAGE_SIDE, "generatedImageWidth": IMAGE_SIDE}
    error = composition.reply.error
    if error is not None and error in STREAM_ERRORS:
        details["streamErrors"] = [stream_error(error)]
    answer.message = composition.message
    answer.details = details | _description(era)


def _steps(composition: Composition) -> Iterator[dict[str, Any]]:
    """What the model did before it answered. That each thought and each search is a step of its own is a guess."""
    for step in composition.steps:
        if isinstance(step, Thought):
            said = {"header": step.header, "summary": step.text}
            yield _step([text for text in said.values() if text], [tag for tag, text in said.items() if text])
        elif isinstance(step, Search):
            result = {"toolUsageCardId": step.card_id, **search_results(step)}
            told = {"toolUsageResults": [result], "rolloutId": "Grok", "toolUsageCards": [search_card(step)]}
            yield _step([search_token(step)], ["tool_usage_card"]) | told


def _step(texts: list[str], tags: list[str]) -> dict[str, Any]:
    """One of the `steps` in wire order (rest.md 4.9)."""
    found = ("webSearchResults", "xpostIds", "xposts", "toolUsageResults")
    searched = ("ragResults", "connectorSearchResults", "collectionSearchResults", "toolUsageCards")
    empty: dict[str, Any] = {name: [] for name in found} | {"rolloutId": ""} | {name: [] for name in searched}
    return {"text": texts, "tags": tags} | empty


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
