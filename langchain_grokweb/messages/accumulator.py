"""Events become message chunks, or one message.

One reader, `Answer`, turns events into deltas and adds them up; `chunk` and `message` are its two faces, so a streamed
answer and a whole one cannot differ. LangChain adds chunks up by joining strings and lists found under one key,
therefore each thing is on one chunk alone: ids, names and the link on the last one, where the citations are too.

`State` says what is done with an event, and `TRANSITIONS` is the whole of an answer's life: it is read, perhaps
repaired by further turns, and then finished, or it broke off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, TypeAlias, assert_never

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_grokweb.errors import GrokWebAnswerReplacedError, GrokWebError, GrokWebServerError
from langchain_grokweb.messages.answer_content import (
    DATA_KEY,
    AnswerContent,
    Delta,
    call_chunk,
    citation,
    image_data,
    made_file,
    named,
    picture,
    same_calls,
)
from langchain_grokweb.messages.output_spec import UNFIT_KEY, OutputSpec, Piece, unfit
from langchain_grokweb.messages.planner import LINK_KEY, RequestInfo, hash_answer, hash_text
from langchain_grokweb.messages.stop import StopCut
from langchain_grokweb.messages.structured.stream import EmittedObject, JsonFault
from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolFault, Unmarked
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.turn import ConversationRef


class State(Enum):
    """Where an answer is in its life."""

    READING = "the first turn is read"
    REPAIRING = "a further turn is read, which is to repair the answer"
    UNREPAIRED = "the further turn failed: what came before it counts"
    STOPPED = "a stop sequence ended the text: nothing more is read"
    FINISHED = "the message is complete"
    INTERRUPTED = "the answer broke off: what there is of it is known"


class Signal(Enum):
    """What moves an answer from one state to another."""

    STOP = "a stop sequence is found"
    REPLACE = "the site's final text is another than what was read"
    REPAIR = "a further turn begins"
    REPAIR_FAILED = "the further turn failed"
    FINISH = "no more events come"
    INTERRUPT = "the turn broke off"


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.READING, Signal.STOP): State.STOPPED,
    (State.READING, Signal.REPLACE): State.READING,
    (State.READING, Signal.REPAIR): State.REPAIRING,
    (State.READING, Signal.FINISH): State.FINISHED,
    (State.READING, Signal.INTERRUPT): State.INTERRUPTED,
    (State.REPAIRING, Signal.STOP): State.STOPPED,
    (State.REPAIRING, Signal.REPLACE): State.REPAIRING,
    (State.REPAIRING, Signal.REPAIR): State.REPAIRING,
    (State.REPAIRING, Signal.REPAIR_FAILED): State.UNREPAIRED,
    (State.REPAIRING, Signal.FINISH): State.FINISHED,
    (State.REPAIRING, Signal.INTERRUPT): State.INTERRUPTED,
    (State.UNREPAIRED, Signal.FINISH): State.FINISHED,
    (State.UNREPAIRED, Signal.INTERRUPT): State.INTERRUPTED,
    (State.STOPPED, Signal.REPLACE): State.READING,
    (State.STOPPED, Signal.FINISH): State.FINISHED,
    (State.STOPPED, Signal.INTERRUPT): State.INTERRUPTED,
}

OnReplaced: TypeAlias = Literal["raise", "accept"]

PROVIDER = "grokweb"
PREVIEWS_KEY = "image_previews"

# LangChain copies what it gets, so one of each serves all chunks.
_NOTHING: dict[str, Any] = {}
_PROVIDED = {"model_provider": PROVIDER}


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much of an answer there was at some time: pieces of text, calls and sources."""

    texts: int = 0
    calls: int = 0
    citations: int = 0


class Answer:
    """One answer, as its events come in.

    What `chunks` has made of it is out, and cannot be taken back: where the site's final text is another, that is an
    error, or, with `on_replaced="accept"`, remembered in the link.
    """

    def __init__(
        self,
        asked: RequestInfo,
        *,
        wanted: OutputSpec | None = None,
        stop: Sequence[str] = (),
        image_markdown: bool = False,
        image_bytes: bool = False,
        on_replaced: OnReplaced = "raise",
    ) -> None:
        self._state = State.READING
        self._request = asked
        self._spec = wanted or OutputSpec()
        self._emitted = EmittedObject()
        self._reader = self._spec.reader(self._emitted)
        self._mark_cut = self._spec.mark_cut()
        self._stop = StopCut(stop)
        self._stop_sequences = stop
        self._on_replaced = on_replaced
        self._turn_start = _Extent()
        self._turn_emitted = EmittedObject()  # before the turn
        self._out = _Extent()
        self._withdrawn: AIMessage | None = None  # what is out, and is not what the site keeps
        self._is_accepted = False  # although it is not what the site keeps
        self._image_markdown = image_markdown
        self._image_bytes = image_bytes
        self._content = AnswerContent()
        self._faults: list[ToolFault] = []
        self._faults_before_repair: list[ToolFault] = []
        self._unmarked: Unmarked | None = None  # what looks like a call in this turn's text
        self._unmarked_texts: list[str] = []  # what of it was held back in the turns before
        self._repair_texts: list[str] = []  # words of a turn that was to repair a call
        self._dropped_texts: list[str] = []  # of JSON that was to be repaired, and is not out
        self.closing = Delta()

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._state is State.STOPPED

    def _move(self, signal: Signal) -> None:
        self._state = TRANSITIONS[self._state, signal]

    def feed(self, batch: Iterable[ev.Event]) -> list[Delta]:
        """What these events add, in their order; what comes after a stop sequence adds nothing."""
        deltas: list[Delta] = []
        for event in self._mark_cut.events(batch):
            if isinstance(event, ev.AnswerReplaced):
                deltas = self._replace(event.text, deltas)
            elif self._state is not State.STOPPED and (delta := self._delta(event)) is not None:
                deltas.append(delta)
        self._note_order(*deltas)
        return deltas

    def unfetched(self) -> list[dict[str, Any]]:
        """The pictures whose bytes are wanted, each once; `deliver` takes what came of it."""
        wanted, self._content.unfetched = self._content.unfetched, []
        return wanted

    def deliver(self, picture_id: str, mime_type: str, content: str, error: str) -> Delta:
        """What the bytes of a picture add, in base64, or the reason why there are none."""
        data = image_data(picture_id, mime_type, content, error)
        self._content.image_data.append(data)
        image = next(image for image in self._content.images if image["id"] == picture_id)
        return Delta(additional_kwargs={"images": [image], DATA_KEY: [data]})

    def end_turn(self) -> Delta | None:
        """The turn is over: settle what was held back."""
        delta = None if self.stopped or self._reader is None else self._read(self._reader.flush(), last=True)
        self._note_order(delta or Delta())
        return delta

    def _note_order(self, *deltas: Delta) -> None:
        for delta in deltas:
            self._content.note_order(delta.content, delta.additional_kwargs or _NOTHING, delta.tool_call_chunks or ())

    # --- repairs

    def repair_prompt(self) -> str | None:
        """What to send so that the model repairs its answer; `None` where nothing is wrong with it.

        After `start_repair` the answer continues with the events of the further turn.
        """
        reasons = self._reasons()
        if self.stopped or self._withdrawn is not None:
            return None
        if self._unmarked and self._may_ask:
            return self._spec.ask_prompt()
        if not reasons:
            return None
        return self._spec.repair_prompt(reasons, of_json=self._lacks_json, faults=self._faults)

    @property
    def what_is_wrong(self) -> str:
        """Why the answer is to be repaired."""
        return "; ".join(self._reasons()) or "what looks like a call does not carry the mark"

    def start_repair(self) -> None:
        """A further turn begins, which is to repair the answer."""
        self._move(Signal.REPAIR)
        self._faults_before_repair, self._faults = self._faults, []
        self._unmarked_texts, self._unmarked = self._held_texts(), None
        self._content.link["repairs"] = self._content.link.get("repairs", 0) + 1
        if self._emitted and not self._out.texts:  # of JSON that nobody has seen nothing must be continued
            self._dropped_texts, self._content.texts = self._content.texts, []
            self._emitted = EmittedObject()
        self._turn_start, self._turn_emitted = self._extent(), self._emitted.copy()
        self._reader = self._spec.reader(self._emitted, asked=True)

    def abandon_repair(self) -> bool:
        """The further turn failed; whether the answer can be used as it was, with calls that are invalid."""
        if self._state is not State.REPAIRING:
            return False
        self._move(Signal.REPAIR_FAILED)
        self._faults, self._repair_texts, self._reader = self._faults_before_repair, [], None
        self._content.texts = [*self._dropped_texts, *self._content.texts]
        return self._is_usable

    @property
    def _is_usable(self) -> bool:
        """Whether the answer holds what was demanded of it."""
        has_calls = self._content.calls or any(map(self._spec.passes_on, self._faults))
        return not (self._lacks_json or (self._spec.box.forced and not has_calls))

    @property
    def _may_ask(self) -> bool:
        """Whether a call may be meant that was not made."""
        is_wrong = any(not isinstance(fault, JsonFault) for fault in self._faults)
        return not (is_wrong or self._content.calls or self._spec.box.choice == "none")

    def _held_texts(self) -> list[str]:
        """What looks like a call and was held back, each once."""
        texts = [*self._unmarked_texts, self._unmarked.text if self._unmarked else ""]
        return list(dict.fromkeys(filter(None, texts)))

    @property
    def _lacks_json(self) -> bool:
        return any(isinstance(fault, JsonFault) for fault in self._faults)

    def _reasons(self) -> list[str]:
        """What is wrong with the answer."""
        reasons = [fault.reason for fault in self._faults]
        if not reasons and self._spec.box.forced and not self._content.calls:
            return ["no tool was called"]
        return reasons

    # --- the end

    def finish(self) -> None:
        """No more events come: what is left, as the delta `closing`.

        Raises:
            GrokWebServerError: There is no answer at all, and no reason why.
            GrokWebError: There is no answer at all, and this is the reason that the service reported.
            GrokWebToolCallError: A forced call, or JSON that was asked for, did not come.
        """
        content = self._content
        if not self._is_usable:
            reasons = "; ".join(self._reasons())
            if not self._spec.keeps_unfit and self._withdrawn is None:
                raise unfit(reasons)
            content.link[UNFIT_KEY] = reasons
            if not self._emitted:
                self._repair_texts += [fault.raw for fault in self._faults if isinstance(fault, JsonFault)]
        wrong = [fault for fault in self._faults if not isinstance(fault, JsonFault)]
        chunks = content.pass_on(wrong, self._spec.passes_on, parallel=self._spec.box.parallel)
        # What was held back, the words of a turn that was to repair a call and brought none, and pictures' addresses.
        late_texts = [] if content.calls else [*self._held_texts(), "".join(self._repair_texts)]
        late_text = "\n\n".join(filter(None, late_texts))
        if late_text and (content.texts or self._stop.held):
            late_text = f"\n\n{late_text}"
        text = self._cut(late_text) + self._stop.close()
        if self._image_markdown and not (self._spec.format or self.stopped):
            text += content.images_in_markdown()
        if text:
            content.texts.append(text)
        may_be_empty = self._spec.keeps_unfit or self._withdrawn is not None
        if content.invalid_calls and not (content.has_output or content.calls or may_be_empty):
            raise unfit("; ".join(self._reasons()))
        if not (content or self.stopped):
            raise content.reported or GrokWebServerError(
                "grok.com finished the answer, but it is empty.", next_step="Ask again, or in other words."
            )
        # A citation counts where the text reaches its place, and a tool without a result is reported at the end.
        length = sum(map(len, content.texts))
        content.citations = [source for source in content.citations if source.get("start_index", 0) <= length]
        unfinished = list(content.running_tools.values())
        content.running_tools.clear()
        content.server_tools += unfinished
        extra = {"server_tools": unfinished, "citations": content.citations}
        self.closing = Delta(text, {key: value for key, value in extra.items() if value}, chunks)
        self._note_order(self.closing)
        content.settle_order()
        self._move(Signal.FINISH)

    def conversation_ref(self) -> ConversationRef | None:
        """Where the conversation stands after this answer, so far."""
        link = self._request.link(self._content.link)
        if "conversation_id" not in link or "response_id" not in link:
            return None
        return ConversationRef(link["conversation_id"], link["response_id"])

    # --- the two faces

    def chunks(self, deltas: Iterable[Delta]) -> list[ChatGenerationChunk]:
        """All that was added since the last call, as chunks; with them it is out."""
        self._out = self._extent()
        return [
            ChatGenerationChunk(
                message=AIMessageChunk(
                    content=delta.content,
                    additional_kwargs=delta.additional_kwargs or _NOTHING,
                    response_metadata=_PROVIDED,
                    **({"tool_call_chunks": delta.tool_call_chunks} if delta.tool_call_chunks else _NOTHING),
                )
            )
            for delta in deltas
        ]

    def last_chunk(self) -> ChatGenerationChunk:
        """What `finish` settled, as the chunk that closes the stream."""
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=self.closing.content,
                additional_kwargs=self.closing.additional_kwargs or _NOTHING,
                response_metadata=self._metadata(),
                tool_call_chunks=self.closing.tool_call_chunks or [],
                chunk_position="last",
            )
        )

    def message(self) -> AIMessage:
        """The finished answer as one message."""
        return self._content.message(self._metadata())

    def contradiction(self) -> GrokWebAnswerReplacedError | None:
        """The error for a finished answer of which other words are out than the site keeps, if they are."""
        if self._withdrawn is None:
            return None
        return GrokWebAnswerReplacedError(
            "grok.com's final text of this answer differs from the text that was streamed.",
            next_step="Use the error's `.answer` in place of the streamed text, or set `on_replaced='accept'`.",
            answer=self.message(),
            partial=self._withdrawn,
        )

    def without_mark(self, error: GrokWebError) -> GrokWebError:
        """The error without the mark of calls, which the service may have repeated."""
        return self._mark_cut.hide(error)

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer has come, if only its id."""
        return bool(self._content or self._content.reasoning or "response_id" in self._content.link)

    def partial(self) -> AIMessage:
        """What there is of an answer that broke off; it cannot be continued."""
        self._move(Signal.INTERRUPT)
        held = self._mark_cut.hide(self._reader.held) if self._reader else ""
        if text := self._stop.close() + held:
            self._content.texts.append(text)
        return self._content.message(self._interrupted_metadata())

    def _interrupted_metadata(self) -> dict[str, Any]:
        link = {**self._request.link(self._content.link), "interrupted": True}
        return {"model_provider": PROVIDER, "model_name": self._request.model, LINK_KEY: link}

    def _metadata(self) -> dict[str, Any]:
        content, plan, spec = self._content, self._request.plan, self._spec
        blocked = content.withheld and not (content.images or content.videos)
        text, calls = "".join(content.texts), content.tool_calls
        link = {
            **self._request.link(self._content.link),
            **({"started": True} if plan.started else {}),
            "turn_hash": plan.turn_hash,
            "self_hash": hash_answer(AIMessage(text, tool_calls=calls)) if calls else hash_text(text),
            "system_hash": plan.system_hash,
            **({"tools_hash": spec.tools_hash, "tools_salt": spec.tools_salt} if spec.tools_hash else {}),
        }
        return {
            "model_provider": PROVIDER,
            "model_name": self._request.model,
            "finish_reason": "tool_calls" if content.calls else "content_filter" if blocked else "stop",
            **({"id": link["response_id"]} if "response_id" in link else {}),
            LINK_KEY: link,
        }

    # --- events

    def _delta(self, event: ev.Event) -> Delta | None:  # noqa: C901, PLR0911, PLR0912 - one case for each event
        """What an event adds; `None` where that is nothing that a chunk carries before the last."""
        content = self._content
        match event:
            case ev.TextDelta(text):
                if self._reader is not None:
                    return self._read(self._reader.feed(text))
                if settled := self._cut(text):
                    content.texts.append(settled)
                    return Delta(settled)
            case ev.ReasoningDelta(text):
                content.reasoning.append(text)
                return Delta(additional_kwargs={"reasoning_content": text})
            case ev.ToolStarted(tool_id, name, args):
                entry = {"id": tool_id, "name": name, "args": args, "output": None, "status": "unknown"}
                content.running_tools[tool_id] = entry
            case ev.ToolFinished(tool_id, output, failed):
                known = content.running_tools.pop(tool_id, None) or content.further_result(tool_id)
                entry = {**known, "output": output, "status": "error" if failed else "success"}
                content.server_tools.append(entry)
                return Delta(additional_kwargs={"server_tools": [entry]})
            case ev.CitationFound():
                # Places are known in an answer of one turn that is words.
                placed = self._state is State.READING and self._spec.format is None and not self._is_accepted
                if self._is_accepted and any(source["url"] == event.url for source in content.citations):
                    return None
                content.citations.append(citation(event, placed=placed))
            case ev.ImagePreview(image_id, url, progress):
                return Delta(additional_kwargs={PREVIEWS_KEY: [{"id": image_id, "url": url, "progress": progress}]})
            case ev.ImageFinished():
                content.images.append(image := picture(event))
                if not self._image_bytes:
                    return Delta(additional_kwargs={"images": [image]})
                content.unfetched.append(image)
                return Delta(additional_kwargs={DATA_KEY: [image_data(image["id"])]})  # its place
            case ev.FileMade():
                content.files.append(file := made_file(event, self._request.link(content.link)))
                return Delta(additional_kwargs={"files": [file]})
            case ev.VideoMade():
                content.videos.append(video := named(event, "id", "url", "mime_type", "prompt"))
                return Delta(additional_kwargs={"videos": [video]})
            case ev.ImageWithheld(reason=reason):
                content.withheld.append(reason)
            case ev.ConversationOpened(conversation_id):
                content.link["conversation_id"] = conversation_id
            case ev.AnswerStarted(response_id) | ev.AnswerFinished(response_id):
                content.link["response_id"] = response_id
            case ev.TitleGiven(title):
                content.link["title"] = title
            case ev.FollowUpsSuggested(labels):
                content.link["follow_ups"] = labels
            case ev.ErrorReported(error):
                content.reported = content.reported or error
            case ev.AnswerReplaced() | ev.PromptStored() | ev.TurnFailed():
                pass  # read by `feed`; of no use here; raised by what delivers the events
            case _:
                assert_never(event)
        return None

    def _extent(self) -> _Extent:
        content = self._content
        return _Extent(len(content.texts), len(content.calls), len(content.citations))

    def _replace(self, text: str, deltas: list[Delta]) -> list[Delta]:
        """The site's final text takes the place of this turn's; what comes of that in place of deltas not yet out.

        The text is read as if it had come in the place of the other one, so no call is made twice, and none is left
        that was withdrawn. What is out may be its beginning all the same: then its rest is added.
        """
        content, start, out = self._content, self._turn_start, self._out
        content.link["replaced"] = True
        texts, calls = content.texts[start.texts : out.texts], content.calls[start.calls : out.calls]
        if (texts or calls) and self._on_replaced == "accept":
            self._is_accepted = True
            return deltas
        streamed = replace(content, texts=content.texts[: out.texts], calls=content.calls[: out.calls])
        content.texts, content.calls = content.texts[: start.texts], content.calls[: start.calls]
        content.citations = content.citations[: start.citations]
        self._read_again(text)
        others = [Delta(additional_kwargs=delta.additional_kwargs) for delta in deltas if delta.additional_kwargs]
        if self._withdrawn is not None:
            return others
        out_text, new_text = "".join(texts), "".join(content.texts[start.texts :])
        new_calls = content.calls[start.calls :]
        if not (new_text.startswith(out_text) and same_calls(calls, new_calls[: len(calls)])):
            self._withdrawn = streamed.message(self._interrupted_metadata())
            return others
        content.texts[start.texts :] = [out_text, new_text[len(out_text) :]]
        content.calls[start.calls : start.calls + len(calls)] = calls  # with the ids that are out
        self._out = _Extent(start.texts + 1, start.calls + len(calls))
        chunks = [call_chunk(call, index) for index, call in enumerate(content.calls)][start.calls + len(calls) :]
        rest = Delta(new_text[len(out_text) :], None, chunks)
        return [*others, rest] if rest.content or chunks else others

    def _read_again(self, text: str) -> None:
        """Read the text of this turn from its beginning to its end."""
        if self._state is not State.REPAIRING:
            self._stop = StopCut(self._stop_sequences)
        self._move(Signal.REPLACE)
        self._faults, self._repair_texts, self._unmarked = [], [], None
        self._mark_cut.forget_words()
        self._emitted = self._turn_emitted.copy()
        self._reader = self._spec.reader(self._emitted, asked=self._state is State.REPAIRING)
        self._delta(ev.TextDelta(text))
        if self._reader is not None:
            self._read(self._reader.flush(), last=True)
            self._reader = None

    def _cut(self, text: str) -> str:
        """The text before a stop sequence, as far as it is settled."""
        text = self._stop.feed(text)
        if self._stop.reached and self._state is not State.STOPPED:
            self._move(Signal.STOP)
        return text

    def _read(self, pieces: Sequence[Piece], *, last: bool = False) -> Delta | None:
        """What a piece of the answer adds: words, and calls that are complete."""
        texts: list[str] = []
        chunks: list[ToolCallChunk] = []
        for piece in self._mark_cut.pieces(pieces, last=last):
            if isinstance(piece, ToolFault):
                self._faults.append(piece)
            elif isinstance(piece, ToolCall):
                chunks += self._call(piece)
            elif isinstance(piece, Unmarked):
                self._unmarked = piece
            elif self._state is State.REPAIRING and self._spec.format is None:
                self._repair_texts.append(piece)
            # A stop sequence is for words: JSON that is cut fits nothing.
            elif text := piece if self._spec.format else self._cut(piece):
                texts.append(text)
        self._content.texts += texts
        return Delta("".join(texts), None, chunks) if texts or chunks else None

    def _call(self, call: ToolCall) -> list[ToolCallChunk]:
        """A call that fits its tool, as a chunk; none where it was not allowed, or has come before."""
        box, calls = self._spec.box, self._content.calls
        if box.choice not in {"auto", "any", call.name}:
            to_do = "no tool" if box.choice == "none" else f"the tool {box.choice}"
            raw = json.dumps(call.args, ensure_ascii=False)
            self._faults.append(ToolFault(f"{to_do} was to be called, not {call.name}", raw, call.name))
            return []
        repeats = self._state is State.REPAIRING and any(
            (known.name, known.args) == (call.name, call.args) for known in calls
        )
        if self.stopped or repeats or (calls and not box.parallel):
            return []
        calls.append(call)
        return [call_chunk(call, len(calls) - 1)]
