"""Where the service is and how it is reached: the settings that every request shares."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import IO, Any, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from langchain_grokweb.client.network.environment import PROXY_FIELD, Proxy, proxy_for, read_place, read_proxy
from langchain_grokweb.client.network.tap import Tap
from langchain_grokweb.errors import GrokWebInvalidRequestError

Wire = Literal["rest", "gateway"]
Transport = Literal["auto", "rest", "gateway"]  # `auto`: whichever of the wires works
ExtraHeaders = Mapping[str, str] | Callable[[str, str], Mapping[str, str]]

COOKIES_VARIABLE = "GROKWEB_COOKIES"
BASE_URL_VARIABLE = "GROKWEB_BASE_URL"
GROK_URL = "https://grok.com"
GROK_ASSETS_URL = "https://assets.grok.com"


@runtime_checkable
class HttpClient(Protocol):
    """A user's own client: an `httpx.AsyncClient`, or an `httpx2.AsyncClient`, which has the same methods."""

    @property
    def is_closed(self) -> bool:
        """Whether it can no longer be used."""

    def build_request(self, *args: Any, **kwargs: Any) -> Any:
        """A request."""

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """The reply to a request."""

    async def aclose(self) -> None:
        """Close its connections."""


class FilePart(Protocol):
    """A file as the part of a form; an `Attachment` is one."""

    @property
    def name(self) -> str:
        """A file name without a path."""

    @property
    def mime_type(self) -> str:
        """Such as `image/png`."""

    @property
    def content(self) -> bytes | IO[bytes]:
        """Its bytes, or what they are read from in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, as one caller reaches it.

    Attributes:
        base_url: Scheme and host, without a slash at the end.
        timeout: Seconds to open a turn, and for a whole small request.
        stream_event_timeout: Seconds without any event of the running answer.
        max_retries: Further tries to open a turn.
        keep_session: Seconds for which a session of the gateway is kept for the next turn of its conversation.
        transport: Which wire to take; `auto` takes the gateway where the anti-bot rule of the other one refuses.
        proxy: For every request; the environment's where `None`.
        headers: Extra request headers, or a callable `(method, path) -> headers`.
        http_client: The caller's own client, used as it is and never closed here.
        tap: Gets all that turns send and receive, for a capture.
        site_url: Of the host of assets, the site whose assets they are; empty for the site itself.
    """

    base_url: str = GROK_URL
    assets_url: str = GROK_ASSETS_URL
    timeout: float = 30
    stream_event_timeout: float = 180
    max_retries: int = 2
    keep_session: float = 0
    transport: Transport = "auto"
    proxy: str | None = field(default=None, repr=False)
    headers: ExtraHeaders | None = field(default=None, repr=False)
    http_client: HttpClient | None = field(default=None, repr=False)
    tap: Tap | None = field(default=None, repr=False)
    site_url: str = ""

    @property
    def origin(self) -> str:
        """The site: whose cookies these are, and where its pages are."""
        return self.site_url or self.base_url

    @property
    def assets(self) -> Service:
        """The host of pictures and files, as a service that is reached in the same way."""
        return replace(self, base_url=self.assets_url, site_url=self.origin)

    @property
    def login_url(self) -> str:
        """Where a user signs in with a browser."""
        return f"{self.origin}/"

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine, where no proxy of the environment leads to."""
        return is_loopback(self.base_url)

    @property
    def is_secure(self) -> bool:
        """Whether what is sent is encrypted."""
        return self.base_url.startswith("https://")

    def find_proxy(self) -> Proxy | None:
        """The proxy to go through, on either wire: `proxy`, or the environment's.

        Raises:
            GrokWebConnectionError: The environment names one that cannot be used.
            GrokWebInvalidRequestError: It would see the cookies of a service without TLS, or `proxy` cannot be used.
        """
        if self.proxy is None:
            return None if self.is_local else proxy_for(self.base_url)
        try:
            proxy = read_proxy(self.proxy, PROXY_FIELD)
        except ValueError as error:
            problem = str(error)
        else:
            if self.is_secure:
                return proxy
            problem = f"{PROXY_FIELD} would get the cookies in clear text, since `base_url=` begins with http://."
        raise GrokWebInvalidRequestError(problem, next_step=f"Correct {PROXY_FIELD}, or leave it out.")

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


def check_url(url: str, source: str = "The service's address") -> str:
    """A service's address in its one spelling: small letters, no port that is usual, no slash at its end.

    Raises:
        ValueError: It is not absolute, holds more than scheme, host and port, or a character that no address holds,
            or would send cookies in clear text over a network. The message does not show it.
    """
    scheme, slashes, place = url.partition("://")
    scheme = scheme.lower()
    if not (slashes and scheme in {"http", "https"}):
        msg = f"{source} is not an address such as https://grok.com."
        raise ValueError(msg)
    if not place.isascii():
        msg = f"{source} has letters outside ASCII, which may look like others: write the host in ASCII (xn--…)."
        raise ValueError(msg)
    host, port = read_place(place.removesuffix("/"), source)
    shown_port = "" if port in {None, 443 if scheme == "https" else 80} else f":{port}"
    address = f"{scheme}://{host}{shown_port}"
    if scheme == "http" and not is_loopback(address):
        msg = "Cookies are sent over TLS only: use https://, or http:// on this machine's loopback address."
        raise ValueError(msg)
    return address


def check_proxy(proxy: str) -> str:
    """A proxy's address.

    Raises:
        ValueError: It cannot be used.
    """
    if "://" not in proxy:
        msg = f"{PROXY_FIELD} needs a scheme: http://…, https://… or socks5://…"
        raise ValueError(msg)
    read_proxy(proxy, PROXY_FIELD)
    return proxy


@lru_cache(maxsize=64)
def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
