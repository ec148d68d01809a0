"""Who asks: the cookies of a signed-in browser, read from whatever was pasted, and never shown again."""

from langchain_grokweb.credentials.credentials import CookieSource, GrokCredentials

__all__ = ["CookieSource", "GrokCredentials"]
