"""Reads JSON as it streams, so that what is given out fits its schema and stands.

An object is given out member by member: each when it is whole and fits its part of the schema, and a string that may
be anything as it grows. What has been given out cannot be taken back, so where the rest does not fit, the further turn
that repairs it must bring a whole object that begins the same, of which what is missing is given out: never is one
object made of two. The end waits for what comes after it, which may be another answer. Any other reply is held until it
is whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_grokweb.messages.structured.response_format import INCOMPLETE, JsonFormat, dump
from langchain_grokweb.messages.tools.call_json import load_json
from langchain_grokweb.messages.tools.call_parser import ToolFault

_BEGINNING = re.compile(r"\s*(?:```[\w-]*\s*)?\{")
_MEMBER = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*:\s*(\S)', re.DOTALL)
_INSIDE = re.compile(  # of a string; half a character is not given out
    r"""(?: [^"\\\x00-\x1f] | \\["\\/bfnrt] | \\u(?![dD][89abAB])[0-9a-fA-F]{4}
        | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4} )*""",
    re.VERBOSE,
)
_LONGEST_NAME = 1000  # characters until the first value; what begins later waits
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}


class JsonFault(ToolFault):
    """JSON that does not fit, or none."""


@dataclass(slots=True)
class EmittedObject:
    """What has been given out of an object, in whatever turn.

    Attributes:
        members: What is whole.
        begun: The name of a string that was begun.
        parts: Its text so far, as it stands in JSON.
    """

    members: dict[str, Any] = field(default_factory=dict)
    begun: str | None = None
    parts: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.members) or self.begun is not None

    def copy(self) -> EmittedObject:
        """The same, so far."""
        return EmittedObject(dict(self.members), self.begun, list(self.parts))

    def settle(self, name: str, value: Any) -> None:
        """A member is whole."""
        self.members[name] = value
        self.begun = None
        self.parts.clear()

    def rest(self, whole: Mapping[str, Any]) -> str | None:
        """What makes it this object; `None` where it is the beginning of another one."""
        missing = {name: value for name, value in whole.items() if name not in self.members}
        if any(name not in whole or dump(whole[name]) != dump(value) for name, value in self.members.items()):
            return None
        text = ""
        if self.begun is not None:
            so_far = json.loads(f'"{"".join(self.parts)}"')
            value = missing.pop(self.begun, None)
            if not isinstance(value, str) or not value.startswith(so_far):
                return None
            text = dump(value[len(so_far) :])[1:]
        return text + "".join(f", {dump(name)}: {dump(value)}" for name, value in missing.items()) + "}"


class JsonReader:
    """Feed it one turn's text, get the JSON in it as it is settled; the fault, if there is one, at the end."""

    def __init__(self, wanted: JsonFormat, emitted: EmittedObject) -> None:
        self._wanted = wanted
        self._emitted = emitted
        self._repairs = bool(emitted)
        self._pieces: list[str] = []
        self._members = _Members()
        self._streams = wanted.has_members and not self._repairs
        self._string = _String()
        self._fault = ""

    @property
    def held(self) -> str:
        """What has come of this turn and was not given out."""
        if self._repairs:
            return ""
        return self._members.open[self._string.shown :] if self._emitted else "".join(self._pieces)

    def feed(self, text: str) -> list[str | ToolFault]:
        """Take a piece, give what is settled by it."""
        self._pieces.append(text)
        settled = "".join(self._settled(text)) if self._streams else ""
        return [settled] if settled else []

    def flush(self) -> list[str | ToolFault]:
        """The answer is over."""
        text = "".join(self._pieces)
        value, fault = ("", self._fault) if self._fault else self._wanted.read(text)
        if self._emitted and not fault:
            whole = load_json(value)
            rest = self._emitted.rest(whole) if isinstance(whole, dict) else None
            value, fault = (rest, "") if rest is not None else ("", "it does not continue what it began with")
        return [JsonFault(fault, text)] if fault else [value]

    def _settled(self, text: str) -> Iterator[str]:
        for raw, end in self._members.feed(text):
            if raw.strip() or end == "," or self._emitted:
                yield self._member(raw)
            self._streams = self._streams and end == ","  # what closes it waits for what comes after it
            if not self._streams:
                return
        yield self._begun(self._members.news())

    def _member(self, raw: str) -> str:
        """What a whole member adds; nothing more is given out after one that does not fit."""
        name, value, self._fault = self._read(raw)
        fitted: dict[str, Any] = {}
        if not self._fault:
            fitted, self._fault = self._wanted.fit_member(name, value)
        if self._fault:
            self._streams = False
        if name not in fitted:
            return ""
        as_is = dump(fitted[name]) == dump(value)
        text = raw[self._string.shown :] if as_is else f"{dump(name)}: {dump(fitted[name])}"
        text = text if self._string.shown else self._opening + text
        self._emitted.settle(name, fitted[name])
        self._string = _String()
        return text

    def _read(self, raw: str) -> tuple[str, Any, str]:
        try:
            [(name, value)] = load_json(f"{{{raw}}}").items()
        except ValueError:
            return "", None, INCOMPLETE
        return name, value, f"it holds {name} twice" if name in self._emitted.members else ""

    def _begun(self, news: str) -> str:
        """What there is of a string that may be anything, and is not whole yet."""
        text = self._string.feed(news, self._may_begin)
        if not text or self._string.name is None:
            return ""
        opening = "" if self._emitted.begun else self._opening + self._string.head
        self._emitted.begun = self._string.name
        self._emitted.parts.append(text)
        return opening + text

    def _may_begin(self, name: str) -> bool:
        return name not in self._emitted.members and self._wanted.is_any_string(name)

    @property
    def _opening(self) -> str:
        return "," if self._emitted else "{"


class _String:
    """Reads a member while it comes: if it is a string that may begin, what of it is settled."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.head = ""
        self.shown = 0
        self._tail = ""
        self._is_other = False

    def feed(self, news: str, may_begin: Callable[[str], bool]) -> str:
        """Take a piece of the member, give what of the string's inside is settled by it."""
        if self._is_other:
            return ""
        self._tail += news
        if self.name is None and not self._begin(may_begin):
            return ""
        settled = _INSIDE.match(self._tail)
        text = settled[0] if settled else ""
        self._tail = self._tail[len(text) :]
        self._is_other = self._tail[:1] < " " and bool(self._tail)  # a character that JSON does not allow
        if text:
            self.shown = (self.shown or len(self.head)) + len(text)
        return text

    def _begin(self, may_begin: Callable[[str], bool]) -> bool:
        member = _MEMBER.match(self._tail)
        if member is None:
            self._is_other = len(self._tail) > _LONGEST_NAME
            return False
        name = json.loads(member[1], strict=False)
        self._is_other = member[2] != '"' or not may_begin(name)
        if self._is_other:
            return False
        self.name, self.head, self._tail = name, member[0], self._tail[member.end() :]
        return True


class _Members:
    """Cuts the text of an object where its members end; a text that does not begin with one is left alone."""

    def __init__(self) -> None:
        self._before = ""
        self._open: list[str] = []
        self._reported = 0
        self._depth = 0
        self._over = self._in_string = self._escaped = False

    @property
    def open(self) -> str:
        """What has come of the member that is not whole yet."""
        return "".join(self._open)

    def news(self) -> str:
        """What has come of it since this was asked before."""
        start, self._reported = self._reported, len(self._open)
        return "".join(self._open[start:])

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Each member that ends in the piece, and the comma or brace that ends it."""
        if not self._depth:
            text = self._begin(text)
        start = 0
        for place, char in enumerate(text):
            if self._ends_member(char):
                yield self.open + text[start:place], char
                self._open, self._reported, start = [], 0, place + 1
                if self._over:
                    return
        if text[start:]:
            self._open.append(text[start:])

    def _begin(self, text: str) -> str:
        """What stands after the brace that opens the object."""
        if self._over:
            return ""
        self._before += text
        opening = _BEGINNING.match(self._before)
        self._over = opening is None and len(self._before) > _LONGEST_NAME
        if opening is None:
            return ""
        self._depth = 1
        return self._before[opening.end() :]

    def _ends_member(self, char: str) -> bool:
        if self._escaped:
            self._escaped = False
        elif self._in_string:
            self._escaped, self._in_string = char == "\\", char != '"'
        elif char == '"':
            self._in_string = True
        else:
            self._depth += _STEPS.get(char, 0)
            self._over = not self._depth
            return self._over or (char == "," and self._depth == 1)
        return False
