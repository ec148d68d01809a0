"""A `TypedDict` becomes a JSON schema, as Python means it: `Required`, `NotRequired` and `total=False` count.

LangChain's own converter takes every member for required, stops at `NotRequired`, and does not end where a class refers
to itself. Its forms are understood here too: `Annotated[str, ..., "what it is"]` with a default and a description, and
the arguments in a docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typing_extensions as te
from pydantic import TypeAdapter

_ARGS = re.compile(r"^\s*(?:Args|Attributes|Arguments):\s*$", re.MULTILINE)
_ARG = re.compile(r"\s*(\w+)(?:\s*\([^)]*\))?:\s+(.*)")
_WRAPPERS = (te.Required, te.NotRequired, te.ReadOnly)


def typed_dict_schema(kind: Any) -> tuple[str, dict[str, Any]]:
    """What a `TypedDict` says of itself, and its JSON schema."""
    definitions: dict[str, Any] = {}
    description, schema = _object(kind, definitions)
    definitions = {name: of_it for name, of_it in definitions.items() if of_it is not None}
    return description, {**schema, **({"$defs": definitions} if definitions else {})}


def _object(kind: Any, definitions: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    description, of_members = _docs(vars(kind).get("__doc__") or "", hints)
    members, required = {}, []
    for name, hint in hints.items():
        is_required = name in kind.__required_keys__
        while get_origin(hint) in _WRAPPERS:  # they are in no `__required_keys__` where annotations are text
            is_required = {te.Required: True, te.NotRequired: False}.get(get_origin(hint), is_required)
            (hint,) = get_args(hint)  # noqa: PLW2901
        schema, has_default = _member(hint, definitions)
        members[name] = {**schema, **({"description": of_members[name]} if name in of_members else {})}
        if is_required and not has_default:
            required.append(name)
    return description, {"type": "object", "properties": members, **({"required": required} if required else {})}


def _member(hint: Any, definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A member's schema, and whether it has a default, in LangChain's form."""
    if get_origin(hint) is not Annotated:
        return _schema(hint, definitions), False
    kind, *notes = get_args(hint)
    match notes:
        case [str(description)]:
            return {**_schema(kind, definitions), "description": description}, False
        case [default] if default is ...:
            return _schema(kind, definitions), False
        case [default, str(description)]:
            described = {**_schema(kind, definitions), "description": description}
            return (described, False) if default is ... else ({**described, "default": default}, True)
        case _:
            return _schema(hint, definitions), False


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of any type; those of each `TypedDict` in it are definitions."""
    if te.is_typeddict(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = None  # it may refer to itself
            description, schema = _object(hint, definitions)
            definitions[hint.__name__] = {**({"description": description} if description else {}), **schema}
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if not _holds_typed_dict(hint):
        schema = TypeAdapter(hint).json_schema(ref_template="#/$defs/{model}")
        definitions.update(schema.pop("$defs", {}))
        return schema
    return _of_generic(hint, [_schema(kind, definitions) for kind in _types_in(hint)])


def _of_generic(hint: Any, inner: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of a type that is made of others, whose schemas are these."""
    origin = get_origin(hint)
    if origin is Annotated:
        return inner[0]
    if origin in {Union, UnionType}:
        return {"anyOf": inner}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": inner[1]}
    if origin is tuple and ... not in get_args(hint):
        return {"type": "array", "prefixItems": inner, "minItems": len(inner), "maxItems": len(inner)}
    return {"type": "array", "items": inner[0]}


def _holds_typed_dict(hint: Any) -> bool:
    return te.is_typeddict(hint) or any(map(_holds_typed_dict, _types_in(hint)))


def _types_in(hint: Any) -> tuple[Any, ...]:
    args = get_args(hint)
    return args[:1] if get_origin(hint) is Annotated else tuple(kind for kind in args if kind is not ...)


def _docs(docstring: str, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """What a docstring says of a class, and of each of its members."""
    parts = _ARGS.split(inspect.cleandoc(docstring), maxsplit=1)
    of_members: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in parts[1].splitlines() if len(parts) > 1 else ():
        if (begin := _ARG.fullmatch(line)) and begin[1] in names:
            lines = of_members[begin[1]] = [begin[2]]
        else:
            lines.append(line.strip())
    return parts[0].strip(), {name: " ".join(filter(None, text)) for name, text in of_members.items()}
