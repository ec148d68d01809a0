"""Stop sequences are cut the same however the text is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb.messages.stop import StopCut

LETTERS = st.text(alphabet="abc", max_size=12)


@given(LETTERS, st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=3), st.integers(1, 4))
def test_any_text_in_any_pieces(text: str, sequences: list[str], size: int):
    cut = StopCut(sequences)
    given = "".join(cut.feed(text[i : i + size]) for i in range(0, len(text), size)) + cut.close()
    places = [place for sequence in sequences if (place := text.find(sequence)) >= 0]
    if size >= len(text) or not places:
        assert given == (text[: min(places)] if places else text)
    assert text.startswith(given)
    assert cut.reached == bool(places)
    assert not any(sequence in given for sequence in sequences)


def test_what_cannot_begin_a_sequence_passes_at_once():
    cut = StopCut(["END"])
    assert cut.feed("text E") == "text "
    assert cut.feed("x") == "Ex"
