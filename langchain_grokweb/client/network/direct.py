"""Requests straight to a server, each on a connection that is kept for the next one.

A client serves one request at a time (`pool` lends it), so a pool of connections has nothing to choose, and takes as
long as half of a short request's other work. What is sent of a request waits until its answer is read, so that head and
body leave together. What comes beyond a reply would be read as the next one's, so its connection is not used again.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import httpcore
import httpx
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

KEEP_SECONDS = 30.0
_MOST_UNSENT_BYTES = 64 * 1024
_PORTS = {b"http": 80, b"https": 443}
_LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class DirectTransport(httpx.AsyncBaseTransport):
    """A transport without a proxy. Its errors are those of httpx."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._idle: httpcore.AsyncHTTP11Connection | None = None
        self._busy: set[httpcore.AsyncHTTP11Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The reply, whose body is still to be read.

        Raises:
            httpx.TransportError: There is none.
        """
        url, extensions = request.url, request.extensions
        if url.raw_scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(url.scheme)
        origin = httpcore.Origin(url.raw_scheme, url.raw_host, url.port or _PORTS[url.raw_scheme])
        connection = await self._find(origin, extensions)
        self._busy.add(connection)
        address = httpcore.URL(scheme=origin.scheme, host=origin.host, port=url.port, target=url.raw_path)
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    request.method, address, headers=request.headers.raw, content=request.stream, extensions=extensions
                )
            )
        except httpcore.ProtocolError as error:
            await self._release(connection)
            raise _known(error) from error
        except BaseException:  # a cancellation too must not leave the connection open
            await self._release(connection)
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(self, connection, response.stream),
            extensions=response.extensions,
        )

    async def _find(self, origin: httpcore.Origin, extensions: Any) -> httpcore.AsyncHTTP11Connection:
        """The connection that was kept, where it leads there and can be used again, or a new one."""
        kept, self._idle = self._idle, None
        if kept is not None:
            if kept.can_handle_request(origin) and _is_clean(kept):
                return kept
            await kept.aclose()
        name = extensions.get("sni_hostname") or origin.host.decode("ascii")
        stream = await _connect(origin, self._context, name, extensions["timeout"]["connect"])
        return httpcore.AsyncHTTP11Connection(origin, stream, keepalive_expiry=KEEP_SECONDS)

    async def _release(self, connection: httpcore.AsyncHTTP11Connection) -> None:
        """A request is over: keep its connection, if it can be used again."""
        if connection in self._busy:
            self._busy.remove(connection)
            if self._idle is None and _is_clean(connection):
                self._idle = connection
            elif not connection.is_closed():
                await connection.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        connections = [*self._busy, *filter(None, [self._idle])]
        self._busy.clear()
        self._idle = None
        for connection in connections:
            await connection.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, transport: DirectTransport, connection: httpcore.AsyncHTTP11Connection, pieces: Any) -> None:
        self._transport = transport
        self._connection = connection
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._pieces:
                yield piece
        except httpcore.ProtocolError as error:
            raise _known(error) from error

    async def aclose(self) -> None:
        try:
            await self._pieces.aclose()
        finally:
            await self._transport._release(self._connection)  # noqa: SLF001 - its own


def _is_clean(connection: httpcore.AsyncHTTP11Connection) -> bool:
    """Whether it is idle and alive, and nothing has come beyond its last reply."""
    # Private, since httpcore has no public name for it: the parser, which alone knows what it has not used.
    parser = getattr(connection, "_h11_state", None)
    return (
        connection.is_idle()
        and not connection.has_expired()  # which asks the stream what was not read
        and parser is not None
        and parser.trailing_data == (b"", False)
    )


def _known(error: httpcore.ProtocolError) -> httpx.ProtocolError:
    is_remote = isinstance(error, httpcore.RemoteProtocolError)
    return (httpx.RemoteProtocolError if is_remote else httpx.LocalProtocolError)(str(error))


class _Stream(httpcore.AsyncNetworkStream):
    """What a connection is made of."""

    def __init__(self, stream: ByteStream, plain: ByteStream) -> None:
        self._stream = stream
        self._socket = plain.extra(SocketAttribute.raw_socket)  # noqa: S610 - no query
        self._tls = stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - no query
        # Private, since anyio has no public name for it: what was taken from the socket and not read.
        self._queue = getattr(getattr(plain, "_protocol", None), "read_queue", None)
        self._unsent = b""
        self._send_seconds: float | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as httpcore calls it
        if self._unsent:
            with suppress(httpcore.WriteError):  # the server may have answered before it closed
                await self._send()
        try:
            if timeout is None:
                return await self._stream.receive(max_bytes)
            with anyio.fail_after(timeout):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error
        except _LOST as error:
            raise httpx.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as httpcore calls it
        self._unsent += buffer
        self._send_seconds = timeout
        if len(self._unsent) >= _MOST_UNSENT_BYTES:
            await self._send()

    async def _send(self) -> None:
        data, self._unsent = self._unsent, b""
        try:
            if self._send_seconds is None:
                await self._stream.send(data)
            else:
                with anyio.fail_after(self._send_seconds):
                    await self._stream.send(data)
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error
        except _LOST as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._has_unread() if info == "is_readable" else None

    def _has_unread(self) -> bool:
        """Whether anything has come and was not read, the end included, or this cannot be known."""
        if self._queue is None or self._queue or _is_readable(self._socket):
            return True
        return self._tls is not None and _is_readable_tls(self._tls)


async def _connect(origin: httpcore.Origin, context: ssl.SSLContext, name: str, seconds: float | None) -> _Stream:
    """Connect; `name` is the host that the certificate must be of."""
    stream: ByteStream | None = None
    await asyncio.sleep(0)  # so that whoever is being cancelled begins nothing: anyio warns of a task that cannot begin
    try:
        with anyio.fail_after(seconds):
            stream = plain = await anyio.connect_tcp(origin.host.decode("ascii"), origin.port)
        if origin.scheme == b"https":
            context.set_alpn_protocols(["http/1.1"])
            with anyio.fail_after(seconds):
                stream = await TLSStream.wrap(plain, hostname=name, ssl_context=context, standard_compatible=False)
    except BaseException as error:  # a cancellation too must not leave the socket open
        if stream is not None:
            await stream.aclose()
        if isinstance(error, TimeoutError):
            raise httpx.ConnectTimeout(str(error)) from error
        if isinstance(error, OSError | anyio.EndOfStream | anyio.BrokenResourceError):
            raise httpx.ConnectError(str(error)) from error
        raise
    return _Stream(stream, plain)


def _is_readable_tls(tls: ssl.SSLObject) -> bool:
    """Whether something can be read of what the socket has given."""
    try:
        tls.read(1)
    except ssl.SSLError as error:
        return not isinstance(error, ssl.SSLWantReadError)
    return True


def _is_readable(raw_socket: socket.socket) -> bool:
    """Whether the socket has something to read, the end included."""
    descriptor = raw_socket.fileno()
    if descriptor < 0:
        return True
    if sys.platform == "win32" or not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
