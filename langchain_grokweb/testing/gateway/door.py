"""Who may upgrade to a socket of the gateway, and what the others are answered."""

from uuid import UUID

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Scope

from langchain_grokweb.testing.rest.replies import error_reply
from langchain_grokweb.testing.state.account import Account
from langchain_grokweb.testing.state.faults import ERROR_REPLIES, ErrorReply

OAUTH = "Action cannot be performed by OAuth2 token users [WKE=unauthorized:oauth2-auth-forbidden]"
ORIGIN = "https://grok.com"


def refused_at_door(scope: Scope, account: Account) -> Response | None:
    """The reply to an upgrade that is not let in (gateway.md 1.3 and 1.4); None for one that is.

    That the three last checks answer with 403 is a guess.
    """
    headers = Headers(scope=scope)
    if "authorization" in headers:
        return _forbidden(OAUTH)
    if not account.knows("; ".join(headers.getlist("cookie"))):
        return error_reply(ERROR_REPLIES["expired"])
    if headers.get("origin") not in (ORIGIN, f"http://{headers.get('host')}"):
        return _forbidden("Origin is not allowed")
    try:
        is_own = UUID(QueryParams(scope["query_string"]).get("uid", "")) == UUID(account.user_id)
    except ValueError:
        return _forbidden("Invalid uid")
    return None if is_own else _forbidden("uid does not match the session")


def _forbidden(message: str) -> Response:
    return error_reply(ErrorReply(403, message))
