"""The gateway's socket reads most frames by itself: what comes of them is what the library makes of them."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from langchain_grokweb.client.network.gateway_socket import Socket

MAX_SIZE = 100_000


class Wire(asyncio.Transport):
    """A transport that writes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.flows = asyncio.Event()
        self.flows.set()
        self._is_closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.flows.clear()

    def resume_reading(self) -> None:
        self.flows.set()

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True


@dataclass
class Read:
    """What a client made of some bytes."""

    messages: list[bytes] = field(default_factory=list)
    written: bytes = b""
    close: Close | None = None


def opening() -> tuple[ClientProtocol, bytes]:
    """A client that asks for a socket, and the service's consent."""
    client, service = ClientProtocol(parse_uri("ws://localhost/"), max_size=MAX_SIZE), ServerProtocol()
    request = client.connect()
    client.send_request(request)
    service.send_response(service.accept(request))
    client.data_to_send()
    return client, b"".join(service.data_to_send())


async def read(pieces: Sequence[bytes], *, with_handshake: bytes = b"") -> Read:
    """What the socket makes of what comes after the handshake, or together with it."""
    client, consent = opening()
    socket, wire = Socket(client, ping_interval=None, max_queue=None), Wire()
    socket.connection_made(wire)
    for piece in (consent + with_handshake, *pieces):
        socket.data_received(piece)
        await wire.flows.wait()
    found = Read(written=wire.written)
    socket.connection_lost(None)
    with pytest.raises(ConnectionClosed):
        while True:
            await socket.wait()
            found.messages.append(socket.messages.popleft())
    found.close = client.close_sent
    return found


def read_by_the_library(data: bytes) -> Read:
    client, consent = opening()
    client.receive_data(consent)
    client.events_received()
    client.receive_data(data)
    found, parts = Read(), b""
    for event in client.events_received():
        if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            parts += event.data
            if event.fin:
                found.messages.append(parts)
                parts = b""
    found.written = b"".join(client.data_to_send())
    client.receive_eof()
    found.close = client.close_sent
    return found


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80, mask: bool = False) -> bytes:
    size, masked = len(payload), 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first | opcode, masked | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first | opcode, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first | opcode, masked | 127, size)
    return head + (bytes(4) if mask else b"") + payload


def in_parts(*parts: bytes) -> bytes:
    """A message in several frames, with a ping after each."""
    frames = [frame(0x1 if not number else 0x0, part, first=0) for number, part in enumerate(parts)]
    return b"".join(one + frame(0x9, b"?") for one in frames) + frame(0x0, b"end")


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    pieces, start, number = [], 0, 0
    while start < len(data):
        end = start + sizes[number % len(sizes)]
        pieces.append(data[start:end])
        start, number = end, number + 1
    return pieces


PAYLOADS = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 128, 300, 65_535, 65_536]).map(lambda size: b"x" * size)
FRAMES = st.one_of(
    PAYLOADS.map(lambda payload: frame(0x1, payload)),
    PAYLOADS.map(lambda payload: frame(0x1, payload)),
    PAYLOADS.map(lambda payload: frame(0x2, payload)),
    st.sampled_from([b"", b"sign"]).map(lambda payload: frame(0x9, payload)),
    st.just(frame(0xA)),
    st.lists(PAYLOADS.filter(lambda payload: len(payload) < 400), max_size=3).map(lambda parts: in_parts(b"", *parts)),
)


@given(st.lists(FRAMES, max_size=12), st.lists(st.integers(1, 5_000) | st.integers(1, 9), min_size=1, max_size=4))
def test_the_same_comes_of_frames_that_are_cut_anywhere(frames: list[bytes], sizes: list[int]):
    data = b"".join(frames)
    wanted = read_by_the_library(data)
    found = asyncio.run(read(cut(data, sizes)))
    assert found.messages == wanted.messages
    assert len(found.written) == len(wanted.written), "each ping is answered"


TEXT = frame(0x1, b"before") * 3
FAULTS = {
    "none": b"",
    "a bit that no extension has": frame(0x1, b"odd", first=0xC0),
    "a frame that is masked": frame(0x1, b"odd", mask=True),
    "a message within another": frame(0x1, b"begun", first=0) + frame(0x1, b"odd"),
    "a part of nothing": frame(0x0, b"odd"),
    "an unknown kind": frame(0x3, b"odd"),
    "a ping that is too large": frame(0x9, b"x" * 126),
    "a message that is too large": frame(0x1, b"x" * (MAX_SIZE + 1)),
    "parts that are too large": frame(0x1, b"x" * 60_000, first=0) + frame(0x0, b"x" * 60_000),
    "the end": frame(0x8, struct.pack("!H", 1000) + b"over"),
    "half a frame": frame(0x1, b"x" * 100)[:50],
    "half a head": frame(0x1, b"x" * 300)[:3],
    "a byte": b"\x81",
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
@pytest.mark.parametrize("name", FAULTS)
async def test_what_is_no_message_ends_the_socket_as_the_library_says(name: str, size: int):
    data = TEXT + FAULTS[name] + (TEXT if not name.startswith(("half", "a byte")) else b"")
    size = max(size, len(data) // 2_000)
    wanted = read_by_the_library(data)
    found = await read(cut(data, [size]))
    assert found.messages == wanted.messages
    assert found.close == wanted.close
    assert len(found.written) == len(wanted.written)


async def test_what_comes_together_with_the_handshake_is_read():
    found = await read([TEXT, frame(0x9), TEXT], with_handshake=TEXT + frame(0x1, b"half")[:3])
    assert found.messages[:3] == [b"before"] * 3
    client, consent = opening()
    socket = Socket(client, ping_interval=None, max_queue=None)
    socket.connection_made(Wire())
    for place in range(len(consent)):  # its last bytes alone, and with what follows
        socket.data_received(consent[place : place + 1] + (TEXT if place == len(consent) - 1 else b""))
    assert list(socket.messages) == [b"before"] * 3


async def test_who_waits_is_woken_by_a_message_and_by_the_end():
    client, consent = opening()
    socket, wire = Socket(client, ping_interval=None, max_queue=None), Wire()
    socket.connection_made(cast("asyncio.BaseTransport", wire))
    socket.data_received(consent)
    waiting = asyncio.create_task(socket.wait())
    await asyncio.sleep(0)
    socket.data_received(TEXT)
    await waiting
    assert list(socket.messages) == [b"before"] * 3
    socket.messages.clear()
    waiting = asyncio.create_task(socket.wait())
    await asyncio.sleep(0)
    waiting.cancel()  # loses nothing
    socket.data_received(TEXT)
    assert len(socket.messages) == 3
    socket.messages.clear()
    waiting = asyncio.create_task(socket.wait())
    await asyncio.sleep(0)
    socket.connection_lost(None)
    with pytest.raises(ConnectionClosed):
        await waiting


async def test_the_library_has_no_work_with_plain_messages():
    async def calls(count: int) -> int:
        """How many functions are called to read so many messages that come at once."""
        client, consent = opening()
        socket, called = Socket(client, ping_interval=None, max_queue=None), 0
        socket.connection_made(Wire())
        socket.data_received(consent)

        def note(_: Any, what: str, __: Any) -> None:
            nonlocal called
            called += what == "call"

        sys.setprofile(note)
        try:
            socket.data_received(frame(0x1, b"{}") * count)
        finally:
            sys.setprofile(None)
        assert len(socket.messages) == count
        return called

    assert await calls(200) < 2 * await calls(20)
