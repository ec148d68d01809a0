"""Requests that a browser copied "as cURL", for bash and for the Windows command line.

Strategy: undo what the shell would undo, with one loop (`_words`) over one pattern for each shell; the name of the
group that matched says what is to be unescaped. Windows escapes twice, so its carets go first. Then read the words as
curl would, far enough to distinguish headers and URLs from the values of other options. "Copy all as cURL" gives many
commands; only those for the site are read.

How browsers quote: Chrome for bash writes '...', or $'...' where that would not do; for Windows it writes ^"..^" with
carets before nearly everything, and for some years wrote the same carets inside plain "..". Firefox once closed the
quotation around each percent sign: "a"%"2B".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from langchain_grokweb.credentials.hosts import Site, host_of

_BASH = re.compile(
    r"""
    (?P<gap>(?:\s|\\[ \t]*(?:\r?\n|\Z))+)
    | \$'(?P<ansi>[^'\\]*(?:\\.[^'\\]*)*)'
    | '(?P<plain>[^']*)'
    | "(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"
    | \\(?P<escaped>.)
    | (?P<bare>(?:[^\s'"\\$]|\$(?!'))+)
    """,
    re.VERBOSE | re.DOTALL,
)
_CMD = re.compile(r"""(?P<gap>\s+)|"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"|(?P<bare>[^\s"]+)""", re.DOTALL)

_FIRST_QUOTE = re.compile(r"""['"]""")
_HAS_CARETS = re.compile(r"""\^"|\^[ \t]*(?:\r?\n|\Z)""")
_CARET = re.compile(r"\^(?:[ \t]*(?:\r?\n|\Z)|(.))", re.DOTALL)
_BACKSLASH = re.compile(r"""\\(?:(["\\$`])|\r?\n)""")
_ANSI = re.compile(
    r"\\(?:(?P<hex>x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8})|(?P<octal>[0-7]{1,3})|(?P<other>.))",
    re.DOTALL,
)
_CONTROLS = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LAST_CHARACTER = 0x10FFFF

# What a value belongs to; an option is listed under "" so that its value is not taken for a URL.
_OPTIONS = {
    **dict.fromkeys(("-X", "--request", "-d", "--data", "--data-raw", "--data-binary", "--data-ascii"), ""),
    **dict.fromkeys(("--data-urlencode", "--json", "-F", "--form", "-e", "--referer", "-u", "--user"), ""),
    **dict.fromkeys(("-x", "--proxy", "-o", "--output", "-c", "--cookie-jar", "-m", "--max-time"), ""),
    **dict.fromkeys(("-H", "--header"), "header"),
    **dict.fromkeys(("-b", "--cookie"), "cookie"),
    **dict.fromkeys(("-A", "--user-agent"), "user-agent"),
    "--url": "url",
}
_HEADERS = {"header", "cookie", "user-agent"}
_PROGRAMS = {"curl", "curl.exe"}
_SEPARATORS = {";", "&", "&&", "|", "||"}


class UnclosedError(ValueError):
    """A quotation is opened and never closed."""


def headers_for(text: str, site: Site) -> list[tuple[str, str]] | None:
    """The headers, with small names, of the commands that are for the site; `None` if there is no such command.

    Raises:
        UnclosedError: The text breaks off inside a quotation.
    """
    requests = [list(_options(command)) for command in _commands(_split(text))]
    ours = [options for options in requests if _is_for_us(options, site)]
    headers = [_header(*option) for options in ours for option in options if option[0] in _HEADERS]
    return headers if ours else None


def _split(text: str) -> list[str]:
    first = _FIRST_QUOTE.search(text)
    if first and first[0] == '"' and _HAS_CARETS.search(text):
        return _words(_CARET.sub(lambda match: match[1] or " ", text), _CMD)
    return _words(text, _BASH)


def _words(text: str, shell: re.Pattern[str]) -> list[str]:
    words: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        piece = shell.match(text, at)
        if piece is None:
            raise UnclosedError
        at, kind = piece.end(), piece.lastgroup or ""
        if kind == "gap":
            words.append([])
        else:
            words[-1].append(_UNESCAPE.get(kind, str)(piece[kind]))
    return ["".join(pieces) for pieces in words]


def _unquoted(text: str) -> str:
    return _BACKSLASH.sub(lambda match: match[1] or "", text)


def _ansi_c(text: str) -> str:
    return _ANSI.sub(_ansi_character, text)


def _ansi_character(match: re.Match[str]) -> str:
    if match["other"]:
        return _CONTROLS.get(match["other"], match["other"])
    code = int(match["hex"][1:], 16) if match["hex"] else int(match["octal"], 8)
    return chr(min(code, _LAST_CHARACTER))


_UNESCAPE: dict[str, Callable[[str], str]] = {"ansi": _ansi_c, "quoted": _unquoted}


def _commands(words: list[str]) -> Iterator[list[str]]:
    """The commands of "Copy all as cURL"; a separator alone might be some option's quoted value."""
    pairs = enumerate(pairwise(words))
    ends = [at for at, (word, after) in pairs if word in _SEPARATORS and after in _PROGRAMS]
    return (words[start:end] for start, end in pairwise([0, *ends, len(words)]))


def _options(command: list[str]) -> Iterator[tuple[str, str]]:
    """Each option's name and value; a word that belongs to no option is an `argument`."""
    words = iter(command)
    for word in words:
        if word in _OPTIONS:
            yield _OPTIONS[word], next(words, "")
        elif word[:2] in _OPTIONS:
            yield _OPTIONS[word[:2]], word[2:]
        elif not word.startswith("-"):
            yield "argument", word


def _is_for_us(options: list[tuple[str, str]], site: Site) -> bool:
    urls = [value for name, value in options if name == "url" or (name == "argument" and "://" in value)]
    urls = urls or [value for name, value in options if name == "argument" and site.owns(host_of(value))]
    return bool(urls) and all(site.owns(host_of(url)) for url in urls)


def _header(name: str, value: str) -> tuple[str, str]:
    if name == "header":
        name, _, value = value.partition(":")
    return name.strip().lower(), value
