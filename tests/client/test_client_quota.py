"""What is left of each mode: asked for, and named by the errors of those who asked too much."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import rest
from scripted import steps as s
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebClient, GrokWebRateLimitError, GrokWebServerError, Quota
from langchain_grokweb.testing import GrokEmulator

SAMPLES = Path(__file__).parents[1] / "samples" / "rest" / "unary"
ANTI_BOT = Reply.of({"error": {"code": 7, "message": "Request rejected by anti-bot rules.", "details": []}}, 403)
TOO_MANY = Reply.of({"error": {"code": 8, "message": "Too many requests", "details": []}}, 429)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def menu(*modes: str, **others: Any) -> Reply:
    entries = [{"id": mode, "availability": {"available": {}}} for mode in modes]
    return Reply.of({"modes": [*entries, *({"id": mode, "availability": why} for mode, why in others.items())]})


def client_of(server: ScriptedServer, **replies: Any) -> Any:
    server.play(Script({name.replace("_", "-"): reply for name, reply in replies.items()}))
    return GrokWebClient(base_url=server.base_url, cookies=server.cookies).blocking


def sample(name: str) -> Reply:
    return Reply.of(json.loads((SAMPLES / f"rate_limits_{name}_reply.json").read_text()))


@pytest.mark.parametrize(
    ("reply", "mode", "expected"),
    [
        (sample("2026"), "auto", (46, 50, 7200, None)),
        (sample("2026_exhausted"), "auto", (0, 25, 7200, 2429)),
        (sample("2025"), "auto", (18, 20, 7200, None)),
        (sample("2025_tokens"), "fast", (68, 80, 7200, None)),
        (sample("2025_tokens"), "expert", (17, 20, 7200, None)),
        (Reply.of({"totalQueries": "25", "waitTimeSeconds": "60"}), "auto", (0, 25, None, 60)),
        (Reply.of({"remainingQueries": -1, "totalQueries": True, "windowSizeSeconds": 1e9}), "auto", (None,) * 4),
        (Reply.of({"remainingQueries": [3], "lowEffortRateLimits": "none"}), "auto", (None,) * 4),
        (Reply.of({"remainingQueries": 3, "waitTimeSeconds": 9}), "auto", (3, None, None, None)),
        (Reply.of([]), "auto", (None,) * 4),
        (Reply.of({"code": 5, "message": "Model is not found", "details": []}, 403), "auto", (None,) * 4),
    ],
)
def test_each_era_is_read_as_far_as_it_tells(server, reply, mode, expected):
    assert client_of(server, modes=menu(mode), rate_limits=reply).quota() == [Quota(mode, *expected)]
    assert [request.json for request in server.asked("rate-limits")] == [{"modelName": mode}]


def test_only_what_the_account_may_use_is_asked_for_and_the_menu_marks_the_rest(server):
    upgrade = {"requiresUpgrade": {"message": "", "minimumSubscriptionTier": "TIER_SUPERGROK_HEAVY"}}
    client = client_of(server, modes=menu("fast", heavy=upgrade, soon={"comingSoon": {}}), rate_limits=sample("2026"))
    assert [quota.mode for quota in client.quota()] == ["fast"]
    marked = {mode.id: (mode.available, mode.requires) for mode in client.modes()}
    assert marked == {"fast": (True, ""), "heavy": (False, "TIER_SUPERGROK_HEAVY"), "soon": (False, "comingSoon")}


@pytest.mark.parametrize(
    ("replies", "modes", "asked"),
    [
        ({"modes": ANTI_BOT, "rate_limits": ANTI_BOT}, ["auto", "fast", "expert", "heavy"], 1),
        ({"modes": menu("fast", "auto"), "rate_limits": ANTI_BOT}, ["fast", "auto"], 1),
        ({"modes": menu("fast", "auto"), "rate_limits": [sample("2026"), ANTI_BOT]}, ["fast", "auto"], 2),
    ],
)
def test_a_refusal_by_the_anti_bot_rule_leaves_the_numbers_out_and_is_said_once(server, replies, modes, asked, caplog):
    caplog.set_level(logging.INFO, "langchain_grokweb")
    client = client_of(server, **replies)
    quotas = client.quota()
    assert [quota.mode for quota in quotas] == modes
    assert quotas[-1] == Quota(modes[-1])
    assert len(server.asked("rate-limits")) == asked
    client.quota()
    assert [record.levelname for record in caplog.records if "anti-bot" in record.message] == ["WARNING"]


def test_another_refusal_is_an_error(server):
    with pytest.raises(GrokWebServerError):
        client_of(server, modes=menu("fast"), rate_limits=Reply.of({}, 500)).quota()


def test_the_emulators_quota_falls_with_each_answer(grok: GrokEmulator, model: ChatGrokWeb):
    before = {quota.mode: quota for quota in model.quota()}
    model.invoke("Hi", model="fast")
    after = {quota.mode: quota for quota in model.quota()}
    assert before["fast"] == Quota("fast", 400, 400, 7200)
    assert after == before | {"fast": Quota("fast", 399, 400, 7200)}


# --- errors


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_used_up_quota_is_named_with_its_mode_and_its_end(grok: GrokEmulator, model: ChatGrokWeb, how):
    grok.set_quota("expert", 0, total=25, wait_seconds=2429)
    with pytest.raises(GrokWebRateLimitError) as raised:
        list(model.stream("Hi", model="expert")) if how == "stream" else model.invoke("Hi", model="expert")
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.mode, error.remaining, error.total, error.retry_after) == ("expert", 0, 25, 2429)
    assert error.exhausted
    assert "The mode expert has 0 of 25 requests left, and more come in 2429 seconds. Wait 2429 seconds" in str(error)


def failure(server: ScriptedServer, turn: Any, rate_limits: Reply, **settings: Any) -> GrokWebRateLimitError:
    replies = {"turn": turn} if isinstance(turn, Reply) else rest.script(turn).replies
    server.play(Script({**replies, "rate-limits": rate_limits}))
    settings = {"transport": "rest", "max_retries": 0, "model": "fast", **settings}
    with pytest.raises(GrokWebRateLimitError) as raised:
        ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, **settings).invoke("Hi")
    return raised.value


def test_a_burst_is_told_apart_from_a_used_up_quota(server):
    burst = failure(server, TOO_MANY, sample("2026"))
    assert (burst.reason, burst.exhausted, burst.remaining, burst.retry_after) == ("requests", False, 46, None)
    assert "The mode fast has 46 of 50 requests left. Wait a while" in str(burst)
    empty = failure(server, TOO_MANY, sample("2026_exhausted"), model="grok-3-thinking")
    assert (empty.mode, empty.exhausted, empty.retry_after) == ("expert", True, 2429)
    assert [request.json for request in server.asked("rate-limits")] == [{"modelName": "expert"}]


@pytest.mark.parametrize(
    "rate_limits",
    [ANTI_BOT, TOO_MANY, Reply.of({}, 500), Reply.of("no"), Reply.of([]), Reply.of({}, 401), Reply.of({"a": [1]})],
)
def test_what_the_site_does_not_tell_leaves_the_error_as_it_is(server, rate_limits):
    error = failure(server, TOO_MANY, rate_limits)
    assert (error.mode, error.remaining, error.total) == ("fast", None, None)
    assert str(error).endswith('It said: "Too many requests". Wait a while, or choose another `model=`.')
    assert len(server.asked("rate-limits")) == 1


@pytest.mark.wire("rest")
def test_a_quota_that_is_not_used_up_is_not_named_as_the_one_that_is(grok: GrokEmulator, model: ChatGrokWeb):
    grok.reply("x", error="usage_limit")
    with pytest.raises(GrokWebRateLimitError) as raised:
        model.invoke("Hi")
    assert (raised.value.reason, raised.value.exhausted, raised.value.remaining) == ("quota", True, None)
    assert "requests left" not in str(raised.value)


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (Reply.of("error code: 1015", 429, content_type="text/plain"), "network"),
        ([s.Error("concurrency_limit", "No.", "FATAL"), s.Final("")], "concurrency"),
        ([s.Error("usage_limit_reached", "No.", "NORMAL"), s.Final("")], "quota"),
    ],
)
def test_what_is_not_about_a_mode_asks_for_none(server, turn, reason):
    error = failure(server, turn, sample("2026"))
    assert error.reason == reason
    assert (error.mode, len(server.asked("rate-limits"))) == (("fast", 1) if reason == "quota" else (None, 0))
