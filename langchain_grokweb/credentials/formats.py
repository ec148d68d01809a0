"""From anything that people paste to the few cookies that matter.

Strategy: each reader turns one kind of text into rows (`credentials.rows`), and `choose` alone decides what is kept.
`_READERS` lists the readers with the predicate that recognises their text; the first that fits reads it, so the clear
forms (curl, JSON) come before the loose one (`a=b; c=d`). What stands around a paste is taken off first: a code fence,
a shell's assignment, escapes that a line of an environment file was given.

What cannot be read raises `UnreadableError`. Its text speaks of kinds, counts and cookie names, never of what stood
there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sized
from typing import Any

from langchain_grokweb.credentials.curl import UnclosedError, headers_for
from langchain_grokweb.credentials.hosts import Site, host_of
from langchain_grokweb.credentials.json_forms import (
    JsonFound,
    kind_of,
    of_site,
    pairs,
    read_json_form,
    set_cookie,
)
from langchain_grokweb.credentials.rows import NAMES, Found, Row, UnreadableError, bare, choose, is_kept, text_of, when

_LONGEST = 1024 * 1024
_LONGEST_JSON = 256 * 1024 * 1024  # a HAR holds every reply of a session
_COLUMNS = 7  # of a cookies.txt: domain, subdomains, path, secure, expiry, name, value
_TABLE_COLUMNS = 3  # of a browser's table, at least: name, value, domain

_FENCE = re.compile(r"\A\s*(?P<fence>```+|~~~+)[^\n]*\n(?P<inside>.*?)\n?[ \t]*(?P=fence)\s*\Z", re.DOTALL)
_ASSIGNMENT = re.compile(
    r"\A\s*(?:(?:export|set|setx)\s+|\$env:)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*;?\s*\Z", re.DOTALL
)
_IS_ASSIGNED = re.compile(
    r"""\s*(?:(?:export|set|setx)\s+\w+\s*=|\$env:\w+\s*=|GROKWEB_COOKIES\s*=|[A-Z][A-Z\d_]*=\$?['"])"""
)
_ESCAPED = re.compile(r"\\(?:r\\n|[nt])")

_CURL = re.compile(r"(?:[$>#]\s*)?curl(?:\.exe)?\s", re.IGNORECASE)
_NETSCAPE = re.compile(
    r"^# (?:Netscape )?HTTP Cookie File|^\S+[ \t]+(?:TRUE|FALSE)[ \t]+/\S*[ \t]+(?:TRUE|FALSE)[ \t]+[-\d.]+[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS = re.compile(r"^[ \t]*(?:set-)?cookie[ \t]*(?::|$)", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(r"(:?[\w-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_REQUEST_LINE = re.compile(r"(?:[A-Z]+ \S+ HTTP/[\d.]+|HTTP/[\d.]+ \d+.*)\s*\Z")
# A pane shows a name and its value in two lines; the older one put a colon after the name.
_NAME_ALONE = re.compile(r"(:?[\w-]+):?", re.ASCII)
_TABLE_ROW = re.compile(
    rf"^[ \t]*(?:{'|'.join(map(re.escape, NAMES))}|name)\t[^\t\n]*(?:\t|$)", re.IGNORECASE | re.MULTILINE
)
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
    (re.compile(r"[^\n]+\.(?:txt|json|har)\Z", re.IGNORECASE), "the name of a file; pass what is in it"),
    (re.compile(r"\S+\Z"), "a single word; if it is the value of the cookie sso, put sso= before it"),
)
_FORMS = "a Cookie header, a cookies.txt, a JSON export of cookies, a HAR file, or a request copied as cURL"
_NOTHING = (
    "There are no cookies: run `grokweb login`, set GROKWEB_COOKIES, or pass `cookies=`. What is read is "
    + _FORMS
    + "."
)
_NO_SSO = "the browser was not signed in, or the copy lacks the HttpOnly cookies, as document.cookie does."
_NO_SSO_IN_HAR = (
    "Chrome and Edge leave cookies out of it, unless their developer tools may export it with sensitive data "
    "(Settings, Preferences, Network)."
)


def read(source: object, site: Site | None = None) -> Found:
    """Reads a paste, or the object that a user's own code has made of one.

    Args:
        source: The paste.
        site: Whose cookies are taken; grok.com's alone by default.

    Raises:
        UnreadableError: It is empty, or in no known form.
    """
    site = site or Site()
    if isinstance(source, str):
        source = bare(source.removeprefix("\ufeff"))
    if source is None or (isinstance(source, Sized) and not len(source)):
        raise UnreadableError(_NOTHING)
    if isinstance(source, str):
        return _read_text(source, site)
    return _read_object(source, f"a {type(source).__name__}", site)


def _read_text(text: str, site: Site) -> Found:
    longest = _LONGEST_JSON if text[0] in "[{" else _LONGEST
    if len(text) > longest:
        raise UnreadableError(f"The text is longer than {longest} characters: these are not cookies alone.")
    text = _unwrapped(text)
    if text[0] == text[-1] == "`":
        raise UnreadableError("There are backticks (`) around the text: copy only what is between them.")
    for fits, reader in _READERS:
        if fits(text):
            return reader(text, site)
    guess = next((what for looks, what in _LOOKS_LIKE if looks.match(text)), None)
    raise UnreadableError(f"The text looks like {guess}." if guess else f"The text is not {_FORMS}.")


def _unwrapped(text: str) -> str:
    """The text without a code fence, an assignment, or escapes for an environment file.

    Raises:
        UnreadableError: Nothing is left.
    """
    unwrapped = _taken_out(text)
    if not unwrapped:
        raise UnreadableError(_NOTHING)
    return unwrapped


def _taken_out(text: str) -> str:
    if fenced := _FENCE.match(text):
        text = bare(fenced["inside"])
    if _IS_ASSIGNED.match(text) and (assigned := _ASSIGNMENT.match(text)) and assigned["name"] not in NAMES:
        text = bare(assigned["value"].removeprefix("$"))
    if "\n" not in text and not _CURL.match(text) and _ESCAPED.search(text) and not _is_json(text):
        text = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", "\t")
    return text.strip(_SPACE)


def _is_json(text: str) -> bool:
    if text[0] not in "[{":
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _read_curl(text: str, site: Site) -> Found:
    try:
        headers = headers_for(text, site)
    except UnclosedError:
        raise UnreadableError("This is a curl command that ends inside a quotation.") from None
    if headers is None:
        raise UnreadableError(f"This is a curl command, but not for {site.name}.")
    return _of_headers(f"a curl command for {site.name}", headers, site)


def _read_json(text: str, site: Site) -> Found:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("The text looks like JSON, but it is cut off or malformed.") from None
    return _read_object(data, "a JSON export", site)


def _read_object(data: object, kind: str, site: Site) -> Found:
    kind = kind_of(data, kind)
    result = read_json_form(data)
    if result.requests and kind == "a HAR file":
        return _of_har(result, site)
    if not (result.rows or result.has_list or result.user_agent):
        raise UnreadableError(f"This is {kind}, in which no cookies can be found.")
    return _collect(kind, result.rows, site, result.user_agent)


def _of_har(result: JsonFound, site: Site) -> Found:
    ours = of_site(result, site)
    summary = f"a HAR file with {_counted(ours, 'request')} to {site.name}"
    if others := len(result.requests) - ours:
        summary += f" ({others} to other sites left out)"
    cookies, expires = choose(result.rows, site)
    advice = _NO_SSO_IN_HAR if ours else f"record it while {site.name} is loaded."
    return Found(summary, cookies, text_of("User-Agent", result.user_agent) or None, expires, advice)


def _read_netscape(text: str, site: Site) -> Found:
    lines = (line.removeprefix("#HttpOnly_") for line in _LINE.split(text))
    # An editor may have made the tabs spaces; no value that can be sent has either.
    rows = (line.split("\t" if "\t" in line else None) for line in lines if not line.startswith("#"))
    cookies = [Row(row[5], row[6], _if_named(row[0]), when(row[4])) for row in rows if len(row) == _COLUMNS]
    return _collect("a Netscape cookies.txt", cookies, site)


def _read_table(text: str, site: Site) -> Found:
    """Rows of a browser's table of cookies: name, value, domain, path, expiry, and what is of no interest."""
    lines = [line.split("\t") for line in _LINE.split(text) if "\t" in line]
    head = [cell.strip().lower() for cell in lines[0]] if lines[0][0].strip().lower() == "name" else []
    at = {name: head.index(name) for name in ("name", "value", "domain") if name in head}
    expiry = next((index for index, cell in enumerate(head) if cell.startswith("expires")), 4)
    rows = []
    for cells in lines[bool(head) :]:
        name, value, domain = (
            _cell(cells, at.get(key, index)) for index, key in enumerate(("name", "value", "domain"))
        )
        ours = len(cells) < _TABLE_COLUMNS or bool(domain)
        rows.append(Row(name, value, _if_named(domain), when(_cell(cells, expiry)), is_ours=ours))
    return _collect("a browser's table of cookies", rows, site)


def _cell(cells: list[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""


def _if_named(domain: str) -> tuple[str, ...]:
    return (domain,) if domain else ()


def _read_headers(text: str, site: Site) -> Found:
    lines = [line.strip(_SPACE) for line in _LINE.split(text)]
    headers = _headers([line for line in lines if line and not _REQUEST_LINE.match(line)])
    if any(name in {"host", ":authority"} and not site.owns(host_of(value)) for name, value in headers):
        raise UnreadableError(f"These are the headers of a request, but not for {site.name}.")
    return _of_headers("a Cookie header", headers, site)


def _headers(lines: list[str]) -> list[tuple[str, str]]:
    """Headers as they are sent (`name: value`), or as a pane shows them (name and value in two lines)."""
    in_two_lines = any(line.rstrip(":").lower() in {"cookie", "set-cookie"} for line in lines)
    headers, rest = [], iter(lines)
    for line in rest:
        if in_two_lines and (alone := _NAME_ALONE.fullmatch(line)):
            headers.append((alone[1].lower(), next(rest, "")))
        elif match := _HEADER.fullmatch(line):
            headers.append((match[1].lower(), match[2]))
        elif not in_two_lines:
            raise UnreadableError("This is a Cookie header with a line break in it, or followed by something else.")
    return headers


def _of_headers(kind: str, headers: list[tuple[str, str]], site: Site) -> Found:
    agent = next((value for name, value in headers if name == "user-agent"), None)
    rows = [row for name, value in headers if name == "cookie" for row in pairs(value)]
    set_here = [
        row for age, (name, value) in enumerate(headers, 1) if name == "set-cookie" for row in set_cookie(value, age)
    ]
    return _collect("a Set-Cookie header" if set_here and not rows else kind, rows + set_here, site, agent)


def _read_token(text: str, site: Site) -> Found:
    return _collect("a bare value", [Row("sso", text)], site)


def _read_pairs(text: str, site: Site) -> Found:
    """A header without its name. One with attributes is of a reply, and says whom it is for."""
    lines = [line for line in _LINE.split(text) if line.strip(_SPACE)]
    replies = [line for line in lines if re.search(r";\s*(?:domain|path|expires|max-age)\s*=", line, re.IGNORECASE)]
    if replies and len(replies) == len(lines):
        rows = [row for age, line in enumerate(lines, 1) for row in set_cookie(line, age)]
        return _collect("a Set-Cookie header", rows, site)
    return _collect("a Cookie header", pairs(text), site)


def _collect(kind: str, rows: Iterable[Row], site: Site, agent: object = None) -> Found:
    rows = list(rows)
    ours = sum(is_kept(row, site) for row in rows)
    where = f" for {site.name}" if any(row.domains for row in rows) else ""
    summary = f"{kind} with {_counted(ours, 'cookie')}{where}"
    if others := len(rows) - ours:
        summary += f" ({others} of other sites left out)"
    cookies, expires = choose(rows, site)
    return Found(summary, cookies, text_of("User-Agent", agent) or None, expires, _NO_SSO)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


_READERS: tuple[tuple[Callable[[str], Any], Callable[[str, Site], Found]], ...] = (
    (_CURL.match, _read_curl),
    (re.compile(r"[\[{]").match, _read_json),
    (_NETSCAPE.search, _read_netscape),
    (_TABLE_ROW.search, _read_table),
    (_HEADERS.search, _read_headers),
    (_JWT.match, _read_token),
    (_PAIR.match, _read_pairs),
)
