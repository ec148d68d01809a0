"""`grokweb doctor`: what works and what does not, row by row, with the next step."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_grokweb._version import __version__
from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.report import FAILED, Failure, in_words

if TYPE_CHECKING:
    from rich.console import Console

    from langchain_grokweb.client import Check
    from langchain_grokweb.credentials import GrokCredentials

app = typer.Typer(add_completion=False)

_OPTIONS = {"--model", "--ask", "--base-url", "--cookies-file"}
_SHOWN = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red"), "skip": ("skip", "dim")}
_NAME_WIDTH, _STATE_WIDTH = 24, 6
_NARROW, _WIDEST = 64, 110
_PACKAGES = ("langchain-core", "httpx", "websockets", "anyio", "orjson", "tenacity", "typer", "rich")


@app.command()
def doctor(
    ctx: typer.Context,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write versions, types and counts to a file, for an issue: no cookie, no text.",
        ),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Also send a short prompt in a private chat over each of the two wires.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="The model whose mode and quota are checked.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Check what works, and show the next step for what does not. No prompt is sent without --ask."""
    if report is not None:
        _check_place(report)
    rows = _look(Common.of(ctx), ask=ask, model=model)
    if as_json:
        print(json.dumps([_as_dict(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        _show(terminal.stdout(), rows)
    if report is not None:
        report.write_text(json.dumps(report_of(rows), indent=2) + "\n", encoding="utf-8")
        terminal.stderr().print(f"Written to {terminal.safe_line(str(report))}. Read it before you send it.")
    if any(row.state == "fail" for row in rows):
        raise typer.Exit(FAILED)


def _check_place(path: Path) -> None:
    """Whether a file can be written there, before anything else is done."""
    with path.open("a", encoding="utf-8"):
        pass


def _look(common: Common, *, ask: bool, model: str | None) -> list[Check]:
    from langchain_grokweb.client import Service, portal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.client.account.diagnose import diagnose  # noqa: PLC0415
    from langchain_grokweb.client.service import assets_of  # noqa: PLC0415

    service = Service(base_url=common.origin, assets_url=assets_of(common.origin))
    with terminal.stderr().status("Checking..."):
        return portal.call(lambda: diagnose(service, lambda: _credentials(common), model=model, ask=ask))


def _credentials(common: Common) -> GrokCredentials:
    """The cookies of this command; which wire the account needed before is known then too.

    Raises:
        GrokWebAuthenticationError: There are none that can be used.
    """
    from langchain_grokweb.cli import accounts, wires  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.credentials import GrokCredentials  # noqa: PLC0415
    from langchain_grokweb.errors import GrokWebAuthenticationError  # noqa: PLC0415

    try:
        account = accounts.find(common)
    except Failure as failure:
        raise GrokWebAuthenticationError(str(failure), next_step=failure.next_step or "See --cookies-file.") from None
    if account is None:
        return GrokCredentials.parse(None, base_url=common.origin)
    wires.recall(common.origin, account.credentials.account)
    return account.credentials


# --- shown


def _show(console: Console, rows: list[Check]) -> None:
    """The rows as wide as the terminal; in a narrow one each stands below its name."""
    width = min(console.width, _WIDEST)
    indent = _STATE_WIDTH if width < _NARROW else _NAME_WIDTH + _STATE_WIDTH
    for row in rows:
        word, style = _SHOWN[_state(row)]
        console.print(f"{word:<{_STATE_WIDTH}}", style=style, end="")
        if width < _NARROW:
            console.print(row.name)
            console.print(_block(_detail(row), width, indent))
        else:
            lines = _block(_detail(row), width, indent)[_STATE_WIDTH:]
            console.print(f"{row.name:<{_NAME_WIDTH}}{lines[_NAME_WIDTH:]}")
        if row.next_step:
            console.print(_block(_step(row), width, indent), style="bold" if row.state == "fail" else "")
    console.print(_summary(rows))


def _state(row: Check) -> str:
    return "skip" if row.facts.get("tried") is False else row.state


def _detail(row: Check) -> str:
    return terminal.safe_line(in_words(row.detail, _OPTIONS))


def _step(row: Check) -> str:
    text = in_words(row.next_step, _OPTIONS)
    if row.facts.get("error") == "GrokWebAuthenticationError" and text.startswith("Sign in at "):
        address = text.removeprefix("Sign in at ").partition(" ")[0]
        text = f"Sign in at {address} with a browser, copy its cookies, and run `grokweb login`."
    return terminal.safe_line(text)


def _block(text: str, width: int, indent: int) -> str:
    return textwrap.fill(
        text,
        max(width, indent + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


def _summary(rows: list[Check]) -> str:
    failed = [row.name for row in rows if row.state == "fail"]
    if failed:
        return f"\nFailed: {', '.join(failed)}."
    return "\nEverything that was checked works."


def _as_dict(row: Check) -> dict[str, Any]:
    shown = {"name": row.name, "state": row.state, "detail": _detail(row), "next_step": _step(row)}
    return {**shown, "facts": dict(row.facts)}


# --- the report


def report_of(rows: list[Check]) -> dict[str, Any]:
    """Versions, shapes and counts: nothing that the site or the user has said, and no address."""
    return {
        "grokweb_report": 1,
        "versions": {
            "langchain-grokweb": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{name: _version(name) for name in _PACKAGES},
        },
        "terminal": {"encoding": sys.stdout.encoding, "is_terminal": sys.stdout.isatty()},
        "checks": [{"name": row.name, "state": _state(row), **dict(row.facts)} for row in rows],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
