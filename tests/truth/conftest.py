"""`TRUTH_MARKS=write pytest tests/truth` notes which cases fail today."""

from __future__ import annotations

import pytest

from truth import marks

_noted = marks.read()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not marks.WRITING or report.when != "call" or "[" not in report.nodeid:
        return
    name, _, way = report.nodeid.split("[", 1)[1].removesuffix("]").rpartition("/")
    ways = _noted.setdefault(name, set())
    ways.discard(way)
    if report.failed:
        ways.add(way)


def pytest_sessionfinish() -> None:
    if marks.WRITING:
        marks.write(_noted)
