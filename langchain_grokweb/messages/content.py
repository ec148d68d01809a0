"""What a message says, whoever's message it is: its text, and what is attached to it, in order.

Content may be a string or blocks, LangChain's or a provider's own. Text is text; reasoning, and tool use, which
`tool_calls` has already, are no part of it; images, files and whatever else there is are attachments.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langchain_grokweb.messages.attachments import KINDS, Attached, read_block

_TEXTS = {"text", "text-plain", "input_text", "output_text"}
_SILENT = {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "server_tool_call", "non_standard"}


def text_of(message: BaseMessage) -> str:
    """The text of a message."""
    content = message.content
    if isinstance(content, str):
        return content
    return "".join(_block_text(block) for block in content)


def attachments(message: BaseMessage) -> list[Attached]:
    """What is attached to a message. The pictures of an answer are its own, not attachments."""
    if isinstance(message.content, str) or isinstance(message, AIMessage):
        return []
    return [part for part in parts(message) if isinstance(part, Attached)]


def parts(message: BaseMessage) -> list[str | Attached]:
    """Texts, and what stands between them; of an answer, also its pictures. Neighbouring texts are one."""
    content = message.content
    pieces: list[str | Attached] = []
    for block in [content] if isinstance(content, str) else content:
        if text := _block_text(block):
            before = pieces.pop() if pieces and isinstance(pieces[-1], str) else ""
            pieces.append(f"{before}{text}")
        elif isinstance(block, dict) and _is_attachment(str(block.get("type") or ""), message):
            pieces.append(read_block(block))
    return pieces


def _block_text(block: Any) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text") if str(block.get("type")) in _TEXTS else None
    return text if isinstance(text, str) else ""


def _is_attachment(kind: str, message: BaseMessage) -> bool:
    """Whether a block without text is something attached; an answer has blocks of many other kinds."""
    if isinstance(message, AIMessage):
        return kind in KINDS
    return bool(kind) and kind not in _TEXTS - {"text-plain"} | _SILENT
