"""Management of conversations (rest.md 2.3): list, look, rename, star, delete, restore."""

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, conversation_of, service_of, unary
from langchain_grokweb.testing.state.conversations import Conversation
from langchain_grokweb.testing.state.faults import Refused
from langchain_grokweb.testing.state.stored import conversation_object

_PREFIX = "/rest/app-chat/conversations"
_LARGEST_PAGE = 60


async def listed(request: HttpRequest) -> Response:
    """A page of the account's conversations, newest change first."""
    conversations = service_of(request).conversations.listed()
    words = request.query_params.get("searchQuery", "").casefold()
    if words:
        conversations = [one for one in conversations if _mentions(one, words)]
    return unary({**_page(conversations, request.query_params), "textSearchMatches": []})


async def listed_deleted(request: HttpRequest) -> Response:
    """A page of the soft-deleted ones."""
    return unary(_page(service_of(request).conversations.listed(deleted=True), request.query_params))


def _mentions(conversation: Conversation, words: str) -> bool:
    texts = [conversation.title, *(node.message for node in conversation.nodes.values())]
    return any(words in text.casefold() for text in texts)


def _page(conversations: Sequence[Conversation], query: QueryParams) -> dict[str, Any]:
    wanted = query.get("pageSize", "")
    size = min((int(wanted) if wanted.isdecimal() else 0) or _LARGEST_PAGE, _LARGEST_PAGE)
    token = query.get("pageToken") or "0"
    if not token.isdecimal():
        raise Refused(400, "Invalid pageToken")
    start = int(token)
    return {
        "conversations": [conversation_object(one) for one in conversations[start : start + size]],
        "nextPageToken": str(start + size) if start + size < len(conversations) else "",
    }


async def one(request: HttpRequest) -> Response:
    """The bare conversation, as older pages read it."""
    return unary(conversation_object(conversation_of(request)))


async def one_v2(request: HttpRequest) -> Response:
    """The conversation in its envelope."""
    return unary({"conversation": conversation_object(conversation_of(request)), "shareLinkPath": ""})


async def change(request: HttpRequest) -> Response:
    """Rename, star, or both."""
    conversation, body = conversation_of(request), body_of(request)
    conversation.title = str(body.get("title", conversation.title))
    conversation.starred = bool(body.get("starred", conversation.starred))
    service_of(request).conversations.touch(conversation)
    return unary(conversation_object(conversation))


async def soft_delete(request: HttpRequest) -> Response:
    """Put one where it can be restored from."""
    conversation_of(request).deleted = True
    return unary({})


async def restore(request: HttpRequest) -> Response:
    """Take one back. The reply's form is a guess."""
    conversation_id = str(body_of(request).get("conversationId", ""))
    service_of(request).conversations.find(conversation_id, deleted=True).deleted = False
    return unary({})


async def hard_delete(request: HttpRequest) -> Response:
    """Delete one for good, soft-deleted before or not."""
    if service_of(request).conversations.by_id.pop(request.path_params["conversation_id"], None) is None:
        raise Refused(404, "Conversation not found")
    return unary({})


ROUTES = (
    Route(_PREFIX, listed),
    Route(f"{_PREFIX}/deleted", listed_deleted),
    Route(f"{_PREFIX}/restore", restore, methods=["POST"]),
    Route(f"{_PREFIX}/soft/{{conversation_id}}", soft_delete, methods=["DELETE"]),
    Route(f"{_PREFIX}/{{conversation_id}}", change, methods=["PUT"]),
    Route(f"{_PREFIX}/{{conversation_id}}", hard_delete, methods=["DELETE"]),
    Route(f"{_PREFIX}/{{conversation_id}}", one),
    Route("/rest/app-chat/conversations_v2/{conversation_id}", one_v2),
)
