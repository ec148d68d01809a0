"""Which of the links in a history can be believed.

A link is believed only as far as it is proven: `self_hash` must be the hash of the message that carries it, `turn_hash`
the hash of the messages that were sent in its turn, and the answer that its turn followed must stand further up and be
proven itself, up to the first turn. Where that answer is not there because the history begins behind it, the link is
proven as far as can be seen: the head of the history is gone.

Nothing is hashed before a proof needs it, and nothing twice, so a proof is linear in what it has to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal, Self

from langchain_core.messages import AIMessage, BaseMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import hashes
from langchain_grokweb.wire.conversation_ids import check_id
from langchain_grokweb.wire.turn import ConversationRef

LINK_KEY = "grokweb"
LINK_VERSION = 1

Proof = Literal["proven", "truncated", "unproven"]


@dataclass(frozen=True, slots=True)
class ConversationLink:
    """An answer's place at the service, and what was said there.

    Attributes:
        conversation_id: The conversation.
        response_id: The answer.
        parent_response_id: The answer that its turn followed; `None` for the first turn.
        turn_hash: The hash of the messages that were sent in its turn.
        self_hash: The hash of the answer.
        system_hash: The hash of the instructions in force.
        tools_hash: The hash of the tool definitions that the service had; empty where it had none.
        started: Whether its turn was the first of these messages, though it follows an answer: one that the caller
            named, as for a conversation begun in the browser. What is before that was never among the messages.
        temporary: Whether it was asked in a private chat.
    """

    conversation_id: str
    response_id: str
    parent_response_id: str | None
    turn_hash: str
    self_hash: str
    system_hash: str
    tools_hash: str
    started: bool
    temporary: bool

    @classmethod
    def of(cls, message: BaseMessage, account: str) -> Self | None:
        """The link of an answer that can be gone on from: one of this account, whole and not broken off."""
        found = message.response_metadata.get(LINK_KEY) if isinstance(message, AIMessage) else None
        needed = ("conversation_id", "response_id", "self_hash", "turn_hash")
        if not isinstance(found, dict) or found.get("v") != LINK_VERSION or found.get("account") != account:
            return None
        if found.get("interrupted") or not all(isinstance(found.get(name), str) for name in needed):
            return None
        if not (_is_id(found["conversation_id"]) and _is_id(found["response_id"])):
            return None
        parent = found.get("parent_response_id")
        return cls(
            **{name: found[name] for name in needed},
            parent_response_id=parent if isinstance(parent, str) else None,
            system_hash=str(found.get("system_hash") or ""),
            tools_hash=str(found.get("tools_hash") or ""),
            started=found.get("started") is True,
            temporary=found.get("temporary") is True,
        )

    @property
    def place(self) -> ConversationRef:
        """Where the turn goes that follows the answer."""
        return ConversationRef(self.conversation_id, self.response_id)

    @property
    def start(self) -> ConversationRef | None:
        """The place that the caller had named for its turn, where he did."""
        if not self.started or self.parent_response_id is None:
            return None
        return ConversationRef(self.conversation_id, self.parent_response_id)


def _is_id(text: str) -> bool:
    """Messages may come from anywhere, and an id becomes part of a path."""
    try:
        check_id(text)
    except GrokWebInvalidRequestError:
        return False
    return True


class History:
    """Messages without the system's, and the links among them.

    Args:
        said: The messages.
        account: Whose links count.
        temporary: Whether those of private chats count, or the others: neither is gone on from as if it were the other.
        limit: The length, in characters, behind which a proof looks no further up, and takes the head as gone.
    """

    def __init__(self, said: list[BaseMessage], account: str, *, temporary: bool = False, limit: float = inf) -> None:
        self._said = said
        self._left = limit
        self._hashes: list[str | None] = [None] * len(said)
        self._chains = [hashes.BEGINNING]  # of the first messages, for as many as were needed
        self._proofs: dict[int, Proof] = {}
        self._before: dict[int, int] = {}
        linked = {index: link for index, message in enumerate(said) if (link := ConversationLink.of(message, account))}
        self.links = {index: link for index, link in linked.items() if link.temporary is temporary}
        self._indices: dict[str, list[int]] = {}
        for index, link in self.links.items():
            self._indices.setdefault(link.response_id, []).append(index)

    @property
    def was_answered(self) -> bool:
        """Whether something follows an answer of this package, be its link of use or not."""
        return any(
            isinstance(message, AIMessage) and LINK_KEY in message.response_metadata for message in self._said[:-1]
        )

    def candidates(self) -> list[int]:
        """Where the linked answers stand that something follows, the newest first."""
        return [index for index in reversed(self.links) if index < len(self._said) - 1]

    def start(self, conversation_id: str | None) -> ConversationRef | None:
        """The place that the caller had named for the first turn, or for the first in this conversation."""
        first = next((link for link in self.links.values() if conversation_id in {None, link.conversation_id}), None)
        return first.start if first else None

    def prove(self, index: int) -> Proof:
        """Whether what the service has up to this answer is what stands here."""
        chain: list[int] = []
        step: Proof | int = index
        while isinstance(step, int):
            if step in self._proofs:
                step = self._proofs[step]
            elif chain and self._left <= 0:
                step = "truncated"
            else:
                chain.append(step)
                step = self._step(step)
        self._proofs.update(dict.fromkeys(chain, step))
        return step

    def hash_from(self, index: int) -> str:
        """The hash of a turn that says all messages from this one on."""
        return hashes.turn([self._hash(place) for place in range(index, len(self._said))])

    def follows(self, index: int, response_id: str) -> bool:
        """Whether a proven answer stands behind this one at the service, as far as can be seen."""
        while True:
            link = self.links[index]
            if response_id in {link.response_id, link.parent_response_id}:
                return True
            if index not in self._before:
                return self._proofs[index] == "truncated"
            index = self._before[index]

    def _step(self, index: int) -> Proof | int:
        """Prove one turn: a verdict, or the answer before it that is to be proven next."""
        link = self.links[index]
        if not hashes.is_of(link.self_hash, self._chain(index, index + 1)):
            return "unproven"
        # An answer that was copied stands in more than one place.
        for before in reversed(self._indices.get(link.parent_response_id or "", ())):
            if before < index and hashes.is_of(link.turn_hash, self._chain(before + 1, index)):
                self._before[index] = before
                return before
        if hashes.is_of(link.turn_hash, self._chain(0, index)):
            return "proven" if link.parent_response_id is None or link.started else "truncated"
        return "truncated" if hashes.ends_with(link.turn_hash, index, self._hash) else "unproven"

    def _chain(self, start: int, end: int) -> str:
        if start:
            return hashes.chain(hashes.BEGINNING, map(self._hash, range(start, end)))
        while len(self._chains) <= end:
            self._chains.append(hashes.chain(self._chains[-1], [self._hash(len(self._chains) - 1)]))
        return self._chains[end]

    def _hash(self, index: int) -> str:
        found = self._hashes[index]
        if found is None:
            said = hashes.said(self._said[index])
            self._left -= len(said)
            found = self._hashes[index] = hashes.digest(said)
        return found
