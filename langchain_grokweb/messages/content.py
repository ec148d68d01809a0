"""What a message says, whoever's message it is: its text, and what is attached to it, in order.

Content may be a string or blocks, LangChain's or a provider's own. Text is text; reasoning, and tool use, which
`tool_calls` has already, are no part of it; images, files and whatever else there is are attachments.

A tool's result may hold any data as blocks, such as the rows of a directory with `"type": "file"`. There an attachment
is only what has a source; everything else is text, as JSON on lines of its own.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolCall, ToolMessage

from langchain_grokweb.messages.attachments import KINDS, Attached, has_source, read_block

_TEXTS = {"text", "text-plain", "input_text", "output_text"}
_THOUGHTS = {"reasoning", "thinking", "redacted_thinking"}
_SILENT = _THOUGHTS | {"tool_use", "tool_call", "server_tool_call", "non_standard"}
_BESIDE_TEXT = {"type", "text", "id", "index", "extras", "annotations", "cache_control", "mime_type"}


def is_result(message: BaseMessage) -> bool:
    """Whether a message is what a tool returned; that says something, even where it is empty."""
    return isinstance(message, ToolMessage | FunctionMessage)


def text_of(message: BaseMessage) -> str:
    """The text of a message."""
    content = message.content
    if isinstance(content, str):
        return content
    return _separator(message).join(text for block in content if (text := _block_text(block, message)))


def calls_of(message: BaseMessage) -> list[ToolCall]:
    """The tool calls of an answer; where it lists none, those among its blocks, as Anthropic writes them."""
    if not isinstance(message, AIMessage):
        return []
    if message.tool_calls or isinstance(message.content, str):
        return message.tool_calls
    blocks = [block for block in message.content if isinstance(block, dict) and block.get("type") == "tool_use"]
    return [
        ToolCall(name=str(block.get("name") or ""), args=block.get("input") or {}, id=str(block.get("id") or ""))
        for block in blocks
    ]


def attachments(message: BaseMessage) -> list[Attached]:
    """What is attached to a message. The pictures of an answer are its own, not attachments."""
    if isinstance(message.content, str) or isinstance(message, AIMessage):
        return []
    return [part for part in parts(message) if isinstance(part, Attached)]


def parts(message: BaseMessage) -> list[str | Attached]:
    """Texts, and what stands between them; of an answer, also its pictures. Neighbouring texts are one."""
    content = message.content
    separator = _separator(message)
    pieces: list[str | Attached] = []
    for block in [content] if isinstance(content, str) else content:
        if text := _block_text(block, message):
            before = f"{pieces.pop()}{separator}" if pieces and isinstance(pieces[-1], str) else ""
            pieces.append(f"{before}{text}")
        elif isinstance(block, dict) and _kind(block, message) == "attachment":
            pieces.append(read_block(block))
    if isinstance(content, str) and isinstance(message, AIMessage):
        pieces += [read_block({"type": "image", **data}) for data in _fetched_pictures(message)]
    return pieces


def _fetched_pictures(message: AIMessage) -> list[dict[str, Any]]:
    """The bytes of an answer's pictures, where they were fetched: beside the text (`answer_content.DATA_KEY`)."""
    entries = message.additional_kwargs.get("image_data")
    return (
        [entry for entry in entries if isinstance(entry, dict) and "base64" in entry]
        if isinstance(entries, list)
        else []
    )


def _block_text(block: Any, message: BaseMessage) -> str:
    if isinstance(block, str):
        return block
    kind = _kind(block, message)
    if kind == "data":
        return json.dumps(block, ensure_ascii=False, default=str)
    return str(block["text"]) if kind == "text" else ""


def _separator(message: BaseMessage) -> str:
    """What stands between neighbouring texts: data stands on lines of its own."""
    blocks = [] if isinstance(message.content, str) or not is_result(message) else message.content
    return "\n" if any(isinstance(block, dict) and _kind(block, message) == "data" for block in blocks) else ""


def _kind(block: dict[str, Any], message: BaseMessage) -> Literal["text", "data", "attachment", "silent"]:
    """What a block is in a message of that kind; only a tool's result holds data."""
    kind = str(block.get("type") or "")
    only_text = kind not in KINDS and kind not in _SILENT and block.keys() <= _BESIDE_TEXT
    if isinstance(block.get("text"), str) and (kind in _TEXTS or only_text):
        return "text"
    if is_result(message):
        if kind in KINDS and has_source(block):
            return "attachment"
        return "silent" if kind in _THOUGHTS else "data"
    if isinstance(message, AIMessage):
        return "attachment" if kind in KINDS else "silent"
    return "silent" if not kind or kind in _TEXTS - {"text-plain"} | _SILENT else "attachment"
