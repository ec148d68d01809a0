"""Uploads: their progress, large ones in three steps, and one upload for one content."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import (
    GrokWebClient,
    GrokWebContentFilterError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebServerError,
    GrokWebTimeoutError,
)
from langchain_grokweb.client import state
from langchain_grokweb.testing import GrokEmulator
from tests.clock import HANG_SECONDS

BIG = bytes(range(256)) * 1024  # 256 KiB: several pieces
DIRECT = "/http/upload-file-v2/direct"


@pytest.fixture
def client(grok: GrokEmulator) -> Any:
    return GrokWebClient(base_url=grok.base_url, cookies=grok.cookies).blocking


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


class Steps(list[tuple[int, int]]):
    """What a progress says."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


def ask(content: bytes = b"hello", name: str = "notes.txt", mime_type: str = "text/plain") -> list[HumanMessage]:
    block = {"type": "file", "base64": base64.b64encode(content).decode(), "mime_type": mime_type, "filename": name}
    return [HumanMessage([{"type": "text", "text": "Read."}, block])]


def paths(grok: GrokEmulator) -> list[str]:
    """What was asked for about files, in order; a signed address without its name."""
    asked = [(request.method, request.path) for request in grok.requests]
    named = {"upload-file": lambda path: path, "file-metadata": lambda _: "kept?", "/signed/": lambda _: "put"}
    return [told(path) for _, path in asked for part, told in named.items() if part in path]


def in_steps(base: str) -> list[str]:
    return [f"{base}/upload-file-v2/init", "put", f"{base}/upload-file-v2/complete"]


# --- progress


@pytest.mark.parametrize("way", ["direct", "in steps"])
def test_an_upload_shows_how_far_it_is(grok, client, tmp_path, way):
    if way == "in steps":
        grok.fault("server_error", status=413, path=DIRECT)
    (tmp_path / "all bytes.bin").write_bytes(BIG)
    steps = Steps()
    uploaded = client.upload(tmp_path / "all bytes.bin", progress=steps)
    assert (uploaded.name, uploaded.mime_type, uploaded.size) == ("all bytes.bin", "application/octet-stream", len(BIG))
    assert grok.uploads[uploaded.id].content == BIG
    last = steps[-4:]
    assert last == [(len(BIG) * quarter // 4, len(BIG)) for quarter in (1, 2, 3, 4)]


def test_bytes_take_a_name(grok, client):
    uploaded = client.upload(b"a,b", name="../x/table.csv")
    file = grok.uploads[uploaded.id]
    assert (file.name, file.mime_type, file.content) == ("table.csv", "text/csv", b"a,b")


@pytest.mark.parametrize(("content", "name"), [(b"", "x"), (b"x", None), (b"x", "a/.."), (b"x", "a\nb")])
def test_what_cannot_be_uploaded_is_refused_before_any_request(grok, client, content, name):
    with pytest.raises(GrokWebInvalidRequestError):
        client.upload(content, name=name)
    assert grok.requests == []


# --- one upload for one content


def test_a_call_names_what_was_uploaded_before_it(grok, client, model):
    uploaded = client.upload(b"hello", name="notes.txt")
    model.invoke(ask())
    model.invoke(ask())
    assert paths(grok) == [DIRECT, "kept?", "kept?"]
    assert [[file.file_id for file in turn.files] for turn in grok.turns] == [[uploaded.id]] * 2


@pytest.mark.parametrize("other", [{"content": b"other"}, {"name": "b.txt"}, {"mime_type": "text/markdown"}])
def test_another_name_type_or_content_is_another_upload(grok, model, other):
    model.invoke(ask())
    model.invoke(ask(**other))
    assert paths(grok) == [DIRECT, DIRECT]


def test_a_file_that_the_service_no_longer_has_is_uploaded_again(grok, model):
    model.invoke(ask())
    grok.uploads.clear()
    grok._service.uploads.clear()
    model.invoke(ask())
    model.invoke(ask())
    assert paths(grok) == [DIRECT, "kept?", DIRECT, "kept?"]
    assert grok.turns[1].files[0].content == b"hello"


@pytest.mark.parametrize("fault", ["anti_bot", "server_error", "html", "not_found"])
def test_where_the_service_cannot_be_asked_the_file_goes_up_again(grok, model, fault):
    model.invoke(ask())
    grok.fault(fault, path="/rest/app-chat/file-metadata/*")
    model.invoke(ask())
    assert paths(grok) == [DIRECT, "kept?", DIRECT]


def test_a_turn_that_is_refused_makes_the_next_one_upload_again(grok, model):
    model.invoke(ask())
    grok.fault("attachment_load_failed")
    with pytest.raises(GrokWebInvalidRequestError):
        model.invoke(ask())
    model.invoke(ask())
    assert paths(grok) == [DIRECT, "kept?", DIRECT]


def test_a_conversation_that_is_gone_says_nothing_against_its_files(grok, model):
    first = model.invoke(ask())
    grok.conversations[first.response_metadata["grokweb"]["conversation_id"]].deleted = True
    model.invoke([*ask(), first, *ask(b"two", "two.txt")])
    model.invoke(ask())
    assert paths(grok).count(DIRECT) == 2


def test_another_account_and_a_new_process_know_nothing_of_it(grok, client):
    client.upload(b"hello", name="notes.txt")
    state.reset()
    client.upload(b"hello", name="notes.txt")
    assert paths(grok) == [DIRECT, DIRECT]


# --- in three steps


def test_what_is_too_large_goes_up_in_three_steps_and_from_then_on_at_once(grok, model):
    grok.fault("server_error", status=413, path=DIRECT)
    model.invoke(ask(BIG, "a.bin", "application/x-a"))
    model.invoke(ask(BIG + b"!", "a.bin", "application/x-a"))
    model.invoke(ask(b"small"))
    assert paths(grok) == [DIRECT, *in_steps("/http"), *in_steps("/http"), DIRECT]
    assert [turn.files[0].content for turn in grok.turns] == [BIG, BIG + b"!", b"small"]
    assert grok.turns[0].files[0].mime_type == "application/x-a"
    put = next(request for request in grok.requests if request.method == "PUT")
    assert put.headers["content-length"] == str(len(BIG))
    assert "cookie" not in put.headers


def test_the_older_address_serves_where_the_newer_is_not_there(grok, client):
    grok.fault("server_error", status=413, path=DIRECT)
    grok.fault("server_error", status=404, path="/http/upload-file-v2/init")
    uploaded = client.upload(BIG, name="a.bin")
    assert paths(grok) == [DIRECT, "/http/upload-file-v2/init", *in_steps("/rest/app-chat")]
    assert grok.uploads[uploaded.id].content == BIG


def test_a_service_without_the_three_steps_says_that_it_is_too_large(grok, client):
    grok.fault("server_error", status=413, path=DIRECT)
    grok.fault("server_error", times=4, status=404, path="/*/upload-file-v2/init")
    for _ in range(2):
        with pytest.raises(GrokWebInvalidRequestError, match=rf"The file a.bin \({len(BIG)} bytes\)"):
            client.upload(BIG, name="a.bin")


def test_a_refusal_at_the_end_is_the_error(grok, client):
    grok.fault("server_error", status=413, path=DIRECT)
    grok.fault("upload_refused", path="/http/upload-file-v2/complete")
    with pytest.raises(GrokWebContentFilterError):
        client.upload(BIG, name="a.bin")


# --- an impolite server

TOO_LARGE = Reply.of("", 413)
INIT, COMPLETE = "POST /http/upload-file-v2/init", "POST /http/upload-file-v2/complete"
STATUS = "GET /rest/app-chat/upload-file-v2/status?uploadId=u1"


def announced(url: str, **headers: str) -> Reply:
    return Reply.of(
        {"uploadId": "u1", "uploadMethod": "SINGLE_PUT", "singlePut": {"url": url, "requiredHeaders": headers}}
    )


def play(server: ScriptedServer, **replies: Any) -> Any:
    names = {"direct": f"POST {DIRECT}", "init": INIT, "put": "PUT /put", "complete": COMPLETE, "status": STATUS}
    server.play(Script({names[name]: reply for name, reply in replies.items()}))
    settings = {"base_url": server.base_url, "cookies": server.cookies, "timeout": HANG_SECONDS}
    return GrokWebClient(**settings).blocking


def test_the_address_gets_the_headers_it_wants_and_never_ours(server):
    wanted = {
        "Content-Type": "x/y",
        "x-goog-a": "1",
        "Cookie": "a=b",
        "Host": "evil",
        "Content-Length": "1",
        "B d": "2",
    }
    client = play(
        server,
        direct=TOO_LARGE,
        init=announced(f"{server.base_url}/put", **wanted, bad="a\nb"),
        put=Reply.of(""),
        complete=Reply.of({"fileMetadata": {"fileMetadataId": "f1"}}),
    )
    assert client.upload(BIG, name="a.bin").id == "f1"
    assert server.asked(INIT)[0].json == {
        "fileName": "a.bin",
        "fileMimeType": "application/octet-stream",
        "sizeBytes": len(BIG),
        "multipartSupported": False,
    }
    (put,) = server.asked("PUT /put")
    assert put.body == BIG
    assert (put.headers["content-type"], put.headers["x-goog-a"]) == ("x/y", "1")
    assert put.headers["host"] in server.base_url
    assert not {"cookie", "b d", "bad", "origin", "referer"} & put.headers.keys()
    assert server.asked(COMPLETE)[0].json == {"presigned": {"uploadId": "u1", "completedParts": []}}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/put",
        "https://10.0.0.1/put",
        "https://169.254.169.254/put",
        "https://user:secret@example.com/",
        "file:///etc/passwd",
        "//x",
        "nothing",
    ],
)
def test_no_hostile_address_gets_the_bytes(server, url):
    client = play(server, direct=TOO_LARGE, init=announced(url))
    with pytest.raises(GrokWebInvalidRequestError):
        client.upload(BIG, name="a.bin")
    assert [request.method for request in server.requests] == ["POST", "POST"]


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ({"init": Reply.of({}, 500)}, GrokWebServerError),
        ({"init": Reply.of([])}, GrokWebProtocolError),
        ({"init": Reply.of({"uploadId": "u1", "uploadMethod": "MULTIPART"})}, GrokWebProtocolError),
        ({"init": Reply.of({"terminalError": {"attachmentModerated": {}}})}, GrokWebContentFilterError),
        ({"put": Reply.of("no", 403)}, GrokWebServerError),
        ({"put": Reply.of("", 307, location="/elsewhere")}, GrokWebServerError),
        ({"complete": Reply.of({"code": 7, "message": "anti-bot"}, 403)}, GrokWebPermissionError),
        ({"complete": Reply.of({"uploadId": "u1"})}, GrokWebProtocolError),
        ({"complete": Reply.of({"uploadId": "../x"})}, GrokWebProtocolError),
    ],
)
def test_each_step_may_fail(server, replies, error):
    usual = {"init": announced(f"{server.base_url}/put"), "put": Reply.of(""), "complete": Reply.of({})}
    with pytest.raises(GrokWebError) as raised:
        play(server, direct=TOO_LARGE, **{**usual, **replies}).upload(BIG, name="a.bin")
    assert type(raised.value) is error


def status(name: str, **members: Any) -> Reply:
    return Reply.of({"uploadId": "u1", "status": name, **members})


MADE = {"fileMetadata": {"fileMetadataId": "f1"}}


@pytest.mark.parametrize("through", ["direct", "complete"])
@pytest.mark.parametrize("last", [status("SUCCESS", **MADE), status("UPLOAD_STATUS_SUCCESS", **MADE)])
def test_a_file_that_is_still_being_made_is_waited_for(server, clock, through, last):
    pending = Reply.of({"uploadId": "u1", "fileMetadata": {}})
    replies = {"direct": TOO_LARGE, "init": announced(f"{server.base_url}/put"), "put": Reply.of("")}
    client = play(server, **{**replies, through: pending}, status=[status("PROCESSING"), status("RETRYING"), last])
    assert client.upload(BIG, name="a.bin").id == "f1"
    assert len(server.asked(STATUS)) == 3


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (status("ERROR", errorMessage="This file was moderated."), GrokWebContentFilterError),
        (status("UPLOAD_STATUS_EXPIRED"), GrokWebInvalidRequestError),
        (Reply.of({}, 500), GrokWebServerError),
    ],
)
def test_a_file_that_is_not_made_is_an_error(server, clock, last, error):
    client = play(server, direct=Reply.of({"uploadId": "u1"}), status=[status("PROCESSING"), last])
    with pytest.raises(error):
        client.upload(b"x", name="a.bin")


def test_a_file_that_is_never_made_is_waited_for_no_longer_than_allowed(server, clock):
    client = play(server, direct=Reply.of({"uploadId": "u1"}), status=status("PROCESSING"))
    with pytest.raises(GrokWebTimeoutError, match="timeout="):
        client.upload(b"x", name="a.bin")


def test_what_is_remembered_has_a_bound_and_shows_nothing():
    account = state.of_account("https://grok.com", "a")
    for number in range(1100):
        account.note_file(number.to_bytes(4), f"file-{number}")
    assert len(account.file_ids) == 1000
    assert account.file_ids[(1099).to_bytes(4)] == "file-1099"
    assert "file-" not in repr(account)
