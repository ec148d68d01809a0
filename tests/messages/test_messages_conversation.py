"""Plans: which answer a turn goes on from, and what is said anew."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_grokweb.messages.conversation import hash_answer, hash_messages, hash_system, plan

ACCOUNT = "acc"


def answer(number: int, since: list[BaseMessage], parent: int | None, system: str | None = None) -> AIMessage:
    """The answer to what was said since the parent's."""
    message = AIMessage(f"answer {number}")
    link = {
        "v": 1,
        "account": ACCOUNT,
        "conversation_id": "c",
        "response_id": f"r{number}",
        "turn_hash": hash_messages(since),
        "self_hash": hash_answer(message),
        "system_hash": hash_system([SystemMessage(system)] if system else []),
    }
    link |= {} if parent is None else {"parent_response_id": f"r{parent}"}
    message.response_metadata["grokweb"] = link
    return message


def thread(turns: int = 3) -> list[BaseMessage]:
    messages: list[BaseMessage] = []
    for number in range(turns):
        question = HumanMessage(f"question {number}")
        messages += [question, answer(number, [question], number - 1 if number else None)]
    return [*messages, HumanMessage("next")]


def outcome(messages: list[BaseMessage], **kwargs: Any) -> tuple[str, str | None, list[str]]:
    found = plan(messages, ACCOUNT, **kwargs)
    parent = found.conversation.parent_response_id if found.conversation else None
    return found.reason, parent, [message.text for message in found.messages]


def everything_but_the_last(messages: list[BaseMessage]) -> list[str]:
    return [message.text for message in messages]


def test_nothing_linked():
    assert outcome([HumanMessage("Hi")]) == ("new", None, ["Hi"])


def test_proven_to_the_root():
    assert outcome(thread()) == ("continued", "r2", ["next"])


def test_ids_names_metadata_and_the_shape_of_content_do_not_count():
    messages = thread()
    messages[0] = HumanMessage(
        [{"type": "text", "text": "question 0"}], id="other", name="Ada", additional_kwargs={"a": 1}
    )
    messages[3].additional_kwargs["reasoning_content"] = "hm"
    messages[3].content = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "answer 1"}]
    assert outcome(messages)[:2] == ("continued", "r2")


def test_an_edited_message_leads_to_the_answer_before_it():
    messages = thread()
    messages[4] = HumanMessage("edited")
    assert outcome(messages) == ("branched", "r1", ["edited", "answer 2", "next"])
    messages = thread()
    messages[3].content = "edited"
    assert outcome(messages) == ("branched", "r0", ["question 1", "edited", "question 2", "answer 2", "next"])


def test_an_edited_beginning_is_told_anew():
    messages = [HumanMessage("edited"), *thread()[1:]]
    assert outcome(messages) == ("replayed", None, everything_but_the_last(messages))


def test_an_inserted_message_counts_as_an_edit():
    messages = thread()
    messages.insert(4, HumanMessage("inserted"))
    assert outcome(messages)[:2] == ("branched", "r1")


def test_the_head_is_gone():
    assert outcome(thread()[2:]) == ("truncated", "r2", ["next"])
    assert outcome(thread()[2:], on_truncated="replay")[:2] == ("replayed", None)
    assert outcome(thread()[3:])[0] == "replayed"  # an answer without its question proves nothing


def test_regenerating_leads_to_the_same_place():
    messages = thread()
    assert outcome(messages[:5])[:2] == outcome(messages[:5])[:2] == ("continued", "r1")


def test_a_history_that_ends_with_an_answer_goes_on_from_before_it():
    assert outcome(thread()[:-1]) == ("continued", "r1", ["question 2", "answer 2"])


@pytest.mark.parametrize(
    "change",
    [
        {"account": "other"},
        {"v": 2},
        {"self_hash": None},
        {"conversation_id": None},
        {"self_hash": "0" * 16},
        {"turn_hash": "x"},
    ],
)
def test_a_link_that_is_not_ours_or_not_whole_is_not_used(change):
    messages = thread(1)
    messages[1].response_metadata["grokweb"].update(change)
    assert outcome(messages)[1] is None


def test_a_forged_loop_of_parents_ends():
    messages = thread()
    messages[1].response_metadata["grokweb"]["parent_response_id"] = "r2"
    assert outcome(messages)[1] in {None, "r2"}


def test_answers_that_name_each_other_as_parents_end():
    first, second = answer(0, [], 1), answer(1, [], 0)
    messages = [first, second, HumanMessage("next")]
    assert outcome(messages)[1] in {None, "r0", "r1"}


def test_the_role_of_a_chat_message_counts():
    question = ChatMessage(role="critic", content="Hm.")
    messages = [question, answer(0, [question], None), HumanMessage("next")]
    assert outcome(messages)[0] == "continued"
    messages[0] = ChatMessage(role="author", content="Hm.")
    assert outcome(messages)[0] == "replayed"


def test_instructions_that_are_gone_are_told_to_be():
    question = HumanMessage("question 0")
    messages = [question, answer(0, [question], None, system="Be brief."), HumanMessage("next")]
    found = plan(messages, ACCOUNT)
    assert found.reason == "continued"
    assert [message.text for message in found.system] == ["The instructions given before no longer apply."]


def test_instructions_are_hashed_apart():
    question = HumanMessage("question 0")
    messages = [question, answer(0, [question], None, system="Be brief."), HumanMessage("next")]
    same = plan([SystemMessage("Be brief."), *messages], ACCOUNT)
    assert (same.reason, same.system) == ("continued", [])
    changed = plan([SystemMessage("Be long."), *messages], ACCOUNT)
    assert (changed.reason, [message.text for message in changed.system]) == ("continued", ["Be long."])
