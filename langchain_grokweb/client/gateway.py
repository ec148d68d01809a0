"""A turn over the realtime gateway: a socket for each turn.

A task of its own reads the socket and feeds the session, so that messages which came together are taken together; a
second one sends heartbeats and watches for silence, so that no wait needs a timer. `next_batch` only waits to be woken.
After the answer is done the socket stays open for a moment, since the title and suggestions come late.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, urlsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidState,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)
from websockets.frames import CloseCode
from websockets.typing import Origin

from langchain_grokweb.client.account.modes import AvailableMode, list_modes, user_id
from langchain_grokweb.client.network.failures import after_giving_up_idle, what_failed, what_to_check
from langchain_grokweb.client.network.http import Http, RedactedHeaders
from langchain_grokweb.client.network.pool import attend, shared_context, socks_package_missing, without_thread
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
    GrokWebInvalidRequestError,
    GrokWebProtocolError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import error_mapping, gateway_frames
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import gateway as wire
from langchain_grokweb.wire.framing import MAX_OBJECT_BYTES
from langchain_grokweb.wire.turn import Turn


class State(Enum):
    """Where the socket of a turn stands; where the turn itself stands, its `GatewaySession` knows."""

    CONNECTING = auto()
    OPEN = auto()
    SILENT = auto()  # the answer was awaited for too long
    CLOSED = auto()
    TOO_BIG = auto()  # closed, because of a message that is larger than any should be


Step: TypeAlias = Literal["connected", "fell silent", "heard", "closed", "message too big"]

# A step that is not named for a state changes nothing.
TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.CONNECTING, "connected"): State.OPEN,
    (State.OPEN, "fell silent"): State.SILENT,
    (State.OPEN, "closed"): State.CLOSED,
    (State.OPEN, "message too big"): State.TOO_BIG,
    (State.SILENT, "heard"): State.OPEN,
    (State.SILENT, "closed"): State.CLOSED,
    (State.SILENT, "message too big"): State.TOO_BIG,
}

HEARTBEAT_SECONDS = 20.0
HOLD_SECONDS = 0.002  # for which reading may hold the event loop
MIN_STEP_BYTES, MAX_STEP_BYTES = 1024, 4096  # small where many messages are in few bytes
MESSAGES_AT_ONCE = 128
_BYTES_AT_ONCE = 16 * 1024  # of messages: nested ones take a millisecond or two to read
MENU_SECONDS = 5.0  # how long to wait for the list of modes, which only makes a reason surer

# The library would log the handshake's headers, cookies among them. This logger is in no hierarchy, so that no
# configuration of logging reaches it.
_no_log = logging.Logger("langchain_grokweb.websockets", logging.CRITICAL + 1)  # noqa: LOG001 - on purpose


class _Connect(connect):
    """The library's client, which follows no redirect: cookies stay where they belong."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _Socket(ClientConnection):
    """The library's connection, which reads in small steps: what comes at once may be thousands of messages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.received = 0  # bytes
        self._unread = b""
        self._step = MAX_STEP_BYTES

    def data_received(self, data: bytes) -> None:
        """Read for `HOLD_SECONDS`, and the rest when the loop's other tasks have had their turn."""
        self.received += len(data)
        if self._unread:
            self._unread += data
            return
        self._read(data)
        if self._unread and not self.transport.is_closing():
            self.transport.pause_reading()

    def _read(self, data: bytes) -> None:
        position, now = 0, self.loop.time()
        until = now + HOLD_SECONDS
        while position < len(data) and (not position or now < until):
            super().data_received(data[position : position + self._step])
            position += self._step
            before, now = now, self.loop.time()
            self._step = MAX_STEP_BYTES if now - before < HOLD_SECONDS / 8 else MIN_STEP_BYTES
        self._unread = data[position:]
        if self._unread:
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self._read(self._unread)
            if not self._unread:
                self.transport.resume_reading()


class GatewayTurn:
    """One turn on a socket of its own; a `StreamingTurn`."""

    transport: Wire = "gateway"

    def __init__(self, http: Http, turn: Turn) -> None:
        self._http = http
        self._session = wire.GatewaySession(turn, assets_url=http.service.assets_url)
        self._session.unknown.redact = http.redact
        self.answer = RunningAnswer(http, turn)
        self._state = State.CONNECTING
        self._socket: _Socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._is_awaited = False  # silence counts only while somebody waits for the answer
        self._last_event = 0.0
        self._first: list[ev.Event] = []
        self._failure: GrokWebError | None = None
        self._late_until: float | None = None

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
            with anyio.fail_after(self._http.service.timeout):
                await self._begin()
        except GrokWebConnectionError as error:
            failure: GrokWebError = error
        except (OSError, WebSocketException, ImportError) as error:
            # What the service said before it hung up, or the library's error as one of ours.
            refusal = split_failure([*self._first, *self._session.take()])[1]
            failure = self._http.clean(refusal or _translated(error, self._http))
        except RuntimeError as error:
            failure = without_thread(error)
        else:
            return
        if not isinstance(failure, GrokWebConnectionError):
            raise failure
        was_sent, self.answer.may_run = self.answer.may_run, False
        if not was_sent:
            raise failure
        raise DeliveryUnknownError(failure, self.answer.conversation_id, self.answer.prompt_id)

    async def _begin(self) -> None:
        self._socket = await after_giving_up_idle(self.connect)
        self._move("connected")
        self._last_event = anyio.current_time()
        self._tasks = [asyncio.create_task(self._listen(self._socket)), asyncio.create_task(self._watch(self._socket))]
        await self._send()
        await self._until(lambda: self._session.is_ready)
        self._session.send_prompt()
        self.answer.note_sent()
        await self._send()
        await self._until(lambda: self._session.answering)
        self._last_event = anyio.current_time()

    async def connect(self) -> _Socket:
        """A socket that the gateway let in."""
        await attend()
        service = self._http.service
        parts, secure, proxy = urlsplit(service.base_url), service.is_secure, service.find_proxy()
        uid = quote(await user_id(self._http), safe="")
        url = f"{'wss' if secure else 'ws'}://{parts.netloc}{gateway_frames.PATH}?uid={uid}"
        proxy_options: dict[str, Any] = {}
        if proxy is not None and proxy.is_secure:
            proxy_options["proxy_ssl"] = await shared_context()
        headers = RedactedHeaders(self._http.headers("GET", gateway_frames.PATH))
        socket = await _Connect(
            url,
            origin=Origin(headers.get("origin", service.base_url)),
            user_agent_header=headers["user-agent"],
            additional_headers=RedactedHeaders({n: v for n, v in headers.items() if n not in {"origin", "user-agent"}}),
            ssl=await shared_context() if secure else None,
            proxy=None if proxy is None else proxy.url,
            **proxy_options,
            compression=None,
            max_size=MAX_OBJECT_BYTES,
            max_queue=None,  # `_listen` takes everything at once, so nothing is to be held back in the kernel
            open_timeout=service.timeout / 2,
            ping_interval=None,  # the gateway has heartbeats of its own
            logger=_no_log,
            create_connection=_Socket,
        )
        assert isinstance(socket, _Socket)  # noqa: S101 - for the type checker
        return socket

    async def _send(self) -> None:
        assert self._socket is not None  # noqa: S101 - for the type checker
        tap = self._http.service.tap or no_tap
        for frame in self._session.outgoing():
            tap("gateway", "sent", frame)
            await self._socket.send(frame)

    # --- the two tasks

    async def _listen(self, socket: _Socket) -> None:
        heard, size, now, tap = 0, 0, asyncio.get_running_loop().time, self._http.service.tap or no_tap
        try:
            for number in itertools.count(1):
                message = await socket.recv(decode=False)
                tap("gateway", "received", message)
                self._session.receive(message)
                if self._session.heard != heard:
                    heard, self._last_event = self._session.heard, now()
                    if self._state is State.SILENT:
                        self._move("heard")
                self._woken.set()
                if socket.received > MAX_STREAM_BYTES:
                    self._move("message too big")
                    _hang_up(socket)
                    return
                size += len(message)
                if number % MESSAGES_AT_ONCE == 0 or size > _BYTES_AT_ONCE:
                    size = 0
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            _hang_up(socket)
            raise
        except ConnectionClosed as error:
            close = error.rcvd
            tap("gateway", "ended", {"code": close.code, "reason": close.reason} if close is not None else {})
            if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
                self._move("message too big")
            elif error.rcvd is not None:
                self._session.closed(error.rcvd.code, error.rcvd.reason)
        finally:
            self._move("closed")
            self._woken.set()

    async def _watch(self, socket: ClientConnection) -> None:
        """Send heartbeats, and notice when the answer is awaited and does not continue."""
        limit = self._http.service.stream_event_timeout
        pause = min(HEARTBEAT_SECONDS, limit / 4)
        next_beat = anyio.current_time() + HEARTBEAT_SECONDS
        while not self._is_closed:
            await asyncio.sleep(pause)
            now = anyio.current_time()
            if now >= next_beat:
                next_beat = now + HEARTBEAT_SECONDS
                with suppress(ConnectionClosed):
                    await socket.send(gateway_frames.heartbeat())
            if self._is_awaited and now - self._last_event >= limit:
                self._move("fell silent")
                self._woken.set()

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
                    "grok.com hung up before it began to answer.",
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
                raise silence(self._http.service)
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
        if self._late_until is None:
            self._late_until = anyio.current_time() + LATE_SECONDS
        with anyio.move_on_after(self._late_until - anyio.current_time()) as scope:
            await self._wait()
        return scope.cancelled_caught

    def flush(self) -> list[ev.Event]:
        """What was held back of an answer that broke off: it is text after all."""
        self._session.close()
        return self._session.take()

    @property
    def unknown(self) -> Counter[str]:
        """What came that nobody knows, counted by kind."""
        return self._session.unknown

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
        """Close the socket."""
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            _hang_up(self._socket)
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _hang_up(socket: ClientConnection) -> None:
    """Say goodbye without waiting for the other side, and without the library's coroutines.

    Those stand on asynchronous generators, which a loop that is ending closes before their users.
    """
    with suppress(InvalidState):
        socket.protocol.send_close(CloseCode.NORMAL_CLOSURE)
    for data in filter(None, socket.protocol.data_to_send()):
        socket.transport.write(data)
    socket.transport.close()


def too_big() -> GrokWebProtocolError:
    """The error for a message that is larger than any should be."""
    return GrokWebProtocolError(
        where="a message of the realtime gateway", expected="one of at most 16 MiB", got="a larger one"
    )


def _translated(error: Exception, http: Http) -> GrokWebError:
    service = http.service
    if isinstance(error, TimeoutError):
        return GrokWebTimeoutError(
            f"grok.com did not begin to answer within {service.timeout:g} seconds.",
            next_step="Try again, or allow more time with `timeout=`.",
            never_sent="handshake" in str(error),
        )
    if isinstance(error, ImportError):
        return socks_package_missing(service.find_proxy())
    if isinstance(error, InvalidStatus):
        return _refused(error, http)
    if isinstance(error, ProxyError):
        what = "the proxy refused"
    elif isinstance(error, OSError):
        what = what_failed(error)
    elif isinstance(error, ConnectionClosed):
        what = "it closed the socket at once"
    else:
        what = "it, or a proxy before it, did not answer as a WebSocket should"
    return GrokWebConnectionError(
        f"{service.base_url} could not be reached: {what}.",
        next_step=what_to_check(service),
        never_sent=isinstance(error, OSError | InvalidMessage),  # the prompt goes after the handshake
    )


def _refused(error: InvalidStatus, http: Http) -> GrokWebError:
    response = error.response
    if response.status_code == 404:  # noqa: PLR2004 - not found
        return GrokWebInvalidRequestError(
            f"{http.service.base_url} has no realtime gateway.", next_step="Check `base_url=`."
        )
    headers = list(response.headers.raw_items())
    tap, refusal = http.service.tap or no_tap, {"status": response.status_code, "headers": headers}
    tap("gateway", "refused", {**refusal, "body": bytes(response.body or b"")})
    if response.status_code == 403 and not response.body:  # noqa: PLR2004 - how a challenge looks here (gateway.md 1.4)
        headers.append(("cf-mitigated", "challenge"))
    return http.refusal(response.status_code, headers, bytes(response.body or b""))


async def knock(http: Http) -> None:
    """Open a socket and close it: whether the gateway lets this account in. Nothing is said on it.

    Raises:
        GrokWebError: It does not.
    """
    turn = GatewayTurn(http, Turn(prompt=""))
    try:
        with anyio.fail_after(http.service.timeout):
            _hang_up(await turn.connect())
    except (OSError, WebSocketException, ImportError) as error:
        failure = http.clean(_translated(error, http))
    else:
        return
    raise failure
