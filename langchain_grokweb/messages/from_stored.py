"""A conversation that the service keeps becomes messages that can be continued.

Answers go through the same `Answer` that makes messages of a stream. A link must hold exactly what `planner.plan` will
look for: its turn is all that stands between the last answer that can be continued and this one. So two questions in a
row, and an answer that broke off, are part of the turn of the next whole answer, as they are at the service; they get
no link of their own. An answer without anything in it leaves no message. The files of a question are named beside its
text and are no part of it, since their content is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_grokweb.messages.accumulator import Answer
from langchain_grokweb.messages.planner import LINK_KEY, Plan, RequestInfo, hash_messages, hash_system
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
        path: From the root down; what the first one follows is no response of the conversation (rest.md 8.4).
        account: Whose conversation it is (`GrokCredentials.account`).
        temporary: Whether it is a private chat.
        image_markdown: Append pictures' addresses to the texts.
    """
    messages: list[BaseMessage] = []
    turn: list[BaseMessage] = []  # since the last answer that can be continued
    place: str | None = None
    for response in path:
        if response.sender == "human":
            files = [{key: value for key, value in asdict(file).items() if value} for file in response.attachments]
            turn.append(HumanMessage(response.text, additional_kwargs={"files": files} if files else {}))
        elif response.says_something:
            ref = None if place is None else ConversationRef(conversation_id, place)
            plan = Plan(ref, [], turn, hash_messages(turn), hash_system([]), "continued")
            request = RequestInfo(
                model=response.model, mode="", account=account, plan=plan, transport="", temporary=temporary
            )
            answer = Answer(request, image_markdown=image_markdown)
            turn = [*turn, _message(answer, conversation_id, response)]
            if response.is_whole:
                messages += turn
                turn, place = [], response.id
    return messages + turn


def _message(answer: Answer, conversation_id: str, response: StoredResponse) -> AIMessage:
    answer.feed([ev.ConversationOpened(conversation_id), ev.AnswerStarted(response.id), *response.events])
    if response.is_whole:
        answer.finish()
    message = answer.message() if response.is_whole else answer.partial()
    # The mode and the wire are unknown.
    metadata = {key: value for key, value in message.response_metadata.items() if value != ""}
    metadata[LINK_KEY] = {key: value for key, value in metadata[LINK_KEY].items() if value != ""}
    message.response_metadata = metadata
    return message
