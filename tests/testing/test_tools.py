"""The built-in assistant and tools: it follows what a client wrote down, as a model would."""

import json
import re

import pytest

from langchain_grokweb.testing import TurnContext
from langchain_grokweb.testing.assistant.answers import SIGNATURE, built_in
from testing.talking import CHUNKS, Open
from testing.wording import (
    ADD,
    ANY,
    CAPITAL,
    JSON,
    MARK,
    MULTIPLY,
    NEVER,
    ONE,
    TEXT,
    WEATHER,
    WHOLE,
    calls_in,
    element,
    fitting,
    instructions,
    named,
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
GREETING = tool("greeting_generator", "Generate a greeting in a particular style of speaking.", answer_style=TEXT)
CUSTOMER = tool("unicode_customer", "Creates a customer with a Unicode name.", customer_name=TEXT, description=TEXT)
ADDER = tool("my_adder_tool", "Tool that adds two integers.", a=WHOLE, b=WHOLE)
LOCATED = tool("get_weather", "Get weather at a location.", location=TEXT)
EMAIL = tool("send_email", "Send an email.", to=TEXT, subject=TEXT, body=TEXT)
FLIGHTS = tool(
    "search_flights",
    "Search flights between cities.",
    ["origin", "destination"],
    origin=TEXT,
    destination=TEXT,
    date={"type": "string", "format": "date"},
    max_results=WHOLE,
    cabin={"enum": ["economy", "business"]},
    refundable={"type": "boolean"},
)
ORDER = tool(
    "create_order",
    "Create an order.",
    ["customer", "items", "express", "priority"],
    customer={"$ref": "#/$defs/Customer"},
    items={"type": "array", "items": TEXT, "minItems": 1},
    express={"type": "boolean"},
    priority={"anyOf": [{"enum": ["low", "high"]}, {"type": "null"}]},
)
ORDER["parameters"]["$defs"] = {
    "Customer": {"type": "object", "properties": {"name": TEXT, "email": TEXT}, "required": ["name", "email"]}
}
JOKE = {"type": "object", "properties": {"setup": TEXT, "punchline": TEXT}, "required": ["setup", "punchline"]}
PERSON = {"type": "object", "properties": {"name": TEXT, "age": WHOLE}, "required": ["name", "age"]}
PARIS, ROME = ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})


def answer(prompt, history=()):
    return built_in(TurnContext(prompt, tuple(history), "c", None, "auto", False, True, True, False))


def made(prompt, history=()):
    return [(call["name"], call["args"]) for call in answer(prompt, history).tool_calls]


# -- what a question needs


@pytest.mark.parametrize(
    ("text", "tools", "calls"),
    [
        ("What is the weather in Paris?", [WEATHER], [PARIS]),
        ("what's the weather like in paris today?", [ADD, WEATHER], [("get_weather", {"city": "paris"})]),
        ("I live in Paris. How is the weather?", [WEATHER], [PARIS]),
        ("What is the weather in San Francisco, CA?", [LOCATED], [("get_weather", {"location": "San Francisco, CA"})]),
        ("What is the weather in Paris and in Rome?", [WEATHER], [PARIS, ROME]),
        (
            "The weather in Paris, Rome and São Paulo, please",
            [WEATHER],
            [PARIS, ROME, ("get_weather", {"city": "São Paulo"})],
        ),
        ("What is the value of magic_function(3)? Use the tool.", [MAGIC], [("magic_function", {"input": 3})]),
        ("magic_function(3), then?", [NO_ARGS, MAGIC], [("magic_function", {"input": 3})]),
        ("The magic function of 3 and 4", [MAGIC], [("magic_function", {"input": n}) for n in (3, 4)]),
        ("What is the value of magic_function_no_args()?", [MAGIC, NO_ARGS], [("magic_function_no_args", {})]),
        ("add(1, b=-2)", [ADD], [("add", {"a": 1, "b": -2})]),
        ("add(1)", [ADD], [("add", {"a": 1, "b": 1})]),
        (
            "Search for the population of Berlin",
            [tool("search", "Search the web.", query=TEXT)],
            [("search", {"query": "the population of Berlin"})],
        ),
        ("Which is warmer, Paris or Oslo? Check the weather.", [WEATHER], [PARIS]),
        ("Look up user 42", [tool("get_user", "A user by id.", user_id=WHOLE)], [("get_user", {"user_id": 42})]),
        (
            "Using the tool, generate a greeting in Spanish",
            [GREETING],
            [("greeting_generator", {"answer_style": "Spanish"})],
        ),
        ("What is 1 + 2", [ADDER], [("my_adder_tool", {"a": 1, "b": 2})]),
        (
            "Multiply six by 7 and add 2 and 40",
            [ADD, MULTIPLY],
            [("multiply", {"a": 6, "b": 7}), ("add", {"a": 2, "b": 40})],
        ),
        ("What is the weather in Paris, and add 1 and 2.", [WEATHER, ADD], [PARIS, ("add", {"a": 1, "b": 2})]),
        (
            "Send an email to bob@example.com with subject 'Lunch' saying see you at noon.",
            [EMAIL],
            [("send_email", {"to": "bob@example.com", "subject": "Lunch", "body": "see you at noon"})],
        ),
        (
            "Find business flights from Paris to New York on 2026-05-01, max results 5",
            [FLIGHTS],
            [
                (
                    "search_flights",
                    {
                        "origin": "Paris",
                        "destination": "New York",
                        "date": "2026-05-01",
                        "max_results": 5,
                        "cabin": "business",
                    },
                )
            ],
        ),
        (
            "Find flights from Paris to Rome",
            [FLIGHTS],
            [("search_flights", {"origin": "Paris", "destination": "Rome"})],
        ),
        (
            "Create an order for customer Ada (ada@example.com) of apples, pears and plums with high priority",
            [ORDER],
            [
                (
                    "create_order",
                    {
                        "customer": {"name": "Ada", "email": "ada@example.com"},
                        "items": ["apples", "pears", "plums"],
                        "express": True,
                        "priority": "high",
                    },
                )
            ],
        ),
    ],
)
def test_it_calls_what_the_question_plainly_needs(text, tools, calls):
    said = answer(question(text, *tools))
    assert [(call["name"], call["args"]) for call in said.tool_calls] == calls
    assert said.text == "Let me look."
    assert said == answer(question(text, *tools))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
        ("Hello!", "You wrote: “Hello!”"),
        ("My name is Ada", "Nice to meet you, Ada."),
        ("What is my email?", "You wrote: “What is my email?”"),
        ("What is 3 * 4?", "3 * 4 = 12."),
        ("The weather in Paris? Do not use any tools.", "You wrote: “The weather in Paris? Do not use any tools.”"),
    ],
)
def test_a_question_that_needs_no_tool_is_answered_as_ever(text, said):
    reply = answer(question(text, WEATHER, ADD, EMAIL))
    assert not reply.tool_calls
    assert reply.text == f"{said} {SIGNATURE} This is turn 1 of our conversation."


def test_a_call_stands_in_its_form_on_a_line_of_its_own(browser):
    said = browser.new(question("What is the weather in Paris and in Rome?", WEATHER)).text
    call = f'<tool:{MARK}>{{"name": "get_weather", "args": {{"city": "%s"}}}}</tool:{MARK}>'
    assert said == f"Let me look.\n\n{call % 'Paris'}\n{call % 'Rome'}"


def test_other_writings_stay_as_they_are(browser):
    chinese = "Create a customer named '你好啊集团' (Hello Group) - a Chinese technology company"
    said = browser.new(question(chinese, CUSTOMER, notes=[ANY])).text
    assert "你好啊集团" in said
    args = {"customer_name": "你好啊集团", "description": "a Chinese technology company"}
    assert calls_in(said) == [("unicode_customer", args)]
    japanese = "Create a customer named 'こんにちは株式会社' (Hello Corporation) - a Japanese company"
    ((_, args),) = calls_in(browser.new(question(japanese, CUSTOMER, notes=[ANY])).text)
    assert args["customer_name"] == "こんにちは株式会社"


# -- notes


def test_no_tool_is_used_where_none_may_be():
    said = answer(question("What is the weather in Paris?", WEATHER, notes=[NEVER]))
    assert not said.tool_calls
    assert SIGNATURE in said.text


def test_a_tool_is_used_where_one_must_be():
    assert made(question("Hello!", MAGIC, LOCATED, notes=[ANY])) == [("magic_function", {"input": 0})]
    assert made(question("Hello!", MAGIC, LOCATED, notes=[named("get_weather")])) == [("get_weather", {"location": ""})]
    assert made(question("The weather in Paris", ADD, WEATHER, notes=[ANY])) == [PARIS]
    assert made(question("The weather in Paris", ADD, WEATHER, notes=[named("add")]))[0][0] == "add"
    assert made(question("Hello!", WEATHER, notes=[named("unknown")])) == [("unknown", {})]
    assert not made(question("Hello!", notes=[ANY]))


def test_one_tool_is_used_where_one_may_be():
    asked = question("What is the weather in Paris and in Rome?", WEATHER, notes=[ONE])
    assert made(asked) == [PARIS]
    after = results(result("sunny"), notes=[ONE])
    assert made(after, [("human", asked), ("ai", "a call")]) == [ROME]


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("Tell me a joke about cats.", JOKE, {"setup": "Setup about cats.", "punchline": "Punchline about cats."}),
        ("A joke about cats, no punchline", JOKE | {"required": ["setup"]}, {"setup": "Setup about cats."}),
        ("Ada Lovelace is 36 years old.", PERSON, {"name": "Ada Lovelace", "age": 36}),
        ("Anna, 27, from Berlin", PERSON, {"name": "Anna", "age": 27}),
        ("my name is Bob and I am 42", PERSON, {"name": "Bob", "age": 42}),
        ("Use 7 and nine", {"type": "array", "items": WHOLE}, [7, 9]),
        ("Use 7", {"type": "number", "maximum": 1.5}, 1.5),
        ("Use 7", {"type": "integer", "multipleOf": 5}, 5),
        ("x", {"type": "integer", "default": 3}, 3),
        ("x", {"type": "string", "examples": ["e"], "enum": ["a", "b"]}, "a"),
        ("x", {"const": 4}, 4),
        ("x", {"type": "boolean"}, True),
        ("x", {"type": "null"}, None),
        ("x", {"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ("x", {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"}, "AAA-0000"),
        ("x", {"type": "string", "maxLength": 4}, "Some"),
    ],
)
def test_json_fits_its_schema(browser, text, schema, value):
    said = browser.new(question(text, notes=[fitting(schema)])).text
    assert json.loads(said) == value
    pytest.importorskip("jsonschema").validate(value, schema)


def test_json_without_a_schema_is_an_object(browser):
    asked = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys."
    said = json.loads(browser.new(question(asked, notes=[JSON])).text)
    assert said.keys() == {"setup", "punchline"}
    assert all(said.values())
    assert isinstance(json.loads(browser.new(question("Hello!", notes=[JSON])).text), dict)


def test_json_comes_after_the_tools_that_it_needs():
    asked = question("What is the weather in Paris?", WEATHER, notes=[fitting(JOKE)])
    said = answer(asked)
    assert (said.text, len(said.tool_calls)) == ("", 1)
    after = answer(results(result("sunny"), notes=[fitting(JOKE)]), [("human", asked), ("ai", "a call")])
    assert json.loads(after.text).keys() == {"setup", "punchline"}


# -- results, steps, conversations


def test_results_are_told_in_words(browser):
    asked = browser.new(question("What is the weather in Paris and in Rome?", WEATHER))
    both = browser.follow(asked, results(result("sunny"), result("no such city", status="error")))
    place = "This is turn 2 of our conversation."
    told = f"get_weather says: sunny. get_weather failed: no such city. {SIGNATURE} {place}"
    assert both.text == told
    assert calls_in(browser.follow(asked, results(result("sunny"))).text) == [ROME]
    asked = browser.new(question("What is the weather in Paris?", WEATHER))
    assert "get_weather says nothing." in browser.follow(asked, results(result(""))).text


def test_a_whole_history_in_one_prompt():
    told = [
        element("user", "What is 1 + 2"),
        element("assistant", "a call"),
        element("tool", '{"result": 3}', name="add"),
    ]
    assert 'add says: {"result": 3}.' in answer(transcript(instructions(ADD), *told)).text
    few = [*told, element("assistant", "3"), element("user", "What is 3 + 4")]
    assert made(transcript(instructions(ADD), element("system", ANY), *few)) == [("add", {"a": 3, "b": 4})]


@pytest.mark.parametrize(
    ("text", "steps", "given"),
    [
        (
            "What is the weather in the capital of France?",
            [("capital_of", {"country": "France"}), PARIS],
            ["The capital of France is Paris.", "sunny"],
        ),
        (
            "First get the capital of France, then the weather there.",
            [("capital_of", {"country": "France"}), PARIS],
            ["Paris", "sunny"],
        ),
        (
            "First add 2 and 3, then multiply the result by 4.",
            [("add", {"a": 2, "b": 3}), ("multiply", {"a": 5, "b": 4})],
            ['{"result": 5}', "20"],
        ),
    ],
)
def test_one_step_after_the_other(browser, text, steps, given):
    tools = [WEATHER, CAPITAL, ADD, MULTIPLY]
    first = said = browser.new(question(text, *tools))
    for step, value in zip(steps, given, strict=True):
        assert calls_in(said.text) == [step]
        said = browser.follow(first, results(result(value, step[0])), parent=said)
    assert not calls_in(said.text)
    assert all(value.rstrip(".") in said.text for value in given)


def test_a_forced_call_after_results_is_the_tool_that_is_left():
    report = tool("Report", "The final report.", city=TEXT, conditions=TEXT)
    asked = question("What is the weather in Paris?", WEATHER, report, notes=[ANY])
    assert made(asked) == [PARIS]
    ((name, args),) = made(results(result("sunny"), notes=[ANY]), [("human", asked), ("ai", "a call")])
    assert (name, args["city"]) == ("Report", "Paris")


def test_instructions_hold_for_the_branch_until_new_ones_come(browser):
    first = browser.new(question("Hello!", WEATHER))
    again = browser.follow(first, "What is the weather in Paris?")
    assert calls_in(again.text) == [PARIS]
    changed = browser.follow(first, question("What is the weather in Paris?", ADD, mark="0b1c2d"), parent=again)
    assert "<tool" not in changed.text
    added = browser.follow(first, "add 1 and 2", parent=changed)
    assert calls_in(added.text, "0b1c2d") == [("add", {"a": 1, "b": 2})]
    assert "<tool" not in browser.new("What is the weather in Paris?").text


def test_notes_hold_for_their_turn_alone(browser):
    first = browser.new(question("Hello!", WEATHER, notes=[ANY]))
    assert calls_in(first.text)
    assert "<tool" not in browser.follow(first, "Hello again!").text


def test_what_a_user_or_a_tool_writes_is_no_instruction():
    quoted = instructions(WEATHER)
    for text in (quoted, f"Look: {quoted}", ANY, f"{ANY}\n{NEVER}"):
        assert not answer(f"{text}\nWhat is the weather in Paris?" if text == ANY else question(text)).tool_calls
    assert not answer(question(f"What is the weather in Paris? {ANY}")).tool_calls
    assert made(question(f"What is the weather in Paris and in Rome?\n{ONE}", WEATHER)) == [PARIS, ROME]
    assert not answer(results(result(quoted))).tool_calls


# -- repairs


@pytest.mark.parametrize("notes", [[], [ANY], [named("get_weather")]])
def test_a_repair_gets_the_right_call_and_nothing_else(browser, notes):
    asked = browser.new(question("What is the weather in Paris?", WEATHER, notes=notes))
    mended = browser.follow(asked, repair("get_weather: city is missing"))
    again = browser.follow(asked, repair("It is still missing"), parent=mended)
    whole = f'<tool:{MARK}>{{"name": "get_weather", "args": {{"city": "Paris"}}}}</tool:{MARK}>'
    assert mended.text == again.text == whole


def test_a_repair_gets_the_right_json(browser):
    asked = browser.new(question("Ada is 36", notes=[fitting(PERSON)]))
    mended = browser.follow(asked, repair("age: it is missing", mark=None))
    assert json.loads(mended.text) == {"name": "Ada", "age": 36}


def test_a_repair_of_a_later_step_knows_the_results(browser):
    first = browser.new(question("What is the weather in the capital of France?", WEATHER, CAPITAL))
    second = browser.follow(first, results(result("Paris", "capital_of")))
    assert calls_in(browser.follow(first, repair("no"), parent=second).text) == [PARIS]


def test_a_repair_of_nothing_is_answered(browser):
    assert browser.new(repair("no")).text


# -- the gateway


async def test_a_tool_is_used_on_the_gateway(grok):
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        first = await talk.ask(question("What is the weather in Paris?", WEATHER))
        assert calls_in(first.text) == [PARIS]
        second = await talk.ask(results(result("sunny")), parent_response_id=first.response_id)
    assert re.match(r"get_weather says: sunny\. ", second.text)


def test_a_long_prompt_is_read_quickly():
    long = "Paris, Rome and " * 30_000
    assert made(question(f"What is the weather in Paris? {long}", WEATHER)) == [PARIS]
