"""Reasons that reach the caller, by a server that says exactly what a test tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import STAY, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.client import gateway as gateway_client
from tests.clock import HANG_SECONDS

NORMAL, FATAL = "NORMAL", "FATAL"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def failure(server: ScriptedServer, script: Script, transport: str, **settings: Any) -> Any:
    server.play(script)
    settings = {
        "model": "fast",
        "max_retries": 0,
        "timeout": HANG_SECONDS,
        "stream_event_timeout": HANG_SECONDS,
        **settings,
    }
    cookies = settings.pop("cookies", server.cookies)
    model = ChatGrokWeb(base_url=server.base_url, cookies=cookies, transport=transport, **settings)
    with pytest.raises(GrokWebError) as caught:
        model.invoke("Hi")
    return caught.value


def on(transport: str, steps: list[s.Step], **replies: Any) -> Script:
    return (rest if transport == "rest" else gateway).script(steps, **replies)


BOTH = pytest.mark.parametrize("transport", ["rest", "gateway"])

# --- a mode that the account may lack


def menu(*modes: str) -> Reply:
    entries = [{"id": mode, "title": mode, "availability": {"available": {}}} for mode in modes]
    lacks = {"requiresUpgrade": {"message": "", "minimumSubscriptionTier": "TIER_SUPERGROK_HEAVY"}}
    return Reply.of({"modes": [*entries, {"id": "expert", "title": "Expert", "availability": lacks}]})


UNEXPLAINED = [s.Done("incomplete", "stream_error")]


@pytest.mark.parametrize(
    ("model", "modes", "error", "words"),
    [
        ("expert", menu("fast"), "GrokWebPermissionError", "TIER_SUPERGROK_HEAVY"),
        ("heavy", menu("fast", "heavy"), "GrokWebInterruptedError", "stream_error"),
        ("heavy", menu("fast"), "GrokWebPermissionError", "alist_modes"),  # the menu does not name it
        ("heavy", Reply.of({}, 500), "GrokWebPermissionError", "alist_modes"),
        ("heavy", Reply.of("[]"), "GrokWebPermissionError", "alist_modes"),
        ("fast", Reply.of({}, 500), "GrokWebInterruptedError", "stream_error"),
        ("auto", menu("auto"), "GrokWebInterruptedError", "stream_error"),
    ],
)
def test_the_menu_shows_whether_the_account_has_the_mode(server, model, modes, error, words):
    raised = failure(server, gateway.script(UNEXPLAINED, modes=modes), "gateway", model=model)
    assert type(raised).__name__ == error
    assert words in str(raised)
    assert getattr(raised, "reason", "tier") == "tier"
    assert len(server.asked("modes")) == 1


def test_a_menu_that_does_not_come_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(gateway_client, "MENU_SECONDS", 0.05)
    raised = failure(server, gateway.script(UNEXPLAINED, modes=Reply([STAY])), "gateway", model="heavy")
    assert raised.reason == "tier"


def test_the_menu_is_not_asked_where_there_is_a_reason(server):
    steps = [s.Error("tool_call_failed", "The tool broke.", NORMAL), *UNEXPLAINED]
    raised = failure(server, gateway.script(steps, modes=menu("fast")), "gateway", model="expert")
    assert type(raised).__name__ == "GrokWebInterruptedError"
    assert "The tool broke." in str(raised)
    assert not server.asked("modes")


# --- what only informs


@BOTH
def test_the_first_report_is_the_reason_of_an_empty_answer(server, transport):
    steps = [s.Error("moon_is_full", "First.", NORMAL), s.Error("tool_call_failed", "Second.", NORMAL), s.Final("")]
    raised = failure(server, on(transport, steps), transport)
    assert "First." in str(raised)
    assert "Second." not in str(raised)


@BOTH
def test_thoughts_alone_are_an_empty_answer(server, transport):
    steps = [s.Thought("Hm."), s.Error("internal_error", "Oops.", NORMAL), s.Final("")]
    raised = failure(server, on(transport, steps), transport)
    assert type(raised).__name__ == "GrokWebServerError"
    assert "Oops." in str(raised)


@pytest.mark.parametrize("other", [s.ANSWER[:-1] + "f", s.OTHER])
def test_an_error_of_another_answer_is_not_ours(server, other):
    steps = [s.Text("Paris."), s.Error("usage_limit_reached", "No.", FATAL, of=other), s.Final("Paris.")]
    server.play(gateway.script(steps))
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport="gateway", model="fast")
    assert model.invoke("Hi").text == "Paris."


@pytest.mark.parametrize("of", ["", s.ANSWER])
@pytest.mark.parametrize("severity", [NORMAL, FATAL, ""])
def test_an_error_without_an_id_is_about_the_answer_that_was_asked_for(server, of, severity):
    error = s.Error("usage_limit_reached", "No.", severity, of=of)
    raised = failure(server, gateway.script([s.Text("Paris "), error, s.Final("")]), "gateway")
    assert type(raised).__name__ == "GrokWebRateLimitError"
    before = gateway.script([], before=[error, s.Hang()], unbegun=True)
    assert type(failure(server, before, "gateway")).__name__ == "GrokWebRateLimitError"


def test_a_report_before_the_answer_is_remembered(server):
    script = gateway.script([s.Final("")], before=[s.Error("tool_call_failed", "The tool broke.", NORMAL, of="")])
    assert "The tool broke." in str(failure(server, script, "gateway"))


# --- after the final text


@pytest.mark.parametrize("severity", [NORMAL, "", "UNKNOWN"])
@BOTH
def test_an_error_after_the_final_text_changes_nothing(server, transport, severity):
    steps = [s.Text("Paris."), s.Final("Paris."), s.Error("usage_limit_reached", "No.", severity, "kind")]
    server.play(on(transport, steps))
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=transport, model="fast")
    assert model.invoke("Hi").text == "Paris."


@BOTH
@pytest.mark.parametrize("kind", ["internal_error", "tool_call_failed", "moon_is_full", "usage_limit_reached"])
def test_a_fatal_error_after_the_final_text_does(server, transport, kind):
    steps = [s.Text("Paris."), s.Final("Paris."), s.Error(kind, "It said so.", FATAL)]
    raised = failure(server, on(transport, steps), transport)
    assert "It said so." in str(raised)


# --- secrets

SECRET = "marker" + "0123456789" * 20
COOKIES = f"sso={SECRET}; sso-rw={SECRET}; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8ca"
ECHOES = [
    f"{'x ' * length}{glue}{SECRET} is bad" for length in (0, 100, 140, 149, 150) for glue in ("", "sso=", "token:")
]


def hides(raised: BaseException) -> None:
    assert "marker" not in str(raised)
    assert "marker" not in repr(raised)
    assert "marker" not in repr(raised.__dict__)


@pytest.mark.parametrize("echo", ECHOES)
def test_no_cookie_and_no_beginning_of_one_is_quoted(server, echo):
    for status, body in [
        (500, {"code": 13, "message": echo, "details": []}),
        (403, {"error": {"code": echo, "message": "no"}}),
        (400, {"error": echo}),
        (500, echo),
        (429, {"message": f"[WKE={echo}]", "code": 8}),
    ]:
        reply = Reply.of(body, status)
        hides(failure(server, Script({"turn": reply}), "rest", cookies=COOKIES))
        hides(failure(server, Script(handshake=reply), "gateway", cookies=COOKIES))


@pytest.mark.parametrize("echo", ECHOES)
@BOTH
def test_nor_by_errors_within_an_answer(server, transport, echo):
    for steps in [
        [s.Text("Paris "), s.Error("usage_limit_reached", echo, NORMAL), s.Final("")],
        [s.Error("tool_call_failed", echo, NORMAL), s.Final("")],
        [s.Text("Paris "), s.Error("tool_call_failed", echo, NORMAL), s.Cut()],
        [s.Text("Paris "), s.Refusal(echo, echo)],
    ]:
        hides(failure(server, on(transport, steps), transport, cookies=COOKIES))


@pytest.mark.parametrize("cut", [0, 20, 60])
def test_nor_by_ends_of_the_gateway(server, cut):
    reason = f"{'x ' * cut}{SECRET}"[:123]  # no close reason is longer
    for steps in [
        [s.Text("Paris "), s.Done("failed", f"{'x ' * cut}{SECRET}")],
        [s.Text("Paris "), s.Done(f"{'x ' * cut}{SECRET}")],
        [s.Text("Paris "), s.Done("failed", error={"code": SECRET, "message": SECRET})],
        [s.Text("Paris "), s.Closed(1008, reason)],
    ]:
        hides(failure(server, gateway.script(steps), "gateway", cookies=COOKIES))


# --- a status object as a line


@pytest.mark.parametrize("code", [8, "8", "RESOURCE_EXHAUSTED", "resource_exhausted"])
@pytest.mark.parametrize("members", [{"details": []}, {"message": "Slow down."}, {"message": "", "details": []}])
def test_a_status_as_a_line_is_a_refusal(server, code, members):
    line = json.dumps({"code": code, **members}) + "\n"
    raised = failure(server, Script({"turn": Reply([line])}), "rest")
    assert type(raised).__name__ == "GrokWebRateLimitError"


@pytest.mark.parametrize(
    "line", [{"code": 0, "message": "ok"}, {"code": True, "message": "x"}, {"code": 8}, {"code": ""}]
)
def test_a_line_that_is_no_status_is_passed_over(server, line):
    body = [json.dumps(line) + "\n", *rest.body([s.Text("Paris."), s.Final("Paris.")])]
    server.play(Script({"turn": Reply(body)}))
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport="rest", model="fast")
    assert model.invoke("Hi").text == "Paris."


LIMIT = [s.Error("usage_limit_reached", "No.", NORMAL), s.Refusal(8, "Too many requests")]


@pytest.mark.parametrize("error", LIMIT)
@pytest.mark.parametrize("words", [[], [s.Text("Paris ")]])
def test_an_empty_final_text_hides_no_error_after_it(server, words, error):
    raised = failure(server, rest.script([*words, s.Final(""), error]), "rest")
    assert type(raised).__name__ == "GrokWebRateLimitError"


@pytest.mark.parametrize("error", LIMIT)
def test_a_picture_is_an_answer_also_if_an_error_comes_after_it(server, error):
    server.play(rest.script([s.Picture(), s.Final(""), error]))
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport="rest", model="fast")
    assert model.invoke("Hi").additional_kwargs["images"]


# --- a question back, whose answer never ends


@pytest.mark.parametrize("said", ["", "I need to know."])
def test_a_question_that_the_service_waits_for_is_the_answer(server, clock, said):
    server.play(gateway.script([*([s.Text(said)] if said else []), s.Ask("Which city?"), s.Hang()]))
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport="gateway", model="fast")
    began = clock.time()
    answer = model.invoke("Hi")
    assert answer.text == f"{said}\n\nWhich city?".lstrip()
    assert answer.response_metadata["finish_reason"] == "stop"
    assert clock.time() - began < model.stream_event_timeout / 2
