"""A conversation of the account, loaded as messages, goes on as if this model had begun it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, messages_from_dict, messages_to_dict
from testing.asking import CONVERSATIONS

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebConversationNotFoundError,
    GrokWebInvalidRequestError,
)
from langchain_grokweb.testing import GrokEmulator


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


def link(message: Any) -> dict[str, Any]:
    return message.response_metadata["grokweb"]


def texts(messages: list[Any]) -> list[str]:
    return [message.text for message in messages]


# --- an old web chat


@pytest.mark.parametrize("era", [{"modelName": "grok-3"}, {"modeId": "fast"}])
def test_an_old_web_chat_goes_on_with_what_is_new_alone(grok, browser, model, era):
    first = browser.new("My name is Ada.", **era)
    second = browser.follow(first, "I like foxes.", **era)
    messages = model.load_conversation(f"https://grok.com/c/{first.conversation_id}")
    assert [type(message) for message in messages] == [HumanMessage, AIMessage] * 2
    assert texts(messages)[::2] == ["My name is Ada.", "I like foxes."]
    messages.append(HumanMessage("What is my name?"))
    answer = model.invoke(messages)
    turn = grok.turns[-1]
    assert (turn.prompt, turn.parent_response_id) == ("What is my name?", second.response_id)
    assert turn.conversation_id == first.conversation_id
    assert "Ada" in answer.text
    again = model.load_conversation(first.conversation_id)
    assert texts(again) == texts([*messages, answer])
    model.invoke([*messages_from_dict(messages_to_dict(again)), HumanMessage("And what do I like?")])
    assert (grok.turns[-1].prompt, grok.turns[-1].parent_response_id) == (
        "And what do I like?",
        link(answer)["response_id"],
    )


async def test_a_fork_goes_on_from_the_fork(grok, browser, model):
    first = browser.new("Hello")
    ada = browser.follow(first, "My name is Ada.")
    browser.follow(first, "My name is Bob.")
    name = first.conversation_id
    assert texts(await model.aload_conversation(name))[2] == "My name is Bob."
    for place in ((name, ada.response_id), (f"https://grok.com/c/{name}?rid={ada.response_id}",)):
        messages = await model.aload_conversation(*place)
        assert texts(messages)[2] == "My name is Ada."
        answer = await model.ainvoke([*messages, HumanMessage("What is my name?")])
        assert grok.turns[-1].parent_response_id == ada.response_id
        assert "Ada" in answer.text
    assert texts(await model.aload_conversation(name))[2::2] == ["My name is Ada.", "What is my name?"]


def test_the_files_of_a_question_are_named(grok, browser, model):
    block = {"type": "file", "base64": "eA==", "mime_type": "text/plain", "filename": "a.txt"}
    answer = model.invoke([HumanMessage([{"type": "text", "text": "What is this?"}, block])])
    messages = model.load_conversation(link(answer)["conversation_id"])
    assert messages[0].content == "What is this?"
    (file,) = messages[0].additional_kwargs["files"]
    assert (file["name"], file["mime_type"]) == ("a.txt", "text/plain")
    assert model.download(file) == b"x"
    model.invoke([*messages, HumanMessage("And then?")])
    assert (grok.turns[-1].prompt, grok.turns[-1].files) == ("And then?", ())


@pytest.mark.wire("rest")
def test_what_nobody_answered_is_told_again(grok, browser, model):
    first = browser.new("My name is Ada.")
    body = {"message": "I like foxes.", "parentResponseId": first.response_id}
    browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/user-responses", json=body)
    messages = model.load_conversation(first.conversation_id)
    assert texts(messages)[2:] == ["I like foxes."]
    model.invoke([*messages, HumanMessage("Do you?")])
    turn = grok.turns[-1]
    assert turn.parent_response_id == first.response_id
    assert "foxes" in turn.prompt
    assert "Ada" not in turn.prompt


@pytest.mark.wire("rest")
def test_an_answer_that_broke_off_is_not_gone_on_from(grok, browser, model):
    first = browser.new("My name is Ada.")
    grok.reply("Foxes are", error="internal_error")
    browser.follow(first, "What are foxes?")
    messages = model.load_conversation(first.conversation_id)
    assert messages[-1].text.startswith("Foxes")
    assert link(messages[-1])["interrupted"]
    model.invoke([*messages, HumanMessage("Go on.")])
    assert grok.turns[-1].parent_response_id == first.response_id


def test_an_edited_history_is_not_answered_from_the_loaded_one(grok, browser, model):
    first = browser.new("My name is Ada.")
    messages = [SystemMessage("Be kind."), *model.load_conversation(first.conversation_id)]
    model.invoke([*messages, HumanMessage("Hello?")])
    assert grok.turns[-1].parent_response_id == first.response_id
    assert "Be kind." in grok.turns[-1].prompt
    messages[1] = HumanMessage("My name is Bob.")
    assert "Bob" in model.invoke([*messages, HumanMessage("What is my name?")]).text
    assert grok.turns[-1].parent_response_id is None


# --- what this model itself said

CITED = [
    {"url": "https://e.com/a", "title": "A", "after": "red"},
    {"url": "https://x.com/u/status/1", "title": "B"},
    {"url": "https://e.com/b", "after": "run"},
]
FOUND = [{"url": "https://e.com/a", "title": "Foxes", "snippet": "s"}, {"url": "https://e.com/b", "title": "Runs"}]
REPLIES: list[dict[str, Any]] = [
    {"text": "Foxes are red. They run.\n\n<b>&amp; 🦊 Füchse</b> < 5", "reasoning": "First.\nThen."},
    {"text": "Foxes are red. They run.", "citations": CITED, "search": [{"query": "q", "results": FOUND}]},
    {"text": "🦊 are red. They run.", "citations": CITED, "reasoning": [{"header": "Look", "summary": "- a"}]},
    {"images": ["a fox", {"prompt": "an owl", "moderated": True}, "a hare"]},
    {"text": "Here it is.", "images": ["a fox"], "citations": CITED[1:2]},
    {
        "text": "Red, they run.",
        "search": [{"query": "q", "kind": "x", "results": [{"url": "https://x.com/u/status/1"}]}],
    },
]


@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_what_was_said_here_is_loaded_as_it_was_given(grok, make_model, name):
    model = make_model(model=name)
    said: list[Any] = []
    for reply in REPLIES:
        grok.reply(**reply)
        said.append(HumanMessage(f"Tell me {len(said)}"))
        said.append(model.invoke(said))
    loaded = model.load_conversation(link(said[-1])["conversation_id"])
    assert texts(loaded) == texts(said)
    for before, after in zip(said, loaded, strict=True):
        for kind in ("reasoning_content", "citations", "images"):
            assert after.additional_kwargs.get(kind) == before.additional_kwargs.get(kind), kind
        assert tools(after) == tools(before)
    for before, after in zip(said[1::2], loaded[1::2], strict=True):
        kept = {"account", "conversation_id", "response_id", "parent_response_id", "turn_hash", "self_hash"}
        assert {key: link(after).get(key) for key in kept} == {key: link(before).get(key) for key in kept}
        assert after.response_metadata["id"] == before.response_metadata["id"]
    assert sum("start_index" in found for one in loaded for found in one.additional_kwargs.get("citations", [])) == 7


def tools(message: Any) -> list[Any]:
    """What searches found; the wires call them by other names, and those that ran at once may end in another order."""
    found = message.additional_kwargs.get("server_tools", [])
    return sorted((tool["output"] for tool in found if "search" in tool["name"]), key=str)


@pytest.mark.wire("rest")
def test_a_chain_with_several_messages_is_loaded_as_the_prompt_that_was_sent(grok, model):
    answer = model.invoke([SystemMessage("Be brief."), HumanMessage("Hello")])
    loaded = model.load_conversation(link(answer)["conversation_id"])
    assert loaded[0].text == grok.turns[0].prompt
    model.invoke([*loaded, HumanMessage("And?")])
    assert (grok.turns[-1].prompt, grok.turns[-1].parent_response_id) == ("And?", link(answer)["response_id"])


# --- how it is called, and what goes wrong


@pytest.mark.wire("rest")
async def test_blocking_and_asynchronous_loading_give_the_same(browser, model):
    first = browser.new("Hello")
    assert model.load_conversation(first.conversation_id) == await model.aload_conversation(first.conversation_id)


@pytest.mark.wire("rest")
def test_what_cannot_be_loaded(grok, browser, model, make_model: Callable[..., ChatGrokWeb]):
    unknown = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(GrokWebConversationNotFoundError):
        model.load_conversation(unknown)
    first = browser.new("Hello")
    with pytest.raises(GrokWebConversationNotFoundError, match="no response"):
        model.load_conversation(first.conversation_id, unknown)
    grok.fault("expired", path="/rest/")
    with pytest.raises(GrokWebAuthenticationError):
        model.load_conversation(unknown)
    before = len(grok.requests)
    for name in ("", f"http://grok.com/c/{unknown}", f"{unknown}\n", f"https://grok.com/c/{unknown}?rid=/"):
        with pytest.raises(GrokWebInvalidRequestError):
            asyncio.run(model.aload_conversation(name))
    assert len(grok.requests) == before
    empty = browser.http.post(CONVERSATIONS, json={}).json()["conversationId"]
    assert make_model().load_conversation(empty) == []
