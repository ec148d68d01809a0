"""What agents and graphs do to a history does what their docs promise, on a conversation that the service keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    SummarizationMiddleware,
    before_model,
    dynamic_prompt,
    wrap_model_call,
)
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage, trim_messages
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.testing import GrokEmulator

pytestmark = pytest.mark.wire("rest")  # what both wires are told, the table of histories says

THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


cities: list[str] = []


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    cities.append(city)
    return f"sunny in {city}"


def agent_of(model: ChatGrokWeb, *middleware: AgentMiddleware, **more: Any) -> Any:
    return create_agent(model, middleware=middleware, checkpointer=InMemorySaver(), **more)


def ask(agent: Any, text: str, **more: Any) -> Any:
    return agent.invoke({"messages": [HumanMessage(text)], **more}, THREAD)


def told(grok: GrokEmulator) -> list[str]:
    return [turn.prompt for turn in grok.turns]


def parents(grok: GrokEmulator) -> list[int | None]:
    """The turn that each turn follows, by its number."""
    numbers: dict[str | None, int | None] = {turn.response_id: number for number, turn in enumerate(grok.turns)}
    return [{None: None, **numbers}[turn.parent_response_id] for turn in grok.turns]


def test_an_agent_uploads_only_what_is_new(grok, model):
    agent = agent_of(model, tools=[get_weather], system_prompt="Be brief.")
    grok.reply("", tool_calls=[{"name": "get_weather", "args": {"city": "Oslo"}}])
    for text in ("What is the weather in Oslo?", "Thanks.", "Bye."):
        ask(agent, text)
    assert parents(grok) == [None, 0, 1, 2]
    first, second, *others = told(grok)
    given = ("Be brief.", "The weather in a city.", "What is the weather in Oslo?")
    assert [said in first for said in given] == [True] * 3
    assert [said in second for said in given] == [False] * 3
    assert "sunny in Oslo" in second
    assert others == ["Thanks.", "Bye."]


def test_a_summary_begins_a_conversation_with_what_is_kept_and_the_next_turns_stay_there(grok, model):
    summarizer = SummarizationMiddleware(model, trigger=("messages", 5), keep=("messages", 1))
    agent = agent_of(model, summarizer)
    for text in ("one", "two"):
        ask(agent, text)
    grok.reply("SHORT OF IT")
    state = ask(agent, "three")
    _, second, summary, third = grok.turns
    assert parents(grok) == [None, 0, None, None]
    assert "Messages to summarize" in summary.prompt
    assert "SHORT OF IT" in third.prompt
    assert "three" in third.prompt
    assert "two" not in third.prompt
    assert third.conversation_id not in {second.conversation_id, summary.conversation_id}
    assert len(state["messages"]) == 3
    ask(agent, "four")
    assert (parents(grok)[-1], told(grok)[-1]) == (3, "four")


@wrap_model_call
def window_for_the_model(request: Any, handler: Callable[[Any], Any]) -> Any:
    """The model sees the newest messages alone; the state keeps all."""
    kept = trim_messages(request.messages, max_tokens=3, token_counter=len, strategy="last", start_on="human")
    return handler(request.override(messages=kept))


@before_model
def window_in_the_state(state: Any, runtime: Any) -> Any:
    """The state itself forgets, as LangGraph's docs do it."""
    kept = trim_messages(state["messages"], max_tokens=4, token_counter=len, strategy="last")
    return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *kept]}


@pytest.mark.parametrize("window", [window_for_the_model, window_in_the_state])
@pytest.mark.parametrize("on_truncated", ["continue", "replay"])
def test_a_trimmed_history_goes_on_or_forgets(grok, make_model, window, on_truncated):
    agent = agent_of(make_model(on_truncated=on_truncated), window)
    for number in range(5):
        grok.reply(f"a{number}")
        ask(agent, f"q{number}")
    if on_truncated == "continue":
        assert parents(grok) == [None, 0, 1, 2, 3]
        assert told(grok) == [f"q{number}" for number in range(5)]
    else:
        assert parents(grok)[:2] == [None, 0]
        assert parents(grok)[2] is None
        assert "q1" in told(grok)[2]
        assert all("q0" not in prompt for prompt in told(grok)[2:])


DECISIONS = {
    "approve": ({"type": "approve"}, "sunny in Oslo"),
    "edit": (
        {"type": "edit", "edited_action": {"name": "get_weather", "args": {"city": "Rome"}}},
        "sunny in Rome",
    ),
    "reject": ({"type": "reject", "message": "Not today."}, "Not today."),
}


@pytest.mark.parametrize("kind", DECISIONS)
def test_a_human_in_the_loop(grok, model, kind):
    decision, result = DECISIONS[kind]
    cities.clear()
    agent = agent_of(model, HumanInTheLoopMiddleware({"get_weather": True}), tools=[get_weather])
    ask(agent, "Hello.")
    grok.reply("", tool_calls=[{"name": "get_weather", "args": {"city": "Oslo"}}])
    ask(agent, "What is the weather in Oslo?")
    assert len(grok.turns) == 2
    state = agent.invoke(Command(resume={"decisions": [decision]}), THREAD)
    assert cities == {"approve": ["Oslo"], "edit": ["Rome"], "reject": []}[kind]
    # LangChain 1.0 writes an edit into the message, which then is no more the one that the service has.
    kept = state["messages"][-3].tool_calls[0]["args"]["city"] == "Oslo"
    assert parents(grok) == [None, 0, 1 if kept else 0]
    assert result in told(grok)[2]
    ask(agent, "Thanks.")
    assert (parents(grok)[-1], told(grok)[-1]) == (2, "Thanks.")


def test_a_call_that_a_human_writes_anew_in_the_state_is_told_from_the_answer_before(grok, model):
    cities.clear()
    agent = create_agent(model, [get_weather], checkpointer=InMemorySaver(), interrupt_before=["tools"])
    ask(agent, "Hello.")
    grok.reply("", tool_calls=[{"name": "get_weather", "args": {"city": "Oslo"}}])
    message = ask(agent, "What is the weather?")["messages"][-1]
    call = {**message.tool_calls[0], "args": {"city": "Rome"}}
    agent.update_state(THREAD, {"messages": [message.model_copy(update={"tool_calls": [call]})]})
    agent.invoke(None, THREAD)
    assert cities == ["Rome"]
    assert parents(grok) == [None, 0, 0]
    assert all(said in told(grok)[2] for said in ("What is the weather?", "Rome", "sunny in Rome"))
    assert "Hello." not in told(grok)[2]


@pytest.mark.parametrize("name", ["expired", "usage_limit"])
def test_a_fallback_answers_and_is_told_when_the_service_is_back(grok, make_model, name):
    other = GenericFakeChatModel(messages=iter([AIMessage("from elsewhere")]))
    agent = agent_of(make_model(max_retries=0), ModelFallbackMiddleware(other))
    ask(agent, "Hello.")
    grok.fault(name)
    assert ask(agent, "two")["messages"][-1].text == "from elsewhere"
    ask(agent, "three")
    last = grok.turns[-1]
    assert last.parent_response_id == grok.turns[0].response_id
    assert all(said in last.prompt for said in ("two", "from elsewhere", "three"))
    assert "Hello." not in last.prompt
    ask(agent, "four")
    assert grok.turns[-1].parent_response_id == last.response_id
    assert grok.turns[-1].prompt == "four"


@dynamic_prompt
def for_the_user(request: Any) -> str:
    questions = sum(isinstance(message, HumanMessage) for message in request.messages)
    return "Speak to a beginner." if questions < 3 else "Speak to an expert."


def test_a_dynamic_system_prompt_goes_up_when_it_changes(grok, model):
    agent = agent_of(model, for_the_user)
    for number in range(4):
        ask(agent, f"q{number}")
    assert parents(grok) == [None, 0, 1, 2]
    first, second, third, fourth = told(grok)
    assert "beginner" in first
    assert (second, fourth) == ("q1", "q3")
    assert third.index("expert") < third.index("q2")
    assert "beginner" not in third


# --- LangGraph


@pytest.fixture
def graph(model) -> Any:
    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    return StateGraph(MessagesState).add_node(node).add_edge(START, "node").compile(checkpointer=InMemorySaver())


def after(graph: Any, answers: int) -> Any:
    """The checkpoint behind so many answers."""
    states = graph.get_state_history(THREAD)
    return next(one for one in states if not one.next and len(one.values["messages"]) == 2 * answers)


def test_a_turn_from_an_older_checkpoint_goes_under_the_older_answer(grok, graph):
    for number in range(3):
        ask(graph, f"q{number}")
    graph.invoke({"messages": [HumanMessage("other")]}, after(graph, 1).config)
    ask(graph, "on from there")
    assert parents(grok) == [None, 0, 1, 0, 3]
    assert told(grok)[3:] == ["other", "on from there"]
    assert len(grok.conversations) == 1


def test_an_older_step_that_is_run_again_gives_a_sibling(grok, graph):
    for number in range(2):
        ask(graph, f"q{number}")
    asked = next(one for one in graph.get_state_history(THREAD) if one.next == ("node",))
    graph.invoke(None, asked.config)
    assert (parents(grok), told(grok)) == ([None, 0, 0], ["q0", "q1", "q1"])


def test_a_question_that_is_edited_in_an_older_state_goes_under_the_answer_before(grok, graph):
    for number in range(2):
        ask(graph, f"q{number}")
    asked = next(one for one in graph.get_state_history(THREAD) if one.next == ("node",))
    question = asked.values["messages"][-1]
    fork = graph.update_state(asked.config, {"messages": [HumanMessage("edited", id=question.id)]})
    graph.invoke(None, fork)
    assert (parents(grok), told(grok)) == ([None, 0, 0], ["q0", "q1", "edited"])


def test_a_result_that_is_cleared_is_not_answered_from_the_whole_one(grok, model):
    agent = agent_of(model, tools=[get_weather])
    ask(agent, "Hello.")
    grok.reply("", tool_calls=[{"name": "get_weather", "args": {"city": "Oslo"}}])
    grok.reply("Fine.")
    state = ask(agent, "What is the weather?")
    result = next(message for message in state["messages"] if isinstance(message, ToolMessage))
    agent.update_state(THREAD, {"messages": [result.model_copy(update={"content": "[cleared]"})]})
    ask(agent, "Thanks.")
    assert parents(grok) == [None, 0, 1, 1]
    assert "[cleared]" in told(grok)[-1]
    assert "sunny" not in told(grok)[-1]
