"""Where a conversation is: the id that the service knows it by, or the address that a browser shows for it.

An id becomes part of a path, so nothing but the characters of ids is let through, and nothing is shown of what is not.
"""

from __future__ import annotations

import re
from typing import TypeGuard
from urllib.parse import parse_qs, urlsplit

from langchain_grokweb.errors import GrokWebInvalidRequestError, GrokWebProtocolError
from langchain_grokweb.wire.json_fields import wrong_type

_HOST = "grok.com"
_PATH = re.compile(r"/(?:c|chat)/([^/]+)/?")  # `/chat/` in 2025, `/c/` since (rest.md 1.2)
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f]")  # which the parser of addresses would drop in silence


def parse_conversation(text: str) -> tuple[str, str | None]:
    """The conversation, and the response in it where one is named.

    Args:
        text: An id, or an address such as `https://grok.com/c/<id>` or `https://grok.com/c/<id>?rid=<response id>`.

    Raises:
        GrokWebInvalidRequestError: It is neither, or an address of another host.
    """
    if not isinstance(text, str):
        raise _refused("A conversation is named by a string.")
    if "/" not in text:
        return check_id(text), None
    if _UNSEEN.search(text):
        raise _refused("This address of a conversation holds a character that no address holds.")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _refused("This is not the address of a conversation.") from None
    if parts.scheme != "https" or parts.netloc.lower() != _HOST:
        raise _refused(f"This address is not one of https://{_HOST}.")
    if not (match := _PATH.fullmatch(parts.path)):
        raise _refused(f"This address of https://{_HOST} is not that of a conversation.")
    named = parse_qs(parts.query).get("rid")
    return check_id(match[1]), check_id(named[0]) if named else None


def is_id(value: object) -> TypeGuard[str]:
    """Whether this may be an id, which could stand in a path."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def require_id(value: object, where: str) -> str:
    """An id that the service names, as it is.

    Raises:
        GrokWebProtocolError: It is none; it is not shown.
    """
    if not isinstance(value, str):
        raise wrong_type(where, "str", value)
    if not is_id(value):
        raise GrokWebProtocolError(where=where, expected="an id", got="other text")
    return value


def check_id(text: str) -> str:
    """The id of a conversation or a response, as it is.

    Raises:
        GrokWebInvalidRequestError: It holds what no id holds.
    """
    if not is_id(text):
        raise _refused("This is not an id of grok.com: those are letters, digits and hyphens.")
    return text


def _refused(what: str) -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        what, next_step=f"Pass the conversation's id, or its address as the browser shows it: https://{_HOST}/c/<id>."
    )
