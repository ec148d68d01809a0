"""A terminal with somebody before it: keys go in, and what is on the screen is read.

The command runs in a fork of this process, where everything is imported already, behind a pseudo-terminal. The screen
is pyte's, a terminal emulator that knows nothing of this package; it also answers what programs ask a terminal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self

import pyte

import langchain_grokweb.cli.app
import langchain_grokweb.cli.chat.command
import langchain_grokweb.cli.chat.dialogue
import langchain_grokweb.cli.chat.run
import langchain_grokweb.cli.conversations
import langchain_grokweb.cli.models
import langchain_grokweb.cli.quota  # noqa: F401 - so that no fork imports any of them
from langchain_grokweb.cli import main
from tests.clock import HANG_SECONDS

CTRL_C, CTRL_D, CTRL_J, ENTER, UP, ESCAPE, TAB = "\x03", "\x04", "\n", "\r", "\x1b[A", "\x1b", "\t"

_GRAPHICS = re.compile(rb"\x1b[_P].*?\x1b\\", re.DOTALL)  # kitty's questions and pictures, which pyte would print

_READS = 2000
_PRESS_AGAIN_SECONDS = 10


class Screen(pyte.HistoryScreen):
    """What is seen, and what has scrolled away."""

    shows_sixels = False

    def report_device_attributes(self, mode: int = 0, **options: Any) -> None:
        """Say what it is, to a program that asks."""
        if not mode:
            self.write_process_input("\x1b[?62;4c" if self.shows_sixels else "\x1b[?62c")

    def lines(self) -> list[str]:
        """All lines from the beginning on, without blanks at their ends."""
        gone = ["".join(line[column].data for column in range(self.columns)) for line in self.history.top]
        return [line.rstrip() for line in [*gone, *self.display]]


class Terminal:
    """One run of the command.

    Attributes:
        screen: What is seen.
        raw: All bytes that the command has written.
    """

    def __init__(
        self,
        *words: str,
        rows: int = 24,
        columns: int = 80,
        encoding: str = "utf-8",
        sixel: bool = False,
        **env: str,
    ) -> None:
        self.screen = Screen(columns, rows, history=5000, ratio=0.5)
        self.screen.shows_sixels = sixel
        self.screen.write_process_input = self._reply  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.code: int | None = None
        self._is_over = False
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of forking beside threads: the child uses none of them
            self._pid, self._fd = pty.fork()
        if self._pid == 0:
            usual = {"TERM": "xterm-256color", "LINES": "", "COLUMNS": "", "NO_COLOR": ""}
            be_the_command(words, encoding, usual | env, (rows, columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    # --- what a person does

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._fd, text.encode("utf-8", "surrogateescape"))

    def paste(self, text: str) -> None:
        """Paste as terminals do where a program has asked for it, with the ends marked."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if (self.screen.lines, self.screen.columns) != (rows, columns):
            self.screen.resize(rows, columns)

    def end_by_interrupt(self) -> int:
        """Press Ctrl-C, and again where nothing follows; the exit code.

        Python loses a signal that comes while `input` begins, after the question is shown. A person presses again.
        """
        self.type(CTRL_C)
        while not self._is_over:
            if select.select([self._fd], [], [], _PRESS_AGAIN_SECONDS)[0]:
                self._read()
            else:
                self.type(CTRL_C)
        return self.end()

    # --- what a person sees

    @property
    def line(self) -> str:
        """The line where the cursor stands."""
        return str(self.screen.display[self.screen.cursor.y])

    @property
    def text(self) -> str:
        """All that was shown, from the beginning on, without empty lines at the end."""
        return "\n".join(Screen.lines(self.screen)).rstrip()

    def wait_for(self, wanted: str | Callable[[str], Any]) -> str:
        """Wait until a text is there, a pattern fits, or a function is satisfied."""
        fits = wanted if callable(wanted) else lambda text: wanted in text
        reads = 0
        while not fits(self.text):
            reads += 1  # a spinner never ends, so silence is not all that must be limited
            if reads > _READS or not self._read():
                raise AssertionError(f"{wanted!r} never came (exit code {self.code}). The screen:\n{self.text}")
        return self.text

    def wait_for_prompt(self) -> None:
        """Wait until the next question may be typed."""
        self.wait_for(lambda _: re.search(r"^> (Ask anything|$)", self.line) is not None)

    def end(self) -> int:
        """Wait for its end; the exit code."""
        while not self._is_over:
            self._read()
        if self.code is None:
            _, status = os.waitpid(self._pid, 0)
            self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def _read(self) -> bool:
        """Take what the command has written; whether it still runs."""
        ready, _, _ = select.select([self._fd], [], [], HANG_SECONDS)
        if not ready:
            raise AssertionError(f"It neither writes nor ends. The screen:\n{self.text}")
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is closed
            data = b""
        self._is_over = not data
        self.raw += data
        self._stream.feed(_GRAPHICS.sub(b"", data))
        return bool(data)

    def _reply(self, data: str) -> None:
        os.write(self._fd, data.encode())


def ask(seen: Terminal, question: str, answer: str) -> None:
    """Type a question or a command, and wait for what it shows and for the next prompt."""
    before = seen.text.count(answer)  # the same may have been shown already
    seen.type(question + ENTER)
    seen.wait_for(lambda text: text.count(answer) > before)
    seen.wait_for_prompt()


def be_the_command(
    words: Sequence[str], encoding: str, variables: Mapping[str, str], size: tuple[int, int] | None = None
) -> NoReturn:
    """In a forked child, whose first three files are set: be the command, and never come back."""
    code = 70
    try:
        if size is not None:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        for name, value in variables.items():
            os.environ.pop(name, None) if value == "" else os.environ.__setitem__(name, value)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            stream = open(number, mode, encoding=encoding, closefd=False)  # noqa: SIM115 - it lives as long as the child
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        sys.argv = ["grokweb", *words]
        code = exit_code_of(main)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the parent sees it on standard error
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def exit_code_of(run: Callable[[], object]) -> int:
    """What an interpreter would end with."""
    try:
        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0
