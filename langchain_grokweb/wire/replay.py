"""Where a broken stream is joined: of what a further stream of the same answer brings, only what is new passes.

Strategy: `DeliveredLog` remembers what was delivered. The service may send an answer again from its beginning, or
continue from the cut, and does not say which (rest.md 2.2). A further stream comes from a decoder of its own, whose
texts and positions begin at zero in either case. A `ReplayFilter` is one such stream. It compares its text with the
delivered one and holds everything back until the stream is surely a replay: the decoder has seen an answer's beginning,
a known tool is used again, or so many characters are the same that it is hardly a coincidence. From there on it lets
pass what comes after the delivered text. A stream that continues from the cut proves nothing, since what was on its way
when the connection broke is lost: it is held back to its end, and the definitive answer, which is a replay in one
piece, settles what is new. That has the last word in any case: a tail that is missing is delivered, so a text that is
the same by chance loses no character, and where two texts differ (`final_text`) it takes the place of what was
delivered, as an `AnswerReplaced`, never a mixture.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.final_text import missing_tail

SURE_CHARS = 32  # of the same text at the same place: no coincidence any more
_OVERLAP_CHARS = 8  # of reasoning, which no definitive answer settles
_LATE = (ev.TitleGiven, ev.FollowUpsSuggested)
_SUMMARY = re.compile(r"(?P<kind>web|x)_search_\d+")  # the id of results that name no search
_SETTLED = (ev.TextDelta, ev.CitationFound, ev.AnswerFinished)  # by the definitive answer


class ReplayMismatchError(Exception):
    """The definitive answer has no text, and the stream brought another one than was delivered."""


class DeliveredLog:
    """What was delivered of an answer so far."""

    def __init__(self) -> None:
        self._batches: list[Iterable[ev.Event]] = []
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.results: Counter[str] = Counter()  # how many each tool gave
        self.tools: dict[str, str] = {}  # what was used, by id
        self.keys: set[ev.Key] = set()  # of everything else

    def follow(self, batch: Iterable[ev.Event]) -> None:
        """Remember what is delivered now; most streams never break off, so it is looked at only where one does."""
        self._batches.append(batch)

    def digest(self) -> None:
        """Look at what was delivered since the last time."""
        batches, self._batches = self._batches, []
        for event in itertools.chain.from_iterable(batches):
            if isinstance(event, ev.TextDelta):
                self.texts.append(event.text)
            elif isinstance(event, ev.AnswerReplaced):
                self.texts = [event.text]
            elif isinstance(event, ev.ReasoningDelta):
                self.thoughts.append(event.text)
            elif isinstance(event, ev.ToolFinished):
                self.results[event.id] += 1
            else:
                if isinstance(event, ev.ToolStarted):
                    self.tools[event.id] = event.name
                self.keys.add(event.key)


class ReplayFilter:
    """One further stream of the answer."""

    def __init__(self, log: DeliveredLog, *, is_replay: bool = False) -> None:
        log.digest()
        self._log = log
        self._text = PrefixMatcher("".join(log.texts))
        self._thoughts = PrefixMatcher("".join(log.thoughts))
        self._known_results = Counter(log.results)
        self._results: Counter[str] = Counter()
        self._is_replay = is_replay
        self._is_settled = False
        self._waiting: list[ev.Event] = []  # what would be new in a replay
        self._raw: list[ev.Event] = []  # all that came of a stream which may continue from the cut

    @property
    def holds(self) -> bool:
        """Whether it is not known yet what of the stream is new."""
        return not (self._is_replay and self._text.same)

    @property
    def received(self) -> int:
        """How many characters the stream brought, new or not."""
        return self._text.received + self._thoughts.received

    @property
    def is_complete(self) -> bool:
        """Whether the stream brought all of the delivered text again, and nothing else in its place."""
        return self._text.is_complete

    def feed(self, batch: Iterable[ev.Event], *, from_start: bool = False) -> list[ev.Event]:
        """Take what the stream brings, give what is new of it; `from_start` once its decoder saw the beginning.

        That the answer is finished comes out of `settle` alone.
        """
        if self._is_settled:
            return self._pass([event for event in batch if isinstance(event, _LATE) and self._is_new(event)])
        self._is_replay = self._is_replay or from_start
        for event in batch:
            if isinstance(event, ev.AnswerReplaced):
                continue  # by a stream that may begin in the middle: `settle` compares the whole
            self._raw.append(event)
            if (new := self._after_the_delivered(event)) is not None:
                self._waiting.append(new)
        self._is_replay = self._is_replay or self._text.is_proof
        if self.holds:
            return []
        self._raw.clear()
        waiting, self._waiting = self._waiting, []
        return self._pass(waiting)

    def settle(self, definitive: Iterable[ev.Event]) -> list[ev.Event]:
        """What is new by the definitive answer, after what this stream held back; little may come after it.

        Raises:
            ReplayMismatchError: It has no text, and this stream did not bring what was delivered.
        """
        definitive = self._without_summaries(definitive)
        self._is_settled = True
        has_text = any(isinstance(event, ev.TextDelta) for event in definitive)
        if has_text:
            new = self.leave(to_its_end=True)
        elif self.is_complete:  # a team of agents leaves the definitive text empty (rest.md 4.6): a replay is believed
            new = self._pass(self._waiting)
        else:
            raise ReplayMismatchError
        whole = ReplayFilter(self._log, is_replay=True)
        missing = whole.feed(definitive)
        if has_text and not whole.is_complete:
            others = [event for event in whole._waiting if not isinstance(event, _SETTLED)]
            missing = [*missing, *self._pass([*others, *self._corrected(definitive)])]
        return [*new, *missing, *(event for event in definitive if isinstance(event, ev.AnswerFinished))]

    def _corrected(self, definitive: Sequence[ev.Event]) -> list[ev.Event]:
        """What to deliver where the definitive text is not, to the letter, what was delivered and more."""
        final = "".join(event.text for event in definitive if isinstance(event, ev.TextDelta))
        citations = [event for event in definitive if isinstance(event, ev.CitationFound)]
        tail = missing_tail("".join(self._log.texts), final)
        if tail is None:
            return [ev.AnswerReplaced(final), *citations]
        # Other white space shifts the places, so that citations are known by their order.
        new = citations[sum(1 for key in self._log.keys if key and key[0] == "citation") :]
        return [*([ev.TextDelta(tail)] if tail else []), *new]

    def _without_summaries(self, definitive: Iterable[ev.Event]) -> list[ev.Event]:
        """Without results that name no search, where the searches that brought them are known.

        The definitive answer has, beside its text, what all searches found together (rest.md 4.9). Of a search that is
        still running it is the result.
        """
        events: list[ev.Event] = []
        for event in definitive:
            summary = _SUMMARY.fullmatch(event.id) if isinstance(event, ev.ToolStarted | ev.ToolFinished) else None
            known = [
                tool_id for tool_id, name in self._log.tools.items() if summary and _is_search(name, of=summary["kind"])
            ]
            if not known or getattr(event, "id", None) in known:
                events.append(event)
            elif isinstance(event, ev.ToolFinished) and not any(self._log.results[tool_id] for tool_id in known):
                events.append(replace(event, id=known[-1]))
        return events

    def leave(self, *, to_its_end: bool = False) -> list[ev.Event]:
        """The stream is over and was held back: what of it is new in any case; `to_its_end` where it was not cut.

        The text is left to the definitive answer, and so is what has its place in the text.
        """
        raw, self._raw = self._raw, []
        if self._is_replay:
            waiting, self._waiting = self._waiting, []
            return self._pass([event for event in waiting if not isinstance(event, _SETTLED)])
        thoughts = self._new_thoughts(raw, to_its_end=to_its_end)
        new: list[ev.Event] = [ev.ReasoningDelta(thoughts)] if thoughts else []
        return self._pass([*new, *(event for event in raw if self._is_new(event))])

    def _pass(self, events: list[ev.Event]) -> list[ev.Event]:
        self._log.follow(events)
        self._log.digest()
        return events

    def _is_new(self, event: ev.Event) -> bool:
        """Whether an event is new, wherever its stream began."""
        if isinstance(event, ev.TextDelta | ev.ReasoningDelta):
            return False
        if isinstance(event, ev.ToolFinished):
            return not self._known_results[event.id]
        return not isinstance(event, _SETTLED) and event.key not in self._log.keys

    def _new_thoughts(self, raw: list[ev.Event], *, to_its_end: bool) -> str:
        """Reasoning that comes after the delivered one: by replay, or continued from it, an overlap left out."""
        fresh = "".join(event.text for event in raw if isinstance(event, ev.ReasoningDelta))
        delivered = self._thoughts.delivered
        if self._thoughts.same and (self._thoughts.is_complete or not to_its_end):
            return fresh[len(delivered) :]
        longest = min(len(delivered), len(fresh))
        overlap = next((n for n in range(longest, _OVERLAP_CHARS - 1, -1) if delivered.endswith(fresh[:n])), 0)
        return fresh[overlap:]

    def _after_the_delivered(self, event: ev.Event) -> ev.Event | None:
        """What of an event is new if the stream is a replay."""
        if isinstance(event, ev.TextDelta):
            text = self._text.feed(event.text)
            return ev.TextDelta(text) if text else None
        if isinstance(event, ev.ReasoningDelta):
            thought = self._thoughts.feed(event.text)
            # After text it may be the definitive answer's, which is whole even where the stream continued.
            self._is_replay = self._is_replay or (self._thoughts.is_proof and not self._text.received)
            return ev.ReasoningDelta(thought) if thought and self._thoughts.same else None
        if isinstance(event, ev.ToolFinished):
            self._results[event.id] += 1
            return event if self._results[event.id] > self._known_results[event.id] else None
        is_new = event.key not in self._log.keys
        if isinstance(event, ev.ToolStarted):
            self._is_replay = self._is_replay or not is_new
        return event if is_new and not isinstance(event, ev.AnswerFinished) else None


def _is_search(name: str, *, of: str) -> bool:
    """Whether a tool searched X, or else the web."""
    return name.startswith("x_") == (of == "x") and ("search" in name or "browse" in name or of == "x")


class PrefixMatcher:
    """A text that was delivered, and how much of it a further stream has brought again."""

    def __init__(self, delivered: str) -> None:
        self.delivered = delivered
        self.same = True
        self.received = 0

    def feed(self, piece: str) -> str:
        """Take a piece of the stream; give what of it comes after the delivered text."""
        again = self.delivered[self.received : self.received + len(piece)]
        self.same = self.same and piece.startswith(again)
        self.received += len(piece)
        return piece[len(again) :]

    @property
    def is_complete(self) -> bool:
        """Whether the stream brought all of it again; blanks at its end may be left out."""
        return self.same and not self.delivered[self.received :].strip()

    @property
    def is_proof(self) -> bool:
        """Whether so much is the same that it is a replay."""
        return self.same and min(self.received, len(self.delivered)) >= SURE_CHARS
