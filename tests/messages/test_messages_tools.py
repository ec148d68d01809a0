"""Tools: how they are asked for in words, and how an answer is read for calls."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Literal, Optional, TypedDict

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langchain_core.tools import Tool as CoreTool
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.output_spec import OutputSpec
from langchain_grokweb.messages.tools.call_parser import LONGEST_CALL, ToolCall, ToolCallParser, ToolFault, Unmarked
from langchain_grokweb.messages.tools.text_buffer import Reader
from langchain_grokweb.messages.tools.toolbox import Tool, Toolbox, definitions, toolbox

# --- definitions


@tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather in a city."""
    return f"{city} {days}"


def add(numbers: list[int], exact: bool = False) -> int:
    """Add up numbers.

    Args:
        numbers: What to add.
        exact: Whether exactly.
    """
    return sum(numbers) if exact else 0


class Address(BaseModel):
    street: str
    zip_code: str


class Person(BaseModel):
    """Someone."""

    name: str = Field(description="The full name.")
    title: Literal["Dr", "Prof"] | None = None
    address: Address


class Film(TypedDict):
    """A film."""

    title: str
    year: int


ANTHROPIC = {"name": "anthropic", "description": "A.", "input_schema": {"type": "object", "properties": {}}}
BEDROCK = {"toolSpec": {"name": "bedrock", "description": "B.", "inputSchema": {"json": {"type": "object"}}}}
OPENAI = {"type": "function", "function": {"name": "now", "description": "The time.", "strict": True}}
FLAT = {"type": "function", "name": "flat", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "book_table",
    "description": "Book.",
    "type": "object",
    "properties": {"table_no": {"title": "Table No", "type": "integer"}, "title": {"title": "Of honour"}},
    "required": [],
}
EVERYTHING = [get_weather, add, Person, Film, ANTHROPIC, BEDROCK, OPENAI, FLAT, SCHEMA, {"type": "web_search"}]


def test_every_kind_of_definition():
    box = toolbox(EVERYTHING)
    assert [t.name for t in box.tools] == [
        "get_weather", "add", "Person", "Film", "anthropic", "bedrock", "now", "flat", "book_table",
    ]  # fmt: skip
    assert box.site_tools == {"web_search"}
    assert box.find("get_weather") == Tool(
        "get_weather",
        "The weather in a city.",
        {
            "properties": {"city": {"type": "string"}, "days": {"default": 1, "type": "integer"}},
            "required": ["city"],
            "type": "object",
        },
    )
    assert box.find("nothing") is None
    assert box.find("now").parameters == {"type": "object", "properties": {}}


def test_definitions_are_plain_and_converting_them_again_changes_nothing():
    plain = definitions(EVERYTHING)
    assert json.loads(json.dumps(plain)) == plain == definitions(plain)
    assert toolbox(plain) == toolbox(EVERYTHING)
    strict = definitions([add], strict=True)
    assert definitions(strict) == strict == definitions(strict, strict=True)


def test_titles_that_repeat_and_what_says_nothing_are_left_out():
    assert toolbox([SCHEMA]).tools[0].parameters == {
        "type": "object",
        "properties": {"table_no": {"type": "integer"}, "title": {"title": "Of honour"}},
    }
    data = {"default": {"title": "x", "description": ""}, "enum": [{"required": []}]}
    schema = {"title": "t", "type": "object", "properties": {"x": data}, "$defs": {"X": {"title": "X"}}}
    assert toolbox([schema]).tools[0].parameters == {"type": "object", "properties": {"x": data}, "$defs": {"X": {}}}


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Pydantic v1 ends with Python 3.13")
def test_pydantic_v1():
    from pydantic.v1 import BaseModel as OldModel

    class Old(OldModel):
        """Old."""

        pair: tuple[int, str]
        inner: Optional[int] = None  # noqa: UP045

    box = toolbox([Old])
    assert box.tools[0].description == "Old."
    assert box.tools[0].check({"pair": [1, "a"]}) == ({"pair": [1, "a"]}, "")
    assert box.tools[0].check({"pair": ["x", "a"]})[0] is None


def test_strict_refuses_what_the_schema_does_not_name():
    args = {"city": "Bonn", "more": 1}
    assert toolbox([get_weather]).tools[0].check(args)[0] == args
    assert toolbox([get_weather], strict=True).tools[0].check(args)[0] is None
    assert toolbox([FLAT], strict=True).tools[0].check({"a": "x", "more": 1})[0] is None
    assert toolbox([OPENAI], strict=False).tools[0].check({"more": 1})[0] == {"more": 1}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"type": "web_search"}, "web_search"),
        ({"type": "web_search_preview"}, "web_search"),
        ({"type": "web_search_preview_2025_03_11"}, "web_search"),
        ({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, "web_search"),
        ({"type": "x_search", "from_date": "2025-01-01"}, "x_search"),
        ({"type": "image_generation", "quality": "low"}, "image_generation"),
    ],
)
def test_the_site_s_own_tools(given, name):
    assert toolbox([given]) == Toolbox(site_tools=frozenset({name}))
    assert definitions([given]) == [{"type": name}]


@pytest.mark.parametrize("kind", ["code_interpreter", "mcp", "file_search", "bash_20250124", "custom"])
def test_a_built_in_tool_that_the_site_lacks(kind):
    with pytest.raises(GrokWebInvalidRequestError, match=f"{kind}.*web_search, x_search, image_generation"):
        toolbox([get_weather, {"type": kind, "name": "x"}])


def test_what_is_no_tool():
    with pytest.raises(ValueError, match="title"):
        toolbox([{"type": "object", "properties": {}}])
    with pytest.raises(ValueError, match="Unsupported"):
        toolbox([3])
    with pytest.raises(GrokWebInvalidRequestError, match="same name: get_weather"):
        toolbox([get_weather, OPENAI, get_weather])
    with pytest.raises(GrokWebInvalidRequestError, match="bad are not a JSON schema"):
        toolbox([{"name": "bad", "parameters": {"type": "objekt"}}])


def test_a_custom_tool_is_a_function():
    run = CoreTool("run", str, "Run it.", metadata={"type": "custom_tool"})  # as langchain-openai makes them
    assert toolbox([run]).tools[0].check({"__arg1": "x"}) == ({"__arg1": "x"}, "")


# --- the choice


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        (None, "auto"),
        (False, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "any"),
        ("required", "any"),
        (True, "any"),
        ("now", "now"),
        ({"type": "function", "function": {"name": "now"}}, "now"),
        ({"type": "function", "name": "now"}, "now"),
        ({"type": "tool", "name": "now"}, "now"),
        ({"type": "any"}, "any"),
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
    ],
)
def test_choices(asked, choice):
    box = toolbox([get_weather, OPENAI], tool_choice=asked)
    assert box.choice == choice
    assert box.forced is (choice in {"any", "now"})


@pytest.mark.parametrize("asked", ["nope", {"type": "tool", "name": "nope"}, {"type": "allowed_tools"}])
def test_an_unknown_choice_names_the_known(asked):
    with pytest.raises(ValueError, match="get_weather, now"):
        toolbox([get_weather, OPENAI], tool_choice=asked)


def test_choices_that_cannot_be():
    for asked in ("any", True, "now", {"type": "any"}):
        with pytest.raises(ValueError, match="no tool is bound"):
            toolbox([{"type": "web_search"}], tool_choice=asked)
    for asked in (3, {}, {"type": 1}, ["now"]):
        with pytest.raises(ValueError, match="unknown form"):
            toolbox([OPENAI], tool_choice=asked)
    assert toolbox([], tool_choice="none").choice == "none"
    assert toolbox([]) == Toolbox()


# --- hash and mark


def test_the_hash_is_of_the_definitions_alone():
    box = toolbox([FLAT, OPENAI])
    turned = {key: FLAT[key] for key in reversed(FLAT)}
    assert re.fullmatch("[0-9a-f]{16}", box.hash)
    assert box.hash == toolbox([turned, OPENAI], tool_choice="any", parallel_tool_calls=False).hash
    assert box.hash == toolbox([OPENAI, {"type": "x_search"}, FLAT]).hash
    assert box.hash != toolbox([{**FLAT, "description": "else"}, OPENAI]).hash
    assert toolbox([{"type": "x_search"}]).hash == ""


def test_the_mark_is_of_secret_salt_and_definitions():
    def marked(tool: Any = FLAT, secret: bytes = b"a", salt: str = "0" * 16) -> tuple[str, str]:
        spec = OutputSpec.of({"tools": [tool]}).marked(secret, salt)
        assert spec.tools_salt == salt
        assert spec.mark not in f"{spec.tools_hash} {spec!r}"
        return spec.mark, spec.tools_hash

    assert re.fullmatch("[0-9a-f]{8}", marked()[0])
    assert re.fullmatch("[0-9a-f]{16}", marked()[1])
    others = [marked(OPENAI), marked(secret=b"b"), marked(salt="1" * 16)]
    for place in (0, 1):
        assert len({marked()[place], *(other[place] for other in others)}) == 4
    assert marked() == marked()


@pytest.mark.parametrize("salt", ["", "0" * 15, "Z" * 16, "0" * 17, "\n" * 16])
def test_each_conversation_has_a_salt_of_its_own(salt):
    one, other = (OutputSpec.of({"tools": [FLAT]}).marked(b"a", salt) for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", one.tools_salt)
    assert one.tools_salt != other.tools_salt
    assert one.mark != other.mark
    assert OutputSpec.of({"tools": [{"type": "x_search"}]}).marked(b"a").tools_salt == ""


# --- arguments


def of(**properties: Any) -> Tool:
    return Tool("t", "", {"type": "object", "properties": properties, "required": list(properties)})


INTEGER, NUMBER, BOOLEAN, STRING = ({"type": kind} for kind in ("integer", "number", "boolean", "string"))
OBJECT = {"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}
NULLABLE = {"anyOf": [INTEGER, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "value", "fitted"),
    [
        (INTEGER, "5", 5),
        (INTEGER, " -5\n", -5),
        (INTEGER, 5.0, 5),
        (NUMBER, "5", 5),
        (NUMBER, "-1.5e3", -1500.0),
        (NUMBER, 5.0, 5.0),
        (BOOLEAN, "true", True),
        (BOOLEAN, "false", False),
        (STRING, 5, "5"),
        (STRING, 1.5, "1.5"),
        (STRING, "5", "5"),
        (OBJECT, '{"n": "5"}', {"n": 5}),
        ({"type": "array", "items": INTEGER}, '["1", 2.0]', [1, 2]),
        ({"type": "array", "items": OBJECT}, [{"n": 1}, '{"n": 2}'], [{"n": 1}, {"n": 2}]),
        (NULLABLE, "5", 5),
        (NULLABLE, "null", None),
        (NULLABLE, 5.0, 5),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["integer", "null"]}, "7", 7),
        ({"type": ["integer", "number"]}, "7", 7),
        ({"anyOf": [INTEGER, STRING]}, "5", "5"),
        ({"anyOf": [INTEGER, STRING]}, 5.0, 5),
        ({"anyOf": [OBJECT, {"type": "null"}]}, {"n": "5"}, {"n": 5}),
        ({"anyOf": [OBJECT, {"type": "null"}]}, '{"n": "5"}', {"n": 5}),
        ({"type": "integer", "enum": [1, 2]}, "2", 2),
        ({"anyOf": [{"type": "integer", "enum": [1, 2]}, {"type": "null"}]}, "2", 2),
        ({}, "5", "5"),
        ({"type": "string"}, '{"n": 1}', '{"n": 1}'),
        (STRING, "日本 \u2028 🦊", "日本 \u2028 🦊"),
    ],
)
def test_what_is_ambiguous_in_json_is_read_as_the_schema_says(schema, value, fitted):
    args, fault = of(x=schema).check({"x": value})
    assert fault == ""
    assert args == {"x": fitted}
    assert json.dumps(args["x"]) == json.dumps(fitted)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INTEGER, "five"),
        (INTEGER, ""),
        (INTEGER, "5.5"),
        (INTEGER, "0x10"),
        (INTEGER, "9" * 5000),
        (INTEGER, 5.5),
        (INTEGER, True),
        (INTEGER, None),
        (INTEGER, float("inf")),
        (NUMBER, "NaN"),
        (NUMBER, False),
        (BOOLEAN, "True"),
        (BOOLEAN, 1),
        (STRING, True),
        (STRING, None),
        (STRING, ["a"]),
        (OBJECT, '{"n": "x"}'),
        (OBJECT, "[1]"),
        (OBJECT, '{"n": 1'),
        ({"type": "array", "items": STRING}, "a"),
        ({"type": "array", "items": INTEGER}, 1),
        ({"type": "array", "items": INTEGER}, [None]),
        ({"anyOf": [{"type": "array", "items": INTEGER}, BOOLEAN]}, "x"),
        ({"anyOf": [BOOLEAN, {"type": "array", "items": BOOLEAN}]}, 7),
        ({"type": "integer", "enum": [1, 2]}, "3"),
        ({"type": "integer", "minimum": 3}, "2"),
    ],
)
def test_what_is_wrong_stays_wrong(schema, value):
    args, fault = of(x=schema).check({"x": value})
    assert args is None
    assert fault
    assert "\n" not in fault
    assert len(fault) < 300


def test_missing_and_null_arguments():
    now, weather = toolbox([OPENAI, get_weather]).tools
    assert now.check(None) == now.check("") == now.check({}) == ({}, "")
    assert weather.check(None) == (None, "'city' is a required property")
    assert weather.check({"city": "Bonn", "days": None}) == ({"city": "Bonn"}, "")
    assert weather.check({"city": "Bonn", "days": "null"}) == ({"city": "Bonn"}, "")
    assert weather.check('{"city": "Bonn"}') == ({"city": "Bonn"}, "")
    assert weather.check(["Bonn"]) == (None, "the arguments must be an object, not array")
    assert weather.check("Bonn") == (None, "the arguments must be an object, not string")


def test_the_reason_names_the_place():
    box = toolbox([Person, add])
    person = {"name": "Ada", "address": {"street": "S", "zip_code": True}}
    assert box.tools[0].check(person)[1] == "address.zip_code must be string, not boolean"
    assert box.tools[1].check({"numbers": [1, "x"]})[1] == "numbers[1] must be integer, not string"


def test_checking_changes_nothing_that_it_is_given():
    given = {"numbers": ["1"], "exact": "true"}
    assert toolbox([add]).tools[0].check(given) == ({"numbers": [1], "exact": True}, "")
    assert given == {"numbers": ["1"], "exact": "true"}


def test_references_are_followed_within_the_schema_alone():
    def referring(to: str) -> Tool:
        node = {"type": "object", "properties": {"next": {"$ref": to}, "n": INTEGER}}
        return Tool("t", "", {"$defs": {"Node": node}, "type": "object", "properties": {"x": {"$ref": to}}})

    chain = {"x": {"next": {"next": {"n": "5"}}}}
    assert referring("#/$defs/Node").check(chain)[0] == {"x": {"next": {"next": {"n": 5}}}}
    for elsewhere in ("#/$defs/Other", "http://127.0.0.1:9/schema.json"):
        args, fault = referring(elsewhere).check(chain)
        assert args is None
        assert "cannot be applied" in fault
    endless = Tool("t", "", {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}})
    assert "cannot be applied" in endless.check({"x": 1})[1]


# --- the parser

BOX = toolbox([get_weather, add, OPENAI])
MARK = "a1b2c3d4"
FORCED = toolbox([get_weather, add, OPENAI], tool_choice="any")


def call(name: str = "get_weather", mark: str = f":{MARK}", **args: Any) -> str:
    body = json.dumps({"name": name, "args": args}, ensure_ascii=False)
    return f"<tool{mark}>{body}</tool{mark}>"


PARIS = call(city="Paris")
NOW = call("now")
P = ("get_weather", {"city": "Paris"})
N = ("now", {})

Seen = tuple[str, list[tuple[str, Any]], list[str]]


def feed(pieces: list[str], box: Toolbox = BOX, *, asked: bool = False) -> list[str | ToolCall | ToolFault | Unmarked]:
    parser = ToolCallParser(box, MARK, asked=asked)
    found = [item for piece in pieces for item in parser.feed(piece)]
    return found + parser.flush()


def seen(pieces: list[str], box: Toolbox = BOX, *, asked: bool = False) -> Seen:
    """What is read; what looks like a call is text here."""
    found = feed(pieces, box, asked=asked)
    assert "" not in found
    text = "".join(
        item.text if isinstance(item, Unmarked) else item for item in found if isinstance(item, str | Unmarked)
    )
    calls = [(item.name, item.args) for item in found if isinstance(item, ToolCall)]
    return text, calls, [item.reason for item in found if isinstance(item, ToolFault)]


def asks(answer: str) -> bool:
    """Whether the answer holds what looks like a call, so that the model is asked."""
    return any(isinstance(item, Unmarked) for item in feed([answer]))


def read(answer: str, box: Toolbox = BOX) -> Seen:
    """What is read, which must be the same wherever the answer is cut."""
    whole = seen([answer], box)
    assert seen(list(answer), box) == whole
    for place in range(1, len(answer)):
        assert seen([answer[:place], answer[place:]], box) == whole, answer[:place]
    return whole


MARKED = [
    (PARIS, "", [P]),
    (f"\n {PARIS} \n", "", [P]),
    (f"Let me see.\n\n{PARIS}", "Let me see.", [P]),
    (f"Let me see. {PARIS}", "Let me see.", [P]),
    (f"Let me see: {PARIS} Done.", "Let me see: Done.", [P]),
    (f"{PARIS}\nDone.\n", "\nDone.\n", [P]),
    (f"{PARIS}{NOW}", "", [P, N]),
    (f"A\n{PARIS}\n\n{NOW}\n", "A", [P, N]),
    (f"A\n{PARIS} b {NOW} c", "A b c", [P, N]),
    (f"```json\n{PARIS}\n```", "", [P]),
    (f"Text:\n\n```\n{PARIS}\n{NOW}\n```\nMore", "Text:\nMore", [P, N]),
    (f"  ```tool_call\n{PARIS}```\n", "", [P]),
    (f"```json {PARIS}\n```", "", [P]),
    (f"````\n{PARIS}\n`````\n", "", [P]),
    (f"```json\n{PARIS}", "", [P]),
    (f"```json\n{PARIS}\n```\n```json\n{NOW}\n```", "", [P, N]),
    (f"```json\n{PARIS}\nand\n```\n", "```json\nand\n```\n", [P]),
    (f"```json\nthe call:\n{PARIS}\n```\n", "```json\nthe call:\n```\n", [P]),
    (f"```py\nprint()\n```\n{PARIS}\n", "```py\nprint()\n```", [P]),
    (f"```py\n```\n{PARIS}", "```py\n```", [P]),
    (f"A\n\u2028```\n{PARIS}", "A\n\u2028```", [P]),
    (f"````\n```\n{PARIS}\n```\n````", "````\n```\n```\n````", [P]),
    (f"```\n```py\n{PARIS}\n```\n```\n{NOW}\n```", "```\n```py\n```", [P, N]),
    (f"A\r\n```json\r\n{PARIS}\r\n```\r\n", "A", [P]),
    (f"{PARIS}</tool:{MARK}>\nB", "\nB", [P]),
    (f"B </tool:{MARK}>", "B", []),
    (f"<tool:{MARK}>```json\n" + '{"name":"now"}\n```' + f"</tool:{MARK}>", "", [N]),
    (f"<tool:{MARK}>\n" + '{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}\n' + f"</tool:{MARK} >",
     "", [P]),
    (f'<tool:{MARK} name="get_weather">' + '{"city":"Paris"}' + f"</tool:{MARK}>", "", [P]),
    (f'A <tool:{MARK} id="1">' + '{"name":"now"}' + f"</tool:{MARK}\nB", "A\nB", [N]),
    (f"<tool:{MARK}" + '{"name":"now"}' + f"</tool:{MARK}>", "", [N]),
    (f"<tool:{MARK}>" + '[{"name":"now"},{"name":"get_weather","parameters":{"city":"Paris"}}]' + f"</tool:{MARK}>",
     "", [N, P]),
    (f"<tool:{MARK}>" + '{"name":"now","args":{}}\n' + PARIS, "", [N, P]),
    (call(city="Köln 🦊 \u2028 <b>"), "", [("get_weather", {"city": "Köln 🦊 \u2028 <b>"})]),
    (f"<tool:{MARK}>" + r'{"name":"get_weather","args":{"city":"K\u00f6ln"}}' + f"</tool:{MARK}>",
     "", [("get_weather", {"city": "Köln"})]),
    (call("add", numbers="[1, 2]", exact="true"), "", [("add", {"numbers": [1, 2], "exact": True})]),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "text", "calls"), MARKED)
def test_marked_calls(answer, text, calls):
    assert read(answer) == (text, calls, [])


C = '{"city": "Paris"}'
QUOTED = json.dumps(C)
UNMARKED = [
    f'<tool>{{"name": "get_weather", "args": {C}}}</tool>',
    f'<tool>{{"name": "get_weather", "args": {C},}}</tool>\n',
    f'<tool_call>\n{{"name": "get_weather", "arguments": {C}}}\n</tool_call>\n',
    f'<tool:ffffff>{{"name": "get_weather", "args": {C}}}</tool:ffffff>',
    f'```xml\n<tool>{{"name": "get_weather", "args": {C}}}</tool>\n```',
    f'<function_call>{{"name": "get_weather", "args": {C}}}</function_call>',
    f'{{"tool_calls": [{{"name": "get_weather", "args": {C}}}]}}',
    f'{{"tool_calls": [{{"name": "get_weather", "arguments": {QUOTED}}}]}}',
    f'{{"tool_calls":[{{"id":"c","type":"function","function":{{"name":"get_weather","arguments":{QUOTED}}}}}]}}',
    f'{{"type":"function","function":{{"name":"get_weather","arguments":{C}}}}}',
    f'{{"function":{{"name":"get_weather","arguments":{C}}}}}',
    f' {{"name": "get_weather", "arguments": {C}}} ',
    f'{{"name": "get_weather", "arguments": {QUOTED}}}',
    f'{{"name": "get_weather", "parameters": {C}}}',
    f'{{"name": "get_weather", "args": {C}}}',
    f'{{"name": "get_weather", "args": {C}',
    f'{{"function_call": {{"name": "get_weather", "arguments": {QUOTED}}}}}',
    f'[{{"name": "get_weather", "arguments": {C}}}]',
    f'```json\n{{"name": "get_weather", "arguments": {C}}}\n```',
    f'```json\n{{"name": "get_weather", "arguments": {C}\n```',
    f'```tool_call\n[{{"name": "get_weather", "arguments": {C}}}]\n```\n',
    f'```\n{{"name": "get_weather", "arguments": {C}}}',
    f'<tool_call name="get_weather">{C}</tool_call>',
    f"<function_call name='get_weather'>\n{C}\n</function_call>",
    '<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n</invoke>',
    '<function_calls>\n<invoke name="get_weather"><parameter name="city">Paris</parameter></invoke>\n</function_calls>',
    '<xai:function_call name="get_weather"><parameter name="city">Paris</parameter></xai:function_call>',
    f'<xai:function_call name="get_weather">{C}</xai:function_call>',
]


@pytest.mark.parametrize("answer", UNMARKED)
def test_calls_without_the_mark_are_made_only_where_one_is_forced(answer):
    assert read(answer) == (answer, [], [])
    assert asks(answer)
    assert read(answer, FORCED) == ("", [P], [])


@pytest.mark.parametrize("answer", UNMARKED)
def test_so_it_is_after_words(answer):
    answer = f"Let me look.\n\n{answer}"
    assert read(answer) == (answer, [], [])
    assert asks(answer)
    assert read(answer, FORCED)[1:] == ([P], [])


@pytest.mark.parametrize("answer", UNMARKED)
@pytest.mark.parametrize("form", ["Here: {}", "{}\nThat was it.", "{}.", "- {}"])
def test_calls_without_the_mark_among_text_are_text(answer, form):
    assert read(form.format(answer)) == (form.format(answer), [], [])


@pytest.mark.parametrize("answer", UNMARKED)
def test_calls_without_the_mark_of_a_tool_that_is_not_bound_are_text(answer):
    answer = answer.replace("get_weather", "get_wether")
    assert read(answer) == (answer, [], [])
    assert not asks(answer)
    assert read(answer, FORCED) == (answer, [], [])


def test_several_calls_without_the_mark():
    one = f'<tool>{{"name": "get_weather", "args": {C}}}</tool>'
    two = '<invoke name="now"/>'
    assert read(f"{one}\n{two}", FORCED) == ("", [P, N], [])
    assert read(f"```\n{one}\n```\n```json\n{two}```", FORCED) == ("", [P, N], [])
    assert read(f"<function_calls>{two}{two}</function_calls>", FORCED) == ("", [N, N], [])
    both = f'[{{"name": "now", "args": {{}}}}, {{"name": "get_weather", "args": {C}}}]'
    assert read(both, FORCED) == read(f"[TOOL_CALLS]{both}", FORCED) == ("", [N, P], [])
    for box in (BOX, FORCED):
        assert read(f"{one}\n{PARIS}", box) == (one, [P], [])  # with a marked call, only those count
    assert not asks(f"{one}\n{PARIS}")


@pytest.mark.parametrize(
    "answer",
    [
        f"<function=get_weather>{C}</function>",
        f"[TOOL_CALLS]get_weather{C}",
        f"[TOOL_CALLS] get_weather{C}",
        f"<tool:{MARK[::-1]}>" + f'{{"name": "get_weather", "args": {C}}}</tool:{MARK[::-1]}>',
        f'I call it.\n<tool_call>{{"name": "get_weather", "arguments": {C}}}</tool_call>\nIt is sunny in Paris.',
    ],
)
def test_more_calls_without_the_mark(answer):
    assert read(answer) == (answer, [], [])
    assert asks(answer)
    assert read(answer, FORCED)[1:] == ([P], [])


@pytest.mark.parametrize(
    "answer", ['{"name": "get_weather", "args": {"city": "Par', '<tool_call>{"name": "now", "args"']
)
def test_a_call_without_the_mark_that_cannot_be_read_is_asked_for_too(answer):
    assert read(answer) == (answer, [], [])
    assert asks(answer)
    assert read(answer, FORCED) == ("", [], ["the JSON of a call is malformed"])


@pytest.mark.parametrize("tool", [{**OPENAI, "function": {"name": "now", "description": "<tool:ffffffff>"}}, OPENAI])
def test_a_quotation_of_the_instructions_is_no_call(tool):
    box = toolbox([get_weather, tool])
    text = "\n".join([box.instructions(MARK), *box.examples(MARK)])
    for answer in (text, f"Here they are:\n{text}\nThat is all.", f"```\n{text}\n```"):
        said, calls, faults = read_whole(answer, box)
        assert (calls, faults) == ([], [])
        assert MARK not in said.replace(f'mark="{MARK}"', "")
        assert not any(isinstance(item, Unmarked) for item in feed([answer], box))


def read_whole(answer: str, box: Toolbox) -> Seen:
    whole = seen([answer], box)
    assert seen(list(answer), box) == whole
    return whole


def test_parameters_as_elements_are_read_as_the_schema_says():
    numbers, exact = '<parameter name="numbers">[1, 2]</parameter>', '<parameter name="exact">true</parameter>'
    answer = f'<invoke name="add">{numbers}{exact}</invoke>'
    assert read(answer, FORCED) == ("", [("add", {"numbers": [1, 2], "exact": True})], [])
    letters = '<invoke name="get_weather"><parameter name="city"> <b>&amp; "5"\n</parameter></invoke>'
    assert read(letters, FORCED) == ("", [("get_weather", {"city": ' <b>&amp; "5"\n'})], [])


@pytest.mark.parametrize(
    "answer",
    [
        '<tool>{"name": "get_weather", "args": {"days": 3}}</tool>',
        '<tool:ffffff>{"name": "get_weather"}</tool:ffffff>',
        '{"name": "get_weather", "arguments": {"days": 3}}',
        '{"name": "get_weather", "arguments": "Paris"}',
        '<tool_call name="get_weather">{"days": 3}</tool_call>',
        '<invoke name="get_weather"><parameter name="days">3</parameter></invoke>',
        '<xai:function_call name="get_weather"></xai:function_call>',
    ],
)
def test_a_call_without_the_mark_whose_arguments_do_not_fit(answer):
    assert read(answer) == (answer, [], [])
    text, calls, faults = read(answer, FORCED)
    assert (text, calls) == ("", [])
    assert faults[0].startswith("the arguments of get_weather do not fit: ")


TEXTS = [
    "",
    " \n",
    "Hello  \n",
    "\n\n  Hello",
    "2 < 3 <= 4, a<b, <tools>, <too",
    "<",
    "<div>\n<p>x</p></div>",
    "The format is `<tool>{…}</tool>`.",
    'Write <tool:MARK>{"name": "now"}</tool:MARK> or <tool:ffffff>{"name": "now"}</tool:ffffff>.',
    '<tool:a1b2c4>{"name": "now"}</tool:a1b2c4>',
    '```\n<tool>{"name": "now"}</tool>\nis how\n```',
    'So:\n```xml\n<tool_call>{"name": "now", "arguments": {}}</tool_call>\n```\n',
    '{"name": "Alice", "age": 3}',
    '{"name": "now", "age": 3}',
    '{"name": "now"}',
    '{"name": 3}',
    '{"age": 3, "name": "now"}',
    '{"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}',
    '{"name": "now", "parameters": {"type": "object", "properties": {}}}',
    '{"type": "function", "function": "now"}',
    '{"type": "object"}',
    '{"tool_calls": []}',
    '{"tool_calls": null}',
    '{"tool_calls": [{"name": "now", "args": {}}], "content": "Hi"}',
    '{"name": "now", "args": {"a": "say "hi""}}',
    '{"name": "now", "args": {}}}',
    '{"name": "now", "args": {"a',
    '{"name": "now", "args": {}} {',
    "{",
    "[",
    "[1, 2]",
    "[]",
    "[[1]]",
    '["a"]',
    "{}",
    "```",
    "```json",
    "```json\n",
    "```json\n```",
    "```json\n{}\n```",
    '```python\n{"name": "now", "args": {}}\n```',
    "`<tool>`",
    "``` `x",
    "`" * 40 + "\n",
    "```" + "x" * 80 + "\ny",
    "<tool>",
    "<tool></tool>",
    "<tool>now</tool>",
    '<tool>{"name": "now"}</tool_call>',
    '<tool>{"name": "now"}',
    "</tool>",
    '<invoke name="now"><parameter name="a">1</parameter>x</invoke>',
    '<invoke name="now">[]</invoke>',
    "<function_calls></function_calls>",
    '<toolbox name="now">{}</toolbox>',
]


@pytest.mark.parametrize("answer", TEXTS)
def test_everything_else_is_text_to_the_letter(answer):
    assert read(answer) == (answer, [], [])


@pytest.mark.parametrize("answer", [*TEXTS, *UNMARKED, *(answer for answer, _, _ in MARKED)])
def test_without_tools_or_choice_everything_is_text(answer):
    assert read(answer, toolbox([])) == (answer, [], [])
    assert read(answer, toolbox([get_weather], tool_choice="none")) == (answer, [], [])


def marked(body: str) -> str:
    return f"Well: <tool:{MARK}>{body}</tool:{MARK}> so"


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "get_weather", "args": {"city": "Paris",},}',
        '{"name": "get_weather", "args": {"city": "Paris"}',
        '{"name": "get_weather", "args": {"city": "Paris",}',
    ],
)
def test_json_that_can_be_mended(body):
    assert read(marked(body)) == ("Well: so", [P], [])


def test_line_breaks_and_commas_in_strings_stay():
    body = '{"name": "get_weather", "args": {"city": "a\n,} \\"b",}'
    assert read(marked(body)) == ("Well: so", [("get_weather", {"city": 'a\n,} "b'})], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "the JSON of a call is malformed: Expecting value at character 0"),
        ('{"name": "now", "args": {"a": "say "hi""}}', "malformed"),
        ('{"name": "get_weather", "args": {"city": "Paris', "malformed"),
        ('{"name": "get_weather", "args": {"days": [{"a": 1', "malformed"),
        ('{"name": "now", "args": {}}}', "Extra data"),
        ('{"name": "now", "args": {"a": NaN}}', "NaN is not JSON"),
        ('{"name": "now", "args": ' + "[" * 100_000, "nested too deeply|malformed"),
        ('{"name": "now", "args": ' + '{"a":' * 50_000 + "1" + "}" * 50_001, "nested too deeply"),
        ("[]", '"name" and "args"'),
        ('"now"', '"name" and "args"'),
        ('{"args": {}}', '"name" and "args"'),
        ('{"name": "now", "city": "Paris"}', '"name" and "args"'),
        ('{"args": {"city": "Paris", "name": "get_weather"}', '"name" and "args"'),
        ('{"name": "nów", "args": {}}', 'there is no tool "nów"; the tools are get_weather, add, now'),
        ('{"name": "get_weather", "args": {}}', "of get_weather do not fit: 'city' is a required property"),
        ('{"name": "get_weather"}', "of get_weather do not fit: 'city' is a required property"),
        ('{"name": "add", "args": {"numbers": 1}}', "of add do not fit: numbers must be array, not integer"),
    ],
)
def test_faults(body, reason):
    answer = marked(body)
    text, calls, faults = read(answer) if len(answer) < 1000 else seen([answer[:77], answer[77:]])
    assert (text, calls) == ("Well: so", [])
    assert re.search(reason, faults[0])
    assert "\n" not in faults[0]


def test_what_a_fault_tells():
    found = feed([marked('{"name": "get_weather", "args": {"city": Paris}}')])
    fault = found[1]
    assert fault.name == "get_weather"
    assert fault.raw == '{"name": "get_weather", "args": {"city": Paris}}'


@pytest.mark.parametrize("tag", ["<tool", "<tool:", "<tool:1", "<tool:ffffffff"])
def test_a_piece_of_a_call_at_the_end_is_a_fault_and_no_text(tag):
    for before, text in (("", ""), ("Hi. ", "Hi."), ("Hi.\n```\n", "Hi.")):
        assert read(before + tag) == (text, [], ["a call is unfinished: its closing tag is missing"])
    assert read(f"Hi. {tag} it")[1:] == ([], [])


@pytest.mark.parametrize("tag", ["</tool", "</tool:", "</tool:1", f"</tool:{MARK}"])
def test_a_piece_of_a_closing_tag_at_the_end_is_no_text(tag):
    assert read(f"Hi. {tag}") == ("Hi.", [], [])


@pytest.mark.parametrize("end", range(len("<tool"), len(PARIS)))
def test_an_unfinished_call_is_a_fault_and_no_text(end):
    assert read("Hi. " + PARIS[:end]) == ("Hi.", [], ["a call is unfinished: its closing tag is missing"])


def test_ids_are_unique():
    ids = [item.id for item in feed([NOW * 20])]
    assert len(set(ids)) == 20
    assert all(re.fullmatch("call_[0-9a-f]{24}", given) for given in ids)


def test_deep_arguments():
    deep: Any = "🦊"
    for level in range(100):
        deep = {f"ü{level}": [deep]}
    assert seen(list(call("now", deep=deep))) == ("", [("now", {"deep": deep})], [])


@pytest.mark.parametrize("size", [97, 10_000, 1 << 22])
def test_a_call_that_is_too_long(size):
    def cut(answer: str) -> list[str]:
        return [answer[at : at + size] for at in range(0, len(answer), size)]

    fits = call(city="x" * (LONGEST_CALL - 100))
    assert [name for name, _ in seen(cut(fits))[1]] == ["get_weather"]
    long = call(city="x" * LONGEST_CALL)
    assert seen(cut(f"A {long} B {NOW}")) == ("A B", [N], ["a call is longer than 1 MiB"])
    found = [item for item in feed(cut(long)) if isinstance(item, ToolFault)]
    assert found[0].name == "get_weather"
    assert len(found[0].raw) <= 2000
    assert seen(cut(long[:-3])) == ("", [], ["a call is longer than 1 MiB"])
    unmarked = call(city="x" * LONGEST_CALL, mark="")
    assert seen(cut(unmarked)) == (unmarked, [], [])


# --- what waits, and for how long


def given_at_once(*pieces: str) -> str:
    parser = ToolCallParser(BOX, MARK)
    return "".join(str(item) for piece in pieces for item in parser.feed(piece))


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("Hello", "Hello"),
        ("Hello \n", "Hello"),
        ("Hello <", "Hello"),
        ("Hello <t", "Hello"),
        ("Hello <tool:a1", "Hello"),
        ("Hello <b", "Hello <b"),
        ("Hello <tool:f", "Hello"),
        ("Hello <tool:ffffffff>", "Hello <tool:ffffffff>"),
        ("Hello `x`", "Hello `x`"),
        ("Hello\n```json\n", "Hello"),
        ("Hello\n```json\n{", "Hello\n```json\n{"),
        ("{", ""),
        ('{ "nam', ""),
        ('{"a"', '{"a"'),
        ('{"name": "A"', '{"name": "A"'),
        ('{"name": "now", ', ""),
        ('{"name": "now", "age": 3}', ""),  # to the end, which is near
        ('[{"x"', '[{"x"'),
        ("[1", "[1"),
        ("```python\n", ""),
        ("```python\nx", "```python\nx"),
        ("```json\n[1", "```json\n[1"),
        ("<div", "<div"),
        ("<to", ""),
        ("<tooth", "<tooth"),
        ('<tool>{"name": "now"}</tool>', ""),
    ],
)
def test_text_passes_as_soon_as_it_cannot_be_a_call(answer, given):
    assert given_at_once(*answer) == given_at_once(answer) == given


def test_a_call_is_given_as_soon_as_it_is_whole():
    parser = ToolCallParser(BOX, MARK)
    assert parser.feed(f"Hi. {PARIS[:-1]}") == ["Hi."]
    assert isinstance(parser.feed(">")[0], ToolCall)
    assert parser.feed("\n") == []
    assert parser.flush() == parser.flush() == []


@pytest.mark.parametrize(
    "unit",
    [
        "a <b> c `d`\n", " ", "\n`", "`", "```py\n", "{", '{"name":"now","args":"', "<", "<tool>", "<tool>x<",
        "\\", '"', '<tool>{"name":"now"}</tool>',
        f"<tool:{MARK}>", f"<tool:{MARK}>x<", f"</tool:{MARK}>", '[{"name":"now","args":{}},',
        f"<tool:{MARK}>" + '{"name":"now","args":{"a":"', PARIS,
    ],
)  # fmt: skip
def test_time_is_linear(monkeypatch, unit):
    short, long = (steps(monkeypatch, unit, size) for size in (3_000, 12_000))
    assert long < 5 * short, "four times the text takes four times as many steps, or sixteen where it is not linear"


def steps(monkeypatch, unit, size):
    """What reading takes: the calls of functions, and the characters that are carried from one piece to the next."""
    counted, feed_reader = 0, Reader.feed

    def counting(reader, text):
        nonlocal counted
        feed_reader(reader, text)
        counted += len(reader.text)

    def count(frame, event, argument):
        nonlocal counted
        counted += event in {"call", "c_call"}

    answer = (unit * size)[:size]
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "feed", counting)
        sys.setprofile(count)
        try:
            feed([answer[at : at + 5] for at in range(0, len(answer), 5)])
            feed([answer])
        finally:
            sys.setprofile(None)
    return counted


@pytest.mark.parametrize("again", [1, 3])
def test_a_tag_that_is_begun_twice_is_one(again):
    assert read(f"<tool:{MARK}>\n" * again + PARIS) == ("", [P], [])
    assert read(f"Well: <tool:{MARK}> " * again + f"{PARIS}\n{NOW}")[1] == [P, ("now", {})]
    _, calls, faults = read(f"<tool:{MARK}>\n" * again)
    assert calls == []
    assert len(faults) == 1


# --- properties

WORDS = [
    "Hello",
    "é🦊",
    "a < b",
    "{",
    "}",
    "[",
    '"',
    "\\",
    "`",
    "<",
    ">",
    "tool",
    ":",
    MARK,
    "name",
    "<tool>",
    "</tool>",
]
SPACES = [" ", "\n", "\n\n", "\t", "\r\n", "\u2028"]
FENCES = ["```", "```json\n", "\n```\n", "````", "\n```"]
TAGS = [f"<tool:{MARK}>", f"</tool:{MARK}>", f"<tool:{MARK}", f"</tool:{MARK[:3]}", "<tool:ffffff>", "</tool:ffffff>"]
CALLS = [PARIS, NOW, call("nope"), call(days=3), marked('{"name": "now",}'), marked("{")]
ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=5), max_size=3)
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def answers(*fragments: list[str]) -> st.SearchStrategy[str]:
    choices = [fragment for group in fragments for fragment in group]
    return st.lists(st.sampled_from(choices) | st.text(max_size=4), max_size=10).map("".join)


def cut_up(answer: str, sizes: list[int]) -> list[str]:
    pieces = []
    while answer:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(answer[:size])
        answer = answer[size:]
    return pieces


@settings(max_examples=120, deadline=None)
@given(answers(WORDS, SPACES, FENCES, TAGS, CALLS, UNMARKED), CUTS)
def test_however_it_is_cut_the_outcome_is_the_same(answer: str, sizes: list[int]):
    whole = seen([answer])
    assert seen(cut_up(answer, sizes)) == whole
    assert seen(list(answer)) == whole


@settings(max_examples=150, deadline=None)
@given(answers(["Hello", "a < b", "`x`", "{"], SPACES, FENCES, TAGS[:3], CALLS, UNMARKED), CUTS)
def test_no_piece_of_the_markup_becomes_text(answer: str, sizes: list[int]):
    assert MARK not in seen(cut_up(answer, sizes))[0]


@settings(max_examples=150, deadline=None)
@given(answers(WORDS, SPACES, FENCES, UNMARKED), CUTS)
def test_without_the_mark_it_is_calls_or_text_to_the_letter(answer: str, sizes: list[int]):
    found = feed(cut_up(answer, sizes))
    texts = [item for item in found if isinstance(item, str)]
    if f"tool:{MARK}" not in answer and not re.search(r"<tool(:\w*)?\s*\Z", answer):
        assert "".join(texts) == answer or (found and not texts)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["Hello", "a < b", "<b>", "`x`", "{}", '"', *SPACES, PARIS]), max_size=12), CUTS)
def test_text_around_marked_calls_is_what_a_pattern_says(fragments: list[str], sizes: list[int]):
    answer = "".join(fragments)
    expected = re.sub(rf"\s*<tool:{MARK}>.*?</tool:{MARK}>(?:\s+\Z)?", "", answer)
    calls = [P for fragment in fragments if fragment == PARIS]
    assert seen(cut_up(answer, sizes)) == (expected, calls, [])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4), CUTS)
def test_arguments_come_out_as_they_are(args: dict[str, Any], sizes: list[int]):
    assume(args)  # without any, it may be an example of the instructions
    body = json.dumps({"name": "now", "args": args}, ensure_ascii=False)
    answer = f"Hi <tool:{MARK}>{body}</tool:{MARK}>"
    assert seen(cut_up(answer, sizes)) == ("Hi", [("now", args)], [])
