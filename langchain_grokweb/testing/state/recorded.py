"""Captures of `grokweb chat --capture`, to be played again: a file of JSON lines, one for each thing that happened.

The first line names the format. Each other one has `at` (seconds), `wire`, and one of `sent`, `received` (a list of
objects), `unreadable`, `refused` (`{"status", "headers", "body"}`, or a `page` with its `signs`) and `ended`.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its stream, one session of the gateway, or an upgrade that was refused."""

    wire: str
    entries: tuple[Entry, ...]
    is_paced: bool

    @property
    def refusal(self) -> Mapping[str, Any] | None:
        """What was answered instead of a stream."""
        return next((entry["refused"] for entry in self.entries if "refused" in entry), None)

    async def steps(self) -> AsyncIterator[Entry]:
        """The entries, each at its time where that is wanted."""
        before = self.entries[0]["at"]
        for entry in self.entries:
            if self.is_paced:
                await asyncio.sleep(entry["at"] - before)
            before = entry["at"]
            yield entry


@dataclass(slots=True)
class Recorded:
    """The exchanges that are to be played, in their order."""

    exchanges: deque[Exchange] = field(default_factory=deque)

    def plan(self, path: str | Path, *, paced: bool) -> None:
        """Add those of a file.

        Raises:
            OSError: It cannot be read.
            ValueError: It is no capture, or one of a later version.
        """
        try:
            head, *entries = [json.loads(line) for line in Path(path).read_bytes().splitlines() if line.strip()]
            is_known = head["grokweb_capture"] == 1
            exchanges = [Exchange(group[0]["wire"], tuple(group), paced) for group in _grouped(entries)]
        except (ValueError, KeyError, TypeError):
            is_known = False
        if not is_known:
            raise ValueError(f"{path} is no capture that this version can play")
        for exchange in exchanges:  # on the conversations endpoint, what began without a prompt resumed a stream
            if exchange.wire == "gateway" or exchange.entries[0].get("sent", {}).get("method") == "POST":
                self.exchanges.append(exchange)

    def take(self, wire: Literal["rest", "gateway"]) -> Exchange | None:
        """The next exchange, where it is of this wire."""
        is_next = self.exchanges and self.exchanges[0].wire == wire
        return self.exchanges.popleft() if is_next else None

    def take_refused_upgrade(self) -> Mapping[str, Any] | None:
        """What an upgrade was answered instead of a socket, where that is next."""
        refused = self.exchanges[0].refusal if self.exchanges else None
        return refused if refused and self.take("gateway") else None


def _grouped(entries: list[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    for entry in entries:
        sent = entry.get("sent")
        begins = sent and (entry["wire"] == "rest" or sent["event"]["type"] == "session.create")
        is_of_upgrade = entry["wire"] == "gateway" and "refused" in entry
        if begins or is_of_upgrade or not groups or groups[-1][0]["wire"] != entry["wire"]:
            groups.append([])
        groups[-1].append(entry)
    return groups
