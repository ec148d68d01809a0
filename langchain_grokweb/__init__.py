"""LangChain chat model over the grok.com web service: the public names, nothing else."""

from langchain_grokweb._version import __version__
from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.client import AvailableMode
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import *  # noqa: F403 - the whole tree, as its module lists it
from langchain_grokweb.errors import __all__ as _errors

__all__ = ["AvailableMode", "ChatGrokWeb", "GrokCredentials", "__version__", *_errors]  # noqa: PLE0604
