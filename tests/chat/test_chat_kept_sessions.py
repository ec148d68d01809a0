"""A gateway session that is kept for its conversation's next turn, and everything that may become of it meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import HANG_UP, SILENCE, STAY, Close, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.client.gateway import KEPT_SECONDS, STORED_SECONDS
from langchain_grokweb.client.network import pool
from langchain_grokweb.client.network.kept_sessions import MOST_KEPT
from tests.clock import Clock


@pytest.fixture
def make_model(grok):
    def make(**settings: Any) -> ChatGrokWeb:
        common = {"base_url": grok.base_url, "cookies": grok.cookies, "model": "fast", "transport": "gateway"}
        return ChatGrokWeb(**{**common, **settings})

    return make


async def talk(model: ChatGrokWeb, turns: int, messages: list[BaseMessage] | None = None) -> list[BaseMessage]:
    messages = messages or []
    for _ in range(turns):
        messages = [*messages, HumanMessage(f"Question {len(messages)}")]
        messages.append(await model.ainvoke(messages))
    return messages


def place(message: BaseMessage) -> tuple[str, str]:
    link = message.response_metadata["grokweb"]
    return link["conversation_id"], link["response_id"]


async def test_a_conversation_stays_on_its_session(grok, make_model):
    messages = await talk(make_model(), 3)
    assert len(grok.sessions) == 1
    answers = [message for message in messages if isinstance(message, AIMessage)]
    assert len({place(answer)[0] for answer in answers}) == 1
    parents = [turn.parent_response_id for turn in grok.turns]
    assert parents == [None, *(place(answer)[1] for answer in answers[:-1])]
    assert [turn.prompt for turn in grok.turns] == ["Question 0", "Question 2", "Question 4"]
    assert len([request for request in grok.requests if request.path == "/ws/mgw/"]) == 1


async def test_streams_blocking_calls_and_branches_use_it_too(grok, make_model):
    model = make_model()
    first = [HumanMessage("Hi")]
    answer = await asyncio.to_thread(model.invoke, first)
    history = [*first, answer, HumanMessage("And now?")]
    chunks = await asyncio.to_thread(lambda: list(model.stream(history)))
    assert "".join(chunk.text for chunk in chunks) == grok.turns[-1].text
    again = await asyncio.to_thread(model.invoke, [*first, answer, HumanMessage("Otherwise?")])  # a branch
    assert place(again)[0] == place(answer)[0]
    assert [turn.parent_response_id for turn in grok.turns[1:]] == [place(answer)[1]] * 2
    assert len(grok.sessions) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"model": "auto"},
        {"search": False},
        {"image_count": 3},
        {"follow_ups": True},
        {"headers": {"x-else": "1"}},
        {"keep_session": 0},
    ],
)
async def test_what_a_session_cannot_change_opens_another(grok, make_model, change):
    messages = await talk(make_model(), 1)
    await talk(make_model(**change), 1, messages)
    assert len(grok.sessions) == 2
    assert grok.turns[-1].parent_response_id == place(messages[-1])[1]


async def test_none_is_kept_where_that_is_not_wanted(grok, make_model):
    await talk(make_model(keep_session=0), 2)
    assert len(grok.sessions) == 2
    assert not pool.kept_sessions()


async def test_other_conversations_do_not_get_it(grok, make_model):
    model = make_model()
    await asyncio.gather(*(talk(model, 2) for _ in range(3)))
    assert len(grok.sessions) == 3
    assert {session.conversation_id for session in grok.sessions} == set(grok.conversations)


async def test_two_turns_at_once_do_not_share_it(grok, make_model):
    model = make_model()
    messages = await talk(model, 1)
    await asyncio.gather(*(talk(model, 1, messages) for _ in range(2)))
    assert len(grok.sessions) == 2
    assert len(grok.turns) == 3


async def test_an_answer_that_was_left_leaves_none(grok, make_model):
    grok.reply("One two three " + "four five " * 200)
    assert (await make_model().ainvoke("Hi", stop=["three"])).text == "One two "
    assert not pool.kept_sessions()


async def test_it_is_given_up_after_a_while_and_lives_by_its_heartbeats(grok, make_model, clock):
    model = make_model(keep_session=50)
    messages = await talk(model, 1)
    sessions = pool.kept_sessions()
    await clock.sleep(45)
    assert len(sessions) == 1
    assert [event.type for event in grok.events].count("ping") == 2
    await clock.sleep(10)
    assert not sessions
    await talk(model, 1, messages)
    assert len(grok.sessions) == 2


async def test_no_more_than_so_many_are_kept(grok, make_model):
    model = make_model()
    for number in range(MOST_KEPT + 2):
        await model.ainvoke(f"Conversation {number}")
    assert len(pool.kept_sessions()) == MOST_KEPT


async def waits_of(turns: int, model: ChatGrokWeb, clock: Clock, before: Callable[[int], object] = id) -> list[float]:
    """The seconds that each turn of a conversation takes, one right after the other."""
    messages: list[BaseMessage] = []
    waits = []
    for number in range(turns):
        before(number)
        started = clock.time()
        messages = await talk(model, 1, messages)
        waits.append(round(clock.time() - started, 1))
    return waits


async def test_a_service_that_never_says_what_it_has_stored_is_waited_for_once(grok, make_model, clock):
    model = make_model()
    grok.fault("no_persisted", times=6)
    assert await waits_of(4, model, clock) == [0, STORED_SECONDS, 0, 0]
    assert await waits_of(2, model, clock) == [0, 0]  # another conversation of the account
    assert len(grok.sessions) == 2


async def test_a_service_that_says_so_again_is_waited_for_again(grok, make_model, clock):
    def leave_out(number: int) -> None:
        if number in {0, 2}:
            grok.fault("no_persisted")

    assert await waits_of(4, make_model(), clock, leave_out) == [0, STORED_SECONDS, 0, STORED_SECONDS]
    assert len(grok.sessions) == 1


async def test_that_an_answer_is_stored_says_nothing_of_the_next_one(grok, make_model, clock):
    def leave_out(number: int) -> None:
        if number == 1:
            grok.fault("no_persisted")

    assert await waits_of(3, make_model(), clock, leave_out) == [0, 0, STORED_SECONDS]
    assert len(grok.sessions) == 1


@pytest.mark.parametrize("how", ["the model", "no more files"])
async def test_idle_sessions_are_closed_with_the_connections(grok, make_model, how):
    model = make_model()
    messages = await talk(model, 1)
    await (model.aclose() if how == "the model" else pool.close_idle())
    assert not pool.kept_sessions()
    await talk(model, 1, messages)
    assert len(grok.sessions) == 2


def test_a_loop_that_ends_closes_its_own(grok, make_model):
    model = make_model()
    messages = asyncio.run(talk(model, 1))
    asyncio.run(talk(model, 1, messages))
    assert len(grok.sessions) == 2
    assert grok.turns[-1].parent_response_id == place(messages[-1])[1]


def test_each_thread_keeps_its_own(grok, make_model):
    model = make_model()
    threads = [threading.Thread(target=lambda: asyncio.run(talk(model, 2))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grok.sessions) == 3
    assert len(grok.turns) == 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork on this system.")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own(grok, make_model):
    model = make_model()
    question = HumanMessage("Hi")
    answer = model.invoke([question])
    history = [question, answer, HumanMessage("And now?")]
    if (child := os.fork()) == 0:
        try:
            os._exit(0 if model.invoke(history).text else 1)
        except BaseException:  # noqa: BLE001 - the parent judges it
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert model.invoke(history).text  # the parent's own socket is as it was
    assert [session.socket for session in grok.sessions] == [grok.sessions[0].socket, grok.sessions[1].socket]
    assert len(grok.sessions) == 2


# --- a service that does not stay


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def one_answer_and_then(*then: Piece, answer_id: str = s.ANSWER) -> Script:
    """Answers the first turn of a session, and then this happens."""
    script = gateway.script([s.Text("Paris."), s.Final("Paris.")])
    said = list(script.socket["response.create"])
    assert isinstance(said[-1], Close)
    named = [piece.replace(s.ANSWER, answer_id) if isinstance(piece, str) else piece for piece in said[:-1]]
    return Script(script.replies, {**script.socket, "response.create": [*named, *then]})


def model_on(server: ScriptedServer) -> ChatGrokWeb:
    return ChatGrokWeb(
        base_url=server.base_url, cookies=server.cookies, model="fast", transport="gateway", max_retries=0
    )


@pytest.mark.parametrize("pause", [0, 5])
async def test_where_the_service_never_says_that_an_answer_is_stored_half_a_second_is_enough(server, clock, pause):
    script = one_answer_and_then(STAY)
    said = [piece for piece in script.socket["response.create"] if "response.persisted" not in str(piece)]
    server.play(Script(script.replies, {**script.socket, "response.create": said}))
    model = model_on(server)
    messages = await talk(model, 1)
    await clock.sleep(pause)
    started = clock.time()
    turn = asyncio.create_task(talk(model, 1, messages))
    await asyncio.to_thread(server.wait_until, lambda: "Question 2" in str(server.frames))
    waited = clock.time() - started
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    assert waited < 0.1 if pause else STORED_SECONDS - 0.1 < waited <= STORED_SECONDS + 0.1
    assert len(server.asked("socket")) == 1


OTHER_ID = "1e0ff1a5-91c5-43f1-9d3f-9f3c6b3ad002"


async def next_turn(server: ScriptedServer, model: ChatGrokWeb, messages: list[BaseMessage]) -> None:
    """The next turn, which needs another socket, and says its prompt once."""
    server.play(one_answer_and_then(SILENCE, answer_id=OTHER_ID))
    messages = await talk(model, 1, messages)
    assert (messages[-1].text, place(messages[-1])[1]) == ("Paris.", OTHER_ID)
    assert len(server.asked("socket")) == 1
    assert [frame["event"]["type"] for frame in server.frames].count("conversation.item.create") == 1


@pytest.mark.parametrize("end", [HANG_UP, Close(1001, "idle")])
async def test_a_socket_that_the_service_closed_meanwhile_is_replaced(server, end):
    server.play(one_answer_and_then(SILENCE, end))
    model = model_on(server)
    messages = await talk(model, 1)
    (kept,) = [waiting.session.socket for waiting in pool.kept_sessions()._waiting.values()]
    server.speak()
    await kept.wait_closed()
    await next_turn(server, model, messages)


async def test_a_session_that_the_service_ended_meanwhile_is_replaced(server):
    server.play(one_answer_and_then(SILENCE, gateway.Writer().event("session.ended"), STAY))
    model = model_on(server)
    messages = await talk(model, 1)
    (kept,) = [waiting.session.socket for waiting in pool.kept_sessions()._waiting.values()]
    received = kept.received
    server.speak()
    while kept.received == received:  # noqa: ASYNC110 - the library has no event for it
        await asyncio.sleep(0)
    await next_turn(server, model, messages)


@pytest.mark.parametrize("taken", [False, True])
async def test_a_socket_that_brings_no_word_is_given_up_and_the_service_is_asked(server, clock, taken):
    server.play(one_answer_and_then(SILENCE))
    model = model_on(server)
    messages = await talk(model, 1)
    asked = {"responseId": OTHER_ID, "sender": "human", "message": "Question 2", "parentResponseId": s.ANSWER}
    answer = rest.response(s.Final("Rome.", of=s.OTHER)) | {"parentResponseId": OTHER_ID}
    responses = {"responses": [asked, answer] if taken else [], "inflightResponses": []}
    again = one_answer_and_then(STAY, answer_id=s.OTHER)
    again.replies["responses"] = Reply.of(responses)
    again.replies["response-node"] = Reply.of({"responseNodes": [asked, answer], "inflightResponses": []})
    server.play(again)
    started = clock.time()
    (found,) = (await talk(model, 1, messages))[-1:]
    assert KEPT_SECONDS <= clock.time() - started < 2 * KEPT_SECONDS
    assert (found.text, place(found)[1]) == ("Rome." if taken else "Paris.", s.OTHER)
    assert len(server.asked("socket")) == (0 if taken else 1)
    prompts = [frame["event"]["type"] for frame in server.frames].count("conversation.item.create")
    assert prompts == (1 if taken else 2)  # one of them on the socket that is dead


@pytest.mark.parametrize("taken", [False, True])
async def test_a_socket_that_dies_of_the_prompt_is_replaced_and_no_prompt_is_sent_twice(grok, make_model, taken):
    model = make_model(max_retries=0)
    messages = await talk(model, 1)
    grok.fault("no_reply", taken=taken)
    messages = await talk(model, 1, messages)
    assert messages[-1].text == grok.turns[-1].text
    assert len(grok.turns) == 2
    assert len(grok.sessions) == (1 if taken else 2)


@pytest.mark.parametrize("keep", [60, 0])
async def test_a_conversation_that_is_deleted_meanwhile_is_sent_again_to_a_new_one(grok, make_model, browser, keep):
    model = make_model(keep_session=keep)
    messages = await talk(model, 1)
    browser.http.delete(f"/rest/app-chat/conversations/soft/{place(messages[-1])[0]}")
    messages = await talk(model, 1, messages)
    assert "Question 0" in grok.turns[-1].prompt
    assert grok.turns[-1].parent_response_id is None


async def test_late_words_about_the_answer_before_are_not_the_next_ones(grok, make_model):
    grok.reply("One.", title="First")
    grok.reply("Two.")
    messages = await talk(make_model(), 2)
    assert [message.text for message in messages[1::2]] == ["One.", "Two."]
    assert messages[1].response_metadata["grokweb"]["title"] == "First"
