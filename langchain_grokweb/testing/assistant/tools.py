"""What the built-in assistant does with tools: it calls those that the question names, or that the turn demands.

A question names a tool where it holds the tool's name, or each word of it other than such as "get". A tool that has
given its result is not called again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_grokweb.testing.assistant.instructions import Brief, Message, Tool
from langchain_grokweb.testing.assistant.schema import fill, quoted
from langchain_grokweb.testing.state.script import Reply

BEFORE = "Let me look."

_DULL = frozenset("a and by current do fetch find for from get in lookup my of run search the to tool".split())
_LONG = 2000


def decide(brief: Brief, ending: str) -> Reply | None:
    """Calls, the JSON that is due, or results in words with this ending; None where the question needs no tool."""
    calls = _calls(brief)
    if calls:
        return Reply("" if brief.repair or brief.is_json else BEFORE, tool_calls=calls)
    if brief.is_json and brief.repair != "words":
        return Reply(json.dumps(_json(brief), ensure_ascii=False))
    return Reply(f"{' '.join(map(_in_words, brief.results))} {ending}") if brief.has_results else None


def _in_words(result: Message) -> str:
    name, text = result.name or "The tool", result.text.strip()
    if not text:
        return f"{name} {'failed' if result.is_error else 'says nothing'}."
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"{name} {'failed' if result.is_error else 'says'}: {text}{end}"


def _calls(brief: Brief) -> tuple[Mapping[str, Any], ...]:
    if brief.use == "none" or brief.repair in {"json", "words"}:
        return ()
    question = brief.question[:_LONG]
    named = _named(brief.tools, question)
    left = [tool for tool in brief.tools if tool.name not in {result.name for result in brief.results}]
    due = sorted((tool for tool in left if tool.name in named), key=lambda tool: list(named).index(tool.name))
    if brief.use not in {"", "any"}:
        due = [tool for tool in brief.tools if tool.name == brief.use]
    elif not due and (brief.use or brief.repair == "call"):
        due = (left or list(brief.tools))[:1]
    texts = [question, *(result.text for result in brief.results)]
    return tuple(
        {"name": tool.name, "args": fill({"type": "object", **tool.parameters}, [named.get(tool.name, ""), *texts])}
        for tool in (due[:1] if brief.at_most_one else due)
    )


def _named(tools: Sequence[Tool], question: str) -> dict[str, str]:
    """The tools that a question names, in its order, each with what it says from there to the next."""
    places = sorted((place, tool.name) for tool in tools if (place := _place(tool, question)) is not None)
    ends = [*(start for (start, _), _ in places[1:]), len(question)]
    return {name: question[begin:end] for ((_, begin), name), end in zip(places, ends, strict=False)}


def _place(tool: Tool, question: str) -> tuple[int, int] | None:
    """Where a question names a tool."""
    whole = re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", question)
    if whole is not None:
        return whole.span()
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", tool.name).lower())
    matches = [re.search(rf"(?<!\w){word}s?(?!\w)", question, re.IGNORECASE) for word in words if word not in _DULL]
    spans = [match.span() for match in matches if match is not None]
    return min(spans) if spans and len(spans) == len(matches) else None


def _json(brief: Brief) -> Any:
    """One value for the question: by the schema, with the keys that the question quotes, or a mere answer."""
    texts = [brief.question, *(result.text for result in brief.results)]
    if brief.schema is not None:
        return fill(brief.schema, texts)
    words = " ".join(map(_in_words, brief.results)) or brief.question
    return dict.fromkeys(quoted(brief.question) or ["answer"], words)
