"""LangChain's `with_structured_output`, on top of JSON replies and of tools."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_grokweb.errors import GrokWebToolCallError
from langchain_grokweb.messages.output_spec import KEEPS_UNFIT, UNFIT_KEY, unfit
from langchain_grokweb.messages.planner import LINK_KEY
from langchain_grokweb.messages.tools.definitions import definition, json_schema

Method = Literal["function_calling", "json_schema", "json_mode"]


def structured(
    model: BaseChatModel, schema: Any, method: Method, *, include_raw: bool, strict: bool | None, bound: dict[str, Any]
) -> Runnable[LanguageModelInput, Any]:
    """A model whose replies are parsed.

    Raises:
        ValueError: The method is unknown, or lacks its schema.
    """
    if method not in {"function_calling", "json_schema", "json_mode"}:
        msg = f"Unknown method {method!r}: it is function_calling, json_schema or json_mode."
        raise ValueError(msg)
    if method == "json_mode" and strict is not None:
        msg = "`strict` has no meaning for json_mode."
        raise ValueError(msg)
    if schema is None and method != "json_mode":
        msg = f"A schema is needed for {method}."
        raise ValueError(msg)
    described = {"ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": schema}}
    if include_raw:
        bound = {**bound, KEEPS_UNFIT: True}
    if method == "function_calling":
        llm, parser = _by_tool(model, schema, {**bound, **described}, strict=strict)
    else:
        llm, parser = _by_json(model, schema, method, {**bound, **described})
    return _with_raw(llm, parser) if include_raw else llm | parser


def _by_tool(
    model: BaseChatModel, schema: Any, bound: dict[str, Any], *, strict: bool | None
) -> tuple[Runnable[LanguageModelInput, BaseMessage], BaseOutputParser[Any]]:
    name = definition(schema)["name"]
    llm = model.bind_tools([schema], tool_choice=name, parallel_tool_calls=False, strict=strict, **bound)
    if _is_pydantic(schema):
        return llm, PydanticToolsParser(tools=[schema], first_tool_only=True)
    return llm, JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _by_json(
    model: BaseChatModel, schema: Any, method: Method, bound: dict[str, Any]
) -> tuple[Runnable[LanguageModelInput, BaseMessage], BaseOutputParser[Any]]:
    wanted: dict[str, Any] = {"type": "json_object"}
    if method == "json_schema":
        inner = json_schema(schema)
        wanted = {"type": "json_schema", "json_schema": {"name": inner["title"], "schema": inner}}
    llm = model.bind(response_format=wanted, **bound)
    return llm, PydanticOutputParser(pydantic_object=schema) if _is_pydantic(schema) else JsonOutputParser()


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _with_raw(
    llm: Runnable[LanguageModelInput, BaseMessage], parser: BaseOutputParser[Any]
) -> Runnable[LanguageModelInput, Any]:
    """What is wrong stands in the result; LangChain's own way, a fallback, lets a stream's error through."""

    def attempt(result: dict[str, Any]) -> tuple[Any, Exception | None]:
        try:
            return parser.invoke(_checked(result["raw"])), None
        except (GrokWebToolCallError, OutputParserException) as error:
            return None, error

    return RunnableMap(raw=llm) | RunnablePassthrough.assign(
        parsed=lambda result: attempt(result)[0], parsing_error=lambda result: attempt(result)[1]
    )


def _checked(message: BaseMessage) -> BaseMessage:
    if reasons := message.response_metadata.get(LINK_KEY, {}).get(UNFIT_KEY):
        raise unfit(reasons)
    return message
