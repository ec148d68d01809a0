"""The package and its pages use plain words: the private ones that were replaced do not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("langchain_grokweb/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
# each with the plain word: after, continue, again, repair, by default, send or report
PRIVATE = re.compile(
    r"\b(?:behind|(?:go|goes|going|gone|went) on from|anew|mend(?:s|ed|ing)?|by itself|tells?|telling|told)\b",
    re.IGNORECASE,
)
LIMIT = 15  # prompts such as "Tell me about foxes." are among them
FOUND_LIMIT = 60


def private_words(text: str) -> Iterator[str]:
    """The private words of a text, wherever its lines break."""
    yield from PRIVATE.findall(" ".join(text.split()))


def test_private_words_are_rare():
    words = [f"{path.relative_to(ROOT)}: {word}" for path in SOURCES for word in private_words(path.read_text("utf-8"))]
    assert len(words) <= LIMIT, "\n".join(sorted(words))


def test_a_private_word_is_noticed():
    assert list(private_words("It goes on\n  from there, tells nobody, and is Mended anew.")) == [
        "goes on from",
        "tells",
        "Mended",
        "anew",
    ]
    assert list(private_words("It continues there, intellectually, and goes on.")) == []


def test_a_thing_is_named_for_what_it_is():
    """`found` says how a value came, and not what it is; a few are in sentences and in the site's own words."""
    texts = {path.relative_to(ROOT): path.read_text("utf-8") for path in ROOT.glob("langchain_grokweb/**/*.py")}
    counts = {str(path): len(re.findall(r"\bfound\b", text)) for path, text in texts.items()}
    assert sum(counts.values()) <= FOUND_LIMIT, {path: count for path, count in counts.items() if count}
