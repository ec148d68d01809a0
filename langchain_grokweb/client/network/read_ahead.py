"""Reads a body ahead of whoever takes it, so that what has arrived meanwhile is taken together.

A task of its own reads from the first piece to the last: HTTP clients open cancel scopes in their bodies, so no two
tasks may take turns at one. Nothing is held back to wait for more, and a reader that is far ahead waits for its taker.
The task refers to the body alone: a turn that nobody holds any more is not kept alive by it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

MAX_PIECES, MAX_BYTES = 256, 256 * 1024  # that wait to be taken
_MAX_BRACES, _MAX_TAKEN = 512, 64 * 1024  # of what is taken together, so that it is read within about a millisecond


class ReadAhead:
    """The pieces of one body; `start` to read it, `take` what has come, and `close` it however it ends."""

    def __init__(self) -> None:
        self._buffer = _Buffer()
        self._task: asyncio.Task[None] | None = None

    def start(self, pieces: AsyncIterator[bytes]) -> None:
        """Read this body, in a task of the running loop."""
        self._task = asyncio.create_task(_fill(self._buffer, pieces))

    @property
    def is_ready(self) -> bool:
        """Whether `take` would not wait."""
        return bool(self._buffer.pieces) or self._buffer.is_over

    @property
    def is_over(self) -> bool:
        """Whether nobody reads any more."""
        return self._task is None or self._task.done()

    async def take(self) -> bytes | None:
        """What has come since the last call, or comes next; `None` at the end of the body.

        A cancelled call loses nothing.

        Raises:
            Exception: The body broke off: the error of the client that reads it, or one of ours.
        """
        buffer = self._buffer
        while not buffer.pieces:
            if buffer.is_over:
                failure, buffer.failure = buffer.failure, None
                if failure is not None:
                    raise failure
                return None
            await buffer.filled.wait()
            buffer.filled.clear()
        return buffer.take()

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class _Buffer:
    """What was read and not taken."""

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.size = 0
        self.filled = asyncio.Event()  # or over
        self.drained = asyncio.Event()
        self.is_over = False
        self.failure: Exception | None = None

    @property
    def is_full(self) -> bool:
        return len(self.pieces) >= MAX_PIECES or self.size >= MAX_BYTES

    def take(self) -> bytes:
        """The first piece, and those after it that can be read with it in a short time."""
        pieces = self.pieces
        taken = [pieces.popleft()]
        size, braces = len(taken[0]), taken[0].count(b"}") if pieces else 0
        while pieces:
            size, braces = size + len(pieces[0]), braces + pieces[0].count(b"}")
            if size > _MAX_TAKEN or braces > _MAX_BRACES:
                break
            taken.append(pieces.popleft())
        data = taken[0] if len(taken) == 1 else b"".join(taken)
        self.size -= len(data)
        if not self.is_full:
            self.drained.set()
        return data


async def _fill(buffer: _Buffer, pieces: AsyncIterator[bytes]) -> None:
    """Read to the end, with a pause wherever the buffer is full."""
    try:
        async for piece in pieces:
            buffer.pieces.append(piece)
            buffer.size += len(piece)
            buffer.filled.set()
            if buffer.is_full:
                buffer.drained.clear()
                await buffer.drained.wait()
    except Exception as error:  # noqa: BLE001 - whoever takes the pieces gets it
        buffer.failure = error
    finally:
        buffer.is_over = True
        buffer.filled.set()
