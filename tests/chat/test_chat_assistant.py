"""A model of LangChain answers in the emulator, and our model asks it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

from langchain_grokweb import ChatGrokWeb, GrokWebServerError
from langchain_grokweb.testing import GrokEmulator


def test_a_langchain_models_thoughts_calls_and_errors_come_through_and_it_gets_the_files(wire):
    seen: list[Any] = []

    class Scripted(GenericFakeChatModel):
        def _generate(self, messages, *args, **kwargs):
            seen.append(messages[-1].content)
            return super()._generate(messages, *args, **kwargs)

    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c"}
    answers = [
        AIMessage("Adding.", tool_calls=[call], additional_kwargs={"reasoning_content": "Sum?"}),
        AIMessage("A file."),
    ]
    with GrokEmulator(assistant=Scripted(messages=iter(answers))) as grok:
        model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, model="grok-3-thinking", transport=wire)
        tool = {"title": "add", "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
        answer = model.bind_tools([tool]).invoke("1 + 2")
        assert [(made["name"], made["args"]) for made in answer.tool_calls] == [("add", {"a": 1, "b": 2})]
        assert answer.additional_kwargs["reasoning_content"] == "Sum?"
        picture = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
        assert model.invoke([HumanMessage([{"type": "text", "text": "What?"}, picture])]).text == "A file."
        assert (seen[-1][1]["type"], seen[-1][1]["base64"]) == ("image", "iVBORw0KGgo=")
        with pytest.raises(GrokWebServerError):  # it has no more answers
            model.invoke("q")
