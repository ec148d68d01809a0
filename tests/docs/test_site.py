"""The docs site has every page and every public name. `nox -s docs` builds it strictly, which checks the links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import langchain_grokweb
import langchain_grokweb.errors
import langchain_grokweb.testing

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
CONFIGURATION = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation():
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if "examples" not in page.parts}
    assert set(re.findall(r": ([\w/-]+\.md)$", CONFIGURATION, re.MULTILINE)) == pages


def test_every_public_name_is_in_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: ([\w.]+)$", pages, re.MULTILINE))
    assert {"langchain_grokweb.errors", "langchain_grokweb.testing"} <= shown  # with all their names
    own = set(langchain_grokweb.__all__) - set(langchain_grokweb.errors.__all__) - {"__version__"}
    assert {name for name in own if f"langchain_grokweb.{name}" not in shown} == set()


def test_links_of_the_readme_work_on_every_page_that_shows_it():
    """PyPI shows the README too: a relative link leads nowhere there. The address is the one in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("https://")] == []
    ours = [link for link in links if "/blob/main/" in link]
    assert ours
    for link in ours:
        assert link.startswith(project["urls"]["Repository"] + "/blob/main/")
        assert (ROOT / link.split("/blob/main/")[1].split("#")[0]).exists()
