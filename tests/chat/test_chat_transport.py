"""Which wire a turn goes over, and what differs between them."""

from __future__ import annotations

import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from langchain_core.messages import HumanMessage
from paths import PATHS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebRateLimitError,
)


@pytest.fixture
def auto(grok):
    return ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies)


def used(message) -> str:
    return message.response_metadata["grokweb"]["transport"]


def test_the_conversations_endpoint_comes_first(grok, auto):
    assert used(auto.invoke("Hi")) == "rest"


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("options", [{}, {"in_stream": True}])
def test_the_anti_bot_rule_leads_to_the_gateway_and_it_is_remembered(grok, auto, caplog, way, options):
    caplog.set_level(logging.INFO, "langchain_grokweb")
    grok.fault("anti_bot", times=99, **options)
    grok.reply("At last.")
    answer = PATHS[way](auto, "Hi")
    assert (answer.text, used(answer)) == ("At last.", "gateway")
    assert used(ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies).invoke("Hi")) == "gateway"
    assert [request.path for request in grok.requests] == [
        "/rest/app-chat/conversations/new",
        "/ws/mgw/",
        "/ws/mgw/",
    ]
    assert len([record for record in caplog.records if "over the gateway" in record.getMessage()]) == 1


@pytest.mark.parametrize("fault", ["challenge", "expired", "rate_limited", "blocked", "region", "model_not_found"])
def test_other_refusals_do_not_change_wires(grok, auto, fault):
    grok.fault(fault, times=9, path="/rest/")
    with pytest.raises(GrokWebError):
        auto.invoke("Hi")
    assert not [request for request in grok.requests if request.path == "/ws/mgw/"]


@pytest.mark.parametrize(("first", "second"), [("rest", "gateway"), ("gateway", "rest")])
def test_a_conversation_begun_on_one_wire_goes_on_over_the_other(grok, first, second):
    def on(transport: str) -> ChatGrokWeb:
        return ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport=transport)

    messages = [HumanMessage("My name is Ada.")]
    messages.append(on(first).invoke(messages))
    messages.append(HumanMessage("What is my name?"))
    answer = on(second).invoke(messages)
    assert "Ada" in answer.text
    assert [turn.wire for turn in grok.turns] == [first, second]
    assert grok.turns[1].prompt == "What is my name?"
    assert grok.turns[1].conversation_id == grok.turns[0].conversation_id
    assert grok.turns[1].parent_response_id == grok.turns[0].response_id


def without_user_id(grok) -> str:
    return "; ".join(pair for pair in grok.cookies.split("; ") if not pair.startswith("x-userid="))


@pytest.mark.parametrize("front_page", [True, False])
def test_an_account_whose_id_is_not_among_the_cookies_is_asked_for_it_once(grok, front_page):
    if not front_page:
        grok.fault("challenge", path="/")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=without_user_id(grok), transport="gateway")
    assert model.invoke("Hi").text
    assert model.invoke("Hi").text
    asked = [request.path for request in grok.requests]
    assert asked == ["/", *([] if front_page else ["/api/auth/session"]), "/ws/mgw/", "/ws/mgw/"]


def test_a_session_that_the_site_does_not_know_is_told_before_any_socket(grok):
    model = ChatGrokWeb(base_url=grok.base_url, cookies="sso=eyJh.b.c", transport="gateway")
    with pytest.raises(GrokWebAuthenticationError):
        model.invoke("Hi")
    assert not [request for request in grok.requests if request.path == "/ws/mgw/"]


def test_a_socket_has_cookies_and_origin_and_no_authorization(grok):
    ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway").invoke("Hi")
    (upgrade,) = [request for request in grok.requests if request.path == "/ws/mgw/"]
    assert upgrade.headers["cookie"].startswith(grok.cookies)
    assert upgrade.headers["origin"] == grok.base_url
    assert "authorization" not in upgrade.headers


def test_what_the_gateway_does_not_have_is_refused(grok):
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway", deep_search="default")
    with pytest.raises(GrokWebInvalidRequestError, match="deep search"):
        model.invoke("Hi")


def test_switches_reach_the_gateway(grok):
    ChatGrokWeb(
        base_url=grok.base_url,
        cookies=grok.cookies,
        transport="gateway",
        model="fast",
        search=False,
        temporary=True,
        custom_instructions="Be brief.",
    ).invoke("Hi")
    turn = grok.turns[-1]
    assert (turn.mode, turn.temporary) == ("fast", True)
    assert turn.prompt.replace("\n", " ").split() == ["Be", "brief.", "Hi"]


def test_a_conversation_that_has_begun_to_end_elsewhere_is_told_anew(grok):
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway", keep_session=0)
    messages = [HumanMessage("My name is Ada.")]
    messages.append(model.invoke(messages))
    grok.fault("conversation_not_found")
    model.invoke([*messages, HumanMessage("What is my name?")])
    assert "My name is Ada." in grok.turns[-1].prompt
    assert grok.turns[-1].parent_response_id is None


async def test_a_consumer_that_takes_its_time_is_no_silence(clock, grok):
    grok.reply("One two three four five six seven eight.")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway", stream_event_timeout=0.2)
    text = ""
    async for chunk in model.astream("Hi"):
        text += chunk.text
        await clock.sleep(0.3)  # longer than the answer may be silent
    assert text == "One two three four five six seven eight."


def test_deep_search_stays_on_the_wire_that_has_it(grok, auto):
    grok.fault("anti_bot", times=2)
    deep = auto.model_copy(update={"deep_search": "default"})
    with pytest.raises(GrokWebPermissionError):
        deep.invoke("Hi")
    assert used(auto.invoke("Hi")) == "gateway"
    assert used(deep.invoke("Hi")) == "rest"


async def test_the_callers_own_client_is_not_gone_around(grok):
    grok.fault("anti_bot")
    async with httpx.AsyncClient() as client:
        model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, http_client=client)
        with pytest.raises(GrokWebPermissionError):
            await model.ainvoke("Hi")
    assert not [request for request in grok.requests if request.path == "/ws/mgw/"]


def test_a_prompt_that_was_taken_is_not_asked_again(grok):
    grok.reply("", error="usage_limit")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway")
    with pytest.raises(GrokWebRateLimitError):
        model.invoke("Hi")
    assert len(grok.turns) == 1


def test_a_service_without_a_gateway_is_told_as_such(grok):
    class Nothing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(GrokWebInvalidRequestError, match="no realtime gateway"):
            ChatGrokWeb(base_url=url, cookies=grok.cookies, transport="gateway").invoke("Hi")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["Connection", "Upgrade", "Sec-WebSocket-Key", "Authorization"])
def test_headers_of_the_handshake_are_not_the_callers(grok, name):
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway", headers={name: "x"})
    with pytest.raises(GrokWebInvalidRequestError, match="headers="):
        model.invoke("Hi")


async def test_signs_of_life_are_sent_while_an_answer_is_silent(clock, grok):
    grok.reply("One two three", fault="silence:9")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="gateway")
    with pytest.raises(GrokWebError, match="stream_event_timeout"):
        await model.ainvoke("Hi")
    assert sum(event.type == "ping" for event in grok.events) in range(8, 11)  # in 180 seconds, one every 20
