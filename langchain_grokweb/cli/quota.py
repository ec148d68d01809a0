"""`grokweb quota`: what is left of each mode."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.output import duration, print_json, print_rows

app = typer.Typer()


@app.command()
def quota(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False
) -> None:
    """Show how many questions are left in each mode, and when there are more.

    In a pipe: mode, questions left, questions in all, seconds of the window, and seconds until there are more,
    separated by tabs. A field that the site does not report is empty.
    """
    from langchain_grokweb.cli import terminal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.client import GrokWebClient  # noqa: PLC0415

    quotas = GrokWebClient(**Common.of(ctx).settings()).blocking.quota()
    if as_json:
        print_json([asdict(quota) for quota in quotas])
        return
    if not terminal.stdout().is_terminal:
        rows = [["" if value is None else str(value) for value in asdict(quota).values()] for quota in quotas]
    else:
        rows = [
            [
                quota.mode,
                "unknown" if quota.remaining is None else f"{quota.remaining} of {quota.total}",
                "" if quota.window_seconds is None else duration(quota.window_seconds),
                "" if quota.resets_in is None else f"in {duration(quota.resets_in)}",
            ]
            for quota in quotas
        ]
    print_rows(["MODEL", "LEFT", "FOR EACH", "MORE"], rows)
