"""What the service reports of answers that are being made, or were: where to ask, and what the replies mean.

`response-node` names the responses of a conversation and what runs in it; `responses` and `load-responses` hold their
texts (rest.md 2.1 and 2.2). A stored answer is read by the decoder of the stream, as the frames that would have brought
it, so it means the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway_chunks import stored_chunks
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_list, get_objects, get_str, wrong_type
from langchain_grokweb.wire.rest import CONVERSATIONS, RestDecoder, stream_errors

_HUMAN, _ASSISTANT = "human", "assistant"  # in any case of letters (rest.md 2.1)
_OVER = {"RESPONSE_STATUS_FINISHED", "RESPONSE_STATUS_ERROR"}


def nodes_path(conversation_id: str) -> str:
    """Where the responses of a conversation are named, and what runs in it."""
    return f"{CONVERSATIONS}/{conversation_id}/response-node?includeThreads=true"


def whole_path(conversation_id: str) -> str:
    """Where a whole conversation is loaded in one request."""
    return f"{CONVERSATIONS}/{conversation_id}/responses?includeThreads=true"


def load_path(conversation_id: str) -> str:
    """Where some responses of a conversation are loaded, by a POST."""
    return f"{CONVERSATIONS}/{conversation_id}/load-responses"


def reconnect_path(response_id: str) -> str:
    """Where an answer that is being made is streamed."""
    return f"{CONVERSATIONS}/reconnect-response-v2/{response_id}"


@dataclass(frozen=True, slots=True)
class ResponseStatus:
    """What became of an answer; without an id, nothing is known of it."""

    answer_id: str | None
    is_running: bool


def answer_status(nodes: Any, *, prompt_id: str | None, answer_id: str | None) -> ResponseStatus:
    """From a `response-node` reply: the answer of this id, or the one to this prompt, or the only one that there is."""

    def is_ours(node: Fields) -> bool:
        if answer_id is not None:
            return node.get("responseId") == answer_id
        return prompt_id is None or node.get("parentResponseId") == prompt_id

    inflight = (node for node in get_objects(nodes, "inflightResponses") if str(node.get("status")) not in _OVER)
    stored = (node for node in get_objects(nodes, "responseNodes") if _sender(node) != _HUMAN)
    if (running_id := _newest_id(filter(is_ours, inflight))) is not None:
        return ResponseStatus(running_id, is_running=True)
    return ResponseStatus(_newest_id(filter(is_ours, stored)), is_running=False)


def running_answer(nodes: Any, prompt_id: str) -> str | None:
    """From a `response-node` reply: the id of the answer that is being made to a prompt."""
    status = answer_status(nodes, prompt_id=prompt_id, answer_id=None)
    return status.answer_id if status.is_running else None


def newest_answer(nodes: Any) -> str | None:
    """From a `response-node` reply: the answer that a next turn follows.

    It is the last finished one on the way to the newest leaf. A question without an answer, or whose answer is still
    being written, is not continued from, and neither is a thread beside the conversation.

    Raises:
        GrokWebProtocolError: This is no tree.
    """
    by_id = _by_id(nodes, "responseNodes")
    running = _by_id(nodes, "inflightResponses")
    line = {name: node for name, node in by_id.items() if not node.get("threadParentId") and name not in running}
    parents = {node.get("parentResponseId") for node in line.values()}
    place = next((name for name in reversed(line) if name not in parents), None)
    for _ in range(len(line)):
        if place not in line or _sender(line[place]) == _ASSISTANT:
            break
        place = line[place].get("parentResponseId")
    return place if place in line and _sender(line[place]) == _ASSISTANT else None


def stored_answer(responses: Any, answer_id: str) -> Fields | None:
    """From a reply of `responses` or `load-responses`: this answer, where it is among them."""
    entries = get_objects(responses, "responses")
    return next((entry for entry in entries if entry.get("responseId") == answer_id), None)


def read_definitive(response: Fields, *, assets_url: str) -> list[ev.Event]:
    """The events of a stored answer; a `TurnFailed` where it failed."""
    decoder = RestDecoder(assets_url=assets_url)
    try:
        events = decoder.feed_frames(list(frames(response, "the stored answer")))
    except GrokWebProtocolError as error:
        return [ev.TurnFailed(error)]
    return [event for event in events if not isinstance(event, ev.AnswerStarted)]


def frames(response: Fields, where: str) -> Iterator[dict[str, Any]]:
    """The frames that would have brought a stored answer, the definitive one last (rest.md 4.9).

    Raises:
        GrokWebProtocolError: A member is of another type than it should have.
    """
    message = get_str(response, "message", where=where)
    chunks = [] if message else stored_chunks(response)
    has_results = bool(chunks)
    layout = get_dict(get_dict(response, "metadata"), "ui_layout")
    yield {"uiLayout": response.get("uiLayout") or {"rolloutIds": layout.get("rollout_ids", layout.get("rolloutIds"))}}
    for number, step in enumerate(get_objects(response, "steps", where=where)):
        place = f"{where}.steps[{number}]"
        yield from _texts(step, number, place, is_answered=bool(message))
        yield from ({"toolUsageCard": card} for card in get_objects(step, "toolUsageCards", where=place))
        for result in get_objects(step, "toolUsageResults", where=place):
            has_results = True
            yield {name: value for name, value in result.items() if name.endswith(("CardId", "Result", "Results"))}
    if not has_results:  # older ones keep what a search brought without what was searched for
        for name, frame in (("webSearchResults", "webSearchResults"), ("xposts", "xSearchResults")):
            if results := get_objects(response, name, where=where):
                yield {frame: results}
    if chunks:
        yield {"outputChunks": chunks}
    width, height = response.get("generatedImageWidth"), response.get("generatedImageHeight")
    yield {"imageDimensions": {"width": width, "height": height}}
    for name in ("cardAttachmentsJson", "generatedImageUrls", "streamErrors"):
        get_list(response, name, where=where)  # the decoder would pass over one of another type
    if stream_errors(response) or response.get("partial") is True:
        yield {"token": message}  # the definitive text is not read after an error, nor where it is only a part
    yield {"modelResponse": response}


def _texts(step: Fields, number: int, where: str, *, is_answered: bool) -> Iterator[dict[str, Any]]:
    """The texts of a step with their tags: thoughts, and in some modes the answer itself (rest.md 4.6)."""
    texts, tags = get_list(step, "text", where=where), get_list(step, "tags", where=where)
    rollout = step.get("rolloutId")
    for index, text in enumerate(texts):
        tag = tags[min(index, len(tags) - 1)] if tags else ""
        if tag != "final" or not is_answered:
            frame = {"token": text, "isThinking": tag != "final", "messageTag": tag}
            yield {**frame, "messageStepId": number, "rolloutId": rollout}


# --- whether a prompt arrived


def prompts_in(
    responses: Any, prompt: str | None, *, parent: str | None, since: datetime, known: Container[str]
) -> list[str]:
    """From a reply of `responses`: the ids of prompts that may be one which was sent since then.

    A parent that is no response of the conversation is none (rest.md 8.4).

    Args:
        responses: The reply.
        prompt: Its text; `None` where any will do.
        parent: The answer that it followed, `None` at the beginning of a conversation.
        since: The earliest time that it can have arrived.
        known: Ids of prompts that are known to be others.
    """
    entries = get_objects(responses, "responses")
    ids = [entry.get("responseId") for entry in entries]

    def follows(entry: Fields) -> bool:
        before = entry.get("parentResponseId")
        return before == parent if parent else not before or before not in ids

    return [
        response_id
        for entry in entries
        if _sender(entry) == _HUMAN
        and isinstance(response_id := entry.get("responseId"), str)
        and response_id not in known
        and follows(entry)
        and (prompt is None or prompt_text(entry).strip() == prompt.strip())
        and not _is_older(entry, since)
    ]


def prompt_text(entry: Fields, where: str = "") -> str:
    """The text of a stored prompt, in either view (rest.md 8.3).

    Raises:
        GrokWebProtocolError: With `where`, a member is of another type than it should have.
    """
    chunks = get_objects(entry, "inputChunks")
    return get_str(entry, "message", where=where) or "".join(get_str(chunk.get("text"), "text") for chunk in chunks)


def conversations_since(listed: Any, since: datetime) -> list[str]:
    """From a list of conversations: the ids of those that began since then."""
    newer = [entry for entry in get_objects(listed, "conversations") if not _is_older(entry, since)]
    return [entry["conversationId"] for entry in newer if isinstance(entry.get("conversationId"), str)]


def _is_older(entry: Fields, since: datetime) -> bool:
    """Whether something was made before then; not, where it does not say when."""
    try:
        made = datetime.fromisoformat(str(entry.get("createTime")))
    except ValueError:
        return False
    return made.replace(tzinfo=made.tzinfo or UTC) < since


def _sender(node: Fields) -> str:
    return str(node.get("sender")).lower()


def _newest_id(nodes: Iterable[Fields]) -> str | None:
    ids = [node["responseId"] for node in nodes if isinstance(node.get("responseId"), str)]
    return ids[-1] if ids else None


def _by_id(nodes: Any, member: str) -> dict[str, Fields]:
    entries = nodes.get(member, []) if isinstance(nodes, dict) else None
    if not isinstance(entries, list):  # where one is missing, an older place would be taken for the newest
        raise wrong_type(f"response-node: {member}", "list", entries)
    objects = (entry for entry in entries if isinstance(entry, dict))
    return {name: entry for entry in objects if isinstance(name := entry.get("responseId"), str)}
