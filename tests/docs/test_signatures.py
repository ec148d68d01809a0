"""Every public signature can be read while the program runs, as LangChain, Pydantic and FastAPI do."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest

import langchain_grokweb
import langchain_grokweb.client
import langchain_grokweb.errors
import langchain_grokweb.testing

MODULES = (langchain_grokweb, langchain_grokweb.errors, langchain_grokweb.testing, langchain_grokweb.client)


def public() -> Iterator[tuple[str, Any]]:
    """The public classes and functions, and what is public of the classes, once each."""
    things = {f"{module.__name__}.{name}": getattr(module, name) for module in MODULES for name in module.__all__}
    for path, thing in things.items():
        if not getattr(thing, "__module__", "").startswith("langchain_grokweb"):
            continue
        yield path, thing
        if inspect.isclass(thing):
            members = {name: inspect.getattr_static(thing, name) for name in dir(thing)}
            for name, member in members.items():
                function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
                is_public = name == "__init__" or not name.startswith("_")
                if is_public and inspect.isfunction(function) and function.__module__.startswith("langchain_grokweb"):
                    yield f"{path}.{name}", function


@pytest.mark.parametrize("thing", [pytest.param(thing, id=path) for path, thing in public()])
def test_a_public_signature_can_be_read(thing):
    hints = get_type_hints(thing, include_extras=True)
    if inspect.isfunction(thing):
        assert hints.keys() >= {name for name in inspect.signature(thing).parameters if name not in {"self", "cls"}}


def test_all_that_is_public_is_looked_at():
    paths = {path for path, _ in public()}
    assert len(paths) > 100
    assert {
        "langchain_grokweb.ChatGrokWeb.with_structured_output",
        "langchain_grokweb.client.GrokWebClient.conversations",
        "langchain_grokweb.errors.GrokWebError.__init__",
        "langchain_grokweb.testing.GrokEmulator.reply",
    } <= paths


@pytest.mark.wire("rest")
def test_a_model_with_fallbacks_gives_structured_output(grok, make_model):
    grok.fault("expired")
    grok.reply('{"a": 1}')
    model = make_model().with_fallbacks([make_model()])
    chain = model.with_structured_output({"title": "t", "type": "object", "properties": {"a": {"type": "integer"}}})
    assert chain.invoke("q") == {"a": 1}
