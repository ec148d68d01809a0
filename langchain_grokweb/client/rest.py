"""A turn over the conversations endpoint: opened, read, left."""

from __future__ import annotations

import time

import anyio
import httpx

from langchain_grokweb.client.http import Http, Reply, in_time
from langchain_grokweb.client.running import LATE_SECONDS, RunningAnswer, broken_off, silence, split_failure
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
)
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn

_BROKEN = (StopAsyncIteration, httpx.NetworkError, httpx.RemoteProtocolError, httpx.DecodingError)


class RestTurn:
    """One turn that the service has taken.

    `open` gives it with its first events read, so that a refusal which comes as the first line of a stream is one of
    opening. `next_batch` gives what a read brought. `leave` must be called at the end, however it ends.
    """

    transport = "rest"

    def __init__(self, http: Http, turn: Turn) -> None:
        self._http = http
        self._turn = turn
        self._decoder = wire.RestDecoder(assets_url=http.service.assets_url)
        self._answer = RunningAnswer(http, turn)
        self._reply: Reply | None = None
        self._first: list[ev.Event] = []
        self._failure: GrokWebError | None = None
        self._ended = False
        self._late_until: float | None = None

    @classmethod
    async def open(cls, http: Http, turn: Turn) -> RestTurn:
        """Send the turn and wait for its first events.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
        """
        opened = cls(http, turn)
        try:
            await in_time(http.service, opened._send)
        except BaseException:  # a cancellation too must not leave the turn running
            await opened.leave()
            raise
        return opened

    async def _send(self) -> None:
        place = self._turn.conversation
        referer = f"/c/{place.conversation_id}" if place else "/"
        try:
            self._reply = await self._http.open(
                "POST", wire.path(self._turn), wire.payload(self._turn), referer=referer
            )
        except GrokWebConversationNotFoundError:
            if place is not None:
                raise
        if self._reply is None:
            raise GrokWebInvalidRequestError(
                f"{self._http.service.base_url} has no conversations endpoint.", next_step="Check `base_url=`."
            )
        self._answer.may_run = True
        response = self._reply.response
        self._pieces = response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
        while not self._first and not self._ended:
            self._first = await self._read()
        if self._first and isinstance(failed := self._first[0], ev.TurnFailed):
            raise self._http.clean(failed.error)

    async def next_batch(self) -> list[ev.Event] | None:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            GrokWebInterruptedError: The stream ended before the answer did.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        batch, self._first = self._first, []
        if not batch and self._failure is None:
            batch = await (self._read_late() if self._decoder.finished else self._read_on())
        if batch:
            batch, self._failure = split_failure(batch)
            if batch:
                return batch
        if self._failure is not None:
            raise self._http.clean(self._failure)
        if not self._decoder.finished:
            raise broken_off()
        return None

    async def _read_on(self) -> list[ev.Event]:
        """The events of the next read that brings any; time runs on over reads that bring no word of the answer."""
        silent = False
        limit, heard = self._http.service.stream_event_timeout, self._decoder.heard
        try:
            batch = await self._read()
            if not batch and not self._ended:  # half a line, a keep-alive, or a frame that adds nothing to the answer
                with anyio.fail_after(limit) as scope:
                    while not batch and not self._ended:
                        batch = await self._read()
                        if self._decoder.heard != heard:
                            heard, scope.deadline = self._decoder.heard, anyio.current_time() + limit
        except (TimeoutError, httpx.ReadTimeout):
            silent = True
        if silent:
            raise silence(self._http.service)
        return batch

    async def _read_late(self) -> list[ev.Event]:
        """What comes behind the whole answer, a title perhaps; it is not waited for long, and may fail."""
        if self._late_until is None:
            self._late_until = time.monotonic() + LATE_SECONDS
        batch: list[ev.Event] = []
        with anyio.move_on_after(self._late_until - time.monotonic()):
            while not batch and not self._ended:
                batch = await self._read()
        return batch

    async def _read(self) -> list[ev.Event]:
        if self._ended:
            return []
        try:
            batch = self._decoder.feed(await anext(self._pieces))
        except _BROKEN:
            self._ended, self._answer.may_run = True, False
            batch = self._decoder.close()
        self._answer.note(batch)
        return batch

    async def leave(self) -> None:
        """Let go of the connection, and stop the turn at the service if it may still be running there."""
        await self._answer.leave(self._let_go, self._decoder.unknown)

    async def _let_go(self) -> None:
        if self._reply is not None:
            await self._reply.aclose()
