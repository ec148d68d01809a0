"""Which cases fail today: one line each in `failing.txt`, `wire/case: ways`.

A line that is no longer true fails the suite (the marks are strict), so that whoever makes a case pass removes it.
`TRUTH_MARKS=write pytest tests/truth` writes the file again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("failing.txt")
WRITING = os.environ.get("TRUTH_MARKS") == "write"


def read() -> dict[str, set[str]]:
    """The ways by which each case fails."""
    lines = (line.split(": ") for line in FILE.read_text().splitlines() if line) if FILE.exists() else ()
    return {name: set(ways.split()) for name, ways in lines}


def write(failing: dict[str, set[str]]) -> None:
    """Keep them for the next run."""
    lines = (f"{name}: {' '.join(sorted(ways))}\n" for name, ways in sorted(failing.items()) if ways)
    FILE.write_text("".join(lines))


_FAILING = {} if WRITING else read()


def failing(name: str, way: str) -> list[pytest.MarkDecorator]:
    """The mark of a case that is not true yet."""
    return (
        [pytest.mark.xfail(strict=True, raises=(AssertionError, pytest.fail.Exception), reason="not yet")]
        if way in _FAILING.get(name, ())
        else []
    )
