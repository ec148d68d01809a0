"""What a message says, whoever's message it is: its text, and what is attached to it.

Content may be a string or blocks, LangChain's or a provider's own. Text is text; reasoning, and tool use, which
`tool_calls` has already, are no part of what was said; images, files and whatever else there is are attachments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

# LangChain's own block types, then OpenAI's, Anthropic's and Google's.
_KINDS = {
    "image": "image",
    "file": "file",
    "audio": "audio",
    "video": "video",
    "image_url": "image",
    "input_image": "image",
    "input_file": "file",
    "input_audio": "audio",
    "document": "file",
    "media": "file",
    "text-plain": "file",
}


_TEXTS = {"text", "text-plain", "input_text", "output_text"}
_SILENT = {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "server_tool_call", "non_standard"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something in a message that is not text.

    Attributes:
        kind: `"image"`, `"file"`, `"audio"`, `"video"`, or a type that is not known here.
        name: A file name or address to call it by; may be empty.
        key: The same for the same content.
    """

    kind: str
    name: str
    key: str


def text_of(message: BaseMessage) -> str:
    """The text of a message."""
    content = message.content
    if isinstance(content, str):
        return content
    return "".join(_block_text(block) for block in content)


def _block_text(block: Any) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text") if str(block.get("type")) in _TEXTS else None
    return text if isinstance(text, str) else ""


def attachments(message: BaseMessage) -> list[Attachment]:
    """What is attached to a message. The pictures of an answer are its own, not attachments."""
    if isinstance(message.content, str) or isinstance(message, AIMessage):
        return []
    return list(_attachments(message.content))


def _attachments(blocks: list[Any]) -> Iterator[Attachment]:
    for block in blocks:
        kind = str(block.get("type")) if isinstance(block, dict) and not _block_text(block) else ""
        if kind and kind not in _TEXTS - {"text-plain"} | _SILENT:
            kind = _KINDS.get(kind, kind)
            source = block.get("image_url") or block.get("file") or block.get("source") or block
            source = source if isinstance(source, dict) else {"url": source}
            name = str(block.get("name") or source.get("filename") or source.get("name") or _address(source))
            yield Attachment(kind, name, hashlib.sha256(repr(sorted(source.items())).encode()).hexdigest()[:16])


def _address(source: dict[str, Any]) -> str:
    url = source.get("url")
    return url if isinstance(url, str) and url.startswith(("http://", "https://")) else ""
