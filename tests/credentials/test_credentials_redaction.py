"""A cookie that others repeat is taken out, wherever it stands, however it is written and wherever it is cut."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.service import Service
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.credentials.redaction import SHORTEST, Redactor
from tests import leaks

COOKIE = "mArKeR-cookie+/0123456789~ABCDEF.ghijklmnop_qrstuvwxyz!end"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: "".join(f"%{ord(character):02X}" for character in text),
    "percent where needed": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote("".join(f"%{ord(character):02x}" for character in text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 of a header": lambda text: base64.b64encode(f"sso={text}".encode()).decode(),
    "base64 of a pair": lambda text: base64.b64encode(f"s={text}; a".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "JSON": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "HTML": lambda text: "".join(f"&#{ord(character)};" for character in text),
}
CUTS = range(SHORTEST, len(COOKIE) + 1)
MAX_REFUSAL = 64 * 1024


def shows(text: str) -> list[str]:
    """In which encodings a beginning of the cookie is in a text; of base64, what no neighbour changes."""
    shown = []
    for name, encode in ENCODINGS.items():
        needle = encode(COOKIE[:SHORTEST])
        if name.startswith("base64"):
            needle = needle[4:10]
        if needle in text:
            shown.append(name)
    return shown


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_beginning_in_every_encoding(name):
    redact = Redactor([COOKIE])
    for cut in CUTS:
        text = f"before {ENCODINGS[name](COOKIE[:cut])} after"
        assert shows(text)
        clean = redact(text)
        assert not shows(clean), cut
        assert clean.startswith("before ")
        assert clean.endswith(" after")
        assert "[cookie]" in clean


@pytest.mark.parametrize("offset", [*range(0, 300, 7), *range(MAX_REFUSAL - 300, MAX_REFUSAL, 5)])
def test_a_refusal_that_repeats_it_at_any_offset(offset):
    """All cuts in all encodings, moved on by `offset`, so that each stands once at each edge."""
    http = Http(Service(), GrokCredentials.parse({"sso": COOKIE}))
    name = list(ENCODINGS)[offset % len(ENCODINGS)]
    body = "x" * offset + "|".join(ENCODINGS[name](COOKIE[:cut]) for cut in CUTS)
    page = f'{{"code": "{body[offset : offset + 80]}", "message": "{body}"}}' if offset % 2 and name != "JSON" else body
    error = http.refusal(500, [("X-Echo", COOKIE), ("Content-Type", f"text/{COOKIE}")], page.encode())
    assert not shows(leaks.told(error))


def test_what_is_no_cookie_stays():
    redact = Redactor([COOKIE, "abc", ""])
    for text in ("", "A sentence with %20 and \\u00e4 &amp; more.", "mArKeR-", "abcd abc-d", "YWJj", string.printable):
        assert redact(text) == text
    assert redact("abc, and (abc)") == "[cookie], and ([cookie])"
    assert redact.deep({"a": [COOKIE, 1, None]}) == {"a": ["[cookie]", 1, None]}


def test_a_cookie_that_is_escaped_itself_is_found_as_it_is_and_without_its_escapes():
    redact = Redactor(["abcdefgh%2Fijk%3D"])
    assert redact("x abcdefgh/ijk= y abcdefgh%2fijk%3d z") == "x [cookie] y [cookie] z"


def test_cookies_one_after_the_other_and_one_in_the_other():
    redact = Redactor(["0123456789", "456789abcdef"])
    assert redact("0123456789abcdef") == "[cookie]"
    assert redact("01234567890123456789") == "[cookie][cookie]"
