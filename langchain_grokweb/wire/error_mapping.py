"""Refusals: an HTTP reply, an error object, a `StreamError`, a status or a close code becomes the right error.

It happens here alone, for both wires and the history. What the service calls its error decides first, then its words,
then numbers: it sends one meaning under several statuses and severities (rest.md 1.5, 4.11 and 8.1). What each reason
means is in `reasons`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from langchain_grokweb import errors
from langchain_grokweb.errors import LOGIN_URL, GrokWebError
from langchain_grokweb.wire.json_fields import read_json
from langchain_grokweb.wire.reasons import ROWS, Reason, ServiceError, error_for, harmless

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,40}", re.ASCII)
_MAX_SEARCHED_CHARS = 16_000
_SECONDS = re.compile(r"(\d{1,20}(?:\.\d{0,20})?)s?", re.ASCII)
_MAX_PLAIN_CHARS = 300
_MAX_STATUS_CHARS = 80
_LONGEST_WAIT_SECONDS = 366 * 24 * 3600

# --- tables: from what the service sends to a reason

# Kinds of a `StreamError` and names of codes (rest.md 4.11, gateway.md 4.11), in any spelling: see `_squashed`.
_BY_NAME: Mapping[str, Reason] = {
    "globalratelimit": Reason.RATE_LIMITED,
    "ratelimited": Reason.RATE_LIMITED,
    "usagelimitreached": Reason.QUOTA_USED_UP,
    "usagepoolexhausted": Reason.QUOTA_USED_UP,
    "concurrencylimit": Reason.TOO_MANY_AT_ONCE,
    "modelnotavailable": Reason.MODEL_NOT_FOUND,
    "beyondcontextlength": Reason.TOO_LONG,
    "userprompttoolong": Reason.TOO_LONG,
    "attachmentmoderated": Reason.MODERATED,
    "contentmoderated": Reason.MODERATED,
    "attachmentimagetoolarge": Reason.ATTACHMENT,
    "attachmentfiletoolarge": Reason.ATTACHMENT,
    "attachmenttoomanypages": Reason.ATTACHMENT,
    "attachmentloadfailed": Reason.ATTACHMENT_LOST,
    "requestcancelled": Reason.CANCELLED,
    "internalerror": Reason.INTERNAL,
    "systemkillswitch": Reason.SWITCHED_OFF,
    "toolcallfailed": Reason.TOOL_FAILED,
    "rendertoolfailed": Reason.TOOL_FAILED,
    "rendertoolratelimited": Reason.TOOL_LIMITED,
    "renderpermessagelimitexceeded": Reason.TOOL_LIMITED,
    "antibot": Reason.ANTI_BOT,
    "sessionexpired": Reason.SIGNED_OUT,
    "conversationnotfound": Reason.CONVERSATION_NOT_FOUND,
    "invalidenvelope": Reason.INVALID,
}
# What the service says in words. Tried from the top, on what `_searchable` makes of it.
_BY_TEXT: list[tuple[re.Pattern[str], Reason]] = [
    (re.compile(pattern), reason)
    for pattern, reason in [
        (r"blocked-user|user is blocked|account suspended", Reason.BLOCKED),
        (r"anti.?bot", Reason.ANTI_BOT),
        (r"bad.credentials|unauthenticated|invalid-credentials|email-domain-rejected", Reason.SIGNED_OUT),
        (r"failed to look up session|session (?:has )?expired|session not found", Reason.SIGNED_OUT),
        (r"token revoked|token expired", Reason.SIGNED_OUT),
        (r"not available in your region", Reason.REGION),
        (r"invalid.envelope", Reason.INVALID),
        (r"model is not found|model not found", Reason.MODEL_NOT_FOUND),
        (r"heavy usage", Reason.OVERLOADED),
        (r"moderated", Reason.MODERATED),
        (r"image dimensions are insufficient", Reason.INVALID),  # below about 64 by 64 pixels (rest.md 5)
        (r"wke=account:", Reason.INVALID),
        (r"usage limit|usage quota", Reason.QUOTA_USED_UP),
        (r"too many requests|rate.?limit", Reason.RATE_LIMITED),
        (r"subscription|requires.?upgrade", Reason.TIER),
        (r"parent.?response|conversation.(?:was )?not.found", Reason.CONVERSATION_NOT_FOUND),
    ]
]
# gRPC's codes, as numbers and as names (rest.md 1.5).
_BY_CODE: Mapping[str, Reason] = {
    "1": Reason.CANCELLED,
    "2": Reason.INTERNAL,
    "3": Reason.INVALID,
    "4": Reason.INTERNAL,
    "5": Reason.CONVERSATION_NOT_FOUND,
    "7": Reason.FORBIDDEN,
    "8": Reason.RATE_LIMITED,
    "13": Reason.INTERNAL,
    "14": Reason.OVERLOADED,
    "16": Reason.SIGNED_OUT,
    "cancelled": Reason.CANCELLED,
    "invalidargument": Reason.INVALID,
    "notfound": Reason.CONVERSATION_NOT_FOUND,
    "permissiondenied": Reason.FORBIDDEN,
    "forbidden": Reason.FORBIDDEN,
    "resourceexhausted": Reason.RATE_LIMITED,
    "toomanyrequests": Reason.RATE_LIMITED,
    "internal": Reason.INTERNAL,
    "unavailable": Reason.OVERLOADED,
    "unauthorized": Reason.SIGNED_OUT,
}
_BY_STATUS: Mapping[int, Reason] = {
    400: Reason.INVALID,
    401: Reason.UNEXPLAINED_401,
    403: Reason.FORBIDDEN,
    404: Reason.CONVERSATION_NOT_FOUND,
    413: Reason.TOO_LONG,
    422: Reason.INVALID,
    429: Reason.RATE_LIMITED,
    503: Reason.OVERLOADED,
    **dict.fromkeys(range(520, 531), Reason.ORIGIN_NOT_REACHED),  # Cloudflare's own numbers
}
# Pages of Cloudflare's (rest.md 8.15). A script of `/cdn-cgi/challenge-platform/` is in ordinary pages too.
_BY_PAGE: list[tuple[re.Pattern[str], Reason]] = [
    (re.compile(pattern), reason)
    for pattern, reason in [
        (r"error(?: code)?:? *1015\b", Reason.NETWORK_RATE_LIMITED),
        (r"error(?: code)?:? *1009\b", Reason.REGION),
        (r"error(?: code)?:? *(?:1005|1006|1007|1008|1010|1012|1020|1106)\b", Reason.NETWORK_BLOCKED),
        (r"you have been blocked", Reason.NETWORK_BLOCKED),
        (r"just a moment|/orchestrate/chl_page|_cf_chl_opt|attention required! \| cloudflare", Reason.CHALLENGE),
    ]
]


@dataclass(frozen=True, slots=True)
class Reply:
    """What of an HTTP reply is needed to know why it refused.

    Attributes:
        status: The HTTP status.
        headers: With lower-case names.
        body: Its first bytes.
        login_url: Where this service signs users in.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    login_url: str = LOGIN_URL

    @property
    def retry_after(self) -> float | None:
        """Seconds, from a `Retry-After` header: a number, or a date in any zone, which is UTC where it names none."""
        value = self.headers.get("retry-after", "").strip()
        if (seconds := _seconds(value)) is not None:
            return seconds
        try:
            date = parsedate_to_datetime(value)
            date = date.replace(tzinfo=date.tzinfo or UTC)
            return _sensible(max(0.0, (date - datetime.now(UTC)).total_seconds()))
        except (TypeError, ValueError, OverflowError):
            return None

    @property
    def is_json(self) -> bool:
        """Whether the body claims, or looks like, JSON."""
        return (
            "json" in self.headers.get("content-type", "")
            or self.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
        )


@dataclass(frozen=True, slots=True)
class AnswerError:
    """An error that the service reported within an answer.

    Attributes:
        error: What it means.
        ends: Whether an answer that is not whole yet is over with it.
        spoils: Whether an answer is over with it after whose final text it came.
        is_mild: Whether an answer that holds it beside its final text is whole.
    """

    error: GrokWebError
    ends: bool
    spoils: bool = False
    is_mild: bool = False


# --- replies


def from_reply(reply: Reply) -> GrokWebError:
    """The error for a reply that is no stream of frames."""
    text = reply.body.decode("utf-8", "replace")
    problem = ServiceError("", "", reply.status, reply.retry_after, reply.login_url)
    if reply.headers.get("cf-mitigated") == "challenge":
        return error_for(Reason.CHALLENGE, problem)
    if 300 <= reply.status < 400:  # noqa: PLR2004 - redirects
        return _redirected(reply, problem)
    report = _read_json(reply.body) if reply.is_json else None
    if report is not None:
        return from_error(report, status=reply.status, retry_after=reply.retry_after, login_url=reply.login_url)
    if not reply.is_json and (reason := _first_match(_BY_PAGE, text)):
        return error_for(reason, problem)
    if reply.status == 200:  # noqa: PLR2004 - OK
        return _not_a_stream(reply)
    plain = text if len(text) <= _MAX_PLAIN_CHARS and "<" not in text else ""
    return _judged(replace(problem, message=plain), text)


def is_sign_in(location: str) -> bool:
    """Whether an address is one at which users sign in."""
    return re.search(r"sign-?in|login|accounts\.", location, re.IGNORECASE) is not None


def _redirected(reply: Reply, problem: ServiceError) -> GrokWebError:
    if is_sign_in(reply.headers.get("location", "")):
        return error_for(Reason.SIGNED_OUT, problem)
    return errors.GrokWebServerError(
        "grok.com redirected the request to another address. Redirects are not followed with cookies.",
        next_step="Check `base_url=`.",
        status_code=reply.status,
    )


def _not_a_stream(reply: Reply) -> GrokWebError:
    kind = reply.headers.get("content-type", "").split(";")[0].strip()
    kind = (kind if _MEDIA_TYPE.fullmatch(kind) else "another content type") if kind else "no content type"
    return errors.GrokWebProtocolError(
        where="the reply of the service",
        expected="application/json",
        got=kind,
        next_step="Another server may have answered in place of grok.com: check `base_url=` and `proxy=`.",
        status_code=reply.status,
    )


def _read_json(body: bytes) -> Any:
    for text in (body, body.split(b"\n", 1)[0]):  # or the first line of a stream
        with suppress(ValueError):
            return read_json(text)
    return None


# --- error objects


def is_status(fields: Mapping[str, Any]) -> bool:
    """Whether an object is an error as a flat status: `{"code", "message", "details"}` (rest.md 1.5)."""
    code = fields.get("code")
    is_code = isinstance(code, str | int) and not isinstance(code, bool) and str(code) not in {"", "0"}
    return is_code and ("message" in fields or "details" in fields)


def from_error(
    report: Any, *, status: int | None = None, retry_after: float | None = None, login_url: str = LOGIN_URL
) -> GrokWebError:
    """The error for an error object, nested (`{"error": {…}}`), flat, or with the text under `error`."""
    outer = report if isinstance(report, Mapping) else {}
    inner = outer.get("error") if outer else report
    body = inner if isinstance(inner, Mapping) else outer
    message = next((body[key] for key in ("message", "error", "name") if isinstance(body.get(key), str)), "")
    problem = ServiceError(
        code=_text_of(body.get("code")),
        message=message or (inner if isinstance(inner, str) else ""),
        status=status,
        retry_after=_wait_of(body, outer, retry_after),
        login_url=login_url,
    )
    return _judged(problem, f"{problem.code} {body.get('name', '')} {problem.message}")


def from_stream_error(report: Any) -> AnswerError:
    """What a `StreamError` of either wire means for its answer, by its kind in any spelling, and then its severity.

    Its kind is named by `kind`, or by a member of its own; without either, its words show it (gateway.md 9.1).
    """
    body = report if isinstance(report, Mapping) else {"message": report}
    severity = _severity(body.get("severity"))
    reason, details = _kind(body)
    problem = _stream_problem(body, details)
    reason = reason or _reason(problem, problem.message) or Reason.INTERNAL
    is_about_a_tool = reason in {Reason.TOOL_FAILED, Reason.TOOL_LIMITED}
    is_mid_turn = any(part.get(name) is True for part in (body, details) for name in ("midTurn", "mid_turn"))
    return AnswerError(
        error_for(reason, problem),
        ends=ROWS[reason].ends_answer or severity == "FATAL" or not (severity == "NORMAL" or is_about_a_tool),
        spoils=severity == "FATAL" or is_mid_turn,
        is_mild=severity == "NORMAL" and not is_mid_turn,
    )


def from_upload(report: Any) -> GrokWebError:
    """The error for the `terminalError` of an upload (gateway.md 3.5), in the form of a `StreamError` or another.

    What names nothing that is known is about the file.
    """
    body = report if isinstance(report, Mapping) else {"message": report}
    reason, details = _kind(body)
    problem = _stream_problem(body, details)
    return error_for(reason or _reason(problem, problem.message) or Reason.INVALID, problem)


def _stream_problem(body: Mapping[str, Any], details: Mapping[str, Any]) -> ServiceError:
    return ServiceError(
        code=_text_of(body.get("code")),
        message=_text_of(body.get("message")),
        retry_after=_wait_of(details, body),
        limit=_limit(details) or _limit(body),
    )


def _severity(value: Any) -> str:
    """`NORMAL`, `FATAL` or `UNKNOWN`, from a name in any spelling, or a number of the enum (rest.md 4.11)."""
    last = str(value).upper().rpartition("_")[2].strip()
    return {"1": "NORMAL", "2": "FATAL"}.get(last, last if last in {"NORMAL", "FATAL"} else "UNKNOWN")


def _kind(body: Mapping[str, Any]) -> tuple[Reason | None, Mapping[str, Any]]:
    """The reason that a `StreamError` names, and what stands beside it; the worst one, where it names several."""
    worst: tuple[Reason | None, Mapping[str, Any]] = (None, {})
    for name, value in _named(body):
        reason = _BY_NAME.get(_squashed(name))
        if reason is not None and (worst[0] is None or ROWS[reason].ends_answer > ROWS[worst[0]].ends_answer):
            worst = (reason, value if isinstance(value, Mapping) else {})
    return worst


def _named(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What may be the name of a kind, with its details."""
    kind, details = body.get("kind"), body.get("details")
    if isinstance(kind, str):
        yield kind, details
    if isinstance(details, Mapping) and isinstance(details.get("reason"), str):
        yield details["reason"], details
    if isinstance(code := body.get("code"), str):
        yield code, details
    for holder in (body, kind):
        if isinstance(holder, Mapping):  # a member that is null or false is one that is not set
            yield from ((name, value) for name, value in holder.items() if value is not None and value is not False)


def _squashed(name: Any) -> str:
    """A name without what differs between spellings: `usage_limit_reached`, `usageLimitReached`, `USAGE-LIMIT-..`."""
    return re.sub(r"[\W_]+", "", str(name)).lower()


def _limit(details: Mapping[str, Any]) -> str:
    """The bound that an attachment did not keep, where the site named it (rest.md 4.11), as a sentence."""
    for unit, *names in (("bytes", "maxSizeBytes", "max_size_bytes"), ("pages", "maxPages", "max_pages")):
        for name in names:
            if isinstance(most := details.get(name), int) and not isinstance(most, bool):
                return f" At most {most} {unit} are allowed."
    return ""


# --- how an answer ends on the gateway


def is_without_reason(status: Any, details: Mapping[str, Any]) -> bool:
    """Whether a `response.done` only says that there was an error (gateway.md 4.10)."""
    return status == "incomplete" and not details.get("error") and details.get("reason") in (None, "", "stream_error")


def from_status(
    status: Any, details: Mapping[str, Any], reported: GrokWebError | None = None, *, is_open: bool = True
) -> GrokWebError:
    """The error for a `response.done` that is not completed (gateway.md 4.10).

    Args:
        status: Its status.
        details: Its `status_details`; a failed one may have an error in them (gateway.md 9.1).
        reported: What the service reported before, which did not end the answer alone.
        is_open: Whether the account may use the mode.
    """
    if not is_open:
        return mode_not_open()
    if details.get("error"):
        return from_error({"error": details["error"]})
    if _squashed(status) in {"cancelled", "canceled"}:
        return error_for(Reason.CANCELLED, ServiceError())
    reason = details.get("reason")
    named = _BY_NAME.get(_squashed(reason))
    if named is not None:
        return error_for(named, ServiceError(code=str(reason)))
    words = f"{status}, {reason}" if isinstance(reason, str) else str(status)
    words = harmless(re.sub(r"[^\w., -]", " ", words), _MAX_STATUS_CHARS)
    return with_reported(error_for(Reason.INCOMPLETE, ServiceError(limit=f" Its status: {words}.")), reported)


def mode_not_open(requires: str = "") -> GrokWebError:
    """The error for a mode that the account may not use; `requires` is what the site says that it takes."""
    return error_for(Reason.MODE_NOT_OPEN, ServiceError(message=requires))


def from_close(code: int, reason: str, login_url: str = LOGIN_URL) -> AnswerError | None:
    """What a WebSocket's close code and reason mean for the answer; `None` where they say nothing.

    No code has a known meaning of its own (gateway.md 1.4): 4401 and its like are taken for the HTTP status in them.
    """
    status = code - 4000 if 4400 <= code < 4600 else None  # noqa: PLR2004 - codes for private use
    problem = ServiceError(reason, reason, login_url=login_url)
    named = _BY_NAME.get(_squashed(reason)) or _first_match(_BY_TEXT, reason) or _BY_CODE.get(_squashed(reason))
    named = named or _BY_STATUS.get(status or 0)
    if named is not None and ROWS[named].ends_answer:
        return AnswerError(error_for(named, problem), ends=True)
    if not reason and code in _SAYS_NOTHING:
        return None
    error = errors.GrokWebConnectionError(f"grok.com closed the connection ({code}).{problem.quoted}")
    return AnswerError(error, ends=False)


_SAYS_NOTHING = {1000, 1001, 1005, 1006}


def with_reported(error: GrokWebError, reported: GrokWebError | None) -> GrokWebError:
    """The error, saying also what the service had reported before."""
    if reported is not None:
        before = happened(reported)
        error.args = (f"{happened(error)} Before that: {before} {error.next_step}".strip(),)
    return error


def happened(error: GrokWebError) -> str:
    """What happened, of an error's message: all but the next step."""
    return str(error).removesuffix(error.next_step).strip()


# --- the judgement


def _judged(problem: ServiceError, text: str) -> GrokWebError:
    reason = _reason(problem, text) or _BY_STATUS.get(problem.status or 0, Reason.INTERNAL)
    return error_for(reason, problem)


def _reason(problem: ServiceError, text: str) -> Reason | None:
    """What a name says, then words, then a code."""
    code = _squashed(problem.code)
    return _BY_NAME.get(code) or _first_match(_BY_TEXT, text) or _BY_CODE.get(code)


def _first_match(table: list[tuple[re.Pattern[str], Reason]], text: str) -> Reason | None:
    text = _searchable(text)
    return next((reason for pattern, reason in table if pattern.search(text)), None)


def _searchable(text: str) -> str:
    """A text as the tables' patterns are searched in it: small letters, single blanks, and of a long one both ends.

    So a search is short, whatever the service sends: about twenty patterns in 64 KiB held the event loop for 29 ms.
    """
    if len(text) > _MAX_SEARCHED_CHARS:
        text = f"{text[: _MAX_SEARCHED_CHARS * 3 // 4]} {text[-_MAX_SEARCHED_CHARS // 4 :]}"
    return " ".join(text.lower().split())


def _text_of(value: Any) -> str:
    """A text or a number as text; empty for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _wait_of(*holders: Any) -> float | None:
    """Seconds to wait: of the first that is a number, or has one under `waitTimeSeconds`."""
    for holder in holders:
        values = [holder]
        if isinstance(holder, Mapping):
            values = [holder.get("waitTimeSeconds"), holder.get("wait_time_seconds")]
        for value in values:
            if (seconds := _seconds(value)) is not None:
                return seconds
    return None


def _seconds(value: Any) -> float | None:
    """Seconds, from a number or a text such as `120`, `61.5` or `120s`."""
    if isinstance(value, str):
        match = _SECONDS.fullmatch(value.strip())
        return _sensible(float(match.group(1))) if match else None
    return _sensible(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sensible(seconds: float) -> float | None:
    """Seconds to wait; `None` for a number that cannot be meant."""
    return float(seconds) if 0 <= seconds <= _LONGEST_WAIT_SECONDS else None
