"""How much an account may still ask, in each mode: as far as the site says (rest.md 2.5).

The numbers are the site's and of this moment. Where it has none, or its anti-bot rule turns the question away, they are
`None`: a guess would be taken for a fact. Over the gateway there is no other way to ask (rest.md, Appendix A).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.client.account.modes import list_modes
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.errors import (
    GrokWebError,
    GrokWebModelNotFoundError,
    GrokWebPermissionError,
    GrokWebRateLimitError,
)
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.json_fields import Fields, get_dict

logger = logging.getLogger("langchain_grokweb")

_PATH = "/rest/rate-limits"
_USUAL_MODES = ("auto", "fast", "expert", "heavy")  # of the menu of August 2026 (rest.md 8.16)
_LONGEST_ASKING_SECONDS = 5.0  # where an error waits for it


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests are left in a mode. A number that the site does not give is `None`.

    Attributes:
        mode: The mode's id, as `model=` takes it.
        remaining: Requests that are left in this window.
        total: Requests in a whole window.
        window_seconds: The length of a window, in seconds.
        resets_in: Seconds until there are more requests; the site gives it only when none are left.
    """

    mode: str
    remaining: int | None = None
    total: int | None = None
    window_seconds: int | None = None
    resets_in: int | None = None


async def quotas(http: Http) -> list[Quota]:
    """What is left of each mode that the account may use, in the order of the site's menu.

    Raises:
        GrokWebError: The site could not be asked; a refusal by the anti-bot rule leaves the numbers out instead.
    """
    try:
        names = [mode.id for mode in await list_modes(http) if mode.available]
    except GrokWebPermissionError as error:
        _require_anti_bot(http, error)
        names = list(_USUAL_MODES)
    quotas_read: list[Quota] = []
    for name in names:
        try:
            quotas_read.append(await _ask(http, name))
        except GrokWebPermissionError as error:
            _require_anti_bot(http, error)
            break
        except GrokWebModelNotFoundError:
            quotas_read.append(Quota(name))
    else:
        http.account.quota_refused = False
    return quotas_read + [Quota(name) for name in names[len(quotas_read) :]]


async def explain(http: Http, error: GrokWebRateLimitError, model: str) -> None:
    """Write into an error which mode it is about, and what the site says of its quota, where that is the matter.

    Args:
        http: Where to ask; once, and not for long. A refusal leaves the error as it is.
        error: The error; its message, its next step and its attributes are completed.
        model: The model or mode that was asked.
    """
    if error.reason not in {"requests", "quota"} or error.mode is not None:
        return
    error.mode = modes.resolve(model).id
    if http.account.quota_refused:
        return
    try:
        quota = await _ask(http, error.mode, seconds=min(_LONGEST_ASKING_SECONDS, http.service.timeout))
    except GrokWebError as refusal:
        logger.debug("The quota could not be asked for: %s.", type(refusal).__name__)
        return
    # Where the refusal says that a quota is used up and this one is not, the refusal is about another one.
    if quota.remaining == 0 or (quota.remaining is not None and error.reason == "requests"):
        error.explain(quota.remaining, quota.total, quota.resets_in)


async def _ask(http: Http, mode: str, seconds: float | None = None) -> Quota:
    return read(await http.fetch_json("POST", _PATH, {"modelName": mode}, seconds=seconds), mode)


def _require_anti_bot(http: Http, error: GrokWebPermissionError) -> None:
    """Raise the error, unless it is of the anti-bot rule: then say so once."""
    if error.reason != "anti_bot":
        raise error
    if not http.account.quota_refused:
        logger.warning("grok.com's anti-bot rule turned the question for quotas away: they are unknown.")
        http.account.quota_refused = True


def read(reply: Any, mode: str) -> Quota:
    """The quota in a reply of any era: requests of the mode, or its share of a pool of tokens (rest.md 2.5)."""
    fields: Fields = reply if isinstance(reply, dict) else {}
    remaining, total = _count(fields, "remainingQueries"), _count(fields, "totalQueries")
    wait = _count(fields, "waitTimeSeconds")
    pool = get_dict(fields, "highEffortRateLimits" if modes.resolve(mode).thinks else "lowEffortRateLimits")
    if pool and not total:
        remaining, wait = _count(pool, "remainingQueries"), _count(pool, "waitTimeSeconds")
        tokens, cost = _count(fields, "totalTokens"), _count(pool, "cost")
        total = tokens // cost if tokens and cost else None
    if remaining is None and wait:
        remaining = 0  # the service leaves out what is zero
    return Quota(mode, remaining, total, _count(fields, "windowSizeSeconds"), wait if wait and not remaining else None)


def _count(fields: Fields, name: str) -> int | None:
    """A whole number; 64 bits may come as text."""
    match = re.fullmatch("[0-9]{1,15}", str(fields.get(name)))
    return int(match[0]) if match else None
