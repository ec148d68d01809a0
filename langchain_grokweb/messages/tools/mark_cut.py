"""Keeps the secret mark of calls out of all that an answer makes public.

Whoever knows the mark can write a text that is read as a call. A model may quote it: in words, thoughts, the arguments
of a call, a search, a title. So every string of an answer passes here before it becomes public, by one of two doors.
What is read for calls (`TextDelta`, `AnswerReplaced`) must hold the mark until it is read, and passes afterwards, as
`pieces`. Everything else passes as it comes in, as `events`.

The mark's place is taken by as many characters, so that places in the text stay true. A piece that ends with the
beginning of the mark waits for the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire import events as ev

if TYPE_CHECKING:
    from langchain_grokweb.messages.output_spec import Piece

INSTEAD = "[hidden]"
_LEAST = 4  # digits of a beginning that is not shown in an error

_T = TypeVar("_T")


class MarkCut:
    """Takes the mark out of one answer; without a mark nothing is changed."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._thoughts, self._words = "", ""  # what waits

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self._mark), re.IGNORECASE)

    @cached_property
    def _beginning(self) -> re.Pattern[str]:
        """What an error quotes was cut short, perhaps within the mark."""
        mark = self._mark
        return re.compile(f"{re.escape(mark[:_LEAST])}[0-9a-f]{{0,{len(mark[_LEAST:])}}}", re.IGNORECASE)

    def events(self, batch: Iterable[ev.Event]) -> Iterable[ev.Event]:
        """The same events, without the mark in what is not read for calls."""
        return self._cut_events(batch) if self._mark else batch

    def _cut_events(self, batch: Iterable[ev.Event]) -> Iterator[ev.Event]:
        for event in batch:
            if isinstance(event, ev.ReasoningDelta):
                text, self._thoughts = self._settled(self._thoughts + event.text)
                if text:
                    yield ev.ReasoningDelta(text)
                continue
            if self._thoughts:
                yield ev.ReasoningDelta(self._thoughts)
                self._thoughts = ""
            yield event if isinstance(event, ev.TextDelta | ev.AnswerReplaced) else self.hide(event)

    def pieces(self, pieces: Iterable[Piece], *, last: bool = False) -> Iterable[Piece]:
        """What a reader made of the text, without the mark; with `last` also what waits."""
        return self._cut_pieces(pieces, last=last) if self._mark else pieces

    def _cut_pieces(self, pieces: Iterable[Piece], *, last: bool) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, str):
                text, self._words = self._settled(self._words + piece)
                if text:
                    yield text
                continue
            if self._words:
                yield self._words
                self._words = ""
            yield self.hide(piece)
        if last and self._words:
            yield self._words
            self._words = ""

    def forget_words(self) -> None:
        """The text is read again from its beginning."""
        self._words = ""

    def hide(self, value: _T) -> _T:
        """A text, or all in a list, a dict, a record or an error of ours, without the mark."""
        return self._hide(value) if self._mark else value

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(INSTEAD, value) if self._mark in value.lower() else value
        if isinstance(value, list | tuple):
            return type(value)(map(self._hide, value))
        if isinstance(value, Mapping):
            return {self._hide(key): self._hide(entry) for key, entry in value.items()}
        if isinstance(value, GrokWebError):
            self._hide_in_error(value)
        elif is_dataclass(value) and not isinstance(value, type):
            members = {field.name: getattr(value, field.name) for field in fields(value)}
            return replace(value, **{name: self._hide(member) for name, member in members.items()})
        return value

    def _hide_in_error(self, error: GrokWebError) -> None:
        def hide(text: Any) -> Any:
            return self._beginning.sub(INSTEAD, text) if isinstance(text, str) else text

        error.args = tuple(map(hide, error.args))
        for name, member in vars(error).items():
            setattr(error, name, hide(member))

    def _settled(self, text: str) -> tuple[str, str]:
        """The text without the mark, apart from a beginning of it at its end."""
        text = self._hide(text)
        for length in range(min(len(self._mark) - 1, len(text)), 0, -1):
            if self._mark.startswith(text[-length:].lower()):
                return text[:-length], text[-length:]
        return text, ""
