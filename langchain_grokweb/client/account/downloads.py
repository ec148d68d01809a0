"""Downloads: the bytes of a picture, a file or a video, in memory or in a file.

What lies on the host of assets is given to the account's own cookies alone (rest.md 2.4). A file that Grok made is
refused there even to them: the service has a reference for it, which gives the bytes, or a signed address
(rest.md 8.2). That address is its own proof, so no cookie goes there. Nothing else is fetched: an item comes from a
message, and its address may lead anywhere.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urlsplit

import anyio
import anyio.to_thread

from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.http import Http, Reply
from langchain_grokweb.client.network.open_web import open_public
from langchain_grokweb.client.network.reply_body import MAX_STREAM_BYTES
from langchain_grokweb.client.retry import is_passing, retrying
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire.json_fields import get_str

Item: TypeAlias = str | Mapping[str, Any]
Progress: TypeAlias = Callable[[int, int | None], object]

MAX_DOWNLOAD_BYTES = MAX_STREAM_BYTES  # 256 MiB: no reply may be larger
_SLOWEST_BYTES_PER_SECOND = 128 * 1024
_WRITE_BYTES = 1024 * 1024  # a hop into a thread each
_CONTENT = "/rest/conversations/files/content"
_ADVICE = (
    "Sign in at {login_url} with the account that made it and copy the cookies of that browser again; its conversation "
    "there shows whether it still exists."
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be fetched: an item in one shape.

    Attributes:
        url: Its address, or its key on the host of assets; may be empty.
        name: What it is called; may be empty.
        mime_type: What it should be; may be empty.
        size: Its length in bytes, where it is known.
        path: The service's name of a file that Grok made, within `conversation_id`.
        content: Its bytes, where the item holds them.
    """

    url: str
    name: str = ""
    mime_type: str = ""
    size: int | None = None
    path: str = ""
    conversation_id: str = ""
    content: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, item: Item) -> Source:
        """Read an entry of `images`, `files` or `videos`, a content block of one, or an address.

        Raises:
            GrokWebInvalidRequestError: It is none of these.
        """
        if isinstance(item, str):
            return cls(item)
        if not isinstance(item, Mapping):
            raise _unusable("This is nothing that can be downloaded")
        extras = item.get("extras")
        members = {**(extras if isinstance(extras, Mapping) else {}), **item}
        size = members.get("size")
        source = cls(
            url=get_str(members, "url"),
            name=get_str(members, "name"),
            mime_type=get_str(members, "mime_type"),
            size=size if isinstance(size, int) else None,
            path=get_str(members, "path"),
            conversation_id=get_str(members, "conversation_id"),
            content=_decoded(members.get("base64")),
        )
        if not (source.url or source.content or (source.path and source.conversation_id)):
            raise _unusable("This item has no address")
        return source

    @property
    def may_be_html(self) -> bool:
        """Whether a page is what was asked for, and no challenge."""
        ending = (self.name or self.url.partition("?")[0]).lower()
        return self.mime_type.startswith("text/") or ending.endswith((".html", ".htm", "/content"))

    def file_name(self) -> str:
        """A name for it in a directory: without a path, and not hidden."""
        name = self.name or unquote(urlsplit(self.url).path).rpartition("/")[2]
        if not self.name and (parts := urlsplit(self.url).path.split("/"))[-1:] and len(parts) > 1:
            name = f"{parts[-2]}-{name}"  # pictures are all called image.jpg
        name = "".join(one for one in name if one.isprintable() and one not in '"<>|:*?').replace("\\", "/")
        name = name.rpartition("/")[2].strip(" .")[-120:]
        # The module's own table, the preferred ending first: its functions would read files.
        ending = next((ending for ending, kind in mimetypes.types_map.items() if kind == self.mime_type), "")
        return name if "." in name or not name else f"{name}{ending}"


class Sink:
    """Where bytes go: counted, bounded, reported."""

    def __init__(self, limit: int, progress: Progress | None) -> None:
        self.mime_type = ""
        self.done = 0
        self.limit = limit
        self._progress = progress
        self._held: list[bytes] = []  # what came and was not written
        self._held_bytes = 0

    async def fill(self, pieces: AsyncIterator[bytes], total: int | None) -> None:
        """Take all of these, in place of what there was.

        Raises:
            GrokWebInvalidRequestError: They are more than the limit.
        """
        if total is not None and total > self.limit:
            raise self._too_large()
        await self.restart()
        async for piece in pieces:
            self.done += len(piece)
            if self.done > self.limit:
                raise self._too_large()
            self._held.append(piece)
            self._held_bytes += len(piece)
            await self.flush(_WRITE_BYTES)
            if self._progress is not None and piece:
                self._progress(self.done, total)
        await self.flush(1)

    async def restart(self) -> None:
        """Forget what came."""
        self.done = self._held_bytes = 0
        self._held = []

    async def flush(self, at_least: int) -> None:
        """Write what is held, if it is so much; in memory nothing is to do."""

    @property
    def content(self) -> bytes:
        """What came."""
        return b"".join(self._held)

    def _too_large(self) -> GrokWebInvalidRequestError:
        return GrokWebInvalidRequestError(
            f"This is larger than the {self.limit} bytes that are allowed.",
            next_step="Allow more with `max_bytes=`"
            + ("." if self.limit < MAX_DOWNLOAD_BYTES else ", or download it with a browser: this is the most."),
        )


class FileSink(Sink):
    """A file beside the one that it will be: whoever looks there never finds half of it."""

    def __init__(self, path: Path, limit: int, progress: Progress | None) -> None:
        super().__init__(limit, progress)
        self._path = path
        self._part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
        self._file: Any = None

    async def restart(self) -> None:
        """Forget what came, also in the file."""
        await super().restart()
        await anyio.to_thread.run_sync(self._begin)

    def _begin(self) -> None:
        if self._file is None:
            self._file = self._part.open("xb")
        self._file.seek(0)
        self._file.truncate()

    async def flush(self, at_least: int) -> None:
        """Write what is held, if it is so much."""
        if self._held_bytes >= at_least:
            held, self._held, self._held_bytes = b"".join(self._held), [], 0
            await anyio.to_thread.run_sync(self._file.write, held)

    async def keep(self, *, replaces: bool) -> Path:
        """All of it came: give it its name, or the next that is free where it must not replace another file."""
        return await anyio.to_thread.run_sync(self._replace if replaces else self._add)

    def _replace(self) -> Path:
        self._file.close()
        return self._part.replace(self._path)

    def _add(self) -> Path:
        self._file.close()
        target, number = self._path, 2
        while True:
            try:
                os.link(self._part, target)  # the one step that fails where somebody was faster
            except FileExistsError:
                target, number = self._path.with_stem(f"{self._path.stem}-{number}"), number + 1
            except OSError:  # a file system without links
                return self._part.replace(target)
            else:
                self._part.unlink()
                return target

    async def drop(self) -> None:
        """Leave nothing."""
        if self._file is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._remove)

    def _remove(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


async def download(
    http: Http,
    item: Item,
    path: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
    max_bytes: int | None = None,
) -> bytes | Path:
    """The bytes of an item, or the path that they were written to; see `GrokWebClient.download`."""
    source = Source.of(item)
    limit = MAX_DOWNLOAD_BYTES if max_bytes is None else min(max_bytes, MAX_DOWNLOAD_BYTES)
    if path is None:
        memory = Sink(limit, progress)
        await fetch(http, source, memory)
        return memory.content
    target = Path(path)
    in_directory = await anyio.to_thread.run_sync(target.is_dir)
    sink = FileSink(target / (source.file_name() or "download") if in_directory else target, limit, progress)
    try:
        await fetch(http, source, sink)
        return await sink.keep(replaces=not in_directory)
    except BaseException:  # a cancellation too must leave nothing
        await sink.drop()
        raise


async def fetch(http: Http, source: Source, sink: Sink) -> None:
    """Fill the sink with what the source names, by whichever way leads there.

    Raises:
        GrokWebError: It could not be fetched, is too large, or is not what it should be.
    """
    if source.content is not None:
        await sink.fill(_once(source.content), len(source.content))
        sink.mime_type = source.mime_type
    elif source.path and source.conversation_id:
        await _fetch_made(http, source, sink)
    else:
        assets = Http(http.service.assets, http.credentials)
        path = _path_of(source.url, http.service.assets_url)
        await _retrying(http, sink, source, lambda: assets.open("GET", path, page=source.may_be_html))


async def _fetch_made(http: Http, source: Source, sink: Sink) -> None:
    """A file that Grok made, through the service's reference (rest.md 8.2)."""
    query = f"conversationId={quote(source.conversation_id, safe='')}&path={quote(source.path, safe='')}"
    failure: GrokWebError | None = None
    reply: Any = None
    try:
        again = retrying(http.service.max_retries, again=_passes)
        reply = await again(http.fetch_json, "GET", f"{_CONTENT}?{query}")
    except GrokWebConversationNotFoundError as error:
        failure = _gone(error)
    if failure is not None:
        raise failure
    reference = reply if isinstance(reply, dict) else {}
    sink.mime_type = get_str(reference, "mimeType")
    content = None if reference.get("isTruncated") else _from_data_url(get_str(reference, "dataUrl"))
    if content is not None:
        await sink.fill(_once(content), len(content))
        return
    url = get_str(reference, "downloadSignedUrl", "signedUrl")
    if not url:
        raise GrokWebProtocolError(where=f"{_CONTENT}: signedUrl", expected="str", got="nothing")
    await _retrying(http, sink, source, lambda: open_public(http.service, url, redirects=0, own=True))


async def _retrying(http: Http, sink: Sink, source: Source, open_reply: Callable[[], Awaitable[Reply]]) -> None:
    """Open and read, again where it breaks: a GET changes nothing."""
    service = http.service.assets
    seconds = service.timeout + sink.limit / _SLOWEST_BYTES_PER_SECOND
    is_slow = False

    async def once() -> None:
        nonlocal is_slow
        failure: GrokWebError | None = None
        try:
            reply = await in_time(service, open_reply)
        except GrokWebError as error:
            failure = _explained(error, http)
        if failure is not None:
            raise failure
        try:
            _check(reply, source)
            sink.mime_type = reply.response.headers.get("content-type", "").split(";")[0].strip().lower()
            try:
                await in_time(service, lambda: sink.fill(reply.pieces(), _length(reply)), seconds)
            except GrokWebTimeoutError:
                is_slow = True
                raise
        finally:
            await reply.aclose()

    await retrying(service.max_retries, again=lambda error: _passes(error) and not is_slow)(once)


def _passes(error: BaseException) -> bool:
    return isinstance(error, GrokWebError) and is_passing(error)


def _check(reply: Reply, source: Source) -> None:
    """Whether this is a reply with the bytes of what was asked for.

    Raises:
        GrokWebError: It is a refusal of an address outside, or something else.
    """
    status = reply.response.status_code
    if not reply.response.is_success:
        raise GrokWebPermissionError(
            f"The address that grok.com signed for this file refused it ({status}).",
            reason="other",
            next_step="Try again: each try asks for a new address.",
            status_code=status,
        )
    wanted = source.mime_type.partition("/")[0]
    got = reply.response.headers.get("content-type", "").partition("/")[0].lower()
    if wanted in {"image", "video", "audio"} and got in {"text", "image", "video", "audio"} and got != wanted:
        raise GrokWebProtocolError(where="the host of assets", expected=source.mime_type, got=f"{got}/…")


def _explained(error: GrokWebError, http: Http) -> GrokWebError:
    """The error of the host of assets, in words that fit what was asked for."""
    if isinstance(error, GrokWebPermissionError) and error.reason == "other":
        return GrokWebPermissionError(
            "grok.com's host of pictures and files refused this one: it belongs to another account, or this address is "
            "not valid.",
            reason="other",
            next_step=_ADVICE.format(login_url=http.service.login_url),
            status_code=error.status_code,
            error_code=error.error_code,
        )
    return _gone(error) if isinstance(error, GrokWebConversationNotFoundError) else error


def _gone(error: GrokWebError) -> GrokWebError:
    return GrokWebInvalidRequestError(
        "grok.com does not have this picture, file or video, or no longer.",
        next_step="Open its conversation in your browser to see whether it is there.",
        status_code=error.status_code,
        error_code=error.error_code,
    )


def _length(reply: Reply) -> int | None:
    """The length that a reply announces, where that is the length of its bytes."""
    headers = reply.response.headers
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and "content-encoding" not in headers else None


def _path_of(url: str, assets_url: str) -> str:
    """The path of an address on the host of assets, or of a key there, as it may be sent.

    Raises:
        GrokWebInvalidRequestError: It is on another host, or cannot be read.
    """
    if any(character.isspace() or not character.isprintable() for character in url) or "\\" in url:
        raise _unusable("This address cannot be read")
    if "://" not in url and not url.startswith("//"):
        if ":" in url.partition("/")[0]:
            raise _elsewhere()
        url = f"{assets_url}/{url.lstrip('/')}"
    try:
        parts, host = urlsplit(url), urlsplit(assets_url)
        is_there = (parts.scheme, parts.hostname, _port(parts)) == (host.scheme, host.hostname, _port(host))
    except ValueError:
        raise _unusable("This address cannot be read") from None
    if not is_there or "@" in parts.netloc:
        raise _elsewhere()
    path = unquote(parts.path)
    if path in {"", "/"} or {".", ".."} & set(path.split("/")):
        raise _unusable("This address names nothing that can be downloaded")
    return quote(path, safe="/~") + (f"?{quote(parts.query, safe='=&%+/:,~')}" if parts.query else "")


def _port(parts: Any) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _unusable(what: str) -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        f"{what}.",
        next_step="Pass an entry of a message's `images`, `files` or `videos`, or its address on the host of assets.",
    )


def _elsewhere() -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(
        "This address is not on grok.com's host of pictures and files. Nothing was downloaded, since cookies are sent "
        "to no other host.",
        next_step="Download it with a client of your own, without cookies.",
    )


def _decoded(value: Any) -> bytes | None:
    if isinstance(value, str) and value:
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(value, validate=True)
    return None


def _from_data_url(url: str) -> bytes | None:
    """The bytes of a data URL in base64; `None` where it is none."""
    head, _, data = url.partition(",")
    return _decoded(data) if head.startswith("data:") and head.endswith(";base64") else None


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
