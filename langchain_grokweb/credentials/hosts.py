"""Whose cookies are taken: those of the site, and in a copied request also those of this machine."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

SITE = "grok.com"


def is_site(domain: str) -> bool:
    """Whether a cookie's domain is the site or below it."""
    return f".{domain.strip('. ').lower()}".endswith(f".{SITE}")


def is_ours(host: str) -> bool:
    """Whether a request to `host` may lend its cookies: the site's, or one on loopback (the emulator)."""
    return is_site(host) or host == "localhost" or _is_loopback(host)


def host_of(url: str) -> str:
    """The host of a URL, with or without scheme; empty where there is none."""
    with suppress(ValueError):
        return urlsplit(url if "//" in url else f"//{url}").hostname or ""
    return ""


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
