"""What is attached to messages arrives as it is, once, under a name; what cannot be sent is refused or told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import httpx
import pytest
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.tools import tool
from paths import PATHS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebContentFilterError,
    GrokWebContextOverflowError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebServerError,
)

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"\r\n--boundary\r\n"
OTHER = b"\xff\xd8\xff" + bytes(reversed(range(256)))
DATA = base64.b64encode(PICTURE).decode()
URI = f"data:image/png;base64,{DATA}"
DIRECT, CLASSIC = "/http/upload-file-v2/direct", "/rest/app-chat/upload-file"


@pytest.fixture(autouse=True)
def grok(shared_grok):
    shared_grok.reset()
    return shared_grok


def picture(content: bytes = PICTURE, **more: Any) -> dict[str, Any]:
    return {"type": "image", "base64": base64.b64encode(content).decode(), "mime_type": "image/png", **more}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def ask(*blocks: dict[str, Any]) -> HumanMessage:
    return HumanMessage([text("What is it?"), *blocks])


def uploads(grok: Any) -> list[str]:
    return [request.path for request in grok.requests if "upload-file" in request.path]


def seen(turn: Any) -> list[tuple[str, str]]:
    """The files of a turn: their names, and the hashes of what the service keeps."""
    return [(file.name, hashlib.sha256(file.content).hexdigest()) for file in turn.files]


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- forms

FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "v1": (picture(), "image-1.png", "image/png"),
    "v1 with a name": (picture(name="fox.png"), "fox.png", "image/png"),
    "v1 with a name among the extras": (picture(extras={"filename": "fox.png"}), "fox.png", "image/png"),
    "v1 data URI": ({"type": "image", "url": URI}, "image-1.png", "image/png"),
    "v1 file": ({"type": "file", "base64": DATA, "mime_type": "application/pdf"}, "file-1.pdf", "application/pdf"),
    "v1 audio": ({"type": "audio", "base64": DATA, "mime_type": "audio/wav"}, "audio-1.wav", "audio/wav"),
    "v1 video": ({"type": "video", "base64": DATA, "mime_type": "video/mp4"}, "video-1.mp4", "video/mp4"),
    "v1 plain text": (
        {"type": "text-plain", "base64": DATA, "mime_type": "text/plain", "title": "a.txt"},
        "a.txt",
        "text/plain",
    ),
    "v0": (
        {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
        "image-1.png",
        "image/png",
    ),
    "v0 with a name": (
        {
            "type": "file",
            "source_type": "base64",
            "data": DATA,
            "mime_type": "application/pdf",
            "metadata": {"filename": "a.pdf"},
        },
        "a.pdf",
        "application/pdf",
    ),
    "OpenAI picture": ({"type": "image_url", "image_url": {"url": URI, "detail": "low"}}, "image-1.png", "image/png"),
    "OpenAI picture as text": ({"type": "image_url", "image_url": URI}, "image-1.png", "image/png"),
    "OpenAI responses": ({"type": "input_image", "image_url": URI}, "image-1.png", "image/png"),
    "OpenAI file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}},
        "a.pdf",
        "application/pdf",
    ),
    "OpenAI audio": (
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
        "audio-1.wav",
        "audio/wav",
    ),
    "Anthropic picture": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
        "image-1.png",
        "image/png",
    ),
    "Anthropic document": (
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": DATA},
        },
        "a.pdf",
        "application/pdf",
    ),
    "Google": ({"type": "media", "mime_type": "image/png", "data": DATA}, "file-1.png", "image/png"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_arrive_unchanged_whatever_form_the_block_has(grok, model, form):
    block, name, mime_type = FORMS[form]
    model.invoke([ask(block)])
    (turn,) = grok.turns
    assert seen(turn) == [(name, sha(PICTURE))]
    assert turn.files[0].mime_type == mime_type
    assert turn.prompt == "What is it?"
    assert uploads(grok) == [DIRECT]


def test_text_in_a_document_goes_up_as_a_file(grok, model):
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    model.invoke([ask({"type": "document", "title": "a.txt", "source": source})])
    assert seen(grok.turns[0]) == [("a.txt", sha("Grüße".encode()))]


@pytest.mark.parametrize("way", PATHS)
def test_every_way_to_an_answer_uploads(grok, model, way):
    grok.reply("A fox.")
    assert PATHS[way](model, [ask(picture())]).text == "A fox."
    assert seen(grok.turns[0]) == [("image-1.png", sha(PICTURE))]


# --- several, and what they are called


def test_several_keep_their_order_and_are_named_where_they_stood(grok, model):
    contents = [bytes([number]) * 1000 * (6 - number) for number in range(6)]
    model.invoke([HumanMessage([text("First:"), picture(contents[0]), text("then:"), *map(picture, contents[1:])])])
    (turn,) = grok.turns
    assert [file.content for file in turn.files] == contents
    assert turn.prompt.splitlines()[:3] == ["First:", "[image attached: image-1.png]", "then:"]
    assert turn.prompt.splitlines()[-1] == "[image attached: image-6.png]"


def test_pictures_alone_are_a_question_too(grok, model):
    model.invoke([HumanMessage([picture(), picture(OTHER)])])
    assert grok.turns[0].prompt == "[image attached: image-1.png]\n[image attached: image-2.png]"


@pytest.mark.wire("rest")
def test_names_are_file_names_and_each_is_used_once(grok, model):
    given = ["../../etc/a.png", "C:\\a\\a.png", "a\r\n\x00b.png", "..", "x" * 300 + ".png", "ü 🦊.png", 'q"uote.png']
    model.invoke([ask(*(picture(bytes([number]) * 9, name=name) for number, name in enumerate(given)))])
    names = [file.name for file in grok.turns[0].files]
    assert names == ["a.png", "a-2.png", "ab.png", "image-1.png", "x" * 80 + ".png", "ü 🦊.png", "quote.png"]
    grok.reset()
    model.invoke([ask(picture(name="a.png"), picture(name="b.png"))])  # the same content twice
    assert seen(grok.turns[0]) == [("a.png", sha(PICTURE))]


def test_a_type_cannot_break_out_of_its_header(grok, model):
    model.invoke(
        [ask(picture() | {"mime_type": "image/png\r\nx-evil: 1"}, picture(OTHER) | {"mime_type": "text/plain; a=b"})]
    )
    assert [file.mime_type for file in grok.turns[0].files] == ["image/png", "text/plain"]


# --- in tools' results, and in what was said before


@tool
def look() -> str:
    """Take a picture."""
    return ""


CALL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])


def test_a_picture_in_a_tools_result_is_sent(grok, model):
    result = ToolMessage([text("Here."), picture(name="fox.png")], tool_call_id="c1", name="look")
    model.bind_tools([look]).invoke([HumanMessage("Look!"), CALL, result])
    (turn,) = grok.turns
    assert seen(turn) == [("fox.png", sha(PICTURE))]
    assert "Here.\n[image attached: fox.png]\n</message>" in turn.prompt


def test_what_a_tool_cannot_send_is_said_in_words(grok, model):
    blocks = [text("Here."), {"type": "image", "url": "https://example.com/fox.png"}, picture() | {"base64": "%"}]
    model.invoke([HumanMessage("Look!"), CALL, ToolMessage(blocks, tool_call_id="c1")])
    assert "Here.\n[image not shown here: https://example.com/fox.png]\n[image not shown here]" in grok.turns[0].prompt
    assert uploads(grok) == []


def test_a_conversation_that_is_told_anew_has_its_pictures(grok, model):
    messages = [SystemMessage("Be brief."), ask(picture(name="fox.png"))]
    messages.append(model.invoke(messages))
    messages.append(HumanMessage([text("And this?"), picture(OTHER, name="hare.png")]))
    messages = messages_from_dict(messages_to_dict(messages))
    model.invoke(messages)
    assert [seen(turn) for turn in grok.turns] == [[("fox.png", sha(PICTURE))], [("hare.png", sha(OTHER))]]
    assert grok.turns[1].conversation_id == grok.turns[0].conversation_id
    grok.reset()
    model.invoke(messages)  # the service has forgotten it: the first try uploads the new one, the second only the older
    (turn,) = grok.turns
    assert seen(turn) == [("fox.png", sha(PICTURE)), ("hare.png", sha(OTHER))]
    first, second = turn.prompt.index("[image attached: fox.png]"), turn.prompt.index("[image attached: hare.png]")
    assert first < turn.prompt.index('role="assistant"') < second
    assert len(uploads(grok)) == 2


@pytest.mark.wire("rest")
def test_an_edited_picture_is_another_message(grok, model):
    messages = [ask(picture())]
    messages.append(model.invoke(messages))
    edited = [ask(picture(OTHER)), messages[1], HumanMessage("And now?")]
    model.invoke(edited)
    assert seen(grok.turns[1]) == [("image-1.png", sha(OTHER))]
    assert grok.turns[1].parent_response_id is None
    model.invoke([ask({"type": "image_url", "image_url": {"url": URI}}), messages[1], HumanMessage("And now?")])
    assert grok.turns[2].parent_response_id == grok.turns[0].response_id


@pytest.mark.wire("rest")
def test_of_older_attachments_the_newest_go_up_and_the_rest_is_named(grok, model):
    older = [
        ask(*(picture(bytes([row, column]), name=f"{row}{column}.png") for column in range(4))) for row in range(3)
    ]
    said = [message for human in older for message in (human, AIMessage("Hm."))]
    model.invoke([*said, ask(picture())])
    (turn,) = grok.turns
    assert [file.name for file in turn.files] == [
        "10.png",
        "11.png",
        "12.png",
        "20.png",
        "21.png",
        "22.png",
        "23.png",
        "image-1.png",
    ]
    assert all(f"[image not shown here: {name}]" in turn.prompt for name in ("00.png", "03.png", "13.png"))


# --- what cannot be sent


@pytest.mark.wire("rest")
@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "image", "url": "https://example.com/fox.png?key=iVBORw0KGgo"}, r"\(fox.png\).*Download it"),
        ({"type": "image_url", "image_url": {"url": "http://example.com/fox.png"}}, "Download it"),
        ({"type": "image", "source": {"type": "url", "url": "https://example.com/fox.png"}}, "Download it"),
        ({"type": "media", "mime_type": "image/png", "file_uri": "gs://bucket/fox.png"}, "Download it"),
        ({"type": "file", "file_id": "file-1"}, "another service"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "another service"),
        ({"type": "image", "source_type": "id", "id": "file-1"}, "another service"),
        ({"type": "image", "base64": "not base64!", "mime_type": "image/png"}, "b64encode"),
        ({"type": "image", "url": "data:image/png;base64,AAA"}, "b64encode"),
        ({"type": "image", "base64": "", "mime_type": "image/png"}, "Leave it out"),
        ({"type": "image"}, "form that is not known"),
        ({"type": "hologram", "base64": DATA}, "a block of the type 'hologram'.*not known"),
        ({"type": "tool_result", "tool_use_id": "t1", "content": "A fox."}, "the type 'tool_result'.*`ToolMessage`"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_any_request(grok, model, block, said):
    with pytest.raises(GrokWebInvalidRequestError, match=said) as raised:
        model.invoke([ask(block)])
    assert grok.requests == []
    assert "iVBORw0KGgo" not in str(raised.value)


@pytest.mark.wire("rest")
def test_too_much_is_refused_before_any_request(grok, model, monkeypatch):
    with pytest.raises(GrokWebInvalidRequestError, match="8 files"):
        model.invoke([ask(*(picture(bytes([number])) for number in range(9)))])
    monkeypatch.setattr("langchain_grokweb.messages.attachments.MAX_ATTACHMENT_BYTES", len(PICTURE) - 1)
    with pytest.raises(GrokWebInvalidRequestError, match="too many attachments"):
        model.invoke([ask(picture())])
    assert grok.requests == []


# --- uploading


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        ("upload_refused", {}, GrokWebContentFilterError),
        ("upload_refused", {"kind": "too_many_pages"}, GrokWebInvalidRequestError),
        ("server_error", {"status": 413, "path": "/http/"}, GrokWebInvalidRequestError),
        ("server_error", {"status": 500, "path": "/http/"}, GrokWebServerError),
        ("server_error", {"status": 404, "path": "/*upload-file*"}, GrokWebInvalidRequestError),
        ("anti_bot", {"path": "/http/"}, GrokWebPermissionError),
        ("expired", {"path": "/http/"}, GrokWebAuthenticationError),
        ("html", {"path": "/http/"}, GrokWebProtocolError),
    ],
)
def test_where_an_upload_fails_there_is_no_turn(grok, model, fault, options, error):
    grok.fault(fault, times=9, **options)
    with pytest.raises(error) as raised:
        model.invoke([ask(picture(), picture(OTHER))])
    assert type(raised.value) is error
    assert "transport=" not in str(raised.value)
    assert grok.turns == []
    assert not [request for request in grok.requests if request.path == "/ws/mgw/"]


@pytest.mark.parametrize("fault", ["attachment_moderated", "attachment_load_failed", "image_too_large"])
def test_what_the_answers_stream_says_of_an_attachment_is_an_error(grok, model, fault):
    grok.fault(fault)
    expected = GrokWebContentFilterError if fault == "attachment_moderated" else GrokWebInvalidRequestError
    with pytest.raises(expected):
        model.invoke([ask(picture())])


def test_a_service_without_the_newest_endpoint_gets_the_classic_upload(grok, model):
    grok.fault("server_error", status=404, path="/http/")
    model.invoke([ask(picture(name="ü.png"))])
    model.invoke([ask(picture(OTHER))])
    assert uploads(grok) == [DIRECT, CLASSIC, CLASSIC]
    direct, classic, _ = (request.headers for request in grok.requests if "upload-file" in request.path)
    assert direct["content-type"].startswith("multipart/form-data; boundary=")
    assert [name for name in direct if name not in classic] == []
    assert [name for name in classic if name not in direct] == ["x-xai-request-id"]
    assert [seen(turn) for turn in grok.turns] == [[("ü.png", sha(PICTURE))], [("image-1.png", sha(OTHER))]]


def test_an_upload_is_tried_again_where_the_site_says_so(grok, model):
    grok.fault("rate_limited", path="/http/", retry_after=0)
    model.invoke([ask(picture())])
    assert uploads(grok) == [DIRECT, DIRECT]
    assert seen(grok.turns[0]) == [("image-1.png", sha(PICTURE))]


def test_a_turn_that_is_opened_again_uploads_once(grok, make_model):
    grok.fault("rate_limited", times=2, retry_after=0)
    make_model(max_retries=2).invoke([ask(picture())])
    assert uploads(grok) == [DIRECT]
    assert seen(grok.turns[0]) == [("image-1.png", sha(PICTURE))]


def test_a_change_of_wires_uploads_once(grok):
    grok.fault("anti_bot")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="auto")
    model.invoke([ask(picture())])
    assert grok.turns[0].wire == "gateway"
    assert uploads(grok) == [DIRECT]
    assert seen(grok.turns[0]) == [("image-1.png", sha(PICTURE))]


def test_a_mending_turn_names_the_files_again_without_an_upload(grok, model):
    grok.reply("", tool_calls=[{"name": "look", "args": {}}], slip="broken_json")
    grok.reply("", tool_calls=[{"name": "look", "args": {}}])
    assert model.bind_tools([look]).invoke([ask(picture())]).tool_calls
    assert [seen(turn) for turn in grok.turns] == [[("image-1.png", sha(PICTURE))]] * 2
    assert uploads(grok) == [DIRECT]


@pytest.mark.wire("rest")
def test_a_redirect_of_an_upload_is_not_followed(grok, model, hole):
    port, heard = hole
    grok.fault("login_redirect", location=f"http://127.0.0.1:{port}/upload", path="/http/")
    with pytest.raises(GrokWebError):
        model.invoke([ask(picture())])
    assert heard == []
    assert all(request.headers["cookie"].startswith(grok.cookies) for request in grok.requests)


@pytest.fixture
def hole():
    """A port that hears what comes."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    heard: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.send_error(500)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port, heard
        server.shutdown()
        thread.join()


@pytest.mark.wire("rest")
async def test_a_few_are_uploaded_at_a_time():
    """A service that keeps uploads waiting until three are there, and never gets a fourth."""
    waiting, most, three = 0, 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, most
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
        waiting += 1
        most = max(most, waiting)
        if waiting == 3:
            three.set()
        await three.wait()
        await asyncio.sleep(0)
        waiting -= 1
        body = b'{"fileId":"f"}' if head.startswith(f"post {DIRECT}") else b"{}"
        head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        writer.write(f"{head}\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(GrokWebError):  # it has no answer
            await ChatGrokWeb(base_url=url, cookies="sso=eyJh.b.c").ainvoke(
                [ask(*map(picture, (b"abc", b"d", b"e")), *(picture(bytes([n])) for n in range(5)))]
            )
    assert most == 3


@pytest.mark.wire("rest")
async def test_the_callers_own_client_uploads_too(grok, make_model):
    async with httpx.AsyncClient(follow_redirects=True) as client:
        await make_model(http_client=client).ainvoke([ask(picture())])
    assert seen(grok.turns[0]) == [("image-1.png", sha(PICTURE))]


@pytest.mark.wire("rest")
async def test_an_upload_that_is_cancelled_leaves_nothing_open():
    begun, gone = asyncio.Event(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        model = ChatGrokWeb(base_url=url, cookies="sso=eyJh.b.c")
        task = asyncio.create_task(model.ainvoke([ask(picture())]))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()


# --- transcripts that are too long


def test_a_single_message_that_is_too_long_is_the_services_to_refuse(make_model, long_prompts_refused):
    model = make_model(base_url=long_prompts_refused.base_url, cookies=long_prompts_refused.cookies)
    with pytest.raises(GrokWebContextOverflowError):
        model.invoke("x" * 40_001)
    (turn,) = long_prompts_refused.turns
    assert (len(turn.prompt), turn.files) == (40_001, ())


def split(grok: Any) -> tuple[str, str]:
    """The elements in the file, and those in the prompt."""
    (turn,) = grok.turns
    elements = turn.prompt.partition("\n")[2]
    return turn.files[0].content.decode(), elements


def test_the_oldest_part_of_a_long_transcript_goes_up_as_a_file(make_model, long_prompts_refused):
    grok = long_prompts_refused
    model = make_model(base_url=grok.base_url, cookies=grok.cookies)
    said = [kind(f"{number} " + "wörd </message> " * 200) for number in range(9) for kind in (HumanMessage, AIMessage)]
    said[0] = HumanMessage(f"{said[0].text}\nMy name is Ada.")
    question = HumanMessage([text("What is my name?"), picture(name="fox.png")])
    answer = model.bind_tools([look]).invoke([SystemMessage("Be brief."), *said, question])
    assert "Ada" in answer.text
    (turn,) = grok.turns
    earlier, rest = split(grok)
    assert len(turn.prompt) <= 40_000
    assert [file.name for file in turn.files] == ["conversation.txt", "fox.png"]
    assert "first 8 messages stand in the attached file conversation.txt" in turn.prompt.splitlines()[0]
    assert rest.index("Be brief.") < rest.index("look") < rest.index("8 wörd")  # instructions stay
    assert rest.endswith('[image attached: fox.png]\n</message>\n<message role="assistant">')
    assert_whole(said, f"{earlier}\n{rest}")


@pytest.fixture
def long_prompts_refused():
    from langchain_grokweb.testing import GrokEmulator

    with GrokEmulator(longest_prompt=40_000) as emulator:
        yield emulator


def assert_whole(said: list[Any], told: str) -> None:
    """Every message is there, in order and once, as an element with its own role."""
    place = 0
    for message in said:
        role = "user" if isinstance(message, HumanMessage) else "assistant"
        element = f'<message role="{role}">\n{message.text.replace("</message>", "&lt;/message>")}\n</message>'
        assert told.count(element) == 1
        place = told.index(element, place) + 1
