"""What a long answer holds in memory: `python -m tests.benchmarks.memory [--tokens 50000]`.

The peak of what Python allocates (`tracemalloc`) while an answer is streamed, its chunks let go one by one or kept, and
while one is invoked; each after a short call that makes what is made once. One client after the other, in one process.
"""

import argparse
import asyncio
import gc
import os
import tracemalloc
from typing import Any

from tests.benchmarks import harness
from tests.benchmarks.harness import QUESTION, verdict

LIMIT = 0.15  # of ChatXAI's
XAI = "ChatXAI"


async def streamed(model: Any) -> None:
    async for _ in model.astream(QUESTION):
        pass


async def kept(model: Any) -> None:
    _ = [chunk async for chunk in model.astream(QUESTION)]


async def invoked(model: Any) -> None:
    await model.ainvoke(QUESTION)


async def peak(model: Any, call: Any) -> int:
    """Bytes above what is held before the call."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await call(model)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


async def measure(short: str, long: str) -> dict[str, list[int]]:
    """Bytes by row: streamed, streamed with all chunks kept, and invoked."""
    makers: dict[str, Any] = {
        XAI: lambda url, call: harness.xai_model(url, **({"streaming": True} if call is invoked else {})),
        "ChatGrokWeb, rest": lambda url, _: harness.grokweb_model(url),
        "ChatGrokWeb, gateway": lambda url, _: harness.grokweb_model(url, "gateway"),
    }
    found: dict[str, list[int]] = {}
    for name, make in makers.items():
        if name.split(",")[0] in harness.measurable():
            for call in (streamed, kept, invoked):
                await call(make(short, call))
                found.setdefault(name, []).append(await peak(make(long, call), call))
    return found


def report(found: dict[str, list[int]]) -> None:
    ways = ("streamed", "chunks kept", "invoked")
    rows = [[name, *(f"{size / 1e6:.1f}" for size in sizes)] for name, sizes in found.items()]
    harness.print_table(["MB at the peak", *ways], rows)
    for name, sizes in found.items():
        for way, mine, theirs in zip(ways, sizes, found.get(XAI, ()), strict=False):
            if name != XAI:
                share = mine / theirs
                verdict(f"{name}, {way}, <= {LIMIT} of {XAI}", met=share <= LIMIT, figure=f"{share:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory")
    parser.add_argument("--tokens", type=int, default=50_000)
    tokens = parser.parse_args().tokens
    os.environ.update(harness.quiet_environment())
    with (
        harness.running_server(10, frames=[1]) as short,
        harness.running_server(tokens, frames=[1]) as long,
    ):
        report(asyncio.run(measure(short[1], long[1])))


if __name__ == "__main__":
    main()
