"""What the built-in assistant does with tools and schemas: calls and JSON, by simple rules.

It calls the tools that the question names, or that the turn demands. A question names a tool where it holds the tool's
name, or each word of it other than such as "get". A tool that has given its result is not called again.

Of a schema, required members alone are filled. A number is the next one of the question, a text is what the question
quotes, else its next name (a capitalised word), else the question itself; of an enumeration it is the member that the
question names, else the first. What needs more than that is planned by the test.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_grokweb.testing.assistant.instructions import Brief, Message
from langchain_grokweb.testing.state.script import Reply

BEFORE = "Let me look."

_DULL = frozenset("a and by current do fetch find for from get in lookup my of run search the to tool".split())
_LONG = 2000

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
_LONGEST_TEXT = 60
_DEEP = 4
_DEEPEST = 30


def decide(brief: Brief, ending: str) -> Reply | None:
    """Calls, the JSON that is due, or results in words with this ending; None where the question needs no tool."""
    calls = _calls(brief)
    if calls:
        return Reply("" if brief.repair or brief.is_json else BEFORE, tool_calls=calls)
    if brief.is_json and brief.repair != "words":
        return Reply(json.dumps(_json(brief), ensure_ascii=False))
    return Reply(f"{' '.join(map(_in_words, brief.results))} {ending}") if brief.has_results else None


def _in_words(result: Message) -> str:
    text, has_failed = result.text.strip(), result.attributes.get("status") == "error"
    start = f"{result.attributes.get('name') or 'The tool'} {'failed' if has_failed else 'says'}"
    if not text:
        return f"{start}." if has_failed else f"{start} nothing."
    return f"{start}: {text}" + ("" if text.endswith((".", "!", "?")) else ".")


def _calls(brief: Brief) -> tuple[Mapping[str, Any], ...]:
    if brief.use == "none" or brief.repair in {"json", "words"}:
        return ()
    question = brief.question[:_LONG]
    named = _named(brief.tools, question)
    left = [tool for tool in brief.tools if tool not in {result.attributes.get("name") for result in brief.results}]
    due = [tool for tool in named if tool in left]
    if brief.use not in {"", "any"}:
        due = [tool for tool in brief.tools if tool == brief.use]
    elif not due and (brief.use or brief.repair == "call"):
        due = (left or list(brief.tools))[:1]
    texts = [question, *(result.text for result in brief.results)]
    return tuple(
        {"name": tool, "args": _Filler({"type": "object", **brief.tools[tool]}, [named.get(tool, ""), *texts]).filled()}
        for tool in (due[:1] if brief.at_most_one else due)
    )


def _named(tools: Iterable[str], question: str) -> dict[str, str]:
    """The tools that a question names, in its order, each with what it says from there to the next."""
    places = sorted((place, tool) for tool in tools if (place := _place(tool, question)) is not None)
    ends = [*(start for (start, _), _ in places[1:]), len(question)]
    return {tool: question[begin:end] for ((_, begin), tool), end in zip(places, ends, strict=False)}


def _place(tool: str, question: str) -> tuple[int, int] | None:
    """Where a question names a tool."""
    whole = re.search(rf"(?<!\w){re.escape(tool)}(?!\w)", question)
    if whole is not None:
        return whole.span()
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", tool).lower())
    matches = [re.search(rf"(?<!\w){word}s?(?!\w)", question, re.IGNORECASE) for word in words if word not in _DULL]
    spans = [match.span() for match in matches if match is not None]
    return min(spans) if spans and len(spans) == len(matches) else None


def _json(brief: Brief) -> Any:
    """One value for the question: by the schema, with the keys that the question quotes, or a mere answer."""
    texts = [brief.question, *(result.text for result in brief.results)]
    if brief.schema is not None:
        return _Filler(brief.schema, texts).filled()
    words = " ".join(map(_in_words, brief.results)) or brief.question
    return dict.fromkeys(_quoted(brief.question) or ["answer"], words)


# -- filling in schemas


def _quoted(text: str) -> list[str]:
    return [next(filter(None, groups)) for groups in _QUOTED.findall(text)]


def _names(text: str) -> list[str]:
    """The capitalised words of a text, without those that only begin sentences."""
    phrases = (
        itertools.dropwhile(lambda word: re.split(r"['\u2019]", word.lower())[0] in _NO_NAMES, phrase.split())
        for phrase in _NAME.findall(text)
    )
    return list(filter(None, map(" ".join, phrases)))


class _Filler:
    """Fills one schema from the first of the texts that has something to give; what was taken is not taken again."""

    def __init__(self, root: Mapping[str, Any], texts: Sequence[str]) -> None:
        self._root = root
        self._texts = [text.strip() for text in texts if text.strip()]
        self._numbers = self._first(_NUMBER.findall)
        self._words = self._first(_quoted) or self._first(_names) or self._first(_AFTER_PREPOSITION.findall)

    def _first(self, find: Any) -> list[str]:
        return next((values for text in self._texts if (values := find(text))), [])

    def filled(self) -> Any:
        """A value that fits the schema."""
        return self._value(self._root, 0)

    def _value(self, schema: Any, depth: int) -> Any:  # noqa: PLR0911 - one for each kind of schema
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
                return {name: self._value(members.get(name, {}), depth + 1) for name in schema.get("required", ())}
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
                chosen = self._root
                for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                    chosen = chosen.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else chosen
            elif branches:
                values = [branch for branch in branches if branch != {"type": "null"}]
                chosen = branches[-1] if depth > _DEEP else (values or branches)[0]
            else:
                return schema
            outer = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
            schema = {**chosen, **outer} if isinstance(chosen, Mapping) else outer
        return {"type": "null"}

    def _member(self, members: Sequence[Any]) -> Any:
        for text in self._texts:
            for member in members:
                if re.search(rf"(?<!\w){re.escape(str(member))}(?!\w)", text, re.IGNORECASE):
                    return member
        return members[0]

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self._value(item, depth + 1) for item in schema["prefixItems"]]
        items = schema.get("items", {})
        count = schema.get("minItems", 1 if depth < _DEEP else 0)
        if _kind(self._resolved(items, depth)) in {"integer", "number"}:
            count = max(count, len(self._numbers))
        return [self._value(items, depth + 1) for _ in range(min(count, schema.get("maxItems", count)))]

    def _string(self, schema: Mapping[str, Any]) -> str:
        if schema.get("format") in _SAMPLES:
            return _SAMPLES[schema["format"]]
        text = self._words.pop(0) if self._words else (self._texts or [""])[0][:_LONGEST_TEXT]
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
