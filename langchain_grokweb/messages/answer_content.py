"""What an answer holds, and how each thing stands in its message."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolFault
from langchain_grokweb.wire import events as ev

_IMAGE_TYPES = {"png": "image/png", "webp": "image/webp", "gif": "image/gif"}


@dataclass(slots=True)
class AnswerContent:
    """What an answer holds so far.

    Attributes:
        texts: The text, in pieces.
        reasoning: The thoughts, in pieces.
        calls: The calls that fit.
        invalid_calls: Those that did not, when the answer is finished.
        citations: The sources.
        images: The finished pictures.
        files: The files that Grok made.
        videos: The finished videos.
        withheld: For each picture that will not come, why.
        server_tools: What the service's own tools did.
        running_tools: Those of them that have given no result yet, by id.
        link: What the events say of the place of the answer.
        reported: The first error that the service reported and that did not end the answer.
    """

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    invalid_calls: list[InvalidToolCall] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    videos: list[dict[str, Any]] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    server_tools: list[dict[str, Any]] = field(default_factory=list)
    running_tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    link: dict[str, Any] = field(default_factory=dict)
    reported: GrokWebError | None = None

    def __bool__(self) -> bool:
        made = self.images or self.files or self.videos or self.withheld
        return bool(self.texts or self.calls or self.invalid_calls or made)

    @property
    def tool_calls(self) -> list[LangChainToolCall]:
        """The calls that fit, as LangChain has them."""
        return [tool_call(name=call.name, args=call.args, id=call.id) for call in self.calls]

    def message(self, metadata: dict[str, Any]) -> AIMessage:
        """All of it as one message."""
        extra = {
            "reasoning_content": "".join(self.reasoning),
            "citations": self.citations,
            "images": self.images,
            "files": self.files,
            "videos": self.videos,
            "server_tools": self.server_tools,
        }
        return AIMessage(
            content="".join(self.texts),
            additional_kwargs={key: value for key, value in extra.items() if value},
            tool_calls=self.tool_calls,
            invalid_tool_calls=self.invalid_calls,
            response_metadata=metadata,
        )


def invalid(fault: ToolFault) -> InvalidToolCall:
    """A call that could not be repaired; the fault stands before what came, so that no reader takes it for JSON."""
    args = f"{fault.reason}: {fault.raw}"
    return invalid_tool_call(name=fault.name or "unknown", args=args, id=f"call_{uuid.uuid4().hex[:24]}", error=None)


def citation(event: ev.CitationFound, *, placed: bool) -> dict[str, Any]:
    """A source; with its place in the text where that is known."""
    source = {"url": event.url, "title": event.title, "kind": event.kind}
    if event.position is None or not placed:
        return source
    return {**source, "start_index": event.position, "end_index": event.position}


def picture(event: ev.ImageFinished) -> dict[str, Any]:
    """A finished picture."""
    members = {
        "id": event.id,
        "url": event.url,
        "mime_type": _IMAGE_TYPES.get(event.url.split("?")[0].rsplit(".", 1)[-1].lower(), "image/jpeg"),
        "prompt": event.prompt,
        "width": event.width,
        "height": event.height,
    }
    return {key: value for key, value in members.items() if value}


def named(event: ev.FileMade | ev.VideoMade, *names: str) -> dict[str, Any]:
    """These members of an event, without those that the service left out."""
    return {name: value for name in names if (value := getattr(event, name))}
