"""The tests do not look at the clock: a slow machine makes them slow, and no more than that."""

from __future__ import annotations

import ast
import selectors
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clock import HANG_SECONDS

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


# --- limits: what only a hang reaches is `HANG_SECONDS`; a busy machine reaches a shorter one, unless the clock stands


WAITS = set("wait join result wait_for communicate fail_after move_on_after timeout".split())
LIMITS = {"timeout", "stream_event_timeout"}
# Here a limit is passed on, or is what the program shows.
OTHER_LIMITS = {TESTS / "reliability.py", TESTS / "typing" / "user_script.py"}


def short_limits(source: str) -> Iterator[int]:
    """The lines that bound a wait by seconds of the machine, where it is not that limit that the test waits for."""
    tree = ast.parse(source)
    if any(isinstance(node, ast.Constant) and node.value == "clock" for node in _marks(tree)):
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            if "clock" in {argument.arg for argument in function.args.args}:
                continue
            expected = {id(node) for block in ast.walk(function) if _expects(block) for node in ast.walk(block)}
            yield from (
                value.lineno
                for node in ast.walk(function)
                if id(node) not in expected
                for value in _bounds(node)
                if isinstance(value, ast.Constant)
                and isinstance(value.value, int | float)
                and 0 < value.value < HANG_SECONDS
            )


def _marks(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from ast.walk(node)


def _expects(node: ast.AST) -> bool:
    """Whether a block expects that a limit is reached."""
    return isinstance(node, ast.With) and any(
        "raises" in text and "Timeout" in text for text in (ast.unparse(item.context_expr) for item in node.items)
    )


def _bounds(node: ast.AST) -> Iterator[ast.expr | None]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Constant())):  # a text's `join`
            pass
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(name), args=words, keywords=named):
            yield from words if name in WAITS else ()
            yield from (one.value for one in named if one.arg in LIMITS)
        case ast.Dict(keys, values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value in LIMITS:
                    yield value


@pytest.mark.parametrize("path", sorted(set(SOURCES) - OTHER_LIMITS), ids=lambda path: str(path.relative_to(TESTS)))
def test_no_limit_is_reached_by_a_busy_machine(path):
    """Instead: `HANG_SECONDS`, or the fixture `clock` where the test is about the limit."""
    assert list(short_limits(path.read_text(encoding="utf-8"))) == []


SHORT = [
    "def test(): thread.join(5)",
    "def test(): subprocess.run([], timeout=5)",
    "def test(): ChatGrokWeb(**{'timeout': 0.5})",
    "async def test(): await asyncio.wait_for(work(), 10)",
    "async def test(): asyncio.timeout(5)",
]


@pytest.mark.parametrize("line", SHORT)
def test_a_short_limit_is_noticed(line):
    assert list(short_limits(line)) == [1]
    assert list(short_limits(line.replace("test()", "test(clock)"))) == []


async def test_the_clock_survives_a_loop_that_ends_while_another_looks_at_it(clock):
    """Else an error in `select` ends the loop that looked, such as the one behind all blocking calls."""
    looked = []

    class Ended(selectors.DefaultSelector):
        """Closed, and gone once it was looked at."""

        def __getattribute__(self, name: str) -> object:
            if name == "_selector" and clock._waiting.pop(-1, None):
                looked.append(name)
            return super().__getattribute__(name)

    ended = Ended()
    ended.close()
    clock._waiting[-1] = (ended, float("inf"))
    await clock.sleep(1)
    assert looked
