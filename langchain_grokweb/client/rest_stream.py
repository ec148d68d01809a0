"""The body of a streamed reply as events: read as it comes, with an eye on silence, until its answer is whole.

A task reads the bytes ahead (`client.network.read_ahead`), so that what arrived while the caller was busy leaves as one
batch, and a cancelled caller does not end the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import anyio
import httpx

from langchain_grokweb.client.network.http import Http, Reply
from langchain_grokweb.client.network.read_ahead import ReadAhead
from langchain_grokweb.client.network.tap import TappedPieces
from langchain_grokweb.client.stopping import (
    END_SECONDS,
    LATE_SECONDS,
    BrokenOff,
    RunningAnswer,
    silence,
    split_failure,
)
from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.rest import RestDecoder

_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.DecodingError)


class EventStream:
    """One streamed reply; `open` it, take batches, and close it however it ends."""

    def __init__(self, http: Http, answer: RunningAnswer) -> None:
        self.decoder = RestDecoder(
            assets_url=http.service.assets_url,
            conversation_id=answer.conversation_id,
            answer_id=answer.answer_id,
        )
        self.decoder.unknown.redact = http.redact
        self.ended = False
        self._is_silent = False  # the answer was awaited for too long
        self._http = http
        self._answer = answer
        self._reply: Reply | None = None
        self._pieces = ReadAhead()
        self._first: list[ev.Event] = []
        self._failure: GrokWebError | None = None
        self._late_until: float | None = None

    async def open(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        referer: str = "/",
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Have the reply, up to its body.

        Raises:
            GrokWebError: It is a refusal.
            httpx.HTTPError: It could not be fetched; see `in_time`.
        """
        tap = self._http.service.tap
        if tap is not None:
            tap("rest", "sent", {"method": method, "path": path, "body": body})
        self._reply = await self._http.open(method, path, body, referer=referer, on_sent=on_sent, may_be_silent=True)
        pieces = self._reply.pieces()
        self._pieces.start(pieces if tap is None else TappedPieces(pieces, tap))

    async def begin(self) -> list[ev.Event]:
        """Wait for the first events, which `next_batch` gives too; none where the body ends without any."""
        while not self._first and not self.ended:
            self._first = await self._read()
        return self._first

    async def next_batch(self) -> list[ev.Event] | None:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            BrokenOff: The stream ended before the answer did.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        batch, self._first = self._first, []
        if not batch and self._failure is None:
            batch = await (self._read_late() if self.decoder.finished else self._read_on())
        if batch:
            batch, self._failure = split_failure(batch)
            if batch:
                return batch
        if self._failure is not None:
            raise self._http.clean(self._failure)
        if not self.decoder.finished:
            raise BrokenOff
        return None

    async def _read_on(self) -> list[ev.Event]:
        """The events of the next read that brings any; time runs on over reads that bring no word of the answer."""
        batch: list[ev.Event] = []
        while not batch and not self.ended and self._pieces.is_ready:
            batch = await self._read()
        if batch or self.ended:
            return batch
        limit, heard = self._http.service.stream_event_timeout, self.decoder.heard
        heard_at = anyio.current_time()
        try:
            with anyio.fail_after(limit) as scope:
                while not batch and not self.ended:
                    if self.decoder.heard != heard:
                        heard, heard_at = self.decoder.heard, anyio.current_time()
                    scope.deadline = heard_at + limit
                    batch = await self._read()
        except (TimeoutError, httpx.ReadTimeout):
            self._is_silent = True
            raise silence(self._http.service) from None
        return batch

    async def _read_late(self) -> list[ev.Event]:
        """What comes after the whole answer, a title perhaps; it is not waited for long, and may fail."""
        now = asyncio.get_running_loop().time()
        if self._late_until is None:
            self._late_until = now + LATE_SECONDS
        if not self._answer.late:
            self._late_until = min(self._late_until, now + END_SECONDS)
        batch: list[ev.Event] = []
        while not batch and not self.ended and self._pieces.is_ready:
            batch = await self._read()
        if batch or self.ended:
            return batch
        with anyio.move_on_after(self._late_until - anyio.current_time()) as scope:
            while not batch and not self.ended:
                batch = await self._read()
        if scope.cancelled_caught:
            self._answer.note_late_is_over()
        return batch

    async def _read(self) -> list[ev.Event]:
        if self.ended:
            return []
        try:
            data = await self._pieces.take()
        except _BROKEN:
            data = None
        if data is None:
            self.ended, self._answer.may_run = True, False
            return []
        batch = self.decoder.feed(data)
        self._answer.note(batch)
        if not batch:  # there may be much that says nothing: others have their turn
            await asyncio.sleep(0)
        return batch

    @property
    def is_over(self) -> bool:
        """Whether nobody reads any more."""
        return self._pieces.is_over

    async def learn(self) -> None:
        """Read on until the answer's id is known, for whoever leaves the turn; nothing of it is given out."""
        answer = self._answer
        with suppress(httpx.HTTPError):
            while answer.may_run and answer.answer_id is None and not (self.ended or self._is_silent):
                if (data := await self._pieces.take()) is None:
                    return
                answer.note(self.decoder.feed(data))

    async def close(self) -> None:
        """Close the connection."""
        await self._pieces.close()
        if self._reply is not None:
            await self._reply.aclose()
