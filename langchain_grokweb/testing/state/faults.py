"""Everything that can go wrong, by name.

A fault strikes at one of a few stages, and the stage alone says who plays it: a `refusal` is answered instead
of the endpoint, an `opening` only delays it, a `session` fault spoils the beginning of a gateway session (a
`resume` fault, of one that loads a conversation), a `content` fault changes what the answer consists of, a
`framing` fault how its frames are spelled, a `delivery` fault whether they arrive, and an `upload` fault what
is said to an upload. Each fault has named options with defaults; the first can be given after a colon, where it is a
number (`"cut:3"`). Every kind of error that is reported inside a stream is a content fault as well, under the same
name.

A name means the same on both wires where both know it. What can be struck is an `Occasion`: the POST that asks
a question; on the gateway the upgrade, the beginning of a session, and the question; an upload; somebody who
reconnects; or any other request.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["refusal", "opening", "session", "resume", "content", "framing", "delivery", "upload"]
Wire = Literal["rest", "gateway"]
Occasion = Literal["request", "upload", "chat", "reconnect", "upgrade", "session", "resume", "question"]

GATEWAY_PATH = "/ws/mgw/"

_STAGES: Mapping[Occasion, frozenset[Stage]] = {
    "upgrade": frozenset({"refusal", "opening"}),
    "session": frozenset({"session"}),
    "resume": frozenset({"session", "resume"}),
    "question": frozenset({"refusal", "content", "framing", "delivery"}),
}


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error of the service, wherever it is said: HTTP `status`, the gRPC `code` that belongs to it, `message`.

    `nested` says whether its body is in the envelope of the streaming RPCs; None leaves that to the endpoint.
    """

    status: int
    message: str
    nested: bool | None = None

    @property
    def code(self) -> int:
        """The gRPC code."""
        return _CODES[self.status]

    @property
    def body(self) -> dict[str, Any]:
        """The error as JSON (rest.md 1.5)."""
        return {"code": self.code, "message": self.message, "details": []}


_CODES: Mapping[int, int] = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14}


class Refused(Exception):  # noqa: N818 - it is an answer of the service, not an error of the emulator
    """Answered with an error instead of what was asked for."""

    def __init__(self, status: int, message: str, *, nested: bool = False) -> None:
        super().__init__(message)
        self.reply = ErrorReply(status, message, nested)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table of faults: what it is called, what it does, and which options it takes."""

    name: str
    stage: Stage
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)
    wires: tuple[Wire, ...] = ("rest", "gateway")


@dataclass(frozen=True, slots=True)
class StreamError:
    """One StreamError of rest.md 4.11: its text, its member, and whether it ends the answer.

    The names of the members are known; of the texts only the one of `usage_limit` is, the others are guesses.
    """

    message: str
    member: str | None = None
    value: Mapping[str, Any] = field(default_factory=dict)
    fatal: bool = True

    @property
    def severity(self) -> str:
        """How bad it is, in the words of both wires."""
        return f"STREAM_ERROR_SEVERITY_{'FATAL' if self.fatal else 'NORMAL'}"


STREAM_ERRORS: Mapping[str, StreamError] = {
    "usage_limit": StreamError("You've reached your usage limit. Please try again later."),
    "usage_pool_exhausted": StreamError("You've used up your credits.", "usagePoolExhausted"),
    "global_rate_limit": StreamError("Too many requests right now.", "globalRateLimit"),
    "concurrency": StreamError("Too many answers are being written at once.", "concurrencyLimit"),
    "model_not_available": StreamError("This model is not available right now.", "modelNotAvailable"),
    "kill_switch": StreamError("Switched off.", "systemKillSwitch", {"featureName": "chat"}),
    "context_overflow": StreamError("This conversation is too long.", "beyondContextLength"),
    "prompt_too_long": StreamError("Your message is too long.", "userPromptTooLong"),
    "moderated": StreamError("This content was moderated.", "contentModerated"),
    "attachment_moderated": StreamError("An attachment was moderated.", "attachmentModerated"),
    "attachment_load_failed": StreamError("An attachment could not be loaded.", "attachmentLoadFailed"),
    "attachment_too_large": StreamError(
        "An attachment is too large.", "attachmentFileTooLarge", {"fileName": "notes.txt"}
    ),
    "image_too_large": StreamError(
        "An image is too large.", "attachmentImageTooLarge", {"maxSizeBytes": 20971520, "fileName": "picture.png"}
    ),
    "too_many_pages": StreamError("An attachment has too many pages.", "attachmentTooManyPages", {"maxPages": 100}),
    "request_cancelled": StreamError("The request was cancelled.", "requestCancelled"),
    "internal_error": StreamError("Something went wrong.", "internalError"),
    "tool_call_failed": StreamError(
        "A tool failed.", "toolCallFailed", {"toolUsageCardId": "", "toolName": "web_search"}, fatal=False
    ),
    "render_tool_failed": StreamError("A picture could not be made.", "renderToolFailed", fatal=False),
    "render_tool_rate_limited": StreamError(
        "Too many pictures.", "renderToolRateLimited", {"rateLimitedCount": 1}, fatal=False
    ),
}

# an `{"error": {...}}` line that ends the stream (rest.md 4.11, first rows)
LINE_ERRORS: Mapping[str, ErrorReply] = {
    "heavy_load": ErrorReply(
        429,
        "Grok is under heavy usage right now. Please try again later, "
        "use a different model or upgrade plan for higher limits.",
        nested=True,
    ),
    "rate_limited": ErrorReply(429, "Too many requests"),
    "anti_bot": ErrorReply(403, "Request rejected by anti-bot rules.", nested=True),
    "internal": ErrorReply(500, "Internal error"),
    "unavailable": ErrorReply(503, "Service unavailable"),
}
ERROR_REPLIES: Mapping[str, ErrorReply] = {
    **LINE_ERRORS,
    "expired": ErrorReply(401, "Bad credentials. [WKE=unauthenticated:bad-credentials]", nested=False),
    "blocked": ErrorReply(403, "User is blocked [WKE=unauthorized:blocked-user]", nested=False),
    "region": ErrorReply(403, "This service is not available in your region"),
    "model_not_found": ErrorReply(403, "Model is not found", nested=True),
    "forbidden": ErrorReply(403, "Permission denied"),
    "tier": ErrorReply(403, "This mode requires another subscription."),
    "invalid_request": ErrorReply(400, "Invalid argument"),
    "not_found": ErrorReply(404, "Not found"),
    "server_error": ErrorReply(500, "Internal error"),
}

ERRORS = frozenset(STREAM_ERRORS) | frozenset(LINE_ERRORS)

_Row = tuple[str, Mapping[str, Any]]
_Rows = Mapping[Stage, Mapping[str, _Row]]


def _row(description: str, **options: Any) -> _Row:
    return description, options


_ON_BOTH: _Rows = {
    "refusal": {
        "challenge": _row("Cloudflare's HTML page, by default with 403", status=403),
        "cloudflare": _row("Cloudflare's page with this `code`: 1020 is a block, 1015 a limit (429)", code=1020),
        "anti_bot": _row("403 of the anti-bot rule, or the same as a stream's only line", in_stream=False),
        "expired": _row("401: the cookie is not accepted; without a word where `empty`", empty=False),
        "blocked": _row("403: the account is banned"),
        "region": _row("403 text: not available in your region"),
        "model_not_found": _row("403: the model is unknown to this account"),
        "forbidden": _row("403 without a reason"),
        "tier": _row("403: another subscription is needed (the text is a guess)"),
        "invalid_request": _row("400: an argument is invalid (the text is a guess)"),
        "hang_up": _row("the connection is reset before any answer"),
        "rate_limited": _row(
            "429, with Retry-After where `retry_after` (seconds) is given, or as a stream's only line",
            retry_after=None,
            in_stream=False,
        ),
        "heavy_load": _row("429 (or `status`) of heavy usage, or a stream's only line", status=429, in_stream=False),
        "server_error": _row("5xx with an HTML body, or with none where `empty`", status=500, empty=False),
        "html": _row("200 with an HTML page where JSON was due"),
        "login_redirect": _row(
            "307 to a sign-in page on another host", location="https://accounts.x.ai/sign-in?redirect=grok-com"
        ),
    },
    "upload": {
        "upload_refused": _row("`kind` in an upload's `terminalError`; 400 for base64", kind="attachment_moderated"),
    },
    "opening": {"slow_open": _row("the headers come `seconds` late", seconds=1.0)},
    "content": {
        "unknown_frames": _row("keep-alives, future frames and members, unknown tags or channels between"),
        "garbage": _row("a line or message that is not JSON, after `after` response frames", after=1),
        "late_title": _row("the title comes `seconds` after the answer", seconds=0.2),
        "long_thinking": _row("reports of progress, one every 50 ms, for `seconds` before the answer", seconds=1.0),
        "early_title": _row("the title comes before the first token"),
        **{name: _row(f"the answer's stream reports: {error.message}") for name, error in STREAM_ERRORS.items()},
    },
    "framing": {
        "pretty": _row("objects over several lines, with blanks"),
        "reordered": _row("the members of each object in reverse order"),
    },
    "delivery": {
        "cut": _row(
            "the stream ends after `after` response frames; `then` the answer is active (until somebody reconnects), "
            "finished, or lost; where `torn`, the last line ends in its middle (conversations endpoint)",
            after=3,
            then="active",
            torn=False,
        ),
        "reset": _row("like cut, but the connection is reset", after=3, then="active", torn=False),
        "no_reply": _row("a reset before any reply, the question `taken` on or not", taken=True, then="active"),
        "silence": _row("nothing more after `after` response frames; the socket stays open", after=3),
        "keepalive_only": _row("after `after` response frames only a keep-alive (gateway: pong) every 20 ms", after=3),
    },
}
_ON_REST: _Rows = {
    "refusal": {"not_found": _row("404: there is no such conversation or response")},
    "content": {
        "no_model_response": _row("the stream ends without modelResponse"),
        "empty_final": _row("a team of agents; the modelResponse's message is empty"),
    },
    "framing": {
        "concatenated": _row("no line break between the objects"),
        "sse": _row("`data: ` before each object and a last `data: [DONE]`"),
    },
}
_ON_GATEWAY: _Rows = {
    "framing": {"two_objects": _row("gateway: two JSON objects in one message")},
    "session": {
        "attached_first": _row("gateway: conversation.attached before session.created"),
        "late_attach": _row("gateway: attached `seconds` late; what is sent before it is dropped", seconds=0.2),
    },
    "resume": {"conversation_not_found": _row("gateway: an error where a conversation was to be loaded")},
    "content": {
        "duplicate_citations": _row("gateway: each citation twice in a row"),
        "late_text": _row("gateway: text after response.done, with empty ids and with the real"),
        "no_channel": _row("gateway: the answer's text chunks name no channel (chunk dialect)"),
        "incomplete": _row("gateway: response.done is not completed", status="incomplete", reason="stream_error"),
        "wrong_session": _row("gateway: text and an end of a foreign session and response between"),
        "no_persisted": _row("gateway: response.persisted never comes"),
    },
    "delivery": {
        "close_without_done": _row("gateway: a close where response.done was due", code=1000, then="finished"),
        "session_ended": _row("gateway: session.ended, and a close, where cut would end", after=3, then="active"),
    },
}

_BY_WIRES: Mapping[tuple[Wire, ...], _Rows] = {
    ("rest", "gateway"): _ON_BOTH,
    ("rest",): _ON_REST,
    ("gateway",): _ON_GATEWAY,
}
FAULTS: Mapping[str, FaultKind] = {
    name: FaultKind(name, stage, *row, wires)
    for wires, stages in _BY_WIRES.items()
    for stage, rows in stages.items()
    for name, row in rows.items()
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its options filled in; where `path` is set, it strikes requests to those paths only."""

    name: str
    options: Mapping[str, Any]
    path: str | None = None

    @property
    def kind(self) -> FaultKind:
        """The row of the table that this fault is of."""
        return FAULTS[self.name]

    @property
    def stage(self) -> Stage:
        """Where it strikes."""
        return self.kind.stage

    @property
    def replaces_answer(self) -> bool:
        """It is an error that ends a turn; the stream holds nothing else, and uses up no planned reply."""
        return self.name in STREAM_ERRORS and STREAM_ERRORS[self.name].fatal

    @property
    def keeps_question_out(self) -> bool:
        """The connection breaks before the question arrives."""
        return self.name == "no_reply" and not self.options["taken"]

    def strikes(self, occasion: Occasion, path: str = "") -> bool:
        """Whether it makes sense here. What neither asks nor is an upload's own fault strikes by path alone."""
        if self.path is not None and not (path.startswith(self.path) or fnmatch.fnmatchcase(path, self.path)):
            return False
        if self.stage == "upload":
            return occasion == "upload"
        if occasion in ("request", "upload", "reconnect"):
            return self.path is not None
        if occasion == "chat":
            return "rest" in self.kind.wires
        if "gateway" not in self.kind.wires or (self.name == "anti_bot" and self.path is None):
            return False
        is_inside = bool(self.options.get("in_stream", False))
        return self.stage in _STAGES[occasion] and not (is_inside and occasion == "upgrade")


def fault_at(stage: Stage, faults: Sequence[Fault]) -> Fault | None:
    """The first of these that strikes at this stage."""
    return next((fault for fault in faults if fault.stage == stage), None)


def fault_named(name: str, path: str | None = None, options: Mapping[str, Any] | None = None) -> Fault:
    """A fault out of its name and options.

    Raises:
        ValueError: unknown name or option; the message lists the known ones.
    """
    kind = FAULTS.get(name)
    if kind is None:
        raise ValueError(f"No fault is called {name!r}; there are: {', '.join(sorted(FAULTS))}")
    given = dict(options or {})
    unknown = sorted(set(given) - set(kind.options))
    if unknown:
        raise ValueError(f"{name} has no option {unknown[0]!r}; it has: {', '.join(sorted(kind.options)) or 'none'}")
    if given.get("then", "active") not in ("active", "finished", "lost"):
        raise ValueError(f"then={given['then']!r}: it can be 'active', 'finished' or 'lost'")
    if "kind" in given and given["kind"] not in STREAM_ERRORS:
        raise ValueError(f"No error is called {given['kind']!r}; there are: {', '.join(sorted(STREAM_ERRORS))}")
    if path is not None and path.startswith("/ws/") and "gateway" not in kind.wires:
        raise ValueError(f"{name} cannot strike the gateway")
    return Fault(name, {**kind.options, **given}, path)


def fault_spelled(spelling: str) -> Fault:
    """A fault out of `"name"` or `"name:where"`; where is the value of its first option, which must be a number.

    Raises:
        ValueError: unknown name, a fault without such an option, or `where` is no number.
    """
    name, colon, where = spelling.partition(":")
    fault = fault_named(name)
    if not colon:
        return fault
    option, default = next(iter(fault.options.items()), ("", ""))
    is_number = not isinstance(default, bool | str)
    if not is_number:
        raise ValueError(f"{name} takes nothing after a colon")
    return fault_named(name, options={option: float(where) if option == "seconds" else int(where)})
