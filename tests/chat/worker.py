"""A worker process: a graph over a shared checkpointer. Reads one JSON task a line, and answers each with a line.

A task is `{"store": address of a database, "thread": id, "text": a question, "settings": fields of the model}`.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import AbstractContextManager
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

from langchain_grokweb import ChatGrokWeb


def checkpointer(store: str) -> AbstractContextManager[Any]:
    if not store.startswith("postgresql:"):
        return SqliteSaver.from_conn_string(store)
    from langgraph.checkpoint.postgres import PostgresSaver

    return PostgresSaver.from_conn_string(store)


def work(task: dict[str, Any]) -> dict[str, Any]:
    model = ChatGrokWeb(**task["settings"])

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    with checkpointer(task["store"]) as saver:
        saver.setup()
        graph = StateGraph(MessagesState).add_node(node).add_edge(START, "node").compile(checkpointer=saver)
        thread: Any = {"configurable": {"thread_id": task["thread"]}}
        state = graph.invoke({"messages": [HumanMessage(task["text"])]}, thread)
    return {"process": os.getpid(), "messages": len(state["messages"]), "text": state["messages"][-1].text}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(work(json.loads(line))) + "\n")
        sys.stdout.flush()
