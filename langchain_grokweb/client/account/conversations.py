"""The account's conversations: listed, opened, renamed, deleted and restored (rest.md 2.1 and 2.3)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlencode

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebInvalidRequestError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import inflight, stored
from langchain_grokweb.wire.conversation_ids import parse_conversation
from langchain_grokweb.wire.rest import CONVERSATIONS
from langchain_grokweb.wire.stored import Conversation, StoredConversation


async def listed(
    http: Http, place: str, *, page_size: int, **filters: str | None
) -> AsyncGenerator[Conversation, None]:
    """The entries of all pages of a list, each once: what changes meanwhile moves to the front, and pages shift."""
    if not isinstance(page_size, int) or page_size < 1:
        raise GrokWebInvalidRequestError("A page holds at least one conversation.", next_step="Correct `page_size=`.")
    query: dict[str, Any] = {"pageSize": page_size, **{name: value for name, value in filters.items() if value}}
    seen_ids: set[str] = set()
    tokens = {""}
    while True:
        reply = await _fetch(http, "GET", f"{CONVERSATIONS}{place}?{urlencode(query)}")
        page, token = stored.read_page(reply, f"conversations{place}")
        for conversation in page:
            if conversation.id not in seen_ids:
                seen_ids.add(conversation.id)
                yield conversation
        if not token:
            return
        if token in tokens:
            raise GrokWebProtocolError(where="conversations.nextPageToken", expected="another page", got="one again")
        tokens.add(token)
        query["pageToken"] = token


async def described(http: Http, text: str) -> Conversation:
    """One as lists show it. A GET, which the anti-bot rule lets alone (rest.md 0.1)."""
    conversation_id, _ = parse_conversation(text)
    path = f"/rest/app-chat/conversations_v2/{conversation_id}?includeWorkspaces=true&includeTaskResult=true"
    return stored.read_described(await _fetch(http, "GET", path))


async def responses_of(http: Http, conversation: Conversation) -> Any:
    """All that was said in one, as the service sends it: a GET too."""
    return await _fetch(http, "GET", inflight.whole_path(conversation.id))


async def opened(http: Http, text: str) -> StoredConversation:
    """One with all that was said in it."""
    conversation = await described(http, text)
    responses = await responses_of(http, conversation)
    return stored.with_responses(conversation, responses, assets_url=http.service.assets_url)


async def renamed(http: Http, text: str, title: str) -> Conversation:
    """One under its new title."""
    conversation_id, _ = parse_conversation(text)
    if not isinstance(title, str) or not title.strip():
        raise GrokWebInvalidRequestError("A title must be text.", next_step="Correct `title`.")
    reply = await _fetch(http, "PUT", f"{CONVERSATIONS}/{conversation_id}", {"title": title})
    return stored.read_conversation(reply, "the renamed conversation")


async def delete(http: Http, text: str, *, forever: bool) -> None:
    """Delete one, softly or for good."""
    conversation_id, _ = parse_conversation(text)
    await _fetch(http, "DELETE", f"{CONVERSATIONS}/{'' if forever else 'soft/'}{conversation_id}")


async def restore(http: Http, text: str) -> None:
    """Take one back."""
    conversation_id, _ = parse_conversation(text)
    await _fetch(http, "POST", f"{CONVERSATIONS}/restore", {"conversationId": conversation_id})


async def newest_answer(http: Http, conversation_id: str) -> str:
    """The newest answer of a conversation (`response-node`, rest.md 2.1).

    Raises:
        GrokWebInvalidRequestError: It has none yet.
    """
    nodes = await http.fetch_json("GET", inflight.nodes_path(conversation_id))
    if (answer_id := inflight.newest_answer(nodes)) is None:
        raise GrokWebInvalidRequestError(
            "This conversation has no answer to continue from.",
            next_step="Wait until its first answer is complete, or leave `conversation_id=` out.",
        )
    return answer_id


async def _fetch(http: Http, method: str, path: str, body: Any = None) -> Any:
    """What `fetch_json` gives; a conversation that is not there is looked for elsewhere than by a turn."""
    try:
        return await http.fetch_json(method, path, body)
    except GrokWebConversationNotFoundError as error:
        status, code = error.status_code, error.error_code
    raise GrokWebConversationNotFoundError(
        "grok.com has no such conversation, or it is deleted.",
        next_step="See `conversations()` and `deleted_conversations()` of `GrokWebClient`.",
        status_code=status,
        error_code=code,
    )
