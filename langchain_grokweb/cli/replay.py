"""`grokweb replay`: what a capture holds, decoded again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.report import FAILED, Failure

if TYPE_CHECKING:
    from rich.console import Console

    from langchain_grokweb.capture import Played

app = typer.Typer(add_completion=False)

_LISTS = ("server_tools", "citations", "images", "files", "videos")


@app.command()
def replay(
    capture: Annotated[Path, typer.Argument(metavar="CAPTURE", help="A file of `grokweb chat --capture`.")],
    events: Annotated[bool, typer.Option("--events", help="Print each decoded event on a line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print messages and counts as JSON.")] = False,
) -> None:
    """Decode a recorded turn again: show its answer, unknown fields and error."""
    from langchain_grokweb.capture import play  # noqa: PLC0415 - see cli.app

    try:
        turns = play(capture)
    except ValueError as error:
        raise Failure(str(error)) from None
    if as_json:
        print(json.dumps([_as_dict(played) for played in turns], indent=2))
    else:
        for played in turns:
            _show(terminal.stdout(), played, events=events)
    if not turns or turns[-1].error is not None:
        raise typer.Exit(FAILED)


def _show(console: Console, played: Played, *, events: bool) -> None:
    console.print(f"{played.wire}, {len(played.events)} events in {played.seconds:.1f} seconds", style="bold")
    if events:
        for event in played.events:
            console.print(terminal.safe_line(f"  {event!r}"))
    message = played.message
    if message is not None:
        extra = message.additional_kwargs
        if thoughts := extra.get("reasoning_content"):
            console.print(terminal.safe(thoughts), style="dim italic")
        console.print(terminal.safe(message.text))
        counts = [f"{len(extra[name])} {name.replace('_', ' ')}" for name in _LISTS if name in extra]
        if counts:
            console.print(f"with {', '.join(counts)}", style="dim")
    for name, count in played.unknown.most_common():
        console.print(f"unknown: {terminal.safe_line(name)} ({count})", style="yellow")
    if played.error is not None:
        console.print(terminal.safe(f"{type(played.error).__name__}: {played.error}"), style="red")


def _as_dict(played: Played) -> dict[str, Any]:
    message = played.message
    return {
        "wire": played.wire,
        "seconds": played.seconds,
        "events": Counter(type(event).__name__ for event in played.events),
        "unknown": played.unknown,
        "message": None if message is None else {"content": message.content, **message.additional_kwargs},
        "error": None if played.error is None else {"type": type(played.error).__name__, "text": str(played.error)},
    }
