"""What one token costs: `python -m tests.benchmarks.tokens [--tokens 2000 --rounds 7]`.

Each row streams the same answer from the same server, in the same process, one after the other and round after round
(A B C D A B C D ...), so that a slow minute of the machine falls on all of them. After a warm-up, the median of the
rounds counts. The garbage collector stays on, because users have it on and half of a long stream's cost is its work,
but is run to the end before each measurement, so that nobody pays for his neighbour.

The wall clock decides, as that is what a user waits for. The CPU time of this process stands beside it: where the two
differ, the machine was busy with something else, or the client waited for the server.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from websockets.asyncio.client import connect

from tests.benchmarks import harness, server
from tests.benchmarks.harness import QUESTION, LangChainClient, say, verdict

Call = Callable[[], Awaitable[str]]

PLAIN = "httpx, aiter_lines, json.loads"
READY = "LangChain alone, ready chunks, no I/O"
MADE = "LangChain alone, a chunk made a token"
XAI = "ChatXAI astream"
XAI_WHOLE = "ChatXAI ainvoke (one JSON body)"
XAI_INVOKE = "ChatXAI ainvoke (streaming=True)"
OURS = "ChatGrokWeb astream"
OURS_INVOKE = "ChatGrokWeb ainvoke"
BARE = "bare websockets + orjson"
GATEWAY = "ChatGrokWeb gateway astream"
GATEWAY_INVOKE = "ChatGrokWeb gateway ainvoke"
OLLAMA = "ChatOllama astream"
OURS_EVENTS = "ChatGrokWeb v3 events"
XAI_EVENTS = "ChatXAI v3 events"
ROWS = (
    *(PLAIN, READY, MADE, OLLAMA, XAI, XAI_WHOLE, XAI_INVOKE, XAI_EVENTS),
    *(OURS, OURS_INVOKE, OURS_EVENTS, BARE, GATEWAY, GATEWAY_INVOKE),
)
WRITES = (64, 1)
# At most so much of another row, by frames a write.
TARGETS = (
    (OURS, XAI, {64: 0.03, 1: 0.12}),
    (OURS, OLLAMA, {1: 0.45}),
    (OURS_INVOKE, PLAIN, {64: 1.15, 1: 1.15}),
    (OURS_EVENTS, XAI_EVENTS, {64: 0.12, 1: 0.12}),
    (OURS_EVENTS, OURS, {64: 1.2, 1: 1.2}),
    (GATEWAY, XAI, {64: 0.07, 1: 0.07}),
    (GATEWAY, BARE, {64: 1.3, 1: 1.3}),
)


# --- the rows -------------------------------------------------------------------------------------------------------


class FakeReady(BaseChatModel):
    """LangChain's own cost for each chunk that it is given, nothing made or read."""

    chunks: list[ChatGenerationChunk]

    @property
    def _llm_type(self) -> str:
        return "fake-ready"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield chunk


class FakeMade(FakeReady):
    """The floor of every model that makes one chunk a token, however fast its wire."""

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield chunk_of(chunk.text)


def chunk_of(token: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=token))


def plain_loop(http: httpx.AsyncClient, base_url: str) -> Call:
    """The least that a client can do without LangChain."""
    request = {"message": QUESTION, "modelName": "grok-3"}
    url = f"{base_url}/rest/app-chat/conversations/new"

    async def call() -> str:
        parts = []
        async with http.stream("POST", url, json=request) as response:
            async for line in response.aiter_lines():
                token = json.loads(line)["result"].get("response", {}).get("token")
                if token is not None:
                    parts.append(token)
        return "".join(parts)

    return call


def bare_loop(base_url: str) -> Call:
    """The same over the gateway: a socket, a turn and the answer to its last frame, which is the title."""
    url = f"{base_url.replace('http', 'ws', 1)}/ws/mgw/?uid={server.USER_ID}"
    opening = event_frame("session.create", session={"model": "auto", "x_grok": {"use_chunk": True}})
    chunks = [{"text": {"text": QUESTION}}]
    item = {"type": "message", "role": "user", "x_grok": {"input_chunks": chunks}}
    prompt = [event_frame("conversation.item.create", item=item), event_frame("response.create")]

    async def call() -> str:
        parts = []
        async with connect(url, compression=None, proxy=None) as socket:
            await socket.send(opening)
            while True:
                event = orjson.loads(await socket.recv(decode=False))["event"]
                kind = event["type"]
                if kind == "response.chunk":
                    if text := event["chunk"].get("text"):
                        parts.append(text["text"])
                elif kind == "conversation.commands.updated":
                    for frame in prompt:
                        await socket.send(frame)
                elif kind == "conversation.title.updated":
                    break
        return "".join(parts)

    return call


def event_frame(kind: str, **members: object) -> str:
    return orjson.dumps({"event": {"type": kind, "event_id": "evt_1", **members}}).decode()


def streamed(model: Any) -> Call:
    async def call() -> str:
        return "".join([text async for text in LangChainClient(model).astream(QUESTION)])

    return call


def as_events(model: Any) -> Call:
    """LangChain's events of version 3, as far as they hold text."""

    async def call() -> str:
        async with await model.astream_events(QUESTION, version="v3") as events:
            message = await events.output
        return str(message.text)

    return call


def invoked(model: Any) -> Call:
    async def call() -> str:
        return await LangChainClient(model).ainvoke(QUESTION)

    return call


def build_calls(base_url: str, tokens: int, names: Sequence[str], http: httpx.AsyncClient) -> dict[str, Call]:
    """Every row that can be measured here, against one port of the server."""
    chunks = [chunk_of(word) for word in server.words(tokens)]
    calls = {
        PLAIN: plain_loop(http, base_url),
        READY: streamed(FakeReady(chunks=chunks)),
        MADE: streamed(FakeMade(chunks=chunks)),
        BARE: bare_loop(base_url),
    }
    if "ChatXAI" in names:
        xai = harness.xai_model(base_url)
        calls[XAI] = streamed(xai)
        calls[XAI_WHOLE] = invoked(xai)
        calls[XAI_INVOKE] = invoked(harness.xai_model(base_url, streaming=True))
        calls[XAI_EVENTS] = as_events(xai)
    if "ChatOllama" in names:
        calls[OLLAMA] = streamed(harness.ollama_model(base_url))
    if "ChatGrokWeb" in names:
        ours = harness.grokweb_model(base_url)
        calls[OURS] = streamed(ours)
        calls[OURS_INVOKE] = invoked(ours)
        calls[OURS_EVENTS] = as_events(ours)
        gateway = harness.grokweb_model(base_url, transport="gateway")
        calls[GATEWAY] = streamed(gateway)
        calls[GATEWAY_INVOKE] = invoked(gateway)
    return calls


# --- measuring ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Microseconds a token."""

    wall: float
    cpu: float


Key = tuple[str, int]
Costs = dict[Key, Cost]


async def measure(call: Call, expected: str, tokens: int) -> Cost:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    text = await call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if text != expected:
        raise AssertionError(f"{len(text)} characters came, {len(expected)} were sent, or they differ")
    return Cost(wall * 1e6 / tokens, cpu * 1e6 / tokens)


def median_cost(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


async def measure_all(urls: dict[int, str], tokens: int, rounds: int, names: Sequence[str]) -> Costs:
    """All rows and both ways of writing in each round; the first round only warms up."""
    expected = server.answer_text(tokens)
    found: defaultdict[Key, list[Cost]] = defaultdict(list)
    async with httpx.AsyncClient() as http:
        calls = {frames: build_calls(url, tokens, names, http) for frames, url in urls.items()}
        for number in range(rounds + 1):
            for frames, rows in calls.items():
                for row, call in rows.items():
                    cost = await measure(call, expected, tokens)
                    if number:
                        found[row, frames].append(cost)
    return {key: median_cost(costs) for key, costs in found.items()}


# --- reporting ------------------------------------------------------------------------------------------------------


def report(costs: Costs) -> None:
    header = ["µs a token"]
    for frames in WRITES:
        header += [f"{frames} a write", "CPU", "/ ChatXAI", "/ plain"]
    rows = [[row, *(cell for frames in WRITES for cell in cells(costs, row, frames))] for row in ROWS]
    harness.print_table(header, [row for row in rows if row[1] != "-"])
    verdicts(costs)


def cells(costs: Costs, row: str, frames: int) -> list[str]:
    if (row, frames) not in costs:
        return ["-"] * 4
    cost = costs[row, frames]
    ratios = (ratio(costs, row, other, frames) for other in (XAI, plain_of(row)))
    return [f"{cost.wall:.2f}", f"{cost.cpu:.2f}", *ratios]


def plain_of(row: str) -> str:
    """The plain loop over the same wire."""
    return BARE if row in {BARE, GATEWAY, GATEWAY_INVOKE} else PLAIN


def ratio(costs: Costs, row: str, other: str, frames: int) -> str:
    if (other, frames) not in costs:
        return "-"
    return f"{costs[row, frames].wall / costs[other, frames].wall:.3f}"


def verdicts(costs: Costs) -> None:
    for ours, other, limits in TARGETS:
        for frames, limit in limits.items():
            judge(costs, ours, other, frames, limit)


def judge(costs: Costs, ours: str, other: str, frames: int, limit: float) -> None:
    target = f"{ours}, {frames} a write, <= {limit:g} of {other}"
    if (ours, frames) not in costs or (other, frames) not in costs:
        say(f"no word  {target}: not measured")
        return
    mine, theirs = costs[ours, frames], costs[other, frames]
    figure = f"{mine.wall / theirs.wall:.3f} (of CPU time {mine.cpu / theirs.cpu:.3f})"
    verdict(target, met=mine.wall <= limit * theirs.wall, figure=figure)


# --- profiling ------------------------------------------------------------------------------------------------------


async def profile(url: str, tokens: int, rounds: int, row: str) -> pstats.Stats:
    """One row alone, after one call to warm up; under a profile calls count double, so trust the order only."""
    async with httpx.AsyncClient() as http:
        call = build_calls(url, tokens, models_of(row), http)[row]
        await call()
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(rounds):
            await call()
        profiler.disable()
    return pstats.Stats(profiler)


def models_of(row: str) -> list[str]:
    return [name for name in harness.PACKAGES if row.startswith(name)]


def find_row(text: str) -> str:
    """The first row that holds this text, so that `--profile 'grokweb astream'` will do."""
    for row in ROWS:
        if text.lower() in row.lower():
            return row
    raise argparse.ArgumentTypeError(f"no row is called so; there are: {'; '.join(ROWS)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tokens", description="What one token costs.")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--profile", type=find_row, metavar="ROW", help="run one row under cProfile")
    parser.add_argument("--frames", type=int, choices=WRITES, default=64, help="frames a write, for --profile")
    parser.add_argument("--sort", default="tottime", help="cProfile's order, for --profile")
    return parser.parse_args()


def print_profile(options: argparse.Namespace) -> None:
    for reason in filter(None, map(harness.why_missing, models_of(options.profile))):
        say(reason)
        return
    with harness.running_server(options.tokens, frames=[options.frames]) as urls:
        stats = asyncio.run(profile(urls[options.frames], options.tokens, options.rounds, options.profile))
    say(f"{options.profile}, {options.frames} a write, {options.rounds} answers of {options.tokens} tokens")
    stats.strip_dirs().sort_stats(options.sort).print_stats(40)


def compare(options: argparse.Namespace) -> None:
    say(f"{options.tokens} tokens an answer, median of {options.rounds} rounds, {os.cpu_count()} cores")
    say()
    names = harness.measurable("ChatOllama")
    with harness.running_server(options.tokens, frames=WRITES) as urls:
        costs = asyncio.run(measure_all(urls, options.tokens, options.rounds, names))
    report(costs)


def main() -> None:
    options = parse()
    os.environ.update(harness.quiet_environment())
    warnings.filterwarnings("ignore", message=".*is in beta")
    if options.profile:
        print_profile(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
