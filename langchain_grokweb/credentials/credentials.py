"""The signed-in user, as a value that can be passed around and never shows what it knows.

Strategy: all checks stand in the constructor, so that no way of making a `GrokCredentials` goes around them; what it
raises is turned into the package's own error at one border, `parse`, after the frame has let go of the paste. The class
writes its few methods out instead of being a dataclass, because `asdict`, `pprint` and tracers look into those.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from typing import Any, NoReturn, TypeAlias, final

from langchain_grokweb.credentials.formats import read
from langchain_grokweb.credentials.hosts import Site
from langchain_grokweb.credentials.rows import NAMES, UnreadableError
from langchain_grokweb.errors import LOGIN_URL, GrokWebAuthenticationError

_SESSION = ("sso", "sso-rw")
# RFC 6265, section 4.1.1, cookie-octet; browsers keep no cookie longer than this.
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]{1,4096}")
_AGENT = re.compile(r"[ -~]{1,1024}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@final
class GrokCredentials:
    """The cookies of a browser that is signed in at grok.com, and its User-Agent.

    `parse` makes them. They are immutable and equal by value. `repr` shows no cookie, and they cannot be pickled.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb, GrokCredentials

        credentials = GrokCredentials.parse("sso=...; sso-rw=...")
        print(credentials.account, credentials.expires)
        model = ChatGrokWeb(credentials=credentials)
        ```
    """

    __slots__ = ("_account", "_cookie_header", "_cookies", "_expires", "_user_agent")

    def __init__(
        self,
        cookies: Mapping[str, str],
        user_agent: str | None = None,
        *,
        account: str | None = None,
        expires: datetime | None = None,
    ) -> None:
        session = cookies.get("sso") or cookies.get("sso-rw")
        if not session:
            raise UnreadableError("There is no cookie named sso.")
        full = {**dict.fromkeys(_SESSION, session), **{name: value for name, value in cookies.items() if value}}
        sendable = tuple((name, full[name]) for name in NAMES if name in full)
        _check(sendable, user_agent)
        self._cookies = sendable
        self._cookie_header = "; ".join(f"{name}={value}" for name, value in sendable)
        self._user_agent = user_agent or None
        self._account = account or _fingerprint(dict(sendable))
        self._expires = expires or _end_of_token(session)

    @classmethod
    def parse(
        cls, source: CookieSource | None, *, base_url: str = LOGIN_URL, login_url: str | None = None
    ) -> GrokCredentials:
        """Read the cookies from what a user has pasted.

        Args:
            source: A `Cookie` header, the value of `sso` alone, a mapping, a cookie jar, a JSON export, a HAR file, a
                Netscape cookies.txt, a browser's table of cookies, the headers of a request, or a request copied as
                cURL. Only the five cookies of the site and the User-Agent are kept.
            base_url: The service that the cookies are for. Cookies of other sites are left out.
            login_url: The sign-in address that an error names. By default: `base_url`.

        Raises:
            GrokWebAuthenticationError: There is no usable cookie `sso`. The message says what was recognised, and shows
                no cookie.
        """
        if isinstance(source, GrokCredentials):
            return source
        outcome = _read(source, Site(base_url))
        del source  # Whoever reports the error with the frame's variables must not find it here.
        if isinstance(outcome, str):
            raise GrokWebAuthenticationError(outcome, login_url=login_url or f"{base_url.rstrip('/')}/")
        return outcome

    @property
    def cookie_header(self) -> str:
        """The value of the `Cookie` header."""
        return self._cookie_header

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; a new dict each time."""
        return dict(self._cookies)

    @property
    def user_agent(self) -> str | None:
        """The User-Agent of the browser, which Cloudflare's cookie is bound to; `None` if the paste had none."""
        return self._user_agent

    @property
    def user_id(self) -> str | None:
        """The account's UUID, from the cookie `x-userid`; `None` without it."""
        user = self.cookies.get("x-userid", "")
        return user if _UUID.fullmatch(user) else None

    @property
    def account(self) -> str:
        """A short fingerprint of the account, which reveals nothing; `with_cookies` keeps it."""
        return self._account

    @property
    def expires(self) -> datetime | None:
        """When the session's cookie expires; `None` if the paste does not say. The site may end it earlier."""
        return self._expires

    def secret_for(self, purpose: str) -> bytes:
        """32 bytes that only the owner of these cookies can compute; they change with the session."""
        return hmac.digest(self.cookies["sso"].encode(), f"langchain-grokweb {purpose} v1".encode(), "sha256")

    def with_cookies(self, cookies: Mapping[str, str]) -> GrokCredentials:
        """A copy with the cookies of a reply's `Set-Cookie`; other names and unusable values are ignored."""
        fresh = {name: value for name, value in cookies.items() if name in NAMES and _is_sendable(value)}
        renewed = [fresh[name] for name in _SESSION if name in fresh]
        old = self.cookies
        if len(renewed) == 1 and old["sso"] == old["sso-rw"]:
            fresh |= dict.fromkeys(_SESSION, renewed[0])
        expires = None if renewed else self._expires
        return GrokCredentials(old | fresh, self._user_agent, account=self._account, expires=expires)

    def __repr__(self) -> str:
        return f"GrokCredentials(account={self._account!r}, cookies={[name for name, _ in self._cookies]})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GrokCredentials):
            return NotImplemented
        return hmac.compare_digest(self._digest(), other._digest())

    def __hash__(self) -> int:
        return hash(self._digest())

    def __copy__(self) -> GrokCredentials:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> GrokCredentials:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError(
            "GrokCredentials cannot be pickled, since pickles end up in traces and caches. "
            "Set GROKWEB_COOKIES in the other process instead."
        )

    def _digest(self) -> bytes:
        return hashlib.sha256(repr((self._cookies, self._user_agent, self._account)).encode()).digest()


CookieSource: TypeAlias = str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | CookieJar | GrokCredentials


def _read(source: object, site: Site) -> GrokCredentials | str:
    """The credentials, or what the user is to read instead."""
    try:
        paste = read(source, site)
        if not paste.cookies.keys() & _SESSION:
            return f"This is {paste.summary}, but none named sso: {paste.advice}"
        expires = None if paste.expires is None else datetime.fromtimestamp(paste.expires, UTC)
        return GrokCredentials(paste.cookies, paste.user_agent, expires=expires)
    except UnreadableError as problem:
        return str(problem)


def _check(cookies: tuple[tuple[str, str], ...], user_agent: str | None) -> None:
    for name, value in cookies:
        if not _is_sendable(value):
            raise UnreadableError(
                f"The value of the cookie {name} cannot be sent: it has a line break, a space, a comma or another "
                "character that cookies cannot have, or is longer than 4096 characters."
            )
    if user_agent and not _AGENT.fullmatch(user_agent):
        raise UnreadableError(
            "The User-Agent has a line break or another character that it cannot have, or is too long."
        )


def _is_sendable(value: object) -> bool:
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def _fingerprint(cookies: dict[str, str]) -> str:
    user = cookies.get("x-userid")
    who = f"user {user.lower()}" if user else f"session {_session(cookies['sso'])}"
    return hashlib.sha256(f"langchain-grokweb account v1: {who}".encode()).hexdigest()[:12]


def _session(sso: str) -> str:
    """The session that the token names, so that a token that is signed again is the same account; else the token."""
    with suppress(LookupError, TypeError):
        return str(_payload(sso)["session_id"])
    return sso


def _end_of_token(sso: str) -> datetime | None:
    """The token's own end. Those that were seen have none (rest.md 1.1)."""
    with suppress(LookupError, TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(float(_payload(sso)["exp"]), UTC)
    return None


def _payload(token: str) -> Any:
    with suppress(ValueError, LookupError, RecursionError):
        return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
    return None
