"""Nothing is waited for that might not come: the clock of the tests says how long a call took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import STAY, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.client.stopping import END_SECONDS, LATE_SECONDS, SELDOM

CONTINUED = {"conversation_id": s.CONVERSATION, "parent_response_id": "p"}
SUGGESTED = {"follow_up_suggestions": {"suggestions": [{"label": "Why?"}]}}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def model_on(server: ScriptedServer, transport: str, **settings: Any) -> ChatGrokWeb:
    return ChatGrokWeb(
        base_url=server.base_url, cookies=server.cookies, transport=transport, model="fast", max_retries=0, **settings
    )


def without_farewell(*late: Piece) -> Script:
    """The least that either wire can say, and then nothing while the connection stays."""
    answer = [s.Text("Paris."), s.Final("Paris.")]
    writer = gateway.Writer()
    said = [piece for piece in writer.answer(answer) if isinstance(piece, str) and "persisted" not in piece]
    socket = {
        "session.create": [piece for piece in writer.session() if isinstance(piece, str) and "commands" not in piece],
        "response.create": [*writer.created(), *said, *late, STAY],
    }
    return Script({"turn": Reply([*rest.body(answer), *late, STAY])}, socket)


@pytest.mark.parametrize(
    ("place", "seconds"),
    [({"temporary": True}, 0.0), (CONTINUED, 0.0), ({}, LATE_SECONDS)],
    ids=["temporary", "continued", "new"],
)
@pytest.mark.parametrize("on", ["rest", "gateway"])
async def test_a_call_takes_no_longer_than_its_answer(clock, server, on, place, seconds):
    """Only the first turn of a kept conversation may have a title still to come."""
    server.play(without_farewell())
    began = clock.time()
    answer = await model_on(server, on, **place).ainvoke("Hi")
    assert answer.text == "Paris."
    assert clock.time() - began == pytest.approx(seconds or (END_SECONDS if on == "rest" else 0.0), abs=0.001)


@pytest.mark.parametrize("on", ["rest", "gateway"])
async def test_a_service_that_sends_no_titles_is_waited_for_three_times_and_then_seldom(clock, server, on):
    model = model_on(server, on, keep_session=0)
    title: Piece = b'{"result":{"title":{"newTitle":"A title"}}}\n'
    if on == "gateway":
        title = gateway.Writer().event("conversation.title.updated", title="A title")
    waits = []
    titled = 11  # one comes after all
    for number in range(13):
        server.play(without_farewell(*([title] if number == titled else [])))
        began = clock.time()
        answer = await model.ainvoke("Hi")
        waits.append(round(clock.time() - began, 3))
        assert (answer.response_metadata["grokweb"].get("title") == "A title") == (number == titled)
    nothing = END_SECONDS if on == "rest" else 0.0
    waited = [number for number, wait in enumerate(waits) if wait == LATE_SECONDS]
    assert waited == [0, 1, 2, SELDOM - 1, titled + 1]
    assert {wait for number, wait in enumerate(waits) if number not in waited} == {nothing}


async def test_suggestions_are_waited_for_where_they_are_asked_for(clock, server):
    about = {"response_id": s.ANSWER, "item_id": s.ANSWER}
    suggested = gateway.Writer().event("response.chunk", **about, chunk=SUGGESTED)
    server.play(without_farewell(suggested))
    began = clock.time()
    answer = await model_on(server, "gateway", follow_ups=True, **CONTINUED).ainvoke("Hi")
    assert answer.response_metadata["grokweb"]["follow_ups"] == ["Why?"]
    assert clock.time() == began
    assert server.frames[0]["event"]["session"]["x_grok"]["disable_text_follow_ups"] is False


async def test_suggestions_are_not_asked_for_by_default(server):
    for on in ("rest", "gateway"):
        server.play(without_farewell())
        await model_on(server, on, **CONTINUED).ainvoke("Hi")
        if on == "rest":
            assert server.asked("turn")[0].json["disableTextFollowUps"] is True
        else:
            assert server.frames[0]["event"]["session"]["x_grok"]["disable_text_follow_ups"] is True
