"""What a start costs: `python -m tests.benchmarks.startup [--runs 7]`.

Three things, each in fresh processes that take turns, as medians of the runs after one that fills the byte-code caches:

- importing langchain-core's chat models, and what each model's package adds on top of that;
- making a model: the first of its process, and one of those after it;
- from a call to its first token, on loopback: the first call of the process, and the one after it.

What a model puts off until its first call is not saved, so the sum of the first making and the first call stands
beside them. Plain httpx, with a client of its own, is there as the floor.
"""

import argparse
import asyncio
import importlib
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx

from tests.benchmarks import harness
from tests.benchmarks.harness import MODELS, PACKAGES, QUESTION, Client, LangChainClient, say, verdict

OURS = "ChatGrokWeb"
PLAIN = "httpx"
TOKENS = 20
LATER_MODELS = 15
IMPORT_SHARE = 1 / 3
CONSTRUCTION_LIMIT = 0.3e-3

# Run by itself, with nothing of ours imported before: the clock must see every module that a user's import loads.
# httpx imports its own command line (rich, pygments, click) where that is installed, as it is beside these benchmarks
# and not with the package alone.
IMPORT_CODE = """
import json, sys, time
sys.modules["click"] = None
start = time.perf_counter()
import langchain_core.language_models.chat_models
core = time.perf_counter() - start
start = time.perf_counter()
getattr(__import__(sys.argv[1]), sys.argv[2])
print(json.dumps({"core": core, "added": time.perf_counter() - start}))
"""

Run = dict[str, float]
Found = dict[str, list[Run]]

# --- the child: making and calling ----------------------------------------------------------------------------------


class PlainClient:
    """The first token by httpx alone."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.AsyncClient()
        self._url = f"{base_url}/rest/app-chat/conversations/new"

    async def astream(self, question: str) -> AsyncIterator[str]:
        async with self._http.stream("POST", self._url, json={"message": question}) as response:
            async for line in response.aiter_lines():
                yield json.loads(line)["result"].get("response", {}).get("token", "")


def make(name: str, url: str) -> Client:
    return PlainClient(url) if name == PLAIN else LangChainClient(MODELS[name](url))


def clocked(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


async def first_token(client: Client) -> float:
    """Seconds to the first token; the rest of the answer is read too, so that nothing is left over."""
    started = time.perf_counter()
    moments = [time.perf_counter() async for text in client.astream(QUESTION) if text]
    return moments[0] - started


async def make_and_call(name: str, url: str) -> Run:
    if name in PACKAGES:
        getattr(importlib.import_module(PACKAGES[name]), name)  # its time is measured by the other kind of child
    made, client = clocked(lambda: make(name, url))
    first_call = await first_token(client)
    second_call = await first_token(client)
    later = statistics.median(clocked(lambda: make(name, url))[0] for _ in range(LATER_MODELS))
    return {"made": made, "later": later, "first": first_call, "second": second_call, "sum": made + first_call}


# --- the parent -----------------------------------------------------------------------------------------------------


def take_turns(names: Sequence[str], runs: int, run_one: Callable[[str], Run]) -> Found:
    """A B C A B C ...; the first turn only warms the disk's and the byte-code's caches."""
    found: Found = {name: [] for name in names}
    for number in range(runs + 1):
        for name in names:
            run = run_one(name)
            if number:
                found[name].append(run)
    return found


def run_import(name: str) -> Run:
    return harness.run_child("-c", IMPORT_CODE, PACKAGES[name], name)


def run_calls(name: str, url: str) -> Run:
    return harness.run_child("-m", "tests.benchmarks.startup", f"--child={name}", f"--url={url}")


def middle(runs: Sequence[Run], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def report_imports(found: Found) -> None:
    core = statistics.median(run["core"] for runs in found.values() for run in runs)
    rows = [["langchain_core's chat models", ms(core), "1.00"]]
    for name, runs in found.items():
        added = middle(runs, "added")
        rows.append([f"{PACKAGES[name]}, on top", ms(added), f"{added / core:.2f}"])
    harness.print_table(["import", "ms", "/ core"], rows)
    if OURS in found:
        share = middle(found[OURS], "added") / core
        target = "import on top of langchain-core's chat models, < 1/3 of theirs"
        verdict(target, met=share < IMPORT_SHARE, figure=f"{share:.2f}")
        say()


def report_calls(found: Found) -> None:
    header = ["ms", "making, first", "later", "first token, first call", "second call", "making + first call"]
    keys = ("made", "later", "first", "second", "sum")
    harness.print_table(header, [[name, *(ms(middle(runs, key)) for key in keys)] for name, runs in found.items()])
    if OURS in found:
        later, first = middle(found[OURS], "later"), middle(found[OURS], "made")
        figure = f"{ms(later)} ms, the first of a process {ms(first)} ms"
        verdict("making a model, < 0.3 ms", met=later < CONSTRUCTION_LIMIT, figure=figure)


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.startup", description="What a start costs.")
    parser.add_argument("--runs", type=int, default=7)
    for inner in ("--child", "--url"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.child:
        say(json.dumps(asyncio.run(make_and_call(options.child, options.url))))
        return
    say(f"median of {options.runs} runs, {os.cpu_count()} cores")
    say()
    names = harness.measurable()
    report_imports(take_turns(names, options.runs, run_import))
    with harness.running_server(TOKENS, frames=[1]) as urls:
        report_calls(take_turns([PLAIN, *names], options.runs, lambda name: run_calls(name, urls[1])))


if __name__ == "__main__":
    main()
