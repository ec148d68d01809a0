"""`grokweb models`: what the account may use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.output import print_json, print_rows

NAMES = ("grok-3", "grok-3-thinking", "grok-2", "auto", "fast", "expert", "heavy", "grok-4", "grok-4-heavy")
"""The names that this package gives to models; any other is a mode id of the site."""

app = typer.Typer()


@app.command()
def models(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False
) -> None:
    """List the models and modes for --model, and whether your account may use each.

    In a pipe: id, title, "yes" or what the mode needs, and description, separated by tabs.
    """
    from langchain_grokweb.client import GrokWebClient  # noqa: PLC0415 - see cli.app

    modes = GrokWebClient(**Common.of(ctx).settings()).blocking.modes()
    if as_json:
        print_json([asdict(mode) for mode in modes])
        return
    rows = [[mode.id, mode.title, "yes" if mode.available else mode.requires, mode.description] for mode in modes]
    print_rows(["MODEL", "TITLE", "AVAILABLE", "DESCRIPTION"], rows, grows=3)
