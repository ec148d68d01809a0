"""What the site tells about an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_grokweb.client.http import Http
from langchain_grokweb.errors import GrokWebProtocolError


@dataclass(frozen=True, slots=True)
class AvailableMode:
    """A mode of the site, to be used as `model=`.

    Attributes:
        id: What to pass as `model=`.
        title: Its name in the site's menu.
        description: The site's own words about it.
        available: Whether this account may use it now.
        requires: The subscription that it takes, or the site's reason why not; empty when available.
    """

    id: str
    title: str
    description: str
    available: bool
    requires: str = ""


async def list_modes(http: Http) -> list[AvailableMode]:
    """The modes that the site offers (`POST /rest/modes`, rest.md 2.6)."""
    found = await http.fetch_json("POST", "/rest/modes", {"locale": "en"})
    entries = found.get("modes") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise GrokWebProtocolError(where="/rest/modes: modes", expected="list", got=type(entries).__name__)
    return [_mode(entry) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _mode(entry: dict[str, Any]) -> AvailableMode:
    availability = entry.get("availability")
    availability = availability if isinstance(availability, dict) else {}
    return AvailableMode(
        id=entry["id"],
        title=str(entry.get("title") or entry["id"]),
        description=str(entry.get("description") or ""),
        available="available" in availability,
        requires="" if "available" in availability else _reason(availability),
    )


def _reason(availability: dict[str, Any]) -> str:
    """`{"requiresUpgrade": {"message", "minimumSubscriptionTier"}}` and its kind, in a word or two."""
    kind, details = next(iter(availability.items()), ("unknown", None))
    if not isinstance(details, dict):
        return kind
    return str(details.get("message") or details.get("minimumSubscriptionTier") or kind)
