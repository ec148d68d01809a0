"""What traces, caches and profiles are told of a model is true."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.tools import tool
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

JSON = {"title": "t", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Retries(BaseCallbackHandler):
    def __init__(self) -> None:
        self.errors: list[str] = []

    def on_retry(self, retry_state: Any, **_: Any) -> None:
        self.errors.append(type(retry_state.outcome.exception()).__name__)


class AsyncRetries(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.errors: list[str] = []

    async def on_retry(self, retry_state: Any, **_: Any) -> None:
        self.errors.append(type(retry_state.outcome.exception()).__name__)


def ask(model: Any, handler: Any, *, asynchronous: bool) -> Any:
    config: Any = {"callbacks": [handler]}
    return asyncio.run(model.ainvoke("q", config)) if asynchronous else model.invoke("q", config)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_repairs_and_further_tries_are_events_of_the_run(grok, model, caplog, asynchronous):
    kinds = AsyncRetries if asynchronous else Retries
    grok.fault("heavy_load")
    grok.reply('{"a": "x"}')
    grok.reply('{"a": 1}')
    with caplog.at_level("INFO", "langchain_grokweb"):
        handler = kinds()
        answer = ask(model.bind(response_format=JSON), handler, asynchronous=asynchronous)
    assert handler.errors == ["GrokWebServerError", "GrokWebToolCallError"]
    assert answer.response_metadata["grokweb"]["repairs"] == 1
    assert "Repair 1 of an answer" in caplog.text


def test_a_tracer_has_them(grok, model):
    grok.reply(tool_calls=[{"name": "add", "args": {"a": "x", "b": 1}}])
    grok.reply(tool_calls=[{"name": "add", "args": {"a": 2, "b": 1}}])
    tracer = RunCollectorCallbackHandler()
    ask(model.bind_tools([add]), tracer, asynchronous=False)
    retries = [event["kwargs"] for event in tracer.traced_runs[0].events if event["name"] == "retry"]
    assert [(retry["attempt"], retry["outcome"]) for retry in retries] == [(1, "failed")]
    assert "integer" in retries[0]["exception"]


def test_what_has_no_effect_is_not_reported(make_model):
    params = make_model(temperature=0.5, max_tokens=5)._get_ls_params(stop=["x"], temperature=0.1, max_tokens=3)
    assert params["ls_provider"] == "grokweb"
    assert not {"ls_temperature", "ls_max_tokens"} & params.keys()
    assert params["ls_stop"] == ["x"]


def test_the_profile_says_how_much_goes_in(model):
    assert model.profile["max_input_tokens"] > 0


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_one_cache_does_not_mix_accounts(grok, make_model, asynchronous):
    cache = InMemoryCache()
    cookies = "sso=eyJhbGciOiJIUzI1NiJ9.e30.c2ln; x-userid=11111111-2222-4333-8444-555555555555"
    mine, other = make_model(cache=cache), make_model(cache=cache, cookies=cookies)
    keys = {one._get_llm_string(stop=None) for one in (mine, other)}
    assert len(keys) == 2
    assert not [key for key in keys if "eyJhbG" in key]
    for _ in range(2):
        ask(mine, Retries(), asynchronous=asynchronous)
    assert len(grok.turns) == 1
