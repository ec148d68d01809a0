"""What others may have put into messages, replies and settings: it reaches no other host and no other path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from test_chat_errors import served
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from langchain_grokweb import ChatGrokWeb, GrokWebError, GrokWebInvalidRequestError, GrokWebProtocolError
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.service import Service
from langchain_grokweb.credentials import GrokCredentials

ANSWER = "aaaaaaaa-0000-4000-8000-000000000001"
NO_IDS = [
    "../../../users/me",
    "..",
    "a/../../b",
    "x?temporary=true",
    "x#",
    "x%2f..%2fy",
    "@evil.example/x",
    "//evil.example",
    "a\r\nCookie: b",
    "a b",
    "é",
    "",
    "x" * 200,
]


@contextmanager
def another_host() -> Iterator[tuple[str, list[str]]]:
    """A host that must not be asked for anything, and what it is asked for."""
    heard: list[str] = []

    class Listens(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.command} {self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that the class looks for

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Listens) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


def linked(model: ChatGrokWeb, **changes: str) -> list[Any]:
    """A conversation of one turn, with something else in its link, whose hashes hold."""
    question = HumanMessage("Hi")
    answer = model.invoke([question])
    link = {**answer.response_metadata["grokweb"], **changes}
    return [question, AIMessage(answer.text, response_metadata={"grokweb": link}), HumanMessage("And?")]


@pytest.mark.parametrize("member", ["conversation_id", "response_id"])
def test_an_id_in_a_link_that_is_none_is_no_link(shared_grok, wire, member):
    model = ChatGrokWeb(base_url=shared_grok.base_url, cookies=shared_grok.cookies, transport=wire)
    for odd in NO_IDS:
        messages = linked(model, **{member: odd})
        shared_grok.reset()
        assert model.invoke(messages).text
        asked = [request.path for request in shared_grok.requests]
        assert asked == (["/rest/app-chat/conversations/new"] if wire == "rest" else ["/ws/mgw/"]), odd
        assert shared_grok.turns[0].parent_response_id is None
        assert odd not in shared_grok.turns[0].prompt or odd in {"", ".."}


@pytest.mark.parametrize("odd", [one for one in NO_IDS if one not in {"", "x" * 200, "x?temporary=true"}])
async def test_no_address_is_made_of_what_is_no_id(shared_grok, odd):
    http = Http(Service(base_url=shared_grok.base_url), GrokCredentials.parse(shared_grok.cookies))
    shared_grok.reset()
    with pytest.raises(GrokWebInvalidRequestError, match="not allowed in ids"):
        await http.fetch_json("DELETE", f"/rest/app-chat/conversations/inflight-response/{odd}")
    assert shared_grok.requests == []


@pytest.mark.wire("rest")
def test_an_id_of_the_site_that_is_none_is_not_kept(make_model):
    frames = [
        {"conversation": {"conversationId": "../../evil"}},
        {"response": {"token": "Paris.", "isThinking": False, "isSoftStop": False, "responseId": ANSWER}},
        {"response": {"modelResponse": {"responseId": ANSWER, "message": "Paris.", "sender": "ASSISTANT"}}},
    ]
    body = b"".join(json.dumps({"result": frame}).encode() + b"\n" for frame in frames)
    with served(body) as url, pytest.raises(GrokWebProtocolError) as raised:
        make_model(base_url=url).invoke("Hi")
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize("path", [None, "/"])
def test_a_redirect_to_another_host_is_not_followed(grok, make_model, path):
    """Of what is asked, and of the page that an account's id is looked for on."""
    cookies = grok.cookies if path is None else grok.cookies.split("; x-userid")[0]
    with another_host() as (url, heard):
        grok.fault("login_redirect", location=f"{url}/sign-in", times=2, path=path)
        with suppress(GrokWebError):  # where only the page was asked for, the session tells the id
            make_model(cookies=cookies).invoke("Hi")
        assert heard == []


@pytest.mark.wire("rest")
def test_the_address_of_a_picture_is_told_and_never_fetched(make_model):
    with another_host() as (url, heard):
        picture = {"imageUrl": f"{url}/steal.jpg", "imageId": "i", "progress": 100}
        frames = [
            {"conversation": {"conversationId": "c"}},
            {"response": {"streamingImageGenerationResponse": picture, "responseId": ANSWER}},
            {"response": {"cardAttachment": {"jsonData": json.dumps({"id": "c", "url": f"{url}/x"})}}},
            {"response": {"modelResponse": {"responseId": ANSWER, "message": "Here.", "sender": "ASSISTANT"}}},
        ]
        body = b"".join(json.dumps({"result": frame}).encode() + b"\n" for frame in frames)
        with served(body) as service:
            answer = make_model(base_url=service, image_markdown=True).invoke("Hi")
        assert answer.additional_kwargs["images"][0]["url"] == f"{url}/steal.jpg"
        assert answer.content_blocks
        assert heard == []


@pytest.mark.parametrize("user", ["../x", "a&b=c", "a\r\nb", "x#y"])
def test_an_account_id_of_a_page_cannot_add_to_an_address(shared_grok, monkeypatch, user):
    async def odd(_http: Http) -> str:
        return user

    monkeypatch.setattr("langchain_grokweb.client.gateway.user_id", odd)
    shared_grok.reset()
    with pytest.raises(GrokWebError):
        ChatGrokWeb(base_url=shared_grok.base_url, cookies=shared_grok.cookies, transport="gateway").invoke("Hi")
    (upgrade,) = shared_grok.requests
    assert upgrade.path == "/ws/mgw/"
    assert "&" not in upgrade.query


@pytest.mark.parametrize("proxy", ["http://user:pw@127.0.0.1:1\r\nx", "http://127.0.0.1:port", "http://[", "http://"])
def test_a_proxy_that_is_no_address_is_one_of_our_errors(shared_grok, wire, proxy):
    settings = {"cookies": shared_grok.cookies, "transport": wire, "proxy": proxy, "max_retries": 0}
    with pytest.raises((GrokWebError, ValueError)) as raised:
        ChatGrokWeb(base_url=shared_grok.base_url, **settings).invoke("Hi")
    assert "pw" not in str(raised.value)


@pytest.mark.wire("rest")
def test_a_line_without_an_end_is_refused_at_the_bound(make_model):
    with served(b'{"result":"' + b"x" * (17 * 1024 * 1024)) as url, pytest.raises(GrokWebProtocolError) as raised:
        make_model(base_url=url).invoke("Hi")
    assert raised.value.expected == "an object of at most 16 MiB"


@pytest.mark.parametrize("secret", ["sso=a\r\nX-Evil: 1", "sso=a\x00b", "sso=a; x-userid=../..", "sso=é"])
def test_cookies_that_would_smuggle_never_leave(shared_grok, wire, secret):
    shared_grok.reset()
    with pytest.raises(GrokWebError) as raised:
        ChatGrokWeb(base_url=shared_grok.base_url, cookies=secret, transport=wire).invoke("Hi")
    assert "X-Evil" not in str(raised.value)
    assert not any("evil" in f"{request.headers}".lower() for request in shared_grok.requests)


@pytest.mark.wire("gateway")
async def test_a_message_of_the_gateway_is_refused_at_the_bound(grok, make_model):
    conversation, answer = {"id": "c"}, {"id": ANSWER, "status": "in_progress"}

    async def speak(socket: Any) -> None:
        async def say(kind: str, **members: Any) -> None:
            await socket.send(
                json.dumps({"session_id": "c", "event": {"type": kind, "event_id": f"e_{kind}", **members}})
            )

        await socket.recv()
        await say("session.created", session=conversation)
        await say("conversation.attached", conversation=conversation)
        await socket.recv()
        await say("response.created", response=answer)
        with suppress(ConnectionClosed):
            await say("response.output_text.delta", response_id=ANSWER, delta="x" * (17 * 1024 * 1024))
            await socket.wait_closed()

    async with serve(speak, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(GrokWebProtocolError) as raised:
            await make_model(base_url=url).ainvoke("Hi")
    assert (raised.value.expected, raised.value.got) == ("one of at most 16 MiB", "a larger one")
