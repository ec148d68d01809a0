"""No answer passes as whole that is not: the table of `cases`, on both wires, by all four ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from truth.cases import ALL, CHUNK, REST, Case
from truth.marks import failing
from truth.outcomes import WAYS, Caller, Fails, Says
from truth.table import CASES, model_of, script_of

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


def rows() -> Iterator[object]:
    for case in CASES:
        for wire in ALL:
            if wire in case.wires:
                for way in WAYS_ON.get(wire, WAYS):
                    name = f"{wire}/{case.id}"
                    yield pytest.param(case, wire, way, id=f"{name}/{way}", marks=failing(name, way))


@pytest.mark.parametrize(("case", "on", "way"), list(rows()))
def test_the_site_has_the_last_word(server, caller, request, case, on, way):
    server.play(script_of(case, on))
    outcome = caller.ask(model_of(case, on, server), way, until=getattr(case.expect, "streamed", ""))
    try:
        case.expect.check(outcome)
    except AssertionError as problem:
        if request.node.get_closest_marker("xfail"):
            pytest.fail(str(problem), pytrace=False)  # a traceback costs more than the call, and nobody reads it
        raise


def over_wires(name: str, *ways: str) -> list[Any]:
    return [
        pytest.param(wire, way, id=f"{wire}/{name}/{way}", marks=failing(f"{wire}/{name}", way))
        for wire in (REST, CHUNK)
        for way in ways
    ]


def played(steps: Sequence[s.Step], wire: str) -> Script:
    return rest.script(steps) if wire == REST else gateway.script(steps)


@pytest.mark.parametrize(("on", "way"), over_wires("accept", "stream", "astream"))
def test_a_caller_may_accept_what_was_streamed(server, caller, on, way):
    assert "on_replaced" in ChatGrokWeb.model_fields
    server.play(played([s.Text("Take "), s.Text("this."), s.Seen(), s.Final("Do not take this.")], on))
    model = model_of(Case("accept", [], Says(""), settings={"on_replaced": "accept"}), on, server)
    outcome = caller.ask(model, way, until="Take this.")
    assert outcome.error is None
    assert outcome.streamed == outcome.message.text == "Take this."
    assert outcome.message.response_metadata["grokweb"]["replaced"]


UNSAFE = {"up": "../../../admin", "slash": "a/b", "query": "a?b=c", "blank": "a b", "percent": "%2e%2e"}


@pytest.mark.parametrize(
    ("unsafe", "on", "way"),
    [
        pytest.param(unsafe, *row.values, id=row.id, marks=row.marks)
        for name, unsafe in UNSAFE.items()
        for row in over_wires(f"unsafe-id-{name}", "invoke", "astream")
    ],
)
def test_no_id_is_kept_that_could_not_stand_in_a_path(clock, server, caller, unsafe, on, way):
    script = played([s.Text("Paris."), s.Final("Paris.")], on)
    server.play(with_ids(script, unsafe))
    asked = clock.time()
    outcome = caller.ask(model_of(Case("unsafe", [], Says("")), on, server), way)
    if outcome.error is None:
        kept = outcome.message.response_metadata["grokweb"]
        assert unsafe not in (kept.get("conversation_id"), kept.get("response_id"))
    else:
        assert type(outcome.error).__name__ == "GrokWebProtocolError"
    assert all(unsafe not in request.path for request in server.requests)
    assert clock.time() == asked, "there was nothing to wait for"


def with_ids(script: Script, conversation: str) -> Script:
    """The same, in a conversation of another id."""

    def renamed(pieces: Sequence[Piece]) -> list[Piece]:
        return [
            piece.replace(s.CONVERSATION, conversation)
            if isinstance(piece, str)
            else piece.replace(s.CONVERSATION.encode(), conversation.encode())
            if isinstance(piece, bytes)
            else piece
            for piece in pieces
        ]

    replies = {name: Reply(renamed(reply.pieces)) for name, reply in script.replies.items() if isinstance(reply, Reply)}
    return Script(replies, {kind: renamed(pieces) for kind, pieces in script.socket.items()})


@pytest.mark.parametrize(("on", "way"), over_wires("silence", "ainvoke"))
def test_what_is_not_of_our_answer_is_silence(clock, server, caller, on, way):
    """The server says another answer's words again and again, for many times as long as the caller waits."""
    noise = [step for _ in range(200) for step in (s.Other("Theirs. "), s.Moment())]
    server.play(played([s.Text("Paris "), *noise, s.Text("is big."), s.Final("Paris is big.")], on))
    model = model_of(Case("silence", [], Says(""), settings={"stream_event_timeout": 0.4}), on, server)
    Fails("GrokWebTimeoutError", "Paris ").check(caller.ask(model, way))


@pytest.mark.parametrize(("on", "way"), over_wires("silent", *WAYS))
def test_an_error_after_silence_has_what_came_before(clock, server, caller, on, way):
    server.play(played([s.Text("Paris "), s.Hang()], on))
    model = model_of(Case("silent", [], Says(""), settings={"stream_event_timeout": 0.2}), on, server)
    Fails("GrokWebTimeoutError", "Paris ").check(caller.ask(model, way))


def test_the_table_is_long_and_says_each_thing_once():
    names = [case.id for case in CASES]
    assert len(names) == len(set(names)) >= 60
