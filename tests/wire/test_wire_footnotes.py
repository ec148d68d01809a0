"""Footnotes as a reader of Markdown sees them: markdown-it, which knows nothing of ours."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from langchain_grokweb.wire.footnotes import Footnotes, plain

READER = MarkdownIt("commonmark").enable("strikethrough").enable("table")
SPECIAL = st.text(st.sampled_from(list("[]()<>*_`~!#|&\\:\"'^ \n\u202eaé1.-+=")), max_size=40)
URLS = st.builds("https://e.com/{}".format, SPECIAL)


def links_of(tokens: list[Token]) -> list[tuple[str, str]]:
    """The links of a document: what each leads to, and its text; anything but links and text is a failure."""
    links: list[tuple[str, str]] = []
    for token in tokens:
        for child in token.children or []:
            if child.type == "link_open":
                links.append((str(child.attrs["href"]), ""))
            elif child.type == "text":
                links[-1:] = [(href, text + child.content) for href, text in links[-1:]]
            else:
                assert child.type in {"link_close", "softbreak"}, child.type
    return links


def source(url: str, title: str, place: int | None = None) -> dict[str, Any]:
    return {"url": url, "title": title, "end_index": place}


@settings(deadline=None)
@given(st.lists(st.tuples(URLS, SPECIAL), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
def test_each_source_is_one_link_with_its_title_and_nothing_else(pairs):
    footnotes = Footnotes()
    footnotes.mark("", [source(url, title) for url, title in pairs])
    tokens = READER.parse(footnotes.sources())
    items = [token for token in tokens if token.type == "list_item_open"]
    assert [token.info for token in items] == [str(number) for number in range(1, len(pairs) + 1)]
    assert [text for _, text in links_of(tokens)] == [plain(title) or plain(url) for url, title in pairs]
    assert all(href.startswith("https://e.com/") for href, _ in links_of(tokens))


@settings(deadline=None)
@given(URLS, st.text("ab c", max_size=20), st.integers(-1, 22))
def test_a_mark_that_is_a_link_is_one_and_the_text_stays(url, text, place):
    footnotes = Footnotes("links")
    marked = footnotes.mark(text, [source(url, "", place)])
    if 0 <= place <= len(text):
        (link,) = links_of(READER.parse(f"x{marked.strip()}"))
        assert link[1].startswith("[1]")
        assert marked.replace(f"[[1]](<{marked.partition('](<')[2].partition('>)')[0]}>)", "") == text
    else:
        assert marked == text


@given(st.text(max_size=30), st.lists(st.one_of(st.none(), st.integers(-5, 40)), max_size=8))
def test_without_its_marks_the_text_is_the_text(text, places):
    clean = text.replace("[", "").replace("]", "")
    footnotes = Footnotes()
    marked = footnotes.mark(clean, [source(f"https://e.com/{place}", "", place) for place in places])
    for number in range(1, len(footnotes) + 1):
        marked = marked.replace(f"[{number}]", "")
    assert marked == clean
