"""The frames of a WebSocket, as far as their first bytes say (RFC 6455 5.2): plain messages, and where others end.

A plain message is text in one frame, without an extension, unmasked and smaller than 64 KiB.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

_LAST = 0x80  # in the first byte
_OPCODE = 0x0F
_FIRST_OF_CONTROL = 0x8
_WHOLE_TEXT = 0x81
_SIZE = 0x7F  # in the second
_TWO_BYTES = 126  # in place of a size: it follows in so many; a larger one in eight


class BeginningFrame(NamedTuple):
    """What the head of a frame says.

    Attributes:
        size: Its bytes, with those of the head.
        is_data: Whether it is a message, or a part of one.
        is_last: Whether no part comes after it.
    """

    size: int
    is_data: bool
    is_last: bool


def take_plain_messages(data: bytes, position: int, messages: deque[bytes], most: int) -> int:
    """Append the plain messages that follow each other, at most so many; return where something else begins."""
    end = len(data)
    for _ in range(most):
        start = position + 2
        if start > end or data[position] != _WHOLE_TEXT:
            break
        size = data[position + 1]
        if size >= _TWO_BYTES:
            if size > _TWO_BYTES or start + 2 > end:
                break
            size = data[start] << 8 | data[start + 1]
            start += 2
        if start + size > end:
            break
        position = start + size
        messages.append(data[start:position])
    return position


def beginning_frame(data: bytes, position: int) -> BeginningFrame | None:
    """The frame that begins here; `None` where its head is not whole."""
    head = data[position : position + 10]
    if len(head) < 2:  # noqa: PLR2004 - the head's fixed part
        return None
    size, rest = head[1] & _SIZE, 2
    if size >= _TWO_BYTES:
        rest = 4 if size == _TWO_BYTES else 10
        if len(head) < rest:
            return None
        size = int.from_bytes(head[2:rest], "big")
    return BeginningFrame(rest + size, (head[0] & _OPCODE) < _FIRST_OF_CONTROL, bool(head[0] & _LAST))
