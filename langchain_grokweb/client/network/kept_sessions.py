"""Sessions of the gateway that wait, each on its socket, for the next turn of their conversation (gateway.md 5.4, 9.7).

Nothing runs for a session that waits: what the service sends stays in the socket until the next turn reads it, and
timers of the loop send heartbeats and end the wait. So a loop may end at any time. A session is lent to one turn at a
time, and a socket that may be dead is not lent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode
from websockets.protocol import State

MOST_KEPT = 32
HEARTBEAT_SECONDS = 20.0
_PONG_SECONDS = 5.0  # in which a sign of life is answered, where anybody is there
_MOST_UNREAD_BYTES = 1024 * 1024


@dataclass(slots=True)
class KeptSession:
    """A session, and the socket that it is on.

    Attributes:
        socket: Where it is; it counts what it receives, as `received`.
        session_id: How the service names it.
        is_stored: Whether the service has stored its last answer, so that the next prompt may come.
        ids: Those of its prompts and answers.
        since: From when it waits, by the loop's clock.
    """

    socket: ClientConnection
    session_id: str
    is_stored: bool
    ids: frozenset[str]
    since: float


class KeptSessions:
    """The sessions of one event loop that wait, by what they can be used for."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, key: Hashable, session: KeptSession, seconds: float, heartbeat: Callable[[], str]) -> None:
        """Keep a session for so many seconds; the oldest of too many is given up."""
        if (older := self._waiting.pop(key, None)) is not None:
            older.close()
        while len(self._waiting) >= MOST_KEPT:
            self._waiting.pop(next(iter(self._waiting))).close()
        self._waiting[key] = _Waiting(session, seconds, heartbeat, lambda: self._waiting.pop(key, None))

    def take(self, key: Hashable) -> KeptSession | None:
        """The session that is kept for this, if it is alive; it is no longer kept."""
        waiting = self._waiting.pop(key, None)
        if waiting is None:
            return None
        if not waiting.is_alive:
            waiting.close()
            return None
        waiting.stop_timers()
        return waiting.session

    def close(self) -> None:
        """Close all of them."""
        while self._waiting:
            self._waiting.popitem()[1].close()


class _Waiting:
    def __init__(
        self, session: KeptSession, seconds: float, heartbeat: Callable[[], str], forget: Callable[[], object]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.session = session
        self._heartbeat = heartbeat
        self._forget = forget
        self._now = loop.time
        self._received = _received(session.socket)
        self._first_unread = self._received
        self._asked_at: float | None = None  # when the sign of life was sent that has not been answered
        self._beat = loop.call_later(HEARTBEAT_SECONDS, self._send_heartbeat)
        self._end = loop.call_later(seconds, self._give_up)

    @property
    def is_alive(self) -> bool:
        """Whether the socket is open, and nobody was asked for a sign of life in vain."""
        was_answered = self._asked_at is None or _received(self.session.socket) > self._received
        return self._is_open and (was_answered or self._now() - (self._asked_at or 0.0) < _PONG_SECONDS)

    @property
    def _is_open(self) -> bool:
        socket = self.session.socket
        is_flooded = _received(socket) - self._first_unread > _MOST_UNREAD_BYTES
        return socket.state is State.OPEN and not (is_flooded or socket.transport.is_closing())

    def _send_heartbeat(self) -> None:
        if not self.is_alive:
            self._give_up()
            return
        socket, loop = self.session.socket, asyncio.get_running_loop()
        self._received, self._asked_at = _received(socket), self._now()
        send_now(socket, self._heartbeat())
        self._beat = loop.call_later(HEARTBEAT_SECONDS, self._send_heartbeat)

    def _give_up(self) -> None:
        self._forget()
        self.close()

    def stop_timers(self) -> None:
        self._beat.cancel()
        self._end.cancel()

    def close(self) -> None:
        self.stop_timers()
        hang_up(self.session.socket)


def hang_up(socket: ClientConnection) -> None:
    """Say goodbye without waiting for the other side, and without the library's coroutines.

    Those stand on asynchronous generators, which a loop that is ending closes before their users.
    """
    with suppress(InvalidState):
        socket.protocol.send_close(CloseCode.NORMAL_CLOSURE)
    _write(socket)
    socket.transport.close()


def send_now(socket: ClientConnection, text: str) -> None:
    """Send a short message without waiting for anything; nothing happens where the socket is closed."""
    with suppress(InvalidState):
        socket.protocol.send_text(text.encode())
        _write(socket)


def _write(socket: ClientConnection) -> None:
    for data in filter(None, socket.protocol.data_to_send()):
        socket.transport.write(data)


def _received(socket: ClientConnection) -> int:
    return getattr(socket, "received", 0)
