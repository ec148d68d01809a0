"""LangChain chat model over the grok.com web service: the public names, nothing else."""

from typing import TYPE_CHECKING, Any

from langchain_grokweb._version import __version__
from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.citations import text_with_citations
from langchain_grokweb.client import AvailableMode, GrokWebClient
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import *  # noqa: F403 - the whole tree, as its module lists it
from langchain_grokweb.errors import __all__ as _errors

if TYPE_CHECKING:
    from langchain_grokweb.wire.stored import Conversation, StoredConversation, StoredResponse

__all__ = [  # noqa: PLE0604
    "AvailableMode",
    "ChatGrokWeb",
    "Conversation",
    "GrokCredentials",
    "GrokWebClient",
    "StoredConversation",
    "StoredResponse",
    "__version__",
    "text_with_citations",
    *_errors,
]

if not TYPE_CHECKING:  # else every name would be known to a type checker

    def __getattr__(name: str) -> Any:
        """What only users of the account's conversations need is imported when it is asked for."""
        if name in {"Conversation", "StoredConversation", "StoredResponse"}:
            from langchain_grokweb.wire import stored  # noqa: PLC0415

            return getattr(stored, name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
