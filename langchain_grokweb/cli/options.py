"""The options that every command has: `--cookies-file`, `--base-url` and `--verbose`.

They may stand before the command or after it. A command finds them with `Common.of(ctx)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from langchain_grokweb.cli.report import WRONG_USAGE, Failure

_LONGEST = 256 * 1024 * 1024  # a HAR file of a long session


@dataclass(slots=True)
class Common:
    """What was said by the options that every command has.

    Attributes:
        cookies_file: A file with cookies, in any form that can be pasted; instead of the saved sign-in.
        base_url: The service's address; `None` where the environment or the default shall decide.
        verbose: Whether to say more, on standard error.
        at_end: Takes what is to be done when the command ends.
    """

    cookies_file: Path | None = field(default=None, repr=False)
    base_url: str | None = None
    verbose: bool = False
    at_end: Callable[[Callable[[], object]], object] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, ctx: typer.Context) -> Common:
        """What was said for the command that runs."""
        common = ctx.find_root().ensure_object(cls)
        common.at_end = ctx.call_on_close
        return common

    @property
    def origin(self) -> str:
        """The service's address.

        Raises:
            Failure: It cannot be used.
        """
        from langchain_grokweb.client.service import BASE_URL_VARIABLE, GROK_URL, check_url  # noqa: PLC0415 - see cli.app

        source = "--base-url" if self.base_url else BASE_URL_VARIABLE
        try:
            return check_url(self.base_url or os.environ.get(BASE_URL_VARIABLE) or GROK_URL, source)
        except ValueError as error:
            raise Failure(str(error), exit_code=WRONG_USAGE) from None

    def settings(self) -> dict[str, Any]:
        """What of it a `ChatGrokWeb` or a `GrokWebClient` takes: where to ask, and who asks, if that is known.

        A session that ends soon is reported, and it is remembered for a day which wire the account
        needs (`cli.wires`).

        Raises:
            Failure: An address cannot be used, or the file of cookies cannot be read.
            GrokWebAuthenticationError: There are cookies, but they cannot sign anyone in.
        """
        from langchain_grokweb.cli import accounts, wires  # noqa: PLC0415 - see cli.app

        settings: dict[str, Any] = {"base_url": self.origin}
        account = accounts.find(self)
        if account is not None:
            settings["credentials"] = account.credentials
            accounts.warn_of_end(account.credentials.expires)
            wires.recall(self.origin, account.credentials.account)
            if self.at_end is not None:
                self.at_end(lambda: wires.keep(self.origin, account.credentials.account))
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
            raise Failure(f"{path} is larger than {_LONGEST // 1024**2} MB: this is not an export of cookies.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise Failure(f"{path} is not text in UTF-8.") from None


def _keep(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    if value:
        setattr(ctx.find_root().ensure_object(Common), str(param.name), value)
    return value


_PANEL = "Options of every command"


def _declared(
    cookies_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with your cookies, in any form that `grokweb login` reads.",
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
            help="Print more, on standard error.",
            callback=_keep,
            expose_value=False,
            rich_help_panel=_PANEL,
        ),
    ] = False,
) -> None: ...
