"""What a shell completes: the scripts that it is given, and what they are answered."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from langchain_grokweb.cli.app import COMMANDS, app

SHELLS = ("bash", "zsh", "fish")


def completed(shell: str, line: str) -> str:
    """What a shell is told that may stand at the end of a line."""
    env = {
        "_GROKWEB_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,  # bash
        "COMP_CWORD": str(line.count(" ")),
        "_TYPER_COMPLETE_ARGS": line,  # zsh and fish
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    result = CliRunner().invoke(app, [], prog_name="grokweb", env=env)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("shell", "begins"),
    [
        ("bash", "_grokweb_completion() {"),
        ("zsh", "#compdef grokweb"),
        ("fish", "complete --command grokweb"),
    ],
)
def test_a_shell_is_given_its_script(shell, begins):
    result = CliRunner().invoke(app, [], prog_name="grokweb", env={"_GROKWEB_COMPLETE": f"source_{shell}"})
    assert result.exit_code == 0
    assert result.stdout.strip().startswith(begins)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "fits", "does_not"),
    [
        ("grokweb conv", ["conversations"], ["chat"]),
        ("grokweb conversations re", ["rename", "restore"], ["list"]),
        ("grokweb ", [*COMMANDS], []),
        ("grokweb chat --mod", ["--model"], ["--system"]),
        ("grokweb chat --model gr", ["grok-3", "grok-3-thinking"], ["fast"]),
        ("grokweb whoami --cook", ["--cookies-file"], []),
    ],
)
def test_words_are_completed(shell, line, fits, does_not):
    told = completed(shell, line)
    assert all(word in told for word in fits)
    assert not any(word in told for word in does_not)
