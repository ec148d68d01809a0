"""What the service keeps of an answer beside its text (rest.md 4.9), whichever wire it was asked on."""

from collections.abc import Mapping
from typing import Any

from langchain_grokweb.testing.composition import Composition
from langchain_grokweb.testing.conversations import Node
from langchain_grokweb.testing.faults import STREAM_ERRORS
from langchain_grokweb.testing.responses import MODEL_HASH, Era

STORED_LAYOUT: Mapping[str, Any] = {"reasoningUiLayout": "UNIFIED"}


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
    error = composition.reply.error
    if error is not None and error in STREAM_ERRORS:
        details["streamErrors"] = [stream_error(error)]
    answer.message = composition.message
    answer.details = details | _description(era)


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
