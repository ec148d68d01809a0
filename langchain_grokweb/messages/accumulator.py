"""Events become message chunks, or one message.

One reader, `Answer`, turns events into deltas and adds them up; `chunk` and `message` are its two faces, so a streamed
answer and a whole one cannot differ. LangChain adds chunks up by joining strings and lists found under one key,
therefore each thing is on one chunk alone: ids, names and the link on the last one, where the citations are too.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCallChunk
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_grokweb.errors import GrokWebServerError
from langchain_grokweb.messages.output_spec import UNFIT_KEY, JsonAnswer, OutputSpec, unfit
from langchain_grokweb.messages.planner import LINK_KEY, LINK_VERSION, Plan, hash_answer
from langchain_grokweb.messages.stop import StopCut
from langchain_grokweb.messages.structured.stream import EmittedObject, JsonFault
from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolFault
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.turn import ConversationRef

PROVIDER = "grokweb"


# LangChain copies what it is given, so one of each serves all chunks.
_NOTHING: dict[str, Any] = {}
_PROVIDED = {"model_provider": PROVIDER}


@dataclass(slots=True)
class Delta:
    """What one chunk carries."""

    content: str = ""
    additional_kwargs: dict[str, Any] | None = None
    tool_call_chunks: list[ToolCallChunk] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """What an answer must know of its question to carry a link.

    Attributes:
        model: The name that was asked for.
        mode: The site's mode it stands for.
        account: Whose account it is (`GrokCredentials.account`).
        plan: What was sent, and what it follows.
        transport: The wire that was used.
        temporary: Whether a private chat was asked for.
    """

    model: str
    mode: str
    account: str
    plan: Plan
    transport: str
    temporary: bool = False


class Answer:
    """One answer, as its events come in."""

    def __init__(
        self,
        asked: RequestInfo,
        *,
        wanted: OutputSpec | None = None,
        stop: Sequence[str] = (),
        image_markdown: bool = False,
    ) -> None:
        self._asked = asked
        self._wanted = wanted or OutputSpec()
        self._given = EmittedObject()
        self._reader = self._wanted.reader(self._given)
        self._calls: list[ToolCall] = []
        self._faults: list[ToolFault] = []
        self._invalid: list[InvalidToolCall] = []
        self._mending = False
        self._unmended: list[ToolFault] = []
        self._aside: list[str] = []  # words of a turn that was to mend a call
        self._stop = StopCut(stop)
        self._image_markdown = image_markdown
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._citations: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._withheld: list[str] = []
        self._tools: list[dict[str, Any]] = []
        self._running_tools: dict[str, dict[str, Any]] = {}
        self._link: dict[str, Any] = {}
        self.closing = Delta()

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._stop.reached

    def feed(self, batch: Iterable[ev.Event]) -> list[Delta]:
        """What these events add, in their order; what comes behind a stop sequence adds nothing."""
        return [delta for event in batch if not self.stopped and (delta := self._delta(event)) is not None]

    def end_turn(self) -> Delta | None:
        """The turn is over: settle what was held back."""
        return None if self.stopped or self._reader is None else self._read(self._reader.flush())

    def repair_prompt(self) -> str | None:
        """What to say so that the model mends its answer; `None` where nothing is wrong with it.

        With `start_repair` the answer goes on with the events of the further turn.
        """
        reasons = self._reasons()
        if not reasons or self.stopped:
            return None
        return self._wanted.mending(reasons, of_json=self._lacks_json)

    def start_repair(self) -> None:
        """A further turn begins, which is to mend the answer."""
        self._unmended, self._faults = self._faults, []
        self._mending, self._reader = True, self._wanted.reader(self._given)

    def abandon_repair(self) -> bool:
        """The further turn failed; whether the answer can be used as it was, with calls that are invalid."""
        if not self._mending:
            return False
        self._faults, self._aside, self._reader = self._unmended, [], None
        return self._is_usable

    @property
    def _is_usable(self) -> bool:
        """Whether the answer holds what was demanded of it."""
        return not (self._lacks_json or (self._wanted.box.forced and not self._calls))

    def conversation_ref(self) -> ConversationRef | None:
        """Where the conversation stands after this answer, so far."""
        link = self._known_link()
        if "conversation_id" not in link or "response_id" not in link:
            return None
        return ConversationRef(link["conversation_id"], link["response_id"])

    def finish(self) -> None:
        """No more events come: what is left, as the delta `closing`.

        Raises:
            GrokWebServerError: There is no answer at all.
            GrokWebToolCallError: A forced call, or JSON that was asked for, did not come.
        """
        if not self._is_usable:
            self._lacks("; ".join(self._reasons()))
        self._invalid = [_invalid(fault) for fault in self._faults if not isinstance(fault, JsonFault)]
        text = self._say(self._rest_of_words())
        if not (self._texts or self._calls or self._invalid or self._images or self._withheld or self.stopped):
            raise GrokWebServerError(
                "grok.com finished the answer without a word in it.", next_step="Ask again, or ask otherwise."
            )
        given = sum(map(len, self._texts))
        self._citations = [found for found in self._citations if found.get("start_index", 0) <= given]
        unfinished = list(self._running_tools.values())
        self._running_tools.clear()
        self._tools += unfinished
        found = {"server_tools": unfinished, "citations": self._citations}
        chunks = [
            tool_call_chunk(name=call["name"], args=call["args"], id=call["id"], index=len(self._calls) + number)
            for number, call in enumerate(self._invalid)
        ]
        self.closing = Delta(text, {k: v for k, v in found.items() if v}, chunks)

    def _lacks(self, reasons: str) -> None:
        """What was demanded did not come: that is the error, or stands in the message with what came instead."""
        if not self._wanted.keeps_unfit:
            raise unfit(reasons)
        self._link[UNFIT_KEY] = reasons
        if not self._given:
            self._aside += [fault.raw for fault in self._faults if isinstance(fault, JsonFault)]

    def _rest_of_words(self) -> str:
        """What was held back, the words of a turn that was to mend a call and brought none, and pictures' addresses."""
        aside = "" if self._calls else "".join(self._aside)
        if aside and (self._texts or self._stop.held):
            aside = f"\n\n{aside}"
        return self._stop.feed(aside) + self._stop.close() + ("" if self._wanted.format else self._markdown())

    @property
    def _lacks_json(self) -> bool:
        return any(isinstance(fault, JsonFault) for fault in self._faults)

    def _reasons(self) -> list[str]:
        """What is wrong with the answer, as far as it was asked for otherwise."""
        reasons = [fault.reason for fault in self._faults]
        if not reasons and self._wanted.box.forced and not self._calls:
            return ["no tool was called"]
        return reasons

    # --- the two faces

    def chunk(self, delta: Delta) -> ChatGenerationChunk:
        """A delta as a chunk."""
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=delta.content,
                additional_kwargs=delta.additional_kwargs or _NOTHING,
                response_metadata=_PROVIDED,
                **({"tool_call_chunks": delta.tool_call_chunks} if delta.tool_call_chunks else _NOTHING),
            )
        )

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
        return self._message(self._metadata())

    def partial(self) -> AIMessage:
        """What there is of an answer that broke off; nothing can be gone on from it."""
        held = self._reader.held if isinstance(self._reader, JsonAnswer) else ""
        self._say(self._stop.close() + held)
        link = {**self._known_link(), "interrupted": True}
        return self._message({"model_provider": PROVIDER, "model_name": self._asked.model, LINK_KEY: link})

    def _message(self, metadata: dict[str, Any]) -> AIMessage:
        found = {
            "reasoning_content": "".join(self._reasoning),
            "citations": self._citations,
            "images": self._images,
            "server_tools": self._tools,
        }
        return AIMessage(
            content="".join(self._texts),
            additional_kwargs={key: value for key, value in found.items() if value},
            tool_calls=self._tool_calls(),
            invalid_tool_calls=self._invalid,
            response_metadata=metadata,
        )

    def _tool_calls(self) -> list[LangChainToolCall]:
        return [tool_call(name=call.name, args=call.args, id=call.id) for call in self._calls]

    def _metadata(self) -> dict[str, Any]:
        blocked = self._withheld and not self._images
        plan = self._asked.plan
        link = {
            **self._known_link(),
            **({"started": True} if plan.started else {}),
            **({"temporary": True} if self._asked.temporary else {}),
            "turn_hash": plan.turn_hash,
            "self_hash": hash_answer(AIMessage("".join(self._texts), tool_calls=self._tool_calls())),
            "system_hash": plan.system_hash,
            **({"tools_hash": self._wanted.box.hash} if self._wanted.box.hash else {}),
        }
        return {
            "model_provider": PROVIDER,
            "model_name": self._asked.model,
            "finish_reason": "tool_calls" if self._calls else "content_filter" if blocked else "stop",
            **({"id": link["response_id"]} if "response_id" in link else {}),
            LINK_KEY: link,
        }

    def _known_link(self) -> dict[str, Any]:
        asked = self._asked
        ref = asked.plan.conversation
        place: dict[str, str] = {}
        if ref is not None:
            place = {"conversation_id": ref.conversation_id, "parent_response_id": ref.parent_response_id}
        return {
            "v": LINK_VERSION,
            "account": asked.account,
            **place,
            "mode": asked.mode,
            "transport": asked.transport,
            **self._link,
        }

    # --- events

    def _delta(self, event: ev.Event) -> Delta | None:
        match event:
            case ev.TextDelta(text):
                return self._word(text) if self._reader is None else self._read(self._reader.feed(text))
            case ev.ReasoningDelta(text):
                self._reasoning.append(text)
                return Delta(additional_kwargs={"reasoning_content": text})
            case ev.ToolStarted() | ev.ToolFinished():
                return self._tool(event)
            case ev.ImagePreview() | ev.ImageFinished() | ev.ImageWithheld():
                return self._image(event)
            case ev.CitationFound():
                # Places are known in an answer of one turn that is words.
                self._citations.append(_citation(event, placed=not (self._mending or self._wanted.format)))
            case ev.ConversationOpened(conversation_id):
                self._link["conversation_id"] = conversation_id
            case ev.AnswerStarted(response_id) | ev.AnswerFinished(response_id):
                self._link["response_id"] = response_id
            case ev.TitleGiven(title):
                self._link["title"] = title
            case ev.FollowUpsSuggested(labels):
                self._link["follow_ups"] = labels
        return None

    def _word(self, text: str) -> Delta | None:
        return Delta(given) if (given := self._say(self._stop.feed(text))) else None

    def _read(self, pieces: Sequence[str | ToolCall | ToolFault]) -> Delta | None:
        """What a piece of the answer adds: words, and calls that are complete."""
        said, chunks = [], []
        for piece in pieces:
            if isinstance(piece, ToolFault):
                self._faults.append(piece)
            elif isinstance(piece, ToolCall):
                chunks += self._call(piece)
            elif self._mending and not self._wanted.format:
                self._aside.append(piece)
            else:
                # A stop sequence is for words: JSON that is cut fits nothing.
                said.append(self._say(piece if self._wanted.format else self._stop.feed(piece)))
        text = "".join(said)
        return Delta(text, None, chunks) if text or chunks else None

    def _call(self, call: ToolCall) -> list[ToolCallChunk]:
        box = self._wanted.box
        if box.choice not in {"auto", "any", call.name}:
            to_do = "no tool" if box.choice == "none" else f"the tool {box.choice}"
            raw = json.dumps(call.args, ensure_ascii=False)
            self._faults.append(ToolFault(f"{to_do} was to be called, not {call.name}", raw, call.name))
            return []
        again = self._mending and any((known.name, known.args) == (call.name, call.args) for known in self._calls)
        if self.stopped or again or (self._calls and not box.parallel):
            return []
        self._calls.append(call)
        args = json.dumps(call.args, ensure_ascii=False)
        return [tool_call_chunk(name=call.name, args=args, id=call.id, index=len(self._calls) - 1)]

    def _say(self, text: str) -> str:
        if text:
            self._texts.append(text)
        return text

    def _tool(self, event: ev.ToolStarted | ev.ToolFinished) -> Delta | None:
        if isinstance(event, ev.ToolStarted):
            entry = {"id": event.id, "name": event.name, "args": event.args, "output": None, "status": "unknown"}
            self._running_tools[event.id] = entry
            return None
        known = self._running_tools.pop(event.id, None) or self._another(event.id)
        entry = {**known, "output": event.output, "status": "error" if event.failed else "success"}
        self._tools.append(entry)
        return Delta(additional_kwargs={"server_tools": [entry]})

    def _another(self, tool_id: str) -> dict[str, Any]:
        """One more result of a tool that has given one: an entry of its own, since LangChain adds up equal ids."""
        of_it = [tool for tool in self._tools if tool["id"] == tool_id or tool["id"].startswith(f"{tool_id}#")]
        name, args = (of_it[0]["name"], of_it[0]["args"]) if of_it else ("tool", {})
        return {"id": f"{tool_id}#{len(of_it) + 1}", "name": name, "args": args}

    def _image(self, event: ev.ImagePreview | ev.ImageFinished | ev.ImageWithheld) -> Delta | None:
        match event:
            case ev.ImagePreview():
                preview = {"id": event.id, "url": event.url, "progress": event.progress}
                return Delta(additional_kwargs={"image_previews": [preview]})
            case ev.ImageWithheld(reason=reason):
                self._withheld.append(reason)
                return None
            case ev.ImageFinished():
                self._images.append(image := _picture(event))
                return Delta(additional_kwargs={"images": [image]})

    def _markdown(self) -> str:
        if not self._image_markdown or self.stopped:
            return ""
        return "".join(f"\n\n![{_alt(image.get('prompt', ''))}]({image['url']})" for image in self._images)


def _invalid(fault: ToolFault) -> InvalidToolCall:
    """A call that could not be mended; the fault stands before what came, so that no reader takes it for JSON."""
    args = f"{fault.reason}: {fault.raw}"
    return invalid_tool_call(name=fault.name or "unknown", args=args, id=f"call_{uuid.uuid4().hex[:24]}", error=None)


def _citation(event: ev.CitationFound, *, placed: bool) -> dict[str, Any]:
    found = {"url": event.url, "title": event.title, "kind": event.kind}
    if event.position is None or not placed:
        return found
    return {**found, "start_index": event.position, "end_index": event.position}


def _picture(event: ev.ImageFinished) -> dict[str, Any]:
    kinds = {"png": "image/png", "webp": "image/webp", "gif": "image/gif"}
    found = {
        "id": event.id,
        "url": event.url,
        "mime_type": kinds.get(event.url.split("?")[0].rsplit(".", 1)[-1].lower(), "image/jpeg"),
        "prompt": event.prompt,
        "width": event.width,
        "height": event.height,
    }
    return {key: value for key, value in found.items() if value}


def _alt(prompt: str) -> str:
    return " ".join(prompt.replace("[", "(").replace("]", ")").split()) or "image"
