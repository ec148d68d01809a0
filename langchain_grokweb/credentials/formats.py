"""From anything that people paste to the few cookies that matter.

Strategy: each reader turns one kind of text into `Entry` rows, and `_collect` turns rows into a `Found`. There alone it
is decided what is kept: rows of other sites and all names but `NAMES` are only counted, never stored. `_READERS` lists
the readers with the predicate that recognises their text; the first that fits reads it, so the clear forms (curl,
JSON) come before the loose one (`a=b; c=d`).

What cannot be read raises `UnreadableError`. Its text speaks of kinds, counts and cookie names, never of what stood
there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import NamedTuple

from langchain_grokweb.credentials.curl import UnclosedError, headers_for
from langchain_grokweb.credentials.hosts import SITE, host_of, is_ours, is_site

NAMES = ("sso", "sso-rw", "x-userid", "cf_clearance", "__cf_bm")
"""The cookies that are kept, in the order in which they are sent."""

_LONGEST = 1024 * 1024
_COLUMNS = 7  # of a cookies.txt: domain, subdomains, path, secure, expiry, name, value

_CURL = re.compile(r"(?:[$>#]\s*)?curl(?:\.exe)?\s", re.IGNORECASE)
_NETSCAPE = re.compile(
    r"^# (?:Netscape )?HTTP Cookie File|^\S+[ \t]+(?:TRUE|FALSE)[ \t]+/\S*[ \t]+(?:TRUE|FALSE)[ \t]+[-\d.]+[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS = re.compile(r"^[ \t]*cookie[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(r"(:?[\w-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_REQUEST_LINE = re.compile(r"[A-Z]+ \S+ HTTP/[\d.]+\s*\Z")
_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]+\Z", re.ASCII)
_PAIR = re.compile(r"[;\s]*[\w!#$%&'*+.^`|~-]+=", re.ASCII)
_SPACE = " \t\r\n"
_LINE = re.compile(r"\r?\n")

_LOOKS_LIKE = (
    (re.compile(r"\s*<"), "HTML or XML"),
    (
        re.compile(r".*\b(?:Invoke-WebRequest|PowerShell)\b", re.DOTALL),
        'a request in PowerShell; choose "Copy as cURL"',
    ),
    (re.compile(r"\s*(?:await )?fetch\("), 'a fetch call; choose "Copy as cURL"'),
    (re.compile(r"[^\n]+\.(?:txt|json)\Z", re.IGNORECASE), "the name of a file; pass what is in it"),
    (re.compile(r"\S+\Z"), "a single word; if it is the value of the cookie sso, put sso= before it"),
)
_FORMS = "a Cookie header, a cookies.txt, a JSON export of cookies, or a request copied as cURL"


class UnreadableError(ValueError):
    """What was pasted does not sign anyone in; the text says why, in words of ours alone."""


class Entry(NamedTuple):
    """One cookie as it was found; `domain` is empty where the form names none."""

    name: object
    value: object
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one paste holds.

    Attributes:
        summary: What it is and how much of it, for the user.
        cookies: Those of `NAMES` that are there.
        user_agent: The browser's own, where the form has one.
    """

    summary: str
    cookies: dict[str, str] = field(repr=False)
    user_agent: str | None = field(default=None, repr=False)


def read(source: object) -> Found:
    """Reads a paste, or the object that a user's own code has made of one.

    Raises:
        UnreadableError: It is empty, or in no known form.
    """
    if isinstance(source, str):
        source = _bare(source.removeprefix("\ufeff"))
    if source is None or (isinstance(source, Sized) and not len(source)):
        raise UnreadableError(f"There are no cookies: set GROKWEB_COOKIES, or pass cookies=..., to {_FORMS}.")
    if isinstance(source, str):
        return _read_text(source)
    return _read_object(source, f"a {type(source).__name__}")


def _read_text(text: str) -> Found:
    if len(text) > _LONGEST:
        raise UnreadableError(f"The text is longer than {_LONGEST} characters, which no set of cookies is.")
    for fits, reader in _READERS:
        if fits(text):
            return reader(text)
    guess = next((what for looks, what in _LOOKS_LIKE if looks.match(text)), None)
    raise UnreadableError(f"The text looks like {guess}." if guess else f"The text is not {_FORMS}.")


def _read_curl(text: str) -> Found:
    try:
        headers = headers_for(text)
    except UnclosedError:
        raise UnreadableError("This is a curl command that breaks off inside a quotation.") from None
    if headers is None:
        raise UnreadableError(f"This is a curl command, but not for {SITE}.")
    return _of_headers(f"a curl command for {SITE}", headers)


def _read_json(text: str) -> Found:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("The text looks like JSON, but it is cut off or malformed.") from None
    return _read_object(data, "a JSON export")


def _read_object(data: object, kind: str) -> Found:
    if not isinstance(data, Mapping):
        return _collect(kind, _entries(data, kind))
    agent = next((value for name, value in data.items() if _is_agent(name)), None)
    # Playwright's storage state keeps the list one level down.
    cookies = data if _goes_by_name(data) else data.get("cookies", data)
    return _collect(kind, _entries(cookies, kind), agent)


def _entries(data: object, kind: str) -> list[Entry]:
    if isinstance(data, str):
        return _pairs(data)
    if isinstance(data, Mapping) and (_goes_by_name(data) or not {"name", "value"} <= data.keys()):
        return [Entry(name, value) for name, value in data.items() if not _is_agent(name)]
    rows = [data] if isinstance(data, Mapping) else data
    if isinstance(rows, bytes | bytearray | memoryview) or not isinstance(rows, Sequence):
        raise UnreadableError(f"This is {kind}, in which no cookies can be found.")
    return [_row(row) for row in rows if isinstance(row, Mapping)]


def _goes_by_name(data: Mapping[object, object]) -> bool:
    return any(name in data for name in NAMES)


def _row(row: Mapping[str, object]) -> Entry:
    domain = row.get("domain") or host_of(str(row.get("url") or ""))
    return Entry(row.get("name"), row.get("value"), str(domain))


def _is_agent(name: object) -> bool:
    return isinstance(name, str) and re.sub("[-_]", "", name).lower() == "useragent"


def _read_netscape(text: str) -> Found:
    lines = (line.removeprefix("#HttpOnly_") for line in _LINE.split(text))
    # An editor may have made the tabs spaces; no value that can be sent has either.
    rows = (line.split("\t" if "\t" in line else None) for line in lines if not line.startswith("#"))
    cookies = [Entry(row[5], row[6], row[0]) for row in rows if len(row) == _COLUMNS]
    return _collect("a Netscape cookies.txt", cookies)


def _read_headers(text: str) -> Found:
    lines = (line.strip(_SPACE) for line in _LINE.split(text))
    headers = [_header(line) for line in lines if line and not _REQUEST_LINE.match(line)]
    if any(name in {"host", ":authority"} and not is_ours(host_of(value)) for name, value in headers):
        raise UnreadableError(f"These are the headers of a request, but not for {SITE}.")
    return _of_headers("a Cookie header", headers)


def _header(line: str) -> tuple[str, str]:
    if match := _HEADER.fullmatch(line):
        return match[1].lower(), match[2]
    raise UnreadableError("This is a Cookie header with a line break in it, or followed by something else.")


def _of_headers(kind: str, headers: list[tuple[str, str]]) -> Found:
    agent = next((value for name, value in headers if name == "user-agent"), None)
    pairs = [pair for name, value in headers if name == "cookie" for pair in _pairs(value)]
    return _collect(kind, pairs, agent)


def _read_token(text: str) -> Found:
    return _collect("a bare value", [Entry("sso", text)])


def _read_pairs(text: str) -> Found:
    return _collect("a Cookie header", _pairs(text))


def _pairs(header: str) -> list[Entry]:
    parts = (part.partition("=") for part in header.split(";"))
    return [Entry(name.strip(), value) for name, equals, value in parts if equals]


def _collect(kind: str, entries: Iterable[Entry], agent: object = None) -> Found:
    entries = list(entries)
    # The site's own cookie goes before that of the same name on a subdomain.
    ours = sorted((row for row in entries if _is_kept(row.domain)), key=lambda row: len(row.domain.strip(".")))
    named = ((row.name, _text(row.name, row.value)) for row in reversed(ours) if row.name in NAMES)
    cookies = {str(name): value for name, value in named if value}
    where = f" for {SITE}" if any(row.domain for row in entries) else ""
    summary = f"{kind} with {len(ours)} cookie{'' if len(ours) == 1 else 's'}{where}"
    if others := len(entries) - len(ours):
        summary += f" ({others} of other sites left out)"
    return Found(summary, cookies, _text("User-Agent", agent) or None)


def _is_kept(domain: str) -> bool:
    return not domain or is_site(domain)


def _text(name: object, value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise UnreadableError(f"The value of {name} is not text.")
    return _bare(value or "")


def _bare(text: str) -> str:
    """The text without the white space and the quotation marks around it."""
    text = text.strip(_SPACE)
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip(_SPACE) if quoted else text


_READERS: tuple[tuple[Callable[[str], object], Callable[[str], Found]], ...] = (
    (_CURL.match, _read_curl),
    (re.compile(r"[\[{]").match, _read_json),
    (_NETSCAPE.search, _read_netscape),
    (_HEADERS.search, _read_headers),
    (_JWT.match, _read_token),
    (_PAIR.match, _read_pairs),
)
