"""Calls and JSON that go wrong because they were told to, and planned calls."""

import json

import pytest

from langchain_grokweb.testing import GrokEmulator, Reply
from testing.talking import CHUNKS, Open
from testing.wording import (
    MARK,
    TEXT,
    WEATHER,
    WHOLE,
    calls_in,
    fitting,
    question,
    repair,
    result,
    results,
)

PERSON = {"type": "object", "properties": {"name": TEXT, "age": WHOLE}, "required": ["name", "age"]}
PARIS = ("get_weather", {"city": "Paris"})
INNER = '{"name": "get_weather", "args": {"city": "Paris"}}'
CALL = f"<tool:{MARK}>{INNER}</tool:{MARK}>"
BEFORE = "Let me look.\n\n"
ADA = '{"name": "Ada", "age": 36}'
ARGUMENTS = '"{\\"city\\": \\"Paris\\"}"'
KINDS = sorted(GrokEmulator.misbehaviours())


def weather(text="What is the weather in Paris?"):
    return question(text, WEATHER)


def person():
    return question("Ada is 36", notes=[fitting(PERSON)])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wrong_name", f"{BEFORE}{CALL.replace('get_weather', 'get_weather_tool')}"),
        ("broken_json", f"{BEFORE}{CALL.replace('}}', '')}"),
        ("fenced", f"{BEFORE}```json\n{CALL}\n```"),
        (
            "openai",
            '{"tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": '
            + ARGUMENTS
            + "}}]}",
        ),
        ("openai_function", '{"function_call": {"name": "get_weather", "arguments": ' + ARGUMENTS + "}}"),
        ("xml", '<tool_call name="get_weather">{"city": "Paris"}</tool_call>'),
        (
            "xai",
            '<xai:function_call name="get_weather"><parameter name="city">Paris</parameter></xai:function_call>',
        ),
        ("many_frames", f"{BEFORE}{CALL}"),
        ("wrong_args", f"{BEFORE}{CALL}".replace('"city": "Paris"', "")),
        ("two_calls", f"{BEFORE}{CALL}\n{CALL}"),
        ("no_mark", f"<tool>{INNER}</tool>"),
    ],
)
def test_a_call_goes_wrong(grok, browser, kind, said):
    grok.misbehave(kind)
    asked = browser.new(weather())
    assert asked.text == said
    assert browser.follow(asked, repair("It was wrong")).text == CALL


def test_words_around_behind_and_instead(grok, browser):
    grok.misbehave("prose_around")
    said = browser.new(weather()).text
    assert calls_in(said) == [PARIS]
    assert not said.startswith(f"{BEFORE}<tool")
    assert not said.endswith(CALL)
    grok.misbehave("made_up_result")
    call, _, invented = browser.new(weather()).text.removeprefix(BEFORE).partition("\n")
    assert (call, "sunny" in invented) == (CALL, True)
    grok.misbehave("refusal")
    assert "cannot" in (said := browser.new(weather()).text)
    assert "<" not in said
    grok.misbehave("quoted_markup")
    said = browser.new(weather()).text
    assert "<tool:" in said
    assert MARK not in said


def test_a_call_over_many_frames(grok, browser):
    grok.misbehave("many_frames")
    tokens = [token for token in browser.new(weather()).members("token") if token]
    assert tokens[-len(CALL) :] == list(CALL)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wrong_name", '{"name_value": "Ada", "age_value": 36}'),
        ("broken_json", ADA[:-1]),
        ("fenced", f"```json\n{ADA}\n```"),
        ("many_frames", ADA),
        ("wrong_args", '{"age": 36}'),
        ("two_calls", f"{ADA}\n{ADA}"),
        ("no_mark", f"<json>{ADA}</json>"),
        ("xml", f'<tool_call name="json">{ADA}</tool_call>'),
    ],
)
def test_json_goes_wrong(grok, browser, kind, said):
    grok.misbehave(kind)
    asked = browser.new(person())
    assert asked.text == said
    assert browser.follow(asked, repair("It was wrong", mark=None)).text == ADA


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_with_something_else(grok, browser, kind):
    right = [browser.new(weather()), browser.new(person())]
    grok.misbehave(kind, times=2)
    wrong = [browser.new(weather()), browser.new(person())]
    if kind == "many_frames":
        assert [one.text for one in wrong] == [one.text for one in right]
    else:
        assert all(one.text != other.text for one, other in zip(wrong, right, strict=True))
    assert browser.new(person()).text == ADA


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_does_without_instructions(grok, browser, kind):
    grok.misbehave(kind)
    grok.reply(tool_calls=[{"name": "f", "args": {"a": 1}}])
    assert browser.new("Hi").text
    grok.reply('{"a": 1}', slip=kind)
    assert browser.new("Hi").text


def test_it_misbehaves_as_often_as_it_was_told_to(grok, browser):
    grok.misbehave("no_mark", times=2)
    grok.misbehave("xml")
    answers = [browser.new(weather()).text for _ in range(4)]
    assert [text[:10] for text in answers] == ['<tool>{"na', '<tool>{"na', "<tool_call", "Let me loo"]


def test_words_use_no_misbehaviour_up(grok, browser):
    grok.misbehave("no_mark")
    asked = browser.new(question("Hello!", WEATHER))
    grok.reply('{"not": "asked for"}')
    assert browser.follow(asked, results(result("sunny"))).text == '{"not": "asked for"}'
    assert browser.follow(asked, weather()).text == f"<tool>{INNER}</tool>"


def test_reset_forgets_misbehaviours(grok, browser):
    grok.misbehave("refusal", times=9)
    grok.reset()
    assert calls_in(browser.new(weather()).text) == [PARIS]


def test_what_cannot_be_is_refused(grok):
    for refused in (lambda: grok.misbehave("rude"), lambda: grok.reply("x", slip="rude"), lambda: Reply(slip="rude")):
        with pytest.raises(ValueError, match="No misbehaviour is called 'rude'; there are: broken_json, fenced, "):
            refused()
    with pytest.raises(ValueError, match="times=0"):
        grok.misbehave("fenced", times=0)
    assert all(GrokEmulator.misbehaviours().values())


# -- planned calls


def test_planned_calls_come_in_the_form_that_was_asked_for(grok, browser):
    grok.reply("One moment.", tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}}, {"name": "?", "args": 7}])
    asked = browser.new(question("Hello!", WEATHER))
    assert asked.text == f'One moment.\n\n{CALL}\n<tool:{MARK}>{{"name": "?", "args": 7}}</tool:{MARK}>'
    grok.reply(tool_calls=[{"name": "höhe", "args": {}}])
    assert browser.follow(asked, "And?").text == f'<tool:{MARK}>{{"name": "höhe", "args": {{}}}}</tool:{MARK}>'


def test_planned_calls_without_instructions_are_fenced_json(grok, browser):
    calls = [{"name": "f", "args": {}}]
    grok.reply("Hm.", tool_calls=calls)
    text, _, block = browser.new("Hello!").text.partition("\n\n")
    assert text == "Hm."
    assert json.loads(block.removeprefix("```json\n").removesuffix("\n```")) == {"tool_calls": calls}


def test_a_planned_call_can_slip(grok, browser):
    grok.misbehave("refusal")
    grok.reply("Hm.", tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}}], slip="fenced")
    assert browser.new(question("Hello!", WEATHER)).text == f"Hm.\n\n```json\n{CALL}\n```"
    assert "cannot" in browser.new(weather()).text


async def test_a_call_goes_wrong_on_the_gateway(grok):
    grok.misbehave("many_frames")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        said = await talk.ask(weather())
    assert said.text == f"{BEFORE}{CALL}"
    texts = [chunk["text"]["text"] for chunk in said.chunks("text")]
    assert "<" in texts
