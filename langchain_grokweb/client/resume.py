"""An answer that its reader sees unbroken, though its stream may break off.

Where a stream ends before its answer, the service is asked what became of it (`response-node`). While the answer is
being made, its stream is taken up again (`reconnect-response-v2`), and `wire.seam` lets pass what is new of it. When it
is over, the stored text is loaded, and what is missing is delivered. That is what the site's own page was seen to do
(rest.md 2.2, captured). On the gateway the same two GETs serve: that a socket tells a running answer again nobody has
seen, these endpoints were in the page of August 2026 (gateway.md 3.4), and the anti-bot rule is lenient with a GET
(rest.md 0.1). So the stored text of such an answer is read with `responses`, a GET, and not with `load-responses`.

A stream that fell silent is not taken up again: nothing tells that the service would say more on another one. The turn
is stopped, and the error names the field that allows more silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import Any, Protocol

import anyio

from langchain_grokweb.client.http import Http, in_time
from langchain_grokweb.client.rest_stream import EventStream
from langchain_grokweb.client.retry import is_passing, pause_before
from langchain_grokweb.client.stopping import BrokenOff, RunningAnswer, split_failure
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInterruptedError,
    GrokWebPermissionError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import inflight
from langchain_grokweb.wire.replay import DeliveredLog, ReplayFilter, ReplayMismatchError

TRIES_IN_VAIN = 4  # to pick up an answer, one after the other, that bring nothing of it
MOST_TRIES = 100  # in all: the longest answers are cut once a minute


class WireTurn(Protocol):
    """A turn on its wire, whose stream may break off."""

    answer: RunningAnswer
    transport: str

    def next_batch(self) -> Awaitable[list[ev.Event] | None]:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            BrokenOff: The stream ended before the answer did.
            GrokWebError: The answer failed or fell silent.
        """

    def flush(self) -> list[ev.Event]:
        """What was held back of a stream that broke off, and is taken for what it looks like."""

    @property
    def unknown(self) -> Counter[str]:
        """What came that nobody knows, counted by kind."""

    async def aclose(self) -> None:
        """Let go of the connection."""


class ResumableStream:
    """A turn that the service has taken, and its answer up to its end, over as many streams as that needs."""

    def __init__(self, http: Http, turn: WireTurn) -> None:
        self.transport = turn.transport
        self._http = http
        self._turn = turn
        self._answer = turn.answer
        self._seam = DeliveredLog()
        self._stream: EventStream | None = None
        self._joint: ReplayFilter | None = None
        self._failure: GrokWebError | None = None
        self._is_first = True  # the turn's own stream is read
        self._is_settled = False
        self._tries = self._in_vain = 0
        self._furthest = 0  # characters that one further stream told, the given ones among them
        self._finding = "its place is not known"  # what the last try came to

    async def next_batch(self) -> list[ev.Event] | None:
        """What the next read brings that is new, never empty; `None` when the answer is whole.

        Raises:
            GrokWebInterruptedError: The answer broke off and could not be picked up again.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        while True:
            try:
                batch = await (self._turn.next_batch() if self._is_first else self._read())
            except BrokenOff:
                self._is_first = False
                batch = await self._pick_up()
            else:
                if self._is_first and batch:
                    self._seam.follow(batch)
            if batch is None or batch:
                return batch

    async def _read(self) -> list[ev.Event] | None:
        """What is new on a further stream; where there is none, how the last one ended."""
        if self._failure is not None:
            raise self._http.clean(self._failure)
        if self._stream is None or self._joint is None:
            if self._is_settled:
                return None
            raise BrokenOff
        try:
            batch = await self._stream.next_batch()
        except GrokWebError as error:
            if self._joint.received or isinstance(error, GrokWebTimeoutError):
                raise
            await self._let_stream_go()  # it was refused in its first line
            return self._refused(error)
        return None if batch is None else self._joined(self._stream, self._joint, batch)

    def _joined(self, stream: EventStream, joint: ReplayFilter, batch: list[ev.Event]) -> list[ev.Event]:
        """What is new of what a further stream says."""
        new = joint.feed(batch, from_start=stream.decoder.saw_beginning)
        if new or joint.received > self._furthest:
            self._furthest, self._in_vain = max(joint.received, self._furthest), 0
        if stream.decoder.finished and not self._is_settled:
            new += self._settled(stream.decoder.definitive or {}, joint)
        return new

    def _settled(self, response: Any, joint: ReplayFilter) -> list[ev.Event]:
        """What is new by the answer as the service stores it; it has the last word."""
        assets_url = self._http.service.assets_url
        definitive, failure = split_failure(inflight.read_definitive(response, assets_url=assets_url))
        self._answer.may_run = False
        self._is_settled = True
        self._failure = failure
        try:
            return [] if failure else joint.settle(definitive)
        except ReplayMismatchError:
            self._failure = self._interrupted("what grok.com has is another text than what it told before")
            return []

    # --- picking it up

    async def _pick_up(self) -> list[ev.Event]:
        """One try to find the answer again; what is new already. Where it comes to nothing, the next read says so."""
        new = await self._let_stream_go()
        if not self._can_look or self._tries >= MOST_TRIES or self._in_vain >= TRIES_IN_VAIN:
            return [*new, *self._give_up()]
        self._answer.may_run = True
        await anyio.sleep(pause_before(self._in_vain))
        self._tries += 1
        self._in_vain += 1
        try:
            return [*new, *await self._find()]
        except GrokWebError as error:
            return [*new, *self._refused(error)]

    def _refused(self, error: GrokWebError) -> list[ev.Event]:
        """A try was refused: the next one may come to more, or there is none."""
        if isinstance(error, GrokWebConversationNotFoundError):
            self._finding = "grok.com does not have it any more"
            return []
        self._finding = f"grok.com did not tell where it stands ({type(error).__name__})"
        return [] if is_passing(error) else self._give_up()

    @property
    def _can_look(self) -> bool:
        """Whether so much is known of the answer that another one cannot be taken for it."""
        answer = self._answer
        return bool(answer.conversation_id and (answer.is_new or answer.prompt_id or answer.answer_id))

    async def _find(self) -> list[ev.Event]:
        """Look for the answer, and take up its stream, or load its text."""
        answer = self._answer
        nodes = await self._http.fetch_json("GET", inflight.nodes_path(answer.conversation_id or ""))
        found = inflight.answer_status(nodes, prompt_id=answer.prompt_id, answer_id=answer.answer_id)
        if found.answer_id is None:
            self._finding = "grok.com does not have it any more"
            return []
        answer.answer_id = found.answer_id
        if found.is_running:
            self._finding = "its stream broke off again"
            await self._take_up(found.answer_id)
            return []
        return await self._load(found.answer_id)

    async def _take_up(self, answer_id: str) -> None:
        """Open a further stream of the running answer."""
        stream = EventStream(self._http, self._answer)
        try:
            await in_time(self._http.service, lambda: stream.open("GET", inflight.reconnect_path(answer_id)))
        except BaseException:  # a cancellation too must not leave the stream open
            await stream.close()
            raise
        self._stream, self._joint = stream, ReplayFilter(self._seam)

    async def _load(self, answer_id: str) -> list[ev.Event]:
        """What is missing, by the text that the service stored."""
        if (stored := inflight.stored_answer(await self._fetch_stored(answer_id), answer_id)) is None:
            self._finding = "grok.com does not tell its text"
            return []
        joint = ReplayFilter(self._seam)
        if not (stored.get("message") or joint.is_complete):
            self._finding = "grok.com has it without its text"
            return []
        return self._settled(stored, joint)

    async def _fetch_stored(self, answer_id: str) -> Any:
        """The reply that holds the stored answer; by a GET where the anti-bot rule refuses a POST, or would."""
        conversation_id = self._answer.conversation_id or ""
        if self.transport == "rest":
            try:
                path = inflight.load_path(conversation_id)
                return await self._http.fetch_json("POST", path, {"responseIds": [answer_id]})
            except GrokWebPermissionError:
                pass
        return await self._http.fetch_json("GET", inflight.whole_path(conversation_id))

    def _give_up(self) -> list[ev.Event]:
        """The last that can be told; then the error."""
        self._answer.may_run = False
        self._failure = self._interrupted(self._finding)
        return self._turn.flush() if self._joint is None else []

    def _interrupted(self, finding: str) -> GrokWebInterruptedError:
        tries = f"{self._tries} {'try' if self._tries == 1 else 'tries'}"
        return GrokWebInterruptedError(
            f"The answer broke off before it was whole, and could not be picked up after {tries}: {finding}.",
            next_step="Ask again, or look at grok.com; what came so far is in the error's `.partial`.",
        )

    # --- letting go

    async def _let_stream_go(self) -> list[ev.Event]:
        """Let go of a further stream that broke off; what of it is new in any case."""
        stream, self._stream = self._stream, None
        if stream is None or self._joint is None:
            return []
        await stream.close()
        return self._joint.leave() if self._joint.holds else []

    async def leave(self) -> None:
        """Let go of it; stops it at the service if it may still be running there."""
        unknown = self._turn.unknown + (self._stream.decoder.unknown if self._stream else Counter())
        await self._answer.leave(self._let_go, unknown)

    async def _let_go(self) -> None:
        await self._turn.aclose()
        if self._stream is not None:
            await self._stream.close()
