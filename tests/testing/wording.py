"""Prompts by docs/prompt-format.md, with no sentence of the client's; and a reader of the calls that come back."""

import json
import re

MARK = "3fa9c1"
SENTENCE = "What a model reads, and no program."


def element(role, text, **attributes):
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    escaped = re.sub(r"<(?=/?(?:message|tool|reply_schema))", "&lt;", text)
    return f'<message role="{role}"{given}>\n{escaped}\n</message>'


def transcript(*elements):
    return "\n".join([SENTENCE, *elements])


def instructions(*tools, mark=MARK, schema=None, **attributes):
    """The element of the system that offers these tools, and says what holds for this turn."""
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    parts = [f'<message role="system"{given}>', SENTENCE]
    if tools:
        definitions = [json.dumps(tool, separators=(",", ":"), ensure_ascii=False) for tool in tools]
        parts += [f'<tools mark="{mark}">', *definitions, "</tools>"]
    if schema is not None:
        parts += ["<reply_schema>", json.dumps(schema), "</reply_schema>"]
    return "\n".join([*parts, "</message>"])


def question(text, *tools, **held):
    """A prompt with these tools, what holds for the turn, and this question."""
    head = [instructions(*tools, **held)] if tools or held else []
    return transcript(*head, element("user", text))


def result(text, name="get_weather", **attributes):
    return element("tool", text, name=name, call_id="call_1", **attributes)


def results(*elements, **held):
    return transcript(*([instructions(**held)] if held else []), *elements)


def repair(kind="call"):
    return instructions(repair=kind)


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
