"""`ChatGrokWeb`: fields and LangChain's hooks.

The hooks that answer stand on one `ModelCall` (`langchain_grokweb.model_call`), which knows how a call goes. A model
holds settings alone: no client, no lock, no conversation. So it can be copied, pickled, shared, and built for every
call.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils import from_env, secret_from_env
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from langchain_grokweb._version import __version__
from langchain_grokweb.call_arguments import for_call, without_values
from langchain_grokweb.client import AvailableMode, GrokWebClient, Service, portal
from langchain_grokweb.client.network import pool
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
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.messages import content_blocks
from langchain_grokweb.messages.accumulator import PROVIDER
from langchain_grokweb.messages.structured.response_format import Method
from langchain_grokweb.messages.tools.toolbox import chosen, definitions
from langchain_grokweb.model_call import ModelCall, RunManager, shown
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.conversation_ids import parse_conversation
from langchain_grokweb.wire.turn import DeepSearch

content_blocks.register()


class ChatGrokWeb(BaseChatModel):
    """Chat model over the grok.com web service, signed in with the user's own browser cookies.

    Unofficial, for one person and that person's own account: automated use may break the site's terms. The official
    road is `langchain-xai`.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb

        model = ChatGrokWeb(model="grok-3-thinking", cookies="sso=...; sso-rw=...")
        answer = model.invoke("Why is the sky blue?")
        answer.text
        answer.additional_kwargs["reasoning_content"]
        answer.response_metadata["grokweb"]["conversation_id"]
        ```

    Send an answer back among the messages of the next call, as LangChain's memory and LangGraph do, and the
    conversation continues at the service: only what is new is uploaded.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    model: str = Field(default="grok-3", alias="model_name", min_length=1)
    """`grok-3`, `grok-3-thinking` (also `grok-3-r1`), `grok-2`, `auto`, `fast`, `expert`, `heavy` or any mode id."""

    cookies: SecretStr | None = Field(
        default_factory=secret_from_env(COOKIES_VARIABLE, default=None), alias="api_key", repr=False
    )
    """Anything that `GrokCredentials.parse` reads: a Cookie header, a mapping, an export, a pasted cURL command. Read
    at first use. Defaults to the environment's `GROKWEB_COOKIES`."""

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

    stop: list[str] | None = Field(default=None, alias="stop_sequences")
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
    """Append `![...](url)` to the text, for front ends that know only markdown."""

    # --- validation

    @field_validator("cookies", mode="before")
    @classmethod
    def _cookies_as_text(cls, value: Any) -> Any:
        if isinstance(value, str | SecretStr) or value is None:
            return value
        if isinstance(value, GrokCredentials):
            msg = "Pass ready credentials as `credentials=`."
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns a ValueError into its own
        try:
            return json.dumps(dict(value) if hasattr(value, "items") else value)
        except TypeError:
            msg = "Cookies are text, a mapping, or what a browser extension exports."
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

    # --- LangChain's hooks: answering. LangChain itself reports chunks to the run managers.

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with await self._open(messages, stop, kwargs, run_manager) as call:
            while (chunks := await call.next_chunks()) is not None:
                for chunk in shown(chunks, run_manager):
                    yield chunk

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._service.check_blocking()
        for chunks in portal.iterate(lambda: self._chunks(messages, stop, kwargs, run_manager)):
            yield from shown(chunks, run_manager)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: RunManager | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with await self._open(messages, stop, kwargs, run_manager) as call:
            return ChatResult(generations=[ChatGeneration(message=await call.whole_message())])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._service.check_blocking()
        return portal.call(lambda: self._agenerate(messages, stop, run_manager, **kwargs))

    async def _chunks(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        run_manager: RunManager | None,
    ) -> AsyncGenerator[list[ChatGenerationChunk], None]:
        async with await self._open(messages, stop, kwargs, run_manager) as call:
            while (chunks := await call.next_chunks()) is not None:
                yield chunks

    async def _open(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        run_manager: RunManager | None,
    ) -> ModelCall:
        settings, arguments = for_call(self, kwargs)
        service, credentials = settings._service, settings._credentials()  # noqa: SLF001 - a copy of this model
        return await ModelCall.open(
            settings,
            service,
            credentials,
            messages,
            stop=stop,
            arguments=arguments,
            may_keep=kwargs.get("temporary") is not None and not settings.temporary,
            run_manager=run_manager,
        )

    # --- where to ask, and who asks

    def _credentials(self) -> GrokCredentials:
        if self.credentials is not None:
            return self.credentials
        # Nothing of it is kept in a local variable: those are shown in some tracebacks.
        return GrokCredentials.parse(
            self.cookies.get_secret_value() if self.cookies else os.environ.get(COOKIES_VARIABLE, ""),
            login_url=self._service.login_url,
        )

    @property
    def _service(self) -> Service:
        return Service(
            base_url=self.base_url,
            assets_url=self.assets_url or assets_of(self.base_url),
            timeout=self.timeout,
            stream_event_timeout=self.stream_event_timeout,
            max_retries=self.max_retries,
            transport=self.transport,
            proxy=self.proxy,
            headers=self.headers,
            http_client=self.http_client,
        )

    # --- tools and structured output, emulated by instruction and parsing

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools for the model to call. The site has none for clients: they are described in the prompt.

        Args:
            tools: Functions, classes, `BaseTool`s or dicts; also the site's own, `{"type": "web_search"}`, `"x_search"`
                and `"image_generation"`.
            tool_choice: `"auto"`, `"none"`, `"any"` (also `"required"`, `True`), a tool's name, or OpenAI's dict.
            parallel_tool_calls: `False` for one call in an answer at most.
            strict: Refuse arguments that the schema does not name; they are checked against it in any case.
            response_format: JSON for the answer where no tool is called, as OpenAI takes it.
            kwargs: Bound as they are.

        Raises:
            ValueError: `tool_choice` names a tool that is not there.
            GrokWebInvalidRequestError: A tool is not understood.
        """
        tool_definitions = definitions(tools, strict=strict)
        chosen(tool_choice, [tool["function"]["name"] for tool in tool_definitions if "function" in tool])
        bound = {
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
            "strict": strict,
            "response_format": response_format,
        }
        arguments = {name: value for name, value in bound.items() if value is not None}
        return self.bind(tools=tool_definitions, **arguments, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """A model that answers with an object of this schema.

        Args:
            schema: A Pydantic class, a `TypedDict`, a JSON schema or an OpenAI function; `json_mode` needs none.
            method: `json_schema` and `json_mode` ask for bare JSON, `function_calling` for a call.
            include_raw: Give `{"raw", "parsed", "parsing_error"}`.
            strict: Accepted; replies are always checked against the schema.
            kwargs: Bound as they are.

        Raises:
            ValueError: The method is unknown, or lacks its schema.
        """
        from langchain_grokweb.messages.structured.runnable import structured  # noqa: PLC0415 - its parsers take long to import

        return structured(self, schema, method, include_raw=include_raw, strict=strict, bound=kwargs)

    # --- what the site has

    async def alist_modes(self) -> list[AvailableMode]:
        """Ask the site which modes it has, and which of them this account may use.

        Raises:
            GrokWebError: It could not be asked.
        """
        return await GrokWebClient.over(self._service, self._credentials()).modes()

    async def aload_conversation(self, conversation: str, response_id: str | None = None) -> list[BaseMessage]:
        """A conversation of this account as messages that a call can continue: it then sends only what is new.

        Its answers carry reasoning, citations, pictures and links as this model's own do. A question is loaded as the
        text that the site keeps; where a chain sent several messages at once, that is their transcript.

        Args:
            conversation: Its id, or its address: `https://grok.com/c/<id>`, also with `?rid=<response id>`.
            response_id: Where to end: a response of it. Without one, at the newest response that nothing follows.

        Raises:
            GrokWebInvalidRequestError: This is neither an id nor an address of grok.com.
            GrokWebConversationNotFoundError: There is no such conversation, or no such response in it.
            GrokWebError: It could not be fetched.
        """
        from langchain_grokweb.messages.from_stored import to_messages  # noqa: PLC0415 - few models load anything

        _, named = parse_conversation(conversation)
        credentials = self._credentials()
        stored = await GrokWebClient.over(self._service, credentials).conversation(conversation)
        path = stored.path(response_id or named)
        return to_messages(
            stored.id, path, credentials.account, temporary=stored.temporary, image_markdown=self.image_markdown
        )

    def load_conversation(self, conversation: str, response_id: str | None = None) -> list[BaseMessage]:
        """See `aload_conversation`."""
        self._service.check_blocking()
        return portal.call(lambda: self.aload_conversation(conversation, response_id))

    # --- connections, which belong to the event loop and not to the model

    async def aclose(self) -> None:
        """Close the connections that this event loop keeps for later calls, of this model and of all others.

        A loop closes them when it ends, so only a long-lived one that is done for now needs this. Turns in flight are
        left alone, and the model can be used again. `async with` does the same at its end.
        """
        await pool.close_idle()

    def close(self) -> None:
        """`aclose` for the connections of blocking calls."""
        if portal.has_begun():
            portal.call(pool.close_idle)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- LangChain's hooks: describing

    @property
    def _llm_type(self) -> str:
        return "grokweb-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = (
            "model",
            "base_url",
            "transport",
            "conversation",
            "temporary",
            "search",
            "image_generation",
            "deep_search",
            "stop",
        )
        return {name: getattr(self, name) for name in names}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = kwargs.get("model") or self.model
        params.pop("ls_temperature", None)  # without effect, as is the next one
        params.pop("ls_max_tokens", None)
        return params

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        return f"{super()._get_llm_string(stop=stop, **kwargs)}---{self._credentials().account}"

    def _resolve_model_profile(self) -> ModelProfile:
        return ModelProfile(
            max_input_tokens=131_072,  # what xAI says of Grok 3
            text_inputs=True,
            text_outputs=True,
            image_inputs=True,
            image_url_inputs=False,
            image_tool_message=True,
            pdf_inputs=True,
            pdf_tool_message=True,
            audio_inputs=False,  # they are uploaded, but nothing shows that the site's models listen
            video_inputs=False,
            image_outputs=self.image_generation,
            reasoning_output=modes.resolve(self.model).thinks,
            tool_calling=True,
            tool_choice=True,
            structured_output=True,
        )

    def get_num_tokens(self, text: str) -> int:
        """About how many tokens a text has: the site publishes no tokenizer."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return self.get_num_tokens_from_messages([HumanMessage(text)])

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """About how many tokens messages have, by their length alone; tools are counted where LangChain can."""
        return count_tokens_approximately(messages, tools=[convert_to_openai_tool(tool) for tool in tools or []])

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a text's tokens, with `custom_get_token_ids`.

        Raises:
            NotImplementedError: The site publishes no tokenizer.
        """
        if self.custom_get_token_ids is None:
            msg = "grok.com publishes no tokenizer: pass `custom_get_token_ids=`, or use `get_num_tokens`."
            raise NotImplementedError(msg)
        return self.custom_get_token_ids(text)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain may serialize it: yes, with the cookies as a reference to the environment."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Which fields are secret, and the environment variables that hold them."""
        return {"cookies": COOKIES_VARIABLE}

    # --- copying

    def __getstate__(self) -> dict[Any, Any]:
        """For a pickle, which may go anywhere: without credentials, and what may hold a secret or belongs to a loop."""
        state = super().__getstate__()
        left = dict.fromkeys(("cookies", "credentials", "proxy", "headers", "http_client"))
        state["__dict__"] = {**state["__dict__"], **left}
        return state

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        memo[id(self.http_client)] = self.http_client  # the user's, and not ours to copy
        return super().__deepcopy__(memo)
