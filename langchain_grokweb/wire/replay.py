"""Where a broken stream is joined: of what a further stream of the same answer says, only what is new passes.

Strategy: `DeliveredLog` remembers what was given out. The service may tell an answer again from its beginning, or go
on from the cut, and does not say which (rest.md 2.2); a further stream comes from a decoder of its own, whose texts
and places begin at nought in either case. A `ReplayFilter` is one such stream. It compares its text with the given
one and holds everything back until it is sure to hear a replay: the decoder has seen an answer's beginning, a known
tool is used again, or so many characters are the same that it is hardly a coincidence. From there on it lets pass
what lies behind the given text, as it comes. A stream that goes on from the cut proves nothing, since what was on its
way when the connection broke is lost: it is held back to its end, and the definitive answer, which is a replay in one
piece, settles what is new. It has the last word in any case: a tail that is missing is given out, so a text that is
the same by chance loses no character, and where two texts differ that is a `ReplayMismatchError`, never a mixture.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable

from langchain_grokweb.wire import events as ev

SURE_CHARS = 32  # of the same text at the same place: no coincidence any more
_OVERLAP_CHARS = 8  # of reasoning, which no definitive answer settles
_LATE = (ev.TitleGiven, ev.FollowUpsSuggested)
_SETTLED = (ev.TextDelta, ev.CitationFound, ev.AnswerFinished)  # by the definitive answer


class ReplayMismatchError(Exception):
    """The service tells another text now than it did before."""


class DeliveredLog:
    """What was given out of an answer so far."""

    def __init__(self) -> None:
        self._batches: list[Iterable[ev.Event]] = []
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.tools: set[str] = set()
        self.results: Counter[str] = Counter()  # how many each tool gave
        self.told: set[Hashable] = set()  # citations, pictures and the like

    def follow(self, batch: Iterable[ev.Event]) -> None:
        """Remember what is given out now; most streams never break off, so it is looked at only where one does."""
        self._batches.append(batch)

    def digest(self) -> None:
        """Look at what was given out since the last time."""
        batches, self._batches = self._batches, []
        for event in itertools.chain.from_iterable(batches):
            match event:
                case ev.TextDelta(text):
                    self.texts.append(text)
                case ev.ReasoningDelta(text):
                    self.thoughts.append(text)
                case ev.ToolStarted(tool_id):
                    self.tools.add(tool_id)
                case ev.ToolFinished(tool_id):
                    self.results[tool_id] += 1
                case _:
                    self.told.add(_name(event))


class ReplayFilter:
    """One further stream of the answer."""

    def __init__(self, seam: DeliveredLog, *, is_replay: bool = False) -> None:
        seam.digest()
        self._seam = seam
        self._text = PrefixMatcher("".join(seam.texts))
        self._thoughts = PrefixMatcher("".join(seam.thoughts))
        self._known_results = Counter(seam.results)
        self._results: Counter[str] = Counter()
        self._is_replay = is_replay
        self._is_settled = False
        self._waiting: list[ev.Event] = []  # what would be new in a replay
        self._raw: list[ev.Event] = []  # all that a stream said which may go on from the cut

    @property
    def holds(self) -> bool:
        """Whether it is not known yet what of the stream is new."""
        return not (self._is_replay and self._text.same)

    @property
    def told(self) -> int:
        """How many characters the stream told, new or not."""
        return self._text.told + self._thoughts.told

    def feed(self, batch: Iterable[ev.Event], *, from_start: bool = False) -> list[ev.Event]:
        """Take what the stream says, give what is new of it; `from_start` once its decoder saw the beginning.

        That the answer is finished is told by `settle` alone.
        """
        if self._is_settled:
            return self._passed([event for event in batch if isinstance(event, _LATE) and self._is_new(event)])
        self._is_replay = self._is_replay or from_start
        for event in batch:
            self._raw.append(event)
            if (new := self._behind_the_given(event)) is not None:
                self._waiting.append(new)
        self._is_replay = self._is_replay or self._text.is_proof
        if self.holds:
            return []
        self._raw.clear()
        passed, self._waiting = self._waiting, []
        return self._passed(passed)

    def _passed(self, events: list[ev.Event]) -> list[ev.Event]:
        self._seam.follow(events)
        self._seam.digest()
        return events

    def settle(self, definitive: Iterable[ev.Event]) -> list[ev.Event]:
        """What is new by the definitive answer, behind what this stream held back; little may come after it.

        Raises:
            Divergence: The definitive text does not begin with what was given out.
        """
        definitive = list(definitive)
        self._is_settled = True
        has_text = any(isinstance(event, ev.TextDelta) for event in definitive)
        if has_text:
            new = self.leave(to_its_end=True)
        elif self.told_all:  # a team of agents leaves the definitive text empty (rest.md 4.6): a replay is believed
            new = self._passed(self._waiting)
        else:
            raise ReplayMismatchError
        whole = ReplayFilter(self._seam, is_replay=True)
        passed = whole.feed(definitive)
        if has_text and not whole.told_all:
            raise ReplayMismatchError
        return [*new, *passed, *_end(definitive)]

    @property
    def told_all(self) -> bool:
        """Whether the stream told all of the given text again, and nothing else in its place."""
        return self._text.told_all

    def leave(self, *, to_its_end: bool = False) -> list[ev.Event]:
        """The stream is over and was held back: what of it is new in any case; `to_its_end` where it was not cut.

        The text is left to the definitive answer, and so is what has its place in the text.
        """
        raw, self._raw = self._raw, []
        if self._is_replay:
            waiting, self._waiting = self._waiting, []
            return self._passed([event for event in waiting if not isinstance(event, _SETTLED)])
        thoughts = self._new_thoughts(raw, to_its_end=to_its_end)
        passed: list[ev.Event] = [ev.ReasoningDelta(thoughts)] if thoughts else []
        return self._passed([*passed, *(event for event in raw if self._is_new(event))])

    def _is_new(self, event: ev.Event) -> bool:
        """Whether an event is new, wherever its stream began."""
        match event:
            case ev.ToolStarted(tool_id):
                return tool_id not in self._seam.tools
            case ev.ToolFinished(tool_id):
                return not self._known_results[tool_id]
            case ev.ReasoningDelta():
                return False
        return not isinstance(event, _SETTLED) and _name(event) not in self._seam.told

    def _new_thoughts(self, raw: list[ev.Event], *, to_its_end: bool) -> str:
        """Reasoning that comes behind the given one: by replay, or going on from it, an overlap left out."""
        fresh = "".join(event.text for event in raw if isinstance(event, ev.ReasoningDelta))
        given = self._thoughts.given
        if self._thoughts.same and (self._thoughts.told_all or not to_its_end):
            return fresh[len(given) :]
        longest = min(len(given), len(fresh))
        overlap = next((n for n in range(longest, _OVERLAP_CHARS - 1, -1) if given.endswith(fresh[:n])), 0)
        return fresh[overlap:]

    def _behind_the_given(self, event: ev.Event) -> ev.Event | None:
        """What of an event is new if the stream is a replay."""
        match event:
            case ev.TextDelta(text):
                new = self._text.tell(text)
                return ev.TextDelta(new) if new else None
            case ev.ReasoningDelta(text):
                new = self._thoughts.tell(text)
                # Behind the text it may be the definitive answer's, which is whole even where the stream went on.
                self._is_replay = self._is_replay or (self._thoughts.is_proof and not self._text.told)
                return ev.ReasoningDelta(new) if new and self._thoughts.same else None
            case ev.ToolFinished(tool_id):
                self._results[tool_id] += 1
                is_new = self._results[tool_id] > self._known_results[tool_id]
            case ev.ToolStarted(tool_id):
                is_new = tool_id not in self._seam.tools
                self._is_replay = self._is_replay or not is_new
            case _:
                is_new = not isinstance(event, ev.AnswerFinished) and _name(event) not in self._seam.told
        return event if is_new else None


class PrefixMatcher:
    """A text that was given out, and how much of it a further stream has told again."""

    def __init__(self, given: str) -> None:
        self.given = given
        self.same = True
        self.told = 0

    def tell(self, piece: str) -> str:
        """Take a piece of the stream; give what of it lies behind the given text."""
        again = self.given[self.told : self.told + len(piece)]
        self.same = self.same and piece.startswith(again)
        self.told += len(piece)
        return piece[len(again) :]

    @property
    def told_all(self) -> bool:
        """Whether the stream told all of it again; blanks at its end may be left out."""
        return self.same and not self.given[self.told :].strip()

    @property
    def is_proof(self) -> bool:
        """Whether so much is the same that it is a replay."""
        return self.same and min(self.told, len(self.given)) >= SURE_CHARS


def _end(definitive: list[ev.Event]) -> list[ev.Event]:
    return [event for event in definitive if isinstance(event, ev.AnswerFinished)]


def _name(event: ev.Event) -> Hashable:
    """What an event is known by when it comes again."""
    match event:
        case ev.CitationFound(url, position=position):
            return "citation", url, position
        case ev.ImageFinished(picture_id) | ev.ImageWithheld(picture_id):
            return "picture", picture_id
        case ev.ImagePreview(picture_id, _, progress):
            return "preview", picture_id, progress
        case ev.FollowUpsSuggested(labels):
            return "follow-ups", tuple(labels)
        case ev.TitleGiven(title):
            return "title", title
    return type(event).__name__
