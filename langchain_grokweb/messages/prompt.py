"""Messages become the text of a prompt, and the files that go with it.

One human message alone goes out as it is. Several become a transcript in which each stands in an element that names its
role, and so does one that holds what could be taken for an element: no text can pose as another role's
(`messages.prompt_format`). An attachment is named where it stood. Of a transcript that is too long for a prompt, the
oldest messages go up as a file, in the same form; the system's, the instructions and the newest message stay. A single
message that is too long goes out as it is: the service decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import prompt_format as form
from langchain_grokweb.messages.attachments import (
    Attached,
    Enclosed,
    MessageParts,
    enclose,
    remote_files,
    unique,
    with_fetched,
)
from langchain_grokweb.messages.content import calls_of, is_result, parts, text_of
from langchain_grokweb.wire.turn import LONGEST_PROMPT_CHARS, MAX_ATTACHMENTS, Attachment, RemoteFile

_EARLIER_NAME = "conversation.txt"
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


def named_by_address(system: Sequence[SystemMessage], messages: Sequence[BaseMessage]) -> list[RemoteFile]:
    """What is attached to these messages by an address alone, as far as it would go up."""
    return remote_files([(message, parts(message)) for message in [*system, *messages]])


def render(
    system: Sequence[SystemMessage],
    messages: Sequence[BaseMessage],
    instructions: str = "",
    fetched: Mapping[str, Attachment] = MappingProxyType({}),
    *,
    ending: str = "",
) -> Prompt:
    """The prompt that says these messages, with instructions of our own, an element, after the system's.

    Args:
        system: The system's messages.
        messages: What was said.
        instructions: Our own.
        fetched: What was fetched of `named_by_address`, by its key.
        ending: The last line of a transcript, after which the answer begins.

    Raises:
        GrokWebInvalidRequestError: There is nothing to say, or something that cannot be sent.
    """
    head, said = (
        with_fetched([(message, parts(message)) for message in group], fetched) for group in (system, messages)
    )
    enclosed = enclose([*head, *said])
    if not (enclosed or any(map(_says_something, [*system, *messages]))):
        raise GrokWebInvalidRequestError(
            "There is nothing to send: no message has any text.", next_step="Add a message with text."
        )
    if not (system or instructions) and len(messages) == 1 and isinstance(messages[0], HumanMessage):
        text = _bare(said[0][1], enclosed)
        if not form.holds_element(text):
            return Prompt(_whole(text), tuple(enclosed.values()))
    prompt = _transcript(head, said, [instructions, ending], enclosed)
    if len(prompt.attachments) > MAX_ATTACHMENTS:  # the conversation is one more file
        prompt = _transcript(head, said, [instructions, ending], enclose([*head, *said], kept_free=1))
    return prompt


def _says_something(message: BaseMessage) -> bool:
    return is_result(message) or bool(_calls(message) or text_of(message).strip())


def _bare(said: list[str | Attached], enclosed: Enclosed) -> str:
    """The text of a message; what is attached is named only where it stands between texts, or alone."""
    texts = [part for part in said if isinstance(part, str)]
    if len([part for part in texts if part.strip()]) == 1:
        return "".join(texts)
    return "\n".join(part if isinstance(part, str) else _note(part, enclosed) for part in said)


def _transcript(
    system: Sequence[MessageParts], messages: Sequence[MessageParts], ours: Sequence[str], enclosed: Enclosed
) -> Prompt:
    instructions, ending = ours
    head = [*(_element(*said, enclosed) for said in system), *filter(None, [instructions])]
    said = [_element(*said, enclosed) for said in messages]
    earlier = said[: _too_much([*head, ending], said)]
    attachments = tuple(enclosed.values())
    preamble = "" if instructions else form.TRANSCRIPT
    if earlier:
        name = unique(_EARLIER_NAME, [file.name for file in attachments])
        preamble += form.EARLIER.format(count=len(earlier), name=name)
        attachments = (Attachment(name, "text/plain", _whole("\n".join(earlier)).encode()), *attachments)
    lines = [preamble.strip(), *head, *said[len(earlier) :], ending]
    return Prompt(_whole("\n".join(filter(None, lines))), attachments)


def _too_much(head: Sequence[str], said: Sequence[str]) -> int:
    """How many of the oldest messages do not fit into a prompt; never the newest."""
    left = LONGEST_PROMPT_CHARS - sum(len(element) + 1 for element in [form.TRANSCRIPT, *head])
    if sum(len(element) + 1 for element in said) <= left:
        return 0
    left -= len(form.EARLIER) + len(_EARLIER_NAME)
    for index in range(len(said) - 1, -1, -1):
        left -= len(said[index]) + 1
        if left < 0:
            return min(index + 1, len(said) - 1)
    return 0


def _whole(text: str) -> str:
    """Text that can be sent: half a character cannot."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _element(message: BaseMessage, pieces: list[str | Attached], enclosed: Enclosed) -> str:
    texts = [form.escape(part if isinstance(part, str) else _note(part, enclosed)) for part in pieces]
    return form.element(
        "message",
        "\n".join([*texts, *_calls(message)]),
        role=message.role if isinstance(message, ChatMessage) else _ROLES.get(_kind(message), message.type),
        name=message.name,
        call_id=message.tool_call_id if isinstance(message, ToolMessage) else None,
        status="error" if isinstance(message, ToolMessage) and message.status == "error" else None,
    )


def _kind(message: BaseMessage) -> str:
    return "ai" if isinstance(message, AIMessage) else message.type


def _calls(message: BaseMessage) -> list[str]:
    return [
        f'<tool_call name="{form.attribute(call["name"])}" id="{form.attribute(call["id"] or "")}">'
        f"{form.escape(json.dumps(call['args'], ensure_ascii=False, default=str))}</tool_call>"
        for call in calls_of(message)
    ]


def _note(attached: Attached, enclosed: Enclosed) -> str:
    if attached.key in enclosed:
        return form.ATTACHED.format(kind=attached.kind, name=enclosed[attached.key].name)
    name = " ".join(attached.name.split())
    return (form.NOT_ATTACHED_NAMED if name else form.NOT_ATTACHED).format(kind=attached.kind, name=name)
