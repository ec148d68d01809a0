"""Every refusal and every broken stream: the right error, by every path, and nothing is asked twice without need."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from paths import PATHS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebConnectionError,
    GrokWebContentFilterError,
    GrokWebContextOverflowError,
    GrokWebInterruptedError,
    GrokWebModelNotFoundError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebRateLimitError,
    GrokWebServerError,
    GrokWebTimeoutError,
)

REFUSALS: list[tuple[str, dict[str, Any], type, int]] = [
    ("challenge", {}, GrokWebPermissionError, 1),
    ("anti_bot", {}, GrokWebPermissionError, 1),
    ("anti_bot", {"in_stream": True}, GrokWebPermissionError, 1),
    ("expired", {}, GrokWebAuthenticationError, 1),
    ("login_redirect", {}, GrokWebAuthenticationError, 1),
    ("blocked", {}, GrokWebPermissionError, 1),
    ("region", {}, GrokWebPermissionError, 1),
    ("model_not_found", {}, GrokWebModelNotFoundError, 1),
    ("rate_limited", {}, GrokWebRateLimitError, 3),
    ("rate_limited", {"in_stream": True}, GrokWebRateLimitError, 3),
    ("rate_limited", {"retry_after": 0}, GrokWebRateLimitError, 3),
    ("rate_limited", {"retry_after": 2429}, GrokWebRateLimitError, 1),
    ("heavy_load", {}, GrokWebServerError, 3),
    ("server_error", {"status": 500}, GrokWebServerError, 1),
    ("server_error", {"status": 502}, GrokWebServerError, 1),
    ("server_error", {"status": 503}, GrokWebServerError, 3),
    ("html", {}, GrokWebProtocolError, 1),
]


def chat_posts(grok: Any) -> list[Any]:
    return [
        request for request in grok.requests if request.method == "POST" and "/app-chat/conversations/" in request.path
    ]


@pytest.mark.parametrize(("fault", "options", "expected", "tries"), REFUSALS)
@pytest.mark.parametrize("way", PATHS)
def test_a_refusal_has_its_error_and_its_number_of_tries(grok, model, way, fault, options, expected, tries):
    grok.fault(fault, times=9, **options)
    with pytest.raises(expected) as raised:
        PATHS[way](model, "Hi")
    assert type(raised.value) is expected
    assert len(chat_posts(grok)) == tries
    assert grok.stops == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("challenge", "challenge"), ("anti_bot", "anti_bot"), ("blocked", "blocked"), ("region", "region")],
)
def test_the_reason_is_told(grok, model, fault, reason):
    grok.fault(fault)
    with pytest.raises(GrokWebPermissionError) as raised:
        model.invoke("Hi")
    assert raised.value.reason == reason


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize(
    ("fault", "options"), [("rate_limited", {"retry_after": 0}), ("heavy_load", {}), ("server_error", {"status": 503})]
)
def test_a_passing_refusal_is_tried_again(grok, model, way, fault, options):
    grok.fault(fault, times=2, **options)
    grok.reply("At last.")
    assert PATHS[way](model, "Hi").text == "At last."
    assert len(grok.turns) == 1


def test_no_retries_means_none(grok, make_model):
    grok.fault("rate_limited", retry_after=0)
    with pytest.raises(GrokWebRateLimitError) as raised:
        make_model(max_retries=0).invoke("Hi")
    assert raised.value.retry_after == 0
    assert len(chat_posts(grok)) == 1


@pytest.mark.parametrize("cookies", [None, "", "theme=dark", "sso="])
def test_without_cookies_nothing_is_sent(grok, cookies):
    model = ChatGrokWeb(base_url=grok.base_url, cookies=cookies)
    with pytest.raises(GrokWebAuthenticationError) as raised:
        model.invoke("Hi")
    assert raised.value.login_url == f"{grok.base_url}/"
    assert grok.requests == []


IN_STREAM = [
    ("usage_limit", GrokWebRateLimitError),
    ("moderated", GrokWebContentFilterError),
    ("prompt_too_long", GrokWebContextOverflowError),
    ("context_overflow", GrokWebContextOverflowError),
    ("internal_error", GrokWebServerError),
    ("model_not_available", GrokWebModelNotFoundError),
]


@pytest.mark.parametrize(("error", "expected"), IN_STREAM)
@pytest.mark.parametrize("way", PATHS)
def test_an_error_in_the_stream(grok, model, way, error, expected):
    grok.reply("Some words", error=error)
    with pytest.raises(expected):
        PATHS[way](model, "Hi")
    assert len(chat_posts(grok)) == 1


@pytest.mark.parametrize("fault", ["cut:6", "reset:6", "no_model_response"])
@pytest.mark.parametrize("way", PATHS)
def test_an_answer_that_breaks_off_raises_with_what_there_is(grok, model, way, fault):
    grok.reply("One two three four five six seven.", fault=fault)
    with pytest.raises(GrokWebInterruptedError) as raised:
        PATHS[way](model, "Hi")
    partial = raised.value.partial
    assert "One two three four five six seven.".startswith(partial.text)
    assert partial.text or fault.startswith("reset")  # a reset may overtake what was sent before it
    assert partial.response_metadata["grokweb"]["interrupted"] is True
    assert pickle.loads(pickle.dumps(raised.value)).partial == partial


def test_nothing_goes_on_from_an_answer_that_broke_off(grok, model):
    grok.reply("One two three four five six seven.", fault="cut:6")
    with pytest.raises(GrokWebInterruptedError) as raised:
        model.invoke("Hi")
    model.invoke([HumanMessage("Hi"), raised.value.partial, HumanMessage("And?")])
    assert grok.turns[-1].parent_response_id is None


@pytest.mark.parametrize("way", PATHS)
def test_garbage_in_the_stream_is_an_error_and_the_turn_is_stopped(grok, model, way):
    grok.reply("One two three four five six seven.", fault="garbage:6")
    with pytest.raises(GrokWebProtocolError) as raised:
        PATHS[way](model, "Hi")
    assert raised.value.got == "other text"


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("fault", ["silence:5", "keepalive_only:5"])
def test_silence_ends_in_an_error_that_names_the_field(grok, make_model, way, fault):
    grok.reply("One two three four five six seven.", fault=fault)
    with pytest.raises(GrokWebTimeoutError, match="stream_event_timeout"):
        PATHS[way](make_model(stream_event_timeout=0.3), "Hi")
    grok.wait_for_stop()


@pytest.mark.parametrize("way", PATHS)
def test_a_turn_that_does_not_open_ends_in_an_error_that_names_the_field(grok, make_model, way):
    grok.fault("slow_open", seconds=5)
    with pytest.raises(GrokWebTimeoutError, match="timeout="):
        PATHS[way](make_model(timeout=0.2), "Hi")


@pytest.mark.parametrize("way", PATHS)
def test_a_service_that_is_not_there(way, unused_tcp_port):
    model = ChatGrokWeb(base_url=f"http://127.0.0.1:{unused_tcp_port}", cookies="sso=eyJh.b.c", max_retries=1)
    with pytest.raises(GrokWebConnectionError, match="base_url"):
        PATHS[way](model, "Hi")


FRAMING = ["unknown_frames", "concatenated", "pretty", "sse", "reordered", "empty_final", "late_title"]


@pytest.mark.parametrize("fault", FRAMING)
@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_odd_streams_are_read_all_the_same(grok, make_model, fault, name):
    grok.reply("Paris 🗼 is “it”.", reasoning="Hm", fault=fault)
    message = make_model(model=name).invoke("Hi")
    assert message.text == "Paris 🗼 is “it”."
    assert message.additional_kwargs["reasoning_content"] == "Hm"
