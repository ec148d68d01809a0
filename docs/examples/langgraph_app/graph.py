"""A LangGraph app with one node: threads, streams and forks come from LangGraph, the conversation from grok.com."""

from typing import Any

from langgraph.graph import START, MessagesState, StateGraph

from langchain_grokweb import ChatGrokWeb


async def answer(state: MessagesState) -> dict[str, Any]:
    """Ask with the whole thread. Only what is new goes up; after a fork, a branch begins at grok.com."""
    model = ChatGrokWeb()  # cookies and address come from the environment; a model costs nothing to build
    return {"messages": [await model.ainvoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
graph = builder.compile()
