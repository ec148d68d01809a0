"""The conversation trees as the service keeps them (rest.md 2.1 and 2.3). Knows no wire.

A conversation is a tree of responses, each naming its parent; questions have the sender `human`, answers
`ASSISTANT`. Two answers with one parent, or two questions below one answer, are branches. What a wire wants
to store beside the text goes into `details`, under the member names of rest.md 4.9.
"""

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.state.faults import Refused

HUMAN = "human"
ASSISTANT = "ASSISTANT"
FIRST_TITLE = "New conversation"
_NANO = 1_000_000_000


def response_time() -> str:
    """Now, with nine digits, e.g. `2026-04-20T09:15:02.155903118Z`."""
    seconds, nanos = divmod(time.time_ns(), _NANO)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def conversation_time() -> str:
    """Now, with six digits, e.g. `2026-04-20T09:15:02.118203Z`."""
    return response_time()[:-4] + "Z"


@dataclass(slots=True)
class Node:
    """A question or an answer; `parent_id` is None for the first question, and `chunks` are the parts of an answer."""

    response_id: str
    sender: str
    message: str
    parent_id: str | None
    create_time: str = field(default_factory=response_time)
    details: dict[str, Any] = field(default_factory=dict)
    chunks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Conversation:
    """A conversation at the emulator: `nodes` holds its questions and answers by id, oldest first."""

    conversation_id: str = field(default_factory=lambda: str(uuid4()))
    title: str = FIRST_TITLE
    starred: bool = False
    temporary: bool = False
    deleted: bool = False
    mode: str = ""
    create_time: str = field(default_factory=conversation_time)
    modify_time: str = field(default_factory=conversation_time)
    order: int = 0
    nodes: dict[str, Node] = field(default_factory=dict)

    def path_to(self, response_id: str | None) -> list[Node]:
        """The responses from the root to this one, with it and without other branches."""
        path: list[Node] = []
        node = self.nodes.get(response_id or "")
        while node is not None:
            path.append(node)
            node = self.nodes.get(node.parent_id or "")
        return path[::-1]

    def children(self, response_id: str | None) -> list[Node]:
        """The responses that follow this one directly, oldest first."""
        return [node for node in self.nodes.values() if node.parent_id == response_id]

    @property
    def newest(self) -> str | None:
        """The id of the newest response, which a question without a parent follows (a guess, rest.md 8.5)."""
        return next(reversed(self.nodes), None)

    def check_parent(self, response_id: str | None) -> None:
        """Refuse a parent that this conversation does not have, with 400 and code 3 (a guess, rest.md 5.1, item 10)."""
        if response_id is not None and response_id not in self.nodes:
            raise Refused(400, "Invalid parentResponseId")


@dataclass(slots=True)
class Conversations:
    """All conversations of the account, by id."""

    by_id: dict[str, Conversation] = field(default_factory=dict)
    _clock: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self, *, temporary: bool) -> Conversation:
        """A new conversation without responses."""
        conversation = Conversation(temporary=temporary)
        self.by_id[conversation.conversation_id] = conversation
        self.touch(conversation)
        return conversation

    def touch(self, conversation: Conversation) -> None:
        """Note that it was changed now; `order` separates what falls into one microsecond."""
        conversation.modify_time = conversation_time()
        conversation.order = next(self._clock)

    def find(self, conversation_id: str, *, deleted: bool = False) -> Conversation:
        """The conversation of this id that is deleted or not, as asked; refused with 404, code 5, where none is."""
        conversation = self.by_id.get(conversation_id)
        if conversation is None or conversation.deleted is not deleted:
            raise Refused(404, "Conversation not found")
        return conversation

    def add(self, conversation: Conversation, node: Node) -> None:
        """Put a response into the tree."""
        conversation.nodes[node.response_id] = node
        self.touch(conversation)

    def listed(self, *, deleted: bool = False) -> list[Conversation]:
        """Newest change first; temporary ones are never listed (rest.md 5)."""
        conversations = (one for one in self.by_id.values() if one.deleted is deleted and not one.temporary)
        return sorted(conversations, key=lambda one: one.order, reverse=True)

    def dump(self) -> list[dict[str, Any]]:
        """All of it as plain JSON."""
        return [asdict(conversation) for conversation in self.by_id.values()]

    def load(self, dumped: Iterable[dict[str, Any]]) -> None:
        """Put back what `dump` gave."""
        for entry in dumped:
            nodes = {name: Node(**node) for name, node in entry["nodes"].items()}
            conversation = Conversation(**{**entry, "nodes": nodes, "order": next(self._clock)})
            self.by_id[conversation.conversation_id] = conversation
