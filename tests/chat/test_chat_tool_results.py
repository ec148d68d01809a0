"""Whatever a tool returns can be sent: nothing, blanks, data in blocks, what is only an address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from paths import PATHS

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.messages.content import parts, text_of
from langchain_grokweb.testing import GrokEmulator

ADDRESS = "https://example.com/a.png"
PNG = "iVBORw0KGgo="
CALL = {"name": "look", "args": {}}
THREAD: Any = {"configurable": {"thread_id": "1"}}

# What a tool may return, and the text that goes out for it.
RESULTS: dict[str, tuple[Any, str]] = {
    "nothing": ("", ""),
    "blanks": (" \n ", " \n "),
    "an empty list": ([], ""),
    "an empty text block": ([{"type": "text", "text": ""}], ""),
    "json": ([{"type": "json", "json": {"a": [1, "ü"]}}], '{"type": "json", "json": {"a": [1, "ü"]}}'),
    "data that holds text": ([{"type": "json", "text": "a", "n": 5}], '{"type": "json", "text": "a", "n": 5}'),
    "a search result": (
        [{"type": "search_result", "title": "T", "source": "https://example.com", "content": [{"type": "text"}]}],
        '{"type": "search_result", "title": "T", "source": "https://example.com", "content": [{"type": "text"}]}',
    ),
    "a directory": (
        [{"type": "file", "path": "a.txt", "size": 3}, {"type": "file", "file": "b", "data": "test"}],
        '{"type": "file", "path": "a.txt", "size": 3}\n{"type": "file", "file": "b", "data": "test"}',
    ),
    "a picture without a source": ([{"type": "image", "name": "x.png", "width": 2}],
        '{"type": "image", "name": "x.png", "width": 2}'),
    "rows without a type": ([{"name": "a"}, {"name": "b"}], '{"name": "a"}\n{"name": "b"}'),
    "text and data": ([{"type": "text", "text": "Rows:"}, {"type": "json", "n": 1}], 'Rows:\n{"type": "json", "n": 1}'),
    "texts": ([{"type": "text", "text": "one "}, "two"], "one two"),
    "plain text": ([{"type": "text-plain", "text": "words"}], "words"),
    "a text of an unknown type": ([{"type": "markdown", "text": "# A"}], "# A"),
    "a document of text": (
        [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}],
        '{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}',
    ),
    "thoughts": ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}], "yes"),
    "a picture by address": ([{"type": "image_url", "image_url": {"url": ADDRESS}}],
        f"[image not shown here: {ADDRESS}]"),
    "a picture": ([{"type": "image", "base64": PNG, "mime_type": "image/png"}], "[image attached: image-1.png]"),
    "a picture of an MCP server": (
        [
            {"type": "text", "text": "Here:"},
            {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        ],
        "Here:\n[image attached: image-1.png]",
    ),
}  # fmt: skip


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


def element(text: str) -> str:
    return f'<message role="tool" name="look" call_id="1">\n{text}\n</message>'


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_is_always_something_to_send(grok, model, kind, path):
    content, text = RESULTS[kind]
    grok.reply("Done.")
    calling = AIMessage("", tool_calls=[{**CALL, "id": "1"}])
    result = ToolMessage(content, name="look", tool_call_id="1")
    assert PATHS[path](model, [HumanMessage("Look."), calling, result]).text == "Done."
    assert element(text) in grok.turns[-1].prompt


def looking(content: Any) -> StructuredTool:
    """A tool that gives this, as an MCP server's tool does: content and an artifact."""

    def look() -> tuple[Any, None]:
        """Look."""
        return content, None

    return StructuredTool.from_function(look, response_format="content_and_artifact")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", RESULTS)
def test_an_agent_continues_after_any_result(grok, model, kind, is_async):
    grok.reply(tool_calls=[CALL])
    grok.reply("Done.")
    agent = create_agent(model, [looking(RESULTS[kind][0])])
    asked: Any = {"messages": [HumanMessage("Look.")]}
    state = asyncio.run(agent.ainvoke(asked)) if is_async else agent.invoke(asked)
    assert state["messages"][-1].text == "Done."
    assert len(grok.turns) == 2


@pytest.mark.wire("rest")
@pytest.mark.parametrize("kind", RESULTS)
def test_a_thread_that_was_stuck_continues(grok: GrokEmulator, make_model: Callable[..., ChatGrokWeb], kind: str):
    """An older version left a thread with a result that could not be sent; the next run of the thread answers it."""
    saver = InMemorySaver()
    grok.reply(tool_calls=[CALL])
    tool = looking(RESULTS[kind][0])
    stuck = create_agent(make_model(), [tool], checkpointer=saver, interrupt_after=["tools"])
    stuck.invoke({"messages": [HumanMessage("Look.")]}, THREAD)
    assert isinstance(stuck.get_state(THREAD).values["messages"][-1], ToolMessage)

    grok.reply("Done.")
    again = create_agent(make_model(), [tool], checkpointer=saver)
    assert again.invoke(None, THREAD)["messages"][-1].text == "Done."
    assert grok.turns[-1].prompt.startswith("Below")
    grok.reply("Still here.")
    state = again.invoke({"messages": [HumanMessage("And now?")]}, THREAD)
    assert state["messages"][-1].text == "Still here."
    assert grok.turns[-1].prompt == "And now?"  # the turn with the result is proven: only what is new is sent


def test_the_text_of_a_result_is_what_is_sent():
    for content, _ in RESULTS.values():
        message = ToolMessage(content, tool_call_id="1")
        assert text_of(message) == "".join(part for part in parts(message) if isinstance(part, str))


def test_data_of_any_kind_is_readable():
    row = {"type": "row", "when": json.loads("1e400"), "names": ["ä"]}
    assert json.loads(text_of(ToolMessage([row], tool_call_id="1")))["names"] == ["ä"]
