"""Exports: conversations as files of one's own, with their pictures and files beside them.

Each conversation is one file, written last and in one step, when all that belongs to it is there. So a file that is
there is whole, and says of which conversation it is and when that was last changed: an export that broke off goes on
where it was, and a later one fetches only what has changed since.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, assert_never

import anyio.to_thread
import orjson

from langchain_grokweb.client.account import downloads, markdown
from langchain_grokweb.client.account.conversations import described, listed, responses_of
from langchain_grokweb.client.account.exported import Exported, ExportFormat
from langchain_grokweb.client.account.file_names import item_name, safe_name, write_whole
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.retry import is_passing, retrying
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import export_format, stored
from langchain_grokweb.wire.export_format import SavedItem
from langchain_grokweb.wire.stored import Conversation, StoredConversation

_ENDINGS: dict[ExportFormat, str] = {"markdown": ".md", "json": ".json"}
_HEAD_BYTES = 64 * 1024
_MIN_RETRIES = 4  # many requests in a row are turned away at times (rest.md 5)


async def export(http: Http, text: str, directory: str | os.PathLike[str], form: ExportFormat) -> Path:
    """One conversation, whether it was exported before or not; see `GrokWebClient.export`."""
    target = await _Target.find(directory, form)
    path, _ = await target.write(http, await described(http, text))
    return path


async def export_all(
    http: Http, directory: str | os.PathLike[str], form: ExportFormat, *, search: str | None
) -> AsyncGenerator[Exported, None]:
    """All of them, one after the other; see `GrokWebClient.export_all`."""
    target = await _Target.find(directory, form)
    async for conversation in listed(http, "", page_size=60, searchQuery=search):
        if (path := target.path_of_unchanged(conversation)) is not None:
            yield Exported(conversation, "unchanged", path)
            continue
        try:
            path, missing = await target.write(http, conversation)
        except (GrokWebConversationNotFoundError, GrokWebProtocolError) as error:
            yield Exported(conversation, "failed", error=error)
        else:
            yield Exported(conversation, "written", path, missing)


class _Target:
    """A directory, and what earlier exports have left there."""

    def __init__(self, directory: Path, form: ExportFormat, found: dict[str, tuple[Path, str]]) -> None:
        self.directory = directory
        self._form: ExportFormat = form
        self._found = found  # by the conversation's id, with its time of change

    @classmethod
    async def find(cls, directory: str | os.PathLike[str], form: ExportFormat) -> _Target:
        """Look at a directory, which need not be there.

        Raises:
            GrokWebInvalidRequestError: The format is unknown.
        """
        if form not in _ENDINGS:
            raise GrokWebInvalidRequestError(
                "This format of exports is unknown.", next_step='Use `format="markdown"` or `format="json"`.'
            )
        place = Path(directory)
        return cls(place, form, await anyio.to_thread.run_sync(lambda: dict(_earlier(place, form))))

    def path_of_unchanged(self, conversation: Conversation) -> Path | None:
        """The file of a conversation that has not changed since that was written."""
        path, modified = self._found.get(conversation.id, (None, ""))
        is_same = conversation.modified is not None and modified == conversation.modified.isoformat()
        return path if is_same else None

    async def write(self, http: Http, conversation: Conversation) -> tuple[Path, int]:
        """Fetch a conversation, then what belongs to it, and write its file: where, and how much is missing."""
        again = retrying(max(http.service.max_retries, _MIN_RETRIES), again=_passes)
        raw: Any = await again(responses_of, http, conversation)
        whole = stored.with_responses(conversation, raw, assets_url=http.service.assets_url)
        path = await anyio.to_thread.run_sync(self._path, conversation)
        items = {}
        for saved, name, source in _items(whole):
            items[saved.id] = await _saved(http, saved, path.with_suffix(".files") / name, source)
        match self._form:
            case "markdown":
                text = markdown.document(whole, items, address=f"{http.service.base_url}/c/{conversation.id}")
                content = text.encode("utf-8", "replace")
            case "json":
                assets_url, account = http.service.assets_url, http.credentials.account
                document = export_format.write(whole, raw, items, account=account, assets_url=assets_url)
                content = _as_json(document)
            case _:
                assert_never(self._form)
        await anyio.to_thread.run_sync(write_whole, path, content)
        modified = conversation.modified.isoformat() if conversation.modified else ""
        self._found[conversation.id] = (path, modified)
        return path, sum(not item.path for item in items.values())

    def _path(self, conversation: Conversation) -> Path:
        """The file of an earlier export, or a new one that is no other conversation's."""
        if conversation.id in self._found:
            return self._found[conversation.id][0]
        title, ending = safe_name(conversation.title, "Untitled"), _ENDINGS[self._form]
        for mark in (conversation.id[:8], conversation.id):
            path = self.directory / f"{title} {mark}{ending}"
            if not path.exists():
                return path
        return path  # of a version that is not known here, or not whole


def _earlier(directory: Path, form: ExportFormat) -> Iterator[tuple[str, tuple[Path, str]]]:
    """The files of earlier exports: of which conversation, where, and as of when."""
    for path in sorted(directory.glob(f"*{_ENDINGS[form]}")):
        try:
            if form == "markdown":
                with path.open("rb") as file:
                    identity = markdown.identity(file.read(_HEAD_BYTES).decode("utf-8", "ignore"))
            else:
                identity = export_format.identity(orjson.loads(path.read_bytes()))
        except (OSError, ValueError):
            continue
        if identity is not None:
            yield identity[0], (path, identity[1])


def _items(conversation: StoredConversation) -> Iterator[tuple[SavedItem, str, dict[str, Any]]]:
    """The pictures, files and videos of a conversation, each with a name and with what `download` takes, once."""
    seen: set[str] = set()
    for response in conversation.responses:
        for kind, things in (
            ("image", response.images),
            ("attachment", response.attachments),
            ("file", response.files),
            ("video", response.videos),
        ):
            for thing in things:
                if thing.id in seen:
                    continue
                seen.add(thing.id)
                source = {**asdict(thing), "conversation_id": conversation.id}
                mime_type = source.setdefault("mime_type", "image/jpeg" if kind == "image" else "")
                called = source.get("name") or source.get("prompt") or kind
                is_named = bool(source.get("name"))
                name = item_name(called if is_named else called[:60].replace(".", " "), thing.id, mime_type, kind)
                yield SavedItem(thing.id, kind, thing.url), name, source


async def _saved(http: Http, item: SavedItem, path: Path, source: dict[str, Any]) -> SavedItem:
    """An item that lies at this place; downloaded, unless it is there.

    Raises:
        GrokWebError: It could not be fetched now, and perhaps can be another time.
    """
    place = f"{path.parent.name}/{path.name}"
    if await anyio.Path(path).exists():
        return SavedItem(item.id, item.kind, item.url, place)
    await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
    try:
        await downloads.download(http, source, path)
    except (GrokWebInvalidRequestError, GrokWebProtocolError, GrokWebPermissionError) as error:
        if isinstance(error, GrokWebPermissionError) and error.reason != "other":
            raise
        return SavedItem(item.id, item.kind, item.url, problem=str(error))
    return SavedItem(item.id, item.kind, item.url, place)


def _as_json(document: Any) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)
    except TypeError:  # nested deeper than it writes, though not than it reads
        with suppress(RecursionError):
            return json.dumps(document).encode()
    raise GrokWebProtocolError(where="responses", expected="JSON", got="JSON that is nested too deeply")


def _passes(error: BaseException) -> bool:
    return isinstance(error, GrokWebError) and is_passing(error)
