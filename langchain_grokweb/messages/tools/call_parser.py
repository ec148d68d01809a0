"""The answer's text, read for calls while it comes in.

The parser is a coroutine over the text: it reads on as far as it can and waits where the next piece must decide. What
it decides depends on the characters alone, never on how they were cut. It has two stages:

- `WholeAnswer`: an answer that begins like a call without the mark is held while it may be nothing but such calls. The
  first thing that rules this out gives it up, and all of it is read again by the second stage.
- `_marked`: text passes at once. Only the white space before it, a line that opens a code fence, and what may be the
  beginning of the mark wait for what comes next. A marked call counts wherever it stands, and nothing of its markup
  becomes text. A fence around calls alone vanishes with them, and so does the white space before a call and at the end.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.messages.json_schema import short
from langchain_grokweb.messages.tools.call_json import read_calls, read_json, some_name
from langchain_grokweb.messages.tools.text_buffer import FENCE, FENCE_PART, Reader, Wait
from langchain_grokweb.messages.tools.toolbox import Toolbox
from langchain_grokweb.messages.tools.unmarked_calls import WholeAnswer

LONGEST_CALL = 1 << 20
_LONGEST_RAW = 2000  # what is shown of a call that is too long
_UNFINISHED = "a call is unfinished: its closing tag is missing"
_TAG_REST = re.compile(r"([^<>{}\[\]]{0,200})>")
_TAG_END = re.compile(r"\s{0,8}>")
_TAG_END_PART = re.compile(r"\s{0,8}")
_NAME = re.compile(r"""\sname\s*=\s*["']([^"'<>]+)["']""")
_INTEREST = re.compile(r"<|(?<=\n)[ \t]*`")  # where text may end


@dataclass(slots=True)
class ToolCall:
    """A call that is complete and fits the tool.

    Attributes:
        name: The tool's name.
        args: Its arguments, as the schema has them.
        id: Made up here, since the service knows none.
    """

    name: str
    args: dict[str, Any]
    id: str


@dataclass(slots=True)
class ToolFault:
    """A call that cannot be made.

    Attributes:
        reason: What is wrong with it, in one line.
        raw: The call as it was written, without its tags.
        name: The tool's name, where it can be made out.
    """

    reason: str
    raw: str
    name: str = ""


Outcome = str | ToolCall | ToolFault


class ToolCallParser:
    """Feed it an answer's text, get text, calls and faults in their order."""

    def __init__(self, box: Toolbox, mark: str) -> None:
        self._tools = {tool.name: tool for tool in box.tools}
        self._parallel, self._called = box.parallel, False
        self._mark = mark
        self._open, self._close = f"<tool:{mark}", f"</tool:{mark}"
        self._either = re.compile(f"{re.escape(self._open)}|{re.escape(self._close)}")
        self._out: list[Outcome] = []
        self._in = Reader()  # the white space before what comes next waits in it
        self._head, self._head_ticks = "", 0  # a line that opens a fence, with what waited before it, not settled yet
        self._head_calls = False  # whether that fence holds a call
        self._ticks = 0  # of the fence that the text is in
        self._fresh, self._behind_call = True, False
        self._running = self._run() if box.tools and box.choice != "none" else None
        if self._running:
            next(self._running)

    def feed(self, text: str) -> list[Outcome]:
        """Take a piece of text, give what is settled; no piece of text in it is empty."""
        if not text or self._running is None:
            return [text] if text else []
        self._in.feed(text)
        next(self._running)
        return self._given()

    def flush(self) -> list[Outcome]:
        """The answer is over: settle what waits."""
        self._in.over = True
        for _ in self._running or ():
            pass
        return self._given()

    def _given(self) -> list[Outcome]:
        """What is settled, with neighbouring pieces of text joined."""
        given: list[Outcome] = []
        texts: list[str] = []
        for item in [*self._out, ""]:
            if isinstance(item, str) and item:
                texts.append(item)
                continue
            if texts:
                given.append("".join(texts))
                texts.clear()
            if not isinstance(item, str):
                given.append(item)
        self._out.clear()
        return given

    def _run(self) -> Wait[None]:
        found = yield from WholeAnswer(self._in, self._tools, self._mark).read(LONGEST_CALL)
        if found is None:
            yield from self._marked()
        else:
            self._out += [self._outcome(*call) for call in found]

    # --- text with marked calls

    def _marked(self) -> Wait[None]:
        while char := (yield from self._in.next()):
            if char == "<" and (yield from self._markup()):
                continue
            if char == "`" and self._at_line_start() and (yield from self._fence()):
                continue
            self._say()
        if not (self._head_calls if self._head else self._behind_call):
            self._emit(self._head + self._in.taken())

    def _say(self) -> None:
        """Pass on text up to where something else may begin."""
        interest = _INTEREST.search(self._in.text, self._in.at + 1)
        end = interest.start() if interest else len(self._in.text)
        self._settle(self._in.text[self._in.at : end].rstrip())
        self._in.take(end)

    def _settle(self, text: str) -> None:
        """This is text, and so is what waited before it."""
        self._emit(self._head + self._in.taken() + text)
        self._in.at += len(text)
        self._ticks = self._head_ticks if self._head else self._ticks
        self._head, self._head_calls = "", False
        self._fresh = self._behind_call = False

    def _emit(self, text: str) -> None:
        if text:
            self._out.append(text)

    # --- fences

    def _at_line_start(self) -> bool:
        if self._fresh or self._head_calls:
            return True
        before = next((kept for space in reversed(self._in.waiting) if (kept := space.rstrip(" \t"))), "")
        return before.endswith("\n")

    def _fence(self) -> Wait[bool]:
        """Read a fence line; whether there was one."""
        fence = yield from self._in.match(FENCE, FENCE_PART)
        if fence is None:
            return False
        ticks = len(fence[1])
        if self._head or self._ticks:
            bare = not fence[2].strip() and not self._in.text.startswith("<", fence.end())
            closes = bare and ticks >= (self._head_ticks if self._head else self._ticks)
            if closes and self._head_calls:
                self._vanish(fence.end())
                self._head, self._head_calls = "", False
            else:
                self._settle(fence[0])
                self._ticks = 0 if closes else self._ticks
            return True
        self._in.take(fence.end())
        self._head, self._head_ticks = self._in.taken(), ticks
        self._fresh = False
        return True

    # --- markup

    def _markup(self) -> Wait[bool]:
        """Read a marked call, or a closing tag that is left over; whether there was one."""
        for tag in (self._open, self._close):
            while len(self._in.text) - self._in.at < len(tag) and tag.startswith(self._in.text[self._in.at :]):
                if not (yield from self._in.more()):
                    return self._cut_off(tag)
        if self._in.text.startswith(self._close, self._in.at):
            self._vanish(self._in.at)
            yield from self._closing_tag()
            return True
        if not self._in.text.startswith(self._open, self._in.at):
            return False
        self._vanish(self._in.at + len(self._open))
        yield from self._marked_call()
        return True

    def _vanish(self, end: int) -> None:
        """Pass markup, and drop the white space before it."""
        self._in.at = end
        self._in.waiting.clear()
        self._fresh, self._behind_call = False, True
        self._head_calls = bool(self._head)

    def _cut_off(self, tag: str) -> bool:
        """The answer ends within a tag: it is one if it shows some of the mark."""
        if len(self._in.text) - self._in.at <= tag.index(":") + 1:
            return False
        self._vanish(len(self._in.text))
        if tag == self._open:
            self._out.append(ToolFault(_UNFINISHED, ""))
        return True

    def _marked_call(self) -> Wait[None]:
        """Read a call up to its closing tag, or to the next call or the end where it has none."""
        size = 0
        while True:
            end = self._either.search(self._in.text, self._in.at)
            upto = end.start() if end else self._maybe_tag()
            if size <= LONGEST_CALL:
                size += upto - self._in.at
                self._in.take(upto)
            self._in.at = upto
            if end or not (yield from self._in.more()):
                break
        body = self._in.taken()
        if not end:
            self._in.at = len(self._in.text)
        closed = bool(end and end[0] == self._close and (yield from self._closing_tag()))
        self._out += self._calls(body, size, closed=closed, followed=self._in.at < len(self._in.text))

    def _closing_tag(self) -> Wait[bool]:
        """Pass a closing tag; whether it is whole."""
        self._in.at += len(self._close)
        end = yield from self._in.match(_TAG_END, _TAG_END_PART)
        self._in.at = end.end() if end else self._in.at
        return end is not None

    def _maybe_tag(self) -> int:
        """Where a tag may begin that the text does not hold to its end yet."""
        text = self._in.text
        place = text.rfind("<", max(self._in.at, len(text) - len(self._close) + 1))
        rest = text[place:] if place >= 0 else ""
        return place if rest and (self._open.startswith(rest) or self._close.startswith(rest)) else len(text)

    # --- calls

    def _calls(self, body: str, size: int, *, closed: bool, followed: bool) -> list[Outcome]:
        """What stood behind the mark; without a closing tag it counts only if more follows and its JSON is whole."""
        tag = _TAG_REST.match(body)
        raw = body[tag.end() if tag else 0 :].strip()
        name = _NAME.search(tag[1]) if tag else None
        if size > LONGEST_CALL:
            return [ToolFault("a call is longer than 1 MiB", raw[:_LONGEST_RAW], some_name(raw[:_LONGEST_RAW]))]
        try:
            value, mended = read_json(raw)
        except ValueError as error:
            reason = f"the JSON of a call is malformed: {error}" if closed else _UNFINISHED
            return [ToolFault(short(reason), raw, some_name(raw))]
        if not closed and (mended or not followed):
            return [ToolFault(_UNFINISHED, raw, some_name(raw))]
        calls = [(name[1], value)] if name else read_calls(value, bare=False)
        if calls is None:
            return [ToolFault('a call must be a JSON object with "name" and "args"', raw, some_name(raw))]
        return [self._outcome(name, args, raw) for name, args in calls]

    def _outcome(self, name: str, args: Any, raw: str) -> Outcome:
        tool = self._tools.get(name)
        if tool is None:
            asked = short(json.dumps(name, ensure_ascii=False))
            return ToolFault(f"there is no tool {asked}; the tools are {', '.join(self._tools)}", raw, name)
        fitted, fault = tool.check(args)
        if fitted is None:
            return ToolFault(f"the arguments of {name} do not fit: {fault}", raw, name)
        if self._called and not self._parallel:
            return ToolFault("more than one call, where one was allowed", raw, name)
        self._called = True
        return ToolCall(name, fitted, f"call_{uuid.uuid4().hex[:24]}")
