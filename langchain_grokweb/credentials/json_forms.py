"""Exports in JSON, and the objects that a user's own code has made of cookies.

Strategy: one walk over everything that is there. It knows rows by their members, whatever those are called
(`name`, `key`, `Name raw`; `value`, `Content raw`; `domain`, `host_key`, `Host raw`, `url`, ...), headers by their
names, and it carries along what the surroundings say about whose they are: the address of a HAR's request, a key that
is a domain. A row that nobody says anything about is taken only where nothing but known wrappings stand around it.

What tools write: HAR 1.2 (browsers, Postman), EditThisCookie and Cookie-Editor, Cookie Quick Manager, tough-cookie
(Postman, Insomnia), Playwright's storage state, the DevTools protocol, Selenium, "Copy All" of Firefox's network panel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from http.cookies import Morsel
from typing import Any

from langchain_grokweb.credentials.hosts import Site, host_of
from langchain_grokweb.credentials.rows import NAMES, Row, UnreadableError, when

_DEEPEST = 24
_UNKNOWN_HOST = "?"  # a request to nobody knows whom

_NAME = ("name", "key", "nameraw", "cookiename")
_VALUE = ("value", "valueraw", "contentraw", "content", "cookievalue")
_EXPIRES = ("expires", "expiresraw", "expirationdate", "expiry", "expiresutc", "expiresat", "expire")
_AGE = ("lastupdateutc", "lastaccessed", "lastaccessutc", "creation", "creationtime", "creationutc", "createdat")
_DOMAIN = re.compile(r"(?:cookie)?(?:domain|host|hostname|url|uri|origin|site|website)(?:key|raw|name)?")
_DOMAIN_AS_KEY = re.compile(r"(?:https?://)?\.?(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/?", re.IGNORECASE)
_WRAPPING = set(
    "data result results value values log entries request response headers header cookies cookie requests item items "
    "params session state jar cookiejar store storage export originalrequest message browser context account".split()
)
# Names and values that are no cookies: what a form, a page's storage or a query holds.
_NO_COOKIES = set(
    "origins localstorage sessionstorage indexeddb querystring query postdata body formdata urlencoded content "
    "timings cache variable variables auth".split()
)


@dataclass(slots=True)
class JsonFound:
    """What stands in it.

    Attributes:
        rows: Every cookie.
        user_agent: The first browser that is named.
        requests: Of a HAR: the hosts that were asked.
        has_list: Whether it holds a list at all, which may be an empty one of cookies.
    """

    rows: list[Row] = field(default_factory=list)
    user_agent: object = None
    requests: list[str] = field(default_factory=list)
    has_list: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of where the walk is."""

    domains: tuple[str, ...] = ()
    age: float = 0
    is_known: bool = True
    by_name: bool = True  # whether a mapping of texts is one of cookies by their names
    depth: int = 0


def read_json_form(data: object) -> JsonFound:
    """All cookies in it, of whatever site."""
    result = JsonFound()
    _walk(result, plain(data), _Place())
    return result


def kind_of(data: object, otherwise: str) -> str:
    """What to call it."""
    if isinstance(data, list):
        first = next(iter(data), None)
        return "a Cookie Quick Manager export" if isinstance(first, dict) and "Name raw" in first else otherwise
    if not isinstance(data, dict):
        return otherwise
    if isinstance(data.get("log"), dict) and "entries" in data["log"]:
        return "a HAR file"
    info = data.get("info")
    marks = {
        "a Postman collection": isinstance(info, dict) and "getpostman" in str(info.get("schema")),
        "a tough-cookie jar": "storeType" in data,
        "a Playwright storage state": {"cookies", "origins"} <= data.keys(),
        "a reply of the DevTools protocol": isinstance(data.get("result"), dict) and "cookies" in data["result"],
        "cookies copied in Firefox": "Request Cookies" in data or "Response Cookies" in data,
    }
    return next((kind for kind, is_it in marks.items() if is_it), otherwise)


def plain(value: object, depth: int = 0) -> Any:
    """The same of dicts and lists alone: cookie jars, morsels and other objects as rows with all they say.

    Raises:
        UnreadableError: No cookies can be found in such a thing.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if depth > _DEEPEST:
        return None
    jar = getattr(value, "jar", None)  # of httpx, curl_cffi
    value = jar if isinstance(jar, CookieJar) else value
    is_jar = isinstance(value, CookieJar)  # that of requests is a mapping too, which would lose the domains
    is_rows = is_jar or (isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview))
    if hasattr(value, "_asdict") or (not isinstance(value, Iterable) and _member(value, _VALUE) is not None):
        return _object_as_row(value)
    if isinstance(value, Mapping) and not is_jar:
        own = {"name": value.key, "value": value.value} if isinstance(value, Morsel) else {}
        return {str(key): plain(entry, depth + 1) for key, entry in (dict(value) | own).items()}
    if isinstance(value, Iterable) and (is_rows or type(value).__name__.endswith("CookieJar")):
        return [plain(entry, depth + 1) for entry in value]
    if depth:
        return None
    raise UnreadableError(f"This is a {type(value).__name__}, in which no cookies can be found.")


def _object_as_row(value: object) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name in dir(value):
        if name.startswith("_") or not (_is_domain(name) or _plainly(name) in {*_NAME, *_VALUE, *_EXPIRES, *_AGE}):
            continue
        with suppress(Exception):
            member = getattr(value, name)
            if not callable(member):
                members[name] = member if isinstance(member, str | int | float | None) else str(member)
    return members


def _member(value: object, names: Iterable[str]) -> Any:
    return next((getattr(value, name) for name in names if hasattr(value, name)), None)


# --- the walk


def _walk(result: JsonFound, value: Any, place: _Place) -> None:
    if place.depth > _DEEPEST:
        return
    if isinstance(value, list):
        result.has_list = True
        deeper = _Place(place.domains, place.age, place.is_known, by_name=False, depth=place.depth + 1)
        for entry in value:
            _walk(result, entry, deeper)
    elif isinstance(value, dict):
        _walk_mapping(result, value, place)


def _walk_mapping(result: JsonFound, data: dict[str, Any], place: _Place) -> None:
    keys = _by_plain_name(data)
    place = _place_within(result, data, place)
    if any(name in data for name in NAMES):
        return _by_name(result, data, place)
    name, value = _first(data, keys, _NAME), _first(data, keys, _VALUE)
    if isinstance(name, str) and (isinstance(value, str) or value is None) and any(key in keys for key in _VALUE):
        return _row(result, name, value, data, place)
    is_flat = all(isinstance(entry, str | None) and not _is_header(key, entry) for key, entry in data.items())
    if place.by_name and data and is_flat:
        return _by_name(result, data, place)
    for key, entry in data.items():
        _member_of(result, key, entry, place)
    return None


def _place_within(result: JsonFound, data: dict[str, Any], place: _Place) -> _Place:
    domains = (*place.domains, *_domains(data))
    request = data.get("request")
    if isinstance(request, dict) and ("response" in data or "startedDateTime" in data):
        url = request.get("url")
        url = url.get("raw") if isinstance(url, dict) else url
        host = host_of(url) if isinstance(url, str) else ""
        result.requests.append(host)
        domains = (*domains, host or _UNKNOWN_HOST)
    age = when(data.get("startedDateTime")) or place.age
    return _Place(domains, age, place.is_known, place.by_name, place.depth + 1)


def _member_of(result: JsonFound, key: str, entry: Any, place: _Place) -> None:
    known = _plainly(key)
    if _is_agent(key):
        result.user_agent = result.user_agent or entry
    elif isinstance(entry, str):
        if _is_header(key, entry):
            _header(result, "set-cookie" if known == "setcookie" else "cookie", entry, place)
    elif known not in _NO_COOKIES:
        is_domain = _DOMAIN_AS_KEY.fullmatch(key) is not None
        domains = (*place.domains, host_of(key)) if is_domain else place.domains
        of_cookies = is_domain or "cookie" in key.lower()  # also "Anfrage-Cookies", as a German Firefox says
        is_known = place.is_known and (of_cookies or known in _WRAPPING or "header" in key.lower())
        _walk(result, entry, _Place(domains, place.age, is_known, of_cookies, place.depth))


def _row(result: JsonFound, name: str, value: Any, data: dict[str, Any], place: _Place) -> None:
    keys = _by_plain_name(data)
    if name.lower() in {"cookie", "set-cookie"} and isinstance(value, str) and "=" in value:
        return _header(result, name.lower(), value, place)
    if name.lower() == "user-agent":
        result.user_agent = result.user_agent or value
        return None
    expires = when(_first(data, keys, _EXPIRES))
    age = max((when(data[keys[key]]) or 0 for key in _AGE if key in keys), default=0) or place.age
    result.rows.append(Row(name, value, place.domains, expires, age, place.is_known or bool(place.domains)))
    return None


def _by_name(result: JsonFound, data: dict[str, Any], place: _Place) -> None:
    for name, value in data.items():
        if _is_agent(name):
            result.user_agent = result.user_agent or value
            continue
        domains, expires = place.domains, None
        if isinstance(value, dict):
            domains = (*domains, *_domains(value))
            expires = when(_first(value, _by_plain_name(value), _EXPIRES))
            value = value.get("value")  # noqa: PLW2901 - "Response Cookies" of Firefox
        if not (_is_domain(name) and name not in NAMES):
            result.rows.append(Row(name, value, domains, expires, place.age, place.is_known or bool(domains)))


def _header(result: JsonFound, name: str, value: str, place: _Place) -> None:
    known = place.is_known or bool(place.domains)
    rows = pairs(value) if name == "cookie" else [row for line in value.splitlines() for row in set_cookie(line)]
    result.rows += [
        row._replace(domains=(*place.domains, *row.domains), age=place.age or row.age, is_ours=known) for row in rows
    ]


def _domains(data: dict[str, Any]) -> Iterator[str]:
    """All that a mapping says about whom it belongs to; a flag such as `hostOnly` says nothing."""
    for key, value in data.items():
        if not _is_domain(key) or value is None or value == "" or isinstance(value, bool | int | float):
            continue
        text = value.get("raw") if isinstance(value, dict) else value
        if isinstance(text, str) and ("." in text or ":" in text or text == "localhost"):
            yield host_of(text) or _UNKNOWN_HOST
        elif "site" not in key.lower():  # a cookie or a setting may be called so too
            yield _UNKNOWN_HOST


def _is_domain(key: str) -> bool:
    return _DOMAIN.fullmatch(_plainly(key)) is not None


def _plainly(key: str) -> str:
    return re.sub("[^a-z]", "", str(key).lower())


def _by_plain_name(data: dict[str, Any]) -> dict[str, str]:
    return {_plainly(key): key for key in reversed(data)}


def _is_agent(name: object) -> bool:
    return isinstance(name, str) and _plainly(name) == "useragent"


def _is_header(key: str, entry: Any) -> bool:
    known = _plainly(key) in {"cookie", "cookies", "setcookie", "cookieheader"}
    return known and isinstance(entry, str) and "=" in entry


def _first(data: dict[str, Any], keys: dict[str, str], names: Iterable[str]) -> Any:
    return next((data[keys[name]] for name in names if name in keys), None)


# --- headers


def pairs(header: str) -> list[Row]:
    """The cookies of a `Cookie` header."""
    parts = (part.partition("=") for part in header.split(";"))
    return [Row(name.strip(), value) for name, equals, value in parts if equals]


def set_cookie(line: str, age: float = 0) -> list[Row]:
    """The cookie of a `Set-Cookie` header, with its attributes (RFC 6265, section 5.2)."""
    first, *attributes = line.split(";")
    name, equals, value = first.partition("=")
    if not equals:
        return []
    said = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in attributes)}
    expires = when(said.get("expires", ""))
    if re.fullmatch(r"0+|-\d+", said.get("max-age", ""), re.ASCII):
        expires = 1.0  # it takes the cookie away
    domains = (said["domain"],) if said.get("domain") else ()
    return [Row(name.strip(), value, domains, expires, age)]


def of_site(result: JsonFound, site: Site) -> int:
    """How many of a HAR's requests went to the site."""
    return sum(site.owns(host) for host in result.requests)
