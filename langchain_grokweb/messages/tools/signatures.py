"""A JSON schema of arguments as a signature: `(city: string, unit?: "c" | "f" = "c")`.

It is a third as long as the schema, and models have read many. What it cannot say without loss (bounds, formats,
patterns, references, members of members with descriptions) it does not say at all: then the schema itself is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,127}", re.ASCII)
_PLAIN = {"string", "integer", "number", "boolean", "null", "object", "array"}
_ANNOTATIONS = {"title", "default"}
_OF_OBJECT = _ANNOTATIONS | {"type", "properties", "required", "additionalProperties"}
_DEEPEST = 3


class _TooMuch(Exception):  # noqa: N818  # it never leaves this module
    """The schema says more than a signature can."""


def signature(name: str, parameters: Mapping[str, Any]) -> str | None:
    """The signature of a tool in one line, or `None` where a signature would say less than the schema."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return f"{name}({_members({'type': 'object', **parameters}, 0)})"
    except _TooMuch:
        return None


def _members(schema: Mapping[str, Any], depth: int) -> str:
    if schema.keys() - _OF_OBJECT or isinstance(schema.get("additionalProperties"), Mapping) or depth > _DEEPEST:
        raise _TooMuch
    required = schema.get("required") or []
    members = schema.get("properties") or {}
    if set(required) - members.keys() or not all(isinstance(of_it, Mapping) for of_it in members.values()):
        raise _TooMuch
    return ", ".join(_member(key, of_it, depth, required=key in required) for key, of_it in members.items())


def _member(name: str, schema: Mapping[str, Any], depth: int, *, required: bool) -> str:
    if not _NAME.fullmatch(name):
        raise _TooMuch
    if depth == 0:
        schema = {key: value for key, value in schema.items() if key != "description"}
    default = f" = {_json(schema['default'])}" if schema.get("default") is not None else ""
    return f"{name}{'' if required else '?'}: {_type(schema, depth)}{default}"


def _type(schema: Any, depth: int) -> str:  # noqa: PLR0911  # one for each kind of type
    if not isinstance(schema, Mapping):
        raise _TooMuch
    keys = schema.keys() - _ANNOTATIONS
    if not keys:
        return "any"
    if keys == {"anyOf"} and depth <= _DEEPEST:
        return " | ".join(dict.fromkeys(_type(branch, depth + 1) for branch in schema["anyOf"]))
    if keys <= {"enum", "type"} and schema.get("enum"):
        return " | ".join(map(_json, schema["enum"]))
    if keys <= {"const", "type"} and "const" in keys:
        return _json(schema["const"])
    kind = schema.get("type")
    if isinstance(kind, list) and keys == {"type"} and set(kind) <= _PLAIN:
        return " | ".join(kind)
    if kind == "array" and keys == {"type", "items"} and depth <= _DEEPEST:
        item = _type(schema["items"], depth + 1)
        return f"({item})[]" if " | " in item and not item.startswith("{") else f"{item}[]"
    if kind == "object" and schema.get("properties"):
        return f"{{{_members(schema, depth + 1)}}}"
    if kind in _PLAIN and keys <= {"type", "additionalProperties"} and schema.get("additionalProperties", True) is True:
        return str(kind)
    raise _TooMuch


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
