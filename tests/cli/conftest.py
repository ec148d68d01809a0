"""The command as a person uses it: in a terminal, or in a pipe."""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from langchain_grokweb.testing import GrokEmulator
from tests.cli.terminal import Terminal, be_the_command

Run = subprocess.CompletedProcess[bytes]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command keeps what it remembers; a folder of the test's own."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path / "xdg_state_home" / "langchain-grokweb"


@pytest.fixture
def account(grok: GrokEmulator, monkeypatch: pytest.MonkeyPatch) -> GrokEmulator:
    """An emulator whose account the command uses."""
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    return grok


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Begin the command in a terminal."""
    with ExitStack() as stack:
        yield lambda *words, **settings: stack.enter_context(Terminal(*words, **settings))


@pytest.fixture
def pipe() -> Callable[..., Run]:
    """Run the command with pipes: its exit code and all bytes that it wrote."""
    return in_pipes


def in_pipes(*words: str, piped: bytes = b"", encoding: str = "utf-8", **variables: Any) -> Run:
    """One run in a fork of this process, with files in the place of terminals."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(piped)
        given.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            pid = os.fork()
        if pid == 0:
            for number, file in enumerate((given, out, err)):
                os.dup2(file.fileno(), number)
            be_the_command(words, encoding, variables)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return Run(words, os.waitstatus_to_exitcode(status), out.read(), err.read())
