"""`text_with_citations`: the sources of an answer as footnotes of its text."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, messages_from_dict, messages_to_dict

from langchain_grokweb import text_with_citations

RESULTS = [{"url": "https://e.com/f", "title": "Foxes"}, {"url": "https://e.com/d", "title": "Dogs [a_b]"}]
PLANNED = {
    "search": [{"query": "foxes", "results": [{**result, "snippet": "…"} for result in RESULTS]}],
    "citations": [
        {"url": "https://e.com/f", "after": "quick"},
        {"url": "https://e.com/f", "after": "lazy"},
        {"url": "https://e.com/d", "after": "dog"},
    ],
}
TEXT = "The quick fox jumps over the lazy dog."
MARKED = """The quick[1] fox jumps over the lazy[1] dog[2].

Sources:

1. [Foxes](<https://e.com/f>)
2. [Dogs \\[a\\_b\\]](<https://e.com/d>)"""


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_an_answer_has_its_sources_by_every_way(grok, make_model, version):
    model = make_model(output_version=version)
    for _ in range(3):
        grok.reply(TEXT, **PLANNED)
    answer = await model.ainvoke("Foxes?")
    streamed = None
    async for chunk in model.astream("Foxes?"):
        streamed = chunk if streamed is None else streamed + chunk
    assert text_with_citations(answer) == text_with_citations(streamed) == MARKED
    assert text_with_citations(messages_from_dict(messages_to_dict([answer]))[0]) == MARKED
    if version == "v0":
        loaded = await model.aload_conversation(answer.response_metadata["grokweb"]["conversation_id"])
        assert text_with_citations(loaded[-1]) == MARKED


def cited(text: str, *citations: dict) -> AIMessage:
    annotations = [{"type": "citation", **citation} for citation in citations]
    return AIMessage(content_blocks=[{"type": "text", "text": text, "annotations": annotations}])


def at(place: int | None, url: str = "https://a.example/1", title: str = "A") -> dict:
    return {"url": url, "title": title, **({} if place is None else {"start_index": place, "end_index": place})}


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("numbers", "A b[1][2].\n\nSources:\n\n1. [A](<https://a.example/1>)\n2. [B](<https://b.example/>)"),
        ("footnotes", "A b[^1][^2].\n\n[^1]: [A](<https://a.example/1>)\n[^2]: [B](<https://b.example/>)"),
        (
            "links",
            (
                "A b[[1]](<https://a.example/1>)[[2]](<https://b.example/>).\n\n"
                "Sources:\n\n1. [A](<https://a.example/1>)\n2. [B](<https://b.example/>)"
            ),
        ),
    ],
)
def test_styles(style, expected):
    message = cited("A b.", at(3), at(3, "https://b.example/", "B"), at(3))
    assert text_with_citations(message, style=style) == expected


@pytest.mark.parametrize(
    ("text", "place", "marked"),
    [
        ("One two", 0, "[1]One two"),
        ("One two", 7, "One two[1]"),
        ("One two", 4, "One[1] two"),
        ("One \t\ntwo", 6, "One \t\n[1]two"),
        ("One\n\ntwo", 5, "One\n\n[1]two"),
        ("One\n  two", 6, "One\n  [1]two"),
        ("A 🦊 fox", 3, "A 🦊[1] fox"),
        ("One", 4, "One"),
        ("One", -1, "One"),
        ("One", None, "One"),
    ],
)
def test_a_mark_stands_where_the_source_belongs(text, place, marked):
    assert text_with_citations(cited(text, at(place))) == f"{marked}\n\nSources:\n\n1. [A](<https://a.example/1>)"


@pytest.mark.parametrize(
    ("url", "title", "line"),
    [
        ("https://e.com/a b>c", "", "1. [https://e.com/a b\\>c](<https://e.com/a%20b%3Ec>)"),
        ("https://e.com/\u202ex\n", "T\n# x\u202e", "1. [T \\# x](<https://e.com/%E2%80%AEx%0A>)"),
        ("javascript:alert(1)", "Click", "1. Click"),
        ("", "A book", "1. A book"),
        ("https://e.com/", "](evil) <img> `x` *b*", "1. [\\](evil) \\<img\\> \\`x\\` \\*b\\*](<https://e.com/>)"),
    ],
)
def test_what_a_source_is_called_is_no_markup(url, title, line):
    assert text_with_citations(cited("Text", at(None, url, title))) == f"Text\n\nSources:\n\n{line}"


def test_an_answer_without_sources_is_its_text():
    assert text_with_citations(AIMessage("Plain. \n")) == "Plain. \n"
