"""Quotas: by mode, whatever a question calls it, and the same on both wires."""

from __future__ import annotations

import pytest

from langchain_grokweb import GrokWebRateLimitError
from testing.asking import CONVERSATIONS


def left(browser, **body):
    return browser.http.post("/rest/rate-limits", json=body).json()["remainingQueries"]


@pytest.mark.parametrize(
    ("used_up", "models"),
    [
        ("auto", ["auto", "grok-3", "grok-4"]),
        ("grok-3", ["auto", "grok-3", "grok-4"]),
        ("grok-4", ["auto", "grok-3", "grok-4"]),
        ("fast", ["fast", "grok-2"]),
        ("grok-2", ["fast", "grok-2"]),
        ("expert", ["expert", "grok-3-thinking"]),
        ("heavy", ["heavy", "grok-4-heavy"]),
    ],
)
def test_a_used_up_quota_refuses_every_name_of_its_mode_on_both_wires(grok, make_model, used_up, models):
    grok.set_quota(used_up, 0, total=25, wait_seconds=60)
    grok.reply("kept")
    for number, name in enumerate(models, 1):
        with pytest.raises(GrokWebRateLimitError) as raised:
            make_model(model=name, max_retries=0).invoke("Hi")
        error = raised.value
        assert (error.reason, error.exhausted) == ("quota", True)
        assert (error.remaining, error.total, error.retry_after) == (0, 25, 60)
        assert len(grok.turns) == number
    other = "fast" if "auto" in models else "auto"
    assert make_model(model=other).invoke("Hi").text == "kept"


@pytest.mark.parametrize(
    ("body", "mode"),
    [
        ({"modelName": "grok-3"}, "auto"),
        ({"modelName": "grok-3", "isReasoning": True}, "expert"),
        ({"modelName": "grok-latest"}, "fast"),
        ({"modelName": "grok-3-fast"}, "fast"),
        ({"modelName": "grok-4", "modelMode": "MODEL_MODE_EXPERT"}, "expert"),
        ({"modelName": "grok-4-1-thinking-1129", "modelMode": "MODEL_MODE_FAST"}, "fast"),
        ({"modelName": "grok-4", "modelMode": "MODEL_MODE_GROK_4"}, "auto"),
        ({"modelName": "grok-420"}, "grok-420"),
    ],
)
def test_a_model_uses_the_quota_of_the_mode_that_it_runs_in(grok, browser, body, mode):
    before = left(browser, modelName=mode)
    browser.new(**body)
    assert left(browser, modelName=mode) == before - 1
    grok.set_quota(mode, 0)
    assert browser.new(**body).model["streamErrors"]


def test_the_old_question_for_a_quota_names_a_model_and_a_kind(grok, browser):
    grok.set_quota("auto", 7)
    grok.set_quota("expert", 3)
    assert left(browser, requestKind="DEFAULT", modelName="grok-3") == 7
    assert left(browser, requestKind="REASONING", modelName="grok-3") == 3


def test_a_used_up_quota_is_reported_in_the_stream_and_stored(grok, browser):
    grok.set_quota("auto", 0)
    answer = browser.new()
    (error,) = answer.members("error")
    assert answer.status == 200
    assert error["message"] == "You've reached your usage limit. Please try again later."
    assert (answer.model["message"], answer.model["streamErrors"]) == ("", [error])
    assert browser.get(f"{CONVERSATIONS}/{answer.conversation_id}/responses").json()["responses"][1]["message"] == ""


@pytest.mark.parametrize("name", ["nope", "grok-3-thinking", ""])
def test_a_quota_of_nothing_is_refused(grok, name):
    with pytest.raises(ValueError, match=f"No mode or model is called '{name}'; there are: auto, .*heavy.* grok-3,"):
        grok.set_quota(name, 0)
