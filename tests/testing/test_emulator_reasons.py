"""The emulator plays each reason why the site says no, and the client tells it as what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.wire.reasons import ROWS, Reason

ANSWER = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"

# How the emulator plays it: a fault with options, or what a planned reply reports.
FAULTS: Mapping[Reason, tuple[str, dict[str, Any]]] = {
    Reason.SIGNED_OUT: ("expired", {}),
    Reason.UNEXPLAINED_401: ("expired", {"empty": True}),
    Reason.CHALLENGE: ("challenge", {}),
    Reason.ANTI_BOT: ("anti_bot", {}),
    Reason.BLOCKED: ("blocked", {}),
    Reason.NETWORK_BLOCKED: ("cloudflare", {}),
    Reason.NETWORK_RATE_LIMITED: ("cloudflare", {"code": 1015}),
    Reason.REGION: ("region", {}),
    Reason.TIER: ("tier", {}),
    Reason.MODE_NOT_OPEN: ("incomplete", {}),
    Reason.INCOMPLETE: ("incomplete", {}),
    Reason.FORBIDDEN: ("forbidden", {}),
    Reason.MODEL_NOT_FOUND: ("model_not_found", {}),
    Reason.INVALID: ("invalid_request", {}),
    Reason.RATE_LIMITED: ("rate_limited", {}),
    Reason.OVERLOADED: ("heavy_load", {}),
    Reason.INTERNAL: ("server_error", {}),
    Reason.ORIGIN_NOT_REACHED: ("server_error", {"status": 521}),
}
REPORTS: Mapping[Reason, str] = {
    Reason.ATTACHMENT: "attachment_too_large",
    Reason.ATTACHMENT_LOST: "attachment_load_failed",
    Reason.TOO_LONG: "prompt_too_long",
    Reason.MODERATED: "moderated",
    Reason.QUOTA_USED_UP: "usage_limit",
    Reason.TOO_MANY_AT_ONCE: "concurrency",
    Reason.SWITCHED_OFF: "kill_switch",
    Reason.TOOL_FAILED: "tool_call_failed",
    Reason.TOOL_LIMITED: "render_tool_rate_limited",
    Reason.CANCELLED: "request_cancelled",
}
ON_REST_ALONE = {Reason.ANTI_BOT}
ON_GATEWAY_ALONE = {Reason.MODE_NOT_OPEN, Reason.INCOMPLETE}
NOWHERE = {"conversation_id": "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10", "parent_response_id": ANSWER}
NO_MENU = "/rest/modes"


@pytest.fixture(scope="module")
def grok() -> Iterator[GrokEmulator]:
    with GrokEmulator() as emulator:
        yield emulator


def told(grok: GrokEmulator, model: ChatGrokWeb, reason: Reason) -> GrokWebError:
    grok.reset()
    if reason in REPORTS:
        grok.reply("", error=REPORTS[reason])
    elif reason is not Reason.CONVERSATION_NOT_FOUND:  # the service has none of that id
        name, options = FAULTS[reason]
        if reason is Reason.MODE_NOT_OPEN:
            grok.fault("server_error", path=NO_MENU, times=9)
            grok.reply("")
        grok.fault(name, **options)
    place = NOWHERE if reason is Reason.CONVERSATION_NOT_FOUND else {}
    with pytest.raises(GrokWebError) as raised:
        model.invoke("Hi", **place)
    return raised.value


def test_each_reason_can_be_played_and_is_told(grok, wire):
    absent = ON_GATEWAY_ALONE if wire == "rest" else ON_REST_ALONE
    wrong = {}
    for reason in set(Reason) - absent:
        mode = "heavy" if reason is Reason.MODE_NOT_OPEN else "fast"
        model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport=wire, model=mode, max_retries=0)
        error, row = told(grok, model, reason), ROWS[reason]
        if type(error) is not row.error or row.happened.split("{")[0] not in str(error):
            wrong[reason.name] = repr(error)
    assert wrong == {}


def test_there_is_a_way_for_each_reason():
    assert FAULTS.keys() | REPORTS.keys() | {Reason.CONVERSATION_NOT_FOUND} == set(Reason)
    assert not FAULTS.keys() & REPORTS.keys()
