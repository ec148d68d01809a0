"""A turn that is left early is stopped at the service, by whatever way it is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

LONG = "word " * 2000


@pytest.fixture
def slow(grok):
    """The next answer takes its time."""
    grok.reply(LONG, fault="silence:30")
    return grok


async def test_break(slow, model):
    async for chunk in model.astream("Hi"):
        if chunk.text:
            break
    assert await slow.await_stop() == slow.turns[0].response_id


async def test_aclose(slow, model):
    chunks = model.astream("Hi")
    await anext(chunks)
    await chunks.aclose()
    assert await slow.await_stop() == slow.turns[0].response_id


async def test_a_stop_goes_on_where_it_takes_longer_than_anybody_waits(slow, model, monkeypatch):
    monkeypatch.setattr("langchain_grokweb.client.stopping.STOP_SECONDS", 0)
    chunks = model.astream("Hi")
    await anext(chunks)
    await chunks.aclose()
    assert await slow.await_stop() == slow.turns[0].response_id


async def test_cancel(slow, model):
    async def consume(begun: asyncio.Event) -> None:
        async for chunk in model.astream("Hi"):
            if chunk.text:
                begun.set()

    begun = asyncio.Event()
    task = asyncio.create_task(consume(begun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.stops == [slow.turns[0].response_id]


async def test_timeout_around_ainvoke(clock, slow, model):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke("Hi"), 0.5)
    assert await slow.await_stop() == slow.turns[0].response_id


async def test_an_error_in_the_consumer(slow, model):
    with pytest.raises(ZeroDivisionError):
        async for chunk in model.astream("Hi"):
            if chunk.text:
                1 / 0  # noqa: B018
    assert await slow.await_stop() == slow.turns[0].response_id


def test_a_blocking_stream_that_is_closed(slow, model):
    chunks = model.stream("Hi")
    next(chunks)
    chunks.close()
    assert slow.stops == [slow.turns[0].response_id]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_stop_sequence(slow, model, way):
    if way == "invoke":
        assert model.invoke("Hi", stop=["rd word"]).text == "wo"
    else:
        assert "".join(chunk.text for chunk in model.stream("Hi", stop=["rd word"])) == "wo"
    assert slow.stops == [slow.turns[0].response_id]


async def test_left_before_the_answer_has_an_id(clock, grok, model):
    grok.reply(LONG, fault="silence:1")  # the prompt is stored, and nothing more is said
    with pytest.raises(Exception, match="stream_event_timeout"):
        await model.ainvoke("Hi")
    assert await grok.await_stop() == grok.turns[0].response_id


@pytest.mark.wire("rest")  # whether the gateway runs two answers of one conversation at a time is not known
async def test_only_the_left_turn_is_stopped_not_its_siblings(grok, make_model):
    model = make_model()
    messages: list[Any] = [HumanMessage("one")]
    messages.append(await model.ainvoke(messages))
    messages.append(HumanMessage("two"))
    grok.reply(LONG, fault="silence:30")
    left = model.astream(messages)
    await anext(left)
    stays = model.astream(messages)
    first = await anext(stays)
    await left.aclose()
    await grok.await_stop()
    rest = [first, *[chunk async for chunk in stays]]
    assert rest[-1].chunk_position == "last"
    assert grok.stops == [grok.turns[1].response_id]
    assert grok.turns[2].status == "finished"


async def test_a_finished_answer_is_not_stopped(grok, model):
    chunks = model.astream("Hi")
    async for chunk in chunks:
        if chunk.chunk_position == "last":
            break
    await chunks.aclose()
    await model.ainvoke("Hi again")
    assert grok.stops == []


async def test_left_while_an_answer_is_mended(grok, model):
    grok.reply('{"a": "one", "b": 1}')
    grok.reply(LONG, reasoning="Let me see.", fault="silence:30")
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["c"]}
    async for chunk in model.bind(response_format=schema).astream("Hi"):
        if chunk.additional_kwargs:  # the thoughts of the second turn
            break
    assert await grok.await_stop() == grok.turns[1].response_id
    assert len(grok.turns) == 2


# --- at any moment while it is opened


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("continued", [False, True], ids=["new", "continued"])
async def test_left_at_any_moment_while_it_is_opened(clock, grok, model, continued):
    """After every tenth step of the loop: what the service has taken by then, or takes later, is stopped."""
    messages: list[Any] = [HumanMessage("one")]
    if continued:
        messages += [await model.ainvoke(messages), HumanMessage("two")]
    before = len(grok.turns)
    for count in range(0, 400, 10):
        grok.reply(LONG, fault="silence:30")
        task = asyncio.ensure_future(model.ainvoke(messages))
        await ticks(count)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    taken = grok.turns[before:]
    assert taken
    assert [turn.status for turn in taken] == ["stopped"] * len(taken)
    assert grok.stops == [turn.response_id for turn in taken]
