"""The fields of `ChatGrokWeb`: what each means, how it is checked, and what of it goes into a copy or a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any, Literal, Self

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
from langchain_grokweb.call_arguments import without_values
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
    """What a `ChatGrokWeb` is built with."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    # Second names are `validation_alias`: with `alias`, type checkers would know the second name alone.
    model: str = Field(default="grok-3", validation_alias=AliasChoices("model", "model_name"), min_length=1)
    """`grok-3`, `grok-3-thinking` (also `grok-3-r1`), `grok-2`, `auto`, `fast`, `expert`, `heavy` or any mode id."""

    cookies: SecretStr | str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | CookieJar | None = Field(
        default_factory=secret_from_env(COOKIES_VARIABLE, default=None),
        validation_alias=AliasChoices("cookies", "api_key"),
        repr=False,
    )
    """Anything that `GrokCredentials.parse` reads: a Cookie header, a mapping, an export, a pasted cURL command. Read
    at first use, and kept as `SecretStr`. Defaults to the environment's `GROKWEB_COOKIES`, then to what
    `grokweb login` has saved."""

    credentials: GrokCredentials | None = Field(default=None, exclude=True, repr=False)
    """Ready credentials, instead of `cookies`."""

    base_url: str = Field(default_factory=from_env(BASE_URL_VARIABLE, default=GROK_URL), validate_default=True)
    """The service's address; the environment's `GROKWEB_BASE_URL`, or grok.com."""

    assets_url: str | None = None
    """The address of pictures; grok.com's, or `base_url` where that is another."""

    transport: Transport = Field(default_factory=from_env("GROKWEB_TRANSPORT", default="auto"), validate_default=True)
    """Which wire to take: `rest`, the conversations endpoint; `gateway`, the site's realtime gateway; `auto`, the
    first, and the second where the first is refused by its anti-bot rule. Defaults to `GROKWEB_TRANSPORT`."""

    conversation: Literal["auto", "stateless", "strict"] = "auto"
    """`auto` continues, branches or replays by what the messages say; `stateless` always asks in a fresh temporary
    chat; `strict` raises where `auto` would replay."""

    on_truncated: Literal["continue", "replay"] = "continue"
    """What to do with a history whose head is gone."""

    conversation_id: str | None = None
    """A conversation to continue, such as one begun in the browser: its id or its address. Also a call's argument."""

    parent_response_id: str | None = None
    """The answer in it that the call follows; by default the newest. Also a call's argument."""

    temporary: bool = False
    """Private chat: not in the user's history."""

    search: bool = True
    """Allow the site's own web and X search."""

    image_generation: bool = True
    """Allow pictures."""

    image_count: int = Field(default=2, ge=1, le=10)
    """How many pictures a request makes."""

    deep_search: DeepSearch | None = None
    """The site's research presets: `default` or `deeper`."""

    custom_instructions: str | None = None
    """Sent in the site's own field for instructions."""

    follow_ups: bool = False
    """Ask for suggested next questions: `response_metadata["grokweb"]["follow_ups"]`. The gateway sends them after the
    answer, so this costs a short wait."""

    timeout: float = Field(default=30, gt=0)
    """Seconds to open a turn."""

    stream_event_timeout: float = Field(default=180, gt=0)
    """Seconds without any event of the running answer; keep-alives do not count."""

    max_retries: int = Field(default=2, ge=0)
    """Further tries to open a turn, before its first event."""

    keep_session: float = Field(default=60, ge=0)
    """Seconds for which a session of the gateway is kept open for the next turn of its conversation, which then needs
    one round trip to its first token; 0 opens a session for each turn."""

    proxy: str | None = Field(default=None, exclude=True, repr=False)
    """One proxy for every request; the environment's where unset."""

    headers: ExtraHeaders | None = Field(default=None, exclude=True, repr=False)
    """Extra request headers: a mapping, or a callable `(method, path) -> mapping`."""

    http_client: HttpClient | None = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.AsyncClient` or `httpx2.AsyncClient`, never closed here.

    It belongs to your event loop, so it serves asynchronous calls alone.
    """

    streaming: bool = False
    """Make `invoke` stream inside, for callbacks that want tokens."""

    stop: list[str] | str | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    """Where to cut the answer. The site knows no stop sequences: the cut is made here, and the turn stopped there."""

    temperature: float | None = None
    """Accepted, without effect: the site has no such switch."""

    max_tokens: int | None = None
    """Accepted, without effect: the site has no such switch."""

    tool_repair_attempts: int = Field(default=1, ge=0)
    """Further turns to repair a malformed tool call or structured reply."""

    on_replaced: Literal["raise", "accept"] = "raise"
    """What a stream does where the site's final text is another than what was streamed: `raise`
    `GrokWebAnswerReplacedError`, or `accept` it, marked in the metadata (`replaced`). A whole answer is the site's."""

    image_markdown: bool = False
    """Append `![...](url)` to the text, for front ends that know only markdown. The address shows the picture to a
    browser that is signed in at grok.com alone."""

    image_output: Literal["url", "base64"] = "url"
    """How finished pictures stand in the content blocks: by their `url`, which needs the account's cookies, or by their
    bytes, which are fetched while the answer goes on."""

    _tap: Tap | None = PrivateAttr(default=None)  # set by a copy whose turns are recorded

    fetch_urls: bool = False
    """Download attachments that are named only by an `https` address, and send them along: without cookies, from public
    addresses alone, within bounds. Whoever writes the messages then decides what this machine fetches."""

    # --- validation

    @field_validator("cookies", mode="before")
    @classmethod
    def _cookies_as_secret(cls, value: Any) -> SecretStr | None:
        if isinstance(value, SecretStr) or value is None:
            return value
        if isinstance(value, str):
            return SecretStr(value)
        if isinstance(value, GrokCredentials):
            msg = "Pass ready credentials as `credentials=`."
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns a ValueError into its own
        try:
            return SecretStr(json.dumps(plain(value)))
        except ValueError:
            msg = "Cookies are text, a mapping, a cookie jar, or what a browser extension exports."
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
        # Nothing of it is kept in a local variable: those are shown in some tracebacks.
        if not (isinstance(self.cookies, SecretStr) and self.cookies):
            return GrokCredentials.parse(os.environ.get(COOKIES_VARIABLE, ""), base_url=self._service.origin)
        known: tuple[SecretStr, str, GrokCredentials] | None = self.__dict__.get(_PARSED)
        if known is None or known[0] is not self.cookies or known[1] != self.base_url:
            credentials = GrokCredentials.parse(self.cookies.get_secret_value(), base_url=self._service.origin)
            self.__dict__[_PARSED] = known = (self.cookies, self.base_url, credentials)
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
