"""An answer where standard output is no terminal: its text alone, as it comes.

Thoughts, tools, the title and ids go to standard error, and only with `--verbose`.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from langchain_core.messages import AIMessage, AIMessageChunk
from rich.console import Console

from langchain_grokweb.cli.chat.view import SafeText
from langchain_grokweb.cli.terminal import safe, safe_line


class PlainView:
    """Writes one answer to standard output."""

    def __init__(self, notes: Console | None) -> None:
        """Make one.

        Args:
            notes: Where thoughts and tools go; `None` for nowhere.
        """
        self._notes = notes
        self._safe = SafeText()
        self._last = "\n"  # the last character that was written
        self._is_thinking = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not BrokenPipeError:
            self._write(self._safe.close())
            self._write("" if self._last == "\n" else "\n")
        self._end_thoughts()

    def show(self, chunk: AIMessageChunk) -> None:
        """Write more of it."""
        if self._notes is not None:
            self._note(chunk.additional_kwargs)
        if chunk.text:
            self._end_thoughts()
            self._write(self._safe.feed(chunk.text))

    def show_whole(self, answer: AIMessage) -> None:
        """Nothing that was written can be taken back: the error says it."""

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._last = text[-1]

    def _note(self, extra: dict[str, Any]) -> None:
        assert self._notes is not None  # noqa: S101 - asked before
        if thought := extra.get("reasoning_content"):
            self._notes.print(safe(str(thought)), end="", style="dim")
            self._is_thinking = True
        for tool in extra.get("server_tools", []):
            self._end_thoughts()
            self._notes.print(safe_line(f"[{tool.get('name')}] {tool.get('args')}"), style="cyan")

    def _end_thoughts(self) -> None:
        if self._is_thinking and self._notes is not None:
            self._notes.print()
        self._is_thinking = False
