"""The open web, in a test: names that lead where the test says, and one server on loopback for all public addresses.

Only the network below httpx is made up: what is looked up, which address is connected to, and TLS, of which no more is
kept than which host the certificate would have to be of. All that the client decides is decided by the client.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from anyio.streams.tls import TLSStream

PUBLIC = "93.184.216.34"


class OpenWeb:
    """What was looked up, connected to, and agreed on in TLS.

    Attributes:
        names: What each name leads to, in turn; the last one again and again.
        looked_up: The names that were looked up.
        connected: The addresses that were connected to, with their ports.
        certified: The hosts that certificates were asked of.
    """

    def __init__(self, base_url: str) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.certified: list[str] = []
        self.unreachable: set[str] = set()
        self.port = urlsplit(base_url).port

    def addresses(self, name: str) -> list[str] | None:
        """Where a name leads now."""
        answers = self.names.get(name)
        if answers is None:
            return None
        self.looked_up.append(name)
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def open_web(monkeypatch: pytest.MonkeyPatch, base_url: str) -> Iterator[OpenWeb]:
    """From now on, every address that is not on this machine leads to the server at `base_url`."""
    web = OpenWeb(base_url)
    look_up, connect = socket.getaddrinfo, anyio.connect_tcp

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        found = web.addresses(host.decode() if isinstance(host, bytes) else host)
        if found is None:
            return look_up(host, port, *args, **kwargs)
        families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in found]
        return [(family, socket.SOCK_STREAM, 6, "", (one, port)) for family, one in zip(families, found, strict=True)]

    async def connect_tcp(remote_host: str, remote_port: int, **options: Any) -> Any:
        if remote_port != 443:  # the services of the test itself
            return await connect(remote_host, remote_port, **options)
        web.connected.append((remote_host, remote_port))
        if remote_host in web.unreachable:
            raise OSError
        return await connect("127.0.0.1", web.port, **options)

    async def wrap(stream: Any, *, ssl_context: ssl.SSLContext, hostname: str | None = None, **_: Any) -> Any:
        assert ssl_context.check_hostname
        assert ssl_context.verify_mode is ssl.CERT_REQUIRED
        web.certified.append(hostname or "")
        return stream

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)
    monkeypatch.setattr(TLSStream, "wrap", wrap)
    yield web


Opener = Callable[[str], OpenWeb]
