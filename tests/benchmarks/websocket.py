"""The server's half of RFC 6455, as much as the benchmarks need: the handshake, frames both ways, pings and closing.

By hand, because a library would cost more for each frame than the client under test may, and because frames made once
can only be joined into one write where nothing stands between them and the socket.
"""

import base64
import hashlib
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from typing import NamedTuple

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FINAL, MASKED, SIZE = 0x80, 0x80, 0x7F


class Frame(NamedTuple):
    final: bool
    opcode: int
    payload: bytes


def switching_protocols(key: str) -> bytes:
    """The answer to an upgrade; no extension and no sub-protocol is ever agreed to."""
    accept = base64.b64encode(hashlib.sha1(f"{key}{MAGIC}".encode()).digest()).decode()
    fields = f"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n"
    return f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n".encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message, unmasked as a server's must be."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", FINAL | opcode, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", FINAL | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", FINAL | opcode, 127, size)
    return head + payload


async def read_frame(reader: StreamReader) -> Frame:
    first, second = await reader.readexactly(2)
    size = second & SIZE
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4) if second & MASKED else bytes(4)
    return Frame(bool(first & FINAL), first & 0x0F, unmask(await reader.readexactly(size), mask))


def unmask(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


async def messages(reader: StreamReader, writer: StreamWriter) -> AsyncIterator[bytes]:
    """What the client says. Pings are answered between; the end is that it closed, and was answered."""
    parts: list[bytes] = []
    while True:
        received = await read_frame(reader)
        if received.opcode == CLOSE:
            writer.write(frame(CLOSE, received.payload[:2]))
            return
        if received.opcode == PING:
            writer.write(frame(PONG, received.payload))
        elif received.opcode != PONG:
            parts.append(received.payload)
            if received.final:
                yield b"".join(parts)
                parts.clear()
