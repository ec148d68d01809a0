"""From what frames hold to events: the part of reading an answer that is the same on every wire.

A decoder knows its wire's frames. What it reads in them (a piece of text, a card, a picture, the definitive text) goes
to an `AnswerReader`, which keeps what an answer needs over its whole length: how much text was delivered, which cards
are known, which tag waits for its card, which pictures are finished. It collects events; `take` hands them over. How an
answer ends is settled here alone: `finish` takes the definitive text, `fail` an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.conversation_ids import is_id
from langchain_grokweb.wire.final_text import Halves, letters, missing_tail, place_after, whole_characters
from langchain_grokweb.wire.json_fields import Fields, get_objects, get_str, read_json
from langchain_grokweb.wire.made_things import MadeThings
from langchain_grokweb.wire.markup import MarkupRemover, RenderTag, ToolCard

# Since early 2026 nearly every answer begins with this headline, thought or not (rest.md 4.5).
_PLACEHOLDER = "Thinking about your request"


class AnswerReader:
    """Collects the events of one answer."""

    def __init__(self, assets_url: str) -> None:
        self._events: list[ev.Event] = []
        self._words: list[str] = []  # of the answer, that will be one delta
        self._thoughts: list[str] = []
        self._markup = MarkupRemover()
        self._half_words, self._half_thoughts = Halves(), Halves()
        self._delivered: list[str] = []
        self._position = 0
        self._questions: list[str] = []
        self._reasoning = _Reasoning()
        self._tools: set[str] = set()
        self._titles: dict[str, str] = {}  # of pages that a search brought, by address
        self._cards: dict[str, Fields] = {}
        self.made = MadeThings(assets_url, self.add)
        self._file_tags: dict[str, str] = {}  # paths of files, by card id
        self._waiting: list[tuple[str, int]] = []  # tags whose card has not come: card id, position
        self._cited: set[tuple[str, int | None]] = set()
        self._citations: list[ev.CitationFound] = []
        self.finished = False  # with the definitive answer
        self._is_closed = False  # to more text
        self._is_replaced = False  # by a final text that is another
        self.failed = False
        self.reported: GrokWebError | None = None  # the first error that did not end the answer

    @property
    def saw_placeholder(self) -> bool:
        """Whether the headline came that stands at the beginning of nearly every answer."""
        return self._reasoning.saw_placeholder

    @property
    def has_events(self) -> bool:
        """Whether there are events to take."""
        return bool(self._events or self._words or self._thoughts)

    @property
    def has_text(self) -> bool:
        """Whether any of the answer's text came."""
        return bool(self._delivered)

    def take(self) -> list[ev.Event]:
        """The events since the last call."""
        self._join()
        taken, self._events = self._events, []
        return taken

    def add(self, event: ev.Event) -> None:
        """An event that nothing needs to be remembered of."""
        self._join()
        self._events.append(event)

    def _join(self) -> None:
        """Pieces that follow each other become one delta."""
        if self._words:
            self._events.append(ev.TextDelta("".join(self._words)))
            self._words.clear()
        if self._thoughts:
            self._events.append(ev.ReasoningDelta("".join(self._thoughts)))
            self._thoughts.clear()

    # --- text and reasoning

    def text(self, piece: str) -> None:
        """A piece of the answer, as it came, tags and all."""
        if self.finished:
            if self._is_closed:
                return
            self.finished = False  # the final text was empty, which decides nothing
        if not piece.isascii() or self._half_words.pending:
            piece = self._half_words.feed(piece)
        self._show(self._markup.feed(piece))

    def _show(self, parts: Iterable[str | RenderTag]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._deliver(part)
            else:
                self._mark(part, self._position)

    def reasoning(self, piece: str, *, tag: str | None = None, section: object = None) -> None:
        """A piece of the channel that is not the answer; `tag` is `header`, `summary` or none."""
        if not piece.isascii() or self._half_thoughts.pending:
            piece = self._half_thoughts.feed(piece)
        self._think(self._reasoning.feed(piece, tag, section))

    def untagged_reasoning(self, piece: str) -> None:
        """A piece of that channel where it has no tags: the placeholder is known by its text, and comes whole."""
        is_headline = piece.strip() == _PLACEHOLDER
        self.reasoning(piece, tag="header" if is_headline else "thought", section=object() if is_headline else None)

    def _deliver(self, text: str) -> None:
        if not text:
            return
        if self._thoughts:
            self._join()
        self._words.append(text)
        self._delivered.append(text)
        self._position += len(text)

    def _think(self, text: str) -> None:
        if not text:
            return
        if self._words:
            self._join()
        self._thoughts.append(text)

    def ask(self, question: str) -> None:
        """What Grok asks back: it ends the text, and the service's own final text does not have it."""
        if question and question not in self._questions:
            self._questions.append(question)

    @property
    def asks(self) -> bool:
        """Whether Grok has asked back, and the answer is not over."""
        return bool(self._questions)

    def _deliver_questions(self) -> None:
        text = "".join(self._delivered)
        for question in self._questions:
            if question not in text:
                self._deliver(f"\n\n{question}" if self._delivered else question)
        self._questions.clear()

    # --- beside the answer

    def title(self, title: Any) -> bool:
        """The conversation's title; whether it is one."""
        if not isinstance(title, str) or not title:
            return False
        self.add(ev.TitleGiven(title))
        return True

    def follow_ups(self, fields: Any) -> None:
        """Suggested next questions, each an object with a `label`."""
        entries = get_objects(fields, "followUpSuggestions") or get_objects(fields, "suggestions")
        if labels := [entry["label"] for entry in entries if isinstance(entry.get("label"), str)]:
            self.add(ev.FollowUpsSuggested(labels))

    # --- the site's own tools

    def tool_started(self, card: ToolCard) -> None:
        """A tool card, complete."""
        if card.id not in self._tools:
            self._tools.add(card.id)
            self.add(ev.ToolStarted(card.id, card.name or "tool", card.args))

    def tool_finished(self, tool_id: str, name: str, output: Any, *, failed: bool = False) -> None:
        """A tool's result; `name` counts where no card came before."""
        if isinstance(output, list):
            self.know_titles(entry for entry in output if isinstance(entry, dict))
        if not tool_id:
            tool_id = f"{name}_{len(self._tools)}"
        self.tool_started(ToolCard(tool_id, name, {}))
        self.add(ev.ToolFinished(tool_id, output, failed))

    def know_titles(self, pages: Iterable[Fields]) -> None:
        """Titles of pages, for citations that come without one."""
        self._titles.update({url: get_str(page, "title") for page in pages if (url := get_str(page, "url"))})

    # --- cards: citations, and what was made

    def card_json(self, data: Any) -> None:
        """A card attachment in its wire form, JSON in a string."""
        try:
            card = read_json(data) if isinstance(data, str) else data
        except ValueError:
            return
        if isinstance(card, dict) and isinstance(card.get("id"), str):
            self._card(card)

    def _card(self, card: Fields) -> None:
        if self.made.take_card(card):
            return
        card_id = card["id"]
        self._cards.setdefault(card_id, card)
        for waiting in [entry for entry in self._waiting if entry[0] == card_id]:
            self._waiting.remove(waiting)
            self._cite(card, waiting[1])

    def _mark(self, tag: RenderTag, position: int) -> None:
        card_id = tag.card_id
        if not card_id:
            return
        if tag.file_path:
            self._file_tags[card_id] = tag.file_path
        if self.made.is_picture(card_id):
            return
        if card := self._cards.get(card_id):
            self._cite(card, position)
        else:
            self._waiting.append((card_id, position))

    def _cite(self, card: Fields, position: int | None) -> None:
        if (card["id"], position) not in self._cited and (source := _source(card)):
            url, title, kind = source
            is_known = (url, position) in self._cited  # the same source under another id
            self._cited.update({(card["id"], position), (card["id"], None), (url, position), (url, None)})
            if is_known:
                return
            citation = ev.CitationFound(url, title or self._titles.get(url, ""), kind, position)
            self._citations.append(citation)
            self.add(citation)

    def cite_here(self, card: Fields, kind: str) -> None:
        """A source whose mark stands at the end of the text so far."""
        card_id = get_str(card, "id")
        card_id = card_id if is_id(card_id) else f"here-{len(self._cards)}"
        self._cards[card_id] = {**card, "id": card_id, "kind": kind}
        self._show(self._markup.mark(card_id))

    def made_here(self) -> None:
        """Something that was made stands at the end of the text so far, and is shown otherwise."""
        self._show(self._markup.mark(""))

    def cited(self, url: str, title: str) -> None:
        """A source that the service names without a place in the text."""
        self._cite({"id": url, "url": url, "title": title}, None)

    # --- the end

    def finish(
        self, response_id: str, text: str, *, model: str = "", thoughts: str = "", may_continue: bool = False
    ) -> None:
        """The definitive answer: deliver what the stream left out of it, or what replaces it, settle what is open.

        Of several the first with a text counts, until a longer one continues it. `may_continue` where one without a
        text need not be the end.
        """
        if self.finished and self._is_closed:
            self._extend(text)
            return
        if thoughts and not self._reasoning.has_begun:
            self._think(thoughts)
        held = [*self._markup.close(), self._half_words.close()]
        if text.strip() and text == "".join(self._delivered):
            self._is_closed = True  # the same to the letter, as nearly always
        elif (final := _FinalText(text)).text.strip():
            self._settle(final)
        else:  # it decides nothing
            self._show(held)
            self._is_closed = not may_continue
        self.flush()
        for card_id, card in self._cards.items():
            if (card_id, None) not in self._cited:
                self._cite(card, None)
        for card_id, file_path in self._file_tags.items():
            self.made.file({"id": card_id, "file_path": file_path})
        self.made.close()
        self._deliver_questions()
        self.add(ev.AnswerFinished(response_id, model))
        self.finished = True

    def fail(self, error: GrokWebError) -> None:
        """The turn failed; a whole answer is not lost by what comes after it."""
        if not self._is_whole:
            self._fail(error)
        elif not self._delivered:
            self._remember(error)

    def _fail(self, error: GrokWebError) -> None:
        if not self.failed:
            self.failed, self.finished = True, False
            self.flush()
            self.add(ev.TurnFailed(error))

    def report(self, meaning: error_mapping.AnswerError | None, *, whole: bool = False) -> None:
        """The service reports an error: it ends the answer, or is kept for the case that this turns out empty or cut.

        Args:
            meaning: What it means.
            whole: Whether the service's final text has come.
        """
        if meaning is None:
            return
        if meaning.spoils if whole or self._is_whole else meaning.ends:
            self._fail(meaning.error)
        else:
            self._remember(meaning.error)

    @property
    def _is_whole(self) -> bool:
        """Whether nothing is missing: after streamed text an empty final text does not show that."""
        return self.finished and (self._is_closed or not self._delivered)

    def _remember(self, error: GrokWebError) -> None:
        if not self.failed:
            self.reported = self.reported or error
            self.add(ev.ErrorReported(error))

    def close(self) -> None:
        """No more comes: of an answer that is not over, deliver what was held back."""
        if not self.finished and not self.failed:
            self.flush()
            self._deliver_questions()

    def flush(self) -> None:
        """Deliver what was held back and turned out to be text."""
        self._show([*self._markup.close(), self._half_words.close()])
        self._think(self._reasoning.close() + self._half_thoughts.close())

    def _settle(self, final: _FinalText) -> None:
        """Compare the final text with what was streamed; it is the truth."""
        self._is_closed = True
        delivered = "".join(self._delivered)
        tail = missing_tail(delivered, final.text)
        if tail is None:
            self._replace(final)
            return
        self._deliver(tail)
        is_same = len(delivered) + len(tail) == len(final.text)
        for tag, position in final.marks:
            if is_same:
                if (tag.card_id, position) not in [*self._cited, *self._waiting]:
                    self._mark(tag, position)
            elif (tag.card_id, None) not in self._cited:  # its place is another one in the text that was streamed
                self._mark(tag, place_after("".join(self._delivered), letters(final.text[:position])))

    def _replace(self, final: _FinalText) -> None:
        """The final text takes the place of what was streamed, with the sources at their places in it."""
        self._is_replaced = True
        self.add(ev.AnswerReplaced(final.text))
        self._delivered, self._position = [final.text], len(final.text)
        before, self._citations = self._citations, []
        self._cited.clear()
        self._waiting.clear()
        for tag, position in final.marks:
            self._mark(tag, position)
        placed = {citation.url for citation in self._citations}
        for citation in before:
            if citation.url not in placed:
                self._cite({"id": citation.url, **_card_of(citation)}, None)

    def _extend(self, text: str) -> None:
        """One more final text counts where it continues the one before."""
        final = _FinalText(text)
        tail = missing_tail("".join(self._delivered), final.text)
        if tail and self._is_replaced:
            self._replace(final)
        elif tail:
            self._settle(final)


class _FinalText:
    """A final text without its markup.

    Attributes:
        text: The text.
        marks: The tags, with their places in it.
    """

    def __init__(self, raw: str) -> None:
        markup, texts, position = MarkupRemover(), [], 0
        self.marks: list[tuple[RenderTag, int]] = []
        for part in [*markup.feed(whole_characters(raw)), *markup.close()]:
            if isinstance(part, str):
                texts.append(part)
                position += len(part)
            else:
                self.marks.append((part, position))
        self.text = "".join(texts)


class ToolResults:
    """Tools that may come without ids: a result then belongs to the oldest open one of its name."""

    def __init__(self, reader: AnswerReader) -> None:
        self._reader = reader
        self._open: dict[str, list[str]] = {}  # by name, of tools that came without an id
        self._last: dict[str, str] = {}
        self._results: dict[str, Any] = {}
        self._unnumbered = 0

    def start(self, tool_id: str, name: str, args: dict[str, Any]) -> None:
        """A tool is used; without an id it gets one."""
        if not tool_id:
            tool_id, self._unnumbered = f"{name}_{self._unnumbered}", self._unnumbered + 1
            self._open.setdefault(name, []).append(tool_id)
        self._reader.tool_started(ToolCard(tool_id, name, args))

    def finish(self, tool_id: str, name: str, output: Any, *, failed: bool = False) -> None:
        """A result; the same one is reported once, however often it comes."""
        last = tool_id or self._last.get(name, "")
        if last and self._results.get(last) == output:
            return
        if not tool_id:
            waiting = self._open.get(name)
            tool_id = self._last[name] = waiting.pop(0) if waiting else last
        self._results[tool_id] = output
        self._reader.tool_finished(tool_id, name, output, failed=failed)


class _Reasoning:
    """Joins the pieces of the thinking channel: a section begins a new line, the placeholder headline is left out."""

    def __init__(self) -> None:
        self.has_begun = False
        self.saw_placeholder = False
        self._section: object = None
        self._separator = ""  # stands before the next piece that comes
        self._headline: str | None = None  # a headline that may yet be the placeholder

    def feed(self, piece: str, tag: str | None, section: object) -> str:
        settled = self._begin(tag, section) if tag and (tag, section) != self._section else ""
        if self._headline is not None:
            piece = self._headline + piece
            if _PLACEHOLDER.startswith(piece.rstrip(" .…")):
                self._headline = piece
                self.saw_placeholder = self.saw_placeholder or piece.rstrip(" .…") == _PLACEHOLDER
                return settled
            self._headline = None
        return settled + self._out(piece)

    def close(self) -> str:
        """What was held back and is not the placeholder."""
        headline, self._headline = self._headline or "", None
        return "" if headline.rstrip(" .…") == _PLACEHOLDER else self._out(headline)

    def _begin(self, tag: str, section: object) -> str:
        settled = self.close()
        self._section = (tag, section)
        self._separator = "\n\n" if tag == "header" else "\n"
        self._headline = "" if tag == "header" else None
        return settled

    def _out(self, text: str) -> str:
        if not text:
            return ""
        text = (self._separator if self.has_begun else "") + text
        self._separator, self.has_begun = "", True
        return text


def _card_of(citation: ev.CitationFound) -> Fields:
    return {"url": citation.url, "title": citation.title, "kind": citation.kind}


def _citation_kind(name: str) -> ev.CitationKind:
    """What a source is, by our word or the site's (gateway.md 4.6); what nobody knows is a page."""
    if name == "image":
        return "image"
    if name == "x" or name.startswith("CITATION_KIND_X_"):
        return "x"
    return "file" if name == "file" or name.endswith("_DOCUMENT") else "web"


def _source(card: Fields) -> tuple[str, str, ev.CitationKind] | None:
    """Address, title and kind of what a card points to."""
    url, title = get_str(card, "url"), get_str(card, "title")
    is_post = re.match(r"https?://(?:www\.)?(?:x|twitter)\.com/", url)
    kind: ev.CitationKind = "x" if is_post else _citation_kind(get_str(card, "kind"))
    image = card.get("image")
    if isinstance(image, dict):
        url, title, kind = get_str(image, "link", "original", "thumbnail"), get_str(image, "title"), "image"
    elif "file" in get_str(card, "type", "cardType"):
        kind = "file"
    return (url, title, kind) if url.startswith(("http://", "https://")) else None


# --- results of tools, in the spelling of either wire


def web_results(results: Any) -> list[dict[str, str]]:
    """Results of a web search, in a list or under `results`, as address, title and snippet."""
    return [
        {
            "url": get_str(entry, "url"),
            "title": get_str(entry, "title"),
            "snippet": get_str(entry, "preview", "snippet", "description"),
        }
        for entry in _entries(results)
    ]


def x_results(results: Any) -> list[dict[str, str]]:
    """Results of a search on X, in a list or under `results`, as address, author, text and time."""
    return [
        {
            "url": f"https://x.com/{get_str(entry, 'username', 'userhandle') or 'i'}/status/"
            f"{get_str(entry, 'postId', 'post_id')}",
            "author": get_str(entry, "username", "userhandle"),
            "text": get_str(entry, "text"),
            "time": get_str(entry, "createTime", "create_time"),
        }
        for entry in _entries(results)
    ]


def as_sent(result: Any) -> Any:
    """A result that is passed on as the service sent it."""
    return result


def has_failed(result: Any) -> bool:
    """Whether a program that the service ran ended in an error or took too long."""
    signs = ("exitCode", "exit_code", "commandTimedOut", "command_timed_out")
    return isinstance(result, dict) and any(result.get(sign) for sign in signs)


def _entries(results: Any) -> list[Fields]:
    return get_objects(results if isinstance(results, dict) else {"results": results}, "results")
