"""One socket of the gateway: what a client says on it, and what is said back (gateway.md 2 and 3).

A socket carries any number of sessions, distinguished by `session_id`. What concerns no turn is answered here at
once; questions go to their session. Events for a session that does not exist, or is not ready, are dropped
without a word, as gateway.md 3.3 reports; an event that nobody knows is an error (a guess).
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from langchain_grokweb.testing.gateway.asking import mapping, question_of, string
from langchain_grokweb.testing.gateway.events import answering, failure, objects_in
from langchain_grokweb.testing.gateway.sessions import CONVERSATION_NOT_FOUND, Line, RecordedSession, Session
from langchain_grokweb.testing.server import reset
from langchain_grokweb.testing.state.faults import GATEWAY_PATH, Fault
from langchain_grokweb.testing.state.script import GatewayEvent, GatewaySession
from langchain_grokweb.testing.state.service import Service

SUBPROTOCOL = "json"

_IGNORED = frozenset({"pong", "presence.update"})
_IGNORED_PREFIX = "conversation.queue."


async def realtime(websocket: WebSocket) -> None:
    """Serve one socket that was let in."""
    service: Service = websocket.app.state.service
    offered = websocket.scope["subprotocols"]
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    async with asyncio.TaskGroup() as tasks:
        socket = Socket(websocket, service, tasks)
        try:
            await socket.listen()
        finally:
            socket.leave()


@dataclass(slots=True)
class Socket:
    """A socket and its sessions; `beside` is for events that belong to none."""

    websocket: WebSocket
    service: Service
    tasks: asyncio.TaskGroup
    number: int = 0
    beside: Line = field(init=False)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _work: list[asyncio.Task[None]] = field(default_factory=list)
    _is_closed: bool = False
    _recorded: RecordedSession | None = None

    def __post_init__(self) -> None:
        self.beside = Line(self, None)
        self.number = next(self.service.sockets)

    # -- the wire

    async def listen(self) -> None:
        """Take what the client says, until the socket is closed by either side."""
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                for envelope in objects_in(message.get("text") or ""):
                    await self._take(envelope)
            except WebSocketDisconnect:
                return

    async def send(self, text: str) -> None:
        """Send one message, unless the socket is closed (`WebSocketDisconnect`)."""
        if self._is_closed:
            raise WebSocketDisconnect(1006)
        await self.websocket.send_text(text)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the socket; what its sessions have to say is not sent any more."""
        if not self._is_closed:
            self._is_closed = True
            await self.websocket.close(code, reason)

    def abort(self) -> None:
        """Reset the connection."""
        self._is_closed = True
        reset(self.websocket.scope)

    def leave(self) -> None:
        """The socket is gone; what is being written goes on without it."""
        self._is_closed = True
        for task in self._work:
            task.cancel()
        for session in self._sessions.values():
            session.record.is_open = False
        self.service.note()

    # -- what a client says

    async def _take(self, envelope: Any) -> None:
        event = mapping(mapping(envelope).get("event"))
        is_event = isinstance(event.get("type"), str)
        kind, session_id = (event["type"], string(envelope, "session_id")) if is_event else ("", None)
        record = GatewayEvent(kind, event if is_event else envelope, session_id, self.number)
        self.service.saw(self.service.events, record)
        if not is_event:
            await self._fail("invalid_envelope", "invalid envelope", None)
            return
        if await self._plays(kind, event):
            return
        if kind in _HANDLERS:
            await _HANDLERS[kind](self, event, session_id)
        elif kind not in _IGNORED and not kind.startswith(_IGNORED_PREFIX):
            await self._fail("unknown_event", f"unknown event: {kind}", event.get("event_id"), session_id)

    async def _plays(self, kind: str, event: Mapping[str, Any]) -> bool:
        """Whether a recorded session answers this event."""
        recorded = self.service.recorded
        if kind == "session.create" and recorded.exchanges:
            if (exchange := recorded.take("gateway")) is None:
                await self._fail("other_wire", "a turn of the conversations endpoint is to be played", None)
                return True
            self._recorded = RecordedSession(exchange)
            self._start(self._recorded.play(self))
        if self._recorded is None or kind == "ping":
            return False
        self._recorded.heard.put_nowait(event)
        return True

    async def _fail(self, code: str, message: str, client_event_id: str | None, session_id: str | None = None) -> None:
        session = self._sessions.get(session_id or "")
        line = self.beside if session is None else session.line
        await line.say(failure(code, message, client_event_id))

    async def pinged(self, event: Mapping[str, Any], _session_id: str | None) -> None:
        """`ping`: a pong, which belongs to no session."""
        await self.beside.say({"type": "pong", **answering(event.get("event_id"))})

    # -- sessions

    async def create(self, event: Mapping[str, Any], session_id: str | None) -> None:
        """`session.create`: a new session with a new conversation, or with one that there is (gateway.md 3.1, 3.4)."""
        await asyncio.sleep(2 * self.service.settings.latency)
        given = event.get("session")
        if not isinstance(given, dict):
            await self._fail("invalid_envelope", "invalid envelope", event.get("event_id"))
            return
        options = mapping(given.get("x_grok"))
        wanted = options.get("conversation_id")
        fault = self.service.script.next_fault(GATEWAY_PATH, "resume" if wanted else "session")
        if wanted:
            conversation = self.service.conversations.by_id.get(str(wanted))
        else:
            conversation = self.service.conversations.start(temporary=options.get("is_temporary") is True)
        if conversation is None or conversation.deleted or (fault is not None and fault.name == CONVERSATION_NOT_FOUND):
            failed = failure(CONVERSATION_NOT_FOUND, "Conversation not found", event.get("event_id"))
            await Line(self, session_id).say(failed)
            return
        record = GatewaySession(
            session_id or conversation.conversation_id,
            conversation.conversation_id,
            str(given.get("model") or "auto"),
            options,
            self.number,
            resumed=wanted is not None,
        )
        session = Session(record, self.service, Line(self, record.session_id))
        self._sessions[record.session_id] = session
        self._start(session.work())
        self.service.saw(self.service.sessions, record)
        for generation in self.service.active(record.conversation_id):
            generation.release()
        # an echo; the id stands in it unless the client chose it (gateway.md 3.1, samples)
        named = {} if record.session_id != record.conversation_id else {"id": record.session_id}
        created = {"type": "session.created", **answering(event.get("event_id")), "session": {**named, **given}}
        await self._begin(session, created, fault)

    async def _begin(self, session: Session, created: Mapping[str, Any], fault: Fault | None) -> None:
        """The two events that begin a session, and the sign that it is ready.

        The content of that sign, and the mode of a conversation that was loaded, are guesses.
        """
        mode = "existing" if session.record.resumed else "new"
        conversation = {"id": session.record.conversation_id, "object": "realtime.conversation"}
        first, second = created, {"type": "conversation.attached", "conversation": conversation, "mode": mode}
        if fault is not None and fault.name == "attached_first":
            first, second = second, first
        seconds = fault.options["seconds"] if fault is not None and fault.name == "late_attach" else 0.0
        await session.line.say(first)

        async def attach() -> None:
            await asyncio.sleep(seconds)
            session.is_ready = True
            await session.line.say(second, {"type": "conversation.commands.updated", "commands": []})

        if seconds:
            session.is_ready = False
            self._start(attach())
        else:
            await attach()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        async def quietly() -> None:
            try:
                await work
            except WebSocketDisconnect:
                return

        self._work.append(self.tasks.create_task(quietly()))

    def _ready(self, session_id: str | None) -> Session | None:
        session = self._sessions.get(session_id or "")
        return session if session is not None and session.is_ready else None

    async def add_item(self, event: Mapping[str, Any], session_id: str | None) -> None:
        """`conversation.item.create`: kept until a response is asked for."""
        if (session := self._ready(session_id)) is not None:
            session.pending.append(event)

    async def respond(self, event: Mapping[str, Any], session_id: str | None) -> None:
        """`response.create`: the items so far, or its own, are a question. Without any it is an error (a guess)."""
        session = self._ready(session_id)
        if session is None:
            return
        question = question_of(session.pending, event)
        session.pending.clear()
        if question is None:
            await self._fail("no_input", "there is nothing to respond to", event.get("event_id"), session_id)
        else:
            session.questions.put_nowait(question)


_Handler = Callable[[Socket, Mapping[str, Any], str | None], Coroutine[Any, Any, None]]

_HANDLERS: Mapping[str, _Handler] = {
    "ping": Socket.pinged,
    "session.create": Socket.create,
    "conversation.item.create": Socket.add_item,
    "response.create": Socket.respond,
}

ROUTES = (WebSocketRoute(GATEWAY_PATH, realtime),)
