"""One reader's view of an answer: from the log to what a wire sends, and what keeps it from arriving.

Writing and delivering are apart: whether the answer goes on while a fault strikes its delivery is the generation's own
matter. A delivery fault strikes after a number of response frames of this very reader.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame, Generation

KEEP_ALIVE = Frame("keep_alive", None)  # each wire has its own words for it

_NOT_SENT_AGAIN = 8  # frames at most
_KEEP_ALIVE_SECONDS = 0.02
# a reset throws away what has not reached the other side yet
_ARRIVAL_SECONDS = 0.02


@dataclass(slots=True)
class Delivery:
    """Reads one generation for one reader.

    Attributes:
        generation: What is read.
        fault: A delivery fault of this reader.
        abort: Resets the connection.
        translate: What this wire sends instead of a frame of the log; None for the frame itself.
        latency: Seconds that each frame is on its way.
        responses: How many response frames the reader has.
        has_struck: The fault has struck; what would follow never arrives.
    """

    generation: Generation
    fault: Fault | None
    abort: Callable[[], None]
    translate: Callable[[Frame], list[Frame]] | None = None
    latency: float = 0.0
    responses: int = 0
    has_struck: bool = False

    async def frames(self, start: int = 0, *, again: bool = False) -> AsyncIterator[list[Frame]]:
        """The frames from this place of the log on, in batches, until the end or until the fault is over.

        `again` leaves out what only a first reader gets.
        """
        position = start
        async for batch in self.generation.follow(start):
            if self.latency:
                await asyncio.sleep(batch[-1].at + self.latency - asyncio.get_running_loop().time())
            to_send: list[Frame] = []
            for frame in batch:
                self.has_struck = self.has_struck or self._strikes_before(frame)
                if self.has_struck:
                    break
                position += 1
                if not (again and (frame.is_opening or frame.kind == "raw")):
                    translated = [frame] if self.translate is None else self.translate(frame)
                    self.responses += sum(one.kind == "response" for one in translated)
                    to_send += translated
                self.has_struck = self._strikes_after()
            self.generation.delivered = max(self.generation.delivered, position)
            yield to_send
            if self.has_struck:
                break
            await asyncio.sleep(0)
        if self.has_struck and self.fault is not None:
            async for frames in self._after(self.fault):
                yield frames

    def _strikes_before(self, frame: Frame) -> bool:
        match self.fault:
            case None:
                return False
            case Fault(name="close_without_done"):
                return frame.completes
            case Fault(name="no_reply"):
                return True
            case Fault(options=options):
                return bool(options["after"] <= self.responses) and frame.kind == "response"

    def _strikes_after(self) -> bool:
        if self.fault is None or self.fault.name in ("close_without_done", "no_reply"):
            return False
        return bool(self.responses >= max(1, self.fault.options["after"]))

    async def _after(self, fault: Fault) -> AsyncIterator[list[Frame]]:
        """What the fault makes of the rest: silence, keep-alives alone, or nothing more at all."""
        if fault.name in ("silence", "keepalive_only"):
            seconds = _KEEP_ALIVE_SECONDS if fault.name == "keepalive_only" else None
            while not self.generation.ended.is_set():
                if seconds is not None:
                    yield [KEEP_ALIVE]
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.generation.ended.wait(), seconds)
            return
        await settle(self.generation, fault)
        if fault.name in ("reset", "no_reply"):
            await asyncio.sleep(_ARRIVAL_SECONDS)
            self.abort()


async def settle(generation: Generation, fault: Fault) -> None:
    """See to what a fault promised of the answer, before the client can ask."""
    then = fault.options.get("then")
    if then == "finished":
        await generation.ended.wait()
    elif then == "lost":
        generation.lose()


def held_after(fault: Fault | None, start: int | None = None) -> int | None:
    """After how many response frames an answer waits: for somebody to reconnect, or until it is lost.

    The question's frame always comes. An answer whose end alone is missing does not wait. Where somebody reconnects,
    reading from the frame `start` on, not all frames are sent again.
    """
    if fault is None or fault.name == "close_without_done" or fault.options.get("then", "active") == "finished":
        return None
    held = max(1, int(fault.options.get("after", 1)))
    return held if start is None else start + held + _NOT_SENT_AGAIN
