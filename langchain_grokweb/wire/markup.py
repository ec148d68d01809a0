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
_ATTRIBUTE = re.compile(r'([\w:-]+)\s*=\s*"([^"]*)"')

_CARD = re.compile(r"<xai:tool_usage_card>.*?</xai:tool_usage_card>", re.DOTALL)
_CARD_ID = re.compile(r"<xai:tool_usage_card_id>\s*(.*?)\s*</xai:tool_usage_card_id>", re.DOTALL)
_CARD_NAME = re.compile(r"<xai:tool_name>\s*(.*?)\s*</xai:tool_name>", re.DOTALL)
_CARD_ARGS = re.compile(r"<xai:tool_args>\s*(?:<!\[CDATA\[(.*)\]\]>|(.*?))\s*</xai:tool_args>", re.DOTALL)


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
        self.held = ""

    def feed(self, text: str) -> Iterator[str | RenderTag]:
        """Take a piece of text, give what is settled: pieces of text, never empty, and tags."""
        text = self.held + text
        self.held = ""
        while text:
            start = text.find("<")
            if start < 0:
                yield text
                return
            start = _tag_start(text, start)
            if start:
                yield text[:start]
                text = text[start:]
                continue
            end = _tag_end(text)
            if end < 0:
                self.held = text
                return
            if end_of_open := text[:end].find(">") + 1:
                yield RenderTag(dict(_ATTRIBUTE.findall(text[:end_of_open])).get("card_id", ""))
            text = text[end:]

    def close(self) -> str:
        """The text is over: what was held back and is no tag."""
        held, self.held = self.held, ""
        if not held.startswith(_TAG):
            return held
        inside = held[held.find(">") + 1 :] if ">" in held else ""
        return "" if inside.lstrip().startswith("<argument") else inside


def _tag_start(text: str, position: int) -> int:
    """Where a tag begins, or may begin, at or after `position`; the text's length where none does."""
    while position >= 0:
        if _TAG.startswith(text[position : position + len(_TAG)]) and text[position + len(_TAG) :][:1] in _AFTER_NAME:
            return position
        position = text.find("<", position + 1)
    return len(text)


def _tag_end(text: str) -> int:
    """Where the tag at the text's beginning ends; -1 where that is not known yet.

    A tag that never closes loses its opening part alone: the text behind it is the user's.
    """
    opened = text.find(">") + 1
    if opened and text[opened - 2] == "/":
        return opened
    closed = text.find(_TAG_CLOSE)
    if closed >= 0:
        return closed + len(_TAG_CLOSE)
    if len(text) > _MAX_TAG_CHARS:
        return opened or len(_TAG)
    return -1


class ToolCards:
    """Feed it the tokens of the thinking channel that are tagged as tool cards, get the cards that are complete."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def feed(self, token: str, card_id: str) -> list[ToolCard]:
        """Take a token that belongs to `card_id`."""
        text = self._held.pop(card_id, "") + token
        cards = [_read_card(match.group(), card_id) for match in _CARD.finditer(text)]
        rest = _CARD.sub("", text)
        if rest.strip() and len(rest) < _MAX_TAG_CHARS * 64:
            self._held[card_id] = rest
        return cards


def _read_card(text: str, card_id: str) -> ToolCard:
    def first(pattern: re.Pattern[str]) -> str:
        match = pattern.search(text)
        return next((group for group in match.groups() if group), "") if match else ""

    return ToolCard(first(_CARD_ID) or card_id, first(_CARD_NAME), _read_args(first(_CARD_ARGS)))


def _read_args(text: str) -> dict[str, Any]:
    try:
        args = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"input": text} if text else {}
    return args if isinstance(args, dict) else {"input": args}
