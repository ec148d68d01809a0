"""Where a turn can be listened to: everything that it sends and gets, handed to one callable, for a capture.

No header is handed over, so no cookie either; what the service repeats of one in a body is the listener's to remove.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, TypeAlias

Heard: TypeAlias = Literal["sent", "received", "refused", "ended"]

# Gets the wire, what happened, and with what: a request (`{"method", "path", "body"}`) or frame, bytes of a stream or
# message, a refusal (`{"status", "headers", "body"}`), or how the stream ended.
Tap: TypeAlias = Callable[[Literal["rest", "gateway"], Heard, Any], None]


class TappedPieces:
    """The pieces of a streamed body, each handed to the tap before it is given out."""

    def __init__(self, pieces: AsyncIterator[bytes], tap: Tap) -> None:
        self._pieces = pieces
        self._tap = tap

    def __aiter__(self) -> TappedPieces:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._tap("rest", "ended", {})
            raise
        except Exception as error:
            self._tap("rest", "ended", {"error": type(error).__name__})
            raise
        self._tap("rest", "received", piece)
        return piece


def no_tap(_wire: Literal["rest", "gateway"], _heard: Heard, _what: Any) -> None:
    """Nobody listens."""
