"""Refusals on the gateway: at the door with their HTTP replies, on an open socket as error events."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Scope

from langchain_grokweb.testing.gateway.events import failure
from langchain_grokweb.testing.rest.replies import (
    BAD_CREDENTIALS,
    FORBIDDEN,
    INVALID,
    OTHER_TIER,
    bad_credentials,
    error_reply,
)
from langchain_grokweb.testing.state.account import Account
from langchain_grokweb.testing.state.faults import (
    ANTI_BOT,
    HEAVY_USAGE,
    INTERNAL,
    INVALID_ARGUMENT,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    Fault,
)

OAUTH = "Action cannot be performed by OAuth2 token users [WKE=unauthorized:oauth2-auth-forbidden]"
ORIGIN = "https://grok.com"

WITHOUT_EVENT = frozenset({"challenge", "html", "login_redirect", "hang_up"})

_EVENTS: Mapping[str, tuple[str | int, str]] = {
    "anti_bot": ("anti_bot", ANTI_BOT),
    "rate_limited": ("rate_limited", TOO_MANY_REQUESTS),
    "heavy_load": (RESOURCE_EXHAUSTED, HEAVY_USAGE),
    "expired": (UNAUTHENTICATED, BAD_CREDENTIALS),
    "blocked": (PERMISSION_DENIED, "User is blocked [WKE=unauthorized:blocked-user]"),
    "region": (PERMISSION_DENIED, "This service is not available in your region"),
    "model_not_found": (PERMISSION_DENIED, "Model is not found"),
    "forbidden": (PERMISSION_DENIED, FORBIDDEN),
    "tier": (PERMISSION_DENIED, OTHER_TIER),
    "invalid_request": (INVALID_ARGUMENT, INVALID),
    "server_error": (INTERNAL, "Internal error"),
}


def refusal_event(fault: Fault, client_event_id: str | None) -> dict[str, Any]:
    """What a refusal says on an open socket. The codes are guesses, except `anti_bot`."""
    return failure(*_EVENTS[fault.name], client_event_id)


def refused_at_door(scope: Scope, account: Account) -> Response | None:
    """The reply to an upgrade that is not let in (gateway.md 1.3 and 1.4); None for one that is.

    That the three last checks answer with 403 is a guess.
    """
    headers = Headers(scope=scope)
    if "authorization" in headers:
        return _forbidden(OAUTH)
    if not account.knows("; ".join(headers.getlist("cookie"))):
        return bad_credentials()
    if headers.get("origin") not in (ORIGIN, f"http://{headers.get('host')}"):
        return _forbidden("Origin is not allowed")
    uid = QueryParams(scope["query_string"]).get("uid", "")
    if not _is_uuid(uid):
        return _forbidden("Invalid uid")
    return None if UUID(uid) == UUID(account.user_id) else _forbidden("uid does not match the session")


def _forbidden(message: str) -> Response:
    return error_reply(403, PERMISSION_DENIED, message, nested=False)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
