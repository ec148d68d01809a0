"""A value for a JSON schema that shows a model the form of what is asked for.

A model follows an example more surely than a schema, a small one follows only an example. A call is shown with
plausible arguments, which few will ask for: what repeats them is a quotation. The skeleton of a reply is neutral,
since there a small model copies plausible values instead of reading the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DEEPEST = 6
_WHOLE = 2  # below that only what is required is shown
_SAID = {"title", "description", "additionalProperties"}  # elsewhere, or no concern of who writes an answer
_EXEMPLARY = {"string", "integer", "number", "boolean"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_OF_FORMATS = {
    "date": "2031-03-14",
    "date-time": "2031-03-14T07:40:00Z",
    "time": "07:40:00",
    "email": "ines@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f2b8c1e-5d4a-4b6f-9a7e-0c1d2e3f4a5b",
}
_OF_NAMES = {
    "city": "Tartu", "location": "Tartu", "place": "Tartu", "origin": "Tartu", "destination": "Bergen",
    "country": "Latvia", "address": "14 Mill Lane", "language": "Welsh", "name": "Ines", "person": "Ines",
    "user": "Ines", "author": "Ines", "title": "Harbour walk", "subject": "Harbour walk", "topic": "canals",
    "text": "See you soon", "message": "See you soon", "body": "See you soon", "content": "See you soon",
    "note": "Buy thread", "query": "oldest lighthouse", "question": "How old is the lighthouse?",
    "url": "https://example.com/17", "link": "https://example.com/17", "email": "ines@example.com",
    "to": "ines@example.com", "recipient": "ines@example.com", "path": "harbour.txt", "file": "harbour.txt",
    "filename": "harbour.txt", "date": "2031-03-14", "day": "Thursday", "month": "March", "time": "07:40", "id": "h17",
    "code": "print(17)", "expression": "17 + 4", "sql": "SELECT 17", "command": "date", "currency": "NOK", "unit": "km",
    "color": "teal", "colour": "teal", "symbol": "HRBR", "ticker": "HRBR", "category": "boats", "tag": "boats",
    "label": "boats", "product": "oar", "item": "oar", "dish": "leek soup", "ingredient": "leek",
    "description": "A teal oar", "reason": "It is teal", "summary": "It is teal",
}  # fmt: skip


def example_args(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for a tool: those that it requires, or the first where it requires none."""
    members = _resolved(parameters, parameters).get("properties") or {}
    required = [name for name in members if name in (parameters.get("required") or [])]
    return {name: _value(members[name], name, parameters, 1) for name in required or list(members)[:1]}


def leaves_a_choice(parameters: Mapping[str, Any]) -> bool:
    """Whether a call like the example was copied from it, since other arguments are more likely than its own."""
    members = parameters.get("properties") or {}
    shown = [_resolved(members[name], parameters) for name in example_args(parameters)]
    return any(not schema.keys() & {"const", "enum"} and schema.get("type") != "boolean" for schema in shown)


def example_value(schema: Mapping[str, Any]) -> Any:
    """A value with all the members that the schema names, and with neutral texts and numbers."""
    return _value(schema, None, schema, 0)


def says_more_than_example(schema: Mapping[str, Any]) -> bool:
    """Whether a schema says what its example and `described` do not: choices, bounds, what may be left out."""
    keys = schema.keys() - _SAID
    kind = schema.get("type")
    if kind == "object" and keys == {"type", "properties", "required"}:
        members = schema["properties"]
        return set(schema["required"]) != members.keys() or any(map(_is_not_plain, members.values()))
    if kind == "array" and keys == {"type", "items"}:
        return _is_not_plain(schema["items"]) or bool(described(schema["items"]))
    return keys != {"type"} or kind not in _EXEMPLARY


def described(schema: Mapping[str, Any]) -> str:
    """What a schema says in words of an object's own members, as in `city: Its name. unit: Of the temperature.`."""
    members = schema.get("properties") or {}
    texts = [(name, " ".join(str(of_it.get("description") or "").split())) for name, of_it in members.items()]
    return " ".join(f"{name}: {text if text.endswith(('.', '!', '?')) else text + '.'}" for name, text in texts if text)


def _is_not_plain(schema: Any) -> bool:
    return not isinstance(schema, Mapping) or says_more_than_example(schema) or bool(described(schema))


def _value(schema: Any, name: str | None, root: Mapping[str, Any], depth: int) -> Any:  # noqa: C901, PLR0911
    """A value for a part of a schema; of a member without a name it is neutral."""
    schema = _resolved(schema, root)
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if branches := [branch for branch in schema.get(key) or () if branch != {"type": "null"}]:
            return _value(branches[0], name, root, depth + 1) if depth < _DEEPEST else None
    types = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = types if isinstance(types, str) else next((kind for kind in types if kind != "null"), "null")
    if kind == "object":
        members = schema.get("properties") or {}
        shown = members if depth < _WHOLE else [key for key in schema.get("required") or () if key in members]
        return {key: _value(members[key], name and key, root, depth + 1) for key in shown} if depth < _DEEPEST else {}
    if kind == "array":
        least = int(schema.get("minItems") or 0)
        if not isinstance(schema.get("items"), Mapping) or depth >= (_DEEPEST if least else _WHOLE):
            return []
        return [_value(schema["items"], name and name.removesuffix("s"), root, depth + 1)] * min(max(least, 1), 5)
    if kind in {"integer", "number"}:
        return _number(schema, kind, 17 if name else 0)
    return {"boolean": True, "null": None}.get(kind, _text(schema, name))


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema, or what it refers to within the same document."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str):
            break
        target: Any = root
        for step in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(step) if isinstance(target, Mapping) and step else target
        schema = target
    return schema if isinstance(schema, Mapping) else {}


def _number(schema: Mapping[str, Any], kind: str, value: float) -> float:
    """The nearest number that the bounds allow."""
    step = schema.get("multipleOf") or 1
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + step if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - step if "exclusiveMaximum" in schema else None)
    value = value if step == 1 else step
    value = value if low is None else max(value, low)
    value = value if high is None else min(value, high)
    return int(value) if kind == "integer" else value


def _text(schema: Mapping[str, Any], name: str | None) -> str:
    """A text that fits the format, else what is usual for the last word of the name that is known here."""
    words = [word.lower() for word in _WORD.findall(name or "")]
    known = next((_OF_NAMES[word] for word in reversed(words) if word in _OF_NAMES), " ".join(words) or "...")
    text = _OF_FORMATS.get(str(schema.get("format")), known)
    return text.ljust(int(schema.get("minLength") or 0), ".")[: int(schema.get("maxLength") or len(text) + 99)]
