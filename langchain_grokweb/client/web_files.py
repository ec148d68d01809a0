"""Attachments that are named by an address: fetched from the open web, without cookies and within bounds.

`network.open_web` decides where a request may go. Here is decided how much may come, for how long, and of what kind.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import anyio

from langchain_grokweb.client.network.failures import in_time
from langchain_grokweb.client.network.open_web import open_public
from langchain_grokweb.client.service import Service
from langchain_grokweb.errors import GrokWebError, GrokWebInvalidRequestError, GrokWebTimeoutError
from langchain_grokweb.wire.turn import MAX_ATTACHMENT_BYTES, Attachment, RemoteFile

logger = logging.getLogger("langchain_grokweb")

LONGEST_FETCH_SECONDS = 30.0  # of one file, with all its redirects
_ANY = {"", "application/octet-stream", "binary/octet-stream"}
_INSTEAD = "Download it yourself, and pass its bytes as base64 with their mime type."


async def fetch_files(service: Service, files: Sequence[RemoteFile]) -> dict[str, Attachment]:
    """The files, by their keys; one that is not needed is left out where it cannot be fetched.

    Raises:
        GrokWebError: One that is needed could not be fetched, is too large, or is not what it should be.
    """
    fetched: dict[str, Attachment] = {}
    limit = MAX_ATTACHMENT_BYTES // len(files)
    failures: list[Exception] = []

    async def fetch(file: RemoteFile) -> None:
        try:
            fetched[file.key] = await _fetch(service, file, limit)
        except GrokWebError as error:
            if file.is_needed:
                failures.append(error)
            else:
                logger.info("An attachment of an earlier message stays here: %s", error)

    try:
        async with anyio.create_task_group() as tasks:
            for file in files:
                tasks.start_soon(fetch, file)
    except ExceptionGroup as group:  # one task's, which ended the others
        failures[:] = group.exceptions
    if failures:
        raise failures[0]
    return fetched


async def _fetch(service: Service, file: RemoteFile, limit: int) -> Attachment:
    try:
        parts = urlsplit(file.url)
    except ValueError:
        raise _refused("its address cannot be read") from None
    here = replace(service, base_url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")  # for what errors say
    is_late = False
    try:
        mime_type, content = await in_time(here, lambda: _read(service, file, limit), LONGEST_FETCH_SECONDS)
    except GrokWebTimeoutError:
        is_late = True
    if is_late:
        raise GrokWebTimeoutError(
            f"An attachment could not be downloaded within {LONGEST_FETCH_SECONDS:g} seconds.", next_step=_INSTEAD
        )
    return Attachment(unquote(parts.path).rstrip("/").rpartition("/")[2], mime_type, content)


async def _read(service: Service, file: RemoteFile, limit: int) -> tuple[str, bytes]:
    reply = await open_public(service, file.url)
    try:
        if not reply.response.is_success:
            raise _refused(f"its host answered with the status {reply.response.status_code}")
        mime_type = _mime_type(file, reply.response.headers.get("content-type", ""))
        content, size = [], 0
        async for piece in reply.pieces():
            content.append(piece)
            size += len(piece)
            if size > limit:
                raise _refused(f"it is larger than {limit} bytes")
        if not size:
            raise _refused("it is empty")
        return mime_type, b"".join(content)
    finally:
        await reply.aclose()


def _mime_type(file: RemoteFile, given: str) -> str:
    """What the file is.

    Raises:
        GrokWebInvalidRequestError: It is of another kind than it should be, such as a page in place of a picture.
    """
    given = given.partition(";")[0].strip().lower()
    if given in _ANY:
        return file.mime_type
    is_page = given == "text/html" and file.mime_type not in {"text/html", *_ANY}
    if is_page or (file.kind != "file" and not given.startswith(f"{file.kind}/")):
        raise _refused(f"it is {given} and not {file.mime_type if file.kind == 'file' else file.kind}")
    return given


def _refused(why: str) -> GrokWebInvalidRequestError:
    return GrokWebInvalidRequestError(f"An attachment was not downloaded: {why}.", next_step=_INSTEAD)
