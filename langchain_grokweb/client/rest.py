"""A turn over the conversations endpoint: opened, read, left."""

from __future__ import annotations

import sys
from contextlib import suppress

import anyio
import httpx

from langchain_grokweb.client.http import Http, Reply, translated_errors
from langchain_grokweb.errors import GrokWebError, GrokWebInterruptedError, GrokWebProtocolError, GrokWebTimeoutError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn

STOP_SECONDS = 2.0


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
        self._reply: Reply | None = None
        self._first: list[ev.Event] = []
        self._ended = False
        self._failure: GrokWebError | None = None
        self._running = False  # at the service, as far as we know
        self._conversation_id = turn.conversation.conversation_id if turn.conversation else None
        self._prompt_id: str | None = None
        self._answer_id: str | None = None

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
        referer = f"/c/{self._conversation_id}" if self._conversation_id else "/"
        self._reply = await self._http.open("POST", wire.path(self._turn), wire.payload(self._turn), referer=referer)
        self._running = True
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
        if batch and isinstance(failed := batch[-1], ev.TurnFailed):
            self._failure = failed.error
            batch = batch[:-1]
        if batch:
            return batch
        if self._failure is not None:
            raise self._failure
        if not self._decoder.finished:
            raise GrokWebInterruptedError(
                "The answer broke off before it was whole.",
                next_step="Ask again; what came so far is in the error's `.partial`.",
            )
        return None

    async def _read_on(self) -> list[ev.Event]:
        """After a read that brought no event (half a line, a keep-alive): from here on, time runs on over reads."""
        batch: list[ev.Event] = []
        try:
            with anyio.fail_after(self._http.service.stream_event_timeout):
                while not batch and not self._ended:
                    batch = await self._read()
        except TimeoutError:
            raise self._silence() from None
        return batch

    async def _read(self) -> list[ev.Event]:
        if self._ended:
            return []
        try:
            batch = self._decoder.feed(await anext(self._pieces))
        except (StopAsyncIteration, httpx.NetworkError, httpx.RemoteProtocolError):
            self._ended, self._running = True, False
            batch = self._decoder.close()
        except httpx.ReadTimeout:
            raise self._silence() from None
        for event in batch:
            self._note(event)
        return batch

    def _silence(self) -> GrokWebTimeoutError:
        return GrokWebTimeoutError(
            f"grok.com sent nothing of the answer for {self._http.service.stream_event_timeout:g} seconds.",
            next_step="Ask again, or allow more silence with `stream_event_timeout=`.",
        )

    def _note(self, event: ev.Event) -> None:
        """Remember what is needed to stop the turn."""
        match event:
            case ev.TextDelta():
                pass
            case ev.ConversationOpened(conversation_id):
                self._conversation_id = conversation_id
            case ev.PromptStored(response_id):
                self._prompt_id = response_id
            case ev.AnswerStarted(response_id):
                self._answer_id = response_id
            case ev.AnswerFinished():
                self._running = False
            case ev.TurnFailed(error):
                self._running = isinstance(error, GrokWebProtocolError)

    async def leave(self) -> None:
        """Let go of the connection, and stop the turn at the service if it may still be running there."""
        if sys.is_finalizing():
            return
        with anyio.move_on_after(STOP_SECONDS, shield=True):
            if self._reply is not None:
                await self._reply.aclose()
            if self._running and self._conversation_id:
                self._running = False
                await self._stop()

    async def _stop(self) -> None:
        """Stop this answer; where it cannot be told from others, all of its conversation (rest.md 2.1, 7 and 8)."""
        try:
            if answer_id := self._answer_id or await self._find_answer():
                await self._http.fetch_json("DELETE", f"{wire.CONVERSATIONS}/inflight-response/{answer_id}")
                return
        except GrokWebError:
            pass  # the other way is the better known one
        except ResourceWarning:
            # The loop is ending, and warnings are errors: httpx's own generators may no longer be begun there.
            return
        with suppress(GrokWebError):
            await self._http.fetch_json("POST", f"{wire.CONVERSATIONS}/{self._conversation_id}/stop-inflight-responses")

    async def _find_answer(self) -> str | None:
        """The running answer to our prompt, which has not told its id yet (rest.md 2.1, 3)."""
        if self._prompt_id is None:
            return None
        path = f"{wire.CONVERSATIONS}/{self._conversation_id}/response-node?includeThreads=true"
        return wire.running_answer(await self._http.fetch_json("GET", path), self._prompt_id)
