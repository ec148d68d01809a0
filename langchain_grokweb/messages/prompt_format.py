# ruff: noqa: RUF001 - what looks alike is what escaping is about
"""The format of a prompt: its elements, and every sentence of ours (`docs/prompt-format.md`).

What a program must know stands in elements and attributes. The sentences beside them are for the model alone, so they
may be reworded freely. No text of a user, a tool or an answer can pose as an element: where it holds the beginning of
one, the `<` is escaped. A model reads past invisible characters, and reads a word in full-width or Cyrillic letters as
the word that it looks like. So what counts is what a text looks like: brackets that look like `<`, letters without
their marks and widths, nothing in place of what is not seen.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator

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
    "If a tool helps, answer with a call, or several, one a line, with values of the user's message, else in words. "
    "Results come with the next message: never make one up."
)
TOOLS_REVOKED = "The tools are not available any more: do not call any."
USE_NONE = "Do not use a tool in this turn."
USE_ANY = "You must use at least one of the tools in this turn: answer with a call."
USE_NAMED = "You must use the tool {name} in this turn: answer with its call."
ONE_CALL = "Use at most one tool in this turn."
REPLY_OBJECT = "Answer with one JSON object and nothing else, without a code fence."
REPLY_FORM = "Answer with one JSON value and nothing else, in this form, with values from the user's message:"
THE_JSON = "The JSON:"
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
    return f"{opening(tag, **attributes)}\n{body}\n</{tag}>"


def opening(tag: str, /, **attributes: str | None) -> str:
    """The first line of an element."""
    written = "".join(f' {key}="{attribute(value)}"' for key, value in attributes.items() if value)
    return f"<{tag}{written}>"


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


# --- what looks like an element

_QUOTES = "‹〈⟨〈《⟪«❮❬❰⋖≺⪡≪"  # they stand around words too, so only a tag counts after them
_OPENER = re.compile(f"[<＜﹤˂ᐸ𐤠{_QUOTES}]")
_TAG_AFTER_QUOTE = re.compile(r"\s*[/⁄∕⧸╱]|[^\n›〉⟩〉》⟫»]{0,60}(?:=|tool:)")
_WORDS = ("message", "tool", "reply_schema", "reply_example")
_UNSEEN = "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"
_UNSEEN_KINDS = {"Cf", "Mn", "Me", "Cc", "Cn"}
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("аαɑ", "a"), **dict.fromkeys("сϲᴄ", "c"), **dict.fromkeys("еєεеҽ", "e"),
        **dict.fromkeys("ɡԍց", "g"), **dict.fromkeys("һհ", "h"), **dict.fromkeys("ӏіιⅼ|1І", "l"),
        **dict.fromkeys("мϻᴍ", "m"), **dict.fromkeys("оοσօᴏ0", "o"), **dict.fromkeys("рρ", "p"),
        **dict.fromkeys("гᴦ", "r"), **dict.fromkeys("ѕꜱ", "s"), **dict.fromkeys("тτᴛ", "t"),
        **dict.fromkeys("уγү", "y"), **dict.fromkeys("хⅹ", "x"),
    }
)  # fmt: skip


def element_starts(text: str) -> Iterator[int]:
    """Where the brackets stand that could begin or end an element."""
    for opener in _OPENER.finditer(text):
        if opener[0] in _QUOTES and not _TAG_AFTER_QUOTE.match(text, opener.end()):
            continue
        if _begins_element(text, opener.end()):
            yield opener.start()


def _begins_element(text: str, at: int) -> bool:
    """Whether one of the words follows, after white space and a slash; `tool` may be the beginning of one."""
    word = ""
    for place in range(at, len(text)):
        for char in _looks(text[place]):
            if not word and (char.isspace() or char in "/⁄∕⧸╱"):
                continue
            if word in {"message", "reply_schema", "reply_example"}:
                return not (char.isalnum() or char == "_")
            word += char
            if word == "tool":
                return True
            if not any(known.startswith(word) for known in _WORDS):
                return False
    return word in _WORDS


def _looks(char: str) -> str:
    """What a character looks like, in plain letters; `""` where it is not seen."""
    if char < "\x7f":
        plain = char.lower()
        return plain if plain not in {"0", "1", "|"} else plain.translate(_LETTERS)
    seen = unicodedata.normalize("NFKD", char).casefold().translate(_LETTERS)
    return "".join(part for part in seen if unicodedata.category(part) not in _UNSEEN_KINDS and part not in _UNSEEN)
