"""LangChain's `with_structured_output`, on top of JSON replies and of tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import (
    BaseCumulativeTransformOutputParser,
    BaseOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
)
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable, RunnableGenerator
from langchain_core.runnables.utils import AddableDict
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import RootModel, SkipValidation
from typing_extensions import is_typeddict

from langchain_grokweb.messages.output_spec import KEEPS_UNFIT, MADE_OF, UNFIT_KEY, unfit
from langchain_grokweb.messages.planner import LINK_KEY
from langchain_grokweb.messages.structured.response_format import Method
from langchain_grokweb.messages.tools.definitions import definition, json_schema


def structured(
    model: BaseChatModel, schema: Any, method: Method, *, include_raw: bool, strict: bool | None, bound: dict[str, Any]
) -> Runnable[LanguageModelInput, Any]:
    """A model whose replies are parsed.

    Raises:
        ValueError: The method is unknown, or lacks its schema.
    """
    if method not in {"function_calling", "json_schema", "json_mode"}:
        msg = f"Unknown method {method!r}. Use function_calling, json_schema or json_mode."
        raise ValueError(msg)
    if method == "json_mode" and strict is not None:
        msg = "`strict` has no effect with json_mode: leave it out."
        raise ValueError(msg)
    if schema is None and method != "json_mode":
        msg = f"{method} needs a schema."
        raise ValueError(msg)
    traced = json_schema(schema) if is_typeddict(schema) else schema  # LangChain stops at `NotRequired`
    described = {"ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": traced}}
    bound = {**bound, MADE_OF: schema}
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
    tool = definition(schema)
    root = _root_name(schema, tool["parameters"])
    if root:  # arguments are an object
        tool["parameters"] = _as_member(root, tool["parameters"])
    others = bound.pop("tools", None) or []
    choice = bound.pop("tool_choice", None) or ("any" if others else tool["name"])
    llm = model.bind_tools(
        [*others, tool], tool_choice=choice, strict=strict, **{"parallel_tool_calls": False, **bound}
    )
    name = tool["name"]
    if _is_pydantic(schema):
        return llm, _AnswerParser(parser=PydanticToolsParser(tools=[schema], first_tool_only=True), call=name)
    return llm, _AnswerParser(
        parser=JsonOutputKeyToolsParser(key_name=name, first_tool_only=True), call=name, root=root
    )


def _by_json(
    model: BaseChatModel, schema: Any, method: Method, bound: dict[str, Any]
) -> tuple[Runnable[LanguageModelInput, BaseMessage], BaseOutputParser[Any]]:
    wanted: dict[str, Any] = {"type": "json_object"}
    inner = None if schema is None else json_schema(schema)
    if inner and (method == "json_schema" or _root_name(schema, inner)):  # what is no object cannot be asked for as one
        wanted = {"type": "json_schema", "json_schema": {"name": inner["title"], "schema": inner}}
    others = bound.pop("tools", None)
    if others:
        llm: Runnable[LanguageModelInput, BaseMessage] = model.bind_tools(others, response_format=wanted, **bound)
    else:
        llm = model.bind(response_format=wanted, **bound)
    parser: Any = PydanticOutputParser(pydantic_object=schema) if _is_pydantic(schema) else JsonOutputParser()
    return llm, _AnswerParser(parser=parser)


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _root_name(schema: Any, plain: dict[str, Any]) -> str:
    """What the whole value is called where it need not be an object; else `""`."""
    if isinstance(schema, type):
        is_root = issubclass(schema, RootModel)
        return "root" if is_root else "__root__" if "__root__" in vars(schema).get("__fields__", ()) else ""
    return "root" if plain.get("type", "object") != "object" else ""


def _as_member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has this as its one member."""
    definitions: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    member = {key: value for key, value in schema.items() if key not in definitions}
    return {"type": "object", "properties": {name: member}, "required": [name], **definitions}


class _AnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """Parses an answer with another parser; one that calls another tool has no value.

    Attributes:
        parser: LangChain's own.
        call: The name of the call that holds the value; empty where the text does.
        root: The argument that is the value; empty where all of them are.
    """

    parser: Annotated[BaseOutputParser[Any], SkipValidation()]
    call: str = ""
    root: str = ""

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What it gives."""
        return self.parser.OutputType

    def parse(self, text: str) -> Any:
        """The value of a text."""
        return self.parser.parse(text)

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value of an answer; `None` where there is none (yet)."""
        message = getattr(result[0], "message", None)
        if isinstance(message, AIMessage) and any(call["name"] != self.call for call in message.tool_calls[:1]):
            return None
        value = self.parser.parse_result(result, partial=partial)
        return value.get(self.root) if self.root and value else value


def _with_raw(
    llm: Runnable[LanguageModelInput, BaseMessage], parser: BaseOutputParser[Any]
) -> Runnable[LanguageModelInput, Any]:
    """What is wrong stands in the result; LangChain's own way, a fallback, lets a stream's error through."""

    def outcome(message: BaseMessage) -> AddableDict:
        try:
            return AddableDict(parsed=parser.invoke(_checked(message)), parsing_error=None)
        except Exception as error:  # noqa: BLE001 - a class's validators are anybody's code
            return AddableDict(parsed=None, parsing_error=error)

    def parsed(messages: Iterator[BaseMessage]) -> Iterator[AddableDict]:
        whole: Any = None
        for message in messages:
            whole = message if whole is None else whole + message
            yield AddableDict(raw=message)
        if whole is not None:
            yield outcome(whole)

    async def aparsed(messages: AsyncIterator[BaseMessage]) -> AsyncIterator[AddableDict]:
        whole: Any = None
        async for message in messages:
            whole = message if whole is None else whole + message
            yield AddableDict(raw=message)
        if whole is not None:
            yield outcome(whole)

    return llm | RunnableGenerator(parsed, aparsed)


def _checked(message: BaseMessage) -> BaseMessage:
    if reasons := message.response_metadata.get(LINK_KEY, {}).get(UNFIT_KEY):
        raise unfit(reasons)
    return message
