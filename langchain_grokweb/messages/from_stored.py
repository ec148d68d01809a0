"""A conversation that the service keeps becomes messages to go on from.

Answers go through the same `Answer` that makes messages of a stream. A link must hold exactly what `conversation.plan`
will find: its turn is all that stands between the last answer that can be gone on from and this one. So two questions
in a row, and an answer that broke off, are part of the turn of the next whole answer, as they are at the service; they
get no link of their own to go on from. An answer without anything in it leaves no message.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_grokweb.messages.accumulator import Answer, RequestInfo
from langchain_grokweb.messages.planner import LINK_KEY, Plan, hash_messages, hash_system
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.stored import StoredResponse
from langchain_grokweb.wire.turn import ConversationRef


def to_messages(
    conversation_id: str,
    path: Sequence[StoredResponse],
    account: str,
    *,
    temporary: bool = False,
    image_markdown: bool = False,
) -> list[BaseMessage]:
    """The responses of a path as messages.

    Args:
        conversation_id: Where they stand.
        path: From the root down; where it begins with a response that follows another, the head of it is missing.
        account: Whose conversation it is (`GrokCredentials.account`).
        temporary: Whether it is a private chat.
        image_markdown: Append pictures' addresses to the texts.
    """
    messages: list[BaseMessage] = []
    turn: list[BaseMessage] = []  # since the last answer that can be gone on from
    place = path[0].parent_id if path else None
    for response in path:
        if response.sender == "human":
            turn.append(HumanMessage(response.text))
        elif response.says_something:
            before = None if place is None else ConversationRef(conversation_id, place)
            plan = Plan(before, [], turn, hash_messages(turn), hash_system([]), "continued")
            asked = RequestInfo(
                model=response.model, mode="", account=account, plan=plan, transport="", temporary=temporary
            )
            answer = Answer(asked, image_markdown=image_markdown)
            turn = [*turn, _message(answer, conversation_id, response)]
            if response.is_whole:
                messages += turn
                turn, place = [], response.id
    return messages + turn


def _message(answer: Answer, conversation_id: str, response: StoredResponse) -> AIMessage:
    said = [event for event in response.events if not isinstance(event, ev.TurnFailed)]
    answer.feed([ev.ConversationOpened(conversation_id), ev.AnswerStarted(response.id), *said])
    if response.is_whole:
        answer.finish()
    message = answer.message() if response.is_whole else answer.partial()
    found = message.response_metadata
    link = {key: value for key, value in found[LINK_KEY].items() if value != ""}  # the mode and the wire are unknown
    known = {key: value for key, value in found.items() if value != ""}
    message.response_metadata = {**known, LINK_KEY: link}
    return message
