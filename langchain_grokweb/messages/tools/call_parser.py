"""The answer's text, read for calls while it comes in.

The parser is a coroutine over the text: it reads on as far as it can and waits where the next piece must decide. What
it decides depends on the characters alone, never on how they were cut. It has two stages:

- `WholeAnswer`: an answer that begins like a call without the mark is held while it may be nothing but such calls. The
  first thing that rules this out gives it up, and all of it is read again by the second stage.
- `_marked`: text passes at once. Only the white space before it, a line that opens a code fence, and what may be the
  beginning of the mark wait for what comes next. A marked call counts wherever it stands, and nothing of its markup
  becomes text. A fence around calls alone vanishes with them, and so does the white space before a call and at the end.
  `State` says what came last, and `TRANSITIONS` how that changes.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

from langchain_grokweb.messages.json_schema import short
from langchain_grokweb.messages.tools.call_json import read_calls, read_json, some_name
from langchain_grokweb.messages.tools.text_buffer import FENCE, FENCE_PART, Reader, Wait
from langchain_grokweb.messages.tools.toolbox import Toolbox
from langchain_grokweb.messages.tools.unmarked_calls import WholeAnswer


class State(Enum):
    """What the second stage read last."""

    START = "nothing yet"
    TEXT = "text"
    CALL = "a call's markup: white space after it is not text yet"
    FENCE = "a line that opens a fence: it waits"
    FENCED_CALL = "a line that opens a fence, and calls: the fence may vanish"


class Signal(Enum):
    """What the second stage can come upon."""

    TEXT = "text, or a fence line that is text"
    CALL = "a call's markup"
    FENCE_OPENS = "a line that opens a fence"
    FENCE_CLOSES = "a line that closes a fence around calls alone"


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.START, Signal.TEXT): State.TEXT,
    (State.START, Signal.CALL): State.CALL,
    (State.START, Signal.FENCE_OPENS): State.FENCE,
    (State.TEXT, Signal.TEXT): State.TEXT,
    (State.TEXT, Signal.CALL): State.CALL,
    (State.TEXT, Signal.FENCE_OPENS): State.FENCE,
    (State.CALL, Signal.TEXT): State.TEXT,
    (State.CALL, Signal.CALL): State.CALL,
    (State.CALL, Signal.FENCE_OPENS): State.FENCE,
    (State.FENCE, Signal.TEXT): State.TEXT,
    (State.FENCE, Signal.CALL): State.FENCED_CALL,
    (State.FENCED_CALL, Signal.TEXT): State.TEXT,
    (State.FENCED_CALL, Signal.CALL): State.FENCED_CALL,
    (State.FENCED_CALL, Signal.FENCE_CLOSES): State.CALL,
}

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
        self._calls_left: float = inf if box.parallel else 1
        self._mark = mark
        self._open, self._close = f"<tool:{mark}", f"</tool:{mark}"
        self._either = re.compile(f"{re.escape(self._open)}|{re.escape(self._close)}")
        self._out: list[Outcome] = []
        self._in = Reader()  # the white space before what comes next waits in it
        self._state = State.START
        self._fence_line = ""  # the line that opens a fence, with what waited before it, while it waits itself
        self._ticks = 0  # of the fence that waits, or that the text is in
        self._running = self._run() if box.tools and box.choice != "none" else None
        if self._running:
            next(self._running)

    def feed(self, text: str) -> list[Outcome]:
        """Take a piece of text, give what is settled; no piece of text in it is empty."""
        if not text or self._running is None:
            return [text] if text else []
        self._in.feed(text)
        next(self._running)
        return self._settled()

    def flush(self) -> list[Outcome]:
        """The answer is over: settle what waits."""
        self._in.over = True
        for _ in self._running or ():
            pass
        return self._settled()

    def _settled(self) -> list[Outcome]:
        """What is settled, with neighbouring pieces of text joined."""
        outcomes: list[Outcome] = []
        texts: list[str] = []
        for item in [*self._out, ""]:
            if isinstance(item, str) and item:
                texts.append(item)
                continue
            if texts:
                outcomes.append("".join(texts))
                texts.clear()
            if not isinstance(item, str):
                outcomes.append(item)
        self._out.clear()
        return outcomes

    def _run(self) -> Wait[None]:
        calls = yield from WholeAnswer(self._in, self._tools, self._mark).read(LONGEST_CALL)
        if calls is None:
            yield from self._marked()
        else:
            self._out += [self._outcome(*call) for call in calls]

    def _move(self, signal: Signal) -> None:
        self._state = TRANSITIONS[self._state, signal]

    # --- text with marked calls

    def _marked(self) -> Wait[None]:
        while char := (yield from self._in.next()):
            if char == "<" and (yield from self._markup()):
                continue
            if char == "`" and self._at_line_start() and (yield from self._fence()):
                continue
            # Text, up to where something else may begin.
            interest = _INTEREST.search(self._in.text, self._in.at + 1)
            end = interest.start() if interest else len(self._in.text)
            self._pass_on(self._in.text[self._in.at : end].rstrip())
            self._in.take(end)
        if self._state not in {State.CALL, State.FENCED_CALL}:
            self._out.append(self._fence_line + self._in.taken())

    def _pass_on(self, text: str) -> None:
        """This is text, and so is what waited before it."""
        self._out.append(self._fence_line + self._in.taken() + text)
        self._in.at += len(text)
        if self._state is not State.TEXT:
            self._fence_line = ""
            self._move(Signal.TEXT)

    # --- fences

    def _at_line_start(self) -> bool:
        if self._state is State.START or self._state is State.FENCED_CALL:
            return True
        lines = (line for space in reversed(self._in.waiting) if (line := space.rstrip(" \t")))
        return next(lines, "").endswith("\n")

    def _fence(self) -> Wait[bool]:
        """Read a fence line; whether there was one."""
        fence = yield from self._in.match(FENCE, FENCE_PART)
        if fence is None:
            return False
        ticks = len(fence[1])
        if not self._ticks:
            self._in.take(fence.end())
            self._fence_line, self._ticks = self._in.taken(), ticks
            self._move(Signal.FENCE_OPENS)
            return True
        bare = not fence[2].strip() and not self._in.text.startswith("<", fence.end())
        closes = bare and ticks >= self._ticks
        if closes and self._state is State.FENCED_CALL:
            self._skip(fence.end())
            self._fence_line = ""
            self._move(Signal.FENCE_CLOSES)
        else:
            self._pass_on(fence[0])
        if closes:
            self._ticks = 0
        return True

    # --- markup

    def _markup(self) -> Wait[bool]:
        """Read a marked call, or a closing tag that is left over; whether there was one."""
        for tag in (self._open, self._close):
            while len(self._in.text) - self._in.at < len(tag) and tag.startswith(self._in.text[self._in.at :]):
                if not (yield from self._in.more()):
                    return self._cut_off(tag)
        if self._in.text.startswith(self._close, self._in.at):
            self._skip_markup(self._in.at)
            yield from self._closing_tag()
            return True
        if not self._in.text.startswith(self._open, self._in.at):
            return False
        self._skip_markup(self._in.at + len(self._open))
        yield from self._marked_call()
        return True

    def _skip_markup(self, end: int) -> None:
        """Pass a call's markup, which is no text."""
        self._skip(end)
        self._move(Signal.CALL)

    def _skip(self, end: int) -> None:
        """Read up to there, and drop it with the white space before it."""
        self._in.at = end
        self._in.waiting.clear()

    def _cut_off(self, tag: str) -> bool:
        """The answer ends within a tag: it is one if it shows some of the mark."""
        if len(self._in.text) - self._in.at <= tag.index(":") + 1:
            return False
        self._skip_markup(len(self._in.text))
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
        """What stood after the mark; without a closing tag it counts only if more follows and its JSON is whole."""
        tag = _TAG_REST.match(body)
        raw = body[tag.end() if tag else 0 :].strip()
        name = _NAME.search(tag[1]) if tag else None
        if size > LONGEST_CALL:
            return [ToolFault("a call is longer than 1 MiB", raw[:_LONGEST_RAW], some_name(raw[:_LONGEST_RAW]))]
        try:
            value, repaired = read_json(raw)
        except ValueError as error:
            reason = f"the JSON of a call is malformed: {error}" if closed else _UNFINISHED
            return [ToolFault(short(reason), raw, some_name(raw))]
        if not closed and (repaired or not followed):
            return [ToolFault(_UNFINISHED, raw, some_name(raw))]
        calls = [(name[1], value)] if name else read_calls(value, bare=False)
        if calls is None:
            return [ToolFault('a call must be a JSON object with "name" and "args"', raw, some_name(raw))]
        return [self._outcome(name, args, raw) for name, args in calls]

    def _outcome(self, name: str, args: Any, raw: str) -> Outcome:
        tool = self._tools.get(name)
        if tool is None:
            shown = short(json.dumps(name, ensure_ascii=False))
            return ToolFault(f"there is no tool {shown}; the tools are {', '.join(self._tools)}", raw, name)
        fitted, fault = tool.check(args)
        if fitted is None:
            return ToolFault(f"the arguments of {name} do not fit: {fault}", raw, name)
        if not self._calls_left:
            return ToolFault("more than one call, where one was allowed", raw, name)
        self._calls_left -= 1
        return ToolCall(name, fitted, f"call_{uuid.uuid4().hex[:24]}")
