"""The table's rows about cuts, ends and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from scripted import rest
from scripted import steps as s
from scripted.server import Reply

from truth.cases import CHUNK, GATEWAY, LIMIT, REST, TEXT, Case, tag, texts
from truth.error_cases import STORED_LIMIT
from truth.outcomes import Either, Expected, Fails, Replaced, Says

# --- how it ends


def stored(text: str, **more: Any) -> Mapping[str, Reply]:
    return rest.stored(s.Final(text, **more))


CUT = [
    Case("cut", [s.Text("Paris "), s.Cut()], Fails("GrokWebInterruptedError", "Paris ")),
    Case("cut-before-a-word", [s.Cut()], Fails("GrokWebInterruptedError")),
    Case("end-without-final", [s.Text("Paris "), s.End()], Fails("GrokWebInterruptedError", "Paris "), (REST,)),
    Case("cut-stored-whole", [s.Text("Paris "), s.Cut()], Says(TEXT), replies=stored(TEXT)),
    Case("cut-stored-whole-before-a-word", [s.Cut()], Says(TEXT), replies=stored(TEXT)),
    Case("cut-stored-markup", [s.Text("Paris "), s.Cut()], Says(TEXT), replies=stored(f"Paris{tag()} is big.")),
    Case(
        "cut-stored-another",
        [s.Text("Paris "), s.Seen(), s.Cut()],
        Replaced("London is big.", "Paris "),
        replies=stored("London is big."),
    ),
    Case(
        "cut-stored-shorter",
        [*texts("Paris is ", "big."), s.Seen(), s.Cut()],
        Replaced("Paris", "Paris is big."),
        replies=stored("Paris"),
    ),
    Case("cut-stored-white-space", [*texts("Paris \n", "is"), s.Cut()], Says(TEXT, loosely=True), replies=stored(TEXT)),
    Case(
        "cut-stored-limit",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=stored("", errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})]),
    ),
    Case(
        "cut-stored-limit-in-metadata",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=stored("", members=STORED_LIMIT),
    ),
    Case(
        "cut-stored-empty", [s.Text("Paris "), s.Cut()], Fails("GrokWebInterruptedError", "Paris "), replies=stored("")
    ),
    Case(
        "cut-stored-partial",
        [s.Text("Paris "), s.Cut()],
        Either((Fails("GrokWebInterruptedError", "Paris "), Fails("GrokWebInterruptedError", "Paris is"))),
        replies=stored("Paris is", partial=True),
    ),
    Case(
        "cut-running",
        [s.Text("Paris "), s.Cut()],
        Says(TEXT),
        replies=rest.running([*texts("Paris ", "is big."), s.Final(TEXT)]),
    ),
    Case(
        "cut-running-foreign",
        [s.Text("Paris "), s.Cut()],
        Says(TEXT),
        replies=rest.running([s.Other("Theirs."), *texts("Paris ", "is big."), s.Final(TEXT)]),
    ),
    Case(
        "cut-running-another",
        [s.Text("Paris "), s.Seen(), s.Cut()],
        Replaced("London is big.", "Paris "),
        replies=rest.running([*texts("London ", "is big."), s.Final("London is big.")]),
    ),
    Case(
        "cut-running-contradicted-at-last",
        [s.Text("Paris "), s.Cut()],
        Replaced("Paris is NOT big.", "Paris is big."),
        replies=rest.running([*texts("Paris ", "is big."), s.Seen(), s.Final("Paris is NOT big.")]),
    ),
    Case(
        "cut-running-late-error",
        [s.Text("Paris "), s.Cut()],
        Says(TEXT),
        replies=rest.running([s.Text(TEXT), s.Final(TEXT), s.Error("internal_error", "x", "NORMAL")]),
    ),
    Case(
        "cut-running-late-limit-mid-turn",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", TEXT),
        replies=rest.running(
            [s.Text(TEXT), s.Final(TEXT), s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": True})]
        ),
    ),
    Case(
        "cut-running-limit",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=rest.running([s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Final("")]),
    ),
]

ENDS = [
    Case(
        "tier",
        [s.Done("incomplete", "stream_error")],
        Fails("GrokWebPermissionError", reason="tier"),
        GATEWAY,
        settings={"model": "heavy"},
    ),
    Case(
        "tier-after-words",
        [s.Text("Paris "), s.Done("incomplete", "stream_error")],
        Either((Fails("GrokWebPermissionError", "Paris ", reason="tier"), Fails("GrokWebInterruptedError", "Paris "))),
        GATEWAY,
        settings={"model": "heavy"},
    ),
    Case(
        "incomplete",
        [s.Text("Paris "), s.Done("incomplete", "stream_error")],
        Fails("GrokWebInterruptedError", "Paris "),
        GATEWAY,
    ),
    Case(
        "incomplete-limit",
        [s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Done("incomplete", "stream_error")],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "incomplete-tool",
        [
            s.Text("Paris "),
            s.Error("tool_call_failed", "The tool broke.", "NORMAL"),
            s.Done("incomplete", "stream_error"),
        ],
        Fails("GrokWebInterruptedError", "Paris ", says="The tool broke."),
        GATEWAY,
    ),
    Case(
        "failed",
        [s.Text("Paris "), s.Done("failed")],
        Either((Fails("GrokWebInterruptedError", "Paris "), Fails("GrokWebServerError", "Paris "))),
        GATEWAY,
    ),
    Case(
        "failed-limit",
        [s.Text("Paris "), s.Done("failed", error={"code": "usage_limit_reached", "message": LIMIT})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-limit-by-code",
        [s.Text("Paris "), s.Done("failed", error={"code": "usage_limit_reached", "message": ""})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-rate-limited",
        [s.Text("Paris "), s.Done("failed", error={"code": "rate_limited", "message": "Slow down."})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-moderated",
        [s.Text("Paris "), s.Done("failed", error={"code": "content-moderated", "message": "rejected"})],
        Fails("GrokWebContentFilterError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-unauthorized",
        [s.Text("Paris "), s.Done("failed", error={"code": "unauthorized", "message": "no"})],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-internal",
        [s.Done("failed", error={"code": "internal_error", "message": "Oops."})],
        Fails("GrokWebServerError", says="Oops."),
        GATEWAY,
    ),
    Case(
        "cancelled-status", [s.Text("Paris "), s.Done("cancelled")], Fails("GrokWebInterruptedError", "Paris "), GATEWAY
    ),
    Case("unauthorized", [s.Refusal("unauthorized", "Sign in.")], Fails("GrokWebAuthenticationError"), GATEWAY),
    Case(
        "unauthorized-after-words",
        [s.Text("Paris "), s.Refusal("unauthorized", "Sign in.")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "session-expired",
        [s.Text("Paris "), s.Refusal("session_expired", "The session has expired.")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "session-expired-before-the-answer",
        [],
        Fails("GrokWebAuthenticationError"),
        GATEWAY,
        before=[s.Refusal("session_expired", ""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "anti-bot-event",
        [],
        Fails("GrokWebPermissionError", reason="anti_bot"),
        GATEWAY,
        before=[s.Refusal("anti_bot", "anti-bot rejected"), s.Closed(1000)],
        unbegun=True,
    ),
    Case("session-ended", [s.Text("Paris "), s.Ended()], Fails("GrokWebInterruptedError", "Paris "), GATEWAY),
    Case("close-normal", [s.Text("Paris "), s.Closed(1000)], Fails("GrokWebInterruptedError", "Paris "), GATEWAY),
    Case(
        "close-internal",
        [s.Text("Paris "), s.Closed(1011, "boom \x1b[31m")],
        Fails("GrokWebInterruptedError", "Paris ", says="1011"),
        GATEWAY,
    ),
    Case(
        "close-session-expired",
        [s.Text("Paris "), s.Closed(1008, "session_expired")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-4401",
        [s.Text("Paris "), s.Closed(4401, "unauthorized")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-limit",
        [s.Text("Paris "), s.Closed(1008, "usage limit reached")],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-blocked",
        [],
        Fails("GrokWebPermissionError", reason="blocked"),
        GATEWAY,
        before=[s.Closed(1008, "User is blocked [WKE=unauthorized:blocked-user]")],
        unbegun=True,
    ),
    Case(
        "close-session-expired-before-the-answer",
        [],
        Fails("GrokWebAuthenticationError"),
        GATEWAY,
        before=[s.Closed(1008, "session_expired")],
        unbegun=True,
    ),
    Case(
        "close-holds-a-cookie",
        [s.Text("Paris "), s.Closed(1008, "bad token sso=scripted-secret-cookie")],
        Fails("GrokWebInterruptedError", "Paris ", hides="scripted-secret"),
        GATEWAY,
    ),
    Case(
        "close-after-the-end",
        [s.Text(TEXT), s.Final(TEXT), s.End(), s.Late(s.Closed(1011, "boom"))],
        Says(TEXT),
        GATEWAY,
    ),
    Case(
        "close-after-the-final-text",
        [s.Text(TEXT), s.Final(TEXT), s.Closed(1011, "boom")],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
    Case("cut-after-the-final-text", [s.Text(TEXT), s.Final(TEXT), s.Cut()], Says(TEXT), (REST,)),
    Case(
        "cut-after-the-final-text-before-the-end",
        [s.Text(TEXT), s.Final(TEXT), s.Cut()],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
    Case(
        "incomplete-after-the-final-text",
        [s.Text(TEXT), s.Final(TEXT), s.Error("tool_call_failed", "x", "NORMAL"), s.Done("incomplete", "stream_error")],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
]

# --- refusals: the status, the page, how long to wait


def page(text: str, status: int, **headers: str) -> Reply:
    return Reply.of(
        f"<!doctype html><html><head>{text}</head><body></body></html>",
        status,
        content_type="text/html; charset=UTF-8",
        **headers,
    )


def limited(value: str) -> Reply:
    return Reply.of({"error": {"code": 8, "message": "Too many requests", "details": []}}, 429, retry_after=value)


def refused(name: str, reply: Reply, expect: Expected, wires: Sequence[str] = (REST, CHUNK), **more: Any) -> Case:
    return Case(name, [], expect, wires, refusal=reply, **more)


_LATER = datetime.now(UTC) + timedelta(days=1)  # far enough for the slowest machine
_HTTP_DATE = format_datetime(_LATER, usegmt=True)
_EASTERN = format_datetime(_LATER.astimezone(timezone(timedelta(hours=2))))
_WESTERN = format_datetime(_LATER.astimezone(timezone(timedelta(hours=-5, minutes=-30))))
_SOON = (43_200.0, 86_400.0)
JSD = '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'
GOOD = [*texts("Paris ", "is big."), s.Final(TEXT)]

REFUSALS = [
    refused("retry-after-seconds", limited("120"), Fails("GrokWebRateLimitError", retry_after=(120, 120))),
    refused("retry-after-fraction", limited("61.5"), Fails("GrokWebRateLimitError", retry_after=(61, 62))),
    refused("retry-after-date", limited(_HTTP_DATE), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused("retry-after-date-east", limited(_EASTERN), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused("retry-after-date-west", limited(_WESTERN), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused(
        "retry-after-date-without-zone",
        limited(_HTTP_DATE.removesuffix(" GMT")),
        Fails("GrokWebRateLimitError", retry_after=_SOON),
    ),
    refused("retry-after-nonsense", limited("soon"), Fails("GrokWebRateLimitError")),
    refused(
        "wait-time-as-text",
        Reply.of({"error": {"code": 8, "message": "Too many requests", "waitTimeSeconds": "120"}}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    refused(
        "wait-time-beside-the-error",
        Reply.of({"error": {"code": 8, "message": "Too many requests"}, "waitTimeSeconds": 120}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    refused(
        "wait-time-as-text-beside-the-error",
        Reply.of({"error": {"code": 8, "message": "Too many requests"}, "waitTimeSeconds": "120"}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    Case(
        "503-with-a-long-retry-after",
        [],
        Fails("GrokWebServerError"),
        (REST,),
        replies={"turn": [Reply.of("", 503, retry_after="3600"), Reply(rest.body(GOOD))]},
        settings={"max_retries": 1},
    ),
    Case(
        "503-with-retry-after",
        [],
        Says(TEXT),
        (REST,),
        replies={"turn": [Reply.of("", 503, retry_after="0"), Reply(rest.body(GOOD))]},
        settings={"max_retries": 1},
    ),
    refused(
        "signed-out",
        Reply.of({"code": 16, "message": "Bad credentials. [WKE=unauthenticated:bad-credentials]"}, 401),
        Fails("GrokWebAuthenticationError"),
    ),
    refused(
        "challenge",
        page("<title>Just a moment...</title>", 403, cf_mitigated="challenge"),
        Fails("GrokWebPermissionError", reason="challenge"),
    ),
    refused(
        "challenge-by-its-script",
        page('<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>', 403),
        Fails("GrokWebPermissionError", reason="challenge"),
    ),
    refused(
        "injected-script-is-none",
        page(f"<title>Forbidden</title>{JSD}", 403),
        Fails("GrokWebPermissionError", reason="other"),
    ),
    refused("injected-script-on-a-failure", page(f"<title>Bad gateway</title>{JSD}", 502), Fails("GrokWebServerError")),
    refused(
        "cloudflare-block",
        page(f"<title>Attention Required! | Cloudflare</title><h1>Sorry, you have been blocked</h1>{JSD}", 403),
        Fails("GrokWebPermissionError", reason=("blocked", "other"), says="Cloudflare"),
    ),
    refused(
        "cloudflare-1020",
        page("<title>Access denied</title>Error 1020", 403),
        Fails("GrokWebPermissionError", reason=("blocked", "other"), says="Cloudflare"),
    ),
    refused(
        "cloudflare-1015",
        page("<title>Access denied</title>Error 1015 You are being rate limited", 429),
        Fails("GrokWebRateLimitError", says="Cloudflare"),
    ),
    refused(
        "cloudflare-1015-plain",
        Reply.of("error code: 1015", 429, content_type="text/plain"),
        Fails("GrokWebRateLimitError", says="Cloudflare"),
    ),
    refused(
        "blocked",
        Reply.of({"code": "unauthorized:blocked-user", "error": "User is blocked"}, 403),
        Fails("GrokWebPermissionError", reason="blocked"),
    ),
    refused(
        "region",
        Reply.of("This service is not available in your region", 403, content_type="text/plain"),
        Fails("GrokWebPermissionError", reason="region"),
    ),
    refused(
        "moderated",
        Reply.of({"error": {"code": "content-moderated", "message": "rejected"}}, 403),
        Fails("GrokWebContentFilterError"),
    ),
]
