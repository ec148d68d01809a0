"""Does a value fit a JSON schema: a call's arguments, a structured reply?

A validator finds the faults. Where one is that a value has the wrong type, and JSON is ambiguous there while the schema
is not ("5" for an integer, a JSON string for an object), the value is written as the schema has it, and all is
validated again. A member that is required, may be null and is left out is null. Everything else stays a fault,
described in one line.
`jsonschema` is imported with the first tool, since it takes long.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError as PydanticError

from langchain_grokweb.messages.tools.call_json import load_json

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_ROUNDS = 8  # a string that holds an object brings the object's own faults to light, and so on
_LONGEST_REASON = 240
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,2})?")
_UNIONS = {"anyOf", "oneOf"}
_OF_TYPES = _UNIONS | {"type", "enum", "const", "$ref"}


def check_args(parameters: Mapping[str, Any], args: Any) -> tuple[dict[str, Any] | None, str]:
    """The arguments as the schema has them and `""`, or `None` and what is wrong with them."""
    args = _opened(args)
    if not isinstance(args, dict):
        return None, f"the arguments must be an object, not {_kind(args)}"
    return fit(parameters, args)


def fit(schema: Mapping[str, Any], value: Any) -> tuple[Any, str]:
    """The value as the schema has it and `""`, or `None` and what is wrong with it."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        fitted, faults = _fit(validator(schema), value)
        fault = best_match(faults)
    except (Unresolvable, RecursionError, re.error) as error:
        return None, short(f"the schema cannot be applied: {error}")
    return (fitted, "") if fault is None else (None, _reason(fault))


def rejection(make: Callable[..., Any], /, *args: Any, **kwargs: Any) -> str:
    """Why a Pydantic class does not take what fits its schema; `""` where it does.

    Its validators may ask for more than a schema can say, and are anybody's code.
    """
    try:
        make(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever they raise, the value is not taken
        faults = error.errors() if isinstance(error, PydanticError) else []
        named = [": ".join(filter(None, [".".join(map(str, fault["loc"])), fault["msg"]])) for fault in faults]
        return short("; ".join(named) or f"{type(error).__name__}: {error}")
    return ""


def is_loaded() -> bool:
    """Whether schemas can be checked without reading files."""
    return "jsonschema" in sys.modules


def load() -> None:
    """Import what checks schemas; it reads files, so an event loop has this done in a thread."""
    import jsonschema  # noqa: F401, PLC0415


def validator(schema: Mapping[str, Any]) -> Validator:
    """The validator of a schema.

    Raises:
        ValueError: It is none.
    """
    return _validator(json.dumps(schema, sort_keys=True, default=str))


def short(text: str) -> str:
    """The text in one line of bounded length, with both its ends."""
    text = " ".join(text.split())
    half = _LONGEST_REASON // 2
    return text if len(text) <= _LONGEST_REASON else f"{text[:half]} … {text[-half:]}"


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    from jsonschema import Draft7Validator, Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    definition = json.loads(schema)
    kind: Any = Draft202012Validator
    try:
        kind.check_schema(definition)
    except SchemaError:  # Pydantic v1 writes an older draft
        kind = Draft7Validator
        try:
            kind.check_schema(definition)
        except SchemaError as error:
            raise ValueError(error.message) from None
    # A float is no integer here, so that 5.0 becomes 5. The empty registry keeps references from being fetched.
    checker = kind.TYPE_CHECKER.redefine("integer", lambda _, value: _kind(value) == "integer")
    strict: Any = extend(kind, type_checker=checker)  # type: ignore[no-untyped-call]  # the stubs leave it so
    checker_of_schema: Validator = strict(definition, registry=Registry())
    return checker_of_schema


def _opened(args: Any) -> Any:
    if args is None or (isinstance(args, str) and not args.strip()):
        return {}
    objects = list(_as_json(args.strip(), "{")) if isinstance(args, str) else []
    return objects[0] if objects else args


def _fit(checker: Validator, args: Any) -> tuple[Any, list[ValidationError]]:
    faults = list(checker.iter_errors(args))
    for _ in range(_ROUNDS):
        holder = [copy.deepcopy(args)] if faults else []
        repaired = [_repair(holder, [0, *fault.absolute_path], fault) for fault in faults]
        repaired += [
            _fill_in_nulls(checker, holder, fault) for fault in faults if fault.validator == "required" and holder
        ]
        if not any(repaired):
            break
        args = holder[0]
        faults = list(checker.iter_errors(args))
    return args, faults


def _repair(whole: Any, path: list[Any], fault: ValidationError) -> bool:
    """Repair a fault in place; whether that could be done."""
    try:
        parent = reduce(getitem, path[:-1], whole)
        value = parent[path[-1]]
    except (LookupError, TypeError):  # another fault's repair has changed it
        return False
    readings = {json.dumps(reading, sort_keys=True): reading for reading in _readings(fault, value)}
    if len(readings) > 1:
        readings = {text: reading for text, reading in readings.items() if reading == value}  # 5 is 5.0
    if len(readings) == 1:
        parent[path[-1]] = next(iter(readings.values()))
        return True
    if isinstance(parent, dict) and _says_nothing(fault, value):
        del parent[path[-1]]
        return True
    return False


def _fill_in_nulls(checker: Validator, holder: list[Any], fault: ValidationError) -> bool:
    """Write null for members that are required, may be null, and were left out; whether there were any."""
    try:
        value = reduce(getitem, fault.absolute_path, holder[0])
    except (LookupError, TypeError):  # another fault's repair has changed it
        return False
    members: Any = fault.schema.get("properties", {}) if isinstance(fault.schema, Mapping) else {}
    required: Any = fault.validator_value
    names = [name for name in required if name not in value and _may_be_null(checker, members.get(name))]
    value.update(dict.fromkeys(names))
    return bool(names)


def _may_be_null(checker: Validator, member: Any) -> bool:
    """Whether a member's schema speaks of its type, and allows null."""
    return (
        isinstance(member, Mapping) and bool(_OF_TYPES & member.keys()) and checker.evolve(schema=member).is_valid(None)
    )


def _readings(fault: ValidationError, value: Any) -> Iterator[Any]:
    """How the value may be meant where the fault is."""
    if fault.validator == "type":
        for kind in _types(fault):
            yield from _as_type(value, kind)
    elif fault.validator in _UNIONS:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in fault.context or ():
            branches.setdefault(inner.schema_path[0], []).append(inner)
        for faults in branches.values():
            yield from _as_branch(value, faults)


def _as_branch(value: Any, faults: list[ValidationError]) -> Iterator[Any]:
    """The value as one branch of a union has it, if types are all that is wrong with it."""
    holder = [copy.deepcopy(value)]
    typed = [fault for fault in faults if fault.validator not in {"enum", "const"}]
    if typed and all([_repair(holder, [0, *fault.relative_path], fault) for fault in typed]):  # noqa: C419  # repair all
        yield holder[0]


def _says_nothing(fault: ValidationError, value: Any) -> bool:
    """Whether a parameter that cannot be null is given as null, so that it is not given."""
    if value is None:
        return fault.validator in {"type", "enum", *_UNIONS}
    return bool(value == "null") and fault.validator == "type"


def _types(fault: ValidationError) -> list[str]:
    types: Any = fault.validator_value
    return [types] if isinstance(types, str) else list(types)


def _as_type(value: Any, kind: str) -> Iterator[Any]:
    """The value as that type, where it can be meant as one."""
    text = value.strip() if isinstance(value, str) else ""
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        yield int(value)
    elif kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)
    elif text and kind in _TEXTS:
        yield from _TEXTS[kind](text)


def _as_number(text: str) -> Iterator[Any]:
    if _NUMBER.fullmatch(text):
        yield json.loads(text)


def _as_integer(text: str) -> Iterator[Any]:
    if _INTEGER.fullmatch(text):
        yield int(text)


def _as_word(text: str, words: Mapping[str, Any]) -> Iterator[Any]:
    if text in words:
        yield words[text]


def _as_json(text: str, opening: str) -> Iterator[Any]:
    if text.startswith(opening):
        try:
            yield load_json(text)
        except ValueError:
            return


_TEXTS: dict[str, Callable[[str], Iterator[Any]]] = {
    "integer": _as_integer,
    "number": _as_number,
    "boolean": lambda text: _as_word(text, {"true": True, "false": False}),
    "null": lambda text: _as_word(text, {"null": None}),
    "object": lambda text: _as_json(text, "{"),
    "array": lambda text: _as_json(text, "["),
}


def _reason(fault: ValidationError) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.absolute_path).lstrip(".")
    if fault.validator == "type":
        return short(f"{place or 'it'} must be {' or '.join(_types(fault))}, not {_kind(fault.instance)}")
    return short(f"{place}: {fault.message}" if place else fault.message)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), type(value).__name__)
