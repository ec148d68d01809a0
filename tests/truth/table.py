"""All cases in one table: how each is played, and what becomes of it as docs/reliability.md says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scripted import gateway, rest
from scripted.server import Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from tests.clock import HANG_SECONDS
from truth import leaving
from truth.cases import CHUNK, DELTA, DIALECTS, FINAL_TEXT, FOREIGN, MADE, MARKUP, MODES, REST, Case
from truth.ending_cases import CUT, ENDS, REFUSALS
from truth.error_cases import ERRORS
from truth.outcomes import WAYS, Caller, Outcome


def _without_deltas(cases: Sequence[Case]) -> list[Case]:
    """The gateway's dialects differ in text and things, not in errors and ends, so those are played in one of them."""
    return [replace(case, wires=[wire for wire in case.wires if wire != DELTA]) for case in cases]


KINDS: Mapping[str, Sequence[Case]] = {
    "the final text": FINAL_TEXT,
    "markup": MARKUP,
    "frames of others": FOREIGN,
    "dialects": DIALECTS,
    "what Grok made": MADE,
    "errors": _without_deltas(ERRORS),
    "cut streams": _without_deltas(CUT),
    "endings": _without_deltas(ENDS),
    "refusals": _without_deltas(REFUSALS),
}
CASES = [case for cases in KINDS.values() for case in cases]


def script_of(case: Case, wire: str) -> Script:
    replies = {"modes": MODES, **case.replies}
    if case.refusal is not None:
        return Script({"turn": case.refusal, "modes": MODES}, handshake=case.refusal)
    if wire == REST:
        return rest.script(case.steps, **replies) if case.steps else Script(replies)
    return gateway.script(case.steps, delta=wire == "delta", before=case.before, unbegun=case.unbegun, **replies)


def model_of(case: Case, wire: str, server: ScriptedServer) -> ChatGrokWeb:
    settings = {
        "model": "fast",
        "transport": "rest" if wire == REST else "gateway",
        "max_retries": 0,
        "timeout": HANG_SECONDS,
        "stream_event_timeout": HANG_SECONDS,
        **case.settings,
    }
    return ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, **settings)


# --- the page


def verdict(server: ScriptedServer, caller: Caller, case: Case, wire: str, way: str) -> str:
    """What becomes of a case, in a word.

    Raises:
        AssertionError: It is not what is expected: an answer that is not whole passed as one, perhaps.
    """
    server.play(script_of(case, wire))
    outcome = caller.ask(model_of(case, wire, server), way, until=getattr(case.expect, "streamed", ""))
    case.expect.check(outcome)
    return _said(outcome)


def _said(outcome: Outcome) -> str:
    if outcome.error is None:
        return "whole"
    reason = getattr(outcome.error, "reason", "")
    return f"`{type(outcome.error).__name__}`{f' ({reason})' if reason else ''}"


def spellings(case: Case) -> dict[str, str]:
    """The wires that a case is played on, by the page's columns: the gateway's chunks, or else its deltas."""
    gateways = [wire for wire in (CHUNK, DELTA) if wire in case.wires]
    return {**({REST: REST} if REST in case.wires else {}), **({CHUNK: gateways[0]} if gateways else {})}


def cell(server: ScriptedServer, caller: Caller, case: Case, column: str) -> str:
    """What becomes of a case by all four ways; empty where the wire cannot have it."""
    if (wire := spellings(case).get(column)) is None:
        return ""
    ways: dict[str, list[str]] = {}
    for way in WAYS:
        ways.setdefault(verdict(server, caller, case, wire, way), []).append(way)
    if len(ways) == 1:
        return next(iter(ways))
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in ways.items())


HEADING = "| case | about | over REST | over the gateway |"


def table() -> str:
    """Play everything; a row for each case."""
    lines = [HEADING, "|---|---|---|---|"]
    with ScriptedServer() as server:
        caller = Caller(server)
        for kind, cases in KINDS.items():
            for case in cases:
                cells = [cell(server, caller, case, wire) for wire in (REST, CHUNK)]
                lines.append(f"| `{case.id}` | {kind} | {' | '.join(cells)} |")
        for name, moments in leaving.MOMENTS.items():
            cells = [leaving.verdict(server, name, wire) if wire in moments else "" for wire in (REST, CHUNK)]
            lines.append(f"| `{name}` | leaving | {' | '.join(cells)} |")
        caller.close()
    return "\n".join(lines)
