"""What the built-in assistant does with tools: which it calls for a question, in what order, with what arguments.

A question is cut into clauses, and each into the calls that it plainly needs; what the tools have given since then is
ticked off. What is left is called, as much of it as can be said now: the input of a later step is an earlier one's
result. With nothing left, the results are told in words.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_grokweb.testing.assistant.arguments import (
    NAME_PHRASE,
    arguments_of,
    spelled_calls,
    value_for,
    words_of,
)
from langchain_grokweb.testing.assistant.instructions import Brief, Message, Tool

BEFORE = "Let me look."

_SENTENCE = re.compile(r"(?<=[\w)\"'”\u2019][.?!])\s+|\s*[;\n]\s*")
_THEN = re.compile(r"[,.;]?\s*\b(?:and\s+)?(?:then|afterwards|after that|finally)\b,?\s*", re.IGNORECASE)
_AND = re.compile(r",?\s+and\s+|,\s+(?=[a-z])")
_RESULT = re.compile(
    r"\bthe (?:result|answer|sum|product|difference|output|outcome)\b"
    r"|\b(?:that|this) \w+\b|\b(?:there|that|it|its|this)\b",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\b(?:don't|don\u2019t|do not|without|never)\s+(?:us(?:e|ing)|call(?:ing)?)\b[^.]*\btools?\b", re.IGNORECASE
)
_USE_IT = re.compile(r"\b(?:us(?:e|ing)|call)\s+(?:the|a|your|this|that)\s+tools?\b", re.IGNORECASE)
_INSIDE = re.compile(r"\b(?:in|of|for|at|by|from|to|the)\s*$", re.IGNORECASE)
_IS = re.compile(r"\bis\s+(?:the\s+)?([^.]+?)\.?$")
_KEYS = re.compile(r"['\"`“\u2018]([\w-]+)['\"`”\u2019](?=[^.]*\b(?:keys?|fields?|members?|properties)\b)")
_PLACE_WORD = r"(?:in|of|for|at|from)"
_MANY_NAMES = re.compile(
    rf"\b({_PLACE_WORD})\s+(?:the\s+)?"
    rf"({NAME_PHRASE}(?:,\s+(?!and\b)(?:{_PLACE_WORD}\s+)?{NAME_PHRASE})*,?\s+(?:and|&)\s+(?:(?:also\s+)?{_PLACE_WORD}\s+)?{NAME_PHRASE})"
)
_MANY_NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?(?:,\s+-?\d+(?:\.\d+)?)*,?\s+and\s+(?:(?:of|for)\s+)?-?\d+(?:\.\d+)?)")
_NEXT = re.compile(rf",\s+(?![A-Z]{{2}}\b)(?:and\s+)?|,?\s+(?:and|&)\s+(?:also\s+)?|^(?:{_PLACE_WORD})\s+")

_SAME = {
    "+": "add", "plus": "add", "sum": "add", "adder": "add", "addition": "add", "total": "add",
    "*": "multiply", "\u00d7": "multiply", "times": "multiply", "product": "multiply", "multiplication": "multiply",
    "-": "subtract", "minus": "subtract", "difference": "subtract", "subtraction": "subtract",
    "/": "divide", "quotient": "divide", "division": "divide", "mail": "email",
}  # fmt: skip
_TOKEN = re.compile(r"[^\W\d_]+|(?<=\d)\s*[-+*/\u00d7](?=\s*\d)")
_ACTIONS = frozenset("book buy cancel create delete order remove send transfer update write".split())
_DULL = frozenset(
    "a about all an and any are as at by call can compute current do fetch find for from function get given give how"
    " i in input into is it its list look lookup me my name new no args of on one or output result return returns run"
    " search show take takes tell that the their this to tool two up use used user using value what when which with"
    " you your".split()
)
_EMPTY = frozenset("a call do fetch function get give in my new of run take the tool us".split())
_FULL_NAME = 100
_LONG = 2000
_ENOUGH = 2


@dataclass(frozen=True, slots=True)
class Act:
    """What to answer: calls, a JSON value, or words; nothing of it where the question needs no tool."""

    calls: tuple[Mapping[str, Any], ...] = ()
    before: str = ""
    value: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One call that the question needs; `waits` for the step before it in the list where it needs its result."""

    tool: Tool
    text: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    """How well a tool fits a clause, and where in it the word stands that speaks for it."""

    score: int
    place: int
    tool: Tool
    by_name: bool = False


def decide(brief: Brief) -> Act:
    """What a sensible model would do now. Of a long question only the beginning and the end are looked at."""
    brief = replace(brief, question=_shortened(brief.question))
    notes = brief.notes
    calls = () if notes.never else tuple(_calls(brief))
    if notes.at_most_one:
        calls = calls[:1]
    if calls:
        forced = notes.bare or notes.is_json
        return Act(calls, "" if forced else BEFORE)
    if notes.is_json:
        return Act(value=json.dumps(_json(brief), ensure_ascii=False))
    return Act(words=told(brief.results)) if brief.has_results else Act()


def _shortened(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG // 2]}\n{text[-_LONG // 2 :]}"


def told(results: Sequence[Message]) -> str:
    """The results of tools in words."""
    return " ".join(_told(one) for one in results)


def _told(result: Message) -> str:
    name = result.name or "The tool"
    text = result.text.strip()
    if not text:
        return f"{name} {'failed' if result.is_error else 'says nothing'}."
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"{name} {'failed' if result.is_error else 'says'}: {text}{end}"


# -- calls


def _calls(brief: Brief) -> list[dict[str, Any]]:
    """The calls of this turn."""
    notes = brief.notes
    steps = _steps(brief)
    if notes.name is not None:
        own = [step for step in steps if step.tool.name == notes.name]
        steps = own or [_Step(brief.tool(notes.name), brief.question)]
    pending = list(_pending(steps, brief))
    if pending or not (notes.must or notes.name):
        return pending
    tool = brief.tool(notes.name) if notes.name else _best(brief)
    texts = [brief.question, *(_value_of(one) for one in brief.results)]
    return [] if tool is None else [_call(tool, texts)]


def _pending(steps: Sequence[_Step], brief: Brief) -> Iterator[dict[str, Any]]:
    """The calls of the steps that have no result yet, as far as what they wait for is there."""
    results = deque(brief.results)
    values: list[str | None] = []
    for step in steps:
        result = next((one for one in results if one.name in {step.tool.name, ""}), None)
        if result is not None:
            results.remove(result)
            values.append(_value_of(result))
            if result.is_error and step is not steps[-1]:
                values[-1] = None
            continue
        before = values[-1] if values else None
        values.append(None)
        if not step.waits:
            yield _call(step.tool, [step.text, *_rest(brief.question, step.text)])
        elif before is not None:
            yield _call(step.tool, [*_with_result(step.text, before), before, *_rest(brief.question, step.text)])


def _call(tool: Tool, texts: Sequence[str]) -> dict[str, Any]:
    return {"name": tool.name, "args": arguments_of(tool.name, tool.parameters, texts)}


def _rest(question: str, text: str) -> list[str]:
    """What else the question says."""
    return [question.replace(text, " ")] if text in question else []


def _with_result(text: str, result: str) -> list[str]:
    return [_RESULT.sub(lambda _found: result, text, count=1)]


def _best(brief: Brief) -> Tool | None:
    """The tool that fits best, rather one that was not called yet."""
    used = {one.name for one in brief.results}
    tools = [tool for tool in brief.tools if tool.name not in used] or list(brief.tools)
    return max(tools, key=lambda tool: _match(tool, brief.question).score, default=None)


def _value_of(result: Message) -> str:
    """What a later step needs of a result: `Paris` of `The capital of France is Paris`."""
    text = result.text.strip()
    if len(text) > _LONG:
        return _shortened(text)
    try:
        value = json.loads(text)
    except ValueError:
        found = _IS.search(text)
        return found[1] if found else text.rstrip(".")
    if isinstance(value, dict) and (len(value) == 1 or "result" in value):
        value = value.get("result", next(iter(value.values())))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -- what a question needs


def _steps(brief: Brief) -> list[_Step]:
    """All calls that a question plainly needs, in their order."""
    if _NEVER.search(brief.question):
        return []
    steps: list[_Step] = []
    for number, part in enumerate(_THEN.split(brief.question)):
        waits = number > 0 and bool(steps)
        found = [step for clause in _clauses(part, brief.tools) for step in _needed(clause, brief.tools)]
        steps += [replace(step, waits=step.waits or (waits and place == 0)) for place, step in enumerate(found)]
    if not steps and _USE_IT.search(brief.question) and (tool := _best(brief)):
        return [_Step(tool, brief.question)]
    return steps


def _clauses(part: str, tools: Sequence[Tool]) -> Iterator[str]:
    """The sentences of a text, cut at "and" where each side asks for a tool of its own."""
    for sentence in _SENTENCE.split(part):
        start = 0
        for joint in _AND.finditer(sentence):
            left, right = sentence[start : joint.start()], sentence[joint.end() :]
            if _chosen(left, tools) and _begins_anew(right, tools):
                yield left
                start = joint.end()
        yield sentence[start:]


def _begins_anew(text: str, tools: Sequence[Tool]) -> bool:
    """A tool is asked for in the words up to the next "and"."""
    return _chosen(_AND.split(text)[0], tools) is not None


def _needed(clause: str, tools: Sequence[Tool]) -> list[_Step]:
    """The calls of one clause: several for an enumeration, two where one tool's input is another's result."""
    chosen = _chosen(clause, tools)
    if chosen is None:
        return []
    tool = chosen.tool
    spelled = spelled_calls(tool.name, clause)
    if spelled:
        return [_Step(tool, f"{tool.name}({inside})") for inside in spelled]
    inner = _inner(clause, chosen, tools)
    if inner is not None:
        start = re.sub(r"(?:\bthe\s+)?$", "", clause[: inner.place], flags=re.IGNORECASE)
        return [_Step(inner.tool, clause[inner.place :]), _Step(tool, f"{start.rstrip()} it", waits=True)]
    return [_Step(tool, text) for text in _each(clause, tool)]


def _chosen(clause: str, tools: Sequence[Tool]) -> _Match | None:
    """The tool that a clause plainly asks for."""
    best = max((_match(tool, clause) for tool in tools), key=lambda match: match.score, default=None)
    return best if best is not None and best.score >= _ENOUGH else None


def _inner(clause: str, outer: _Match, tools: Sequence[Tool]) -> _Match | None:
    """A second tool that gives the first one's input: `the weather in | the capital of France`."""
    if outer.score >= _FULL_NAME:
        return None
    said = {_stem(word) for word in words_of(outer.tool.name)}
    for tool in tools:
        match = _match(tool, clause)
        shares = said & {_stem(word) for word in words_of(tool.name)} - _DULL
        if tool is not outer.tool and match.score >= _ENOUGH and match.by_name and not shares:
            if match.place > outer.place and _INSIDE.search(clause[: match.place]):
                return match
            if match.place < outer.place and _INSIDE.search(clause[: outer.place]):
                return outer
    return None


def _each(clause: str, tool: Tool) -> list[str]:
    """The clause once for each thing that it enumerates, where the tool takes one at a time."""
    properties = tool.parameters.get("properties", {})
    needed = tool.parameters.get("required", ()) or list(properties)
    kinds = [properties.get(name, {}).get("type", "string") for name in needed]
    found = None
    if kinds == ["string"]:
        found = _MANY_NAMES.search(clause)
    elif kinds in (["integer"], ["number"]):
        found = _MANY_NUMBERS.search(clause)
    if found is None:
        return [clause]
    listed = found[found.re.groups]
    things = [re.sub(rf"^{_PLACE_WORD}\s+", "", one) for one in _NEXT.split(listed) if one]
    word = f"{found[1]} " if found.re.groups > 1 else ""
    return [f"{clause[: found.start()]}{word}{thing}{clause[found.end() :]}" for thing in things]


def _match(tool: Tool, clause: str) -> _Match:
    named = re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", clause)
    if named is not None:
        return _Match(_FULL_NAME, named.start(), tool, by_name=True)
    said = {_stem(found[0].strip()): found.start() for found in reversed(list(_TOKEN.finditer(clause)))}
    in_order = words_of(tool.name)
    if in_order[:1] and in_order[0] in _ACTIONS and _stem(in_order[0]) not in said:
        return _Match(0, 0, tool)
    stems = {_stem(word) for word in in_order}
    name = stems - _DULL or stems - _EMPTY
    about = {_stem(word) for word in words_of(tool.description) if len(word) > 3} - name - _DULL  # noqa: PLR2004
    by_name = name & said.keys()
    score = 2 * len(by_name) + len(about & said.keys())
    place = min((said[word] for word in by_name or about & said.keys()), default=0)
    return _Match(score, place, tool, by_name=bool(by_name))


def _stem(word: str) -> str:
    word = word.lower()
    word = _SAME.get(word, word)
    for ending, kept in (("ies", "y"), ("ing", ""), ("sses", "ss"), ("ed", ""), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) > 2:  # noqa: PLR2004
            word = word.removesuffix(ending) + kept
            break
    return word.removesuffix("e") if len(word) > 3 else word  # noqa: PLR2004


# -- JSON


def _json(brief: Brief) -> Any:
    """One value for the question: by the schema, by the keys that the question names, or a mere answer."""
    texts = [brief.question, *(_value_of(one) for one in brief.results)]
    schema = brief.notes.schema
    if schema is not None:
        return value_for(schema, texts)
    keys = list(dict.fromkeys(_KEYS.findall(brief.question)))
    if keys:
        bare = [_KEYS.sub(" ", text) for text in texts]
        return value_for({"properties": {key: {"type": "string"} for key in keys}, "required": keys}, bare)
    return {"answer": told(brief.results) or f"You wrote: {brief.question}"}
