"""A conversation goes on at the service, as far as the messages prove it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from paths import PATHS

from langchain_grokweb import (
    GrokWebConversationNotFoundError,
    GrokWebInterruptedError,
    GrokWebInvalidRequestError,
)
from langchain_grokweb.testing import GrokEmulator


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


def link(message: Any) -> dict[str, Any]:
    return message.response_metadata["grokweb"]


def talk(model: Any, *questions: str) -> list[Any]:
    """A linked history: each question and its answer."""
    messages: list[Any] = []
    for question in questions:
        messages.append(HumanMessage(question))
        messages.append(model.invoke(messages))
    return messages


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_only_what_is_new_is_sent_under_the_answer_before(grok, make_model, way, name):
    model, path = make_model(model=name), PATHS[way]
    messages: list[Any] = [HumanMessage("My name is Ada.")]
    messages.append(path(model, messages))
    messages.append(HumanMessage("What is my name?"))
    answer = path(model, messages)
    first, second = grok.turns
    assert first.prompt == "My name is Ada."
    assert second.prompt == "What is my name?"
    assert second.conversation_id == first.conversation_id == link(answer)["conversation_id"]
    assert second.parent_response_id == first.response_id == link(answer)["parent_response_id"]
    assert "Ada" in answer.text


def test_asking_again_gives_a_sibling_not_a_duplicate(grok, model):
    messages = [*talk(model, "one"), HumanMessage("two")]
    for _ in range(3):
        model.invoke(messages)
    siblings = grok.turns[1:]
    assert {turn.parent_response_id for turn in siblings} == {grok.turns[0].response_id}
    assert len({turn.response_id for turn in siblings}) == 3


async def test_siblings_at_the_same_time_are_branches_and_none_is_lost(grok, model):
    messages = [*talk(model, "one"), HumanMessage("two")]
    answers = await model.abatch([messages] * 8)
    (tree,) = grok.conversations.values()
    questions = tree.children(link(messages[1])["response_id"])
    stored = {node.response_id: node.message for question in questions for node in tree.children(question.response_id)}
    assert {turn.status for turn in grok.turns} == {"finished"}
    assert len(questions) == 8
    assert {link(answer)["response_id"]: answer.text for answer in answers} == stored
    await model.ainvoke([*messages, answers[3], HumanMessage("three")])
    assert grok.turns[-1].parent_response_id == link(answers[3])["response_id"]


def all_is_forgotten(grok: GrokEmulator, messages: list[Any]) -> None:
    grok.reset()


def the_conversation_is_deleted(grok: GrokEmulator, messages: list[Any]) -> None:
    grok.conversations[link(messages[1])["conversation_id"]].deleted = True


def the_answer_is_gone(grok: GrokEmulator, messages: list[Any]) -> None:
    del grok.conversations[link(messages[1])["conversation_id"]].nodes[link(messages[1])["response_id"]]


@pytest.mark.parametrize("gone", [all_is_forgotten, the_conversation_is_deleted, the_answer_is_gone])
def test_a_conversation_that_is_gone_is_told_anew_once(grok, make_model, gone):
    messages = talk(make_model(), "My name is Ada.")
    gone(grok, messages)
    told, messages = len(grok.turns), [*messages, HumanMessage("What is my name?")]
    with pytest.raises(GrokWebConversationNotFoundError):
        make_model(conversation="strict").invoke(messages)
    answer = make_model().invoke(messages)
    assert len(grok.turns) == told + 1
    assert grok.turns[-1].parent_response_id is None
    assert "My name is Ada." in grok.turns[-1].prompt
    assert link(answer)["conversation_id"] != link(messages[1])["conversation_id"]
    make_model(conversation="strict").invoke([*messages, answer, HumanMessage("And now?")])
    assert grok.turns[-1].prompt == "And now?"


@pytest.mark.parametrize("name", ["rate_limited", "heavy_load"])
def test_a_refusal_that_is_tried_again_leaves_one_turn(grok, model, name):
    messages = [*talk(model, "one"), HumanMessage("two")]
    grok.fault(name, times=2, **({"retry_after": 0} if name == "rate_limited" else {}))
    answer = model.invoke(messages)
    (tree,) = grok.conversations.values()
    (question,) = tree.children(link(messages[1])["response_id"])
    assert [node.response_id for node in tree.children(question.response_id)] == [link(answer)["response_id"]]


def test_strict_raises_where_auto_would_tell_anew(grok, make_model):
    model = make_model(conversation="strict")
    messages = talk(model, "one", "two")
    with pytest.raises(GrokWebConversationNotFoundError, match="do not prove"):
        model.invoke([HumanMessage("edited"), *messages[1:], HumanMessage("three")])
    assert len(grok.turns) == 2


def test_stateless_asks_in_fresh_temporary_chats(grok, make_model):
    model = make_model(conversation="stateless")
    messages = talk(model, "one")
    model.invoke([*messages, HumanMessage("two")])
    assert all(turn.temporary for turn in grok.turns)
    assert grok.turns[0].conversation_id != grok.turns[1].conversation_id
    assert "one" in grok.turns[1].prompt


def test_models_may_change_within_a_conversation(grok, make_model):
    messages: list[Any] = []
    for name in ("grok-3", "expert", "grok-3-thinking", "fast"):
        messages.append(HumanMessage(f"with {name}"))
        messages.append(make_model(model=name).invoke(messages))
    assert [turn.prompt for turn in grok.turns] == [message.text for message in messages[::2]]
    assert [turn.parent_response_id for turn in grok.turns[1:]] == [turn.response_id for turn in grok.turns[:-1]]


@pytest.mark.parametrize("first", [{"temporary": True}, {}, {"conversation": "stateless"}])
def test_what_is_private_does_not_get_into_a_chat_that_is_kept_nor_the_other_way(grok, make_model, first):
    messages = talk(make_model(**first), "one")
    other = {"temporary": not first}
    messages += [HumanMessage("two"), make_model().bind(**other).invoke([*messages, HumanMessage("two")])]
    make_model().bind(**other).invoke([*messages, HumanMessage("three")])
    assert [turn.parent_response_id for turn in grok.turns] == [None, None, grok.turns[1].response_id]
    assert [turn.prompt for turn in grok.turns[::2]] == ["one", "three"]
    assert "one" in grok.turns[1].prompt
    kept = {turn.conversation_id: grok.conversations[turn.conversation_id].temporary for turn in grok.turns}
    assert list(kept.values()) == [bool(first), not first]


def of_another_account(messages: list[Any]) -> list[Any]:
    link(messages[1])["account"] = "0123456789abcdef"
    return messages


PRIVATE = {
    "a field": lambda make_model: talk(make_model(temporary=True), "secret"),
    "an argument": lambda make_model: talk(make_model().bind(temporary=True), "secret"),
    "stateless": lambda make_model: talk(make_model(conversation="stateless"), "secret"),
    "another account": lambda make_model: of_another_account(talk(make_model(temporary=True), "secret")),
    "edited": lambda make_model: [HumanMessage("other"), *talk(make_model(temporary=True), "secret")[1:]],
    "the head is gone": lambda make_model: talk(make_model(temporary=True), "secret")[1:],
}


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("row", PRIVATE)
def test_what_is_said_in_private_goes_into_no_kept_chat(grok, make_model, caplog, row, way):
    messages = [*PRIVATE[row](make_model), HumanMessage("more")]
    with caplog.at_level("INFO", "langchain_grokweb"):
        answer = PATHS[way](make_model(), messages)
    assert [turn.temporary for turn in grok.turns] == [True, True]
    assert answer.response_metadata["grokweb"]["temporary"] is True
    assert "private" in caplog.text
    PATHS[way](make_model(), [*messages, answer, HumanMessage("and more")])
    assert (grok.turns[-1].temporary, grok.turns[-1].prompt) == (True, "and more")
    PATHS[way](make_model(), messages, temporary=False)
    assert not grok.turns[-1].temporary


def test_what_is_said_in_private_goes_to_a_named_conversation_only_where_the_call_says_so(grok, make_model):
    kept = talk(make_model(), "not secret")[-1].response_metadata["grokweb"]["conversation_id"]
    messages = [*talk(make_model(temporary=True), "secret"), HumanMessage("more")]
    with pytest.raises(GrokWebInvalidRequestError, match="private"):
        make_model().invoke(messages, conversation_id=kept)
    assert len(grok.turns) == 2
    make_model().invoke(messages, conversation_id=kept, temporary=False)
    assert (grok.turns[-1].conversation_id, grok.turns[-1].temporary) == (kept, False)


def test_what_broke_off_in_private_is_private(grok, make_model):
    grok.reply("One two three four five six.")
    grok.fault("cut", after=8, then="lost")
    with pytest.raises(GrokWebInterruptedError) as raised:
        make_model(temporary=True).invoke("secret")
    make_model().invoke([HumanMessage("secret"), raised.value.partial, HumanMessage("more")])
    assert [turn.temporary for turn in grok.turns] == [True, True]


def test_a_foreign_history_is_told(grok, model):
    model.invoke(
        [
            HumanMessage(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
                ]
            ),
            AIMessage(
                [
                    {"type": "thinking", "thinking": "secret thoughts", "signature": "s"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}},
                ],
                tool_calls=[{"name": "look", "args": {"at": "it"}, "id": "t1"}],
            ),
            ToolMessage("a fox", tool_call_id="t1", name="look"),
            AIMessage("A fox.", additional_kwargs={"reasoning_content": "more secrets"}),
            HumanMessage("Sure?", name="Bob"),
        ]
    )
    prompt = grok.turns[-1].prompt
    for said in (
        "What is this?",
        "image not shown here: https://e.com/a.png",
        "Let me look.",
        "look",
        "a fox",
        "A fox.",
        "Sure?",
        "Bob",
    ):
        assert said in prompt
    assert "secret" not in prompt


def test_calls_that_stand_in_blocks_alone_are_told(grok, model):
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}}
    result = ToolMessage("a fox", tool_call_id="t1")
    model.invoke([HumanMessage("What is this?"), AIMessage([call]), result])
    as_blocks = grok.turns[-1].prompt
    calls = [{"name": "look", "args": {"at": "it"}, "id": "t1"}]
    model.invoke([HumanMessage("What is this?"), AIMessage([call], tool_calls=calls), result])
    assert '<tool_call name="look" id="t1">{"at": "it"}</tool_call>' in as_blocks
    assert grok.turns[-1].prompt == as_blocks


def test_a_call_in_blocks_that_was_edited_starts_again(grok, model):
    def history(place: str) -> list[BaseMessage]:
        call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": place}}
        return [HumanMessage("What is this?"), AIMessage([call]), ToolMessage("a fox", tool_call_id="t1")]

    answer = model.invoke(history("it"))
    model.invoke([*history("it"), answer, HumanMessage("Sure?")])
    assert grok.turns[-1].prompt == "Sure?"
    model.invoke([*history("that"), answer, HumanMessage("Sure?")])
    assert '{"at": "that"}' in grok.turns[-1].prompt


@pytest.mark.parametrize("mode", ["auto", "stateless"])
def test_an_order_to_remove_a_message_is_no_message(grok, make_model, mode):
    with pytest.raises(GrokWebInvalidRequestError, match=r"`RemoveMessage`.*`add_messages`"):
        make_model(conversation=mode).invoke([HumanMessage("Hi"), RemoveMessage(id="1"), HumanMessage("Ho")])
    assert grok.requests == []


@pytest.mark.parametrize(
    "messages", [[HumanMessage("")], [HumanMessage("  \n")], [AIMessage("")], [SystemMessage(" ")]]
)
def test_nothing_to_say_is_refused(grok, model, messages):
    with pytest.raises(GrokWebInvalidRequestError, match="nothing to send"):
        model.invoke(messages)
    assert grok.turns == []


def test_every_turn_of_a_long_thread_uploads_as_much_as_the_one_before(grok, model):
    messages: list[Any] = []
    uploaded = []
    for number in range(25):
        grok.reply(f"Answer {number:3}: {'word ' * 200}")
        messages.append(HumanMessage(f"Question {number:3}: {'why ' * 20}"))
        messages.append(model.invoke(messages))
        uploaded.append(sent_so_far(grok))
    of_each = [after - before for before, after in pairwise(uploaded)]
    assert max(of_each) / min(of_each) < 1.2
    assert len(grok.conversations) == 1


def sent_so_far(grok: GrokEmulator) -> int:
    """Bytes of requests and of the gateway's events, as they came."""
    requests = [[one.path, one.query, dict(one.headers), one.body] for one in grok.requests]
    return len(json.dumps(requests)) + len(json.dumps([one.body for one in grok.events]))
