"""Messages become the text of a prompt, and the files that go with it.

One human message alone goes out as it is. Several become a transcript in which each stands in an element that names its
role. No text can pose as another role's: where it holds the beginning of such an element, the `<` is written `&lt;`.
An attachment is named where it stood. Of a transcript that is too long for a prompt, the oldest messages go up as a
file, in the same form; the system's, the instructions and the newest message stay. A single message that is too long
goes out as it is: the service decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.attachments import Attached, Enclosed, MessageParts, enclose, unique
from langchain_grokweb.messages.content import parts, text_of
from langchain_grokweb.wire.turn import LONGEST_PROMPT_CHARS, MAX_ATTACHMENTS, Attachment

_PREAMBLE = (
    "Below are the messages of a conversation, oldest first, each in a <message> element with its role. "
    "Answer the last of them as the assistant. Write the answer alone, without such an element."
)
_EARLIER = (
    " The conversation began earlier: its first {count} messages stand in the attached file {name}, in the same form. "
    "Read them first."
)
_EARLIER_NAME = "conversation.txt"
_ELEMENT = re.compile(r"<(?=\s*/?\s*(?:message|tool_call)\b)", re.IGNORECASE)
_MARKUP = re.compile(r"<(?=\s*/?\s*(?:message\b|tool))", re.IGNORECASE)  # a quoted call is none
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a turn says.

    Attributes:
        text: The prompt.
        attachments: The files that go with it, in the order in which it names them.
    """

    text: str
    attachments: tuple[Attachment, ...] = ()


def render(
    system: Sequence[SystemMessage], messages: Sequence[BaseMessage], instructions: Sequence[str] = ()
) -> Prompt:
    """The prompt that says these messages, with instructions of our own behind the system's.

    Raises:
        GrokWebInvalidRequestError: There is nothing to say, or something that cannot be sent.
    """
    head, said = ([(message, parts(message)) for message in group] for group in (system, messages))
    enclosed = enclose([*head, *said])
    if not (enclosed or any(text_of(message).strip() or _calls(message) for message, _ in [*head, *said])):
        raise GrokWebInvalidRequestError(
            "There is nothing to send: no message holds any text.", next_step="Add a message with text."
        )
    if not (system or instructions) and len(messages) == 1 and isinstance(messages[0], HumanMessage):
        return Prompt(_whole(_bare(said[0][1], enclosed)), tuple(enclosed.values()))
    prompt = _transcript(head, said, instructions, enclosed)
    if len(prompt.attachments) > MAX_ATTACHMENTS:  # the conversation is one more file
        prompt = _transcript(head, said, instructions, enclose([*head, *said], kept_free=1))
    return prompt


def _bare(said: list[str | Attached], enclosed: Enclosed) -> str:
    """The text of a message; what is attached is named only where it stands between texts, or alone."""
    texts = [part for part in said if isinstance(part, str)]
    if len([part for part in texts if part.strip()]) == 1:
        return "".join(texts)
    return "\n".join(part if isinstance(part, str) else _note(part, enclosed) for part in said)


def _transcript(
    system: Sequence[MessageParts], messages: Sequence[MessageParts], instructions: Sequence[str], enclosed: Enclosed
) -> Prompt:
    head = [*(_element(*said, enclosed) for said in system), *map(_instruction, instructions)]
    said = [_element(*said, enclosed) for said in messages]
    earlier = said[: _too_much(head, said)]
    attachments = tuple(enclosed.values())
    preamble = _PREAMBLE
    if earlier:
        name = unique(_EARLIER_NAME, [file.name for file in attachments])
        preamble += _EARLIER.format(count=len(earlier), name=name)
        attachments = (Attachment(name, "text/plain", _whole("\n".join(earlier)).encode()), *attachments)
    return Prompt(_whole("\n".join([preamble, *head, *said[len(earlier) :]])), attachments)


def _too_much(head: Sequence[str], said: Sequence[str]) -> int:
    """How many of the oldest messages do not fit into a prompt; never the newest."""
    left = LONGEST_PROMPT_CHARS - sum(len(element) + 1 for element in [_PREAMBLE, *head])
    if sum(len(element) + 1 for element in said) <= left:
        return 0
    left -= len(_EARLIER) + len(_EARLIER_NAME)
    for index in range(len(said) - 1, -1, -1):
        left -= len(said[index]) + 1
        if left < 0:
            return min(index + 1, len(said) - 1)
    return 0


def _whole(text: str) -> str:
    """Text that can be sent: half a character cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _instruction(text: str) -> str:
    return f'<message role="system">\n{_ELEMENT.sub("&lt;", text)}\n</message>'


def _element(message: BaseMessage, pieces: list[str | Attached], enclosed: Enclosed) -> str:
    attributes = {
        "role": message.role if isinstance(message, ChatMessage) else _ROLES.get(_kind(message), message.type),
        "name": message.name,
        "call_id": message.tool_call_id if isinstance(message, ToolMessage) else None,
        "status": "error" if isinstance(message, ToolMessage) and message.status == "error" else None,
    }
    opening = "".join(f' {name}="{_attribute(value)}"' for name, value in attributes.items() if value)
    said = [_MARKUP.sub("&lt;", part if isinstance(part, str) else _note(part, enclosed)) for part in pieces]
    return f"<message{opening}>\n" + "\n".join([*said, *_calls(message)]) + "\n</message>"


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


def _note(found: Attached, enclosed: Enclosed) -> str:
    if found.key in enclosed:
        return f"[{found.kind} attached: {enclosed[found.key].name}]"
    name = " ".join(found.name.split())
    return f"[{found.kind} not shown here{': ' if name else ''}{name}]"
