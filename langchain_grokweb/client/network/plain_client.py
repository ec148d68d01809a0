"""An HTTP client that does what one request needs and no more: it sends, and gives the reply with its body unread.

`httpx.AsyncClient` also merges headers and addresses, signs in, follows redirects, and keeps cookies, none of which is
wanted here: what an account receives must not go out with another's requests. That takes as long as half of a short
request's other work, so a transport is used directly: our own (`direct`), or that of httpx where there is a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx

from langchain_grokweb._version import __version__

_DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "keep-alive",
    "user-agent": f"langchain-grokweb/{__version__}",
}
_DEFAULT_TIMEOUT = (5.0, 5.0, 5.0, 5.0)

_read_url = lru_cache(maxsize=128)(httpx.URL)


class PlainClient:
    """A client of one event loop, with the methods of `httpx.AsyncClient` that are used here."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.is_closed = False
        self._transport = transport

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: Any = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float | None, float | None, float | None, float | None] = _DEFAULT_TIMEOUT,
        extensions: Mapping[str, Any] | None = None,
    ) -> httpx.Request:
        """A request as `httpx.AsyncClient` builds it.

        Args:
            method: Such as `POST`.
            url: Where to.
            content: The body.
            files: The parts of a form.
            headers: With lower-case names.
            timeout: Seconds to connect, to read, to write, and to wait for a connection.
            extensions: For the transport.
        """
        limits = dict(zip(("connect", "read", "write", "pool"), timeout, strict=True))
        return httpx.Request(
            method,
            _read_url(url) if isinstance(url, str) else url,
            content=content,
            files=files,
            headers={**_DEFAULT_HEADERS, **(headers or {})},
            extensions={**(extensions or {}), "timeout": limits},
        )

    async def send(
        self, request: httpx.Request, *, stream: bool = True, follow_redirects: bool = False
    ) -> httpx.Response:
        """The reply, whose body is still to be read; no redirect is followed.

        Raises:
            RuntimeError: The client is closed.
            httpx.HTTPError: There is no reply.
        """
        assert stream  # noqa: S101 - nothing else is built
        assert not follow_redirects  # noqa: S101 - cookies stay where they belong
        if self.is_closed:
            msg = "This client is closed."
            raise RuntimeError(msg)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close its connections."""
        self.is_closed = True
        await self._transport.aclose()
