"""Anything that LangChain takes for a tool or a schema becomes a plain definition: name, description, JSON schema.

LangChain's own converters do the reading. They write references out, though, and cut what refers to itself; so where a
schema has definitions of its own, it is taken whole, with its references.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from langchain_core.tools import BaseTool, Tool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_function
from typing_extensions import is_typeddict

from langchain_grokweb.messages.tools.typed_dicts import typed_dict_schema

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
_NAMED_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_NO_OBJECTS = ("array", "string", "number", "integer", "boolean")
_DATA = {"enum", "const", "default", "examples", "required"}
_DEFINITIONS = ("$defs", "definitions")  # Pydantic v2's, and v1's


def definition(tool: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """`{"name", "description", "parameters"}` of a function, class, `BaseTool` or dict; plain JSON, and compact.

    Args:
        tool: What is to be described.
        strict: Whether objects may hold nothing but what their schema names.

    Raises:
        ValueError: It is nothing that LangChain can describe.
    """
    if isinstance(tool, Mapping):
        try:
            written = json.dumps(tool)
        except (TypeError, ValueError, RecursionError):  # a class among its values, perhaps
            pass
        else:
            plain: dict[str, Any] = json.loads(_written_definition(written, strict))
            return plain
    return _definition(tool, strict)


@lru_cache(maxsize=256)
def _written_definition(tool: str, strict: bool | None) -> str:  # noqa: FBT001
    """The definition of a dict, both as JSON: a tool that is bound is the same in each call of the model."""
    return json.dumps(_definition(json.loads(tool), strict))


def _definition(tool: Any, strict: bool | None) -> dict[str, Any]:  # noqa: FBT001
    if isinstance(tool, Mapping):
        tool = _inner(dict(tool))
    if is_typeddict(tool):
        description, schema = typed_dict_schema(tool)
        tool = {"name": tool.__name__, "description": description, "parameters": schema}
    converted = convert_to_openai_function(tool)
    parameters = _with_references(tool) or converted.get("parameters") or _NO_PARAMETERS
    described = {
        "name": converted["name"],
        "description": converted.get("description") or "",
        "parameters": _compact(_closed(parameters) if strict else parameters, converted["name"]),
    }
    plain: dict[str, Any] = json.loads(json.dumps(described, default=str))
    return plain


def json_schema(schema: Any) -> dict[str, Any]:
    """The JSON schema of a class or function, or of a dict in any form of a tool's definition.

    Raises:
        ValueError: It is nothing that LangChain can describe.
    """
    plain = definition(schema)
    described = {"description": plain["description"]} if plain["description"] else {}
    return {"title": plain["name"], **described, **plain["parameters"]}


def _inner(tool: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's dict without the wrapping; what its own `strict` asks for is in the schema."""
    if tool.get("type") in _NO_OBJECTS and "title" in tool:  # LangChain reads schemas of objects
        schema = {key: value for key, value in tool.items() if key not in {"title", "description"}}
        return {"name": tool["title"], "description": tool.get("description", ""), "parameters": schema}
    if tool.get("type") != "function":
        return tool
    function = {key: value for key, value in (tool.get("function") or tool).items() if key != "strict"}
    return {**function, "parameters": function.get("parameters") or _NO_PARAMETERS}


def _with_references(tool: Any) -> dict[str, Any] | None:
    """The schema as it was generated, where it has definitions to refer to."""
    if isinstance(tool, Mapping):
        return None  # taken as it is
    source = _schema_source(tool)
    if not isinstance(source, Mapping):
        generate = getattr(source, "model_json_schema", None) or getattr(source, "schema", None)
        source = generate() if generate else {}
    if not any(source.get(name) for name in _DEFINITIONS):
        return None
    return {key: value for key, value in source.items() if key not in {"title", "description"}}


def _schema_source(tool: Any) -> Any:
    if isinstance(tool, BaseTool):
        takes_a_string = isinstance(tool, Tool) and not tool.args_schema
        return {} if takes_a_string else tool.tool_call_schema
    if isinstance(tool, type) or not callable(tool):
        return tool
    return create_schema_from_function(
        tool.__name__,
        tool,
        filter_args=(),
        parse_docstring=True,
        error_on_invalid_docstring=False,
        include_injected=False,
    )


def _closed(parameters: dict[str, Any]) -> dict[str, Any]:
    """The schema, and each of its definitions, with objects that hold nothing but what is named."""
    closed = _without_more(parameters)
    for name in _DEFINITIONS:
        if name in closed:
            closed[name] = {key: _without_more(of_it) for key, of_it in closed[name].items()}
    return closed


def _without_more(schema: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "any", "parameters": schema}
    parameters: dict[str, Any] = convert_to_openai_function(function, strict=True)["parameters"]
    return parameters


def _compact(schema: Any, name: str) -> Any:
    """The schema without titles that repeat a name, and without what says nothing."""
    if isinstance(schema, list):
        return [_compact(item, "") for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return dict(_members(schema, name))


def _members(schema: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "$schema" or (key in {"description", "required"} and not value):
            continue
        if key == "title" and isinstance(value, str) and _plain(value) == _plain(name):
            continue
        if key in _NAMED_SCHEMAS and isinstance(value, Mapping):
            yield key, {inner: _compact(of_it, inner) for inner, of_it in value.items()}
        else:
            yield key, value if key in _DATA else _compact(value, "")


def _plain(name: str) -> str:
    return name.replace("_", "").replace(" ", "").replace("-", "").lower()
