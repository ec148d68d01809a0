"""Everything that can go wrong, by name.

A fault strikes at one of a few stages, and the stage alone says who plays it: a `refusal` is answered instead
of the endpoint, an `opening` only delays it, a `session` fault spoils the beginning of a gateway session (a
`resume` fault, of one that loads a conversation), a `content` fault changes what the answer consists of, a
`framing` fault how its frames are spelled, a `delivery` fault whether they arrive, and an `upload` fault what
is said to an upload. Each fault has named options with defaults; the one called `argument` can be given after a
colon (`"cut:3"`). Every kind of error that is reported inside a stream is a content fault as well, under the same
name.

A name means the same on both wires where both know it. What can be struck is an `Occasion`: the POST that asks
a question; on the gateway the upgrade, the beginning of a session, and the question; an upload; or any other request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["refusal", "opening", "session", "resume", "content", "framing", "delivery", "upload"]
Wire = Literal["rest", "gateway"]
Occasion = Literal["request", "upload", "chat", "upgrade", "session", "resume", "question"]

GATEWAY_PATH = "/ws/mgw/"

_STAGES: Mapping[Occasion, frozenset[Stage]] = {
    "upgrade": frozenset({"refusal", "opening"}),
    "session": frozenset({"session"}),
    "resume": frozenset({"session", "resume"}),
    "question": frozenset({"refusal", "content", "framing", "delivery"}),
}


INVALID_ARGUMENT = 3
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
INTERNAL = 13
UNAUTHENTICATED = 16


class Refused(Exception):  # noqa: N818 - it is an answer of the service, not an error of the emulator
    """Answered with an error: HTTP `status`, gRPC `code`, `message`; `nested` for the streaming RPCs' envelope."""

    def __init__(self, status: int, code: int, message: str, *, nested: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.nested = nested


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table of faults: what it is called, what it does, and which options it takes."""

    name: str
    stage: Stage
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)
    argument: str | None = None
    wires: tuple[Wire, ...] = ("rest", "gateway")


@dataclass(frozen=True, slots=True)
class StreamErrorKind:
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


@dataclass(frozen=True, slots=True)
class LineErrorKind:
    """An `{"error": {...}}` line that ends the stream (rest.md 4.11, first rows)."""

    code: int
    message: str


HEAVY_USAGE = (
    "Grok is under heavy usage right now. Please try again later, "
    "use a different model or upgrade plan for higher limits."
)
ANTI_BOT = "Request rejected by anti-bot rules."
TOO_MANY_REQUESTS = "Too many requests"

STREAM_ERRORS: Mapping[str, StreamErrorKind] = {
    "usage_limit": StreamErrorKind("You've reached your usage limit. Please try again later."),
    "usage_pool_exhausted": StreamErrorKind("You've used up your credits.", "usagePoolExhausted"),
    "global_rate_limit": StreamErrorKind("Too many requests right now.", "globalRateLimit"),
    "concurrency": StreamErrorKind("Too many answers are being written at once.", "concurrencyLimit"),
    "model_not_available": StreamErrorKind("This model is not available right now.", "modelNotAvailable"),
    "kill_switch": StreamErrorKind("Switched off.", "systemKillSwitch", {"featureName": "chat"}),
    "context_overflow": StreamErrorKind("This conversation is too long.", "beyondContextLength"),
    "prompt_too_long": StreamErrorKind("Your message is too long.", "userPromptTooLong"),
    "moderated": StreamErrorKind("This content was moderated.", "contentModerated"),
    "attachment_moderated": StreamErrorKind("An attachment was moderated.", "attachmentModerated"),
    "attachment_load_failed": StreamErrorKind("An attachment could not be loaded.", "attachmentLoadFailed"),
    "attachment_too_large": StreamErrorKind(
        "An attachment is too large.", "attachmentFileTooLarge", {"fileName": "notes.txt"}
    ),
    "image_too_large": StreamErrorKind(
        "An image is too large.", "attachmentImageTooLarge", {"maxSizeBytes": 20971520, "fileName": "picture.png"}
    ),
    "too_many_pages": StreamErrorKind("An attachment has too many pages.", "attachmentTooManyPages", {"maxPages": 100}),
    "request_cancelled": StreamErrorKind("The request was cancelled.", "requestCancelled"),
    "internal_error": StreamErrorKind("Something went wrong.", "internalError"),
    "tool_call_failed": StreamErrorKind(
        "A tool failed.", "toolCallFailed", {"toolUsageCardId": "", "toolName": "web_search"}, fatal=False
    ),
    "render_tool_failed": StreamErrorKind("A picture could not be made.", "renderToolFailed", fatal=False),
    "render_tool_rate_limited": StreamErrorKind(
        "Too many pictures.", "renderToolRateLimited", {"rateLimitedCount": 1}, fatal=False
    ),
}

LINE_ERRORS: Mapping[str, LineErrorKind] = {
    "heavy_load": LineErrorKind(8, HEAVY_USAGE),
    "rate_limited": LineErrorKind(8, TOO_MANY_REQUESTS),
    "anti_bot": LineErrorKind(7, ANTI_BOT),
    "internal": LineErrorKind(13, "Internal error"),
    "unavailable": LineErrorKind(14, "Service unavailable"),
}

ERRORS = frozenset(STREAM_ERRORS) | frozenset(LINE_ERRORS)

_REST: tuple[Wire, ...] = ("rest",)
_GATEWAY: tuple[Wire, ...] = ("gateway",)
_AFTER = {"after": 3}
_CUT = {"after": 3, "then": "active"}
_TORN = {**_CUT, "torn": False}

_KINDS = (
    FaultKind("challenge", "refusal", "Cloudflare's HTML page, by default with 403", {"status": 403}, "status"),
    FaultKind(
        "anti_bot", "refusal", "403 of the anti-bot rule, or the same as a stream's only line", {"in_stream": False}
    ),
    FaultKind("expired", "refusal", "401: the cookie is not accepted"),
    FaultKind("blocked", "refusal", "403: the account is banned"),
    FaultKind("region", "refusal", "403 text: not available in your region"),
    FaultKind("model_not_found", "refusal", "403: the model is unknown to this account"),
    FaultKind("forbidden", "refusal", "403 without a reason"),
    FaultKind("tier", "refusal", "403: another subscription is needed (the text is a guess)"),
    FaultKind("invalid_request", "refusal", "400: an argument is invalid (the text is a guess)"),
    FaultKind("not_found", "refusal", "404: there is no such conversation or response", wires=_REST),
    FaultKind("hang_up", "refusal", "the connection is reset before any answer"),
    FaultKind(
        "rate_limited",
        "refusal",
        "429, with Retry-After where `retry_after` (seconds) is given, or as a stream's only line",
        {"retry_after": None, "in_stream": False},
        "retry_after",
    ),
    FaultKind(
        "heavy_load",
        "refusal",
        "429 (or `status`) under heavy usage, or the same as a stream's only line",
        {"status": 429, "in_stream": False},
        "status",
    ),
    FaultKind(
        "server_error",
        "refusal",
        "5xx with an HTML body, or with none where `empty`",
        {"status": 500, "empty": False},
        "status",
    ),
    FaultKind("html", "refusal", "200 with an HTML page where JSON was due"),
    FaultKind(
        "login_redirect",
        "refusal",
        "307 to a sign-in page on another host",
        {"location": "https://accounts.x.ai/sign-in?redirect=grok-com"},
    ),
    FaultKind(
        "upload_refused",
        "upload",
        "an upload ends with the StreamError `kind` in `terminalError` (a guess), the classic one with 400",
        {"kind": "attachment_moderated"},
    ),
    FaultKind("slow_open", "opening", "the headers come `seconds` late", {"seconds": 1.0}, "seconds"),
    FaultKind("unknown_frames", "content", "keep-alives, future frames and members, unknown tags or channels between"),
    FaultKind(
        "garbage", "content", "a line or message that is not JSON, after `after` response frames", {"after": 1}, "after"
    ),
    FaultKind("no_model_response", "content", "the stream ends without modelResponse", wires=_REST),
    FaultKind("empty_final", "content", "a team of agents; the modelResponse's message is empty", wires=_REST),
    FaultKind("late_title", "content", "the title comes `seconds` after the answer", {"seconds": 0.2}, "seconds"),
    FaultKind(
        "long_thinking",
        "content",
        "nothing but reports of progress for `seconds`, one every 50 ms, before the answer",
        {"seconds": 1.0},
        "seconds",
    ),
    FaultKind("early_title", "content", "the title comes before the first token"),
    FaultKind("concatenated", "framing", "no line break between the objects", wires=_REST),
    FaultKind("pretty", "framing", "objects over several lines, with blanks"),
    FaultKind("sse", "framing", "`data: ` before each object and a last `data: [DONE]`", wires=_REST),
    FaultKind("reordered", "framing", "the members of each object in reverse order"),
    FaultKind("two_objects", "framing", "gateway: two JSON objects in one message", wires=_GATEWAY),
    FaultKind("attached_first", "session", "gateway: conversation.attached before session.created", wires=_GATEWAY),
    FaultKind(
        "late_attach",
        "session",
        "gateway: conversation.attached comes `seconds` after session.created; what is sent before it is dropped",
        {"seconds": 0.2},
        "seconds",
        _GATEWAY,
    ),
    FaultKind(
        "conversation_not_found", "resume", "gateway: an error where a conversation was to be loaded", wires=_GATEWAY
    ),
    FaultKind(
        "duplicate_citations", "content", "gateway: each citation (delta dialect: card) twice in a row", wires=_GATEWAY
    ),
    FaultKind(
        "late_text", "content", "gateway: text after response.done, with empty ids and with the real", wires=_GATEWAY
    ),
    FaultKind(
        "no_channel", "content", "gateway: the answer's text chunks name no channel (chunk dialect)", wires=_GATEWAY
    ),
    FaultKind(
        "incomplete",
        "content",
        "gateway: response.done with another `status` than completed, and `reason`",
        {"status": "incomplete", "reason": "stream_error"},
        wires=_GATEWAY,
    ),
    FaultKind(
        "wrong_session", "content", "gateway: text and an end of a foreign session and response between", wires=_GATEWAY
    ),
    FaultKind("no_persisted", "content", "gateway: response.persisted never comes", wires=_GATEWAY),
    FaultKind(
        "close_without_done",
        "delivery",
        "gateway: the whole answer, then a close with `code` where response.done was due",
        {"code": 1000, "then": "finished"},
        wires=_GATEWAY,
    ),
    FaultKind(
        "session_ended",
        "delivery",
        "gateway: session.ended and a close after `after` response events; `then` as for cut",
        _CUT,
        "after",
        _GATEWAY,
    ),
    FaultKind(
        "cut",
        "delivery",
        "the stream ends after `after` response frames; `then` the answer is active (until somebody reconnects), "
        "finished, or lost; where `torn`, the last line ends in its middle (conversations endpoint)",
        _TORN,
        "after",
    ),
    FaultKind(
        "reset",
        "delivery",
        "the connection is reset after `after` response frames; `then` and `torn` as for cut",
        _TORN,
        "after",
    ),
    FaultKind(
        "no_reply",
        "delivery",
        "the connection is reset before a word of reply, the question `taken` on or not; `then` as for cut",
        {"taken": True, "then": "active"},
    ),
    FaultKind(
        "silence", "delivery", "nothing more after `after` response frames; the socket stays open", _AFTER, "after"
    ),
    FaultKind(
        "keepalive_only",
        "delivery",
        "after `after` response frames only a keep-alive (gateway: pong) every 20 ms",
        _AFTER,
        "after",
    ),
)

FAULTS: Mapping[str, FaultKind] = {kind.name: kind for kind in _KINDS} | {
    name: FaultKind(name, "content", f"the answer's stream reports: {error.message}")
    for name, error in STREAM_ERRORS.items()
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

    def strikes(self, occasion: Occasion) -> bool:
        """Whether it makes sense here. What neither asks nor is an upload's own fault strikes by path alone."""
        if self.stage == "upload":
            return occasion == "upload"
        if occasion in ("request", "upload"):
            return self.path is not None
        if occasion == "chat":
            return "rest" in self.kind.wires
        if "gateway" not in self.kind.wires or (self.name == "anti_bot" and self.path is None):
            return False
        is_inside = bool(self.options.get("in_stream", False))
        return self.stage in _STAGES[occasion] and not (is_inside and occasion == "upgrade")


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
    """A fault out of `"name"` or `"name:where"`, where is the number that the fault's `argument` takes.

    Raises:
        ValueError: unknown name, a fault without argument, or `where` is no number.
    """
    name, colon, where = spelling.partition(":")
    kind = fault_named(name).kind
    if not colon:
        return fault_named(name)
    if kind.argument is None:
        raise ValueError(f"{name} takes nothing after a colon")
    value = float(where) if kind.argument == "seconds" else int(where)
    return fault_named(name, options={kind.argument: value})
