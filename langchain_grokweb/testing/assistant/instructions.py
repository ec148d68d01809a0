"""What a prompt asks for, read from its elements and attributes (`docs/prompt-format.md`), never from its sentences.

Only elements of the system instruct: whatever else looks like an instruction is text. A prompt without any element is
one message of the user.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

History = Sequence[tuple[str, str]]

_MESSAGE = re.compile(r"^<message((?: [a-z_]+=\"[^\"]*\")+)>\n(.*?)\n?</message>$", re.DOTALL | re.MULTILINE)
_ATTRIBUTE = re.compile(r"([a-z_]+)=\"([^\"]*)\"")
_TOOLS = re.compile(r"^<tools(?: mark=\"([0-9a-f]+)\")?>\n(.*?)\n?</tools>$", re.DOTALL | re.MULTILINE)
_REPLY = re.compile(r"^<reply_(schema|example)>\n(.*?)\n</reply_\1>$", re.DOTALL | re.MULTILINE)
_WORD = r"[A-Za-z_][\w.-]*"
_TYPE = r"(?:string|integer|number|boolean|null|object|array|any)\b"
_ESCAPED = re.compile(r"&lt;(?=\s*/?\s*(?:message\b|tool|reply_(?:schema|example)\b))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a transcript, a bare prompt (the user's), or an earlier answer (the assistant's)."""

    role: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a prompt and the branch before it ask for.

    Attributes:
        question: The last message of the user.
        results: What tools gave since then.
        has_results: This prompt brings results that nobody has answered yet.
        tools: The tools on offer, each with the JSON schema of its arguments.
        use: "none", "any", the name of the tool that must be called, or "" where the assistant is free.
        at_most_one: Not more than one call.
        is_json: The reply, where it is no call, is one JSON value.
        schema: What that value must fit, where the prompt says so.
        repair: What the last answer, which could not be used, should have been; "ask" where it is only asked whether
            a call was meant; "" where nothing is to be repaired.
    """

    question: str = ""
    results: tuple[Message, ...] = ()
    has_results: bool = False
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    use: str = ""
    at_most_one: bool = False
    is_json: bool = False
    schema: Mapping[str, Any] | None = None
    repair: Literal["", "ask", "call", "json", "words"] = ""


def read(prompt: str, history: History) -> Brief:
    """Read a prompt with the branch before it; a repair is read as the question that it goes back to."""
    own = messages_of(prompt)
    system = _system(own)
    if "repair" in system:
        return replace(_before_repairs(history), repair=system["repair"])
    spoken: list[Message] = []
    for role, text in [*history, ("human", prompt)]:
        spoken += messages_of(text) if role == "human" else [Message("assistant", text)]
    spoken = [message for message in spoken if message.role != "system"]
    asked = max((place for place, message in enumerate(spoken) if message.role == "user"), default=-1)
    replies = {kind: text for message in own if message.role == "system" for kind, text in _REPLY.findall(message.text)}
    example = _schema_like(json.loads(replies["example"])) if "example" in replies else None
    return Brief(
        question=spoken[asked].text if asked >= 0 else "",
        results=tuple(message for message in spoken[asked + 1 :] if message.role == "tool"),
        has_results=[message.role for message in own if message.role != "system"][-1:] == ["tool"],
        tools=offered(prompt, history)[1],
        use=system.get("use", ""),
        at_most_one=system.get("calls") == "one",
        is_json=system.get("reply") == "json",
        schema=json.loads(replies["schema"]) if "schema" in replies else example,
    )


def messages_of(prompt: str) -> list[Message]:
    """The messages of a transcript without its examples; a bare prompt is one message of the user."""
    messages = []
    for attributes, text in _MESSAGE.findall(prompt):
        values = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
        if "example" in values:
            continue
        role = values.get("role", "")
        messages.append(Message(role, text if role == "system" else _ESCAPED.sub("<", text), values))
    return messages or [Message("user", prompt)]


def _system(messages: Sequence[Message]) -> dict[str, Any]:
    """The attributes of the system's messages together."""
    return {name: value for one in messages if one.role == "system" for name, value in one.attributes.items()}


def _schema_like(value: Any) -> dict[str, Any]:
    """The schema of what is like this example."""
    if isinstance(value, dict):
        members = {name: _schema_like(of_it) for name, of_it in value.items()}
        return {"type": "object", "properties": members, "required": list(value)}
    if isinstance(value, list):
        return {"type": "array", "items": _schema_like(value[0])} if value else {"type": "array"}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return {"type": kinds[type(value)]}


def _before_repairs(history: History) -> Brief:
    for place, (role, text) in reversed(list(enumerate(history))):
        if role == "human" and "repair" not in _system(messages_of(text)):
            return read(text, history[:place])
    return Brief()


def offered(prompt: str, history: History) -> tuple[str | None, dict[str, Mapping[str, Any]]]:
    """The newest definitions of this branch: the mark of calls, None where no tools are offered, and the tools."""
    for text in [prompt, *(text for role, text in reversed(history) if role == "human")]:
        for message in reversed(messages_of(text) if "<tools" in text else ()):
            match = _TOOLS.search(message.text) if message.role == "system" else None
            if match is not None:
                return match[1], dict(_definition(line) for line in match[2].splitlines() if line)
    return None, {}


def _definition(line: str) -> tuple[str, Mapping[str, Any]]:
    """A tool and its parameters: a signature, or all of it as JSON."""
    if not line.startswith("{"):
        return read_signature(line)
    tool = json.loads(line)
    return tool["name"], tool.get("parameters", {})


# -- signatures: `name(city: string, unit?: "c" | "f" = "c"): words`


def read_signature(line: str) -> tuple[str, Mapping[str, Any]]:
    """The name of a tool, and the schema of its arguments.

    Raises:
        ValueError: The line is no signature.
    """
    reader = _Reader(line)
    name = reader.take(_WORD)
    reader.take(r"\(")
    return name, reader.members(r"\)")


class _Reader:
    """Reads one token after another; what follows the signature is left."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._place = 0

    def skip(self, pattern: str) -> str:
        """The next token, passed, if it fits this pattern; else nothing."""
        match = re.compile(rf"\s*({pattern})\s*").match(self._line, self._place)
        if match is None:
            return ""
        self._place = match.end()
        return match[1]

    def take(self, pattern: str) -> str:
        """The next token, which must fit this pattern."""
        token = self.skip(pattern)
        if not token:
            raise ValueError(f"This is no signature, {pattern} is missing: {self._line[:200]!r}")
        return token

    def members(self, end: str) -> dict[str, Any]:
        """Members up to the bracket that closes them."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        while not self.skip(end):
            name = self.take(_WORD)
            if not self.skip(r"\?"):
                required.append(name)
            self.take(":")
            properties[name] = self._union()
            if self.skip("="):
                properties[name]["default"] = self._value()
            self.skip(",")
        return {"type": "object", "properties": properties, "required": required}

    def _union(self) -> dict[str, Any]:
        branches = [self._type()]
        while self.skip(r"\|"):
            branches.append(self._type())
        if all("const" in branch for branch in branches):
            return {"enum": [branch["const"] for branch in branches]}
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def _type(self) -> dict[str, Any]:
        if self.skip(r"\("):
            schema = self._union()
            self.take(r"\)")
        elif self.skip("{"):
            schema = self.members("}")
        elif word := self.skip(_TYPE):
            schema = {} if word == "any" else {"type": word}
        else:
            schema = {"const": self._value()}
        while self.skip(r"\[\]"):
            schema = {"type": "array", "items": schema}
        return schema

    def _value(self) -> Any:
        """A JSON value that stands in the line."""
        value, self._place = json.JSONDecoder().raw_decode(self._line, self._place)
        return value
