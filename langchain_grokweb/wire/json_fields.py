"""Members of parsed JSON: one that is missing has a default, since the service leaves out what is empty.

One of another type than it should have is a `GrokWebProtocolError` that names its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from langchain_grokweb.errors import GrokWebProtocolError

T = TypeVar("T")


def read(found: Mapping[str, Any], name: str, default: T, where: str) -> T:
    """A member that may be missing, of the type of its default."""
    value = found.get(name)
    if value is None:
        return default
    if not isinstance(value, type(default)):
        raise wrong_type(f"{where}.{name}", type(default).__name__, value)
    return value


def read_id(found: Mapping[str, Any], name: str, where: str) -> str:
    """A member that must be there, and not be empty."""
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise wrong_type(f"{where}.{name}", "str", value)
    return value


def read_time(found: Mapping[str, Any], name: str, where: str) -> datetime | None:
    """A time in ISO 8601, by UTC where it names no zone."""
    text = read(found, name, "", where)
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise GrokWebProtocolError(where=f"{where}.{name}", expected="a time", got="other text") from None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def read_list(found: Mapping[str, Any], name: str, where: str) -> list[Any]:
    """A list, whatever is in it."""
    return read(found, name, [], where)


def read_entries(found: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    """A list of objects."""
    return [as_object(entry, f"{where}.{name}[]") for entry in read_list(found, name, where)]


def as_object(value: Any, where: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise wrong_type(where, "dict", value)
    return value


def wrong_type(where: str, expected: str, got: Any) -> GrokWebProtocolError:
    """The error for a value of another type."""
    return GrokWebProtocolError(where=where, expected=expected, got=type(got).__name__)
