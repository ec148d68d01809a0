"""`GrokEmulator`: an emulator of grok.com on this machine.

One object with two handles: what happens next (`reply`, `fault`), and what the service received (`turns`,
`requests`, `stops`, `conversations`; on the gateway also `sessions` and `events`). It serves real HTTP and
WebSockets from a thread of its own, so that any client in any event loop, or in none, can be tested against it.
It is written from what is known of the protocol and shares no code with the client of this package.
"""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import anyio.to_thread

from langchain_grokweb.testing.assistant.slips import SLIPS
from langchain_grokweb.testing.front import Front
from langchain_grokweb.testing.server import Server
from langchain_grokweb.testing.state.account import MODELS, MODES_BY_ID, TIERS, Account, Quota, Tier, quota_name
from langchain_grokweb.testing.state.conversations import Conversation
from langchain_grokweb.testing.state.faults import FAULTS, GATEWAY_PATH, fault_named
from langchain_grokweb.testing.state.script import (
    Era,
    GatewayEvent,
    GatewaySession,
    Reasoning,
    Reply,
    Request,
    Turn,
    TurnStatus,
    UploadedFile,
)
from langchain_grokweb.testing.state.service import Service, Settings

_T = TypeVar("_T")


class GrokEmulator:
    """An HTTP and WebSocket server on this machine that behaves like grok.com's web service.

    Use it with `with` or `async with`. While it runs, a client needs only its `base_url` and `cookies`:
    `ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies)`.

    Args:
        port: The port, 0 for a free one.
        host: The address to listen on.
        chunk_size: Bytes in one write of a stream, for the first 256 bytes; later writes are larger, of
            prime sizes. 0 or None for one write each frame.
        era: The format of answers on the conversations endpoint, "2026" or the older "2025", for every payload
            (rest.md 8.6).
        pace: Seconds between two tokens.
        assistant: What answers when no reply is planned: None for the built-in assistant, a function
            `(TurnContext) -> Reply | str`, or a LangChain chat model. What it raises is an internal error for the
            client. It is logged, and raised by `turns`, `reset` and the end of `with`.
        tier: "basic", "super" or "heavy": decides which modes the account may use.
        reconnect: What `reconnect-response-v2` sends: "replay" the answer from its beginning, or "continue" after
            what was already delivered (rest.md 2.2).
        longest_prompt: The most characters of a question; a longer one gets the error `prompt_too_long`.
            None for no limit, since the real limit is not known.
        latency: Seconds of delay of each request, and again of its answer.

    Raises:
        ValueError: An argument is out of its range.
        OSError: The port is in use.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        chunk_size: int | None = 7,
        era: Era = "2026",
        pace: float = 0.0,
        assistant: Any = None,
        tier: Tier = "heavy",
        reconnect: Literal["replay", "continue"] = "replay",
        longest_prompt: int | None = None,
        latency: float = 0.0,
    ) -> None:
        for name, value, allowed in (
            ("era", era, ("2025", "2026")),
            ("tier", tier, TIERS),
            ("reconnect", reconnect, ("replay", "continue")),
        ):
            if value not in allowed:
                raise ValueError(f"{name}={value!r}; it can be one of {allowed}")
        self._address = (host, port)
        settings = Settings(chunk_size, era, pace, assistant, reconnect, longest_prompt, latency)
        self._service = Service(settings, Account(tier))
        self._server: Server | None = None

    # -- running

    def start(self) -> Self:
        """Start the server, and return when it accepts connections."""
        if self._server is not None:
            raise RuntimeError("The emulator runs already")
        server = Server(Front(self._service), *self._address, self._cancel_all)
        self._service.transport_of = server.transport_of
        self._server = server
        server.start()
        return self

    def stop(self) -> None:
        """Stop at once: cut running streams, close sockets, and end the thread.

        Raises:
            Exception: What the assistant raised, or a `PlanError`; as at the end of `with`.
        """
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._raise_error()

    def serve_forever(self) -> None:
        """Run until the process is interrupted (SIGINT or SIGTERM); for the main thread."""
        over = threading.Event()
        kept = {one: signal.signal(one, lambda *_: over.set()) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._server is None:
                self.start()
            over.wait()
        finally:
            self.stop()
            for one, handler in kept.items():
                signal.signal(one, handler)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await anyio.to_thread.run_sync(self.start)

    async def __aexit__(self, *_exception: object) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)

    def _cancel_all(self) -> None:
        for generation in self._service.generations.values():
            generation.cancel()

    def _raise_error(self) -> None:
        """Raise what went wrong with a plan or in the assistant, once."""
        if self._service.errors:
            raise self._service.errors.pop(0)

    # -- what a client needs

    @property
    def base_url(self) -> str:
        """`http://HOST:PORT`, while it runs."""
        if self._server is None:
            raise RuntimeError("The emulator does not run; use it with `with` or `async with`")
        host = self._address[0]
        return f"http://[{host}]:{self._server.port}" if ":" in host else f"http://{host}:{self._server.port}"

    @property
    def gateway_url(self) -> str:
        """`ws://HOST:PORT/ws/mgw/?uid=...`, while it runs: the realtime gateway, for this account."""
        return f"ws{self.base_url.removeprefix('http')}{GATEWAY_PATH}?uid={self.user_id}"

    @property
    def cookies(self) -> str:
        """The value of a `Cookie` header that is signed in: `sso=...; sso-rw=...; x-userid=...`."""
        return "; ".join(f"{name}={value}" for name, value in self._service.account.cookies.items())

    @property
    def user_id(self) -> str:
        """The account's id."""
        return self._service.account.user_id

    # -- what shall happen

    def reply(
        self,
        text: str = "",
        *,
        reasoning: Reasoning | None = None,
        citations: Sequence[Mapping[str, str]] = (),
        images: Sequence[str | Mapping[str, Any]] = (),
        search: Sequence[Mapping[str, Any]] = (),
        tool_calls: Sequence[Mapping[str, Any]] = (),
        title: str | Literal[False] | None = None,
        error: str | None = None,
        fault: str | None = None,
        chunk_size: int | None = None,
        slip: str | None = None,
        files: Sequence[Mapping[str, Any]] = (),
        videos: Sequence[str | Mapping[str, Any]] = (),
        edited: bool = False,
    ) -> None:
        """Plan the next answer. Answers are sent in the order of the calls; `Reply` describes the arguments.

        If `tool_calls` are planned and the prompt offers no tools, the client gets an internal error, and `turns`,
        `reset` and the end of `with` raise a `PlanError`.

        Raises:
            ValueError: An error, fault or slip is unknown, a slip has no tool calls or JSON, or the text does not
                contain the `after` of a citation.
        """
        answer = (text, reasoning, citations, images, search, tool_calls, title, error, fault, chunk_size, slip)
        self._service.script.plan(Reply(*answer, files, videos, edited))

    def replay(self, capture: str | Path, *, paced: bool = False) -> None:
        """Answer the next questions with the turns of a capture (`grokweb chat --capture`), each over its own wire.

        A turn of the gateway is sent over the gateway alone: until then the conversations endpoint refuses, as the
        anti-bot rule does. Until a turn of the conversations endpoint is sent, the gateway answers with an error.

        Args:
            capture: The file.
            paced: Send everything with the recorded delays, not at once.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file is not a capture, or one of a later version.
        """
        self._service.recorded.plan(capture, paced=paced)

    def fault(self, name: str, times: int = 1, *, path: str | None = None, **options: Any) -> None:
        """Plan a fault for the next requests that it applies to; `faults()` lists the names.

        On the gateway, a refusal applies to the upgrade, or to the next question on an open socket. Other faults apply
        to the question or to the new session, on a wire that has this fault.

        Args:
            name: The fault.
            times: How many requests fail.
            path: The beginning of a path, or a pattern with `*`; `/ws/mgw/` for the gateway alone. By default: the
                next question on either wire. `anti_bot` then applies to the two POSTs that send a question, as at the
                real service, and never to the gateway.
            options: The fault's own, e.g. `status=503`, `retry_after=2`, `after=3`, `seconds=0.5`, `in_stream=True`.

        Raises:
            ValueError: A fault or an option is unknown, or `times` is less than 1.
        """
        if times < 1:
            raise ValueError(f"times={times}: a fault strikes at least once")
        self._service.script.plan_fault(fault_named(name, path, options), times)

    @staticmethod
    def faults() -> dict[str, str]:
        """All faults by name, each with a description and the defaults of its options."""
        described = {}
        for name, kind in sorted(FAULTS.items()):
            defaults = ", ".join(f"{option}={value!r}" for option, value in kind.options.items())
            described[name] = f"{kind.description} ({defaults})" if defaults else kind.description
        return described

    @staticmethod
    def slips() -> dict[str, str]:
        """All values of `reply(slip=...)`, each with a description of the answer."""
        return dict(SLIPS)

    def set_quota(self, mode: str, remaining: int, *, total: int = 50, wait_seconds: int = 2429) -> None:
        """Set the requests that are left in a mode; after them, an answer is the error `usage_limit`.

        The name of a model means the mode in which it runs: `grok-3` means `auto`.

        Raises:
            ValueError: No mode or model has this name.
        """
        known = [*MODES_BY_ID, *MODELS]
        if mode not in known:
            raise ValueError(f"No mode or model is called {mode!r}; there are: {', '.join(known)}")
        self._service.account.quotas[quota_name(mode)] = Quota(total, remaining, wait_seconds, is_set=True)

    def reset(self) -> None:
        """Forget all plans, records, quotas, files and conversations. The cookies stay valid.

        Raises:
            Exception: What the assistant raised, or a `PlanError` where a planned reply could not be sent.
        """
        self._raise_error()
        if self._server is None:
            self._service.forget()
        else:
            self._server.call(self._service.forget)

    def dump(self) -> dict[str, Any]:
        """The account and its conversations as plain JSON, for `load` of a later emulator.

        The cookies then stay the same. They are worth nothing anywhere else.
        """
        account = self._service.account
        conversations = self._service.conversations.dump()
        return {"user_id": account.user_id, "session": account.session, "conversations": conversations}

    def load(self, dumped: Mapping[str, Any] | None) -> None:
        """Restore what `dump` returned, in an emulator that has not answered yet."""
        if dumped:
            self._service.account.user_id = dumped["user_id"]
            self._service.account.session = dumped.get("session") or self._service.account.session
            self._service.conversations.load(dumped["conversations"])

    # -- what the service saw

    @property
    def turns(self) -> list[Turn]:
        """The accepted questions, oldest first. A turn's `status` and `text` change while it is answered.

        Raises:
            Exception: What the assistant raised, or a `PlanError` where a planned reply could not be sent.
        """
        self._raise_error()
        return list(self._service.turns)

    @property
    def requests(self) -> list[Request]:
        """All HTTP requests, also refused ones and upgrades, oldest first."""
        return list(self._service.requests)

    @property
    def sessions(self) -> list[GatewaySession]:
        """The sessions that clients created on the gateway, oldest first."""
        return list(self._service.sessions)

    @property
    def events(self) -> list[GatewayEvent]:
        """The events that clients sent on the gateway, oldest first, also pings and unreadable ones."""
        return list(self._service.events)

    @property
    def stops(self) -> list[str]:
        """The ids of the responses that a client stopped through the stop endpoints while they were being written."""
        return list(self._service.stops)

    @property
    def conversations(self) -> dict[str, Conversation]:
        """The conversation trees, by id."""
        return dict(self._service.conversations.by_id)

    @property
    def uploads(self) -> dict[str, UploadedFile]:
        """The files that were uploaded, by id."""
        return dict(self._service.uploads)

    # -- waiting for it

    def wait_for_stop(self, timeout: float = 60) -> str:
        """Wait until a client stops a response, and return the id of the last one.

        Raises:
            TimeoutError: None was stopped within `timeout` seconds.
        """
        return self._wait_for(1, self._service.stops, timeout, "no response was stopped")[-1]

    async def await_stop(self, timeout: float = 60) -> str:  # noqa: ASYNC109 - the same signature as its blocking twin
        """`wait_for_stop`, from an event loop."""
        return await anyio.to_thread.run_sync(self.wait_for_stop, timeout)

    def wait_for_requests(self, count: int, timeout: float = 60, *, path: str = "") -> list[Request]:
        """Wait for `count` requests whose paths begin with `path`, and return all of these.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """
        otherwise = f"fewer than {count} requests came"
        return self._wait_for(count, self._service.requests, timeout, otherwise, lambda one: one.path.startswith(path))

    def wait_for_events(self, count: int = 1, timeout: float = 60, *, kind: str = "") -> list[GatewayEvent]:
        """Wait for `count` gateway events, or events of one type, and return all of these.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """
        otherwise = f"fewer than {count} events came"
        return self._wait_for(count, self._service.events, timeout, otherwise, lambda one: kind in ("", one.type))

    def wait_for_turns(self, count: int = 1, timeout: float = 60, *, status: TurnStatus | None = None) -> list[Turn]:
        """Wait for `count` turns, or turns with a status, and return all of these.

        Raises:
            TimeoutError: Fewer did within `timeout` seconds.
        """
        otherwise = f"fewer than {count} turns were {status or 'begun'}"
        return self._wait_for(count, self._service.turns, timeout, otherwise, lambda one: status in (None, one.status))

    def _wait_for(
        self, count: int, records: list[_T], timeout: float, otherwise: str, fits: Callable[[_T], bool] = lambda _: True
    ) -> list[_T]:
        def matching() -> list[_T]:
            return [record for record in records if fits(record)]

        with self._service.watch:
            if not self._service.watch.wait_for(lambda: len(matching()) >= count, timeout):
                raise TimeoutError(f"Within {timeout} s {otherwise}; {len(self._service.requests)} requests came")
            return matching()
