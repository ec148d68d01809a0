"""Markup that grok.com writes into text, taken out of it: `<grok:render …>` tags, tool cards, artifacts' tags.

A tag may be cut anywhere by the tokens, so what may be the beginning of one is held back until the next piece decides
(rest.md 4.5). Everything else passes at once. Wherever a text is cut, the same comes of it, and no part of a tag comes
out. In a fenced block of code a tag is text. The two `**` around a tag that goes are left over, and go too (rest.md
8.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

_RENDER, _RENDER_CLOSE = "<grok:render", "</grok:render>"
_CARD, _CARD_OPEN, _CARD_CLOSE = "<xai:tool_usage_card", "<xai:tool_usage_card>", "</xai:tool_usage_card>"
_ARTIFACT, _ARTIFACT_CLOSE = "<xaiArtifact", "</xaiArtifact>"
_OPENINGS = (_RENDER, _CARD, _ARTIFACT)
_CLOSINGS = (_RENDER_CLOSE, _CARD_CLOSE, _ARTIFACT_CLOSE)
_LONGEST = max(map(len, _CLOSINGS))
_AFTER_NAME = frozenset(" \n\t\r/>")
_SURELY_A_TAG = 6  # characters of a name: no text has so many of them at its end by chance
_MAX_TAG_CHARS, _MAX_CARD_CHARS = 4096, 65536
_MAX_BLANKS = 256  # before what stands in a card
_BOLD = 2  # asterisks

_SPECIAL = re.compile(r"[<*\n]")
_STARS = re.compile(r"\*+")
_OPENING = re.compile(r'<[^\s/>]++(?:[^">]|"[^"]*+")*+>')
_ATTRIBUTE = re.compile(r'(?<![\w:-])([\w:-]+)\s*=\s*"([^"]*)"')
_FILE_PATH = re.compile(r'<argument name="file_path">([^<]*)</argument>')

# Looked for as they are: a pattern over text that others wrote could take for ever.
_CDATA_OPEN, _CDATA_CLOSE = "<![CDATA[", "]]>"


@dataclass(slots=True)
class RenderTag:
    """A mark in the text at which the site shows a card; `file_path` where that is a file's."""

    card_id: str
    file_path: str = ""


@dataclass(slots=True)
class ToolCard:
    """The use of one of the site's own tools."""

    id: str
    name: str
    args: dict[str, Any]


@dataclass(slots=True)
class _Removed:
    """What goes, up to `end`."""

    end: int
    tag: RenderTag | None = None


@dataclass(slots=True)
class _Undecided:
    """More is needed: nothing is known before `needs` comes, or there are `limit` characters."""

    needs: str = ""
    limit: int = 0


class MarkupRemover:
    """Feed it text, get the text without markup, and the tags where they stood."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._held_chars = 0
        self._undecided = _Undecided()
        self._window = ""  # the end of what is held, where that which is needed may have begun
        self._fence = _Fence()
        self._in_bold = False
        self._last = ""  # the last character that came out

    def feed(self, text: str) -> list[str | RenderTag]:
        """Take a piece of text, give what is settled: pieces of text, never empty, and tags."""
        if not self._held:
            if text and self._fence.is_nowhere_near and _SPECIAL.search(text) is None:  # nearly all pieces
                self._last = text[-1]
                return [text]
            return self._scan(text)
        self._held.append(text)
        self._held_chars += len(text)
        if needs := self._undecided.needs:
            window = self._window + text
            if needs not in window and self._held_chars < self._undecided.limit:
                self._window = window[max(0, len(window) - len(needs) + 1) :]
                return []
        return self._scan(self._take_held())

    def mark(self, card_id: str) -> list[str | RenderTag]:
        """A mark that came as an event of its own stands here, like a tag in the text; `card_id` is an id."""
        return [RenderTag(card_id)] if self._fence.is_open else self.feed(f'{_RENDER} card_id="{card_id}"/>')

    def close(self) -> list[str | RenderTag]:
        """The text is over: what was held back and is no tag."""
        return self._scan(self._take_held(), is_over=True) if self._held else []

    def _take_held(self) -> str:
        text = "".join(self._held)
        self._held.clear()
        return text

    def _hold(self, text: str, undecided: _Undecided) -> None:
        self._held, self._held_chars, self._undecided = [text], len(text), undecided
        self._window = text[max(0, len(text) - len(undecided.needs) + 1) :] if undecided.needs else ""

    def _scan(self, text: str, *, is_over: bool = False) -> list[str | RenderTag]:
        tags = _Tags(text, is_over=is_over)
        parts: list[str | RenderTag] = []
        shown = at = 0  # up to where the text was given out, and up to where it was looked at
        while at < len(text):
            if self._fence.is_open:
                at = self._pass_line(text, at)
                continue
            match = _SPECIAL.search(text, at)
            start, at = at, match.start() if match else len(text)
            self._fence.add(text[start:at])
            if match is None:
                break
            before = text[at - 1] if at > shown else self._last
            reading: int | _Removed | _Undecided | list[_Removed] | None
            if match[0] == "\n":
                self._in_bold = self._in_bold and before != "\n"
                reading = at + 1
            else:
                reading = self._stars(tags, at, before) if match[0] == "*" else tags.at(at)
            if reading is None or isinstance(reading, int):
                end = at + 1 if reading is None else reading
                self._fence.add(text[at:end])
                at = end
                continue
            if shown < at:
                parts.append(text[shown:at])
                self._last = text[at - 1]
            if isinstance(reading, _Undecided):
                self._hold(text[at:], reading)
                return parts
            removed = reading if isinstance(reading, list) else [reading]
            parts += [gone.tag for gone in removed if gone.tag is not None]
            shown = at = removed[-1].end
        if shown < len(text):
            parts.append(text[shown:])
            self._last = text[-1]
        return parts

    def _pass_line(self, text: str, at: int) -> int:
        """Up to the end of a line, in a fenced block; where that is."""
        end = text.find("\n", at) + 1 or len(text)
        self._fence.add(text[at:end])
        self._in_bold = False
        return end

    def _stars(self, tags: _Tags, at: int, before: str) -> int | _Undecided | list[_Removed]:
        """What becomes of asterisks: where they end, or what goes, where two of them stand on either side of a tag."""
        text, stars = tags.text, _STARS.match(tags.text, at)
        end = stars.end() if stars else at
        if end - at <= _BOLD and end == len(text) and before != "*" and not tags.is_over:
            return _Undecided()
        if end - at != _BOLD or before == "*":
            return end
        opens = not self._in_bold or not before.strip()
        removed: list[_Removed] = []
        place = end
        while place - at <= _MAX_TAG_CHARS and text[place : place + 1] == "<":
            tag = tags.at(place)
            if isinstance(tag, _Undecided):
                return _Undecided(tag.needs, tag.limit + place - at)
            if tag is None:
                break
            removed.append(tag)
            place = tag.end
        if removed and place - at <= _MAX_TAG_CHARS:
            stars = _STARS.match(text, place)
            after = stars.end() if stars else place
            if after - place <= _BOLD and after == len(text) and not tags.is_over:
                return _Undecided()
            if after - place == _BOLD and opens:
                return [*removed, _Removed(after)]
        self._in_bold = not self._in_bold
        return end


class _Tags:
    """Reads the tags in a piece of text; `is_over` where nothing comes after it."""

    def __init__(self, text: str, *, is_over: bool) -> None:
        self.text = text
        self.is_over = is_over
        self._has_none: dict[str, tuple[int, int]] = {}  # from and up to where something was looked for in vain

    def at(self, start: int) -> _Removed | _Undecided | None:
        """What goes where a `<` stands; `None` where that is no tag."""
        text, length = self.text, len(self.text) - start
        if text[start + 1 : start + 2] not in {"", "/", "g", "x"}:
            return None
        for name in _CLOSINGS:
            if text.startswith(name, start):
                return _Removed(start + len(name))
        for name in _OPENINGS:
            if text.startswith(name, start) and length > len(name):
                return self._element(name, start) if text[start + len(name)] in _AFTER_NAME else None
        if length >= _LONGEST or not any(name.startswith(text[start:]) for name in (*_CLOSINGS, *_OPENINGS)):
            return None
        if not self.is_over:
            return _Undecided()
        return _Removed(len(text)) if length >= _SURELY_A_TAG else None

    def _element(self, name: str, start: int) -> _Removed | _Undecided:
        """An element, or its opening tag alone where the text within is the user's."""
        opened = self._opening(name, start)
        if not isinstance(opened, int):
            return opened
        tag = None
        if name == _RENDER:
            tag = RenderTag(dict(_ATTRIBUTE.findall(self.text, start, opened)).get("card_id", ""))
        if self.text[opened - 2] == "/" or name == _ARTIFACT:
            return _Removed(opened, tag)
        if name == _CARD:
            return self._content(start, opened, _CARD_CLOSE, "<xai:tool_", None)
        return self._content(start, opened, _RENDER_CLOSE, "<argument", tag)

    def _content(self, start: int, opened: int, close: str, first: str, tag: RenderTag | None) -> _Removed | _Undecided:
        """What stands in an element, its end with it; nearly always it begins with `first`."""
        text = self.text
        inside = text[opened : opened + _MAX_BLANKS].lstrip()
        begins = inside.startswith((first, close))
        may_begin = len(text) < opened + _MAX_BLANKS and (first.startswith(inside) or close.startswith(inside))
        limit = _MAX_CARD_CHARS if tag is None else _MAX_TAG_CHARS
        is_known = begins or tag is not None  # a card that begins otherwise is none
        end = self._find(close, opened, start + limit) if is_known else -1
        if end >= 0:
            if tag is not None and (path := _FILE_PATH.search(text, opened, end)):
                tag.file_path = path[1]
            return _Removed(end + len(close), tag)
        if len(text) - start >= limit or not (is_known or may_begin):
            return _Removed(opened, tag)
        if not self.is_over:
            return _Undecided(close, limit) if is_known else _Undecided()
        return _Removed(len(text) if begins or may_begin else opened, tag)

    def _opening(self, name: str, start: int) -> int | _Removed | _Undecided:
        """Where an opening tag ends; an attribute may hold `>`."""
        limit = start + _MAX_TAG_CHARS
        end = self._find(">", start, limit)
        if end >= 0 and (match := _OPENING.match(self.text, start, limit)):
            return match.end()
        if len(self.text) < limit and not self.is_over:
            return _Undecided(">", _MAX_TAG_CHARS)
        if end >= 0:
            return end + 1
        return _Removed(len(self.text) if len(self.text) < limit else start + len(name))

    def _find(self, wanted: str, start: int, limit: int) -> int:
        """Where something stands, wholly before `limit`; -1 where it does not. No place is looked at twice in vain."""
        first, last = self._has_none.get(wanted, (0, 0))
        place = self.text.find(wanted, last if first <= start < last else start, limit)
        if place < 0:
            end = min(limit, len(self.text)) - len(wanted) + 1
            self._has_none[wanted] = (first if first <= start < last else start, max(last, end))
        return place


class _Fence:
    """Whether the text stands in a fenced block of code; also one in a list, or in a quotation."""

    _MAY_OPEN = re.compile(
        r"(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*+(?:[-+*]|\d{1,9}[.)]?|`{1,2}|~{1,2}|`{3,}[^`]*|~{3,}.*)?", re.DOTALL
    )
    _MAY_CLOSE = re.compile(r"[ \t>]*+(?:`*|~*)[ \t\r]*+")
    _MARK = re.compile(r"`{3,}|~{3,}")
    _MAX_LINE = 1000

    def __init__(self) -> None:
        self._mark = ""  # of the open one
        self._line: str | None = ""  # so far; `None` where it cannot be the first or the last of a block

    @property
    def is_open(self) -> bool:
        return bool(self._mark)

    @property
    def is_nowhere_near(self) -> bool:
        """Whether nothing can open or close a block before the line ends."""
        return self._line is None and not self._mark

    def add(self, text: str) -> None:
        """Take text up to the end of a line at most."""
        if text.endswith("\n"):
            self._add(text[:-1])
            self._end_line()
        else:
            self._add(text)

    def _add(self, text: str) -> None:
        if text and self._line is not None:
            line = self._line + text
            pattern = self._MAY_CLOSE if self._mark else self._MAY_OPEN
            self._line = line if len(line) <= self._MAX_LINE and pattern.fullmatch(line) else None

    def _end_line(self) -> None:
        mark = self._MARK.search(self._line) if self._line else None
        if mark is not None and not self._mark:
            self._mark = mark[0]
        elif mark is not None and mark[0].startswith(self._mark):
            self._mark = ""
        self._line = ""


class ToolCards:
    """Feed it the tokens of the thinking channel that are tagged as tool cards, get the cards that are complete."""

    def __init__(self) -> None:
        self._pending: dict[str, str] = {}

    def feed(self, token: str, card_id: str) -> list[ToolCard]:
        """Take a token that belongs to `card_id`."""
        text = self._pending.pop(card_id, "") + token
        cards: list[ToolCard] = []
        position = 0
        while (start := text.find(_CARD_OPEN, position)) >= 0 and (end := text.find(_CARD_CLOSE, start)) >= 0:
            cards.append(_read_card(text[start + len(_CARD_OPEN) : end], card_id))
            position = end + len(_CARD_CLOSE)
        rest = text[position:]
        if rest.strip() and len(rest) < _MAX_CARD_CHARS * 4:
            self._pending[card_id] = rest
        return cards


def _read_card(text: str, card_id: str) -> ToolCard:
    own_id = _element(text, "tool_usage_card_id")
    return ToolCard(own_id or card_id, _element(text, "tool_name"), _read_args(_element(text, "tool_args")))


def _element(text: str, name: str) -> str:
    """What stands in the first element of this name; the arguments, which come last, may hold its end as text."""
    _, opened, rest = text.partition(f"<xai:{name}>")
    inside, closed, _ = (rest.rpartition if name == "tool_args" else rest.partition)(f"</xai:{name}>")
    return inside.strip() if opened and closed else ""


def _read_args(text: str) -> dict[str, Any]:
    if text.startswith(_CDATA_OPEN) and text.endswith(_CDATA_CLOSE):
        text = text[len(_CDATA_OPEN) : -len(_CDATA_CLOSE)]
    try:
        args = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"input": text} if text else {}
    return args if isinstance(args, dict) else {"input": args}
