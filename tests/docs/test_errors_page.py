"""docs/errors.md has a row for each reason, with what happened and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from langchain_grokweb.errors import (
    GrokWebError,
    GrokWebPermissionError,
    GrokWebRateLimitError,
    PermissionReason,
    RateLimitReason,
)
from langchain_grokweb.wire.reasons import ROWS, Reason

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def row_of(reason: Reason) -> str:
    """The row of the page, made of the row of the code."""
    row = ROWS[reason]
    details = row.details or {}
    marks = [f'`.reason == "{details["reason"]}"`'] if "reason" in details else []
    marks += [f"`.{name}`" for name, value in details.items() if value is True]
    error = ", ".join([f"`{row.error.__name__}`", *marks])
    next_step = row.next_step.format(wait="Wait as long as it says", login_url="grok.com")
    return f"| {row.happened.replace('{status}', '')} | {error} | {next_step} |"


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_its_row(reason):
    assert PAGE.read_text(encoding="utf-8").splitlines().count(row_of(reason)) == 1, row_of(reason)


def test_no_row_is_about_a_reason_that_there_is_not():
    section = PAGE.read_text(encoding="utf-8").partition("## What the message says")[2].partition("\n## ")[0]
    rows = {line for line in section.splitlines() if line.startswith("| ") and "`GrokWeb" in line}
    assert rows == set(map(row_of, Reason))


def test_each_reason_of_an_error_is_on_the_page_and_in_the_table():
    table = PAGE.read_text(encoding="utf-8").partition("\n## All errors\n")[2].partition("\n## ")[0]
    shown = {"requests", "quota", "concurrency"}  # no fault of the emulator leads to the others
    assert set(re.findall(r'^\|.*?"(\w+)"` \|', table, re.MULTILINE)) == set(get_args(PermissionReason)) | shown
    assert reasons_of(GrokWebPermissionError) == set(get_args(PermissionReason))
    assert reasons_of(GrokWebRateLimitError) == set(get_args(RateLimitReason))


def test_each_reason_of_a_refusal_has_advice_and_is_in_the_docstring():
    advice = PAGE.read_text(encoding="utf-8").partition("\n## What do I do when")[2].partition("\n## ")[0]
    for text in (advice, GrokWebPermissionError.__doc__ or ""):
        assert set(get_args(PermissionReason)) <= set(re.findall(r'`"(\w+)"`', text))
    assert set(get_args(RateLimitReason)) <= set(re.findall(r'`"(\w+)"`', GrokWebRateLimitError.__doc__ or ""))


def reasons_of(error: type[GrokWebError]) -> set[object]:
    return {row.details["reason"] for row in ROWS.values() if row.error is error and row.details}
