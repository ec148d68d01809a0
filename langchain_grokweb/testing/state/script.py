"""What a test planned, and what the service saw: plain records, and the queue in which plans wait.

Replies and faults are served first come, first served. A reply goes to the next turn that the service
accepts, a fault to the next request that it fits; a refused request uses up no reply. The test plans in its
own thread while the server takes in another, so that the queue has a lock; the records are written by
the server's thread alone.
"""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_grokweb.testing.assistant.slips import SLIPS
from langchain_grokweb.testing.state.faults import ERRORS, Fault, Occasion, fault_spelled

Era = Literal["2025", "2026"]
Reasoning = str | Sequence[Mapping[str, str]]
TurnStatus = Literal["active", "finished", "stopped"]


class PlanError(AssertionError):
    """A planned reply could not be sent. It is raised in the test that planned it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A planned answer. A `?` below marks a key that may be left out.

    Attributes:
        text: The answer. It is streamed in pieces of about a word.
        reasoning: The reasoning before the text: a text, or steps `{"header", "summary"}` of the 2026 layout.
        citations: `{"url", "title"?, "after"?}`; the citation follows the first occurrence of `after` in the
            text, else the end of the text. Pages with a title that no `search` has get a search of their own.
        images: Prompts, or `{"prompt", "moderated"?, "shape"?, "edited"?}` with shape "a" or "b" of rest.md 4.7.
        files: Files that Grok makes: `{"name", "content", "mime_type"?, "inline"?}`. The content is text or bytes.
            With `inline`, it is also sent as a data URL, beside a signed address (rest.md 8.2).
        videos: Prompts, or `{"prompt", "moderated"?}` (rest.md 4.8).
        search: `{"query", "results": [{"url", "title", "snippet"}], "kind"?}`, kind "web" or "x".
        tool_calls: `{"name", "args"}`, sent unchanged, valid or not, in the form that the prompt asks for. If the
            prompt offers no tools, the test gets a `PlanError`.
        title: The conversation's title; None for one made of the prompt (new conversations only), False for none.
        error: An error that the stream reports after the text, such as `"usage_limit"` (rest.md 4.11).
        fault: A fault, or its spelling `"name:where"`. After a refusal, the next try gets the reply.
        chunk_size: Bytes in one write, for the whole answer; 0 for one write each frame. It has no effect on the
            gateway, where an event is a message.
        edited: Whether all pictures are edited ones: of the attached picture, or of the conversation's newest one.
        slip: How the tool calls go wrong, or a text that is JSON; see `GrokEmulator.slips`.
    """

    text: str = ""
    reasoning: Reasoning | None = None
    citations: Sequence[Mapping[str, str]] = ()
    images: Sequence[str | Mapping[str, Any]] = ()
    search: Sequence[Mapping[str, Any]] = ()
    tool_calls: Sequence[Mapping[str, Any]] = ()
    title: str | Literal[False] | None = None
    error: str | None = None
    fault: Fault | str | None = None
    chunk_size: int | None = None
    slip: str | None = None
    files: Sequence[Mapping[str, Any]] = ()
    videos: Sequence[str | Mapping[str, Any]] = ()
    edited: bool = False

    def __post_init__(self) -> None:
        if self.error is not None and self.error not in ERRORS:
            raise ValueError(f"No error is called {self.error!r}; there are: {', '.join(sorted(ERRORS))}")
        if isinstance(self.fault, str):
            object.__setattr__(self, "fault", fault_spelled(self.fault))
        if self.slip is not None:
            if self.slip not in SLIPS:
                raise ValueError(f"No slip is called {self.slip!r}; there are: {', '.join(SLIPS)}")
            if not self.tool_calls:
                try:
                    json.loads(self.text)
                except ValueError as exc:
                    raise ValueError(f"slip={self.slip!r} needs tool calls, or a text that is JSON") from exc
        for citation in self.citations:
            if citation.get("after", "") not in self.text:
                raise ValueError(f"A citation stands after {citation['after']!r}, which the text does not contain")

    @property
    def planned_fault(self) -> Fault | None:
        """The parsed fault; `None` if there is none."""
        return self.fault if isinstance(self.fault, Fault) else None


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that a client uploaded (rest.md 2.4); `create_time` is RFC 3339."""

    file_id: str
    name: str
    mime_type: str
    content: bytes
    uri: str
    create_time: str


@dataclass(slots=True)
class Turn:
    """A question that the emulator accepted, and its answer.

    `status` is "active" while the answer is being written, then "finished" or "stopped". `text` is the answer so far,
    with the tags of citations and pictures. `mode` is the mode id, or the model name in a body of 2025. `thinking`
    says whether the client asked for reasoning.
    """

    prompt: str
    conversation_id: str
    parent_response_id: str | None
    response_id: str
    user_response_id: str
    mode: str
    temporary: bool = False
    thinking: bool = False
    files: tuple[UploadedFile, ...] = ()
    wire: str = "rest"
    status: TurnStatus = "active"
    text: str = ""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The turn that an assistant answers, for `GrokEmulator(assistant=...)`.

    Attributes:
        prompt: The text of this turn, as the client sent it.
        history: `("human" | "ai", text)` from the conversation's root down to the parent of this turn.
        conversation_id: The conversation.
        parent_response_id: The answer that this turn continues; None for the first turn.
        mode: The mode id, or the model name of a body of 2025.
        thinking: Reasoning was asked for.
        search: The site's own search is allowed.
        images: Pictures are allowed.
        temporary: The chat is private.
        files: What was attached to this turn.
    """

    prompt: str
    history: tuple[tuple[str, str], ...]
    conversation_id: str
    parent_response_id: str | None
    mode: str
    thinking: bool
    search: bool
    images: bool
    temporary: bool
    files: tuple[UploadedFile, ...] = ()

    @property
    def messages(self) -> list[tuple[str, str]]:
        """The history and this turn, as LangChain's chat models take them."""
        return [*self.history, ("human", self.prompt)]

    @property
    def turn_number(self) -> int:
        """1 for the first turn of a branch."""
        return 1 + sum(role == "human" for role, _ in self.history)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are in lower case; `body` is parsed JSON, else bytes, and None if it is empty."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class GatewaySession:
    """A session that a client created on the gateway (gateway.md 3.1 to 3.4).

    `socket` numbers the accepted sockets from 1, oldest first. `options` is the `session.x_grok` that the client sent.
    `is_open` says whether its socket is still open.
    """

    session_id: str
    conversation_id: str
    model: str
    options: Mapping[str, Any]
    socket: int
    resumed: bool = False
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """An event that a client sent on the gateway; `body` is the event, or what the client sent in its place."""

    type: str
    body: Any
    session_id: str | None
    socket: int


@dataclass(slots=True)
class Script:
    """The plans: replies, and faults with the number of times that they still strike."""

    _replies: deque[Reply] = field(default_factory=deque)
    _strikes: list[tuple[Fault, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, reply: Reply) -> None:
        """Put a reply at the end of the queue."""
        with self._lock:
            self._replies.append(reply)

    def plan_fault(self, fault: Fault, times: int) -> None:
        """Let a fault strike the next `times` requests that it fits."""
        with self._lock:
            self._strikes.append((fault, times))

    def next_reply(self) -> Reply | None:
        """Take the next reply; None where none is planned."""
        with self._lock:
            return self._replies.popleft() if self._replies else None

    def put_back(self, reply: Reply) -> None:
        """Plan a reply that was taken again, as the next one and without its fault."""
        with self._lock:
            self._replies.appendleft(replace(reply, fault=None))

    def next_fault(self, path: str, occasion: Occasion) -> Fault | None:
        """The fault that strikes this occasion, used up once; None where none does.

        What comes before a question is struck by the fault of the next reply too; the reply stays planned without it.
        """
        with self._lock:
            for place, (fault, left) in enumerate(self._strikes):
                if fault.strikes(occasion, path):
                    self._strikes[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
            is_before = occasion in {"upgrade", "session", "resume"}
            planned = self._replies[0].planned_fault if is_before and self._replies else None
            if planned is None or not planned.strikes(occasion):
                return None
            self._replies[0] = replace(self._replies[0], fault=None)
            return planned

    def clear(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._replies.clear()
            self._strikes.clear()
