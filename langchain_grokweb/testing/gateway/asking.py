"""A client's events -> a question (gateway.md 3.3 and 3.5): all spellings that are known to work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asked.

    Attributes:
        prompt: All its text.
        parent: The response that it names as the one it continues.
        file_ids: The files that it mentions, each once.
        mode: A mode for this turn alone.
        client_event_id: The id of the event that asked.
    """

    prompt: str
    parent: str | None
    file_ids: tuple[str, ...]
    mode: str | None
    client_event_id: str | None


def question_of(created: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> Question | None:
    """The question that a `response.create` asks: its own item, or the newest that was created; None without any."""
    asking = event if mapping(event.get("item")) else created[-1] if created else None
    if asking is None:
        return None
    return Question(
        prompt=_text(mapping(asking.get("item"))),
        parent=string(event, "parent_response_id") or string(asking, "parent_response_id"),
        file_ids=tuple(dict.fromkeys([*_files(asking), *_files(event)])),
        mode=string(mapping(event.get("response")), "model"),
        client_event_id=string(event, "event_id"),
    )


def _text(item: Mapping[str, Any]) -> str:
    """All text of an item, in input chunks or in Realtime-style content."""
    texts = [mapping(chunk.get("text")).get("text") for chunk in _chunks(item)]
    texts += [part.get("text") for part in _mappings(item.get("content")) if part.get("type") in _TEXT_PARTS]
    return "".join(text for text in texts if isinstance(text, str))


def _files(event: Mapping[str, Any]) -> Iterator[str]:
    item = mapping(event.get("item"))
    for chunk in _chunks(item):
        mention = mapping(chunk.get("mention"))
        file_id = string(mapping((mapping(mention.get("target")) or mention).get("file_mention")), "file_id")
        if file_id:
            yield file_id
    for holder in (item, event):
        named = holder.get("file_attachment_ids")
        yield from (one for one in named if isinstance(one, str)) if isinstance(named, list) else ()


def _chunks(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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
