"""The format of a prompt: its elements, and every sentence of ours (`docs/prompt-format.md`).

What a program must know stands in elements and attributes. The sentences beside them are for the model alone, so they
may be reworded freely. No text of a user, a tool or an answer can pose as an element: where it holds the beginning of
one, the `<` is escaped.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable

from langchain_grokweb.messages.look_alikes import element_starts

# --- sentences

TRANSCRIPT = (
    "Below are the messages of a conversation, oldest first, each in a <message> element with its role. "
    "Answer the last of them as the assistant. Write the answer alone, without such an element."
)
EARLIER = (
    " The conversation began earlier: its first {count} messages stand in the attached file {name}, in the same form. "
    "Read them first."
)
ATTACHED = "[{kind} attached: {name}]"
NOT_ATTACHED = "[{kind} not shown here]"
NOT_ATTACHED_NAMED = "[{kind} not shown here: {name}]"
SYSTEM_REVOKED = "The instructions given before no longer apply."
TOOLS = (
    "Answer with a call like these, with values of the user's message, or several, one a line. "
    "Where no tool helps, answer in words. "
    "Results come with the next message: never make one up."
)
TOOLS_REVOKED = "The tools are not available any more: do not call any."
USE_NONE = "Do not use a tool in this turn."
USE_ANY = "You must use at least one of the tools in this turn: answer with a call."
USE_NAMED = "You must use the tool {name} in this turn: answer with its call."
ONE_CALL = "Use at most one tool in this turn."
REPLY_OBJECT = "Answer with one JSON object and nothing else, without a code fence."
REPLY_FORM = "Answer with one JSON value and nothing else, in this form, with values from the user's message:"
REPAIR = "Your last answer could not be used: {reasons}."
REPAIR_MORE = "and {count} more"
REPAIR_CALL = "Write the corrected call and nothing else. It looks like this:"
REPAIR_ASK = (
    "Nothing was called. If you meant to call a tool, write the call again, between <tool:{mark}> and </tool:{mark}>. "
    "If you did not, {otherwise}."
)
ASK_OR_WORDS = "answer in words"
ASK_OR_JSON = "write the JSON alone"
REPAIR_JSON = "Write the corrected JSON, without a call, and nothing else."
REPAIR_WORDS = "Write the answer in words, without a call, and nothing else."

# --- elements


def element(tag: str, body: str, /, **attributes: str | None) -> str:
    """An element on lines of its own; attributes without a value are left out, and the body stands as it is."""
    written = "".join(f' {key}="{attribute(value)}"' for key, value in attributes.items() if value)
    return f"<{tag}{written}>\n{body}\n</{tag}>"


def call(mark: str, body: str) -> str:
    """A call with its mark, in one line."""
    return f"<tool:{mark}>{body}</tool:{mark}>"


def attribute(value: str) -> str:
    """The value of an attribute, in one line."""
    return escape(html.escape(" ".join(value.split())))


def holds_element(text: str) -> bool:
    """Whether a text holds what could be taken for the beginning or the end of an element."""
    return next(element_starts(text), None) is not None


def escape(text: str) -> str:
    """A text that cannot pose as an element."""
    return _with_each_start(text, lambda _: "&lt;")


def escape_json(text: str) -> str:
    """JSON that cannot pose as an element, and means the same."""
    return _with_each_start(text, lambda bracket: json.dumps(bracket)[1:-1] if bracket != "<" else r"\u003c")


def _with_each_start(text: str, write: Callable[[str], str]) -> str:
    """The text with the bracket of each beginning written otherwise."""
    pieces, done = [], 0
    for start in element_starts(text):
        pieces += [text[done:start], write(text[start])]
        done = start + 1
    return "".join([*pieces, text[done:]])
