"""Markup that grok.com writes into text: `<grok:render …>` tags, and tool cards in the thinking channel.

A render tag may be cut anywhere by the tokens, so the text that may be the beginning of one is held back until the next
piece decides (rest.md 4.5). Everything else passes at once. No part of a tag ever comes out as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

_TAG = "<grok:render"
_AFTER_NAME = {"", " ", "\n", "\t", "/", ">"}
_TAG_CLOSE = "</grok:render>"
_MAX_TAG_CHARS = 4096
_ATTRIBUTE = re.compile(r'(?<![\w:-])([\w:-]+)\s*=\s*"([^"]*)"')

# Looked for as they are: a pattern over text that others wrote could take for ever.
_CARD_OPEN, _CARD_CLOSE = "<xai:tool_usage_card>", "</xai:tool_usage_card>"
_CDATA_OPEN, _CDATA_CLOSE = "<![CDATA[", "]]>"


@dataclass(slots=True)
class RenderTag:
    """A mark in the text at which the site shows a card."""

    card_id: str


@dataclass(slots=True)
class ToolCard:
    """The use of one of the site's own tools."""

    id: str
    name: str
    args: dict[str, Any]


class RenderTags:
    """Feed it text, get the text without tags, and the tags where they stood."""

    def __init__(self) -> None:
        self.pending = ""

    def feed(self, text: str) -> Iterator[str | RenderTag]:
        """Take a piece of text, give what is settled: pieces of text, never empty, and tags."""
        text = self.pending + text
        self.pending = ""
        position = 0
        while position < len(text):
            start = _tag_start(text, position)
            if start > position:
                yield text[position:start]
                position = start
                continue
            end = _tag_end(text, start)
            if end < 0:
                self.pending = text[start:]
                return
            if end_of_open := text.find(">", start, end) + 1:
                yield RenderTag(dict(_ATTRIBUTE.findall(text, start, end_of_open)).get("card_id", ""))
            position = end

    def close(self) -> str:
        """The text is over: what was held back and is no tag."""
        text, self.pending = self.pending, ""
        if not text.startswith(_TAG):
            return text
        inside = text[text.find(">") + 1 :] if ">" in text else ""
        return "" if inside.lstrip().startswith("<argument") else inside


def _tag_start(text: str, position: int) -> int:
    """Where a tag begins, or may begin, at or after `position`; the text's length where none does."""
    while (position := text.find("<", position)) >= 0:
        after = position + len(_TAG)
        if _TAG.startswith(text[position:after]) and text[after : after + 1] in _AFTER_NAME:
            return position
        position += 1
    return len(text)


def _tag_end(text: str, start: int) -> int:
    """Where the tag that begins at `start` ends; -1 where that is not known yet.

    A tag that never closes loses its opening part alone: the text after it is the user's.
    """
    limit = start + _MAX_TAG_CHARS
    opened = text.find(">", start, limit) + 1
    if opened and text[opened - 2] == "/":
        return opened
    closed = text.find(_TAG_CLOSE, start, limit)
    if closed >= 0:
        return closed + len(_TAG_CLOSE)
    return -1 if len(text) < limit else opened or start + len(_TAG)


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
        if rest.strip() and len(rest) < _MAX_TAG_CHARS * 64:
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
