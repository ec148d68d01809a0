"""Every sentence of the client's prompts can be reworded, and the emulator still does what is planned and asked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_grokweb import GrokWebToolCallError
from langchain_grokweb.messages import prompt_format

_WORD = re.compile(r"\{[a-z]+\}|\b[A-Za-z']+\b")  # what is filled in stays


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def sentences() -> dict[str, str]:
    return {
        name: value
        for name, value in vars(prompt_format).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str)
    }


@pytest.fixture(autouse=True)
def _reworded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sentence in sentences().items():
        other = _WORD.sub(lambda word: word[0] if word[0].startswith("{") else "lorem", sentence)
        monkeypatch.setattr(prompt_format, name, other)


@pytest.fixture
def prompts(grok: Any) -> Any:
    """Check, after the test, that no prompt of it holds a word of ours."""
    yield
    for turn in grok.turns:
        words = words_of_ours(turn.prompt)
        assert set(words) <= {"lorem"}, turn.prompt


def words_of_ours(prompt: str) -> list[str]:
    """The words outside of what is marked: none of a lone message, and of a repair not its reasons."""
    if "<message " not in prompt or " repair=" in prompt:
        return [word for word in ("answer", "Write", "corrected") if word in prompt]
    for marked in (
        r'<message role="(?!system).*?</message>',
        r"<tools.*?</tools>",
        r"<reply_(schema|example)>.*?</reply_\1>",
        r"</?message.*?>",
        "[0-9a-f]{6,}",  # the mark
        "get_weather|A person|Person",
        "Be brief",
    ):
        prompt = re.sub(marked, "", prompt, flags=re.DOTALL)
    return re.findall(r"[A-Za-z]{2,}", prompt)


PARIS = [{"name": "get_weather", "args": {"city": "Paris"}}]


def calls(message: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in message.tool_calls]


@pytest.mark.usefixtures("prompts")
def test_planned_calls_come_out(grok, model):
    bound = model.bind_tools([get_weather, add])
    grok.reply("Let me look.", tool_calls=[*PARIS, {"name": "add", "args": {"a": 1, "b": 2}}])
    messages: list[Any] = [SystemMessage("Be brief."), HumanMessage("Hi")]
    messages.append(bound.invoke(messages))
    assert calls(messages[-1]) == [("get_weather", {"city": "Paris"}), ("add", {"a": 1, "b": 2})]
    assert messages[-1].text.strip() == "Let me look."
    for call, text in zip(messages[-1].tool_calls, ("sunny", "3"), strict=True):
        messages.append(ToolMessage(text, tool_call_id=call["id"], name=call["name"]))
    grok.reply(tool_calls=PARIS)
    messages.append(bound.invoke(messages))
    assert calls(messages[-1]) == [("get_weather", {"city": "Paris"})]
    messages.append(ToolMessage("sunny", tool_call_id=messages[-1].tool_calls[0]["id"], name="get_weather"))
    assert "get_weather says: sunny." in bound.invoke(messages).text


@pytest.mark.usefixtures("prompts")
@pytest.mark.parametrize("slip", ["broken_json", "wrong_args", "wrong_name"])
def test_a_call_is_repaired(grok, model, slip):
    grok.reply(tool_calls=PARIS, slip=slip)
    grok.reply(tool_calls=PARIS)
    assert calls(model.bind_tools([get_weather]).invoke("Hi")) == [("get_weather", {"city": "Paris"})]
    grok.reply(tool_calls=PARIS, slip=slip)
    assert calls(model.bind_tools([get_weather]).invoke("The weather in Oslo?")) == [("get_weather", {"city": "Oslo"})]
    assert len(grok.turns) == 4


@pytest.mark.usefixtures("prompts")
@pytest.mark.parametrize("choice", ["any", "get_weather"])
def test_a_forced_call_comes(grok, model, choice):
    bound = model.bind_tools([get_weather, add], tool_choice=choice)
    assert [name for name, _ in calls(bound.invoke("Hello!"))] == ["get_weather"]
    for _ in range(2):
        grok.reply("No.")
    with pytest.raises(GrokWebToolCallError):
        bound.invoke("Hello!")


@pytest.mark.usefixtures("prompts")
def test_no_call_comes_where_none_may_and_one_where_one_may(grok, model):
    question = "The weather in Paris? And add 1 and 2."
    assert calls(model.bind_tools([get_weather, add], tool_choice="none").invoke(question)) == []
    assert len(calls(model.bind_tools([get_weather, add], parallel_tool_calls=False).invoke(question))) == 1
    assert "<tool:" in grok.turns[-1].text


@pytest.mark.usefixtures("prompts")
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_json_comes_and_is_repaired(grok, model, method):
    chain = model.with_structured_output(Person, method=method)
    assert chain.invoke("Ada is 36 years old.") == Person(name="Ada", age=36)
    grok.reply('{"name": "Ada"}')
    assert chain.invoke("Ada is 36 years old.") == Person(name="Ada", age=36)
    assert len(grok.turns) == 3
    message = model.bind(response_format={"type": "json_object"}).invoke("Hello!")
    assert isinstance(json.loads(message.text), dict)


@pytest.mark.usefixtures("prompts")
def test_tools_that_are_gone_are_not_called(grok, model):
    messages: list[Any] = [HumanMessage("Hello!")]
    messages.append(model.bind_tools([get_weather]).invoke(messages))
    messages.append(HumanMessage("What is the weather in Paris?"))
    assert model.invoke(messages).tool_calls == []
    assert "<tool:" not in grok.turns[-1].text
