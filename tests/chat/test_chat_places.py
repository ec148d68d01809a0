"""A place that the caller names, as of a conversation begun in the browser: gone on from, and not again and again."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import ConfigurableField
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from paths import PATHS

from langchain_grokweb import GrokWebConversationNotFoundError, GrokWebInvalidRequestError
from langchain_grokweb.testing import GrokEmulator


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


@pytest.fixture
def browser(grok, make_model) -> Any:
    """The turn of a conversation that somebody else began."""
    make_model().invoke("My name is Ada.")
    return grok.turns[0]


def trees_read(grok: GrokEmulator) -> int:
    return sum(request.path.endswith("/response-node") for request in grok.requests)


@pytest.mark.parametrize("way", PATHS)
def test_a_conversation_of_the_browser_goes_on(grok, browser, model, way):
    answer = PATHS[way](model, "What is my name?", conversation_id=browser.conversation_id)
    turn = grok.turns[-1]
    assert (turn.conversation_id, turn.parent_response_id) == (browser.conversation_id, browser.response_id)
    assert turn.prompt == "What is my name?"
    assert "Ada" in answer.text
    assert answer.response_metadata["grokweb"]["started"] is True


def by_call(model: Any, place: dict[str, str]) -> Any:
    return model.invoke("Hi", **place)


def by_bind(model: Any, place: dict[str, str]) -> Any:
    return model.bind(**place).invoke("Hi")


def by_field(model: Any, place: dict[str, str]) -> Any:
    return model.model_copy(update=place).invoke("Hi")


def by_agent(model: Any, place: dict[str, str]) -> Any:
    return create_agent(model.model_copy(update=place)).invoke({"messages": [HumanMessage("Hi")]})


def by_configuration(model: Any, place: dict[str, str]) -> Any:
    fields = {name: ConfigurableField(id=name) for name in ("conversation_id", "parent_response_id")}
    return model.configurable_fields(**fields).invoke("Hi", {"configurable": place})


@pytest.mark.parametrize("name", [by_call, by_bind, by_field, by_agent, by_configuration])
def test_every_way_to_name_a_place(grok, browser, model, name):
    grok.reply("Second.")
    model.invoke("More.", conversation_id=browser.conversation_id)
    address = f"https://grok.com/c/{browser.conversation_id}"
    name(model, {"conversation_id": address})
    assert grok.turns[-1].parent_response_id == grok.turns[1].response_id
    for place in (
        {"conversation_id": browser.conversation_id, "parent_response_id": browser.response_id},
        {"conversation_id": f"{address}?rid={browser.response_id}"},
    ):
        name(model, place)
        assert grok.turns[-1].parent_response_id == browser.response_id


def test_what_a_call_names_goes_before_what_the_model_names(grok, browser, make_model):
    make_model().invoke("Another conversation.")
    other = grok.turns[-1]
    model = make_model(conversation_id=browser.conversation_id, parent_response_id=browser.response_id)
    model.invoke("Hi", conversation_id=other.conversation_id)
    assert grok.turns[-1].parent_response_id == other.response_id


@pytest.mark.parametrize("settings", [{}, {"on_truncated": "replay"}, {"conversation": "strict"}])
async def test_a_node_that_names_a_place_does_not_start_there_again(grok, browser, make_model, settings):
    model = make_model(**settings).bind(conversation_id=browser.conversation_id)

    async def node(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node(node).add_edge(START, "node").compile(checkpointer=InMemorySaver())
    for number in range(3):
        await graph.ainvoke({"messages": [HumanMessage(f"q{number}")]}, {"configurable": {"thread_id": "1"}})
    turns = grok.turns[1:]
    assert [turn.prompt for turn in turns] == ["q0", "q1", "q2"]
    assert [turn.parent_response_id for turn in turns] == [turn.response_id for turn in grok.turns[:3]]
    assert trees_read(grok) == 1


def test_without_its_name_such_a_thread_goes_on_too(grok, browser, make_model):
    messages: list[Any] = [HumanMessage("q0")]
    messages.append(make_model().invoke(messages, conversation_id=browser.conversation_id))
    make_model(conversation="strict").invoke([*messages, HumanMessage("q1")])
    assert grok.turns[-1].parent_response_id == grok.turns[1].response_id
    make_model(conversation="strict").invoke([HumanMessage("edited"), messages[1], HumanMessage("q1")])
    assert grok.turns[-1].parent_response_id == browser.response_id
    assert "edited" in grok.turns[-1].prompt


def test_a_history_from_elsewhere_is_told_there_once(grok, browser, model):
    place = {"conversation_id": browser.conversation_id, "parent_response_id": browser.response_id}
    messages: list[Any] = [HumanMessage("q0"), AIMessage("from elsewhere"), HumanMessage("q1")]
    messages.append(model.invoke(messages, **place))
    model.invoke([*messages, HumanMessage("q2")], **place)
    assert "from elsewhere" in grok.turns[1].prompt
    assert grok.turns[2].prompt == "q2"


def test_a_conversation_without_an_answer_is_not_gone_on_from(grok, browser, model):
    empty = {"conversation_id": browser.conversation_id}
    grok.conversations[browser.conversation_id].nodes.clear()
    with pytest.raises(GrokWebInvalidRequestError, match="no answer to continue from"):
        model.invoke("Hi", **empty)


@pytest.mark.parametrize("parent", [{}, {"parent_response_id": "gone"}])
def test_a_named_place_that_is_gone_is_not_replaced(grok, browser, model, parent):
    with pytest.raises(GrokWebConversationNotFoundError):
        model.invoke("Hi", conversation_id=browser.conversation_id if parent else "gone", **parent)
    assert len(grok.turns) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"parent_response_id": "r"}, "no conversation is named"),
        ({"conversation_id": "https://example.com/c/x"}, "grok.com"),
        ({"conversation_id": "a/b"}, "address"),
        ({"previous_response_id": "r"}, "parent_response_id"),
    ],
)
def test_what_is_no_place_is_refused(grok, model, place, said):
    with pytest.raises(GrokWebInvalidRequestError, match=said):
        model.invoke("Hi", **place)
    assert grok.requests == []


def test_stateless_names_no_place(make_model):
    with pytest.raises(GrokWebInvalidRequestError, match="stateless"):
        make_model(conversation="stateless").invoke("Hi", conversation_id="c")
