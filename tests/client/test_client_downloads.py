"""Downloads: byte for byte, bounded, and with cookies to the service's own hosts alone."""

from __future__ import annotations

import asyncio
import base64
import pickle
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from scripted.server import COOKIES, HANG_UP, STAY, Reply, Script, ScriptedServer

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebClient,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebServerError,
)
from tests import leaks

KEY = "users/u/generated/1a9c/image.jpg"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
CONTENT = "GET /rest/conversations/files/content?conversationId=c&path=%2Fartifacts%2Fa%20b.csv"
MADE = {
    "id": "f",
    "name": "a b.csv",
    "mime_type": "text/csv",
    "url": "https://x",
    "path": "/artifacts/a b.csv",
    "conversation_id": "c",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ScriptedServer]:
    """Another host, which must not see a cookie."""
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
def client(server: ScriptedServer, elsewhere: ScriptedServer) -> GrokWebClient:
    elsewhere.play(Script())
    return GrokWebClient(base_url=server.base_url, cookies=leaks.signed_in(COOKIES))


def gives(*replies: Reply, name: str = f"GET /{KEY}", **more: Reply) -> Script:
    return Script({name: list(replies), **more})


def image(*pieces: Any, status: int = 200, **headers: str) -> Reply:
    named = {"content-type": "image/jpeg", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return Reply(pieces or [JPEG], status, named)


# --- what comes back


@pytest.mark.parametrize(
    "item",
    [
        KEY,
        f"/{KEY}",
        "{base}/" + KEY,
        {"id": "i", "url": "{base}/" + KEY, "mime_type": "image/jpeg"},
        {"type": "image", "id": "i", "url": "{base}/" + KEY, "mime_type": "image/jpeg", "extras": {"prompt": "p"}},
    ],
)
async def test_the_bytes_of_a_picture(server, client, item):
    server.play(gives(image(JPEG[:7], JPEG[7:])))
    url = item if isinstance(item, str) else item["url"]
    url = url.replace("{base}", server.base_url)
    assert await client.download(url if isinstance(item, str) else {**item, "url": url}) == JPEG
    (request,) = server.requests
    assert "sso=" in request.headers["cookie"]
    assert request.headers["referer"] == f"{server.base_url}/"


def test_a_file_appears_when_it_is_whole_and_progress_is_reported(server, client, tmp_path):
    seen: list[tuple[int, int | None, list[str]]] = []

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total, [path.name for path in tmp_path.iterdir() if not path.name.endswith(".part")]))

    server.play(gives(image(JPEG[:7], JPEG[7:], content_length=str(len(JPEG)))))
    # chunks and a length: the first counts for HTTP, and the other is what is announced
    path = client.blocking.download(KEY, tmp_path / "fox.jpg", progress)
    assert path == tmp_path / "fox.jpg"
    assert path.read_bytes() == JPEG
    assert [done for done, _, _ in seen][-1] == len(JPEG)
    assert {total for _, total, _ in seen} == {len(JPEG)}
    assert all(names == [] for _, _, names in seen)
    assert [one.name for one in tmp_path.iterdir()] == ["fox.jpg"]


def test_in_a_directory_it_gets_a_name_and_takes_nobodys_place(server, client, tmp_path):
    server.play(gives(image()))
    names = [client.blocking.download(KEY, tmp_path).name for _ in range(2)]
    assert names == ["1a9c-image.jpg", "1a9c-image-2.jpg"]
    again = asyncio.run(_twice(client, tmp_path))
    assert sorted(path.name for path in again) == ["1a9c-image-3.jpg", "1a9c-image-4.jpg"]
    hostile = {"base64": base64.b64encode(b"x").decode(), "name": "../../.bashrc"}
    assert client.blocking.download(hostile, tmp_path) == tmp_path / "bashrc"


async def _twice(client, directory):
    return await asyncio.gather(client.download(KEY, directory), client.download(KEY, directory))


@pytest.mark.parametrize("signed", ["downloadSignedUrl", "signedUrl"])
async def test_a_made_file_comes_by_its_signed_address_which_gets_no_cookies(server, elsewhere, client, signed):
    place = {"mimeType": "text/csv", "size": 8, "isTruncated": False, signed: f"{elsewhere.base_url}/signed/x?s=1"}
    server.play(Script({CONTENT: Reply.of(place)}))
    elsewhere.play(Script({"GET /signed/x?s=1": Reply.of(b"a,b\n1,2\n", content_type="text/csv")}))
    assert await client.download(MADE) == b"a,b\n1,2\n"
    (request,) = elsewhere.requests
    assert not {"cookie", "referer", "authorization", "x-xai-request-id"} & request.headers.keys()
    assert leaks.MARK not in str(request.headers)


@pytest.mark.parametrize("cut", [False, True])
async def test_a_made_file_may_come_inside_of_the_reply_unless_it_is_cut(server, elsewhere, client, cut):
    encoded = base64.b64encode(b"a,b").decode()
    place = {"dataUrl": f"data:text/csv;base64,{encoded}", "isTruncated": cut, "signedUrl": f"{elsewhere.base_url}/s"}
    server.play(Script({CONTENT: Reply.of(place)}))
    elsewhere.play(Script({"GET /s": Reply.of(b"a,b,c,d")}))
    block = {"type": "file", "url": MADE["url"], "extras": {key: MADE[key] for key in ("path", "conversation_id")}}
    assert await client.download(block) == (b"a,b,c,d" if cut else b"a,b")


async def test_a_page_is_a_file_like_any_other_where_a_page_is_asked_for(server, client):
    page = Reply.of(b"<html>mine</html>", content_type="text/html")
    server.play(Script({"GET /users/u/f/content": page, f"GET /{KEY}": page}))
    assert await client.download("users/u/f/content") == b"<html>mine</html>"
    with pytest.raises(GrokWebProtocolError):
        await client.download({"url": KEY, "mime_type": "image/jpeg"})


# --- tries


async def test_it_is_tried_again_where_it_breaks(server, client, tmp_path):
    server.play(gives(image(status=503), image(JPEG[:5000], HANG_UP), image()))
    path = await client.download(KEY, tmp_path / "a.jpg")
    assert path.read_bytes() == JPEG
    assert len(server.requests) == 3


@pytest.mark.parametrize("path", [None, "a.jpg"])
async def test_what_is_too_large_is_left(server, client, tmp_path, path):
    server.play(gives(image(*[b"x" * 1000] * 10, STAY)))
    with pytest.raises(GrokWebInvalidRequestError, match="larger than the 5000 bytes"):
        await client.download(KEY, path and tmp_path / path, max_bytes=5000)
    server.play(gives(image(STAY, content_length="6000")))
    with pytest.raises(GrokWebInvalidRequestError, match="larger than the 5000 bytes"):
        await client.download(KEY, path and tmp_path / path, max_bytes=5000)
    assert not list(tmp_path.iterdir())


async def test_a_download_that_is_given_up_leaves_nothing(server, client, tmp_path):
    server.play(gives(image(JPEG, STAY)))
    begun = asyncio.Event()
    task = asyncio.ensure_future(client.download(KEY, tmp_path / "a.jpg", lambda *_: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_the_systems_error(server, client, tmp_path):
    server.play(gives(image()))
    with pytest.raises(OSError, match="No such file"):
        client.blocking.download(KEY, tmp_path / "nowhere" / "a.jpg")


# --- refusals

REFUSALS: dict[str, tuple[Reply, type[GrokWebError], str]] = {
    "403": (
        Reply.of(b"Forbidden", 403, content_type="text/plain"),
        GrokWebPermissionError,
        "belongs to another account",
    ),
    "404": (Reply.of(b"Not found", 404, content_type="text/plain"), GrokWebInvalidRequestError, "does not have this"),
    "a challenge": (
        Reply.of(b"<title>Just a moment...</title>", 403, content_type="text/html", cf_mitigated="challenge"),
        GrokWebPermissionError,
        "cf_clearance",
    ),
    "a redirect": (image(status=302, location="{elsewhere}/x"), GrokWebServerError, "not followed with cookies"),
    "a redirect at home": (image(status=307, location="/users/u/x"), GrokWebServerError, "not followed with cookies"),
    "text": (Reply.of(b"<html>", content_type="text/html"), GrokWebProtocolError, "text/html"),
    "a video": (Reply.of(b"x", content_type="video/mp4"), GrokWebProtocolError, "video/"),
    "an unknown encoding": (image(content_encoding="br"), GrokWebProtocolError, "encodings"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_says_what_to_do_and_no_cookie_goes_along(server, elsewhere, client, name):
    reply, kind, words = REFUSALS[name]
    headers = {key: value.replace("{elsewhere}", elsewhere.base_url) for key, value in reply.headers.items()}
    server.play(gives(Reply(reply.pieces, reply.status, headers)))
    with leaks.logged() as lines, pytest.raises(kind, match=words) as caught:
        await client.download({"url": KEY, "mime_type": "image/jpeg"})
    leaks.check_error(caught.value)
    assert leaks.MARK not in "\n".join(lines)
    assert caught.value.next_step
    pickle.loads(pickle.dumps(caught.value))
    assert not elsewhere.requests


HOSTILE = [
    "{elsewhere}/" + KEY,
    "https://assets.grok.com/" + KEY,
    "https://assets.grok.com.evil.example/" + KEY,
    "https://grok.com@evil.example/" + KEY,
    "{user}/" + KEY,
    "//evil.example/" + KEY,
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "gopher://127.0.0.1/x",
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:127.0.0.1]/" + KEY,
    "http://[fe80::1%25eth0]/x",
    "http://2130706433/" + KEY,
    "http://0177.0.0.1/" + KEY,
    "http://127.0.0.1:99999/x",
    "{base}/../../rest/modes",
    "{base}/users/%2e%2e/x",
    "{base}\\@evil.example/x",
    "{base}/users/u\r\nHost: evil.example",
    "{base}",
    "prompt://a fox",
    "",
]


# On this machine, as the service itself is: fetched where the service calls it signed, without cookies (see above).
HERE = [HOSTILE[0], *(one for one in HOSTILE if one.startswith(("{base}/", "http://0177", "http://21"))), "{base}"]


@pytest.mark.parametrize("form", ["address", "entry", "signed"])
async def test_no_hostile_address_is_fetched(server, elsewhere, client, form):
    """An item's address, and one that the service names as signed."""
    for template in HOSTILE:
        url = template.replace("{base}", server.base_url).replace("{elsewhere}", elsewhere.base_url)
        url = url.replace("{user}", server.base_url.replace("://", "://user@"))
        item: Any = {"address": url, "entry": {"url": url}, "signed": MADE}[form]
        replies = {CONTENT: Reply.of({"signedUrl": url})} if form == "signed" else {}
        server.play(Script(replies))
        if form == "signed" and template in HERE:
            continue
        with pytest.raises(GrokWebError):
            await client.download(item)
        assert len(server.requests) == (form == "signed"), template
        assert not elsewhere.requests, template


@pytest.mark.parametrize("item", [None, 7, {}, {"id": "x"}, {"url": 5}, ["users/u/x"], {"path": "/x"}])
async def test_what_is_nothing_to_download_is_refused(client, item):
    with pytest.raises(GrokWebInvalidRequestError):
        await client.download(item)


async def test_the_signed_address_refuses(server, elsewhere, client):
    server.play(Script({CONTENT: Reply.of({"signedUrl": f"{elsewhere.base_url}/s"})}))
    elsewhere.play(Script({"GET /s": Reply.of(b"no", 403, content_type="text/plain")}))
    with pytest.raises(GrokWebPermissionError, match="signed"):
        await client.download(MADE)
    server.play(Script({CONTENT: Reply.of({"size": 3})}))
    with pytest.raises(GrokWebProtocolError, match="signedUrl"):
        await client.download(MADE)
    server.play(Script())
    with pytest.raises(GrokWebInvalidRequestError, match="does not have this"):
        await client.download(MADE)


# --- through the model, at an emulator


@pytest.mark.parametrize("way", ["async", "blocking"])
async def test_all_that_is_made_comes_back_byte_for_byte(grok, make_model, way, tmp_path):
    table = b"a,b\n\x00\xff"
    grok.reply("Here.", images=["a fox"], files=[{"name": "t.csv", "content": table}], videos=["waves"])
    model: ChatGrokWeb = make_model()
    kwargs = (await model.ainvoke("Make all")).additional_kwargs
    items = [kwargs["images"][0], kwargs["files"][0], kwargs["videos"][0]]
    if way == "async":
        got = [await model.adownload(item) for item in items]
    else:
        got = [model.download(item, tmp_path).read_bytes() for item in items]
    async with httpx.AsyncClient(headers={"cookie": grok.cookies}, verify=False) as asked:
        pictures = [(await asked.get(item["url"])).content for item in (items[0], items[2])]
    assert got == [pictures[0], table, pictures[1]]
    if way == "blocking":
        assert (tmp_path / "t.csv").exists()
