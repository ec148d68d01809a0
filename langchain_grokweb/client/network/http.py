"""One request to the service: its address, headers and cookies, and what a refusal means.

Every request goes to the `base_url` of its service, no redirect is followed, and the cookies travel in a header that is
made for this one request: so they cannot reach another host. Errors of httpx become ours here, once, and what the
service says is freed of cookie values before it gets into an error.
"""

from __future__ import annotations

import logging
import re
import uuid
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar

import httpx
import orjson

from langchain_grokweb._version import __version__
from langchain_grokweb.client import state
from langchain_grokweb.client.network.failures import after_giving_up_idle, in_time
from langchain_grokweb.client.network.pool import Lease, lease
from langchain_grokweb.client.network.reply_body import ACCEPTED, Body
from langchain_grokweb.client.network.tap import no_tap
from langchain_grokweb.client.service import FilePart, HttpClient, Service
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.credentials.redaction import Redactor, header_secrets
from langchain_grokweb.errors import (
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire.framing import has_too_many_parts
from langchain_grokweb.wire.json_fields import read_json

T = TypeVar("T")
_MAX_REFUSAL_BYTES = 16 * 1024
_MAX_REPLY_BYTES = 64 * 1024 * 1024
# Ids that came from elsewhere stand in paths: no other host, no way up, no further query may hide in them.
# An escaped character of a file's name is let through, but no escaped dot, slash or control character.
_LETTER = r"(?:[\w~-]|%(?!2[ef]|5c|[01]|7f)[0-9a-f]{2})"
_PATH = re.compile(rf"(?=/)(?:/{_LETTER}(?:{_LETTER}|\.)*)*/?(?:\?[\w.~%&=+/:,-]*)?", re.ASCII | re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = {
    "cookie",
    "authorization",
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
}

_RENEWED_COOKIE = "__cf_bm"  # Cloudflare renews it with any reply (rest.md 1.1)


class RedactedHeaders(Mapping[str, str]):
    """Headers that do not show: tracebacks with local variables print everything in a frame."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class Reply:
    """A reply, and the client that it came by.

    No context manager made of a generator: a loop that ends closes all generators at once, inner before outer.
    """

    response: httpx.Response

    def __init__(self, leased: Lease | None) -> None:
        self._leased = leased
        self._beginning = b""  # what was read of the body already
        self._body: Body | None = None

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, unpacked.

        Raises:
            GrokWebProtocolError: It is too large, or packed in a way that was not asked for.
            httpx.HTTPError: It broke off, or cannot be unpacked; also where the client is one of httpx2.
        """
        if self._body is None:
            reads = self.response.aiter_raw() if not self.response.is_stream_consumed else None
            if reads is not None and not isinstance(self.response, httpx.Response):
                reads = _with_known_errors(reads)
            self._body = Body(self.response, reads)
        return self._beginning_and_rest(self._body) if self._beginning else self._body

    async def looks_like_frames(self) -> bool:
        """Whether the body begins with a brace, whatever type it claims to be; it can be read as before."""
        async for piece in self.pieces():
            self._beginning += piece
            if text := self._beginning.removeprefix(b"\xef\xbb\xbf").lstrip():
                return text.startswith(b"{")
        return False

    async def _beginning_and_rest(self, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield self._beginning
        async for piece in rest:
            yield piece

    async def aclose(self) -> None:
        """Close the reply, and give the client back."""
        leased, self._leased = self._leased, None
        try:
            if hasattr(self, "response"):
                await self.response.aclose()
        finally:
            if leased is not None:
                await leased.give_back()


class Http:
    """Requests to one service in one account's name, and what the process remembers of that account."""

    def __init__(self, service: Service, credentials: GrokCredentials) -> None:
        self.service = service
        self.credentials = credentials
        self.account = state.of_account(service.origin, credentials.account)
        _in_use.add(weakref.ref(self, _in_use.discard))
        self._redactor: tuple[tuple[str, ...], Redactor] | None = None  # and what it takes out
        self._callers_secrets: tuple[str, ...] = ()  # in the newest of the caller's own headers
        self.last_date: tuple[str, datetime] | None = None  # what a reply gave as the date, and when that was here

    @property
    def clock_difference(self) -> timedelta | None:
        """By how much the service's clock is ahead of ours, at least; off by two seconds at most."""
        date, here = self.last_date or ("", datetime.now(UTC))
        try:
            there = parsedate_to_datetime(date)
        except ValueError:
            return None
        return there.replace(tzinfo=there.tzinfo or UTC) - here - timedelta(seconds=1)

    async def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        referer: str = "/",
        page: bool = False,
        file: FilePart | None = None,
        on_sent: Callable[[], None] | None = None,
        may_be_silent: bool = False,
    ) -> Reply:
        """A reply whose body is still to be read, and which must be closed; `page` where it may be HTML.

        What is sent is `body`, as JSON, or `file`, as the part of that name in a multipart form. `on_sent` is called
        when the request begins to leave, since from then on the service may have it. With `may_be_silent` no pause in
        the body is too long: whoever reads it counts the time himself.

        Raises:
            GrokWebError: It is a refusal.
            httpx.HTTPError: It could not be fetched; see `in_time`.
        """
        client, leased = await self._find_client()
        reply = Reply(leased)
        try:
            longest_read = None if may_be_silent else self.service.stream_event_timeout
            request = self._request(
                client, method, path, body=body, referer=referer, file=file, longest_read=longest_read
            )
            if on_sent is not None:
                if leased is None:  # a client of the caller's may not say when
                    on_sent()
                else:
                    request.stream = _ReportedBody(request.stream, on_sent)
            reply.response = await after_giving_up_idle(lambda: _send(client, request))
            self.last_date = (reply.response.headers.get("date", ""), datetime.now(UTC))
            self._keep_renewed(reply.response)
            if not (page and reply.response.is_success):
                await self._check(reply)
        except BaseException:  # a cancellation too must not leave the connection open
            await reply.aclose()
            raise
        return reply

    async def fetch_json(
        self, method: str, path: str, body: Any = None, *, file: FilePart | None = None, seconds: float | None = None
    ) -> Any:
        """The JSON of a small reply; `None` where it is empty.

        Raises:
            GrokWebError: It could not be fetched (within `seconds`, or `timeout`), or is a refusal.
        """
        raw = await in_time(self.service, lambda: self._fetch(method, path, body, file), seconds)
        if not raw.strip():
            return None
        if not has_too_many_parts(raw):
            with suppress(ValueError):
                return read_json(raw)
        del raw  # whoever reports the error with the frame's variables must not find there what the service said
        raise GrokWebProtocolError(where=path, expected="JSON", got="something else")

    async def _fetch(self, method: str, path: str, body: Any, file: FilePart | None) -> bytes:
        reply = await self.open(method, path, body, file=file)
        body_read: list[bytes] = []  # a buffer that grows by megabytes is copied at times, which holds the loop
        size = 0
        try:
            async for piece in reply.pieces():
                body_read.append(piece)
                size += len(piece)
                if size > _MAX_REPLY_BYTES:
                    break
            else:
                return b"".join(body_read)
        finally:
            await reply.aclose()
        del body_read, piece  # as in `fetch_json`
        raise GrokWebProtocolError(where=path, expected="a reply of at most 64 MiB", got="a larger one")

    async def _find_client(self) -> tuple[HttpClient, Lease | None]:
        """The caller's own client, or one that is leased."""
        own = self.service.http_client
        if own is None:
            service, account = self.service, self.credentials.account
            leased = await lease(service.find_proxy(), is_secure=service.is_secure, account=account)
            return leased.client, leased
        if own.is_closed:
            raise GrokWebInvalidRequestError(
                "`http_client=` is closed.", next_step="Keep it open as long as it is used."
            )
        return own, None

    def _request(
        self,
        client: HttpClient,
        method: str,
        path: str,
        *,
        body: Any,
        referer: str,
        file: FilePart | None,
        longest_read: float | None,
    ) -> Any:
        service = self.service
        if not _PATH.fullmatch(path):
            raise GrokWebInvalidRequestError(
                "An id has a character that is not allowed in ids.",
                next_step="Pass ids of conversations and answers as grok.com gives them.",
            )
        headers = {
            "accept": "*/*",
            "referer": f"{service.origin}{referer}",
            **({} if file else {"x-xai-request-id": str(uuid.uuid4())}),  # forms go without (rest.md 1.2)
            **({} if method == "GET" else {"origin": service.base_url}),
            **({} if body is None else {"content-type": "application/json"}),
            **self.headers(method, path),
            "accept-encoding": ACCEPTED,  # whatever the caller's headers say: others are not unpacked
        }
        return client.build_request(
            method,
            f"{service.base_url}{path}",
            content=None if body is None else orjson.dumps(body),
            files=None if file is None else {"file": (file.name, file.content, file.mime_type)},
            headers=headers,
            # Less to connect than to open a turn, so that it is known when nothing was sent. `in_time` bounds the
            # writing: here that would be the time for one write, and a whole file is one. As httpx and httpx2 both
            # read it: to connect, to read, to write, and to wait for a connection of the pool.
            timeout=(service.timeout / 2, longest_read, None, service.timeout),
        )

    def headers(self, method: str, path: str) -> dict[str, str]:
        """What every request carries, with lower-case names; the caller's own headers go before ours.

        Raises:
            GrokWebInvalidRequestError: One of the caller's headers cannot be sent.
        """
        checked: dict[str, str] = {}
        if callers := extra(method, path) if callable(extra := self.service.headers) else extra:
            checked = {name.lower(): value for name, value in callers.items() if check_header(name, value)}
            self._callers_secrets = header_secrets(checked, self._callers_secrets)
        return {
            "accept-language": "en-US,en;q=0.9",
            "user-agent": self.credentials.user_agent or f"langchain-grokweb/{__version__}",
            **checked,
            "cookie": self._cookies(),
        }

    # --- cookies

    def _cookies(self) -> str:
        renewed = self.account.renewed_cookies
        newest = renewed.get(self.credentials.cookies.get(_RENEWED_COOKIE, "")) if renewed else None
        credentials = self.credentials.with_cookies({_RENEWED_COOKIE: newest}) if newest else self.credentials
        return credentials.cookie_header

    def _keep_renewed(self, response: httpx.Response) -> None:
        if (value := set_cookie(response, _RENEWED_COOKIE)) is not None:
            self.account.renewed_cookies[self.credentials.cookies.get(_RENEWED_COOKIE, "")] = value

    # --- refusals

    async def _check(self, reply: Reply) -> None:
        response = reply.response
        if response.status_code == httpx.codes.OK:
            if "html" not in response.headers.get("content-type", "") or await reply.looks_like_frames():
                return
        elif response.is_success:
            return
        raise await self._refusal_of(reply)

    async def _refusal_of(self, reply: Reply) -> GrokWebError:
        """The error, with what is read here in no frame of its traceback."""
        status, headers, body = reply.response.status_code, reply.response.headers.items(), await _beginning(reply)
        (self.service.tap or no_tap)("rest", "refused", {"status": status, "headers": headers, "body": body})
        return self.refusal(status, headers, body)

    def refusal(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> GrokWebError:
        """The error for a reply that refuses; what it says is freed of cookies before anything is read or cut.

        Args:
            status: The HTTP status.
            headers: All of its headers.
            body: Its beginning.
        """
        text = body[:_MAX_REFUSAL_BYTES].decode("utf-8", "replace").replace("\0", "")
        reply = error_mapping.Reply(
            status=status,
            headers={name.lower(): self.redact(value) for name, value in headers if name.lower() != "set-cookie"},
            body=self.redact(text).encode(),
            login_url=self.service.login_url,
        )
        return self.clean(error_mapping.from_reply(reply))

    def redact(self, value: Any) -> Any:
        """A text of the service, or all in a list or dict, freed of cookies, their beginnings and their encodings."""
        return self._find_redactor().deep(value)

    def clean(self, error: GrokWebError) -> GrokWebError:
        """The error, freed of cookies that the service sent back, and of the frames that read them."""
        redact = self._find_redactor()
        error.args = tuple(map(redact.deep, error.args))
        for name, value in vars(error).items():
            if isinstance(value, str) and name != "login_url":
                setattr(error, name, redact(value))
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)

    def _find_redactor(self) -> Redactor:
        secrets = (self._cookies(), *self._callers_secrets)
        if self._redactor is None or self._redactor[0] != secrets:
            values = [pair.partition("=")[2] for pair in secrets[0].split("; ")]
            self._redactor = secrets, Redactor([*values, *self.credentials.cookies.values(), *secrets[1:]])
        return self._redactor[1]


async def _send(client: HttpClient, request: Any) -> Any:
    try:
        return await client.send(request, stream=True, follow_redirects=False)
    except Exception as error:  # the caller's client may be of httpx2, which is not imported here to be named
        known = _known_error(error)
        if known is None:
            raise
    raise known


async def _with_known_errors(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    known = None
    try:
        async for piece in pieces:
            yield piece
    except Exception as error:  # as in `_send`
        known = _known_error(error)
        if known is None:
            raise
    if known is not None:
        raise known


def _known_error(error: Exception) -> httpx.HTTPError | None:
    """The error of httpx that has the name of one of httpx2, and its causes; it does not hold the request."""
    kind = getattr(httpx, type(error).__name__, None)
    if not (type(error).__module__.startswith("httpx2") and isinstance(kind, type) and issubclass(kind, Exception)):
        return None
    known = kind(str(error))
    known.__cause__ = error.__cause__ or error.__context__
    return known if isinstance(known, httpx.HTTPError) else None


class _ReportedBody(httpx.AsyncByteStream):
    """The body of a request, which says when it begins to leave; without it the service cannot have the request."""

    def __init__(self, body: AsyncIterable[bytes], on_sent: Callable[[], None]) -> None:
        self._body = body
        self._on_sent = on_sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._on_sent()
        async for piece in self._body:
            yield piece


def set_cookie(response: httpx.Response, name: str) -> str | None:
    """The value that a reply sets for a cookie."""
    for header in response.headers.get_list("set-cookie"):
        with suppress(CookieError):
            morsel = SimpleCookie(header).get(name)
            if morsel is not None and morsel.value.isascii() and morsel.value.isprintable():
                return morsel.value
    return None


def check_header(name: str, value: str) -> bool:
    """Whether a user's extra header can be sent.

    Raises:
        GrokWebInvalidRequestError: It is one that this package makes itself, or holds a line break.
    """
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise GrokWebInvalidRequestError(
            f"The header {name.lower()!r} is set by this package.", next_step="Leave it out of `headers=`."
        )
    if not (_HEADER_NAME.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()):
        raise GrokWebInvalidRequestError(
            "A header has a character that is not allowed in headers.", next_step="Correct `headers=`."
        )
    return True


async def _beginning(reply: Reply) -> bytes:
    body = bytearray()
    try:
        async for piece in reply.pieces():
            body += piece
            if len(body) >= _MAX_REFUSAL_BYTES:
                break
    except (httpx.HTTPError, GrokWebProtocolError):
        pass  # the status alone must do
    return bytes(body[:_MAX_REFUSAL_BYTES])


# --- what the libraries below log: at DEBUG, httpcore logs the headers of every reply, cookies among them

_SET_COOKIE = re.compile(r"(\(b'set-cookie', b)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.IGNORECASE)
_in_use: set[weakref.ref[Http]] = set()  # whose cookies a service may repeat in any header


class _CookieFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg = _SET_COOKIE.sub(r"\1'[cookie]'", record.msg)
            for http in filter(None, (reference() for reference in list(_in_use))):
                record.msg = http.redact(record.msg)
        return True


def _keep_cookies_out_of_logs() -> None:
    """From now on, for the life of the process."""
    for name in ("httpcore.http11", "httpcore.http2", "httpcore2.http11", "httpcore2.http2"):
        library_logger = logging.getLogger(name)
        if not any(isinstance(log_filter, _CookieFilter) for log_filter in library_logger.filters):
            library_logger.addFilter(_CookieFilter())


_keep_cookies_out_of_logs()
