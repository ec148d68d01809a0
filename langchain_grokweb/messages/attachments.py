"""A block of content that is not text: what it holds, whatever form it came in.

The forms are LangChain's own (v1, and v0 before it), OpenAI's, Anthropic's and Google's. They differ in where they put
three things, the content, its type and its name, and in what these are called. So each is looked for under all of its
names, in the part that holds the source first, then in the block itself and in what else was noted of it. Content is
base64, a data URI, bytes, or text. Nothing is fetched: what is named only by an address, or by the id that a file has
at another service, has no content here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

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

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_USUAL_TYPES = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
_TYPE_OF_NAME = dict(mimetypes.types_map)  # the module's own table: its functions would read files


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something cannot be sent, and the one thing to do about it."""

    what: str
    next_step: str


ADDRESS = Obstacle(
    "is only named by an address, and nothing is fetched from addresses in messages",
    "Download it, and pass its bytes as base64 with their mime type.",
)
ELSEWHERE = Obstacle(
    "is only named by the id that it has at another service", "Pass its bytes as base64 with their mime type."
)
BROKEN = Obstacle("holds no base64 that can be read", "Encode its bytes with `base64.b64encode`.")
EMPTY = Obstacle("is empty", "Leave it out.")
UNKNOWN = Obstacle(
    "is of a form that is not known here", "Pass it as LangChain's `image` or `file` block, with `base64`."
)


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
    """

    kind: str
    name: str
    mime_type: str
    key: str
    content: bytes | None = field(default=None, repr=False)
    obstacle: Obstacle | None = None


def read_block(block: Block) -> Attached:
    """What a block holds that is not text."""
    kind = str(block.get("type"))
    if kind not in KINDS:
        return Attached(kind, "", "", _key(_without_ids(block)), obstacle=UNKNOWN)
    places = _places(block)
    content, mime_type = _content(places)
    name, kind = _text(places, _NAMES), KINDS[kind]
    mime_type = _mime_type(_text(places, _TYPES) or mime_type, name, kind)
    if isinstance(content, bytes):
        return Attached(kind, name, mime_type, _key(content), content)
    address = _text(places, _ADDRESSES)
    name = name or (address if "://" in address[:20] else "")
    reference = _text(places, (*_DATA, *_ADDRESSES, "file_id")) or _without_ids(block)
    return Attached(kind, name, mime_type, _key(reference), obstacle=content)


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
            if (found := _value(place, name)) is not None:
                return found
    if text := _text(places, ("text",)):
        return text.encode("utf-8", "replace"), "text/plain"
    if _text(places, _ADDRESSES):
        return ADDRESS, ""
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
    for found in (data, "".join(data.split())):  # line breaks are rare, and to look for them takes as long as reading
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(found, validate=True) or EMPTY
    return BROKEN


def _mime_type(given: str, name: str, kind: str) -> str:
    """A type without parameters, that cannot break out of a header."""
    given = given.partition(";")[0].strip().lower()
    if _TYPE.fullmatch(given):
        return given
    _, dot, ending = name.lower().rpartition(".")
    return _TYPE_OF_NAME.get(dot + ending) or _USUAL_TYPES.get(kind, "application/octet-stream")


def _text(places: Iterable[Block], names: Iterable[str]) -> str:
    """The first of these members that is a text."""
    found = (place.get(name) for place in places for name in names)
    return next((value for value in found if isinstance(value, str) and value), "")


def _key(content: bytes | str) -> str:
    content = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    return hashlib.sha256(content).hexdigest()[:16]


def _without_ids(block: Block) -> str:
    """The block as text, without what LangChain numbers anew each time."""
    return json.dumps({k: v for k, v in block.items() if k not in {"id", "index"}}, sort_keys=True, default=repr)
