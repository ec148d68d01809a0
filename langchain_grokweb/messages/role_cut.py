"""Cuts from an answer what a model writes as another's: a `<message role=…>` of the transcript's form.

The model has seen a transcript and may continue it. Its own element, and that of the tools, lose their tags alone.
Another role's is left out whole; after words of the answer it is a dialogue that continues without its people, so
nothing after it counts. What stands in a code fence, or within a line, is text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

_TAG = re.compile(r'[ \t]*<(?P<end>/)?message(?:(?P<role> role="(?P<name>\w{1,32})")[^<>\n]{0,400})?>')
_TAG_PART = re.compile(r"[ \t]*(?:</?|</?m\w{0,6}|<message [^<>\n]{0,400})?")
_TAG_CUT = re.compile(r"</?m")
_TOOLS_TAG = re.compile(r'[ \t]*<(?:/tools|tools mark="[^<>\n]{0,100})>')
_TOOLS_PART = re.compile(r"[ \t]*(?:</?t\w{0,4}|<tools [^<>\n]{0,100})")
_TOOLS_CUT = re.compile(r"</?tools\b")
_END = "</message>"
_FENCE = re.compile(r"[ \t]*`{3,}")
_FENCE_PART = re.compile(r"[ \t]*`{0,2}")


class Reader(Protocol):
    """Reads an answer's text."""

    @property
    def held(self) -> str:
        """What has come and is not settled, where an answer that broke off is to show it."""

    def feed(self, text: str) -> Sequence[Any]:
        """Take a piece of text, give what is settled."""

    def flush(self) -> Sequence[Any]:
        """The text is over: give what is left."""


class State(Enum):
    """Where in the answer the next character stands."""

    LINE_START = "at the beginning of a line, which is held while it may be a tag"
    IN_LINE = "within a line that is text"
    IN_OTHER = "within another's element"
    OVER = "after another's element that came after words"


class RoleCut:
    """Feed it an answer's text, get what is the answer.

    Args:
        of_tools: Whether tags of the element that holds the tools are left out too: only then can they be ours.
            Then the prompt has opened the answer's element, so its end is left out wherever it stands.
    """

    def __init__(self, *, of_tools: bool = False) -> None:
        self._of_tools = of_tools
        self._state = State.LINE_START
        self._held = ""
        self._is_fenced = self._has_words = self._skips_newline = False
        self._is_open = of_tools  # such a prompt ends with the beginning of the answer's own element

    def feed(self, text: str) -> str:
        """Take a piece, give what is settled."""
        if self._state is State.IN_LINE and not self._is_open and "\n" not in text:
            self._has_words = self._has_words or bool(text.strip())
            return text
        self._held += text
        return "".join(self._settled())

    def flush(self) -> str:
        """The text is over: give what is left; the beginning of a tag is none."""
        held, self._held = self._held, ""
        is_cut = _TAG_CUT.search(held) or (self._of_tools and _TOOLS_CUT.search(held))
        return held if self._state in {State.LINE_START, State.IN_LINE} and not is_cut else ""

    def _settled(self) -> list[str]:
        settled: list[str] = []
        before = None
        while self._held and before != (self._held, self._state):
            before = (self._held, self._state)
            if self._state is State.LINE_START:
                settled.append(self._line_start())
            elif self._state is State.IN_LINE:
                settled.append(self._in_line())
            elif self._state is State.IN_OTHER:
                self._in_other()
            else:
                self._held = ""
        return settled

    def _line_start(self) -> str:
        if self._skips_newline:
            self._held, self._skips_newline = self._held.removeprefix("\n"), False
        tag = None if self._is_fenced else _TAG.match(self._held)
        if tag and (tag["end"] or tag["role"]):
            self._held, self._skips_newline = self._held[tag.end() :], True
            if tag["end"] or tag["name"] == "assistant":
                self._is_open = not tag["end"]
            else:
                self._state = State.OVER if self._has_words else State.IN_OTHER
        elif self._of_tools and not self._is_fenced and (part := _TOOLS_TAG.match(self._held)):
            self._held, self._skips_newline = self._held[part.end() :], True
        elif not (_FENCE_PART.fullmatch(self._held) or (not self._is_fenced and self._may_be_tag())):
            self._state = State.IN_LINE
            self._is_fenced ^= _FENCE.match(self._held) is not None
        return ""

    def _may_be_tag(self) -> bool:
        is_part = _TAG_PART.fullmatch(self._held) or (self._of_tools and _TOOLS_PART.fullmatch(self._held))
        return bool(is_part)

    def _in_line(self) -> str:
        end = self._held.find("\n") + 1
        line, rest = (self._held[:end], self._held[end:]) if end else (self._held, "")
        if self._is_open and not self._is_fenced:
            if _END in line:
                line = line.replace(_END, "", 1)
                self._is_open = False
            elif not end:  # the tag may be cut
                place = line.rfind("<")
                if place >= 0 and _END.startswith(line[place:]):
                    line, rest = line[:place], line[place:]
        self._held = rest
        if end:
            self._state = State.LINE_START
        self._has_words = self._has_words or bool(line.strip())
        return line

    def _in_other(self) -> None:
        place = self._held.find(_END)
        own = re.search(r'^[ \t]*<message role="assistant"', self._held, re.MULTILINE)
        if own and (place < 0 or own.start() < place):
            self._held = self._held[own.start() :]
            self._state = State.LINE_START
        elif place >= 0:
            self._held, self._skips_newline = self._held[place + len(_END) :], True
            self._state = State.LINE_START
        else:
            self._held = self._held[self._held.rfind("\n") + 1 :][-500:]


class WithoutRoles:
    """Reads what is left of an answer's text without others' messages."""

    def __init__(self, reader: Reader | None, *, of_tools: bool) -> None:
        self._roles = RoleCut(of_tools=of_tools)
        self._reader = reader

    @property
    def held(self) -> str:
        """What has come of JSON and was not given out."""
        return self._reader.held if self._reader else ""

    def feed(self, text: str) -> Sequence[Any]:
        """Take a piece of text, give what is settled."""
        text = self._roles.feed(text)
        if not text:
            return []
        return self._reader.feed(text) if self._reader else [text]

    def flush(self) -> Sequence[Any]:
        """The text is over: give what is left."""
        text = self._roles.flush()
        if self._reader is None:
            return [text] if text else []
        return [*(self._reader.feed(text) if text else []), *self._reader.flush()]
