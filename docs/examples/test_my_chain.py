"""Tests of your own chain, without an account and without mocks.

Install `pytest` and `langchain-grokweb[emulator]`.

The fixture `grok_emulator` comes with the package. For each test, it starts a
new emulator of grok.com on this machine.
"""

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.errors import GrokWebRateLimitError
from langchain_grokweb.testing import GrokEmulator


def translator(model: ChatGrokWeb) -> Runnable[dict[str, str], str]:
    """The chain to test."""
    prompt = ChatPromptTemplate.from_template("Translate into French: {text}")
    return prompt | model | StrOutputParser()


def model_of(grok: GrokEmulator) -> ChatGrokWeb:
    return ChatGrokWeb(
        base_url=grok.base_url, cookies=grok.cookies, max_retries=0
    )


def test_the_prompt_and_the_answer(grok_emulator: GrokEmulator) -> None:
    grok_emulator.reply("Bonjour")
    chain = translator(model_of(grok_emulator))
    assert chain.invoke({"text": "Hello"}) == "Bonjour"
    assert grok_emulator.turns[-1].prompt == "Translate into French: Hello"


def test_a_used_up_quota(grok_emulator: GrokEmulator) -> None:
    grok_emulator.fault("rate_limited", retry_after=60)
    with pytest.raises(GrokWebRateLimitError) as raised:
        translator(model_of(grok_emulator)).invoke({"text": "Hello"})
    assert raised.value.retry_after == 60
