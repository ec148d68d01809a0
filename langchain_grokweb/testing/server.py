"""uvicorn in a thread, with an event loop of its own.

The socket is bound by the caller's thread, so that the port is known before anything runs, and connections
that come early wait in its backlog. Stopping does not wait for anybody: connections are aborted, tasks
cancelled, and the thread is joined. uvicorn's own `serve` would wait for idle connections, install signal
handlers and log, so its parts are put together here.
"""

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_PATIENCE_SECONDS = 60.0
_BACKLOG = 1024
_ACCEPT_TICKS = 5
_DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LOGGER = logging.getLogger("langchain_grokweb.testing.server")
_LOGGER.setLevel(logging.WARNING)
_LOGGER.addHandler(logging.NullHandler())


def reset(scope: Scope) -> None:
    """Break a connection off so that the client sees a reset, not an end. What is under way may be lost."""
    transport: asyncio.Transport | None = scope["grok.transport"]
    if transport is not None:
        own: socket.socket = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()


async def gone(receive: Receive) -> Response:
    """The client has gone, or goes; what is answered then reaches nobody."""
    while (await receive())["type"] not in _DISCONNECTS:
        pass
    return Response()


async def hung_up(scope: Scope, receive: Receive) -> Response:
    """No reply: the connection is reset."""
    reset(scope)
    return await gone(receive)


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket that says it is TCP: asyncio switches Nagle's algorithm off on those alone."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _QuietHttp(H11Protocol):
    """uvicorn's HTTP with what it logs in our own logger, so that nothing reaches standard error unasked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _LOGGER


class _QuietWebSockets(WebSocketsSansIOProtocol):
    """The same for WebSockets, without an entry for each upgrade and frame.

    A handshake that ended with an HTTP reply is complete, too; uvicorn would report it as an error of the application.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = self.conn.logger = _LOGGER
        self.conn.debug = False

    async def send(self, message: Any) -> None:
        """What the application says."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True


class Server:
    """Serves an application on a socket, at `port`, from `start` to `stop`; can be started once.

    `before_close` runs in the server's loop when it stops.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, before_close: Callable[[], None]) -> None:
        self._config = uvicorn.Config(
            app,
            http=_QuietHttp,
            ws=_QuietWebSockets,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=3600,
            backlog=_BACKLOG,
        )
        self._server = uvicorn.Server(self._config)
        self._before_close = before_close
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="grok-emulator", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread, and wait until connections are accepted; `RuntimeError` where it did not start."""
        self._thread.start()
        if not self._ready.wait(_PATIENCE_SECONDS) or self._failure is not None:
            raise RuntimeError("The emulator did not start") from self._failure

    def stop(self) -> None:
        """Stop at once, and wait for the thread."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE_SECONDS)

    def call(self, work: Callable[[], None]) -> None:
        """Run a function in the server's loop, and wait for it."""

        async def run() -> None:
            work()

        if self._loop is None:
            raise RuntimeError("The emulator does not run")
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE_SECONDS)

    def transport_of(self, client: Any) -> asyncio.Transport | None:
        """The transport that this client is connected by; from within the loop only."""
        for connection in self._server.server_state.connections:
            if getattr(connection, "client", None) == tuple(client):
                return connection.transport
        return None

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as exc:  # noqa: BLE001 - reported to the thread that waits for the start
            self._failure = exc
        finally:
            self._socket.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=[self._socket])
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._close()

    async def _close(self) -> None:
        state = self._server.server_state
        # a connection that is just being accepted when its listener closes would be lost: let it come first
        with suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().remove_reader(self._socket)
        for _ in range(_ACCEPT_TICKS):
            await asyncio.sleep(0)
        for listener in self._server.servers:
            listener.close()
        self._before_close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._server.servers:
            await listener.wait_closed()
