"""A turn over the realtime gateway: a socket for each turn.

A task of its own reads the socket and feeds the session, so that messages which came together are taken together; a
second one sends heartbeats and watches for silence, so that no wait needs a timer. `next_batch` only waits to be woken.
After the answer is done the socket is kept for a moment, since the title and suggestions come late.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin

from langchain_grokweb.client.account import user_id
from langchain_grokweb.client.http import Http
from langchain_grokweb.client.pool import shared_context
from langchain_grokweb.client.running import LATE_SECONDS, RunningAnswer, broken_off, silence, split_failure
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import GrokWebConnectionError, GrokWebError, GrokWebTimeoutError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import gateway as wire
from langchain_grokweb.wire import rejection
from langchain_grokweb.wire.framing import MAX_OBJECT_BYTES
from langchain_grokweb.wire.turn import Turn

HEARTBEAT_SECONDS = 20.0
COMMANDS_SECONDS = 0.2  # how long to wait for `conversation.commands.updated`, which not every server sends

# The library would log the handshake's headers, cookies among them.
_no_log = logging.getLogger("langchain_grokweb.websockets")
_no_log.disabled = True


class _Connect(connect):
    """The library's client, which follows no redirect: cookies stay where they belong."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class GatewayTurn:
    """One turn that the service has taken; the same face as `RestTurn`."""

    transport = "gateway"

    def __init__(self, http: Http, turn: Turn) -> None:
        self._http = http
        self._session = wire.GatewaySession(turn, assets_url=http.service.assets_url)
        self._answer = RunningAnswer(http, turn)
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._last_event = time.monotonic()
        self._first: list[ev.Event] = []
        self._failure: GrokWebError | None = None
        self._closed = self._silent = False
        self._late_until: float | None = None

    @classmethod
    async def open(cls, http: Http, turn: Turn) -> GatewayTurn:
        """Open a socket, say the turn and wait until the service begins to answer.

        Raises:
            GrokWebError: It was refused, or did not begin within `timeout`.
        """
        opened = cls(http, turn)
        try:
            await opened._in_time()
        except BaseException:
            await opened.leave()
            raise
        return opened

    async def _in_time(self) -> None:
        """Begin within `timeout`; errors of the library become ours, and are not dragged along."""
        try:
            with anyio.fail_after(self._http.service.timeout):
                await self._begin()
        except (OSError, WebSocketException) as error:
            failure = self._http.clean(_translated(error, self._http.service))
        else:
            return
        raise failure

    async def _begin(self) -> None:
        self._socket = await self._connect()
        self._tasks = [asyncio.create_task(self._listen(self._socket)), asyncio.create_task(self._watch(self._socket))]
        await self._send()
        await self._until(lambda: self._session.is_ready)
        with anyio.move_on_after(COMMANDS_SECONDS):
            await self._until(lambda: self._session.commands_known)
        self._session.say_prompt()
        self._answer.may_run = True
        await self._send()
        await self._until(lambda: self._session.answering)

    async def _connect(self) -> ClientConnection:
        service = self._http.service
        parts = urlsplit(service.base_url)
        secure = parts.scheme == "https"
        headers = self._http.headers("GET", wire.PATH)
        return await _Connect(
            f"{'wss' if secure else 'ws'}://{parts.netloc}{wire.PATH}?uid={await user_id(self._http)}",
            max_queue=None,  # `_listen` takes everything at once, so nothing is to be held back in the kernel
            origin=Origin(service.base_url),
            user_agent_header=headers.pop("user-agent"),
            additional_headers=headers,
            ssl=await shared_context() if secure else None,
            proxy=service.proxy or (None if service.is_local else True),
            compression=None,
            max_size=MAX_OBJECT_BYTES,
            open_timeout=None,
            close_timeout=1,
            logger=_no_log,
        )

    async def _send(self) -> None:
        assert self._socket is not None  # noqa: S101 - for the type checker
        for frame in self._session.outgoing():
            await self._socket.send(frame)

    # --- the two tasks

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                self._session.receive(await socket.recv(decode=False))
                if not self._woken.is_set():  # the reader has not been woken yet by what came together with this
                    if self._session.has_events:
                        self._last_event = time.monotonic()
                    self._woken.set()
        except ConnectionClosed:
            self._session.close()
        finally:
            self._closed = True
            self._woken.set()

    async def _watch(self, socket: ClientConnection) -> None:
        limit = self._http.service.stream_event_timeout
        pause = min(HEARTBEAT_SECONDS, limit / 4)
        next_beat = time.monotonic() + HEARTBEAT_SECONDS
        while time.monotonic() - self._last_event < limit:
            await asyncio.sleep(pause)
            if time.monotonic() >= next_beat:
                next_beat += HEARTBEAT_SECONDS
                try:
                    await socket.send(wire.heartbeat())
                except ConnectionClosed:
                    return
        self._silent = True
        self._woken.set()

    async def _wait(self) -> None:
        await self._woken.wait()
        self._woken.clear()

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Wait for something in the session.

        Raises:
            GrokWebError: The service refused, or hung up.
        """
        while not reached():
            if self._closed:
                raise GrokWebConnectionError(
                    "grok.com closed the socket before it began to answer.", next_step="Try again later."
                )
            await self._wait()
            self._take()

    def _take(self) -> None:
        """What opening brings: kept for `next_batch`, unless it is a refusal.

        Raises:
            GrokWebError: The service refused.
        """
        batch = self._session.take()
        self._answer.note(batch)
        self._first += batch
        events, failure = split_failure(self._first)
        if failure is not None and not any(isinstance(event, ev.AnswerStarted) for event in events):
            raise self._http.clean(failure)

    # --- reading

    async def next_batch(self) -> list[ev.Event] | None:
        """What came since the last call, never empty; `None` when the answer is whole.

        Raises:
            GrokWebInterruptedError: The socket was closed before the answer was done.
            GrokWebTimeoutError: No event came for `stream_event_timeout` seconds.
            GrokWebError: The service reported an error instead of (the rest of) an answer.
        """
        while True:
            if batch := self._next_events():
                return batch
            if self._failure is not None:
                raise self._http.clean(self._failure)
            if self._session.finished:
                if self._session.settled or self._closed or await self._late_is_over():
                    return None
            elif self._closed:
                self._answer.may_run = False
                raise broken_off()
            elif self._silent:
                raise silence(self._http.service)
            else:
                await self._wait()

    def _next_events(self) -> list[ev.Event]:
        if self._first:
            batch, self._first = self._first, []
        else:
            batch = self._session.take()
            self._answer.note(batch)
        if batch:
            batch, self._failure = split_failure(batch)
        return batch

    async def _late_is_over(self) -> bool:
        """Wait for what comes after the answer; whether it has been waited long enough."""
        if self._late_until is None:
            self._late_until = time.monotonic() + LATE_SECONDS
        with anyio.move_on_after(self._late_until - time.monotonic()) as scope:
            await self._wait()
        return scope.cancelled_caught

    async def leave(self) -> None:
        """Close the socket, and stop the turn at the service if it may still be running there."""
        await self._answer.leave(self._let_go, self._session.unknown)

    async def _let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            await self._socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _translated(error: Exception, service: Service) -> GrokWebError:
    if isinstance(error, TimeoutError):
        return GrokWebTimeoutError(
            f"grok.com did not begin to answer within {service.timeout:g} seconds.",
            next_step="Try again, or allow more time with `timeout=`.",
        )
    if isinstance(error, InvalidStatus):
        return _refused(error, service)
    return GrokWebConnectionError(
        f"{service.base_url} could not be reached: {type(error).__name__}.",
        next_step="Check the network, `base_url=` and `proxy=`.",
        never_sent=isinstance(error, OSError),
    )


def _refused(error: InvalidStatus, service: Service) -> GrokWebError:
    response = error.response
    headers = {name.lower(): value for name, value in response.headers.raw_items() if name.lower() != "set-cookie"}
    if response.status_code == 403 and not response.body:  # noqa: PLR2004 - how a challenge looks here (gateway.md 1.4)
        headers["cf-mitigated"] = "challenge"
    return rejection.from_reply(
        rejection.Reply(response.status_code, headers, bytes(response.body or b""), service.login_url)
    )
