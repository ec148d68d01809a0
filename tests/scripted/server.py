"""A small HTTP and WebSocket server on loopback, whose replies are given as bytes.

`play(script)` says what the next requests get. A reply is a list of pieces: bytes, which leave in one write each, and
things that happen between them (`HANG_UP`, `SILENCE`, `Close`). Everything that a client said is kept in `requests` and
`frames`.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from websockets.frames import Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from tests.clock import CLOCK, HANG_SECONDS

COOKIES = "sso=scripted; sso-rw=scripted; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8ca"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something between the pieces of a reply that is no bytes."""

    name: str


HANG_UP = Happening("hang up")  # the connection ends here, without a farewell
MOMENT = Happening("a twentieth of a second, by the tests' clock")
STAY = Happening("nothing more, and the connection stays until the client leaves")
SILENCE = Happening("silence")  # nothing more, until `speak` is called or the client leaves


@dataclass(frozen=True, slots=True)
class Close:
    """The server closes a WebSocket."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fragments:
    """One WebSocket message in several frames, cut where the test says."""

    parts: tuple[bytes, ...]


Piece = bytes | str | Happening | Close | Fragments


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply, streamed piece by piece; `held` waits for `speak` before its first byte."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    held: bool = False

    @classmethod
    def of(cls, body: Any, status: int = 200, **headers: str) -> Self:
        """A reply whole: `bytes` and `str` as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        named = {"content-type": "application/json"}
        named.update((name.replace("_", "-"), value) for name, value in headers.items())
        return cls([raw] if raw else [], status, named)


NOT_FOUND = Reply.of({"code": 5, "message": "Not found", "details": []}, 404)
DEFAULTS = {
    "stop": Reply.of({}),
    "session": Reply.of({"status": "authenticated", "session": {"userId": "497f19f8-49d4-458a-bee4-43ec3dcaf8ca"}}),
}

# The names under which a script gives its replies, by what is asked for.
_ROUTES = [
    (name, re.compile(pattern))
    for name, pattern in [
        ("turn", r"POST /rest/app-chat/conversations/(new|[^/]+/responses)$"),
        ("response-node", r"GET /rest/app-chat/conversations/[^/]+/response-node"),
        ("load-responses", r"POST /rest/app-chat/conversations/[^/]+/load-responses"),
        ("responses", r"GET /rest/app-chat/conversations/[^/]+/responses"),
        ("reconnect", r"GET /rest/app-chat/conversations/reconnect-response-v2/"),
        ("stop", r"(DELETE|POST) /rest/app-chat/conversations/.*(inflight-response/|stop-inflight-responses)"),
        ("conversations", r"GET /rest/app-chat/conversations\b(?!/)"),
        ("rate-limits", r"POST /rest/rate-limits"),
        ("modes", r"POST /rest/modes"),
        ("session", r"GET /api/auth/session"),
    ]
]


@dataclass
class Script:
    """What the server says.

    Attributes:
        replies: By the names of `_ROUTES`, or by "METHOD /path". Of a list each is used once, the last one again and
            again.
        socket: What is said over a WebSocket as soon as an event of a type came.
        handshake: A refusal in place of the WebSocket.
    """

    replies: dict[str, Reply | list[Reply]] = field(default_factory=dict)
    socket: Mapping[str, Sequence[Piece]] = field(default_factory=dict)
    handshake: Reply | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Used as a context manager; serves from a thread of its own."""

    def __init__(self) -> None:
        self.cookies = COOKIES
        self.requests: list[Request] = []
        self.frames: list[dict[str, Any]] = []
        self.silences = 0
        self._script = Script()
        self._queues: dict[str, deque[Reply]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._speak = asyncio.Event()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(self._start())
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(HANG_SECONDS)

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**24)

    async def _finish(self) -> None:
        for socket in self._server.sockets:
            self._loop.remove_reader(socket.fileno())  # a connection of a server that is closed leaves its socket open
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks & self._connections.keys():
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._server.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next round

    # --- what a test does

    def play(self, script: Script) -> None:
        """Say this from now on, and forget what was heard."""
        self._script = script
        self._queues = {name: deque(reply) for name, reply in script.replies.items() if isinstance(reply, list)}
        self.requests, self.frames, self.silences = [], [], 0
        self._loop.call_soon_threadsafe(self._speak.clear)

    def speak(self) -> None:
        """End every `SILENCE`."""
        self._loop.call_soon_threadsafe(self._speak.set)

    def asked(self, name: str) -> list[Request]:
        """The requests of one name."""
        return [request for request in self.requests if request.name == name]

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait until what was heard, or said, has come so far."""
        with self._changed:
            assert self._changed.wait_for(reached, HANG_SECONDS)

    def note_change(self) -> None:
        """Something was heard or said."""
        with self._changed:
            self._changed.notify_all()

    # --- connections

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._close)

    def _close(self, task: asyncio.Task[None]) -> None:
        writer = self._connections.pop(task)
        if task.cancelled():  # the end of the test: what is not sent yet is of no use
            writer.transport.abort()
        else:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; whether the connection may be used again."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        if headers.get("upgrade", "").lower() == "websocket":
            if self._script.handshake is None:
                await _Socket(self, reader, writer).serve(head)
                return False
            return await self._send(writer, reader, self._script.handshake)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        name = next((name for name, pattern in _ROUTES if pattern.match(f"{method} {path}")), f"{method} {path}")
        self.requests.append(Request(name, method, path, headers, body))
        self.note_change()
        return await self._send(writer, reader, self._reply(name))

    def _reply(self, name: str) -> Reply:
        if queue := self._queues.get(name):
            return queue.popleft() if len(queue) > 1 else queue[0]
        reply = self._script.replies.get(name)
        return reply if isinstance(reply, Reply) else DEFAULTS.get(name, NOT_FOUND)

    async def _send(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, reply: Reply) -> bool:
        if reply.held:
            await self._wait(SILENCE, reader)
        head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase if reply.status < 520 else 'Cloudflare'}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write("\r\n".join([*head, "transfer-encoding: chunked", "", ""]).encode("latin-1"))
        for piece in reply.pieces:
            if piece is HANG_UP:
                await writer.drain()
                return False
            if isinstance(piece, Happening):
                await self._wait(piece, reader)
            elif isinstance(piece, bytes | str):
                raw = piece.encode() if isinstance(piece, str) else piece
                writer.write(b"%x\r\n%b\r\n" % (len(raw), raw))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def until(self, happening: Happening) -> None:
        """What ends a silence."""
        self.silences += happening is not MOMENT
        self.note_change()
        if happening is MOMENT:
            await CLOCK.sleep(0.05)
        else:
            await (asyncio.Event() if happening is STAY else self._speak).wait()

    async def _wait(self, happening: Happening, reader: asyncio.StreamReader) -> None:
        """Stay silent, unless the client has gone."""
        leaves = asyncio.ensure_future(reader.read(1))
        speaks = asyncio.ensure_future(self.until(happening))
        try:
            await asyncio.wait({leaves, speaks}, return_when=asyncio.FIRST_COMPLETED)
            has_left = leaves.done()
        finally:
            leaves.cancel()
            speaks.cancel()
            await asyncio.gather(leaves, speaks, return_exceptions=True)
        if has_left:
            raise ConnectionResetError


class _Socket:
    """One WebSocket of a client."""

    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._script = server._script
        self._reader, self._writer = reader, writer
        self._protocol = ServerProtocol()
        self._plays: asyncio.Task[None] | None = None

    async def serve(self, head: bytes) -> None:
        self._protocol.receive_data(head)
        (request,) = self._protocol.events_received()
        assert isinstance(request, Handshake)
        self._server.requests.append(
            Request("socket", "GET", request.path, {name.lower(): v for name, v in request.headers.raw_items()}, b"")
        )
        self._protocol.send_response(self._protocol.accept(request))
        await self._flush()
        try:
            while not self._protocol.close_expected() and (data := await self._reader.read(65536)):
                self._protocol.receive_data(data)
                for frame in self._protocol.events_received():
                    if frame.opcode is Opcode.TEXT:
                        self._hear(json.loads(frame.data))
                await self._flush()
        finally:
            if self._plays is not None:
                self._plays.cancel()

    def _hear(self, envelope: dict[str, Any]) -> None:
        self._server.frames.append(envelope)
        self._server.note_change()
        pieces = self._script.socket.get(envelope["event"]["type"])
        if pieces:
            self._plays = asyncio.ensure_future(self._play(self._plays, pieces, envelope["event"].get("event_id", "")))

    async def _play(self, before: asyncio.Task[None] | None, pieces: Iterable[Piece], asked_by: str) -> None:
        if before is not None:
            await before
        with suppress(ConnectionError):
            for piece in pieces:
                await self._say(piece, asked_by)

    async def _say(self, piece: Piece, asked_by: str) -> None:
        match piece:
            case Close(code, reason):
                self._protocol.send_close(code, reason)
            case Fragments((first, *others)):
                self._protocol.send_text(first, fin=not others)
                for number, part in enumerate(others, 1):
                    self._protocol.send_continuation(part, fin=number == len(others))
            case bytes() | str():
                raw = piece.encode() if isinstance(piece, str) else piece
                self._protocol.send_text(raw.replace(b"$ASKED_BY", asked_by.encode()))
            case Happening():
                await self._happen(piece)
        await self._flush()

    async def _happen(self, happening: Happening) -> None:
        if happening is HANG_UP:
            await self._writer.drain()
            self._writer.close()
        else:  # `serve` reads, and sees when the client leaves
            await self._server.until(happening)

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
            elif self._writer.can_write_eof():
                with suppress(OSError):  # the client has gone
                    self._writer.write_eof()
        await self._writer.drain()


def in_pieces(body: bytes, sizes: Sequence[int] = (1, 7, 64, 3, 200)) -> list[bytes]:
    """A body in awkward pieces, some of them cut within a character."""
    pieces, start, number = [], 0, 0
    while start < len(body):
        end = start + sizes[number % len(sizes)]
        pieces.append(body[start:end])
        start, number = end, number + 1
    return pieces
