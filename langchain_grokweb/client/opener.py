"""A turn is opened: what is attached goes up, a wire takes it, and tries are made again where that is safe."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from langchain_grokweb.client.delivery_check import Unknowable, look_up, not_to_be_told, now
from langchain_grokweb.client.gateway import GatewayTurn
from langchain_grokweb.client.http import Http
from langchain_grokweb.client.rest import RestTurn
from langchain_grokweb.client.resume import ResumableStream, WireTurn
from langchain_grokweb.client.retry import may_try_again, seconds_to_wait
from langchain_grokweb.client.stopping import DeliveryUnknownError
from langchain_grokweb.client.uploads import Uploads
from langchain_grokweb.errors import GrokWebPermissionError, GrokWebTimeoutError
from langchain_grokweb.wire.events import Event
from langchain_grokweb.wire.turn import Turn

logger = logging.getLogger("langchain_grokweb")

T = TypeVar("T")


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


class Opener:
    """Opens the turns of one model call: the question, and those that mend its answer. Remembers what it uploaded."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._service = http.service
        self._uploads = Uploads(http, self._try)

    async def open(self, turn: Turn) -> OpenTurn:
        """Upload what is attached, then ask. The turn that is open must be left at the end, however it ends.

        Raises:
            GrokWebError: The turn was refused, or could not be opened, or a file could not be uploaded.
        """
        if turn.attachments:
            turn = replace(turn, file_ids=await self._uploads.ids(turn.attachments))
        if self._service.transport == "rest":
            return await self._open(RestTurn, turn)
        account = self._http.account
        may_change = self._may_change_wires(turn)
        if self._service.transport == "gateway" or (account.refused_by_anti_bot and may_change):
            return await self._open(GatewayTurn, turn)
        try:
            return await self._open(RestTurn, turn)
        except GrokWebPermissionError as error:
            if error.reason != "anti_bot" or not may_change:
                raise
        if not account.refused_by_anti_bot:
            logger.info("The conversations endpoint's anti-bot rule refused: this account goes over the gateway now.")
            account.refused_by_anti_bot = True
        return await self._open(GatewayTurn, turn)

    def _may_change_wires(self, turn: Turn) -> bool:
        """Whether the gateway has what this turn asks for, and goes the way that the caller chose."""
        return not turn.deep_search and (self._service.http_client is None or self._service.proxy is not None)

    async def _open(self, wire: type[RestTurn | GatewayTurn], turn: Turn) -> OpenTurn:
        return ResumableStream(self._http, await self._try(self._once, wire, turn))

    async def _try(self, work: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Do something, again where that is safe."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._service.max_retries + 1),
            retry=retry_if_exception(may_try_again),
            wait=seconds_to_wait,
            before_sleep=_log_retry,
            reraise=True,
        )
        return await retrying(work, *args)

    async def _once(self, wire: type[RestTurn | GatewayTurn], turn: Turn) -> WireTurn:
        """One try. Where nothing comes back, the service is asked whether it took the turn."""
        sent = now()
        try:
            return await wire.open(self._http, turn)
        except DeliveryUnknownError as in_doubt:
            doubt = in_doubt
        try:
            found = await look_up(self._http, turn, doubt, sent, wire.transport)
        except Unknowable:
            raise not_to_be_told(doubt) from None
        if found is not None:
            return found
        # After a timeout it may still be on its way, so that it is not provably not taken.
        doubt.error.never_sent = not isinstance(doubt.error, GrokWebTimeoutError)
        raise doubt.error


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    logger.info("Try %d to open a turn: %s. Next in %.1f s.", state.attempt_number, type(error).__name__, wait)
