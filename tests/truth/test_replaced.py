"""What LangChain makes of an answer that the site replaced: structured output, tools, retries, fallbacks, events."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebAnswerReplacedError, GrokWebInterruptedError
from tests.clock import HANG_SECONDS

WIRES = ("rest", "gateway")
STREAMED, FINAL = "Take this.", "Do not take this."
STEPS = [s.Text("Take "), s.Text("this."), s.Seen(), s.Final(FINAL)]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture(params=WIRES)
def on(request) -> str:
    return str(request.param)


def play(server: ScriptedServer, on: str, *steps: s.Step) -> None:
    server.play((rest if on == "rest" else gateway).script(steps or STEPS))


def model(server: ScriptedServer, on: str, **settings: Any) -> ChatGrokWeb:
    common = {"model": "fast", "max_retries": 0, "timeout": HANG_SECONDS, "stream_event_timeout": HANG_SECONDS}
    return ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=on, **common, **settings)


def turns(server: ScriptedServer) -> int:
    return sum(request.name in {"turn", "socket"} for request in server.requests)


def read(server: ScriptedServer, chunks: Iterator[Any]) -> str:
    """The text of a stream; the server continues when all that was streamed was seen."""
    text = ""
    for chunk in chunks:
        text += chunk.text
        if text == STREAMED:
            server.speak()
    return text


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return city


def as_call(city: str) -> str:
    return json.dumps({"name": "get_weather", "args": {"city": city}})


def test_the_error_goes_through_a_pickle_whole_and_shows_no_text(server, on):
    play(server, on)
    with pytest.raises(GrokWebAnswerReplacedError) as raised:
        read(server, model(server, on).stream("Hi"))
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.answer, again.partial) == (raised.value.answer, raised.value.partial)
    assert FINAL not in str(raised.value)
    assert STREAMED not in str(raised.value)


def test_a_conversation_continues_from_the_answer_of_the_error(server, on):
    play(server, on)
    with pytest.raises(GrokWebAnswerReplacedError) as raised:
        read(server, model(server, on).stream("Hi"))
    play(server, on, s.Text("Good."), s.Final("Good."))
    model(server, on).invoke([HumanMessage("Hi"), raised.value.answer, HumanMessage("Why?")])
    if on == "rest":
        assert server.asked("turn")[0].json["parentResponseId"] == s.ANSWER
    else:
        asked = [frame["event"] for frame in server.frames if frame["event"]["type"] == "conversation.item.create"]
        assert asked[0]["parent_response_id"] == s.ANSWER


def test_structured_output_is_that_of_the_final_text(server, on):
    play(server, on, s.Text('{"name": "Ada", '), s.Text('"age": 3}'), s.Final('{"name": "Eva", "age": 36}'))
    structured = model(server, on).with_structured_output(Person)
    assert structured.invoke("Who?") == Person(name="Eva", age=36)
    assert turns(server) == 1


def test_structured_output_that_is_out_ends_in_the_error(server, on):
    play(server, on, s.Text('{"name": "Ada", '), s.Seen(), s.Text('"age": 3}'), s.Final('{"name": "Eva", "age": 36}'))
    seen = []
    with pytest.raises(GrokWebAnswerReplacedError) as raised:
        for value in model(server, on).with_structured_output(Person.model_json_schema()).stream("Who?"):
            seen.append(value)
            server.speak()
    assert json.loads(raised.value.answer.text) == {"name": "Eva", "age": 36}
    assert all(value["name"] == "Ada" for value in seen if "name" in value)
    assert turns(server) == 1


def test_a_call_is_that_of_the_final_text(server, on):
    play(server, on, s.Text(as_call("Paris")), s.Final(as_call("Rome")))
    message = model(server, on).bind_tools([get_weather], tool_choice="any").invoke("Weather?")
    assert [call["args"] for call in message.tool_calls] == [{"city": "Rome"}]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert turns(server) == 1


def test_a_stream_makes_no_call_of_two(server, on):
    play(server, on, s.Text(as_call("Paris")), s.Final(as_call("Rome")))
    bound = model(server, on).bind_tools([get_weather], tool_choice="any")
    chunks: list[Any] = []
    contradiction: GrokWebAnswerReplacedError | None = None
    try:
        chunks.extend(bound.stream("Weather?"))
    except GrokWebAnswerReplacedError as error:
        contradiction = error
    out = [json.loads(entry["args"]) for chunk in chunks for entry in chunk.tool_call_chunks]
    if contradiction is None:
        assert out == [{"city": "Rome"}]
    else:  # where the first was out before the second came
        assert [call["args"] for call in contradiction.partial.tool_calls] == [{"city": "Paris"}]
        assert [call["args"] for call in contradiction.answer.tool_calls] == [{"city": "Rome"}]


def test_sources_stand_in_the_final_text(server):
    tag = '<grok:render card_id="a1b2c3" card_type="citation_card" type="render_inline_citation"></grok:render>'
    steps = [s.Text("Paris"), s.Citation("https://example.com/a"), s.Text(" is big.")]
    play(server, "rest", *steps, s.Final(f"London{tag} is big."))
    message = model(server, "rest").invoke("Hi")
    assert message.text == "London is big."
    (source,) = message.additional_kwargs["citations"]
    assert (source["url"], source["start_index"]) == ("https://example.com/a", 6)


def test_a_stop_sequence_in_the_final_text(server, on):
    play(server, on, s.Text("One "), s.Text("two."), s.Final("One 2. STOP Three."))
    assert model(server, on, stop=["STOP"]).invoke("Hi").text == "One 2. "


def test_a_stop_sequence_before_the_final_text_ends_the_turn(server, on):
    play(server, on, s.Text("One STOP "), s.Seen(), s.Final("Two."))
    message = model(server, on, stop=["STOP"]).invoke("Hi")
    assert message.text == "One "
    assert "replaced" not in message.response_metadata["grokweb"]


# --- around it


def test_no_retry_and_no_fallback_where_the_whole_answer_is_asked_for(server, on):
    play(server, on, s.Text("Take "), s.Text("this."), s.Final(FINAL))
    fallback = RunnableLambda(lambda _: AIMessage("Fallback."))
    chain = model(server, on).with_retry(stop_after_attempt=3).with_fallbacks([fallback])
    assert chain.invoke("Hi").text == FINAL
    assert turns(server) == 1


def test_a_fallback_does_not_follow_words_that_are_out(server, on):
    play(server, on)
    fallback = RunnableLambda(lambda _: AIMessageChunk("Fallback."))
    shown = ""
    with pytest.raises(GrokWebAnswerReplacedError):
        for chunk in model(server, on).with_fallbacks([fallback]).stream("Hi"):
            shown += chunk.text
            if shown == STREAMED:
                server.speak()
    assert shown == STREAMED


async def test_invoke_that_streams_inside_ends_as_a_stream_does(server, on):
    play(server, on)
    text = ""
    with pytest.raises(GrokWebAnswerReplacedError) as raised:
        async for event in model(server, on).astream_events("Hi", version="v2"):
            if event["event"] == "on_chat_model_stream":
                text += event["data"]["chunk"].text
                if text == STREAMED:
                    server.speak()
    assert (raised.value.partial.text, raised.value.answer.text) == (STREAMED, FINAL)


async def test_a_stream_that_is_left_before_the_final_text_stops_the_turn(server, on):
    play(server, on)
    begun = asyncio.Event()

    async def read_on() -> None:
        async for chunk in model(server, on).astream("Hi"):
            if chunk.text:
                begun.set()

    task = asyncio.create_task(read_on())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(server.asked("stop")) == 1


def test_batch_gives_each_its_final_text(server, on):
    play(server, on, s.Text("Take "), s.Text("this."), s.Final(FINAL))
    assert [message.text for message in model(server, on).batch(["Hi", "Ho"])] == [FINAL, FINAL]


@pytest.mark.parametrize("version", [None, "v1"])
def test_both_output_versions_hold_the_final_text(server, on, version):
    play(server, on, s.Text("Take "), s.Text("this."), s.Final(FINAL))
    message = model(server, on, output_version=version).invoke("Hi")
    assert message.text == FINAL
    assert [block["text"] for block in message.content_blocks if block["type"] == "text"] == [FINAL]


def test_an_answer_of_a_second_turn_is_compared_with_its_own_text(server):
    """The repair of JSON is a turn of its own, and so is its final text."""
    bad, good = '{"name": "Ada"}', '{"name": "Ada", "age": 36}'
    replies = [
        Reply(rest.body([s.Text(bad), s.Final(bad)])),
        Reply(rest.body([s.Text('{"name": "Ada", "age": 3'), s.Text("}"), s.Final(good)])),
    ]
    server.play(Script({"turn": replies}))
    assert model(server, "rest").with_structured_output(Person).invoke("Who?") == Person(name="Ada", age=36)
    assert turns(server) == 2


def test_an_error_after_the_first_word_carries_it(server, on):
    play(server, on, s.Text("Take "), s.Error("usage_limit_reached", s.USAGE_LIMIT, "FATAL"))
    with pytest.raises(Exception, match="limit") as raised:
        model(server, on).invoke("Hi")
    assert not isinstance(raised.value, GrokWebInterruptedError)
    assert raised.value.partial.text == "Take "
    assert raised.value.partial.response_metadata["grokweb"]["interrupted"] is True
