"""An answer on a terminal, while it comes.

Thoughts are dimmed, with a bar beside them, the site's own tools have a line each, the text is rendered Markdown. What
is finished is printed for good and scrolls away as any text does. Only the last block, which may still change, and a
spinner are drawn again, and never more often than the terminal and this program can bear.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal, Self

from langchain_core.messages import AIMessage, AIMessageChunk
from rich.console import Console
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from langchain_grokweb.cli.chat.markdown import Growing, Line, Lines, print_lines, render, show_markdown
from langchain_grokweb.cli.chat.view import SafeText
from langchain_grokweb.cli.terminal import safe_line

_PAUSE = 0.08  # seconds between two pictures
_QUIET = 0.7  # seconds without anything, after which the spinner comes back
_LIVE_ROWS = 20
_DIM, _TOOL = Style(dim=True), Style(color="cyan")

Section = Literal["thoughts", "text"]


class LiveView:
    """Shows one answer on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_ascii = console.options.ascii_only
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._section: Section | None = None
        self._growing: Growing | None = None
        self._safe = SafeText()
        self._length = 0  # characters of the answer's text so far
        self._sources: dict[str, int] = {}
        self._tools: set[str] = set()
        self._activity = "Waiting"
        self._begun = self._last_chunk = time.monotonic()
        self._ticker: asyncio.Task[None] | None = None
        self._keys = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        self._begun = self._last_chunk = time.monotonic()
        self._keys.enter_context(_unseen_keys())
        self._live.start()
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._ticker is not None:
                self._ticker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._ticker
            self._live.update(Lines([]), refresh=True)
            self._close_section()
        finally:
            self._live.stop()
            self._keys.close()

    def show(self, chunk: AIMessageChunk) -> None:
        """Show more of the answer; it is drawn with the next picture."""
        self._last_chunk = time.monotonic()
        extra = chunk.additional_kwargs
        if thought := extra.get("reasoning_content"):
            self._add("thoughts", str(thought))
        for tool in extra.get("server_tools", []):
            self._show_tool(tool)
        for preview in extra.get("image_previews", []):
            self._activity = f"Drawing, {preview.get('progress', 0)} %"
        if text := chunk.text:
            self._add("text", text)
            self._length += len(text)
        if not chunk.response_metadata.get("finish_reason"):
            self._mark_sources(extra.get("citations", []))

    def show_whole(self, answer: AIMessage) -> None:
        """Show the text that the site keeps."""
        self._close_section()
        self._console.print("\nThe site has replaced this answer by another:\n", style="yellow")
        show_markdown(self._console, SafeText().feed(str(answer.text)))

    # --- what is printed for good

    def _add(self, section: Section, text: str) -> None:
        if self._section != section or self._growing is None:
            self._begin(section)
        growing: Any = self._growing
        growing.add(self._safe.feed(text))

    def _begin(self, section: Section) -> None:
        had_before = self._section is not None
        self._close_section()
        if had_before or self._tools:
            self._console.print()
        self._section = section
        bar = "| " if self._is_ascii else "\u2502 "
        self._growing = Growing(self._console, thoughts=section == "thoughts", bar=bar)

    def _close_section(self) -> None:
        if self._growing is not None:
            self._growing.add(self._safe.close())
            print_lines(self._console, self._growing.close())
            self._growing = None

    def _show_tool(self, tool: dict[str, Any]) -> None:
        """The line of a tool, once: a second chunk brings what it found."""
        if tool.get("id") in self._tools:
            return
        if self._section is not None and not self._tools:
            self._close_section()
            self._console.print()
        self._close_section()
        self._tools.add(str(tool.get("id")))
        mark = "*" if self._is_ascii else "\u25cf"
        line = Text(f"{mark} {safe_line(str(tool.get('name')))}", style=_TOOL)
        line.append(f"  {safe_line(_briefly(tool.get('args')))}", style="dim")
        line.truncate(max(8, self._console.width), overflow="ellipsis")
        print_lines(self._console, render(self._console, line))
        self._activity = f"Using {safe_line(str(tool.get('name')))}"

    def _mark_sources(self, citations: list[dict[str, Any]]) -> None:
        """`[1]` where a source is cited, if the text has just come to that place."""
        for citation in citations:
            number = self._sources.setdefault(citation["url"], len(self._sources) + 1)
            if citation.get("start_index") == self._length and self._section == "text":
                self._add("text", f"\\[{number}]")

    # --- what is drawn again

    async def _tick(self) -> None:
        while True:
            begun = time.monotonic()
            self._draw()
            # What takes long to draw is drawn more rarely, so that a long block cannot hold up the stream.
            await asyncio.sleep(max(_PAUSE, 4 * (time.monotonic() - begun)))

    def _draw(self) -> None:
        live: list[Line] = []
        if self._growing is not None:
            room = max(1, min(self._console.height - 3, _LIVE_ROWS))
            lines, live = self._growing.take(room)
            if lines:
                self._live.update(Lines([]))
                print_lines(self._console, lines)
        now = time.monotonic()
        if self._section is None or now - self._last_chunk > _QUIET:
            live = [*live, self._spinner(now)]
        self._live.update(Lines(live), refresh=True)

    def _spinner(self, now: float) -> Line:
        frames = "|/-\\" if self._is_ascii else "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
        seconds = int(now - self._begun)
        frame = frames[int(now / _PAUSE) % len(frames)]
        text = f"{frame} {self._activity} {seconds} s (Ctrl-C stops)"
        return [Segment(text[: max(1, self._console.width - 1)], _DIM)]


@contextlib.contextmanager
def _unseen_keys() -> Iterator[None]:
    """Keys that are pressed meanwhile do not show between the lines; they are read by the next prompt."""
    try:
        import termios  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    try:
        before = termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError, AttributeError):  # no terminal, or closed
        yield
        return
    unseen = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


def _briefly(args: Any) -> str:
    """What a tool was asked, in few words."""
    if not isinstance(args, dict):
        return ""
    longest_first = [str(value) for name, value in args.items() if not name.startswith("num_")]
    return ", ".join(longest_first)
