"""The command begins at once: what is heavy is imported when a command runs."""

from __future__ import annotations

import subprocess
import sys

from tests.clock import HANG_SECONDS

LOOK = """
import sys
from langchain_grokweb.cli import main

before = set(sys.modules)
sys.argv = ["grokweb", "--version"]
main()
assert not {"typer", "rich", "langchain_core", "httpx", "asyncio"} & set(sys.modules), "for --version"

from langchain_grokweb.cli.app import COMMANDS, app
from typer.main import get_command

group = get_command(app)
for name in COMMANDS:
    assert group.get_command(None, name) is not None
heavy = {"langchain_core", "httpx", "anyio", "prompt_toolkit", "keyring", "starlette", "langchain_grokweb.client"}
assert not heavy & set(sys.modules), f"for completion: {heavy & set(sys.modules)}"
"""


def test_the_version_and_completion_import_nothing_heavy():
    command = [sys.executable, "-W", "error", "-c", LOOK]
    found = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("langchain-grokweb ")
