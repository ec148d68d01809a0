"""One socket's view of an answer on the gateway: from the log to messages, and what keeps them from arriving.

Delivery faults strike after a number of response events, of which `response.created` is the first. Whether the
answer goes on meanwhile is the generation's own matter.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_grokweb.testing.gateway.events import failure
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame, Generation

_KEEP_ALIVE_SECONDS = 0.02
# a reset throws away what has not reached the other side yet
_ARRIVAL_SECONDS = 0.02


class Line(Protocol):
    """The socket as one session has it."""

    def spelled(self, faults: Sequence[Fault]) -> "Line":
        """The same line with the framing that one of these faults asks for."""

    async def say(self, body: Any) -> None:
        """Send an event, numbered and in its envelope; text is sent as it is."""

    async def pong(self) -> None:
        """Send a pong that nobody asked for."""

    async def flush(self) -> None:
        """Send what waits for company in its message."""

    async def close(self, code: int) -> None:
        """Close the socket."""

    def abort(self) -> None:
        """Reset the connection."""


@dataclass(slots=True)
class GatewayDelivery:
    """Reads one generation for one session."""

    generation: Generation
    line: Line
    fault: Fault | None
    _responses: int = 0

    async def run(self) -> bool:
        """Send everything; False where a fault kept the end from arriving."""
        async for batch in self.generation.follow():
            for frame in batch:
                if self._strikes_before(frame):
                    return False
                await self._send(frame)
                if self._strikes_after():
                    return False
            await self.line.flush()
            await asyncio.sleep(0)
        return True

    async def _send(self, frame: Frame) -> None:
        self._responses += frame.kind == "response"
        self.generation.delivered += 1
        # an error frame is the log's own word for a bug of the emulator
        await self.line.say(failure(frame.body["code"], frame.body["message"]) if frame.kind == "error" else frame.body)

    def _strikes_before(self, frame: Frame) -> bool:
        if self.fault is None:
            return False
        if self.fault.name == "close_without_done":
            return frame.completes
        if self.fault.name == "no_reply":
            return True
        return bool(self.fault.options["after"] <= 0) and frame.kind == "response"

    def _strikes_after(self) -> bool:
        if self.fault is None or self.fault.name == "close_without_done":
            return False
        return bool(self._responses >= max(1, self.fault.options["after"]))

    async def end_badly(self) -> None:
        """What the fault makes of the socket."""
        await self.line.flush()
        if self.fault is None:
            return
        if self.fault.name in ("silence", "keepalive_only"):
            await self._until_ended(talking=self.fault.name == "keepalive_only")
            return
        if self.fault.options.get("then") == "finished":
            await self.generation.ended.wait()
        if self.fault.name in ("reset", "no_reply"):
            await asyncio.sleep(_ARRIVAL_SECONDS)
            self.line.abort()
            return
        if self.fault.name == "session_ended":
            await self.line.say({"type": "session.ended"})
            await self.line.flush()
        await self.line.close(self.fault.options.get("code", 1000))

    async def _until_ended(self, *, talking: bool) -> None:
        """Silence, or pongs only, for as long as the answer is not over; nothing of it is delivered any more."""
        while not self.generation.ended.is_set():
            if talking:
                await self.line.pong()
            try:
                await asyncio.wait_for(self.generation.ended.wait(), _KEEP_ALIVE_SECONDS if talking else None)
            except TimeoutError:
                continue
