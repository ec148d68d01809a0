"""What Grok makes, byte for byte: pictures, edited ones, files and videos, by every way, on both wires, and kept."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.block_translators.openai import convert_to_openai_image_block
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from paths import PATHS
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import COOKIES, HANG_UP, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError, GrokWebInvalidRequestError
from langchain_grokweb.client.account import pictures
from langchain_grokweb.messages.accumulator import PREVIEWS_KEY
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.assets import drawn

TABLE = b"a,b\n\x00\xff"
MADE: dict[str, Any] = {
    "images": ["a red fox", {"prompt": "the fox at night", "edited": True}],
    "files": [{"name": "t.csv", "content": TABLE}],
    "videos": ["waves"],
}


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


def made(message: BaseMessage) -> list[dict[str, Any]]:
    """The blocks that are no text and no tool's."""
    return [block for block in message.content_blocks if block["type"] in {"image", "file", "video"}]


def data(block: Any) -> bytes:
    return base64.b64decode(block["base64"], validate=True)


# --- at the emulator


def test_all_of_it_comes_back_by_every_way_and_from_the_history(grok, make_model):
    model = make_model(model="auto", image_output="base64")
    messages = []
    for way, ask in PATHS.items():
        grok.reply("Here.", **MADE)
        messages.append(message := ask(model, "Make all"))
        assert message.content == "Here.", way
    messages.append(model.load_conversation(message.response_metadata["grokweb"]["conversation_id"])[-1])
    fox = drawn("a red fox")
    for message in messages:
        by_kind = {kind: [b for b in made(message) if b["type"] == kind] for kind in ("image", "file", "video")}
        new, edited = by_kind["image"]
        assert [new["mime_type"], edited["mime_type"]] == ["image/jpeg"] * 2
        assert data(new) == fox
        assert data(edited) == drawn("the fox at night")
        assert "edited" not in new["extras"]
        assert edited["extras"]["edited"] is True
        assert "base64" not in str(message.additional_kwargs["images"])
        assert [model.download(block) for block in by_kind["image"]] == [data(new), data(edited)]
        assert [model.download(entry) for entry in message.additional_kwargs["images"]] == [data(new), data(edited)]
        assert [model.download(block) for block in by_kind["file"]] == [TABLE]
        assert model.download(by_kind["video"][0]).endswith(b"mdatwaves")


@pytest.mark.filterwarnings("ignore:The method `BaseChatModel._achat_model_stream_v3` is in beta")
async def test_blocks_with_bytes_are_the_same_by_every_road_that_langchain_has(grok, make_model):
    found = []

    def plan() -> None:
        grok.reply("Two foxes.", images=["a red fox", "a blue fox"], reasoning="Foxes?")

    for settings in ({}, {"output_version": "v1"}):
        model = make_model(model="auto", image_output="base64", **settings)
        plan()
        found.append((await model.ainvoke("Foxes?")).content_blocks)
        plan()
        whole: Any = None
        async for chunk in model.astream("Foxes?"):
            whole = chunk if whole is None else whole + chunk
        found.append(whole.content_blocks)
    plan()
    async with await make_model(model="auto", image_output="base64").astream_events("Foxes?", version="v3") as events:
        found.append((await events.output).content_blocks)
    keys = ("type", "text", "reasoning", "mime_type", "base64")
    shapes = [[{key: block.get(key) for key in keys} for block in blocks] for blocks in found]
    assert shapes == [shapes[0]] * len(found)
    assert [data(block) for block in found[0] if block["type"] == "image"] == [drawn("a red fox"), drawn("a blue fox")]
    assert all("url" not in block for blocks in found for block in blocks if block["type"] == "image")


class Onlooker(BaseChatModel):
    """Another provider's model, which looks at the pictures of a thread."""

    seen: list[bytes] = []  # noqa: RUF012 - a field of pydantic

    @property
    def _llm_type(self) -> str:
        return "onlooker"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        blocks = [block for message in messages for block in message.content_blocks if block["type"] == "image"]
        for block in blocks:
            url = convert_to_openai_image_block(block)["image_url"]["url"]  # as LangChain hands them to OpenAI and xAI
            assert url.startswith("data:image/jpeg;base64,")
            self.seen.append(base64.b64decode(url.partition("base64,")[2]))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"{len(blocks)} pictures."))])


def test_a_picture_of_one_turn_is_edited_in_the_next_and_read_by_another_model_in_the_same_thread(grok, make_model):
    """And all of it goes through a checkpoint."""
    model, onlooker = make_model(model="auto", image_output="base64"), Onlooker()

    def node(state: MessagesState) -> dict[str, Any]:
        asked = state["messages"][-1].text
        return {"messages": [(onlooker if "see" in asked else model).invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node(node).add_edge(START, "node").compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    def say(content: Any) -> BaseMessage:
        graph.invoke({"messages": [HumanMessage(content)]}, thread)
        message: BaseMessage = graph.get_state(thread).values["messages"][-1]
        return message

    grok.reply("A fox.", images=["a red fox"], files=MADE["files"], videos=MADE["videos"])
    first = say("Draw a fox")
    picture = next(block for block in made(first) if block["type"] == "image")
    assert data(picture) == drawn("a red fox")
    assert model.download(first.additional_kwargs["files"][0]) == TABLE
    edited = say([picture, {"type": "text", "text": "Make it night"}])  # the built-in assistant edits
    assert edited.additional_kwargs["images"][0]["edited"] is True
    (upload,) = grok.turns[-1].files
    assert upload.content == drawn("a red fox")
    assert grok.turns[-1].parent_response_id == first.response_metadata["id"]
    (after,) = made(edited)
    assert data(after) == drawn("Make it night", upload.content)
    assert say("What do you see?").text == "3 pictures."
    assert onlooker.seen == [drawn("a red fox")] * 2 + [data(after)]


def test_the_newest_picture_of_a_conversation_is_edited_where_none_is_attached(grok, make_model):
    model = make_model(model="auto", image_output="base64")
    grok.reply(images=["a red fox"])
    history: list[BaseMessage] = [HumanMessage("Draw"), model.invoke("Draw")]
    grok.reply(images=["now blue"], edited=True)
    (block,) = made(model.invoke([*history, HumanMessage("Make it blue")]))
    assert data(block) == drawn("now blue", drawn("a red fox"))


def test_a_history_that_is_sent_again_has_its_pictures_again(grok, make_model):
    model = make_model(model="auto", image_output="base64", conversation="stateless")
    grok.reply("A fox.", images=["a red fox"])
    model.invoke([HumanMessage("Draw"), model.invoke("Draw"), HumanMessage("What is it?")])
    (file,) = grok.turns[-1].files
    assert (file.content, file.mime_type) == (drawn("a red fox"), "image/jpeg")
    assert f"[image attached: {file.name}]" in grok.turns[-1].prompt


@pytest.mark.parametrize("fetch", [False, True])
def test_a_picture_that_is_given_back_by_its_address_is_refused_with_advice(grok, make_model, fetch):
    model = make_model(model="auto", fetch_urls=fetch)
    grok.reply("A fox.", images=["a red fox"])
    (block,) = made(model.invoke("Draw"))
    with pytest.raises(GrokWebInvalidRequestError, match="image_output"):
        model.invoke([HumanMessage([block, {"type": "text", "text": "Make it night"}])])


# --- at a server that says what a test wants

JPEG = b"\xff\xd8\xff" + bytes(range(256)) * 20
PICTURE = f"users/u/generated/{s.Picture().id}/image.jpg"
GET = f"GET /{PICTURE}"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def image(*pieces: Any, status: int = 200, held: bool = False, kind: str = "image/jpeg") -> Reply:
    return Reply(pieces or [JPEG], status, {"content-type": kind}, held=held)


def play(server: ScriptedServer, wire: str, steps: list[s.Step], replies: dict[str, Any], **more: Any) -> ChatGrokWeb:
    script: Script = (rest if wire == "rest" else gateway).script(steps)
    script.replies.update(replies)
    server.play(script)
    settings = {"image_output": "base64", "max_retries": 0, **more}
    return ChatGrokWeb(base_url=server.base_url, cookies=COOKIES, transport=wire, model="fast", **settings)


REFERENCE = f"GET /rest/conversations/files/content?conversationId={s.CONVERSATION}&path=%2Fartifacts%2Ft.csv"


def assets(server: ScriptedServer) -> dict[str, Any]:
    """A picture, the way to a file, and a video."""
    return {
        GET: image(kind="image/png"),
        REFERENCE: Reply.of({"signedUrl": f"{server.base_url}/signed?s=1"}),
        "GET /signed?s=1": Reply.of(TABLE, content_type="text/csv"),
        "GET /users/u/generated/v/generated_video.mp4": Reply.of(b"film", content_type="video/mp4"),
    }


def test_a_scripted_service_gives_the_same_by_every_way(server, wire):
    """Also where the message was in a checkpoint meanwhile."""
    replies, serde = assets(server), InMemorySaver().serde
    for edited in (False, True):
        steps = [s.Text("Here."), s.Picture(edited=edited), s.File("t.csv"), s.Video(), s.Final("Here.")]
        for ask in PATHS.values():
            model = play(server, wire, steps, replies)
            message = serde.loads_typed(serde.dumps_typed(ask(model, "Make all")))
            picture, video, file = sorted(
                made(message), key=lambda block: ("image", "video", "file").index(block["type"])
            )
            assert (data(picture), picture["mime_type"]) == (JPEG, "image/png")
            assert picture.get("extras", {}).get("edited", False) is edited
            assert [model.download(video), model.download(file)] == [b"film", TABLE]
            (signed,) = server.asked("GET /signed?s=1")
            assert "cookie" not in signed.headers
            assert all("sso=" in request.headers["cookie"] for request in server.requests if request != signed)


def test_a_stored_conversation_gives_the_same(server):
    about = {"conversationId": s.CONVERSATION, "title": "All", "temporary": False}
    chunk = {"imageUuid": s.Picture().id, "imageUrl": PICTURE, "progress": 100}
    edited = {"id": "e", "type": "render_edited_image", "cardType": "edited_image_card", "image_chunk": chunk}
    video = {"assetId": "v", "key": "users/u/generated/v/generated_video.mp4", "mimeType": "video/mp4"}
    members = {
        "cardAttachmentsJson": [rest.as_json(edited), rest.as_json(rest.card_of(s.File("t.csv")))],
        "fileAttachmentAssetMetadata": [{**video, "name": "generated_video.mp4", "isModelGenerated": True}],
    }
    path = f"/rest/app-chat/conversations_v2/{s.CONVERSATION}?includeWorkspaces=true&includeTaskResult=true"
    whole = rest.stored(s.Final("Here.", members=members))["responses"]
    model = play(
        server, "rest", [], {**assets(server), f"GET {path}": Reply.of({"conversation": about}), "responses": whole}
    )
    message = model.load_conversation(s.CONVERSATION)[-1]
    by_type = {block["type"]: block for block in made(message)}
    assert data(by_type["image"]) == JPEG
    assert by_type["image"]["extras"]["edited"] is True
    assert [model.download(by_type[kind]) for kind in ("video", "file")] == [b"film", TABLE]


def test_the_text_does_not_wait_for_a_picture(server, wire):
    model = play(server, wire, [s.Picture(), s.Text("Here."), s.Final("Here.")], {GET: image(held=True)})
    seen: list[str] = []
    for chunk in model.stream("Draw"):
        if chunk.text:
            seen.append("text")
            server.speak()  # only now does the picture come
        if any("base64" in entry for entry in chunk.additional_kwargs.get("image_data", [])):
            seen.append("picture")
    assert seen == ["text", "picture"]


def test_a_picture_does_not_wait_for_the_text(server, wire):
    model = play(server, wire, [s.Picture(), s.Seen(), s.Text("Here."), s.Final("Here.")], {GET: image()})
    seen: list[str] = []
    for chunk in model.stream("Draw"):
        if any("base64" in entry for entry in chunk.additional_kwargs.get("image_data", [])):
            seen.append("picture")
            server.speak()  # only now does the text come
        seen += ["text"] if chunk.text else []
    assert seen == ["picture", "text"]


@pytest.mark.parametrize(
    "reply",
    [
        image(b"no", status=403, kind="text/plain"),
        image(b"<html>", kind="text/html"),
        image(JPEG, HANG_UP),
        image(b"x" * 6000),
        Reply([], 302, {"location": "https://evil.example/x"}),
    ],
)
def test_a_picture_that_cannot_be_fetched_stays_an_address(server, wire, reply, monkeypatch, caplog):
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", len(JPEG) - 1)
    model = play(server, wire, [s.Picture(), s.Text("Here."), s.Final("Here.")], {GET: reply})
    with caplog.at_level(logging.WARNING, logger="langchain_grokweb"):
        messages = [PATHS["ainvoke"](model, "Draw"), PATHS["stream"](model, "Draw")]
    assert caplog.text.count("A picture stays an address") == 2
    for message in messages:
        (block,) = made(message)
        assert block["url"] == f"{server.base_url}/{PICTURE}"
        assert "base64" not in block
        (entry,) = message.additional_kwargs["image_data"]
        assert entry["error"]
        assert message.text == "Here."


def test_the_end_waits_for_a_picture_so_long_and_no_longer(server, wire, monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST_WAIT_SECONDS", 0.01)
    model = play(server, wire, [s.Picture(), s.Text("Here."), s.Final("Here.")], {GET: image(held=True)})
    message = model.invoke("Draw")
    assert "longer than 0.01 seconds" in message.additional_kwargs["image_data"][0]["error"]
    assert made(message)[0]["url"]


def test_a_picture_on_another_host_is_never_fetched(server, wire):
    chunk = {"imageUuid": "i", "imageUrl": "https://evil.example/users/u/generated/i/image.jpg", "progress": 100}
    card = {"id": "c", "type": "render_generated_image", "cardType": "generated_image_card", "image_chunk": chunk}
    said = rest.frame(s.ANSWER, cardAttachment={"jsonData": rest.as_json(card)})
    event = gateway.Writer()._output(s.ANSWER, {"card_attachment": card})
    model = play(server, wire, [s.Raw(said, event), s.Text("Here."), s.Final("Here.")], {})
    message = model.invoke("Draw")
    assert "cookies are sent to no other host" in message.additional_kwargs["image_data"][0]["error"]
    assert {request.name for request in server.requests} <= {"turn", "socket", "session", "GET /"}


async def test_leaving_early_leaves_no_fetch(server, wire):
    model = play(server, wire, [s.Picture(), s.Text("Here."), s.Hang()], {GET: image(held=True)})
    async for chunk in model.astream("Draw"):
        if chunk.text:
            break
    assert PREVIEWS_KEY not in chunk.additional_kwargs


async def test_a_stream_that_is_cancelled_while_a_picture_is_on_its_way_is_stopped(server, wire):
    model = play(server, wire, [s.Picture(), s.Text("Here."), s.Hang()], {GET: image(held=True)})
    begun = asyncio.Event()

    async def read() -> None:
        async for chunk in model.astream("Draw"):
            if chunk.text:
                begun.set()

    task = asyncio.ensure_future(read())
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.asked("stop")


def test_an_error_holds_no_bytes(server, wire):
    model = play(server, wire, [s.Picture(), s.Seen(), s.Text("Here."), s.Cut()], {GET: image()})
    with pytest.raises(GrokWebError) as caught:
        for chunk in model.stream("Draw"):
            if "image_data" in chunk.additional_kwargs:
                server.speak()
    assert caught.value.partial.additional_kwargs["images"]
    assert "image_data" not in caught.value.partial.additional_kwargs


def test_what_may_be_asked_for(server):
    model = play(server, "rest", [s.Picture(), s.Text("Here."), s.Final("Here.")], {GET: image()}, image_output="url")
    assert "image_data" not in model.invoke("Draw").additional_kwargs
    server.speak()
    assert "image_data" in model.invoke("Draw", image_output="base64").additional_kwargs
    with pytest.raises(GrokWebInvalidRequestError, match="image_output"):
        model.invoke("Draw", image_output="bytes")
