"""The blocking face of `GrokWebClient`: the same methods, each run in the portal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from langchain_grokweb.client import drift, portal
from langchain_grokweb.client.account import AvailableMode

if TYPE_CHECKING:
    from langchain_grokweb.client.client import GrokWebClient
    from langchain_grokweb.wire.stored import Conversation, StoredConversation


class BlockingClient:
    """What `GrokWebClient` has, without `await`: from a script, a thread, or under a loop that runs already."""

    def __init__(self, client: GrokWebClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"{self._client!r}.blocking"

    def conversations(self, *, search: str | None = None, page_size: int = 60) -> Iterator[Conversation]:
        """See `GrokWebClient.conversations`."""
        return portal.iterate(lambda: self._client.conversations(search=search, page_size=page_size))

    def deleted_conversations(self, *, page_size: int = 60) -> Iterator[Conversation]:
        """See `GrokWebClient.deleted_conversations`."""
        return portal.iterate(lambda: self._client.deleted_conversations(page_size=page_size))

    def conversation(self, conversation: str) -> StoredConversation:
        """See `GrokWebClient.conversation`."""
        return portal.call(lambda: self._client.conversation(conversation))

    def latest_response(self, conversation: str) -> str:
        """See `GrokWebClient.latest_response`."""
        return portal.call(lambda: self._client.latest_response(conversation))

    def rename(self, conversation: str, title: str) -> Conversation:
        """See `GrokWebClient.rename`."""
        return portal.call(lambda: self._client.rename(conversation, title))

    def delete(self, conversation: str, *, forever: bool = False) -> None:
        """See `GrokWebClient.delete`."""
        portal.call(lambda: self._client.delete(conversation, forever=forever))

    def restore(self, conversation: str) -> None:
        """See `GrokWebClient.restore`."""
        portal.call(lambda: self._client.restore(conversation))

    @staticmethod
    def drift() -> dict[str, int]:
        """See `GrokWebClient.drift`."""
        return drift.drift()

    def modes(self) -> list[AvailableMode]:
        """See `GrokWebClient.modes`."""
        return portal.call(self._client.modes)
