"""Two processes, one thread in a checkpointer, one conversation at the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import postgres
import pytest

from langchain_grokweb.testing import GrokEmulator

Worker = Callable[..., dict[str, Any]]


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    """Two processes that share nothing with this one, nor with each other."""
    command = [sys.executable, "-W", "error", str(Path(__file__).parent / "worker.py")]
    environment = os.environ | {"LANGSMITH_TRACING": "false"}
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    try:
        yield [asking(process) for process in processes]
    finally:
        for process in processes:  # they have nothing left to do
            process.kill()
            process.communicate()


def asking(process: subprocess.Popen[str]) -> Worker:
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(**task: Any) -> dict[str, Any]:
        stdin.write(json.dumps(task) + "\n")
        stdin.flush()
        return json.loads(stdout.readline() or '"the worker ended"')

    return ask


def share_a_thread(grok: GrokEmulator, workers: list[Worker], store: str) -> None:
    """Question by question, one worker on each wire."""
    wires = [{"transport": "rest"}, {"transport": "gateway"}]
    account = {"base_url": grok.base_url, "cookies": grok.cookies}
    answers = [
        workers[number % 2](store=store, thread="t", text=text, settings=account | wires[number % 2])
        for number, text in enumerate(["My name is Ada.", "I live in Oslo.", "I like foxes.", "What is my name?"])
    ]
    assert len({answer["process"] for answer in answers}) == 2
    assert [answer["messages"] for answer in answers] == [2, 4, 6, 8]
    assert "Ada" in answers[-1]["text"]
    turns = grok.turns
    assert [turn.prompt for turn in turns[1:]] == ["I live in Oslo.", "I like foxes.", "What is my name?"]
    assert [turn.parent_response_id for turn in turns] == [None, *(turn.response_id for turn in turns[:-1])]
    assert [turn.wire for turn in turns] == ["rest", "gateway", "rest", "gateway"]
    assert len(grok.conversations) == 1


def test_two_processes_share_a_thread_in_sqlite(grok, workers, tmp_path):
    share_a_thread(grok, workers, str(tmp_path / "checkpoints.sqlite"))


@pytest.mark.skipif(postgres.why_not() is not None, reason=str(postgres.why_not()))
def test_two_processes_share_a_thread_in_postgres(grok, workers):
    with postgres.running() as address:
        share_a_thread(grok, workers, address)
