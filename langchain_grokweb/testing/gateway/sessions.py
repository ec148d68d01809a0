"""One session of the gateway: it takes questions, asks the service, and has the answers sent (gateway.md 3).

Questions of one conversation are answered one after another; one that comes while an answer is running waits for
it, on whichever socket (a guess, as gateway.md 5.7 says). A parent that the conversation does not have, a file or a
mode that does not exist are reported as errors; how is a guess, except for the modes.
"""

import asyncio
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_grokweb.testing.gateway.asking import Question, mapping
from langchain_grokweb.testing.gateway.deltas import DeltaWriter
from langchain_grokweb.testing.gateway.events import (
    SPELLINGS,
    answering,
    compact,
    enveloped,
    event_ids,
    failure,
    refusal,
)
from langchain_grokweb.testing.gateway.writer import GatewayWriter
from langchain_grokweb.testing.state.conversations import ASSISTANT, Conversation
from langchain_grokweb.testing.state.delivery import Delivery
from langchain_grokweb.testing.state.faults import ERROR_REPLIES, GATEWAY_PATH, Fault, Refused
from langchain_grokweb.testing.state.inflight import Frame
from langchain_grokweb.testing.state.script import GatewaySession, Reply
from langchain_grokweb.testing.state.service import Ask, Service

if TYPE_CHECKING:
    from langchain_grokweb.testing.gateway.sockets import Socket

CONVERSATION_NOT_FOUND = "conversation_not_found"
INVALID_PARENT = "invalid_parent_response_id"

_CLOSING = frozenset({"cut", "session_ended", "close_without_done"})
_INSTEAD = {403: "model_not_available", 429: "usage_limit"}  # by the status of the other wire


@dataclass(slots=True)
class Line:
    """A socket as one session has it: numbers its events, spells them, and puts two into a message if it shall."""

    socket: "Socket"
    session_id: str | None
    numbering: Iterator[str] = field(default_factory=event_ids)
    framing: str | None = None
    _waiting: list[str] = field(default_factory=list)

    def spelled(self, faults: Sequence[Fault]) -> "Line":
        """The same line with the framing that one of these faults asks for."""
        framing = next((fault.name for fault in faults if fault.stage == "framing"), None)
        return Line(self.socket, self.session_id, self.numbering, framing)

    async def say(self, body: Any) -> None:
        """Send an event, numbered and in its envelope; text is sent as it is."""
        message = body if isinstance(body, str) else self._spelled(body)
        if self.framing != "two_objects":
            await self.socket.send(message)
            return
        self._waiting.append(message)
        if len(self._waiting) > 1:
            await self.flush()

    async def flush(self) -> None:
        """Send what waits for company in its message."""
        if self._waiting:
            message = "".join(self._waiting)
            self._waiting.clear()
            await self.socket.send(message)

    def _spelled(self, body: Mapping[str, Any]) -> str:
        spell = SPELLINGS.get(self.framing or "", compact)
        return spell(enveloped(body, next(self.numbering), self.session_id))


@dataclass(slots=True)
class Session:
    """A session on a socket; `pending` are the items that wait for a `response.create`."""

    record: GatewaySession
    service: Service
    line: Line
    is_ready: bool = True
    pending: list[Mapping[str, Any]] = field(default_factory=list)
    _questions: asyncio.Queue[Question] = field(default_factory=asyncio.Queue)

    async def work(self) -> None:
        """Answer what is asked, for as long as the socket is open."""
        while True:
            await self._answer(await self._questions.get())

    def ask(self, question: Question) -> None:
        """Put a question at the end of the queue."""
        self._questions.put_nowait(question)

    # -- one question

    async def _answer(self, question: Question) -> None:
        await asyncio.sleep(self.service.settings.latency)
        struck = self.service.script.next_fault(GATEWAY_PATH, "question")
        if struck is not None and struck.stage == "refusal":
            await self._refuse(struck, question)
            return
        if struck is not None and struck.keeps_question_out:
            self.line.socket.abort()
            return
        ask = await self._ask(question)
        if ask is None:
            return
        planned, faults = self.service.plan(self._instead(ask, question), struck, "question")
        refused = next((fault for fault in faults if fault.stage == "refusal"), None)
        if refused is not None:
            await self._refuse(refused, question)
        else:
            await self._deliver(ask, question, planned, faults)

    async def _deliver(self, ask: Ask, question: Question, planned: Reply | None, faults: list[Fault]) -> None:
        phases = self.record.options.get("accept_interleaved_phases") is True
        dialect = GatewayWriter if self.record.options.get("use_chunk") is True else DeltaWriter
        writer = functools.partial(dialect, interleaved=phases, client_event_id=question.client_event_id)
        generation = self.service.begin(ask, planned, faults, writer)
        fault = next((one for one in faults if one.stage == "delivery"), None)
        line = self.line.spelled(faults)
        lose = functools.partial(self.service.lose, generation.turn.response_id)
        delivery = Delivery(generation, fault, self.line.socket.abort, lose, latency=self.service.settings.latency)
        async for frames in delivery.frames():
            for frame in frames:
                await _send(line, frame)
            await line.flush()
        if delivery.has_struck and fault is not None and fault.name in _CLOSING:
            if fault.name == "session_ended":
                await line.say({"type": "session.ended"})
                await line.flush()
            await line.socket.close(fault.options.get("code", 1000))

    async def _refuse(self, fault: Fault, question: Question) -> None:
        """An HTTP refusal on a socket that is open already; where it has no words here, the socket is closed."""
        if fault.name not in ERROR_REPLIES:
            await self.line.socket.close(1011)
            return
        await self.line.say(refusal(fault.name, question.client_event_id))
        await self.line.flush()

    # -- what is asked

    async def _ask(self, question: Question) -> Ask | None:
        conversation = self.service.conversations.by_id.get(self.record.conversation_id)
        if conversation is None or conversation.deleted:
            await self._fail(CONVERSATION_NOT_FOUND, "Conversation not found", question)
            return None
        await self.service.wait_for_turn(conversation.conversation_id)
        parent = question.parent or conversation.newest
        if parent is not None and parent not in conversation.nodes:
            await self._fail(INVALID_PARENT, "Invalid parent_response_id", question)
            return None
        return self._asked(question, conversation, parent)

    def _asked(self, question: Question, conversation: Conversation, parent: str | None) -> Ask:
        options, mode = self.record.options, question.mode or self.record.model
        return Ask(
            prompt=question.prompt,
            conversation_id=conversation.conversation_id,
            parent_response_id=parent,
            mode=mode,
            is_model=False,
            era="2026",
            thinking=mode != "fast",
            search=_may_search(options),
            images=options.get("enable_image_generation") is not False,
            follow_ups=options.get("disable_text_follow_ups") is not True,
            file_ids=tuple(one for one in question.file_ids if one in self.service.uploads),
            begins=not any(node.sender == ASSISTANT for node in conversation.nodes.values()),
            remembers=options.get("keep_context") is not False or self.record.resumed,
            wire="gateway",
        )

    def _instead(self, ask: Ask, question: Question) -> Reply | None:
        """An error instead of an answer, where the service would not take the question on."""
        if self.service.account.lacks(ask.mode):  # no reason is given (gateway.md 3.2 and 9.1)
            return Reply(fault="incomplete")
        if len(ask.file_ids) < len(question.file_ids):
            return Reply(error="attachment_load_failed")
        try:
            self.service.check(ask)
        except Refused as refused:
            return Reply(error=_INSTEAD.get(refused.reply.status, "internal_error"))
        return self.service.too_long(ask.prompt)

    async def _fail(self, code: str, message: str, question: Question) -> None:
        await self.line.say(failure(code, message, question.client_event_id))
        await self.line.flush()


async def _send(line: Line, frame: Frame) -> None:
    if frame.kind == "keep_alive":
        await line.socket.beside.say({"type": "pong"})
    elif frame.kind == "error":  # the log's own word for a bug of the emulator
        await line.say(failure(frame.body["code"], frame.body["message"]))
    else:
        await line.say(frame.body)


def created_event(record: GatewaySession, given: Mapping[str, Any], client_event_id: str | None) -> dict[str, Any]:
    """`session.created`: an echo; the id stands in it unless the client chose it (gateway.md 3.1, samples)."""
    named = {} if record.session_id != record.conversation_id else {"id": record.session_id}
    return {"type": "session.created", **answering(client_event_id), "session": {**named, **given}}


def attached_event(record: GatewaySession) -> dict[str, Any]:
    """`conversation.attached`; the mode of one that was loaded is a guess."""
    conversation = {"id": record.conversation_id, "object": "realtime.conversation"}
    mode = "existing" if record.resumed else "new"
    return {"type": "conversation.attached", "conversation": conversation, "mode": mode}


def _may_search(options: Mapping[str, Any]) -> bool:
    tools = mapping(options.get("tool_overrides"))
    web = not options.get("disable_web_search") and tools.get("web_search", True)
    posts = not options.get("disable_x_search") and tools.get("x_search", True)
    return bool(web or posts)
