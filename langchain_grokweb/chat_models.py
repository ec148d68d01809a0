"""`ChatGrokWeb`: LangChain's hooks, over the fields of `langchain_grokweb.model_fields`.

The hooks that answer stand on one `ModelCall` (`langchain_grokweb.model_call`), which knows how a call goes. A model
holds settings alone: no client, no lock, no conversation. So it can be copied, pickled, shared, and built for every
call.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, overload

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from langchain_grokweb.call_arguments import for_call
from langchain_grokweb.client import AvailableMode, GrokWebClient, Quota, portal
from langchain_grokweb.client.network import pool
from langchain_grokweb.client.service import COOKIES_VARIABLE
from langchain_grokweb.messages import content_blocks
from langchain_grokweb.messages.accumulator import PROVIDER
from langchain_grokweb.messages.answer_content import DATA_KEY, image_data
from langchain_grokweb.messages.structured.response_format import Method
from langchain_grokweb.messages.tools.toolbox import chosen, definitions
from langchain_grokweb.model_call import ModelCall, RunManager, shown
from langchain_grokweb.model_fields import GrokWebFields
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.conversation_ids import parse_conversation

content_blocks.register()


class ChatGrokWeb(GrokWebFields):
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

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - as LangChain calls it
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Stream an answer, as every chat model does.

        Raises:
            GrokWebInvalidRequestError: The caller runs under trio.
        """
        pool.refuse_trio()
        return super().astream(input, config, stop=stop, **kwargs)

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Answer several times, as every chat model does; `ainvoke` and `abatch` come here too.

        Raises:
            GrokWebInvalidRequestError: The caller runs under trio.
        """
        pool.refuse_trio()
        return await super().agenerate(messages, stop, callbacks, **kwargs)

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
        service, credentials = settings._service, await settings._acredentials()  # noqa: SLF001 - a copy of this model
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
        return await GrokWebClient.over(self._service, await self._acredentials()).modes()

    async def aquota(self) -> list[Quota]:
        """Ask the site what is left of each mode that this account may use, as far as it says.

        Where its anti-bot rule refuses, all numbers are `None`, and a log line says so once.

        Raises:
            GrokWebError: It could not be asked.
        """
        return await GrokWebClient.over(self._service, await self._acredentials()).quota()

    def quota(self) -> list[Quota]:
        """See `aquota`."""
        self._service.check_blocking()
        return portal.call(self.aquota)

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
        credentials = await self._acredentials()
        stored = await GrokWebClient.over(self._service, credentials).conversation(conversation)
        path = stored.path(response_id or named)
        messages = to_messages(
            stored.id, path, credentials.account, temporary=stored.temporary, image_markdown=self.image_markdown
        )
        if self.image_output == "base64":
            for message in messages:
                await self._add_bytes(message)
        return messages

    async def _add_bytes(self, message: BaseMessage) -> None:
        """Fetch the pictures of a stored answer."""
        if entries := message.additional_kwargs.get("images"):
            pictures = GrokWebClient.over(self._service, await self._acredentials()).pictures()
            pictures.begin(entries)
            fetched = await pictures.rest()
            message.additional_kwargs[DATA_KEY] = [
                image_data(one.id, one.mime_type, one.base64, one.error) for one in fetched
            ]

    def load_conversation(self, conversation: str, response_id: str | None = None) -> list[BaseMessage]:
        """See `aload_conversation`."""
        self._service.check_blocking()
        return portal.call(lambda: self.aload_conversation(conversation, response_id))

    @overload
    async def adownload(
        self,
        item: str | Mapping[str, Any],
        path: None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes: ...

    @overload
    async def adownload(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str],
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Path: ...

    async def adownload(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes | Path:
        """The bytes of a picture, a file or a video that Grok made; or the path that they were written to.

        See `GrokWebClient.download`.
        """
        client = GrokWebClient.over(self._service, await self._acredentials())
        return await client.download(item, path, progress, max_bytes=max_bytes)

    @overload
    def download(
        self,
        item: str | Mapping[str, Any],
        path: None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes: ...

    @overload
    def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str],
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Path: ...

    def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes | Path:
        """See `adownload`; `progress` is called in another thread."""
        self._service.check_blocking()
        return portal.call(partial(self.adownload, item, path, progress, max_bytes=max_bytes))

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
            max_input_tokens=131_072,  # a guess: what clients of 2025 assume, and less than grok-4 has (rest.md 5)
            text_inputs=True,
            text_outputs=True,
            image_inputs=True,
            image_url_inputs=self.fetch_urls,
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
