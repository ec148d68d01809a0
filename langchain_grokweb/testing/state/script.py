"""What a test planned, and what the service saw: plain records, and the queue in which plans wait.

Replies and faults are served first come, first served. A reply goes to the next turn that the service
accepts, a fault to the next request that it fits; a refused request uses up no reply. The test plans in its
own thread while the server takes in another, so that the queue has a lock; the records are written by
the server's thread alone.
"""

import fnmatch
import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_grokweb.testing.assistant.slips import SLIPS
from langchain_grokweb.testing.state.faults import ERRORS, Fault, Occasion, fault_spelled

Reasoning = str | Sequence[Mapping[str, str]]
TurnStatus = Literal["active", "finished", "stopped"]


class PlanError(AssertionError):
    """A reply was planned that could not be given; raised in the test that planned it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the service.

    Attributes:
        text: The answer. It is streamed in pieces of about a word.
        reasoning: What is thought before it: a text, or steps `{"header", "summary"}` of the 2026 layout.
        citations: `{"url", "title", "after"?}`; the mark stands after the first occurrence of `after` in the
            text, else at its end.
        images: Prompts, or `{"prompt", "moderated"?, "shape"?, "edited"?}` with shape "a" or "b" of rest.md 4.7.
        files: What Grok makes: `{"name", "content", "mime_type"?, "inline"?}`; the content is text or bytes, and with
            `inline` it comes as a data URL too, not by a signed address alone (rest.md 8.2).
        videos: Prompts, or `{"prompt", "moderated"?}` (rest.md 4.8).
        search: `{"query", "results": [{"url", "title", "snippet"}], "kind"?}`, kind "web" or "x".
        tool_calls: `{"name", "args"}`, given as they are, valid or not, in the form that the prompt asks for. Where it
            offers no tools, that is a `PlanError` in the test.
        title: The conversation's title; None for one out of the prompt (new conversations only), False for none.
        error: A kind of rest.md 4.11 that the stream reports after the text.
        fault: A fault, or its spelling `"name:where"`. A refusal leaves the reply planned for the next try.
        chunk_size: Bytes in one write, throughout this answer; 0 for one write each frame. Without meaning on the
            gateway, where an event is a message.
        edited: Whether all pictures are edited ones: of the picture that is attached, or the conversation's newest.
        slip: How the calls, or the text, which then is JSON, go wrong; see `GrokEmulator.slips`.
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
        """The fault, parsed."""
        return self.fault if isinstance(self.fault, Fault) else None


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that the service keeps (rest.md 2.4); `create_time` is RFC 3339."""

    file_id: str
    name: str
    mime_type: str
    content: bytes
    uri: str
    create_time: str


@dataclass(slots=True)
class Turn:
    """One question that the service took on.

    `status` is "active" while the answer is being written, then "finished" or "stopped"; `text` is the answer so far,
    marks of citations and pictures included. `mode` is the mode id or, in bodies of 2025, the model name; `thinking`
    says whether reasoning was asked for.
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
class Request:
    """One HTTP request as it came: lower-case header names; `body` is parsed JSON, else bytes, None where empty."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class GatewaySession:
    """One session that a client created on the gateway (gateway.md 3.1 to 3.4).

    `socket` numbers the sockets from 1 in the order in which they were accepted; `options` is `session.x_grok` as it
    was sent; `is_open` says whether its socket still is.
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
    """One event that a client sent on the gateway; `body` is the event, or whatever stood in its place."""

    type: str
    body: Any
    session_id: str | None
    socket: int


@dataclass(slots=True)
class _Strike:
    fault: Fault
    left: int

    def fits(self, path: str, occasion: Occasion) -> bool:
        wanted = self.fault.path
        if wanted is not None and not (path.startswith(wanted) or fnmatch.fnmatchcase(path, wanted)):
            return False
        return self.fault.strikes(occasion)


@dataclass(slots=True)
class Script:
    """The plans: replies, and faults with the number of times that they still strike."""

    _replies: deque[Reply] = field(default_factory=deque)
    _strikes: list[_Strike] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, reply: Reply) -> None:
        """Put a reply at the end of the queue."""
        with self._lock:
            self._replies.append(reply)

    def plan_fault(self, fault: Fault, times: int) -> None:
        """Let a fault strike the next `times` requests that it fits."""
        with self._lock:
            self._strikes.append(_Strike(fault, times))

    def next_reply(self) -> Reply | None:
        """Take the next reply; None where none is planned."""
        with self._lock:
            return self._replies.popleft() if self._replies else None

    def put_back(self, reply: Reply) -> None:
        """Plan a reply that was taken again, as the next one and without its fault."""
        with self._lock:
            self._replies.appendleft(replace(reply, fault=None))

    def take_fault(self, occasion: Occasion) -> Fault | None:
        """The fault of the next reply, where it strikes before the question does; the reply stays planned without."""
        with self._lock:
            fault = self._replies[0].planned_fault if self._replies else None
            if fault is None or not fault.strikes(occasion) or fault.name == "anti_bot":
                return None
            self._replies[0] = replace(self._replies[0], fault=None)
            return fault

    def next_fault(self, path: str, occasion: Occasion) -> Fault | None:
        """The fault that strikes this occasion, used up once; None where none does."""
        with self._lock:
            for strike in self._strikes:
                if strike.fits(path, occasion):
                    strike.left -= 1
                    self._strikes = [one for one in self._strikes if one.left > 0]
                    return strike.fault
            return None

    def clear(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._replies.clear()
            self._strikes.clear()
