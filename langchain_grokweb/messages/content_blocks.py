"""`content_blocks` of our messages: LangChain's standard blocks, from where the default output keeps things.

Registered for the provider `grokweb`, so that LangChain finds them whenever a message of ours is asked for its blocks.
The blocks of chunks carry string indexes, by which LangChain adds them up.
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from langchain_grokweb.messages.accumulator import PROVIDER


def register() -> None:
    """Let LangChain find these for the messages of this provider."""
    register_translator(PROVIDER, translate, translate_chunk)


_CITATION_KEYS = ("url", "title", "start_index", "end_index")


def translate(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a message: reasoning, the site's tools, the text with its citations, what Grok made, tool calls.

    Raises:
        NotImplementedError: The content is blocks already; LangChain then reads them itself.
    """
    if not isinstance(message.content, str):
        raise NotImplementedError
    blocks = _common_blocks(message, indexed=False)
    return cast("list[ContentBlock]", blocks + _call_blocks(message))


def translate_chunk(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a chunk; where it is the last, or the sum of all, its calls are whole."""
    if not isinstance(message.content, str):
        raise NotImplementedError
    blocks = _common_blocks(message, indexed=True)
    indexes = [f"lc_tc_{call.get('index')}" for call in message.tool_call_chunks]
    if message.chunk_position == "last":
        calls = _call_blocks(message)
    else:
        calls = [{"type": "tool_call_chunk", **_without(call, "type")} for call in message.tool_call_chunks]
    blocks += [{**call, "index": index} for call, index in zip(calls, indexes, strict=True)]
    return cast("list[ContentBlock]", blocks)


def _call_blocks(message: AIMessage) -> list[dict[str, Any]]:
    valid = [{"type": "tool_call", **_without(call, "type")} for call in message.tool_calls]
    return valid + [{"type": "invalid_tool_call", **_without(call, "type")} for call in message.invalid_tool_calls]


def _common_blocks(message: AIMessage, *, indexed: bool) -> list[dict[str, Any]]:
    extra = message.additional_kwargs
    blocks: list[tuple[str, dict[str, Any]]] = []
    if reasoning := extra.get("reasoning_content"):
        blocks.append(("lc_rs_0", {"type": "reasoning", "reasoning": reasoning}))
    tools = [(tool, _tool_blocks(tool)) for tool in extra.get("server_tools", [])]
    blocks += [block for tool, its_blocks in tools if tool["status"] != "unknown" for block in its_blocks]
    citations = [_annotation(citation) for citation in extra.get("citations", [])]
    if message.content or citations:
        text: dict[str, Any] = {"type": "text", "text": message.content}
        blocks.append(("lc_txt_0", {**text, "annotations": citations} if citations else text))
    for image in extra.get("images", []):
        blocks.append((f"lc_img_{image['id']}", _image_block(image)))
    for kind, entries in (("video", extra.get("videos", [])), ("file", extra.get("files", []))):
        blocks += [(f"lc_{kind}_{entry['id']}", _made_block(kind, entry)) for entry in entries]
    # A tool without a result comes at the end, as in a stream.
    blocks += [block for tool, its_blocks in tools if tool["status"] == "unknown" for block in its_blocks]
    return [{**block, "index": index} if indexed else block for index, block in blocks]


def _tool_blocks(tool: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    call = {"type": "server_tool_call", "id": tool["id"], "name": tool["name"], "args": tool["args"]}
    blocks = [(f"lc_stc_{tool['id']}", call)]
    if tool["status"] in {"success", "error"}:
        result = {
            "type": "server_tool_result",
            "tool_call_id": tool["id"],
            "status": tool["status"],
            "output": tool["output"],
        }
        blocks.append((f"lc_str_{tool['id']}", result))
    return blocks


def _annotation(citation: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {key: citation[key] for key in _CITATION_KEYS if key in citation}
    return {"type": "citation", **known, "extras": {"kind": citation["kind"]}}


def _image_block(image: dict[str, Any]) -> dict[str, Any]:
    extras = {key: image[key] for key in ("prompt", "width", "height") if key in image}
    block = {"type": "image", "id": image["id"], "url": image["url"], "mime_type": image["mime_type"]}
    return {**block, "extras": extras} if extras else block


def _made_block(kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A file or a video: what LangChain has no member for stands in `extras`."""
    block: dict[str, Any] = {"type": kind, **{key: entry[key] for key in ("id", "url", "mime_type") if key in entry}}
    extras = {key: value for key, value in entry.items() if key not in block}
    return {**block, "extras": extras} if extras else block


def _without(call: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != key}
