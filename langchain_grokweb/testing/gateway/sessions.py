"""One session of the gateway: it takes questions, asks the service, and has the answers sent (gateway.md 3).

Questions of one conversation are answered one after another; one that comes while an answer is running waits for
it, on whichever socket (a guess, as gateway.md 5.7 says). A parent that the conversation does not have, a file or a
mode that does not exist are reported as errors; how is a guess, except for the modes.
"""

import asyncio
import functools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from langchain_grokweb.testing.gateway import events
from langchain_grokweb.testing.gateway.asking import Question, mapping
from langchain_grokweb.testing.gateway.deltas import DeltaWriter
from langchain_grokweb.testing.gateway.writer import GatewayWriter
from langchain_grokweb.testing.rest.stream import go_json
from langchain_grokweb.testing.state.conversations import ASSISTANT
from langchain_grokweb.testing.state.delivery import KEEP_ALIVE, Delivery
from langchain_grokweb.testing.state.faults import ERROR_REPLIES, GATEWAY_PATH, Fault, Refused, fault_at
from langchain_grokweb.testing.state.inflight import Ask, Frame
from langchain_grokweb.testing.state.recorded import Exchange
from langchain_grokweb.testing.state.script import GatewaySession, Reply
from langchain_grokweb.testing.state.service import Service

if TYPE_CHECKING:
    from langchain_grokweb.testing.gateway.sockets import Socket

CONVERSATION_NOT_FOUND = "conversation_not_found"

_CLOSING = frozenset({"cut", "session_ended", "close_without_done"})


@dataclass(slots=True)
class Line:
    """A socket as one session has it: numbers its events, spells them, and puts two into a message if it shall."""

    socket: "Socket"
    session_id: str | None
    framing: str = ""
    numbering: Iterator[str] = field(default_factory=events.event_ids)

    async def say(self, *bodies: Any) -> None:
        """Send events, numbered and in their envelopes; text is sent as it is."""
        messages = [body if isinstance(body, str) else self._spelled(body) for body in bodies]
        if self.framing == "two_objects":
            messages = ["".join(messages[place : place + 2]) for place in range(0, len(messages), 2)]
        for message in messages:
            await self.socket.send(message)

    def _spelled(self, body: Mapping[str, Any]) -> str:
        spell = events.SPELLINGS.get(self.framing, events.compact)
        return spell(events.enveloped(body, next(self.numbering), self.session_id))


@dataclass(slots=True)
class Session:
    """A session on a socket; `pending` are the items that wait for a `response.create`, `questions` what is asked."""

    record: GatewaySession
    service: Service
    line: Line
    is_ready: bool = True
    pending: list[Mapping[str, Any]] = field(default_factory=list)
    questions: asyncio.Queue[Question] = field(default_factory=asyncio.Queue)

    async def work(self) -> None:
        """Answer what is asked, for as long as the socket is open."""
        while True:
            await self._answer(await self.questions.get())

    # -- one question

    async def _answer(self, question: Question) -> None:
        await asyncio.sleep(self.service.settings.latency)
        struck = self.service.script.next_fault(GATEWAY_PATH, "question")
        if struck is not None and struck.stage == "refusal":
            await self._refuse(struck, question)
        elif struck is not None and struck.keeps_question_out:
            self.line.socket.abort()
        elif (ask := await self._ask(question)) is not None:
            planned, faults = self.service.plan(self._instead(ask, question), struck, "question")
            if (refused := fault_at("refusal", faults)) is not None:
                await self._refuse(refused, question)
            else:
                await self._deliver(ask, question, planned, faults)

    async def _deliver(self, ask: Ask, question: Question, planned: Reply | None, faults: list[Fault]) -> None:
        phases = self.record.options.get("accept_interleaved_phases") is True
        dialect = GatewayWriter if self.record.options.get("use_chunk") is True else DeltaWriter
        writer = functools.partial(dialect, interleaved=phases, client_event_id=question.client_event_id)
        generation = self.service.begin(ask, planned, faults, writer)
        fault, framing = fault_at("delivery", faults), fault_at("framing", faults)
        line = replace(self.line, framing=framing.name) if framing else self.line
        delivery = Delivery(generation, fault, line.socket.abort, latency=self.service.settings.latency)
        async for frames in delivery.frames():
            if frames == [KEEP_ALIVE]:
                await line.socket.beside.say({"type": "pong"})
            else:
                await line.say(*map(_event_of, frames))
        if delivery.has_struck and fault is not None and fault.name in _CLOSING:
            if fault.name == "session_ended":
                await line.say({"type": "session.ended"})
            await line.socket.close(fault.options.get("code", 1000))

    async def _refuse(self, fault: Fault, question: Question) -> None:
        """An HTTP refusal on a socket that is open already; where it has no words here, the socket is closed."""
        if fault.name not in ERROR_REPLIES:
            await self.line.socket.close(1011)
            return
        await self.line.say(events.refusal(fault.name, question.client_event_id))

    # -- what is asked

    async def _ask(self, question: Question) -> Ask | None:
        conversation = self.service.conversations.by_id.get(self.record.conversation_id)
        if conversation is None or conversation.deleted:
            await self._fail(CONVERSATION_NOT_FOUND, "Conversation not found", question)
            return None
        while running := self.service.active(conversation.conversation_id):
            await running[0].ended.wait()
        parent = question.parent or conversation.newest
        if parent is not None and parent not in conversation.nodes:
            await self._fail("invalid_parent_response_id", "Invalid parent_response_id", question)
            return None
        options, mode = self.record.options, question.mode or self.record.model
        tools = mapping(options.get("tool_overrides"))
        may_search_web = not options.get("disable_web_search") and tools.get("web_search", True)
        may_search_posts = not options.get("disable_x_search") and tools.get("x_search", True)
        return Ask(
            prompt=question.prompt,
            conversation_id=conversation.conversation_id,
            parent_response_id=parent,
            mode=mode,
            is_model=False,
            quota=mode,
            era="2026",
            thinking=mode != "fast",
            search=bool(may_search_web or may_search_posts),
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
            return Reply(error="model_not_available" if refused.reply.status == 403 else "internal_error")  # noqa: PLR2004
        return self.service.instead(ask)

    async def _fail(self, code: str, message: str, question: Question) -> None:
        await self.line.say(events.failure(code, message, question.client_event_id))


def _event_of(frame: Frame) -> Any:
    # an error is the log's own word for a bug of the emulator
    return events.failure(frame.body["code"], frame.body["message"]) if frame.kind == "error" else frame.body


class RecordedSession:
    """A recorded session, said again: after what the client said then, once it has said the same kind of thing now.

    `heard` takes what the client says. The ids that it gives to its events take the place of those that were recorded.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._ids: dict[str, str] = {}

    async def play(self, socket: "Socket") -> None:
        """Say everything, and close the socket where it was closed."""
        async for entry in self._exchange.steps():
            if "sent" in entry:
                recorded = entry["sent"]["event"]
                while (event := await self.heard.get()).get("type") != recorded.get("type"):
                    pass
                with suppress(KeyError):
                    self._ids[recorded["event_id"]] = str(event["event_id"])
            elif "unreadable" in entry:
                await socket.send(entry["unreadable"])
            elif "received" in entry:
                text = b"".join(map(go_json, entry["received"])).decode()
                for then, now in self._ids.items():
                    text = text.replace(f'"{then}"', f'"{now}"')
                await socket.send(text)
            elif "ended" in entry:
                await socket.close(entry["ended"].get("code") or 1000, entry["ended"].get("reason", ""))
