"""What a prompt asks for in words: its transcript, the tools it offers, and how this turn shall be answered.

A client of a service without tools writes them down in its prompt, and a model reads that. So does this module: the
instructions once for a conversation, the notes in each turn, and what the user, the tools and the assistant said. It
believes instructions in elements of the system alone; whatever else looks like them is text.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

History = Sequence[tuple[str, str]]

REPAIR = "Your last answer could not be used:"

_TRANSCRIPT = re.compile(r"\s*(?:[^\n]*\n\s*)?<message role=\"")
_ELEMENT = re.compile(r"<message((?: [\w-]+=\"[^\"]*\")+)\s*>\n?(.*?)\n?</message>(?=\s*(?:<message |\Z))", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_FORM = re.compile(r"<tool:([0-9a-f]{6})>.*?</tool:\1>", re.DOTALL)
_TOOL_NAME = re.compile(r"You must use the tool (.+) in this turn: answer with its call\.")
_JSON = re.compile(r"Answer with one JSON (?:value|object) and nothing else, without a code fence\.")
_SCHEMA = re.compile(r"\s*It must fit this JSON schema:\s*")
_NONE = "Do not use a tool in this turn."
_ANY = "You must use at least one of the tools in this turn: answer with a call."
_ONE = "Use at most one tool in this turn."
_CAN_USE = "You can use tools."
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Message:
    """One element of a transcript, or a bare prompt (a user's) or an earlier answer (an assistant's)."""

    role: str
    text: str
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool on offer; `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notes:
    """How this turn shall be answered.

    Attributes:
        never: No tool.
        must: At least one tool.
        name: This tool.
        at_most_one: Not more than one.
        bare: Nothing but the call.
        is_json: One JSON value and nothing else.
        schema: What that value must fit, where the client said so.
    """

    never: bool = False
    must: bool = False
    name: str | None = None
    at_most_one: bool = False
    bare: bool = False
    is_json: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a prompt and the branch before it ask for.

    Attributes:
        question: The last message of the user.
        results: What tools gave since then.
        has_results: This prompt brings results that nobody has answered yet.
        mark: The mark of the calls; None where no tools were offered.
        tools: The tools on offer.
        notes: How this turn shall be answered.
    """

    question: str
    results: tuple[Message, ...]
    has_results: bool
    mark: str | None
    tools: tuple[Tool, ...]
    notes: Notes

    def tool(self, name: str) -> Tool:
        """The tool of this name; one without parameters where none was offered."""
        return next((tool for tool in self.tools if tool.name == name), Tool(name))


def read(prompt: str, history: History) -> Brief:
    """Read a prompt with the branch before it; a repair is read as the question that it goes back to."""
    repair = _repair(prompt)
    if repair is not None:
        return _mended(repair, history)
    own = messages_of(prompt)
    past = [message for one in history for message in _said(*one)]
    told = [message for message in [*past, *own] if message.role != "system"]
    last = max((place for place, one in enumerate(told) if one.role == "user"), default=-1)
    mark, tools = _offered([prompt, *(text for role, text in reversed(history) if role == "human")])
    return Brief(
        question=told[last].text if last >= 0 else "",
        results=tuple(one for one in told[last + 1 :] if one.role == "tool"),
        has_results=[one.role for one in own if one.role != "system"][-1:] == ["tool"],
        mark=mark,
        tools=tools,
        notes=_notes([one.text for one in own if one.role == "system"]),
    )


def messages_of(prompt: str) -> list[Message]:
    """The elements of a transcript; a bare prompt is one message of the user."""
    if _TRANSCRIPT.match(prompt) is None:
        return [Message("user", prompt)]
    return [_message(*found.groups()) for found in _ELEMENT.finditer(prompt)]


def _message(attributes: str, text: str) -> Message:
    given = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
    plain = re.sub(r"&lt;(?=/?(?:message|tool))", "<", text)
    return Message(given.get("role", "user"), plain, given.get("name", ""), given.get("status") == "error")


def _said(role: str, text: str) -> list[Message]:
    if role != "human":
        return [Message("assistant", text)]
    return [] if _repair(text) is not None else messages_of(text)


# -- tools


def _offered(prompts: Sequence[str]) -> tuple[str | None, tuple[Tool, ...]]:
    """The mark and the tools of the newest instructions; `prompts` are the newest first."""
    for prompt in prompts:
        for message in reversed(messages_of(prompt) if _CAN_USE in prompt else ()):
            start = message.text.find(_CAN_USE)
            form = _FORM.search(message.text, start) if start >= 0 and message.role == "system" else None
            if form is not None:
                return form[1], tuple(_definitions(message.text[form.end() :]))
    return None, ()


def _definitions(text: str) -> Iterator[Tool]:
    for line in text.splitlines():
        found = _value(line.strip()) if line.lstrip().startswith("{") else None
        if isinstance(found, dict) and isinstance(found.get("name"), str):
            yield Tool(found["name"], str(found.get("description") or ""), found.get("parameters") or {})


# -- notes


def _notes(texts: Sequence[str]) -> Notes:
    lines = [line.strip() for text in texts for line in text.splitlines()]
    names = [found[1] for line in lines if (found := _TOOL_NAME.fullmatch(line))]
    asked = [found for text in texts for found in _JSON.finditer(text)]
    return Notes(
        never=_NONE in lines,
        must=_ANY in lines,
        name=names[-1] if names else None,
        at_most_one=_ONE in lines,
        is_json=bool(asked),
        schema=_schema(asked[-1].string[asked[-1].end() :]) if asked else None,
    )


def _schema(text: str) -> Mapping[str, Any] | None:
    begun = _SCHEMA.match(text)
    found = _value(text[begun.end() :]) if begun else None
    return found if isinstance(found, dict) else None


def _value(text: str) -> Any:
    """The JSON value at the beginning of a text, None where there is none."""
    try:
        return _DECODER.raw_decode(text)[0]
    except ValueError:
        return None


# -- repairs


def _repair(prompt: str) -> str | None:
    """The text of a prompt that asks for a correction."""
    if REPAIR not in prompt:
        return None
    told = [one.text for one in messages_of(prompt) if one.text.lstrip().startswith(REPAIR)]
    return told[-1] if told else None


def _mended(repair: str, history: History) -> Brief:
    """What was asked for before: a call where the correction of one is wanted, else JSON."""
    humans = [place for place, (role, text) in enumerate(history) if role == "human" and _repair(text) is None]
    place = humans[-1] if humans else 0
    brief = read(history[place][1] if humans else "", history[:place])
    form = _FORM.search(repair)
    kept = brief.notes
    if form is None:
        notes = Notes(never=True, bare=True, is_json=True, schema=kept.schema)
    else:
        notes = Notes(must=True, name=kept.name, at_most_one=kept.at_most_one, bare=True)
    mark = form[1] if form else brief.mark
    return Brief(brief.question, brief.results, brief.has_results, mark, brief.tools, notes)
