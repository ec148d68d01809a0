"""The options that every command has: `--cookies-file`, `--base-url` and `--verbose`.

They may stand before the command or after it. A command finds them with `Common.of(ctx)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from langchain_grokweb.cli.report import Failure

_LONGEST = 256 * 1024 * 1024  # a HAR file of a long session


@dataclass(slots=True)
class Common:
    """What was said by the options that every command has.

    Attributes:
        cookies_file: A file with cookies, in any form that can be pasted; instead of the saved sign-in.
        base_url: The service's address; `None` where the environment or the default shall decide.
        verbose: Whether more is told, on standard error.
    """

    cookies_file: Path | None = field(default=None, repr=False)
    base_url: str | None = None
    verbose: bool = False

    @classmethod
    def of(cls, ctx: typer.Context) -> Common:
        """What was said for the command that runs."""
        return ctx.find_root().ensure_object(cls)

    def settings(self) -> dict[str, Any]:
        """What of it a `ChatGrokWeb` or a `GrokWebClient` takes.

        Raises:
            Failure: The file of cookies cannot be read.
        """
        settings: dict[str, Any] = {}
        if self.base_url is not None:
            settings["base_url"] = self.base_url
        if self.cookies_file is not None:
            settings["cookies"] = read_file(self.cookies_file)
        return settings


def parameters() -> list[Any]:
    """The options, as typer's own objects."""
    declared = typer.Typer(add_completion=False)
    declared.command()(_declared)
    return [parameter for parameter in get_command(declared).params if parameter.name in Common.__slots__]


def add_to(command: Any) -> None:
    """Give them to a command, and to all commands below it."""
    command.params += parameters()
    for below in getattr(command, "commands", {}).values():
        add_to(below)


def read_file(path: Path) -> str:
    """The text of a file that a user named.

    Raises:
        Failure: It is not there, may not be read, is too big, or is no text.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise Failure(f"{path} is larger than {_LONGEST // 1024**2} MB, which no export of cookies is.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise Failure(f"{path} is not text in UTF-8.") from None


def _keep(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    if value:
        setattr(Common.of(ctx), str(param.name), value)
    return value


_PANEL = "Options of every command"


def _declared(
    cookies_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with your cookies, in any form that can be pasted.",
            callback=_keep,
            expose_value=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The service's address, if it is not https://grok.com.",
            callback=_keep,
            expose_value=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Tell more, on standard error.",
            callback=_keep,
            expose_value=False,
            rich_help_panel=_PANEL,
        ),
    ] = False,
) -> None: ...
