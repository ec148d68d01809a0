"""A socket to the gateway: opened with the account's cookies, read in small steps, and its errors as ours.

Nearly all that comes is text in one frame, a hundred or more in one read. The library takes longer to read such a frame
than it takes to make an event of it, so these are cut out here (`plain_frames`). Everything else is the library's to
read and to check: the handshake, frames of another kind, large ones and parts of messages, and all that comes once the
socket is being closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, ProxyError
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State
from websockets.typing import Origin
from websockets.version import version as websockets_version

from langchain_grokweb.client.network.failures import what_failed, what_to_check
from langchain_grokweb.client.network.http import Http, RedactedHeaders
from langchain_grokweb.client.network.plain_frames import BeginningFrame, beginning_frame, take_plain_messages
from langchain_grokweb.client.network.pool import shared_context, socks_package_missing
from langchain_grokweb.client.network.tap import no_tap
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import gateway_frames
from langchain_grokweb.wire.framing import MAX_OBJECT_BYTES

HOLD_SECONDS = 0.002  # for which reading may hold the event loop
MIN_STEP_BYTES, MAX_STEP_BYTES = 1024, 4096  # of what the library reads; small where many messages are in few bytes
_MESSAGES_IN_A_STEP = 256
_DECODES_PROXY_PASSWORDS = tuple(map(int, websockets_version.split(".")[:2])) >= (17, 1)
_END_OF_HANDSHAKE = b"\r\n\r\n"

# The library would log the handshake's headers, cookies among them. This logger is in no hierarchy, so that no
# configuration of logging reaches it.
_no_log = logging.Logger("langchain_grokweb.websockets", logging.CRITICAL + 1)  # noqa: LOG001 - on purpose


class _Connect(connect):
    """The library's client, which follows no redirect: cookies stay where they belong."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Socket(ClientConnection):
    """The library's connection, which reads in small steps: what comes at once may be thousands of messages.

    Attributes:
        received: How many bytes came.
        messages: What came and was not taken; `wait` until there is something.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.received = 0
        self.messages: deque[bytes] = deque()
        self._has_news = asyncio.Event()  # a message, or the end
        self._is_lost = False
        self._unread = b""
        self._step = MAX_STEP_BYTES
        self._knows_frames = False  # it is known where a frame begins
        self._head = b""  # of a frame whose size is not known yet
        self._owed = 0  # bytes of the frame that the library is reading
        self._is_in_parts = False  # more parts of the message come
        self._parts = bytearray()

    async def wait(self) -> None:
        """Wait until there are messages; at once where there are.

        Raises:
            ConnectionClosed: There are none, and none will come.
        """
        while not self.messages:
            if self._is_lost:
                await self.recv(decode=False)  # which has none
            self._has_news.clear()
            await self._has_news.wait()

    async def send_all(self, messages: Sequence[str]) -> None:
        """Send messages, all in one write.

        Raises:
            websockets.exceptions.ConnectionClosed: The socket is closed.
            OSError: It was lost.
        """
        if len(messages) > 1 and self.state is State.OPEN:
            for message in messages:
                self.protocol.send_text(message.encode())
            self.transport.write(b"".join(self.protocol.data_to_send()))
            await self.drain()
        else:
            for message in messages:
                await self.send(message)

    # --- what the transport calls

    def data_received(self, data: bytes) -> None:
        """Read for `HOLD_SECONDS`, and the rest when the loop's other tasks have had their turn."""
        self.received += len(data)
        if self._unread:
            self._unread += data
            return
        if self._head:
            data, self._head = self._head + data, b""
        self._read(data)
        if self._unread and not self.transport.is_closing():
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        super().connection_lost(exc)
        self._is_lost = True
        self._has_news.set()

    # --- reading

    def _read(self, data: bytes) -> None:
        position, now = 0, self.loop.time()
        until = now + HOLD_SECONDS
        while position < len(data) and (not position or now < until):
            position = self._read_step(data, position)
            before, now = now, self.loop.time()
            self._step = MAX_STEP_BYTES if now - before < HOLD_SECONDS / 8 else MIN_STEP_BYTES
        self._unread = data[position:]
        if self.messages:
            self._has_news.set()
        if self._unread:
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self._read(self._unread)
            if not self._unread:
                self.transport.resume_reading()

    def _read_step(self, data: bytes, position: int) -> int:
        """Read a little from a position on; return how far."""
        size = self._step
        if self._knows_frames and self.protocol.state is State.OPEN:
            if not self._owed:
                if not self._is_in_parts:
                    start, position = position, take_plain_messages(data, position, self.messages, _MESSAGES_IN_A_STEP)
                    if position > start:
                        return position
                frame = beginning_frame(data, position)
                if frame is None:
                    self._head = data[position:]
                    return len(data)
                self._begin(frame)
            size = min(size, self._owed)
            self._owed -= min(size, len(data) - position)
        piece = data[position : position + size]
        was_connecting = self.protocol.state is State.CONNECTING
        super().data_received(piece)
        if was_connecting and self.protocol.state is State.OPEN:
            # Not known where something came with the handshake's end: then the library reads all.
            self._knows_frames = piece.find(_END_OF_HANDSHAKE) == len(piece) - len(_END_OF_HANDSHAKE)
        return position + len(piece)

    def _begin(self, frame: BeginningFrame) -> None:
        self._owed = frame.size
        if frame.is_data:
            self._is_in_parts = not frame.is_last

    def process_event(self, event: Event) -> None:
        """Take what the library has read: the parts of messages here, everything else there."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._parts += event.data
        if event.fin:
            self.messages.append(bytes(self._parts))
            self._parts = bytearray()


async def open_socket(service: Service, uid: str, headers: RedactedHeaders) -> Socket:
    """A socket that the gateway let in.

    Args:
        service: Where it is.
        uid: The account's id.
        headers: Of the handshake.

    Raises:
        GrokWebInvalidRequestError: The proxy's password needs a newer version of the library.
    """
    parts, secure, proxy = urlsplit(service.base_url), service.is_secure, service.find_proxy()
    url = f"{'wss' if secure else 'ws'}://{parts.netloc}{gateway_frames.PATH}?uid={quote(uid, safe='')}"
    proxy_options: dict[str, Any] = {}
    if proxy is not None and not _DECODES_PROXY_PASSWORDS and unquote(proxy.url) != proxy.url:
        raise GrokWebInvalidRequestError(
            f"{proxy.source} has a character in its password that websockets {websockets_version} sends wrongly.",
            next_step='Run: pip install "websockets>=17.1"',
        )
    if proxy is not None and proxy.is_secure:
        proxy_options["proxy_ssl"] = await shared_context()
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
        create_connection=Socket,
    )
    assert isinstance(socket, Socket)  # noqa: S101 - for the type checker
    return socket


def socket_failure(error: Exception, http: Http) -> GrokWebError:
    """The error for a socket that could not be opened, or was lost, as one of ours."""
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
