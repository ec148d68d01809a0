"""What the environment says about the network: proxies, certificates and the key log, read once for both wires.

No library reads these variables for us, since each has rules of its own and raises errors of its own. What other
programs accept is accepted. What cannot be used is an error that names the variable, and never shows its value: it may
hold a password.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

import httpx

from langchain_grokweb.errors import GrokWebConnectionError

PROXY_FIELD = "`proxy=`"
_MAX_PORT = 65535
_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5h": 1080}
# A SOCKS proxy resolves the service's name in each case: httpx and websockets differ in what `socks5` means to them.
_PROXY_SCHEMES = {
    "http": "http",
    "https": "https",
    "socks": "socks5h",
    "socks5": "socks5h",
    "socks5h": "socks5h",
}
_PROXY = re.compile(r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?:(?P<user>.*)@)?(?P<place>[^@/?#]*)(?:[/?#][^@]*)?", re.I)
_PLACE = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::(?P<port>\d{1,5}))?", re.I | re.A)
_EXCEPTION_SEPARATORS = re.compile(r"[,;\s]+")
_BRACKETED = re.compile(r"\[(.*)\](/\d+)?(?::(\d+))?")


# --- proxies


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, in the one spelling that all libraries read.

    Attributes:
        url: Its address; a SOCKS proxy's begins with `socks5h`.
        source: The field or variable that names it.
    """

    url: str = field(repr=False)
    source: str

    @property
    def is_secure(self) -> bool:
        """Whether the way to the proxy itself is encrypted."""
        return self.url.startswith("https://")


def read_proxy(text: str, source: str) -> Proxy:
    """A proxy's address as people write it: without a scheme, with any character in its password.

    Raises:
        ValueError: It cannot be used. The message does not show it.
    """
    text = text.strip()
    match = _PROXY.fullmatch(text)
    if match is None or not text.isprintable() or any(character.isspace() for character in text):
        msg = f"{source} is not a proxy's address, such as http://host:3128."
        raise ValueError(msg)
    scheme = _PROXY_SCHEMES.get((match["scheme"] or "http").lower())
    if scheme is None:
        msg = f"{source} names a kind of proxy that cannot be used. Use http://…, https://… or socks5://…"
        raise ValueError(msg)
    host, port = read_place(match["place"], source)
    user = ""
    if match["user"]:
        name, _, password = match["user"].partition(":")
        user = f"{_quoted(name)}:{_quoted(password)}@"
    return Proxy(f"{scheme}://{user}{host}:{port or _DEFAULT_PORTS[scheme]}", source)


def read_place(text: str, source: str) -> tuple[str, int | None]:
    """The host, in small letters and in brackets where it is an IPv6 address, and the port of an address.

    Raises:
        ValueError: It is none.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        msg = f"{source} has no usable host or port."
        raise ValueError(msg)
    host = match["host"].lower()
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            msg = f"{source} has an IPv6 address that cannot be read."
            raise ValueError(msg) from None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= _MAX_PORT:
        msg = f"{source} has a port outside 1 to {_MAX_PORT}."
        raise ValueError(msg)
    return host, port


def proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment names for a service's address, if any.

    Of the variables only those for https, or else those for everything, are read: what the others hold does no harm.
    Where no variable names any, the settings of the operating system count.

    Raises:
        GrokWebConnectionError: It names one that cannot be used.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if getproxies_environment():
        source, text = _variable(f"{parts.scheme}_proxy", "all_proxy")
        if not text or is_excepted(host, port, _variable("no_proxy")[1]):
            return None
    else:
        source, text = "The proxy settings of this system", getproxies().get(parts.scheme, "")
        if not text or proxy_bypass(host):
            return None
    try:
        return read_proxy(text, source)
    except ValueError as error:
        problem = str(error)
    del text  # whoever reports the error with the frame's variables must not find a password here
    raise _unusable(problem, f"Correct {_in_a_sentence(source)}, or pass a proxy as `proxy=`.")


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether `NO_PROXY` excepts a host: by name, by a domain above it, by address, network or port."""
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return any(_is_in(address, port, entry) for entry in _EXCEPTION_SEPARATORS.split(exceptions))
    for entry in _EXCEPTION_SEPARATORS.split(exceptions.lower()):
        name, entry_port = _split_port(entry)
        name = name.removeprefix("*").strip(".")
        is_ours = entry == "*" or (name and f".{host}".endswith(f".{name}"))
        if is_ours and entry_port in {"", str(port)}:
            return True
    return False


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    network, entry_port = _split_port(entry)
    with suppress(ValueError):
        return address in ipaddress.ip_network(network, strict=False) and entry_port in {"", str(port)}
    return False


def _split_port(entry: str) -> tuple[str, str]:
    entry = entry.rpartition("://")[2]
    if match := _BRACKETED.fullmatch(entry):
        return match[1] + (match[2] or ""), match[3] or ""
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""


def _quoted(text: str) -> str:
    return quote(unquote(text), safe="")


def _variable(*names: str) -> tuple[str, str]:
    """The first of these variables that is set, and its value; an empty one in small letters hides the capital one."""
    for name in names:
        for spelling in (name, name.upper()):
            if spelling in os.environ:
                if value := os.environ[spelling].strip():
                    return spelling, value
                break
    return "", ""


# --- certificates


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """The variables that a secure connection depends on, as they are now."""

    cert_file: str
    cert_dir: str
    key_log: str

    @classmethod
    def now(cls) -> TrustSettings:
        """Those of the environment."""
        return cls(*(os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")))

    @property
    def source(self) -> str:
        """The variable that says what is trusted; empty where none does."""
        return "SSL_CERT_FILE" if self.cert_file else "SSL_CERT_DIR" if self.cert_dir else ""


def make_context(trust: TrustSettings) -> ssl.SSLContext:
    """An SSL context by these settings; `SSL_CERT_FILE` goes before `SSL_CERT_DIR`, as it does for httpx.

    Raises:
        GrokWebConnectionError: One of them cannot be used.
    """
    if trust.key_log and (problem := _key_log_problem(trust.key_log)):
        raise _unusable(f"SSLKEYLOGFILE names {problem}.", "Correct SSLKEYLOGFILE, or unset it.")
    try:
        if trust.cert_file:
            return ssl.create_default_context(cafile=trust.cert_file)
        if trust.cert_dir:
            problem = _directory_problem(trust.cert_dir)
            if not problem:
                return ssl.create_default_context(capath=trust.cert_dir)
        else:
            return httpx.create_ssl_context(trust_env=False)
    except (OSError, ValueError) as error:  # an `SSLError` is an `OSError`
        problem = _file_problem(trust.cert_file, error)
    raise _unusable(f"{trust.source} names {problem}.", f"Correct {trust.source}, or unset it.")


def plain_context() -> ssl.SSLContext:
    """A context for clients that make no secure connection: it trusts nobody, and takes no time to make."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _key_log_problem(path: str) -> str:
    try:
        with Path(path).open("a", encoding="utf-8"):
            return ""
    except (OSError, ValueError) as error:
        return _file_problem(path, error)


def _directory_problem(paths: str) -> str:
    if any(Path(path).is_dir() for path in paths.split(os.pathsep)):
        return ""
    return "a file, not a directory" if Path(paths).exists() else "a directory that is not there"


def _file_problem(path: str, error: Exception) -> str:
    if "\0" not in path and Path(path).is_dir():
        return "a directory, not a file"
    if isinstance(error, FileNotFoundError):
        return "a file that is not there"
    return "a file without certificates" if isinstance(error, ssl.SSLError) else "a file that cannot be opened"


def _unusable(problem: str, next_step: str) -> GrokWebConnectionError:
    return GrokWebConnectionError(problem, next_step=next_step)


def _in_a_sentence(source: str) -> str:
    return source[0].lower() + source[1:] if " " in source else source
