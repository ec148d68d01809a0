"""How a client asks for tools in words, typed from what it promises; and a reader of the calls that come back."""

import json
import re

MARK = "3fa9c1"
PREAMBLE = "A conversation follows; answer its last message.\n"
NEVER = "Do not use a tool in this turn."
ANY = "You must use at least one of the tools in this turn: answer with a call."
ONE = "Use at most one tool in this turn."
JSON = "Answer with one JSON object and nothing else, without a code fence."


def named(name):
    return f"You must use the tool {name} in this turn: answer with its call."


def fitting(schema):
    return (
        "Answer with one JSON value and nothing else, without a code fence. It must fit this JSON schema: "
        + json.dumps(schema)
    )


def element(role, text, **attributes):
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    escaped = text.replace("<message", "&lt;message").replace("<tool_call", "&lt;tool_call")
    return f'<message role="{role}"{given}>\n{escaped}\n</message>'


def transcript(*elements):
    return PREAMBLE + "\n".join(elements)


def instructions(*tools, mark=MARK):
    return element(
        "system",
        f"""You can use tools. To use one, write its call in exactly this form, on a line of its own:
<tool:{mark}>{{"name": "TOOL", "args": {{ARGUMENTS}}}}</tool:{mark}>
The JSON must be complete and fit the tool's parameters. Write several calls one after another if you need several.
Write nothing after the calls: the results come with the next message. Never make up a result, and use this form for \
calls alone.
The tools, one a line:
"""
        + "\n".join(json.dumps(tool, separators=(",", ":"), ensure_ascii=False) for tool in tools),
    )


def question(text, *tools, notes=(), mark=MARK):
    """A prompt with these tools, these notes and this question."""
    head = [instructions(*tools, mark=mark)] if tools else []
    return transcript(*head, *(element("system", note) for note in notes), element("user", text))


def result(text, name="get_weather", **attributes):
    return element("tool", text, name=name, call_id="call_1", **attributes)


def results(*elements, notes=()):
    return transcript(*(element("system", note) for note in notes), *elements)


def repair(*faults, mark=MARK):
    last = "Write the corrected JSON, and nothing else."
    if mark:
        last = f"""Write the corrected call(s) in the form
<tool:{mark}>{{"name": …, "args": …}}</tool:{mark}>, and nothing else."""
    return "Your last answer could not be used: \n" + "\n".join(faults) + "\n" + last


def tool(name, description="", required=None, /, **properties):
    parameters = {"type": "object", "properties": properties, "required": required or []}
    if required is None:
        parameters["required"] = list(properties)
    return {"name": name, "description": description, "parameters": parameters}


def calls_in(text, mark=MARK):
    """The calls of an answer, as (name, args)."""
    found = re.findall(rf"^<tool:{mark}>(.*)</tool:{mark}>$", text, re.MULTILINE)
    return [(call["name"], call["args"]) for call in map(json.loads, found)]


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
WEATHER = tool("get_weather", "Get the current weather in a city.", city=TEXT)
CAPITAL = tool("capital_of", "The capital of a country.", country=TEXT)
ADD = tool("add", "Add two numbers.", a=WHOLE, b=WHOLE)
MULTIPLY = tool("multiply", "Multiply two numbers.", a=WHOLE, b=WHOLE)
