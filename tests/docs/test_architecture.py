"""docs/architecture.md draws what the code is, and names only what there is."""

from __future__ import annotations

import re

from tests import architecture


def test_the_drawings_are_those_of_the_code():
    """Where this fails, `python -m tests.architecture --write`; a new table needs a place on the page first."""
    assert architecture.drawn() == architecture.drawings()


def test_no_two_packages_import_each_other():
    arrows = set(re.findall(r"(\w+) --> (\w+)", architecture.imports()))
    assert {arrow for arrow in arrows if arrow[::-1] in arrows} == set()


def test_each_module_that_the_page_names_is_there():
    named = set(re.findall(r"`([\w/]+/\w+\.py|\w+\.py)`", architecture.PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert {name for name in named if not (architecture.PACKAGE / name).is_file()} == set()


def test_each_file_that_contributing_names_is_there():
    named = set(re.findall(r"`([\w/]+\.py)`", (architecture.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    files = {
        path.as_posix() for name in ("langchain_grokweb", "tests") for path in (architecture.ROOT / name).rglob("*.py")
    }
    assert len(named) > 20
    assert {name for name in named if not any(file.endswith(f"/{name}") for file in files)} == set()


def test_each_table_that_contributing_names_is_there():
    named = set(re.findall(r"`(_?[A-Z][A-Z_]+)`", (architecture.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert len(named) > 10
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for name in ("langchain_grokweb", "tests")
        for path in (architecture.ROOT / name).rglob("*.py")
    )
    assert {name for name in named if not re.search(rf"^ *{name}\b.* = ", sources, re.MULTILINE)} == set()


def test_the_glossary_has_at_most_25_words():
    page = architecture.PAGE.read_text(encoding="utf-8")
    glossary = page[page.index("## Glossary") :].split("\n## ")[0]
    words = re.findall(r"^\| \*\*([\w ]+)\*\* \|", glossary, re.MULTILINE)
    assert 10 < len(words) == len(set(words)) <= 25
