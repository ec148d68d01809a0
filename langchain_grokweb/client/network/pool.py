"""Connections, one set for each event loop.

A loop's set is made on first use and closed with the loop: an asynchronous generator that the loop knows of stands at
its `yield` until the loop shuts its generators down, and closes the set then. Each turn in flight has a
client of its own, taken from a capped list of idle ones: one client for many streams is slow, since its
pool looks through all of its connections for each. All share one SSL context, which takes longer to make than all else
and is made in a thread, where there is a secure connection to make.
No client reads the environment: `environment` does, for both wires.
No client keeps cookies: what an account receives must not go out with another's requests. None serves two accounts: a
server that mixes up its replies must not give one account's to another. (`direct` notices a reply too many. The
transport of httpx, which is used with a proxy, does not.)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from ssl import SSLContext
from weakref import WeakKeyDictionary

import anyio.to_thread
import httpx

from langchain_grokweb.client.network.direct import KEEP_SECONDS, DirectTransport
from langchain_grokweb.client.network.environment import Proxy, TrustSettings, make_context, plain_context
from langchain_grokweb.client.network.kept_sessions import KeptSessions
from langchain_grokweb.client.network.plain_client import PlainClient
from langchain_grokweb.errors import GrokWebConnectionError, GrokWebInvalidRequestError

MAX_IDLE_CLIENTS = 100  # of a loop
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=KEEP_SECONDS)

_TICKS = 5  # turns of an ending loop in which generators that nobody closed are closed
FINISH_SECONDS = 10.0  # for turns that are being left, where their loop or the process ends

# The account, and its way to the service. Without trust settings, no connection is a secure one.
_Route = tuple[str, Proxy | None, TrustSettings | None]


def require_asyncio() -> None:
    """Whether the caller runs under asyncio.

    Raises:
        GrokWebInvalidRequestError: It is another library, such as trio.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise GrokWebInvalidRequestError(
            "Only asyncio is supported, not trio.",
            next_step="Use the blocking methods in a thread (`trio.to_thread.run_sync`), or run under asyncio.",
        ) from None


def refuse_trio() -> None:
    """Refuse a caller who runs under trio, where LangChain's own callbacks would fail in less plain words.

    Raises:
        GrokWebInvalidRequestError: As by `require_asyncio`.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        require_asyncio()


def without_thread(error: RuntimeError) -> GrokWebConnectionError:
    """The error for a thread that could not be started.

    Raises:
        RuntimeError: It is another one.
    """
    if "start new thread" not in str(error):
        raise error
    return GrokWebConnectionError(
        "This process could not start a thread, which a connection needs.",
        next_step="End some threads, or raise the limit of processes (`ulimit -u`).",
        never_sent=True,
    )


class Lease:
    """An HTTP client of this loop, for one turn or request, to be given back."""

    def __init__(self, owner: _LoopClients, route: _Route, client: PlainClient) -> None:
        self.client = client
        self._owner = owner
        self._route = route

    async def give_back(self) -> None:
        """The client is free again."""
        await self._owner.give_back(self._route, self.client)


async def lease(proxy: Proxy | None, *, is_secure: bool, account: str = "") -> Lease:
    """Take a client that goes through `proxy`, where there is one.

    Args:
        proxy: Where to go through.
        is_secure: Whether what is sent is encrypted.
        account: Whose cookies are sent (`GrokCredentials.account`), if any.

    Raises:
        GrokWebConnectionError: A certificate file of the environment cannot be used.
        GrokWebInvalidRequestError: The proxy needs a package that is not there.
    """
    needs_context = is_secure or (proxy is not None and proxy.is_secure)
    owner, route = await _of_running_loop(), (account, proxy, TrustSettings.now() if needs_context else None)
    return Lease(owner, route, await owner.take(route))


class _LoopClients:
    """The idle clients of one event loop, each with its route, and its sessions of the gateway that wait."""

    def __init__(self) -> None:
        self.sessions = KeptSessions()
        self._idle: list[tuple[_Route, PlainClient]] = []  # the oldest first
        self.finishing: set[asyncio.Task[None]] = set()
        self._lent: set[PlainClient] = set()
        self._closed = False
        self._making_context = asyncio.Lock()
        self._keeper: AsyncIterator[None] | None = self._keep()

    async def start(self) -> None:
        """Stand at the `yield` from now on."""
        if self._keeper is not None:
            await anext(self._keeper)

    async def context(self, trust: TrustSettings) -> SSLContext:
        """The one SSL context of the process for these settings, made in a thread."""
        if trust not in _contexts:
            async with self._making_context:
                if trust not in _contexts:
                    try:
                        context = await anyio.to_thread.run_sync(make_context, trust)
                    except RuntimeError:  # an interpreter that is ending starts no more threads
                        context = make_context(trust)
                    _contexts[trust] = context
        return _contexts[trust]

    async def take(self, route: _Route) -> PlainClient:
        client = self._take_idle(route) or await self._make(*route[1:])
        self._lent.add(client)
        return client

    def _take_idle(self, route: _Route) -> PlainClient | None:
        """The one that was used last, if any."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == route:
                return self._idle.pop(index)[1]
        return None

    async def _make(self, proxy: Proxy | None, trust: TrustSettings | None) -> PlainClient:
        context = plain_context() if trust is None else await self.context(trust)
        if proxy is None:
            return PlainClient(DirectTransport(context))
        try:
            transport = httpx.AsyncHTTPTransport(
                verify=context, proxy=_httpx_proxy(proxy, context), trust_env=False, limits=_LIMITS
            )
        except ImportError:
            raise socks_package_missing(proxy) from None
        return PlainClient(transport)

    async def give_back(self, route: _Route, client: PlainClient) -> None:
        self._lent.discard(client)
        if self._closed:
            await client.aclose()
            return
        self._idle.append((route, client))
        if len(self._idle) > MAX_IDLE_CLIENTS:
            await self._idle.pop(0)[1].aclose()

    async def close_idle(self) -> None:
        """Close what nobody uses at the moment."""
        self.sessions.close()
        idle, self._idle = self._idle, []
        for _, client in idle:
            await client.aclose()

    async def _keep(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._keeper = None  # it holds the loop, and would keep it alive
            if asyncio._get_running_loop() is not None:  # noqa: SLF001 - else it is gone, as at exit after nest_asyncio
                await self._end()

    async def _end(self) -> None:
        await self._let_others_finish()
        self._closed = True
        self.sessions.close()
        for client in [*self._lent, *(client for _, client in self._idle)]:
            await client.aclose()

    async def _let_others_finish(self) -> None:
        """The loop is ending: turns that are being left have a moment, and those that are about to be."""
        for _ in range(_TICKS):
            await asyncio.sleep(0)
        await self.wait_for_finishing()

    async def wait_for_finishing(self) -> None:
        """Wait for the turns that are being left, within bounds."""
        if self.finishing:
            await asyncio.wait(self.finishing, timeout=FINISH_SECONDS)

    @property
    def is_closed(self) -> bool:
        """Whether the loop is past the point where anything can be waited for."""
        return self._closed


async def attend() -> None:
    """Have `finishing` work in this loop from now on, also where no client is taken."""
    await _of_running_loop()


def kept_sessions() -> KeptSessions | None:
    """The sessions of the gateway that this loop keeps; `None` where it is too late to keep any, or too early."""
    owner = _pools.get(asyncio.get_running_loop())
    return None if owner is None or owner.is_closed else owner.sessions


def finishing(task: asyncio.Task[None]) -> bool:
    """Let this loop wait for a task before it ends; `False` where it is too late for that."""
    owner = _pools.get(asyncio.get_running_loop())
    if owner is None or owner.is_closed:
        return False
    owner.finishing.add(task)
    task.add_done_callback(owner.finishing.discard)
    return True


async def wait_for_finishing() -> None:
    """Wait for the turns of this loop that are being left; at most `FINISH_SECONDS`."""
    if (owner := _pools.get(asyncio.get_running_loop())) is not None:
        await owner.wait_for_finishing()


# No lock of threads guards these: a loop's entry is made by its own thread alone, and a context for each of a few loops
# does no harm. (A lock would be held for ever in a child that is forked at the wrong moment.)
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()
_contexts: dict[TrustSettings, SSLContext] = {}  # one, once it is made, unless the environment changes


async def _of_running_loop() -> _LoopClients:
    loop = asyncio.get_running_loop()
    if (clients := _pools.get(loop)) is None:
        for closed in [other for other in list(_pools) if other.is_closed()]:
            _pools.pop(closed, None)
        _pools[loop] = clients = _LoopClients()
        await clients.start()
    return clients


async def close_idle() -> None:
    """Close the connections that this loop keeps for later; turns in flight keep theirs."""
    require_asyncio()
    if (clients := _pools.get(asyncio.get_running_loop())) is not None:
        await clients.close_idle()


async def shared_context() -> SSLContext:
    """The one SSL context of the process.

    Raises:
        GrokWebConnectionError: A certificate file of the environment cannot be used.
    """
    return await (await _of_running_loop()).context(TrustSettings.now())


def socks_package_missing(proxy: Proxy | None) -> GrokWebInvalidRequestError:
    """The error where a library needs one more package for a SOCKS proxy."""
    return GrokWebInvalidRequestError(
        f"{proxy.source if proxy else 'The environment'} names a SOCKS proxy, which needs two more packages.",
        next_step='Run: pip install "httpx[socks]" python-socks',
    )


def _httpx_proxy(proxy: Proxy, context: SSLContext) -> httpx.Proxy:
    url = proxy.url.replace("socks5h://", "socks5://", 1)  # the same to httpx, which knew this name first
    return httpx.Proxy(url, ssl_context=context if proxy.is_secure else None)
