r"""JSON objects out of a byte stream that is cut anywhere.

Strategy: the site writes one object a line, so a complete line is given to orjson as it is. What has no line end yet,
or is no object alone (objects that follow each other on a line, or one over several lines), goes through a scanner that
looks only at braces, quotes and backslashes, remembers where it stopped, and reads each byte once. `json.raw_decode`
cannot continue where it stopped: a try with each piece takes time that grows with the square of the size. Lines end
with `\n` alone: U+2028 and U+0085 occur inside strings. A `data:` prefix, comments, `[DONE]` and a byte order mark are
passed over; anything else between objects is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire.json_fields import read_repaired

MAX_OBJECT_BYTES = 16 * 1024 * 1024
UNCHECKED_BYTES = 64 * 1024  # below this size an object cannot hold much
_MAX_PARTS = 100_000  # objects and lists in one object
_MAX_VALUES = 500_000
_SLICE_LINES = 128
_BRACES_OF_A_LINE = 4  # of each kind: a frame has two or three
MIN_SLICE_BYTES, _MAX_SLICE_BYTES = 1024, 64 * 1024
_MAX_BETWEEN_BYTES = 1024

# No repetition goes back over what it has passed, so each byte is read once.
_TO_A_BRACE = re.compile(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TO_A_QUOTE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NO_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data:\s*)?(?:\[DONE\]\s*)?|\s*(?::|event:|id:|retry:).*", re.DOTALL)
_ONLY_DICTS = {dict}
_STREAMED = {"token", "text", "delta"}  # rest.md 4.5, gateway.md 4.1 and 4.3
_QUOTE, _OPEN, _BACKSLASH = b'"{\\'


def in_slices(data: bytes) -> Iterator[bytes]:
    """The data in pieces that take about a millisecond each to read: those with many lines or objects are cut."""
    size = _MAX_SLICE_BYTES
    if len(data) > MIN_SLICE_BYTES and not data.isspace():
        braces = max(data.count(b"{"), data.count(b"}"))
        if (lines := max(data.count(b"\n"), braces // _BRACES_OF_A_LINE)) > _SLICE_LINES:
            size = max(MIN_SLICE_BYTES, len(data) * _SLICE_LINES // lines)
    for start in range(0, len(data), size):
        yield data[start : start + size]


def has_too_many_parts(raw: bytes) -> bool:
    """Whether JSON holds so many values that reading it would hold the event loop for long.

    Brackets and commas in texts count too: the bounds leave room for them.
    """
    if len(raw) <= UNCHECKED_BYTES:
        return False
    return raw.count(b"{") + raw.count(b"[") > _MAX_PARTS or raw.count(b",") > _MAX_VALUES


class JsonObjects:
    """Feed it bytes, get the objects that they complete."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._scanner = _ObjectScanner()
        self._object: list[bytes] = []  # pieces of an object that is not complete
        self._size = 0
        self._between = b""  # what stands on the line before an object that has not begun

    def feed(self, data: bytes, objects: list[dict[str, Any]]) -> None:
        """Take a piece of the stream, append every object that it completes to `objects`.

        Raises:
            GrokWebProtocolError: The bytes are no JSON objects, or one is larger than `MAX_OBJECT_BYTES`. What came
                before is in `objects`.
        """
        if not self._object and not self._between and data.isspace():
            return
        position = 0
        if self._object or self._between:
            position = self._read_one(data, 0, objects)
        elif data.startswith(b"\n"):
            position = 1
        if not (self._object or self._between):  # nearly always all of the rest are lines
            position = _take_lines(data, position, objects)
        tried = position  # up to here it is known whether a line is one object
        while position < len(data):
            if not self._object and not self._between and position >= tried:
                end = data.find(b"\n", position)
                if end >= 0 and (entry := _read_object(data[position:end])) is not None:
                    objects.append(entry)
                    position = tried = end + 1
                    continue
                tried = end + 1 if end >= 0 else len(data)
            position = self._read_one(data, position, objects)

    def _read_one(self, data: bytes, position: int, objects: list[dict[str, Any]]) -> int:
        """Read to the end of an object, and of its line where nothing else stands on it, or of the data."""
        if not self._object:
            position = self._skip_between(data, position)
        if position < len(data):
            position, whole = self._scan(data, position)
            if whole is not None:
                objects.append(self._parse(whole))
                position += data.startswith(b"\n", position)
        return position

    @property
    def unfinished(self) -> bytes:
        """What came of an object that is not complete, or of what may be none."""
        return b"".join(self._object) or self._between

    def close(self) -> None:
        """The stream is over.

        Raises:
            GrokWebProtocolError: It ended inside an object.
        """
        if self._object:
            raise self._error("a whole JSON object", "the end of the stream")
        self._check_between(self._between)

    def _skip_between(self, data: bytes, position: int) -> int:
        """Pass over what may stand between two objects; return where the next one begins, or the end."""
        brace = data.find(b"{", position)
        stop = len(data) if brace < 0 else brace
        between = self._between + data[position:stop]
        if between.isspace():  # a flood of blank lines is no work
            self._between = b""
            return stop
        *lines, last = between.split(b"\n")
        for line in lines:
            self._check_between(line)
        if brace >= 0 or len(last) > _MAX_BETWEEN_BYTES:
            self._check_between(last)
        self._between = b"" if brace >= 0 or not last.strip() else last
        return stop

    def _check_between(self, line: bytes) -> None:
        if not _NO_OBJECT.fullmatch(line):
            raise self._error("a JSON object", "other text")

    def _scan(self, data: bytes, position: int) -> tuple[int, bytes | None]:
        """Continue reading an object; return where it ends and its bytes, or the end and `None`."""
        end = self._scanner.find_end(data, position)
        piece = data[position:end]
        self._object.append(piece)
        self._size += len(piece)
        if self._size > MAX_OBJECT_BYTES:
            raise self._error("an object of at most 16 MiB", "a larger one")
        if end is None:
            return len(data), None
        whole = b"".join(self._object)
        self._object, self._size = [], 0
        return end, whole

    def _parse(self, raw: bytes) -> dict[str, Any]:
        if has_too_many_parts(raw):
            raise self._error(f"an object of at most {_MAX_PARTS} parts", "one of more")
        fields = _read_object(raw)
        if fields is None and (fields := _read_repaired(raw)) is None:
            raise self._error("a JSON object", "something else in braces")
        return fields

    def _error(self, expected: str, got: str) -> GrokWebProtocolError:
        return GrokWebProtocolError(where=self._where, expected=expected, got=got)


class _ObjectScanner:
    """Finds where an object ends, over as many pieces as it takes."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip = 0  # the byte after a backslash stands in the next piece

    def find_end(self, data: bytes, position: int) -> int | None:
        """The position after the object's last brace, `None` where it continues after `data`."""
        position += self._skip
        self._skip = 0
        while position < len(data):
            match = (_TO_A_QUOTE if self._in_string else _TO_A_BRACE).match(data, position)
            position = match.end() if match else position
            if position == len(data):
                break
            mark = data[position]
            position += 1
            if mark == _QUOTE:  # outside a string: of one that does not end in `data`
                self._in_string = not self._in_string
            elif mark == _BACKSLASH:  # the last byte of `data`
                position += 1
            else:
                self._depth += 1 if mark == _OPEN else -1
                if not self._depth:
                    return position
        self._skip = max(0, position - len(data))
        return None


def _take_lines(data: bytes, position: int, objects: list[dict[str, Any]]) -> int:
    """Append the objects of the lines from a position on, all at once, if each is one; return where the rest begins."""
    lines = data[position:].split(b"\n")
    rest = lines.pop()
    try:
        values = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return position
    if set(map(type, values)) != _ONLY_DICTS:
        return position
    objects += values
    return len(data) - len(rest)


def _read_object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _read_repaired(raw: bytes) -> dict[str, Any] | None:
    """What is broken in an object shall not cost the whole answer: see `read_repaired`.

    In a text that streams, half a character stays, since its other half may come with the next object.
    """
    try:
        loaded, fields = read_repaired(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    _keep_halves(loaded, fields)
    return fields


def _keep_halves(loaded: Any, fields: Any) -> None:
    for name, value in loaded.items():
        if isinstance(value, dict) and isinstance(fields.get(name), dict):
            _keep_halves(value, fields[name])
        elif isinstance(value, str) and name in _STREAMED:
            fields[name] = value
