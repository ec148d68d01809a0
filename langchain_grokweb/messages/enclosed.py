"""Which attachments go up with a prompt, and what they are called there.

What belongs to the question itself must go up, or the question is refused. Of the other messages, tools' results among
them, the newest go up, as far as there is room; what stays behind is said in words, by name. The same content goes up
once, however often it stands in the messages.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.attachments import Attached
from langchain_grokweb.wire.turn import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, Attachment

Said = tuple[BaseMessage, list[str | Attached]]  # a message and its parts: to read them takes time
Enclosed = Mapping[str, Attachment]  # by key, in the order in which they stand in the messages

_LONGEST_NAME = 100
_ENDINGS: dict[str, str] = {}
for _ending, _mime_type in mimetypes.types_map.items():  # the preferred ending of a type comes first
    _ENDINGS.setdefault(_mime_type, _ending)


def enclose(said: Sequence[Said], *, kept_free: int = 0) -> Enclosed:
    """Choose what goes up, and name it.

    Args:
        said: The messages that are sent, each with its parts.
        kept_free: How many places are not to be used.

    Raises:
        GrokWebInvalidRequestError: Something that belongs to the question cannot be sent, or it is too much.
    """
    found = [[part for part in parts if isinstance(part, Attached)] for _, parts in said]
    if not any(found):
        return {}
    asked = _of_question([message for message, _ in said])
    room = _Room(MAX_ATTACHMENTS - kept_free)
    for index in asked:
        for part in found[index]:
            room.demand(part)
    for index in reversed([index for index in range(len(said)) if index not in asked]):
        for part in found[index]:
            room.offer(part)
    return _named(part for attached in found for part in attached if part.key in room.taken)


def _of_question(messages: Sequence[BaseMessage]) -> list[int]:
    """Where the messages stand that ask: those behind the last answer, without tools' results."""
    answers = [index for index, message in enumerate(messages) if isinstance(message, AIMessage)]
    start = answers[-1] + 1 if answers else 0
    asking = range(start, len(messages))
    return [index for index in asking if not isinstance(messages[index], ToolMessage | SystemMessage)]


class _Room:
    """What there is room for in one message to the service."""

    def __init__(self, places: int) -> None:
        self.taken: set[str] = set()
        self._places = places
        self._bytes = MAX_ATTACHMENT_BYTES

    def offer(self, part: Attached) -> bool:
        """Take something, if it can be sent and there is room."""
        if part.content is None:
            return False
        if part.key not in self.taken:
            if len(self.taken) >= self._places or len(part.content) > self._bytes:
                return False
            self.taken.add(part.key)
            self._bytes -= len(part.content)
        return True

    def demand(self, part: Attached) -> None:
        """Take something.

        Raises:
            GrokWebInvalidRequestError: It cannot be sent, or there is no room.
        """
        if part.obstacle is not None:
            name = _clean(part.name.partition("?")[0])  # what stands behind that in an address may be a secret
            named = f" ({name})" if name else ""
            raise GrokWebInvalidRequestError(
                f"The question has an attachment of the type {part.kind!r}{named} that cannot be sent: it "
                f"{part.obstacle.what}.",
                next_step=part.obstacle.next_step,
            )
        if not self.offer(part):
            raise GrokWebInvalidRequestError(
                f"The question has more attachments than go up with it: {self._places} files, of "
                f"{MAX_ATTACHMENT_BYTES // 2**20} MiB in all.",
                next_step="Ask with fewer or smaller ones, one message after another.",
            )


# --- names


def _named(taken: Iterable[Attached]) -> Enclosed:
    enclosed: dict[str, Attachment] = {}
    used: set[str] = set()
    for part in taken:
        if part.key not in enclosed and part.content is not None:
            name = unique(_clean(part.name) or _numbered(part, used), used)
            used.add(name)
            enclosed[part.key] = Attachment(name, part.mime_type, part.content)
    return enclosed


def _clean(name: str) -> str:
    """A file name without a path, of printable characters, with its ending where it is long."""
    name = "".join(character for character in name if character.isprintable() and character not in '"<>|')
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip().rstrip(".")
    path = PurePosixPath(name)
    return name if len(name) <= _LONGEST_NAME else f"{path.stem[: _LONGEST_NAME - 20]}{path.suffix[:20]}"


def _numbered(part: Attached, used: set[str]) -> str:
    """`image-1.png` and so on."""
    subtype = part.mime_type.rpartition("/")[2]
    ending = _ENDINGS.get(part.mime_type) or (f".{subtype}" if subtype.isalnum() else "")
    number = 1
    while any(name.startswith(f"{part.kind}-{number}.") for name in used):
        number += 1
    return f"{part.kind}-{number}{ending}"


def unique(name: str, used: Iterable[str]) -> str:
    """A name that is not used yet: this one, or with a number behind it."""
    used, path, number = set(used), PurePosixPath(name), 2
    while name in used:
        name = f"{path.stem}-{number}{path.suffix}"
        number += 1
    return name
