"""What the service says of answers that are being made, or were: where to ask, and what the replies mean.

`response-node` names the responses of a conversation and what runs in it; `responses` and `load-responses` tell their
texts (rest.md 2.1 and 2.2). A stored answer is read as the one frame that ends a stream, so it means the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.rest import CONVERSATIONS, RestDecoder
from langchain_grokweb.wire.retold import frames

_HUMAN = "human"
_OVER = {"RESPONSE_STATUS_FINISHED", "RESPONSE_STATUS_ERROR"}


def nodes_path(conversation_id: str) -> str:
    """Where the responses of a conversation are named, and what runs in it."""
    return f"{CONVERSATIONS}/{conversation_id}/response-node?includeThreads=true"


def whole_path(conversation_id: str) -> str:
    """Where a conversation is told in one go."""
    return f"{CONVERSATIONS}/{conversation_id}/responses?includeThreads=true"


def load_path(conversation_id: str) -> str:
    """Where some responses of a conversation are told, by a POST."""
    return f"{CONVERSATIONS}/{conversation_id}/load-responses"


def reconnect_path(response_id: str) -> str:
    """Where an answer that is being made is streamed."""
    return f"{CONVERSATIONS}/reconnect-response-v2/{response_id}"


@dataclass(frozen=True, slots=True)
class ResponseStatus:
    """What became of an answer; without an id, nothing is known of it."""

    answer_id: str | None
    is_running: bool


def whereabouts(nodes: Any, *, prompt_id: str | None, answer_id: str | None) -> ResponseStatus:
    """From a `response-node` reply: the answer of this id, or the one to this prompt, or the only one that there is."""

    def ours(entry: Mapping[str, Any]) -> bool:
        if answer_id is not None:
            return entry.get("responseId") == answer_id
        return prompt_id is None or entry.get("parentResponseId") == prompt_id

    running = (one for one in _entries(nodes, "inflightResponses") if str(one.get("status")) not in _OVER and ours(one))
    stored = (one for one in _entries(nodes, "responseNodes") if not _is_prompt(one) and ours(one))
    if (found := _newest_id(running)) is not None:
        return ResponseStatus(found, is_running=True)
    return ResponseStatus(_newest_id(stored), is_running=False)


def running_answer(nodes: Any, prompt_id: str) -> str | None:
    """From a `response-node` reply: the id of the answer that is being made to a prompt."""
    found = whereabouts(nodes, prompt_id=prompt_id, answer_id=None)
    return found.answer_id if found.is_running else None


def stored_answer(responses: Any, answer_id: str) -> Mapping[str, Any] | None:
    """From a reply of `responses` or `load-responses`: this answer, where it is told."""
    return next((one for one in _entries(responses, "responses") if one.get("responseId") == answer_id), None)


def read_definitive(response: Mapping[str, Any], *, assets_url: str) -> list[ev.Event]:
    """The events of a stored answer: all that is told of it; a `TurnFailed` where it failed."""
    decoder = RestDecoder(assets_url=assets_url)
    try:
        events = decoder.feed_frames(list(frames(response, "the stored answer")))
    except GrokWebProtocolError as error:
        return [ev.TurnFailed(error)]
    return [event for event in events if not isinstance(event, ev.AnswerStarted)]


# --- whether a prompt arrived


def prompts_in(
    responses: Any, prompt: str | None, *, parent: str | None, since: datetime, known: Container[str]
) -> list[str]:
    """From a reply of `responses`: the ids of prompts that may be one which was sent since then.

    Args:
        responses: The reply.
        prompt: Its text; `None` where any will do.
        parent: The answer that it followed, `None` at the beginning of a conversation.
        since: The earliest time that it can have arrived.
        known: Ids of prompts that are known to be others.
    """
    return [
        found
        for one in _entries(responses, "responses")
        if _is_prompt(one)
        and isinstance(found := one.get("responseId"), str)
        and found not in known
        and (one.get("parentResponseId") or None) == parent
        and (prompt is None or str(one.get("message")).strip() == prompt.strip())
        and not _is_older(one, since)
    ]


def conversations_since(listed: Any, since: datetime) -> list[str]:
    """From a list of conversations: the ids of those that began since then."""
    found = [one for one in _entries(listed, "conversations") if not _is_older(one, since)]
    return [one["conversationId"] for one in found if isinstance(one.get("conversationId"), str)]


def _is_older(entry: Mapping[str, Any], since: datetime) -> bool:
    """Whether something was made before then; not, where it does not say when."""
    try:
        made = datetime.fromisoformat(str(entry.get("createTime")))
    except ValueError:
        return False
    return made.replace(tzinfo=made.tzinfo or UTC) < since


def _is_prompt(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("sender")).lower() == _HUMAN


def _newest_id(entries: Iterator[Mapping[str, Any]]) -> str | None:
    ids = [one["responseId"] for one in entries if isinstance(one.get("responseId"), str)]
    return ids[-1] if ids else None


def _entries(reply: Any, name: str) -> list[Mapping[str, Any]]:
    found = reply.get(name) if isinstance(reply, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
