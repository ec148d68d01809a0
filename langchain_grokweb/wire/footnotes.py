"""Sources as marks in a text and a list after it: Markdown made of an answer's text and its citations. Pure.

A source is one number, however often it is cited. What titles and addresses hold is never read as Markdown, and only
web addresses become links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, assert_never
from urllib.parse import quote

CitationStyle: TypeAlias = Literal["numbers", "footnotes", "links"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~!&])")
_NOT_IN_ADDRESS = frozenset(" <>\\`|")
_LONGEST_TITLE_CHARS = 300


class Footnotes:
    """The sources of one document, numbered in the order in which they are first cited.

    Args:
        style: `"numbers"`, marks such as `[1]` and a numbered list; `"footnotes"`, Markdown's own, `[^1]`; `"links"`,
            marks that are links, `[[1]](address)`, and the list.
        first: The first number.
    """

    def __init__(self, style: CitationStyle = "numbers", *, first: int = 1) -> None:
        self._style = style
        self._first = first
        self._sources: dict[str, tuple[str, str]] = {}  # by address, or by title where there is none

    def mark(self, text: str, citations: Iterable[Mapping[str, Any]]) -> str:
        """The text with a mark at each place that has a source; one without a place is in the list alone.

        Args:
            text: The text that the places are counted in, in characters.
            citations: Mappings with `url`, `title` and `end_index`, or of them what is known.
        """
        marks: dict[int, list[str]] = {}
        unplaced = []
        for citation in sorted(citations, key=_place_or_end):
            place = citation.get("end_index")
            if not isinstance(place, int) or not 0 <= place <= len(text):
                unplaced.append(citation)
            elif (mark := self._mark(self._number(citation))) not in (here := marks.setdefault(place, [])):
                here.append(mark)
        for citation in unplaced:
            self._number(citation)
        return "".join(_with_marks(text, marks))

    def sources(self) -> str:
        """The list of all sources that were cited; empty where there are none."""
        lines = [self._line(number) for number in range(self._first, self._first + len(self._sources))]
        if not lines:
            return ""
        return "\n".join(lines if self._style == "footnotes" else ["Sources:", "", *lines])

    def __len__(self) -> int:
        return len(self._sources)

    def _number(self, citation: Mapping[str, Any]) -> int:
        url, title = str(citation.get("url") or ""), str(citation.get("title") or "")
        key = url or title
        known_title = self._sources.get(key, ("", ""))[1]
        self._sources[key] = (url, known_title or title)
        return self._first + list(self._sources).index(key)

    def _mark(self, number: int) -> str:
        match self._style:
            case "numbers":
                return f"[{number}]"
            case "footnotes":
                return f"[^{number}]"
            case "links":
                address = _address(list(self._sources.values())[number - self._first][0])
                return f"[[{number}]](<{address}>)" if address else f"[{number}]"
            case _:
                assert_never(self._style)

    def _line(self, number: int) -> str:
        url, title = list(self._sources.values())[number - self._first]
        address, name = _address(url), plain(title)[:_LONGEST_TITLE_CHARS]
        source = f"[{escaped(name or plain(url))}](<{address}>)" if address else escaped(name or plain(url))
        return f"[^{number}]: {source}" if self._style == "footnotes" else f"{number}. {source}"


def escaped(text: str) -> str:
    """A text in which Markdown and HTML have no meaning."""
    return _SPECIAL.sub(r"\\\1", text)


def plain(text: str) -> str:
    """A text on one line, without what cannot be seen or turns the direction of writing."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _address(url: str) -> str:
    """A web address that can stand in angle brackets; empty for anything else."""
    if not url.lower().startswith(("https://", "http://")):
        return ""
    return "".join(
        quote(char, errors="replace") if char in _NOT_IN_ADDRESS or not char.isprintable() else char for char in url
    )


def _place_or_end(citation: Mapping[str, Any]) -> float:
    place = citation.get("end_index")
    return place if isinstance(place, int) else float("inf")


def _with_marks(text: str, marks: Mapping[int, list[str]]) -> Iterator[str]:
    """The text in pieces; a mark after blanks stands before them, since it belongs to the word there."""
    start = 0
    for place in sorted(marks):
        piece = text[start:place]
        words = piece.rstrip(" \t")
        blanks = piece[len(words) :]
        if not words or words.endswith("\n"):
            words, blanks = piece, ""
        yield words + "".join(marks[place]) + blanks
        start = place
    yield text[start:]
