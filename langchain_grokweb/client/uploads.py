"""Uploads: an attachment becomes a file at the service, and an id to name it by.

Three ways lead there. The multipart endpoint comes first: the site's own page uses it since the summer of 2026, it is
the better attested one for that time (rest.md 2.4, gateway.md 3.5), takes the bytes as they are, and stands outside of
`/rest/app-chat/`, whose POSTs the anti-bot rule guards. What it finds too large (413) goes up in three steps:
announced, sent to an address that the service signs, completed (rest.md 8.12); no cookie goes to that address. A
service that does not have the multipart endpoint (404 or 405) is asked by the classic one, with base64 in JSON, from
then on.

A file is uploaded once, however often a turn is opened, on whichever wire, and also where an answer is repaired in a
further turn. That turn names the files again, since a file may be visible only to the message which mentions it
(gateway.md 3.5). A later call with the same file asks the service whether it still has it, and names it then.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.to_thread

from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.retry import retrying
from langchain_grokweb.errors import (
    GrokWebContextOverflowError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebServerError,
    GrokWebTimeoutError,
)
from langchain_grokweb.wire import files as wire
from langchain_grokweb.wire.turn import Attachment

UploadProgress: TypeAlias = Callable[[int, int], object]

MAX_AT_ONCE = 3
_SLOWEST_BYTES_PER_SECOND = 128 * 1024
_PIECE_BYTES = 64 * 1024
_STATUS_PAUSE_SECONDS = 1.0
_NOT_THERE = {404, 405}
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that was uploaded to the service.

    Attributes:
        id: The file's id at the service.
        name: The file's name.
        mime_type: The file's type, such as `image/png`.
        size: The file's size in bytes.
    """

    id: str
    name: str
    mime_type: str
    size: int


async def upload(
    http: Http,
    file: str | os.PathLike[str] | bytes,
    *,
    name: str | None,
    mime_type: str | None,
    progress: UploadProgress | None,
) -> UploadedFile:
    """Upload one; see `GrokWebClient.upload`."""
    if isinstance(file, bytes):
        content = file
    else:
        content = await anyio.to_thread.run_sync(Path(file).read_bytes)
        name = name or Path(file).name
    name = (name or "").replace("\\", "/").rpartition("/")[2]
    if not content or not name.isprintable() or name in {"", ".", ".."}:
        raise GrokWebInvalidRequestError(
            "This file is empty, or has no usable name.",
            next_step="Pass its bytes, and a file name as `name=`.",
        )
    kind = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    attachment = Attachment(name, kind, content)
    (file_id,) = await Uploads(http, progress).ids([attachment])
    return UploadedFile(file_id, name, kind, len(content))


class Uploads:
    """The files of one model call."""

    def __init__(self, http: Http, progress: UploadProgress | None = None) -> None:
        self._http = http
        self._progress = progress
        self._ids: dict[bytes, str] = {}

    async def ids(self, attachments: Sequence[Attachment]) -> tuple[str, ...]:
        """The ids of these files, in their order; what is not there yet is uploaded.

        Raises:
            GrokWebError: One of them could not be uploaded; the others are given up then.
        """
        keys = [_key(file) for file in attachments]
        missing = {key: file for key, file in zip(keys, attachments, strict=True) if key not in self._ids}
        places = anyio.CapacityLimiter(MAX_AT_ONCE)

        async def upload_one(key: bytes, file: Attachment) -> None:
            async with places:
                file_id = await self._find(key)
                if file_id is None:
                    file_id = str(await retrying(self._http.service.max_retries)(self._upload, file))
                self._ids[key] = file_id
                self._http.account.note_file(key, file_id)

        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                for key, file in missing.items():
                    tasks.start_soon(upload_one, key, file)
        except ExceptionGroup as failures:
            failure = failures.exceptions[0]
        if failure is not None:
            raise failure
        return tuple(self._ids[key] for key in keys)

    def forget(self) -> None:
        """A turn with these files was refused: the next call uploads them again."""
        for key in self._ids:
            self._http.account.file_ids.pop(key, None)

    async def _find(self, key: bytes) -> str | None:
        """The id of an earlier upload of the same, if the service says that it still has it."""
        known_id = self._http.account.file_ids.get(key)
        if known_id is None:
            return None
        try:
            reply = await self._http.fetch_json("POST", f"{wire.KEPT}/{known_id}", {})
        except GrokWebError:
            return None
        return known_id if wire.is_kept(reply, known_id) else None

    async def _upload(self, file: Attachment) -> str:
        try:
            return await self._by_any_way(file)
        except GrokWebError as error:
            failure = wire.refusal(error, file)
        raise self._http.clean(failure)

    async def _by_any_way(self, file: Attachment) -> str:
        """By the multipart endpoint; in steps what is too large for it; by the classic one where it is not there."""
        account, size = self._http.account, len(file.content)
        refusal: GrokWebError | None = None
        if not account.uploads_by_classic and size < account.too_large_for_direct:
            try:
                return await self._settled(await self._post_form(file), wire.DIRECT)
            except GrokWebError as error:
                if error.status_code not in {*_NOT_THERE, _TOO_LARGE}:
                    raise
                refusal = error
        if not account.uploads_by_classic and (refusal is None or refusal.status_code == _TOO_LARGE):
            account.too_large_for_direct = min(size, account.too_large_for_direct)
            return await self._in_steps(file, refusal)
        reply = await self._http.fetch_json("POST", wire.CLASSIC, wire.classic_body(file), seconds=self._seconds(file))
        account.uploads_by_classic = True
        return wire.file_id(reply, wire.CLASSIC)

    async def _post_form(self, file: Attachment) -> Any:
        part = file if self._progress is None else _Part(file, self._progress)
        return await self._http.fetch_json("POST", wire.DIRECT, file=part, seconds=self._seconds(file))

    async def _in_steps(self, file: Attachment, refusal: GrokWebError | None) -> str:
        """Announced, sent to a signed address, completed (rest.md 8.12, gateway.md 3.5)."""
        for base in wire.IN_STEPS:
            try:
                announced = await self._http.fetch_json("POST", f"{base}/init", wire.announcement(file))
            except GrokWebError as error:
                if error.status_code not in _NOT_THERE:
                    raise
                continue
            place = wire.signed_place(announced)
            await self._put(place, file)
            reply = await self._http.fetch_json("POST", f"{base}/complete", wire.completion(place.upload_id))
            return await self._settled(reply, f"{base}/complete")
        raise refusal or GrokWebContextOverflowError("The file is too large.", status_code=_TOO_LARGE)

    async def _put(self, place: wire.SignedPlace, file: Attachment) -> None:
        """Send the bytes to the signed address; without cookies, and along no redirect."""
        # What LangChain checks addresses with takes long to import, and few files are so large.
        await anyio.to_thread.run_sync(import_module, "langchain_grokweb.client.network.open_web")
        from langchain_grokweb.client.network.open_web import Upload, open_public  # noqa: PLC0415

        service = self._http.service
        sending = Upload(place.headers, len(file.content), lambda: self._pieces(file.content))
        reply = await in_time(
            service,
            lambda: open_public(service, place.url, redirects=0, own=True, upload=sending),
            self._seconds(file),
        )
        status = reply.response.status_code
        await reply.aclose()
        if not reply.response.is_success:
            raise GrokWebServerError(
                f"The address that grok.com gave for a large file refused it ({status}).",
                next_step="Try again: each try asks for a new address.",
            )

    async def _pieces(self, content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]
            if self._progress is not None:
                self._progress(min(start + _PIECE_BYTES, len(content)), len(content))

    async def _settled(self, reply: Any, where: str) -> str:
        """The file's id; where the reply names only an upload, its status is asked for until it is a file."""
        upload_id = wire.pending_upload(reply)
        if not upload_id:
            return wire.file_id(reply, where)
        with anyio.move_on_after(self._http.service.timeout):
            path = f"{wire.IN_STEPS[1]}/status?uploadId={upload_id}"
            while True:
                try:
                    status = await self._http.fetch_json("GET", path)
                except GrokWebError as error:
                    if error.status_code not in _NOT_THERE:
                        raise
                    return wire.file_id(reply, where)
                if wire.settled(status):
                    return wire.file_id(status, path.partition("?")[0])
                await anyio.sleep(_STATUS_PAUSE_SECONDS)
        raise GrokWebTimeoutError(
            f"grok.com did not process an upload within {self._http.service.timeout:g} seconds.",
            next_step="Try again, or allow more time with `timeout=`.",
        )

    def _seconds(self, file: Attachment) -> float:
        return self._http.service.timeout + len(file.content) / _SLOWEST_BYTES_PER_SECOND


@dataclass(frozen=True, slots=True)
class _Part:
    """A file in a form, whose reading is reported."""

    file: Attachment
    progress: UploadProgress = field(repr=False)

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def mime_type(self) -> str:
        return self.file.mime_type

    @property
    def content(self) -> _Reader:
        return _Reader(self.file.content, self.progress)


class _Reader(io.BytesIO):
    """Bytes that are read in pieces to be sent."""

    def __init__(self, content: bytes, progress: UploadProgress) -> None:
        super().__init__(content)
        self._size, self._progress = len(content), progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if piece:
            self._progress(self.tell(), self._size)
        return piece


def _key(file: Attachment) -> bytes:
    """What a file is known by: its name, its type and its content, of which nothing is kept."""
    key = hashlib.sha256(repr((file.name, file.mime_type)).encode("utf-8", "backslashreplace"))
    key.update(file.content)
    return key.digest()
