"""A request to an address outside of the service: without cookies, over TLS, to public addresses alone.

Such an address comes from a message or from a reply, so it may lead anywhere: into the network of whoever runs this.
Its host is looked up once, every result must be public, and the connection goes to the very address that was checked,
so a name that changes its meaning in between gains nothing. What is public is decided twice: by what `ipaddress` knows,
and by LangChain's policy against server-side request forgery, which LangChain does not promise to keep in its place. A
redirect is an address like the first and is checked in the same way. The caller's headers stay here, as do the cookies:
both may be secret.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import anyio
import httpx

from langchain_grokweb._version import __version__
from langchain_grokweb.client.network.http import Reply
from langchain_grokweb.client.network.pool import lease
from langchain_grokweb.client.network.reply_body import ACCEPTED
from langchain_grokweb.client.service import Service, is_loopback
from langchain_grokweb.errors import GrokWebInvalidRequestError

MAX_REDIRECTS = 5
_HTTPS_PORT = 443
_LAST_PORT = 65535
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
# Where an address of IPv4 is a part of one of IPv6: mapped, compatible, translated (RFC 4291, 6052, 8215).
_WITH_IPV4 = [ipaddress.IPv6Network(one) for one in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48")]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a request goes: the address as it was given, and the IP addresses that may be connected to."""

    url: httpx.URL
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upload:
    """What a PUT sends.

    Attributes:
        headers: What the address wants to be sent along.
        size: How many bytes there are.
        pieces: Makes them, again for each try to connect.
    """

    headers: Mapping[str, str] = field(repr=False)
    size: int
    pieces: Callable[[], AsyncIterator[bytes]] = field(repr=False)


async def open_public(
    service: Service, url: str, *, redirects: int = MAX_REDIRECTS, own: bool = False, upload: Upload | None = None
) -> Reply:
    """The reply to a GET, or to the PUT of an `upload`, whatever its status; it must be closed.

    Args:
        service: Whose proxy and time limits hold. Neither its headers nor its own client are used.
        url: The address.
        redirects: How many of them to follow at most.
        own: Whether the service itself named the address: it may then lie on its own hosts, or, where the service is
            on this machine, on this machine.
        upload: What to send; no redirect is followed then.

    Raises:
        GrokWebInvalidRequestError: The address, or one that it redirects to, is not public or cannot be used.
        httpx.HTTPError: It could not be fetched; see `in_time`.
    """
    for _ in range(redirects + 1):
        reply = await _open(service, await _checked(service, url, own=own), upload)
        location = "" if upload else reply.response.headers.get("location", "")
        if not (300 <= reply.response.status_code < 400 and location):  # noqa: PLR2004 - redirects
            return reply
        await reply.aclose()
        url, own = _joined(url, location), False
    raise _refused("it redirects again and again")


async def _open(service: Service, target: _Target, upload: Upload | None) -> Reply:
    """The reply of the first of the addresses that can be connected to."""
    url = target.url
    is_secure = url.scheme == "https"
    origin = replace(service, base_url=f"{url.scheme}://{url.netloc.decode('ascii')}")
    leased = await lease(origin.find_proxy(), is_secure=is_secure)
    reply = Reply(leased)
    try:
        for number, address in enumerate(target.addresses, 1):
            request = leased.client.build_request(
                "PUT" if upload else "GET",
                url.copy_with(host=address),
                content=upload.pieces() if upload else None,
                headers={
                    **({**upload.headers, "content-length": str(upload.size)} if upload else {}),
                    "host": url.netloc.decode("ascii"),
                    "accept": "*/*",
                    "accept-encoding": ACCEPTED,
                    "user-agent": f"langchain-grokweb/{__version__}",
                    # A connection that is kept is known by its IP address, whatever host its certificate was of.
                    "connection": "close",
                },
                # While a file is sent, `in_time` bounds the writing.
                timeout=(service.timeout / 2, service.timeout, None if upload else service.timeout, service.timeout),
                extensions={"sni_hostname": url.raw_host.decode("ascii")} if is_secure else None,
            )
            try:
                reply.response = await leased.client.send(request, stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(target.addresses):
                    raise
            else:
                break
    except BaseException:  # a cancellation too must not leave the connection open
        await reply.aclose()
        raise
    return reply


async def _checked(service: Service, url: str, *, own: bool) -> _Target:
    """Where this address leads.

    Raises:
        GrokWebInvalidRequestError: It is not public, or cannot be used.
    """
    parsed = _parsed(url)
    origin = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
    if own and (origin in {service.base_url, service.assets_url} or (service.is_local and is_loopback(origin))):
        return _Target(parsed, (parsed.host,))
    if parsed.scheme != "https":
        raise _refused("it does not begin with https://")
    try:
        found = await anyio.getaddrinfo(parsed.host, parsed.port or _HTTPS_PORT, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused("its host is not known here") from None
    addresses = tuple(dict.fromkeys(str(place[4][0]) for place in found))
    if not addresses or not all(map(_is_public, addresses)) or _is_blocked(parsed.host, addresses):
        raise _refused("it leads into a network that is not public")
    return _Target(parsed, addresses)


def _parsed(url: str) -> httpx.URL:
    """The address as it will be sent: checked is what is sent, and never what another parser makes of it."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise _refused("it cannot be read") from None
    if parsed.userinfo:
        raise _refused("it holds a user's name or password")
    is_odd = "\\" in url or any(character.isspace() for character in url)
    if not parsed.host or is_odd or (parsed.port or 0) > _LAST_PORT:
        raise _refused("it cannot be read")
    return parsed.copy_with(fragment=None)


def _joined(url: str, location: str) -> str:
    try:
        return str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, UnicodeError):
        raise _refused("it redirects to an address that cannot be read") from None


def _is_public(address: str) -> bool:
    """Whether an IP address is public, and so is the IPv4 address that it may stand for."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not isinstance(parsed, ipaddress.IPv6Address):
        return _is_global(parsed)
    if any(parsed in network for network in _WITH_IPV4):  # nobody on the internet is named so
        return False
    return all(_is_global(one) for one in [parsed, parsed.sixtofour, *(parsed.teredo or ())] if one is not None)


def _is_global(address: _IP) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _is_blocked(host: str, addresses: Sequence[str]) -> bool:
    """Whether LangChain's policy blocks one of these: private and link-local ones, and where clouds keep secrets."""
    with suppress(ImportError):
        from langchain_core._security import SSRFPolicy, validate_hostname, validate_resolved_ip  # noqa: PLC0415
        from langchain_core._security._exceptions import SSRFBlockedError  # noqa: PLC0415

        try:
            validate_hostname(host, SSRFPolicy())
            for address in addresses:
                validate_resolved_ip(address, SSRFPolicy())
        except SSRFBlockedError:
            return True
    return False


def _refused(why: str) -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        f"An address was not downloaded: {why}.", next_step="Download it yourself, and pass its bytes."
    )
