"""The pages about the command have every command and every option of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from langchain_grokweb.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("command-line.md", "doctor.md"))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command that does something, with its names."""
    below = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name in below:
        yield from commands(command.get_command(None, name) or below[name], (*path, name))


def test_every_command_and_option_is_on_a_page():
    found = dict(commands(get_command(app)))
    assert len(found) > 10
    options = {
        name
        for command in found.values()
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("--")
    }
    assert {
        name for name in options - {"--check", "--search"} if f"`{name}" not in PAGES
    } == set()  # these are so anyway
    assert {path for path in found if f"`{path[-1]}" not in PAGES and f"grokweb {' '.join(path)}" not in PAGES} == set()
