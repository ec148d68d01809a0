"""Messages become the text of a prompt.

One human message alone goes out as it is. Several become a transcript in which each stands in an element that names its
role. No text can pose as another role's: where it holds the beginning of such an element, the `<` is written `&lt;`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.content import Attachment, attachments, text_of

_PREAMBLE = (
    "Below are the messages of a conversation, oldest first, each in a <message> element with its role. "
    "Answer the last of them as the assistant. Write the answer alone, without such an element."
)
_ELEMENT = re.compile(r"<(?=\s*/?\s*(?:message|tool_call)\b)", re.IGNORECASE)
_MARKUP = re.compile(r"<(?=\s*/?\s*(?:message\b|tool))", re.IGNORECASE)  # a quoted call is none
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}


def render(system: Sequence[SystemMessage], messages: Sequence[BaseMessage], instructions: Sequence[str] = ()) -> str:
    """The prompt that says these messages, with instructions of our own behind the system's.

    Raises:
        GrokWebInvalidRequestError: There is nothing to say, or something that cannot be sent.
    """
    _refuse_attachments(messages)
    if not (system or instructions) and len(messages) == 1 and isinstance(messages[0], HumanMessage):
        prompt = text_of(messages[0])
    elif any(text_of(message).strip() or _calls(message) for message in [*system, *messages]):
        said = [*map(_element, system), *map(_instruction, instructions), *map(_element, messages)]
        prompt = "\n".join([_PREAMBLE, *said])
    else:
        prompt = ""
    if not prompt.strip():
        raise GrokWebInvalidRequestError(
            "There is nothing to send: no message holds any text.", next_step="Add a message with text."
        )
    return prompt.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character cannot be sent


def _instruction(text: str) -> str:
    return f'<message role="system">\n{_ELEMENT.sub("&lt;", text)}\n</message>'


def _element(message: BaseMessage) -> str:
    attributes = {
        "role": message.role if isinstance(message, ChatMessage) else _ROLES.get(_kind(message), message.type),
        "name": message.name,
        "call_id": message.tool_call_id if isinstance(message, ToolMessage) else None,
        "status": "error" if isinstance(message, ToolMessage) and message.status == "error" else None,
    }
    opening = "".join(f' {name}="{_attribute(value)}"' for name, value in attributes.items() if value)
    parts = [_MARKUP.sub("&lt;", text_of(message)), *map(_note, attachments(message)), *_calls(message)]
    return f"<message{opening}>\n" + "\n".join(part for part in parts if part) + "\n</message>"


def _kind(message: BaseMessage) -> str:
    return "ai" if isinstance(message, AIMessage) else message.type


def _attribute(value: str) -> str:
    return escape(" ".join(value.split()))


def _calls(message: BaseMessage) -> list[str]:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return [
        f'<tool_call name="{_attribute(call["name"])}" id="{_attribute(call["id"] or "")}">'
        f"{_MARKUP.sub('&lt;', json.dumps(call['args'], ensure_ascii=False, default=str))}</tool_call>"
        for call in calls
    ]


def _note(found: Attachment) -> str:
    return f"[{found.kind} not shown here{': ' if found.name else ''}{_ELEMENT.sub('&lt;', found.name)}]"


def _refuse_attachments(messages: Sequence[BaseMessage]) -> None:
    """Refuse what is attached to the question itself: elsewhere a note says that it was there."""
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return
        if not isinstance(message, ToolMessage) and (found := attachments(message)):
            raise GrokWebInvalidRequestError(
                f"This version cannot send attachments, and the question has one ({found[0].kind}).",
                next_step="Send text alone, or describe what is attached.",
            )
