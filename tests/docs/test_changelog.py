"""The changelog's newest release is the version of the package, and its groups are those of Keep a Changelog."""

from __future__ import annotations

import re
from pathlib import Path

import langchain_grokweb

CHANGELOG = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
RELEASES = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE)


def test_the_newest_release_is_this_version():
    assert RELEASES[0] == langchain_grokweb.__version__


def test_each_group_stands_once_in_its_release_and_in_the_usual_order():
    usual = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in CHANGELOG.split("\n## ")[1:]:
        groups = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert groups == [group for group in usual if group in groups]
