"""What others say, without the cookies that they may repeat.

A cookie is found whole or cut short, as it is or escaped (percent signs, also twice; JSON and HTML escapes), in base64
of either alphabet at any of the three places where it may begin, and in hexadecimal digits. A beginning of fewer than
8 characters says nothing and stays. So it is with what looks like a secret in headers of the caller's own.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

SHORTEST = 8  # characters of a beginning that must not show
INSTEAD = "[cookie]"

_MAX_CALLERS_SECRETS = 16
_TOKEN = re.compile(rf"(?=[^A-Za-z]*[A-Za-z])(?=\D*\d)[\w+/=.~-]{{{SHORTEST},}}", re.ASCII)
_PUBLIC_HEADER = re.compile(r"accept|sec-|user-agent$|referer$|origin$|content-|priority$|via$", re.IGNORECASE)

_ESCAPE = re.compile(
    r"%(?:25)*(?P<percent>[0-9a-f]{2})|(?<!\\)\\++(?:u00|x)(?P<json>[0-9a-f]{2})"
    r"|&(?:amp;)*(?:#x0*(?P<hex>[0-9a-f]{2})|#0*(?P<number>\d{2,3})|(?P<name>amp|lt|gt|quot|apos));",
    re.IGNORECASE,
)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ONE_ALPHABET = str.maketrans("-_", "+/")
_SMALL_DIGITS = str.maketrans("ABCDEF", "abcdef")
_BASE64_END = re.compile(r"[A-Za-z0-9+/]?={0,2}")  # a character that belongs to it in part, and the filling
# By how many bytes before the cookie the groups of three are shifted: how many characters hold bits of those.
_SHARED_CHARACTERS = {0: 0, 1: 2, 2: 3}


class Redactor:
    """Takes an account's cookies out of texts; it never shows them."""

    __slots__ = ("_base64", "_hex", "_plain", "_short")

    def __init__(self, secrets: Iterable[str]) -> None:
        both = {form for secret in secrets for form in (secret, unquote(secret)) if form}
        long = sorted((secret for secret in both if len(secret) >= SHORTEST), key=len, reverse=True)
        short = sorted(re.escape(secret) for secret in both if len(secret) < SHORTEST)
        self._plain = long
        self._base64 = [form for secret in long for form in _in_base64(secret)]
        self._hex = [secret.encode().hex() for secret in long]
        self._short = re.compile(rf"(?<![\w-])(?:{'|'.join(short)})(?![\w-])") if short else None

    def __call__(self, text: str) -> str:
        """The text with `[cookie]` in the place of each cookie and each beginning of one."""
        spans = self._spans(text)
        # Where each character stood is only looked for where there is something: it is slow.
        if _ESCAPE.search(text) and (found := self._spans(_ESCAPE.sub(_character, text))):
            origins = _origins(text)
            spans += [(origins[start], origins[end]) for start, end in found]
        if not spans:
            return text
        pieces, position = [], 0
        for start, end in sorted(spans):
            if start >= position:
                pieces += [text[position:start], INSTEAD]
            position = max(position, end)
        return "".join([*pieces, text[position:]])

    def deep(self, value: Any) -> Any:
        """The same for all texts in lists and dicts."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.deep(entry) for entry in value]
        if isinstance(value, dict):
            return {self.deep(key): self.deep(entry) for key, entry in value.items()}
        return value

    def _spans(self, text: str) -> list[tuple[int, int]]:
        spans = [span for secret in self._plain for span in _found(secret, text, SHORTEST)]
        digits = text.translate(_SMALL_DIGITS)
        spans += [span for form in self._hex for span in _found(form, digits, 2 * SHORTEST)]
        letters = text.translate(_ONE_ALPHABET)
        for form in self._base64:
            for start, end in _found(form, letters, SHORTEST):
                rest = _BASE64_END.match(letters, end)
                spans.append((start, rest.end() if rest else end))
        if self._short is not None:
            spans += [match.span() for match in self._short.finditer(text)]
        return spans


def header_secrets(headers: Mapping[str, str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """What in a caller's own headers looks like a secret: words of 8 characters and more, of letters and digits.

    Args:
        headers: Those of one request.
        known: What earlier ones held: a function may give others with each request, and the newest are kept.
    """
    values = [value for name, value in headers.items() if not _PUBLIC_HEADER.match(name)]
    words = [word for value in values for word in re.split(r"[\s,;:\"']+", value)]
    secrets = [word for word in words if _TOKEN.fullmatch(word) and "//" not in word]
    return tuple(dict.fromkeys([*secrets, *known]))[:_MAX_CALLERS_SECRETS]


def _found(form: str, text: str, shortest: int) -> Iterator[tuple[int, int]]:
    """Where a form, or a beginning of it, stands."""
    head, tail = form[:shortest], form[shortest:]
    start = text.find(head)
    while start >= 0:
        end = start + shortest
        end += _common(tail, text[end : end + len(tail)])
        yield start, end
        start = text.find(head, max(start + 1, end - shortest + 1))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, x=True, key=lambda length: one[:length] != other[:length])


def _in_base64(secret: str) -> Iterator[str]:
    """The characters that are the same whatever stands before and after it."""
    for shift, shared in _SHARED_CHARACTERS.items():
        raw = b"\0" * shift + secret.encode()
        yield base64.b64encode(raw).decode()[shared : len(raw) * 8 // 6]


def _origins(text: str) -> list[int]:
    """Where each character of the text without its escapes, and its end, stands in the text with them."""
    origins: list[int] = []
    position = 0
    for match in _ESCAPE.finditer(text):
        origins += range(position, match.start() + 1)
        position = match.end()
    return [*origins, *range(position, len(text) + 1)]


def _character(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    written = match[kind]
    if kind == "name":
        return _NAMED[written.lower()]
    return chr(int(written, 10 if kind == "number" else 16))
