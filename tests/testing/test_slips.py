"""Planned calls: in the form of the prompt, gone wrong where that is planned, an error where they cannot be given."""

import pytest

from langchain_grokweb.testing import GrokEmulator, PlanError, Reply
from testing.asking import Browser
from testing.talking import CHUNKS, Open
from testing.wording import MARK, WEATHER, calls_in, question, repair

PARIS = ("get_weather", {"city": "Paris"})
CALLS = [{"name": "get_weather", "args": {"city": "Paris"}}]
INNER = '{"name": "get_weather", "args": {"city": "Paris"}}'
CALL = f"<tool:{MARK}>{INNER}</tool:{MARK}>"
BEFORE = "Hm.\n\n"
ADA = '{"name": "Ada", "age": 36}'
ARGUMENTS = '"{\\"city\\": \\"Paris\\"}"'
KINDS = sorted(GrokEmulator.slips())
ASKED = question("What is the weather in Paris?", WEATHER)


def test_planned_calls_come_in_the_form_of_the_prompt(grok, browser):
    grok.reply("One moment.", tool_calls=[*CALLS, {"name": "?", "args": 7}])
    asked = browser.new(question("Hello!", WEATHER))
    assert asked.text == f'One moment.\n\n{CALL}\n<tool:{MARK}>{{"name": "?", "args": 7}}</tool:{MARK}>'
    grok.reply(tool_calls=[{"name": "höhe", "args": {}}])
    assert browser.follow(asked, "And?").text == f'<tool:{MARK}>{{"name": "höhe", "args": {{}}}}</tool:{MARK}>'
    grok.reply(tool_calls=CALLS)
    assert browser.follow(asked, repair()).text == CALL


@pytest.mark.parametrize(
    ("kind", "text"),
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
        ("no_mark", f"<tool>{INNER}</tool>"),
    ],
)
def test_a_call_goes_wrong(grok, browser, kind, text):
    grok.reply("Hm.", tool_calls=CALLS, slip=kind)
    asked = browser.new(ASKED)
    assert asked.text == text
    assert browser.follow(asked, repair()).text == CALL


def test_words_around_after_and_instead(grok, browser):
    grok.reply(tool_calls=CALLS, slip="prose_around")
    text = browser.new(ASKED).text
    assert calls_in(text) == [PARIS]
    assert not text.startswith("<")
    assert not text.endswith(CALL)
    grok.reply(tool_calls=CALLS, slip="made_up_result")
    call, _, invented = browser.new(ASKED).text.partition("\n")
    assert (call, "sunny" in invented) == (CALL, True)
    grok.reply("Hm.", tool_calls=CALLS, slip="refusal")
    text = browser.new(ASKED).text
    assert "cannot" in text
    assert "<" not in text


def test_a_call_over_many_frames(grok, browser):
    grok.reply("Hm.", tool_calls=CALLS, slip="many_frames")
    tokens = [token for token in browser.new(ASKED).members("token") if token]
    assert tokens[-len(CALL) :] == list(CALL)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("wrong_name", '{"name_value": "Ada", "age_value": 36}'),
        ("broken_json", ADA[:-1]),
        ("fenced", f"```json\n{ADA}\n```"),
        ("many_frames", ADA),
        ("wrong_args", '{"age": 36}'),
        ("no_mark", f"<json>{ADA}</json>"),
        ("xml", f'<tool_call name="json">{ADA}</tool_call>'),
    ],
)
def test_json_goes_wrong(grok, browser, kind, text):
    grok.reply(ADA, slip=kind)
    assert browser.new("Ada?").text == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_with_something_else(grok, browser, kind):
    grok.reply(tool_calls=CALLS, slip=kind)
    grok.reply(ADA, slip=kind)
    texts = [browser.new(ASKED).text, browser.new("Ada?").text]
    assert all(texts)
    assert [texts[0] == CALL, texts[1] == ADA] == [kind == "many_frames"] * 2
    assert GrokEmulator.slips()[kind]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"text": "{}", "slip": "rude"}, "No slip is called 'rude'; there are: broken_json, "),
        ({"text": "words", "slip": "fenced"}, "slip='fenced' needs tool calls, or a text that is JSON"),
    ],
)
def test_what_cannot_be_is_refused(grok, how, reason):
    for plan in (grok.reply, Reply):
        with pytest.raises(ValueError, match=reason):
            plan(**how)


async def test_a_call_goes_wrong_on_the_gateway(grok):
    grok.reply("Hm.", tool_calls=CALLS, slip="many_frames")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        answer = await talk.ask(ASKED)
    assert answer.text == f"{BEFORE}{CALL}"
    assert "<" in [chunk["text"]["text"] for chunk in answer.chunks("text")]


# -- calls that cannot be given


OFFERS_NO_TOOLS = (
    "tool calls get_weather was planned, but neither the prompt nor the conversation before it offers tools"
)


@pytest.mark.parametrize("slip", [None, "openai"])
def test_planned_calls_where_no_tools_are_offered_are_an_error_of_the_test(grok, browser, slip):
    grok.reply("Hm.", tool_calls=CALLS, slip=slip)
    answer = browser.new("Hello!")
    assert "internalError" in answer.members("error")[0]
    assert OFFERS_NO_TOOLS in answer.text
    with pytest.raises(PlanError, match=OFFERS_NO_TOOLS):
        _ = grok.turns
    assert len(grok.turns) == 1


def test_such_an_error_is_raised_when_the_emulator_ends():
    with pytest.raises(PlanError, match=OFFERS_NO_TOOLS), GrokEmulator() as grok:
        grok.reply(tool_calls=CALLS)
        browser = Browser(grok)
        browser.new("Hello!")
        browser.http.close()


def test_such_an_error_is_raised_when_the_emulator_is_reset(grok, browser):
    grok.reply(tool_calls=CALLS)
    browser.new("Hello!")
    with pytest.raises(PlanError, match=OFFERS_NO_TOOLS):
        grok.reset()
    grok.reset()
    assert grok.turns == []
