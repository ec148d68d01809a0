"""The tests do not look at the clock: a slow machine makes them slow, and no more than that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CLOCKS = set("time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time thread_time".split())
MODULES = {"time", "asyncio", "anyio"}
# Benchmarks measure, the fuzzer says how long it ran, the clock that tests move is made out of the real one, the
# scripted server plays a pause, and how long the loop is held is compared with known work, in processor time.
EXCEPTIONS = {
    TESTS / "client" / "test_client_bounds.py",
    TESTS / "clock.py",
    TESTS / "scripted" / "server.py",
    *TESTS.glob("benchmarks/*.py"),
    *TESTS.glob("fuzz/__main__.py"),
}
SOURCES = sorted(set(TESTS.rglob("*.py")) - EXCEPTIONS)


def looks_at_the_clock(source: str) -> Iterator[int]:
    """The lines that pause for a while, or read a clock of the machine."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(module), attr="sleep"), args=[ast.Constant(seconds)]):
                if module in MODULES and seconds:
                    yield node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Name("time"), attr=name)) if name in CLOCKS:
                yield node.lineno
            case ast.ImportFrom(module="time", names=names) if any(name.name in CLOCKS | {"sleep"} for name in names):
                yield node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_looks_at_the_clock(path):
    """Instead: await an event, count steps, or take the fixture `clock`; a limit for hangs is `HANG_SECONDS`."""
    assert list(looks_at_the_clock(path.read_text(encoding="utf-8"))) == []


LOOKS = ["time.sleep(1)", "await asyncio.sleep(1)", "await anyio.sleep(2)", "a = time.time()", "from time import sleep"]


@pytest.mark.parametrize("line", LOOKS)
def test_a_look_is_noticed(line):
    assert list(looks_at_the_clock(line)) == [1]
