"""Where a stream breaks off does not show: what was given and what passes the seam are the whole, or it is an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.replay import SURE_CHARS, DeliveredLog, ReplayFilter, ReplayMismatchError

ANSWER = ev.AnswerFinished("a")

# Few letters, so that overlaps come about by chance.
texts = st.one_of(
    st.text("ab ", max_size=120),
    st.builds(lambda part, times, end: part * times + end, st.text("ab"), st.integers(0, 90), st.text("ab")),
)
prose = st.text("abcdefghijklmnopqrstuvwxyz ,.é", min_size=1, max_size=200)


def deltas(text: str, sizes: list[int]) -> list[ev.Event]:
    pieces, start = [], 0
    for size in [*sizes, len(text)]:
        if text[start : start + size]:
            pieces.append(ev.TextDelta(text[start : start + size]))
        start += size
    return [*pieces]


def spoken(events: list[Any], kind: type = ev.TextDelta) -> str:
    texts: list[str] = []
    for event in events:
        if isinstance(event, ev.AnswerReplaced):
            texts.clear()
        if isinstance(event, kind | ev.AnswerReplaced):
            texts.append(event.text)
    return "".join(texts)


def joined(whole: str, cut: int, told: str, sizes: list[int], stored: str | None = None) -> str:
    """The whole text as its reader has it: cut there, told further like this, and stored."""
    seam = DeliveredLog()
    given: list[Any] = deltas(whole[:cut], [3])
    seam.follow(given)
    joint = ReplayFilter(seam)
    for event in [*deltas(told, sizes), ANSWER]:
        given += joint.feed([event])
    given += joint.settle([*deltas(whole if stored is None else stored, []), ANSWER])
    assert given[-1] == ANSWER
    assert given.count(ANSWER) == 1
    return spoken(given)


cuts = st.integers(0, 120)
ONCE = settings(max_examples=60, deadline=None)
sizes = st.lists(st.integers(1, 9), max_size=20)


@ONCE
@given(texts, cuts, sizes)
def test_a_replay(whole, cut, sizes):
    assert joined(whole, cut, whole, sizes) == whole


@ONCE
@given(texts, cuts, sizes, st.integers(-20, 20))
def test_a_stream_that_goes_on_from_about_the_cut(whole, cut, sizes, off):
    """With an overlap, exactly, or with a gap: what was on its way is lost."""
    further = whole[max(0, min(cut, len(whole)) + off) :]
    assert joined(whole, cut, further, sizes) == whole


@ONCE
@given(prose, cuts, sizes, st.integers(-20, 20))
def test_prose_that_goes_on_is_never_taken_for_a_replay(whole, cut, sizes, off):
    cut = max(1, min(cut, len(whole)))
    told = whole[max(0, cut + off) :]
    if not told.startswith(whole[: min(cut, SURE_CHARS)]):
        assert joined(whole, cut, told, sizes) == whole


@ONCE
@given(texts, cuts)
def test_stored_text_alone(whole, cut):
    assert joined(whole, cut, "", []) == whole


@ONCE
@given(texts, texts, cuts, sizes)
def test_another_text_is_never_mixed_in(whole, other, cut, sizes):
    """It is continued where white space alone differs, and else takes the place of what was delivered."""
    if other:
        assert joined(whole, cut, other, sizes, stored=other).split() == other.split()


def test_another_text_takes_the_place_of_what_was_delivered():
    log = DeliveredLog()
    log.follow([ev.TextDelta("Paris "), ev.CitationFound("https://e.com/p", position=5)])
    cited = ev.CitationFound("https://e.com/l", position=6)
    new = ReplayFilter(log).settle([ev.TextDelta("London is big."), cited, ev.ImageFinished("i", "u"), ANSWER])
    assert new == [ev.ImageFinished("i", "u"), ev.AnswerReplaced("London is big."), cited, ANSWER]


def test_white_space_alone_is_no_other_text():
    log = DeliveredLog()
    log.follow([ev.TextDelta("Paris \n"), ev.CitationFound("https://e.com/p", position=7)])
    stored = [
        ev.TextDelta("Paris"),
        ev.CitationFound("https://e.com/p", position=5),
        ev.TextDelta(" is big."),
        ev.CitationFound("https://e.com/q", position=13),
        ANSWER,
    ]
    assert ReplayFilter(log).settle(stored) == [ev.TextDelta("is big."), stored[3], ANSWER]


@pytest.mark.parametrize(
    ("delivered", "new"),
    [
        ([], ["web_search_0", "web_search_0"]),
        ([ev.ToolStarted("t", "web_search", {})], ["t"]),
        ([ev.ToolStarted("t", "web_search", {}), ev.ToolFinished("t", ["A"])], []),
        ([ev.ToolStarted("t", "x_keyword_search", {})], ["web_search_0", "web_search_0"]),
        ([ev.ToolStarted("web_search_0", "web_search", {})], ["web_search_0"]),
    ],
)
def test_what_all_searches_found_is_no_search_of_its_own(delivered, new):
    log = DeliveredLog()
    log.follow(delivered)
    found = [ev.ToolStarted("web_search_0", "web_search", {}), ev.ToolFinished("web_search_0", ["A"])]
    settled = ReplayFilter(log).settle([*found, ev.TextDelta("Paris."), ANSWER])
    assert [event.id for event in settled if isinstance(event, ev.ToolStarted | ev.ToolFinished)] == new


def test_a_replay_streams_as_soon_as_it_is_sure():
    whole = "".join(chr(ord("a") + i % 26) for i in range(100))
    seam = DeliveredLog()
    seam.follow([ev.TextDelta(whole[:60])])
    joint = ReplayFilter(seam)
    assert joint.feed([ev.TextDelta(whole[: SURE_CHARS - 1])]) == []
    assert joint.holds
    assert joint.feed([ev.TextDelta(whole[SURE_CHARS - 1 : 70])]) == [ev.TextDelta(whole[60:70])]
    assert not joint.holds
    assert joint.feed([ev.TextDelta(whole[70:])]) == [ev.TextDelta(whole[70:])]


@pytest.mark.parametrize("evidence", ["beginning", "tool", "reasoning"])
def test_a_short_text_streams_where_something_else_proves_a_replay(evidence):
    tool, thought = ev.ToolStarted("t", "web_search", {}), ev.ReasoningDelta("x" * SURE_CHARS)
    begun = {"beginning": [], "tool": [tool], "reasoning": [thought]}[evidence]
    seam = DeliveredLog()
    seam.follow([*begun, ev.TextDelta("ha")])
    joint = ReplayFilter(seam)
    new = joint.feed([*begun, ev.TextDelta("haha")], from_start=evidence == "beginning")
    assert new == [ev.TextDelta("ha")]


def test_without_proof_a_short_text_waits_for_the_stored_one():
    assert joined("hahaha!", 2, "haha!", [4]) == "hahaha!"
    assert joined("haha!", 2, "haha!", [4]) == "haha!"


def test_an_empty_stored_text_lets_a_replay_pass_and_nothing_else():
    assert joined("one two", 3, "one two", [], stored="") == "one two"
    assert joined("one two", 0, "one two", [], stored="") == "one two"
    with pytest.raises(ReplayMismatchError):
        joined("one two", 3, " two", [], stored="")


def test_blanks_that_the_stored_text_leaves_out_are_no_other_text():
    assert joined("one two \n", 9, "", [], stored="one two") == "one two \n"


def test_everything_but_text_passes_once():
    first = [
        ev.ConversationOpened("c"),
        ev.PromptStored("p"),
        ev.AnswerStarted("a"),
        ev.ReasoningDelta("Hm, "),
        ev.ToolStarted("t", "web_search", {}),
        ev.ToolFinished("t", []),
        ev.CitationFound("https://e.com", position=3),
        ev.ImagePreview("i", "u", 50),
    ]
    later = [
        ev.ReasoningDelta("so."),
        ev.ToolFinished("t", ["another"]),
        ev.CitationFound("https://e.com", position=9),
        ev.ImageFinished("i", "u"),
        ev.TitleGiven("T"),
        ev.FollowUpsSuggested(["F"]),
    ]
    seam = DeliveredLog()
    seam.follow(first)
    joint = ReplayFilter(seam)
    new = [passed for event in [*first, *later, ANSWER] for passed in joint.feed([event], from_start=True)]
    assert new == later
    assert joint.settle([ev.ImageFinished("i", "u"), ANSWER]) == [ANSWER]
    assert joint.feed([ev.TitleGiven("T"), ev.TitleGiven("U"), ev.TextDelta("late")]) == [ev.TitleGiven("U")]


def test_a_stream_that_goes_on_gives_its_reasoning_tools_and_pictures():
    seam = DeliveredLog()
    seam.follow([ev.ReasoningDelta("I think that"), ev.ToolStarted("t", "web_search", {}), ev.TextDelta("One")])
    joint = ReplayFilter(seam)
    told = [
        ev.ReasoningDelta(" it is so."),
        ev.ToolFinished("t", []),
        ev.ToolStarted("u", "web_search", {}),
        ev.TextDelta(" two"),
        ev.CitationFound("https://e.com", position=4),
        ev.ImageFinished("i", "u"),
    ]
    assert joint.feed(told) == []
    stored = [
        ev.TextDelta("One two"),
        ev.CitationFound("https://e.com", position=7),
        ev.ImageFinished("i", "u"),
        ANSWER,
    ]
    new = joint.settle(stored)
    assert new == [told[0], told[1], told[2], told[5], ev.TextDelta(" two"), stored[1], ANSWER]


def test_a_stream_that_is_cut_while_it_is_held_back_leaves_what_is_new_in_any_case():
    seam = DeliveredLog()
    seam.follow([ev.ReasoningDelta("Counting slowly."), ev.TextDelta("One")])
    joint = ReplayFilter(seam)
    joint.feed([ev.ReasoningDelta("g slowly. Done."), ev.TextDelta(" two"), ev.ToolStarted("t", "x", {})])
    assert joint.leave() == [ev.ReasoningDelta(" Done."), ev.ToolStarted("t", "x", {})]


def test_a_replay_whose_text_turns_out_different_is_settled_by_the_stored_text():
    seam = DeliveredLog()
    seam.follow([ev.TextDelta("One two three")])
    joint = ReplayFilter(seam)
    assert joint.feed([ev.TextDelta("One TWO three four"), ev.ToolStarted("t", "x", {})], from_start=True) == []
    new = joint.settle([ev.TextDelta("One two three four"), ANSWER])
    assert new == [ev.ToolStarted("t", "x", {}), ev.TextDelta(" four"), ANSWER]
