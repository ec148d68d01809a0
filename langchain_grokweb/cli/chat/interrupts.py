"""Ctrl-C in a dialogue, while no line is read."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import Any, Self


class Interrupts:
    """Ctrl-C cancels the work that is waited for; if there is none, it does nothing.

    The prompt reads Ctrl-C as a key. Between work and prompt it is a signal, so one handler stays for the whole
    dialogue: there is no moment in which it would end the command.
    """

    def __init__(self) -> None:
        self._work: asyncio.Future[None] | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(self._cancel))
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    async def wait(self, work: Awaitable[None]) -> None:
        """Wait for work that has stopped its turn at the site before this returns.

        Raises:
            KeyboardInterrupt: It was cancelled.
        """
        outer, self._work = self._work, asyncio.ensure_future(work)
        try:
            await self._work
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            raise KeyboardInterrupt from None
        finally:
            self._work = outer

    def _cancel(self) -> None:
        if self._work is not None:
            self._work.cancel()
