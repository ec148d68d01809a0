"""A turn that is left while it is being opened is stopped at the service, and no other answer is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import HANG_UP, SILENCE, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb

TEMPORARY = {"temporary": True}
CONTINUED = {"conversation_id": s.CONVERSATION, "parent_response_id": "p"}
PLACES = pytest.mark.parametrize("place", [{}, TEMPORARY, CONTINUED], ids=["new", "temporary", "continued"])
Ask = Callable[[ChatGrokWeb], Awaitable[Any]]


async def chunks_of(model: ChatGrokWeb) -> None:
    async for _ in model.astream("Hi"):
        pass


def whole(model: ChatGrokWeb) -> Awaitable[Any]:
    return model.ainvoke("Hi")


WAYS = pytest.mark.parametrize("ask", [whole, chunks_of], ids=["ainvoke", "astream"])


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def model_on(server: ScriptedServer, transport: str, **settings: Any) -> ChatGrokWeb:
    common = {"base_url": server.base_url, "cookies": server.cookies, "model": "fast", "max_retries": 0}
    return ChatGrokWeb(**common, transport=transport, **settings)


async def leave(server: ScriptedServer, asked: Awaitable[Any], reached: Callable[[], bool]) -> None:
    """Cancel a call once the server has come so far, and let the server speak then."""
    task = asyncio.ensure_future(asked)
    await asyncio.to_thread(server.wait_until, reached)
    task.cancel()
    await asyncio.sleep(0)
    server.speak()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def stop_of(server: ScriptedServer) -> str:
    """Where the first stop went."""
    await asyncio.to_thread(server.wait_until, lambda: bool(server.asked("stop")))
    (stop,) = server.asked("stop")
    return f"{stop.method} {stop.path.removeprefix('/rest/app-chat/conversations')}"


THE_ANSWER = f"DELETE /inflight-response/{s.ANSWER}"
PIECES = rest.body([s.Text("Paris ")])


@WAYS
@PLACES
@pytest.mark.parametrize("said", range(-1, len(PIECES)))
async def test_on_rest(server, place, ask, said):
    """After so many lines of the reply; before its first byte where there is none."""
    pieces: list[Piece] = [*PIECES[: max(said, 0)], SILENCE, *PIECES[max(said, 0) :], SILENCE]
    server.play(Script({"turn": Reply(pieces, held=said < 0)}))
    reached = (lambda: bool(server.asked("turn"))) if said < 0 else (lambda: server.silences == 1)
    await leave(server, ask(model_on(server, "rest", **place)), reached)
    assert await stop_of(server) == THE_ANSWER


def session(prompted: Sequence[Piece], created: Sequence[Piece]) -> dict[str, Sequence[Piece]]:
    writer = gateway.Writer()
    return {
        "session.create": writer.session(),
        "conversation.item.create": prompted,
        "response.create": [*created, writer.text(s.ANSWER, "Paris "), SILENCE],
    }


@WAYS
@PLACES
@pytest.mark.parametrize("silent", ["prompt", "answer"])
async def test_on_the_gateway(server, place, ask, silent):
    """Once the prompt is sent: before the service has stored it, and before it has begun to answer."""
    writer = gateway.Writer()
    prompted, created = writer.prompt(), writer.created()
    if silent == "prompt":
        prompted = [SILENCE, *prompted]
    else:
        created = [SILENCE, *created]
    server.play(Script(socket=session(prompted, created)))
    await leave(server, ask(model_on(server, "gateway", **place)), lambda: server.silences == 1)
    assert await stop_of(server) == THE_ANSWER


@WAYS
@PLACES
async def test_before_the_prompt_is_sent_there_is_nothing_to_stop(server, place, ask):
    socket = {**session([], []), "session.create": [SILENCE, *gateway.Writer().session()]}
    server.play(Script(socket=socket))
    await leave(server, ask(model_on(server, "gateway", **place)), lambda: server.silences == 1)
    assert [frame["event"]["type"] for frame in server.frames] == ["session.create"]
    assert server.asked("stop") == []


async def test_a_request_that_has_not_left_is_not_sent_after_all(server):
    """All that is known of the service by then is its address: nothing listens there."""
    server.play(Script())
    task = asyncio.ensure_future(model_on(server, "rest").ainvoke("Hi"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.requests == []


# --- the stream is lost too: the prompt is looked for


def listed(*prompts: tuple[str, str, str], running: Sequence[str] = ()) -> dict[str, Reply]:
    """A conversation of prompts (id, text, time); each answer's id is its prompt's with an `a`."""
    nodes = [{"responseId": prompt, "sender": "human", "parentResponseId": "p"} for prompt, _, _ in prompts]
    texts = {prompt: {"message": text, "createTime": time} for prompt, text, time in prompts}
    whole = [{**node, **texts[node["responseId"]]} for node in nodes]
    before = {"responseId": "p", "sender": "ASSISTANT", "message": "Before."}
    inflight = [
        {"responseId": f"{prompt}a", "status": "RESPONSE_STATUS_ACTIVE", "parentResponseId": prompt}
        for prompt in running
    ]
    dated = {"date": formatdate(usegmt=True)}
    return {
        "conversations": Reply.of({"conversations": []}, **dated),
        "responses": Reply.of({"responses": [before, *whole], "inflightResponses": inflight}, **dated),
        "response-node": Reply.of({"responseNodes": nodes, "inflightResponses": inflight}, **dated),
    }


LATER, EARLIER = "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"


async def left_and_lost(server: ScriptedServer, replies: dict[str, Reply]) -> None:
    server.play(Script({"turn": Reply([HANG_UP], held=True), **replies}))
    await leave(server, whole(model_on(server, "rest", **CONTINUED)), lambda: bool(server.asked("turn")))


async def test_the_prompt_is_found_by_its_text_and_place(clock, server):
    replies = listed(("q", "Hi", LATER), ("other", "Hello", LATER), running=["q", "other"])
    await left_and_lost(server, replies)
    assert await stop_of(server) == "DELETE /inflight-response/qa"


@pytest.mark.parametrize(
    "replies",
    [
        listed(("q", "Hi", LATER), ("r", "Hi", LATER), running=["q", "r"]),
        listed(("q", "Hi", EARLIER), running=["q"]),
        listed(("q", "Hello", LATER), running=["q"]),
        listed(("q", "Hi", LATER)),
        listed(),
    ],
    ids=["two", "older", "another", "over", "none"],
)
async def test_what_may_not_be_ours_is_not_stopped(clock, server, replies):
    await left_and_lost(server, replies)
    await asyncio.to_thread(server.wait_until, lambda: len(server.asked("responses")) >= 4)
    assert server.asked("stop") == []


async def test_a_first_prompt_whose_parent_is_no_response_is_found_and_not_sent_twice(clock, server):
    """So the first questions of October 2026 are stored (rest.md 8.4)."""
    asked = {"responseId": "q", "sender": "human", "message": "Hi", "parentResponseId": "5d1f0e6c", "createTime": LATER}
    said = {"responseId": "a", "sender": "ASSISTANT", "message": "Hello.", "parentResponseId": "q"}
    replies = {
        "turn": [Reply([HANG_UP]), Reply(rest.body([s.Text("Again."), s.Final("Again.")]))],
        "conversations": Reply.of({"conversations": [{"conversationId": "c", "createTime": LATER}]}),
        "responses": Reply.of({"responses": [asked, said], "inflightResponses": []}),
        "response-node": Reply.of({"responseNodes": [asked, said], "inflightResponses": []}),
        "load-responses": Reply.of({"responses": [said]}),
    }
    server.play(Script(replies))
    answer = await model_on(server, "rest").ainvoke("Hi")
    assert answer.text == "Hello."
    assert len(server.asked("turn")) == 1
