"""What a call looks like inside: its JSON, repaired where that is safe, and the shapes that models give it.

Nothing here knows which tools there are. A reading is a list of `(name, args)`; `None` says that it is no call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from langchain_core.utils.json import parse_partial_json

Calls = list[tuple[str, Any]]

_ARGS = ("args", "arguments", "parameters", "input")
_ASIDE = {"id", "type", "index", "call_id", "name", "role"}
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_BRACKETS = re.compile(r"[{}\[\]]")
_FENCED = re.compile(r"\s*```[^`\n]{0,64}\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_PARAMETER = re.compile(r"""\s*<((?:\w+:)?parameter)\s+name\s*=\s*["']([^"'<>]*)["']\s*>(.*?)</\1>""", re.DOTALL)
_SPACE = re.compile(r"\s*")
_SOME_NAME = re.compile(r'"name"\s*:\s*"([^"\\]{1,64})"')


def read_json(text: str) -> tuple[Any, bool]:
    """The value, and whether the text had to be repaired for it.

    Repaired are a comma too many, line breaks in strings, and one missing brace at the end.

    Raises:
        ValueError: It cannot be read; the message is short.
    """
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        return load_json(text), False
    except ValueError as error:
        fault = _reason(error)
    repaired = _repair(text)
    if repaired is not None:
        try:
            return load_json(repaired, strict=False), True
        except ValueError:
            pass
    raise ValueError(fault)


def read_calls(value: Any, *, bare: bool) -> Calls | None:
    """The calls that a JSON value states.

    Args:
        value: What was read.
        bare: Nothing but its shape says that this is a call, so the shape must be exact.
    """
    if isinstance(value, list):
        inner = [read_calls(item, bare=bare) for item in value]
        joined = [call for calls in inner if calls for call in calls]
        return joined if joined and all(inner) else None
    if not isinstance(value, Mapping):
        return None
    for wrapper, kind in (("tool_calls", list), ("function_call", dict), ("function", dict)):
        if isinstance(value.get(wrapper), kind):
            rest = {key for key, of_it in value.items() if of_it} - _ASIDE - {wrapper}
            return None if rest else read_calls(value[wrapper], bare=bare)
    return _read_call(value, bare=bare)


def read_parameters(text: str) -> dict[str, str] | None:
    """The arguments that stand as `<parameter>` elements, if the text holds nothing else."""
    args: dict[str, str] = {}
    position = 0
    while match := _PARAMETER.match(text, position):
        args[match[2]] = match[3]
        position = match.end()
    return None if text[position:].strip() else args


def is_read_as_object(text: str) -> bool:
    """Whether LangChain reads an object in a text that may be cut off."""
    try:
        return isinstance(parse_partial_json(text), dict)
    except (ValueError, RecursionError):
        return False


def some_name(text: str) -> str:
    """The name in a call that cannot be read, as far as it can be made out."""
    match = _SOME_NAME.search(text)
    return match[1] if match else ""


def _read_call(value: Mapping[str, Any], *, bare: bool) -> Calls | None:
    name = value.get("name")
    arg_keys = [key for key in _ARGS if key in value]
    others = value.keys() - _ASIDE - set(arg_keys)
    if not isinstance(name, str) or not name or len(arg_keys) > 1:
        return None
    if bare and (not arg_keys or others or _is_schema(value[arg_keys[0]])):
        return None
    if not arg_keys and others:
        return None
    return [(name, value[arg_keys[0]] if arg_keys else None)]


def _is_schema(args: Any) -> bool:
    return isinstance(args, Mapping) and args.get("type") == "object" and isinstance(args.get("properties"), Mapping)


def load_json(text: str, *, strict: bool = True) -> Any:
    """Read JSON and nothing but JSON.

    Raises:
        ValueError: It is none, or nested too deeply.
    """
    try:
        return json.loads(text, strict=strict, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def load_json_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins here, after white space, and where it ends.

    Raises:
        ValueError: There is none, or it is nested too deeply.
    """
    try:
        return _DECODER.raw_decode(text, _SPACE.match(text, at).end())  # type: ignore[union-attr]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error).split(";", maxsplit=1)[0]


def _repair(text: str) -> str | None:
    pieces = _STRING.split(text)  # every other one is a string
    outside = pieces[::2]
    if any('"' in piece for piece in outside):
        return None
    missing = _missing("".join(outside))
    if missing is None:
        return None
    pieces[-1] += missing
    pieces[::2] = [_TRAILING_COMMA.sub("", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _missing(outside: str) -> str | None:
    """The brace that is missing at the end, if one is or none; `None` where brackets are wrong otherwise."""
    opened: list[str] = []
    for bracket in _BRACKETS.findall(outside):
        if bracket in "{[":
            opened.append(bracket)
        elif not opened or opened.pop() + bracket not in {"{}", "[]"}:
            return None
    return {"": "", "{": "}"}.get("".join(opened))
