"""Bad input made from good: what a broken proxy, a changed site or an attacker could send.

Strategy: an input is a list of JSON values, the frames of a recorded answer or frames made up. They are spoiled in two
layers: as values (members of other types, repeated, reordered, foreign and missing frames), then as the bytes they are
written as (cut off, flipped, invalid UTF-8, duplicate keys, numbers and nesting that JSON should not hold). All of it
comes from one `random.Random`, so a seed and a number name an input for ever.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

Values = list[Any]

_WORDS = (
    "",
    "a",
    "Paris",
    "\ud800",
    "é🗼",
    "\x00\r\n",
    "<grok:render",
    "../../..",
    "https://evil.example/x",
    "0" * 300,
)
_NUMBERS = (0, -1, 100, 2**31, 2**63, -(2**63), 2**64, 10**40, 0.5, -0.0, 1e308)
# Written into the text where a value stood; `json` would not write them.
_RAW = (
    *("NaN", "Infinity", "-Infinity", "1e999", "1e-999", "-0", "01", "9" * 5000),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x"', '"\n"', "undefined", "'x'", "[1,]", "{,}", ""),
    *("[" * 1100 + "]" * 1100, '{"a":' * 1100 + "1" + "}" * 1100, "[" * 200, '{"a":{"a":' * 90 + "1" + "}}" * 90),
    *('{"token":"a","token":5}', '{"responseId":"a","responseId":null}', "[DONE]", "data: {}"),
)
_MARK = "\ue000"  # stands for a raw text until the values are written
_BYTES = (b"\x00", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbb\xbf", b"\x1b[31m")
_PIECES = (
    b"\n",
    b"\r\n",
    b"\n\n",
    b"}",
    b"{",
    b'"',
    b"\\",
    b",",
    b"data: ",
    b": ping\n",
    b"[DONE]",
    b"{}\n",
    b"null\n",
)


class Spoiler:
    """Spoils frames, with every choice from one seeded source."""

    def __init__(self, random_: random.Random, samples: Sequence[Values], names: Sequence[str]) -> None:
        self._random = random_
        self._samples = samples
        self._names = names

    def values(self) -> Values:
        """The frames of a sample, spoiled; at times frames that are all made up."""
        chance = self._random.random()
        if chance < 0.1:
            return [self._made_up(4) for _ in range(self._random.randint(1, 6))]
        frames = deepcopy(self._random.choice(self._samples))
        for _ in range(self._few()):
            frames = self._random.choice(self._OF_FRAMES)(self, frames)
        for _ in range(self._few()):
            self._spoil_a_member(frames)
        return frames

    def written(self, frames: Values) -> list[bytes]:
        """Each frame as bytes, spoiled at times."""
        lines = [self._written(frame) for frame in frames]
        for _ in range(self._few() if self._random.random() < 0.5 else 0):
            if lines:
                place = self._random.randrange(len(lines))
                lines[place] = self._random.choice(self._OF_BYTES)(self, lines[place])
        return lines

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """The body, cut anywhere."""
        longest = self._random.choice((1, 7, 64, 1000, 100_000))
        position = 0
        while position < len(body):
            size = self._random.randint(1, longest)
            yield body[position : position + size]
            position += size

    def _few(self) -> int:
        return self._random.choice((0, 1, 1, 2, 3))

    # --- frames

    def _repeated(self, frames: Values) -> Values:
        place = self._random.randrange(len(frames) + 1)
        return frames[:place] + frames[max(0, place - 3) : place] * self._random.randint(1, 3) + frames[place:]

    def _reordered(self, frames: Values) -> Values:
        return self._random.sample(frames, len(frames))

    def _missing(self, frames: Values) -> Values:
        return [frame for frame in frames if self._random.random() > 0.2]

    def _foreign(self, frames: Values) -> Values:
        place = self._random.randrange(len(frames) + 1)
        other = deepcopy(self._random.choice(self._samples))
        return [*frames[:place], *other, *frames[place:]]

    def _inserted(self, frames: Values) -> Values:
        place = self._random.randrange(len(frames) + 1)
        return [*frames[:place], self._made_up(3), *frames[place:]]

    # --- members

    def _spoil_a_member(self, frames: Values) -> None:
        holder: Any = frames
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                return
            key = self._random.choice(keys)
            if not isinstance(holder[key], dict | list) or self._random.random() < 0.15:
                break
            holder = holder[key]
        match self._random.randrange(6):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[self._random.choice(self._names)] = self._made_up(2)
            case 2 if isinstance(holder, dict):
                holder[self._random.choice(self._names)] = holder.pop(key)
            case 3:
                holder[key] = [holder[key]] if self._random.random() < 0.5 else {"id": holder[key]}
            case _:
                holder[key] = self._made_up(2)

    def _made_up(self, depth: int) -> Any:
        kind = self._random.randrange(9 if depth else 6)
        if kind == 0:
            return self._random.choice((None, True, False))
        if kind == 1:
            return self._random.choice(_NUMBERS)
        if kind == 2:
            return f"{_MARK}{self._random.randrange(len(_RAW))}{_MARK}"
        if kind < 6:
            return self._random.choice(_WORDS)
        if kind == 6:
            return [self._made_up(depth - 1) for _ in range(self._random.randint(0, 3))]
        return {self._random.choice(self._names): self._made_up(depth - 1) for _ in range(self._random.randint(0, 4))}

    # --- bytes

    def _written(self, frame: Any) -> bytes:
        text = json.dumps(frame, ensure_ascii=self._random.random() < 0.2, separators=(",", ":"))
        for number, raw in enumerate(_RAW):
            for mark in (_MARK, "\\ue000"):
                text = text.replace(f'"{mark}{number}{mark}"', raw)
        return text.encode("utf-8", "surrogatepass")

    def _cut(self, line: bytes) -> bytes:
        return line[: self._random.randrange(len(line) + 1)]

    def _flipped(self, line: bytes) -> bytes:
        spoiled = bytearray(line)
        for _ in range(self._random.randint(1, 4) if line else 0):
            spoiled[self._random.randrange(len(line))] ^= 1 << self._random.randrange(8)
        return bytes(spoiled)

    def _with_bytes(self, line: bytes) -> bytes:
        place = self._random.randrange(len(line) + 1)
        return line[:place] + self._random.choice((*_BYTES, *_PIECES)) + line[place:]

    def _doubled(self, line: bytes) -> bytes:
        start, end = sorted(self._random.randrange(len(line) + 1) for _ in range(2))
        return line[:end] + line[start:]

    def _long(self, line: bytes) -> bytes:
        return line.replace(b'"Paris', b'"' + b"word " * 20_000 + b"Paris", 1)

    _OF_FRAMES: tuple[Callable[[Spoiler, Values], Values], ...] = (
        _repeated,
        _reordered,
        _missing,
        _foreign,
        _inserted,
    )
    _OF_BYTES: tuple[Callable[[Spoiler, bytes], bytes], ...] = (_cut, _flipped, _with_bytes, _doubled, _long)
