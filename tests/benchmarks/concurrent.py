"""Many streams in one loop: `python -m tests.benchmarks.concurrent [--streams 200 --pace 50 --rounds 3]`.

All streams start in the same moment against a server that sends each of them a token every 20 ms, one frame a write:
the worst that a busy worker process sees. Each measurement has a fresh process for itself (no earlier client's heap,
pool or threads), and the models take turns, round after round. One answer from an unpaced port warms a process up,
so that imports and the TLS context are not counted; opening the connections is.

Shown for each model, as medians of the rounds: time to the first token (median and 99th percentile of the streams),
CPU time of the process for each token, streams that brought the whole answer, and the longest silence between two
deltas of any stream. A stream is stalled when it was silent for longer than `--stall` seconds, or broke off.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.benchmarks import harness, server
from tests.benchmarks.harness import MODELS, QUESTION, Client, LangChainClient, say, verdict

XAI, OURS, GATEWAY = "ChatXAI", "ChatGrokWeb", "ChatGrokWeb gateway"
MAKERS = {**MODELS, GATEWAY: partial(harness.grokweb_model, transport="gateway")}
WARM_TOKENS = 50

# --- the child: one process, one model ------------------------------------------------------------------------------


@dataclass
class Stream:
    """What one stream's reader noted."""

    first: float | None = None
    longest_gap: float = 0
    text: str = ""
    error: str | None = None
    _parts: list[str] = field(default_factory=list)

    async def read(self, client: Client) -> None:
        started = last = time.perf_counter()
        async for text in client.astream(QUESTION):
            if not text:
                continue
            now = time.perf_counter()
            if self.first is None:
                self.first = now - started
            else:
                self.longest_gap = max(self.longest_gap, now - last)
            last = now
            self._parts.append(text)
        self.text = "".join(self._parts)

    async def read_safely(self, client: Client, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                await self.read(client)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is this stream's result)
            self.error = type(error).__name__


async def run_streams(options: argparse.Namespace) -> dict[str, Any]:
    await Stream().read(LangChainClient(MAKERS[options.child](options.warm_url)))
    client = LangChainClient(MAKERS[options.child](options.url))
    streams = [Stream() for _ in range(options.streams)]
    limit = 4 * options.tokens / options.pace + 60
    gc.collect()
    before = cpu_seconds()
    await asyncio.gather(*(stream.read_safely(client, limit) for stream in streams))
    return summary(streams, options, cpu_seconds() - before)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def summary(streams: Sequence[Stream], options: argparse.Namespace, cpu: float) -> dict[str, Any]:
    expected = server.answer_text(options.tokens)
    firsts = [s.first for s in streams if s.first is not None] or [float("inf")]
    whole = [s for s in streams if s.text == expected]
    return {
        "first_p50": harness.percentile(firsts, 0.5),
        "first_p99": harness.percentile(firsts, 0.99),
        "cpu_a_token": cpu / (options.streams * options.tokens),
        "finished": len(whole),
        "longest_gap": max(s.longest_gap for s in streams),
        "stalled": len(streams) - sum(s.longest_gap <= options.stall for s in whole),
        "errors": Counter(s.error for s in streams if s.error),
    }


# --- the parent: takes turns and compares ---------------------------------------------------------------------------


def measure(options: argparse.Namespace, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with (
        harness.running_server(options.tokens, frames=[1], pace=options.pace) as paced,
        harness.running_server(WARM_TOKENS, frames=[1]) as warm,
    ):
        for _ in range(options.rounds):
            for name in names:
                found[name].append(run_one(options, name, paced[1], warm[1]))
    return found


def run_one(options: argparse.Namespace, name: str, url: str, warm_url: str) -> dict[str, Any]:
    passed_on = [f"--{key}={getattr(options, key)}" for key in ("streams", "tokens", "pace", "stall")]
    child = [f"--child={name}", f"--url={url}", f"--warm-url={warm_url}"]
    return harness.run_child("-m", "tests.benchmarks.concurrent", *passed_on, *child)


def middle(runs: Sequence[dict[str, Any]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def report(found: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> None:
    header = ["", "first token p50", "p99", "CPU a token", "finished", "longest gap", "stalled"]
    harness.print_table(header, [row(name, runs, options.streams) for name, runs in found.items()])
    for name, runs in found.items():
        errors = sum((Counter(run["errors"]) for run in runs), Counter())
        if errors:
            say(f"{name} failed: {dict(errors)}")
    for name in (OURS, GATEWAY):
        if XAI in found and name in found:
            verdicts(name, found[name], found[XAI])


def row(name: str, runs: Sequence[dict[str, Any]], streams: int) -> list[str]:
    return [
        name,
        f"{middle(runs, 'first_p50') * 1e3:.0f} ms",
        f"{middle(runs, 'first_p99') * 1e3:.0f} ms",
        f"{middle(runs, 'cpu_a_token') * 1e6:.0f} µs",
        f"{sum(run['finished'] for run in runs)}/{streams * len(runs)}",
        f"{max(run['longest_gap'] for run in runs) * 1e3:.0f} ms",
        str(sum(run["stalled"] for run in runs)),
    ]


def verdicts(name: str, ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> None:
    for target, key, scale, unit in (
        ("time to first token, p99, no worse than ChatXAI", "first_p99", 1e3, "ms"),
        ("CPU a token, less than ChatXAI", "cpu_a_token", 1e6, "µs"),
    ):
        mine, other = middle(ours, key) * scale, middle(theirs, key) * scale
        verdict(f"{name}: {target}", met=mine <= other, figure=f"{mine:.0f} {unit} against {other:.0f} {unit}")
    stalled = sum(run["stalled"] for run in ours)
    verdict(f"{name}: no stream stalled", met=not stalled, figure=f"{stalled} stalled")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.concurrent", description="Many paced streams in one loop."
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=100, help="tokens an answer has")
    parser.add_argument("--pace", type=float, default=50, help="tokens a second, for each stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stall", type=float, default=1.0, help="seconds of silence that count as a stall")
    for inner in ("--child", "--url", "--warm-url"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.child:
        say(json.dumps(asyncio.run(run_streams(options))))
        return
    say(f"{options.streams} streams of {options.tokens} tokens, {options.pace:g} tokens a second each")
    say(f"median of {options.rounds} rounds, {os.cpu_count()} cores")
    say()
    names = harness.measurable()
    report(measure(options, [*names, *([GATEWAY] if OURS in names else [])]), options)


if __name__ == "__main__":
    main()
