"""JSON as an answer: how it is asked for in words, and read.

The site has no mode for JSON, so it is asked for, and what comes back is read tolerantly (a code fence, a word before
or after), checked against the schema, and given out as bare JSON text. A reply that does not fit is a fault, which the
model repairs in a further turn; the check is ours, so what is given out fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import prompt_format
from langchain_grokweb.messages.json_schema import fit, rejection, validator
from langchain_grokweb.messages.tools.call_json import load_json
from langchain_grokweb.messages.tools.definitions import json_schema
from langchain_grokweb.messages.tools.example_values import described, example_value, says_more_than_example

Method: TypeAlias = Literal["function_calling", "json_schema", "json_mode"]

_BRACKET = re.compile(r"[\[{]")
_BRACKET_OR_STRING = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_CLOSES = {"}": "{", "]": "["}
_EXAMPLE = re.compile(r"\b(?:examples?|e\.\s?g\.|for instance|such as|sample|template)(?!\w)", re.IGNORECASE)
_FENCE_LINE = re.compile(r"```[\w-]*[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"\w")
_SAYS_NOTHING = {"title", "description", "default", "examples", "$schema", "$id", "$comment"}
_OF_MEMBERS = _SAYS_NOTHING | {"type", "properties", "required", "additionalProperties", "$defs", "definitions"}
_OF_ANY_STRING = _SAYS_NOTHING | {"type"}
INCOMPLETE = "it holds no complete JSON"
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """What JSON a reply shall be.

    Attributes:
        schema: Its schema; `None` for any object.
        made_of: The Pydantic class that is made of it, and may take less than the schema; `None` where there is none.
    """

    schema: Mapping[str, Any] | None = None
    made_of: Any = None

    def note(self) -> str:
        """How it is asked for: a filled example, and the schema itself where that says more."""
        if self.schema is None:
            return prompt_format.REPLY_OBJECT
        if says_more_than_example(self.schema):
            schema = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
            head = prompt_format.element("reply_schema", prompt_format.escape_json(schema))
        else:
            description = str(self.schema.get("description") or "")
            head = prompt_format.escape(" ".join(filter(None, [description, described(self.schema)])))
        return "\n".join(filter(None, [head, prompt_format.REPLY_FORM, self.example]))

    @property
    def example(self) -> str:
        """The element with a skeleton of the reply; empty where any object will do."""
        if self.schema is None:
            return ""
        example = json.dumps(example_value(self.schema), ensure_ascii=False)
        return prompt_format.element("reply_example", prompt_format.escape_json(example))

    def read(self, text: str) -> tuple[str, str]:
        """The bare JSON of a reply, and no fault; or nothing and the fault.

        Only a complete value counts: nothing inside of one that broke off, no example among words, and none of several
        that differ.
        """
        try:
            values = _values(text)
        except ValueError as error:
            return "", str(error)
        fault = INCOMPLETE
        fitting: dict[str, tuple[str, _Value]] = {}
        for value in values:
            fitted, fault_of_it = self.fit(value.value)
            if fault_of_it:
                fault = fault_of_it
            else:
                fitting.setdefault(json.dumps(fitted, sort_keys=True), (dump(fitted), value))
        match list(fitting.values()):
            case []:
                return "", fault
            case [(fitted_text, value)]:
                if value.is_among_words:
                    return "", "its JSON stands among words, as an example does"
                return (value.text if fitted_text == dump(value.value) else fitted_text), ""
            case _:
                return "", "it holds more than one answer"

    def fit(self, value: Any) -> tuple[Any, str]:
        """The value as the schema has it, and no fault; or nothing and the fault."""
        if self.schema is None:
            fitted, fault = value, "" if isinstance(value, dict) else "it is no JSON object"
        elif value == self.schema:
            fitted, fault = None, "it repeats the schema"
        else:
            fitted, fault = fit(self.schema, value)
        if not fault and self.made_of is not None:
            fault = rejection(getattr(self.made_of, "model_validate", None) or self.made_of.parse_obj, fitted)
        return (None, fault) if fault else (fitted, "")

    @property
    def has_members(self) -> bool:
        """Whether it is an object whose members can be checked each for itself."""
        return self.schema is None or (self.schema.get("type") == "object" and self.schema.keys() <= _OF_MEMBERS)

    def fit_member(self, name: str, value: Any) -> tuple[dict[str, Any], str]:
        """One member as the schema has it, none where its null says nothing, and no fault; or nothing and the fault."""
        if self.schema is None:
            return {name: value}, ""
        member, fault = fit({**self.schema, "required": []}, {name: value})
        return member or {}, fault

    def is_any_string(self, name: str) -> bool:
        """Whether a member may be any string."""
        if self.schema is None:
            return True
        member = self.schema.get("properties", {}).get(name)
        return isinstance(member, Mapping) and member.get("type") == "string" and member.keys() <= _OF_ANY_STRING


def json_format(response_format: Any) -> JsonFormat | None:
    """The format that `response_format` asks for, in OpenAI's forms or as a bare schema.

    Raises:
        GrokWebInvalidRequestError: It is none of them.
    """
    if response_format is None:
        return None
    if not isinstance(response_format, Mapping):
        try:
            return JsonFormat(json_schema(response_format))
        except ValueError:
            raise _no_format() from None
    kind = response_format.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    schema: Any = response_format
    if kind == "json_schema":  # the schema stands in a member of its own, or beside the type
        inner = response_format.get("json_schema", response_format)
        schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if not isinstance(schema, Mapping) or not schema:
        raise _no_format()
    try:
        validator(schema)
    except ValueError as error:
        raise GrokWebInvalidRequestError(
            f"The response format is not a JSON schema: {error}.", next_step="Correct the schema."
        ) from None
    return JsonFormat(schema)


def _no_format() -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        "This is not a response format.", next_step='Use {"type": "json_object"} or {"type": "json_schema", …}.'
    )


def dump(value: Any) -> str:
    """JSON text; Unicode stays as it is."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Value:
    """A complete JSON value in a reply.

    Attributes:
        text: As it was written.
        value: What it says.
        is_among_words: Whether it stands inside of a sentence, or is called an example.
    """

    text: str
    value: Any
    is_among_words: bool = False


def _values(text: str) -> list[_Value]:
    """The complete values in a reply; none from inside of another one.

    Raises:
        ValueError: It broke off.
    """
    stripped = text.strip()
    try:
        return [_Value(stripped, load_json(stripped))]
    except ValueError:
        pass
    if _BRACKET.search(stripped) is None:
        return [_Value(fenced, value) for fenced in _FENCE.findall(stripped) for value in _value_of(fenced)]
    values = []
    place = 0
    while begin := _BRACKET.search(stripped, place):
        start, place = begin.start(), _end_of_bracket(stripped, begin.start())
        inner = stripped[start:place]
        values += [_Value(inner, value, _is_among_words(stripped, start, place)) for value in _value_of(inner)]
    return values


def _value_of(text: str) -> Iterator[Any]:
    """The value that a text is, if it is one."""
    try:
        yield load_json(text)
    except ValueError:
        return


def _end_of_bracket(text: str, start: int) -> int:
    """Where what begins with a bracket is over.

    Raises:
        ValueError: It is not closed.
    """
    opened: list[str] = []
    for found in _BRACKET_OR_STRING.finditer(text, start):
        token = found[0]
        if token in {"{", "["}:
            opened.append(token)
        elif token in _CLOSES:
            if opened.pop() != _CLOSES[token]:
                break
            if not opened:
                return found.end()
    raise ValueError(INCOMPLETE)


def _is_among_words(text: str, start: int, end: int) -> bool:
    before = _FENCE_LINE.sub("\n", text[:start])
    on_its_line = text[end:].split("\n", 1)[0]
    is_inline = _WORD.search(before.rsplit("\n", 1)[-1]) and _WORD.search(on_its_line)
    return bool(is_inline or _EXAMPLE.search(before) or _EXAMPLE.search(on_its_line))
