"""A turn over the realtime gateway: on a socket of its own, or on the one that its conversation's last turn left.

A task of its own reads the socket and feeds the session, so that messages which came together are taken together. One
timer sends heartbeats and watches for silence, so that no wait needs one. `next_batch` only waits to be woken.
After the answer is done the socket stays open for a moment, since the title and suggestions come late. After a whole
answer it is kept for the conversation's next turn (`client.network.kept_sessions`), which sends its prompt at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from enum import Enum, auto
from functools import cached_property
from typing import Literal, TypeAlias

import anyio
import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    ConnectionClosed,
    WebSocketException,
)
from websockets.frames import CloseCode

from langchain_grokweb.client.account.modes import AvailableMode, list_modes, user_id
from langchain_grokweb.client.network.failures import after_giving_up_idle
from langchain_grokweb.client.network.gateway_socket import Socket, open_socket, socket_failure
from langchain_grokweb.client.network.http import Http, RedactedHeaders
from langchain_grokweb.client.network.kept_sessions import HEARTBEAT_SECONDS, KeptSession, hang_up, send_now
from langchain_grokweb.client.network.pool import attend, kept_sessions, without_thread
from langchain_grokweb.client.network.reply_body import MAX_STREAM_BYTES
from langchain_grokweb.client.network.tap import no_tap
from langchain_grokweb.client.service import Wire
from langchain_grokweb.client.stopping import (
    LATE_SECONDS,
    BrokenOff,
    DeliveryUnknownError,
    RunningAnswer,
    silence,
    split_failure,
)
from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import error_mapping, gateway_frames
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import gateway as wire
from langchain_grokweb.wire.turn import Turn


class State(Enum):
    """Where the socket of a turn stands; where the turn itself stands, its `GatewaySession` knows."""

    CONNECTING = auto()
    OPEN = auto()
    SILENT = auto()  # the answer was awaited for too long
    CLOSED = auto()
    TOO_BIG = auto()  # closed, because of a message that is larger than any should be


Step: TypeAlias = Literal["connected", "fell silent", "heard", "closed", "message too big", "given up"]

# A step that is not named for a state changes nothing.
TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.CONNECTING, "connected"): State.OPEN,
    (State.OPEN, "fell silent"): State.SILENT,
    (State.OPEN, "closed"): State.CLOSED,
    (State.OPEN, "message too big"): State.TOO_BIG,
    (State.OPEN, "given up"): State.CONNECTING,
    (State.SILENT, "heard"): State.OPEN,
    (State.SILENT, "closed"): State.CLOSED,
    (State.SILENT, "message too big"): State.TOO_BIG,
    (State.CLOSED, "given up"): State.CONNECTING,
    (State.TOO_BIG, "given up"): State.CONNECTING,
}

STORED_SECONDS = 0.5  # after an answer, until the service has surely stored it, so that a prompt may follow
KEPT_SECONDS = 10.0  # for any word on a socket that was kept; then the service is asked whether it has the prompt
ASKED_SECONDS = 10.0  # of silence after a question of Grok's own; then the service waits for a reply
HOLD_SECONDS = 0.001  # for which reading messages may hold the event loop; what came meanwhile is one batch
MENU_SECONDS = 5.0  # how long to wait for the list of modes, which only makes a reason surer


class GatewayTurn:
    """One turn on a socket of its own; a `StreamingTurn`."""

    transport: Wire = "gateway"

    def __init__(self, http: Http, turn: Turn) -> None:
        self._http = http
        self._turn = turn
        self._session = self._new_session()
        self.answer = RunningAnswer(http, turn)
        self._state = State.CONNECTING
        self._socket: Socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._is_awaited = False  # silence counts only while somebody waits for the answer
        self._last_event = 0.0
        self._first: list[ev.Event] = []
        self._failure: GrokWebError | None = None
        self._late_until: float | None = None
        self._handshake: frozenset[tuple[str, str]] = frozenset()  # what it said, without cookies
        self._was_kept = False  # the socket is one that an earlier turn left
        self._is_kept = False  # the socket is left to a later turn

    def _new_session(self) -> wire.GatewaySession:
        session = wire.GatewaySession(self._turn, assets_url=self._http.service.assets_url)
        session.unknown.redact = self._http.redact
        return session

    def _move(self, step: Step) -> None:
        self._state = TRANSITIONS.get((self._state, step), self._state)

    # --- opening

    async def open(self) -> None:
        """Open a socket, send the turn and wait until the service begins to answer.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
            DeliveryUnknownError: The prompt was sent, and the socket closed before anything came back.
        """
        try:
            async with asyncio.timeout(self._http.service.timeout):
                await self._begin()
        except GrokWebConnectionError as error:
            failure: GrokWebError = error
        except (OSError, WebSocketException, ImportError) as error:
            # What the service said before it hung up, or the library's error as one of ours.
            refusal = split_failure([*self._first, *self._session.take()])[1]
            failure = self._http.clean(refusal or socket_failure(error, self._http))
        except RuntimeError as error:
            failure = without_thread(error)
        else:
            return
        if not isinstance(failure, GrokWebConnectionError):
            raise failure
        was_sent, self.answer.may_run = self.answer.may_run, False
        if not was_sent:
            raise failure
        doubt = DeliveryUnknownError(failure, self.answer.conversation_id, self.answer.prompt_id)
        doubt.on_kept_socket = self._was_kept
        raise doubt

    async def _begin(self) -> None:
        if not await self._begin_on_kept():
            self._listen_to(await after_giving_up_idle(self.connect))
            await self._send()
            await self._until(lambda: self._session.is_ready)
        self._session.send_prompt()
        self.answer.note_sent()
        await self._send()
        if self._was_kept:
            await self._hear_anything()
        await self._until(lambda: self._session.answering)
        self._last_event = asyncio.get_running_loop().time()

    def _listen_to(self, socket: Socket) -> None:
        self._socket = socket
        self._move("connected")
        self._last_event = asyncio.get_running_loop().time()
        self._listening = asyncio.create_task(self._listen(socket))
        self._watch(socket, self._last_event + HEARTBEAT_SECONDS)

    # --- sockets that are kept

    async def _begin_on_kept(self) -> bool:
        """Take the session that the conversation's last turn left; whether there is one that can be used."""
        sessions, place = kept_sessions(), self._turn.conversation
        if not (self._http.service.keep_session and sessions and place):
            return False
        self._handshake = _without_cookies(self._http.headers("GET", gateway_frames.PATH))
        kept = sessions.take(self._key(place.conversation_id))
        if kept is None or not isinstance(kept.socket, Socket):
            return False
        self._session.continue_on(kept.session_id, kept.ids)
        self._session.is_stored = kept.is_stored
        self._listen_to(kept.socket)
        try:
            if kept.socket.messages:
                await asyncio.sleep(0)  # what came meanwhile is read first
            await self._until_stored(kept.since + STORED_SECONDS)
            self._was_kept = not (self._is_closed or self._session.ended or self._session.settled)
        except GrokWebError:  # it has ended: nothing was sent
            self._was_kept = False
        if not self._was_kept:
            await self._stop_listening()
            hang_up(kept.socket)
            self._move("given up")
            self._session, self._socket, self._first = self._new_session(), None, []
            self._woken.clear()
        return self._was_kept

    async def _until_stored(self, deadline: float) -> None:
        """Wait until the service has stored the answer before, if it is one that says so.

        Raises:
            GrokWebError: The session has ended.
        """
        if not self._session.is_stored and self._http.account.confirms_stored:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._until(lambda: self._session.is_stored)
            self._http.account.confirms_stored = self._session.is_stored
        self._take()

    def _key(self, conversation_id: str) -> Hashable:
        """What a session can be used for: none of this can be changed once it is created."""
        service = self._http.service
        account = self._http.credentials.account
        return service.base_url, account, service.find_proxy(), self._handshake, conversation_id, self._settings

    @cached_property
    def _settings(self) -> bytes:
        return orjson.dumps(gateway_frames.session_settings(self._turn))

    async def _hear_anything(self) -> None:
        """A socket may be dead that looks alive: then nothing at all comes back.

        Raises:
            GrokWebError: It is, or the service refused.
        """
        socket = self._socket
        assert socket is not None  # noqa: S101 - for the type checker
        received = socket.received
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT_SECONDS):
                await self._until(lambda: socket.received > received)
        if socket.received == received:
            raise GrokWebConnectionError("The connection to grok.com broke.", next_step="Try again.")

    def _can_be_kept(self) -> bool:
        is_whole = self._session.finished and not (self._session.ended or self._failure or self.answer.may_run)
        return bool(self._http.service.keep_session and is_whole and self._state is State.OPEN)

    def _keep(self, socket: Socket) -> None:
        """Leave the socket to the next turn of the conversation."""
        if self._session.confirms_stored:
            self._http.account.confirms_stored = True
        sessions, session_id, conversation_id = kept_sessions(), self._session.session_id, self.answer.conversation_id
        if sessions is None or session_id is None or conversation_id is None:
            hang_up(socket)
            return
        session, now = self._session, asyncio.get_running_loop().time()
        kept = KeptSession(socket, session_id, session.is_stored, frozenset(session.ids), now)
        seconds = self._http.service.keep_session
        sessions.put(self._key(conversation_id), kept, seconds, gateway_frames.heartbeat)

    async def connect(self) -> Socket:
        """A socket that the gateway let in."""
        await attend()
        headers = RedactedHeaders(self._http.headers("GET", gateway_frames.PATH))
        self._handshake = _without_cookies(headers)
        return await open_socket(self._http.service, await user_id(self._http), headers)

    async def _send(self) -> None:
        assert self._socket is not None  # noqa: S101 - for the type checker
        tap, frames = self._http.service.tap or no_tap, self._session.outgoing()
        for frame in frames:
            tap("gateway", "sent", frame)
        await self._socket.send_all(frames)

    # --- the task and the timer

    async def _listen(self, socket: Socket) -> None:
        most = socket.received + MAX_STREAM_BYTES
        try:
            while socket.received <= most:
                await socket.wait()
                self._read_messages(socket.messages)
                if socket.messages:
                    await asyncio.sleep(0)  # others have their turn
            self._move("message too big")
            hang_up(socket)
        except asyncio.CancelledError:
            if not self._is_kept:
                hang_up(socket)
            raise
        except ConnectionClosed as error:
            self._note_end(error)
        finally:
            self._move("closed")
            self._woken.set()

    def _read_messages(self, messages: deque[bytes]) -> None:
        """Read what waits, for `HOLD_SECONDS`: it is one batch for whoever waits for it."""
        session, tap, now = self._session, self._http.service.tap, asyncio.get_running_loop().time
        heard, until = session.heard, now() + HOLD_SECONDS
        while messages:
            message = messages.popleft()
            if tap is not None:
                tap("gateway", "received", message)
            session.receive(message)
            if now() > until:
                break
        if session.heard != heard:
            self._last_event = now()
            if self._state is State.SILENT:
                self._move("heard")
        self._woken.set()

    def _note_end(self, error: ConnectionClosed) -> None:
        """The socket is closed; the service may have given the reason."""
        tap = self._http.service.tap or no_tap
        close = error.rcvd
        tap("gateway", "ended", {"code": close.code, "reason": close.reason} if close is not None else {})
        if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
            self._move("message too big")
        elif error.rcvd is not None:
            self._session.closed(error.rcvd.code, error.rcvd.reason)

    def _watch(self, socket: ClientConnection, next_beat: float) -> None:
        """Send heartbeats, and notice when the answer is awaited and does not continue."""
        if self._is_closed:
            return
        loop, limit = asyncio.get_running_loop(), self._http.service.stream_event_timeout
        now = loop.time()
        if now >= next_beat:
            next_beat = now + HEARTBEAT_SECONDS
            send_now(socket, gateway_frames.heartbeat())
        allowed = min(limit, ASKED_SECONDS) if self._session.asks else limit
        if self._is_awaited and now - self._last_event >= allowed:
            self._move("fell silent")
            self._woken.set()
        pause = min(HEARTBEAT_SECONDS, limit / 4, ASKED_SECONDS / 2)
        self._timer = loop.call_later(pause, self._watch, socket, next_beat)

    async def _wait(self) -> None:
        self._is_awaited = True
        try:
            await self._woken.wait()
        finally:
            self._is_awaited = False
        self._woken.clear()

    @property
    def _is_closed(self) -> bool:
        return self._state is State.CLOSED or self._state is State.TOO_BIG

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Wait for something in the session.

        Raises:
            GrokWebError: The service refused, or hung up.
        """
        self._take()
        while not reached():
            if self._is_closed or self._session.ended:
                failure = GrokWebConnectionError(
                    "grok.com closed the connection before it began to answer.",
                    next_step="Try again later.",
                    never_sent=not self.answer.may_run,
                )
                raise error_mapping.with_reported(failure, self.answer.reported)
            await self._wait()
            self._take()

    def _take(self) -> None:
        """What comes while the turn is opened: kept for `next_batch`, unless it is a refusal.

        Raises:
            GrokWebError: The service refused.
        """
        batch = self._session.take()
        self.answer.note(batch)
        self._first += batch
        events, failure = split_failure(self._first)
        # Once the prompt is in the conversation, the turn was taken: it must not be opened again.
        if failure is not None and not any(isinstance(event, ev.PromptStored | ev.AnswerStarted) for event in events):
            raise self._http.clean(failure)

    # --- reading

    async def next_batch(self) -> list[ev.Event] | None:
        """What came since the last call, never empty; `None` when the answer is whole.

        Raises:
            BrokenOff: The socket was closed, or the session ended, before the answer was done.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        while True:
            if batch := self._next_events():
                return batch
            if self._failure is not None:
                raise self._http.clean(await self._explained(self._failure))
            if self._session.finished:
                if self._session.settled or self._is_closed or await self._late_is_over():
                    return None
            elif self._state is State.TOO_BIG:
                raise too_big()
            elif self._state is State.CLOSED or self._session.ended:
                self.answer.may_run = False
                raise BrokenOff
            elif self._state is State.SILENT:
                if not self._session.asks:
                    raise silence(self._http.service)
                self._session.end_with_question()
            else:
                await self._wait()

    async def _explained(self, failure: GrokWebError) -> GrokWebError:
        """The failure; where the service named no reason, the site's menu shows whether the account has the mode."""
        mode_id, self._session.unexplained_mode = self._session.unexplained_mode, None
        if mode_id is None:
            return failure
        menu: list[AvailableMode] = []
        with suppress(GrokWebError), anyio.move_on_after(MENU_SECONDS):
            menu = await list_modes(self._http)
        mode = next((entry for entry in menu if entry.id == mode_id), None)
        if mode is None:
            return failure
        if mode.available:
            return error_mapping.from_status("incomplete", {"reason": "stream_error"})
        return error_mapping.mode_not_open(mode.requires)

    def _next_events(self) -> list[ev.Event]:
        if self._first:
            batch, self._first = self._first, []
        else:
            batch = self._session.take()
            self.answer.note(batch)
        if batch:
            batch, self._failure = split_failure(batch)
        return batch

    async def _late_is_over(self) -> bool:
        """Wait for what comes after the answer; whether that took long enough."""
        if not self.answer.late:
            return True
        if self._late_until is None:
            self._late_until = anyio.current_time() + LATE_SECONDS
        with anyio.move_on_after(self._late_until - anyio.current_time()) as scope:
            await self._wait()
        if scope.cancelled_caught:
            self.answer.note_late_is_over()
        return scope.cancelled_caught

    def flush(self) -> list[ev.Event]:
        """What was held back of an answer that broke off: it is text after all."""
        self._session.close()
        return self._session.take()

    @property
    def unknown(self) -> Counter[str]:
        """What came that nobody knows, counted by kind."""
        return self._session.unknown

    @property
    def is_over(self) -> bool:
        """The socket is closed without a farewell of the other side, or kept."""
        return True

    async def learn(self) -> None:
        """Read on until the answer's id is known."""
        while True:
            self.answer.note(self._session.take())
            is_over = self._is_closed or self._state is State.SILENT or self._session.ended
            if is_over or self.answer.answer_id is not None or not self.answer.may_run:
                return
            await self._woken.wait()
            self._woken.clear()

    async def aclose(self) -> None:
        """Close the socket, or leave it to the conversation's next turn."""
        socket, self._socket = self._socket, None
        self._is_kept = socket is not None and self._can_be_kept()
        try:
            if socket is not None and not self._is_kept:
                hang_up(socket)
            await self._stop_listening()
        except BaseException:  # a cancellation too must not leave the socket open
            if socket is not None:
                hang_up(socket)
            raise
        if socket is not None and self._is_kept:
            self._keep(socket)

    async def _stop_listening(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)


def _without_cookies(headers: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in headers.items() if name != "cookie")


def too_big() -> GrokWebProtocolError:
    """The error for a message that is larger than any should be."""
    return GrokWebProtocolError(
        where="a message of the realtime gateway", expected="one of at most 16 MiB", got="a larger one"
    )


async def knock(http: Http) -> None:
    """Open a socket and close it: whether the gateway lets this account in. Nothing is said on it.

    Raises:
        GrokWebError: It does not.
    """
    turn = GatewayTurn(http, Turn(prompt=""))
    try:
        with anyio.fail_after(http.service.timeout):
            hang_up(await turn.connect())
    except (OSError, WebSocketException, ImportError) as error:
        failure = http.clean(socket_failure(error, http))
    else:
        return
    raise failure
