"""Whose cookies are taken: those of the site, and those of the service's own host where that is another."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

SITE = "grok.com"


class Site:
    """The service that somebody signs in at.

    Args:
        base_url: Its address. An emulator on this machine has cookies of its own; nobody else gets those.
    """

    __slots__ = ("host",)

    def __init__(self, base_url: str = f"https://{SITE}") -> None:
        self.host = host_of(base_url) or SITE

    @property
    def name(self) -> str:
        """What to call it."""
        return SITE if is_site(self.host) else self.host

    def owns(self, domain: str) -> bool:
        """Whether a cookie of this domain, or a request to this host, is its own."""
        host = _bare(domain)
        return is_site(host) or host == self.host or (_is_loopback(host) and _is_loopback(self.host))

    def owns_all(self, domains: Iterable[str]) -> bool:
        """Whether everything that is said about where a cookie belongs speaks of this service."""
        return all(self.owns(domain) for domain in domains)

    def distance(self, domains: Iterable[str]) -> tuple[bool, int]:
        """How far from its own host a cookie belongs; the site's own goes before that of a subdomain."""
        own = [_bare(domain) for domain in domains]
        return bool(own) and self.host not in own, max((len(domain) for domain in own), default=0)


def is_site(domain: str) -> bool:
    """Whether a cookie's domain is grok.com or below it."""
    return f".{_bare(domain)}".endswith(f".{SITE}")


def host_of(url: str) -> str:
    """The host of a URL, with or without scheme; empty where there is none."""
    with suppress(ValueError):
        return urlsplit(url if "//" in url else f"//{url}").hostname or ""
    return ""


def _bare(domain: str) -> str:
    return domain.strip(". ").lower()


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
