"""What may be tried again, and after which pause."""

from __future__ import annotations

import random

from tenacity import RetryCallState

from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebError,
    GrokWebRateLimitError,
    GrokWebServerError,
    GrokWebTimeoutError,
)

LONGEST_WAIT_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
_ORIGIN_NOT_REACHED = {521, 522, 523}  # Cloudflare's own: the request went no further than to it


def may_try_again(error: BaseException) -> bool:
    """Whether the turn was provably not taken, or the site said to come again soon."""
    match error:
        case GrokWebRateLimitError(retry_after=wait, exhausted=exhausted):
            return not exhausted if wait is None else wait <= LONGEST_WAIT_SECONDS
        case GrokWebServerError(overloaded=overloaded, status_code=status):
            return overloaded or status in _ORIGIN_NOT_REACHED
        case GrokWebError():
            return bool(getattr(error, "never_sent", False))
    return False


def is_passing(error: GrokWebError) -> bool:
    """Whether a question that changes nothing, such as where an answer stands, may be asked again."""
    return isinstance(error, GrokWebConnectionError | GrokWebTimeoutError | GrokWebServerError) or may_try_again(error)


def seconds_to_wait(state: RetryCallState) -> float:
    """What the site asks for, or a growing, jittered pause."""
    error = state.outcome.exception() if state.outcome else None
    asked: float | None = error.retry_after if isinstance(error, GrokWebRateLimitError) else None
    return max(pause_before(state.attempt_number), asked or 0.0)


def pause_before(times: int) -> float:
    """Seconds to wait after so many tries in a row; none before the first."""
    if not times:
        return 0.0
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (times - 1))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
