"""Each section of the protocol pages that code, tests or docs cite (`rest.md 4.9`) is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROTOCOL = ROOT / "docs" / "protocol"
PAGES = ("rest.md", "gateway.md")

_NUMBER = r"\d+(?:\.\d+)*"
_CITED = re.compile(rf"\b(rest|gateway)\.md ({_NUMBER}(?:(?:, | and | or |, and )(?:{_NUMBER}|item \d+))*)")
_INSIDE = re.compile(rf"§({_NUMBER})")
_HEADING = re.compile(rf"#+ ({_NUMBER})\.? ")
_ITEM = re.compile(r"(\d+)\. ")


def sections(page: str) -> set[str]:
    """The numbers of a page's headings, and of the items of its numbered lists: `8.2` is item 2 of section 8."""
    numbers: set[str] = set()
    section = ""
    for line in (PROTOCOL / page).read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.match(line):
            section = heading.group(1)
            numbers.add(section)
        elif section and (item := _ITEM.match(line)):
            numbers.add(f"{section}.{item.group(1)}")
    return numbers


def cited_sections(text: str) -> Iterator[tuple[str, str]]:
    """Page and section of each citation; a citation that a line break cuts counts too."""
    unwrapped = re.sub(r"\s*\n[\s#*>]*", " ", text)
    for page, numbers in _CITED.findall(unwrapped):
        section = ""
        for number in re.split(r", and |, | and | or ", numbers):
            if number.startswith("item "):
                yield f"{page}.md", f"{section}.{number.removeprefix('item ')}"
            else:
                section = number
                yield f"{page}.md", section


def citing_files() -> list[Path]:
    folders = (ROOT / name for name in ("langchain_grokweb", "tests", "docs"))
    return [
        *sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".md"}),
        *sorted(ROOT.glob("*.md")),
    ]


def test_each_cited_section_exists():
    known = {page: sections(page) for page in PAGES}
    citations = [
        (path.relative_to(ROOT), page, section)
        for path in citing_files()
        for page, section in cited_sections(path.read_text(encoding="utf-8"))
    ]
    assert len(citations) > 100
    assert [citation for citation in citations if citation[2] not in known[citation[1]]] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_section_that_a_page_cites_of_itself_exists(page):
    text = (PROTOCOL / page).read_text(encoding="utf-8")
    assert set(_INSIDE.findall(text)) <= sections(page)


@pytest.mark.parametrize(
    ("text", "citations"),
    [
        ("(rest.md 4.9)", [("rest.md", "4.9")]),
        ("gateway.md 3.5 and 4.1, rest.md 2.4", [("gateway.md", "3.5"), ("gateway.md", "4.1"), ("rest.md", "2.4")]),
        ("see rest.md\n    # 4.11", [("rest.md", "4.11")]),
        ("rest.md 5.1, item 10", [("rest.md", "5.1"), ("rest.md", "5.1.10")]),
    ],
)
def test_how_a_citation_is_written(text, citations):
    assert list(cited_sections(text)) == citations
