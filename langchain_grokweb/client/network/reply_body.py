"""The body of a reply: unpacked and cut in small steps, within bounds, so that no body holds the event loop for long.

httpx unpacks a whole read at once, and a read of 8 KB may unpack to 8 GB. So the encodings that this package asks for
(`ACCEPTED`) are unpacked here, a little at a time. A body that is packed in another way is refused.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Self

import httpx

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire.framing import MIN_SLICE_BYTES, in_slices

ACCEPTED = "gzip, deflate"
MAX_STREAM_BYTES = 256 * 1024 * 1024  # of one reply, in all its layers: far more than the longest brings
_STEP_BYTES = 64 * 1024
_MAX_ENCODINGS = 2
_READS_AT_ONCE = 48  # which may be there already: others have their turn then
_ZLIB_OR_GZIP, _RAW_DEFLATE = 47, -15  # zlib's `wbits`
_HEADER_BYTES = 2  # from which zlib's layout is known


class Body:
    """The pieces of a body, unpacked; each takes about a millisecond to read.

    No generator: a loop that ends closes all generators at once, inner before outer.
    """

    def __init__(self, response: httpx.Response, reads: AsyncIterator[bytes] | None) -> None:
        """Read `reads`; where they are `None`, a hook of the caller's own client has read and unpacked the reply.

        Raises:
            GrokWebProtocolError: It is packed in a way that was not asked for.
        """
        self._size = 0
        self._layers = [] if reads is None else _layers(response)
        self._reads = _already_read(response) if reads is None else reads
        self._number = 0  # of the next read
        self._steps: Iterator[bytes] = iter(())  # of unpacking one read
        self._cuts: deque[bytes] = deque()  # of one step
        self._is_further = False  # after the first cut of a read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece.

        Raises:
            GrokWebProtocolError: The body is too large.
            httpx.DecodingError: It cannot be unpacked.
            httpx.HTTPError: It could not be fetched.
        """
        if not self._layers and not self._cuts:
            self._number += 1
            if self._number % _READS_AT_ONCE:  # as `_next_read` does, which would be one more coroutine for each token
                read, self._is_further = await anext(self._reads), False
            else:
                read = await self._next_read()
            self._count(len(read))
            if read and len(read) <= MIN_SLICE_BYTES:
                return read
            self._cuts.extend(in_slices(read))
        while not self._cuts:
            try:
                step = next(self._steps, None)
            except zlib.error:
                raise httpx.DecodingError("The body cannot be unpacked.") from None
            if step is None:
                await self._read()
            elif step:
                self._cuts.extend(in_slices(step))
            else:
                await asyncio.sleep(0)
        if self._is_further:
            await asyncio.sleep(0)
        self._is_further = True
        return self._cuts.popleft()

    async def _read(self) -> None:
        self._number += 1
        self._steps = self._unpack(await self._next_read())

    async def _next_read(self) -> bytes:
        if self._number % _READS_AT_ONCE == 0:
            await asyncio.sleep(0)
        read = await anext(self._reads)
        self._is_further = False
        return read

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_STREAM_BYTES:
            raise GrokWebProtocolError(where="a reply", expected="at most 256 MiB", got="a larger one")

    def _unpack(self, read: bytes) -> Iterator[bytes]:
        """What one read unpacks to; an empty piece for a step that brings nothing to read."""
        for size, unpacked in _unpacked(read, self._layers):
            self._count(size)
            yield unpacked


class _Layer:
    """One encoding that is taken off."""

    def __init__(self, encoding: str) -> None:
        self._may_be_raw = encoding == "deflate"  # some servers leave zlib's header out
        self._unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._head = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """What the data unpacks to, in steps."""
        if self._may_be_raw:
            data = self._head = self._head + data
            if len(data) < _HEADER_BYTES:
                return
            self._may_be_raw = False
            if not _has_header(data):
                self._unpacker = zlib.decompressobj(_RAW_DEFLATE)
        is_full = False
        while (data or is_full) and not self._unpacker.eof:
            step = self._unpacker.decompress(data, _STEP_BYTES)
            data, is_full = self._unpacker.unconsumed_tail, len(step) == _STEP_BYTES
            yield step


def _has_header(data: bytes) -> bool:
    """Whether deflated data begins with zlib's header: method 8, and a multiple of 31 (RFC 1950)."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0  # noqa: PLR2004 - numbers of the format


def _unpacked(data: bytes, layers: Sequence[_Layer]) -> Iterator[tuple[int, bytes]]:
    """The size of each step, and what is ready to be read."""
    if not layers:
        yield len(data), data
        return
    for step in layers[0].unpack(data):
        if len(layers) > 1:
            yield len(step), b""
        yield from _unpacked(step, layers[1:])


def _layers(response: httpx.Response) -> list[_Layer]:
    """The encodings to take off, the outermost first."""
    named = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    encodings = [name for name in reversed(named) if name not in {"", "identity"}]
    if len(encodings) > _MAX_ENCODINGS or not {"gzip", "x-gzip", "deflate"}.issuperset(encodings):
        raise GrokWebProtocolError(where="a reply", expected=f"one of the encodings {ACCEPTED}", got="another")
    return [_Layer(encoding) for encoding in encodings]


async def _already_read(response: httpx.Response) -> AsyncIterator[bytes]:
    content = response.content
    for start in range(0, len(content), _STEP_BYTES):
        yield content[start : start + _STEP_BYTES]
