"""A turn over the conversations endpoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

import httpx

from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.rest_stream import EventStream
from langchain_grokweb.client.service import Wire
from langchain_grokweb.client.stopping import DeliveryUnknownError, RunningAnswer
from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn

_ON_ITS_WAY = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)


class RestTurn:
    """One turn; a `StreamingTurn`.

    `open` reads the first events too, so that a refusal which comes as the first line of a stream is one of opening.
    It runs in a task of its own: whoever leaves while it runs still has to learn what is to be stopped.
    """

    transport: Wire = "rest"

    def __init__(self, http: Http, turn: Turn) -> None:
        self.answer = RunningAnswer(http, turn)
        self._http = http
        self._turn = turn
        self._stream = EventStream(http, self.answer)
        self._was_out = False  # and nothing came back
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Send the turn and wait for its first events.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
            DeliveryUnknownError: It may have been taken, and nothing came back.
        """
        self._opening = asyncio.create_task(in_time(self._http.service, self._send))
        try:
            await asyncio.shield(self._opening)
        except (GrokWebConnectionError, GrokWebTimeoutError) as error:
            was_sent, self.answer.may_run = self.answer.may_run, False
            if isinstance(error, GrokWebTimeoutError):
                error.never_sent = error.never_sent or not was_sent
            elif not self._was_out:
                raise
            if error.never_sent:
                raise
            raise DeliveryUnknownError(error) from None

    async def _send(self) -> None:
        answer, conversation = self.answer, self._turn.conversation
        referer = f"/c/{conversation.conversation_id}" if conversation else "/"
        address, body = wire.path(self._turn), wire.payload(self._turn)
        try:
            await self._stream.open("POST", address, body, referer=referer, on_sent=answer.note_sent)
        except _ON_ITS_WAY:
            self._was_out = True
            raise
        except GrokWebError as error:  # the service refuses: nothing runs
            answer.may_run = False
            if conversation is not None or not isinstance(error, GrokWebConversationNotFoundError):
                raise
            raise GrokWebInvalidRequestError(
                f"{self._http.service.base_url} has no conversations endpoint.", next_step="Check `base_url=`."
            ) from None
        answer.note_sent()
        first = await self._stream.begin()
        if not first:
            self._was_out = answer.may_run = True
            raise GrokWebConnectionError(
                "grok.com closed the connection before it began to answer.", next_step="Try again later."
            )
        if isinstance(failed := first[0], ev.TurnFailed):
            raise self._http.clean(failed.error)

    def next_batch(self) -> Awaitable[list[ev.Event] | None]:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            BrokenOff: The stream ended before the answer did.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        return self._stream.next_batch()

    def flush(self) -> list[ev.Event]:
        """What was held back of a stream that broke off: it is text after all."""
        return self._stream.decoder.close()

    @property
    def unknown(self) -> Counter[str]:
        """What came that nobody knows, counted by kind."""
        return self._stream.decoder.unknown

    @property
    def is_over(self) -> bool:
        """Whether the reply was read to its end."""
        return (self._opening is None or self._opening.done()) and self._stream.is_over

    async def learn(self) -> None:
        """Read on until the answer's id is known."""
        if self._opening is not None and self.answer.may_run:
            await asyncio.wait({self._opening})
            if not self._opening.cancelled() and self._opening.exception() is None:
                await self._stream.learn()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._stream.close()
