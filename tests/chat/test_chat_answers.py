"""What a message carries, and that all four ways to it give the same."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph
from paths import PATHS

from langchain_grokweb import GrokWebServerError

RICH: dict[str, Any] = {
    "text": "Foxes are **red** <b>and</b> quick 🦊. See more.",
    "reasoning": "What is a fox?",
    "search": [{"query": "foxes", "results": [{"url": "https://e.com/f", "title": "Foxes", "snippet": "Red."}]}],
    "citations": [{"url": "https://e.com/f", "title": "Foxes", "after": "quick"}, {"url": "https://x.com/a/status/1"}],
    "images": ["a red fox"],
    "title": "All about foxes",
}


def everything(message: Any) -> Any:
    """What must be equal: all but the ids that are each run's own."""
    own = {"id", "response_id", "conversation_id"}
    metadata = {key: value for key, value in message.response_metadata.items() if key not in own}
    metadata["grokweb"] = {key: value for key, value in metadata["grokweb"].items() if key not in own}
    kwargs = dict(message.additional_kwargs)
    kwargs["images"] = [
        {k: v for k, v in image.items() if k not in {"id", "url"}} for image in kwargs.get("images", [])
    ]
    kwargs["server_tools"] = [
        {**tool, "id": None, "output": None if tool["name"] == "generate_image" else tool["output"]}
        for tool in kwargs.get("server_tools", [])
    ]
    return message.content, kwargs, metadata, message.tool_calls, message.usage_metadata


@pytest.mark.parametrize("name", ["grok-3", "grok-3-thinking", "auto"])
def test_all_four_paths_give_equal_messages(grok, make_model, name):
    found = {}
    for way, path in PATHS.items():
        grok.reply(**RICH)
        found[way] = everything(path(make_model(model=name), "Tell me about foxes."))
    assert all(message == found["invoke"] for message in found.values())
    content, kwargs, metadata, *_ = found["invoke"]
    assert content == RICH["text"]
    assert kwargs["reasoning_content"] == "What is a fox?"
    assert [(c["url"], c["kind"], c["start_index"]) for c in kwargs["citations"]] == [
        ("https://e.com/f", "web", RICH["text"].index("quick") + 5),
        ("https://x.com/a/status/1", "x", len(RICH["text"])),
    ]
    assert kwargs["server_tools"][0]["name"] == "web_search"
    assert kwargs["server_tools"][0]["output"] == RICH["search"][0]["results"]
    assert len(kwargs["images"]) == 1
    assert metadata["grokweb"]["title"] == "All about foxes"
    assert metadata["finish_reason"] == "stop"
    assert metadata["model_name"] == name


def makes_pictures(block: Any, message: Any) -> bool:
    """The gateway tells of the tool that makes pictures, the conversations endpoint does not."""
    tools = [t["id"] for t in message.additional_kwargs["server_tools"] if t["name"] == "generate_image"]
    return block.get("id") in tools or block.get("tool_call_id") in tools


@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_content_blocks(grok, make_model, name):
    grok.reply(**RICH)
    message = make_model(model=name).invoke("Tell me about foxes.")
    blocks = [block for block in message.content_blocks if not makes_pictures(block, message)]
    assert [block["type"] for block in blocks] == [
        "reasoning",
        "server_tool_call",
        "server_tool_result",
        "text",
        "image",
    ]
    assert blocks[0]["reasoning"] == "What is a fox?"
    assert blocks[1]["id"] == blocks[2]["tool_call_id"]
    assert [citation["url"] for citation in blocks[3]["annotations"]] == ["https://e.com/f", "https://x.com/a/status/1"]
    assert blocks[4]["url"] == message.additional_kwargs["images"][0]["url"]


@pytest.mark.filterwarnings("ignore:The method `BaseChatModel._achat_model_stream_v3` is in beta")
async def test_blocks_are_the_same_by_every_road_that_langchain_has(grok, make_model):
    found = []
    for settings in ({}, {"output_version": "v1"}):
        model = make_model(model="auto", **settings)
        grok.reply(**RICH)
        found.append((await model.ainvoke("Foxes?")).content_blocks)
        grok.reply(**RICH)
        whole: Any = None
        async for chunk in model.astream("Foxes?"):
            whole = chunk if whole is None else whole + chunk
        found.append(whole.content_blocks)
    grok.reply(**RICH)
    events = await make_model(model="auto").astream_events("Foxes?", version="v3")
    async with events:
        found.append((await events.output).content_blocks)
    assert [shapes(blocks) for blocks in found] == [shapes(found[0])] * len(found)


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}
LONG = " ".join(f"word{number}" for number in range(400))
ANSWERS: dict[str, dict[str, Any]] = {
    "words": {"text": LONG},
    "thoughts": {"text": LONG, "reasoning": f"Hm. {LONG}"},
    "a call": {"text": "I look.", "tool_calls": [{"name": "look", "args": {"at": "foxes"}}]},
    "calls alone": {"text": "", "tool_calls": [{"name": "look", "args": {"at": at}} for at in ("a", "🦊")]},
    "a call after thoughts": {"text": "", "reasoning": LONG, "tool_calls": [{"name": "look", "args": {}}]},
    "pictures": {"text": "Two foxes.", "images": ["a red fox", "a blue fox"]},
    "citations": {key: RICH[key] for key in ("text", "search", "citations")},
    "all": RICH,
}


@pytest.mark.filterwarnings("ignore:The method `BaseChatModel._achat_model_stream_v3` is in beta")
async def test_events_of_version_3_make_the_message_that_is_invoked(grok, make_model):
    model = make_model(model="auto")
    for name, answer in ANSWERS.items():
        options = {"tools": [TOOL]} if "tool_calls" in answer else {}
        grok.reply(**answer)
        invoked = await model.ainvoke("Foxes?", **options)
        grok.reply(**answer)
        async with await model.astream_events("Foxes?", version="v3", **options) as events:
            message = await events.output
        assert shapes(message.content_blocks) == shapes(invoked.content_blocks), name
        calls = [[(call["name"], call["args"]) for call in one.tool_calls] for one in (message, invoked)]
        assert calls[0] == calls[1], name
        assert len(calls[0]) == len(answer.get("tool_calls", [])), name
        assert message.text == invoked.text, name
        assert message.additional_kwargs.keys() == invoked.additional_kwargs.keys(), name
        links = [everything(one)[2]["grokweb"] for one in (message, invoked)]
        for link in links:  # each conversation has its own
            link.pop("tools_hash", None)
            link.pop("tools_salt", None)
        assert links[0] == links[1], name


def shapes(blocks: Any) -> list[Any]:
    """What blocks are, in their order; ids differ from turn to turn."""
    keys = ("type", "text", "reasoning", "name", "status")
    titles = [[(a["url"], a.get("title")) for a in block.get("annotations", [])] for block in blocks]
    return [({key: block.get(key) for key in keys}, of_it) for block, of_it in zip(blocks, titles, strict=True)]


def test_previews_are_chunks_of_the_stream_and_no_part_of_the_message(grok, model):
    grok.reply("Here.", images=["a fox"])
    chunks = list(model.stream("Draw a fox"))
    previews = [p for chunk in chunks for p in chunk.additional_kwargs.get("image_previews", [])]
    assert [preview["progress"] for preview in previews] == [50]
    grok.reply("Here.", images=["a fox"])
    assert "image_previews" not in model.invoke("Draw a fox").additional_kwargs


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_previews_are_in_no_message_that_was_streamed_within(grok, make_model, way):
    model = make_model(streaming=True)
    grok.reply("Here.", images=["a fox"])
    message = await model.ainvoke("Draw a fox") if way == "ainvoke" else model.invoke("Draw a fox")
    assert message.additional_kwargs["images"]
    assert "image_previews" not in message.additional_kwargs


async def test_previews_are_in_no_state_of_a_graph_that_streams_messages(grok, model):
    async def answer(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    grok.reply("Here.", images=["a fox"])
    modes: Any = ["messages", "values"]
    parts = [part async for part in graph.compile().astream({"messages": "Draw a fox"}, stream_mode=modes)]
    message = parts[-1][1]["messages"][-1]
    assert message.additional_kwargs["images"]
    assert "image_previews" not in message.additional_kwargs


async def test_an_answer_from_the_cache_is_the_answer(grok, make_model):
    grok.reply("Plain.", images=["a fox"])
    model = make_model(cache=InMemoryCache(), streaming=True)
    first = model.invoke("Hi")
    again = [model.invoke("Hi"), await model.ainvoke("Hi")]
    assert len(grok.turns) == 1
    for message in again:
        assert message.usage_metadata is None
        assert {**message.model_dump(), "id": ""} == {**first.model_dump(), "id": ""}
        assert messages_from_dict(messages_to_dict([message])) == [message]


@pytest.mark.filterwarnings("ignore:The method `BaseChatModel._a?chat_model_stream_v3` is in beta")
async def test_previews_are_in_no_message_that_is_made_of_events(grok, model):
    grok.reply("Here.", images=["a fox"])
    async with await model.astream_events("Draw a fox", version="v3") as events:
        message = await events.output
    assert message.additional_kwargs["images"]
    assert "image_previews" not in message.additional_kwargs


def test_what_is_not_there_has_no_key(grok, model):
    grok.reply("Plain.", title=False)
    message = model.invoke("Hi")
    assert message.additional_kwargs == {}
    assert message.usage_metadata is None
    assert "title" not in message.response_metadata["grokweb"]


def test_a_picture_can_be_appended_as_markdown(grok, make_model):
    grok.reply("Here.", images=["a fox"])
    message = make_model(image_markdown=True).invoke("Draw a fox")
    url = message.additional_kwargs["images"][0]["url"]
    assert message.text in {f"Here.\n\n![{prompt}]({url})" for prompt in ("image", "a fox")}


def test_a_moderated_picture_alone_is_a_filtered_answer(grok, make_model):
    grok.reply("I cannot show that.", images=[{"prompt": "x", "moderated": True}])
    message = make_model(model="auto").invoke("Draw x")
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert "images" not in message.additional_kwargs


def test_an_answer_without_a_word_is_an_error(grok, model):
    grok.reply("")
    with pytest.raises(GrokWebServerError, match="it is empty"):
        model.invoke("Hi")


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one two three", ["two"], "one "),
        ("one two three", ["three", "two"], "one "),
        ("aaab", ["aab"], "a"),
        ("no such thing", ["zzz"], "no such thing"),
        ("ends with a beginnin", ["beginning"], "ends with a beginnin"),
        ("\nObservation: x", ["\nObservation"], ""),
    ],
)
def test_stop_sequences(grok, model, way, text, stop, expected):
    grok.reply(text)
    assert PATHS[way](model, "Hi", stop=stop).text == expected


def test_stop_may_be_a_field_too(grok, make_model):
    grok.reply("one two three")
    assert make_model(stop_sequences="two").invoke("Hi").text == "one "


def test_the_model_may_be_named_for_one_call(grok, model):
    message = model.invoke("Hi", model="expert")
    assert message.response_metadata["model_name"] == "expert"
    assert grok.turns[-1].mode == "expert"


async def test_a_callback_sees_each_chunk_once(grok, make_model):
    class Seen(BaseCallbackHandler):
        run_inline = True
        tokens: list[str] = []  # noqa: RUF012

        def on_llm_new_token(self, token: str, **_: Any) -> None:
            self.tokens.append(token)

    grok.reply("Some words come one by one.", chunk_size=30)
    seen = Seen()
    model = make_model(streaming=True)
    message = await model.ainvoke([HumanMessage("Hi")], config={"callbacks": [seen]})
    assert "".join(seen.tokens) == message.text == "Some words come one by one."


@pytest.mark.wire("rest")  # what arrives together over a socket is for the network to say; see the tests of the wire
async def test_what_arrives_together_is_one_chunk(grok, make_model):
    grok.reply("word " * 400, chunk_size=100_000)
    chunks = [chunk async for chunk in make_model().astream("Hi")]
    texts = [chunk for chunk in chunks if chunk.content]
    assert "".join(chunk.text for chunk in texts).strip() == ("word " * 400).strip()
    assert len(texts) < 40
    assert chunks[-1].chunk_position == "last"


async def test_the_modes_of_the_site(model):
    modes = {mode.id: mode for mode in await model.alist_modes()}
    assert modes["auto"].available
    assert {"auto", "fast", "expert", "heavy"} <= set(modes)


@pytest.mark.wire("rest")
def test_switches_reach_the_wire(grok, make_model):
    model = make_model(
        search=False,
        image_generation=False,
        image_count=1,
        deep_search="deeper",
        temporary=True,
        custom_instructions="Be brief.",
    )
    model.invoke("Hi")
    body = grok.requests[-1].body
    assert body["disableSearch"] is True
    assert body["enableImageGeneration"] is False
    assert body["imageGenerationCount"] == 1
    assert body["deepsearchPreset"] == "deeper"
    assert body["customInstructions"] == "Be brief."
    assert grok.turns[-1].temporary


def test_headers_of_the_caller(grok, make_model, wire):
    make_model(headers={"X-Statsig-Id": "abc", "User-Agent": "mine"}).invoke("Hi")
    assert grok.requests[-1].headers["x-statsig-id"] == "abc"
    assert grok.requests[-1].headers["user-agent"] == "mine"
    make_model(headers=lambda method, path: {"x-for": f"{method} {path}"}).invoke("Hi")
    asked = {"rest": "POST /rest/app-chat/conversations/new", "gateway": "GET /ws/mgw/"}[wire]
    assert grok.requests[-1].headers["x-for"] == asked


def test_the_sum_of_chunks_is_a_chunk_that_langchain_can_use(grok, model):
    grok.reply(**RICH)
    whole: Any = None
    for chunk in model.stream("Hi"):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole.chunk_position == "last"
    assert whole.id.startswith("lc_run-")
