"""LangChain chat model over the grok.com web service: the public names, nothing else."""

from langchain_grokweb._version import __version__

__all__ = ["__version__"]
