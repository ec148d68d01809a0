"""What the built-in assistant does with tools: it calls those that the question names, or that the turn demands.

A question names a tool where it holds the tool's name, or each word of it other than such as "get". A tool that has
given its result is not called again.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_grokweb.testing.assistant.instructions import Brief, Message
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
        {"name": tool, "args": fill({"type": "object", **brief.tools[tool]}, [named.get(tool, ""), *texts])}
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
        return fill(brief.schema, texts)
    words = " ".join(map(_in_words, brief.results)) or brief.question
    return dict.fromkeys(quoted(brief.question) or ["answer"], words)
