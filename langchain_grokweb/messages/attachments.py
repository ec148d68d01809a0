"""What is attached to messages: what a block of content holds, whatever its form, and which attachments go up.

The forms of blocks are LangChain's own (v1, and v0 before it), OpenAI's, Anthropic's and Google's. They differ in where
they put three things, the content, its type and its name, and in what these are called. So each is looked for under all
of its names, in the part that holds the source first, then in the block itself and in what else was noted of it.
Content is base64, a data URI, bytes, or text. Nothing is fetched here: what is named only by an address has content
where whoever calls has fetched it, and what is named by the id that a file has at another service has none.

What belongs to the question itself must go up with the prompt, or the question is refused. Of the other messages,
tools' results among them, the newest go up, as far as there is room; the prompt names what stays here. The same content
goes up once, however often it stands in the messages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.wire.turn import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, Attachment, RemoteFile

Block = Mapping[str, Any]

# LangChain's own block types, then OpenAI's, Anthropic's and Google's.
KINDS = {
    "image": "image",
    "file": "file",
    "audio": "audio",
    "video": "video",
    "text-plain": "file",
    "image_url": "image",
    "input_image": "image",
    "input_file": "file",
    "input_audio": "audio",
    "document": "file",
    "media": "file",
}

_HOLDERS = ("source", "file", "image_url", "input_audio")
_NOTED = ("extras", "metadata")
_DATA = ("base64", "data", "file_data")
_ADDRESSES = ("url", "file_url", "file_uri")
_NAMES = ("filename", "file_name", "name", "title")
_TYPES = ("mime_type", "media_type")

_GENERATED = re.compile(r"^https?://[^/]*/(?:anon-)?users/[^/]+/generated/")  # rest.md 2.4
_ADDRESS = re.compile(r"(?:https?|data|gs):", re.IGNORECASE)
_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_USUAL_TYPES = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
_TYPE_OF_NAME = dict(mimetypes.types_map)  # the module's own table: its functions would read files
_LONGEST_NAME = 100
_ENDINGS: dict[str, str] = {}
for _ending, _mime in mimetypes.types_map.items():  # the preferred ending of a type comes first
    _ENDINGS.setdefault(_mime, _ending)


MessageParts = tuple[BaseMessage, list["str | Attached"]]  # a message and its parts: to read them takes time


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something cannot be sent, and the one thing to do about it."""

    what: str
    next_step: str


ADDRESS = Obstacle(
    "is only named by an address, and nothing is fetched from addresses in messages",
    "Download it, and pass its bytes as base64 with their mime type; or set `fetch_urls=True` (for public https URLs).",
)
MADE_BY_GROK = Obstacle(
    "is a picture or file of grok.com's by its address, which needs the account's cookies",
    'Ask for it with `image_output="base64"` and pass that block, or pass the bytes that `model.download` gives.',
)
ELSEWHERE = Obstacle(
    "is only named by the id that it has at another service", "Pass its bytes as base64 with their mime type."
)
BROKEN = Obstacle("holds no base64 that can be read", "Encode its bytes with `base64.b64encode`.")
EMPTY = Obstacle("is empty", "Leave it out.")
UNKNOWN = Obstacle(
    "is of a form that is not known here", "Pass it as LangChain's `image` or `file` block, with `base64`."
)
UNKNOWN_TYPE = Obstacle(
    "is not known here", "Pass what it says as `text`, or its bytes as an `image` or a `file` block."
)
TOOL_RESULT = Obstacle("is the result of a tool in another service's form", "Pass it as LangChain's `ToolMessage`.")


@dataclass(frozen=True, slots=True)
class Attached:
    """Something in a message that is not text.

    Attributes:
        kind: `"image"`, `"file"`, `"audio"`, `"video"`, or a type that is not known here.
        name: What it is called, or its address; may be empty. As it was given: not a file name yet.
        mime_type: The one that was given, else by the name, else the usual one of its kind.
        key: The same for the same content, whatever form the block has.
        content: Its bytes; `None` where they are not here.
        obstacle: Why they are not.
        url: The address that names it, where that is all there is.
    """

    kind: str
    name: str
    mime_type: str
    key: str
    content: bytes | None = field(default=None, repr=False)
    obstacle: Obstacle | None = None
    url: str = ""


def read_block(block: Block) -> Attached:
    """What a block holds that is not text."""
    kind = str(block.get("type"))
    if kind not in KINDS:
        obstacle = TOOL_RESULT if kind == "tool_result" else UNKNOWN_TYPE
        return Attached(kind, "", "", _key(_without_ids(block)), obstacle=obstacle)
    places = _places(block)
    content, mime_type = _content(places)
    name, kind = _text(places, _NAMES), KINDS[kind]
    mime_type = _mime_type(_text(places, _TYPES) or mime_type, name, kind)
    if isinstance(content, bytes):
        return Attached(kind, name, mime_type, _key(content), content)
    address = _text(places, _ADDRESSES)
    name = name or (address if "://" in address[:20] else "")
    reference = _text(places, (*_DATA, *_ADDRESSES, "file_id")) or _without_ids(block)
    return Attached(kind, name, mime_type, _key(reference), obstacle=content, url=address if content is ADDRESS else "")


def has_source(block: Block) -> bool:
    """Whether a block names content: bytes with their type, a data URI, a web address, or a file at another service.

    Rows of data are at times called `file` or `image` too, and have a path, a size or any text beside it.
    """
    places = _places(block)
    if _text(places, ("base64", "file_id")) or any(place.get("source_type") == "id" for place in places):
        return True
    is_typed = bool(_text(places, (*_TYPES, "format", "source_type")))
    contents = [place.get(name) for place in places for name in _DATA if place.get("type") != "text"]
    addresses = [place.get(name) for place in places for name in _ADDRESSES]
    return any(isinstance(content, bytes) or (is_typed and content) for content in contents) or any(
        isinstance(value, str) and _ADDRESS.match(value) for value in [*contents, *addresses]
    )


def _places(block: Block) -> list[Block]:
    """Where to look: the part that holds the source, the block, and what was noted of it, at times in two layers."""
    places = [block]
    for name in _HOLDERS:
        holder = block.get(name)
        if isinstance(holder, Mapping):
            places.insert(0, holder)
        elif isinstance(holder, str):
            places.insert(0, {"url": holder})
    for name in _NOTED:
        places += [noted for place in list(places) if isinstance(noted := place.get(name), Mapping)]
    return places


def _content(places: list[Block]) -> tuple[bytes | Obstacle, str]:
    """The bytes, or why there are none; and a type that stands beside them."""
    for place in places:
        for name in (*_DATA, *_ADDRESSES):
            if (value := _value(place, name)) is not None:
                return value
    if text := _text(places, ("text",)):
        return text.encode("utf-8", "replace"), "text/plain"
    if address := _text(places, _ADDRESSES):
        return (MADE_BY_GROK if _GENERATED.search(address) else ADDRESS), ""
    known = _text(places, ("file_id",)) or any(place.get("source_type") == "id" for place in places)
    return (ELSEWHERE if known else UNKNOWN), ""


def _value(place: Block, name: str) -> tuple[bytes | Obstacle, str] | None:
    """The content that this member holds; `None` where it holds none."""
    value = place.get(name)
    if isinstance(value, bytes):
        return value or EMPTY, ""
    if not isinstance(value, str):
        return None
    if value[:5].lower() == "data:":
        return _data_uri(value)
    if name not in _DATA:
        return None
    if place.get("type") == "text":  # a source of Anthropic's
        return value.encode("utf-8", "replace") or EMPTY, "text/plain"
    return _decoded(value), f"audio/{place['format']}" if "format" in place else ""


def _data_uri(uri: str) -> tuple[bytes | Obstacle, str]:
    header, _, data = uri[5:].partition(",")
    mime_type, *parameters = header.split(";")
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        return _decoded(unquote(data) if "%" in data else data), mime_type
    return unquote_to_bytes(data) or EMPTY, mime_type or "text/plain"


def _decoded(data: str) -> bytes | Obstacle:
    for digits in (data, "".join(data.split())):  # line breaks are rare, and to look for them takes as long as reading
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(digits, validate=True) or EMPTY
    return BROKEN


def _mime_type(declared: str, name: str, kind: str) -> str:
    """A type without parameters, that cannot break out of a header."""
    declared = declared.partition(";")[0].strip().lower()
    if _TYPE.fullmatch(declared):
        return declared
    _, dot, ending = name.lower().rpartition(".")
    return _TYPE_OF_NAME.get(dot + ending) or _USUAL_TYPES.get(kind, "application/octet-stream")


def _text(places: Iterable[Block], names: Iterable[str]) -> str:
    """The first of these members that is a text."""
    values = (place.get(name) for place in places for name in names)
    return next((value for value in values if isinstance(value, str) and value), "")


def _key(content: bytes | str) -> str:
    content = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    return hashlib.sha256(content).hexdigest()[:16]


def _without_ids(block: Block) -> str:
    """The block as text, without what LangChain numbers newly each time."""
    return json.dumps({k: v for k, v in block.items() if k not in {"id", "index"}}, sort_keys=True, default=repr)


# --- what is named by an address


def remote_files(messages: Sequence[MessageParts]) -> list[RemoteFile]:
    """What is to be fetched so that it can go up: of the question first, then of the newest messages, within bounds.

    An address in an answer is the model's, and is never fetched.
    """
    question = _of_question([message for message, _ in messages])
    others = [index for index in reversed(range(len(messages))) if index not in question]
    files: dict[str, RemoteFile] = {}
    for index in [*question, *others]:
        message, said = messages[index]
        for part in said if not isinstance(message, AIMessage) else ():
            if isinstance(part, Attached) and part.url:
                is_needed = index in question
                files.setdefault(part.key, RemoteFile(part.key, part.url, part.kind, part.mime_type, is_needed))
    return list(files.values())[:MAX_ATTACHMENTS]


def with_fetched(messages: Iterable[MessageParts], fetched: Mapping[str, Attachment]) -> list[MessageParts]:
    """The same, with the content of what was fetched, by its key."""
    if not fetched:
        return list(messages)
    return [(message, [_filled(part, fetched) for part in said]) for message, said in messages]


def _filled(part: str | Attached, fetched: Mapping[str, Attachment]) -> str | Attached:
    if isinstance(part, str) or not part.url or (file := fetched.get(part.key)) is None:
        return part
    name = part.name if part.name != part.url else file.name
    return replace(part, name=name, mime_type=file.mime_type, content=file.content, obstacle=None)


# --- what goes up

Enclosed = Mapping[str, Attachment]  # by key, in the order in which they stand in the messages


def enclose(messages: Sequence[MessageParts], *, kept_free: int = 0) -> Enclosed:
    """Choose what goes up, and name it.

    Args:
        messages: The messages that are sent, each with its parts.
        kept_free: How many places are not to be used.

    Raises:
        GrokWebInvalidRequestError: Something that belongs to the question cannot be sent, or it is too much.
    """
    attached = [[part for part in parts if isinstance(part, Attached)] for _, parts in messages]
    if not any(attached):
        return {}
    question = _of_question([message for message, _ in messages])
    room = _Room(MAX_ATTACHMENTS - kept_free)
    for index in question:
        for part in attached[index]:
            room.demand(part)
    for index in reversed([index for index in range(len(messages)) if index not in question]):
        for part in attached[index]:
            room.offer(part)
    return _named(part for parts in attached for part in parts if part.key in room.taken)


def _of_question(messages: Sequence[BaseMessage]) -> list[int]:
    """The places of the messages that ask: those after the last answer, without tools' results."""
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
            name = _clean(part.name.partition("?")[0])  # what follows that in an address may be a secret
            named = f" ({name})" if name else ""
            what = "an attachment" if part.kind in KINDS.values() else "a block"
            raise GrokWebInvalidRequestError(
                f"The question has {what} of the type {part.kind!r}{named} that cannot be sent: it "
                f"{part.obstacle.what}.",
                next_step=part.obstacle.next_step,
            )
        if not self.offer(part):
            raise GrokWebInvalidRequestError(
                f"The question has too many attachments: at most {self._places} files, of "
                f"{MAX_ATTACHMENT_BYTES // 2**20} MiB in all, are sent with it.",
                next_step="Attach fewer or smaller files, or send them in several messages.",
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
    """A name that is not used yet: this one, or with a number after it."""
    used, path, number = set(used), PurePosixPath(name), 2
    while name in used:
        name = f"{path.stem}-{number}{path.suffix}"
        number += 1
    return name
