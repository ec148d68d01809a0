"""`grokweb chat`: one answer, or a dialogue."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.emulator import emulator_class
from langchain_grokweb.cli.options import Common

app = typer.Typer()


@app.command()
def chat(
    ctx: typer.Context,
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
) -> None:
    """Ask, and watch the answer come: reasoning first, then text, pictures, title and the conversation's id."""
    from langchain_grokweb.chat_models import ChatGrokWeb  # noqa: PLC0415 - see cli.app
    from langchain_grokweb.cli.dialogue import Chat  # noqa: PLC0415
    from langchain_grokweb.cli.history import History  # noqa: PLC0415

    history = History.of("emulator" if emulator else "grok.com")
    model = model or ("grok-3-thinking" if emulator else "grok-3")
    settings: dict[str, Any] = {"model": model, "temporary": temporary, "search": search}
    with ExitStack() as stack:
        settings |= _start_emulator(stack, history) if emulator else Common.of(ctx).settings()
        talk = Chat(ChatGrokWeb(**settings), history, terminal.stdout(), go_on=go_on)
        if conversation is not None:
            talk.load(conversation)
        for question in _questions(prompt):
            talk.ask(question)


def _questions(prompt: str | None) -> Any:
    if prompt is not None:
        return [prompt]
    if not sys.stdin.isatty():
        return [sys.stdin.read()]
    return _dialogue()


def _dialogue() -> Any:
    console = terminal.stderr()
    console.print("Ask away; an empty line or Ctrl-D ends the dialogue.", style="dim")
    while True:
        try:
            question = console.input("> ").strip()
        except EOFError:
            return
        if not question:
            return
        yield question


def _start_emulator(stack: ExitStack, history: Any) -> dict[str, Any]:
    """An emulator for this command alone, which remembers the chats of the last one."""
    grok = stack.enter_context(emulator_class()())
    grok.load(history.service_state)
    stack.callback(lambda: history.save_service(grok.dump()))
    return {"base_url": grok.base_url, "cookies": grok.cookies}
