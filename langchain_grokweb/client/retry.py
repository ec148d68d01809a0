"""What may be tried again, how often, and after which pause: the one policy of the package."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from langchain_grokweb.errors import (
    GrokWebConnectionError,
    GrokWebError,
    GrokWebRateLimitError,
    GrokWebServerError,
    GrokWebTimeoutError,
)

logger = logging.getLogger("langchain_grokweb")

LONGEST_WAIT_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
T = TypeVar("T")
_ORIGIN_NOT_REACHED = {521, 522, 523}  # Cloudflare's own: the request went no further than to it


OnRetry: TypeAlias = Callable[[RetryCallState], Awaitable[None]]


def retrying(
    max_retries: int, on_retry: OnRetry | None = None, *, again: Callable[[BaseException], bool] | None = None
) -> AsyncRetrying:
    """Tries of a request that changes something: again only where that is safe (`may_try_again`).

    Args:
        max_retries: How many further tries there are after the first.
        on_retry: What else is to know of each failed try.
        again: After which errors to try again, for a request that changes nothing.
    """

    async def report(attempt: RetryCallState) -> None:
        _log_retry(attempt)
        if on_retry is not None:
            await on_retry(attempt)

    return AsyncRetrying(
        stop=stop_after_attempt(max_retries + 1),
        retry=retry_if_exception(again or may_try_again),
        wait=_seconds_to_wait,
        before_sleep=report,
        reraise=True,
    )


async def tried(work: Callable[[], Awaitable[T]], max_retries: int, on_retry: OnRetry | None = None) -> T:
    """Do something, and again as `retrying` does, which is made only where the first try fails."""
    try:
        return await work()
    except GrokWebError as error:
        failed: GrokWebError | None = error

    async def again() -> T:
        nonlocal failed
        if failed is not None:
            error, failed = failed, None
            raise error
        return await work()

    return await retrying(max_retries, on_retry)(again)


def may_try_again(error: BaseException) -> bool:
    """Whether the turn was provably not taken, or the site said to come again soon."""
    match error:
        case GrokWebRateLimitError(retry_after=wait, exhausted=exhausted):
            return not exhausted if wait is None else wait <= LONGEST_WAIT_SECONDS
        case GrokWebServerError(overloaded=overloaded, status_code=status, retry_after=wait):
            return (overloaded or status in _ORIGIN_NOT_REACHED) and (wait is None or wait <= LONGEST_WAIT_SECONDS)
        case GrokWebError():
            return bool(getattr(error, "never_sent", False))
        case _:
            return False


def is_passing(error: GrokWebError) -> bool:
    """Whether a question that changes nothing, such as where an answer stands, may be asked again."""
    return isinstance(error, GrokWebConnectionError | GrokWebTimeoutError | GrokWebServerError) or may_try_again(error)


def pause_before(tries: int) -> float:
    """Seconds to wait after so many tries in a row, growing and jittered; none before the first."""
    if not tries:
        return 0.0
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets


def _seconds_to_wait(attempt: RetryCallState) -> float:
    """What the site asks for, or the pause of `pause_before` where that is longer."""
    error = attempt.outcome.exception() if attempt.outcome else None
    asked = error.retry_after if isinstance(error, GrokWebRateLimitError | GrokWebServerError) else None
    return max(pause_before(attempt.attempt_number), asked or 0.0)


def _log_retry(attempt: RetryCallState) -> None:
    error = attempt.outcome.exception() if attempt.outcome else None
    wait = attempt.next_action.sleep if attempt.next_action else 0.0
    logger.info("Try %d failed: %s. Next in %.1f s.", attempt.attempt_number, type(error).__name__, wait)
