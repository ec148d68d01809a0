"""A client's events -> a question (gateway.md 3.3 and 3.5): all spellings that are known to work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_USER = "user"
_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asked.

    Attributes:
        prompt: All its text.
        parent: The response that it names as the one it continues.
        file_ids: The files that it mentions, each once.
        earlier: `(role, text)` of items that were put in front of it, oldest first.
        mode: A mode for this turn alone.
        client_event_id: The id of the event that asked.
    """

    prompt: str
    parent: str | None
    file_ids: tuple[str, ...]
    earlier: tuple[tuple[str, str], ...]
    mode: str | None
    client_event_id: str | None


def question_of(created: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> Question | None:
    """The question that a `response.create` asks, after these `conversation.item.create`; None where there is none.

    The last item of the user is the question.
    """
    events = [*created, event] if _item(event) else list(created)
    asked = next((place for place in range(len(events) - 1, -1, -1) if _role(events[place]) == _USER), None)
    if asked is None:
        return None
    asking = events[asked]
    return Question(
        prompt=text_of(_item(asking)),
        parent=string(event, "parent_response_id") or string(asking, "parent_response_id"),
        file_ids=tuple(dict.fromkeys([*_files(asking), *_files(event)])),
        earlier=tuple((_role(one), text_of(_item(one))) for one in events[:asked]),
        mode=string(mapping(event.get("response")), "model"),
        client_event_id=string(event, "event_id"),
    )


def text_of(item: Mapping[str, Any]) -> str:
    """All text of an item, in input chunks or in Realtime-style content."""
    texts = [mapping(chunk.get("text")).get("text") for chunk in _chunks(item)]
    texts += [part.get("text") for part in _mappings(item.get("content")) if part.get("type") in _TEXT_PARTS]
    return "".join(text for text in texts if isinstance(text, str))


def _files(event: Mapping[str, Any]) -> Iterator[str]:
    item = _item(event)
    for chunk in _chunks(item):
        mentioned = _mentioned(mapping(chunk.get("mention")))
        if mentioned:
            yield mentioned
    for holder in (item, event):
        named = holder.get("file_attachment_ids")
        yield from (one for one in named if isinstance(one, str)) if isinstance(named, list) else ()


def _mentioned(mention: Mapping[str, Any]) -> str | None:
    """The file of a mention, in any of its three shapes."""
    inside = mapping(mention.get("target")) or mention
    return string(mapping(inside.get("file_mention")), "file_id") or string(
        mapping(inside.get("fileMention")), "fileId"
    )


def _item(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(event.get("item"))


def _role(event: Mapping[str, Any]) -> str:
    return str(_item(event).get("role", _USER))


def _chunks(item: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return _mappings(mapping(item.get("x_grok")).get("input_chunks"))


def mapping(value: Any) -> Mapping[str, Any]:
    """The JSON object that something is; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def string(holder: Mapping[str, Any], name: str) -> str | None:
    """The text of this member; None where there is none."""
    value = holder.get(name)
    return value if isinstance(value, str) and value else None
