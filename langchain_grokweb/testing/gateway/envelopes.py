"""Envelopes (gateway.md 2): numbering, spelling, and reading the objects of a message."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class Numbering:
    """Gives out the event ids of one session: `evt_<32 hex>_<n>`, n from 1."""

    _prefix: str = field(default_factory=lambda: f"evt_{uuid4().hex}_")
    _last: int = 0

    def next(self) -> str:
        """The next id."""
        self._last += 1
        return f"{self._prefix}{self._last}"


def enveloped(event: Mapping[str, Any], event_id: str, session_id: str | None) -> dict[str, Any]:
    """The envelope around an event; its id stands behind its type."""
    numbered = {"type": event["type"], "event_id": event_id, **event}
    return {"event": numbered} if session_id is None else {"session_id": session_id, "event": numbered}


def compact(value: Any) -> str:
    """The usual spelling. Lone surrogates become question marks, since a text message cannot hold them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, indent=2) + "\n"


def _reordered(value: Any) -> str:
    return compact(_reversed(value))


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


SPELLINGS: Mapping[str, Callable[[Any], str]] = {"pretty": _pretty, "reordered": _reordered}


def objects_in(message: str) -> Iterator[Any]:
    """The JSON values of one message, which may hold several.

    Raises:
        ValueError: it holds something else.
    """
    rest = message.strip()
    if not rest:
        raise ValueError("empty message")
    while rest:
        value, end = _DECODER.raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()
