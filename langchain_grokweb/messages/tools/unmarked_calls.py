"""Answers that are nothing but calls, written without the mark (V2 to V5 of the format).

Nothing proves that such a call is meant, so it counts only where the whole answer, white space and fences aside,
consists of such calls of tools that are bound. Each part is judged as soon as it is read, its first name even before
that, so an answer that only begins alike is given up early.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_grokweb.messages.tools.call_json import Calls, read_calls, read_json, read_parameters
from langchain_grokweb.messages.tools.text_buffer import FENCE, FENCE_PART, Reader, TooMuchText, Wait
from langchain_grokweb.messages.tools.toolbox import Tool

WrittenCalls = list[tuple[str, Any, str]]  # name, arguments, and how they were written

_FENCE_KINDS = {"", "json", "jsonc", "json5", "tool", "tools", "tool_call", "tool_calls", "tool_code", "xml"}
_FENCE_END = re.compile(r"\s*`{3,16}\s*\Z")

_STRING = re.compile(r'"([^"\\\n]{0,64})"')
_STRING_PART = re.compile(r'"[^"\\\n]{0,64}')
_IN_STRING = re.compile(r'"|\\.', re.DOTALL)
_OUTSIDE = re.compile(r'["{}\[\]]')
_KEYS = {"name": '"', "type": '"', "tool_calls": "[", "function_call": "{", "function": "{"}  # and how the value begins

_WRAPPERS = ("function_calls", "tool_calls", "xai:function_calls")
_TAGS = ("tool", "tool_call", "function_call", "invoke", "xai:function_call", *_WRAPPERS)
_ANY_TAG = "|".join([*_TAGS, r"tool:\w{1,16}"])
_ANY_START = "|".join([*sorted({tag[:size] for tag in _TAGS for size in range(len(tag) + 1)}), r"tool:\w{0,16}"])
_TAG = re.compile(rf"<(/?)({_ANY_TAG})(\s[^<>]{{0,200}}|/)?>")
_TAG_PART = re.compile(rf"</?(?:(?:{_ANY_TAG})(?:\s[^<>]{{0,200}}|/)|{_ANY_START})")
_NAME = re.compile(r"""\sname\s*=\s*["']([^"'<>]*)["']""")


class _NotCalls(Exception):  # noqa: N818
    """The answer is not made of such calls."""


class WholeAnswer:
    """Reads an answer that may be nothing but calls."""

    def __init__(self, reader: Reader, tools: Mapping[str, Tool], mark: str) -> None:
        self._in = reader
        self._tools = tools
        self._marked_tag = f"tool:{mark}"

    def read(self, room: int) -> Wait[WrittenCalls | None]:
        """The calls, or `None`, and then the reader is where it was.

        Args:
            room: How many characters may wait.
        """
        self._in.keep(room)
        try:
            return (yield from self._items())
        except (_NotCalls, TooMuchText):
            self._in.rewind()
            return None

    def _items(self) -> Wait[WrittenCalls]:
        calls: WrittenCalls = []
        ticks = 0
        while char := (yield from self._in.next()):
            self._in.waiting.clear()
            if char == "`":
                ticks = yield from self._fence(ticks)
            elif char in "{[":
                calls += yield from self._json_item()
            elif char == "<":
                calls += yield from self._element()
            else:
                raise _NotCalls
        if not calls:
            raise _NotCalls
        return calls

    def _fence(self, ticks: int) -> Wait[int]:
        """Pass a fence line; the ticks of the fence it opens, or 0 where it closes one."""
        fence = yield from self._in.match(FENCE, FENCE_PART)
        if fence is None:
            raise _NotCalls
        kind = fence[2].strip().lower()
        if (kind or len(fence[1]) < ticks) if ticks else kind not in _FENCE_KINDS:
            raise _NotCalls
        self._in.at = fence.end()
        return 0 if ticks else len(fence[1])

    # --- JSON

    def _json_item(self) -> Wait[WrittenCalls]:
        depth = yield from self._json_head()
        finished = yield from self._json_rest(depth)
        raw = self._in.taken()
        return self._readings(raw if finished else _FENCE_END.sub("", raw), bare=True)

    def _json_head(self) -> Wait[int]:
        """Read up to the first member's value, which must be a call's; how many brackets are open there."""
        depth = 1
        if self._in.text[self._in.at] == "[":
            self._in.take(self._in.at + 1)
            depth = 2
        yield from self._json_sign("{")
        key = yield from self._json_word(_KEYS)
        yield from self._json_sign(":")
        if (yield from self._in.next()) != _KEYS[key]:
            raise _NotCalls
        if _KEYS[key] == '"':
            yield from self._json_word(self._tools if key == "name" else ("function",))
        return depth

    def _json_sign(self, sign: str) -> Wait[None]:
        if (yield from self._in.next()) != sign:
            raise _NotCalls
        self._in.take(self._in.at + 1)

    def _json_word(self, words: Iterable[str]) -> Wait[str]:
        yield from self._in.next()
        string = yield from self._in.match(_STRING, _STRING_PART)
        if string is None or string[1] not in words:
            raise _NotCalls
        self._in.take(string.end())
        return string[1]

    def _json_rest(self, depth: int) -> Wait[bool]:
        """Read to the end of what is open; whether it has one."""
        inside = False
        while depth:
            sign = (_IN_STRING if inside else _OUTSIDE).search(self._in.text, self._in.at)
            if sign is None:
                half_escape = inside and self._in.text.endswith("\\", self._in.at)
                self._in.take(len(self._in.text) - half_escape)
                if not (yield from self._in.more()):
                    self._in.take(len(self._in.text))
                    return False
                continue
            self._in.take(sign.end())
            if sign[0] == '"':
                inside = not inside
            elif not inside:
                depth += 1 if sign[0] in "{[" else -1
        return True

    # --- elements

    def _element(self) -> Wait[WrittenCalls]:
        tag = yield from self._in.match(_TAG, _TAG_PART)
        if tag is None or tag[2].startswith(self._marked_tag) or (tag[1] and tag[2] not in _WRAPPERS):
            raise _NotCalls
        self._in.at = tag.end()
        if tag[2] in _WRAPPERS:
            return []
        attributes = tag[3] or ""
        name = _NAME.search(attributes)
        if name and name[1] not in self._tools:
            raise _NotCalls
        body = "" if attributes.endswith("/") else (yield from self._body(f"</{tag[2]}>"))
        return self._named(name[1], body) if name else self._readings(body, bare=False)

    def _body(self, end: str) -> Wait[str]:
        while (place := self._in.text.find(end, self._in.at)) < 0:
            self._in.take(len(self._in.text) - len(end) + 1)
            if not (yield from self._in.more()):
                raise _NotCalls
        self._in.take(place)
        self._in.at = place + len(end)
        return self._in.taken()

    # --- what they say

    def _named(self, name: str, body: str) -> WrittenCalls:
        """The call of an element that names the tool."""
        elements = read_parameters(body)
        if elements is not None:
            return [(name, elements, json.dumps(elements, ensure_ascii=False))]
        args, repaired = self._json(body)
        if not isinstance(args, dict):
            raise _NotCalls
        return self._checked([(name, args)], body, repaired=repaired)

    def _readings(self, body: str, *, bare: bool) -> WrittenCalls:
        value, repaired = self._json(body)
        calls = read_calls(value, bare=bare)
        if not calls or any(name not in self._tools for name, _ in calls):
            raise _NotCalls
        return self._checked(calls, body, repaired=repaired)

    def _json(self, text: str) -> tuple[Any, bool]:
        try:
            return read_json(text)
        except ValueError:
            raise _NotCalls from None

    def _checked(self, calls: Calls, body: str, *, repaired: bool) -> WrittenCalls:
        """The calls; what had to be repaired must fit."""
        if repaired and any(self._tools[name].check(args)[1] for name, args in calls):
            raise _NotCalls
        return [(name, args, body.strip()) for name, args in calls]
