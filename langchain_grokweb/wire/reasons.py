"""Why grok.com says no: one row for each reason, with the error that it becomes, what happened and what to do.

`error_mapping` finds the reason in whatever the service sent; the row makes the error of it. docs/errors.md has the
same rows, and a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from langchain_grokweb import errors
from langchain_grokweb.errors import LOGIN_URL, GrokWebError

_WELL_KNOWN = re.compile(r"\[WKE=([^\]]+)\]")
_CODE = re.compile(r"[\w.:/-]{1,80}", re.ASCII)
_COOKIE = re.compile(
    r"\b(?:sso(?:-rw)?|cf_clearance|__cf_bm|x-(?:userid|anonuserid|challenge|signature))=[^\s;,\"']+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
)
_MAX_QUOTED_CHARS = 300


class Reason(Enum):
    """Why a request was refused, or an answer ended."""

    SIGNED_OUT = auto()
    UNEXPLAINED_401 = auto()
    CHALLENGE = auto()
    ANTI_BOT = auto()
    BLOCKED = auto()
    NETWORK_BLOCKED = auto()
    REGION = auto()
    TIER = auto()
    MODE_NOT_OPEN = auto()
    FORBIDDEN = auto()
    MODEL_NOT_FOUND = auto()
    CONVERSATION_NOT_FOUND = auto()
    INVALID = auto()
    ATTACHMENT = auto()
    ATTACHMENT_LOST = auto()
    TOO_LONG = auto()
    MODERATED = auto()
    RATE_LIMITED = auto()
    NETWORK_RATE_LIMITED = auto()
    QUOTA_USED_UP = auto()
    TOO_MANY_AT_ONCE = auto()
    OVERLOADED = auto()
    SWITCHED_OFF = auto()
    INTERNAL = auto()
    ORIGIN_NOT_REACHED = auto()
    TOOL_FAILED = auto()
    TOOL_LIMITED = auto()
    CANCELLED = auto()
    INCOMPLETE = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """What a reason means for a caller.

    Attributes:
        error: The class.
        happened: What happened; `{status}` stands for the HTTP status, where there was one.
        next_step: The one thing to do; `{wait}` stands for the advice to wait.
        ends_answer: Whether an answer is over with it, however harmless the service calls it (rest.md 8.1).
        details: What else the class takes.
    """

    error: type[GrokWebError]
    happened: str
    next_step: str
    ends_answer: bool = False
    details: Mapping[str, Any] | None = None


ROWS: Mapping[Reason, Row] = {
    Reason.SIGNED_OUT: Row(
        errors.GrokWebAuthenticationError,
        "grok.com does not accept these cookies: they are incomplete, or their session has ended.",
        "Sign in at {login_url} and copy the cookies of that browser again.",
        ends_answer=True,
    ),
    Reason.UNEXPLAINED_401: Row(
        errors.GrokWebAuthenticationError,
        "grok.com refused the request as not signed in (401), and gave no reason.",
        "Sign in at {login_url} and copy the cookies of that browser again.",
        ends_answer=True,
    ),
    Reason.CHALLENGE: Row(
        errors.GrokWebPermissionError,
        "Cloudflare, in front of grok.com, answered with a challenge page.",
        "Open grok.com in your browser from this network, then copy a request as cURL: it holds the cookies (with "
        "cf_clearance) and the User-Agent.",
        details={"reason": "challenge"},
    ),
    Reason.ANTI_BOT: Row(
        errors.GrokWebPermissionError,
        "grok.com's anti-bot rule turned the request away.",
        "Use `transport='gateway'`, which usually needs no anti-bot proof. If it is refused too, try again later, or "
        "from another network.",
        ends_answer=True,
        details={"reason": "anti_bot"},
    ),
    Reason.BLOCKED: Row(
        errors.GrokWebPermissionError,
        "grok.com has blocked this account.",
        "Sign in with a browser to see why.",
        ends_answer=True,
        details={"reason": "blocked"},
    ),
    Reason.NETWORK_BLOCKED: Row(
        errors.GrokWebPermissionError,
        "Cloudflare, in front of grok.com, blocks this network address or this client.",
        "Use another network (`proxy=`), and copy the User-Agent of your browser with its cookies. New cookies alone "
        "do not help.",
        details={"reason": "blocked"},
    ),
    Reason.REGION: Row(
        errors.GrokWebPermissionError,
        "grok.com is not available in the region of this network address.",
        "Use a network in another region (`proxy=`).",
        ends_answer=True,
        details={"reason": "region"},
    ),
    Reason.TIER: Row(
        errors.GrokWebPermissionError,
        "This needs another grok.com subscription.",
        "Choose another `model=`; `await model.alist_modes()` lists what this account has.",
        details={"reason": "tier"},
    ),
    Reason.MODE_NOT_OPEN: Row(
        errors.GrokWebPermissionError,
        "grok.com gave no answer and no reason, as it does in a mode that the account may not use.",
        "Choose another `model=`; `await model.alist_modes()` lists what this account has.",
        details={"reason": "tier"},
    ),
    Reason.FORBIDDEN: Row(
        errors.GrokWebPermissionError,
        "grok.com refused the request.",
        "Open grok.com in your browser with the same account to see whether it works there.",
        details={"reason": "other"},
    ),
    Reason.MODEL_NOT_FOUND: Row(
        errors.GrokWebModelNotFoundError,
        "grok.com does not have this model, or not for this account.",
        "`await model.alist_modes()` lists what this account has.",
        ends_answer=True,
    ),
    Reason.CONVERSATION_NOT_FOUND: Row(
        errors.GrokWebConversationNotFoundError,
        "grok.com has no such conversation or answer to continue from.",
        "To begin a new conversation, send the messages without their links and without `conversation_id=`.",
    ),
    Reason.INVALID: Row(
        errors.GrokWebInvalidRequestError,
        "grok.com called the request invalid.",
        "Change what the message names: `model=`, another field, or the messages.",
    ),
    Reason.ATTACHMENT: Row(
        errors.GrokWebInvalidRequestError,
        "grok.com refused an attachment.",
        "Attach something smaller, or leave it out.",
        ends_answer=True,
    ),
    Reason.ATTACHMENT_LOST: Row(
        errors.GrokWebInvalidRequestError,
        "grok.com could not load an attachment.",
        "Attach it again, or in another format.",
        ends_answer=True,
    ),
    Reason.TOO_LONG: Row(
        errors.GrokWebContextOverflowError,
        "The prompt or the conversation is too long for this model.",
        "Shorten the messages, or summarise the older ones.",
        ends_answer=True,
    ),
    Reason.MODERATED: Row(
        errors.GrokWebContentFilterError,
        "grok.com's moderation withheld the answer or refused the request.",
        "Change what is asked or attached.",
        ends_answer=True,
    ),
    Reason.RATE_LIMITED: Row(
        errors.GrokWebRateLimitError,
        "grok.com accepts no more requests from this account for now.",
        "{wait}, or choose another `model=`.",
        ends_answer=True,
        details={"reason": "requests"},
    ),
    Reason.NETWORK_RATE_LIMITED: Row(
        errors.GrokWebRateLimitError,
        "Cloudflare, in front of grok.com, accepts no more requests from this network address for now.",
        "{wait}, and send fewer requests at once. Another `model=` does not help.",
        details={"reason": "network"},
    ),
    Reason.QUOTA_USED_UP: Row(
        errors.GrokWebRateLimitError,
        "The quota of this account for this model is used up.",
        "{wait}, or choose another `model=`.",
        ends_answer=True,
        details={"reason": "quota", "exhausted": True},
    ),
    Reason.TOO_MANY_AT_ONCE: Row(
        errors.GrokWebRateLimitError,
        "grok.com is writing too many answers for this account at the same time.",
        "Wait until one of them is complete, and ask fewer questions at once.",
        ends_answer=True,
        details={"reason": "concurrency"},
    ),
    Reason.OVERLOADED: Row(
        errors.GrokWebServerError,
        "grok.com is under heavy load.",
        "{wait}, or choose another `model=`.",
        ends_answer=True,
        details={"overloaded": True},
    ),
    Reason.SWITCHED_OFF: Row(
        errors.GrokWebServerError,
        "grok.com has switched this off for now.",
        "Try again later, or choose another `model=`.",
        ends_answer=True,
    ),
    Reason.INTERNAL: Row(errors.GrokWebServerError, "grok.com reported an internal error{status}.", "Try again later."),
    Reason.ORIGIN_NOT_REACHED: Row(
        errors.GrokWebServerError, "Cloudflare could not reach grok.com{status}.", "Try again later."
    ),
    Reason.TOOL_FAILED: Row(
        errors.GrokWebServerError,
        "One of grok.com's own tools failed.",
        "Ask again, or ask for something that does not need this tool.",
    ),
    Reason.TOOL_LIMITED: Row(
        errors.GrokWebRateLimitError,
        "One of grok.com's own tools accepts no more requests from this account for now.",
        "{wait}, or ask for something that does not need this tool.",
        details={"reason": "tool"},
    ),
    Reason.CANCELLED: Row(
        errors.GrokWebInterruptedError,
        "The answer was cancelled at grok.com before it was complete.",
        "Ask again. A newer prompt in the same conversation cancels a running answer.",
        ends_answer=True,
    ),
    Reason.INCOMPLETE: Row(
        errors.GrokWebInterruptedError,
        "grok.com ended the answer before it was complete.",
        "Ask again. The error's `.partial` has the message so far.",
    ),
}


@dataclass(frozen=True, slots=True)
class ServiceError:
    """A refusal, whatever shape it came in.

    Attributes:
        code: The service's own, a number or a name.
        message: Its words.
        status: The HTTP status.
        retry_after: Seconds to wait.
        login_url: Where this service signs users in.
        limit: A bound that was not kept, as a sentence.
    """

    code: str = ""
    message: str = ""
    status: int | None = None
    retry_after: float | None = None
    login_url: str = LOGIN_URL
    limit: str = ""

    @property
    def error_code(self) -> str | None:
        """The well known name in the message, or the code; `None` for what does not look like one."""
        known = _WELL_KNOWN.search(self.message)
        code = known.group(1) if known else self.code
        return code if _CODE.fullmatch(code) else None

    @property
    def wait(self) -> str:
        """The advice to wait, with the seconds that the site named."""
        if self.retry_after is None:
            return "Wait a while"
        return f"Wait {self.retry_after:g} seconds" if self.retry_after else "Ask again"

    @property
    def quoted(self) -> str:
        """The words of the service as part of a sentence of ours; empty where it sent none."""
        text = harmless(_WELL_KNOWN.sub("", self.message))
        return f' It said: "{text}"{"" if text.endswith((".", "!", "?")) else "."}' if text else ""


def harmless(text: str, limit: int = _MAX_QUOTED_CHARS) -> str:
    """A text of the service, fit to be quoted: printable, without cookies, and not too long.

    It is cut between words, so that what knows the cookies of this account still finds one that is in it.
    """
    text = " ".join(text.split())
    is_cut = len(text) > 4 * limit
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    text = _COOKIE.sub("[cookie]", " ".join(text.split()))
    return f"{text[: limit + 1].rpartition(' ')[0]}…" if is_cut or len(text) > limit else text


def error_for(reason: Reason, problem: ServiceError) -> GrokWebError:
    """The error for a reason, with what the service said."""
    row = ROWS[reason]
    details = dict(row.details or {})
    if issubclass(row.error, errors.GrokWebAuthenticationError):
        details["login_url"] = problem.login_url
    if issubclass(row.error, errors.GrokWebRateLimitError | errors.GrokWebServerError):
        details["retry_after"] = problem.retry_after
    status = f" ({problem.status})" if problem.status else ""
    return row.error(
        f"{row.happened.format(status=status)}{problem.quoted}{problem.limit}",
        next_step=row.next_step.format(wait=problem.wait, login_url=problem.login_url),
        status_code=problem.status,
        error_code=problem.error_code,
        **details,
    )
