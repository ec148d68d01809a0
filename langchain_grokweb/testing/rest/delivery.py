"""One socket's view of an answer: from the log to pieces of bytes, and what keeps them from arriving.

The reader follows the log of a generation, encodes what is there, and hands it out in awkward pieces. Framing
faults change the encoding; delivery faults strike after a number of response frames of this very stream.
Whether the answer goes on meanwhile is the generation's own matter.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from langchain_grokweb.testing.rest.encoding import FRAMINGS, LAST_WORDS, Cutter, enveloped, line
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame, Generation

_KEEP_ALIVE_SECONDS = 0.02
_MULTIBYTE = 0x80
# a reset throws away what has not reached the other side yet
_ARRIVAL_SECONDS = 0.02


@dataclass(slots=True)
class Delivery:
    """Reads one generation for one socket.

    Attributes:
        generation: What is read.
        cutter: Cuts the bytes.
        framing: The name of a framing fault; None for the usual lines.
        fault: A delivery fault of this stream.
        flat: The envelope of `responses`.
        keep_alive: The frame that says nothing.
        abort: Resets the connection.
        settle: Sees to what a fault promised of the answer.
        retell: What this wire says instead of a frame of the log.
    """

    generation: Generation
    cutter: Cutter
    framing: str | None
    fault: Fault | None
    flat: bool
    keep_alive: Callable[[], Frame]
    abort: Callable[[], None]
    settle: Callable[[Fault], Awaitable[None]]
    retell: Callable[[Frame], list[Frame]]
    _responses: int = 0

    async def body(self, first: Frame | None = None, start: int = 0, *, again: bool = False) -> AsyncIterator[bytes]:
        """The stream from this place of the log on; `again` leaves out what only a first reader is told."""
        if first is not None:
            self._responses += 1
            for piece in self._pieces([first]):
                yield piece
        async for frames in self._until_fault(start, again=again):
            for piece in self._pieces(frames):
                yield piece
            await asyncio.sleep(0)
        if self._struck:
            async for piece in self._after_fault():
                yield piece
        else:
            for piece in self.cutter.cut(LAST_WORDS.get(self.framing or "", b"")):
                yield piece

    async def _until_fault(self, start: int, *, again: bool) -> AsyncIterator[list[Frame]]:
        position = start
        if self._struck and self.flat:
            return
        async for batch in self.generation.follow(start):
            frames: list[Frame] = []
            for frame in batch:
                if self._struck and not self._is_first(frame):
                    break
                position += 1
                if not (again and (frame.is_opening or frame.kind == "raw")):
                    told = self.retell(frame)
                    self._responses += sum(one.kind == "response" for one in told)
                    frames += told
            self.generation.delivered = max(self.generation.delivered, position)
            yield frames
            if self._struck:
                return

    @property
    def _struck(self) -> bool:
        return self.fault is not None and self._responses >= self.fault.options["after"]

    def _is_first(self, frame: Frame) -> bool:
        """The conversation's frame is no response frame, and comes even where none of those does."""
        return frame.kind == "result" and self._responses == 0

    def _pieces(self, frames: list[Frame]) -> list[bytes]:
        lines = [self._encoded(frame) for frame in frames]
        if lines and self._struck and self.fault is not None and self.fault.options.get("torn"):
            lines[-1] = torn(lines[-1])
        if self.cutter.size <= 0:
            return lines
        return list(self.cutter.cut(b"".join(lines)))

    def _encoded(self, frame: Frame) -> bytes:
        if frame.kind == "raw":
            return bytes(frame.body)
        encode = FRAMINGS.get(self.framing or "", line)
        return encode(enveloped(frame, flat=self.flat))

    async def _after_fault(self) -> AsyncIterator[bytes]:
        name = self.fault.name if self.fault else ""
        if self.fault is not None and name in ("cut", "reset"):
            await self.settle(self.fault)
            if name == "reset":
                await asyncio.sleep(_ARRIVAL_SECONDS)
                self.abort()
                await asyncio.Event().wait()
            return
        async for piece in self._until_stopped(talking=name == "keepalive_only"):
            yield piece

    async def _until_stopped(self, *, talking: bool) -> AsyncIterator[bytes]:
        """Silence, or keep-alives only, for as long as the answer is not over; nothing of it is delivered any more."""
        while not self.generation.ended.is_set():
            if talking:
                for piece in self._pieces([self.keep_alive()]):
                    yield piece
            try:
                seconds = _KEEP_ALIVE_SECONDS if talking else None
                await asyncio.wait_for(self.generation.ended.wait(), seconds)
            except TimeoutError:
                continue


def torn(data: bytes) -> bytes:
    """The beginning of a line: it ends within its first character of several bytes, or else in its middle."""
    place = next((place for place, byte in enumerate(data) if byte >= _MULTIBYTE), len(data) // 2)
    return data[: place + 1]
