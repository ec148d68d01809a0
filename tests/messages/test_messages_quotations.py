"""A call that stands in the instructions as an example is made only where it is meant."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolCallParser, Unmarked
from langchain_grokweb.messages.tools.toolbox import Toolbox, toolbox

MARK = "a1b2c3d4"
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS = [WEATHER, {"name": "now"}]


def call(body: str) -> str:
    return f"<tool:{MARK}>{body}</tool:{MARK}>"


EXAMPLE = '{"name": "get_weather", "args": {"city": "Springfield"}}'
NOW = '{"name": "now", "args": {}}'
OTHER = call('{"name": "get_weather", "args": {"city": "Oslo"}}')
INSTRUCTIONS = "You can use tools.\nget_weather(city: string)\nnow()\n"


@pytest.fixture(autouse=True)
def by_example(monkeypatch):
    monkeypatch.setattr(Toolbox, "instructions", lambda _self, _mark: INSTRUCTIONS)
    monkeypatch.setattr(Toolbox, "examples", lambda _self, _mark: [call(EXAMPLE), call(NOW)])


def read(answer: str, *, asked: bool = False, choice: Any = None) -> tuple[str, list[str], bool]:
    """The text with what is held of it, the names of the calls, and whether the model is to be asked."""

    def once(size: int) -> tuple[str, list[str], bool]:
        parser = ToolCallParser(toolbox(TOOLS, tool_choice=choice), MARK, asked=asked)
        pieces = [piece for at in range(0, len(answer), size) for piece in parser.feed(answer[at : at + size])]
        pieces += parser.flush()
        texts = [piece.text if isinstance(piece, Unmarked) else piece for piece in pieces]
        text = "".join(piece for piece in texts if isinstance(piece, str))
        calls = [piece.name for piece in pieces if isinstance(piece, ToolCall)]
        return text, calls, any(isinstance(piece, Unmarked) for piece in pieces)

    whole = once(len(answer))
    assert {repr(once(size)) for size in (1, 3, 7)} == {repr(whole)}
    return whole


@pytest.mark.parametrize(
    ("answer", "text", "calls", "asks"),
    [
        (call(EXAMPLE), EXAMPLE, [], True),
        (call(EXAMPLE.replace(" ", "")), EXAMPLE.replace(" ", ""), [], True),
        (call(EXAMPLE.replace("Springfield", "Paris")), "", ["get_weather"], False),
        (call(NOW), "", ["now"], False),
        (call(NOW) + call(NOW), "", ["now", "now"], False),
        (f"Let me look.\n{call(NOW)}", f"Let me look.\n{NOW}", [], True),
        (f"One writes {call(NOW)} for it.", f"One writes {NOW} for it.", [], False),
        (f"{OTHER}\n{call(NOW)}", "", ["get_weather", "now"], False),
        (f"{call(EXAMPLE)}\n{OTHER}", "", ["get_weather", "get_weather"], False),
        (f"You can use tools.\n{call(NOW)}", f"You can use tools.\n{NOW}", [], False),
        (f"{INSTRUCTIONS}{call(EXAMPLE)}\n{call(NOW)}", f"{INSTRUCTIONS}{EXAMPLE}\n{NOW}", [], False),
    ],
)
def test_an_example_is_a_call_where_it_is_alone_or_stands_with_calls(answer, text, calls, asks):
    assert read(answer) == (text, calls, asks)


@pytest.mark.parametrize("kwargs", [{"asked": True}, {"choice": "any"}, {"choice": "get_weather"}])
def test_an_example_is_a_call_where_it_was_asked_for(kwargs):
    assert read(call(EXAMPLE), **kwargs) == ("", ["get_weather"], False)
    assert read(f"Well.\n{call(EXAMPLE)}", **kwargs) == ("Well.", ["get_weather"], False)
