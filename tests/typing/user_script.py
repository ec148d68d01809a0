"""What a user writes, for type checkers: `nox -s wheel` checks it against the built wheel, without plugins.

It is also run against the emulator, so that what type-checks also works.
"""

import asyncio
import sys
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from pydantic import BaseModel, SecretStr

from langchain_grokweb import (
    ChatGrokWeb,
    GrokCredentials,
    GrokWebClient,
    GrokWebError,
    GrokWebRateLimitError,
    StoredConversation,
    text_with_citations,
)
from langchain_grokweb.testing import GrokEmulator, Turn


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def build(base_url: str, cookies: str) -> list[ChatGrokWeb]:
    """A model, by every kind of argument."""
    return [
        ChatGrokWeb(model="grok-3", cookies=cookies, base_url=base_url),
        ChatGrokWeb(model="grok-3-thinking", cookies=SecretStr(cookies), base_url=base_url, stop=["END"]),
        ChatGrokWeb(model="fast", cookies={"sso": "a.b.c"}, base_url=base_url, stop="END", temporary=True),
        ChatGrokWeb(credentials=GrokCredentials.parse(cookies), base_url=base_url, transport="gateway"),
        ChatGrokWeb(cookies=cookies, base_url=base_url, timeout=10, max_retries=0, headers={"x-test": "1"}),
        ChatGrokWeb(cookies=cookies, base_url=base_url, deep_search="deeper", conversation="strict", search=False),
    ]


def ask(model: ChatGrokWeb) -> str:
    """One answer, and what it carries."""
    messages: list[BaseMessage] = [SystemMessage("Be short."), HumanMessage("Why is the sky blue?")]
    answer: AIMessage = model.invoke(messages)
    reasoning: str | None = answer.additional_kwargs.get("reasoning_content")
    link: dict[str, Any] = answer.response_metadata["grokweb"]
    return f"{text_with_citations(answer)} {reasoning} {link['conversation_id']}"


def chain(model: ChatGrokWeb) -> Runnable[dict[str, str], str]:
    """A chain of three parts."""
    return ChatPromptTemplate.from_template("Translate: {text}") | model | StrOutputParser()


async def stream(model: ChatGrokWeb) -> str:
    """A stream, closed by its model's context."""
    text = ""
    async with model:
        async for chunk in model.astream("Tell me about foxes."):
            text += chunk.text
    return text


def call_tools(model: ChatGrokWeb) -> list[str]:
    """Tools are bound, and calls are LangChain's."""
    answer = model.bind_tools([get_weather], tool_choice="any").invoke("What is the weather in Paris?")
    return [call["name"] for call in answer.tool_calls]


def describe(model: ChatGrokWeb) -> object:
    """A structured answer."""
    return model.with_structured_output(Person, method="json_schema").invoke("Ada Lovelace")


async def look(client: GrokWebClient) -> list[str]:
    """The account's conversations, and one of them whole."""
    titles: list[str] = []
    async for conversation in client.conversations(page_size=10):
        stored: StoredConversation = await client.conversation(conversation.id)
        titles.append(f"{conversation.title} {len(stored.responses)}")
    return titles


def main() -> int:
    """All of it, against the emulator."""
    with GrokEmulator() as grok:
        models = build(grok.base_url, grok.cookies)
        try:
            print(ask(models[0]), chain(models[0]).invoke({"text": "Hello"}), asyncio.run(stream(models[1])))
            print(call_tools(models[0]), describe(models[0]))
            print(asyncio.run(look(GrokWebClient(cookies=grok.cookies, base_url=grok.base_url))))
        except GrokWebRateLimitError as error:
            print(error.retry_after)
            return 1
        except GrokWebError as error:
            print(error, error.partial)
            return 1
        turn: Turn = grok.turns[-1]
        return 0 if turn.prompt else 1


if __name__ == "__main__":
    sys.exit(main())
