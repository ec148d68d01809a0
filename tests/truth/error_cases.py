"""The table's rows about errors within an answer, by kind, severity and spelling."""

from __future__ import annotations

from scripted import steps as s
from scripted.server import Reply

from truth.cases import GATEWAY, LIMIT, REST, TEXT, Case
from truth.outcomes import Fails, Says

# --- kind before severity


def mapped(kind: str) -> str:
    return {
        "usage_limit_reached": "GrokWebRateLimitError",
        "usage_pool_exhausted": "GrokWebRateLimitError",
        "global_rate_limit": "GrokWebRateLimitError",
        "concurrency_limit": "GrokWebRateLimitError",
        "content_moderated": "GrokWebContentFilterError",
        "attachment_moderated": "GrokWebContentFilterError",
        "beyond_context_length": "GrokWebContextOverflowError",
        "user_prompt_too_long": "GrokWebContextOverflowError",
        "model_not_available": "GrokWebModelNotFoundError",
        "system_kill_switch": "GrokWebServerError",
        "attachment_file_too_large": "GrokWebInvalidRequestError",
        "attachment_load_failed": "GrokWebInvalidRequestError",
    }[kind]


def told(kind: str, severity: str, spelling: str = "member") -> Case:
    """An error of a kind that is a failure, after the first words and before any whole answer."""
    name = "-".join([kind.replace("_", "-"), severity.lower() or "unsaid", spelling])
    error = s.Error(kind, "It said so.", severity, spelling)
    return Case(name, [s.Text("Paris "), error, s.Final("")], Fails(mapped(kind), "Paris ", says="It said so."))


MEMBER_ONLY = {"message": LIMIT, "severity": "STREAM_ERROR_SEVERITY_NORMAL"}
STORED_LIMIT = {"metadata": {"request_metadata": {"stream_errors": [MEMBER_ONLY]}}}

ERRORS = [
    told("usage_limit_reached", "NORMAL"),
    told("usage_limit_reached", "FATAL"),
    told("usage_limit_reached", "NORMAL", "kind"),
    told("usage_limit_reached", "FATAL", "kind"),
    told("usage_limit_reached", ""),
    told("usage_limit_reached", "UNKNOWN", "kind"),
    told("usage_pool_exhausted", "NORMAL"),
    told("global_rate_limit", "NORMAL"),
    told("concurrency_limit", "NORMAL"),
    told("content_moderated", "NORMAL"),
    told("content_moderated", "NORMAL", "kind"),
    told("attachment_moderated", "NORMAL"),
    told("beyond_context_length", "NORMAL"),
    told("user_prompt_too_long", "NORMAL"),
    told("model_not_available", "NORMAL"),
    told("system_kill_switch", "NORMAL"),
    told("attachment_file_too_large", "NORMAL"),
    told("attachment_load_failed", "NORMAL"),
    Case(
        "limit-by-text-alone",
        [s.Text("Paris "), s.Error("", LIMIT, "NORMAL"), s.Final("")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "limit-before-a-word",
        [s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Final("")],
        Fails("GrokWebRateLimitError"),
    ),
    Case(
        "limit-before-the-answer",
        [],
        Fails("GrokWebRateLimitError"),
        GATEWAY,
        before=[s.Error("usage_limit_reached", LIMIT, "FATAL", "kind", of=""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "limit-before-the-answer-normal-member",
        [],
        Fails("GrokWebRateLimitError"),
        GATEWAY,
        before=[s.Error("usage_limit_reached", LIMIT, "NORMAL", of=""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "limit-then-the-end",
        [s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "limit-after-a-whole-answer",
        [s.Text(TEXT), s.Final(TEXT), s.Error("usage_limit_reached", LIMIT, "NORMAL")],
        Says(TEXT),
    ),
    Case(
        "limit-after-a-whole-answer-mid-turn",
        [s.Text(TEXT), s.Final(TEXT), s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": True})],
        Fails("GrokWebRateLimitError", TEXT),
    ),
    Case(
        "limit-within-a-whole-answer",
        [
            s.Text(TEXT),
            s.Final(TEXT, errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})]),
        ],
        Says(TEXT),
        (REST,),
    ),
    Case(
        "limit-within-a-whole-answer-mid-turn",
        [
            s.Text(TEXT),
            s.Final(TEXT, errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": True})]),
        ],
        Fails("GrokWebRateLimitError", TEXT),
        (REST,),
    ),
    Case(
        "limit-within-an-empty-answer",
        [s.Final("", errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})])],
        Fails("GrokWebRateLimitError"),
        (REST,),
    ),
    Case("limit-in-metadata", [s.Final("", members=STORED_LIMIT)], Fails("GrokWebRateLimitError"), (REST,)),
    Case(
        "limit-in-metadata-after-words",
        [s.Text("Paris "), s.Final("", members=STORED_LIMIT)],
        Fails("GrokWebRateLimitError", "Paris "),
        (REST,),
    ),
    Case(
        "limit-as-error-of-the-answer", [s.Final("", members={"error": LIMIT})], Fails("GrokWebRateLimitError"), (REST,)
    ),
    Case(
        "tool-failed-whole",
        [s.Text("Paris "), s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "tool-failed-empty",
        [s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Final("")],
        Fails("GrokWebServerError", says="The tool broke."),
    ),
    Case(
        "tool-failed-cut",
        [s.Text("Paris "), s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Cut()],
        Fails("GrokWebInterruptedError", "Paris ", says="The tool broke."),
    ),
    Case(
        "internal-error-whole",
        [s.Text("Paris "), s.Error("internal_error", "Oops.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "internal-error-empty",
        [s.Error("internal_error", "Oops.", "NORMAL"), s.Final("")],
        Fails("GrokWebServerError", says="Oops."),
    ),
    Case(
        "unknown-kind-normal",
        [s.Text("Paris "), s.Error("moon_is_full", "Hm.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "unknown-kind-fatal",
        [s.Text("Paris "), s.Error("moon_is_full", "Hm.", "FATAL"), s.Final("")],
        Fails("GrokWebServerError", "Paris ", says="Hm."),
    ),
    Case(
        "cancelled",
        [s.Text("Paris "), s.Error("request_cancelled", "", "FATAL"), s.Cut()],
        Fails("GrokWebInterruptedError", "Paris "),
    ),
    Case(
        "too-many-requests-mid-stream",
        [s.Text("Paris "), s.Refusal(8, "Too many requests")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "too-many-requests-as-text",
        [s.Text("Paris "), s.Refusal("8", "Too many requests")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case("internal-mid-stream", [s.Text("Paris "), s.Refusal(13, "Internal")], Fails("GrokWebServerError", "Paris ")),
    Case(
        "anti-bot-mid-stream",
        [s.Text("Paris "), s.Refusal(7, "Request rejected by anti-bot rules.")],
        Fails("GrokWebPermissionError", "Paris ", reason="anti_bot"),
    ),
    Case(
        "signed-out-mid-stream",
        [s.Text("Paris "), s.Refusal(16, "Bad credentials. [WKE=unauthenticated:bad-credentials]")],
        Fails("GrokWebAuthenticationError", "Paris "),
    ),
    Case("refusal-after-a-whole-answer", [s.Text(TEXT), s.Final(TEXT), s.Late(s.Refusal(13, "Internal"))], Says(TEXT)),
    Case(
        "status-line-first",
        [],
        Fails("GrokWebRateLimitError"),
        (REST,),
        replies={"turn": Reply.of({"code": 8, "message": "Too many requests", "details": []})},
    ),
    Case(
        "status-line-signed-out",
        [],
        Fails("GrokWebAuthenticationError"),
        (REST,),
        replies={"turn": Reply.of({"code": 16, "message": "Bad credentials.", "details": []})},
    ),
    Case(
        "status-line-mid-stream",
        [s.Text("Paris "), s.Refusal(8, "Too many requests", flat=True)],
        Fails("GrokWebRateLimitError", "Paris "),
        (REST,),
    ),
    Case(
        "status-line-server",
        [s.Text("Paris "), s.Refusal(14, "Unavailable", flat=True)],
        Fails("GrokWebServerError", "Paris "),
        (REST,),
    ),
    Case(
        "model-not-found-line",
        [],
        Fails("GrokWebModelNotFoundError"),
        (REST,),
        replies={"turn": Reply.of({"error": {"code": 7, "message": "Model is not found", "details": []}})},
    ),
    Case(
        "rate-limit-by-name",
        [],
        Fails("GrokWebRateLimitError"),
        (REST,),
        replies={"turn": Reply.of({"error": {"name": "RateLimitError"}})},
    ),
    Case(
        "garbage",
        [s.Text("Paris "), s.Raw(b'{"result": oops}\n', '{"event": oops}'), s.Final(TEXT)],
        Fails("GrokWebProtocolError", "Paris "),
    ),
]
