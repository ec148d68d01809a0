"""`grokweb chat`: what is said on the command line, and which way the answer goes."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_grokweb.cli.emulator import emulator_class, load
from langchain_grokweb.cli.models import NAMES
from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.report import WRONG_USAGE, Failure

if TYPE_CHECKING:
    from langchain_grokweb.cli.chat.memory import Memory

app = typer.Typer()


@app.command()
def chat(
    ctx: typer.Context,
    prompt: Annotated[
        str | None, typer.Argument(help="The question. Without it: standard input, or a dialogue.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="grok-3 (default), grok-3-thinking, grok-2, auto, fast, expert, or another mode of `grokweb models`.",
            autocompletion=lambda: list(NAMES),
        ),
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="Attach a file; repeat it for more files.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions for the whole chat.")] = None,
    go_on: Annotated[bool, typer.Option("--continue", "-c", help="Continue the last conversation.")] = False,
    conversation: Annotated[
        str | None, typer.Option(help="Continue this conversation: its id, or its address at grok.com.")
    ] = None,
    temporary: Annotated[
        bool,
        typer.Option(
            "--temporary", help="Use a private chat: not in your history at the site, and not saved on this disk."
        ),
    ] = False,
    search: Annotated[bool, typer.Option(help="Let the site search the web and X.")] = True,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="DIR", file_okay=False, help="Save pictures and files of the answers in this directory."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as one JSON object.")] = False,
    capture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record the traffic with all texts replaced, for `grokweb replay`."),
    ] = None,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Ask an emulator of grok.com on this machine: no account needed.")
    ] = False,
) -> None:
    """Ask one question, or begin a dialogue.

    Standard input is put before the prompt. If standard output is not a terminal, it gets only the answer.
    """
    if temporary and (go_on or conversation):
        raise Failure(
            "--temporary begins a new private chat: leave out --continue and --conversation.", exit_code=WRONG_USAGE
        )
    if go_on and conversation:
        raise Failure("--continue and --conversation cannot be used together: leave one out.", exit_code=WRONG_USAGE)
    question = _question(prompt)
    if question is None and (as_json or not sys.stdout.isatty()):
        raise Failure("There is no prompt, and a dialogue needs a terminal.", exit_code=WRONG_USAGE)

    from langchain_grokweb.cli.chat import run  # noqa: PLC0415 - see cli.app

    common = Common.of(ctx)
    settings: dict[str, Any] = {"model": model or "grok-3", "temporary": temporary, "search": search}
    with ExitStack() as stack:
        settings |= _emulated(stack, run.memory_of("emulator"), temporary) if emulator else common.settings()
        if "credentials" not in settings and "cookies" not in settings:
            run.require_sign_in(settings["base_url"])
        asked = run.ChatGrokWeb(**settings)
        session = run.Session(
            stack.enter_context(run.record(asked, capture)) if capture else asked,
            memory=None if temporary else run.memory_of("emulator" if emulator else settings.get("base_url")),
            system=system or "",
            save=save,
            verbose=common.verbose,
        )
        files = [run.read(path) for path in file or []]
        run.check_count(files)
        session.run(question, files, conversation=conversation, go_on=go_on, as_json=as_json)


def _question(prompt: str | None) -> str | None:
    """The prompt, after what stands on standard input; `None` where a dialogue is wanted."""
    if sys.stdin is None or sys.stdin.isatty():
        piped = ""
    else:
        try:
            piped = sys.stdin.buffer.read().decode("utf-8-sig").strip("\n")
        except UnicodeDecodeError:
            raise Failure("Standard input is not text in UTF-8.", "Attach it as a file: --file FILE.") from None
        if prompt is None and not piped.strip():
            raise Failure("There is no prompt: standard input is empty.", exit_code=WRONG_USAGE)
    parts = [part for part in (piped, prompt) if part and part.strip()]
    if prompt is not None and not parts:
        raise Failure("The prompt is empty.", exit_code=WRONG_USAGE)
    return "\n\n".join(parts) or None


def _emulated(stack: ExitStack, memory: Memory, temporary: bool) -> dict[str, Any]:
    """An emulator for this command alone, which remembers the chats of the last one."""
    grok = stack.enter_context(emulator_class()())
    load(grok, memory.emulator_state)
    if not temporary:
        stack.callback(lambda: memory.keep_emulator(grok.dump()))
    return {"base_url": grok.base_url, "cookies": grok.cookies}
