"""A clock for all event loops of this process, which stands still while anybody works and then jumps to what is next.

Limits and pauses of the client, and delays of the emulator, all are timers of event loops. While the clock is
`running`, no loop's time passes by itself, so that no limit is reached because a machine is slow. When every loop
waits, nothing is readable for any of them, and no other thread works, then nothing but a timer can come next: time
jumps to the first one. So a test of twenty seconds of silence takes none, and its figures are exact.
"""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HANG_SECONDS = 60  # limits that only catch a hang
FARTHEST_SECONDS = 600.0  # timers beyond it, such as uvicorn's for idle connections, are nobody's limit
_TICK_SECONDS = 0.001
_PART_SECONDS = 0.01
_QUIET_TICKS = 3  # looks in a row that find nobody at work: what the kernel or a lock passes on may take a moment
# Where idle threads stand: locks, executors, the reader of xdist, and httpx where it blocks.
_WAITING = {"threading.py", "thread.py", "gateway_base.py", "sync.py"}


def _quiet_ticks() -> int:
    """More of them on a busy machine, where a thread that was woken may not have begun to run yet."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return round(_QUIET_TICKS * max(1.0, 2 * load / (os.cpu_count() or 1)))


_select = selectors.DefaultSelector.select


def _is_ready(selector: Any) -> bool:
    try:
        return bool(_select(selector, 0))
    except (OSError, ValueError):  # its loop has just ended and closed it: this one must not end with it
        return True


class Clock:
    """The time of all event loops. No lock guards it, since a forked child could find that held for ever."""

    def __init__(self) -> None:
        self._offset = 0.0  # from the machine's clock to ours
        self._frozen: float | None = None
        self._waiting: dict[int, tuple[Any, float]] = {}  # thread: its selector, and the moment of its next timer
        self._changes = 0  # each time that a loop begins or ends to wait

    def time(self) -> float:
        """Seconds, for the loops."""
        return time.monotonic() + self._offset if self._frozen is None else self._frozen

    @contextmanager
    def running(self) -> Iterator[Clock]:
        """Loops go by this clock meanwhile; after it, time passes by itself again and goes on from there."""
        self._frozen = self.time()
        # Up to Python 3.11.8, `sys._current_frames` can deadlock if a collection begins in it (python/cpython#106883):
        # it holds the lock of the list of threads, for which a thread that ends waits while it has the
        # interpreter's lock.
        collects = gc.isenabled()
        gc.disable()
        try:
            yield self
        finally:
            if collects:
                gc.enable()
            self._offset = self._frozen - time.monotonic()
            self._frozen = None

    async def sleep(self, seconds: float) -> None:
        """Pause a coroutine of a test by this clock."""
        assert self._frozen is not None
        await asyncio.sleep(seconds)

    def select(self, selector: Any, timeout: float | None = None) -> list[Any]:
        """In place of a selector's own method: wait for files, or for the time to come."""
        if timeout is not None and timeout <= 0:
            return _select(selector, timeout)
        thread = threading.get_ident()
        due = float("inf") if timeout is None else self.time() + timeout
        self._note(thread, (selector, due))
        try:
            while self._frozen is None:  # in short parts: a loop that waits already when the clock stops joins it
                left = due - self.time()
                if (ready := _select(selector, min(left, _PART_SECONDS))) or left <= 0:
                    return ready
            return self._wait(selector, due)
        finally:
            self._note(thread, None)

    def _note(self, thread: int, waits: tuple[Any, float] | None) -> None:
        self._changes += 1
        if waits is None:
            self._waiting.pop(thread, None)
        else:
            self._waiting[thread] = waits

    def _wait(self, selector: Any, due: float) -> list[Any]:
        quiet, changes, enough = 0, self._changes, _quiet_ticks()
        while self._frozen is not None and self._frozen < due:
            if ready := _select(selector, _TICK_SECONDS):
                return ready
            quiet = quiet + 1 if changes == self._changes and self._nobody_works() else 0
            changes = self._changes
            if quiet >= enough:
                self._jump(changes)
        return []

    def _nobody_works(self) -> bool:
        waiting = dict(self._waiting)
        for thread, frame in sys._current_frames().items():
            if thread not in waiting and frame.f_code.co_filename.rpartition("/")[2] not in _WAITING:
                return False
        return not any(_is_ready(selector) for selector, _ in waiting.values())

    def _jump(self, changes: int) -> None:
        due = min(due for _, due in dict(self._waiting).values())
        if self._frozen is not None and changes == self._changes and due - self._frozen <= FARTHEST_SECONDS:
            self._frozen = max(self._frozen, due)
            self._changes += 1


CLOCK = Clock()


def wait_until_blocked(thread: int) -> None:
    """Wait until a thread waits for a lock: there is no event for that."""
    while (code := sys._current_frames()[thread].f_code).co_name != "wait" or code.co_filename != threading.__file__:
        time.sleep(0)


def install() -> None:
    """Let all loops of this process, those that run already too, ask the clock."""
    asyncio.BaseEventLoop.time = lambda _loop: CLOCK.time()
    selectors.DefaultSelector.select = lambda selector, timeout=None: CLOCK.select(selector, timeout)
