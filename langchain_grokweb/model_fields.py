"""The fields of `ChatGrokWeb`: what each means, how it is checked, and what of it a copy or a pickle holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar
from types import NoneType
from typing import Any, Literal, Self, get_args

import anyio
from langchain_core.language_models import BaseChatModel
from langchain_core.utils import from_env, secret_from_env
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from langchain_grokweb._version import __version__
from langchain_grokweb.call_arguments import SECOND_NAMES, without_values
from langchain_grokweb.client import Service
from langchain_grokweb.client.network.tap import Tap
from langchain_grokweb.client.service import (
    BASE_URL_VARIABLE,
    COOKIES_VARIABLE,
    GROK_URL,
    ExtraHeaders,
    HttpClient,
    Transport,
    assets_of,
    check_proxy,
    check_url,
)
from langchain_grokweb.client.sign_in import saved_credentials
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.credentials.json_forms import plain
from langchain_grokweb.wire.turn import DeepSearch

# Beside the fields, as `cached_property` does it, which pydantic neither compares nor shows: cookies are read once.
_PARSED = "_parsed_credentials"


class GrokWebFields(BaseChatModel):
    """The settings of a `ChatGrokWeb`: the arguments of its constructor.

    Those that shape a request (`temporary=`, `search=`, `timeout=`, ...) may also be passed to one call, or bound with
    `bind`. They then hold for that call.

    Raises:
        pydantic.ValidationError: A field is unknown, or its value is not allowed. The error does not show the value.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb

        model = ChatGrokWeb(model="fast", temporary=True)
        answer = model.invoke("Why is the sky blue?", search=False)
        ```
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    # Second names are `validation_alias`: with `alias`, type checkers would know the second name alone.
    model: str = Field(default="grok-3", validation_alias=AliasChoices("model", "model_name"), min_length=1)
    """The model or mode of the site.

    `grok-3`, `grok-3-thinking` (also `grok-3-r1`), `grok-2`, `auto`, `fast`, `expert`, `heavy`, or any id of
    `alist_modes`. Second name: `model_name`.
    """

    cookies: SecretStr | str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | CookieJar | None = Field(
        default_factory=secret_from_env(COOKIES_VARIABLE, default=None),
        validation_alias=AliasChoices("cookies", "api_key"),
        repr=False,
    )
    """The cookies of your browser, in any form that `GrokCredentials.parse` reads.

    A Cookie header, a mapping, an export or a pasted cURL command, for example. They are kept as `SecretStr` and parsed
    at the first call. By default: the environment variable `GROKWEB_COOKIES`, else the sign-in that `grokweb login`
    saved. Second name: `api_key`.
    """

    credentials: GrokCredentials | None = Field(default=None, exclude=True, repr=False)
    """Parsed credentials, instead of `cookies`."""

    base_url: str = Field(default_factory=from_env(BASE_URL_VARIABLE, default=GROK_URL), validate_default=True)
    """The address of the service. By default: the environment variable `GROKWEB_BASE_URL`, else `https://grok.com`."""

    assets_url: str | None = None
    """The address of the host of pictures and files. By default: grok.com's own, or `base_url` for another service."""

    transport: Transport = Field(default_factory=from_env("GROKWEB_TRANSPORT", default="auto"), validate_default=True)
    """The wire that carries prompts and answers: `auto`, `rest` or `gateway`.

    `rest` is the conversations endpoint, and `gateway` is the site's realtime gateway. `auto` uses `rest`, and changes
    to `gateway` when the site's anti-bot rule refuses it. By default: the environment variable `GROKWEB_TRANSPORT`,
    else `auto`.
    """

    conversation: Literal["auto", "stateless", "strict"] = "auto"
    """How a history of messages becomes a conversation at the site: `auto`, `stateless` or `strict`.

    `auto` continues the conversation that the messages link to, branches from an earlier answer, or replays the
    history in a new conversation. `stateless` always replays it in a new private chat. `strict` raises
    `GrokWebConversationNotFoundError` where `auto` would replay.
    """

    on_truncated: Literal["continue", "replay"] = "continue"
    """What to do with a history whose beginning was trimmed away.

    `continue` continues the conversation at the site, which still has the beginning. `replay` sends what is left to a
    new conversation.
    """

    conversation_id: str | None = None
    """A conversation to continue, such as one that was begun in the browser: its id or its address."""

    parent_response_id: str | None = None
    """The answer in `conversation_id` that the call follows. By default: the newest."""

    temporary: bool = False
    """Ask in a private chat, which the site's history does not list."""

    search: bool = True
    """Allow the site to search the web and X."""

    image_generation: bool = True
    """Allow the site to make pictures."""

    image_count: int = Field(default=2, ge=1, le=10)
    """How many pictures a request makes, from 1 to 10."""

    deep_search: DeepSearch | None = None
    """One of the site's research presets, `default` or `deeper`."""

    custom_instructions: str | None = None
    """Text for the site's field for instructions. The gateway has no such field: the text begins the first prompt."""

    follow_ups: bool = False
    """Ask for suggested next questions.

    They are in `response_metadata["grokweb"]["follow_ups"]`. The gateway sends them after the answer, so a call takes
    a little longer.
    """

    timeout: float = Field(default=30, gt=0)
    """Seconds to wait until the site accepts a prompt, and for each small request."""

    stream_event_timeout: float = Field(default=180, gt=0)
    """Seconds to wait for the next event of a running answer. Keep-alives do not count."""

    max_retries: int = Field(default=2, ge=0)
    """How often a failed request is tried again, before the first event of its answer."""

    keep_session: float = Field(default=60, ge=0)
    """Seconds for which a gateway session stays open after an answer.

    The next turn of the same conversation then needs one round trip to its first token. 0 opens a session for each
    turn.
    """

    proxy: str | None = Field(default=None, exclude=True, repr=False)
    """The proxy for every request: `http://…`, `https://…` or `socks5://…`. By default: the environment's proxies."""

    headers: ExtraHeaders | None = Field(default=None, exclude=True, repr=False)
    """Extra request headers: a mapping, or a function `(method, path) -> mapping`."""

    http_client: HttpClient | None = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.AsyncClient` or `httpx2.AsyncClient`.

    It belongs to your event loop, so it serves asynchronous calls alone. The model never closes it.
    """

    streaming: bool = False
    """Make `invoke` stream internally, so that callbacks receive tokens."""

    stop: list[str] | str | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    """Stop sequences. The site has none: this package cuts the answer and stops it at the site.

    Second name: `stop_sequences`.
    """

    temperature: float | None = None
    """Accepted, without effect: the site has no such setting."""

    max_tokens: int | None = None
    """Accepted, without effect: the site has no such setting."""

    tool_repair_attempts: int = Field(default=1, ge=0)
    """How many further turns may repair a malformed tool call or structured reply."""

    on_replaced: Literal["raise", "accept"] = "raise"
    """What a stream does when the site's final text differs from the streamed text: `raise` or `accept`.

    `raise` ends the stream with `GrokWebAnswerReplacedError`. `accept` ends it normally, with
    `response_metadata["grokweb"]["replaced"]`. `invoke` always returns the final text.
    """

    image_markdown: bool = False
    """Append pictures to the text as `![...](url)`, for front ends that show only Markdown.

    Only a browser that is signed in at grok.com can open the address.
    """

    image_output: Literal["url", "base64"] = "url"
    """How content blocks hold finished pictures: `url` or `base64`.

    Opening a `url` needs the account's cookies. With `base64`, the bytes are downloaded while the answer is streamed.
    """

    _tap: Tap | None = PrivateAttr(default=None)  # set by a copy whose turns are recorded

    fetch_urls: bool = False
    """Download attachments that have only an `https` address, and upload them to the site.

    The download sends no cookies, uses public addresses alone, and is limited in size and time. Whoever writes the
    messages then decides what this machine downloads.
    """

    # --- validation

    @model_validator(mode="before")
    @classmethod
    def _none_is_the_default(cls, data: Any) -> Any:
        """`None`, as `os.getenv` gives it, is the default of a field whose type has no `None`."""
        if not isinstance(data, dict):  # an assignment
            return data
        return {name: value for name, value in data.items() if value is not None or not cls._needs_value(name)}

    @classmethod
    def _needs_value(cls, name: str) -> bool:
        field = cls.model_fields.get(SECOND_NAMES.get(name, name))
        return field is not None and NoneType not in get_args(field.annotation)

    @field_validator("cookies", mode="before")
    @classmethod
    def _cookies_as_secret(cls, value: Any) -> SecretStr | None:
        if isinstance(value, SecretStr) or value is None:
            return value
        if isinstance(value, str):
            return SecretStr(value)
        if isinstance(value, GrokCredentials):
            msg = "This is a GrokCredentials object: pass it as `credentials=`."
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns a ValueError into its own
        try:
            return SecretStr(json.dumps(plain(value)))
        except ValueError:
            msg = "Pass cookies as text, a mapping, a cookie jar, or the export of a browser extension."
            raise ValueError(msg) from None

    @field_validator("base_url", "assets_url")
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        return None if value is None else check_url(value)

    @field_validator("proxy")
    @classmethod
    def _known_scheme(cls, value: str | None) -> str | None:
        return None if value is None else check_proxy(value)

    @field_validator("stop", mode="before")
    @classmethod
    def _stop_as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="wrap")
    @classmethod
    def _values_stay_hidden(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """The error leaves the value out: it may be a cookie in the wrong place."""
        try:
            return handler(data)
        except ValidationError as error:
            raise without_values(error) from None

    @model_validator(mode="after")
    def _set_grokweb_version(self) -> Self:
        self._add_version("langchain-grokweb", __version__)
        return self

    # --- where to ask, and who asks

    def _credentials(self) -> GrokCredentials:
        if self.credentials is not None:
            return self.credentials
        if not self._has_cookies:
            return saved_credentials(self._service.origin)
        # Nothing plain is kept in a local variable: those are shown in some tracebacks.
        cookies = self.cookies  # which another thread may replace meanwhile
        if not (isinstance(cookies, SecretStr) and cookies):
            return GrokCredentials.parse(os.environ.get(COOKIES_VARIABLE, ""), base_url=self._service.origin)
        known: tuple[SecretStr, str, GrokCredentials] | None = self.__dict__.get(_PARSED)
        if known is None or known[0] is not cookies or known[1] != self.base_url:
            credentials = GrokCredentials.parse(cookies.get_secret_value(), base_url=self._service.origin)
            self.__dict__[_PARSED] = known = (cookies, self.base_url, credentials)
        return known[2]

    async def _acredentials(self) -> GrokCredentials:
        """The same in an event loop, which a keyring may not hold up."""
        if self.credentials is not None or self._has_cookies:
            return self._credentials()
        return await anyio.to_thread.run_sync(self._credentials)

    @property
    def _has_cookies(self) -> bool:
        return bool(self.cookies or os.environ.get(COOKIES_VARIABLE))

    @property
    def _service(self) -> Service:
        return Service(
            base_url=self.base_url,
            assets_url=self.assets_url or assets_of(self.base_url),
            timeout=self.timeout,
            stream_event_timeout=self.stream_event_timeout,
            max_retries=self.max_retries,
            keep_session=self.keep_session,
            transport=self.transport,
            proxy=self.proxy,
            headers=self.headers,
            http_client=self.http_client,
            tap=self._tap,
        )

    # --- copying

    def __getstate__(self) -> dict[Any, Any]:
        """For a pickle, which may go anywhere: without credentials, and what may hold a secret or belongs to a loop."""
        state = super().__getstate__()
        left = dict.fromkeys(("cookies", "credentials", "proxy", "headers", "http_client"))
        state["__dict__"] = {**state["__dict__"], **left}
        state["__dict__"].pop(_PARSED, None)
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_tap": None}
        return state

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        memo[id(self.http_client)] = self.http_client  # the user's, and not ours to copy
        return super().__deepcopy__(memo)
