"""docs/reliability.md and docs/errors.md say what is so: each fault is played, by one of the four ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from scripted.server import ScriptedServer
from truth import leaving, table
from truth.outcomes import Caller

from langchain_grokweb import GrokWebAnswerReplacedError, GrokWebConversationNotFoundError, GrokWebToolCallError
from tests import reliability
from tests.reliability import WAYS

pytestmark = pytest.mark.usefixtures("clock")
CASES = list(reliability.cases())
ELSEWHERE = (GrokWebToolCallError, GrokWebConversationNotFoundError, GrokWebAnswerReplacedError)
ERRORS_PAGE = reliability.PAGE.with_name("errors.md")
_FAULTS = re.compile(r"(fault|error) `(\w+)`")


@pytest.fixture(scope="module")
def page() -> dict[str, dict[str, str]]:
    return reliability.written()


def test_the_page_has_every_fault_and_no_other(page):
    assert set(page) == {case.name for case in CASES}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_a_fault_ends_as_the_page_says(shared_grok, page, number):
    """Whole or an error, never short and never doubled, is checked by `outcome`; the page names which."""
    case = CASES[number]
    for place, wire in enumerate(case.wires):
        way = list(WAYS)[(number + place) % len(WAYS)]
        verdict = reliability.outcome(shared_grok, case, wire, way).verdict
        assert page[case.name][wire].startswith(f"{verdict}, ") or f"{way}: {verdict}, " in page[case.name][wire]


ROWS = [case.id for case in table.CASES] + list(leaving.MOMENTS)


@pytest.fixture(scope="module")
def cases_on_page() -> dict[str, dict[str, str]]:
    return reliability.written(table.HEADING)


def test_the_page_has_every_case_and_no_other(cases_on_page):
    assert list(cases_on_page) == ROWS


@pytest.fixture(scope="module")
def scripted() -> Iterator[tuple[ScriptedServer, Caller]]:
    with ScriptedServer() as server:
        caller = Caller(server)
        yield server, caller
        caller.close()


@pytest.mark.parametrize("number", range(len(table.CASES)), ids=[case.id for case in table.CASES])
def test_a_case_ends_as_the_page_says(scripted, cases_on_page, number):
    """By one way on each wire; `tests/truth` has all of them."""
    case = table.CASES[number]
    spellings = table.spellings(case)
    assert {column for column, cell in cases_on_page[case.id].items() if cell} == set(spellings)
    for place, (column, wire) in enumerate(spellings.items()):
        way = list(WAYS)[(number + place) % len(WAYS)]
        cell = cases_on_page[case.id][column]
        by_way = [part.split(": ") for part in cell.split("; ") if ": " in part]
        expected = next((said for ways, said in by_way if way in ways.split(", ")), cell)
        assert table.verdict(*scripted, case, wire, way) == expected


@pytest.mark.parametrize("name", leaving.MOMENTS)
def test_a_call_that_is_left_ends_as_the_page_says(scripted, cases_on_page, name):
    for wire in leaving.MOMENTS[name]:
        assert cases_on_page[name][wire] == leaving.verdict(scripted[0], name, wire)


def rows_of_errors() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Error, reason, and the emulator's names: of the table in docs/errors.md."""
    found, error = [], ""
    for line in ERRORS_PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith(("| `GrokWeb", "| … ")):
            first, _, _, names = line.strip().strip("|").split("|")
            named = re.search(r"`(GrokWeb\w+)`", first)
            error = named.group(1) if named else error
            reason = re.search(r'"(\w+)"', first)
            found.append((error, reason.group(1) if reason else "", _FAULTS.findall(names)))
    return found


@pytest.mark.parametrize(("error", "reason", "names"), rows_of_errors())
def test_each_error_is_reached_by_the_names_beside_it(page, error, reason, names):
    """As the other page says, which the tests above have checked; two rows that it cannot have follow below.

    No fault of the emulator ends in an answer other than the streamed one: the scripted server plays that.
    """
    if error in {one.__name__ for one in ELSEWHERE}:
        return
    assert names
    wanted = f"`{error}`{f' ({reason})' if reason else ''}, "
    for kind, name in names:
        rows = [
            row for fault, row in page.items() if fault.split("(")[0] == (f"error {name}" if kind == "error" else name)
        ]
        assert any(cell.startswith(wanted) for row in rows for cell in row.values()), name


def test_a_conversation_that_is_gone_is_reached_where_it_must_go_on(shared_grok):
    (case,) = [replace(case, continues=True) for case in CASES if case.name == "not_found"]
    found = reliability.outcome(shared_grok, case, "rest", "invoke", conversation="strict")
    assert found.verdict == f"`{GrokWebConversationNotFoundError.__name__}`"


def test_a_forced_call_that_does_not_come_is_reached_too(shared_grok):
    from langchain_grokweb import ChatGrokWeb

    page = ERRORS_PAGE.read_text(encoding="utf-8")
    (name,) = re.findall(r"slip `(\w+)`", page)
    shared_grok.reset()
    for _ in range(2):
        shared_grok.reply(tool_calls=[{"name": "get_weather", "args": {}}], slip=name)
    weather = {"title": "get_weather", "description": "The weather.", "type": "object", "properties": {}}
    model = ChatGrokWeb(base_url=shared_grok.base_url, cookies=shared_grok.cookies)
    with pytest.raises(GrokWebToolCallError):
        model.bind_tools([weather], tool_choice="any").invoke("What is the weather?")
