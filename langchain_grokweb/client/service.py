"""Where the service is and how it is reached: the settings that every request shares."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from langchain_grokweb.errors import GrokWebInvalidRequestError

Wire = Literal["rest", "gateway"]
Transport = Literal["auto", "rest", "gateway"]  # `auto`: whichever of the wires works
ExtraHeaders = Mapping[str, str] | Callable[[str, str], Mapping[str, str]]

COOKIES_VARIABLE = "GROKWEB_COOKIES"
BASE_URL_VARIABLE = "GROKWEB_BASE_URL"
GROK_URL = "https://grok.com"
GROK_ASSETS_URL = "https://assets.grok.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, as one caller reaches it.

    Attributes:
        base_url: Scheme and host, without a slash at the end.
        timeout: Seconds to open a turn, and for a whole small request.
        stream_event_timeout: Seconds without any event of the running answer.
        max_retries: Further tries to open a turn.
        transport: Which wire to take; `auto` takes the gateway where the anti-bot rule of the other one refuses.
        proxy: For every request; the environment's where `None`.
        headers: Extra request headers, or a callable `(method, path) -> headers`.
        http_client: The caller's own client, used as it is and never closed here.
    """

    base_url: str = GROK_URL
    assets_url: str = GROK_ASSETS_URL
    timeout: float = 30
    stream_event_timeout: float = 180
    max_retries: int = 2
    transport: Transport = "auto"
    proxy: str | None = field(default=None, repr=False)
    headers: ExtraHeaders | None = field(default=None, repr=False)
    http_client: httpx.AsyncClient | None = field(default=None, repr=False)

    @property
    def login_url(self) -> str:
        """Where a user signs in with a browser."""
        return f"{self.base_url}/"

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine, where no proxy of the environment leads to."""
        return is_loopback(self.base_url)

    def check_blocking(self) -> None:
        """Whether blocking calls may be made.

        Raises:
            GrokWebInvalidRequestError: The caller's own client lives in another event loop than theirs.
        """
        if self.http_client is not None:
            raise GrokWebInvalidRequestError(
                "`http_client=` belongs to your event loop, and blocking calls run in another.",
                next_step="Use the asynchronous methods (`ainvoke`, `astream`, ...), or leave `http_client=` out.",
            )


def assets_of(base_url: str) -> str:
    """Where a service keeps pictures, if nothing else is said: grok.com has a host of its own for them."""
    return GROK_ASSETS_URL if base_url == GROK_URL else base_url


def check_url(url: str) -> str:
    """A service's address without a slash at its end.

    Raises:
        ValueError: It is not absolute, or would send cookies in clear text over a network.
    """
    parts = urlsplit(url)
    more = parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}
    if parts.scheme not in {"http", "https"} or not parts.hostname or more:
        msg = "An address of the service is needed, such as https://grok.com."
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(url):
        msg = "Cookies go over TLS only: use https://, or http:// on this machine's loopback address."
        raise ValueError(msg)
    return url.rstrip("/")


def check_proxy(proxy: str) -> str:
    """A proxy's address.

    Raises:
        ValueError: It is of no kind that is known.
    """
    if not proxy.startswith(("http://", "https://", "socks5://", "socks5h://")):
        msg = "A proxy is given as http://…, https://… or socks5://…"
        raise ValueError(msg)
    return proxy


def environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for an address, by the rules that httpx has for its own requests."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    known = getproxies()
    proxy = known.get({"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)) or known.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
