"""What the site says about an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.http import Http, set_cookie
from langchain_grokweb.errors import GrokWebAuthenticationError, GrokWebError
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_str, wrong_type


@dataclass(frozen=True, slots=True)
class AvailableMode:
    """A mode of the site, such as `fast` or `expert`.

    Attributes:
        id: The value for `model=`.
        title: The mode's name in the site's menu.
        description: The site's description of the mode.
        available: Whether this account may use the mode now.
        requires: The subscription that the mode needs, or the site's reason for refusing it; empty if `available`.
    """

    id: str
    title: str
    description: str
    available: bool
    requires: str = ""


async def list_modes(http: Http) -> list[AvailableMode]:
    """The modes that the site offers (`POST /rest/modes`, rest.md 2.6)."""
    menu = await http.fetch_json("POST", "/rest/modes", {"locale": "en"})
    entries = menu.get("modes") if isinstance(menu, dict) else None
    if not isinstance(entries, list):
        raise wrong_type("/rest/modes: modes", "list", entries)
    return [_mode(entry) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


async def user_id(http: Http) -> str:
    """The account's id, which the gateway's address holds: from the cookie, the front page or the session.

    Source: gateway.md 1.2.

    Raises:
        GrokWebAuthenticationError: The site does not know this session.
    """
    if http.credentials.user_id:
        return http.credentials.user_id
    if http.account.user_id is None:
        http.account.user_id = await _from_front_page(http) or await _from_session(http)
    return http.account.user_id


async def _from_front_page(http: Http) -> str | None:
    try:
        reply = await in_time(http.service, lambda: http.open("GET", "/", page=True))
    except GrokWebAuthenticationError:
        raise
    except GrokWebError:
        return None  # a page for browsers may be refused where the session is not
    try:
        return set_cookie(reply.response, "x-userid")
    finally:
        await reply.aclose()


async def _from_session(http: Http) -> str:
    session = await http.fetch_json("GET", "/api/auth/session")
    status = get_str(session, "status")
    if status == "blocked":
        raise error_mapping.from_error({"message": "User is blocked"})
    own_id = get_str(get_dict(session, "session"), "userId") or get_str(
        get_dict(session, "user"), "id", "userId", "sub"
    )
    if not own_id or status == "unauthenticated":
        raise error_mapping.from_error({"message": "unauthenticated"}, login_url=http.service.login_url)
    return own_id


def _mode(entry: dict[str, Any]) -> AvailableMode:
    availability = get_dict(entry, "availability")
    return AvailableMode(
        id=entry["id"],
        title=str(entry.get("title") or entry["id"]),
        description=str(entry.get("description") or ""),
        available="available" in availability,
        requires="" if "available" in availability else _reason(availability),
    )


def _reason(availability: Fields) -> str:
    """`{"requiresUpgrade": {"message", "minimumSubscriptionTier"}}` and its kind, in a word or two."""
    kind, details = next(iter(availability.items()), ("unknown", None))
    if not isinstance(details, dict):
        return kind
    return str(details.get("message") or details.get("minimumSubscriptionTier") or kind)
