# ruff: noqa: T201 (this program's only face is what it prints)
"""Every fault of the emulator, on both wires, by all four ways: `python -m tests.reliability [--write] [--check]`.

An answer is planned and a fault strikes it: one of the door strikes every try, one of the answer that answer. What
comes is judged by properties alone: the answer is whole, to the letter, or a `GrokWebError` is raised and what was
given out before it is the beginning of the answer. So nothing is lost in silence, and nothing comes twice. The table in
docs/reliability.md is what this prints; `--write` puts it there. A second table is that of `truth.table`: cases in
which the site says one thing and then another, played by the scripted server.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.faults import FAULTS, LINE_ERRORS, STREAM_ERRORS, FaultKind
from tests import leaks
from tests.clock import CLOCK, install

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
WIRES = ("rest", "gateway")
TEXT = "Foxes are red, mostly, and live in nearly every country of the north."
THOUGHT = "The question is about foxes."
OF_TOMORROW = "not for the answer"  # what a channel that nobody knows says, among the thoughts
NOTES = {"type": "file", "base64": "Rm94ZXM=", "mime_type": "text/plain", "name": "notes.txt"}
SOURCE = {"url": "https://example.com/foxes", "title": "Foxes", "after": "red"}
SILENCE, OPENING = 0.4, 0.6  # seconds: what the model allows where it is that which is tried
_HEADING = "| fault | where | over REST | over the gateway |"
_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|[^|]*\| (?P<rest>[^|]*) \| (?P<gateway>[^|]*) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and how it strikes: as the emulator spells it, and as it is planned."""

    name: str
    where: str
    plan: Callable[[GrokEmulator], None]
    wires: tuple[str, ...] = WIRES
    continues: bool = False  # it strikes a conversation that continues
    attaches: bool = False  # it strikes what is attached to the question


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to.

    Attributes:
        verdict: `whole`, or the error's class, with its reason where it has one.
        requests: HTTP requests and sockets, stops and look-ups among them.
        error: The error itself.
    """

    verdict: str
    requests: int
    error: GrokWebError | None = None

    def __str__(self) -> str:
        return f"{self.verdict}, {self.requests} request{'' if self.requests == 1 else 's'}"


# --- the faults

_MORE: dict[str, list[dict[str, Any]]] = {
    "anti_bot": [{"in_stream": True}],
    "rate_limited": [{"in_stream": True}, {"retry_after": 0}, {"retry_after": 2429}],
    "heavy_load": [{"in_stream": True}],
    "server_error": [{"status": 502}, {"status": 503}, {"status": 521}, {"empty": True}],
    "cut": [{"after": 1}, {"after": 9}, {"after": 9, "then": "finished"}, {"after": 9, "then": "lost"}],
    "reset": [{"after": 9}, {"after": 9, "then": "finished"}, {"after": 9, "then": "lost"}],
    "session_ended": [{"after": 9}],
    "close_without_done": [{"then": "lost"}],
    "silence": [{"after": 9}],
    "no_reply": [{"taken": False}, {"then": "lost"}],
    "garbage": [{"after": 9}],
    "incomplete": [{"status": "failed"}],
}
_IMPATIENT: dict[str, dict[str, Any]] = {
    "slow_open": {"timeout": OPENING},
    **{key: {"stream_event_timeout": SILENCE} for key in ("silence", "keepalive_only", "long_thinking")},
}
_SLOW: dict[str, dict[str, Any]] = {"slow_open": {"seconds": 5.0}, "long_thinking": {"seconds": 2 * SILENCE}}


def cases() -> Iterator[Case]:
    """Every fault of the emulator, at its usual place and at others that matter, and every error in a stream."""
    for kind in FAULTS.values():
        if kind.name not in STREAM_ERRORS:
            yield _case(kind, _SLOW.get(kind.name, {}))
            for options in _MORE.get(kind.name, ()):
                wires = ("rest",) if options.get("in_stream") else kind.wires
                yield _case(kind, options, wires)
    for name in (*STREAM_ERRORS, *LINE_ERRORS):
        yield Case(f"error {name}", "in the stream, after the text", _reply(error=name))


def _case(kind: FaultKind, options: dict[str, Any], wires: tuple[str, ...] = ()) -> Case:
    wires = wires or (("rest",) if kind.name == "anti_bot" else kind.wires)
    words = ", ".join(f"{name}={value!r}" for name, value in options.items())
    name = f"{kind.name}({words})" if words else kind.name
    if kind.stage in {"content", "framing", "delivery"}:
        return Case(name, "the answer", _fault_and_reply(kind.name, options, times=1), wires)
    if kind.stage == "upload":
        return Case(name, "the upload", _fault_and_reply(kind.name, options, times=1), wires, attaches=True)
    place = {"refusal": "every request", "opening": "every request"}.get(kind.stage, "the session")
    times = 1 if place == "the session" else 9
    return Case(name, place, _fault_and_reply(kind.name, options, times), wires, continues=kind.stage == "resume")


def _reply(**more: Any) -> Callable[[GrokEmulator], None]:
    def plan(grok: GrokEmulator) -> None:
        grok.reply(TEXT, reasoning=THOUGHT, citations=[SOURCE], **more)

    return plan


def _fault_and_reply(name: str, options: dict[str, Any], times: int) -> Callable[[GrokEmulator], None]:
    def plan(grok: GrokEmulator) -> None:
        grok.fault(name, times=times, **options)
        _reply()(grok)

    return plan


# --- the four ways: the message, or what was given out before the error

EmittedObject = list[BaseMessage]


def _invoke(model: ChatGrokWeb, messages: list[BaseMessage], given: EmittedObject) -> None:
    given.append(model.invoke(messages))


def _ainvoke(model: ChatGrokWeb, messages: list[BaseMessage], given: EmittedObject) -> None:
    given.append(asyncio.run(model.ainvoke(messages)))


def _stream(model: ChatGrokWeb, messages: list[BaseMessage], given: EmittedObject) -> None:
    given.extend(model.stream(messages))


def _astream(model: ChatGrokWeb, messages: list[BaseMessage], given: EmittedObject) -> None:
    async def consume() -> None:
        async for chunk in model.astream(messages):
            given.append(chunk)

    asyncio.run(consume())


WAYS: dict[str, Callable[[ChatGrokWeb, list[BaseMessage], EmittedObject], None]] = {
    "invoke": _invoke,
    "ainvoke": _ainvoke,
    "stream": _stream,
    "astream": _astream,
}


def outcome(grok: GrokEmulator, case: Case, wire: str, way: str, **more: Any) -> Outcome:
    """Let the fault strike and judge what comes.

    Raises:
        AssertionError: The answer is short, doubled or spoiled, or what came before an error is.
    """
    grok.reset()
    settings = {"stream_event_timeout": 20, "transport": wire, **_IMPATIENT.get(case.name.split("(")[0], {}), **more}
    model = ChatGrokWeb(base_url=grok.base_url, cookies=leaks.signed_in(grok.cookies), **settings)
    question = "What colour are foxes?"
    messages: list[BaseMessage] = [
        HumanMessage([{"type": "text", "text": question}, NOTES] if case.attaches else question)
    ]
    if case.continues:
        messages += [model.invoke(messages), HumanMessage("And where do they live?")]
    before = len(grok.requests)
    case.plan(grok)
    given: EmittedObject = []
    try:
        with leaks.logged() as lines:
            WAYS[way](model, messages, given)
    except GrokWebError as error:
        _check_beginning(given, error)
        leaks.check_error(error)
        reason = getattr(error, "reason", "")
        verdict = f"`{type(error).__name__}`{f' ({reason})' if reason else ''}"
        return Outcome(verdict, len(grok.requests) - before, error)
    finally:
        assert leaks.MARK not in "\n".join([*lines, *map(repr, given)]), "a cookie is logged"
    _check_whole(given)
    return Outcome("whole", len(grok.requests) - before)


def _check_whole(given: EmittedObject) -> None:
    whole: Any = given[0]
    for chunk in given[1:]:
        whole += chunk
    assert whole.text == TEXT, f"short, doubled or spoiled: {whole.text!r}"
    thoughts = whole.additional_kwargs["reasoning_content"].replace(OF_TOMORROW, " ")
    assert " ".join(thoughts.split()).count(THOUGHT) == 1, f"thoughts lost or doubled: {thoughts!r}"
    assert [found["url"] for found in whole.additional_kwargs["citations"]] == [SOURCE["url"]]
    assert isinstance(whole, AIMessage)
    assert whole.response_metadata["grokweb"]["conversation_id"]
    assert sum(isinstance(one, AIMessageChunk) and one.chunk_position == "last" for one in given) <= 1


def _check_beginning(given: EmittedObject, error: GrokWebError) -> None:
    said = "".join(chunk.text for chunk in given)
    assert TEXT.startswith(said), f"not the beginning of the answer: {said!r}"
    assert not any(chunk.chunk_position == "last" for chunk in given), "an end, and then an error"
    assert error.next_step
    partial = getattr(error, "partial", None)
    if partial is not None:
        assert TEXT.startswith(partial.text)
        assert not said or partial.text == said, "the error's partial answer is not what was given out"


# --- the table


def table(grok: GrokEmulator) -> str:
    """Run everything; a row for each fault."""
    lines = [_HEADING, "|---|---|---|---|"]
    for case in cases():
        cells = [_cell(grok, case, wire) if wire in case.wires else "" for wire in WIRES]
        lines.append(f"| `{case.name}` | {case.where} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def _cell(grok: GrokEmulator, case: Case, wire: str) -> str:
    """What comes by all four ways; each alone where they differ."""
    found = {way: str(outcome(grok, case, wire, way)) for way in WAYS}
    if len(set(found.values())) == 1:
        return found["invoke"]
    return "; ".join(f"{way}: {what}" for way, what in found.items())


def written(heading: str = _HEADING) -> dict[str, dict[str, str]]:
    """The rows of a table of the page: fault -> wire -> what it says."""
    rows = _ROW.finditer(_old(PAGE.read_text(encoding="utf-8"), heading).group())
    return {row["name"]: {wire: row[wire].strip() for wire in WIRES} for row in rows}


def _old(page: str, heading: str) -> re.Match[str]:
    table = re.search(rf"^{re.escape(heading)}\n(?:\|.*\n)*", page, re.MULTILINE)
    assert table is not None, "the page has lost a table"
    return table


def _put(new: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    old = _old(page, new.split("\n", 1)[0])
    PAGE.write_text(page[: old.start()] + new + "\n" + page[old.end() :], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description="Every fault, by every way.")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--errors", action="store_true", help="print each error's message instead, as a user sees it")
    parser.add_argument("--cases", action="store_true", help="only the second table, that of tests/truth")
    asked = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))  # as pytest has it
    from truth.table import table as table_of_cases

    install()
    with mock.patch("langchain_grokweb.client.retry.FIRST_PAUSE_SECONDS", 0.0), CLOCK.running(), GrokEmulator() as grok:
        if asked.errors:
            _print_errors(grok)
            return
        tables = [*([] if asked.cases else [table(grok)]), table_of_cases()]
    if asked.write:
        for new in tables:
            _put(new)
    elif any(new not in PAGE.read_text(encoding="utf-8") for new in tables):
        sys.exit("docs/reliability.md has another table: run this with --write.")


def _print_errors(grok: GrokEmulator) -> None:
    for case in cases():
        for wire in case.wires:
            error = outcome(grok, case, wire, "invoke").error
            if error is not None:
                print(f"{case.name}, {wire}\n    {type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main()
