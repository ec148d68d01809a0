"""The four ways to an answer. Each gives the finished message; `previews` are what only a stream shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message

from langchain_grokweb import ChatGrokWeb

Path = Callable[..., BaseMessage]


def added(chunks: Iterable[AIMessageChunk]) -> AIMessage:
    """A stream's chunks as one message, without the previews, which are of the stream alone."""
    whole: Any = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    message = message_chunk_to_message(whole)
    message.additional_kwargs.pop("image_previews", None)
    return message


def invoke(model: ChatGrokWeb, messages: Any, **kwargs: Any) -> AIMessage:
    return model.invoke(messages, **kwargs)


def ainvoke(model: ChatGrokWeb, messages: Any, **kwargs: Any) -> AIMessage:
    return asyncio.run(model.ainvoke(messages, **kwargs))


def stream(model: ChatGrokWeb, messages: Any, **kwargs: Any) -> AIMessage:
    return added(model.stream(messages, **kwargs))


def astream(model: ChatGrokWeb, messages: Any, **kwargs: Any) -> AIMessage:
    async def chunks() -> list[AIMessageChunk]:
        return [chunk async for chunk in model.astream(messages, **kwargs)]

    return added(asyncio.run(chunks()))


PATHS: dict[str, Path] = {"invoke": invoke, "ainvoke": ainvoke, "stream": stream, "astream": astream}
