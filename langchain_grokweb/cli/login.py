"""`grokweb login`: reads the cookies of a signed-in browser, checks them at the site, and saves them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_grokweb.cli.options import Common, read_file
from langchain_grokweb.cli.report import Failure

if TYPE_CHECKING:
    from langchain_grokweb.credentials import GrokCredentials

app = typer.Typer(add_completion=False)

_HOW = """\
1. Sign in at {url} with your browser.
2. Open its developer tools (F12), tab Network, and load the page again.
3. Copy the first request as cURL (right click, Copy, Copy as cURL), or save all as HAR.
   An export of a cookie extension or a cookies.txt works too; docs/signing-in.md shows each way.
4. Paste it here and press Enter; it is not shown. (For a file: grokweb login FILE)"""


@app.command()
def login(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="A file with the cookies, or - for standard input.")
    ] = None,
    insecure_storage: Annotated[
        bool,
        typer.Option(
            "--insecure-storage", help="Save them in a file that only you can read, not in the system's keyring."
        ),
    ] = False,
    check: Annotated[bool, typer.Option(help="Check the session at the site before it is saved.")] = True,
) -> None:
    """Sign in with the cookies of your browser, and save them for later commands.

    Paste them, or name a file. A request copied as cURL, a HAR file, a cookies.txt, the export of an extension or a
    Cookie header all work.
    """
    from langchain_grokweb.cli import accounts, terminal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.client.service import COOKIES_VARIABLE  # noqa: PLC0415
    from langchain_grokweb.credentials import GrokCredentials, saved  # noqa: PLC0415

    common = Common.of(ctx)
    origin = common.origin
    if file is None and common.cookies_file is not None:
        file = str(common.cookies_file)
    text = _read(file, origin)
    if not text.strip():
        raise Failure("There is nothing in it.", "Give the cookies: grokweb login FILE, or paste them in a terminal.")
    credentials = GrokCredentials.parse(text, base_url=origin)
    who = check_at_site(origin, credentials) if check else f"account {credentials.account}, not checked"
    try:
        place = saved.save(origin, credentials, in_file=insecure_storage)
    except saved.SavedError as error:
        raise Failure(str(error)) from None
    out = terminal.stdout()
    out.print(f"Signed in at {origin} as {terminal.safe_line(who)}.", style="green")
    where = f"{saved.file_path()}, which only you can read" if place == "file" else accounts.PLACES[place]
    out.print(f"Saved in {where}. `grokweb logout` removes it.")
    if os.environ.get(COOKIES_VARIABLE):
        terminal.stderr().print(
            f"{COOKIES_VARIABLE} is set and is used instead of the saved sign-in: unset it.", style="yellow"
        )
    if credentials.expires is not None:
        out.print(f"The session {accounts.ending(credentials.expires)}.")
    accounts.warn_of_end(credentials.expires)
    if "cf_clearance" in credentials.cookies and not credentials.user_agent:
        terminal.print_prose(
            terminal.stderr(),
            "Cloudflare's cookie is only valid with the browser's User-Agent, which is missing here. If the site "
            "answers with a challenge, copy a request as cURL instead.",
            "yellow",
        )


def check_at_site(origin: str, credentials: GrokCredentials) -> str:
    """Whose session it is, in words.

    Raises:
        GrokWebError: The site does not know it, or could not be asked.
    """
    from langchain_grokweb.client import portal  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.client.account.session import read_session  # noqa: PLC0415
    from langchain_grokweb.client.network.http import Http  # noqa: PLC0415
    from langchain_grokweb.client.service import Service, assets_of  # noqa: PLC0415

    http = Http(Service(base_url=origin, assets_url=assets_of(origin)), credentials)
    session = portal.call(lambda: read_session(http))
    return session.email or session.name or (f"user {session.user_id}" if session.user_id else "a user without a name")


def _read(file: str | None, origin: str) -> str:
    if file is not None and file != "-":
        return read_file(Path(file))
    if sys.stdin is None:
        raise Failure("There is no standard input.", "Run `grokweb login FILE`.")
    if file == "-" or not sys.stdin.isatty():
        try:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Failure("Standard input is not text in UTF-8.") from None
    return _pasted(origin)


def _pasted(origin: str) -> str:
    """What is pasted into the terminal, of which nothing is shown.

    A terminal that edits lines itself would cut a line after 4096 characters, so it is read key by key.
    """
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - seldom needed
    from prompt_toolkit.history import DummyHistory  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent  # noqa: PLC0415
    from prompt_toolkit.keys import Keys  # noqa: PLC0415
    from prompt_toolkit.output.defaults import create_output  # noqa: PLC0415

    from langchain_grokweb.cli import terminal  # noqa: PLC0415

    pieces: list[str] = []
    keys = KeyBindings()

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        pieces.append(event.data)  # it never gets into the line that is edited, and so is never drawn

    def message() -> str:
        length = sum(map(len, pieces))
        return f"[{length} characters] Press Enter: " if length else "Paste here: "

    terminal.print_prose(terminal.stderr(), _HOW.format(url=f"{origin}/"))
    session: PromptSession[str] = PromptSession(
        history=DummyHistory(), key_bindings=keys, output=create_output(stdout=sys.stderr), is_password=True
    )
    try:
        typed = session.prompt(message, reserve_space_for_menu=0)
    except EOFError:
        raise Failure("Nothing was pasted.", "Run `grokweb login FILE`, or paste and press Enter.") from None
    return "".join([*pieces, typed]).replace("\r\n", "\n").replace("\r", "\n")
