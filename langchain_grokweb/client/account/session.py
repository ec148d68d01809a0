"""Whether the site knows a session, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.errors import (
    GrokWebAuthenticationError,
    GrokWebConnectionError,
    GrokWebError,
    GrokWebPermissionError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire.json_fields import get_dict, get_str
from langchain_grokweb.wire.rest import CONVERSATIONS


@dataclass(frozen=True, slots=True)
class Session:
    """What the site says about who asks.

    Attributes:
        user_id: The account's id; empty where the site only let the session pass.
        email: Its address; may be empty.
        name: What it is called; may be empty.
    """

    user_id: str = ""
    email: str = ""
    name: str = ""


async def read_session(http: Http) -> Session:
    """Ask the site who this is, without any effect there.

    Source: rest.md 1.1. Where the session's own endpoint is not there, the list of conversations is asked.

    Raises:
        GrokWebAuthenticationError: The site does not know this session.
        GrokWebPermissionError: The account or the network is blocked, or a browser is asked for.
        GrokWebError: The site could not be asked.
    """
    try:
        reply = await http.fetch_json("GET", "/api/auth/session")
    except (GrokWebAuthenticationError, GrokWebConnectionError, GrokWebTimeoutError):
        raise
    except GrokWebError as error:
        if isinstance(error, GrokWebPermissionError) and error.reason == "blocked":
            raise
        reply = None
    if not isinstance(reply, dict):
        await http.fetch_json("GET", f"{CONVERSATIONS}?pageSize=1")
        return Session(http.credentials.user_id or "")
    session, user = get_dict(reply, "session"), get_dict(reply, "user")
    match get_str(reply, "status"):
        case "blocked":
            raise error_mapping.from_error({"message": "User is blocked"})
        case "unauthenticated":
            raise error_mapping.from_error({"message": "unauthenticated"}, login_url=http.service.login_url)
    return Session(
        user_id=get_str(session, "userId") or get_str(user, "id", "userId", "sub") or http.credentials.user_id or "",
        email=get_str(session, "email") or get_str(user, "email") or "",
        name=get_str(user, "name", "givenName", "displayName") or "",
    )
