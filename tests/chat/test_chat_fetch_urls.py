"""Attachments by address: without cookies, from public addresses alone, bounded; and nothing unless it is asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from paths import PATHS
from scripted.server import HANG_UP, STAY, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebConnectionError, GrokWebError, GrokWebInvalidRequestError
from langchain_grokweb.client import web_files
from langchain_grokweb.testing import GrokEmulator
from tests import leaks
from tests.open_web import PUBLIC, OpenWeb, open_web

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
URL = "https://pictures.example/a%20fox.png?token=secret"
GET = "GET /a%20fox.png?token=secret"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
def web(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenWeb]:
    server.play(Script({GET: Reply.of(PNG, content_type="image/png")}))
    with open_web(monkeypatch, server.base_url) as opened:
        opened.names = {"pictures.example": [[PUBLIC]], "other.example": [["93.184.216.35"]]}
        yield opened


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


def model_of(grok: GrokEmulator, **settings: Any) -> ChatGrokWeb:
    return ChatGrokWeb(
        base_url=grok.base_url, cookies=leaks.signed_in(grok.cookies), **{"fetch_urls": True, **settings}
    )


def asking(url: str, kind: str = "image", **more: Any) -> list[HumanMessage]:
    return [HumanMessage([{"type": "text", "text": "What is it?"}, {"type": kind, "url": url, **more}])]


@pytest.mark.parametrize("way", PATHS)
def test_it_is_fetched_without_cookies_and_sent_along(grok, server, web, way):
    PATHS[way](model_of(grok, headers={"x-secret": leaks.MARK}), asking(URL))
    (file,) = grok.turns[0].files
    assert (file.name, file.mime_type, file.content) == ("a fox.png", "image/png", PNG)
    (request,) = server.requests
    assert request.headers["host"] == "pictures.example"
    assert not {"cookie", "referer", "origin", "authorization", "x-xai-request-id", "x-secret"} & request.headers.keys()
    assert leaks.MARK not in str(request.headers)
    assert web.connected == [(PUBLIC, 443)]
    assert web.certified == ["pictures.example"]


def test_by_default_nothing_is_fetched_and_the_refusal_says_how_to(grok, server, web):
    with pytest.raises(GrokWebInvalidRequestError, match=r"fetch_urls=True.*public https") as caught:
        model_of(grok, fetch_urls=False).invoke(asking(URL))
    assert "secret" not in str(caught.value)
    assert not [*server.requests, *web.looked_up, *grok.turns]
    model_of(grok, fetch_urls=False).invoke(asking(URL), fetch_urls=True)
    assert grok.turns[0].files


def test_the_profile_follows(grok):
    assert [model_of(grok, fetch_urls=on).profile["image_url_inputs"] for on in (True, False)] == [True, False]


def test_a_conversation_continues_without_fetching_again(grok, server, web):
    model = model_of(grok)
    history = [*asking(URL), model.invoke(asking(URL))]
    model.invoke([*history, HumanMessage("And then?")])
    assert grok.turns[1].parent_response_id == grok.turns[0].response_id
    assert len(server.requests) == 1


def test_what_an_answer_names_is_never_fetched_and_what_was_said_before_may_fail(grok, server, web, caplog):
    answer = AIMessage([{"type": "text", "text": "Look."}, {"type": "image", "url": "https://other.example/x.png"}])
    result = ToolMessage([{"type": "image", "url": "https://pictures.example/gone.png"}], tool_call_id="1", name="t")
    call = AIMessage("", tool_calls=[{"name": "t", "args": {}, "id": "1"}])
    with caplog.at_level(logging.INFO, logger="langchain_grokweb"):
        model_of(grok).invoke([*asking(URL), answer, HumanMessage("Go"), call, result, HumanMessage("And?")])
    assert [file.name for file in grok.turns[0].files] == ["a fox.png"]
    assert web.looked_up == ["pictures.example"] * 2
    assert "stays here" in caplog.text


def test_a_redirect_is_followed_to_public_addresses_alone(grok, server, web):
    script = {
        "GET /1": Reply([], 302, {"location": "https://other.example/2"}),
        "GET /2": Reply([], 307, {"location": "/a%20fox.png?token=secret"}),
        GET: Reply.of(PNG, content_type="image/png"),
    }
    server.play(Script(dict(script)))
    model_of(grok).invoke(asking("https://pictures.example/1"))
    assert grok.turns[0].files[0].content == PNG
    assert web.certified == ["pictures.example", "other.example", "other.example"]
    hostile = [
        "http://other.example/x",
        f"http://127.0.0.1:{web.port}/x",
        "https://inner.example/x",
        "file:///etc/passwd",
    ]
    web.names["inner.example"] = [["10.0.0.7"]]
    for target in [*hostile, "https://pictures.example/1"]:
        server.play(Script({"GET /1": Reply([], 302, {"location": target})}))
        with pytest.raises(GrokWebInvalidRequestError):
            model_of(grok).invoke(asking("https://pictures.example/1"))
        assert {request.path for request in server.requests} == {"/1"}, target
        assert len(server.requests) <= 6


def test_a_name_that_changes_its_meaning_gains_nothing(grok, web):
    """It is looked up once, and the connection goes to what was checked."""
    web.names["pictures.example"] = [[PUBLIC], ["127.0.0.1"]]
    model_of(grok).invoke(asking(URL))
    assert web.looked_up == ["pictures.example"]
    assert web.connected == [(PUBLIC, 443)]


def test_the_next_address_of_a_host_is_tried_and_all_of_them_must_be_public(grok, web):
    web.names["pictures.example"] = [["2606:2800:220:1::1", PUBLIC]]
    web.unreachable = {"2606:2800:220:1::1"}
    model_of(grok).invoke(asking(URL))
    assert [address for address, _ in web.connected] == ["2606:2800:220:1::1", PUBLIC]
    web.unreachable.add(PUBLIC)
    with pytest.raises(GrokWebConnectionError, match=r"https://pictures\.example could not be reached"):
        model_of(grok).invoke(asking(URL))


PRIVATE = """127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 198.18.0.1
    224.0.0.1 240.0.0.1 255.255.255.255 192.0.2.1 ::1 :: fe80::1 fc00::1 fd00:ec2::254 fec0::1 ff02::1 ::ffff:127.0.0.1
    ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a00:1 ::127.0.0.1 2002:7f00:1:: 2002:a00:1::1
    2001:0:7f00:1::1 2001:db8::1""".split()
HOSTILE = [
    "http://pictures.example/a.png",
    "https://user:pw@pictures.example/a.png",
    "https://pictures.example@127.0.0.1/a.png",
    "https://localhost/a.png",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://kubernetes.default.svc.cluster.local/x",
    "https://2130706433/a.png",
    "https://0x7f000001/a.png",
    "https://0177.0.0.1/a.png",
    "https://127.1/a.png",
    "https://[::ffff:7f00:1]/a.png",
    "https://[fe80::1%25lo]/a.png",
    "https://[::1/a.png",
    "https://pictures.example:99999/a.png",
    "https://pictures.example\\@127.0.0.1/a.png",
    "https:///a.png",
    "https://nowhere.invalid/a.png",
    "gs://bucket/a.png",
    "HTTPS://127.0.0.1/a.png",
    *(f"https://[{address}]/a.png" if ":" in address else f"https://{address}/a.png" for address in PRIVATE),
]


@pytest.mark.parametrize("checks", ["ours and LangChain's", "ours"])
def test_no_hostile_address_is_fetched(grok, server, web, monkeypatch, checks):
    """Also where LangChain has its checks no longer, for which it gives no promise."""
    monkeypatch.setenv("LANGCHAIN_ENV", "local_test")  # which opens a door in LangChain's own checks
    if checks == "ours":
        monkeypatch.setitem(sys.modules, "langchain_core._security", None)
    model = model_of(grok)
    for url in HOSTILE:
        with pytest.raises(GrokWebError):
            model.invoke(asking(url))
    for address in PRIVATE:  # and a name that leads there, among others that are public
        web.names["pictures.example"] = [[PUBLIC, address]]
        with pytest.raises(GrokWebInvalidRequestError, match="not public"):
            model.invoke(asking(URL))
    assert not [*web.connected, *server.requests, *grok.turns]


BAD: dict[str, tuple[Reply, str]] = {
    "a page": (Reply.of(b"<html>", content_type="text/html"), "it is text/html and not image"),
    "a video": (Reply.of(b"x", content_type="video/mp4"), "it is video/mp4 and not image"),
    "nothing": (Reply.of(b"", content_type="image/png"), "it is empty"),
    "not found": (Reply.of(b"x", 404, content_type="image/png"), "status 404"),
    "too large": (Reply([b"x" * 600, b"x" * 600, STAY], 200, {"content-type": "image/png"}), "larger than 1000 bytes"),
    "endless": (Reply([b"x", STAY], 200, {"content-type": "image/png"}), "within 0.3 seconds"),
    "silent": (Reply([], 200, {"content-type": "image/png"}, held=True), "within 0.3 seconds"),
    "broken": (Reply([b"x", HANG_UP], 200, {"content-type": "image/png"}), "could not be reached"),
    "packed": (Reply.of(b"x", content_type="image/png", content_encoding="br"), "encodings"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_a_picture_of_a_fair_size_is_refused(grok, server, web, monkeypatch, name):
    reply, words = BAD[name]
    monkeypatch.setattr(web_files, "MAX_ATTACHMENT_BYTES", 1000)
    monkeypatch.setattr(web_files, "LONGEST_FETCH_SECONDS", 0.3)
    server.play(Script({GET: reply}))
    with leaks.logged() as lines, pytest.raises(GrokWebError, match=words) as caught:
        model_of(grok).invoke(asking(URL))
    assert not grok.turns
    leaks.check_error(caught.value)
    assert leaks.MARK not in "\n".join(lines)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "declared", "given", "expected"),
    [
        ("file", "application/pdf", "application/pdf; charset=x", "application/pdf"),
        ("file", "application/pdf", "application/octet-stream", "application/pdf"),
        ("file", "text/html", "text/html", "text/html"),
        ("image", "", "image/webp", "image/webp"),
    ],
)
def test_the_type_is_the_hosts_where_it_names_one(grok, server, web, kind, declared, given, expected):
    server.play(Script({"GET /x": Reply.of(b"data", content_type=given)}))
    more = {"mime_type": declared} if declared else {}
    model_of(grok).invoke(asking("https://pictures.example/x", kind, **more))
    assert grok.turns[0].files[0].mime_type == expected
