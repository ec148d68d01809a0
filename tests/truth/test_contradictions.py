"""No answer passes as whole that is not: the table of `cases`, on both wires, by all four ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted import gateway, rest
from scripted.server import Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from truth.cases import ALL, CASES, MODES, REST, Case
from truth.marks import failing
from truth.outcomes import WAYS, Caller

WAYS_ON = {"delta": ("invoke", "astream")}  # the second dialect of a wire that is asked by all four


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def caller(server) -> Iterator[Caller]:
    asking = Caller(server)
    yield asking
    asking.close()


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
        "timeout": 5,
        "stream_event_timeout": 5,
        **case.settings,
    }
    return ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, **settings)


def rows() -> Iterator[object]:
    for case in CASES:
        for wire in ALL:
            if wire in case.wires:
                for way in WAYS_ON.get(wire, WAYS):
                    name = f"{wire}/{case.id}"
                    yield pytest.param(case, wire, way, id=f"{name}/{way}", marks=failing(name, way))


@pytest.mark.parametrize(("case", "on", "way"), list(rows()))
def test_the_site_has_the_last_word(server, caller, case, on, way):
    server.play(script_of(case, on))
    case.expect.check(caller.ask(model_of(case, on, server), way))


def test_the_table_is_long_and_says_each_thing_once():
    names = [case.id for case in CASES]
    assert len(names) == len(set(names)) >= 60
