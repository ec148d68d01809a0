"""What shows an answer while it comes."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_grokweb.cli.terminal import safe


class View(Protocol):
    """Shows one answer. It is entered before the question is sent, and left when the answer is whole or over."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, chunk: AIMessageChunk) -> None:
        """Show more of it."""

    def show_whole(self, answer: AIMessage) -> None:
        """Show it again, since what came is not what the site keeps."""


class SafeText:
    """Text that comes in pieces, made safe; a CR and its LF are one line break, also where they were cut in two."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The next piece, safe to print."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        return safe(text.removesuffix("\r") if self._held else text)

    def close(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return safe(held)
