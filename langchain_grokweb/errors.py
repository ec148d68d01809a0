"""The errors of this package, as one tree.

Every class is a `GrokWebError`, and also a `langchain_core.exceptions.ModelError`, which LangChain's middleware for
retries and fallbacks understands:

    GrokWebError
    ├── GrokWebAuthenticationError        no cookies, expired, refused; .login_url says where to sign in
    ├── GrokWebPermissionError            refused (403); .reason says why
    ├── GrokWebModelNotFoundError         the model or mode is unknown to this account
    ├── GrokWebInvalidRequestError        400 or 422, or a request that this client cannot send
    │   └── GrokWebConversationNotFoundError
    ├── GrokWebContextOverflowError       prompt or conversation too long
    ├── GrokWebContentFilterError         moderation refused the prompt, an attachment or the answer
    ├── GrokWebRateLimitError             .retry_after in seconds; .reason, .mode, .remaining, .total
    ├── GrokWebServerError                5xx, heavy load, or an internal error in the stream
    ├── GrokWebInterruptedError           the answer broke off and could not be resumed
    │   └── GrokWebAnswerReplacedError    the site's final text is not the streamed text; .answer has it
    ├── GrokWebProtocolError              the reply cannot be read; .where, .expected, .got
    ├── GrokWebToolCallError              no valid tool call or structured reply, also after repair
    ├── GrokWebConnectionError            the service could not be reached, or closed the connection
    └── GrokWebTimeoutError               no reply in time; the message names the field to change

The message of an error says what happened, and then the next step. An error after the first chunk of an answer has the
message so far in `.partial`. No error holds a response object, a cookie or a header, since LangChain copies errors into
traces. All of them can be pickled.

Example:
    ```python
    from langchain_grokweb import ChatGrokWeb
    from langchain_grokweb.errors import GrokWebError, GrokWebRateLimitError

    try:
        print(ChatGrokWeb().invoke("Why is the sky blue?").text)
    except GrokWebRateLimitError as error:
        print(f"Ask again in {error.retry_after or 60} seconds.")
    except GrokWebError as error:
        print(error.next_step)
    ```
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
    """The base class of all errors of this package.

    Attributes:
        status_code: The HTTP status; `None` if there was none.
        error_code: The service's own code, a gRPC number or a name; `None` if it sent none.
        next_step: What to do; the end of the message.
        partial: The message so far; `None` if the answer had not begun. No conversation continues from it.
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
    """There are no usable cookies, or grok.com does not accept them.

    Attributes:
        login_url: The address at which to sign in with a browser.
    """

    def __init__(self, message: str, *, login_url: str = LOGIN_URL, **details: Any) -> None:
        details.setdefault("next_step", f"Sign in at {login_url} and copy the cookies of that browser again.")
        super().__init__(message, **details)
        self.login_url = login_url


class GrokWebPermissionError(GrokWebError, core.ModelPermissionDeniedError):
    """grok.com refuses the request (403).

    Attributes:
        reason: `"challenge"` (Cloudflare asks for a browser), `"anti_bot"` (the endpoint's anti-bot rule), `"blocked"`
            (the account, or the network by Cloudflare), `"region"`, `"tier"` (another subscription is needed), or
            `"other"`.
    """

    def __init__(self, message: str, *, reason: PermissionReason, **details: Any) -> None:
        super().__init__(message, **details)
        self.reason = reason


class GrokWebModelNotFoundError(GrokWebError, core.ModelNotFoundError):
    """The model or mode does not exist, or this account may not use it."""


class GrokWebInvalidRequestError(GrokWebError, core.ModelInvalidRequestError):
    """grok.com or this package cannot accept the request: an argument, an attachment or a message must change."""


class GrokWebConversationNotFoundError(GrokWebInvalidRequestError):
    """The conversation or response to continue does not exist, or was deleted."""


class GrokWebContextOverflowError(GrokWebError, core.ContextOverflowError):
    """The prompt or the conversation is too long."""


if TYPE_CHECKING:
    from langchain_core.exceptions import ModelRefusalError as _Refusal
else:
    _Refusal = getattr(core, "ModelRefusalError", core.ModelError)  # since langchain-core 1.7.5


class GrokWebContentFilterError(GrokWebError, _Refusal):
    """Moderation refused the prompt, an attachment or the answer."""


class GrokWebRateLimitError(GrokWebError, core.ModelRateLimitError):
    """Too many requests, or the quota is used up.

    Attributes:
        reason: `"requests"` (too many in a short time), `"quota"` (used up), `"concurrency"` (too many answers at the
            same time), `"tool"` (one of the site's own tools), or `"network"` (Cloudflare, for this address).
        retry_after: Seconds to wait; `None` if the site does not say.
        exhausted: Whether the quota is used up, so that a quick retry cannot work.
        mode: The id of the mode that is limited; `None` if the limit is not about a mode.
        remaining: Requests that are left in this mode; `None` if the site does not say.
        total: Requests in a whole window; `None` if the site does not say.
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
        """Add the quota of the mode to the error and its message.

        Args:
            remaining: Requests that are left.
            total: Requests in a whole window.
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
        overloaded: Whether the site reported heavy load, so that a later try may work.
        retry_after: Seconds to wait; `None` if the site does not say.
    """

    def __init__(
        self, message: str, *, overloaded: bool = False, retry_after: float | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.overloaded = overloaded
        self.retry_after = retry_after


class GrokWebInterruptedError(GrokWebError, core.ModelAPIError):
    """The answer broke off and could not be resumed. `.partial` is the message so far."""


class GrokWebAnswerReplacedError(GrokWebInterruptedError):
    """The site's final text differs from the text that was streamed.

    `on_replaced="accept"` turns this error off. `.partial` is the streamed message.

    Attributes:
        answer: The whole message, with the final text. A conversation can continue from it.
    """

    def __init__(self, message: str, *, answer: AIMessage | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.answer = answer


class GrokWebProtocolError(GrokWebError, core.ModelAPIError):
    """A reply of the service cannot be read.

    Attributes:
        where: The place in the protocol.
        expected: What was expected there.
        got: The type of what was there instead, without its value.
    """

    is_retryable = False

    def __init__(self, *, where: str, expected: str, got: str, **details: Any) -> None:
        details.setdefault(
            "next_step",
            f"The site may have changed. Look for a newer langchain-grokweb than {__version__}, or report this.",
        )
        super().__init__(f"grok.com sent something unreadable in {where}: expected {expected}, got {got}.", **details)
        self.where, self.expected, self.got = where, expected, got


class GrokWebToolCallError(GrokWebError, core.ModelError):
    """The model gave no valid tool call or structured reply, also after the repair."""


class GrokWebConnectionError(GrokWebError, core.ModelConnectionError):
    """grok.com could not be reached, or the connection broke before the answer began.

    Attributes:
        never_sent: Whether it is certain that the request did not arrive, so that it is safe to send it again.
    """

    def __init__(self, message: str, *, never_sent: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.never_sent = never_sent


class GrokWebTimeoutError(GrokWebError, core.ModelTimeoutError):
    """The service did not reply in time. The message names the field that allows more time.

    Attributes:
        never_sent: Whether it is certain that the request did not arrive, so that it is safe to send it again.
    """

    def __init__(self, message: str, *, never_sent: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.never_sent = never_sent
