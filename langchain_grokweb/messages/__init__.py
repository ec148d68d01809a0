"""LangChain messages to a Grok turn, and its events back to a message. Pure: no I/O, and no idea which wire it is."""
