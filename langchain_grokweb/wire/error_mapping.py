"""Refusals: an HTTP reply, an error object, a `StreamError` or a status becomes the right error.

It happens here alone, for both wires and the history. The body decides first, since the site sends one meaning under
several statuses; the status only where the body says nothing (rest.md 1.5 and 4.11). Rules are tried from the top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from langchain_grokweb import errors
from langchain_grokweb.errors import LOGIN_URL, GrokWebError

_CHALLENGE = re.compile(r"just a moment|challenge-platform|attention required! \| cloudflare|cf-chl", re.IGNORECASE)
_WELL_KNOWN = re.compile(r"\[WKE=([^\]]+)\]")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,40}", re.ASCII)
_NO_WORD = re.compile(r"[^\w., -]")
_MAX_QUOTED_CHARS = 300
_MAX_STATUS_CHARS = 80
_LONGEST_WAIT_SECONDS = 366 * 24 * 3600


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
    headers: Mapping[str, str]
    body: bytes
    login_url: str = LOGIN_URL

    @property
    def retry_after(self) -> float | None:
        """Seconds, from a `Retry-After` header in either of its forms."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return _sensible(float(value))
        try:
            return _sensible(max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()))
        except (TypeError, ValueError, OverflowError):
            return None

    @property
    def is_json(self) -> bool:
        """Whether the body claims, or looks like, JSON."""
        return "json" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"{"


@dataclass(frozen=True, slots=True)
class ServiceError:
    """A refusal, whatever shape it came in."""

    code: str
    message: str
    status: int | None = None
    retry_after: float | None = None
    login_url: str = LOGIN_URL
    limit: str = ""

    @property
    def details(self) -> dict[str, Any]:
        """What every error of ours carries of it."""
        known = _WELL_KNOWN.search(self.message)
        return {"status_code": self.status, "error_code": known.group(1) if known else self.code or None}

    @property
    def wait(self) -> str:
        """The advice to wait, with the seconds that the site named."""
        if self.retry_after is None:
            return "Wait a while"
        return f"Wait {self.retry_after:g} seconds" if self.retry_after else "Ask again"

    @property
    def quoted(self) -> str:
        """The text of the service as part of a sentence of ours; empty where it sent none."""
        text = _WELL_KNOWN.sub("", "".join(c if c.isprintable() else " " for c in self.message)).strip()
        if not text:
            return ""
        return f' It said: "{text[:_MAX_QUOTED_CHARS]}"{"" if text.endswith((".", "!", "?")) else "."}'


def from_reply(reply: Reply) -> GrokWebError:
    """The error for a reply that is no stream of frames."""
    text = reply.body.decode("utf-8", "replace")
    if reply.headers.get("cf-mitigated") == "challenge" or (not reply.is_json and _CHALLENGE.search(text)):
        return _challenge(reply.status)
    if 300 <= reply.status < 400:  # noqa: PLR2004 - redirects
        return _redirected(reply)
    report = _read_json(reply.body) if reply.is_json else None
    if report is not None:
        return from_error(report, status=reply.status, retry_after=reply.retry_after, login_url=reply.login_url)
    if reply.status == 200:  # noqa: PLR2004 - OK
        return _not_a_stream(reply)
    plain = text if len(text) <= _MAX_QUOTED_CHARS and "<" not in text else ""
    return _judge(ServiceError("", plain, reply.status, reply.retry_after, reply.login_url), text)


def from_error(
    report: Any, *, status: int | None = None, retry_after: float | None = None, login_url: str = LOGIN_URL
) -> GrokWebError:
    """The error for an error object, nested (`{"error": {…}}`), flat, or with the text under `error`."""
    inner = report.get("error") if isinstance(report, Mapping) else report
    body = inner if isinstance(inner, Mapping) else report if isinstance(report, Mapping) else {}
    message = next((body[key] for key in ("message", "error", "name") if isinstance(body.get(key), str)), "")
    code = body.get("code")
    wait = body.get("waitTimeSeconds", retry_after)
    problem = ServiceError(
        code="" if code is None or isinstance(code, Mapping | list) else str(code),
        message=message,
        status=status,
        retry_after=_sensible(wait) if isinstance(wait, int | float) else None,
        login_url=login_url,
    )
    return _judge(problem, f"{problem.code} {body.get('name', '')} {message}")


def from_stream_error(report: Any) -> GrokWebError | None:
    """The error for a `StreamError` of either wire; `None` where it only informs, and the answer continues."""
    body = _one_of(_as_body(report))
    severity = body.get("severity")
    if severity == "STREAM_ERROR_SEVERITY_NORMAL":
        return None
    if severity != "STREAM_ERROR_SEVERITY_FATAL" and _ABOUT_A_TOOL & body.keys():
        return None
    return _by_kind(body, _server_failed)


def from_upload(report: Any) -> GrokWebError:
    """The error for the `terminalError` of an upload (gateway.md 3.5), in the form of a `StreamError` or another.

    What names nothing that is known is about the file.
    """
    return _by_kind(_as_body(report), _invalid)


def from_status(status: Any, details: Mapping[str, Any]) -> GrokWebError:
    """The error for a `response.done` that is not completed (gateway.md 4.10), with its `status_details`."""
    reason = details.get("reason")
    what = _NO_WORD.sub(" ", f"{status}{f', {reason}' if isinstance(reason, str) else ''}")[:_MAX_STATUS_CHARS]
    return errors.GrokWebInterruptedError(
        f"grok.com ended the answer before it was whole ({what}).",
        next_step="Ask again; what came so far is in the error's `.partial`.",
    )


def _as_body(report: Any) -> Mapping[str, Any]:
    return report if isinstance(report, Mapping) else {"message": report if isinstance(report, str) else ""}


def _one_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stream error of the gateway in the form of REST: its kind as a member of its own (gateway.md 4.11)."""
    if not isinstance(kind := body.get("kind"), str):
        return body
    name = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), kind)
    return {"message": body.get("message"), "severity": body.get("severity"), name: body.get("details") or {}}


def _by_kind(body: Mapping[str, Any], otherwise: Judgement) -> GrokWebError:
    message = body.get("message")
    problem = ServiceError("", message if isinstance(message, str) else "")
    for kind, details in body.items():
        if kind in _STREAM_ERRORS:
            return _STREAM_ERRORS[kind](replace(problem, limit=_limit(details)))
    if body.get("code") is not None:
        return from_error(body)
    return _judge(problem, problem.message, otherwise)


def _limit(details: Any) -> str:
    """The bound that an attachment did not keep, where the site named it (rest.md 4.11), as a sentence."""
    for unit, *names in (("bytes", "maxSizeBytes", "max_size_bytes"), ("pages", "maxPages", "max_pages")):
        for name in names:
            if isinstance(details, Mapping) and isinstance(most := details.get(name), int):
                return f" At most {most} {unit} are allowed."
    return ""


def _sensible(seconds: float) -> float | None:
    """Seconds to wait; `None` for a number that cannot be meant."""
    return float(seconds) if 0 <= seconds <= _LONGEST_WAIT_SECONDS else None


def _read_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:  # the first line of a stream
        return orjson.loads(body.split(b"\n", 1)[0])
    except orjson.JSONDecodeError:
        return None


# --- one function for each kind of refusal


def _authentication(p: ServiceError) -> GrokWebError:
    return errors.GrokWebAuthenticationError(
        f"grok.com does not accept these cookies (any more).{p.quoted}", login_url=p.login_url, **p.details
    )


def _unexplained_401(p: ServiceError) -> GrokWebError:
    return errors.GrokWebAuthenticationError(
        f"grok.com refused the request as not signed in (401), without saying why.{p.quoted}",
        login_url=p.login_url,
        **p.details,
    )


def _challenge(status: int) -> GrokWebError:
    return errors.GrokWebPermissionError(
        "Cloudflare, in front of grok.com, answered with a challenge page.",
        reason="challenge",
        next_step=(
            "Open grok.com in your browser from this network, then copy its cookies again (cf_clearance must be among "
            "them) together with its User-Agent: pasting the request as cURL brings both."
        ),
        status_code=status,
    )


def _anti_bot(p: ServiceError) -> GrokWebError:
    return errors.GrokWebPermissionError(
        f"grok.com's anti-bot rule turned the request away.{p.quoted}",
        reason="anti_bot",
        next_step="It wants a proof that only the site's own page makes. `transport='gateway'` usually needs none; "
        "where that is refused too, try again later, or from another network.",
        **p.details,
    )


def _blocked(p: ServiceError) -> GrokWebError:
    return errors.GrokWebPermissionError(
        f"grok.com has blocked this account.{p.quoted}",
        reason="blocked",
        next_step="Sign in with a browser to see why.",
        **p.details,
    )


def _region(p: ServiceError) -> GrokWebError:
    return errors.GrokWebPermissionError(
        "grok.com is not available in the region of this network address.",
        reason="region",
        next_step="Use a network in a region that it serves (`proxy=`).",
        **p.details,
    )


def _tier(p: ServiceError) -> GrokWebError:
    return errors.GrokWebPermissionError(
        f"This needs another grok.com subscription.{p.quoted}",
        reason="tier",
        next_step="Choose another `model=`; `await model.alist_modes()` lists what this account has.",
        **p.details,
    )


def _forbidden(p: ServiceError) -> GrokWebError:
    return errors.GrokWebPermissionError(
        f"grok.com refused the request.{p.quoted}",
        reason="other",
        next_step="Open grok.com in your browser with the same account to see whether it works there.",
        **p.details,
    )


def _model_not_found(p: ServiceError) -> GrokWebError:
    return errors.GrokWebModelNotFoundError(
        f"grok.com does not know this model, or not for this account.{p.quoted}",
        next_step="`await model.alist_modes()` lists what this account has.",
        **p.details,
    )


def _conversation_not_found(p: ServiceError) -> GrokWebError:
    return errors.GrokWebConversationNotFoundError(
        f"grok.com has no such conversation or answer to continue from.{p.quoted}",
        next_step="Begin a new conversation: send the messages without their links.",
        **p.details,
    )


def _invalid(p: ServiceError) -> GrokWebError:
    return errors.GrokWebInvalidRequestError(
        f"grok.com called the request invalid.{p.quoted}",
        next_step="Change what it names: `model=`, a field of the model, or the messages.",
        **p.details,
    )


def _too_long(p: ServiceError) -> GrokWebError:
    return errors.GrokWebContextOverflowError(
        f"The prompt or the conversation is too long for this model.{p.quoted}",
        next_step="Shorten the messages, or summarise the older ones.",
        **p.details,
    )


def _moderated(p: ServiceError) -> GrokWebError:
    return errors.GrokWebContentFilterError(
        f"grok.com's moderation withheld the answer or refused the request.{p.quoted}",
        next_step="Change what is asked or attached.",
        **p.details,
    )


def _rate_limited(p: ServiceError) -> GrokWebError:
    return errors.GrokWebRateLimitError(
        f"grok.com takes no more requests of this account for now.{p.quoted}",
        retry_after=p.retry_after,
        next_step=f"{p.wait}, or choose another `model=`.",
        **p.details,
    )


def _quota_used_up(p: ServiceError) -> GrokWebError:
    error = errors.GrokWebRateLimitError(
        f"The quota of this account for this model is used up.{p.quoted}",
        retry_after=p.retry_after,
        next_step=f"{p.wait}, or choose another `model=`.",
        **p.details,
    )
    error.exhausted = True
    return error


def _too_many_at_once(p: ServiceError) -> GrokWebError:
    return errors.GrokWebRateLimitError(
        f"grok.com is writing too many answers for this account at the same time.{p.quoted}",
        retry_after=p.retry_after,
        next_step="Wait until one of them is finished, and ask fewer questions at once.",
        **p.details,
    )


def _attachment(p: ServiceError) -> GrokWebError:
    return errors.GrokWebInvalidRequestError(
        f"grok.com did not take an attachment.{p.quoted}{p.limit}",
        next_step="Attach something smaller, or leave it out.",
        **p.details,
    )


def _attachment_lost(p: ServiceError) -> GrokWebError:
    return errors.GrokWebInvalidRequestError(
        f"grok.com could not load an attachment.{p.quoted}",
        next_step="Attach it again, in another format if it is none that the site knows.",
        **p.details,
    )


def _overloaded(p: ServiceError) -> GrokWebError:
    return errors.GrokWebServerError(
        f"grok.com is under heavy load.{p.quoted}",
        overloaded=True,
        next_step="Try again later, or choose another `model=`.",
        **p.details,
    )


def _server_failed(p: ServiceError) -> GrokWebError:
    what = "grok.com reported a failure of its own."
    if p.status:
        beyond = p.status >= 520  # noqa: PLR2004 - Cloudflare's own numbers
        what = f"Cloudflare could not reach grok.com ({p.status})." if beyond else f"grok.com failed ({p.status})."
    return errors.GrokWebServerError(f"{what}{p.quoted}", next_step="Try again later.", **p.details)


def _switched_off(p: ServiceError) -> GrokWebError:
    return errors.GrokWebServerError(
        f"grok.com has switched this off for now.{p.quoted}",
        next_step="Try again later, or choose another `model=`.",
        **p.details,
    )


def _cancelled(p: ServiceError) -> GrokWebError:
    return errors.GrokWebInterruptedError(
        f"The answer was cancelled at grok.com before it was whole.{p.quoted}",
        next_step="Ask again; a newer prompt in the same conversation cancels a running answer.",
        **p.details,
    )


def _redirected(reply: Reply) -> GrokWebError:
    if re.search(r"sign-?in|login|accounts\.", reply.headers.get("location", ""), re.IGNORECASE):
        problem = ServiceError("", "", reply.status, login_url=reply.login_url)
        return _authentication(problem)
    return errors.GrokWebServerError(
        "grok.com redirected the request to another address, and cookies do not follow redirects.",
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
        next_step="Something between here and grok.com may have answered in its place: check `base_url=` and `proxy=`.",
        status_code=reply.status,
    )


Judgement = Callable[[ServiceError], GrokWebError]

_BY_TEXT: list[tuple[re.Pattern[str], Judgement]] = [
    (re.compile(pattern, re.IGNORECASE), judgement)
    for pattern, judgement in [
        (r"blocked-user|user is blocked|account suspended", _blocked),
        (r"anti.?bot", _anti_bot),
        (r"bad.credentials|unauthenticated|invalid-credentials|email-domain-rejected", _authentication),
        (r"failed to look up session|session not found|token revoked|token expired", _authentication),
        (r"not available in your region", _region),
        (r"invalid.envelope", _invalid),
        (r"model is not found|model not found", _model_not_found),
        (r"heavy usage", _overloaded),
        (r"moderated", _moderated),
        (r"image dimensions are insufficient", _invalid),  # below about 64 by 64 pixels (rest.md 5)
        (r"WKE=account:", _invalid),
        (r"usage limit|usage quota", _quota_used_up),
        (r"too many requests|rate.?limit", _rate_limited),
        (r"subscription|requires.?upgrade", _tier),
        (r"parent.?response|conversation.(?:was )?not.found", _conversation_not_found),
    ]
]
_BY_CODE: dict[str, Judgement] = {
    "2": _server_failed,
    "3": _invalid,
    "4": _server_failed,
    "5": _conversation_not_found,
    "7": _forbidden,
    "8": _rate_limited,
    "13": _server_failed,
    "14": _overloaded,
    "16": _authentication,
}
_BY_STATUS: dict[int, Judgement] = {
    400: _invalid,
    401: _unexplained_401,
    403: _forbidden,
    404: _conversation_not_found,
    413: _too_long,
    422: _invalid,
    429: _rate_limited,
    503: _overloaded,
}
_STREAM_ERRORS: dict[str, Judgement] = {
    "globalRateLimit": _rate_limited,
    "usageLimitReached": _quota_used_up,
    "usagePoolExhausted": _quota_used_up,
    "concurrencyLimit": _too_many_at_once,
    "modelNotAvailable": _model_not_found,
    "beyondContextLength": _too_long,
    "userPromptTooLong": _too_long,
    "attachmentModerated": _moderated,
    "contentModerated": _moderated,
    "attachmentImageTooLarge": _attachment,
    "attachmentFileTooLarge": _attachment,
    "attachmentTooManyPages": _attachment,
    "attachmentLoadFailed": _attachment_lost,
    "requestCancelled": _cancelled,
    "internalError": _server_failed,
    "systemKillSwitch": _switched_off,
}
_ABOUT_A_TOOL = {
    "renderToolFailed",
    "renderToolRateLimited",
    "toolCallFailed",
    "renderPerMessageLimitExceeded",
}


def _judge(problem: ServiceError, text: str, otherwise: Judgement = _server_failed) -> GrokWebError:
    for pattern, judgement in _BY_TEXT:
        if pattern.search(text):
            return judgement(problem)
    judgement = _BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status or 0) or otherwise
    return judgement(problem)
