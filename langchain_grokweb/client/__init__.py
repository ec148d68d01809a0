"""The only I/O: HTTP, connections, retries, the blocking face. Knows the wires, knows no LangChain."""

from langchain_grokweb.client.account import AvailableMode
from langchain_grokweb.client.client import GrokWebClient, OpenTurn
from langchain_grokweb.client.service import Service

__all__ = ["AvailableMode", "GrokWebClient", "OpenTurn", "Service"]
