"""What a long thread costs: `python -m tests.benchmarks.threads [--turns 200]`.

First the bytes that go up: the same thread of short questions and two-kilobyte answers, with `ChatXAI`, which sends
the whole history in every turn, and with `ChatGrokWeb` over each wire. A relay in front of the server counts what the
client writes, headers and handshakes too. `ChatXAI` is answered by `server.py`, `ChatGrokWeb` by the emulator, which
keeps conversations; what comes down is not counted.

Then the time that it takes to find out which conversation a history continues: of 400 messages of two kilobytes, and
of ten times as many, as they were and with the first one edited.

And the time from a call until its prompt is at the service, as the relay sees it, by the wall clock and of CPU time: in
the 20th and in the 200th turn of a thread of such messages. The turns take turns, and the median counts.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.messages.planner import hash_answer, hash_messages, hash_system, plan
from langchain_grokweb.testing import GrokEmulator
from tests.benchmarks import harness, server
from tests.benchmarks.harness import QUESTION, say, verdict

TOKENS = 400  # about two kilobytes
XAI = "ChatXAI"
OURS = {"ChatGrokWeb rest": "rest", "ChatGrokWeb gateway": "gateway"}
ACCOUNT = "account"
TURNS = (20, 200)  # that are compared


# --- bytes ----------------------------------------------------------------------------------------------------------


class Relay:
    """Passes bytes on to a server on loopback, and counts those of the client."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self.counted = 0
        self.arrived = (0.0, 0.0)  # when the client's newest bytes came, by both clocks

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # at the program's end
            there, onward = await asyncio.open_connection(*self._target)
            await asyncio.gather(self._pass(reader, onward, counts=True), self._pass(there, writer, counts=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while data := await reader.read(65536):
                if counts:
                    self.counted += len(data)
                    self.arrived = clocks()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def relay_to(target: str) -> AsyncIterator[tuple[str, Relay]]:
    relay = Relay(target)
    listening = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", relay
    finally:
        listening.close()


async def uploads(model: Any, relay: Relay, turns: int) -> list[int]:
    """The bytes that each turn of a thread sends."""
    messages: list[BaseMessage] = []
    found = []
    for number in range(turns):
        before = relay.counted
        messages.append(HumanMessage(question(number)))
        messages.append(await model.ainvoke(messages))
        found.append(relay.counted - before)
    return found


def question(number: int) -> str:
    return f"Question {number:03}. {'Why is the sky blue, and what would have to change for it to be green? ' * 3}"


async def measure_uploads(make_model: Callable[[str], Any], target: str, turns: int) -> list[int]:
    async with relay_to(target) as (address, relay):
        return await uploads(make_model(address), relay, turns)


def grokweb_model(base_url: str, **fields: Any) -> ChatGrokWeb:
    return ChatGrokWeb(base_url=base_url, **fields)


async def measure_all(turns: int) -> dict[str, list[int]]:
    found = {}
    if XAI in harness.measurable():
        with harness.running_server(TOKENS, frames=[64]) as urls:
            found[XAI] = await measure_uploads(harness.xai_model, urls[64], turns)
    for name, wire in OURS.items():
        with GrokEmulator(chunk_size=0, assistant=lambda _: server.answer_text(TOKENS)) as grok:
            make_model = partial(grokweb_model, cookies=grok.cookies, transport=wire)
            found[name] = await measure_uploads(make_model, grok.base_url, turns)
    return found


def report_uploads(found: dict[str, list[int]]) -> None:
    header = ["bytes up", "in all", "second turn", "last turn", "largest / smallest", "/ ChatXAI"]
    harness.print_table(header, [row(name, sizes, found.get(XAI)) for name, sizes in found.items()])
    for name in OURS:
        spread = evenness(found[name])
        verdict(f"{name}, largest over smallest turn < 1.2", met=spread < 1.2, figure=f"{spread:.3f}")
    for name in OURS if XAI in found else ():
        share = sum(found[XAI]) / sum(found[name])
        verdict(f"{name}, a hundredth of {XAI} or so", met=share > 50, figure=f"1/{share:.0f}")


def row(name: str, sizes: list[int], others: list[int] | None) -> list[str]:
    share = f"1/{sum(others) / sum(sizes):.1f}" if others else "-"
    return [name, f"{sum(sizes):,}", f"{sizes[1]:,}", f"{sizes[-1]:,}", f"{evenness(sizes):.3f}", share]


def evenness(sizes: list[int]) -> float:
    """Of the turns that go on; the first asks for a new conversation, which is another request."""
    return max(sizes[1:]) / min(sizes[1:])


# --- planning -------------------------------------------------------------------------------------------------------


def linked_thread(count: int, account: str = ACCOUNT) -> list[BaseMessage]:
    """So many messages of two kilobytes, of one conversation, and a question."""
    messages: list[BaseMessage] = []
    for number in range(count // 2):
        asked = HumanMessage(f"Question {number}: {'why? ' * 400}")
        messages += [asked, linked_answer(number, asked, account)]
    return [*messages, HumanMessage("Next.")]


def linked_answer(number: int, asked: HumanMessage, account: str) -> AIMessage:
    answer = AIMessage(f"Answer {number}: {'word ' * 400}")
    link = {
        "v": 1,
        "account": account,
        "conversation_id": server.CONVERSATION_ID,
        "response_id": f"r{number}",
        **({"parent_response_id": f"r{number - 1}"} if number else {}),
        "turn_hash": hash_messages([asked]),
        "self_hash": hash_answer(answer),
        "system_hash": hash_system([]),
    }
    answer.response_metadata["grokweb"] = link
    return answer


@dataclass(frozen=True)
class Planned:
    name: str
    reason: str
    milliseconds: float


def measure_plan(name: str, messages: Sequence[BaseMessage], rounds: int) -> Planned:
    def once() -> float:
        start = time.perf_counter()
        plan(messages, ACCOUNT)
        return (time.perf_counter() - start) * 1000

    once()
    return Planned(name, plan(messages, ACCOUNT).reason, median(once() for _ in range(rounds)))


def compare_plans(rounds: int) -> None:
    found = []
    for count in (400, 4000):
        thread = linked_thread(count)
        found.append(measure_plan(f"{count} messages", thread, rounds))
        edited: list[BaseMessage] = [HumanMessage("Edited."), *thread[1:]]
        found.append(measure_plan(f"{count} messages, the first edited", edited, rounds))
    harness.print_table(
        ["planning", "ms", "plan"], [[one.name, f"{one.milliseconds:.2f}", one.reason] for one in found]
    )
    verdict("400 messages of 2 KB, < 10 ms", met=found[0].milliseconds < 10, figure=f"{found[0].milliseconds:.2f} ms")


# --- the way to the service -----------------------------------------------------------------------------------------


Clocks = tuple[float, float]  # by the wall clock, and of CPU time


def clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


async def measure_arrivals(rounds: int) -> dict[str, list[Clocks]]:
    """Milliseconds until the prompt of the turns `TURNS` is at the service, over each wire."""
    found: dict[str, list[Clocks]] = {}
    with harness.running_server(20, frames=[1]) as urls:
        for name, wire in OURS.items():
            async with relay_to(urls[1]) as (address, relay):
                model = harness.grokweb_model(address, transport=wire)
                answer = await model.ainvoke(QUESTION)
                account = answer.response_metadata["grokweb"]["account"]
                threads = [linked_thread(2 * (turn - 1), account) for turn in TURNS]
                times: list[list[Clocks]] = [[] for _ in threads]
                for number in range(rounds + 2):
                    for thread, of_thread in zip(threads, times, strict=True):
                        gc.collect()
                        milliseconds = await arrival(model, relay, thread)
                        if number > 1:  # the first ones open connections
                            of_thread.append(milliseconds)
                found[name] = [(median(walls), median(cpus)) for walls, cpus in (zip(*t, strict=True) for t in times)]
    return found


async def arrival(model: Any, relay: Relay, thread: list[BaseMessage]) -> Clocks:
    start, arrived = clocks(), None
    async for _ in model.astream(thread):
        arrived = arrived or relay.arrived  # what comes after the prompt is no part of it
    assert arrived is not None
    return (arrived[0] - start[0]) * 1000, (arrived[1] - start[1]) * 1000


def report_arrivals(found: dict[str, list[Clocks]]) -> None:
    first, last = TURNS
    header = ["ms until the prompt is at the service", f"turn {first}, wall", "CPU", f"turn {last}, wall", "CPU"]
    rows = [[name, *(f"{clock:.2f}" for turn in turns for clock in turn)] for name, turns in found.items()]
    harness.print_table(header, rows)
    for name, (early, late) in found.items():
        wall, cpu = late[0] / early[0], late[1] / early[1]
        target = f"{name}, turn {last} at the service in <= 3 times the CPU time of turn {first}"
        verdict(target, met=cpu <= 3, figure=f"wall {wall:.2f}, CPU {cpu:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.threads", description="What a long thread costs.")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15, help="of planning, and of the way to the service")
    options = parser.parse_args()
    os.environ.update(harness.quiet_environment())
    say(f"A thread of {options.turns} turns, answers of {len(server.answer_text(TOKENS)):,} characters")
    say()
    report_uploads(asyncio.run(measure_all(options.turns)))
    say()
    compare_plans(options.rounds)
    say()
    report_arrivals(asyncio.run(measure_arrivals(options.rounds)))


if __name__ == "__main__":
    main()
