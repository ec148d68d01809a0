"""Hashes of what messages say.

They are over what was said (role, text, tool calls, attachments), never over ids, names, metadata, reasoning, or
whether content is a string or blocks.

The hash of several messages is a chain, followed by a few digits of each of the newest of them: so it is known of the
end of a turn too, whose beginning was trimmed away, whether it still says what was sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, SystemMessage, ToolMessage

from langchain_grokweb.messages.content import attachments, text_of

BEGINNING = "0" * 16
_DIGITS = 16
_FEW = 8
_NEWEST = 64  # as many messages of a turn can be told apart from its end
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)


def hash_messages(messages: Sequence[BaseMessage]) -> str:
    """The hash of what these messages say: of one, or of a turn."""
    return turn([digest(said(message)) for message in messages])


def hash_answer(message: BaseMessage) -> str:
    """The hash of an answer: its text and tool calls."""
    return hash_messages([message])


def hash_system(messages: Sequence[SystemMessage]) -> str:
    """The hash of the instructions."""
    attached = [found.key for message in messages for found in attachments(message)]
    return digest(_ENCODER.encode([[text_of(message) for message in messages], attached]))


def turn(hashes: Sequence[str]) -> str:
    """The hash of messages that have these hashes."""
    chained = chain(BEGINNING, hashes)
    return chained if len(hashes) == 1 else f"{chained}:{_few(hashes[-_NEWEST:])}"


def chain(before: str, hashes: Iterable[str]) -> str:
    """The hash of a row of messages, from that of a row and of the messages behind it."""
    for one in hashes:
        before = digest(before + one)
    return before


def is_of(turn_hash: str, chained: str) -> bool:
    """Whether this is the hash of the turn that has this chain."""
    return turn_hash[:_DIGITS] == chained


def ends_with(turn_hash: str, count: int, hash_at: Callable[[int], str]) -> bool:
    """Whether a turn of this hash has more messages than these first ones of a history, and ends with them."""
    few = turn_hash[_DIGITS + 1 :]
    return not count or (count * _FEW < len(few) and few.endswith(_few(map(hash_at, range(count)))))


def said(message: BaseMessage) -> str:
    """What a message says, in one spelling."""
    kind = "ai" if isinstance(message, AIMessage) else message.type
    kind = f"{kind} {message.role}" if isinstance(message, ChatMessage) else kind
    calls = [[call["name"], call["args"]] for call in message.tool_calls] if isinstance(message, AIMessage) else []
    answered: list[Any] = [message.tool_call_id, message.status] if isinstance(message, ToolMessage) else []
    attached = [found.key for found in attachments(message)]
    return _ENCODER.encode([kind, calls, answered, attached]) + text_of(message)


def digest(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def _few(hashes: Iterable[str]) -> str:
    return "".join(one[:_FEW] for one in hashes)
