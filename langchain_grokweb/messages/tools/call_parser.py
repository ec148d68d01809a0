"""The answer's text, read for calls while it comes in.

The parser is a coroutine over the text: it reads on as far as it can and waits where the next piece must decide. What
it decides depends on the characters alone, never on how they were cut. It has two stages:

- `_hold`: an answer that begins like a call without the mark is held to its end. If it is such a call, it is never
  made: the outcome says so, and the model may be asked. If it is none, all of it is read by the second stage.
- `_marked`: text passes at once. Only the white space before it, a line that opens a code fence, and what may be the
  beginning of the mark wait for what comes next. A marked call counts wherever it stands, and nothing of its markup
  becomes text. A fence around calls alone vanishes with them, and so does the white space before a call and at the end.
  What repeats an example of the instructions is a quotation, and text, unless nothing but calls stands there.
  `State` says what came last, and `TRANSITIONS` how that changes.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from langchain_grokweb.messages.json_schema import short
from langchain_grokweb.messages.tools.call_json import load_json, read_calls, read_json, some_name
from langchain_grokweb.messages.tools.example_values import leaves_a_choice
from langchain_grokweb.messages.tools.quotations import Quotations
from langchain_grokweb.messages.tools.text_buffer import FENCE, FENCE_PART, Reader, TooMuchText, Wait
from langchain_grokweb.messages.tools.toolbox import Toolbox
from langchain_grokweb.messages.tools.unmarked_calls import UnmarkedCall, find, may_begin


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
_TAG_PART = re.compile(r"</?(?:t(?:o(?:o(?:l(?::[0-9a-f]{0,8})?)?)?)?)?")
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
        args: The arguments, where they are an object all the same.
    """

    reason: str
    raw: str
    name: str = ""
    args: dict[str, Any] | None = None


@dataclass(slots=True)
class Unmarked:
    """What looks like calls and is none, since it does not carry the mark, or repeats an example.

    Attributes:
        text: What of it was not given out as text.
    """

    text: str


@dataclass(slots=True)
class _Example:
    """A marked call that repeats an example of the instructions.

    Attributes:
        text: What it is as text.
        outcomes: What it is as a call.
        is_only_call: Whether the tool can hardly be called otherwise: it takes no arguments, or one of few.
    """

    text: str
    outcomes: Sequence[ToolCall | ToolFault]
    is_only_call: bool


_Settled = _Example | ToolCall | ToolFault
Outcome = str | ToolCall | ToolFault | Unmarked


class ToolCallParser:
    """Feed it an answer's text, get text, calls and faults in their order.

    Args:
        box: The tools.
        mark: What a call must carry.
        asked: Whether this answers a question of ours about calls, so that an example is meant as a call.
    """

    def __init__(self, box: Toolbox, mark: str, *, asked: bool = False) -> None:
        self._tools = {tool.name: tool for tool in box.tools}
        self._forced, self._asked = box.forced, asked
        self._quotations = Quotations(box, mark)
        self._tag = f"tool:{mark}"
        self._open, self._close = f"<{self._tag}", f"</{self._tag}"
        self._out: list[Outcome] = []
        self._given: list[str] = []  # all text
        self._has_calls = self._is_holding = False
        self._pending: list[_Settled] = []  # an example, and the calls after it
        self._in = Reader()  # the white space before what comes next waits in it
        self._state = State.START
        self._fence_line = ""  # the line that opens a fence, with what waited before it, while it waits itself
        self._ticks = 0  # of the fence that waits, or that the text is in
        self._running = self._run() if box.tools and box.choice != "none" else None
        if self._running:
            next(self._running)

    @cached_property
    def _either(self) -> re.Pattern[str]:
        return re.compile(f"{re.escape(self._open)}|{re.escape(self._close)}")

    @property
    def held(self) -> str:
        """What is held because it may be a call without the mark."""
        return "".join(self._in.waiting) + self._in.text[self._in.at :] if self._is_holding else ""

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
        self._is_holding = True
        text = yield from self._hold()
        self._is_holding = False
        if calls := find(text, self._tools):
            self._in.waiting.clear()
            self._take_unmarked(text, calls)
            return
        self._in.rewind()
        yield from self._marked()
        self._settle_examples()
        text = "" if self._has_calls else "".join(self._given)
        if not self._quotations.is_quoted_in(text) and (calls := find(text, self._tools)):
            self._take_unmarked("", calls)

    def _hold(self) -> Wait[str]:
        """All of an answer that begins like a call without the mark; `""` where it does not, or is too long."""
        self._in.keep(LONGEST_CALL)
        head, holds = "", None
        try:
            while holds is not False:
                head += self._in.text[self._in.at :] if holds is None else ""
                holds = self._tag not in head and (holds or may_begin(head, self._tools))
                self._in.take(len(self._in.text))
                if holds is False or not (yield from self._in.more()):
                    break
        except TooMuchText:
            return ""
        text = "".join(self._in.waiting)
        return text if holds and self._tag not in text else ""

    def _take_unmarked(self, text: str, calls: list[UnmarkedCall]) -> None:
        """Make such calls where the caller forced one; else only say that they are there."""
        if not self._forced:
            self._out.append(Unmarked(text))
            return
        for call in calls:
            if call.is_readable:
                self._out.append(self._outcome(call.name, call.args, call.raw))
            else:
                self._out.append(ToolFault("the JSON of a call is malformed", call.raw, call.name))

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
            self._give(self._fence_line + self._in.taken())

    # --- what is settled

    def _give(self, text: str) -> None:
        """This is text; so is then an example that waited to be a call, unless it is an only call beside others."""
        if text.strip():
            for item in self._pending:
                if not isinstance(item, _Example):
                    self._out.append(item)
                elif self._has_calls and item.is_only_call:
                    self._out += item.outcomes
                else:
                    self._out.append(item.text)
                    self._given.append(item.text)
            self._pending.clear()
        self._out.append(text)
        self._given.append(text)

    def _take(self, outcomes: Sequence[_Settled]) -> None:
        """These are calls; after an example they wait with it."""
        for outcome in outcomes:
            self._has_calls |= not isinstance(outcome, _Example)
            if self._pending or isinstance(outcome, _Example):
                self._pending.append(outcome)
            else:
                self._out.append(outcome)

    def _settle_examples(self) -> None:
        """The answer ends with an example: it is meant where it stands with calls, answers a question, or is alone."""
        if not self._pending:
            return
        before = "".join(self._given)
        alone = not before.strip() and all(isinstance(item, _Example) and item.is_only_call for item in self._pending)
        is_quoted = self._quotations.is_quoted_in(before)
        if self._forced or (not is_quoted and (self._asked or self._has_calls or alone)):
            self._has_calls = True
            for item in self._pending:
                self._out += item.outcomes if isinstance(item, _Example) else [item]
        else:
            text = "".join(item.text for item in self._pending if isinstance(item, _Example))
            self._out += [item for item in self._pending if not isinstance(item, _Example)]
            self._out.append(text if is_quoted else Unmarked(text))
            self._has_calls = True  # or what is as good: nothing more is looked for
        self._pending.clear()

    def _pass_on(self, text: str) -> None:
        """This is text, and so is what waited before it."""
        self._give(self._fence_line + self._in.taken() + text)
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
        while _TAG_PART.fullmatch(self._in.text, self._in.at) and not self._is_tag():
            if not (yield from self._in.more()):
                return self._cut_off()
        if self._in.text.startswith(self._close, self._in.at):
            self._skip_markup(self._in.at)
            yield from self._closing_tag()
            return True
        if not self._in.text.startswith(self._open, self._in.at):
            return False
        space = "".join(self._in.waiting)
        self._skip_markup(self._in.at + len(self._open))
        yield from self._marked_call(space)
        return True

    def _is_tag(self) -> bool:
        return self._in.text.startswith((self._open, self._close), self._in.at)

    def _skip_markup(self, end: int) -> None:
        """Pass a call's markup, which is no text."""
        self._skip(end)
        self._move(Signal.CALL)

    def _skip(self, end: int) -> None:
        """Read up to there, and drop it with the white space before it."""
        self._in.at = end
        self._in.waiting.clear()

    def _cut_off(self) -> bool:
        """The answer ends within a tag: it is one if the word is whole, be the mark right or not."""
        rest = self._in.text[self._in.at :]
        if "tool" not in rest:
            return False
        self._skip_markup(len(self._in.text))
        if not rest.startswith("</"):
            self._take([ToolFault(_UNFINISHED, rest.split(":")[0])])
        return True

    def _marked_call(self, space: str) -> Wait[None]:
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
        if not body.lstrip(">").strip() and end and end[0] == self._open:
            return  # a tag that was begun twice
        outcomes = self._calls(body, size, closed=closed, followed=self._in.at < len(self._in.text))
        _, inside = _inside(body)
        if size <= LONGEST_CALL and self._quotations.is_example(inside):
            text = f"{space}{inside}"
            self._take([_Example(text, outcomes, is_only_call=self._takes_nothing(outcomes))])
        else:
            self._take(outcomes)

    def _takes_nothing(self, outcomes: Sequence[ToolCall | ToolFault]) -> bool:
        calls = [self._tools[item.name] for item in outcomes if isinstance(item, ToolCall)]
        return bool(calls) and not any(leaves_a_choice(tool.parameters) for tool in calls)

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

    def _calls(self, body: str, size: int, *, closed: bool, followed: bool) -> list[ToolCall | ToolFault]:
        """What stood after the mark; without a closing tag it counts only if more follows and its JSON is whole."""
        attributes, raw = _inside(body)
        name = _NAME.search(attributes)
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

    def _outcome(self, name: str, args: Any, raw: str) -> ToolCall | ToolFault:
        tool = self._tools.get(name)
        if tool is None:
            shown = short(json.dumps(name, ensure_ascii=False))
            reason = f"there is no tool {shown}; the tools are {', '.join(self._tools)}"
            return ToolFault(reason, raw, name, _readable(args))
        fitted, fault = tool.check(args)
        if fitted is None:
            return ToolFault(f"the arguments of {name} do not fit: {fault}", raw, name, _readable(args))
        return ToolCall(name, fitted, new_id())


def new_id() -> str:
    """The id of a call."""
    return f"call_{uuid.uuid4().hex[:24]}"


def _inside(body: str) -> tuple[str, str]:
    """What stood after the mark, apart: the rest of the tag, and the inside."""
    tag = _TAG_REST.match(body)
    return (tag[1], body[tag.end() :].strip()) if tag else ("", body.strip())


def _readable(args: Any) -> dict[str, Any] | None:
    """The arguments, if they are an object; none at all are an empty one."""
    if isinstance(args, str) and args.strip():
        try:
            args = load_json(args)
        except ValueError:
            return None
    return {} if args in (None, "") else args if isinstance(args, dict) else None
