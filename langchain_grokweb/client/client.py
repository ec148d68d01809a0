"""The client: opens a turn, tries again where that is safe, passes events on, stops what is left early."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from langchain_grokweb.client import drift
from langchain_grokweb.client.account import AvailableMode, list_modes
from langchain_grokweb.client.gateway import GatewayTurn
from langchain_grokweb.client.http import Http
from langchain_grokweb.client.rest import RestTurn
from langchain_grokweb.client.service import Service
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import GrokWebError, GrokWebPermissionError, GrokWebRateLimitError, GrokWebServerError
from langchain_grokweb.wire.events import Event
from langchain_grokweb.wire.turn import Turn

logger = logging.getLogger("langchain_grokweb")

LONGEST_WAIT_SECONDS = 60.0
_FIRST_BACKOFF_SECONDS = 0.5
_ORIGIN_NOT_REACHED = {521, 522, 523}  # Cloudflare's own: the request went no further than to it
_LONGEST_BACKOFF_SECONDS = 8.0


# Which accounts of which hosts the conversations endpoint turned away, as long as the process lives.
_over_gateway: set[tuple[str, str]] = set()


class OpenTurn(Protocol):
    """A turn that the service has taken, whichever wire it went over."""

    transport: str

    async def next_batch(self) -> list[Event] | None:
        """What the next read brings, never empty; `None` when the answer is whole.

        Raises:
            GrokWebError: The answer failed, broke off, or fell silent. Every event before that was given out.
        """

    async def leave(self) -> None:
        """Let go of it; stops it at the service if it may still be running there."""


class GrokWebClient:
    """Turns, over one service, in one account's name. Holds no connection: it costs nothing to make."""

    def __init__(self, service: Service, credentials: GrokCredentials) -> None:
        self._service = service
        self._http = Http(service, credentials)

    async def open(self, turn: Turn) -> OpenTurn:
        """Ask. The turn that is open must be left at the end, however it ends.

        Raises:
            GrokWebError: The turn was refused, or could not be opened.
        """
        if self._service.transport == "rest":
            return await self._open(RestTurn.open, turn)
        account = (self._service.base_url, self._http.credentials.account)
        may_change = self._may_change_wires(turn)
        if self._service.transport == "gateway" or (account in _over_gateway and may_change):
            return await self._open(GatewayTurn.open, turn)
        try:
            return await self._open(RestTurn.open, turn)
        except GrokWebPermissionError as error:
            if error.reason != "anti_bot" or not may_change:
                raise
        if account not in _over_gateway:
            logger.info("The conversations endpoint's anti-bot rule refused: this account goes over the gateway now.")
            _over_gateway.add(account)
        return await self._open(GatewayTurn.open, turn)

    def _may_change_wires(self, turn: Turn) -> bool:
        """Whether the gateway has what this turn asks for, and goes the way that the caller chose."""
        return not turn.deep_search and (self._service.http_client is None or self._service.proxy is not None)

    async def _open(self, wire: Callable[[Http, Turn], Awaitable[OpenTurn]], turn: Turn) -> OpenTurn:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._service.max_retries + 1),
            retry=retry_if_exception(may_try_again),
            wait=seconds_to_wait,
            before_sleep=_log_retry,
            reraise=True,
        )
        return await retrying(wire, self._http, turn)

    @staticmethod
    def drift() -> dict[str, int]:
        """How often grok.com sent something that this version does not know, since the process began.

        Returns:
            Counts by place, name and type, such as `{"result.someField:dict": 3}`; never a value. Many of them after a
            change of the site are what to report.
        """
        return drift.drift()

    async def modes(self) -> list[AvailableMode]:
        """What the site offers to this account."""
        return await list_modes(self._http)


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


def seconds_to_wait(state: RetryCallState) -> float:
    """What the site asks for, or a growing, jittered pause."""
    error = state.outcome.exception() if state.outcome else None
    pause = min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (state.attempt_number - 1))
    jittered = pause * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
    asked: float | None = error.retry_after if isinstance(error, GrokWebRateLimitError) else None
    return float(max(jittered, asked or 0.0))


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    logger.info("Try %d to open a turn: %s. Next in %.1f s.", state.attempt_number, type(error).__name__, wait)
