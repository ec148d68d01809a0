"""Which wire an account needs, remembered for a day.

An account that the anti-bot rule of the conversations endpoint refuses goes over the gateway (rest.md 1.5). A process
learns that by one refusal and remembers it; this file spares the next process the same. It holds hashes and times
alone. The library itself writes nothing: only the command does.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain_grokweb.client import state

_SECONDS = 24 * 3600


def recall(base_url: str, account: str) -> None:
    """Let this process know what one of the last day learned."""
    if _read().get(_key(base_url, account), 0) > time.time():
        state.of_account(base_url, account).refused_by_anti_bot = True


def keep(base_url: str, account: str) -> None:
    """Remember what this process has learned, if that is new."""
    known, key = _read(), _key(base_url, account)
    if not state.of_account(base_url, account).refused_by_anti_bot or known.get(key, 0) > time.time():
        return
    fresh = {name: until for name, until in known.items() if until > time.time()}
    with suppress(OSError):  # it is a saving of one request, not worth an error
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(fresh | {key: round(time.time()) + _SECONDS}), encoding="utf-8")
        beside.replace(path)


def _key(base_url: str, account: str) -> str:
    return hashlib.sha256(f"{base_url} {account}".encode()).hexdigest()[:16]


def _path() -> Path:
    import platformdirs  # noqa: PLC0415 - seldom needed

    return platformdirs.user_state_path("langchain-grokweb", appauthor=False) / "wires.json"


def _read() -> dict[str, Any]:
    try:
        known = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = known.items() if isinstance(known, dict) else ()
    return {name: until for name, until in pairs if isinstance(until, int | float)}
