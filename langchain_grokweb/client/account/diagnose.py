"""What works and what does not, row by row: what `GrokWebClient.diagnose` gives, and `grokweb doctor` prints.

The rows stand in the order in which things depend on each other. Where one fails, those that need it are not tried and
say so; the others are tried at the same time, each within a bound. The network is tried without cookies. No prompt is
sent unless that is asked for, and then a temporary one over each wire.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import assert_never
from urllib.parse import urlsplit

import anyio
import httpx

from langchain_grokweb.client import state
from langchain_grokweb.client.account.check import Check, CheckState, Fact
from langchain_grokweb.client.account.modes import list_modes
from langchain_grokweb.client.account.quota import Quota, quotas
from langchain_grokweb.client.gateway import knock
from langchain_grokweb.client.network.environment import PROXY_FIELD, Proxy, TrustSettings
from langchain_grokweb.client.network.failures import what_failed
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.network.pool import lease
from langchain_grokweb.client.opener import Opener
from langchain_grokweb.client.service import Service, Wire
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import (
    GrokWebAuthenticationError,
    GrokWebConnectionError,
    GrokWebError,
    GrokWebPermissionError,
    GrokWebTimeoutError,
    PermissionReason,
)
from langchain_grokweb.wire import error_mapping, modes
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.json_fields import get_dict, get_str
from langchain_grokweb.wire.reasons import harmless
from langchain_grokweb.wire.turn import Turn

BOUND_SECONDS = 15.0  # for one check; less where `timeout` is less
ASK_SECONDS = 60.0  # for a prompt and its answer
_PROMPT = "Reply with the word ok."
_MENTIONED = 5  # unknown fields that are named
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_STATUS = re.compile(r"\s*([1-5]\d\d)\b")
_CODE = re.compile(r"[a-z0-9][a-z0-9:_-]{0,60}", re.IGNORECASE)


async def diagnose(
    service: Service,
    find_credentials: Callable[[], GrokCredentials],
    *,
    model: str | None = None,
    ask: bool = False,
) -> list[Check]:
    """Look at everything that an answer depends on.

    Args:
        service: Where the account is.
        find_credentials: Gives the cookies, or raises what is wrong with them.
        model: Whose mode and quota matter.
        ask: Send a tiny temporary prompt over each wire.
    """
    service = replace(service, timeout=min(service.timeout, BOUND_SECONDS), max_retries=0)
    cookies, credentials = _look_at_cookies(find_credentials, service.login_url)
    rows = [cookies, *await _look_at_network(service)]
    failed = next((row for row in rows if row.state == "fail"), None)
    rest = _Account(service, credentials, model=model, ask=ask)
    return [*rows, *(rest.untried(failed.name) if failed else await rest.rows())]


# --- cookies


def _look_at_cookies(find: Callable[[], GrokCredentials], login_url: str) -> tuple[Check, GrokCredentials | None]:
    try:
        credentials = find()
    except GrokWebError as error:
        return _failed("cookies", error), None
    values, agent = credentials.cookies, credentials.user_agent
    token = values["sso"]
    facts: dict[str, Fact] = {
        "names": " ".join(values),
        "sso": f"{'a signed token' if _TOKEN.fullmatch(token) else 'of another form'}, {len(token)} characters",
        "sso_rw_is_the_same": token == values["sso-rw"],
        "user_agent": agent is not None,
    }
    detail = f"{', '.join(values)}{' and the User-Agent' if agent else ''}"
    if (ends := credentials.expires) is not None:
        left = ends - datetime.now(UTC)
        facts["days_left"] = left.days
        if left < timedelta():
            step = f"Sign in at {login_url} and copy the cookies of that browser again."
            return Check("cookies", "fail", f"{detail}; the session ended on {ends:%Y-%m-%d}", step, facts), credentials
        detail += f"; the session ends on {ends:%Y-%m-%d}"
    if not _TOKEN.fullmatch(token):
        step = (
            "If the sign-in fails below, copy the cookies again: this value of sso does not look like one of grok.com."
        )
        return Check("cookies", "warn", f"{detail}; sso is not what grok.com sets", step, facts), credentials
    if "cf_clearance" in values and agent is None:
        step = "Copy the User-Agent with the cookies: cf_clearance is valid for that browser alone."
        return Check("cookies", "warn", f"{detail}; cf_clearance without the User-Agent", step, facts), credentials
    return Check("cookies", "ok", detail, "", facts), credentials


# --- the way there


async def _look_at_network(service: Service) -> list[Check]:
    """Network, proxy and certificates, by one request without cookies; what it brings back does not matter."""
    own_client = service.http_client is not None and service.proxy is None
    try:
        proxy = None if own_client else service.find_proxy()
    except GrokWebError as error:
        return [_untried("network", "proxy"), _failed("proxy", error), _untried("certificates", "proxy")]
    ready = [_network_row(service), _proxy_row(proxy, is_own=own_client), _trust_row(service, proxy)]
    try:
        with anyio.fail_after(service.timeout):
            await _touch(service, proxy)
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        return _way_failed(ready, service, proxy, error)
    except GrokWebError as error:  # a file of certificates, or a package for SOCKS
        name = "certificates" if isinstance(error, GrokWebConnectionError) else "proxy"
        return [_failed(name, error) if row.name == name else _untried(row.name, name) for row in ready]
    return ready


async def _touch(service: Service, proxy: Proxy | None) -> None:
    leased = None
    if service.http_client is not None:
        client = service.http_client
    else:
        leased = await lease(proxy, is_secure=service.is_secure)
        client = leased.client
    try:
        reply = await client.send(client.build_request("GET", f"{service.base_url}/"), stream=True)
        await reply.aclose()
    finally:
        if leased is not None:
            await leased.give_back()


def _network_row(service: Service) -> Check:
    place = "this machine" if service.is_local else urlsplit(service.base_url).hostname
    return Check("network", "ok", f"{place} answers", "", {"is_local": service.is_local})


def _proxy_row(proxy: Proxy | None, *, is_own: bool) -> Check:
    if is_own:
        return Check("proxy", "ok", "what your `http_client=` says", "", {"source": "http_client"})
    if proxy is None:
        return Check("proxy", "ok", "none", "", {"source": None})
    return Check("proxy", "ok", f"by {proxy.source}", "", {"source": proxy.source, "kind": proxy.url.split(":")[0]})


def _trust_row(service: Service, proxy: Proxy | None) -> Check:
    if not service.is_secure and not (proxy and proxy.is_secure):
        return Check("certificates", "ok", "not needed: http:// on this machine", "", {"source": None})
    source = TrustSettings.now().source
    return Check(
        "certificates", "ok", f"trusted{f' by {source}' if source else ''}", "", {"source": source or "default"}
    )


def _way_failed(ready: list[Check], service: Service, proxy: Proxy | None, error: BaseException) -> list[Check]:
    """The row that the error is about; the two others as far as they are known."""
    network, by_proxy, _ = ready
    facts: dict[str, Fact] = {"error": type(error).__name__}
    words = what_failed(error)
    if "certificate" in words or "secure connection" in words:
        step = "If a company's proxy or a virus scanner inspects connections, name its certificate in SSL_CERT_FILE."
        if source := TrustSettings.now().source:
            step = f"Check {source}: it must hold the certificate of whoever signs for this network."
        return [network, by_proxy, Check("certificates", "fail", words, step, facts)]
    if proxy is not None:
        status = _STATUS.match(str(error)) if isinstance(error, httpx.ProxyError) else None
        step = f"Check {proxy.source}, and whether this proxy runs." if proxy.source else f"Check {PROXY_FIELD}."
        what = "did not answer in time" if _is_late(error) else "cannot be reached"
        if isinstance(error, httpx.ProxyError):
            what, facts = f"refused{f' ({status[1]})' if status else ''}", {**facts, "status": status and status[1]}
            if status and status[1] == "407":
                step = (
                    f"Put the name and the password of the proxy into {proxy.source}: http://name:password@host:port."
                )
        failed = Check("proxy", "fail", f"the proxy by {proxy.source} {what}", step, facts)
        return [_untried("network", "proxy"), failed, _untried("certificates", "proxy")]
    if _is_late(error):
        words = f"no answer within {service.timeout:g} seconds"
    step = "Check that this machine is online, and check `base_url=`. If only a proxy leads out, set HTTPS_PROXY."
    if "too many files" in words:
        step = "Raise the limit with `ulimit -n`."
    failed = Check("network", "fail", f"{urlsplit(service.base_url).hostname}: {words}", step, facts)
    return [failed, by_proxy, _untried("certificates", "network")]


def _is_late(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | httpx.TimeoutException)


# --- the account


class _Account:
    """The rows for which one must be signed in."""

    def __init__(self, service: Service, credentials: GrokCredentials | None, *, model: str | None, ask: bool) -> None:
        self._service = service
        self._credentials = credentials
        self._mode = modes.resolve(model).id if model else None
        self._model = model or "fast"
        self._checks: dict[str, Callable[[Http], Awaitable[Check]]] = {
            "modes": self._modes,
            "quota": self._quota,
            "conversations endpoint": self._ask_rest if ask else self._conversations,
            "gateway": self._ask_gateway if ask else self._gateway,
        }
        self._seconds = ASK_SECONDS if ask else service.timeout

    async def rows(self) -> list[Check]:
        """Sign-in, and what depends on it."""
        assert self._credentials is not None  # noqa: S101 - else a row has failed before
        http = Http(self._service, self._credentials)
        sign_in = await self._try("sign-in", _sign_in, http)
        if sign_in.state == "fail" and sign_in.facts.get("ends_here"):
            return [sign_in, *(_untried(name, "sign-in") for name in self._checks), _unknown_fields()]
        rows = {name: _untried(name, "sign-in") for name in self._checks}

        async def look(name: str) -> None:
            rows[name] = await self._try(name, self._checks[name], http)

        async with anyio.create_task_group() as tasks:
            for name in self._checks:
                tasks.start_soon(look, name)
        rows["conversations endpoint"] = _without_need(rows["conversations endpoint"], rows["gateway"])
        return [*_each_once([sign_in, *rows.values()]), _unknown_fields()]

    def untried(self, because: str) -> list[Check]:
        """The same rows, where something before them failed."""
        return [*(_untried(name, because) for name in ("sign-in", *self._checks)), _unknown_fields()]

    async def _try(self, name: str, check: Callable[[Http], Awaitable[Check]], http: Http) -> Check:
        """A check within its bound; a refusal is what it found."""
        seconds = self._seconds if name in {"conversations endpoint", "gateway"} else self._service.timeout
        try:
            with anyio.fail_after(seconds):
                return await check(http)
        except GrokWebError as error:
            return _failed(name, error)
        except TimeoutError:
            step = "Try again. If it fails again, check whether grok.com answers in your browser."
            facts: dict[str, Fact] = {"error": "TimeoutError", "ends_here": True}
            return Check(name, "fail", f"no answer within {seconds:g} seconds", step, facts)

    async def _modes(self, http: Http) -> Check:
        menu = await list_modes(http)
        usable, others = [mode.id for mode in menu if mode.available], [mode for mode in menu if not mode.available]
        facts: dict[str, Fact] = {"usable": len(usable), "not_usable": len(others)}
        detail = ", ".join(usable) or "none"
        if others:
            detail += f"; not for this account: {', '.join(mode.id for mode in others)}"
        if self._mode is None:
            state_: CheckState = "ok" if usable else "fail"
            step = "" if usable else "Check in your browser which modes this account has."
            return Check("modes", state_, detail, step, facts)
        facts["asked_for"] = "usable" if self._mode in usable else "not usable"
        if self._mode in usable:
            return Check("modes", "ok", detail, "", facts)
        wanted = next((mode for mode in others if mode.id == self._mode), None)
        what = f"this account may not use {self._mode}" if wanted else f"grok.com has no mode {self._mode}"
        if wanted and wanted.requires:
            what += f" ({harmless(http.redact(wanted.requires), 60)})"
        step = f"Choose another `model=`: {', '.join(usable)}." if usable else "Choose another `model=`."
        return Check("modes", "fail", f"{what}; it may use: {', '.join(usable) or 'none'}", step, facts)

    async def _quota(self, http: Http) -> Check:
        all_quotas = await quotas(http)
        known = [quota for quota in all_quotas if quota.remaining is not None]
        facts: dict[str, Fact] = {"modes": len(all_quotas), "known": len(known)}
        facts["used_up"] = len([quota for quota in known if not quota.remaining])
        if not known:
            return Check("quota", "warn", "grok.com does not say", "", facts)
        detail = ", ".join(map(_in_words, known))
        spent = next((quota for quota in known if not quota.remaining and self._mode in {None, quota.mode}), None)
        if spent is None:
            return Check("quota", "ok", detail, "", facts)
        when = f"in {_time(spent.resets_in)}" if spent.resets_in else "later"
        others = [quota.mode for quota in known if quota.remaining]
        step = f"Ask again {when}{', or choose another `model=`: ' if others else ''}{', '.join(others)}."
        return Check("quota", "warn" if others and self._mode is None else "fail", f"used up: {detail}", step, facts)

    async def _conversations(self, http: Http) -> Check:
        """Reading alone, which the anti-bot rule lets pass (rest.md 0.1)."""
        await http.fetch_json("GET", "/rest/app-chat/conversations?pageSize=1")
        name = "conversations endpoint"
        facts: dict[str, Fact] = {"asked": False, "refused_before": http.account.refused_by_anti_bot}
        if http.account.refused_by_anti_bot:
            step = "Nothing is to be done: prompts go over the gateway, unless `transport=` forbids it."
            return Check(name, "warn", "can be read; its anti-bot rule refused a prompt before", step, facts)
        step = "Use `ask=True` to see whether it takes prompts."
        return Check(name, "ok", "can be read; no prompt was sent", step, facts)

    async def _gateway(self, http: Http) -> Check:
        await knock(http)
        return Check("gateway", "ok", "lets this account in; no prompt was sent", "", {"asked": False})

    async def _ask_rest(self, http: Http) -> Check:
        return await self._answered("conversations endpoint", "rest", http)

    async def _ask_gateway(self, http: Http) -> Check:
        return await self._answered("gateway", "gateway", http)

    async def _answered(self, name: str, wire: Wire, http: Http) -> Check:
        """One small temporary turn, read to its end."""
        asking = Http(replace(self._service, transport=wire), http.credentials)
        turn = Turn(prompt=_PROMPT, model=self._model, temporary=True, search=False, image_generation=False)
        began, text, first = anyio.current_time(), 0, 0.0
        stream = await Opener(asking).open(turn)
        try:
            while (batch := await stream.next_batch()) is not None:
                first = first or anyio.current_time() - began
                text += sum(len(event.text) for event in batch if isinstance(event, ev.TextDelta))
        finally:
            await stream.leave()
        facts: dict[str, Fact] = {"asked": True, "characters": text}
        if not text:
            return Check(name, "warn", "answered without a word", "Ask again with `ask=True`.", facts)
        return Check(name, "ok", f"answered, after {first:.1f} seconds", "", facts)


async def _sign_in(http: Http) -> Check:
    session = await http.fetch_json("GET", "/api/auth/session")
    status = get_str(session, "status")
    if status == "blocked":
        raise error_mapping.from_error({"message": "User is blocked"})
    if status == "unauthenticated":
        raise error_mapping.from_error({"message": "unauthenticated"}, login_url=http.service.login_url)
    known = bool(get_str(get_dict(session, "session"), "userId") or get_str(get_dict(session, "user"), "id", "userId"))
    facts: dict[str, Fact] = {"status": status == "authenticated", "names_the_account": known}
    if not known:
        return Check("sign-in", "warn", "grok.com does not say whose account this is", "", facts)
    return Check("sign-in", "ok", "grok.com accepts the cookies", "", facts)


# --- rows


def _unknown_fields() -> Check:
    """What this version does not know of what came in this process."""
    seen = state.drift()
    facts: dict[str, Fact] = {"kinds": len(seen), **dict(list(seen.items())[:50])}
    if not seen:
        return Check("unknown fields", "ok", "none seen in this process", "", facts)
    named = ", ".join(list(seen)[:_MENTIONED])
    more = f" and {len(seen) - _MENTIONED} more" if len(seen) > _MENTIONED else ""
    step = "grok.com has changed. Look for a newer version of langchain-grokweb, or report these names."
    return Check("unknown fields", "warn", f"{len(seen)} kinds: {named}{more}", step, facts)


def _untried(name: str, because: str) -> Check:
    return Check(name, "warn", f"not tried, because of: {because}", "", {"tried": False})


def _failed(name: str, error: GrokWebError) -> Check:
    """The row of a refusal."""
    reason = getattr(error, "reason", None)
    facts: dict[str, Fact] = {"error": type(error).__name__, "reason": reason, "status": error.status_code}
    if error.error_code and _CODE.fullmatch(str(error.error_code)):
        facts["code"] = str(error.error_code)
    is_account = isinstance(error, GrokWebPermissionError) and _is_of_the_account(error.reason)
    if is_account or isinstance(error, GrokWebAuthenticationError | GrokWebConnectionError | GrokWebTimeoutError):
        facts["ends_here"] = True  # nothing else will work either
    detail = str(error).removesuffix(error.next_step).strip()
    return Check(name, "fail", detail, error.next_step, facts)


def _is_of_the_account(reason: PermissionReason) -> bool:
    """Whether no other request fares better either."""
    match reason:
        case "challenge" | "blocked" | "region":
            return True
        case "anti_bot" | "tier" | "other":
            return False
        case _:
            assert_never(reason)


def _without_need(endpoint: Check, gateway: Check) -> Check:
    """The row of the conversations endpoint: where the gateway works, its anti-bot rule keeps nobody from an answer."""
    if endpoint.facts.get("reason") != "anti_bot" or gateway.state != "ok":
        return endpoint
    step = "Nothing is to be done: prompts go over the gateway, unless `transport=` forbids it."
    return replace(endpoint, state="warn", next_step=step)


def _each_once(rows: list[Check]) -> list[Check]:
    """The rows, where the same failure stands once."""
    first: dict[str, str] = {}
    shown: list[Check] = []
    for row in rows:
        before = first.setdefault(row.detail, row.name) if row.state == "fail" else row.name
        shown.append(row if before == row.name else replace(row, detail=f"the same as: {before}", next_step=""))
    return shown


def _in_words(quota: Quota) -> str:
    total = f" of {quota.total}" if quota.total is not None else ""
    return f"{quota.mode} {quota.remaining}{total}"


def _time(seconds: int) -> str:
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
