"""A turn over the conversations endpoint: opened, read, left."""

from __future__ import annotations

import sys

import anyio
import httpx

from langchain_grokweb.client.http import Http, Reply, translated_errors
from langchain_grokweb.client.running import RunningAnswer, bounded, split_failure
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import GrokWebError, GrokWebInterruptedError, GrokWebTimeoutError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn


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

    @classmethod
    async def open(cls, http: Http, turn: Turn) -> RestTurn:
        """Send the turn and wait for its first events.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
        """
        opened = cls(http, turn)
        try:
            with translated_errors(http.service), anyio.fail_after(http.service.timeout):
                await opened._send()
        except BaseException:
            await opened.leave()
            raise
        return opened

    async def _send(self) -> None:
        place = self._turn.conversation
        referer = f"/c/{place.conversation_id}" if place else "/"
        self._reply = await self._http.open("POST", wire.path(self._turn), wire.payload(self._turn), referer=referer)
        self._answer.may_run = True
        response = self._reply.response
        self._pieces = response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
        while not self._first and not self._ended:
            self._first = await self._read()
        if self._first and isinstance(failed := self._first[0], ev.TurnFailed):
            raise failed.error

    async def next_batch(self) -> list[ev.Event] | None:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            GrokWebInterruptedError: The stream ended before the answer did.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        batch, self._first = self._first, []
        if not batch and self._failure is None:
            batch = await self._read()
            if not batch and not self._ended:
                batch = await self._read_on()
        if batch:
            batch, self._failure = split_failure(batch)
            if batch:
                return batch
        if self._failure is not None:
            raise self._failure
        if not self._decoder.finished:
            raise broken_off()
        return None

    async def _read_on(self) -> list[ev.Event]:
        """After a read that brought no event (half a line, a keep-alive): from here on, time runs on over reads."""
        batch: list[ev.Event] = []
        try:
            with anyio.fail_after(self._http.service.stream_event_timeout):
                while not batch and not self._ended:
                    batch = await self._read()
        except TimeoutError:
            raise silence(self._http.service) from None
        return batch

    async def _read(self) -> list[ev.Event]:
        if self._ended:
            return []
        try:
            batch = self._decoder.feed(await anext(self._pieces))
        except (StopAsyncIteration, httpx.NetworkError, httpx.RemoteProtocolError):
            self._ended, self._answer.may_run = True, False
            batch = self._decoder.close()
        except httpx.ReadTimeout:
            raise silence(self._http.service) from None
        self._answer.note(batch)
        return batch

    async def leave(self) -> None:
        """Let go of the connection, and stop the turn at the service if it may still be running there."""
        if sys.is_finalizing():
            return
        with bounded():
            if self._reply is not None:
                await self._reply.aclose()
            await self._answer.stop()


def broken_off() -> GrokWebInterruptedError:
    """The error for a stream that ended before its answer."""
    return GrokWebInterruptedError(
        "The answer broke off before it was whole.",
        next_step="Ask again; what came so far is in the error's `.partial`.",
    )


def silence(service: Service) -> GrokWebTimeoutError:
    """The error for an answer that does not go on."""
    return GrokWebTimeoutError(
        f"grok.com sent nothing of the answer for {service.stream_event_timeout:g} seconds.",
        next_step="Ask again, or allow more silence with `stream_event_timeout=`.",
    )
