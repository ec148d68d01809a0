"""Histories, and where a turn that follows them goes: one table for the plan alone and for the real thing.

A case builds its history with `ask`, which answers "answer 0", "answer 1" and so on, and links each answer. The last
message of what it builds is what is to be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    convert_to_openai_messages,
    merge_message_runs,
    messages_from_dict,
    messages_to_dict,
    trim_messages,
)

from langchain_grokweb.messages.prompt_format import SYSTEM_REVOKED

Messages = list[BaseMessage]
NEXT = HumanMessage("next question")
CALL = {"name": "get_weather", "args": {"city": "Oslo"}}


class Ask(Protocol):
    """Have messages answered."""

    def __call__(self, messages: Sequence[BaseMessage], call: Mapping[str, Any] | None = None) -> AIMessage: ...


@dataclass(frozen=True, kw_only=True)
class Case:
    """A history and its plan.

    Attributes:
        build: Makes the history.
        reason: What the plan says.
        parent: The answer that the turn follows, by its number; `None` for a new conversation.
        sent: The texts of the messages that are sent.
        system: The texts of the instructions that are sent.
        settings: Fields of the model.
    """

    build: Callable[[Ask], Messages]
    reason: str
    parent: int | None
    sent: list[str]
    system: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def case(reason: str, parent: int | None, *sent: str, system: Sequence[str] = (), **settings: Any) -> Any:
    """The plan of the history that the decorated function builds; the question that comes next is always sent."""

    def register(build: Callable[[Ask], Messages]) -> Callable[[Ask], Messages]:
        CASES[build.__name__] = Case(
            build=build, reason=reason, parent=parent, sent=list(sent), system=list(system), settings=settings
        )
        return build

    return register


def q(number: int) -> HumanMessage:
    return HumanMessage(f"question {number}")


def say(ask: Ask, messages: Messages, *more: BaseMessage, call: Mapping[str, Any] | None = None) -> Messages:
    """A history that grows by these messages and the answer to them."""
    asked = [*messages, *more]
    return [*asked, ask(asked, call)]


def thread(ask: Ask, turns: int = 3) -> Messages:
    messages: Messages = []
    for number in range(turns):
        messages = say(ask, messages, q(number))
    return messages


def edited(message: BaseMessage, text: str) -> BaseMessage:
    """As a person edits it: all that it carries stays."""
    return message.model_copy(update={"content": text})


def edited_name(message: BaseMessage, name: str) -> BaseMessage:
    return message.model_copy(update={"name": name})


# --- as they were


@case("new", None, "next question")
def nothing_is_linked(ask):
    return [NEXT]


@case("continued", 0, "next question")
def one_turn(ask):
    return [*thread(ask, 1), NEXT]


@case("continued", 2, "next question")
def several_turns(ask):
    return [*thread(ask), NEXT]


@case("continued", 2, "next question")
def ids_and_metadata_are_others(ask):
    messages = [message.model_copy(update={"id": "x"}) for message in thread(ask)]
    messages[3].additional_kwargs["reasoning_content"] = "hm"
    return [*messages, NEXT]


@case("continued", 2, "next question")
def answers_get_a_name(ask):
    return [edited_name(message, "agent") if message.type == "ai" else message for message in thread(ask)] + [NEXT]


@case("branched", 0, "question 1", "answer 1", "question 2", "answer 2", "next question")
def the_name_of_a_message_is_another(ask):
    messages = thread(ask)
    messages[2] = edited_name(messages[2], "Ada")
    return [*messages, NEXT]


@case("continued", 1, "next question")
def messages_have_names(ask):
    return [*say(ask, say(ask, [], HumanMessage("Hi", name="Ada")), HumanMessage("Ho", name="Bob")), NEXT]


@case("continued", 2, "next question")
def content_is_blocks(ask):
    messages = thread(ask)
    messages[0] = HumanMessage([{"type": "text", "text": "question 0"}])
    messages[3] = edited(messages[3], [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "answer 1"}])
    return [*messages, NEXT]


@case("continued", 2, "next question")
def through_a_store(ask):
    return messages_from_dict(messages_to_dict([*thread(ask), NEXT]))


@case("continued", 2, "next question")
def answers_are_chunks_that_were_added_up(ask):
    messages = [
        AIMessageChunk(message.content, response_metadata=message.response_metadata)
        if message.type == "ai"
        else message
        for message in thread(ask)
    ]
    return [*messages, NEXT]


@case("continued", 0, "question 1")
def the_last_answer_is_given_again(ask):
    return thread(ask, 2)[:3]


@case("continued", 0, "next question")
def a_fork_from_an_older_answer(ask):
    return [*thread(ask)[:2], NEXT]


@case("continued", 1, "question 2", "answer 2")
def an_answer_is_the_last(ask):
    return thread(ask)


@case("continued", 0, "question 1", "more of it", "next question")
def several_questions_at_once(ask):
    return [*thread(ask, 1), q(1), HumanMessage("more of it"), NEXT]


@case("continued", 1, "next question")
def an_answer_that_stands_twice(ask):
    copied = say(ask, [], q(0)) * 2
    return [*say(ask, copied, q(1)), NEXT]


# --- edited


@case("replayed", None, "edited", "answer 0", "question 1", "answer 1", "next question")
def the_first_question_is_edited(ask):
    messages = thread(ask, 2)
    return [HumanMessage("edited"), *messages[1:], NEXT]


@case("replayed", None, "question 0", "edited", "question 1", "answer 1", "next question")
def the_first_answer_is_edited(ask):
    messages = thread(ask, 2)
    return [messages[0], edited(messages[1], "edited"), *messages[2:], NEXT]


@case("branched", 0, "edited", "answer 1", "question 2", "answer 2", "next question")
def a_question_in_the_middle_is_edited(ask):
    messages = thread(ask)
    messages[2] = HumanMessage("edited")
    return [*messages, NEXT]


@case("branched", 1, "edited", "answer 2", "next question")
def the_last_question_is_edited(ask):
    messages = thread(ask)
    return [*messages[:4], HumanMessage("edited"), messages[5], NEXT]


@case("branched", 1, "question 2", "edited", "next question")
def the_last_answer_is_edited(ask):
    messages = thread(ask)
    return [*messages[:5], edited(messages[5], "edited"), NEXT]


@case("branched", 0, "question 1", "added", "answer 1", "next question")
def a_message_is_added_in_between(ask):
    messages = thread(ask, 2)
    messages.insert(3, HumanMessage("added"))
    return [*messages, NEXT]


@case("branched", 0, "answer 1", "next question")
def a_question_is_removed(ask):
    messages = thread(ask, 2)
    return [*messages[:2], messages[3], NEXT]


@case("branched", 0, "question 1", "question 2", "answer 2", "next question")
def an_answer_is_removed(ask):
    messages = thread(ask)
    return [*messages[:3], *messages[4:], NEXT]


@case("branched", 0, "question 2", "answer 2", "next question")
def a_whole_turn_is_removed(ask):
    messages = thread(ask)
    return [*messages[:2], *messages[4:], NEXT]


@case("replayed", None, "question 0", "answer 1", "question 1", "answer 0", "next question")
def answers_are_exchanged(ask):
    first, one, second, two = thread(ask, 2)
    return [first, two, second, one, NEXT]


@case("replayed", None, "Hm.", "answer 0", "next question")
def the_role_of_a_message_is_another(ask):
    messages = say(ask, [], ChatMessage(role="critic", content="Hm."))
    return [ChatMessage(role="author", content="Hm."), messages[1], NEXT]


@case("replayed", None, "question 0\nquestion 1", "answer 1", "next question")
def questions_are_merged(ask):
    messages = thread(ask, 2)
    return [*merge_message_runs([messages[0], *messages[2:]]), NEXT]


@case("replayed", None, "question 0", "answer 0\nanswer 1", "next question")
def answers_are_merged(ask):
    messages = thread(ask, 2)
    return [*merge_message_runs([*messages[:2], messages[3]]), NEXT]


@case("branched", 1, "answer 2", "next question")
def two_answers_to_one_question(ask):
    messages = thread(ask, 2)
    return [*messages, ask(messages[:3]), NEXT]


# --- the head is gone


@case("truncated", 2, "next question")
def the_first_turn_is_gone(ask):
    return [*thread(ask)[2:], NEXT]


@case("truncated", 2, "next question")
def all_but_the_last_answer_is_gone(ask):
    return [*thread(ask)[5:], NEXT]


@case("truncated", 2, "next question")
def trimmed_to_the_last_messages(ask):
    return trim_messages([*thread(ask), NEXT], max_tokens=4, token_counter=len, strategy="last")


@case("truncated", 1, "next question")
def the_beginning_of_the_first_turn_is_gone(ask):
    messages = say(ask, [], q(0), HumanMessage("more of it"), HumanMessage("and more"))
    return [*say(ask, messages, q(1))[2:], NEXT]


@case("truncated", 2, "next question")
def the_beginning_of_a_later_turn_is_gone(ask):
    messages = say(ask, thread(ask, 1), q(1), HumanMessage("more of it"))
    return [*say(ask, messages, q(2))[3:], NEXT]


@case("replayed", None, "edited", "answer 0", "question 1", "answer 1", "next question")
def the_beginning_of_a_turn_is_gone_and_the_rest_edited(ask):
    messages = say(ask, [], q(0), HumanMessage("more of it"))
    return [HumanMessage("edited"), *say(ask, messages, q(1))[2:], NEXT]


@case("truncated", 1, "edited", "answer 2", "next question")
def the_head_is_gone_and_a_question_edited(ask):
    messages = thread(ask)
    return [*messages[2:4], HumanMessage("edited"), messages[5], NEXT]


@case("replayed", None, "question 1", "answer 1", "next question", on_truncated="replay")
def the_head_is_gone_and_is_to_be_told(ask):
    return [*thread(ask, 2)[2:], NEXT]


@case("continued", 3, "next question", on_truncated="replay")
def a_window_that_was_told_anew(ask):
    return [*say(ask, thread(ask)[2:], q(3)), NEXT]


@case("replayed", None, "summary", "question 2", "answer 2", "next question")
def the_head_is_summarised(ask):
    return [HumanMessage("summary"), *thread(ask)[4:], NEXT]


@case("continued", 4, "next question")
def turns_after_a_summary(ask):
    messages = say(ask, [HumanMessage("summary"), *thread(ask)[4:]], q(3))
    return [*say(ask, messages, q(4)), NEXT]


@case("truncated", 3, "next question")
def trimmed_within_what_was_told_anew(ask):
    messages = say(ask, [HumanMessage("summary"), *thread(ask)[4:]], q(3))
    return [*messages[2:], NEXT]


# --- others


@case("continued", 0, "question 1", "from elsewhere", "next question")
def another_model_in_between(ask):
    return [*thread(ask, 1), q(1), AIMessage("from elsewhere"), NEXT]


@case("new", None, "question 0", "from elsewhere", "next question")
def only_another_model(ask):
    return [q(0), AIMessage("from elsewhere", response_metadata={"model_provider": "other"}), NEXT]


@case("continued", 0, "next question")
def another_model_before(ask):
    return [*say(ask, [q(0), AIMessage("from elsewhere")], q(1)), NEXT]


@case("replayed", None, "question 0", "answer 0", "next question")
def another_accounts_conversation(ask):
    messages = thread(ask, 1)
    messages[1].response_metadata["grokweb"]["account"] = "somebody"
    return [*messages, NEXT]


@case("continued", 0, "question 1", "answer 1", "next question")
def another_account_in_between(ask):
    messages = thread(ask, 2)
    messages[3].response_metadata["grokweb"]["account"] = "somebody"
    return [*messages, NEXT]


@case("new", None, "question 0", "answer 0", "next question")
def metadata_is_lost(ask):
    return convert_to_messages(convert_to_openai_messages([*thread(ask, 1), NEXT]))


@case("continued", 0, "question 1", "answer 1", "next question")
def metadata_of_one_answer_is_lost(ask):
    messages = thread(ask, 2)
    return [*messages[:3], AIMessage(messages[3].text), NEXT]


@case("continued", 0, "question 1", "answer 1", "next question")
def an_answer_broke_off(ask):
    messages = thread(ask, 2)
    messages[3].response_metadata["grokweb"]["interrupted"] = True
    return [*messages, NEXT]


@case("continued", 1, "next question", conversation="strict")
def strict_with_a_whole_history(ask):
    return [*thread(ask, 2), NEXT]


@case("truncated", 2, "next question", conversation="strict")
def strict_with_the_head_gone(ask):
    return [*thread(ask)[2:], NEXT]


# --- instructions


@case("continued", 1, "next question")
def the_same_instructions(ask):
    messages = say(ask, [SystemMessage("Be brief.")], q(0))
    return [*say(ask, messages, q(1)), NEXT]


@case("continued", 0, "next question", system=["Be long."])
def other_instructions(ask):
    messages = say(ask, [SystemMessage("Be brief.")], q(0))
    return [SystemMessage("Be long."), *messages[1:], NEXT]


@case("continued", 0, "next question", system=["Be brief."])
def instructions_that_come_late(ask):
    return [*thread(ask, 1), SystemMessage("Be brief."), NEXT]


@case("continued", 0, "next question", system=[SYSTEM_REVOKED])
def instructions_that_are_gone(ask):
    return [*say(ask, [SystemMessage("Be brief.")], q(0))[1:], NEXT]


@case("truncated", 1, "next question")
def instructions_kept_where_the_head_is_gone(ask):
    messages = say(ask, [SystemMessage("Be brief.")], q(0))
    return [messages[0], *say(ask, messages, q(1))[3:], NEXT]


@case("continued", 0, "next question")
def instructions_alone_were_answered(ask):
    return [*say(ask, [], SystemMessage("Say hello.")), NEXT]


@case("replayed", None, "edited", "answer 0", "next question", system=["Be brief."])
def told_anew_with_instructions(ask):
    messages = say(ask, [SystemMessage("Be brief.")], q(0))
    return [messages[0], HumanMessage("edited"), messages[2], NEXT]


# --- tools


def called(ask: Ask, result: str = "sunny") -> Messages:
    """A question, a call, and its result."""
    messages = say(ask, [], q(0), call=CALL)
    return [*messages, ToolMessage(result, tool_call_id=messages[-1].tool_calls[0]["id"], name="get_weather")]


@case("continued", 0, "sunny")
def the_result_of_a_call(ask):
    return called(ask)


@case("continued", 1, "next question")
def a_turn_after_a_result(ask):
    return [*say(ask, called(ask)), NEXT]


@case("branched", 0, "edited", "answer 1", "next question")
def a_result_is_edited(ask):
    messages = say(ask, called(ask))
    messages[2] = edited(messages[2], "edited")
    return [*messages, NEXT]


@case("replayed", None, "question 0", "answer 0", "rainy")
def a_call_is_edited(ask):
    messages = called(ask, "rainy")
    calls = [{**messages[1].tool_calls[0], "args": {"city": "Rome"}}]
    messages[1] = messages[1].model_copy(update={"tool_calls": calls})
    return messages


@case("branched", 0, "question 1", "answer 1", "rainy")
def a_later_call_is_edited(ask):
    messages = say(ask, thread(ask, 1), q(1), call=CALL)
    call = {**messages[-1].tool_calls[0], "args": {"city": "Rome"}}
    messages[-1] = messages[-1].model_copy(update={"tool_calls": [call]})
    return [*messages, ToolMessage("rainy", tool_call_id=call["id"])]


@case("continued", 0, "next question")
def a_call_without_a_result(ask):
    return [*say(ask, [], q(0), call=CALL), NEXT]


@case("truncated", 1, "next question")
def one_of_two_results_is_left(ask):
    messages = say(ask, [], q(0), call=CALL)
    results = [ToolMessage(text, tool_call_id="call_1") for text in ("sunny", "warm")]
    return [*say(ask, messages, *results)[3:], NEXT]
