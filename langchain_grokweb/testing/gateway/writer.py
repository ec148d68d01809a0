"""A composed answer -> the events of a turn, in the order of gateway.md 4.2.

`GatewayWriter` writes one turn into the log that all wires share: the question and the response are announced,
the chunks say the answer, the response is closed, and late events follow. It knows nothing of sessions and
sockets; event ids and envelopes are given when an event is sent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_grokweb.testing.gateway import events
from langchain_grokweb.testing.gateway.mischief import spoiled
from langchain_grokweb.testing.state.chunks import HEADER, Chunks, text_chunk
from langchain_grokweb.testing.state.composition import Composition, Text, Thought
from langchain_grokweb.testing.state.faults import LINE_ERRORS, STREAM_ERRORS, Fault
from langchain_grokweb.testing.state.inflight import Frame, Writer
from langchain_grokweb.testing.state.stored import keep, keep_stopped

LATE_HEADERS = ("Putting the answer into words", "Looking at the answer once more")
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
        return frames

    def answered(self, composition: Composition, title: str | None, faults: Sequence[Fault]) -> list[Frame]:
        """The answer from its first to its last event; fills in the node."""
        keep(self.answer, composition, "2026")
        frames = [*self._events(self._chunks.body(composition.rest)), *self._ending(composition, title)]
        for fault in faults:
            frames = spoiled(frames, fault, self.answer.response_id, self._opened)
        return frames

    def streamed(self, part: Thought | Text) -> list[Frame]:
        """A thought or words of an answer that is not whole yet."""
        return list(self._events(self._chunks.streamed(part)))

    def stopped(self, text: str) -> list[Frame]:
        """How a stopped answer ends (a guess, gateway.md 3.10)."""
        keep_stopped(self.answer, text, "2026")
        response_id = self.answer.response_id
        error = events.stream_error(response_id, "request_cancelled")
        return [error, events.done(response_id, "cancelled"), events.persisted()]

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
        item_id = self.answer.response_id if response_id is None else response_id
        for frame in frames:
            ids = {"response_id": item_id, "item_id": item_id}
            yield replace(frame, body={"type": "response.chunk", **ids, "chunk": frame.body})

    def _part(self, kind: str, **members: Any) -> Frame:
        return self._said(kind, item_id=self.answer.response_id, output_index=0, content_index=0, **members)

    def _said(self, kind: str, **members: Any) -> Frame:
        return events.said({"type": kind, "response_id": self.answer.response_id, **members})
