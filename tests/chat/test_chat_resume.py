"""An answer whose stream breaks off is whole all the same, or there is an error that says why not."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from paths import PATHS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebConnectionError,
    GrokWebInterruptedError,
    GrokWebTimeoutError,
)
from langchain_grokweb.testing import GrokEmulator

CITED = {"url": "https://e.com/paris", "title": "Paris", "after": "capital"}
LONG: dict[str, Any] = {
    "text": "Paris 🗼 is the capital, “the city of light” to many.",
    "reasoning": [{"header": "A map", "summary": "In the north."}, {"header": "Sure", "summary": "Yes."}],
    "search": [
        {"query": "capital", "results": [{"url": CITED["url"], "title": CITED["title"], "snippet": "A city."}]},
    ],
    "citations": [CITED, {"url": "https://x.com/a/status/1", "after": "light"}],
    "images": ["a tower"],
    "tool_calls": [{"name": "get_weather", "args": {"city": "Zürich 🏔"}}],
}
COUNT = "One two three four five six seven eight nine ten."
CHAT = "/rest/app-chat/conversations"
RECONNECT = f"{CHAT}/reconnect-response-v2"


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return city


@pytest.fixture(scope="module")
def groks() -> Iterator[dict[str, GrokEmulator]]:
    """Emulators that tell a running answer again, or go on from the cut."""
    with GrokEmulator(chunk_size=None) as replay, GrokEmulator(chunk_size=None, reconnect="continue") as goes_on:
        yield {"replay": replay, "continue": goes_on}


@pytest.fixture
def grok(groks) -> GrokEmulator:
    grok = groks["replay"]
    grok.reset()
    return grok


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def comparable(message: AIMessage) -> dict[str, Any]:
    """What two runs of one answer have in common: the service gives ids anew each time."""
    kwargs = {key: value for key, value in message.additional_kwargs.items() if key != "image_previews"}
    link = {
        key: value
        for key, value in message.response_metadata["grokweb"].items()
        if not key.endswith(("_id", "_hash", "account"))
    }
    found = {
        "text": message.text,
        "calls": [(call["name"], call["args"]) for call in message.tool_calls],
        **kwargs,
        "finish_reason": message.response_metadata.get("finish_reason"),
        **link,
    }
    return json.loads(UUID.sub("an id", json.dumps(found, sort_keys=True)))


def told(message: dict[str, Any], mode: str) -> dict[str, Any]:
    """What is the same wherever an answer is cut: where it only continues, a line break of the reasoning
    may be missing, a picture's tool and size are not sent again, and pictures may come before the text."""
    if mode == "replay":
        return message
    tools = [{key: found for key, found in used.items() if key in {"name", "args"}} for used in message["server_tools"]]
    images = [image["url"] for image in message["images"]]
    reasoning = "".join(message["reasoning_content"].split())
    rest = {key: value for key, value in message.items() if key != "order"}
    return {**rest, "reasoning_content": reasoning, "server_tools": tools, "images": images}


def ask(model: Any, way: str = "ainvoke") -> dict[str, Any]:
    message = comparable(PATHS[way](model, "What is the capital of France?"))
    del message["tools_salt"]  # each conversation has its own
    return message


@pytest.mark.parametrize(
    ("over", "mode", "name", "step"),
    [
        ("rest", "replay", "auto", 1),
        ("rest", "replay", "grok-3", 1),
        ("gateway", "replay", "auto", 1),
        ("rest", "continue", "auto", 3),
        ("rest", "continue", "grok-3", 4),
        ("gateway", "continue", "auto", 4),
    ],
)
def test_cut_at_every_frame(groks, over, mode, name, step):
    grok = groks[mode]
    grok.reset()
    settings: dict[str, Any] = {"base_url": grok.base_url, "cookies": grok.cookies, "transport": over, "model": name}
    model = ChatGrokWeb(**settings).bind_tools([get_weather])
    grok.reply(**LONG)
    whole = ask(model)
    ways = itertools.cycle(["ainvoke", "astream", "ainvoke", "invoke", "ainvoke", "stream"])
    for after in itertools.count(step=step):
        before = len(grok.requests)
        grok.reply(**LONG, fault=f"cut:{after}")
        got = ask(model, next(ways))
        asked = [request.path for request in grok.requests[before:]]
        assert len(asked) <= 4, asked
        if not any("response-node" in path for path in asked):
            break  # the answer is shorter than that: nothing but its title and suggestions may be missing
        assert told(got, mode) == told(whole, mode), after
    assert {**whole, **got} == whole
    assert after > 30
    assert grok.stops == []
    assert {turn.status for turn in grok.turns} == {"finished"}


def asked(grok: GrokEmulator, what: str) -> int:
    return sum(what in request.path for request in grok.requests)


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize(("fault", "then"), [("cut", "active"), ("reset", "finished")])
def test_by_every_path(grok, model, way, fault, then):
    grok.reply(COUNT, reasoning="Counting.")
    grok.fault(fault, after=9, then=then)
    message = PATHS[way](model, "Count.")
    assert (message.text, message.additional_kwargs["reasoning_content"]) == (COUNT, "Counting.")
    assert "interrupted" not in message.response_metadata["grokweb"]
    assert len(grok.turns) == 1


@pytest.mark.wire("rest")
@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("mode", ["replay", "continue"])
def test_a_line_that_is_cut_within_a_character(groks, fault, mode):
    grok = groks[mode]
    grok.reset()
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="rest")
    for after in (2, 4, 5):
        grok.reply("Paris 🗼 is “it”.")
        grok.fault(fault, after=after, torn=True)
        assert model.invoke("Hi").text == "Paris 🗼 is “it”."


@pytest.mark.parametrize("after", [1, 5, 9])
def test_cut_again_while_it_is_picked_up(grok, model, after):
    grok.reply(COUNT, fault="cut:8")
    grok.fault("cut", times=2, after=after, path=RECONNECT)
    assert model.invoke("Count.").text == COUNT
    assert asked(grok, "response-node") <= 3


def test_the_gateway_reads_stored_text_by_a_get_and_the_endpoint_by_a_post_where_it_may(grok, make_model, wire):
    def read_by() -> list[str]:
        paths = [f"{one.method} {one.path.rsplit('/', 1)[1]}" for one in grok.requests]
        return [path for path in paths if path in {"POST load-responses", "GET responses"}]

    grok.reply(COUNT)
    grok.fault("cut", after=9, then="finished")
    assert make_model().invoke("Count.").text == COUNT
    assert read_by() == ["POST load-responses" if wire == "rest" else "GET responses"]
    grok.reset()
    grok.reply(COUNT)
    grok.fault("cut", after=9, then="finished")
    grok.fault("anti_bot", path=f"{CHAT}/*/load-responses")
    assert make_model().invoke("Count.").text == COUNT
    assert read_by()[-1] == "GET responses"


def test_an_answer_that_is_over_when_its_stream_is_to_be_taken_up(grok, model):
    grok.reply(COUNT, fault="cut:8")
    grok.fault("server_error", status=502, path=RECONNECT)
    grok.fault("server_error", status=503, path=f"{CHAT}/*/response-node")
    assert model.invoke("Count.").text == COUNT
    assert asked(grok, "response-node") == 3


@pytest.mark.parametrize("after", [1, 6, 12, 17, 24])
def test_all_of_an_answer_that_is_over_is_in_what_is_stored(grok, make_model, after):
    model = make_model(model="auto").bind_tools([get_weather])
    grok.reply(**LONG)
    whole = ask(model)
    grok.reply(**LONG)
    grok.fault("cut", after=after, then="finished")
    got = ask(model)
    assert asked(grok, "reconnect") == 0
    for part in ("text", "calls", "reasoning_content", "citations", "images"):
        assert got[part] == whole[part], part
    search, *_ = got["server_tools"]
    assert (search["name"], search["output"]) == ("web_search", whole["server_tools"][0]["output"])


@pytest.mark.parametrize("way", PATHS)
def test_an_answer_that_is_lost(grok, model, way):
    grok.reply(COUNT)
    grok.fault("cut", after=9, then="lost")
    with pytest.raises(
        GrokWebInterruptedError, match=r"after 4 tries: grok.com does not have it any more. Ask again"
    ) as raised:
        PATHS[way](model, "Count.")
    partial = raised.value.partial
    assert partial.text
    assert COUNT.startswith(partial.text)
    assert partial.response_metadata["grokweb"]["interrupted"] is True
    assert asked(grok, "response-node") == 4
    assert grok.stops == []


@pytest.mark.parametrize(("refusal", "times"), [("expired", 1), ("challenge", 1), ("server_error", 4)])
def test_whereabouts_that_are_refused(grok, model, refusal, times):
    grok.reply(COUNT, fault="cut:9")
    grok.fault(refusal, times=9, path=f"{CHAT}/*/response-node")
    with pytest.raises(GrokWebInterruptedError, match="did not say where it stands") as raised:
        model.invoke("Count.")
    assert COUNT.startswith(raised.value.partial.text)
    assert asked(grok, "response-node") == times


def test_a_further_stream_that_is_refused_in_its_first_line(grok, model):
    grok.reply(COUNT, fault="cut:9")
    grok.fault("rate_limited", in_stream=True, path=RECONNECT)
    assert model.invoke("Count.").text == COUNT
    grok.reply(COUNT, fault="cut:9")
    grok.fault("anti_bot", in_stream=True, path=RECONNECT)
    with pytest.raises(GrokWebInterruptedError, match="GrokWebPermissionError"):
        model.invoke("Count.")


async def test_another_text_is_an_error_and_no_mixture(grok, model):
    grok.reply(COUNT)
    grok.fault("cut", after=12, then="finished")
    got = ""
    with pytest.raises(GrokWebInterruptedError, match="differs from the text") as raised:
        async for chunk in model.astream("Count."):
            got += chunk.text
            if got:
                (turn,) = await asyncio.to_thread(grok.wait_for_turns, status="finished")
                grok.conversations[turn.conversation_id].nodes[turn.response_id].message = "Eins zwei drei."
    assert got == raised.value.partial.text
    assert COUNT.startswith(got)


def test_resuming_is_no_retry(grok, make_model):
    grok.reply(COUNT, fault="cut:9")
    assert make_model(max_retries=0).invoke("Count.").text == COUNT


def test_nothing_goes_on_from_a_partial_answer_and_all_from_a_resumed_one(grok, model):
    grok.reply(COUNT, fault="cut:9")
    whole = model.invoke("Count.")
    model.invoke([HumanMessage("Count."), whole, HumanMessage("And?")])
    assert grok.turns[-1].parent_response_id == grok.turns[0].response_id
    grok.reply(COUNT)
    grok.fault("cut", after=9, then="lost")
    with pytest.raises(GrokWebInterruptedError) as raised:
        model.invoke("Count.")
    assert "self_hash" not in raised.value.partial.response_metadata["grokweb"]
    model.invoke([HumanMessage("Count."), raised.value.partial, HumanMessage("And?")])
    assert grok.turns[-1].parent_response_id is None


# --- left while it is picked up


@pytest.fixture
def hanging(grok):
    """An answer that breaks off, and a further stream that says nothing."""
    grok.reply(COUNT, fault="cut:9")
    grok.fault("silence", after=1, path=RECONNECT)
    return grok


async def test_cancelled_while_it_is_picked_up(hanging, model):
    """What came before the cut was given out before."""
    got = [""]

    async def consume() -> None:
        async for chunk in model.astream("Count."):
            got[0] += chunk.text

    task = asyncio.create_task(consume())
    await asyncio.to_thread(hanging.wait_for_requests, 1, path=RECONNECT)
    assert got[0].startswith("One two")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hanging.stops == [hanging.turns[0].response_id]


async def test_a_timeout_around_it(clock, hanging, model):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke("Count."), 0.5)
    assert await hanging.await_stop() == hanging.turns[0].response_id


async def test_a_further_stream_that_falls_silent(clock, hanging, model):
    with pytest.raises(GrokWebTimeoutError, match="stream_event_timeout"):
        await model.ainvoke("Count.")
    assert await hanging.await_stop() == hanging.turns[0].response_id


async def test_break_in_a_further_stream(grok, model):
    grok.reply("word " * 200, fault="cut:40")
    grok.fault("silence", after=100, path=RECONNECT)
    got = ""
    async with aclosing(model.astream("Say.")) as chunks:
        async for chunk in chunks:
            got += chunk.text
            if len(got) > 60 * len("word "):
                break
    assert ("word " * 200).startswith(got)
    assert await grok.await_stop() == grok.turns[0].response_id


def test_a_stop_sequence_across_the_seam(grok, model):
    grok.reply("word " * 20 + "the end " + "word " * 200, fault="cut:28")
    grok.fault("silence", after=60, path=RECONNECT)
    assert model.invoke("Say.", stop=["the end"]).text == "word " * 20
    assert grok.stops == [grok.turns[0].response_id]


# --- a prompt whose reply never came


def history(model: Any) -> list[Any]:
    return [HumanMessage("My name is Ada."), model.invoke("My name is Ada."), HumanMessage("Count.")]


@pytest.mark.parametrize("place", ["new", "known"])
@pytest.mark.parametrize(("then", "way"), [("active", "invoke"), ("finished", "astream")])
def test_a_prompt_that_was_taken_is_not_sent_again(grok, make_model, place, then, way):
    model = make_model(max_retries=0)
    messages = history(model) if place == "known" else "Count."
    before = len(grok.turns)
    grok.reply(COUNT)
    grok.fault("no_reply", then=then)
    message = PATHS[way](model, messages)
    assert message.text == COUNT
    assert len(grok.turns) == before + 1
    link = message.response_metadata["grokweb"]
    assert (link["conversation_id"], link["response_id"]) == (
        grok.turns[-1].conversation_id,
        grok.turns[-1].response_id,
    )


@pytest.mark.parametrize("place", ["new", "known"])
def test_a_prompt_that_was_not_taken_is_sent_again(grok, make_model, place):
    model = make_model()
    messages = history(model) if place == "known" else "Count."
    before = len(grok.turns)
    grok.reply(COUNT)
    grok.fault("no_reply", times=2, taken=False)
    assert model.invoke(messages).text == COUNT
    assert len(grok.turns) == before + 1
    grok.fault("no_reply", times=2, taken=False)
    with pytest.raises(GrokWebConnectionError):
        make_model(max_retries=0).invoke(messages)
    assert len(grok.turns) == before + 1


def test_a_prompt_of_another_turn_is_not_taken_for_it(grok, model):
    """Asked twice with the same messages: the first one's prompt stands there already."""
    messages = history(model)
    model.invoke(messages)
    grok.fault("no_reply", taken=False)
    grok.reply("Once more.")
    assert model.invoke(messages).text == "Once more."
    assert [turn.prompt for turn in grok.turns] == ["My name is Ada.", "Count.", "Count."]


@pytest.mark.wire("rest")
@pytest.mark.parametrize("why", ["temporary", "refused", "two"])
def test_where_it_cannot_be_told_nothing_is_sent_again(grok, make_model, why):
    if why == "two":  # as another process would have asked
        httpx.post(f"{grok.base_url}{CHAT}/new", json={"message": "Count."}, headers={"cookie": grok.cookies})
    grok.fault("no_reply", then="finished")
    if why == "refused":
        grok.fault("challenge", path=CHAT, times=9)
    model = make_model(temporary=why == "temporary")
    with pytest.raises(GrokWebConnectionError, match="so it was not sent again"):
        model.invoke("Count.")
    assert sum(request.path == f"{CHAT}/new" for request in grok.requests) == 1 + (why == "two")


@pytest.mark.wire("rest")
def test_what_never_left_is_not_looked_for(grok, make_model):
    """The emulator is no proxy, and says so."""
    with pytest.raises(GrokWebConnectionError, match="proxy refused") as raised:
        make_model(base_url="https://127.0.0.1:1", proxy=grok.base_url, max_retries=0).invoke("Count.")
    assert "not known whether" not in str(raised.value)
    assert len(grok.requests) <= 1


@pytest.mark.wire("rest")
def test_a_prompt_that_was_taken_and_whose_reply_is_silent(clock, grok, make_model):
    messages = history(make_model())
    grok.reply(COUNT, fault="silence:0")  # headers alone
    assert make_model().invoke(messages).text == COUNT
    assert len(grok.turns) == 2


def test_a_service_that_breaks_every_stream_off_is_not_asked_for_ever(grok, model):
    grok.reply(COUNT, fault="cut:3")
    grok.fault("cut", times=99, after=2, path=RECONNECT)
    with pytest.raises(GrokWebInterruptedError, match="its stream broke off again"):
        model.invoke("Count.")
    assert asked(grok, "response-node") <= 8


@pytest.mark.wire("rest")
def test_a_timeout_of_which_nothing_can_be_told_names_the_field(clock, grok, make_model):
    grok.fault("slow_open", seconds=60, path=f"{CHAT}/new")
    with pytest.raises(
        GrokWebTimeoutError, match=r"not sent again. Look at grok.com, or allow more time with `timeout="
    ):
        make_model(temporary=True).invoke("Count.")


@pytest.mark.wire("rest")
def test_a_prompt_that_is_slow_to_arrive_is_not_sent_again(clock, grok, make_model):
    grok.fault("slow_open", seconds=60, path=f"{CHAT}/new")
    with pytest.raises(GrokWebTimeoutError, match="timeout="):
        make_model().invoke("Count.")
    assert sum(request.path == f"{CHAT}/new" for request in grok.requests) == 1


async def test_a_wait_between_tries_can_be_cancelled(grok, model, caplog, monkeypatch):
    grok.fault("rate_limited", retry_after=30)
    waits = asyncio.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits.set()

    caplog.set_level(logging.INFO, "langchain_grokweb")
    monkeypatch.setattr(logging.getLogger("langchain_grokweb"), "handlers", [Told()])
    task = asyncio.create_task(model.ainvoke("Hi"))
    await waits.wait()  # it is said before the pause begins
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
