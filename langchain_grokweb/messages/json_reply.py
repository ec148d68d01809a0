"""JSON as an answer: how it is asked for in words, and read.

The site has no mode for JSON, so it is asked for, and what comes back is read tolerantly (a code fence, a word before
or after), checked against the schema, and given out as bare JSON text. A reply that does not fit is a fault, which the
model mends in a further turn; the check is ours, so what is given out fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.utils.function_calling import convert_to_json_schema

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.schema import fit, validator
from langchain_grokweb.messages.tool_calls import ToolFault
from langchain_grokweb.messages.tool_json import load_json

_BRACKET = re.compile(r"[\[{]")
_MOST_BRACKETS = 50
_DECODER = json.JSONDecoder()
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """What JSON a reply shall be; `schema` is `None` for any object."""

    schema: Mapping[str, Any] | None = None

    def note(self) -> str:
        """How it is asked for."""
        if self.schema is None:
            return "Answer with one JSON object and nothing else, without a code fence."
        schema = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
        return (
            f"Answer with one JSON value and nothing else, without a code fence. It must fit this JSON schema: {schema}"
        )

    def read(self, text: str) -> tuple[str, str]:
        """The bare JSON of a reply, and no fault; or nothing and the fault."""
        fault = "it holds no complete JSON"
        for candidate in _candidates(text):
            try:
                value = load_json(candidate)
            except ValueError:
                continue
            fitted, fault = self._fit(value)
            if not fault:
                as_is = _dump(value)
                return candidate if _dump(fitted) == as_is else _dump(fitted), ""
        return "", fault

    def _fit(self, value: Any) -> tuple[Any, str]:
        if self.schema is None:
            return value, "" if isinstance(value, dict) else "it is no JSON object"
        return fit(self.schema, value)


def json_format(response_format: Any) -> JsonFormat | None:
    """The format that `response_format` asks for, in OpenAI's forms or as a bare schema.

    Raises:
        GrokWebInvalidRequestError: It is none of them.
    """
    if response_format is None:
        return None
    if not isinstance(response_format, Mapping):
        try:
            return JsonFormat(convert_to_json_schema(response_format))
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
            f"The response format is no JSON schema: {error}.", next_step="Mend the schema."
        ) from None
    return JsonFormat(schema)


def _no_format() -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        "This is no response format.", next_step='Use {"type": "json_object"} or {"type": "json_schema", …}.'
    )


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _candidates(text: str) -> list[str]:
    """What may be the JSON of a reply, the likeliest first."""
    stripped = text.strip()
    return [stripped, *(found.strip() for found in _FENCE.findall(stripped)), *_inside(stripped)]


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


class JsonFault(ToolFault):
    """JSON that does not fit, or none."""


class JsonReader:
    """Feed it text; when the answer is over, get its bare JSON, or the fault."""

    def __init__(self, wanted: JsonFormat) -> None:
        self._wanted = wanted
        self._pieces: list[str] = []

    @property
    def held(self) -> str:
        """What has come so far."""
        return "".join(self._pieces)

    def feed(self, text: str) -> list[str | ToolFault]:
        """Keep a piece: what is not whole cannot be checked."""
        self._pieces.append(text)
        return []

    def flush(self) -> list[str | ToolFault]:
        """The answer is over."""
        text = self.held
        found, fault = self._wanted.read(text)
        return [JsonFault(fault, text)] if fault else [found]


class JsonStream:
    """Feed it text, get the JSON in it as it comes; the fault, if it is one, when the answer is over.

    The JSON goes from the first bracket to the one that closes it.
    """

    def __init__(self, wanted: JsonFormat) -> None:
        self._wanted = wanted
        self._before: list[str] = []
        self._given: list[str] = []
        self._depth = 0
        self._over = self._in_string = self._escaped = False

    def feed(self, text: str) -> list[str | ToolFault]:
        """Take a piece, give what of it is JSON."""
        if self._over:
            return []
        if not self._given:
            begin = _BRACKET.search(text)
            self._before.append(text[: begin.start()] if begin else text)
            text = text[begin.start() :] if begin else ""
        text = text[: self._end(text)]
        if text:
            self._given.append(text)
        return [text] if text else []

    def _end(self, text: str) -> int | None:
        """Where in the piece the JSON ends, if it does."""
        for place, char in enumerate(text):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped, self._in_string = char == "\\", char != '"'
            elif char == '"':
                self._in_string = True
            elif char in _STEPS:
                self._depth += _STEPS[char]
                if not self._depth:
                    self._over = True
                    return place + 1
        return None

    def flush(self) -> list[str | ToolFault]:
        """The answer is over; a bare word or number was held until now."""
        text = "".join(self._given or self._before)
        found, fault = self._wanted.read(text)
        if self._given and not fault and found != text:
            fault = "its values have other types than the schema's"
        if fault:
            return [JsonFault(fault, text)]
        return [] if self._given else [found]
