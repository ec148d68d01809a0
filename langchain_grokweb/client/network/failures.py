"""What failed on the way to the service: errors of httpx and of the system become ours, with the next step.

None of them is dragged along: they hold the request, and with it the cookies.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import httpx

from langchain_grokweb.client.network.environment import PROXY_FIELD, TrustSettings
from langchain_grokweb.client.network.pool import close_idle, require_asyncio, without_thread
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import GrokWebConnectionError, GrokWebError, GrokWebTimeoutError

T = TypeVar("T")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


async def in_time(service: Service, work: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
    """Do something within `seconds`, or within `timeout`.

    Errors of httpx become ours, and are not dragged along: they hold the request.
    """
    require_asyncio()
    seconds = seconds or service.timeout
    try:
        async with asyncio.timeout(seconds):
            return await work()
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        failure = _translated(error, service, seconds)
    except RuntimeError as error:
        failure = without_thread(error)
    raise failure


def _translated(error: Exception, service: Service, seconds: float) -> GrokWebError:
    never_sent = isinstance(error, _NEVER_SENT)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return GrokWebTimeoutError(
            f"grok.com did not answer within {seconds:g} seconds.",
            next_step="Try again, or allow more time with `timeout=`.",
            never_sent=never_sent,
        )
    return GrokWebConnectionError(
        f"{service.base_url} could not be reached: {_kind(error)}.",
        next_step=what_to_check(service),
        never_sent=never_sent,
    )


def what_to_check(service: Service) -> str:
    """The next step where the service could not be reached: it names the settings that lead there."""
    proxy = PROXY_FIELD
    if service.http_client is None or service.proxy is not None:
        with suppress(GrokWebError):
            known_proxy = service.find_proxy()
            proxy = known_proxy.source if known_proxy is not None else proxy
    trust = TrustSettings.now().source if service.is_secure else ""
    return f"Check the network, `base_url=`{f', {trust}' if trust else ''} and {proxy}."


def _kind(error: Exception) -> str:
    words: Mapping[type[Exception], str] = {
        httpx.ProxyError: "the proxy refused",
        httpx.ConnectError: what_failed(error),
        httpx.NetworkError: "the connection broke before an answer came",
        httpx.RemoteProtocolError: "the connection was closed before an answer came",
        httpx.DecodingError: "its reply could not be decompressed",
        httpx.UnsupportedProtocol: "this kind of address cannot be used",
        httpx.InvalidURL: "the address cannot be read",
    }
    return next((text for kind, text in words.items() if isinstance(error, kind)), type(error).__name__)


async def after_giving_up_idle(connect: Callable[[], Awaitable[T]]) -> T:
    """Connect; where too many files are open, once more without the connections that are kept for later."""
    try:
        return await connect()
    except (OSError, httpx.ConnectError) as error:
        if not _is_out_of_files(error):
            raise
    await close_idle()
    return await connect()


def _is_out_of_files(error: BaseException | None) -> bool:
    while error is not None:
        below = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        if any(map(_is_out_of_files, below)) or getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
            return True
        error = error.__cause__ or error.__context__
    return False


def what_failed(error: BaseException | None) -> str:
    """Why no connection could be made, as far as the errors below it show."""
    if _is_out_of_files(error):
        return "this process has too many open files (raise the limit with `ulimit -n`, or do less at once)"
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "its certificate is not trusted, or belongs to another host"
        if isinstance(error, ssl.SSLError):
            return "no TLS connection could be negotiated"
        if isinstance(error, socket.gaierror):
            return "its name cannot be resolved"
        error = error.__cause__ or error.__context__
    return "no connection could be made"
