"""One model call at the service: a turn that is open, its answer as it comes, and further turns that mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGenerationChunk

from langchain_grokweb.client import OpenTurn
from langchain_grokweb.errors import GrokWebError, GrokWebInterruptedError
from langchain_grokweb.messages.accumulator import Answer, Delta
from langchain_grokweb.wire.events import Event
from langchain_grokweb.wire.turn import ConversationRef

Mend = Callable[[ConversationRef, str], Awaitable[OpenTurn]]


class ModelCall:
    """A turn that is open, and its answer as it comes."""

    def __init__(self, turn: OpenTurn, answer: Answer, mend: Mend, attempts: int) -> None:
        self._turn = turn
        self._answer = answer
        self._mend = mend
        self._attempts = attempts
        self._closed = self._turn_ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._turn.leave()

    async def next_chunks(self) -> list[ChatGenerationChunk] | None:
        """The chunks of what arrived together; after the one that closes the stream, `None`."""
        if self._closed:
            return None
        deltas = await self._next_deltas()
        if deltas is not None:
            return [self._answer.chunk(delta) for delta in deltas]
        self._closed = True
        return [self._answer.last_chunk()]

    async def whole_message(self) -> AIMessage:
        """The answer when it is finished; no chunk is made on the way."""
        while await self._next_deltas() is not None:
            pass
        return self._answer.message()

    async def _next_deltas(self) -> list[Delta] | None:
        """What the next read adds to the answer; `None` when it is finished."""
        if not self._turn_ended:
            batch = None if self._answer.stopped else await self._next_batch()
            if batch is not None:
                return self._answer.feed(batch)
            self._turn_ended = True
            if last := self._answer.end_turn():
                return [last]
        if await self._goes_on():
            return []
        self._answer.finish()
        return None

    async def _next_batch(self) -> list[Event] | None:
        """The turn's next events; `None` at its end, or where it failed to mend an answer that can be used as it is."""
        try:
            return await self._turn.next_batch()
        except GrokWebError as error:
            if self._answer.abandon_repair():
                self._attempts = 0
                return None
            if isinstance(error, GrokWebInterruptedError):
                error.partial = self._answer.partial()
            raise

    async def _goes_on(self) -> bool:
        """Have the answer mended in a further turn, where it needs that and may have it."""
        place = self._answer.conversation_ref()
        if not self._attempts or place is None or (text := self._answer.repair_prompt()) is None:
            return False
        self._attempts -= 1
        await self._turn.leave()
        self._answer.start_repair()
        try:
            self._turn = await self._mend(place, text)
        except GrokWebError:
            if self._answer.abandon_repair():
                return False
            raise
        self._turn_ended = False
        return True
