"""The ledger of what nobody here knows, for the life of the process: by place and type, never by value.

It has no lock, which a fork could leave held for ever: where threads race, a count may be a little too low.
"""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger("langchain_grokweb")

_MOST_NAMES = 1000
_seen: Counter[str] = Counter()


def note(unknown: Counter[str]) -> None:
    """Move what a turn brought into the ledger; each name is logged when it comes for the first time."""
    news = sorted(unknown.keys() - _seen.keys())[: max(0, _MOST_NAMES - len(_seen))]
    _seen.update({name: count for name, count in unknown.items() if name in _seen or name in news})
    unknown.clear()  # a turn may be left twice
    if news:
        logger.info("grok.com sent something unknown, which was passed over: %s.", ", ".join(news))


def drift() -> dict[str, int]:
    """How often something unknown has come, by its name; the most frequent first."""
    return dict(_seen.most_common())
