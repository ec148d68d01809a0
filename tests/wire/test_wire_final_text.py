"""The final text beside the streamed one: white space and markup never count, everything else does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.event_builder import AnswerReader
from langchain_grokweb.wire.final_text import Halves, missing_tail

TAG = '<grok:render card_id="a1" card_type="citation_card"></grok:render>'
CARD = {"id": "a1", "url": "https://example.com/a"}
WORDS = st.text(st.sampled_from("ab \n\u00a0é😀"), max_size=12)


def words(text: str) -> str:
    return " ".join(text.split())


def events(*pieces: str, final: str, cards: bool = False) -> list[ev.Event]:
    reader = AnswerReader("https://assets.grok.com")
    for piece in pieces:
        reader.text(piece)
    if cards:
        reader.card_json(CARD)
    reader.finish("r", final)
    return reader.take()


def citations(batch: list[ev.Event]) -> list[tuple[str, int | None]]:
    return [(event.url, event.position) for event in batch if isinstance(event, ev.CitationFound)]


@settings(max_examples=150, deadline=None)
@given(streamed=WORDS, final=WORDS)
@example(streamed="a ", final="ab")
@example(streamed="a b", final="ab")
@example(streamed="", final="a")
@example(streamed="\n", final="\n\na")
@example(streamed="a\n\n", final="a")
def test_a_tail_makes_the_streamed_text_the_final_one(streamed, final):
    tail = missing_tail(streamed, final)
    if tail is None:
        assert not final.startswith(streamed)
        assert words(streamed) != words(final)
    else:
        assert words(streamed + tail) == words(final)
    if final.startswith(streamed):
        assert streamed + (tail or "") == final


@settings(max_examples=120, deadline=None)
@given(streamed=WORDS, final=WORDS, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_the_events_say_the_final_text_wherever_the_streamed_one_is_cut(streamed, final, cuts):
    edges = sorted({0, len(streamed), *(min(place, len(streamed)) for place in cuts)})
    pieces = [streamed[start:end] for start, end in pairwise(edges)]
    batch = events(*pieces, final=final)
    assert words(ev.text_of(batch)) == words(final if final.strip() else streamed)
    replaced = [event for event in batch if isinstance(event, ev.AnswerReplaced)]
    assert bool(replaced) == (bool(final.strip()) and missing_tail(streamed, final) is None)


def test_sources_stand_where_their_tags_stand_in_the_final_text():
    assert citations(events("Paris", TAG, " is big.", final=f"London{TAG} is big.", cards=True))[-1:] == [
        (CARD["url"], 6)
    ]
    batch = events("Paris  is\n", "big.", final=f"Paris is{TAG} big.", cards=True)
    assert citations(batch) == [(CARD["url"], 9)]
    assert not any(isinstance(event, ev.AnswerReplaced) for event in batch)


def test_a_source_that_the_final_text_does_not_name_loses_its_place_alone():
    reader = AnswerReader("https://assets.grok.com")
    reader.text("Paris")
    reader.cite_here({"id": "1", "url": "https://example.com/a", "title": "A"}, "x")
    reader.finish("r", "London")
    after = reader.take()
    place = after.index(ev.AnswerReplaced("London"))
    assert after[place + 1 : -1] == [ev.CitationFound("https://example.com/a", "A", "x", None)]


HALVES = "Hi 😀 and é 👩\u200d🚀."


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(0, 20), max_size=6))
def test_halves_are_joined_wherever_a_text_is_cut(cuts):
    units = HALVES.encode("utf-16-le")
    edges = sorted({0, len(units), *(min(2 * place, len(units)) for place in cuts)})
    pieces = [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in pairwise(edges)]
    halves = Halves()
    assert "".join([*map(halves.feed, pieces), halves.close()]) == HALVES
    assert events(*pieces, final=HALVES)[0] == ev.TextDelta(HALVES)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\ud83d"], "a\ufffd"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["\ude00a"], "\ufffda"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
    ],
)
def test_a_half_that_stands_alone_is_no_error_and_no_half(pieces, text):
    assert ev.text_of(events(*pieces, final="")) == text
    reader = AnswerReader("https://assets.grok.com")
    for piece in pieces:
        reader.reasoning(piece)
    reader.close()
    assert reader.take() == [ev.ReasoningDelta(text)]


def test_a_source_without_a_place_counts_once_and_not_beside_one_with_a_place():
    reader = AnswerReader("https://assets.grok.com")
    reader.text("Paris")
    reader.cite_here({"url": "https://example.com/a"}, "web")
    for url in ("https://example.com/a", "https://example.com/b", "https://example.com/b"):
        reader.cited(url, "")
    assert citations(reader.take()) == [("https://example.com/a", 5), ("https://example.com/b", None)]


@pytest.mark.parametrize(
    ("streamed", "final", "tail"),
    [
        ("Caf\u00e9 a", "Cafe\u0301 a", ""),
        ("Cafe\u0301 a", "Caf\u00e9 a", ""),
        ("Cafe\u0301 a", "Caf\u00e9 a and b", " and b"),
        ("Caf\u00e9", "Cafe", None),
    ],
)
def test_accents_may_be_spelled_in_one_character_or_two(streamed, final, tail):
    assert missing_tail(streamed, final) == tail
