"""Tools that the service does not have: their definitions, the choice among them, and how they are asked for in words.

What `bind_tools` takes is converted once into plain OpenAI-style dicts (`definitions`), and read from those into a
`Toolbox`; reading is the same for both, so a binding may hold either. The instructions are sent once for each
conversation (`Toolbox.hash` says whether they changed); what differs from turn to turn is a short note. A call must
carry a secret mark (`OutputSpec`), so quoted markup is never taken for a call.

The service's own tools are dicts like `{"type": "web_search"}`; they are put aside before anything is converted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages import prompt_format
from langchain_grokweb.messages.json_schema import check_args, rejection, short, validator
from langchain_grokweb.messages.tools.definitions import definition
from langchain_grokweb.messages.tools.example_values import described, example_args
from langchain_grokweb.messages.tools.signatures import signature

SITE_TOOLS = ("web_search", "x_search", "image_generation")
_MOST_EXAMPLES = 4
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_CHOICES = {"auto": "auto", "none": "none", "any": "any", "required": "any"}


@dataclass(frozen=True)
class Tool:
    """One tool that the model may call.

    Attributes:
        name: Its name.
        description: What it is for.
        parameters: The JSON schema of its arguments, an object.
        made_of: The Pydantic class that is made of them, and may take less than the schema; `None` where there is none.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    made_of: Any = None

    def fit(self, args: Any) -> tuple[dict[str, Any] | None, str]:
        """The arguments as the schema has them and `""`, or `None` and what is wrong with them in one line."""
        return check_args(self.parameters, args)

    def check(self, args: Any) -> tuple[dict[str, Any] | None, str]:
        """The same, where the class takes them too."""
        fitted, fault = self.fit(args)
        if fitted is not None and self.made_of is not None:
            fault = rejection(self.made_of, **fitted)
        return (None, fault) if fault else (fitted, "")

    @property
    def example(self) -> str:
        """What stands between the marks of a plausible call."""
        return self.written(example_args(self.parameters))

    def written(self, args: Mapping[str, Any]) -> str:
        """What stands between the marks of a call with these arguments."""
        return prompt_format.escape_json(json.dumps({"name": self.name, "args": args}, ensure_ascii=False))

    @property
    def form(self) -> str:
        """The tool in one line: its signature, or its schema where that says more; what it is for."""
        return self._written_out[1]

    def exchange(self, mark: str) -> str:
        """A message of a user, and the call that answers it."""
        example, _, asked = self._written_out
        user = prompt_format.element("message", asked, role="user", example="yes")
        call = prompt_format.call(mark, example)
        return f"{user}\n{prompt_format.element('message', call, role='assistant', example='yes')}"

    @cached_property
    def line(self) -> str:
        """All of it in one spelling."""
        return json.dumps([self.name, self.description, self.parameters], sort_keys=True)

    @cached_property
    def _written_out(self) -> tuple[str, str, str]:
        return _written_out(self.name, self.description, _json(self.parameters))


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of a call of the model.

    Attributes:
        tools: Those that are asked for in words.
        site_tools: Those of the service, by name.
        choice: `"auto"`, `"none"`, `"any"`, or the name of the tool that must be called.
        parallel: Whether more than one call may be made in an answer.
    """

    tools: tuple[Tool, ...] = ()
    site_tools: frozenset[str] = frozenset()
    choice: str = "auto"
    parallel: bool = True

    @property
    def forced(self) -> bool:
        """Whether the answer must hold a call."""
        return self.choice not in {"auto", "none"}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools."""
        return tuple(tool.name for tool in self.tools)

    @property
    def hash(self) -> str:
        """Changes when a definition does, and only then; `""` without tools."""
        if not self.tools:
            return ""
        return _digest("\n".join(sorted(tool.line for tool in self.tools)), 16)

    def instructions(self, mark: str) -> str:
        """How calls are to be written, and what can be called; without tools, that there are none any more."""
        if not self.tools:
            return f"{prompt_format.TOOLS_REVOKED}\n{prompt_format.element('tools', '')}"
        lines = "\n".join(tool.form for tool in self.tools)
        return f"{prompt_format.element('tools', lines, mark=mark)}\n{prompt_format.TOOLS}"

    def examples(self, mark: str) -> list[str]:
        """How the first few of the tools are called, each in an exchange of messages."""
        return [tool.exchange(mark) for tool in self.tools[:_MOST_EXAMPLES]]

    @property
    def attributes(self) -> dict[str, str]:
        """What holds for this turn alone, as attributes of the prompt's instructions."""
        if not self.tools:
            return {}
        use = {} if self.choice == "auto" else {"use": self.choice}
        return use | ({"calls": "one"} if self._is_single else {})

    def note(self) -> str:
        """What holds for this turn alone, in sentences; `""` where the model is free."""
        if not self.tools:
            return ""
        sentences = {"auto": "", "none": prompt_format.USE_NONE, "any": prompt_format.USE_ANY}
        named = prompt_format.escape(prompt_format.USE_NAMED.format(name=self.choice))
        single = prompt_format.ONE_CALL if self._is_single else ""
        return "\n".join(line for line in (sentences.get(self.choice, named), single) if line)

    @property
    def _is_single(self) -> bool:
        return not self.parallel and self.choice != "none"

    def making(self, made_of: type) -> Toolbox:
        """The same, where a Pydantic class is made of the call that is demanded, or of the one that has its name."""
        name = self.choice if self.find(self.choice) else definition(made_of)["name"]
        tools = [replace(tool, made_of=made_of) if tool.name == name else tool for tool in self.tools]
        return replace(self, tools=tuple(tools))

    def find(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def toolbox(
    tools: Sequence[Any],
    *,
    tool_choice: Any = None,
    parallel_tool_calls: bool | None = None,
    strict: bool | None = None,
) -> Toolbox:
    """The toolbox that `bind_tools` asks for.

    Args:
        tools: Anything that LangChain takes for a tool, dicts of the service's own tools, or what `definitions` gave.
        tool_choice: In every form that LangChain knows.
        parallel_tool_calls: Whether several calls may be made in one answer; `None` allows it.
        strict: Whether arguments that the schema does not name are refused.

    Raises:
        GrokWebInvalidRequestError: A built-in tool that this service does not have, a name twice, or no JSON schema.
        ValueError: The choice names no tool, or something is not a tool.
    """
    try:
        written = json.dumps(list(tools))
    except (TypeError, ValueError, RecursionError):  # there are functions or classes among them
        bound, site = _tools(tools, strict)
    else:
        bound, site = _written_tools(written, strict)
    names = [tool.name for tool in bound]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GrokWebInvalidRequestError(
            f"Several tools have the same name: {', '.join(twice)}.", next_step="Give each tool its own name."
        )
    return Toolbox(bound, site, chosen(tool_choice, names), parallel_tool_calls is not False)


@lru_cache(maxsize=64)
def _written_tools(tools: str, strict: bool | None) -> tuple[tuple[Tool, ...], frozenset[str]]:  # noqa: FBT001
    """The tools of a list of dicts in JSON: those that are bound are the same in each call of the model."""
    return _tools(json.loads(tools), strict)


def _tools(tools: Sequence[Any], strict: bool | None) -> tuple[tuple[Tool, ...], frozenset[str]]:  # noqa: FBT001
    """Those that are asked for in words, and the names of the service's own."""
    plain = definitions(tools, strict=strict)
    bound = tuple(_tool(tool["function"]) for tool in plain if tool["type"] == "function")
    return bound, frozenset(tool["type"] for tool in plain if tool["type"] != "function")


def definitions(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """The tools as plain dicts: OpenAI's for functions, `{"type": …}` alone for those of the service.

    Raises:
        GrokWebInvalidRequestError: A built-in tool that this service does not have.
        ValueError: Something is not a tool.
    """
    return [_definition(tool, strict) for tool in tools]


# --- definitions


def _definition(tool: Any, strict: bool | None) -> dict[str, Any]:  # noqa: FBT001
    if isinstance(tool, Mapping) and (site_tool := _site_tool(tool)) is not None:
        return {"type": site_tool}
    return {"type": "function", "function": definition(tool, strict=strict)}


def _site_tool(tool: Mapping[str, Any]) -> str | None:
    """The name of the service's own tool that this is, or `None` where it is a definition."""
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in {"function", "object"} or {"input_schema", "parameters"} & tool.keys():
        return None
    if kind.startswith("web_search_"):
        kind = "web_search"
    if kind not in SITE_TOOLS:
        raise GrokWebInvalidRequestError(
            f"grok.com has no built-in tool {kind!r}.", next_step=f"It has {', '.join(SITE_TOOLS)}."
        )
    return kind


def _tool(function: dict[str, Any]) -> Tool:
    tool = Tool(function["name"], function["description"], function["parameters"])
    try:
        validator(tool.parameters)
    except ValueError as error:
        raise GrokWebInvalidRequestError(
            f"The parameters of the tool {tool.name} are not a JSON schema: {error}.",
            next_step="Correct the tool's definition.",
        ) from None
    return tool


# --- the choice


def chosen(asked: Any, names: Sequence[str]) -> str:
    """What a `tool_choice` in any form means: `"auto"`, `"none"`, `"any"`, or one of the names.

    Raises:
        ValueError: It names no tool, or is in no form that is known.
    """
    word = _asked_name(asked)
    name = _CHOICES.get(word, word)
    if name in {"auto", "none"}:
        return name
    if not names:
        raise ValueError(f"tool_choice {asked!r} asks for a call, but no tool is bound.")
    if name != "any" and name not in names:
        raise ValueError(f"tool_choice {asked!r} names a tool that is not bound. Bound: {', '.join(names)}.")
    return name


def _asked_name(asked: Any) -> str:
    """The word or name in any form of a choice."""
    if asked is None or isinstance(asked, bool):
        return "any" if asked else "auto"
    if isinstance(asked, str):
        return asked
    if isinstance(asked, Mapping):
        function = asked.get("function")
        named = function.get("name") if isinstance(function, Mapping) else asked.get("name")
        found = named or asked.get("type")
        if isinstance(found, str):
            return found
    raise ValueError(f"tool_choice {asked!r} has an unknown form.")


# --- small things


@lru_cache(maxsize=256)
def _written_out(name: str, description: str, parameters: str) -> tuple[str, str, str]:
    """An example call of a tool, what is said of it, and what the call answers; the same for each call of the model."""
    tool = Tool(name, description, json.loads(parameters))
    asked = prompt_format.escape(_asked_for(tool))
    if (form := signature(name, tool.parameters)) is not None:
        words = " ".join(filter(None, [" ".join(description.split()), described(tool.parameters)]))
        form = prompt_format.escape_json(form) + prompt_format.escape(f": {words}" if words else "")
        return tool.example, form, asked
    named = {"description": description} if description else {}
    form = prompt_format.escape_json(_json({"name": name, **named, "parameters": tool.parameters}))
    return tool.example, form, asked


def _asked_for(tool: Tool) -> str:
    """What a user might say for the example call: what the tool is for, and the arguments."""
    purpose = _SENTENCE_END.split(" ".join(tool.description.split()) or tool.name.replace("_", " "), maxsplit=1)[0]
    args = example_args(tool.parameters).items()
    values = ", ".join(f"{name} {value if isinstance(value, str) else _json(value)}" for name, value in args)
    return short(": ".join(filter(None, [purpose, values])))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
