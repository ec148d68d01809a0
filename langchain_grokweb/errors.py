"""What can go wrong, as one tree.

Every class is a `GrokWebError` and also the `langchain_core.exceptions.ModelError` that LangChain's retry and
fallback middleware understand::

    GrokWebError
    ├── GrokWebAuthenticationError        no cookies, expired, refused; .login_url says where to sign in
    ├── GrokWebPermissionError            403; .reason: "challenge", "anti_bot", "blocked", "region", "tier", "other"
    ├── GrokWebModelNotFoundError         the model or mode is unknown to this account
    ├── GrokWebInvalidRequestError        400, 422, what this client cannot send
    │   └── GrokWebConversationNotFoundError
    ├── GrokWebContextOverflowError       prompt or conversation too long
    ├── GrokWebContentFilterError         moderated: prompt, attachment or answer
    ├── GrokWebRateLimitError             .retry_after seconds or None; .reason, .mode, .remaining, .total
    ├── GrokWebServerError                5xx, heavy load, internal error reported in the stream
    ├── GrokWebInterruptedError           the answer broke off and could not be resumed
    │   └── GrokWebAnswerReplacedError    what was streamed is not what the site keeps; .answer is what it keeps
    ├── GrokWebProtocolError              bytes that cannot be read; .where, .expected, .got (a type, never a value)
    ├── GrokWebToolCallError              a forced tool call or structured reply could not be had, after repair
    ├── GrokWebConnectionError            the service could not be reached, or hung up
    └── GrokWebTimeoutError               it took longer than the field that the message names

An error that comes after the answer began has the message so far in `.partial`. A message says what happened and the
one next step. No error holds a response object, a cookie or a header: LangChain
copies those into traces. All of them pickle, so they cross process borders whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from langchain_core import exceptions as core
from langchain_core.messages import AIMessage

from langchain_grokweb._version import __version__

__all__ = [
    "GrokWebAnswerReplacedError",
    "GrokWebAuthenticationError",
    "GrokWebConnectionError",
    "GrokWebContentFilterError",
    "GrokWebContextOverflowError",
    "GrokWebConversationNotFoundError",
    "GrokWebError",
    "GrokWebInterruptedError",
    "GrokWebInvalidRequestError",
    "GrokWebModelNotFoundError",
    "GrokWebPermissionError",
    "GrokWebProtocolError",
    "GrokWebRateLimitError",
    "GrokWebServerError",
    "GrokWebTimeoutError",
    "GrokWebToolCallError",
]

LOGIN_URL = "https://grok.com/"

PermissionReason = Literal["challenge", "anti_bot", "blocked", "region", "tier", "other"]
RateLimitReason = Literal["requests", "quota", "concurrency", "tool", "network"]


class GrokWebError(core.ModelError):
    """Base of everything this package raises on purpose.

    Attributes:
        status_code: The HTTP status that came with it, where there was one.
        error_code: The service's own code (gRPC number or "well known error" name), where it sent one.
        next_step: The one thing to do about it; the last sentence of the message.
        partial: The message so far, where the answer had begun. Its link is marked as broken off, so that no
            conversation continues from it.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        status_code: int | None = None,
        error_code: str | None = None,
        partial: AIMessage | None = None,
    ) -> None:
        super().__init__(f"{message} {next_step}".strip())
        self.next_step = next_step
        self.status_code = status_code
        self.error_code = error_code
        self.partial = partial

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which does not suit keyword-only parameters.
        return _revive, (type(self), self.args, self.__dict__.copy())


def _revive(kind: type[GrokWebError], args: tuple[Any, ...], state: dict[str, Any]) -> GrokWebError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class GrokWebAuthenticationError(GrokWebError, core.ModelAuthenticationError):
    """There are no cookies, or grok.com no longer accepts them.

    Attributes:
        login_url: Where to sign in with a browser.
    """

    def __init__(self, message: str, *, login_url: str = LOGIN_URL, **details: Any) -> None:
        details.setdefault("next_step", f"Sign in at {login_url} and copy the cookies of that browser again.")
        super().__init__(message, **details)
        self.login_url = login_url


class GrokWebPermissionError(GrokWebError, core.ModelPermissionDeniedError):
    """grok.com knows who asks and says no (403).

    Attributes:
        reason: `"challenge"` (Cloudflare wants a browser), `"anti_bot"` (the endpoint's anti-bot rule), `"blocked"`
            (the account, or by Cloudflare the network), `"region"`, `"tier"` (another subscription), or `"other"`.
    """

    def __init__(self, message: str, *, reason: PermissionReason, **details: Any) -> None:
        super().__init__(message, **details)
        self.reason = reason


class GrokWebModelNotFoundError(GrokWebError, core.ModelNotFoundError):
    """The model or mode is unknown, or not open to this account."""


class GrokWebInvalidRequestError(GrokWebError, core.ModelInvalidRequestError):
    """The request is not one that grok.com, or this client, can take."""


class GrokWebConversationNotFoundError(GrokWebInvalidRequestError):
    """The conversation or response to continue from is not there (any more)."""


class GrokWebContextOverflowError(GrokWebError, core.ContextOverflowError):
    """The prompt or the conversation is too long."""


if TYPE_CHECKING:
    from langchain_core.exceptions import ModelRefusalError as _Refusal
else:
    _Refusal = getattr(core, "ModelRefusalError", core.ModelError)  # since langchain-core 1.7.5


class GrokWebContentFilterError(GrokWebError, _Refusal):
    """The prompt, an attachment or the answer was moderated."""


class GrokWebRateLimitError(GrokWebError, core.ModelRateLimitError):
    """Too many requests, or the quota is used up.

    Attributes:
        reason: `"requests"` (too many in a short time), `"quota"` (used up), `"concurrency"` (too many answers at the
            same time), `"tool"` (a tool of the site's own), or `"network"` (Cloudflare, for this address).
        retry_after: Seconds to wait, where the site named them.
        exhausted: Whether the quota is used up, so that a try soon is of no use.
        mode: The site's id of the mode that was asked, where that is what is limited.
        remaining: Requests that are left in this mode; `None` where the site did not say.
        total: How many there are in a whole window.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: RateLimitReason = "requests",
        retry_after: float | None = None,
        exhausted: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.reason: RateLimitReason = reason
        self.retry_after = retry_after
        self.exhausted = exhausted
        self.mode: str | None = None
        self.remaining: int | None = None
        self.total: int | None = None

    def explain(self, remaining: int, total: int | None, resets_in: float | None) -> None:
        """Complete the error with what the site says of the mode's quota.

        Args:
            remaining: Requests that are left.
            total: Requests of a whole window.
            resets_in: Seconds until there are more.
        """
        self.remaining, self.total = remaining, total
        self.exhausted = self.exhausted or remaining == 0
        message = str(self).removesuffix(self.next_step).rstrip()
        if self.retry_after is None and resets_in is not None:
            self.retry_after = resets_in
            self.next_step = self.next_step.replace("Wait a while", f"Wait {resets_in:g} seconds", 1)
        of_total = "" if total is None else f" of {total}"
        when = "" if resets_in is None else f", and more come in {resets_in:g} seconds"
        left = f"The mode {self.mode} has {remaining}{of_total} requests left{when}."
        self.args = (f"{message} {left} {self.next_step}".strip(),)


class GrokWebServerError(GrokWebError, core.ModelAPIError):
    """grok.com failed, or is overloaded.

    Attributes:
        overloaded: Whether it reported that it has too much to do, so that a later try may work.
        retry_after: Seconds to wait, where the site named them.
    """

    def __init__(
        self, message: str, *, overloaded: bool = False, retry_after: float | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.overloaded = overloaded
        self.retry_after = retry_after


class GrokWebInterruptedError(GrokWebError, core.ModelAPIError):
    """The answer broke off; `.partial` is what there is of it."""


class GrokWebAnswerReplacedError(GrokWebInterruptedError):
    """What was streamed is not what the site keeps as its final text, and a stream cannot take it back.

    Attributes:
        answer: The whole message, with the site's text. A conversation can continue from it. `.partial` is what was
            streamed.
    """

    def __init__(self, message: str, *, answer: AIMessage | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.answer = answer


class GrokWebProtocolError(GrokWebError, core.ModelAPIError):
    """What arrived cannot be read.

    Attributes:
        where: The place in the protocol.
        expected: What should have stood there.
        got: What kind of thing stood there instead; never its value.
    """

    is_retryable = False

    def __init__(self, *, where: str, expected: str, got: str, **details: Any) -> None:
        details.setdefault(
            "next_step",
            f"The site may have changed: look for a newer langchain-grokweb than {__version__}, or report this.",
        )
        super().__init__(f"grok.com sent something unreadable in {where}: expected {expected}, got {got}.", **details)
        self.where, self.expected, self.got = where, expected, got


class GrokWebToolCallError(GrokWebError, core.ModelError):
    """A forced tool call or a structured reply could not be had."""


class GrokWebConnectionError(GrokWebError, core.ModelConnectionError):
    """grok.com could not be reached, or the connection broke before any answer.

    Attributes:
        never_sent: Whether the request provably never left or did not arrive, so that it may be sent again.
    """

    def __init__(self, message: str, *, never_sent: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.never_sent = never_sent


class GrokWebTimeoutError(GrokWebError, core.ModelTimeoutError):
    """It took longer than allowed; the message names the field to change.

    Attributes:
        never_sent: Whether the request provably never left, so that it may be sent again.
    """

    def __init__(self, message: str, *, never_sent: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.never_sent = never_sent
