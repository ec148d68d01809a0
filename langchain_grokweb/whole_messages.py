"""What a message is must not depend on how LangChain came by it: from an answer, from a stream within, from a cache."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult

from langchain_grokweb.messages.accumulator import PREVIEWS_KEY


class WholeMessages(BaseChatModel):
    """A chat model whose whole messages are the same on every way.

    - LangChain streams within `invoke` where a handler or `streaming` asks for it; previews of pictures are for
      whoever reads the stream.
    - On an answer from a cache it notes a cost of 0, and makes a usage of it that it cannot load again.
    """

    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _whole(super()._generate_with_cache(messages, stop, run_manager, **kwargs))

    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _whole(await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs))


def _whole(result: ChatResult) -> ChatResult:
    for generation in result.generations:
        message = generation.message
        message.additional_kwargs.pop(PREVIEWS_KEY, None)
        if isinstance(message, AIMessage) and "total_tokens" not in (message.usage_metadata or {}):
            message.usage_metadata = None
    return result
