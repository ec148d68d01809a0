"""An answer that the service is making: what is known of it, how it ends, how to stop it; the same on every wire.

To stop an answer takes its id. A turn that is left before its id came is read on until it does, since nothing else
names this turn and no other. Where the stream is lost too, the prompt is looked for (`prompt_search`), and nothing is
stopped unless exactly one prompt can be ours.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import assert_never

import anyio

from langchain_grokweb.client import portal, state
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.network.pool import finishing
from langchain_grokweb.client.prompt_search import NotListedError, Place, find_prompt
from langchain_grokweb.client.retry import pause_before
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebProtocolError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import inflight
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn

STOP_SECONDS = 2.0  # how long whoever leaves a turn waits until it is stopped
GIVE_UP_SECONDS = 10.0  # how long the stop itself may take: it continues after that wait, at the end of a process too
LEARN_SECONDS = 6.0  # of them, how long to wait for the answer's id
LOOKS = 4  # for an answer whose id did not come: it may not be listed at once
LATE_SECONDS = 0.5  # how long to wait for what may come after a whole answer, where something may
MOST_UNTITLED = 3  # conversations in a row that got no title in that time; then it is waited for seldom
SELDOM = 10  # that is, once in so many conversations
END_SECONDS = 0.05  # for the end of a body whose answer is whole, so that its connection can be used again


class BrokenOff(Exception):  # noqa: N818 - not for users: the answer is resumed, or becomes an error of ours
    """The stream ended before its answer."""


class DeliveryUnknownError(Exception):
    """The turn may have been taken, though nothing came back.

    Attributes:
        error: What happened.
        conversation_id: Where it was sent, if that is known.
        prompt_id: The stored prompt, if the service named it.
        on_kept_socket: Whether it was sent on a socket that had been kept, and may have died meanwhile.
    """

    def __init__(
        self,
        error: GrokWebConnectionError | GrokWebTimeoutError,
        conversation_id: str | None = None,
        prompt_id: str | None = None,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.on_kept_socket = False
        self.conversation_id = conversation_id
        self.prompt_id = prompt_id


class RunningAnswer:
    """Follows the events of one turn; `leave` lets go of it, and stops it where it may still be running.

    Attributes:
        may_run: Whether the service may be making the answer.
        late: What may still come once the answer is whole, and is waited for.
        is_new: Whether the conversation began with this turn.
        conversation_id, prompt_id, answer_id: Where it stands, as far as the service has said.
        reported: The first error that the service reported and that did not end the answer.
    """

    def __init__(self, http: Http, turn: Turn) -> None:
        self.may_run = False
        self.late = set(turn.late)
        if "title" in self.late and http.account.untitled >= MOST_UNTITLED:
            http.account.untitled += 1
            if http.account.untitled % SELDOM:
                self.late.discard("title")
        self._left = False
        self._process = os.getpid()
        self._http = http
        self._turn = turn
        self._sent_at: datetime | None = None
        self.is_new = turn.conversation is None
        self.conversation_id = turn.conversation.conversation_id if turn.conversation else None
        self.prompt_id: str | None = None
        self.answer_id: str | None = None
        self.reported: GrokWebError | None = None

    @property
    def is_of_this_process(self) -> bool:
        """Whether it is not a forked child that has it: there the connection is the parent's, and so is the turn."""
        return os.getpid() == self._process

    def note_sent(self) -> None:
        """From now on the service may have the prompt."""
        if self._sent_at is None:
            self._sent_at, self.may_run = now(), True

    def note(self, batch: list[ev.Event]) -> None:  # noqa: C901, PLR0912 - a case for each kind of event
        """Remember what is needed to stop the turn."""
        for event in batch:
            match event:
                case ev.TextDelta() | ev.ReasoningDelta():
                    pass
                case ev.ConversationOpened(conversation_id):
                    self.conversation_id = conversation_id
                case ev.PromptStored(response_id):
                    self.prompt_id = response_id
                    self._http.account.prompt_ids.append(response_id)
                case ev.AnswerStarted(response_id):
                    self.answer_id = response_id
                case ev.AnswerFinished():
                    self.may_run = False
                case ev.ErrorReported(error):
                    self._http.clean(error)
                    self.reported = self.reported or error
                case ev.TurnFailed(error):
                    self._http.clean(error)
                    self.may_run = self.may_run and isinstance(error, GrokWebProtocolError)
                case (
                    ev.ToolStarted()
                    | ev.ToolFinished()
                    | ev.CitationFound()
                    | ev.ImagePreview()
                    | ev.ImageFinished()
                    | ev.ImageWithheld()
                    | ev.FileMade()
                    | ev.VideoMade()
                    | ev.AnswerReplaced()
                ):
                    pass
                case ev.FollowUpsSuggested():
                    self.late.discard("suggestions")
                case ev.TitleGiven():
                    self.late.discard("title")
                    if self.is_new:
                        self._http.account.untitled = 0
                case _:
                    assert_never(event)

    def note_late_is_over(self) -> None:
        """What was waited for after the whole answer did not come in time."""
        if "title" in self.late:
            self._http.account.untitled += 1

    async def leave(
        self,
        aclose: Callable[[], Awaitable[None]],
        unknown: Counter[str],
        learn: Callable[[], Awaitable[None]],
        *,
        is_over: bool = False,
    ) -> None:
        """Close the connection and stop the turn, whatever cancels the caller.

        The caller is held for at most `STOP_SECONDS`; on a slow machine or line the stop continues after that.

        Args:
            aclose: Closes the connection.
            unknown: What came that nobody knows.
            learn: Reads on until the answer's id is known.
            is_over: Whether the connection can be closed without waiting for anything.
        """
        state.note_unknown(unknown)
        self._left = True
        if sys.is_finalizing() or not self.is_of_this_process:
            return
        if is_over and not self.may_run:
            await aclose()
            return
        task = asyncio.create_task(self._leave(aclose, learn))
        task.add_done_callback(_retrieve)  # where the caller is cancelled meanwhile, nobody else does
        if not finishing(task):
            self._stop_elsewhere()
        with suppress(ResourceWarning):
            await asyncio.wait({task}, timeout=STOP_SECONDS)
            if task.done():
                task.result()

    def __del__(self) -> None:
        """A loop that ends right after a `break` destroys generators before they finish: stop the turn all the same."""
        self.abandon()

    def abandon(self) -> None:
        """Let go of the turn without waiting; it is stopped where it may still be running."""
        if self.may_run and not self._left and not sys.is_finalizing() and self.is_of_this_process:
            self._left = True
            self._stop_elsewhere()

    def _stop_elsewhere(self) -> None:
        """Stop the turn from the portal's loop, since this one is ending."""
        if self.may_run and self._http.service.http_client is None:
            portal.soon(self._stop_if_running)

    async def _leave(self, aclose: Callable[[], Awaitable[None]], learn: Callable[[], Awaitable[None]]) -> None:
        with anyio.move_on_after(GIVE_UP_SECONDS):
            try:
                if self.may_run and self.answer_id is None:
                    with anyio.move_on_after(LEARN_SECONDS):
                        await learn()
                await aclose()
                await self._stop_if_running()
            except (asyncio.CancelledError, ResourceWarning):
                # The loop is ending (and where warnings are errors, httpx's own generators cannot be begun there).
                self._stop_elsewhere()
                raise

    async def _stop_if_running(self) -> None:
        if self.may_run:
            with suppress(GrokWebError, NotListedError):
                await self._stop()
            self.may_run = False

    async def _stop(self) -> None:
        """Stop this answer; in a conversation that the turn began itself, whatever runs (rest.md 2.1, 7 and 8)."""
        began = self.conversation_id if self.is_new else None
        try:
            if answer_id := self.answer_id or await self._find():
                await self._http.fetch_json("DELETE", f"{wire.CONVERSATIONS}/inflight-response/{answer_id}")
                return
        except GrokWebConversationNotFoundError:
            return  # it is over already
        except GrokWebError:
            if began is None:
                raise
        if began is not None:
            await self._http.fetch_json("POST", f"{wire.CONVERSATIONS}/{began}/stop-inflight-responses")

    async def _find(self) -> str | None:
        """The running answer to our prompt, whose id is not known yet (rest.md 2.1, 3)."""
        for number in range(LOOKS):
            await anyio.sleep(pause_before(number))
            place = await self._place()
            if place is not None:
                nodes = await self._http.fetch_json("GET", inflight.nodes_path(place.conversation_id))
                status = inflight.answer_status(nodes, prompt_id=place.prompt_id, answer_id=None)
                if status.answer_id is not None:
                    return status.answer_id if status.is_running else None
            elif self.is_new and self.conversation_id:
                return None  # all that runs in it is ours
        return None

    async def _place(self) -> Place | None:
        """Where our prompt is, if that is certain."""
        if self.prompt_id is not None and self.conversation_id is not None:
            return Place(self.conversation_id, self.prompt_id)
        if self._sent_at is None or (self.is_new and self.conversation_id):
            return None
        if self._http.clock_difference is None:  # what is older than our prompt must not be taken for it
            await self._http.fetch_json("GET", f"{wire.CONVERSATIONS}?pageSize=1")
        since = self._sent_at + (self._http.clock_difference or timedelta())
        places = await find_prompt(self._http, self._turn, since)
        return places[0] if len(places) == 1 else None


def now() -> datetime:
    """The time at which something is sent."""
    return datetime.now(UTC)


def split_failure(batch: list[ev.Event]) -> tuple[list[ev.Event], GrokWebError | None]:
    """The events of a batch, and the failure that may stand last in it."""
    if batch and isinstance(failed := batch[-1], ev.TurnFailed):
        return batch[:-1], failed.error
    return batch, None


def silence(service: Service) -> GrokWebTimeoutError:
    """The error for an answer that does not continue."""
    return GrokWebTimeoutError(
        f"grok.com sent nothing of the answer for {service.stream_event_timeout:g} seconds.",
        next_step="Ask again, or allow more time with `stream_event_timeout=`.",
    )


def _retrieve(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
