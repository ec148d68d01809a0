"""The command, as a user runs it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_grokweb.cli import main
from langchain_grokweb.cli.app import app
from tests.clock import HANG_SECONDS

Run = subprocess.CompletedProcess[str]
COMMAND = [sys.executable, "-W", "error", "-c", "from langchain_grokweb.cli import main; main()"]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "langchain-grokweb"


@pytest.fixture
def process(state: Path) -> Callable[..., Run]:
    """The command in a process of its own, which takes seconds to begin."""

    def run(*words: str) -> Run:
        command = [*COMMAND, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False, input="")

    return run


@pytest.fixture
def grokweb(state: Path) -> Callable[..., Run]:
    """The command in this process."""

    def run(*words: str, piped: str = "") -> Run:
        result = CliRunner().invoke(app, words, input=piped, catch_exceptions=False)
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)

    return run


def field(output: str, name: str) -> str:
    return next(line.split(maxsplit=1)[1] for line in output.splitlines() if line.startswith(name))


def test_a_chat_with_the_emulator_and_its_continuation(process, grokweb):
    first = process("chat", "--emulator", "Draw a red fox in the snow")
    assert first.returncode == 0, first.stderr
    assert "Here is a picture." in first.stdout
    assert field(first.stdout, "picture").startswith("http://127.0.0.1:")
    assert field(first.stdout, "title")
    second = grokweb("chat", "--emulator", "--continue", "My name is Ada.")
    assert "turn 2" in second.stdout
    assert "Ada" in grokweb("chat", "--emulator", "-c", "What is my name?").stdout
    assert field(second.stdout, "conversation") == field(first.stdout, "conversation")
    loaded = grokweb("chat", "--emulator", "--conversation", field(first.stdout, "conversation"), "What is my name?")
    assert "Ada" in loaded.stdout, loaded.stderr
    third = grokweb("chat", "--emulator", "What is my name?")
    assert field(third.stdout, "conversation") != field(first.stdout, "conversation")
    assert third.stderr == ""


def test_reasoning_comes_before_the_answer(grokweb):
    shown = grokweb("chat", "--emulator", "What is the capital of France?").stdout
    thought, answer = shown.split("\n\n", 1)
    assert thought
    assert "Paris" in answer


def test_the_prompt_may_come_from_standard_input(grokweb):
    assert "Paris" in grokweb("chat", "--emulator", piped="What is the capital of France?").stdout


def test_what_is_kept_is_for_the_user_alone_and_holds_no_cookie(grokweb, state):
    grokweb("chat", "--emulator", "Hi")
    kept = sorted(state.rglob("*.json"))
    assert [path.name for path in kept] == ["emulator.json", "messages.json"]
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "sso" not in path.read_text()
        json.loads(path.read_text())


def test_without_an_account_it_says_what_to_do(process):
    found = process("chat", "Hi")
    assert found.returncode == 1
    assert "GROKWEB_COOKIES" in found.stderr
    assert "https://grok.com/" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_file_of_cookies(grokweb, grok, tmp_path, monkeypatch):
    (tmp_path / "cookies").write_text(f"Cookie: {grok.cookies}\n")
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    found = grokweb("chat", "--cookies-file", str(tmp_path / "cookies"), "What is the capital of France?")
    assert "Paris" in found.stdout, found.stderr


def test_the_emulator_alone(state, unused_tcp_port, monkeypatch):
    command = [*COMMAND, "emulator", "--port", str(unused_tcp_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = [running.stdout.readline() for _ in range(4)]
        cookies = said[2].split("'")[1]
        from langchain_grokweb import ChatGrokWeb

        assert ChatGrokWeb(base_url=f"http://127.0.0.1:{unused_tcp_port}", cookies=cookies).invoke("Hi").text
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "langchain_grokweb.cli.app")
    with pytest.raises(SystemExit, match=r"langchain-grokweb\[cli\]"):
        main()


def test_the_version(grokweb):
    assert grokweb("--version").stdout.startswith("langchain-grokweb 0.")
