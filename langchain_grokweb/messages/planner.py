"""Which conversation do these messages continue?

The service keeps conversations; their ids travel in the messages, as a link in `response_metadata["grokweb"]`. A link
is believed only as far as it is proven (`messages.history`). So an edited history is never answered from the unedited
one: the turn continues the newest proven answer, and what comes after that is sent again.

A caller may name a place of his own, as of a conversation begun in the browser. The messages are then what is new
there, unless answers among them come from that very conversation: the newest proven of these is continued, so that a
chain which names the same place in every turn does not start there again and again.

System messages stand outside of the chain and are hashed apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal, Self

from langchain_core.messages import BaseMessage, RemoveMessage, SystemMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import prompt_format
from langchain_grokweb.messages.history import (
    LINK_KEY,
    LINK_VERSION,
    ConversationLink,
    History,
    hash_answer,
    hash_messages,
    hash_system,
    hash_text,
)
from langchain_grokweb.wire.conversation_ids import check_id, parse_conversation
from langchain_grokweb.wire.turn import ConversationRef

__all__ = [
    "LINK_KEY",
    "LINK_VERSION",
    "OnTruncated",
    "Plan",
    "Reason",
    "RequestInfo",
    "Start",
    "fresh",
    "hash_answer",
    "hash_messages",
    "hash_system",
    "hash_text",
    "plan",
]

CHECKED_CHARACTERS = 4_000_000

OnTruncated = Literal["continue", "replay"]
Reason = Literal["new", "continued", "branched", "truncated", "replayed", "started"]


@dataclass(frozen=True, slots=True)
class Start:
    """A place that the caller names.

    Attributes:
        conversation_id: The conversation.
        response_id: The answer to continue; `None` for the newest one.
    """

    conversation_id: str
    response_id: str | None = None

    @classmethod
    def named(cls, conversation: Any, response: Any = None) -> Self | None:
        """The place of this id or address, and of this answer in it.

        Raises:
            GrokWebInvalidRequestError: It is none, or an answer of no conversation.
        """
        if not conversation and not response:
            return None
        if not conversation:
            raise GrokWebInvalidRequestError(
                "`parent_response_id=` names an answer, but no conversation is named.",
                next_step="Pass `conversation_id=` too.",
            )
        conversation_id, response_id = parse_conversation(conversation)
        return cls(conversation_id, check_id(response) if response else response_id)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and where it follows.

    Attributes:
        conversation: The place to continue; `None` begins a conversation.
        system: System messages to send: none where the service has them already.
        messages: The other messages to send.
        turn_hash: Their hash.
        system_hash: The hash of the instructions in force, sent or not.
        reason: `"new"` nothing was answered here; `"continued"`; `"branched"` from an older answer than the newest
            linked one; `"truncated"` continued although the head of the history is gone; `"replayed"` nothing was
            proven; `"started"` at the place that the caller named.
        tools_hash: Of the tool definitions that the service has (`OutputSpec.tools_hash`); empty where it has none.
        tools_salt: What the mark of calls is made with there; empty where there is none.
        started: Whether the place is the caller's, and these are the first messages there.
    """

    conversation: ConversationRef | None
    system: list[SystemMessage]
    messages: list[BaseMessage]
    turn_hash: str
    system_hash: str
    reason: Reason
    tools_hash: str = ""
    tools_salt: str = ""
    started: bool = False

    def starting_at(self, place: ConversationRef) -> Plan:
        """The same messages, at a place that the caller named."""
        return replace(self, conversation=place, reason="started", started=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """What an answer must know of its question to carry a link.

    Attributes:
        model: The name that was asked for.
        mode: The site's mode it stands for.
        account: Whose account it is (`GrokCredentials.account`).
        plan: What was sent, and what it follows.
        transport: The wire that was used.
        temporary: Whether a private chat was asked for.
    """

    model: str
    mode: str
    account: str
    plan: Plan
    transport: str
    temporary: bool = False

    def link(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The place of an answer in its conversation, with what its events say of it."""
        ref = self.plan.conversation
        place: dict[str, str] = {}
        if ref is not None:
            place = {"conversation_id": ref.conversation_id, "parent_response_id": ref.parent_response_id}
        return {
            "v": LINK_VERSION,
            "account": self.account,
            **place,
            "mode": self.mode,
            "transport": self.transport,
            **({"temporary": True} if self.temporary else {}),
            **answer,
        }


def fresh(messages: Sequence[BaseMessage], reason: Reason = "new") -> Plan:
    """A new conversation that begins with all of these messages."""
    system, others = _apart(messages)
    return Plan(None, system, others, hash_messages(others), hash_system(system), reason)


def plan(
    messages: Sequence[BaseMessage],
    account: str,
    *,
    on_truncated: OnTruncated = "continue",
    temporary: bool = False,
    whole: bool = False,
    start: Start | None = None,
) -> Plan:
    """Find the newest proven answer of this account, and what came after it.

    Args:
        messages: The history, and what is to be answered.
        account: Whose conversations count.
        on_truncated: What to do where the head of the history is gone; in a conversation that is named it goes on.
        temporary: Whether a private chat is asked for: then only such are continued, and else only others.
        whole: Check even a very long history up to its beginning. It is by default where a history without its head is
            not continued; else all but the newest four million characters count as gone.
        start: The place that the caller names: only answers after it count. A plan without a conversation then
            means that nothing of the messages is there yet.
    """
    system, others = _apart(messages)
    usable = {"proven", "truncated"} if start or on_truncated == "continue" else {"proven"}
    limit = inf if whole or on_truncated == "replay" else CHECKED_CHARACTERS
    history = History(others, account, temporary=temporary, limit=limit)
    newest = True
    for index in history.candidates():
        link = history.links[index]
        if start and start.conversation_id != link.conversation_id:
            continue
        proof = history.prove(index)
        if proof in usable and (start is None or _is_after(history, index, start)):
            reason: Reason = "truncated" if proof == "truncated" else "continued" if newest else "branched"
            to_send, system_hash = _instructions(system, link)
            turn_hash = history.hash_from(index + 1)
            return Plan(
                link.place,
                to_send,
                others[index + 1 :],
                turn_hash,
                system_hash,
                reason,
                link.tools_hash,
                link.tools_salt,
            )
        newest = False
    return _from_the_first(history, others, system, start)


def _is_after(history: History, index: int, start: Start) -> bool:
    return start.response_id is None or history.follows(index, start.response_id)


def _instructions(system: list[SystemMessage], link: ConversationLink) -> tuple[list[SystemMessage], str]:
    """Those to send after this answer, and the hash of all."""
    system_hash = hash_system(system)
    return [] if system_hash == link.system_hash else system or [
        SystemMessage(prompt_format.SYSTEM_REVOKED)
    ], system_hash


def _from_the_first(
    history: History, messages: list[BaseMessage], system: list[SystemMessage], start: Start | None
) -> Plan:
    """All of the messages: where the caller had them start, or in a new conversation."""
    reason: Reason = "replayed" if history.was_answered else "new"
    whole = Plan(None, system, messages, history.hash_from(0), hash_system(system), reason)
    place = history.start(start.conversation_id if start else None)
    if place is None or (start and start.response_id not in {None, place.parent_response_id}):
        return whole
    return replace(whole.starting_at(place), reason="branched")


def _apart(messages: Sequence[BaseMessage]) -> tuple[list[SystemMessage], list[BaseMessage]]:
    """The system's messages, and the others.

    Raises:
        GrokWebInvalidRequestError: One is no message, but an order to remove one.
    """
    if any(isinstance(message, RemoveMessage) for message in messages):
        raise GrokWebInvalidRequestError(
            "The messages contain a `RemoveMessage`, which is an order to a LangGraph state.",
            next_step="Leave it out, or let LangGraph's `add_messages` carry it out before the call.",
        )
    system = [message for message in messages if isinstance(message, SystemMessage)]
    return system, [message for message in messages if not isinstance(message, SystemMessage)]
