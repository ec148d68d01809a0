"""A stored answer as the frames that would have brought it (rest.md 4.9), so that the stream's decoder reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_grokweb.wire.json_fields import read, read_entries, read_list


def frames(found: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """The frames, the definitive answer last.

    Raises:
        GrokWebProtocolError: A member is of another type than it should have.
    """
    message = read(found, "message", "", where)
    told = False
    for number, step in enumerate(read_entries(found, "steps", where)):
        place = f"{where}.steps[{number}]"
        yield from _words(step, number, place, is_answered=bool(message))
        yield from ({"toolUsageCard": card} for card in read_entries(step, "toolUsageCards", place))
        for result in read_entries(step, "toolUsageResults", place):
            told = True
            yield {name: value for name, value in result.items() if name.endswith(("CardId", "Result", "Results"))}
    if not told:  # older ones keep what was found without what was searched for
        for name, frame in (("webSearchResults", "webSearchResults"), ("xposts", "xSearchResults")):
            if results := read_entries(found, name, where):
                yield {frame: results}
    yield {"imageDimensions": {"width": found.get("generatedImageWidth"), "height": found.get("generatedImageHeight")}}
    _check_lists(found, where)
    if found.get("error") or found.get("streamErrors"):
        yield {"token": message}  # nothing of the definitive text is read behind an error
    yield {"modelResponse": found}


def _words(step: Mapping[str, Any], number: int, where: str, *, is_answered: bool) -> Iterator[dict[str, Any]]:
    """The texts of a step with their tags: thoughts, and in some modes the answer itself (rest.md 4.6)."""
    texts, tags = read_list(step, "text", where), read_list(step, "tags", where)
    rollout = step.get("rolloutId")
    for index, text in enumerate(texts):
        tag = tags[min(index, len(tags) - 1)] if tags else ""
        if tag != "final" or not is_answered:
            frame = {"token": text, "isThinking": tag != "final", "messageTag": tag}
            yield {**frame, "messageStepId": number, "rolloutId": rollout}


def _check_lists(found: Mapping[str, Any], where: str) -> None:
    for name in ("cardAttachmentsJson", "generatedImageUrls", "streamErrors"):
        read_list(found, name, where)
