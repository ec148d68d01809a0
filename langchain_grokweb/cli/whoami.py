"""`grokweb whoami`: which account the commands use, since when, and until when."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.report import Failure

app = typer.Typer(add_completion=False)


@app.command()
def whoami(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the site.")] = False,
) -> None:
    """Show which account is used, where its cookies come from, and when the session ends."""
    from langchain_grokweb.cli import accounts, terminal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.cli.login import check_at_site  # noqa: PLC0415

    common = Common.of(ctx)
    account = accounts.find(common)
    if account is None:
        raise Failure(f"Nobody is signed in at {common.origin}.", "Run `grokweb login`.")
    credentials = account.credentials
    who = None if offline else check_at_site(common.origin, credentials)
    since, expires = account.since, credentials.expires
    if as_json:
        shown = {
            "base_url": common.origin,
            "user": who,
            "account": credentials.account,
            "source": account.source,
            "since": since.isoformat() if since else None,
            "expires": expires.isoformat() if expires else None,
        }
        typer.echo(json.dumps(shown, indent=2))
        return
    rows = {
        "user": who and terminal.safe_line(who),
        "service": common.origin,
        "account": credentials.account,
        "cookies": f"from {account.source}",
        "since": since and since.astimezone().strftime("%Y-%m-%d %H:%M"),
        "session": accounts.ending(expires) if expires else "its end is not known",
    }
    out = terminal.stdout()
    for name, value in rows.items():
        if value:
            out.print(f"{name:<9}{value}")
    accounts.warn_of_end(expires)
