"""A conversation goes on at the service, as far as the messages prove it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from paths import PATHS

from langchain_grokweb import GrokWebConversationNotFoundError, GrokWebInvalidRequestError


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


def test_a_link_survives_what_checkpointers_do(grok, model):
    messages = messages_from_dict(messages_to_dict(talk(model, "one", "two")))
    model.invoke([*messages, HumanMessage("three")])
    assert grok.turns[2].prompt == "three"
    assert grok.turns[2].parent_response_id == grok.turns[1].response_id


def test_asking_again_gives_a_sibling_not_a_duplicate(grok, model):
    messages = [*talk(model, "one"), HumanMessage("two")]
    for _ in range(3):
        model.invoke(messages)
    siblings = grok.turns[1:]
    assert {turn.parent_response_id for turn in siblings} == {grok.turns[0].response_id}
    assert len({turn.response_id for turn in siblings}) == 3


async def test_siblings_at_the_same_time_do_not_cancel_each_other(grok, model):
    messages = [*talk(model, "one"), HumanMessage("two")]
    answers = await model.abatch([messages] * 8)
    assert all(answer.text for answer in answers)
    assert {turn.status for turn in grok.turns} == {"finished"}


def test_an_edited_question_is_never_answered_from_the_old_one(grok, model):
    messages = talk(model, "My name is Ada.", "Hello")
    messages[0] = HumanMessage("My name is Bob.")
    answer = model.invoke([*messages, HumanMessage("What is my name?")])
    assert grok.turns[-1].parent_response_id is None
    assert "My name is Bob." in grok.turns[-1].prompt
    assert link(answer)["conversation_id"] != link(messages[1])["conversation_id"]


def test_an_edited_answer_branches_from_the_one_before(grok, model):
    messages = talk(model, "First question", "two")
    messages[3] = AIMessage("edited", response_metadata=messages[3].response_metadata)
    model.invoke([*messages, HumanMessage("three")])
    assert grok.turns[-1].parent_response_id == grok.turns[0].response_id
    assert "edited" in grok.turns[-1].prompt
    assert "First question" not in grok.turns[-1].prompt


@pytest.mark.parametrize("on_truncated", ["continue", "replay"])
def test_a_history_whose_head_is_gone(grok, make_model, on_truncated):
    model = make_model(on_truncated=on_truncated)
    messages = talk(model, "one", "two")[2:]
    model.invoke([*messages, HumanMessage("three")])
    expected = grok.turns[1].response_id if on_truncated == "continue" else None
    assert grok.turns[-1].parent_response_id == expected


def test_another_models_answer_in_between_is_told(grok, model):
    messages = [*talk(model, "First question"), HumanMessage("two"), AIMessage("from elsewhere"), HumanMessage("three")]
    model.invoke(messages)
    turn = grok.turns[-1]
    assert turn.parent_response_id == grok.turns[0].response_id
    assert all(said in turn.prompt for said in ("two", "from elsewhere", "three"))
    assert "First question" not in turn.prompt


def test_another_accounts_conversation_is_not_touched(grok, make_model):
    messages = talk(make_model(), "one")
    messages[1].response_metadata["grokweb"]["account"] = "somebody"
    make_model().invoke([*messages, HumanMessage("two")])
    assert grok.turns[-1].parent_response_id is None
    assert "one" in grok.turns[-1].prompt


def test_instructions_go_up_once_and_again_when_they_change(grok, model):
    messages: list[Any] = [SystemMessage("Be brief."), HumanMessage("one")]
    messages.append(model.invoke(messages))
    messages.append(HumanMessage("two"))
    messages.append(model.invoke(messages))
    messages[0] = SystemMessage("Be long.")
    messages.append(HumanMessage("three"))
    model.invoke(messages)
    first, second, third = (turn.prompt for turn in grok.turns)
    assert "Be brief." in first
    assert second == "two"
    assert "Be long." in third
    assert third.index("Be long.") < third.index("three")
    assert len({turn.conversation_id for turn in grok.turns}) == 1


def test_a_conversation_that_is_gone_is_told_anew_once(grok, make_model):
    messages = talk(make_model(), "My name is Ada.")
    grok.reset()
    answer = make_model().invoke([*messages, HumanMessage("What is my name?")])
    assert grok.turns[-1].parent_response_id is None
    assert "My name is Ada." in grok.turns[-1].prompt
    assert link(answer)["conversation_id"] != link(messages[1])["conversation_id"]


def test_strict_raises_where_auto_would_tell_anew(grok, make_model):
    model = make_model(conversation="strict")
    messages = talk(model, "one", "two")
    with pytest.raises(GrokWebConversationNotFoundError, match="do not prove"):
        model.invoke([HumanMessage("edited"), *messages[1:], HumanMessage("three")])
    grok.reset()
    with pytest.raises(GrokWebConversationNotFoundError):
        model.invoke([*messages, HumanMessage("three")])


def test_stateless_asks_in_fresh_temporary_chats(grok, make_model):
    model = make_model(conversation="stateless")
    messages = talk(model, "one")
    model.invoke([*messages, HumanMessage("two")])
    assert all(turn.temporary for turn in grok.turns)
    assert grok.turns[0].conversation_id != grok.turns[1].conversation_id
    assert "one" in grok.turns[1].prompt


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


@pytest.mark.parametrize(
    "messages", [[HumanMessage("")], [HumanMessage("  \n")], [AIMessage("")], [SystemMessage(" ")]]
)
def test_nothing_to_say_is_refused(grok, model, messages):
    with pytest.raises(GrokWebInvalidRequestError, match="nothing to send"):
        model.invoke(messages)
    assert grok.turns == []


@pytest.mark.parametrize("name", ["conversation_id", "parent_response_id"])
def test_ids_in_a_call_are_refused_rather_than_ignored(model, name):
    with pytest.raises(GrokWebInvalidRequestError, match=r"has no `"):
        model.invoke("Hi", **{name: "x"})
