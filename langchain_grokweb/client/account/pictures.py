"""The bytes of finished pictures, fetched while the answer goes on, so that its text need not wait for them."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio.to_thread

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.errors import GrokWebError

logger = logging.getLogger("langchain_grokweb")

T = TypeVar("T")

MAX_PICTURE_BYTES = 32 * 1024 * 1024
LONGEST_WAIT_SECONDS = 20.0  # for those that are not there when all else of the answer is
_AT_ONCE = 3
_QUICKLY_ENCODED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture's bytes in base64, or why there are none."""

    id: str
    mime_type: str = ""
    base64: str = field(default="", repr=False)
    error: str = ""


class Pictures:
    """The pictures of one answer; they are given out in the order in which they were begun."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._fetches: dict[str, asyncio.Task[Fetched]] = {}  # by the picture's id
        self._work: asyncio.Future[Any] | None = None  # what is done beside

    def begin(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Fetch these entries of `images`."""
        for entry in entries:
            self._fetches[entry["id"]] = asyncio.ensure_future(self._fetch(entry))

    @property
    def is_fetching(self) -> bool:
        """Whether one is not given out yet."""
        return bool(self._fetches)

    @property
    def is_busy(self) -> bool:
        """Whether one is not given out yet, or something done beside is not over."""
        return self.is_fetching or self._work is not None

    def ready(self) -> list[Fetched]:
        """Those that are there, up to the first that is not."""
        given: list[Fetched] = []
        while (first := next(iter(self._fetches.items()), None)) and first[1].done():
            del self._fetches[first[0]]
            given.append(first[1].result())
        return given

    async def beside(self, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """What `work` gives; `otherwise` where a picture is there first, and then the work goes on to the next call."""
        if self._work is None:
            self._work = asyncio.ensure_future(work())
        first = next(iter(self._fetches.values()), self._work)
        await asyncio.wait({self._work, first}, return_when=asyncio.FIRST_COMPLETED)
        if not self._work.done():
            return otherwise
        done, self._work = self._work, None
        result: T = done.result()
        return result

    async def rest(self) -> list[Fetched]:
        """All that are left; what is not there in time is given up."""
        fetches, self._fetches = self._fetches, {}
        try:
            await asyncio.wait(fetches.values(), timeout=LONGEST_WAIT_SECONDS)
            late = f"It took longer than {LONGEST_WAIT_SECONDS:g} seconds."
            return [task.result() if task.done() else _failed(one, late) for one, task in fetches.items()]
        finally:
            for task in fetches.values():
                task.cancel()

    async def aclose(self) -> None:
        """Give up what is not there."""
        tasks: list[asyncio.Future[Any]] = [*self._fetches.values(), *([self._work] if self._work else [])]
        self._fetches, self._work = {}, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, entry: Mapping[str, Any]) -> Fetched:
        from langchain_grokweb.client.account.downloads import Sink, Source, fetch  # noqa: PLC0415 - few need it

        sink = Sink(MAX_PICTURE_BYTES, None)
        try:
            async with self._places:
                await fetch(self._http, Source.of(entry), sink)
        except GrokWebError as error:
            return _failed(entry["id"], str(error))
        content = sink.content
        if len(content) <= _QUICKLY_ENCODED_BYTES:
            encoded = base64.b64encode(content)
        else:
            encoded = await anyio.to_thread.run_sync(base64.b64encode, content)
        mime_type = sink.mime_type if sink.mime_type.startswith("image/") else entry["mime_type"]
        return Fetched(entry["id"], mime_type, encoded.decode())


def _failed(picture_id: str, why: str) -> Fetched:
    logger.warning("A picture stays an address, since its bytes could not be fetched: %s", why)
    return Fetched(picture_id, error=why)
