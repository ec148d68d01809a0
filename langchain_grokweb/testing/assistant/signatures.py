"""A tool's signature, `get_weather(city: string, unit?: "c" | "f" = "c"): words`, read as a name and a JSON schema."""

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\[\]|[A-Za-z_][\w.-]*|[(){}\[\]|?:,=])')
_TYPES = {"string", "integer", "number", "boolean", "null", "object", "array"}


def read_signature(line: str) -> tuple[str, Mapping[str, Any]]:
    """The name of a tool, and the schema of its arguments.

    Raises:
        ValueError: The line is no signature.
    """
    reader = _Reader(line)
    name = reader.take()
    reader.demand("(")
    return name, reader.members(")")


class _Reader:
    """Reads one token after another; what follows the signature is left."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._place = 0

    def take(self) -> str:
        """The next token."""
        match = _TOKEN.match(self._line, self._place)
        if match is None:
            raise ValueError(f"This is no signature: {self._line[:200]!r}")
        self._place = match.end()
        return match[1]

    def skip(self, token: str) -> bool:
        """Pass this token, if it is the next."""
        match = _TOKEN.match(self._line, self._place)
        if match is None or match[1] != token:
            return False
        self._place = match.end()
        return True

    def demand(self, token: str) -> None:
        """Pass this token, which must be the next."""
        if not self.skip(token):
            raise ValueError(f"This signature lacks {token!r}: {self._line[:200]!r}")

    def members(self, end: str) -> dict[str, Any]:
        """Members up to the bracket that closes them."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        while not self.skip(end):
            name = self.take()
            if not self.skip("?"):
                required.append(name)
            self.demand(":")
            properties[name] = self._union()
            if self.skip("="):
                properties[name] = {**properties[name], "default": self._value()}
            self.skip(",")
        return {"type": "object", "properties": properties, "required": required}

    def _union(self) -> dict[str, Any]:
        branches = [self._type()]
        while self.skip("|"):
            branches.append(self._type())
        if all("const" in branch for branch in branches):
            return {"enum": [branch["const"] for branch in branches]}
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def _type(self) -> dict[str, Any]:
        word = self.take()
        if word == "(":
            schema = self._union()
            self.demand(")")
        elif word == "{":
            schema = self.members("}")
        elif word in _TYPES:
            schema = {"type": word}
        else:
            schema = {} if word == "any" else {"const": json.loads(word)}
        while self.skip("[]"):
            schema = {"type": "array", "items": schema}
        return schema

    def _value(self) -> Any:
        """A JSON value that stands in the line."""
        value, self._place = json.JSONDecoder().raw_decode(self._line, self._place + 1)
        return value
