"""A LangGraph app with one node that asks grok.com."""

from typing import Any

from langchain_grokweb import ChatGrokWeb
from langgraph.graph import START, MessagesState, StateGraph


async def answer(state: MessagesState) -> dict[str, Any]:
    """Ask with the whole thread.

    Only new messages are uploaded. A fork becomes a branch at grok.com.
    """
    model = ChatGrokWeb()  # it costs nothing to build
    return {"messages": [await model.ainvoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
graph = builder.compile()
