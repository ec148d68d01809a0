"""Every history of the table, for real: what the service was told, and under which answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from histories import CASES, Case
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.testing import GrokEmulator

SAID = re.compile(r"^<message(?![^\n]* example=).*?>\n(.*?)\n?</message>$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Service:
    """The emulator, which answers what was planned; from the first call on the model has tools."""

    def __init__(self, grok: GrokEmulator, model: ChatGrokWeb) -> None:
        self.grok, self.bare = grok, model
        self.model: Any = model

    def __call__(self, messages: Sequence[BaseMessage], call: Mapping[str, Any] | None = None) -> AIMessage:
        self.grok.reply(f"answer {len(self.grok.turns)}", tool_calls=[call] if call else [])
        if call:
            self.model = self.bare.bind_tools([get_weather])
        return self.model.invoke(list(messages))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_history_at_the_service(
    grok: GrokEmulator, make_model: Callable[..., ChatGrokWeb], caplog: pytest.LogCaptureFixture, case: Case
):
    service = Service(grok, make_model(**case.settings))
    messages = case.build(service)
    earlier = grok.turns
    with caplog.at_level(logging.DEBUG, "langchain_grokweb"):
        answer = service(messages)
    turn = grok.turns[-1]
    followed = None if case.parent is None else earlier[case.parent]
    link = answer.response_metadata["grokweb"]
    assert len(grok.turns) == len(earlier) + 1
    assert f"The turn's place: {case.reason}." in caplog.messages
    assert turn.parent_response_id == link.get("parent_response_id") == (followed and followed.response_id)
    assert (turn.conversation_id in {one.conversation_id for one in earlier}) == (followed is not None)
    assert link["conversation_id"] == turn.conversation_id
    sent = told(turn.prompt)
    if service.model is not service.bare and "get_weather" in sent[0]:
        sent.pop(0)  # the tools, where the answer that is followed does not know them
    assert sent == [*case.system, *case.sent]


def told(prompt: str) -> list[str]:
    """The texts that a prompt says: one as it is, several as a transcript."""
    if not prompt.startswith(("Below are", "<message ")):
        return [prompt]
    return [re.sub(r"\n?<tool_call .*</tool_call>", "", text) for text in SAID.findall(prompt)]
