"""`content_blocks` of our messages: LangChain's standard blocks, from where the default output keeps things.

Registered for the provider `grokweb`, so that LangChain finds them whenever a message of ours is asked for its blocks.
The blocks of chunks carry string indexes, by which LangChain adds them up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from langchain_grokweb.messages.accumulator import PROVIDER
from langchain_grokweb.messages.answer_content import DATA_KEY, ORDER_KEY, block_names, kind_of
from langchain_grokweb.messages.planner import LINK_KEY


def register() -> None:
    """Let LangChain find these for the messages of this provider."""
    register_translator(PROVIDER, translate, translate_chunk)


_CITATION_KEYS = ("url", "title", "start_index", "end_index")


def translate(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a message, in the order in which they came.

    Raises:
        NotImplementedError: The content is blocks already; LangChain then reads them itself.
    """
    if not isinstance(message.content, str):
        raise NotImplementedError
    calls = [(f"lc_tc_{number}", [call]) for number, call in enumerate(_call_blocks(message))]
    named = _in_order([*_common_blocks(message), *calls], message)
    return cast("list[ContentBlock]", [block for _, blocks in named for block in blocks])


def translate_chunk(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a chunk; where it is the last, or the sum of all, its calls are whole."""
    if not isinstance(message.content, str):
        raise NotImplementedError
    if message.chunk_position == "last":
        calls = _call_blocks(message)
    else:
        calls = [{"type": "tool_call_chunk", **_without(call, "type")} for call in message.tool_call_chunks]
    names = [f"lc_tc_{call.get('index')}" for call in message.tool_call_chunks]
    named = [*_common_blocks(message), *((name, [call]) for name, call in zip(names, calls, strict=True))]
    return cast(
        "list[ContentBlock]",
        [
            {**block, "index": _result_name(name) if block["type"] == "server_tool_result" else name}
            for name, blocks in _in_order(named, message)
            for block in blocks
        ],
    )


_Named = tuple[str, list[dict[str, Any]]]


def _in_order(named: list[_Named], message: AIMessage) -> list[_Named]:
    """The blocks as they came; a message whose blocks came in the usual order says nothing of it."""
    order = message.response_metadata.get(LINK_KEY, {}).get(ORDER_KEY)
    if not isinstance(order, list):
        return named
    places: dict[str, list[int]] = {}
    for place, kind in enumerate(order):
        places.setdefault(str(kind), []).append(place)
    counts: Counter[str] = Counter()

    def place_of(block: _Named) -> int:
        kind = kind_of(block[0])
        index = block[0].removeprefix("lc_tc_")
        number = int(index) if index.isdecimal() else counts[kind]
        counts[kind] += 1
        return next(iter(places.get(kind, [])[number : number + 1]), len(order))

    return sorted(named, key=place_of)


def _result_name(name: str) -> str:
    return name.replace("lc_stc_", "lc_str_", 1)


def _call_blocks(message: AIMessage) -> list[dict[str, Any]]:
    valid = [{"type": "tool_call", **_without(call, "type")} for call in message.tool_calls]
    return valid + [{"type": "invalid_tool_call", **_without(call, "type")} for call in message.invalid_tool_calls]


def _common_blocks(message: AIMessage) -> list[_Named]:
    """The blocks besides calls; the two of a tool of the site are together."""
    extra = message.additional_kwargs
    citations = [_annotation(citation) for citation in extra.get("citations", [])]
    text: dict[str, Any] = {"type": "text", "text": message.content}
    data = {entry["id"]: entry for entry in extra.get(DATA_KEY, [])}
    makers: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
        "rs": lambda _: [{"type": "reasoning", "reasoning": extra["reasoning_content"]}],
        "stc": _tool_blocks,
        "txt": lambda _: [{**text, "annotations": citations} if citations else text],
        "img": lambda image: [_image_block(image, data.get(image["id"], {}))],
        "video": lambda video: [_made_block("video", video)],
        "file": lambda file: [_made_block("file", file)],
    }
    names = block_names(extra, text=bool(message.content or citations))
    return [(name, makers[kind_of(name)](entry)) for name, entry in names]


def _tool_blocks(tool: dict[str, Any]) -> list[dict[str, Any]]:
    call = {"type": "server_tool_call", "id": tool["id"], "name": tool["name"], "args": tool["args"]}
    if tool["status"] not in {"success", "error"}:
        return [call]
    result = {
        "type": "server_tool_result",
        "tool_call_id": tool["id"],
        "status": tool["status"],
        "output": tool["output"],
    }
    return [call, result]


def _annotation(citation: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {key: citation[key] for key in _CITATION_KEYS if key in citation}
    return {"type": "citation", **known, "extras": {"kind": citation["kind"]}}


def _image_block(image: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A picture: by its address, or by its bytes, since whoever finds both takes the address, which needs cookies."""
    if "url" not in image:
        return {"type": "image", "id": image["id"]}
    extras: dict[str, Any] = {key: image[key] for key in ("prompt", "width", "height", "edited") if key in image}
    block = {"type": "image", "id": image["id"], "url": image["url"], "mime_type": image["mime_type"]}
    if "base64" in data:
        extras["url"] = block.pop("url")
        block |= {"base64": data["base64"], "mime_type": data["mime_type"]}
    return {**block, "extras": extras} if extras else block


def _made_block(kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A file or a video: what LangChain has no member for stands in `extras`."""
    block: dict[str, Any] = {"type": kind, **{key: entry[key] for key in ("id", "url", "mime_type") if key in entry}}
    extras = {key: value for key, value in entry.items() if key not in block}
    return {**block, "extras": extras} if extras else block


def _without(call: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != key}
