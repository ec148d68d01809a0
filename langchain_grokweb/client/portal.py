"""The blocking face: synchronous callers on top of the one asynchronous body.

One thread for the process runs an event loop; blocking calls hand their coroutines to it. So they work under a running
loop too, share that loop's connections, and a stream costs one hop for each batch. The thread starts with the first
blocking call, ends with the interpreter, and a forked child starts its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from typing import Any, TypeVar, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from langchain_grokweb.client.network.pool import FINISH_SECONDS, wait_for_finishing, without_thread
from langchain_grokweb.errors import GrokWebInvalidRequestError

T = TypeVar("T")

_CANCEL_SECONDS = 5.0


def call(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function in the portal's loop and wait for it; what interrupts the wait cancels the work."""
    return _wait(_portal.get(), work)


def has_begun() -> bool:
    """Whether there was a blocking call, and so a loop of the portal's."""
    return _portal.has_begun


def soon(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function in the portal's loop, which outlives the caller's; at exit it is waited for shortly."""
    if not _portal.is_here():  # else it is the portal's own loop that is ending
        _portal.finish(_portal.get().start_task_soon(_carried, work))


def iterate(make: Callable[[], AsyncGenerator[T, None]]) -> Iterator[T]:
    """The items of an asynchronous generator that lives in the portal's loop; it is closed however this one ends."""
    portal, process = _portal.get(), os.getpid()
    generator = make()
    _portal.open.add(generator)

    async def step() -> tuple[T] | None:
        try:
            return (await anext(generator),)
        except StopAsyncIteration:
            return None

    try:
        while (item := _wait(portal, step)) is not None:
            yield item[0]
            if os.getpid() != process:
                raise of_another_process()
    finally:
        if _portal.is_running(
            portal
        ):  # else it has ended and closed the generator, or belongs to the process before a fork
            _portal.open.discard(generator)
            _wait(portal, generator.aclose)


def of_another_process() -> GrokWebInvalidRequestError:
    """The error for a stream that is read in a forked child: the connection and its loop are the parent's."""
    return GrokWebInvalidRequestError(
        "This stream belongs to the parent process, and cannot be read in a forked child.",
        next_step="Start the stream in the process that reads it.",
    )


def _wait(portal: BlockingPortal, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in the portal's loop; Ctrl-C too cancels it, also where that comes before the work has begun."""
    over = threading.Event()
    tasks: list[asyncio.Task[Any]] = []
    is_abandoned = False

    async def to_its_end() -> tuple[T | None, BaseException | None]:
        tasks.append(cast("asyncio.Task[Any]", asyncio.current_task()))
        if is_abandoned:
            over.set()
            raise asyncio.CancelledError
        try:
            return await _carried(work)
        finally:
            over.set()

    def abandon() -> None:
        nonlocal is_abandoned
        is_abandoned = True
        for task in tasks:
            task.cancel()

    try:
        result, fatal = portal.start_task_soon(to_its_end).result()
    except BaseException:  # Ctrl-C too must not leave the work running
        if not over.is_set():
            with suppress(RuntimeError):  # the portal has ended
                portal.call(abandon)
                over.wait(_CANCEL_SECONDS)  # so that what comes next does not meet it half done
        raise
    if fatal is not None:
        raise fatal
    return cast("T", result)


async def _carried(work: Callable[[], Awaitable[T]]) -> tuple[T | None, BaseException | None]:
    """The result of `work`, or what it raised that is no `Exception`.

    A `KeyboardInterrupt` within the caller's own code, such as `headers=`, would end the portal, and with it all later
    blocking calls.
    """
    try:
        return await work(), None
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:  # noqa: BLE001 - whoever waits raises it
        return None, error


class _Executor(ThreadPoolExecutor):
    """The loop's threads, for looking up names. What cannot have a thread is run in place.

    An interpreter that is ending starts no thread, and a turn that is stopped then may need a new connection.
    """

    def submit(self, work: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        try:
            return super().submit(work, *args, **options)
        except RuntimeError:
            future: Future[T] = Future()
            try:
                future.set_result(work(*args, **options))
            except Exception as error:  # noqa: BLE001 - whoever waits for the work gets its error
                future.set_exception(error)
            return future


def _set_up_thread() -> None:
    threading.current_thread().name = "langchain-grokweb"
    asyncio.get_running_loop().set_default_executor(_Executor())


class _Portal:
    """The process's portal, made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: BlockingPortal | None = None
        self._thread: int | None = None
        self.open: set[AsyncGenerator[Any, None]] = set()
        self._finishing: set[Future[Any]] = set()
        self._stack = ExitStack()

    def get(self) -> BlockingPortal:
        with self._lock:
            if self._running is None:
                try:
                    self._running = self._stack.enter_context(start_blocking_portal())
                except RuntimeError as error:
                    raise without_thread(error) from None
                self._thread = self._running.call(threading.get_ident)
                self._running.call(_set_up_thread)
                atexit.register(self.stop)
            return self._running

    def finish(self, future: Future[Any]) -> None:
        """Wait for this before the end."""
        self._finishing.add(future)
        future.add_done_callback(self._finishing.discard)

    @property
    def has_begun(self) -> bool:
        """Whether it was asked for."""
        return self._running is not None

    def is_running(self, portal: BlockingPortal) -> bool:
        """Whether this is the portal in use."""
        return self._running is portal

    def is_here(self) -> bool:
        """Whether this is the portal's own thread."""
        return self._thread == threading.get_ident()

    def stop(self) -> None:
        """End the thread; closes its loop and with it the connections."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                wait(set(self._finishing), FINISH_SECONDS)
                for generator in list(self.open):
                    with suppress(RuntimeError):  # another thread is just reading from it
                        running.call(generator.aclose)
                running.call(wait_for_finishing)
                running.call(running.stop, True)  # noqa: FBT003 - the work that is left is cancelled
            self._stack.close()


_portal = _Portal()
_from_before_fork: list[_Portal] = []  # kept, since letting go of one would wait for its thread


def _forget() -> None:
    """In a forked child: only the parent has the thread, so nothing of the old portal may be used or waited for."""
    global _portal  # noqa: PLW0603 - the child's own
    _from_before_fork.append(_portal)
    atexit.unregister(_portal.stop)
    _portal = _Portal()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
