"""What a short turn costs: `python -m tests.benchmarks.turns [--rounds 15]`.

CPU time of this process for a whole call with an answer of twenty tokens, one frame a write, and the share of it up to
the first token:

- over REST, of a plain httpx loop;
- a first turn over the gateway, of LangChain on a bare WebSocket that is opened for it, and a second turn, of one that
  stays open: where the service sends the optional events after an answer, and where it sends none;
- with five tools bound, and with a history of 60 messages, of the plain turn.

Calls take turns, `--calls` of each a round, and the median of the rounds counts.
"""

import argparse
import asyncio
import gc
import os
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import astuple, dataclass, fields
from typing import Any

import httpx
import orjson
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks import harness, server
from tests.benchmarks.harness import QUESTION, say, verdict
from tests.benchmarks.threads import linked_thread
from tests.benchmarks.tokens import FakeReady, chunk_of, event_frame, plain_loop

TOKENS = 20
PLAIN, OURS, INVOKED = "plain httpx loop", "ChatGrokWeb", "ChatGrokWeb ainvoke"
TOOLS, HISTORY = "ChatGrokWeb, five tools bound", "ChatGrokWeb, 60 messages"
BARE, BARE_NONE = "LangChain on a bare WebSocket", "the same, no optional events"
GATEWAY, GATEWAY_NONE = "ChatGrokWeb gateway, second turn", "the same of ours, no optional events"
OPENED, OPENED_NONE = "LangChain on a new WebSocket", "the same on a new one, no optional events"
FIRST, FIRST_NONE = "ChatGrokWeb gateway, first turn", "the same first turn of ours, no optional events"
# At most so much of another row.
TARGETS = (
    (OURS, PLAIN, 1.4),
    (INVOKED, PLAIN, 1.4),
    (FIRST, OPENED, 2.0),
    (FIRST_NONE, OPENED_NONE, 2.0),
    (GATEWAY, BARE, 2.0),
    (GATEWAY_NONE, BARE_NONE, 2.0),
    (TOOLS, OURS, 1.5),
    (HISTORY, OURS, 1.5),
)

Moment = tuple[float, float]  # by the wall clock, and of CPU time
Call = Callable[[], Awaitable[Moment]]  # gives the moment of its first token


def now() -> Moment:
    return time.perf_counter(), time.process_time()


class BareSocket(FakeReady):
    """LangChain on a socket that stays open: each call is one turn, up to the end of its answer."""

    chunks: list[ChatGenerationChunk] = []  # noqa: RUF012 - a field of pydantic
    socket: Any
    last: str  # the event that ends a turn

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        chunks = [{"text": {"text": messages[-1].text}}]
        item = {"type": "message", "role": "user", "x_grok": {"input_chunks": chunks}}
        for frame in (event_frame("conversation.item.create", item=item), event_frame("response.create")):
            await self.socket.send(frame)
        while True:
            event = orjson.loads(await self.socket.recv(decode=False))["event"]
            if event["type"] == "response.chunk" and (text := event["chunk"].get("text")):
                yield chunk_of(text["text"])
            elif event["type"] == self.last:
                break


async def bare_socket(url: str, stack: AsyncExitStack, user_id: str) -> ClientConnection:
    address = f"{url.replace('http', 'ws', 1)}/ws/mgw/?uid={user_id}"
    socket = await stack.enter_async_context(connect(address, compression=None, proxy=None))
    await socket.send(event_frame("session.create", session={"model": "auto", "x_grok": {"use_chunk": True}}))
    return socket


def on_new_socket(url: str, user_id: str, last: str, messages: list[BaseMessage]) -> Call:
    async def call() -> Moment:
        async with AsyncExitStack() as stack:
            socket = await bare_socket(url, stack, user_id)
            return await streamed(BareSocket(socket=socket, last=last), messages)()

    return call


def five_tools() -> list[dict[str, Any]]:
    properties = {"city": {"type": "string"}, "day": {"type": "integer"}, "unit": {"enum": ["celsius", "kelvin"]}}
    parameters = {"type": "object", "properties": properties, "required": ["city"]}
    return [
        {"type": "function", "function": {"name": f"look_up_{n}", "description": "Weather.", "parameters": parameters}}
        for n in range(5)
    ]


async def second_turn(model: Any) -> list[BaseMessage]:
    """A turn that was answered, and a question after it."""
    asked: list[BaseMessage] = [HumanMessage(QUESTION)]
    return [*asked, await model.ainvoke(asked), HumanMessage(QUESTION)]


async def long_history(model: Any) -> list[BaseMessage]:
    """Sixty messages of one conversation of this account, and a question."""
    answer = await model.ainvoke(QUESTION)
    return linked_thread(60, answer.response_metadata["grokweb"]["account"])


def streamed(model: Any, messages: list[BaseMessage]) -> Call:
    async def call() -> Moment:
        first = None
        async for chunk in model.astream(messages):
            if first is None and chunk.content:
                first = now()
        assert first is not None
        return first

    return call


def invoked(model: Any) -> Call:
    async def call() -> Moment:
        await model.ainvoke(QUESTION)
        return now()

    return call


def plain(http: httpx.AsyncClient, url: str) -> Call:
    loop = plain_loop(http, url)

    async def call() -> Moment:
        await loop()
        return now()

    return call


async def build_calls(url: str, stack: AsyncExitStack) -> dict[str, Call]:
    http = await stack.enter_async_context(httpx.AsyncClient())
    asked: list[BaseMessage] = [HumanMessage(QUESTION)]
    ours = harness.grokweb_model(url)
    calls = {
        PLAIN: plain(http, url),
        OURS: streamed(ours, asked),
        INVOKED: invoked(ours),
        TOOLS: streamed(ours.bind_tools(five_tools()), asked),
        HISTORY: streamed(ours, await long_history(ours)),
    }
    for opened, first, bare, gateway, user_id, last in (
        (OPENED, FIRST, BARE, GATEWAY, server.USER_ID, "conversation.title.updated"),
        (OPENED_NONE, FIRST_NONE, BARE_NONE, GATEWAY_NONE, server.QUIET_USER_ID, "response.done"),
    ):
        unkept = harness.grokweb_model(url, transport="gateway", user_id=user_id, keep_session=0)
        calls[opened] = on_new_socket(url, user_id, last, asked)
        calls[first] = streamed(unkept, asked)
        socket = await bare_socket(url, stack, user_id)
        calls[bare] = streamed(BareSocket(socket=socket, last=last), asked)
        model = harness.grokweb_model(url, transport="gateway", user_id=user_id)
        calls[gateway] = streamed(model, await second_turn(model))
    return calls


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one call."""

    wall: float
    cpu: float
    first_wall: float
    first_cpu: float


async def measure(call: Call, count: int) -> Cost:
    gc.collect()
    whole, first = [0.0, 0.0], [0.0, 0.0]
    for _ in range(count):
        started, token, ended = now(), await call(), now()
        for clock in range(2):
            whole[clock] += (ended[clock] - started[clock]) * 1e3 / count
            first[clock] += (token[clock] - started[clock]) * 1e3 / count
    return Cost(*whole, *first)


async def measure_all(url: str, rounds: int, count: int) -> dict[str, Cost]:
    """All rows in each round; the first round only warms up."""
    found: defaultdict[str, list[Cost]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        calls = await build_calls(url, stack)
        for number in range(rounds + 1):
            for row, call in calls.items():
                cost = await measure(call, count)
                if number:
                    found[row].append(cost)
    keys = [member.name for member in fields(Cost)]
    return {
        row: Cost(*(statistics.median(getattr(c, key) for c in costs) for key in keys)) for row, costs in found.items()
    }


def report(costs: dict[str, Cost]) -> None:
    header = ["ms", "whole, wall", "CPU", "first token, wall", "CPU"]
    rows = [[row, *(f"{figure:.2f}" for figure in astuple(cost))] for row, cost in costs.items()]
    harness.print_table(header, rows)
    for ours, other, limit in TARGETS:
        mine, theirs = costs[ours], costs[other]
        ratios = [a / b for a, b in zip(astuple(mine), astuple(theirs), strict=True)]
        figure = "wall {:.2f}, CPU {:.2f}; to the first token {:.2f}, {:.2f}".format(*ratios)
        verdict(f"{ours}, CPU of the whole call, <= {limit:g} of {other}", met=ratios[1] <= limit, figure=figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.turns", description="What a short turn costs.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=10, help="of each row, a round")
    options = parser.parse_args()
    os.environ.update(harness.quiet_environment())
    say(f"{TOKENS} tokens an answer, median of {options.rounds} rounds, {os.cpu_count()} cores")
    say()
    with harness.running_server(TOKENS, frames=[1]) as urls:
        report(asyncio.run(measure_all(urls[1], options.rounds, options.calls)))


if __name__ == "__main__":
    main()
