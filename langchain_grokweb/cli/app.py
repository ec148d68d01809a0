"""What the command understands: `grokweb chat` and `grokweb emulator`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from langchain_grokweb import ChatGrokWeb, GrokWebError, __version__
from langchain_grokweb.cli.chat import Chat
from langchain_grokweb.cli.history import History

app = typer.Typer(
    help="Chat with grok.com over its web service, or with an emulator of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"langchain-grokweb {__version__}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command()
def chat(
    prompt: Annotated[
        str | None, typer.Argument(help="What to ask. Without it: standard input, or a dialogue.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="grok-3 (default), grok-3-thinking (the emulator's default), grok-2, auto, fast, expert, …"),
    ] = None,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Ask an emulator of grok.com: no account needed.")
    ] = False,
    go_on: Annotated[bool, typer.Option("--continue", "-c", help="Continue the last conversation.")] = False,
    conversation: Annotated[
        str | None, typer.Option(help="Continue this conversation of yours: its id, or its address.")
    ] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="A private chat, not in your history.")] = False,
    search: Annotated[bool, typer.Option(help="Let the site search the web and X.")] = True,
    cookies_file: Annotated[
        Path | None, typer.Option(help="A file with your cookies, in any form that can be pasted.", dir_okay=False)
    ] = None,
) -> None:
    """Ask, and watch the answer come: reasoning first, then text, pictures, title and the conversation's id.

    A real account's cookies are taken from GROKWEB_COOKIES or --cookies-file.
    """
    history = History.of("emulator" if emulator else "grok.com")
    model = model or ("grok-3-thinking" if emulator else "grok-3")
    settings: dict[str, Any] = {"model": model, "temporary": temporary, "search": search}
    if cookies_file is not None:
        settings["cookies"] = cookies_file.read_text(encoding="utf-8")
    with ExitStack() as stack:
        if emulator:
            settings |= _start_emulator(stack, history)
        try:
            talk = Chat(ChatGrokWeb(**settings), history, Console(highlight=False, soft_wrap=True), go_on=go_on)
            if conversation is not None:
                talk.load(conversation)
            for question in _questions(prompt):
                talk.ask(question)
        except (GrokWebError, ValidationError) as error:
            Console(stderr=True).print(str(error), style="red", markup=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


@app.command()
def emulator(port: Annotated[int, typer.Option(help="Where to listen; 0 takes any free port.")] = 8765) -> None:
    """Run the emulator of grok.com on this machine until interrupted."""
    with _emulator_class()(port=port) as grok:
        typer.echo(f"An emulator of grok.com listens at {grok.base_url}. Use it with:")
        typer.echo(f"  export GROKWEB_BASE_URL={grok.base_url}")
        typer.echo(f"  export GROKWEB_COOKIES='{grok.cookies}'")
        typer.echo("Interrupt (Ctrl-C) to end it.")
        grok.serve_forever()


def _questions(prompt: str | None) -> Any:
    if prompt is not None:
        return [prompt]
    if not sys.stdin.isatty():
        return [sys.stdin.read()]
    return _dialogue()


def _dialogue() -> Any:
    console = Console(stderr=True)
    console.print("Ask away; an empty line or Ctrl-D ends the dialogue.", style="dim")
    while True:
        try:
            question = console.input("[bold]> [/bold]").strip()
        except EOFError:
            return
        if not question:
            return
        yield question


def _start_emulator(stack: ExitStack, history: History) -> dict[str, Any]:
    """An emulator for this command alone, which remembers the chats of the last one."""
    grok = stack.enter_context(_emulator_class()())
    grok.load(history.service_state)
    stack.callback(lambda: history.save_service(grok.dump()))
    return {"base_url": grok.base_url, "cookies": grok.cookies}


def _emulator_class() -> Any:
    try:
        from langchain_grokweb.testing import GrokEmulator  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    return GrokEmulator
