"""What the command understands: a table of its commands, each in a module of its own.

A command's module holds `app`, a `typer.Typer` with one command or with commands of its own. It is imported when that
command is run, completed, or listed in the help, so at its head it imports nothing heavy: no LangChain, no client, no
rich. Those come inside of the function that runs. `--cookies-file`, `--base-url` and `--verbose` are added here to each
command (`cli.options`), and whatever a command raises is shown here (`cli.report`): a command just raises.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from langchain_grokweb._version import __version__
from langchain_grokweb.cli import options, report

COMMANDS = {
    "login": "langchain_grokweb.cli.login",
    "logout": "langchain_grokweb.cli.logout",
    "whoami": "langchain_grokweb.cli.whoami",
    "chat": "langchain_grokweb.cli.chat.command",
    "models": "langchain_grokweb.cli.models",
    "quota": "langchain_grokweb.cli.quota",
    "conversations": "langchain_grokweb.cli.conversations",
    "doctor": "langchain_grokweb.cli.doctor",
    "emulator": "langchain_grokweb.cli.emulator",
    "replay": "langchain_grokweb.cli.replay",
}
"""The module of each command, in the order of the help."""

_OF_ALL = {"install_completion", "show_completion"}  # options that typer gives to every `Typer`; one place is enough


class Commands(TyperGroup):
    """The commands of the table, each imported when it is needed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._loaded: dict[str, Any] = {}
        self.commands: Any = dict.fromkeys(COMMANDS)  # for "Did you mean"
        self.params += options.parameters()

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """A command by its name, or `None`."""
        if cmd_name in COMMANDS and cmd_name not in self._loaded:
            command: Any = get_command(import_module(COMMANDS[cmd_name]).app)
            command.params = [parameter for parameter in command.params if parameter.name not in _OF_ALL]
            options.add_to(command)
            self._loaded[cmd_name] = command
        return self._loaded.get(cmd_name)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run a command, and show what it raises."""
        with report.shown(options.Common.of(ctx), self._option_names):
            return super().invoke(ctx)

    def _option_names(self) -> set[str]:
        """What can be said to the command that runs, such as `--model`."""
        loaded = [self, *self._loaded.values()]
        return {name for command in loaded for parameter in command.params for name in parameter.opts}


app = typer.Typer(
    cls=Commands,
    help="Chat with grok.com, or with an emulator of it on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
