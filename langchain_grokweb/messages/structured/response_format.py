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
from typing import Any

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import prompt_format
from langchain_grokweb.messages.example_values import described, example_value, says_more_than_example
from langchain_grokweb.messages.json_schema import fit, validator
from langchain_grokweb.messages.tools.call_json import load_json
from langchain_grokweb.messages.tools.definitions import json_schema

_BRACKET = re.compile(r"[\[{]")
_MOST_BRACKETS = 50
_DECODER = json.JSONDecoder()
_SAYS_NOTHING = {"title", "description", "default", "examples", "$schema", "$id", "$comment"}
_OF_MEMBERS = _SAYS_NOTHING | {"type", "properties", "required", "additionalProperties", "$defs", "definitions"}
_OF_ANY_STRING = _SAYS_NOTHING | {"type"}
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """What JSON a reply shall be; `schema` is `None` for any object."""

    schema: Mapping[str, Any] | None = None

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
        """The bare JSON of a reply, and no fault; or nothing and the fault."""
        fault = "it holds no complete JSON"
        for candidate in _candidates(text):
            try:
                value = load_json(candidate)
            except ValueError:
                continue
            fitted, fault = self.fit(value)
            if not fault:
                as_is = dump(value)
                return candidate if dump(fitted) == as_is else dump(fitted), ""
        return "", fault

    def fit(self, value: Any) -> tuple[Any, str]:
        """The value as the schema has it, and no fault; or nothing and the fault."""
        if self.schema is None:
            return value, "" if isinstance(value, dict) else "it is no JSON object"
        return fit(self.schema, value)

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
            f"The response format is no JSON schema: {error}.", next_step="Correct the schema."
        ) from None
    return JsonFormat(schema)


def _no_format() -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        "This is no response format.", next_step='Use {"type": "json_object"} or {"type": "json_schema", …}.'
    )


def dump(value: Any) -> str:
    """JSON text; Unicode stays as it is."""
    return json.dumps(value, ensure_ascii=False)


def _candidates(text: str) -> list[str]:
    """What may be the JSON of a reply, the likeliest first."""
    stripped = text.strip()
    return [stripped, *(fenced.strip() for fenced in _FENCE.findall(stripped)), *_inside(stripped)]


def _inside(text: str) -> Iterator[str]:
    """Each value in the text that begins with a bracket and is whole."""
    place = 0
    for _ in range(_MOST_BRACKETS):
        begin = _BRACKET.search(text, place)
        if begin is None:
            return
        try:
            place = _DECODER.raw_decode(text, begin.start())[1]
        except (ValueError, RecursionError):
            place = begin.end()
        else:
            yield text[begin.start() : place]
