"""`GrokWebClient.diagnose`: each thing that can be wrong has its row, with the next step, and is told once."""

from __future__ import annotations

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted.server import STAY, Reply, Script, ScriptedServer

from langchain_grokweb import Check, GrokWebClient
from langchain_grokweb.client.account import diagnose as module
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.faults import FAULTS

MARKER = "marker0123456789"
COOKIES = f"sso={MARKER}; sso-rw={MARKER}; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8ca"
ROWS = ["cookies", "network", "proxy", "certificates", "sign-in", "modes", "quota", "conversations endpoint", "gateway"]
ROWS.append("unknown fields")


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def small_grok() -> Iterator[GrokEmulator]:
    """An account that may not use every mode."""
    with GrokEmulator(tier="basic") as emulator:
        yield emulator


@pytest.fixture
def grok(small_grok: GrokEmulator) -> GrokEmulator:
    small_grok.reset()
    return small_grok


def look(grok: GrokEmulator | None = None, *, ask: bool = False, model: str | None = None, **settings: Any) -> Any:
    """The rows by their names; they are always the same ones, and no cookie is in them."""
    if grok is not None:
        settings = {"base_url": grok.base_url, "cookies": grok.cookies, **settings}
    rows = GrokWebClient(**settings).blocking.diagnose(ask=ask, model=model)
    assert [row.name for row in rows] == ROWS
    assert MARKER[:8] not in repr(rows)
    return {row.name: row for row in rows}


def failed(rows: dict[str, Check]) -> list[str]:
    return [row.name for row in rows.values() if row.state == "fail"]


def untried(rows: dict[str, Check]) -> list[str]:
    return [row.name for row in rows.values() if row.facts.get("tried") is False]


def test_all_is_well_and_no_prompt_is_sent(grok):
    rows = look(grok)
    assert {row.state for row in rows.values()} == {"ok"}
    assert (grok.turns, grok.sessions, grok.conversations) == ([], [], {})
    assert "fast" in rows["modes"].detail
    assert "30 of 30" in rows["quota"].detail
    assert all("cookie" not in request.headers for request in grok.requests if request.path == "/")


def test_one_temporary_prompt_over_each_wire_where_that_is_asked_for(grok):
    rows = look(grok, ask=True)
    assert {row.state for row in rows.values()} == {"ok"}
    assert sorted((turn.wire, turn.temporary) for turn in grok.turns) == [("gateway", True), ("rest", True)]
    assert "answered" in rows["conversations endpoint"].detail
    assert "answered" in rows["gateway"].detail


# What is done to the service, how it is looked at, the row that fails, and words of its detail and its next step.
Spoil = Callable[[GrokEmulator], Any]
REFUSALS: list[tuple[str, Spoil, dict[str, Any], str, str, str]] = [
    ("expired", lambda g: g.fault("expired", 99, path="/*"), {}, "sign-in", "does not accept", "Sign in at"),
    ("other session", lambda _: None, {"cookies": COOKIES}, "sign-in", "does not accept", "Sign in at"),
    ("challenge", lambda g: g.fault("challenge", 99, path="/*"), {}, "sign-in", "challenge page", "cf_clearance"),
    ("blocked", lambda g: g.fault("blocked", 99, path="/*"), {}, "sign-in", "blocked this account", "browser"),
    ("region", lambda g: g.fault("region", 99, path="/*"), {}, "sign-in", "region", "network in another region"),
    ("html", lambda g: g.fault("html", 99, path="/api/*"), {}, "sign-in", "", ""),
    ("server error", lambda g: g.fault("server_error", 9, path="/api/*"), {}, "sign-in", "internal error", "later"),
    ("hang up", lambda g: g.fault("hang_up", 9, path="/api/*"), {}, "sign-in", "could not be reached", "Check"),
    ("no mode", lambda _: None, {"model": "nonsense"}, "modes", "no mode nonsense", "auto, fast"),
    ("mode", lambda _: None, {"model": "grok-4-heavy"}, "modes", "may not use heavy", "`model=`: auto, fast"),
    ("quota", lambda g: g.set_quota("fast", 0), {"model": "fast"}, "quota", "fast 0 of 50", "in 40 min, or choose"),
    ("rate limit", lambda g: g.fault("rate_limited", 9, path="/rest/rate-limits"), {}, "quota", "no more", "Wait"),
    ("gateway", lambda g: g.fault("challenge", 9, path="/ws/mgw/"), {}, "gateway", "challenge page", "cf_clearance"),
    (
        "conversations",
        lambda g: g.fault("server_error", 9, path="/rest/app-chat/*"),
        {},
        "conversations endpoint",
        "internal error",
        "later",
    ),
]


@pytest.mark.parametrize(("spoil", "how", "row", "detail", "step"), [case[1:] for case in REFUSALS], ids=lambda _: "")
def test_what_the_service_refuses(grok, spoil, how, row, detail, step):
    spoil(grok)
    rows = look(grok, **how)
    assert failed(rows) == [row]
    assert detail in rows[row].detail
    assert step in rows[row].next_step
    assert rows[row].next_step
    assert rows[row].next_step not in rows[row].detail
    if rows[row].facts.get("ends_here"):
        after = ROWS[ROWS.index(row) + 1 : -1]
        assert untried(rows) == after
        assert all(row in rows[name].detail for name in after)


OPENING = sorted(name for name, kind in FAULTS.items() if kind.stage in {"refusal", "opening"})


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("fault", OPENING)
def test_every_fault_of_an_opening_is_told_once_and_with_a_step(grok, fault, everywhere):
    """Strikes all requests, or prompts alone: some row fails, none repeats another, each says what to do."""
    options = {"seconds": 0.0} if fault == "slow_open" else {}
    grok.fault(fault, 99, path="/*" if everywhere else None, **options)
    rows = look(grok, ask=True)
    wrong = [row for row in rows.values() if row.state == "fail"]
    told = [row for row in wrong if not row.detail.startswith("the same as: ")]
    assert bool(wrong) == (fault != "slow_open" and (fault != "anti_bot" or everywhere))
    assert len({row.detail for row in told}) == len(told)
    assert all(row.next_step and row.detail for row in told)
    assert len(told) <= 2
    assert [turn.status for turn in grok.turns if turn.status == "running"] == []


def test_the_anti_bot_rule_keeps_nobody_from_the_gateway(grok):
    grok.fault("anti_bot", 9)
    rows = look(grok, ask=True)
    endpoint = rows["conversations endpoint"]
    assert (endpoint.state, rows["gateway"].state) == ("warn", "ok")
    assert "anti-bot" in endpoint.detail
    assert "over the gateway" in endpoint.next_step
    grok.fault("anti_bot", 9)
    grok.fault("challenge", 9, path="/ws/mgw/")
    assert failed(look(grok, ask=True)) == ["conversations endpoint", "gateway"]


def test_a_prompt_that_is_refused(grok):
    grok.set_quota("fast", 0)
    rows = look(grok, ask=True, model="fast")
    assert failed(rows) == ["quota", "conversations endpoint", "gateway"]
    grok.reset()
    grok.fault("moderated", 2)
    rows = look(grok, ask=True)
    assert failed(rows) == ["conversations endpoint", "gateway"]
    assert rows["gateway"].detail == "the same as: conversations endpoint"


def test_what_was_unknown_is_named(grok):
    grok.fault("unknown_frames", 2)
    row = look(grok, ask=True)["unknown fields"]
    assert row.state == "warn"
    assert "aFutureMember" in row.detail
    assert row.facts["kinds"] > 5
    assert "newer version" in row.next_step


@pytest.mark.parametrize(
    ("cookies", "words"),
    [(None, "no cookies"), ("theme=dark", "sso")],
)
def test_no_cookies_and_the_way_there_is_looked_at_all_the_same(monkeypatch, grok, cookies, words):
    client = GrokWebClient(base_url=grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", cookies or "")
    rows = {row.name: row for row in client.blocking.diagnose()}
    assert failed(rows) == ["cookies"]
    assert words in rows["cookies"].detail
    assert "Sign in at" in rows["cookies"].next_step
    assert rows["network"].state == rows["certificates"].state == "ok"
    assert untried(rows) == ROWS[4:-1]


# --- the way there


def test_a_dead_host():
    rows = look(base_url="http://127.0.0.1:1", cookies=COOKIES)
    assert failed(rows) == ["network"]
    assert "no connection could be made" in rows["network"].detail
    assert "`base_url=`" in rows["network"].next_step
    assert untried(rows) == ["certificates", *ROWS[4:-1]]


def test_a_name_that_nobody_knows():
    rows = look(base_url="https://nowhere.invalid", cookies=COOKIES)
    assert failed(rows) == ["network"]
    assert "its name cannot be resolved" in rows["network"].detail


def test_no_check_takes_longer_than_its_bound(clock, monkeypatch):
    silent = Reply([STAY])
    with ScriptedServer() as server:
        settings = {"base_url": server.base_url, "cookies": server.cookies, "timeout": 0.2}
        server.play(Script({"session": silent}))
        rows = look(**settings)
        assert failed(rows) == ["sign-in"]
        assert "within 0.2 seconds" in rows["sign-in"].detail
        monkeypatch.setattr(module, "ASK_SECONDS", 0.3)
        asked = {"modes": silent, "rate-limits": silent, "conversations": silent, "turn": silent}
        server.play(Script(asked, handshake=silent))
        rows = look(**settings, ask=True)
        assert failed(rows) == ["modes", "quota", "conversations endpoint", "gateway"]


async def test_both_wires_are_asked_at_the_same_time(grok):
    """Each answer begins only when the other one was asked for."""
    both = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(_: Any) -> str:
        if len(grok.turns) < 2:
            grok.wait_for_turns(2)
        loop.call_soon_threadsafe(both.set)
        return "ok"

    with GrokEmulator(assistant=answer) as patient:
        grok = patient
        client = GrokWebClient(base_url=patient.base_url, cookies=patient.cookies)
        rows = await client.diagnose(ask=True)
    assert [row for row in rows if row.state != "ok"] == []
    assert both.is_set()


class Proxy(socketserver.ThreadingTCPServer):
    """Refuses with a status."""

    daemon_threads = True
    status = 502

    class _Handler(socketserver.StreamRequestHandler):
        server: Proxy

        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % self.server.status)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", 0), Proxy._Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_wrong_proxies(monkeypatch, proxy):
    place = f"127.0.0.1:{proxy.server_address[1]}"
    for value, status, detail, step in [
        (f"http://me:{MARKER}@{place}", 502, "HTTPS_PROXY refused (502)", "Check HTTPS_PROXY"),
        (f"http://{place}", 407, "HTTPS_PROXY refused (407)", "the password of the proxy into HTTPS_PROXY"),
        (f"http://me:{MARKER}@127.0.0.1:1", 0, "HTTPS_PROXY cannot be reached", "Check HTTPS_PROXY"),
        (f"http://me:{MARKER}@127.0.0.1:x", 0, "HTTPS_PROXY", "HTTPS_PROXY"),
        ("ftp://127.0.0.1", 0, "HTTPS_PROXY", "HTTPS_PROXY"),
    ]:
        proxy.status = status
        monkeypatch.setenv("HTTPS_PROXY", value)
        rows = look(base_url="https://grok.com", cookies=COOKIES)
        assert failed(rows) == ["proxy"], value
        assert detail in rows["proxy"].detail
        assert step in rows["proxy"].next_step
        assert place not in repr(rows)
        assert untried(rows) == ["network", "certificates", *ROWS[4:-1]]


class Secure(socketserver.ThreadingTCPServer):
    """Speaks TLS with a certificate that nobody has signed."""

    daemon_threads = True

    class _Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.do_handshake()

    def get_request(self) -> Any:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(__file__).parent / "untrusted.pem")
        connection, address = super().get_request()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client leaves in the handshake."""


def test_a_certificate_that_is_not_trusted(monkeypatch, tmp_path):
    with Secure(("127.0.0.1", 0), Secure._Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            address = f"https://127.0.0.1:{server.server_address[1]}"
            rows = look(base_url=address, cookies=COOKIES)
            assert failed(rows) == ["certificates"]
            assert "not trusted" in rows["certificates"].detail
            assert "SSL_CERT_FILE" in rows["certificates"].next_step
            assert rows["network"].state == "ok"
        finally:
            server.shutdown()
            thread.join()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    rows = look(base_url=address, cookies=COOKIES)
    assert failed(rows) == ["certificates"]
    assert "SSL_CERT_FILE names a file that is not there" in rows["certificates"].detail
    assert str(tmp_path) not in repr(rows)


async def test_the_users_own_client(grok):
    async with httpx.AsyncClient(trust_env=False) as own:
        client = GrokWebClient(base_url=grok.base_url, cookies=grok.cookies, http_client=own)
        rows = {row.name: row for row in await client.diagnose()}
    assert failed(rows) == []
    assert "http_client" in rows["proxy"].detail
