"""What an answer holds, and how each thing stands in its message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCallChunk
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.messages.tools.call_json import is_read_as_object
from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolFault, new_id
from langchain_grokweb.wire import events as ev

ORDER_KEY = "order"  # in the link
DATA_KEY = "image_data"  # beside `images`, which never holds bytes
_TEXT_BLOCK = "lc_txt_0"

_IMAGE_TYPES = {"png": "image/png", "webp": "image/webp", "gif": "image/gif"}


@dataclass(slots=True)
class Delta:
    """What one chunk carries."""

    content: str = ""
    additional_kwargs: dict[str, Any] | None = None
    tool_call_chunks: list[ToolCallChunk] | None = None


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
        image_data: The bytes of those that were fetched, or why there are none.
        unfetched: Those of the pictures whose bytes are wanted and not asked for yet.
        files: The files that Grok made.
        videos: The finished videos.
        withheld: For each picture that will not come, why.
        server_tools: What the service's own tools did.
        running_tools: Those of them that have given no result yet, by id.
        link: What the events say of the place of the answer.
        order: The names of its blocks, in the order in which they began.
        reported: The first error that the service reported and that did not end the answer.
    """

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    invalid_calls: list[InvalidToolCall] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    image_data: list[dict[str, Any]] = field(default_factory=list)
    unfetched: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    videos: list[dict[str, Any]] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    server_tools: list[dict[str, Any]] = field(default_factory=list)
    running_tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    link: dict[str, Any] = field(default_factory=dict)
    order: dict[str, None] = field(default_factory=dict)
    reported: GrokWebError | None = None

    def __bool__(self) -> bool:
        return bool(self.has_output or self.calls or self.invalid_calls)

    @property
    def has_output(self) -> bool:
        """Whether there is anything besides calls."""
        return bool(self.texts or self.images or self.files or self.videos or self.withheld)

    def note_order(self, text: str, extra: Mapping[str, Any], calls: Iterable[ToolCallChunk]) -> None:
        """These come next."""
        if not (extra or calls) and (not text or _TEXT_BLOCK in self.order):
            return  # as for most words
        begun = [name for name, _ in block_names(extra, text=bool(text or extra.get("citations")))]
        self.order.update(dict.fromkeys([*begun, *(f"lc_tc_{call['index']}" for call in calls)]))

    def settle_order(self) -> None:
        """Write into the link in which order the kinds of blocks came, if not in the usual one (`block_names`)."""
        usual = [name for name, _ in block_names(self._members, text=bool(self.texts or self.citations))]
        begun = [name for name in self.order if name in usual or name.startswith("lc_tc_")]
        calls = [name for name in begun if name.startswith("lc_tc_")]
        if begun != [*usual, *calls]:
            self.link[ORDER_KEY] = [kind_of(name) for name in begun]

    def images_in_markdown(self) -> str:
        """The addresses of the pictures, for front ends that know only markdown."""
        return "".join(f"\n\n![{_alt(image.get('prompt', ''))}]({image['url']})" for image in self.images)

    @property
    def tool_calls(self) -> list[LangChainToolCall]:
        """The calls that fit, as LangChain has them."""
        return [tool_call(name=call.name, args=call.args, id=call.id) for call in self.calls]

    def pass_on(
        self, faults: Iterable[ToolFault], passes: Callable[[ToolFault], bool], *, parallel: bool
    ) -> list[ToolCallChunk]:
        """Make calls of those wrong ones that can be read, for the tool to answer; the others are invalid."""
        first, unread = len(self.calls), []
        for fault in faults:
            if not passes(fault):
                unread.append(_invalid(fault))
            elif parallel or not self.calls:
                self.calls.append(ToolCall(fault.name, fault.args or {}, new_id()))
        self.invalid_calls = unread
        if unread:  # LangChain's chunks have no place for the reasons
            self.link["call_errors"] = [call["error"] for call in unread]
        chunks = [call_chunk(call, first + number) for number, call in enumerate(self.calls[first:])]
        return chunks + [
            tool_call_chunk(name=call["name"], args=call["args"], id=call["id"], index=len(self.calls) + number)
            for number, call in enumerate(unread)
        ]

    def further_result(self, tool_id: str) -> dict[str, Any]:
        """One more result of a tool that has given one: an entry of its own, since LangChain adds up equal ids."""
        results = [tool for tool in self.server_tools if tool["id"] == tool_id or tool["id"].startswith(f"{tool_id}#")]
        name, args = (results[0]["name"], results[0]["args"]) if results else ("tool", {})
        return {"id": f"{tool_id}#{len(results) + 1}", "name": name, "args": args}

    @property
    def _members(self) -> dict[str, Any]:
        extra = {
            "reasoning_content": "".join(self.reasoning),
            "citations": self.citations,
            "images": self.images,
            DATA_KEY: self.image_data,
            "files": self.files,
            "videos": self.videos,
            "server_tools": self.server_tools,
        }
        return {key: value for key, value in extra.items() if value}

    def message(self, metadata: dict[str, Any]) -> AIMessage:
        """All of it as one message."""
        return AIMessage(
            content="".join(self.texts),
            additional_kwargs=self._members,
            tool_calls=self.tool_calls,
            invalid_tool_calls=self.invalid_calls,
            response_metadata=metadata,
        )


def block_names(extra: Mapping[str, Any], *, text: bool) -> list[tuple[str, Any]]:
    """The name of each block that a message holds besides calls, and its entry, in the usual order.

    Args:
        extra: The message's `additional_kwargs`.
        text: Whether it has a block of text.
    """
    names: list[tuple[str, Any]] = [("lc_rs_0", None)] if extra.get("reasoning_content") else []
    tools = [(f"lc_stc_{tool['id']}", tool) for tool in extra.get("server_tools", ())]
    names += [(name, tool) for name, tool in tools if tool["status"] != "unknown"]
    names += [(_TEXT_BLOCK, None)] if text else []
    for kind, members in (("img", "images"), ("video", "videos"), ("file", "files")):
        names += [(f"lc_{kind}_{entry['id']}", entry) for entry in extra.get(members, ())]
    # A picture whose bytes are on their way has its place in a stream, and nothing else yet.
    known = {name for name, _ in names}
    names += [(data["index"], data) for data in extra.get(DATA_KEY, ()) if data["index"] not in known]
    # A tool without a result comes at the end, as in a stream.
    return names + [(name, tool) for name, tool in tools if tool["status"] == "unknown"]


def kind_of(block_name: str) -> str:
    """`rs` for thoughts, `stc` for the site's tools, `txt`, `img`, `video`, `file`, `tc` for calls."""
    return block_name.split("_")[1]


def call_chunk(call: ToolCall, index: int) -> ToolCallChunk:
    """A call as a stream has it."""
    args = json.dumps(call.args, ensure_ascii=False)
    return tool_call_chunk(name=call.name, args=args, id=call.id, index=index)


def _invalid(fault: ToolFault) -> InvalidToolCall:
    """A call that could not be repaired, as it was written.

    LangChain reads the arguments of a stream's calls even where JSON is cut off. What it would take for an object then
    has a tag before it, as it had when it was written.
    """
    args = f"<tool>{fault.raw}" if is_read_as_object(fault.raw) else fault.raw
    return invalid_tool_call(name=fault.name or "unknown", args=args, id=new_id(), error=fault.reason)


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
        "edited": event.edited,
    }
    return {key: value for key, value in members.items() if value}


def image_data(picture_id: str, mime_type: str = "", content: str = "", error: str = "") -> dict[str, Any]:
    """The bytes of a picture in base64; or why there are none; or nothing, where they are on their way.

    `index` is for LangChain, which adds up what has the same one in the chunks of a stream.
    """
    members = {"mime_type": mime_type, "base64": content, "error": error}
    return {
        "id": picture_id,
        "index": f"lc_img_{picture_id}",
        **{key: value for key, value in members.items() if value},
    }


def made_file(event: ev.FileMade, link: Mapping[str, Any]) -> dict[str, Any]:
    """A file that Grok made; where it has a path, with the conversation that the path is of: it is fetched by both."""
    file = named(event, "id", "name", "mime_type", "size", "url", "path")
    return (
        {**file, "conversation_id": link["conversation_id"]} if "path" in file and "conversation_id" in link else file
    )


def named(event: ev.FileMade | ev.VideoMade, *names: str) -> dict[str, Any]:
    """These members of an event, without those that the service left out."""
    return {name: value for name in names if (value := getattr(event, name))}


def same_calls(some: Sequence[ToolCall], others: Sequence[ToolCall]) -> bool:
    """Whether these are the same calls, whatever their ids."""
    return [(call.name, call.args) for call in some] == [(call.name, call.args) for call in others]


def _alt(prompt: str) -> str:
    return " ".join(prompt.replace("[", "(").replace("]", ")").split()) or "image"
