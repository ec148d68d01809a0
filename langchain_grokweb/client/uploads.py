"""Uploads: an attachment becomes a file at the service, and an id to name it by.

Two endpoints take files. The multipart one comes first: the site's own page uses it since the summer of 2026, it is the
better attested one for that time (rest.md 2.4, gateway.md 3.5), takes the bytes as they are, and stands outside of
`/rest/app-chat/`, whose POSTs the anti-bot rule guards. A service that does not have it (404 or 405) is asked by the
classic one, with base64 in JSON, from then on.

A file is uploaded once in a model call, however often a turn is opened, on whichever wire, and also where an answer is
repaired in a further turn. That turn names the files again, since a file may be visible only to the message which
mentions it (gateway.md 3.5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import anyio

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.retry import retrying
from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire import files as wire
from langchain_grokweb.wire.turn import Attachment

_Key: TypeAlias = tuple[str, str, bytes]  # a name, a type, and a hash: the content itself is not kept

MAX_AT_ONCE = 3
_SLOWEST_BYTES_PER_SECOND = 128 * 1024
_NOT_THERE = {404, 405}


class Uploads:
    """The files of one model call."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._ids: dict[_Key, str] = {}

    async def ids(self, attachments: Sequence[Attachment]) -> tuple[str, ...]:
        """The ids of these files, in their order; what is not there yet is uploaded.

        Raises:
            GrokWebError: One of them could not be uploaded; the others are given up then.
        """
        keys = [(file.name, file.mime_type, hashlib.sha256(file.content).digest()) for file in attachments]
        missing = {key: file for key, file in zip(keys, attachments, strict=True) if key not in self._ids}
        places = anyio.CapacityLimiter(MAX_AT_ONCE)

        async def upload(key: _Key, file: Attachment) -> None:
            async with places:
                self._ids[key] = await retrying(self._http.service.max_retries)(self._upload, file)

        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                for key, file in missing.items():
                    tasks.start_soon(upload, key, file)
        except ExceptionGroup as failures:
            failure = failures.exceptions[0]
        if failure is not None:
            raise failure
        return tuple(self._ids[key] for key in keys)

    async def _upload(self, file: Attachment) -> str:
        try:
            return await self._to_newest(file)
        except GrokWebError as error:
            failure = wire.refusal(error, file)
        raise self._http.clean(failure)

    async def _to_newest(self, file: Attachment) -> str:
        """By the multipart endpoint; by the classic one where the service lacks the other."""
        if not self._http.account.uploads_by_classic:
            try:
                return await self._post(wire.DIRECT, file)
            except GrokWebError as error:
                if error.status_code not in _NOT_THERE:
                    raise
        file_id = await self._post(wire.CLASSIC, file)
        self._http.account.uploads_by_classic = True
        return file_id

    async def _post(self, path: str, file: Attachment) -> str:
        seconds = self._http.service.timeout + len(file.content) / _SLOWEST_BYTES_PER_SECOND
        if path == wire.DIRECT:
            reply = await self._http.fetch_json("POST", path, file=file, seconds=seconds)
        else:
            reply = await self._http.fetch_json("POST", path, wire.classic_body(file), seconds=seconds)
        return wire.file_id(reply, path)
