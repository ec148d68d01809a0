"""`grokweb logout`: removes what `grokweb login` has kept."""

from __future__ import annotations

import typer

from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.report import Failure

app = typer.Typer(add_completion=False)


@app.command()
def logout(ctx: typer.Context) -> None:
    """Remove the saved sign-in. The session at the site stays open until you sign out in your browser."""
    from langchain_grokweb.cli import terminal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.credentials import saved  # noqa: PLC0415

    origin = Common.of(ctx).origin
    try:
        removed = saved.forget(origin)
    except saved.SavedError as error:
        raise Failure(str(error)) from None
    if not removed:
        raise Failure(f"No sign-in for {origin} is saved.")
    terminal.stdout().print(f"The sign-in for {origin} is removed. To end the session, sign out in your browser.")
