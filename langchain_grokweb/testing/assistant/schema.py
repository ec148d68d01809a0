"""A JSON schema and a question -> a value that fits, by simple rules.

Required members alone are filled. A number is the next one of the question, a text is what the question quotes, else
its next name (a capitalised word), else the question itself; of an enumeration it is the member that the question
names, else the first. What needs more than that is planned by the test.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_CAPITALISED = r"(?=[^\W\d_])[^\Wa-zß-öø-ÿ][\w'\u2019.&-]*(?<![.'\u2019])"
_NAME = re.compile(rf"(?<![\w'\u2019])({_CAPITALISED}(?:\s+{_CAPITALISED})*(?:,\s[A-Z]{{2}}\b)?)")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|(?<!\w)'([^'\n]+)'(?!\w)|[“„«]([^“”»\n]+)[“”»]|`([^`\n]+)`")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_AFTER_PREPOSITION = re.compile(r"\b(?:in|of|for|at)\s+(?:the\s+)?([^\W\d_][\w'-]*)")
_NO_NAMES = frozenset(
    "a add answer are ask book call can check create describe do draw find first for generate get give hello hey hi how"
    " i in is list look make multiply my now please say search send set show tell thanks the then there this translate"
    " use using was what when where which who why will with write you your".split()
)
_SAMPLES = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_LONGEST = 60
_DEEP = 4
_DEEPEST = 30


def fill(schema: Mapping[str, Any], texts: Sequence[str]) -> Any:
    """A value that fits a schema, from the first of the texts that has something to give."""
    return _Filler(schema, texts).value(schema, 0)


def quoted(text: str) -> list[str]:
    """What a text quotes."""
    return [next(filter(None, groups)) for groups in _QUOTED.findall(text)]


def names(text: str) -> list[str]:
    """The capitalised words of a text, without those that only begin sentences."""
    return [name for phrase in _NAME.findall(text) if (name := _without_beginning(phrase))]


def _without_beginning(phrase: str) -> str:
    words = phrase.split()
    while words and re.split(r"['\u2019]", words[0].lower())[0] in _NO_NAMES:
        words.pop(0)
    return " ".join(words)


class _Filler:
    """Fills one schema; what was taken from the texts is not taken again."""

    def __init__(self, root: Mapping[str, Any], texts: Sequence[str]) -> None:
        self._root = root
        self._texts = [text.strip() for text in texts if text.strip()]
        self._numbers = self._first(_NUMBER.findall)
        self._words = self._first(quoted) or self._first(names) or self._first(_AFTER_PREPOSITION.findall)

    def _first(self, find: Any) -> list[str]:
        return next((values for text in self._texts if (values := find(text))), [])

    def value(self, schema: Any, depth: int) -> Any:  # noqa: PLR0911  # one for each kind of schema
        """A value for a part of the schema."""
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._member(schema["enum"])
        if schema.get("examples"):
            return schema["examples"][0]
        match _kind(schema):
            case "object":
                members = schema.get("properties", {})
                return {name: self.value(members.get(name, {}), depth + 1) for name in schema.get("required", ())}
            case "array":
                return self._array(schema, depth)
            case "integer" | "number":
                return _within(float(self._numbers.pop(0)) if self._numbers else 0, schema)
            case "boolean" | "null" as kind:
                return True if kind == "boolean" else None
            case _:
                return self._string(schema)

    def _resolved(self, schema: Any, depth: int) -> Mapping[str, Any]:
        """References followed, and of a choice the first branch that is not null; deep down the last one."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, Mapping) or depth > _DEEPEST:
                break
            branches = [branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, ())]
            if "$ref" in schema:
                chosen = self._reference(schema["$ref"])
            elif branches:
                values = [branch for branch in branches if branch != {"type": "null"}]
                chosen = branches[-1] if depth > _DEEP else (values or branches)[0]
            else:
                return schema
            outer = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
            schema = {**chosen, **outer} if isinstance(chosen, Mapping) else outer
        return {"type": "null"}

    def _reference(self, pointer: str) -> Any:
        target: Any = self._root
        for part in pointer.removeprefix("#").strip("/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else target
        return target

    def _member(self, members: Sequence[Any]) -> Any:
        for text in self._texts:
            for member in members:
                if re.search(rf"(?<!\w){re.escape(str(member))}(?!\w)", text, re.IGNORECASE):
                    return member
        return members[0]

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.value(item, depth + 1) for item in schema["prefixItems"]]
        items = schema.get("items", {})
        count = schema.get("minItems", 1 if depth < _DEEP else 0)
        if _kind(self._resolved(items, depth)) in {"integer", "number"}:
            count = max(count, len(self._numbers))
        return [self.value(items, depth + 1) for _ in range(min(count, schema.get("maxItems", count)))]

    def _string(self, schema: Mapping[str, Any]) -> str:
        if schema.get("format") in _SAMPLES:
            return _SAMPLES[schema["format"]]
        text = self._words.pop(0) if self._words else (self._texts or [""])[0][:_LONGEST]
        return text[: schema.get("maxLength")].ljust(schema.get("minLength", 0), "x")


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return str(kind or ("object" if "properties" in schema else "array" if "items" in schema else "string"))


def _within(number: float, schema: Mapping[str, Any]) -> float:
    """The nearest number that the schema allows."""
    unit = schema.get("multipleOf") or (1 if _kind(schema) == "integer" else 0)
    gap = unit or 1e-6
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf) + gap)
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - gap)
    number = min(max(number, least), most)
    if unit:
        number = round(number / unit) * unit
        number += unit * ((number < least) - (number > most))
    return int(number) if float(number).is_integer() else number
