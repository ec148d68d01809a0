"""How often a turn waits for the network before its first token: `python -m tests.benchmarks.round_trips`.

Counted, not timed: `GrokEmulator(latency=)` keeps everything that is sent on its way for so long that all else is small
beside it, so the time to the first token is a whole number of round trips. What TCP and TLS need is not in it.
"""

import argparse
import asyncio
import time
from collections.abc import Callable

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.testing import GrokEmulator
from tests.benchmarks import harness

MOST = {("rest", 1): 1, ("rest", 2): 1, ("gateway", 1): 4, ("gateway", 2): 1}  # by wire and number of the turn


async def round_trips(wire: str, latency: float, clock: Callable[[], float] = time.perf_counter) -> list[int]:
    """Those of a first turn and of the one after it, in one conversation."""
    found: list[int] = []
    with GrokEmulator(latency=latency) as grok:
        model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport=wire)
        messages: list[BaseMessage] = []
        for _ in range(2):
            messages.append(HumanMessage("Hi"))
            grok.reply("Hello.")
            answer: AIMessageChunk | None = None
            started, first = clock(), None
            async for chunk in model.astream(messages):
                first = clock() if first is None and chunk.text else first
                answer = chunk if answer is None else answer + chunk
            assert first is not None
            assert answer is not None
            found.append(int((first - started) / (2 * latency) + 0.05))
            messages.append(answer)
        await model.aclose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.round_trips")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that anything is on its way")
    latency = parser.parse_args().latency
    for wire in ("rest", "gateway"):
        asyncio.run(round_trips(wire, 0.001))  # a process imports much in its first call
        for number, found in enumerate(asyncio.run(round_trips(wire, latency)), 1):
            most = MOST[wire, number]
            target = f"{wire}, turn {number}: round trips to the first token <= {most}"
            harness.verdict(target, met=found <= most, figure=str(found))


if __name__ == "__main__":
    main()
