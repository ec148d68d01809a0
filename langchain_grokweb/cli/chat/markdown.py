"""Markdown that grows: its finished blocks, and the last one, which the next words may still change.

Rich renders it. Four things are other than rich's: HTML is text, since an answer that speaks of tags must show them;
an address stands beside its link, since a hidden one could be anything; and every text is made safe after it was
parsed, since an entity such as `&#8238;` becomes a character only then; and no text has a background of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import Heading, Markdown
from rich.segment import Segment
from rich.text import Text
from rich.theme import Theme

from langchain_grokweb.cli.terminal import safe_line

Line = list[Segment]


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")


# rich's own code stands on black, which is a hole in a light terminal.
_THEME = Theme({"markdown.code": "bold cyan", "markdown.block_quote": "dim"})
# What rich draws, and what answers are full of, for a terminal that would show a question mark instead.
_ASCII = str.maketrans("\u2022\u258c\u2500\u201c\u201d\u2018\u2019\u2013\u2014", "*|-\"\"''--")
_PARSER = _parser()
_BLOCK_PARSER = _parser().disable(["inline", "text_join"])


class _Heading(Heading):
    """A heading at the left, as the source has it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text.copy()
        text.justify = "left"
        text.stylize("bold underline" if self.tag in {"h1", "h2"} else "bold")
        yield text


class AnswerMarkdown(Markdown):
    """The Markdown of an answer."""

    elements = {**Markdown.elements, "heading_open": _Heading}  # noqa: RUF012 - as rich declares it

    def __init__(self, source: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        self.markup = source
        self.parsed = _PARSER.parse(source)


class Lines:
    """Lines that are rendered already."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from line
            yield Segment.line()


def render(console: Console, renderable: RenderableType, *, prefix: str = "", style: str = "") -> list[Line]:
    """What something looks like on a console of this width, line by line, safe to print."""
    first: Line = [Segment(prefix, console.get_style(style or "none"))] if prefix else []
    width = max(1, console.width - len(prefix))
    options = console.options.update(width=width, no_wrap=False, overflow="fold", height=None)
    with console.use_theme(_THEME):
        lines = console.render_lines(renderable, options, style=console.get_style(style or "none"), pad=False)
    table = _ASCII if options.ascii_only else {}
    return [[*first, *(_safe(segment, table) for segment in _without_padding(line))] for line in lines]


def _without_padding(line: Line) -> Line:
    """A line without the blanks that fill it, which would be copied with it."""
    line = list(line)
    while line and not line[-1].text.strip() and not (line[-1].style and line[-1].style.bgcolor):
        line.pop()
    if line and not (line[-1].style and line[-1].style.bgcolor):
        line[-1] = Segment(line[-1].text.rstrip(" "), line[-1].style, line[-1].control)
    return line


def _safe(segment: Segment, table: Mapping[int, int]) -> Segment:
    return segment if segment.control else Segment(safe_line(segment.text).translate(table), segment.style)


def _trimmed(lines: list[Line]) -> list[Line]:
    """Lines without the empty ones around them, which rich puts around some blocks and not around others."""
    full = [place for place, line in enumerate(lines) if any(segment.text.strip() for segment in line)]
    return lines[full[0] : full[-1] + 1] if full else []


def split_blocks(source: str) -> tuple[list[str], str]:
    """The blocks of Markdown that are finished, and the rest, which the next words may change."""
    starts = [token.map[0] for token in _BLOCK_PARSER.parse(source) if token.map and token.level == 0]
    starts = sorted({0, *starts[1:]})
    if len(starts) < 2:  # noqa: PLR2004 - the last block is the only one
        return [], source
    lines = source.split("\n")
    blocks = ["\n".join(lines[begin:end]) for begin, end in pairwise(starts)]
    return blocks, "\n".join(lines[starts[-1] :])


def split_lines(source: str) -> tuple[list[str], str]:
    """The lines of a text that are finished, and the rest."""
    *lines, rest = source.split("\n")
    return lines, rest


class Growing:
    """A text that grows, as lines to print for good and lines that are still live.

    A block that fills the screen is printed for good from its top on, so that it scrolls as any text does.
    """

    def __init__(self, console: Console, *, thoughts: bool = False, bar: str = "") -> None:
        self._console = console
        self._is_thoughts = thoughts
        self._bar = bar
        self._source = ""
        self._printed = 0  # lines of the last block that are printed for good
        self._has_begun = False

    def add(self, text: str) -> None:
        """Let it grow."""
        self._source += text

    def take(self, room: int) -> tuple[list[Line], list[Line]]:
        """The lines that can be printed for good now, and the live ones, at most `room` of them."""
        blocks, self._source = (split_lines if self._is_thoughts else split_blocks)(self._source)
        lines = [line for block in blocks for line in self._rest_of(block)]
        last = self._render(self._source)
        overflow = len(last) - self._printed - room
        if overflow > 0:
            lines += last[self._printed : self._printed + overflow]
            self._printed += overflow
        return lines, last[self._printed :]

    def close(self) -> list[Line]:
        """All lines that are not printed yet."""
        lines, last = self.take(0)
        self._source, self._printed = "", 0
        return [*lines, *last]

    def _rest_of(self, block: str) -> list[Line]:
        lines = self._render(block)[self._printed :]
        self._printed = 0
        self._has_begun = self._has_begun or bool(lines)
        return lines

    def _render(self, block: str) -> list[Line]:
        """The lines of a block, with the empty one before it."""
        if not block.strip():
            return []
        if self._is_thoughts:
            return render(self._console, Text(block), prefix=self._bar, style="dim italic")
        gap: list[Line] = [[]] if self._has_begun else []
        return gap + _trimmed(render(self._console, AnswerMarkdown(block.strip("\n"))))


def print_lines(console: Console, lines: Iterable[Line]) -> None:
    """Print lines that are rendered already."""
    console.print(Lines(lines), end="", soft_wrap=False)


def show_markdown(console: Console, source: str) -> None:
    """Print a whole text of Markdown."""
    growing = Growing(console)
    growing.add(source)
    print_lines(console, growing.close())
