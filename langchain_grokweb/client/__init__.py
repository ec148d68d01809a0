"""The only I/O: HTTP, connections, retries, the blocking face. Knows the wires, knows no LangChain."""

from langchain_grokweb.client.account.check import Check
from langchain_grokweb.client.account.exported import Exported
from langchain_grokweb.client.account.modes import AvailableMode
from langchain_grokweb.client.account.pictures import Fetched, Pictures
from langchain_grokweb.client.account.quota import Quota
from langchain_grokweb.client.client import GrokWebClient
from langchain_grokweb.client.opener import Opener
from langchain_grokweb.client.resume import ResumableStream
from langchain_grokweb.client.service import Service
from langchain_grokweb.client.uploads import UploadedFile

__all__ = [
    "AvailableMode",
    "Check",
    "Exported",
    "Fetched",
    "GrokWebClient",
    "Opener",
    "Pictures",
    "Quota",
    "ResumableStream",
    "Service",
    "UploadedFile",
]
