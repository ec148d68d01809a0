"""Members of parsed JSON: one that is missing has a default, since the service leaves out what is empty.

`read_json` reads what the service sends as JSON, `get_…` and `require_…` its members.

Every reader is lenient by default: a member of another type counts as missing. With `where`, the place in the protocol,
it is strict: such a member is a `GrokWebProtocolError` that names its place, and the type that stood there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TypeVar

import orjson

from langchain_grokweb.errors import GrokWebProtocolError

T = TypeVar("T", bool, list[Any], dict[str, Any])

Fields = Mapping[str, Any]
_MAX_DIGITS = 300  # of an integer: a longer one has no place in a float
_MAX_REPAIRED_BYTES = 1024 * 1024
_MILLISECONDS = 1e11  # as seconds that would be in the year 5138


def read_json(raw: bytes | str) -> Any:
    """What a text says as JSON; a number that is none, or too large, is `None` and costs nothing else.

    Raises:
        ValueError: It is no JSON. The error does not hold it.
    """
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(raw)
    with suppress(ValueError, RecursionError):
        return read_repaired(raw.encode("utf-8", "replace") if isinstance(raw, str) else raw)[1]
    msg = "no JSON"
    raise ValueError(msg)


def read_repaired(raw: bytes) -> tuple[Any, Any]:
    """What a text says as nearly JSON: as it came, and without halves of characters, which become U+FFFD.

    Accepted are a byte order mark, broken UTF-8, and numbers that no JSON has (NaN, infinities) or that are too large:
    these are `None`.

    Raises:
        ValueError: It is not even that, or larger than 1 MiB.
        RecursionError: It is nested too deeply.
    """
    if len(raw) > _MAX_REPAIRED_BYTES:  # this parser is slow, and would hold the event loop for too long
        msg = "too large to be repaired"
        raise ValueError(msg)
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    loaded = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_sized)
    whole = json.dumps(loaded, ensure_ascii=False)
    return loaded, orjson.loads(whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _no_number(_: str) -> None:
    """`NaN` and the infinities."""


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _sized(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def get_str(fields: Any, *names: str, where: str = "") -> str:
    """The first of these members that is text; empty where none is."""
    if isinstance(fields, dict):
        for name in names:
            value = fields.get(name)
            if isinstance(value, str):
                return value
            if where and value is not None:
                raise wrong_type(f"{where}.{name}", "str", value)
    return ""


def get_bool(fields: Any, name: str, *, where: str = "") -> bool:
    """A switch; off where it is missing."""
    return _get(fields, name, bool, where) or False


def get_dict(fields: Any, name: str, *, where: str = "") -> Fields:
    """An object; an empty one where it is missing."""
    return _get(fields, name, dict, where) or {}


def get_list(fields: Any, name: str, *, where: str = "") -> list[Any]:
    """A list, whatever is in it; an empty one where it is missing."""
    return _get(fields, name, list, where) or []


def get_objects(fields: Any, name: str, *, where: str = "") -> list[Fields]:
    """The objects in a list; what else is in it is left out, or an error where `where` is given."""
    entries = get_list(fields, name, where=where)
    if where:
        return [require_object(entry, f"{where}.{name}[]") for entry in entries]
    return [entry for entry in entries if isinstance(entry, dict)]


def get_time(fields: Any, name: str) -> datetime | None:
    """A time, in UTC where it names no zone; `None` where it is missing, or in no spelling that is known.

    Known are ISO 8601, seconds or milliseconds since 1970 as a number or as digits, and the `{"$date": …}` of the
    site's own export (rest.md 8.14).
    """
    value = fields.get(name) if isinstance(fields, dict) else None
    for wrapper in ("$date", "$numberLong"):
        value = value.get(wrapper) if isinstance(value, dict) else value
    try:
        if isinstance(value, str) and not value.isdecimal():
            time = datetime.fromisoformat(value)
            return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def require_str(fields: Fields, name: str, *, where: str) -> str:
    """Text that must be there, and not be empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise wrong_type(f"{where}.{name}", "str", value)
    return value


def require_object(value: Any, where: str) -> Fields:
    """An object that must be there."""
    if not isinstance(value, dict):
        raise wrong_type(where, "dict", value)
    return value


def wrong_type(where: str, expected: str, got: Any) -> GrokWebProtocolError:
    """The error for a value of another type."""
    return GrokWebProtocolError(where=where, expected=expected, got=type(got).__name__)


def _get(fields: Any, name: str, kind: type[T], where: str) -> T | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    if value is None or isinstance(value, kind):
        return value
    if where:
        raise wrong_type(f"{where}.{name}", kind.__name__, value)
    return None
