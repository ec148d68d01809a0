"""A composed answer -> the events of a turn, in the order of gateway.md 4.2.

`GatewayWriter` writes one turn into the log that all wires share: the question and the response are announced,
the chunks say the answer, the response is closed, and late events follow. It knows nothing of sessions and
sockets; event ids and envelopes are given when an event is sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.gateway import events
from langchain_grokweb.testing.state.chunks import HEADER, RESPONSE, Chunks, text_chunk
from langchain_grokweb.testing.state.composition import Composition, Text, Thought
from langchain_grokweb.testing.state.faults import LINE_ERRORS, STREAM_ERRORS, Fault
from langchain_grokweb.testing.state.inflight import Frame, Writer
from langchain_grokweb.testing.state.mischief import GARBAGE, spoiled
from langchain_grokweb.testing.state.stored import keep, keep_stopped

LATE_HEADERS = ("Putting the answer into words", "Looking at the answer once more")
FOREIGN_TEXT = " FOREIGN"
LATE_TEXT = " LATE"
FOLLOW_UPS = (("Tell me more", "DIVE_DEEPER"), ("Give me an example", "TANGENTIAL"))

_THINKING_MODES = frozenset({"expert", "heavy"})


@dataclass(slots=True)
class GatewayWriter(Writer):
    """Writes the events of one turn, with its phases where it is `interleaved`."""

    interleaved: bool = False
    client_event_id: str | None = None
    _chunks: Chunks = field(init=False)
    _opened: int = 0

    def __post_init__(self) -> None:
        self._chunks = Chunks(self.interleaved)

    def opening(self) -> list[Frame]:
        """What comes at once, before there is an answer. The content of the queue is a guess."""
        response_id = self.answer.response_id
        chunks = [{"text": {"text": self.question.message}}]
        asked = events.item(self.question.response_id, "user", "completed", x_grok={"input_chunks": chunks})
        begun = events.item(response_id, "assistant", "in_progress", content=[])
        thinks_long = self.ask.mode in _THINKING_MODES
        has_files = "fileAttachments" in self.question.details
        queued = [{"queue_item_id": self.question.response_id}]
        frames = [
            events.beside({"type": "conversation.queue.updated", "queue": queued}),
            events.beside({"type": "conversation.item.added", "item": asked}),
            events.beside({"type": "conversation.queue.updated", "queue": []}),
            events.created(response_id, self.ask.mode, self.client_event_id),
            self._said("response.output_item.added", output_index=0, item=begun),
            self._part("response.content_part.added", part={"type": "text", "text": ""}),
            *self._events(self._chunks.head(thinks_long=thinks_long, has_files=has_files)),
        ]
        self._opened = sum(frame.kind == "response" for frame in frames)
        return list(self._in_dialect(frames))

    def answered(self, composition: Composition, title: str | None, faults: Sequence[Fault]) -> list[Frame]:
        """The answer from its first to its last event; fills in the node."""
        keep(self.answer, composition, "2026")
        frames = [*self._events(self._chunks.body(composition.rest)), *self._ending(composition, title)]
        for fault in faults:
            frames = self._spoiled(frames, fault)
        return list(self._in_dialect(frames))

    def streamed(self, part: Thought | Text) -> list[Frame]:
        """A thought or words of an answer that is not whole yet."""
        return list(self._in_dialect(self._events(self._chunks.streamed(part))))

    def stopped(self, text: str) -> list[Frame]:
        """How a stopped answer ends (a guess, gateway.md 3.10)."""
        keep_stopped(self.answer, text, "2026")
        response_id = self.answer.response_id
        error = events.stream_error(response_id, "request_cancelled")
        return [error, events.done(response_id, "cancelled"), events.persisted()]

    def _in_dialect(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        """What this client gets in place of these frames."""
        return frames

    def _ending(self, composition: Composition, title: str | None) -> Iterator[Frame]:
        error = composition.reply.error
        response_id = self.answer.response_id
        if error is not None and error in LINE_ERRORS:
            yield events.said(events.refusal(error, self.client_event_id), completes=True)
            return
        if error is not None:
            yield events.stream_error(response_id, error)
            if STREAM_ERRORS[error].fatal:
                yield events.done(response_id, "incomplete", status_details={"reason": "stream_error"})
                return
        yield from self._closed(composition, response_id)
        yield from self._late(title)

    def _closed(self, composition: Composition, response_id: str) -> Iterator[Frame]:
        """The whole text, without marks."""
        text = "".join(step.text for step in composition.of(Text))
        finished = events.item(response_id, "assistant", "completed")
        yield self._part("response.output_text.done", text=text)
        yield self._part("response.content_part.done", part={"type": "text", "text": text})
        yield self._said("response.output_item.done", output_index=0, item=finished)
        # the page of August got an empty usage, the one of October, which accepts phases, none
        usage: dict[str, Any] = {} if self.interleaved else {"usage": {}}
        yield events.done(response_id, **usage)

    def _late(self, title: str | None) -> Iterator[Frame]:
        """What comes after the end: headers that name no response, and suggestions (both captured)."""
        numbered = enumerate(LATE_HEADERS, self._chunks.step + 1)
        chunks = [{"metadata": self._chunks.metadata(step, 1), **text_chunk(text, HEADER)} for step, text in numbered]
        yield from self._events([Frame("response", chunk) for chunk in chunks], "")
        yield events.persisted()
        if self.ask.follow_ups:
            suggestions = [
                {
                    "properties": {"message_type": "TEXT", "follow_up_type": kind},
                    "label": label,
                    "tool_overrides": {"image_gen": False},
                }
                for label, kind in FOLLOW_UPS
            ]
            yield from self._events([Frame("response", {"follow_up_suggestions": {"suggestions": suggestions}})])
        if title is not None and not self.conversation.temporary:
            yield events.beside({"type": "conversation.title.updated", "title": title})

    def _events(self, frames: Iterable[Frame], response_id: str | None = None) -> Iterator[Frame]:
        """Chunks as events."""
        ids = dict.fromkeys(("response_id", "item_id"), self.answer.response_id if response_id is None else response_id)
        for frame in frames:
            yield replace(frame, body={"type": "response.chunk", **ids, "chunk": frame.body})

    def _part(self, kind: str, **members: Any) -> Frame:
        return self._said(kind, item_id=self.answer.response_id, output_index=0, content_index=0, **members)

    def _said(self, kind: str, **members: Any) -> Frame:
        return events.said({"type": kind, "response_id": self.answer.response_id, **members})

    # -- content faults

    def _spoiled(self, frames: list[Frame], fault: Fault) -> list[Frame]:  # noqa: PLR0911 - one for each fault
        match fault.name:
            case "duplicate_citations":
                twice = [(frame, replace(frame, text="")) if _is_citation(frame) else (frame,) for frame in frames]
                return [frame for pair in twice for frame in pair]
            case "late_text":
                place = _place_of_end(frames) + 1
                late = [self._stranger(text_chunk(LATE_TEXT, RESPONSE), one) for one in (None, "")]
                return [*frames[:place], *late, *frames[place:]]
            case "no_channel":
                for frame in frames:
                    match frame.body:
                        case {"chunk": {"text": {"channel": "CHANNEL_ASSISTANT_RESPONSE"} as text}}:
                            del text["channel"]
                return frames
            case "incomplete":
                reason = {"reason": fault.options["reason"]}
                other = events.done(self.answer.response_id, fault.options["status"], status_details=reason)
                return [other if frame.completes else frame for frame in frames]
            case "wrong_session":
                return self._among_foreigners(frames)
            case "no_persisted":
                return [frame for frame in frames if frame.kind == "raw" or frame.body["type"] != "response.persisted"]
            case _:
                progress = {"category": "TOOL_PROCESSING", "state": "PENDING", "message": "", "percentage": 0}
                report = self._stranger({"progress_report": progress})
                return spoiled(frames, fault, self._strangers(), GARBAGE, report=report, opened=self._opened)

    def _among_foreigners(self, frames: list[Frame]) -> list[Frame]:
        """A foreign session speaks and ends between the events, and so does a foreign response of this session."""
        foreign, session_id = str(uuid4()), str(uuid4())
        text = self._stranger(text_chunk(FOREIGN_TEXT, RESPONSE), foreign)
        numbered = zip((text, events.done(foreign)), events.event_ids(), strict=False)
        enveloped = [events.compact(events.enveloped(one.body, name, session_id)) for one, name in numbered]
        strangers = [text, *(Frame("raw", one) for one in enveloped)]
        mixed = [one for frame in frames for one in (([frame, text]) if frame.text else [frame])]
        place = _place_of_end(mixed)
        return [*strangers, *mixed[:place], *strangers, *mixed[place:]]

    def _strangers(self) -> list[Frame]:
        return [
            self._stranger({"some_future_payload": {"x": [1, None]}}),
            self._stranger(text_chunk("not for the answer", "CHANNEL_ASSISTANT_OF_TOMORROW")),
            self._stranger({}),
            self._said("response.of_tomorrow", delta="not for the answer"),
            self._said("response.grok.output", output={"something_else": {}}),
            events.beside({"type": "conversation.weather.updated", "weather": "fair"}),
            events.beside({"type": "ping"}),
        ]

    def _stranger(self, payload: Mapping[str, Any], response_id: str | None = None) -> Frame:
        frame = Frame("response", {"metadata": {"step_id": 0}, **payload})
        return next(self._events([frame], response_id))


def _is_citation(frame: Frame) -> bool:
    return frame.kind != "raw" and "render_citation" in frame.body.get("chunk", {})


def _place_of_end(frames: list[Frame]) -> int:
    return next((place for place, frame in enumerate(frames) if frame.completes), len(frames))
