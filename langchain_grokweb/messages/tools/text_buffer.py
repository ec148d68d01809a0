"""Text that comes in pieces, read by a coroutine.

Every method that may need more text than there is waits by `yield from`. What is read waits in `waiting` until it is
settled what it is.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Wait = Generator[None, None, T]

FENCE = re.compile(r"(`{3,16})([^`<\n]{0,64})(?=[\n<]|\Z)")
FENCE_PART = re.compile(r"`{1,16}|`{3,16}[^`<\n]{0,64}")
_SPACE = re.compile(r"\s*")


class TooMuchText(Exception):  # noqa: N818
    """There is more text than may be stored."""


class Reader:
    """The text so far: what is not read yet is `text` from `at` on.

    Attributes:
        text: What came last, and what was not read before.
        at: How far that is read.
        over: Whether nothing comes after it.
        waiting: What is read and not settled, in pieces.
    """

    def __init__(self) -> None:
        self.text, self.at, self.over = "", 0, False
        self.waiting: list[str] = []
        self._replay: list[str] | None = None
        self._room = 0

    def feed(self, text: str) -> None:
        """Another piece."""
        self.text, self.at = self.text[self.at :] + text, 0
        if self._replay is not None and self._room >= 0:
            self._replay.append(text)
            self._room -= len(text)

    def keep(self, room: int) -> None:
        """From now on keep everything, up to so many characters; `more` raises `TooMuchText` beyond."""
        self._replay, self._room = [self.text[self.at :]], room

    def rewind(self) -> None:
        """Read again all since `keep`."""
        if self._replay is not None:
            self.text, self.at = "".join(self._replay), 0
        self._replay = None
        self.waiting.clear()

    def more(self) -> Wait[bool]:
        """Wait for more text; `False` when there is none."""
        if self._replay is not None and self._room < 0:
            raise TooMuchText
        if not self.over:
            yield
        return not self.over

    def next(self) -> Wait[str]:
        """The next character that is not white space, `""` at the end; the white space waits."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.take(space.end() if space else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not (yield from self.more()):
                return ""

    def match(self, pattern: re.Pattern[str], part: re.Pattern[str]) -> Wait[re.Match[str] | None]:
        """Match here, when all there is is no longer `part`, so that more text cannot change it."""
        while part.fullmatch(self.text, self.at) and (yield from self.more()):
            pass
        return pattern.match(self.text, self.at)

    def take(self, end: int) -> None:
        """Read up to there, and let it wait."""
        if end > self.at:
            self.waiting.append(self.text[self.at : end])
            self.at = end

    def taken(self) -> str:
        """What waits, which is settled now."""
        taken = "".join(self.waiting)
        self.waiting.clear()
        return taken
