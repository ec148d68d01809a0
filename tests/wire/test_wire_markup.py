"""Markup is taken out of text, and nothing else is, wherever the text is cut."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.wire.markup import MarkupRemover, RenderTag

TAG = '<grok:render card_id="a" card_type="citation_card"><argument name="citation_id">9</argument></grok:render>'
FILE_TAG = (
    '<grok:render card_id="f" card_type="rendered_file_card" type="render_file">'
    '<argument name="file_path">/artifacts/table.csv</argument></grok:render>'
)
CARD = (
    "<xai:tool_usage_card>\n  <xai:tool_usage_card_id>c5</xai:tool_usage_card_id>\n  <xai:tool_name>web_search"
    '</xai:tool_name>\n  <xai:tool_args><![CDATA[{"query":"x"}]]></xai:tool_args>\n</xai:tool_usage_card>'
)
ARTIFACT = '<xaiArtifact artifact_id="a1" title="a > b" contentType="text/plain">print(1)</xaiArtifact>'


def read(pieces: Iterable[str]) -> tuple[str, list[tuple[str, str, int]]]:
    """The text without markup, and each tag with its place in it."""
    remover, texts = MarkupRemover(), []
    tags: list[tuple[str, str, int]] = []

    def take(parts: list[str | RenderTag]) -> None:
        for part in parts:
            if isinstance(part, str):
                assert part
                texts.append(part)
            else:
                tags.append((part.card_id, part.file_path, sum(map(len, texts))))

    for piece in pieces:
        take(remover.feed(piece))
    take(remover.close())
    return "".join(texts), tags


def clean(text: str) -> str:
    return read([text])[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Paris{TAG} is big.", "Paris is big."),
        ('a<grok:render card_id="z"/>b', "ab"),
        ("a</grok:render>b</xai:tool_usage_card>c</xaiArtifact>", "abc"),
        (f"{CARD}Paris", "Paris"),
        (f"a{CARD}{CARD}b", "ab"),
        (f"Here: {ARTIFACT}.", "Here: print(1)."),
        ("The tag <xai:tool_usage_card> shows a tool.", "The tag  shows a tool."),
        ("<xai:function_call>kept</xai:function_call>", "<xai:function_call>kept</xai:function_call>"),
        ("<xai:tool_usage_card_id>kept", "<xai:tool_usage_card_id>kept"),
        ("<grok:rendering> <xaiArtifacts>", "<grok:rendering> <xaiArtifacts>"),
        ("a < b <c> </ <g <x", "a < b <c> </ <g <x"),
    ],
)
def test_every_kind_of_markup_goes_and_what_looks_like_it_stays(text: str, expected: str):
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Paris **{TAG}** is big.", "Paris  is big."),
        (f"Paris**{TAG}{TAG}** is big.", "Paris is big."),
        (f"**{TAG}**", ""),
        (f"**Bold**{TAG} text", "**Bold** text"),
        (f"**a**{TAG}**b**", "**a****b**"),
        (f"**{TAG}bold**", "**bold**"),
        (f"***{TAG}***", "******"),
        (f"*{TAG}*", "**"),
        ("2 ** 3 ****", "2 ** 3 ****"),
        (f"**open\n\n**{TAG}**", "**open\n\n"),
    ],
)
def test_only_asterisks_that_held_nothing_but_a_tag_go(text: str, expected: str):
    assert clean(text) == expected


@pytest.mark.parametrize(
    "fence",
    [
        "```\n{}\n```\n",
        "```xml\n{}\n```\n",
        "~~~~\n~~~\n{}\n~~~~\n",
        "- ```\n  {}\n  ```\n",
        "1. Do:\n\n    ```\n    {}\n    ```\n",
        "> ```\n> {}\n> ```\n",
        "````\n```\n{}\n````\n",
    ],
)
@pytest.mark.parametrize("markup", [TAG, CARD, f"**{TAG}**", "</grok:render>"])
def test_in_a_fenced_block_markup_is_text_and_after_it_is_not(fence: str, markup: str):
    block = fence.format(markup)
    assert clean(f"a\n{block}{TAG}b") == f"a\n{block}b"
    assert clean(f"a\n{block}") == f"a\n{block}"


@pytest.mark.parametrize("line", ["```code``` ", "a ```\n", "``\n", "`\n", "```x`y\n"])
def test_what_is_no_fence_hides_no_tag(line: str):
    assert clean(f"{line}{TAG}b") == f"{line}b"


def test_a_block_that_never_closes_lasts_to_the_end():
    assert clean(f"```\n{TAG}") == f"```\n{TAG}"


@pytest.mark.parametrize("end", range(6, len(CARD)))
def test_a_card_that_is_cut_off_leaves_nothing(end: int):
    assert clean(f"Paris{CARD[:end]}") == "Paris"


def test_tags_stand_where_they_stood_with_the_paths_of_files():
    assert read([f"ab{TAG}c**{FILE_TAG}**"]) == ("abc", [("a", "", 2), ("f", "/artifacts/table.csv", 3)])


@pytest.mark.parametrize("opening", ["<grok:render a>", "<grok:render ", "<xai:tool_usage_card>\n<xai:tool_"])
def test_what_never_closes_loses_its_opening_alone(opening: str):
    rest = "word " * 20_000
    text = clean(opening + rest)
    assert text.endswith(rest)
    assert len(text) - len(rest) < len(opening)


PIECES = [
    *(TAG, CARD, ARTIFACT, FILE_TAG, '<grok:render card_id="z"/>', "</grok:render>", "</xai:tool_usage_card>"),
    *("<grok:render", "<xai:tool_usage_card>", '<xaiArtifact title="', "<xai:tool_", "<argument", '">', '"', "/>"),
    *(
        "*",
        "**",
        "***",
        "`",
        "```",
        "```xml",
        "~~~",
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "- ",
        "> ",
        "1. ",
        "<",
        "a",
        "b c",
        "😀",
    ),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.data())
def test_the_same_comes_of_it_wherever_it_is_cut(text: str, data: st.DataObject):
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    cut = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    whole = read([text])
    assert read(cut) == whole
    assert read(text) == whole


@settings(deadline=None)
@given(st.text(st.sampled_from("ab <>/*`~\n-gx:")))
def test_text_without_names_of_markup_stays_to_the_letter(text: str):
    assert clean(text) == text
    assert read(text)[0] == text


UNITS = [
    *("<grok:render ", "<grok:render a>", '<grok:render a">', "<xai:tool_usage_card>\n<xai:tool_", "<xaiArtifact "),
    *(
        "<xai:tool_usage_card>     ",
        "**<grok:render/>",
        "**<grok:render a>",
        "**",
        "<",
        "</grok:render>",
        "- ",
        "`",
        "\n",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", [5, 100_000])
def test_the_work_grows_with_the_text_and_not_with_its_square(unit: str, size: int):
    def calls(length: int) -> int:
        """How many functions are called to read so much of it."""
        text = unit * (length // len(unit))
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            read(text[start : start + size] for start in range(0, len(text), size))
        finally:
            sys.setprofile(None)
        return count

    assert calls(16_000) < 3 * calls(8_000) + 5_000


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Paris", " is big.", ("Paris is big.", 5)),
        ("Paris **", "** is big.", ("Paris  is big.", 6)),
        ("**Paris**", " is big.", ("**Paris** is big.", 9)),
        ("Paris **", "is** big.", ("Paris **is** big.", 8)),
        ("a <", "b", ("a <b", 3)),
        ("```\na **", "**\n```", ("```\na ****\n```", 8)),
        ("Paris **", "", ("Paris **", 8)),
    ],
)
def test_a_mark_that_comes_as_an_event_stands_where_it_came(before: str, after: str, expected: tuple[str, int]):
    remover = MarkupRemover()
    texts, places = [], []
    for part in [*remover.feed(before), *remover.mark("k"), *remover.feed(after), *remover.close()]:
        if isinstance(part, str):
            texts.append(part)
        else:
            places.append(sum(map(len, texts)))
    assert ("".join(texts), *places) == expected
