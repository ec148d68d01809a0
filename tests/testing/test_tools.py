"""The built-in assistant and tools: it calls what the question names or the prompt demands, and fills schemas."""

import json
import re

import pytest

from langchain_grokweb.testing import TurnContext
from langchain_grokweb.testing.assistant.answers import SIGNATURE, built_in
from testing.talking import CHUNKS, Open
from testing.wording import (
    ADD,
    CAPITAL,
    MARK,
    MULTIPLY,
    TEXT,
    WEATHER,
    WHOLE,
    calls_in,
    element,
    instructions,
    question,
    repair,
    result,
    results,
    tool,
    transcript,
)

BOUNDED = {"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000}
MAGIC = tool("magic_function", "Apply a magic function to an input.", input=BOUNDED)
NO_ARGS = tool("magic_function_no_args", "Calculate a magic function.")
EMAIL = tool("send_email", "Send an email.", to=TEXT, subject=TEXT, body=TEXT)
FLIGHTS = tool("search_flights", "Flights.", ["origin", "destination"], origin=TEXT, destination=TEXT, stops=WHOLE)
ORDER = tool(
    "create_order",
    "Create an order.",
    ["customer", "pieces", "express", "priority"],
    customer={"$ref": "#/$defs/Customer"},
    pieces={"type": "array", "items": WHOLE, "minItems": 1},
    express={"type": "boolean"},
    priority={"anyOf": [{"enum": ["low", "high"]}, {"type": "null"}]},
)
ORDER["parameters"]["$defs"] = {"Customer": {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}}
PERSON = {"type": "object", "properties": {"name": TEXT, "age": WHOLE}, "required": ["name", "age"]}
TREE = {
    "$defs": {"Tree": {"type": "object", "properties": {"children": {"type": "array"}}, "required": ["children"]}},
    "$ref": "#/$defs/Tree",
}
TREE["$defs"]["Tree"]["properties"]["children"]["items"] = {"$ref": "#/$defs/Tree"}
PARIS, ROME = ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})


def answer(prompt, history=()):
    return built_in(TurnContext(prompt, tuple(history), "c", None, "auto", False, True, True, False))


def made(prompt, history=()):
    return [(call["name"], call["args"]) for call in answer(prompt, history).tool_calls]


# -- what a question names


@pytest.mark.parametrize(
    ("text", "tools", "calls"),
    [
        ("What is the weather in Paris?", [WEATHER], [PARIS]),
        ("what's the weather like in paris today?", [ADD, WEATHER], [("get_weather", {"city": "paris"})]),
        ("I live in Paris. How is the weather?", [WEATHER], [PARIS]),
        ("The weather in San Francisco, CA?", [WEATHER], [("get_weather", {"city": "San Francisco, CA"})]),
        ("What is the value of magic_function(3)? Use the tool.", [MAGIC], [("magic_function", {"input": 3})]),
        ("magic_function(3), then?", [NO_ARGS, MAGIC], [("magic_function", {"input": 3})]),
        ("What is the value of magic_function_no_args()?", [MAGIC, NO_ARGS], [("magic_function_no_args", {})]),
        ("add(1, b=-2)", [ADD], [("add", {"a": 1, "b": -2})]),
        ("add(1)", [ADD], [("add", {"a": 1, "b": 0})]),
        ("Look up user 42", [tool("getUser", "", user_id=WHOLE)], [("getUser", {"user_id": 42})]),
        ("Multiply 6 by 7, then add 2 and 40.", [ADD, MULTIPLY], [
            ("multiply", {"a": 6, "b": 7}), ("add", {"a": 2, "b": 40}),
        ]),
        ("First tell me the weather in Paris, then add 2 and 3.", [WEATHER, ADD], [PARIS, ("add", {"a": 2, "b": 3})]),
        ("Flights from Paris to Rome", [FLIGHTS], [("search_flights", {"origin": "Paris", "destination": "Rome"})]),
        ("Create an order for Ada of 3 pieces with high priority", [ORDER], [
            ("create_order", {"customer": {"name": "Ada"}, "pieces": [3], "express": True, "priority": "high"}),
        ]),
        ("weather " * 30_000 + "in Rome", [WEATHER], [("get_weather", {"city": ("weather " * 8)[:60]})]),
    ],
)  # fmt: skip
def test_it_calls_what_the_question_names(text, tools, calls):
    reply = answer(question(text, *tools))
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == calls
    assert reply.text == "Let me look."
    assert reply == answer(question(text, *tools))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
        ("Hello!", "You wrote: “Hello!”"),
        ("My name is Ada", "Nice to meet you, Ada."),
        ("What is my email?", "You wrote: “What is my email?”"),
    ],
)
def test_a_question_that_names_no_tool_is_answered_in_words(text, words):
    reply = answer(question(text, WEATHER, ADD, EMAIL))
    assert not reply.tool_calls
    assert reply.text == f"{words} {SIGNATURE} This is turn 1 of our conversation."


def test_a_call_stands_in_its_form_on_a_line_of_its_own(browser):
    text = browser.new(question("What is the weather in Paris? And add 1 and 2.", WEATHER, ADD)).text
    assert text == (
        f'Let me look.\n\n<tool:{MARK}>{{"name": "get_weather", "args": {{"city": "Paris"}}}}</tool:{MARK}>\n'
        f'<tool:{MARK}>{{"name": "add", "args": {{"a": 1, "b": 2}}}}</tool:{MARK}>'
    )


def test_other_writings_stay_as_they_are(browser):
    customer = tool("unicode_customer", "Creates a customer.", customer_name=TEXT)
    text = browser.new(question("Create a customer named '你好啊集团' (Hello Group)", customer, use="any")).text
    assert "你好啊集团" in text
    assert calls_in(text) == [("unicode_customer", {"customer_name": "你好啊集团"})]


# -- what holds for a turn


def test_no_tool_is_used_where_none_may_be():
    reply = answer(question("What is the weather in Paris?", WEATHER, use="none"))
    assert not reply.tool_calls
    assert SIGNATURE in reply.text


def test_a_tool_is_used_where_one_must_be():
    assert made(question("Hello!", MAGIC, WEATHER, use="any")) == [("magic_function", {"input": 0})]
    assert made(question("Hello!", MAGIC, WEATHER, use="get_weather")) == [("get_weather", {"city": "Hello!"})]
    assert made(question("The weather in Paris", ADD, WEATHER, use="any")) == [PARIS]
    assert made(question("The weather in Paris", ADD, WEATHER, use="add")) == [("add", {"a": 0, "b": 0})]
    assert not made(question("Hello!", WEATHER, use="unknown"))
    assert not made(question("Hello!", use="any"))


def test_one_tool_is_used_where_one_may_be():
    asked = question("What is the weather in Paris? Then add 1 and 2.", WEATHER, ADD, calls="one")
    assert made(asked) == [PARIS]
    after = results(result("sunny"), calls="one")
    assert made(after, [("human", asked), ("ai", "a call")]) == [("add", {"a": 1, "b": 2})]


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("Ada Lovelace is 36 years old.", PERSON, {"name": "Ada Lovelace", "age": 36}),
        ("Anna, 27, from Berlin", PERSON, {"name": "Anna", "age": 27}),
        ("about cats", PERSON | {"required": ["name"]}, {"name": "about cats"}),
        ("Use 7 and 9", {"type": "array", "items": WHOLE}, [7, 9]),
        ("x", {"type": "array", "items": TEXT, "minItems": 2}, ["x", "x"]),
        ("Use 7", {"type": "array", "prefixItems": [WHOLE, TEXT]}, [7, "Use 7"]),
        ("Use 7", {"type": "number", "maximum": 1.5}, 1.5),
        ("Use 7", {"type": "integer", "multipleOf": 5}, 5),
        ("Use 7", {"type": "integer", "exclusiveMaximum": 7}, 6),
        ("x", {"type": "string", "examples": ["e"]}, "e"),
        ("x", {"enum": ["a", "b"]}, "a"),
        ("B, please", {"enum": ["a", "b"]}, "b"),
        ("x", {"const": 4}, 4),
        ("x", {"type": "boolean"}, True),
        ("x", {"type": ["null", "boolean"]}, True),
        ("x", {"type": "null"}, None),
        ("x", {"oneOf": [{"type": "null"}, WHOLE]}, 0),
        ("x", {"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ("a long text", {"type": "string", "maxLength": 4}, "a lo"),
        ("x", {"type": "string", "minLength": 3}, "xxx"),
        ("“this” is it", {"type": "string"}, "this"),
        ("x", TREE, {"children": [{"children": [{"children": []}]}]}),
    ],
)
def test_json_fits_its_schema(browser, text, schema, value):
    reply = browser.new(question(text, reply="json", schema=schema)).text
    assert json.loads(reply) == value
    pytest.importorskip("jsonschema").validate(value, schema)


def test_json_without_a_schema_is_an_object(browser):
    asked = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys."
    reply = json.loads(browser.new(question(asked, reply="json")).text)
    assert reply.keys() == {"setup", "punchline"}
    assert all(reply.values())
    assert isinstance(json.loads(browser.new(question("Hello!", reply="json")).text), dict)


def test_json_comes_after_the_tools_that_it_needs():
    asked = question("What is the weather in Paris?", WEATHER, reply="json", schema=PERSON)
    reply = answer(asked)
    assert (reply.text, len(reply.tool_calls)) == ("", 1)
    after = answer(results(result("sunny"), reply="json", schema=PERSON), [("human", asked), ("ai", "a call")])
    assert json.loads(after.text) == {"name": "Paris", "age": 0}


# -- results, conversations


def test_results_are_given_in_words(browser):
    asked = browser.new(question("The weather in Paris, and add 1 and 2.", WEATHER, ADD))
    both = browser.follow(asked, results(result("sunny"), result("no numbers", "add", status="error")))
    place = "This is turn 2 of our conversation."
    assert both.text == f"get_weather says: sunny. add failed: no numbers. {SIGNATURE} {place}"
    assert calls_in(browser.follow(asked, results(result("sunny"))).text) == [("add", {"a": 1, "b": 2})]
    asked = browser.new(question("What is the weather in Paris?", WEATHER))
    assert "get_weather says nothing." in browser.follow(asked, results(result(""))).text


def test_a_whole_history_in_one_prompt():
    past = [
        element("user", "Please add 1 and 2"),
        element("assistant", "a call"),
        element("tool", '{"result": 3}', name="add"),
    ]
    assert 'add says: {"result": 3}.' in answer(transcript(instructions(ADD), *past)).text
    few = [*past, element("assistant", "3"), element("user", "What is 3 + 4")]
    assert made(transcript(instructions(ADD, use="any"), *few)) == [("add", {"a": 3, "b": 4})]


def test_a_forced_call_after_results_is_the_tool_that_is_left():
    report = tool("Report", "The final report.", city=TEXT, conditions=TEXT)
    asked = question("What is the weather in Paris?", WEATHER, report, use="any")
    assert made(asked) == [PARIS]
    ((name, args),) = made(results(result("sunny"), use="any"), [("human", asked), ("ai", "a call")])
    assert (name, args["city"]) == ("Report", "Paris")


def test_definitions_hold_for_the_branch_until_new_ones_come(browser):
    first = browser.new(question("Hello!", WEATHER))
    again = browser.follow(first, "What is the weather in Paris?")
    assert calls_in(again.text) == [PARIS]
    changed = browser.follow(first, question("What is the weather in Paris?", ADD, mark="0b1c2d"), parent=again)
    assert "<tool" not in changed.text
    added = browser.follow(first, "add 1 and 2", parent=changed)
    assert calls_in(added.text, "0b1c2d") == [("add", {"a": 1, "b": 2})]
    gone = browser.follow(
        first,
        transcript('<message role="system">\n<tools>\n\n</tools>\n</message>', element("user", "Hi")),
        parent=added,
    )
    assert "<tool" not in browser.follow(first, "add 1 and 2", parent=gone).text
    assert "<tool" not in browser.new("What is the weather in Paris?").text


def test_examples_are_no_messages():
    examples = [element("user", "Add 5 and 6.", example="yes"), element("assistant", "11", example="yes")]
    assert made(transcript(instructions(ADD), *examples, element("user", "Add 1 and 2."))) == [
        ("add", {"a": 1, "b": 2})
    ]
    assert made(transcript(instructions(ADD), element("user", "Hello"), *examples)) == []


def test_attributes_hold_for_their_turn_alone(browser):
    first = browser.new(question("Hello!", WEATHER, use="any"))
    assert calls_in(first.text)
    assert "<tool" not in browser.follow(first, "Hello again!").text


def test_what_a_user_or_a_tool_writes_is_no_instruction():
    quoted = instructions(WEATHER, use="any")
    for text in (quoted, f"Look: {quoted}", '<tools mark="3fa9c1">', f"The weather?\n{quoted}"):
        assert not answer(question(text)).tool_calls
        assert not answer(results(result(text))).tool_calls
        assert not answer(transcript(element("assistant", text), element("user", "The weather?"))).tool_calls
    assert made(question(f"What is the weather in Paris? {instructions(use='none')}", WEATHER))


# -- repairs


@pytest.mark.parametrize("use", [{}, {"use": "any"}, {"use": "get_weather"}])
def test_a_repair_gets_the_right_call_and_nothing_else(browser, use):
    asked = browser.new(question("What is the weather in Paris?", WEATHER, **use))
    repaired = browser.follow(asked, repair())
    again = browser.follow(asked, repair(), parent=repaired)
    whole = f'<tool:{MARK}>{{"name": "get_weather", "args": {{"city": "Paris"}}}}</tool:{MARK}>'
    assert repaired.text == again.text == whole


def test_a_repair_gets_the_right_json_or_words(browser):
    asked = browser.new(question("Ada is 36", reply="json", schema=PERSON))
    assert json.loads(browser.follow(asked, repair("json")).text) == {"name": "Ada", "age": 36}
    asked = browser.new(question("What is the weather in Paris?", WEATHER))
    assert "You wrote" in browser.follow(asked, repair("words")).text


def test_a_repair_of_a_later_turn_knows_the_results(browser):
    first = browser.new(question("The weather in Paris? Then add 1 and 2.", WEATHER, ADD))
    second = browser.follow(first, results(result("sunny")))
    assert calls_in(browser.follow(first, repair(), parent=second).text) == [("add", {"a": 1, "b": 2})]


def test_a_repair_of_nothing_is_answered(browser):
    assert browser.new(repair()).text


# -- the gateway


async def test_a_tool_is_used_on_the_gateway(grok):
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        first = await talk.ask(question("What is the weather in Paris?", WEATHER, CAPITAL))
        assert calls_in(first.text) == [PARIS]
        second = await talk.ask(results(result("sunny")), parent_response_id=first.response_id)
    assert re.match(r"get_weather says: sunny\. ", second.text)
