"""What looks like a call but does not carry the mark: a fence, OpenAI's JSON, other models' tags, a wrong mark.

Nothing proves that such a call is meant, so it is never made; it leads to a question, or is taken where the caller
forced a call. `may_begin` says whether an answer is to be held because it may be nothing but such calls, and `find`
reads them from a whole answer, also after words. Only tools that are bound count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.messages.tools.call_json import (
    load_json_at,
    read_calls,
    read_json,
    read_parameters,
    some_name,
)

LONGEST_HEAD = 400  # what decides must come within so many characters

_FENCE_KINDS = {"", "json", "jsonc", "json5", "tool", "tools", "tool_call", "tool_calls", "tool_code", "xml"}
_FENCE_LINE = re.compile(r"\s*`{3,16}([^`<\n]{0,64})(?=[\n<]|\Z)\n?")
_FENCE_PART = re.compile(r"\s*`{1,16}[^`<\n]{0,64}")
_FENCE_END = re.compile(r"\s*`{3,16}\s*\Z")

# JSON: the first member says whether it can be a call.
_OPENERS = {"name": '"', "type": '"', "tool_calls": "[", "function_call": "{", "function": "{"}
_JSON_HEAD = re.compile(r'\s*\[?\s*\{\s*"(\w{1,16})"\s*:\s*("([^"\\\n]{0,64})"|[\[{])')
_JSON_KEY = re.compile(r'\s*\[?\s*\{\s*"([^"]*)"')
_JSON_HEAD_PART = re.compile(r'\s*\[?\s*(?:\{\s*(?:"(?:\w{0,16}(?:"\s*(?::\s*(?:"[^"\\\n]{0,64})?)?)?)?)?)?')
_JSON_STARTS = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
_MOST_STARTS = 8
_MORE = re.compile(r"\S")

# Tags, and the list of Mistral's models.
_WRAPPERS = ("function_calls", "tool_calls", "xai:function_calls")
_TAGS = ("tool_call", "function_call", "invoke", "xai:function_call")
_TAG = re.compile(
    rf"[ \t]*(?:<(?P<tag>{'|'.join(_TAGS)}|tool(?::\w{{1,32}})?|function)(?P<rest>(?:\s|=)[^<>]{{0,200}}|/)?>"
    r"|(?P<list>\[TOOL_CALLS\]))"
)
_TAG_PARTS = ("[TOOL_CALLS]", *(f"<{tag}" for tag in (*_TAGS, *_WRAPPERS, "tool", "function=")))
_WRAPPER = re.compile(rf"\s*</?(?:{'|'.join(_WRAPPERS)})>")
_TAG_START = re.compile(r"(?:^|(?<=>))[ \t]*(?=<|\[T)", re.MULTILINE)
_NAME = re.compile(r"""(?:\sname\s*=\s*["']|=)([^"'<>=]+)["']?""")
_LISTED = re.compile(r"\s*([\w.-]{1,64})(?=\{)")


@dataclass(frozen=True, slots=True)
class UnmarkedCall:
    """A call that does not carry the mark.

    Attributes:
        name: The tool.
        args: The arguments.
        raw: How it was written.
        is_readable: Whether its JSON could be read.
    """

    name: str
    args: Any
    raw: str
    is_readable: bool = True


def may_begin(text: str, names: Collection[str]) -> bool | None:
    """Whether an answer that begins like this may be nothing but calls; `None` where more text must decide."""
    text, length = text[:LONGEST_HEAD], len(text)
    fence = _FENCE_LINE.match(text)
    if fence and (fence.end() < len(text) or text.endswith("\n")):
        if fence[1].strip().lower() not in _FENCE_KINDS:
            return False
        text = text[fence.end() :]
    elif _FENCE_PART.fullmatch(text):
        return None
    text = _WRAPPER.sub("", text, count=1).lstrip()
    begins = _begins(text, names)
    return False if begins is None and length >= LONGEST_HEAD else begins


def _begins(text: str, names: Collection[str]) -> bool | None:
    if head := _JSON_HEAD.match(text):
        return _is_head(head, names)
    key = _JSON_KEY.match(text)
    if _TAG.match(text) or ">" in text or (key and key[1] not in _OPENERS):
        return _TAG.match(text) is not None
    is_part = _JSON_HEAD_PART.fullmatch(text) or any(
        text.startswith(part) or part.startswith(text) for part in _TAG_PARTS
    )
    return None if is_part else False


def _is_head(head: re.Match[str], names: Collection[str]) -> bool:
    key, value = head[1], head[2]
    if _OPENERS.get(key) != value[0]:
        return False
    return value[0] != '"' or head[3] in (names if key == "name" else ("function",))


def find(text: str, names: Collection[str]) -> list[UnmarkedCall]:
    """The calls of bound tools in an answer: in tags wherever a line begins with one, in JSON where it ends with it."""
    if not any(name in text for name in names):
        return []
    calls = list(_tagged(text, names)) or _json_calls(text, names)
    return [call for call in calls if call.name in names]


# --- tags


def _tagged(text: str, names: Collection[str]) -> Iterator[UnmarkedCall]:
    missing: set[str] = set()  # closing tags that do not come any more
    end = 0
    for start in _TAG_START.finditer(text):
        tag = _TAG.match(text, start.start()) if start.start() >= end else None
        if tag is None:
            continue
        if tag["list"]:
            yield from _listed(text[tag.end() :])
            return
        closing = f"</{tag['tag']}>"
        place = -1 if closing in missing else text.find(closing, tag.end())
        if place < 0:
            missing.add(closing)
        is_empty = (tag["rest"] or "").endswith("/")
        body = "" if is_empty else text[tag.end() : place if place >= 0 else len(text)]
        if is_empty or place >= 0:
            end = tag.end() if is_empty else place + len(closing)
        yield from _in_tag(tag["rest"] or "", body[: 1 << 20], names)


def _in_tag(rest: str, body: str, names: Collection[str]) -> Iterator[UnmarkedCall]:
    name = _NAME.search(rest)
    elements = read_parameters(body) if name else None
    if name and elements is not None:
        yield UnmarkedCall(name[1].strip(), elements, json.dumps(elements, ensure_ascii=False))
        return
    try:
        value = read_json(body)[0]
    except ValueError:
        yield UnmarkedCall(name[1].strip() if name else some_name(body), None, body.strip(), is_readable=False)
        return
    calls = [(name[1].strip(), value)] if name else read_calls(value, bare=False) or []
    yield from (UnmarkedCall(called, args, body.strip()) for called, args in calls)


def _listed(text: str) -> Iterator[UnmarkedCall]:
    """What follows `[TOOL_CALLS]`: a JSON list, or names with their arguments."""
    if name := _LISTED.match(text):
        try:
            yield UnmarkedCall(name[1], load_json_at(text, name.end())[0], text.strip())
        except ValueError:
            yield UnmarkedCall(name[1], None, text.strip(), is_readable=False)
        return
    yield from _read(text)


# --- JSON


def _json_calls(text: str, names: Collection[str]) -> list[UnmarkedCall]:
    """The calls in the JSON with which the text ends, bare or fenced."""
    text = _FENCE_END.sub("", text)
    starts = 0
    for start in _JSON_STARTS.finditer(text):
        head = _JSON_HEAD.match(text, start.end())
        if head is None or not _is_head(head, names):
            continue
        if calls := _read(text[start.end() :]):
            return calls
        starts += 1
        if starts == _MOST_STARTS:
            break
    return []


def _read(text: str) -> list[UnmarkedCall]:
    """The calls of which a text consists; one that is broken is there too."""
    calls: list[UnmarkedCall] = []
    at = 0
    try:
        while _MORE.search(text, at):
            value, end = load_json_at(text, at)
            inner = read_calls(value, bare=True)
            if not inner:
                return []
            calls += [UnmarkedCall(name, args, text[at:end].strip()) for name, args in inner]
            at = end
    except ValueError:
        if repaired := _repaired(text):
            return repaired
        is_example = at > 0 and text[at:].lstrip()[:1] not in {"{", "["}  # words follow it
        return [] if is_example else [UnmarkedCall(some_name(text), None, text.strip(), is_readable=False)]
    return calls


def _repaired(text: str) -> list[UnmarkedCall]:
    try:
        calls = read_calls(read_json(text)[0], bare=True) or []
    except ValueError:
        return []
    return [UnmarkedCall(name, args, text.strip()) for name, args in calls]
