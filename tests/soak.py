"""Many turns of all kinds in one process: `python -m tests.soak --turns 5000` prints what the process holds over time.

The emulator runs in a process of its own. Turns go over both wires, blocking and asynchronous, whole and streamed, in
new conversations and in such as continue, with a file or a picture; some meet a fault, some are cancelled, and each
round has an event loop of its own. What is printed must stay flat after the first tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from langchain_core.messages import HumanMessage

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.client.network import pool
from langchain_grokweb.testing import GrokEmulator
from tests.clock import HANG_SECONDS

FAULTS = ["cut:3", "garbage", "rate_limited", "heavy_load", "usage_limit"]
WAYS = ["whole", "streamed", "left", "cancelled", "continued", "attached", "downloaded"]
AT_ONCE = 10
ROWS = 10
FILE = {
    "type": "file",
    "base64": base64.b64encode(b"Foxes." * 4096).decode(),
    "mime_type": "text/plain",
    "filename": "foxes.txt",
}


def serve(pipe: Connection) -> None:
    """The emulator, until the pipe is closed; each message names a fault for the next request."""
    with GrokEmulator() as grok:
        pipe.send((grok.base_url, grok.cookies))
        with suppress(EOFError):
            while fault := pipe.recv():
                grok.reset()
                for name in fault:
                    grok.reply("word " * 20, fault=name) if ":" in name else grok.fault(name)
                pipe.send(None)


async def turn(model: ChatGrokWeb, way: str, ends: Counter[str]) -> None:
    """One asynchronous turn."""
    try:
        if way == "whole":
            await model.ainvoke("Hi")
        elif way == "continued":
            asked = [HumanMessage("Hi")]
            await model.ainvoke([*asked, await model.ainvoke(asked), HumanMessage("And now?")])
        elif way == "attached":
            await model.ainvoke([HumanMessage([{"type": "text", "text": "Hi"}, FILE])])
        elif way == "downloaded":
            for picture in (await model.ainvoke("Draw a fox")).additional_kwargs.get("images", []):
                await model.adownload(picture)
        elif way == "cancelled":
            task = asyncio.ensure_future(model.ainvoke("Hi"))
            await asyncio.sleep(random.random() / 50)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            async for _ in model.astream("Hi"):
                if way == "left":
                    break
        ends[way] += 1
    except GrokWebError as error:
        ends[type(error).__name__] += 1


def blocking(model: ChatGrokWeb, ends: Counter[str]) -> None:
    """One blocking turn."""
    try:
        for _ in model.stream("Hi"):
            pass
        ends["blocking"] += 1
    except GrokWebError as error:
        ends[type(error).__name__] += 1


def round_of(models: list[ChatGrokWeb], ends: Counter[str]) -> int:
    """Turns in a loop of their own, and one blocking turn; the number of tasks that were left when they were over."""
    ways = random.choices(WAYS, k=AT_ONCE - 1)

    async def work() -> int:
        await asyncio.gather(*(turn(random.choice(models), way, ends) for way in ways))
        await pool.wait_for_finishing()
        return len(asyncio.all_tasks()) - 1

    left = asyncio.run(work())
    blocking(random.choice(models), ends)
    return left


def state_of_process(tasks: int) -> str:
    """Memory, descriptors, tasks and sockets, as columns of a row."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    links = [link for descriptor in Path("/proc/self/fd").iterdir() if (link := target(descriptor))]
    sockets = sum(link.startswith("socket:") for link in links)
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return f"{memory:.1f} | {len(links)} | {tasks} | {sockets}"


def target(descriptor: Path) -> str:
    """What a descriptor is; empty where it is closed by now."""
    with suppress(OSError):
        return str(descriptor.readlink())
    return ""


def soak(turns: int, write: Callable[[str], None]) -> None:
    """Run so many turns, and write a table."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    theirs.close()
    base_url, cookies = ours.recv()
    common = {"base_url": base_url, "cookies": cookies, "max_retries": 1, "timeout": 60}
    models = [ChatGrokWeb(**common, transport="rest"), ChatGrokWeb(**common, transport="gateway")]
    ends: Counter[str] = Counter()
    rounds = max(turns // AT_ONCE, ROWS)
    write("| turns | memory, MiB | descriptors | tasks left | sockets |\n|---|---|---|---|---|")
    for number in range(1, rounds + 1):
        ours.send([random.choice(FAULTS) for _ in range(random.choice([1, 1, 2]))])
        ours.recv()
        tasks = round_of(models, ends)
        if number % (rounds // ROWS) == 0:
            write(f"| {number * AT_ONCE} | {state_of_process(tasks)} |")
    write(f"\nHow the turns ended: {', '.join(f'{name} {count}' for name, count in ends.most_common())}.")
    ours.close()
    server.join(HANG_SECONDS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5000)
    soak(parser.parse_args().turns, lambda line: print(line, flush=True))  # noqa: T201 - what it is for
