"""Structured output tells no lies: a table of schemas and replies, on both wires, blocking and async."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Annotated, Any, Literal, NotRequired, Required

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, RootModel, field_validator
from pydantic import v1 as pydantic_v1
from typing_extensions import TypedDict

from langchain_grokweb import GrokWebToolCallError
from langchain_grokweb.messages.tools.definitions import json_schema


@pytest.fixture
def grok(shared_grok):
    shared_grok.reset()
    return shared_grok


class Node(BaseModel):
    name: str
    children: list[Node]


class Person(BaseModel):
    name: str
    nick: str | None
    age: int


class Numbers(RootModel[list[int]]):
    """Numbers."""


class Nodes(RootModel[list[Node]]):
    """Nodes."""


class Word(RootModel[Literal["yes", "no"]]):
    """A word."""


class OldNumbers(pydantic_v1.BaseModel):
    __root__: list[int]


class Day(BaseModel):
    """A day that may be planned."""

    day: dt.date
    hours: int

    @field_validator("hours")
    @classmethod
    def _must_be_few(cls, hours: int) -> int:
        if hours > 24:
            raise KeyError("more hours than a day has")  # validators raise what they like
        return hours


class RefusalError(Exception):
    errors = ("a list, where Pydantic has a method",)


class Car(BaseModel):
    """A car, whose members are called as anything may be."""

    make: str
    error: str

    @field_validator("make")
    @classmethod
    def _must_be_known(cls, make: str) -> str:
        if make == "none":
            raise RefusalError("no such make")
        return make


class Days(RootModel[list[Day]]):
    """Days."""


class Street(TypedDict, total=False):
    """A street."""

    name: Required[str]
    number: int


class Home(TypedDict):
    """Where someone lives.

    Args:
        city: The city.
        street: The street, in that
            city.
    """

    city: str
    street: Street
    others: NotRequired[list[Street]]
    floor: Annotated[int | None, None, "The floor"]


class Tree(TypedDict):
    name: str
    children: list[Tree]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


LEAF = {"name": "leaf", "children": []}
ROOT = {"name": "root", "children": [LEAF]}
DAY = {"day": "2026-11-27", "hours": 8}
TOMORROW = {"day": "tomorrow", "hours": 8}
CAR = {"make": "Fiat", "error": "none"}
NO_CAR = {"make": "none", "error": "none"}
LONG = {"day": "2026-11-27", "hours": 25}
OLD = {"name": "Ada", "nick": None, "age": "old"}
CUT = '{"name": "root", "children": [{"name": "leaf", "children": []}'
NUMBERS = {"title": "Numbers", "description": "Numbers.", "type": "array", "items": {"type": "integer"}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row.

    Attributes:
        schema: What is asked for.
        replies: What the model writes, turn by turn; a dict is the arguments of a call of the schema's name.
        value: What comes of it; `None` for a `GrokWebToolCallError`.
        methods: How it is asked for.
        bound: Further arguments of `with_structured_output`.
    """

    schema: Any
    replies: Sequence[Any]
    value: Any
    methods: Sequence[str] = ("json_schema",)
    bound: dict[str, Any] = field(default_factory=dict)


TEXT = ("json_schema", "json_mode")
CALL = ("function_calling",)

CASES: dict[str, Case] = {
    "never closed": Case(schema=Node, replies=[CUT, CUT], value=None),
    "never closed, then whole": Case(schema=Node, replies=[CUT, json.dumps(ROOT)], value=Node(**ROOT)),
    "never closed, in a fence": Case(schema=Node, replies=[f"```json\n{CUT}"] * 2, value=None),
    "never closed, as a call": Case(schema=Node, replies=[CUT, CUT], value=None, methods=CALL),
    "never closed, no schema": Case(schema=None, replies=[CUT, CUT], value=None, methods=["json_mode"]),
    "a list that broke off": Case(schema=Node, replies=[f"[{json.dumps(LEAF)}, {{"] * 2, value=None),
    "a list that broke off, no schema": Case(
        schema=None, replies=[f"[{json.dumps(LEAF)}, {{"] * 2, value=None, methods=["json_mode"]
    ),
    "a list of roots that broke off": Case(schema=Nodes, replies=[f"[{json.dumps(LEAF)}, {{"] * 2, value=None),
    "numbers that broke off": Case(schema=Numbers, replies=["[1, 2", "[1, 2, 3]"], value=Numbers([1, 2, 3])),
    "an example": Case(
        schema=Node, replies=[f"An example is {json.dumps(LEAF)}.", json.dumps(ROOT)], value=Node(**ROOT)
    ),
    "within a sentence": Case(
        schema=Node, replies=[f"I may say {json.dumps(LEAF)} if you like.", json.dumps(ROOT)], value=Node(**ROOT)
    ),
    "two answers": Case(
        schema=Node, replies=[f"{json.dumps(LEAF)}\nor\n{json.dumps(ROOT)}", json.dumps(ROOT)], value=Node(**ROOT)
    ),
    "two cut replies": Case(schema=Person, replies=['{"name": "Ada", "nick": "A', '{"age": 3'], value=None),
    "cut, then another": Case(
        schema=Person,
        replies=['{"name": "Ada", "ni', '{"name": "Eva", "age": 3}'],
        value=Person(name="Eva", nick=None, age=3),
    ),
    "words around": Case(schema=Node, replies=[f"Sure:\n```json\n{json.dumps(ROOT)}\n```\nMore?"], value=Node(**ROOT)),
    "a null left out": Case(
        schema=Person, replies=['{"name": "Ada", "age": 3}'], value=Person(name="Ada", nick=None, age=3)
    ),
    "a null left out of a call": Case(
        schema=Person, replies=[{"name": "Ada", "age": 3}], value=Person(name="Ada", nick=None, age=3), methods=CALL
    ),
    "a root": Case(schema=Numbers, replies=["[1, 2]"], value=Numbers([1, 2]), methods=TEXT),
    "a root in a call": Case(schema=Numbers, replies=[{"root": [1, 2]}], value=Numbers([1, 2]), methods=CALL),
    "a root of objects": Case(schema=Nodes, replies=[json.dumps([ROOT])], value=Nodes([Node(**ROOT)]), methods=TEXT),
    "a root of objects in a call": Case(
        schema=Nodes, replies=[{"root": [ROOT]}], value=Nodes([Node(**ROOT)]), methods=CALL
    ),
    "a word": Case(schema=Word, replies=['"yes"'], value=Word("yes"), methods=TEXT),
    "an old root": Case(schema=OldNumbers, replies=["[1, 2]"], value=OldNumbers(__root__=[1, 2]), methods=TEXT),
    "an old root in a call": Case(
        schema=OldNumbers, replies=[{"__root__": [1, 2]}], value=OldNumbers(__root__=[1, 2]), methods=CALL
    ),
    "a list's schema": Case(schema=NUMBERS, replies=["[1, 2]"], value=[1, 2], methods=TEXT),
    "a list's schema in a call": Case(schema=NUMBERS, replies=[{"root": [1, 2]}], value=[1, 2], methods=CALL),
    "what only Pydantic refuses": Case(
        schema=Day, replies=[json.dumps(TOMORROW), json.dumps(DAY)], value=Day(**DAY), methods=TEXT
    ),
    "what only Pydantic refuses in a call": Case(schema=Day, replies=[TOMORROW, DAY], value=Day(**DAY), methods=CALL),
    "what only Pydantic refuses, beside tools": Case(
        schema=Day, replies=[TOMORROW, DAY], value=Day(**DAY), methods=CALL, bound={"tools": [add]}
    ),
    "what only Pydantic refuses in a root": Case(
        schema=Days, replies=[json.dumps([TOMORROW]), json.dumps([DAY])], value=Days([Day(**DAY)]), methods=TEXT
    ),
    "what only Pydantic refuses in a root in a call": Case(
        schema=Days, replies=[{"root": [TOMORROW]}, {"root": [DAY]}], value=Days([Day(**DAY)]), methods=CALL
    ),
    "members of any name": Case(schema=Car, replies=[CAR], value=Car(**CAR), methods=CALL),
    "an error of any form": Case(schema=Car, replies=[NO_CAR, CAR], value=Car(**CAR), methods=CALL),
    "an error of any form in JSON": Case(
        schema=Car, replies=[json.dumps(NO_CAR), json.dumps(CAR)], value=Car(**CAR), methods=TEXT
    ),
    "what a validator refuses": Case(schema=Day, replies=[json.dumps(LONG)] * 2, value=None, methods=TEXT),
    "what a validator refuses in a call": Case(schema=Day, replies=[LONG, LONG], value=None, methods=CALL),
    "a call that does not fit": Case(schema=Person, replies=[OLD, OLD], value=None, methods=CALL),
    "a call that does not fit, beside tools": Case(
        schema=Person, replies=[OLD, OLD], value=None, methods=CALL, bound={"tools": [add]}
    ),
    "no JSON mode for a class": Case(schema=Person, replies=[json.dumps(OLD)] * 2, value=None, methods=["json_mode"]),
    "a TypedDict": Case(
        schema=Home,
        replies=['{"city": "Oslo", "street": {"name": "A"}}'],
        value={"city": "Oslo", "street": {"name": "A"}},
    ),
    "a TypedDict in a call": Case(
        schema=Home,
        replies=[{"city": "Oslo", "street": {"name": "A"}}],
        value={"city": "Oslo", "street": {"name": "A"}},
        methods=CALL,
    ),
    "a TypedDict that lacks something": Case(schema=Home, replies=['{"city": "Oslo", "street": {}}'] * 2, value=None),
    "a TypedDict that refers to itself": Case(schema=Tree, replies=[json.dumps(ROOT)], value=ROOT),
    "tools beside it": Case(
        schema=Node, replies=[json.dumps(ROOT)], value=Node(**ROOT), methods=TEXT, bound={"tools": [add]}
    ),
    "tools beside a call": Case(schema=Node, replies=[ROOT], value=Node(**ROOT), methods=CALL, bound={"tools": [add]}),
}
ROWS = [pytest.param(case, method, id=f"{name}-{method}") for name, case in CASES.items() for method in case.methods]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("case", "method"), ROWS)
def test_only_what_was_asked_for_is_given(grok, model, case, method, asynchronous):
    chain = model.with_structured_output(case.schema, method=method, **case.bound)
    for reply in case.replies:
        if isinstance(reply, str):
            grok.reply(reply)
        else:
            grok.reply(tool_calls=[{"name": json_schema(case.schema)["title"], "args": reply}])
    if case.value is None:
        with pytest.raises(GrokWebToolCallError):
            asyncio.run(chain.ainvoke("q")) if asynchronous else chain.invoke("q")
    else:
        assert (asyncio.run(chain.ainvoke("q")) if asynchronous else chain.invoke("q")) == case.value
    assert len(grok.turns) == len(case.replies)


async def streamed(chain):
    return reduce(operator.add, [chunk async for chunk in chain.astream("q")])


WAYS = {
    "invoke": lambda chain: chain.invoke("q"),
    "ainvoke": lambda chain: asyncio.run(chain.ainvoke("q")),
    "stream": lambda chain: reduce(operator.add, chain.stream("q")),
    "astream": lambda chain: asyncio.run(streamed(chain)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_with_the_raw_message_nothing_is_raised_and_the_class_is_made_once(grok, model, method, way):
    made = []

    class Counted(BaseModel):
        """A number that is made."""

        number: int

        @field_validator("number")
        @classmethod
        def _count(cls, number: int) -> int:
            made.append(number)
            if number < 0:
                raise LookupError("below zero")
            return number

    chain = model.with_structured_output(Counted, method=method, include_raw=True)
    for number in (1, -1, -1):
        if method == "function_calling":
            grok.reply(tool_calls=[{"name": "Counted", "args": {"number": number}}])
        else:
            grok.reply(json.dumps({"number": number}))
    good = WAYS[way](chain)
    assert (good["parsed"].number, good["parsing_error"]) == (1, None)
    assert made == [1, 1]  # once to check the reply, and once to make the value of it
    bad = WAYS[way](chain)
    assert bad["parsed"] is None
    assert isinstance(bad["parsing_error"], GrokWebToolCallError)
    assert "below zero" in str(bad["parsing_error"])
    assert bad["raw"].text or bad["raw"].invalid_tool_calls
    assert len(grok.turns) == 3


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("schema", [Node, Tree, Numbers])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_tool_beside_it_may_be_called_instead(grok, model, method, schema, asynchronous):
    grok.reply(tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}}])
    chain = model.with_structured_output(schema, method=method, tools=[add], include_raw=True)
    found = asyncio.run(chain.ainvoke("q")) if asynchronous else chain.invoke("q")
    assert [call["name"] for call in found["raw"].tool_calls] == ["add"]
    assert (found["parsed"], found["parsing_error"]) == (None, None)


def test_a_stream_of_two_replies_is_not_made_one(grok, model):
    grok.reply('{"name": "Ada", "ni')
    grok.reply('{"name": "Eva", "nick": null, "age": 3}')
    chain = model.with_structured_output(Person.model_json_schema())
    with pytest.raises(GrokWebToolCallError, match="continue"):
        list(chain.stream("q"))


def test_a_typed_dict_is_described_as_python_means_it():
    street = {
        "description": "A street.",
        "type": "object",
        "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
        "required": ["name"],
    }
    assert json_schema(Home) == {
        "title": "Home",
        "description": "Where someone lives.",
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city."},
            "street": {"$ref": "#/$defs/Street", "description": "The street, in that city."},
            "others": {"type": "array", "items": {"$ref": "#/$defs/Street"}},
            "floor": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "description": "The floor",
                "default": None,
            },
        },
        "required": ["city", "street"],
        "$defs": {"Street": street},
    }
