"""How commands print data: a table on a terminal, lines with tabs in a pipe, JSON where it is asked for."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.terminal import safe_line

# What JSON leaves as it is, and a terminal does not: DEL, C1, line separators, what turns the reading order, halves.
_UNSAFE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def print_json(value: Any) -> None:
    """Print a value as JSON; the texts in it are exact, and nothing in them reaches a terminal."""
    stream_takes_all = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not stream_takes_all, indent=2)
    print(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]], *, grows: int = 0) -> None:
    """Print rows as a table on a terminal, else as lines with tabs and without heads.

    Args:
        heads: The heads of the columns.
        rows: The rows, as texts of any origin.
        grows: The column that is broken into lines where the terminal is narrow; the others are kept whole.
    """
    safe_rows = [[safe_line(cell) for cell in row] for row in rows]
    console = terminal.stdout()
    if not console.is_terminal:
        for row in safe_rows:
            print("\t".join(row))
        return
    from rich.table import Table  # noqa: PLC0415 - a pipe does not need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, head in enumerate(heads):
        table.add_column(head, overflow="fold", no_wrap=place != grows, min_width=8 if place == grows else None)
    for row in safe_rows:
        table.add_row(*map(Text, row))
    console.print(table, soft_wrap=False)


def duration(seconds: float) -> str:
    """A time span as people say it: `45 s`, `12 min`, `1 h 52 min`, `3 d 4 h`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left} h" if hours_left else f"{days} d"
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    return f"{minutes} min" if minutes else f"{rest} s"
