"""Opens a turn: uploads what is attached, has a wire take the turn, and tries again where that is safe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from langchain_grokweb.client.account import quota
from langchain_grokweb.client.delivery_check import Unknowable, delivery_unknown, look_up
from langchain_grokweb.client.gateway import GatewayTurn
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.network.pool import require_asyncio
from langchain_grokweb.client.rest import RestTurn
from langchain_grokweb.client.resume import ResumableStream, StreamingTurn
from langchain_grokweb.client.retry import OnRetry, tried
from langchain_grokweb.client.service import Wire
from langchain_grokweb.client.stopping import DeliveryUnknownError, now
from langchain_grokweb.client.uploads import Uploads
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebRateLimitError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire.turn import Turn

logger = logging.getLogger("langchain_grokweb")

WIRES: Mapping[Wire, Callable[[Http, Turn], StreamingTurn]] = {"rest": RestTurn, "gateway": GatewayTurn}


class Opener:
    """Opens the turns of one model call: the question, and repairs of its answer. Remembers what it uploaded."""

    def __init__(self, http: Http, on_retry: OnRetry | None = None) -> None:
        self._http = http
        self._on_retry = on_retry
        self._service = http.service
        self._uploads = Uploads(http)

    async def open(self, turn: Turn) -> ResumableStream:
        """Upload what is attached, then ask. The turn that is open must be left at the end, however it ends.

        Raises:
            GrokWebError: The turn was refused, or could not be opened, or a file could not be uploaded.
        """
        require_asyncio()
        if turn.attachments:
            turn = replace(turn, file_ids=await self._uploads.ids(turn.attachments))
        try:
            match self._service.transport:
                case "rest" | "gateway" as wire:
                    return await self._open(wire, turn)
                case "auto":
                    return await self._open_anyhow(turn)
                case _:
                    assert_never(self._service.transport)
        except GrokWebError as error:
            await self.note_failure(error, turn)
            raise

    async def note_failure(self, error: GrokWebError, turn: Turn) -> None:
        """A turn failed: say in the error what the mode's quota is; no longer believe in files of a turn refused."""
        if isinstance(error, GrokWebRateLimitError):
            await quota.explain(self._http, error, turn.model)
        elif isinstance(error, GrokWebInvalidRequestError) and not isinstance(error, GrokWebConversationNotFoundError):
            self._uploads.forget()

    def redact(self, value: Any) -> Any:
        """Texts, also in lists and dicts, freed of this account's cookies, which the service may have repeated."""
        return self._http.redact(value)

    async def _open_anyhow(self, turn: Turn) -> ResumableStream:
        """Over the conversations endpoint, and over the gateway for an account that its anti-bot rule refuses."""
        account = self._http.account
        # Whether the gateway has what this turn asks for, and goes the way that the caller chose.
        may_change = not turn.deep_search and (self._service.http_client is None or self._service.proxy is not None)
        if may_change and account.refused_by_anti_bot:
            return await self._open("gateway", turn)
        try:
            return await self._open("rest", turn)
        except GrokWebPermissionError as error:
            if error.reason != "anti_bot" or not may_change:
                raise
        if not account.refused_by_anti_bot:
            logger.info("The conversations endpoint's anti-bot rule refused: this account goes over the gateway now.")
            account.refused_by_anti_bot = True
        return await self._open("gateway", turn)

    async def _open(self, wire: Wire, turn: Turn) -> ResumableStream:
        stream = await tried(partial(self._try_once, wire, turn), self._service.max_retries, self._on_retry)
        return ResumableStream(self._http, stream)

    async def _try_once(self, wire: Wire, turn: Turn) -> StreamingTurn:
        """One try. Where nothing comes back, the service is asked whether it took the turn."""
        sent = now()
        stream = WIRES[wire](self._http, turn)
        try:
            await stream.open()
        except DeliveryUnknownError as error:
            doubt = error
        except BaseException:  # a cancellation too must not leave the turn running
            await stream.answer.leave(stream.aclose, stream.unknown, stream.learn)
            raise
        else:
            return stream
        await stream.answer.leave(stream.aclose, stream.unknown, stream.learn)
        try:
            recovered = await look_up(self._http, turn, doubt, sent, wire)
        except Unknowable:
            raise delivery_unknown(doubt) from None
        except BaseException:  # whoever leaves meanwhile may leave a turn that was taken
            stream.answer.may_run = True
            await stream.answer.leave(stream.aclose, stream.unknown, stream.learn)
            raise
        if recovered is not None:
            return recovered
        if doubt.on_kept_socket:  # the service does not have it: the socket is replaced, and no try is counted
            return await self._try_once(wire, turn)
        # After a timeout it may still be on its way, so that it is not provably not taken.
        doubt.error.never_sent = not isinstance(doubt.error, GrokWebTimeoutError)
        raise doubt.error
