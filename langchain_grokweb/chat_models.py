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
from langchain_grokweb.whole_messages import WholeMessages
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.conversation_ids import parse_conversation

content_blocks.register()


class ChatGrokWeb(WholeMessages, GrokWebFields):
    """Chat model over the grok.com web service, signed in with the cookies of your own browser.

    This package is unofficial, and made for one person with that person's own account: automated use may break the
    site's terms. The official integration is `langchain-xai`. The constructor takes the fields of `GrokWebFields`.

    Every method that asks the site may raise an error of `langchain_grokweb.errors`.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb

        model = ChatGrokWeb(model="grok-3-thinking", cookies="sso=...; sso-rw=...")
        answer = model.invoke("Why is the sky blue?")
        answer.text
        answer.additional_kwargs["reasoning_content"]
        answer.response_metadata["grokweb"]["conversation_id"]
        ```

    Send an answer back among the messages of the next call, as LangGraph's memory does, and the conversation
    continues at the service: the call uploads only the new messages.
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
        """Stream an answer as chunks, as every chat model does.

        Args:
            input: The messages, or text.
            config: LangChain's configuration of the run.
            stop: Stop sequences, in place of the model's own.
            kwargs: Fields for this call alone, such as `search=False`, and LangChain's own arguments.

        Raises:
            GrokWebInvalidRequestError: The caller runs under trio, or an argument is unknown or has a wrong value.
            GrokWebError: The answer failed. After the first chunk, `.partial` holds the message so far.
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
        """Answer several lists of messages, as every chat model does. `ainvoke` and `abatch` call it.

        Args:
            messages: One list of messages for each answer.
            stop: Stop sequences, in place of the model's own.
            callbacks: LangChain's callbacks.
            kwargs: Fields for this call alone, and LangChain's own arguments.

        Raises:
            GrokWebInvalidRequestError: The caller runs under trio, or an argument is unknown or has a wrong value.
            GrokWebError: An answer failed.
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
        """A model that may call these tools.

        The site has no tool calls for clients. The prompt describes the tools, and the calls in the answer are parsed,
        checked against the tools' schemas, and repaired in a further turn (`tool_repair_attempts`).

        Args:
            tools: Functions, classes, `BaseTool`s or dicts; also the site's own tools, `{"type": "web_search"}`,
                `{"type": "x_search"}` and `{"type": "image_generation"}`.
            tool_choice: `"auto"`, `"none"`, `"any"` (also `"required"` or `True`), a tool's name, or OpenAI's dict.
            parallel_tool_calls: `False` allows at most one call in an answer.
            strict: `True` also refuses arguments that the schema does not name.
            response_format: The JSON format of an answer that calls no tool, in OpenAI's form.
            kwargs: Bound as they are.

        Raises:
            ValueError: `tool_choice` names a tool that is not bound.
            GrokWebInvalidRequestError: A tool's definition cannot be used.

        Example:
            ```python
            from langchain_grokweb import ChatGrokWeb

            def add(a: int, b: int) -> int:
                '''Add two numbers.'''
                return a + b

            model = ChatGrokWeb().bind_tools([add])
            print(model.invoke("What is 2 + 3? Use the tool add.").tool_calls)
            ```
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

        The result is an instance of a Pydantic class, and a `dict` for any other schema. `stream` yields the object as
        it grows. A call raises `GrokWebToolCallError` for a reply that stays wrong after its repair.

        Args:
            schema: A Pydantic class, a `TypedDict`, a JSON schema or an OpenAI function; `json_mode` needs none.
            method: `json_schema` and `json_mode` ask for plain JSON, `function_calling` asks for a tool call.
            include_raw: Return `{"raw", "parsed", "parsing_error"}`, also for a reply that stays wrong.
            strict: Accepted for compatibility: replies are always checked against the schema.
            kwargs: Bound as they are.

        Raises:
            ValueError: The method is unknown, or needs a schema.

        Example:
            ```python
            from pydantic import BaseModel
            from langchain_grokweb import ChatGrokWeb

            class City(BaseModel):
                name: str
                country: str

            model = ChatGrokWeb().with_structured_output(City)
            print(model.invoke("Name a city in Japan."))
            ```
        """
        from langchain_grokweb.messages.structured.runnable import structured  # noqa: PLC0415 - its parsers take long to import

        return structured(self, schema, method, include_raw=include_raw, strict=strict, bound=kwargs)

    # --- what the site has

    async def alist_modes(self) -> list[AvailableMode]:
        """The modes that the site has, and whether this account may use each.

        Raises:
            GrokWebError: The request failed.
        """
        return await GrokWebClient.over(self._service, await self._acredentials()).modes()

    async def aquota(self) -> list[Quota]:
        """How many requests are left in each mode that this account may use.

        Numbers that the site does not give are `None`. When its anti-bot rule refuses the request, all numbers are
        `None`, and one log line says so.

        Raises:
            GrokWebError: The request failed.
        """
        return await GrokWebClient.over(self._service, await self._acredentials()).quota()

    def quota(self) -> list[Quota]:
        """`aquota` without `await`. Raises the same errors."""
        self._service.check_blocking()
        return portal.call(self.aquota)

    async def aload_conversation(self, conversation: str, response_id: str | None = None) -> list[BaseMessage]:
        """A conversation of this account, as messages that a call can continue.

        A call that sends these messages and a new one uploads only the new one. The answers have reasoning, citations,
        pictures and links, as the answers of this model have. A question is the text that the site keeps: if a chain
        sent several messages at once, it is their transcript.

        Args:
            conversation: The conversation's id, or its address: `https://grok.com/c/<id>`, also with
                `?rid=<response id>`.
            response_id: The last response to load. By default: the newest one.

        Raises:
            GrokWebInvalidRequestError: `conversation` is neither an id nor an address of grok.com.
            GrokWebConversationNotFoundError: The account has no such conversation, or it has no such response.
            GrokWebError: The request failed.

        Example:
            ```python
            from langchain_grokweb import ChatGrokWeb

            def ask_again(address: str) -> str:
                model = ChatGrokWeb()
                messages = model.load_conversation(address)
                return model.invoke([*messages, ("human", "Say it in one sentence.")]).text
            ```
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
        """`aload_conversation` without `await`. Raises the same errors."""
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
        """Download a picture, a file or a video that Grok made: its bytes, or the path of the written file.

        Args:
            item: An entry of a message's `images`, `files` or `videos`, a content block, or an address on grok.com's
                host of pictures and files.
            path: The file or the directory to write to. Without it, the bytes are returned.
            progress: Called with the bytes so far, and the total in bytes or `None`.
            max_bytes: The largest size to accept, in bytes. By default: 256 MiB, which is also the limit.

        Raises:
            GrokWebError: The download failed; see `GrokWebClient.download`.
            OSError: The file cannot be written.
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
        """`adownload` without `await`. `progress` is called in another thread."""
        self._service.check_blocking()
        return portal.call(partial(self.adownload, item, path, progress, max_bytes=max_bytes))

    # --- connections, which belong to the event loop and not to the model

    async def aclose(self) -> None:
        """Close the idle connections of this event loop, also those of other models.

        An event loop closes them when it ends, so only a long-lived loop needs this. Running answers continue, and the
        model can be used again. `async with` does the same at its end.
        """
        await pool.close_idle()

    def close(self) -> None:
        """Close the idle connections of blocking calls, also those of other models."""
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
        fields = self.__dict__  # an attribute is found in there, but slowly
        return {name: fields[name] for name in names}

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
        """The approximate number of tokens of a text: the site publishes no tokenizer."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return self.get_num_tokens_from_messages([HumanMessage(text)])

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """The approximate number of tokens of messages and tools, by their length alone."""
        return count_tokens_approximately(messages, tools=[convert_to_openai_tool(tool) for tool in tools or []])

    def get_token_ids(self, text: str) -> list[int]:
        """The token ids of a text, from `custom_get_token_ids`.

        Raises:
            NotImplementedError: `custom_get_token_ids` is not set, and the site publishes no tokenizer.
        """
        if self.custom_get_token_ids is None:
            msg = "grok.com publishes no tokenizer. Pass `custom_get_token_ids=`, or use `get_num_tokens`."
            raise NotImplementedError(msg)
        return self.custom_get_token_ids(text)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """`True`: LangChain can serialize the model, with `GROKWEB_COOKIES` in place of the cookies."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The secret fields, and the environment variables that hold them."""
        return {"cookies": COOKIES_VARIABLE}
