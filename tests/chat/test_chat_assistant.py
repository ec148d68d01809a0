"""A model of LangChain answers in the emulator, and our model asks it."""

from __future__ import annotations

import base64
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import anyio
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from paths import added
from pydantic import Field

from langchain_grokweb import ChatGrokWeb, GrokWebError, GrokWebServerError
from langchain_grokweb.testing import GrokEmulator

HANG_SECONDS = 30
TOOL = {"title": "add", "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
CALL = tool_call_chunk(name="add", args='{"a": 1, "b": 2}', id="c", index=0)
FILE = {"type": "file", "base64": base64.b64encode(b"1,2").decode(), "mime_type": "text/csv"}


class Scripted(BaseChatModel):
    """Streams its answers: each step is a chunk, an error to raise, or something to wait for."""

    answers: list[Sequence[Any]]
    seen: list[Any] = Field(default_factory=list)
    left: list[bool] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, messages: Any, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.seen.append(messages[-1].content)
        try:
            for step in self.answers.pop(0):
                if isinstance(step, Exception):
                    raise step
                if callable(step):
                    await anyio.to_thread.run_sync(step, abandon_on_cancel=True)
                else:
                    yield ChatGenerationChunk(
                        message=step if isinstance(step, AIMessageChunk) else AIMessageChunk(step)
                    )
        finally:
            self.left.append(True)


def waits_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        assert event.wait(HANG_SECONDS)

    return wait


def thought(text: str) -> AIMessageChunk:
    return AIMessageChunk("", additional_kwargs={"reasoning_content": text})


def model_over(grok: GrokEmulator, wire: str) -> ChatGrokWeb:
    return ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, model="expert", transport=wire, max_retries=0)


def test_words_and_thoughts_come_as_the_model_gives_them_and_calls_and_files_after_them(wire):
    heard, heard_more = threading.Event(), threading.Event()
    steps = [
        thought("A sum"), waits_for(heard), thought("?"), "Adding ", waits_for(heard_more), "them.",
        AIMessageChunk("", tool_call_chunks=[CALL]), AIMessageChunk(content=[FILE]),
    ]  # fmt: skip
    with GrokEmulator(assistant=Scripted(answers=[steps])) as grok:
        chunks = []
        for chunk in model_over(grok, wire).bind_tools([TOOL]).stream("1 + 2"):
            chunks.append(chunk)
            if chunk.additional_kwargs.get("reasoning_content"):
                heard.set()
            if "Adding" in chunk.text:
                heard_more.set()
        answer = added(chunks)
        assert answer.text.strip() == "Adding them."
        assert answer.additional_kwargs["reasoning_content"].endswith("A sum?")
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("add", {"a": 1, "b": 2})]
        (file,) = answer.additional_kwargs["files"]
        assert file["mime_type"] == "text/csv"
        stored = grok.turns[0].text
        assert "Adding them." in stored


def test_what_it_raises_comes_after_what_it_said_and_it_gets_the_history_and_the_files(wire):
    model = Scripted(answers=[["So ", "far", ValueError("broken")], [ValueError("at once")], ["A picture."]])
    with pytest.raises(ValueError, match="broken"), GrokEmulator(assistant=model) as grok:
        ours = model_over(grok, wire)
        with pytest.raises(GrokWebError) as raised:
            ours.invoke("q")
        assert raised.value.partial is not None
        assert raised.value.partial.text.startswith("So far")
        assert "broken" in raised.value.partial.text
        with pytest.raises(GrokWebServerError):
            ours.invoke("q")
        picture = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
        assert ours.invoke([HumanMessage([{"type": "text", "text": "What?"}, picture])]).text == "A picture."
        assert (model.seen[-1][1]["type"], model.seen[-1][1]["base64"]) == ("image", "iVBORw0KGgo=")


def test_who_leaves_ends_the_models_stream_and_a_chain_of_texts_is_streamed_too(wire):
    never = threading.Event()
    model = Scripted(answers=[["One ", waits_for(never)], ["Two ", "words"]])
    with GrokEmulator(assistant=model) as grok:
        ours = model_over(grok, wire)
        stream = ours.stream("q")
        assert next(chunk.text for chunk in stream if chunk.text)
        stream.close()
        grok.wait_for_turns(status="stopped")
        never.set()
    with GrokEmulator(assistant=model | RunnableLambda(lambda message: message.text)) as grok:
        assert model_over(grok, wire).invoke("q").text == "Two words"
    assert model.left == [True, True]
