# ruff: noqa: RUF001 - what looks alike is what this is about
"""Where a text begins what a model could take for an element of ours, also with characters that only look alike.

A model reads past invisible characters, and reads a word in full-width or Cyrillic letters as the word that it looks
like. So what counts is what a text looks like: brackets that look like `<`, letters without their marks and widths,
nothing in place of what is not seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_QUOTES = "‹〈⟨〈《⟪«❮❬❰⋖≺⪡≪"  # they stand around words too, so only a tag counts after them
_OPENER = re.compile(f"[<＜﹤˂ᐸ𐤠{_QUOTES}]")
_TAG_AFTER_QUOTE = re.compile(r"\s*[/⁄∕⧸╱]|[^\n›〉⟩〉》⟫»]{0,60}(?:=|tool:)")
_WORDS = ("message", "tool", "reply_schema", "reply_example")
_UNSEEN = "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"
_UNSEEN_KINDS = {"Cf", "Mn", "Me", "Cc", "Cn"}
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("аαɑ", "a"), **dict.fromkeys("сϲᴄ", "c"), **dict.fromkeys("еєεеҽ", "e"),
        **dict.fromkeys("ɡԍց", "g"), **dict.fromkeys("һհ", "h"), **dict.fromkeys("ӏіιⅼ|1І", "l"),
        **dict.fromkeys("мϻᴍ", "m"), **dict.fromkeys("оοσօᴏ0", "o"), **dict.fromkeys("рρ", "p"),
        **dict.fromkeys("гᴦ", "r"), **dict.fromkeys("ѕꜱ", "s"), **dict.fromkeys("тτᴛ", "t"),
        **dict.fromkeys("уγү", "y"), **dict.fromkeys("хⅹ", "x"),
    }
)  # fmt: skip


def element_starts(text: str) -> Iterator[int]:
    """Where the brackets stand that could begin or end an element."""
    for opener in _OPENER.finditer(text):
        if opener[0] in _QUOTES and not _TAG_AFTER_QUOTE.match(text, opener.end()):
            continue
        if _begins_element(text, opener.end()):
            yield opener.start()


def _begins_element(text: str, at: int) -> bool:
    """Whether one of the words follows, after white space and a slash; `tool` may be the beginning of one."""
    word = ""
    for place in range(at, len(text)):
        for char in _looks(text[place]):
            if not word and (char.isspace() or char in "/⁄∕⧸╱"):
                continue
            if word in {"message", "reply_schema", "reply_example"}:
                return not (char.isalnum() or char == "_")
            word += char
            if word == "tool":
                return True
            if not any(known.startswith(word) for known in _WORDS):
                return False
    return word in _WORDS


def _looks(char: str) -> str:
    """What a character looks like, in plain letters; `""` where it is not seen."""
    if char < "\x7f":
        plain = char.lower()
        return plain if plain not in {"0", "1", "|"} else plain.translate(_LETTERS)
    seen = unicodedata.normalize("NFKD", char).casefold().translate(_LETTERS)
    return "".join(part for part in seen if unicodedata.category(part) not in _UNSEEN_KINDS and part not in _UNSEEN)
