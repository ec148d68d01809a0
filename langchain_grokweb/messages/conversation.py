"""Which conversation do these messages continue?

The service keeps conversations; their ids travel in the messages, as a link in `response_metadata["grokweb"]`. A link
is believed only as far as it is proven: `self_hash` must be the hash of the message that carries it, `turn_hash` the
hash of the messages that were sent in its turn, and the answer that its turn followed must stand further up and be
proven itself, up to the first turn. So an edited history is never answered from the unedited one: the newest proven
answer is where the turn goes on from, and what stands behind it is said anew.

Hashes are over what was said (role, text, tool calls, attachments), never over ids, names, metadata, reasoning, or
whether content is a string or blocks. System messages stand outside of the chain and are hashed apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, SystemMessage, ToolMessage

from langchain_grokweb.messages.content import attachments, text_of
from langchain_grokweb.wire.turn import ConversationRef

LINK_KEY = "grokweb"
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_NO_LONGER = "The instructions given before no longer apply."
LINK_VERSION = 1

OnTruncated = Literal["continue", "replay"]
Proof = Literal["proven", "truncated", "unproven"]
Reason = Literal["new", "continued", "branched", "truncated", "replayed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and where it follows.

    Attributes:
        conversation: The place to go on from; `None` begins a conversation.
        system: System messages to send: none where the service has them already.
        messages: The other messages to send.
        system_hash: The hash of the instructions in force, sent or not.
        tools_hash: The hash of the tool definitions that the service has; empty where it has none.
        reason: `"new"` nothing was linked; `"continued"`; `"branched"` from an older answer than the newest linked one;
            `"truncated"` continued although the head of the history is gone; `"replayed"` nothing was proven.
    """

    conversation: ConversationRef | None
    system: list[SystemMessage]
    messages: list[BaseMessage]
    system_hash: str
    reason: Reason
    tools_hash: str = ""

    @property
    def turn_hash(self) -> str:
        """The hash of the messages sent."""
        return hash_messages(self.messages)


def fresh(messages: Sequence[BaseMessage], reason: Reason = "new") -> Plan:
    """A new conversation that begins with all of these messages."""
    system, said = _apart(messages)
    return Plan(None, system, said, hash_system(system), reason)


def plan(messages: Sequence[BaseMessage], account: str, *, on_truncated: OnTruncated = "continue") -> Plan:
    """Find the newest proven answer of this account, and what has been said since."""
    system, said = _apart(messages)
    instructions = hash_system(system)
    history = _History(said, account)
    newest = True
    for index in history.linked():
        proof = history.prove(index)
        if proof == "proven" or (proof == "truncated" and on_truncated == "continue"):
            link = history.links[index] or {}
            return Plan(
                conversation=ConversationRef(link["conversation_id"], link["response_id"]),
                system=[] if instructions == link.get("system_hash") else system or [SystemMessage(_NO_LONGER)],
                messages=said[index + 1 :],
                system_hash=instructions,
                reason="truncated" if proof == "truncated" else "continued" if newest else "branched",
                tools_hash=str(link.get("tools_hash") or ""),
            )
        newest = False
    return fresh(messages, "new" if newest else "replayed")


def _apart(messages: Sequence[BaseMessage]) -> tuple[list[SystemMessage], list[BaseMessage]]:
    system = [message for message in messages if isinstance(message, SystemMessage)]
    return system, [message for message in messages if not isinstance(message, SystemMessage)]


class _History:
    """Messages without the system's, and the links among them."""

    def __init__(self, said: list[BaseMessage], account: str) -> None:
        self._said = said
        self._hashes = [_hash(_canonical(message)) for message in said]
        self._proofs: dict[int, Proof] = {}
        self.links = [_link(message, account) for message in said]
        self._place = {link["response_id"]: index for index, link in enumerate(self.links) if link}

    def linked(self) -> list[int]:
        """Where the linked answers stand that something follows, the newest first."""
        return [index for index in range(len(self._said) - 2, -1, -1) if self.links[index]]

    def prove(self, index: int) -> Proof:
        """Whether what the service has up to this answer is what stands here."""
        chain: list[int] = []
        proof: Proof | None = None
        while proof is None:
            if index in self._proofs:
                proof = self._proofs[index]
                break
            chain.append(index)
            proof, index = self._step(index)
        self._proofs.update(dict.fromkeys(chain, proof))
        return proof

    def _step(self, index: int) -> tuple[Proof | None, int]:
        """Prove one turn: a verdict, or the answer before it that is to be proven next."""
        link = self.links[index]
        if link is None or self._hash(index, index + 1) != link["self_hash"]:
            return "unproven", index
        parent = link.get("parent_response_id")
        before = self._place.get(parent) if isinstance(parent, str) else None
        if before is not None and before >= index:
            return "unproven", index
        if self._hash(0 if before is None else before + 1, index) != link["turn_hash"]:
            return "unproven", index
        if before is not None:
            return None, before
        return ("proven" if parent is None else "truncated"), index

    def _hash(self, start: int, end: int) -> str:
        return _hash(self._hashes[start:end])


def _link(message: BaseMessage, account: str) -> dict[str, Any] | None:
    """The link of an answer that can be gone on from."""
    link = message.response_metadata.get(LINK_KEY) if isinstance(message, AIMessage) else None
    needed = ("conversation_id", "response_id", "self_hash", "turn_hash")
    if not isinstance(link, dict) or link.get("v") != LINK_VERSION or link.get("account") != account:
        return None
    if not all(isinstance(link.get(name), str) for name in needed):
        return None
    # They become parts of addresses, and whoever keeps the messages may have changed them.
    return link if all(_ID.fullmatch(link[name]) for name in ("conversation_id", "response_id")) else None


# --- hashes


def hash_messages(messages: Sequence[BaseMessage]) -> str:
    """The hash of what these messages say."""
    return _hash([_hash(_canonical(message)) for message in messages])


def hash_answer(message: BaseMessage) -> str:
    """The hash of an answer: its text and tool calls."""
    return hash_messages([message])


def hash_system(messages: Sequence[SystemMessage]) -> str:
    """The hash of the instructions."""
    return _hash([text_of(message) for message in messages])


def _canonical(message: BaseMessage) -> list[Any]:
    kind = "ai" if isinstance(message, AIMessage) else message.type
    kind = f"{kind} {message.role}" if isinstance(message, ChatMessage) else kind
    calls = [[call["name"], call["args"]] for call in message.tool_calls] if isinstance(message, AIMessage) else []
    answered = [message.tool_call_id, message.status] if isinstance(message, ToolMessage) else []
    return [kind, text_of(message), calls, answered, [found.key for found in attachments(message)]]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
