"""Which of the links in a history can be believed, and the hashes that prove them.

Hashes are over what messages say (role, name, text, tool calls, attachments with their names, types and places), never
over ids, metadata, reasoning, or whether content is a string or blocks. An answer's own hash leaves its name out, which
agents write into it afterwards. The hash of several messages is a chain, followed by a few digits of each of the
newest of them: so the end of a turn can be checked too, when its beginning was trimmed away.

A link is believed only as far as it is proven: `self_hash` must be the hash of the message that carries it, `turn_hash`
the hash of the messages that were sent in its turn, and the answer that its turn followed must stand further up and be
proven itself, up to the first turn. Where that answer is missing because the history begins after it, the link is
proven as far as can be seen: the head of the history is gone.

Nothing is hashed before a proof needs it, and nothing twice, so a proof is linear in what it has to look at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import inf
from typing import Any, Literal, NamedTuple, Self

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_grokweb.messages.content import attachments, calls_of, parts, text_of
from langchain_grokweb.wire.conversation_ids import is_id
from langchain_grokweb.wire.turn import ConversationRef

LINK_KEY = "grokweb"
LINK_VERSION = 1

Proof = Literal["proven", "truncated", "unproven"]

_CHAIN_START = "0" * 16
_SHORT_CHARACTERS = 4096  # of a text whose hash is kept
_DIGITS = 16  # of a hash
_TAIL_DIGITS = 8  # of each of the newest messages of a turn
_TAIL_MESSAGES = 64  # how many messages of a turn are known from its end
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)


# --- hashes


def hash_messages(messages: Sequence[BaseMessage]) -> str:
    """The hash of what these messages say: of one, or of a turn."""
    return _turn_hash([digest(_canonical_text(message)) for message in messages])


def hash_answer(message: BaseMessage) -> str:
    """The hash of an answer: its text and tool calls."""
    return _turn_hash([_hash_of_answer(message)])


def hash_text(text: str) -> str:
    """The hash of an answer that is nothing but text."""
    return _turn_hash([digest(_PLAIN[AIMessage] + text)])


def _hash_of_answer(message: BaseMessage) -> str:
    return digest(_canonical_text(message, named=False))


def hash_system(messages: Sequence[SystemMessage]) -> str:
    """The hash of the instructions."""
    if not messages:
        return _HASH_OF_NONE
    attached = [_attached(message) for message in messages]
    return digest(
        _ENCODER.encode([[text_of(message) for message in messages], [part for one in attached for part in one]])
    )


def digest(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[: _DIGITS // 2].hex()


_HASH_OF_NONE = digest(_ENCODER.encode([[], []]))  # of no instructions


@lru_cache(maxsize=1024)
def _hash_of_short(head: str, content: str) -> str:
    """The hash of a message that is nothing but text. Each turn of a thread wants those of all before it."""
    return digest(head + content)


def _plain(message: BaseMessage, *, named: bool = True) -> tuple[str, str] | None:
    """The head and the text of a message that is nothing but text, as nearly all are."""
    content = message.content
    head = _PLAIN.get(message.__class__)
    has_calls = isinstance(message, AIMessage) and message.tool_calls
    if head and isinstance(content, str) and not (has_calls or (named and message.name)):
        return head, content
    return None


def _canonical_text(message: BaseMessage, *, named: bool = True) -> str:
    """What a message says, in one spelling."""
    if plain := _plain(message, named=named):
        return plain[0] + plain[1]
    kind = "ai" if isinstance(message, AIMessage) else message.type
    kind = f"{kind} {message.role}" if isinstance(message, ChatMessage) else kind
    calls = [[call["name"], call["args"]] for call in calls_of(message)]
    answered: list[Any] = [message.tool_call_id, message.status] if isinstance(message, ToolMessage) else []
    name = [message.name] if named and message.name else []
    attached = _attached(message)
    if calls or answered or attached or name:
        return _ENCODER.encode([kind, calls, answered, attached, *name]) + text_of(message)
    return _plain_head(kind) + text_of(message)


@lru_cache(maxsize=64)
def _plain_head(kind: str) -> str:
    """What stands before the text of a message that is nothing but text."""
    return _ENCODER.encode([kind, [], [], []])


_PLAIN = {HumanMessage: _plain_head("human"), AIMessage: _plain_head("ai")}


def _attached(message: BaseMessage) -> list[list[Any]]:
    """What is attached to a message, and where in its text it stands."""
    if not attachments(message):
        return []
    attached: list[list[Any]] = []
    place = 0
    for part in parts(message):
        if isinstance(part, str):
            place += len(part)
        else:
            attached.append([part.key, part.name, part.mime_type, place])
    return attached


def _turn_hash(hashes: Sequence[str]) -> str:
    """The hash of a turn whose messages have these hashes; that of one message has no tail."""
    chain = _chain_hash(_CHAIN_START, hashes)
    return chain if len(hashes) == 1 else f"{chain}:{_tail(hashes[-_TAIL_MESSAGES:])}"


def _chain_hash(chain: str, hashes: Iterable[str]) -> str:
    """The chain after some more messages, from the chain before them and their hashes."""
    for message_hash in hashes:
        chain = _chained(chain, message_hash)
    return chain


@lru_cache(maxsize=4096)
def _chained(chain: str, message_hash: str) -> str:
    """The chain after one more message. Each turn proves the ones before it once more."""
    return digest(chain + message_hash)


def _has_chain(turn_hash: str, chain: str) -> bool:
    """Whether this is the hash of the turn that has this chain."""
    return turn_hash[:_DIGITS] == chain


def _ends_with_first(turn_hash: str, count: int, hash_at: Callable[[int], str]) -> bool:
    """Whether a turn of this hash has more messages than the first `count` of a history, and ends with them."""
    tail = turn_hash[_DIGITS + 1 :]
    return not count or (count * _TAIL_DIGITS < len(tail) and tail.endswith(_tail(map(hash_at, range(count)))))


def _tail(hashes: Iterable[str]) -> str:
    return "".join(message_hash[:_TAIL_DIGITS] for message_hash in hashes)


# --- links


def private_conversations(messages: Iterable[BaseMessage]) -> set[str]:
    """The private chats, of whatever account, in which something of these messages was said; by id."""
    links = [message.response_metadata.get(LINK_KEY) for message in messages if isinstance(message, AIMessage)]
    return {
        str(link.get("conversation_id", ""))
        for link in links
        if isinstance(link, dict) and link.get("temporary") is True
    }


class ConversationLink(NamedTuple):
    """An answer's place at the service, and what was said there. A long history has hundreds: a tuple is made faster.

    Attributes:
        conversation_id: The conversation.
        response_id: The answer.
        parent_response_id: The answer that its turn followed; `None` for the first turn.
        turn_hash: The hash of the messages that were sent in its turn.
        self_hash: The hash of the answer.
        system_hash: The hash of the instructions in force.
        tools_hash: Of the tool definitions that the service had (`OutputSpec.tools_hash`); empty where it had none.
        tools_salt: What the mark of calls was made with; empty where it had none.
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
    tools_salt: str
    started: bool
    temporary: bool

    @classmethod
    def of(cls, message: BaseMessage, account: str) -> Self | None:
        """The link of an answer that can be continued: one of this account, whole and not broken off."""
        link = message.response_metadata.get(LINK_KEY) if isinstance(message, AIMessage) else None
        if not isinstance(link, dict) or link.get("v") != LINK_VERSION or link.get("account") != account:
            return None
        self_hash, turn_hash = link.get("self_hash"), link.get("turn_hash")
        if link.get("interrupted") or not (isinstance(self_hash, str) and isinstance(turn_hash, str)):
            return None
        conversation_id, response_id = link.get("conversation_id"), link.get("response_id")
        if not (is_id(conversation_id) and is_id(response_id)):  # messages may come from anywhere
            return None
        parent = link.get("parent_response_id")
        return cls(  # by place: names take longer
            conversation_id,
            response_id,
            parent if isinstance(parent, str) else None,
            turn_hash,
            self_hash,
            str(link.get("system_hash") or ""),
            str(link.get("tools_hash") or ""),
            str(link.get("tools_salt") or ""),
            link.get("started") is True,
            link.get("temporary") is True,
        )

    @property
    def place(self) -> ConversationRef:
        """Where the turn that follows the answer goes."""
        return ConversationRef(self.conversation_id, self.response_id)

    @property
    def start(self) -> ConversationRef | None:
        """The place that the caller named for its turn; `None` where there was none."""
        if not self.started or self.parent_response_id is None:
            return None
        return ConversationRef(self.conversation_id, self.parent_response_id)


# --- proofs


class History:
    """Messages without the system's, and the links among them.

    Args:
        messages: The messages.
        account: Whose links count.
        temporary: Whether those of private chats count, or the others: neither is continued as the other.
        limit: The length, in characters, after which a proof looks no further up, and takes the head as gone.
    """

    def __init__(
        self, messages: list[BaseMessage], account: str, *, temporary: bool = False, limit: float = inf
    ) -> None:
        self._messages = messages
        self._left = limit
        self._hashes: list[str | None] = [None] * len(messages)
        self._chains = [_CHAIN_START]  # of the first messages, for as many as were needed
        self._proofs: dict[int, Proof] = {}
        self._before: dict[int, int] = {}
        linked = {
            index: link for index, message in enumerate(messages) if (link := ConversationLink.of(message, account))
        }
        self.links = {index: link for index, link in linked.items() if link.temporary is temporary}
        self._indices: dict[str, list[int]] = {}
        for index, link in self.links.items():
            self._indices.setdefault(link.response_id, []).append(index)

    @property
    def was_answered(self) -> bool:
        """Whether something follows an answer of this package, be its link of use or not."""
        return any(
            isinstance(message, AIMessage) and LINK_KEY in message.response_metadata for message in self._messages[:-1]
        )

    def candidates(self) -> list[int]:
        """Where the linked answers stand that something follows, the newest first."""
        return [index for index in reversed(self.links) if index < len(self._messages) - 1]

    def start(self, conversation_id: str | None) -> ConversationRef | None:
        """The place that the caller had named for the first turn, or for the first in this conversation."""
        first = next((link for link in self.links.values() if conversation_id in {None, link.conversation_id}), None)
        return first.start if first else None

    def prove(self, index: int) -> Proof:
        """Whether what the service has up to this answer is what stands here."""
        walked: list[int] = []
        step: Proof | int = index
        while isinstance(step, int):
            if step in self._proofs:
                step = self._proofs[step]
            elif walked and self._left <= 0:
                step = "truncated"
            else:
                walked.append(step)
                step = self._step(step)
        self._proofs.update(dict.fromkeys(walked, step))
        return step

    def hash_from(self, index: int) -> str:
        """The hash of a turn that says all messages from this one on."""
        return _turn_hash([self._hash(place) for place in range(index, len(self._messages))])

    def follows(self, index: int, response_id: str) -> bool:
        """Whether a proven answer comes after this one at the service, as far as can be seen."""
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
        if not _has_chain(link.self_hash, _chain_hash(_CHAIN_START, [self._hash_of_answer(index)])):
            return "unproven"
        # An answer that was copied stands in more than one place.
        for before in reversed(self._indices.get(link.parent_response_id or "", ())):
            if before < index and _has_chain(link.turn_hash, self._chain(before + 1, index)):
                self._before[index] = before
                return before
        if _has_chain(link.turn_hash, self._chain(0, index)):
            return "proven" if link.parent_response_id is None or link.started else "truncated"
        return "truncated" if _ends_with_first(link.turn_hash, index, self._hash) else "unproven"

    def _chain(self, start: int, end: int) -> str:
        """The chain of these messages; chains from the first message on are kept."""
        if start:
            return _chain_hash(_CHAIN_START, map(self._hash, range(start, end)))
        while len(self._chains) <= end:
            self._chains.append(_chain_hash(self._chains[-1], [self._hash(len(self._chains) - 1)]))
        return self._chains[end]

    def _hash_of_answer(self, index: int) -> str:
        message = self._messages[index]
        return _hash_of_answer(message) if message.name else self._hash(index)

    def _hash(self, index: int) -> str:
        """The hash of one message, made at most once."""
        message_hash = self._hashes[index]
        if message_hash is None:
            plain = _plain(self._messages[index])
            if plain is not None and len(plain[1]) <= _SHORT_CHARACTERS:
                self._left -= len(plain[0]) + len(plain[1])
                message_hash = _hash_of_short(*plain)
            else:
                text = _canonical_text(self._messages[index])
                self._left -= len(text)
                message_hash = digest(text)
            self._hashes[index] = message_hash
        return message_hash
