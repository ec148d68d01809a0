"""A recorded session of the gateway, played to the client that opens one now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from langchain_grokweb.testing.rest.stream import go_json
from langchain_grokweb.testing.state.recorded import Exchange


class RecordedSession:
    """Says what was recorded: after what the client said then, once it has said the same kind of thing now.

    The ids that the client gave to its events take the place of those that were recorded.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._ids: dict[str, str] = {}

    def hear(self, event: Mapping[str, Any]) -> None:
        """The client said this."""
        self._heard.put_nowait(event)

    async def play(self, send: Callable[[str], Awaitable[None]], close: Callable[[int, str], Awaitable[None]]) -> None:
        """Say everything, and close the socket where it was closed."""
        async for entry in self._exchange.steps():
            if "sent" in entry:
                await self._until(entry["sent"]["event"])
            elif "unreadable" in entry:
                await send(entry["unreadable"])
            elif "received" in entry:
                await send(self._text(entry["received"]))
            elif "ended" in entry:
                await close(entry["ended"].get("code") or 1000, entry["ended"].get("reason", ""))

    async def _until(self, recorded: Mapping[str, Any]) -> None:
        while (event := await self._heard.get()).get("type") != recorded.get("type"):
            pass
        with suppress(KeyError):
            self._ids[recorded["event_id"]] = str(event["event_id"])

    def _text(self, objects: list[Any]) -> str:
        text = b"".join(map(go_json, objects)).decode()
        for recorded, now in self._ids.items():
            text = text.replace(f'"{recorded}"', f'"{now}"')
        return text
