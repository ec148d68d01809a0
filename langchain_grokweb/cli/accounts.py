"""Who asks, for a command: the file of cookies that was named, the environment's, or the saved sign-in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.options import Common, read_file
from langchain_grokweb.cli.report import Failure
from langchain_grokweb.client.service import COOKIES_VARIABLE
from langchain_grokweb.credentials import GrokCredentials, saved

_SOON = timedelta(days=3)
PLACES = {"keyring": "the system's keyring", "file": "the saved file"}


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks.

    Attributes:
        credentials: Its cookies.
        source: Where they come from, in words.
        since: When they were saved, where they were.
    """

    credentials: GrokCredentials = field(repr=False)
    source: str
    since: datetime | None = None


def find(common: Common) -> Account | None:
    """The account of a command; `None` where nobody has signed in.

    Raises:
        Failure: The file of cookies, or the saved sign-in, cannot be read.
        GrokWebAuthenticationError: There are cookies, but they cannot sign anyone in.
    """
    if common.cookies_file is not None:
        credentials = GrokCredentials.parse(read_file(common.cookies_file), base_url=common.origin)
        return Account(credentials, str(common.cookies_file))
    if os.environ.get(COOKIES_VARIABLE):
        credentials = GrokCredentials.parse(os.environ.get(COOKIES_VARIABLE), base_url=common.origin)
        return Account(credentials, COOKIES_VARIABLE)
    try:
        kept = saved.load(common.origin)
    except saved.SavedError as error:
        raise Failure(str(error), "Run `grokweb login` again, or use --cookies-file.") from None
    return None if kept is None else Account(kept.credentials, PLACES[kept.place], kept.since)


def warn_of_end(expires: datetime | None) -> None:
    """Say so, where a session has ended or ends soon."""
    if expires is not None and expires - datetime.now(UTC) < _SOON:
        text = f"The session {ending(expires)}. Sign in at the site again, and run `grokweb login`."
        terminal.stderr().print(text, style="yellow")


def ending(expires: datetime) -> str:
    """When a session ends, in words."""
    left = expires - datetime.now(UTC)
    day = expires.astimezone().strftime("%Y-%m-%d %H:%M")
    if left < timedelta():
        return f"ended on {day}"
    if left < timedelta(hours=2):
        return f"ends in {max(1, round(left.total_seconds() / 60))} minutes"
    if left < timedelta(days=2):
        return f"ends in {round(left.total_seconds() / 3600)} hours"
    return f"ends on {day}, in {left.days} days"
