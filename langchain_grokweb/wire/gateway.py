"""The realtime gateway: a turn becomes frames, messages become events.

Strategy: one `GatewaySession` is one turn on one socket. What the service sends is fed to `receive`; what it amounts
to is taken with `take`, and what must be said next with `outgoing`: first the session, and, once the service has both
created it and attached its conversation, the prompt. Answers come in one of two dialects, chunks or deltas
(gateway.md 0.4), and both are read, by tables from an event's type, and a chunk's members, to methods. What the service
says after the answer is done can add a title and suggestions, and nothing else. Nothing here raises: what cannot be
read becomes `TurnFailed`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson

from langchain_grokweb.errors import (
    GrokWebError,
    GrokWebInterruptedError,
    GrokWebInvalidRequestError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import error_mapping, modes
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.event_builder import AnswerReader, web_results, x_results
from langchain_grokweb.wire.framing import JsonObjects
from langchain_grokweb.wire.markup import ToolCard
from langchain_grokweb.wire.turn import Turn
from langchain_grokweb.wire.unknown_fields import Unknown

PATH = "/ws/mgw/"

_Event = Mapping[str, Any]
_Readers = Mapping[str, Callable[["GatewaySession", Any, _Event], None]]

_ANSWER_CHANNELS = {"CHANNEL_ASSISTANT_RESPONSE", "CHANNEL_UNSPECIFIED"}
_PLACEHOLDER = "Thinking about your request"
_PLAIN_MEMBERS = 5  # of an event that brings a piece of text: its type, three ids and the chunk

# --- what we send


def heartbeat() -> str:
    """A sign of life (gateway.md 3.7)."""
    return _frame(None, "ping", f"evt_hb_{uuid.uuid4()}")


def session_frame(turn: Turn) -> str:
    """The first frame: a new, a temporary or a continued conversation (gateway.md 3.1 and 3.4).

    Raises:
        GrokWebInvalidRequestError: The turn asks for something that this wire does not have.
    """
    if turn.deep_search:
        raise GrokWebInvalidRequestError(
            "The realtime gateway has no deep search.", next_step='Leave `deep_search=` out, or use `transport="rest"`.'
        )
    extension: dict[str, Any] = {
        "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
        "use_chunk": True,
        "enable_side_by_side": False,
        "force_side_by_side": False,
        "enable_image_generation": turn.image_generation,
        "image_generation_count": turn.image_count,
        "disable_text_follow_ups": False,
        "disable_artifact": True,
        "force_concise": False,
    }
    if not turn.search:
        extension |= {"disable_web_search": True, "disable_x_search": True}
    place = turn.conversation
    if place is not None:
        extension |= {"conversation_id": place.conversation_id, "load_existing": True, "needs_history": False}
    elif turn.temporary:
        extension |= {"is_temporary": True, "keep_context": True, "disable_memory": True}
    session = {"model": modes.resolve(turn.model).id, "x_grok": extension}
    return _frame(
        place.conversation_id if place else None, "session.create", f"evt_init_{uuid.uuid4()}", session=session
    )


def prompt_frames(turn: Turn, session_id: str, asked: str) -> list[str]:
    """The frames that say the prompt and ask for an answer, by the id `asked` (gateway.md 3.3, the split form).

    Of the four shapes that refer to a file (gateway.md 3.5) this is the schema's mention, with which alone one client
    works, together with `file_attachment_ids` on item and event, which the three others have in common.
    """
    mentions = [{"mention": {"file_mention": {"file_id": file_id}}} for file_id in turn.file_ids]
    files = {"file_attachment_ids": list(turn.file_ids)} if turn.file_ids else {}
    texts = [turn.prompt]
    if turn.custom_instructions and turn.conversation is None:  # the wire has no field of its own for them
        texts.insert(0, f"{turn.custom_instructions}\n\n")
    item = {
        "type": "message",
        "role": "user",
        "x_grok": {
            "client_message_id": str(uuid.uuid4()),
            "input_chunks": [*mentions, *({"text": {"text": text}} for text in texts)],
        },
        **files,
    }
    parent = {} if turn.conversation is None else {"parent_response_id": turn.conversation.parent_response_id}
    return [
        _frame(session_id, "conversation.item.create", f"evt_msg_{uuid.uuid4()}", item=item, **files, **parent),
        _frame(session_id, "response.create", asked),
    ]


def _frame(session_id: str | None, kind: str, event_id: str, **members: Any) -> str:
    envelope = {} if session_id is None else {"session_id": session_id}
    event = {"type": kind, "event_id": event_id, **members}
    return orjson.dumps({**envelope, "event": event}).decode()


# --- what we read

# Known, and of no use here.
_SILENT_EVENTS = frozenset(
    """
    session.updated conversation.history.item conversation.history.done conversation.queue.updated
    response.output_item.added response.content_part.added response.content_part.done response.output_item.done
    ping pong
    """.split()
)
_SILENT_MEMBERS = frozenset(["metadata", "phase_marker", "ui_layout", "progress_report", "tool_partial_result"])
_ABOUT_A_CARD = {"tool_usage_card_id", "intent"}


class GatewaySession:
    """One turn: feed it messages, take events, send what it wants to say."""

    def __init__(self, turn: Turn, *, assets_url: str = "https://assets.grok.com") -> None:
        self.unknown = Unknown()
        self.heard = 0  # events of our answer; heartbeats are none
        self._turn = turn
        self._reader = AnswerReader(assets_url)
        self._outgoing: list[str] = []
        self._said: set[str] = set()  # the ids of what was said for this turn
        self._say([session_frame(turn)])
        self._session_id: str | None = None
        self._created = self._attached = self._prompted = False
        self._asked = ""
        self._answer_id: str | None = None
        self._whole = ""
        self._failed = False
        self._open_tools: dict[str, list[str]] = {}  # by name, of tools that came without an id
        self._last_tool: dict[str, str] = {}
        self._unnumbered = 0
        self._results: dict[str, Any] = {}
        # What may still come after the answer is done.
        self._titled = turn.temporary or turn.conversation is not None
        self._suggested = self._persisted = False
        self.commands_known = self.ended = False

    # --- the face

    def receive(self, message: str | bytes) -> None:
        """Take a message of the service: usually one object, at times several."""
        try:
            found = orjson.loads(message)
        except orjson.JSONDecodeError:
            self._receive_several(message)
            return
        if found.__class__ is dict:
            self._object(found)
        else:
            self._fail(_unreadable())

    def take(self) -> list[ev.Event]:
        """The events since the last call; a `TurnFailed` is the last one ever."""
        return self._reader.take()

    @property
    def has_events(self) -> bool:
        """Whether there are events to take."""
        return self._reader.has_events

    def outgoing(self) -> list[str]:
        """The frames to send now."""
        frames, self._outgoing = self._outgoing, []
        return frames

    @property
    def is_ready(self) -> bool:
        """Whether the prompt may be said: the session is created and its conversation attached, in either order."""
        return self._created and self._attached

    def say_prompt(self) -> None:
        """Put the prompt among the frames to send."""
        if not self._prompted and self._session_id is not None:
            self._prompted = True
            self._asked = f"evt_resp_{uuid.uuid4()}"
            self._say(prompt_frames(self._turn, self._session_id, self._asked))

    def _say(self, frames: list[str]) -> None:
        self._said.update(orjson.loads(frame)["event"]["event_id"] for frame in frames)
        self._outgoing += frames

    @property
    def answering(self) -> bool:
        """Whether the service has begun to answer, or refused to."""
        return self._answer_id is not None or self._failed

    @property
    def finished(self) -> bool:
        """Whether the answer is whole."""
        return self._reader.finished

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected after the answer."""
        return self._failed or (self.finished and self._persisted and self._titled and self._suggested)

    def close(self) -> None:
        """The socket is closed; what was held back comes out."""
        if not self.finished and not self._failed:
            self._reader.flush()

    # --- messages and events

    def _receive_several(self, message: str | bytes) -> None:
        objects = JsonObjects("a message of the realtime gateway")
        found: list[dict[str, Any]] = []
        try:
            objects.feed(message.encode() if isinstance(message, str) else message, found)
            objects.close()
        except GrokWebProtocolError as error:
            for entry in found:
                self._object(entry)
            self._fail(error)
            return
        for entry in found:
            self._object(entry)

    def _object(self, found: Mapping[str, Any]) -> None:
        event = found.get("event")
        if self._failed or not isinstance(event, dict):
            return
        session_id = found.get("session_id")
        if self._session_id is not None and session_id not in (None, self._session_id):
            return  # another session's
        kind = event.get("type")
        if kind == "response.chunk" and self._plain_text(event):
            self.heard += 1
            return
        if str(kind).startswith(("response.", "session.", "conversation.")):
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

    def _plain_text(self, event: _Event) -> bool:
        """The short cut for nearly all frames: a piece of the answer's text."""
        try:
            chunk = event["chunk"]
            text = chunk["text"]
            if text["channel"] != "CHANNEL_ASSISTANT_RESPONSE" or event["response_id"] != self._answer_id:
                return False
            if len(event) > _PLAIN_MEMBERS or len(text) > 2 or len(chunk) != 1 + ("metadata" in chunk):  # noqa: PLR2004
                return False  # there is more in it
            piece = text["text"]
        except (KeyError, TypeError, AttributeError):
            return False
        if piece.__class__ is not str or self._answer_id is None:
            return False
        self._reader.text(piece)
        return True

    def _fail(self, error: GrokWebError) -> None:
        if not self._failed and not self.finished:  # a whole answer is not lost by what comes behind it
            self._reader.flush()
            self._reader.add(ev.TurnFailed(error))
            self._failed = True

    def _is_ours(self, response_id: Any) -> bool:
        """Whether something is of this answer, while it is being made: late events carry no id, others' another."""
        return self._answer_id is not None and not self.finished and response_id == self._answer_id

    def _begin(self, response_id: Any) -> None:
        """The answer has an id. One that fails at once was never created: its id comes with the failure."""
        if self._answer_id is None and self._prompted and isinstance(response_id, str) and response_id:
            self._answer_id = response_id
            self._reader.add(ev.AnswerStarted(response_id))

    # --- one method a type of event

    def _session_created(self, session_id: Any, event: _Event) -> None:
        inner = event.get("session")
        found = session_id or (inner.get("id") if isinstance(inner, dict) else None)
        if not isinstance(found, str):
            raise _missing("session.created: session_id", found)
        self._session_id = found
        self._created = True

    def _conversation_attached(self, session_id: Any, event: _Event) -> None:
        inner = event.get("conversation")
        found = inner.get("id") if isinstance(inner, dict) else session_id
        if not isinstance(found, str):
            raise _missing("conversation.attached: conversation.id", found)
        place = self._turn.conversation
        if place is not None and found != place.conversation_id:
            self._fail(error_mapping.from_error({"code": "conversation_not_found", "message": "Another was attached."}))
            return
        self._attached = True
        self._session_id = self._session_id or (session_id if isinstance(session_id, str) else None)
        self._reader.add(ev.ConversationOpened(found))

    def _commands_updated(self, _: Any, __: _Event) -> None:
        self.commands_known = True

    def _item_added(self, _: Any, event: _Event) -> None:
        item = event.get("item")
        if isinstance(item, dict) and item.get("role") == "user" and isinstance(item.get("id"), str):
            self._reader.add(ev.PromptStored(item["id"]))

    def _response_created(self, _: Any, event: _Event) -> None:
        response_id = _inner(event, "response").get("id")
        if not isinstance(response_id, str):
            raise _missing("response.created: response.id", response_id)
        asked = event.get("client_event_id")
        if asked is None or asked == self._asked:
            self._begin(response_id)

    def _chunk(self, _: Any, event: _Event) -> None:
        chunk = event.get("chunk")
        if not isinstance(chunk, dict):
            return
        ours = self._is_ours(event.get("response_id", self._answer_id))
        for name, value in chunk.items():
            if value.__class__ is dict:
                self.unknown.look(f"chunk.{name}", value)
            if name == "follow_up_suggestions":
                self._follow_ups(value)
            elif name in self._CHUNKS and value is not None:
                if ours:
                    self._CHUNKS[name](self, value, chunk)
            elif name not in _SILENT_MEMBERS:
                self.unknown.add("chunk.", name, value)

    def _text_delta(self, _: Any, event: _Event) -> None:
        delta = event.get("delta")
        if delta is None or not self._is_ours(event.get("response_id", self._answer_id)):
            return
        thought = _inner(event, "x_grok").get("is_thinking")
        if isinstance(delta, str):
            (self._thought_delta if thought else self._reader.text)(delta)
        elif not thought:
            raise _missing("response.output_text.delta: delta", delta)

    def _reasoning_delta(self, _: Any, event: _Event) -> None:
        if isinstance(delta := event.get("delta"), str) and self._is_ours(event.get("response_id", self._answer_id)):
            self._thought_delta(delta)

    def _thought_delta(self, delta: str) -> None:
        headline = delta.strip() == _PLACEHOLDER
        self._reader.reasoning(delta, tag="header" if headline else "thought", section=object() if headline else None)

    def _search_result(self, _: Any, event: _Event) -> None:
        found = event.get("result") or event.get("search_result")
        if isinstance(found, dict) and self._is_ours(event.get("response_id", self._answer_id)):
            results = found.get("web_results") or ([found] if found.get("url") else [])
            self._tool_done("", str(found.get("search_type") or "web_search"), web_results(results))

    def _grok_output(self, _: Any, event: _Event) -> None:
        output = _inner(event, "output")
        if output.get("stream_error"):
            self._begin(event.get("response_id"))
        if not self._is_ours(event.get("response_id", self._answer_id)):
            return
        if error := output.get("stream_error"):
            if problem := error_mapping.from_stream_error(_camel_kind(error)):
                self._fail(problem)
            return
        for name, value in output.items():
            if name == "card_attachment":
                self._reader.card_json(value.get("jsonData", value) if isinstance(value, dict) else value)
            elif name == "tool_result" and isinstance(value, dict) and "web_search_results" in value:
                self._tool_done("", "web_search", web_results(value["web_search_results"]))
            elif name in self._CHUNKS:
                self._CHUNKS[name](self, value, output)
            elif name not in _SILENT_MEMBERS:
                self.unknown.add("output.", name, value)

    def _text_done(self, _: Any, event: _Event) -> None:
        if isinstance(text := event.get("text"), str) and self._is_ours(event.get("response_id", self._answer_id)):
            self._whole = text

    def _response_completed(self, _: Any, event: _Event) -> None:
        """The delta dialect says the whole answer once more."""
        response = _inner(event, "response")
        if not self._is_ours(response.get("id", self._answer_id)):
            return
        for item in _list(response.get("output")):
            for part in _list(item.get("content") if isinstance(item, dict) else None):
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    self._whole = self._whole or part["text"]

    def _response_done(self, _: Any, event: _Event) -> None:
        response = _inner(event, "response")
        status = response.get("status") or "completed"
        response_id = response.get("id") or self._answer_id
        if status != "completed":
            self._begin(response_id)
        if not self._is_ours(response_id) or not isinstance(response_id, str):
            return
        if status == "completed":
            self._reader.finish(response_id, self._whole)
        else:
            self._fail(_not_whole(status, _inner(response, "status_details").get("reason")))

    def _response_persisted(self, _: Any, __: _Event) -> None:
        self._persisted = True

    def _title(self, _: Any, event: _Event) -> None:
        title = event.get("title") or _inner(event, "conversation").get("title")
        if isinstance(title, str) and title:
            self._titled = True
            self._reader.add(ev.TitleGiven(title))

    def _error(self, _: Any, event: _Event) -> None:
        error = event.get("error")
        about = event.get("client_event_id")
        if isinstance(about, str) and about not in self._said:
            return  # something else that was said, a heartbeat perhaps
        self._fail(error_mapping.from_error({"error": error} if isinstance(error, dict) else event))

    def _session_ended(self, _: Any, __: _Event) -> None:
        """No more comes. That is no failure: an answer that has begun may become whole all the same."""
        self.ended = True

    # --- one method a member of a chunk

    def _text(self, value: Any, chunk: _Event) -> None:
        channel = value.get("channel") if isinstance(value, dict) else None
        of_answer = not channel or str(channel) in _ANSWER_CHANNELS
        text = value.get("text", "") if isinstance(value, dict) else value
        if not isinstance(text, str):
            if of_answer:
                raise _missing("response.chunk: chunk.text.text", text)
            return
        if of_answer:
            self._reader.text(text)
            return
        metadata = _inner(chunk, "metadata")
        headline = str(channel).endswith("HEADER")
        # A headline comes whole, so that two of them in one step are two.
        section = object() if headline else (metadata.get("step_id"), metadata.get("rollout_id"))
        self._reader.reasoning(text, tag="header" if headline else str(channel), section=section)

    def _tool_card(self, value: Any, _: _Event) -> None:
        if not isinstance(value, dict):
            return
        for name, found in value.items():
            if name in _ABOUT_A_CARD or not isinstance(found, dict):
                continue
            tool_id = value.get("tool_usage_card_id")
            if not isinstance(tool_id, str) or not tool_id:
                tool_id, self._unnumbered = f"{name}_{self._unnumbered}", self._unnumbered + 1
                self._open_tools.setdefault(name, []).append(tool_id)
            args = found.get("args", found)
            self._reader.tool_started(ToolCard(tool_id, name, args if isinstance(args, dict) else {}))

    def _tool_result(self, value: Any, _: _Event) -> None:
        if not isinstance(value, dict):
            return
        tool_id = value.get("tool_call_id")
        for kind, found in value.items():
            if kind != "tool_call_id":
                read = _RESULTS.get(kind, lambda raw: raw)
                failed = isinstance(found, dict) and bool(found.get("exit_code") or found.get("command_timed_out"))
                self._tool_done(tool_id if isinstance(tool_id, str) else "", kind, read(found), failed=failed)

    def _tool_done(self, tool_id: str, name: str, output: Any, *, failed: bool = False) -> None:
        """A result; without an id it belongs to the oldest open tool of its name. The same result is told once."""
        last = tool_id or self._last_tool.get(name, "")
        if last and self._results.get(last) == output:
            return
        if not tool_id:
            waiting = self._open_tools.get(name)
            tool_id = self._last_tool[name] = waiting.pop(0) if waiting else last
        self._results[tool_id] = output
        self._reader.tool_finished(tool_id, name, output, failed=failed)

    def _citation(self, value: Any, _: _Event) -> None:
        if isinstance(value, dict):
            self._reader.cite_here(value, _citation_kind(str(value.get("kind") or "")))

    def _render_start(self, value: Any, _: _Event) -> None:
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            announced = _inner(value, "generated_image") or _inner(value, "edited_image")
            if announced:
                self._reader.image_card(value["id"], {}, str(announced.get("prompt") or ""))

    def _picture(self, value: Any, _: _Event) -> None:
        if isinstance(value, dict):
            card_id = value.get("id") or value.get("tool_call_id") or ""
            picture = _inner(value, "image_chunk")
            prompt = value.get("query") or _inner(picture, "imagePrompt").get("prompt")
            self._reader.image_card(str(card_id), picture, str(prompt or ""))
            tool_id = value.get("tool_call_id")
            if isinstance(tool_id, str) and picture.get("progress") == 100:  # noqa: PLR2004 - percent
                self._tool_done(tool_id, "generate_image", [{"image_id": picture.get("imageUuid")}])

    def _found_picture(self, value: Any, _: _Event) -> None:
        if isinstance(value, dict):
            self._reader.cite_here(value, "image")

    def _follow_ups(self, value: Any) -> None:
        found = _list(value.get("suggestions")) if isinstance(value, dict) else []
        labels = [entry["label"] for entry in found if isinstance(entry, dict) and isinstance(entry.get("label"), str)]
        self._suggested = True
        if labels:
            self._reader.add(ev.FollowUpsSuggested(labels))

    # Inside the class, so that the methods are named as plain functions.
    _EVENTS: ClassVar[_Readers] = {
        "session.created": _session_created,
        "conversation.attached": _conversation_attached,
        "conversation.commands.updated": _commands_updated,
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
        "response.persisted": _response_persisted,
        "response.error": _error,
        "error": _error,
        "session.ended": _session_ended,
    }
    _CHUNKS: ClassVar[_Readers] = {
        "text": _text,
        "tool_usage_card": _tool_card,
        "tool_result": _tool_result,
        "render_citation": _citation,
        "render_start": _render_start,
        "render_generated_image": _picture,
        "render_edited_image": _picture,
        "render_searched_image": _found_picture,
    }


_RESULTS: dict[str, Callable[[Any], Any]] = {
    "web_search": lambda found: web_results(found.get("webpages") if isinstance(found, dict) else []),
    "x_post": lambda found: x_results(found.get("posts") if isinstance(found, dict) else []),
    "x_thread": lambda found: x_results(found.get("posts") if isinstance(found, dict) else []),
}


def _citation_kind(kind: str) -> str:
    if kind.startswith("CITATION_KIND_X_"):
        return "x"
    return "file" if kind.endswith("_DOCUMENT") else "web"


def _camel_kind(error: Any) -> Any:
    """A stream error in the REST form: its kind as a member of its own, in camel case (gateway.md 4.11)."""
    if not isinstance(error, dict) or not isinstance(kind := error.get("kind"), str):
        return error
    name = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), kind)
    return {"message": error.get("message"), "severity": error.get("severity"), name: error.get("details") or {}}


def _not_whole(status: str, reason: Any) -> GrokWebError:
    what = re.sub(r"[^\w., -]", " ", f"{status}{f', {reason}' if isinstance(reason, str) else ''}")[:80]
    return GrokWebInterruptedError(
        f"grok.com ended the answer before it was whole ({what}).",
        next_step="Ask again; what came so far is in the error's `.partial`.",
    )


def _missing(where: str, got: Any) -> GrokWebProtocolError:
    return GrokWebProtocolError(where=where, expected="str", got=type(got).__name__)


def _unreadable() -> GrokWebProtocolError:
    return GrokWebProtocolError(where="a message of the realtime gateway", expected="a JSON object", got="other JSON")


def _inner(found: Any, name: str) -> Mapping[str, Any]:
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
