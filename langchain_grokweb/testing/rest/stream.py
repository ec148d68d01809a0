"""Frames -> bytes -> writes (rest.md 4.1 and 4.2).

Objects are spelled as Go's encoder does: no blanks, `<`, `>`, `&`, U+2028 and U+2029 escaped, everything else
as it is. An envelope is put around: nested or flat. The bytes then leave in awkward pieces, so that reads end
inside UTF-8 sequences and inside tags: the first 256 bytes in pieces of `chunk_size`, what follows in
pieces of prime sizes (a long answer in 7-byte writes would take seconds); an exact size is kept throughout.
Framing faults change the spelling.
"""

import asyncio
import functools
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_grokweb.testing.state.delivery import Delivery
from langchain_grokweb.testing.state.inflight import Frame

# halves of characters cannot be written otherwise
_ESCAPES = {code: f"\\u{code:04x}" for code in (*map(ord, "<>&\u2028\u2029"), *range(0xD800, 0xE000))}
_FINE_BYTES = 256
_PRIMES = (61, 131, 257, 509, 997)
_MULTIBYTE = 0x80


def go_json(value: Any, separators: tuple[str, str] = (",", ":"), indent: int | None = None) -> bytes:
    """JSON as the service writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent)
    return text.translate(_ESCAPES).encode("utf-8", "replace")


def enveloped(frame: Frame, *, flat: bool) -> Any:
    """The object that a line holds: flat on `responses`, nested elsewhere."""
    if frame.kind == "error":
        return {"error": frame.body}
    if frame.kind == "result" or flat:
        return {"result": frame.body}
    return {"result": {"response": frame.body}}


def line(value: Any) -> bytes:
    """The usual framing: one object, one line."""
    return go_json(value) + b"\n"


def reversed_members(value: Any) -> Any:
    """The same with the members of each object in reverse order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(one) for one in value] if isinstance(value, list) else value


_FRAMINGS: Mapping[str, Callable[[Any], bytes]] = {
    "concatenated": go_json,
    "pretty": lambda value: go_json(value, (", ", " : "), indent=2) + b"\n",
    "sse": lambda value: b"data: " + go_json(value) + b"\n\n",
    "reordered": lambda value: line(reversed_members(value)),
}


@dataclass(slots=True)
class Cutter:
    """Cuts one stream into writes; `size` 0 leaves what it is given whole."""

    size: int
    exact: bool = False
    _written: int = 0
    _sizes: Iterator[int] = field(default_factory=lambda: itertools.cycle(_PRIMES))

    def cut(self, lines: list[bytes]) -> Iterator[bytes]:
        """The pieces of these lines."""
        if self.size <= 0:
            yield from lines
            return
        data, start = b"".join(lines), 0
        while start < len(data):
            is_fine = self.exact or self._written < _FINE_BYTES
            size = self.size if is_fine else max(self.size, next(self._sizes))
            self._written += size
            yield data[start : start + size]
            start += size


async def streamed(
    delivery: Delivery, cutter: Cutter, framing: str, keep_alive: Frame, *, flat: bool, first: Frame | None, start: int
) -> AsyncIterator[bytes]:
    """An answer as the body of a reply.

    Args:
        delivery: What is sent, and what keeps it from arriving.
        cutter: Cuts the bytes.
        framing: The name of a framing fault; empty for the usual lines.
        keep_alive: The frame that says nothing.
        flat: The envelope of `responses`.
        first: The frame that opens it for somebody who comes again.
        start: The place of the log from which on it is sent.
    """
    spelled = functools.partial(_spelled, framing=framing, keep_alive=keep_alive, flat=flat)
    fault = delivery.fault
    if first is not None:
        delivery.responses += 1
        for piece in cutter.cut([spelled(first)]):
            yield piece
    async for frames in delivery.frames(start, again=first is not None):
        lines = [spelled(frame) for frame in frames]
        if lines and delivery.has_struck and fault is not None and fault.options.get("torn"):
            lines[-1] = torn(lines[-1])
        for piece in cutter.cut(lines):
            yield piece
    if not delivery.has_struck and framing == "sse":
        for piece in cutter.cut([b"data: [DONE]\n\n"]):
            yield piece
    elif delivery.has_struck and fault is not None and fault.name == "reset":
        await asyncio.Event().wait()  # a stream that ended would end with words of its own


def _spelled(frame: Frame, framing: str, keep_alive: Frame, *, flat: bool) -> bytes:
    if frame.kind == "raw":
        return bytes(frame.body)
    spell = _FRAMINGS.get(framing, line)
    return spell(enveloped(keep_alive if frame.kind == "keep_alive" else frame, flat=flat))


def torn(data: bytes) -> bytes:
    """The beginning of a line: it ends within its first character of several bytes, or else in its middle."""
    place = next((place for place, byte in enumerate(data) if byte >= _MULTIBYTE), len(data) // 2)
    return data[: place + 1]
