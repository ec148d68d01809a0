# ruff: noqa: T201 (these programs' only face is what they print)
"""What the benchmarks share: the server's process, the clients under test, the tables.

A model's package is imported when the model is made, so that a missing one costs its own rows only.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "Why is the sky blue?"
USER_ID = "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01"


class Client(Protocol):
    """Something that answers a question token by token."""

    def astream(self, question: str) -> AsyncIterator[str]: ...


class LangChainClient:
    """A chat model. `content` is read, as every peer has it as a plain string here."""

    def __init__(self, model: Any) -> None:
        self.model = model

    async def astream(self, question: str) -> AsyncIterator[str]:
        async for chunk in self.model.astream(question):
            yield chunk.content

    async def ainvoke(self, question: str) -> str:
        return (await self.model.ainvoke(question)).content


def grokweb_model(base_url: str, transport: str = "rest", user_id: str = USER_ID, **fields: Any) -> Any:
    model_class = importlib.import_module("langchain_grokweb").ChatGrokWeb
    cookies = f"sso=x.y.z; sso-rw=x.y.z; x-userid={user_id}"
    return model_class(base_url=base_url, cookies=cookies, transport=transport, **fields)


def xai_model(base_url: str, **fields: Any) -> Any:
    model_class = importlib.import_module("langchain_xai").ChatXAI
    return model_class(model="grok-3", base_url=f"{base_url}/v1", api_key="x", **fields)


def ollama_model(base_url: str) -> Any:
    model_class = importlib.import_module("langchain_ollama").ChatOllama
    return model_class(model="grok-3", base_url=base_url)


MODELS = {"ChatXAI": xai_model, "ChatGrokWeb": grokweb_model}
PACKAGES = {"ChatXAI": "langchain_xai", "ChatGrokWeb": "langchain_grokweb", "ChatOllama": "langchain_ollama"}


def why_missing(name: str) -> str | None:
    """Why this model cannot be measured here, or None."""
    try:
        getattr(importlib.import_module(PACKAGES[name]), name)
    except (ImportError, AttributeError) as error:
        return f"{name} is not measured: {type(error).__name__}: {error}"
    return None


def measurable(*others: str) -> list[str]:
    """The models that can be measured here, and which of `others`; says a word about each of the rest."""
    reasons = {name: why_missing(name) for name in [*MODELS, *others]}
    for reason in filter(None, reasons.values()):
        say(f"{reason}\n")
    return [name for name, reason in reasons.items() if reason is None]


def quiet_environment() -> dict[str, str]:
    """No tracing, and no proxy between us and loopback, whatever the user's shell says."""
    return os.environ | {
        "LANGSMITH_TRACING": "false",
        "LANGCHAIN_TRACING_V2": "false",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@contextmanager
def running_server(tokens: int, *, frames: Sequence[int] = (64, 1), pace: float = 0) -> Iterator[dict[int, str]]:
    """Start the server in its own process; give the base URL of each number of frames a write."""
    command = [sys.executable, "-m", "tests.benchmarks.server", f"--tokens={tokens}", f"--pace={pace}"]
    command += [f"--frames={number}" for number in frames]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ports = json.loads(process.stdout.readline())
            yield {int(number): f"http://127.0.0.1:{port}" for number, port in ports.items()}
        finally:
            process.stdin.close()


def run_child(*arguments: str) -> Any:
    """Run this interpreter afresh and read the JSON that it prints; what it complains of goes to our stderr."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=quiet_environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def say(text: str = "") -> None:
    print(text, flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column to the left, figures to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        say("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    say()


def verdict(target: str, *, met: bool, figure: str) -> None:
    """A target's line. It never changes the exit code: a busy machine is not a fault of the code."""
    say(f"{'met    ' if met else 'not met'}  {target}: {figure}")


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
