"""What the site says that nobody here knows: counted by place and type, logged once, never by value."""

from __future__ import annotations

import logging

import pytest

from langchain_grokweb import GrokWebProtocolError
from langchain_grokweb.client import GrokWebClient

UNKNOWN = {
    "rest": {"result.someFutureField:dict", "result.somethingElse:dict", "result.aFutureMember:dict"},
    "gateway": {
        "chunk.some_future_payload:dict",
        "event response.of_tomorrow",
        "event conversation.weather.updated",
        "output.something_else:dict",
        "event response.chunk.aFutureMember:dict",
    },
}


def test_the_unknown_is_counted_and_logged_once(grok, model, wire, caplog):
    caplog.set_level(logging.INFO, "langchain_grokweb")
    for _ in range(2):
        grok.reply("Paris is the capital of France, and has been for long.", fault="unknown_frames")
        assert model.invoke("Hi").text.startswith("Paris is")
    counted = GrokWebClient.drift()
    assert counted.keys() >= UNKNOWN[wire]
    assert all(times >= 2 for times in counted.values())
    lines = [r.getMessage() for r in caplog.records if "unknown" in r.getMessage() and r.name == "langchain_grokweb"]
    for name in UNKNOWN[wire]:
        assert len([line for line in lines if name in line]) == 1
    assert 'tomorrow"' not in str(counted)


@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_nothing_that_the_references_describe_is_unknown(grok, make_model, name):
    grok.reply(
        "Foxes are red.",
        reasoning="Let me look.",
        citations=[{"url": "https://example.com/a", "title": "A"}],
        search=[{"query": "foxes", "results": [{"url": "https://example.com/a", "title": "A", "snippet": "red"}]}],
        images=["a red fox"],
        title="Foxes",
    )
    assert make_model(model=name).invoke("Hi").text.startswith("Foxes")
    for error in ("tool_call_failed", "render_tool_failed"):
        grok.reply("Still here.", error=error)
        make_model(model=name).invoke("Hi")
    assert GrokWebClient.drift() == {}


def test_names_that_could_be_values_are_not_kept_and_the_ledger_is_bounded():
    from langchain_grokweb.wire.unknown_fields import MOST_NAMES, Unknown

    unknown = Unknown()
    for name in ("eyJhbGciOi.J9.x-y", "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01", "a\nb", "", 5, "x" * 99, "sso=1"):
        unknown.add("result.", name, "secret")
    assert unknown == {"result.?:str": 7}
    for number in range(MOST_NAMES * 3):
        unknown.add("result.", "x" * (number % 30) + "_" * (number // 30), 1)
    assert len(unknown) <= MOST_NAMES + 1


@pytest.mark.wire("rest")
def test_a_mandatory_member_of_another_type_is_told_with_its_place(grok, make_model):
    import json

    from test_chat_errors import served

    body = json.dumps({"result": {"conversation": {"conversationId": ["secret"]}}}).encode() + b"\n"
    with served(body) as url, pytest.raises(GrokWebProtocolError) as raised:
        make_model(base_url=url).invoke("Hi")
    error = raised.value
    assert (error.where, error.expected, error.got) == ("result.conversation.conversationId", "str", "list")
    assert "secret" not in str(error)
