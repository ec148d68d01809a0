"""A LangGraph app with one node. LangGraph keeps the threads, and grok.com the conversations."""

from typing import Any

from langgraph.graph import START, MessagesState, StateGraph

from langchain_grokweb import ChatGrokWeb


async def answer(state: MessagesState) -> dict[str, Any]:
    """Ask with the whole thread. Only new messages are uploaded; a fork becomes a branch at grok.com."""
    model = ChatGrokWeb()  # reads the cookies from the environment; it costs nothing to build
    return {"messages": [await model.ainvoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
graph = builder.compile()
