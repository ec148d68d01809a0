"""Files and videos that Grok made, in a message whole and streamed, and as content blocks."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, message_chunk_to_message

from langchain_grokweb.errors import GrokWebServerError
from langchain_grokweb.messages import content_blocks
from langchain_grokweb.messages.accumulator import Answer
from langchain_grokweb.messages.planner import RequestInfo, fresh
from langchain_grokweb.wire import events as ev

BEGIN, END = [ev.ConversationOpened("c"), ev.AnswerStarted("a")], [ev.AnswerFinished("a")]
FILE = ev.FileMade("f", "https://assets.example/t.csv", "t.csv", "text/csv", 12, "/artifacts/t.csv")
VIDEO = ev.VideoMade("v", "https://assets.example/v.mp4", prompt="waves")
FILE_ENTRY = {
    "id": "f",
    "name": "t.csv",
    "mime_type": "text/csv",
    "size": 12,
    "url": "https://assets.example/t.csv",
    "path": "/artifacts/t.csv",
    "conversation_id": "c",
}
VIDEO_ENTRY = {"id": "v", "url": "https://assets.example/v.mp4", "mime_type": "video/mp4", "prompt": "waves"}

content_blocks.register()


def answer() -> Answer:
    plan = fresh([HumanMessage("Hi")])
    return Answer(RequestInfo(model="m", mode="m", account="a", plan=plan, transport="rest"))


def whole(*events: ev.Event) -> AIMessage:
    read = answer()
    read.feed([*BEGIN, *events, *END])
    read.finish()
    return read.message()


def streamed(*events: ev.Event) -> AIMessage:
    read = answer()
    chunks = [chunk for event in [*BEGIN, *events, *END] for chunk in read.chunks(read.feed([event]))]
    read.finish()
    total = read.last_chunk()
    for chunk in reversed(chunks):
        total = chunk + total
    return message_chunk_to_message(total.message)


@pytest.mark.parametrize("read", [whole, streamed])
def test_they_are_members_of_the_message(read):
    message = read(ev.TextDelta("Here."), FILE, VIDEO)
    assert message.additional_kwargs == {"files": [FILE_ENTRY], "videos": [VIDEO_ENTRY]}
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize(("made", "member"), [(FILE, "files"), (VIDEO, "videos")])
def test_one_of_them_alone_is_an_answer(read, made, member):
    message = read(made)
    assert message.text == ""
    assert list(message.additional_kwargs) == [member]


@pytest.mark.parametrize("read", [whole, streamed])
def test_what_the_service_left_out_is_absent(read):
    message = read(ev.FileMade("f", "https://assets.example/f"))
    assert message.additional_kwargs == {"files": [{"id": "f", "url": "https://assets.example/f"}]}


@pytest.mark.parametrize("read", [whole, streamed])
def test_they_are_standard_content_blocks(read):
    blocks = read(ev.TextDelta("Here."), FILE, VIDEO).content_blocks
    extras = {key: FILE_ENTRY[key] for key in ("name", "size", "path", "conversation_id")}
    common = {key: FILE_ENTRY[key] for key in ("id", "url", "mime_type")}
    assert blocks == [
        {"type": "text", "text": "Here."},
        {"type": "file", **common, "extras": extras},
        {"type": "video", **{key: VIDEO_ENTRY[key] for key in common}, "extras": {"prompt": "waves"}},
    ]


IMAGE = ev.ImageFinished("i", "https://assets.example/i.png", "a fox")
SEARCH = [ev.ToolStarted("t", "web_search", {"query": "q"}), ev.ToolFinished("t", "found", failed=False)]
SOURCE = ev.CitationFound("https://e.com", "A title", "web", 2)
ORDERS = {
    "as usual": [ev.ReasoningDelta("Hm."), *SEARCH, ev.TextDelta("Here."), SOURCE, IMAGE, VIDEO, FILE],
    "a picture before the text": [IMAGE, ev.TextDelta("Here."), SOURCE],
    "a picture within the text": [ev.TextDelta("He"), IMAGE, ev.TextDelta("re."), SOURCE],
    "a file, a video, a picture": [FILE, VIDEO, IMAGE],
    "a search after the text": [ev.TextDelta("Here."), *SEARCH, SOURCE],
    "a search without a result": [ev.ToolStarted("t", "web_search", {}), ev.TextDelta("Here.")],
    "thoughts after the text": [ev.TextDelta("Here."), ev.ReasoningDelta("Hm.")],
    "a source alone": [IMAGE, ev.CitationFound("https://e.com", "A title")],
}


USUAL = {"as usual", "a picture within the text", "a search without a result"}


@pytest.mark.parametrize("row", ORDERS)
def test_blocks_stand_in_the_order_in_which_things_came(row):
    events = ORDERS[row]
    begun = [name for event in events for name in NAMES.get(type(event), ())]
    if row == "a search without a result":
        begun = ["text", "server_tool_call"]
    if row == "a source alone":
        begun = ["image", "text"]
        assert message_title(whole(*events)) == "A title"
    message = whole(*events)
    assert [block["type"] for block in message.content_blocks] == list(dict.fromkeys(begun))
    assert ("order" in message.response_metadata["grokweb"]) == (row not in USUAL)
    assert streamed(*events).content_blocks == message.content_blocks
    assert in_blocks(*events) == message.content_blocks


def message_title(message: AIMessage) -> str:
    return message.content_blocks[-1]["annotations"][0]["title"]


NAMES = {
    ev.ReasoningDelta: ["reasoning"],
    ev.ToolFinished: ["server_tool_call", "server_tool_result"],
    ev.TextDelta: ["text"],
    ev.ImageFinished: ["image"],
    ev.VideoMade: ["video"],
    ev.FileMade: ["file"],
}


def in_blocks(*events: ev.Event) -> list[Any]:
    """The blocks of a stream whose chunks are blocks each, as LangChain makes them of `output_version="v1"`."""
    read = answer()
    chunks = [chunk for event in [*BEGIN, *events, *END] for chunk in read.chunks(read.feed([event]))]
    read.finish()
    total: Any = None
    for chunk in [*chunks, read.last_chunk()]:
        blocks = chunk.message.model_copy(update={"content": chunk.message.content_blocks})
        total = blocks if total is None else total + blocks
    return [{key: value for key, value in block.items() if key != "index"} for block in total.content]


def test_a_video_that_was_withheld_is_an_answer_that_was_filtered():
    assert whole(ev.ImageWithheld("v")).response_metadata["finish_reason"] == "content_filter"
    with pytest.raises(GrokWebServerError):
        whole(ev.ReasoningDelta("Hm."))
