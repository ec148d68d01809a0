"""What reaches the terminal: two consoles, and what is safe to print there.

What the site says (answers, titles, names, citations, errors) may hold anything. `safe` shows each character that a
terminal would act on, or that would turn the reading order, as a symbol; `safe_line` does so for what must stay in one
line. Everything that did not come from this program goes through one of them.
"""

from __future__ import annotations

import io
import sys
from functools import cache
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_ESCAPE_SYMBOL = "\u241b"  # ␛
# C0 and DEL have pictures of their own (Unicode, block Control Pictures); C1 is shown as the escape that it stands for.
_SYMBOLS = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{code: _ESCAPE_SYMBOL + chr(code - 0x40) for code in range(0x80, 0xA0)},
    # Embeddings, overrides and isolates (UAX #9) can make a text read as another; marks such as RLM cannot.
    **{code: f"<U+{code:04X}>" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **dict.fromkeys((0x2028, 0x2029), "\u2424"),  # breaks of a line that not every terminal takes for one
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # half a character cannot be encoded
}
_IN_A_LINE = _SYMBOLS | {0x0A: " ", 0x09: " ", 0x2028: " ", 0x2029: " "}


def safe(text: str) -> str:
    """A text in which only line breaks and tabs do anything to a terminal."""
    return text.replace("\r\n", "\n").translate(_SYMBOLS)


def safe_line(text: str) -> str:
    """The same in one line."""
    return text.replace("\r\n", "\n").translate(_IN_A_LINE)


def stdout() -> Console:
    """The console for what was asked for; plain where standard output is no terminal."""
    return _console(sys.stdout)


def stderr() -> Console:
    """The console for everything else: errors, questions, progress."""
    return _console(sys.stderr)


def print_prose(console: Console, text: str, style: str | None = None) -> None:
    """Print sentences: on a terminal broken between words, in a pipe not at all."""
    console.print(text, style=style, soft_wrap=not console.is_terminal)


@cache
def _console_class() -> type[Console]:
    from rich.console import Console  # noqa: PLC0415 - only where something is shown

    return Console


def _console(stream: TextIO) -> Console:
    """One that prints texts as they are: no markup, no emoji codes, no numbers in colour, no line broken by us.

    NO_COLOR, FORCE_COLOR and TERM=dumb count (rich). What the stream's encoding lacks is shown as `?`.
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="replace")
    return _console_class()(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
