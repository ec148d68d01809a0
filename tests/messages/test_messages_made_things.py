"""Files and videos that Grok made, in a message whole and streamed, and as content blocks."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, message_chunk_to_message

from langchain_grokweb.errors import GrokWebServerError
from langchain_grokweb.messages import content_blocks
from langchain_grokweb.messages.accumulator import Answer, RequestInfo
from langchain_grokweb.messages.planner import fresh
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
    extras = {key: FILE_ENTRY[key] for key in ("name", "size", "path")}
    common = {key: FILE_ENTRY[key] for key in ("id", "url", "mime_type")}
    assert blocks == [
        {"type": "text", "text": "Here."},
        {"type": "video", **{key: VIDEO_ENTRY[key] for key in common}, "extras": {"prompt": "waves"}},
        {"type": "file", **common, "extras": extras},
    ]


def test_a_video_that_was_withheld_is_an_answer_that_was_filtered():
    assert whole(ev.ImageWithheld("v")).response_metadata["finish_reason"] == "content_filter"
    with pytest.raises(GrokWebServerError):
        whole(ev.ReasoningDelta("Hm."))
