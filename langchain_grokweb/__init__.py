"""LangChain chat model over the grok.com web service: the public names, nothing else.

Each name is imported when it is first asked for, so that the command and the emulator begin without LangChain.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_grokweb._version import __version__

if TYPE_CHECKING:
    from langchain_grokweb.chat_models import ChatGrokWeb
    from langchain_grokweb.citations import text_with_citations
    from langchain_grokweb.client import AvailableMode, Check, Exported, GrokWebClient, Quota, UploadedFile
    from langchain_grokweb.credentials import GrokCredentials
    from langchain_grokweb.errors import (
        GrokWebAnswerReplacedError,
        GrokWebAuthenticationError,
        GrokWebConnectionError,
        GrokWebContentFilterError,
        GrokWebContextOverflowError,
        GrokWebConversationNotFoundError,
        GrokWebError,
        GrokWebInterruptedError,
        GrokWebInvalidRequestError,
        GrokWebModelNotFoundError,
        GrokWebPermissionError,
        GrokWebProtocolError,
        GrokWebRateLimitError,
        GrokWebServerError,
        GrokWebTimeoutError,
        GrokWebToolCallError,
    )
    from langchain_grokweb.exports import ExportedConversation, read_export
    from langchain_grokweb.wire.stored import Conversation, StoredConversation, StoredResponse

__all__ = [
    "AvailableMode",
    "ChatGrokWeb",
    "Check",
    "Conversation",
    "Exported",
    "ExportedConversation",
    "GrokCredentials",
    "GrokWebAnswerReplacedError",
    "GrokWebAuthenticationError",
    "GrokWebClient",
    "GrokWebConnectionError",
    "GrokWebContentFilterError",
    "GrokWebContextOverflowError",
    "GrokWebConversationNotFoundError",
    "GrokWebError",
    "GrokWebInterruptedError",
    "GrokWebInvalidRequestError",
    "GrokWebModelNotFoundError",
    "GrokWebPermissionError",
    "GrokWebProtocolError",
    "GrokWebRateLimitError",
    "GrokWebServerError",
    "GrokWebTimeoutError",
    "GrokWebToolCallError",
    "Quota",
    "StoredConversation",
    "StoredResponse",
    "UploadedFile",
    "__version__",
    "read_export",
    "text_with_citations",
]

if not TYPE_CHECKING:  # else every name would be known to a type checker
    _MODULES = {
        "ChatGrokWeb": "chat_models",
        "text_with_citations": "citations",
        "AvailableMode": "client",
        "Check": "client",
        "GrokWebClient": "client",
        "Quota": "client",
        "UploadedFile": "client",
        "Exported": "client",
        **dict.fromkeys(("ExportedConversation", "read_export"), "exports"),
        "GrokCredentials": "credentials",
        **dict.fromkeys(("Conversation", "StoredConversation", "StoredResponse"), "wire.stored"),
        **{name: "errors" for name in __all__ if name.startswith("GrokWeb") and name.endswith("Error")},
    }
    _PUBLIC_MODULES = {"chat_models", "client", "credentials", "errors"}

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
            globals()[name] = value
            return value
        if name in _PUBLIC_MODULES:
            return import_module(f"{__name__}.{name}")
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
