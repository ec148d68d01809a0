"""An answer that its reader sees unbroken, though its stream may break off.

Where a stream ends before its answer, the service is asked what became of it (`response-node`). While the answer is
being made, its stream is resumed (`reconnect-response-v2`), and `wire.replay` lets pass what is new of it. When it is
over, the stored text is loaded, and what is missing is delivered. That is what the site's own page was seen to do
(rest.md 2.2, captured). On the gateway the same two GETs serve: nobody has seen a socket send a running answer again,
these endpoints were in the page of August 2026 (gateway.md 3.4), and the anti-bot rule is lenient with a GET
(rest.md 0.1). So the stored text of such an answer is read with `responses`, a GET, and not with `load-responses`.

A stream that fell silent is not resumed: nothing shows that the service would send more on another one. The turn is
stopped, and the error names the field that allows more silence.

`TRANSITIONS` is the whole life of a `ResumableStream`. Reading goes on in a state until one of its steps comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping
from enum import Enum, auto
from typing import Any, Literal, Protocol, TypeAlias, assert_never

import anyio

from langchain_grokweb.client import portal
from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.rest_stream import EventStream
from langchain_grokweb.client.retry import is_passing, pause_before
from langchain_grokweb.client.service import Wire
from langchain_grokweb.client.stopping import BrokenOff, RunningAnswer, split_failure
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInterruptedError,
    GrokWebPermissionError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import error_mapping, inflight
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.replay import DeliveredLog, ReplayFilter, ReplayMismatchError


class State(Enum):
    """Where a resumable stream stands."""

    OWN_STREAM = auto()  # the turn's own stream is read
    LOST = auto()  # there is no stream: the service is asked for the answer
    RESUMED = auto()  # a further stream of the answer is read
    WHOLE = auto()  # so it is, and the answer is whole: a title may come late
    ENDED = auto()  # everything was given out
    FAILED = auto()  # the next read raises the error


Step: TypeAlias = Literal["broke off", "ended", "stream resumed", "answer whole", "failed"]

TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.OWN_STREAM, "broke off"): State.LOST,
    (State.OWN_STREAM, "ended"): State.ENDED,
    (State.LOST, "stream resumed"): State.RESUMED,
    (State.LOST, "answer whole"): State.ENDED,
    (State.LOST, "failed"): State.FAILED,
    (State.RESUMED, "broke off"): State.LOST,
    (State.RESUMED, "answer whole"): State.WHOLE,
    (State.RESUMED, "ended"): State.ENDED,
    (State.RESUMED, "failed"): State.FAILED,
    (State.WHOLE, "ended"): State.ENDED,
}

TRIES_IN_VAIN = 4  # to find an answer, one after the other, that bring nothing of it
MOST_TRIES = 100  # in all: the longest answers are cut once a minute


class StreamingTurn(Protocol):
    """One turn on a wire: it is opened, read, and closed however it ends."""

    @property
    def transport(self) -> Wire:
        """The wire."""

    @property
    def answer(self) -> RunningAnswer:
        """What is known of the answer at the service."""

    @property
    def unknown(self) -> Counter[str]:
        """What came that nobody knows, counted by kind."""

    async def open(self) -> None:
        """Send the turn and wait until the service begins to answer. It may have been taken where this fails.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
            DeliveryUnknownError: The prompt was sent, and nothing came back.
        """

    def next_batch(self) -> Awaitable[list[ev.Event] | None]:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            BrokenOff: The stream ended before its answer.
            GrokWebError: The answer failed or fell silent.
        """

    def flush(self) -> list[ev.Event]:
        """What was held back of a stream that broke off: it is text after all."""

    @property
    def is_over(self) -> bool:
        """Whether `aclose` would not wait for anything."""

    async def learn(self) -> None:
        """Read on until the answer's id is known, for whoever leaves the turn; at once where nothing can come."""

    async def aclose(self) -> None:
        """Close the connection."""


class ResumableStream:
    """A turn that the service has taken, and its answer up to its end, over as many streams as that needs."""

    def __init__(self, http: Http, turn: StreamingTurn) -> None:
        self._http = http
        self._turn = turn
        self._state = State.OWN_STREAM
        self._delivered = DeliveredLog()
        self._stream: EventStream | None = None  # a further stream, while it is open
        self._replay: ReplayFilter | None = None  # what is new of the newest further stream
        self._failure: GrokWebError
        self._tries = 0
        self._tries_in_vain = 0
        self._furthest = 0  # the most characters that one further stream brought, those given out before among them
        self._finding = "its id is not known"  # what the last try came to

    @property
    def transport(self) -> Wire:
        """The wire that the turn was sent over."""
        return self._turn.transport

    async def next_batch(self) -> list[ev.Event] | None:  # noqa: C901, PLR0912 - a case for each state
        """What the next read brings that is new, never empty; `None` when the answer is whole.

        Raises:
            GrokWebInterruptedError: The answer broke off and could not be resumed.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        if not self._turn.answer.is_of_this_process:
            raise portal.of_another_process()
        while True:
            match self._state:
                case State.OWN_STREAM:
                    try:
                        batch = await self._turn.next_batch()
                    except BrokenOff:
                        batch = self._move("broke off")
                    else:
                        if batch is None:
                            self._move("ended")
                        else:
                            self._delivered.follow(batch)
                case State.RESUMED | State.WHOLE:
                    batch = await self._read_further()
                case State.LOST:
                    batch = await self._look()
                case State.ENDED:
                    return None
                case State.FAILED:
                    raise self._http.clean(self._failure)
                case _:
                    assert_never(self._state)
            if batch:
                return batch

    def _move(self, step: Step) -> list[ev.Event]:
        """Take a step, which brings no events."""
        self._state = TRANSITIONS[self._state, step]
        return []

    def _fail(self, failure: GrokWebError) -> list[ev.Event]:
        self._turn.answer.may_run = False
        self._failure = failure
        return self._move("failed")

    # --- a further stream

    async def _read_further(self) -> list[ev.Event]:
        """What is new on the further stream."""
        stream, replay = self._stream, self._replay
        assert stream is not None and replay is not None  # noqa: S101, PT018 - for the type checker
        try:
            batch = await stream.next_batch()
        except BrokenOff:
            self._move("broke off")
            return await self._close_stream()
        except GrokWebError as error:
            if replay.received or self._state is State.WHOLE or isinstance(error, GrokWebTimeoutError):
                raise
            self._move("broke off")  # it was refused in its first line
            await self._close_stream()
            return self._refused(error)
        if batch is None:
            return self._move("ended")
        new = replay.feed(batch, from_start=stream.decoder.saw_beginning)
        if new or replay.received > self._furthest:
            self._furthest, self._tries_in_vain = max(replay.received, self._furthest), 0
        if stream.decoder.finished and self._state is State.RESUMED:
            definitive, failure = self._definitive(stream.decoder.definitive or {})
            new += self._settle(definitive, replay) if failure is None else self._fail(failure)
        return new

    def _definitive(self, response: Any) -> tuple[list[ev.Event], GrokWebError | None]:
        """The answer as the service stores it, and why it failed."""
        return split_failure(inflight.read_definitive(response, assets_url=self._http.service.assets_url))

    def _settle(self, definitive: list[ev.Event], replay: ReplayFilter) -> list[ev.Event]:
        """What is new by the answer as the service stores it; it has the last word."""
        try:
            new = replay.settle(definitive)
        except ReplayMismatchError:
            return self._fail(self._interrupted("grok.com sends another text now than it did before"))
        self._turn.answer.may_run = False
        self._move("answer whole")
        return new

    async def _close_stream(self) -> list[ev.Event]:
        """Close a further stream that broke off; what of it is new in any case."""
        stream, self._stream = self._stream, None
        if stream is None or self._replay is None:
            return []
        await stream.close()
        return self._replay.leave() if self._replay.holds else []

    # --- looking for the answer

    async def _look(self) -> list[ev.Event]:
        """One try to find the answer; what is new already. Where it comes to nothing, there may be another one."""
        answer = self._turn.answer
        # Is so much known of the answer that another one cannot be taken for it?
        can_look = answer.conversation_id and (answer.is_new or answer.prompt_id or answer.answer_id)
        if not can_look or self._tries >= MOST_TRIES or self._tries_in_vain >= TRIES_IN_VAIN:
            return self._give_up()
        answer.may_run = True
        await anyio.sleep(pause_before(self._tries_in_vain))
        self._tries += 1
        self._tries_in_vain += 1
        try:
            return await self._find(answer.conversation_id or "")
        except GrokWebError as error:
            return self._refused(error)

    async def _find(self, conversation_id: str) -> list[ev.Event]:
        """Look for the answer, and resume its stream, or load its text."""
        answer = self._turn.answer
        nodes = await self._http.fetch_json("GET", inflight.nodes_path(conversation_id))
        status = inflight.answer_status(nodes, prompt_id=answer.prompt_id, answer_id=answer.answer_id)
        if status.answer_id is None:
            self._finding = "grok.com does not have it any more"
            return []
        answer.answer_id = status.answer_id
        if not status.is_running:
            return await self._load(conversation_id, status.answer_id)
        self._finding = "its stream broke off again"
        path = inflight.reconnect_path(status.answer_id)
        stream = EventStream(self._http, answer)
        try:
            await in_time(self._http.service, lambda: stream.open("GET", path))
        except BaseException:  # a cancellation too must not leave the stream open
            await stream.close()
            raise
        self._stream, self._replay = stream, ReplayFilter(self._delivered)
        return self._move("stream resumed")

    async def _load(self, conversation_id: str, answer_id: str) -> list[ev.Event]:
        """What is missing, by the text that the service stored."""
        responses = await self._fetch_responses(conversation_id, answer_id)
        if (stored := inflight.stored_answer(responses, answer_id)) is None:
            self._finding = "grok.com does not give its text"
            return []
        definitive, failure = self._definitive(stored)
        if failure is not None:
            return self._fail(failure)
        if stored.get("partial") is True:
            self._finding = "grok.com has only a part of its text"
            return []
        replay = ReplayFilter(self._delivered)
        if not (replay.is_complete or any(isinstance(event, ev.TextDelta) for event in definitive)):
            self._finding = "grok.com has it without its text"
            return []
        return self._settle(definitive, replay)

    async def _fetch_responses(self, conversation_id: str, answer_id: str) -> Any:
        """The reply that holds the stored answer; by a GET where the anti-bot rule refuses a POST, or would."""
        match self.transport:
            case "rest":
                try:
                    path = inflight.load_path(conversation_id)
                    return await self._http.fetch_json("POST", path, {"responseIds": [answer_id]})
                except GrokWebPermissionError:
                    pass
            case "gateway":
                pass
            case _:
                assert_never(self.transport)
        return await self._http.fetch_json("GET", inflight.whole_path(conversation_id))

    def _refused(self, error: GrokWebError) -> list[ev.Event]:
        """A try was refused: the next one may come to more, or there is none."""
        if isinstance(error, GrokWebConversationNotFoundError):
            self._finding = "grok.com does not have it any more"
            return []
        self._finding = f"grok.com did not say where it stands ({type(error).__name__})"
        return [] if is_passing(error) else self._give_up()

    def _give_up(self) -> list[ev.Event]:
        """The last that can be given out; then the error."""
        self._fail(self._interrupted(self._finding))
        return self._turn.flush() if self._replay is None else []

    def _interrupted(self, finding: str) -> GrokWebError:
        tries = f"{self._tries} {'try' if self._tries == 1 else 'tries'}"
        error = GrokWebInterruptedError(
            f"The answer broke off, and could not be resumed after {tries}: {finding}.",
            next_step="Ask again, or look at grok.com. The error's `.partial` has the message so far.",
        )
        return error_mapping.with_reported(error, self._turn.answer.reported)

    # --- leaving

    async def leave(self) -> None:
        """Close the connections; stop the turn at the service if it may still be running there."""
        unknown, is_over = self._turn.unknown, self._turn.is_over
        if self._stream is not None:
            unknown, is_over = unknown + self._stream.decoder.unknown, False
        await self._turn.answer.leave(self._close, unknown, self._turn.learn, is_over=is_over)

    def abandon(self) -> None:
        """Stop the turn at the service, where nothing can be awaited any more."""
        self._turn.answer.abandon()

    async def _close(self) -> None:
        await self._turn.aclose()
        if self._stream is not None:
            await self._stream.close()
