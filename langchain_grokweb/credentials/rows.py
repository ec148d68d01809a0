"""Which of the cookies in a paste are kept: ours, usable, and the newest.

Every reader ends here: it gives `Row`s, and `choose` decides. Rows of other sites and all names but `NAMES` are only
counted. Of several with one name, one that has not expired goes before one that has, the site's own before a
subdomain's, a newer before an older, and otherwise the first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from langchain_grokweb.credentials.hosts import Site

NAMES = ("sso", "sso-rw", "x-userid", "cf_clearance", "__cf_bm")
"""The cookies that are kept, in the order in which they are sent."""

SESSION = ("sso", "sso-rw")

_SPACE = " \t\r\n"
_PLACEHOLDER = re.compile(
    r"\.{2,}|\N{HORIZONTAL ELLIPSIS}+|x{3,}|\*{2,}|-{2,}|_{2,}|<.*>|\[.*\]|\{.*\}|\$\{?\w+\}?|%\w+%"
    r"|(?:your|my|paste|insert|put|enter)[-_ ].*|your\w*|.*[-_ ](?:here|goes[-_ ]here)"
    r"|(?:the[-_ ])?(?:token|value|cookie|sso|jwt|secret|redacted|hidden|placeholder|changeme|null|none|undefined|nan)"
    r"|\[?redacted\]?|sso[-_ ]?(?:token|value|cookie)",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile(r"(?:set-)?cookie\s*:", re.IGNORECASE)
_NAME_AGAIN = re.compile(rf"{_HEADER_NAME.pattern}|(?:{'|'.join(map(re.escape, NAMES))})=", re.IGNORECASE)
_CUT = re.compile(r".+(?:\.{3}|\N{HORIZONTAL ELLIPSIS})\Z", re.DOTALL)
_MILLISECONDS, _WEBKIT_MICROSECONDS = 1e11, 1e15
_NO_TIME = 1e18
_SECONDS_FROM_1601 = 11_644_473_600
_YEAR_9999 = 253_370_764_800


class UnreadableError(ValueError):
    """What was pasted does not sign anyone in; the text says why, in words of ours alone."""


class Row(NamedTuple):
    """One cookie as it was found.

    Attributes:
        name: As it was written.
        value: The same; only text can be sent.
        domains: All that is said about where it belongs: its own domain, the address it was sent to.
        expires: When it ends, in seconds since 1970; `None` where that is unknown or with the browser's session.
        age: What is greater for a newer one; 0 where the form does not say.
        is_ours: Whether it may be taken at all; a name and a value in an unknown place may be of any site.
    """

    name: object
    value: object
    domains: tuple[str, ...] = ()
    expires: float | None = None
    age: float = 0
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What one paste holds.

    Attributes:
        summary: What it is and how much of it, for the user.
        cookies: Those of `NAMES` that are there.
        user_agent: The browser's own, where the form has one.
        expires: When the session's cookie ends, in seconds since 1970, where the form says so.
        advice: Why there may be no `sso` in such a thing.
    """

    summary: str
    cookies: dict[str, str] = field(repr=False)
    user_agent: str | None = field(default=None, repr=False)
    expires: float | None = None
    advice: str = ""


def choose(rows: Iterable[Row], site: Site) -> tuple[dict[str, str], float | None]:
    """The cookies to keep, and when the session ends.

    Raises:
        UnreadableError: A value is no text, or plainly no value.
    """
    rows = list(rows)
    if any(isinstance(row.name, str) and _HEADER_NAME.match(row.name) for row in rows):
        raise UnreadableError("The header's name is there twice, as in Cookie: Cookie: … Leave one out.")
    now = time.time()

    def order(row: Row) -> tuple[bool, bool, int, float, float]:
        elsewhere, length = site.distance(row.domains)
        return _is_over(row, now), elsewhere, length, -row.age, -(row.expires or 0)

    best: dict[str, tuple[str, Row]] = {}
    for row in sorted((row for row in rows if row.name in NAMES and is_kept(row, site)), key=order):
        value = text_of(row.name, row.value)
        if value and str(row.name) not in best:
            best[str(row.name)] = check_value(str(row.name), value), row
    ends = [row.expires for name, (_, row) in best.items() if name in SESSION and row.expires is not None]
    return {name: value for name, (value, _) in best.items()}, min(ends, default=None)


def is_kept(row: Row, site: Site) -> bool:
    """Whether a row is of the site."""
    return row.is_ours and site.owns_all(row.domains)


def _is_over(row: Row, now: float) -> bool:
    return row.expires is not None and row.expires < now


def text_of(name: object, value: object) -> str:
    """A value as text, without white space and quotation marks around it.

    Raises:
        UnreadableError: It is something else.
    """
    if value is not None and not isinstance(value, str):
        raise UnreadableError(f"The value of {name} is not text.")
    return bare(value or "")


def bare(text: str) -> str:
    """The text without the white space and the quotation marks around it."""
    text = text.strip(_SPACE)
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip(_SPACE) if quoted else text


def check_value(name: str, value: str) -> str:
    """The value, if it can be one.

    Raises:
        UnreadableError: It stands in a value's place, was cut short, or something of the paste is stuck to it.
    """
    problem = ""
    if "`" in {value[0], value[-1]}:
        problem = "has a backtick (`) beside it: copy only what is between the backticks"
    elif _PLACEHOLDER.fullmatch(value):
        problem = "is a placeholder: put the cookie's own value there"
    elif _CUT.match(value):
        problem = "was cut short: copy it where the whole value is shown"
    elif _NAME_AGAIN.match(value):
        problem = "begins with a name again, as in sso=sso=…: leave one of them out"
    if problem:
        raise UnreadableError(f"The value of the cookie {name} {problem}.")
    return value


def when(value: object) -> float | None:
    """A time in any of the spellings of browsers and tools, in seconds since 1970; `None` for "with the session"."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, str):
        return _when_written(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _NO_TIME:
        return None
    if value > _WEBKIT_MICROSECONDS:
        value = value / 1e6 - _SECONDS_FROM_1601
    elif value > _MILLISECONDS:
        value /= 1000
    return float(value) if 0 < value < _YEAR_9999 else None


def _when_written(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
