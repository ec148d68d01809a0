"""The realtime gateway: messages become events, and what is to be sent when (`gateway_frames` has the frames).

Strategy: one `GatewaySession` is one turn on one socket. What the service sends is fed to `receive`; the events that it
amounts to are taken with `take`, and the frames to send next with `outgoing`: first the session, and, once the service
has both created it and attached its conversation, the prompt. Where a turn stands is a `State`, and `TRANSITIONS` is
the whole of its life. Answers come in one of two dialects, chunks or deltas (gateway.md 0.4), and both are read, by
tables from an event's type, and a chunk's members, to methods. What comes after a whole answer can add a title and
suggestions, and nothing else. Nothing here raises: what cannot be read becomes `TurnFailed`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto
from typing import Any, ClassVar, Literal

import orjson

from langchain_grokweb.errors import GrokWebError, GrokWebProtocolError
from langchain_grokweb.wire import error_mapping, modes
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.conversation_ids import is_id, require_id
from langchain_grokweb.wire.event_builder import AnswerReader, web_results
from langchain_grokweb.wire.framing import UNCHECKED_BYTES, JsonObjects, has_too_many_parts, in_slices
from langchain_grokweb.wire.gateway_chunks import ChunkReader, Dialects
from langchain_grokweb.wire.gateway_frames import check_turn, is_item_of, prompt_frames, session_frame
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_objects, get_str, wrong_type
from langchain_grokweb.wire.turn import Turn
from langchain_grokweb.wire.unknown_fields import Unknown


class State(Enum):
    """Where a turn stands."""

    OPENING = auto()  # the session is asked for
    CREATED = auto()  # and its conversation is not attached yet
    ATTACHED = auto()  # and the session is not created yet
    READY = auto()  # both: the prompt may be sent
    PROMPTED = auto()  # the prompt is sent, the answer has no id yet
    ANSWERING = auto()
    WHOLE = auto()  # the answer is finished; a title and suggestions may still come
    FAILED = auto()  # nothing is read any more


Step = Literal["session created", "conversation attached", "prompt sent", "answer started", "answer done", "error"]

# A step that is not named for a state changes nothing: what comes again, too late or too early.
TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.OPENING, "session created"): State.CREATED,
    (State.OPENING, "conversation attached"): State.ATTACHED,
    (State.CREATED, "conversation attached"): State.READY,
    (State.ATTACHED, "session created"): State.READY,
    (State.READY, "prompt sent"): State.PROMPTED,
    (State.PROMPTED, "answer started"): State.ANSWERING,
    (State.ANSWERING, "answer done"): State.WHOLE,
    (State.OPENING, "error"): State.FAILED,
    (State.CREATED, "error"): State.FAILED,
    (State.ATTACHED, "error"): State.FAILED,
    (State.READY, "error"): State.FAILED,
    (State.PROMPTED, "error"): State.FAILED,
    (State.ANSWERING, "error"): State.FAILED,
}

_Readers = Mapping[str, Callable[["GatewaySession", Any, Fields], None]]

_MESSAGE = "a message of the realtime gateway"
_MAX_OBJECTS, _MAX_SLICES = 256, 32  # of one message: it is read without a pause
_TEXT_PARTS = {"output_text", "text"}
_PLAIN_CHANNEL = "CHANNEL_ASSISTANT_RESPONSE"

# Known, and of no use here.
_SILENT_EVENTS = frozenset(
    """
    session.updated conversation.history.item conversation.history.done conversation.queue.updated
    conversation.commands.updated
    response.output_item.added response.content_part.added response.content_part.done response.output_item.done
    ping pong
    """.split()
)
_SILENT_MEMBERS = frozenset(["metadata", "phase_marker", "progress_report", "tool_partial_result"])
# The headline of the thoughts, where it comes as a piece of the text (gateway.md 9.3).
_HEADLINE = re.compile(r"\s*Thinking about your request[ .…]*(?:\n\s*|\Z)")
_OPEN_TO_ALL = {"auto", "fast"}  # modes that every account has (gateway.md 3.2)


class GatewaySession:
    """One turn: feed it messages, take events, send what it has to send."""

    def __init__(
        self, turn: Turn, *, assets_url: str = "https://assets.grok.com", session_id: str | None = None
    ) -> None:
        """A turn on a new session, or a further one of its conversation on the session of this id.

        Raises:
            GrokWebInvalidRequestError: The turn asks for something that this wire does not have.
        """
        check_turn(turn)
        self.state = State.OPENING
        self.unknown = Unknown()
        self.heard = 0  # events of our answer; heartbeats are none
        self.ended = False  # the service has ended the session; what it has sent before may still come
        self._turn = turn
        self._reader = AnswerReader(assets_url)
        self._dialects = Dialects()
        self._chunks = ChunkReader(self._reader, self._dialects)
        self._event_ids: set[str] = set()  # of all that came
        self._outgoing: list[str] = []
        self._sent: set[str] = set()  # the ids of what was sent for this turn
        self._session_id: str | None = None
        self.is_stored = False  # the newest answer, at the service: it may be followed now (gateway.md 5.2)
        self.confirms_stored = False  # the service has said so, of this answer or late of the one before
        self.ids: set[str] = set()  # of the prompts and answers of this session, also of its earlier turns
        self._message_id = ""  # of our prompt, as we name it
        self._prompt_id: str | None = None  # as the service names it
        if session_id is not None:
            self.continue_on(session_id)
        self._request_id = ""
        self._answer_id: str | None = None
        self._final_texts: dict[str, str] = {}  # by output and part
        # The mode, where the answer ended without a reason: the account may not have it (gateway.md 9.1).
        self.unexplained_mode: str | None = None
        self._pending: set[str] = set(turn.late)  # what may still come after a whole answer
        self._run: list[str] = []  # neighbouring pieces of plain text, which are read as one
        self._is_in_chunks = False  # the text comes in chunks, and some of it has come

    # --- the face

    def continue_on(self, session_id: str, ids: Collection[str] = ()) -> None:
        """Be a further turn of a session, of which nothing was received or sent yet, if it continues a conversation.

        Args:
            session_id: The session's.
            ids: Of the prompts and answers of its earlier turns: what is said late about them is not about this one.
        """
        if (place := self._turn.conversation) is not None:
            self._session_id = session_id
            self.state = State.READY
            self.ids = {*ids, *filter(None, [place.parent_response_id])}
            self._reader.add(ev.ConversationOpened(place.conversation_id))

    def receive(self, message: str | bytes) -> None:
        """Take a message of the service: usually one object, at times several."""
        raw = message.encode() if isinstance(message, str) else message
        if len(raw) > UNCHECKED_BYTES and has_too_many_parts(raw):
            self._fail(GrokWebProtocolError(where=_MESSAGE, expected="fewer values", got="too many to read at once"))
            return
        try:
            envelope = orjson.loads(raw)
        except orjson.JSONDecodeError:
            self._receive_several(raw)
            return
        if envelope.__class__ is not dict:
            self._fail(wrong_type(_MESSAGE, "dict", envelope))
        elif not self._is_plain_text(envelope):
            self._object(envelope)

    def take(self) -> list[ev.Event]:
        """The events since the last call; a `TurnFailed` is the last one ever."""
        self._join_run()
        return self._reader.take()

    @property
    def has_events(self) -> bool:
        """Whether there are events to take."""
        return bool(self._run) or self._reader.has_events

    def outgoing(self) -> list[str]:
        """The frames to send now."""
        if self.state is State.OPENING and not self._sent:
            self._send(session_frame(self._turn, init_id := f"evt_init_{uuid.uuid4()}"), init_id)
        frames, self._outgoing = self._outgoing, []
        return frames

    @property
    def is_ready(self) -> bool:
        """Whether the prompt may be sent: the session is created and its conversation attached, in either order."""
        return self.state in {State.READY, State.PROMPTED, State.ANSWERING, State.WHOLE}

    def send_prompt(self) -> None:
        """Put the prompt among the frames to send; once, and only when the session is ready."""
        if self.state is State.READY and self._session_id is not None:
            self._advance("prompt sent")
            self.is_stored = False
            self._message_id = turn_id = str(uuid.uuid4())
            self._request_id = f"evt_resp_{turn_id}"
            message, request = prompt_frames(self._turn, self._session_id, turn_id, self._request_id)
            self._send(message, f"evt_msg_{turn_id}")
            self._send(request, self._request_id)

    @property
    def session_id(self) -> str | None:
        """How the service names the session."""
        return self._session_id

    @property
    def answering(self) -> bool:
        """Whether the service has begun to answer, or refused to."""
        return self.state in {State.ANSWERING, State.WHOLE, State.FAILED}

    @property
    def finished(self) -> bool:
        """Whether the answer is whole."""
        return self.state is State.WHOLE

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected after the answer."""
        return self.state is State.FAILED or (self.state is State.WHOLE and not self._pending)

    @property
    def asks(self) -> bool:
        """Whether Grok has asked back: then the service may wait for a reply instead of ending the answer."""
        return self.state is State.ANSWERING and self._reader.asks

    def end_with_question(self) -> None:
        """The service waits for a reply to what Grok asked back: that is the end of the answer."""
        if self.asks and self._answer_id is not None:
            self._join_run()
            self._reader.finish(self._answer_id, "".join(self._final_texts.values()))
            self._advance("answer done")

    def closed(self, code: int, reason: str) -> None:
        """The service closed the socket, which may be the word why it did (gateway.md 1.4)."""
        if self.state is not State.WHOLE:
            self._report(error_mapping.from_close(code, reason))

    def close(self) -> None:
        """No more comes; what was held back comes out."""
        self._join_run()
        self._reader.close()

    def _send(self, frame: str, event_id: str) -> None:
        self._sent.add(event_id)
        self._outgoing.append(frame)

    def _advance(self, step: Step) -> None:
        self.state = TRANSITIONS.get((self.state, step), self.state)

    def _join_run(self) -> None:
        if run := self._run:
            self._reader.text("".join(run))
            run.clear()

    def _fail(self, error: GrokWebError) -> None:
        self._join_run()
        self._reader.fail(error)
        self._advance("error")

    def _report(self, meaning: error_mapping.AnswerError | None) -> None:
        """An error that ends the answer, or not."""
        self._join_run()
        self._reader.report(meaning, whole=bool(self._final_texts))
        if self._reader.failed:
            self._advance("error")

    # --- messages and events

    def _receive_several(self, message: bytes) -> None:
        objects = JsonObjects(_MESSAGE)
        envelopes: list[dict[str, Any]] = []
        failure: GrokWebProtocolError | None = None
        try:
            for number, piece in enumerate(in_slices(message)):
                objects.feed(piece, envelopes)
                if len(envelopes) > _MAX_OBJECTS or number > _MAX_SLICES:
                    failure = GrokWebProtocolError(
                        where=_MESSAGE, expected=f"at most {_MAX_OBJECTS} objects", got="more"
                    )
                    break
            else:
                objects.close()
        except GrokWebProtocolError as error:
            failure = error
        for envelope in envelopes:
            self._object(envelope)
        if failure is not None:
            self._fail(failure)

    def _object(self, envelope: Fields) -> None:
        event = envelope.get("event")
        if self.state is State.FAILED or not isinstance(event, dict):
            return
        session_id = envelope.get("session_id")
        if session_id != self._session_id and None not in (session_id, self._session_id):
            return  # another session's
        event_id = event.get("event_id")
        if event_id.__class__ is str:
            if event_id in self._event_ids:
                return  # it came before
            self._event_ids.add(event_id)
        kind = event.get("type")
        self._join_run()
        if self._is_heard(str(kind), event):
            self.heard += 1
        reader = self._EVENTS.get(kind) if isinstance(kind, str) else None
        if reader is None:
            if str(kind) not in _SILENT_EVENTS:
                self.unknown.add_kind("event ", kind)
            return
        self.unknown.look(f"event {kind}", event)
        try:
            reader(self, session_id, event)
        except GrokWebProtocolError as error:
            self._fail(error)

    def _is_plain_text(self, envelope: Fields) -> bool:
        """The short cut for nearly all messages: a piece of the answer's text and nothing else, which is taken."""
        if not self._is_in_chunks or self.state is not State.ANSWERING:
            return False
        try:
            event = envelope["event"]
            event_id, chunk = event["event_id"], event["chunk"]
            text, metadata = chunk["text"], chunk["metadata"]
            piece = text["text"]
            # Where there are no more members than those that are named here, all of them are known.
            if (
                event["response_id"] != self._answer_id
                or text["channel"] != _PLAIN_CHANNEL
                or event["type"] != "response.chunk"
                or envelope["session_id"] != self._session_id
                or len(event) != 4 + ("item_id" in event)
                or not len(envelope) == len(chunk) == len(text) == 2  # noqa: PLR2004 - two members each
                or len(metadata) != ("step_id" in metadata) + ("phase_index" in metadata) + ("rollout_id" in metadata)
                or event_id in self._event_ids
                or piece.__class__ is not str
                or event_id.__class__ is not str
            ):
                return False
        except (KeyError, TypeError, AttributeError):
            return False
        self._event_ids.add(event_id)
        self.heard += 1
        if self._chunks.leader is None or self._chunks.is_leader(metadata):
            self._run.append(piece)
        return True

    def _is_heard(self, kind: str, event: Fields) -> bool:
        """Whether an event is of our answer, or of its opening: another's, and what keeps alive, are silence."""
        if self.state is not State.ANSWERING:
            return kind.startswith(("response.", "session.", "conversation."))
        about = event.get("response_id", get_dict(event, "response").get("id", self._answer_id))
        return kind.startswith("response.") and about == self._answer_id

    def _is_ours(self, event: Fields) -> bool:
        """Whether something is of this answer, while it is being made: what has no id is, what has another is not."""
        return self.state is State.ANSWERING and event.get("response_id", self._answer_id) == self._answer_id

    def _start(self, response_id: Any) -> None:
        """The answer has an id. One that fails at once was never created: its id comes with the failure."""
        if response_id in self.ids:
            return  # a late word about an earlier one
        if self.state is State.PROMPTED and isinstance(response_id, str) and response_id:
            require_id(response_id, "response.created: response.id")
            self._advance("answer started")
            self._answer_id = response_id
            self.ids.add(response_id)
            self._reader.add(ev.AnswerStarted(response_id))

    # --- one method a type of event

    def _session_created(self, session_id: Any, event: Fields) -> None:
        session_id = session_id or get_dict(event, "session").get("id")
        if not isinstance(session_id, str):
            raise wrong_type("session.created: session_id", "str", session_id)
        self._session_id = session_id
        self._advance("session created")

    def _conversation_attached(self, session_id: Any, event: Fields) -> None:
        conversation = event.get("conversation")
        conversation_id = conversation.get("id") if isinstance(conversation, dict) else session_id
        if not isinstance(conversation_id, str):
            raise wrong_type("conversation.attached: conversation.id", "str", conversation_id)
        if self.state not in {State.OPENING, State.CREATED}:
            return  # the conversation of a turn does not change
        place = self._turn.conversation
        if place is not None and conversation_id != place.conversation_id:
            self._fail(error_mapping.from_error({"code": "conversation_not_found", "message": "Another was attached."}))
            return
        require_id(conversation_id, "conversation.attached: conversation.id")
        self._session_id = self._session_id or (session_id if isinstance(session_id, str) else None)
        self._advance("conversation attached")
        self._reader.add(ev.ConversationOpened(conversation_id))

    def _item_added(self, _: Any, event: Fields) -> None:
        """A prompt is in the conversation: ours, or that of an earlier turn or of another client."""
        item = get_dict(event, "item")
        is_awaited = self.state in {State.PROMPTED, State.ANSWERING} and self._prompt_id is None
        is_new_prompt = item.get("role") == "user" and is_id(item.get("id")) and item["id"] not in self.ids
        if is_awaited and is_new_prompt and is_item_of(self._turn, self._message_id, item):
            self._prompt_id = item["id"]
            self.ids.add(item["id"])
            self._reader.add(ev.PromptStored(item["id"]))

    def _response_created(self, _: Any, event: Fields) -> None:
        response_id = get_dict(event, "response").get("id")
        if not isinstance(response_id, str):
            raise wrong_type("response.created: response.id", "str", response_id)
        if event.get("client_event_id") == self._request_id:
            self.ids.discard(response_id)  # that is certain, whatever else was called so
            self._start(response_id)
        elif event.get("client_event_id") is None:
            self._start(response_id)

    def _chunk(self, _: Any, event: Fields) -> None:
        chunk = event.get("chunk")
        if not isinstance(chunk, dict):
            return
        is_ours = self._is_ours(event)
        for name, value in chunk.items():
            if value.__class__ is dict:
                self.unknown.look(f"chunk.{name}", value)
            if name == "follow_up_suggestions":
                about = event.get("response_id") or self._answer_id
                if self.state in {State.READY, State.PROMPTED} or about != self._answer_id:
                    continue  # of another answer
                self._pending.discard("suggestions")
                self._reader.follow_ups(value)
            elif name in ChunkReader.MEMBERS:
                if is_ours:
                    self._chunks.read(name, value, chunk)
                    self._is_in_chunks = self._dialects.has_text_in("chunk")
            elif name not in _SILENT_MEMBERS:
                self.unknown.add("chunk.", name, value)

    def _text_delta(self, _: Any, event: Fields) -> None:
        delta = event.get("delta")
        if delta is None or not self._is_ours(event):
            return
        if get_dict(event, "x_grok").get("is_thinking"):
            self._reasoning_delta(None, event)
        elif not isinstance(delta, str):
            raise wrong_type("response.output_text.delta: delta", "str", delta)
        else:
            if not self._reader.has_text:
                delta = _HEADLINE.sub("", delta, count=1) if _HEADLINE.match(delta) else delta
            if self._dialects.counts("delta", delta):
                self._reader.text(delta)

    def _reasoning_delta(self, _: Any, event: Fields) -> None:
        delta = event.get("delta")
        if isinstance(delta, str) and self._is_ours(event) and self._dialects.counts("delta", delta, is_thought=True):
            self._reader.untagged_reasoning(delta)

    def _search_result(self, _: Any, event: Fields) -> None:
        search = get_dict(event, "result") or get_dict(event, "search_result")
        if search and self._is_ours(event):
            results = search.get("web_results") or ([search] if search.get("url") else [])
            self._chunks.tools.finish("", str(search.get("search_type") or "web_search"), web_results(results))

    def _grok_output(self, _: Any, event: Fields) -> None:
        output = get_dict(event, "output")
        if report := output.get("stream_error"):
            self._stream_error(report, event.get("response_id"))
            return
        if not self._is_ours(event):
            return
        for name, value in output.items():
            if name == "card_attachment":
                self._reader.card_json(value.get("jsonData", value) if isinstance(value, dict) else value)
            elif name == "tool_result" and isinstance(value, dict) and "web_search_results" in value:
                self._chunks.tools.finish("", "web_search", web_results(value["web_search_results"]))
            elif name == "generated_video":  # as the dialect calls pictures `generated_image` (gateway.md 4.8)
                self._chunks.read("render_generated_video", value, output)
            elif not self._chunks.read(name, value, output) and name not in _SILENT_MEMBERS:
                self.unknown.add("output.", name, value)

    def _stream_error(self, report: Any, response_id: Any) -> None:
        """One without an id is about the answer that was asked for, also before that has begun (gateway.md 9.1)."""
        self._start(response_id)
        is_asked = self.state in {State.PROMPTED, State.ANSWERING}
        if is_asked and (not response_id or response_id == self._answer_id):
            self._report(error_mapping.from_stream_error(report))

    def _text_done(self, _: Any, event: Fields) -> None:
        if (text := get_str(event, "text")).strip() and self._is_ours(event):  # the first counts
            part = f"{event.get('output_index')}/{event.get('content_index')}"
            self._final_texts.setdefault(part, text)

    def _response_completed(self, _: Any, event: Fields) -> None:
        """The delta dialect brings the whole answer once more."""
        response = get_dict(event, "response")
        if self._is_ours({"response_id": response.get("id", self._answer_id)}):
            parts = [part for item in get_objects(response, "output") for part in get_objects(item, "content")]
            text = "".join(get_str(part, "text") for part in parts if part.get("type", "text") in _TEXT_PARTS)
            if text and not self._final_texts:
                self._final_texts[""] = text

    def _response_done(self, _: Any, event: Fields) -> None:
        response = get_dict(event, "response")
        status = response.get("status") or "completed"
        response_id = response.get("id") or self._answer_id
        if status != "completed":
            self._start(response_id)
        if not self._is_ours({"response_id": response_id}) or not isinstance(response_id, str):
            return
        if status == "completed":
            self._reader.finish(response_id, "".join(self._final_texts.values()))
            self._advance("answer done")
        else:
            details, reported = get_dict(response, "status_details"), self._reader.reported
            if error_mapping.is_without_reason(status, details) and reported is None:
                self.unexplained_mode = modes.resolve(self._turn.model).id
            is_open = self.unexplained_mode in {None, *_OPEN_TO_ALL} or self._reader.has_text
            self._fail(error_mapping.from_status(status, details, reported, is_open=is_open))

    def _persisted(self, _: Any, event: Fields) -> None:
        """The service has stored an answer: before the prompt and until ours is done, the one before."""
        self.confirms_stored = True
        if self.state in {State.READY, State.WHOLE}:
            self.is_stored = True

    def _title(self, _: Any, event: Fields) -> None:
        if self._reader.title(event.get("title") or get_dict(event, "conversation").get("title")):
            self._pending.discard("title")

    def _error(self, _: Any, event: Fields) -> None:
        about = event.get("client_event_id")
        if isinstance(about, str) and about not in self._sent:
            return  # something else that was sent, a heartbeat perhaps
        answer = event.get("response_id")
        if answer in self.ids and answer != self._answer_id:
            return  # an earlier answer
        error = event.get("error")
        self._fail(error_mapping.from_error({"error": error} if isinstance(error, dict) else event))

    def _session_ended(self, _: Any, __: Fields) -> None:
        """No more comes. That is no failure: an answer that has begun may become whole all the same."""
        self.ended = True

    # Inside the class, so that the methods are named as plain functions.
    _EVENTS: ClassVar[_Readers] = {
        "session.created": _session_created,
        "conversation.attached": _conversation_attached,
        "conversation.item.added": _item_added,
        "conversation.title.updated": _title,
        "response.created": _response_created,
        "response.chunk": _chunk,
        "response.output_text.delta": _text_delta,
        "response.reasoning_text.delta": _reasoning_delta,
        "response.search.result": _search_result,
        "response.grok.output": _grok_output,
        "response.output_text.done": _text_done,
        "response.completed": _response_completed,
        "response.done": _response_done,
        "response.persisted": _persisted,
        "response.error": _error,
        "error": _error,
        "session.ended": _session_ended,
    }
