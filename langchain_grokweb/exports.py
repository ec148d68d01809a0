"""`read_export`: an export becomes messages that a chain can continue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from langchain_core.messages import BaseMessage

from langchain_grokweb.client.service import GROK_ASSETS_URL
from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.from_stored import to_messages
from langchain_grokweb.wire import export_format
from langchain_grokweb.wire.stored import StoredConversation


@dataclass(frozen=True, slots=True)
class ExportedConversation:
    """A conversation of an export.

    Attributes:
        conversation: The whole conversation, with its tree of responses.
        account: The account that it belongs to (`GrokCredentials.account`); empty if it is not known.
    """

    conversation: StoredConversation = field(repr=False)
    account: str = ""

    @property
    def id(self) -> str:
        """The conversation's id at the service."""
        return self.conversation.id

    @property
    def title(self) -> str:
        """The conversation's title."""
        return self.conversation.title

    def messages(self, response_id: str | None = None) -> list[BaseMessage]:
        """The conversation as messages, as `ChatGrokWeb.load_conversation` returns them.

        A call of the same account that sends these messages and a new one continues the conversation at the service.
        A call of another account sends all of them to a new conversation, and so does a call whose conversation was
        deleted.

        Args:
            response_id: The last response to include. By default: the newest one.

        Raises:
            GrokWebConversationNotFoundError: The conversation has no such response.
        """
        stored = self.conversation
        return to_messages(stored.id, stored.path(response_id), self.account, temporary=stored.temporary)


def read_export(path: str | os.PathLike[str], *, account: str | None = None) -> Iterator[ExportedConversation]:
    """Read the conversations of an export, one file at a time.

    Args:
        path: A JSON file of `GrokWebClient.export(..., format="json")`, a directory of such files, or the JSON file of
            grok.com's own data export (rest.md 8.14).
        account: The account that the conversations belong to (`GrokCredentials.account`). Exports of this package name
            it. The site's own export does not: without `account`, calls send its messages to a new conversation.

    Yields:
        The conversations, in the order of the files.

    Raises:
        GrokWebInvalidRequestError: A file is not an export, or was written by a newer version.
        GrokWebProtocolError: A conversation in it cannot be read.
        OSError: A file cannot be opened.

    Example:
        ```python
        from langchain_grokweb import read_export

        for exported in read_export("backup"):
            print(exported.title, len(exported.messages()))
        ```
    """
    place = Path(path)
    for file in sorted(place.glob("*.json")) if place.is_dir() else [place]:
        try:
            document = orjson.loads(file.read_bytes())
        except ValueError:
            document = None
        if document is None:
            raise GrokWebInvalidRequestError(f"{file.name} is not JSON.", next_step="Pass an export in JSON.")
        try:
            conversations = list(export_format.read(document, assets_url=GROK_ASSETS_URL))
        except RecursionError:
            raise GrokWebInvalidRequestError(
                f"{file.name} is nested too deeply.", next_step="Pass an export that was not changed."
            ) from None
        for conversation, owner in conversations:
            yield ExportedConversation(conversation, account or owner)
