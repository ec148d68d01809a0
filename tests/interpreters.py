"""Interpreters that have imported the package already: code runs in a fork of one, and ends as an interpreter ends.

An interpreter of its own for each case would spend seconds on imports alone. Where nothing can be forked, each case has
one nevertheless.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clock import HANG_SECONDS

PLAIN: Sequence[str] = ()
STRICT: Sequence[str] = ("-X", "dev", "-W", "error")

# The child leaves the loop, so that its code is the last thing which this interpreter does.
_PARENT = """
import json, os, sys
import langchain_grokweb.testing as _testing
from langchain_grokweb import ChatGrokWeb as _model
_testing.GrokEmulator
print(flush=True)
for _line in sys.stdin:
    _task = json.loads(_line)
    _child = os.fork()
    if not _child:
        for _number, _path in enumerate([os.devnull, *_task["outputs"]]):
            os.dup2(os.open(_path, os.O_RDWR | os.O_CREAT), _number)
        sys.argv[1:] = _task["words"]
        exec(compile(_task["code"], "<string>", "exec"))
        break
    print(os.waitstatus_to_exitcode(os.waitpid(_child, 0)[1]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """An interpreter that has ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Interpreters:
    """One warm interpreter for each way to start it; they last as long as the session."""

    _parents: dict[Sequence[str], subprocess.Popen[str]] = field(default_factory=dict)

    def run(self, code: str, *words: str, options: Sequence[str] = STRICT) -> Ended:
        """Run code with these words in `sys.argv`, and wait for its end."""
        code = textwrap.dedent(code)
        if not hasattr(os, "fork"):
            command = [sys.executable, *options, "-c", code, *words]
            alone = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
            return Ended(alone.returncode, alone.stdout, alone.stderr)
        with tempfile.TemporaryDirectory() as kept:
            outputs = [Path(kept, "stdout"), Path(kept, "stderr")]
            said = self._ask(tuple(options), {"code": code, "words": words, "outputs": list(map(str, outputs))})
            printed = [path.read_text(encoding="utf-8") for path in outputs]
        assert said is not None, f"no end within {HANG_SECONDS} s: {printed}"
        return Ended(said, *printed)

    def _ask(self, options: Sequence[str], task: dict[str, Any]) -> int | None:
        parent = self._parents.get(options) or self._begin(options)
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(task) + "\n")
        parent.stdin.flush()
        if not select.select([parent.stdout], [], [], HANG_SECONDS)[0]:
            self._end(self._parents.pop(options))
            return None
        return int(parent.stdout.readline())

    def _begin(self, options: Sequence[str]) -> subprocess.Popen[str]:
        command = [sys.executable, *options, "-c", _PARENT]
        parent = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert parent.stdout is not None
        assert parent.stdout.readline() == "\n"
        self._parents[options] = parent
        return parent

    def _end(self, parent: subprocess.Popen[str]) -> None:
        os.killpg(parent.pid, 9)  # a child that hangs too
        parent.communicate()

    def close(self) -> None:
        """End them all."""
        for parent in self._parents.values():
            parent.communicate()
