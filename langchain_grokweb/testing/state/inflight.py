"""Answers that are being written: a log of frames, filled by one task and read by any number of sockets.

Writing and delivering are apart, as at the real service: a lost socket does not stop an answer, and whoever
reconnects reads the same log (rest.md 2.2 and 5). A generation ends when its source does, when it is stopped,
or when it is lost; its answer may be complete, and stored, before the last frame (titles come late). The frames
themselves are a wire's business; the log only knows how each counts.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_grokweb.testing.state.composition import Composition, Text, Thought
from langchain_grokweb.testing.state.conversations import Conversation, Node
from langchain_grokweb.testing.state.faults import ErrorReply, Fault
from langchain_grokweb.testing.state.script import Era, Turn, TurnStatus

FrameKind = Literal["result", "response", "error", "raw", "keep_alive"]

_BATCH = 32
_BREATHE_EVERY = 16


@dataclass(slots=True)
class Frame:
    """One frame of a wire.

    Attributes:
        kind: "response" for what concerns a response, "result" for what stands beside it (conversation, title), "error"
            for a line that ends the stream, "raw" for bytes that are no frame at all, "keep_alive" for a sign of life.
        body: The members, or the bytes.
        text: What the frame adds to the answer.
        is_opening: It is not said again to somebody who reconnects.
        is_token: It waits for the emulator's `pace`.
        completes: With it the answer is complete and stored; what follows comes late.
        delay: Seconds before it.
        at: When it was written, in the loop's time.
        part: The part of the answer that is whole with it, for a wire that did not write the frame.
    """

    kind: FrameKind
    body: Any
    text: str = ""
    is_opening: bool = False
    is_token: bool = False
    completes: bool = False
    delay: float = 0.0
    at: float = 0.0
    part: Any = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One question as a wire understood it.

    `quota` names the quota that it uses. `begins` where its conversation begins with it; `remembers` unless the
    assistant shall not see earlier turns.
    """

    prompt: str
    conversation_id: str | None
    parent_response_id: str | None
    mode: str
    is_model: bool
    quota: str
    era: Era
    temporary: bool = False
    thinking: bool = False
    search: bool = True
    images: bool = True
    keep_running: bool = False
    final_metadata: bool = True
    follow_ups: bool = True
    file_ids: tuple[str, ...] = ()
    begins: bool = False
    remembers: bool = True
    wire: str = "rest"


@dataclass(slots=True)
class Writer(ABC):
    """Renders one turn on a wire.

    Attributes:
        ask: What was asked.
        conversation: Where the turn belongs.
        question: The node of the question.
        answer: The node of the answer; filled in when the answer is composed or stopped.
    """

    ask: Ask
    conversation: Conversation
    question: Node
    answer: Node

    @abstractmethod
    def opening(self) -> Sequence[Frame]:
        """What comes before there is an answer."""

    @abstractmethod
    def answered(self, composition: Composition, title: str | None, faults: Sequence[Fault]) -> Sequence[Frame]:
        """The answer, with what content faults make of it."""

    @abstractmethod
    def streamed(self, part: Thought | Text) -> Sequence[Frame]:
        """A thought or words of an answer that is not whole yet."""

    @abstractmethod
    def stopped(self, text: str) -> Sequence[Frame]:
        """The end of an answer that was stopped."""


MakeWriter = Callable[[Ask, Conversation, Node, Node], Writer]


@dataclass(slots=True)
class Generation:
    """One answer in the making. `on_end` is called once it is complete, or without a status where it is lost."""

    turn: Turn
    writer: Writer
    on_end: Callable[["Generation", TurnStatus | None], None]
    pace: float = 0.0
    hold_after: int | None = None
    log: list[Frame] = field(default_factory=list)
    delivered: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _is_complete: bool = False
    _responses: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def start(self, source: AsyncIterator[Frame]) -> None:
        """Begin to write what the source gives."""
        self._task = asyncio.get_running_loop().create_task(self._run(source))
        self._task.add_done_callback(self._check)

    def stop(self) -> None:
        """Stop writing; the answer ends with what there is."""
        self.cancel()
        frames = self.writer.stopped(self.turn.text)
        self._complete("stopped")
        for frame in frames:
            self._append(frame)
        self._end("stopped")

    def lose(self) -> None:
        """Drop the answer, as if the service had forgotten it; one that is complete stays."""
        if self._is_complete:
            return
        self.cancel()
        self.on_end(self, None)
        self.ended.set()
        self._grown.set()

    def cancel(self) -> None:
        """Stop the task that writes, and nothing else."""
        if self._task is not None:
            self._task.cancel()

    def release(self, hold_after: int | None = None) -> None:
        """Go on, where a fault holds the answer; to where another one holds it."""
        self.hold_after = hold_after
        self._released.set()

    async def follow(self, start: int = 0) -> AsyncIterator[list[Frame]]:
        """The log from this place on, in batches of what is there, until the generation ends."""
        position = start
        while True:
            batch = self.log[position : position + _BATCH]
            position += len(batch)
            if batch:
                yield batch
            elif self.ended.is_set():
                return
            else:
                self._grown.clear()
                await self._grown.wait()

    async def _run(self, source: AsyncIterator[Frame]) -> None:
        async for frame in source:
            await self._wait_before(frame)
            self._append(frame)
        self._end("finished")

    async def _wait_before(self, frame: Frame) -> None:
        is_held = self.hold_after is not None and self._responses >= self.hold_after
        if is_held and not self._is_complete:  # who would let go of what comes late?
            self._released.clear()
            await self._released.wait()
        seconds = frame.delay + (self.pace if frame.is_token else 0.0)
        if seconds or len(self.log) % _BREATHE_EVERY == 0:
            await asyncio.sleep(seconds)

    def _append(self, frame: Frame) -> None:
        frame.at = asyncio.get_running_loop().time()
        self.log.append(frame)
        self.turn.text += frame.text
        self._responses += frame.kind == "response"
        if frame.completes:
            self._complete("finished")
        self._grown.set()

    def _complete(self, status: TurnStatus) -> None:
        if not self._is_complete:
            self._is_complete = True
            self.on_end(self, status)

    def _end(self, status: TurnStatus) -> None:
        self._complete(status)
        self.ended.set()
        self._grown.set()

    def _check(self, task: asyncio.Task[None]) -> None:
        """A source that breaks is a bug of the emulator: say so on the wire rather than hang."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._append(Frame("error", ErrorReply(500, f"Emulator: {error!r}").body))
            self._end("finished")
