"""A tool's signature, `name(city: string, unit?: "c" | "f" = "c"): words`, read as a name and a JSON schema."""

import json
import re
from collections.abc import Mapping
from typing import Any

_WORD = r"[A-Za-z_][\w.-]*"
_TYPE = r"(?:string|integer|number|boolean|null|object|array|any)\b"


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
