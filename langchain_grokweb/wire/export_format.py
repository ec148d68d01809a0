"""Exports as JSON: how ours is written, and how it and the site's own are read. Pure; no I/O.

Ours holds each response twice: in members that are easy to read, and as the service sent it (`raw`), which is what is
read back. So nothing is lost, and what a later version learns to read is in the file already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from langchain_grokweb.errors import GrokWebInvalidRequestError, GrokWebProtocolError
from langchain_grokweb.wire import stored
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_list, get_objects, get_str
from langchain_grokweb.wire.stored import Conversation, StoredConversation, StoredResponse

FORMAT = "langchain-grokweb export"
VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedItem:
    """What became of a picture, a file or a video.

    Attributes:
        id: Its id at the service.
        kind: `"image"`, `"file"`, `"video"` or `"attachment"`.
        url: Its address at the service.
        path: Where it lies, seen from the export; empty where it could not be had.
        problem: Why it could not be had.
    """

    id: str
    kind: str
    url: str
    path: str = ""
    problem: str = ""


def write(
    conversation: StoredConversation, raw: Any, items: Mapping[str, SavedItem], *, account: str, assets_url: str
) -> dict[str, Any]:
    """A conversation as our JSON.

    Args:
        conversation: The conversation.
        raw: The reply of `responses` that it was read from.
        items: What became of its pictures and files, by id.
        account: Whose conversation it is (`GrokCredentials.account`).
        assets_url: What addresses of pictures and files begin with.
    """
    entries = {get_str(entry, "responseId"): entry for entry in get_objects(raw, "responses")}
    described = {name: _plain(getattr(conversation, name)) for name in Conversation.__slots__}
    read = [_response(response, entries.pop(response.id, None)) for response in conversation.responses]
    return {
        "format": FORMAT,
        "version": VERSION,
        "account": account,
        "assets_url": assets_url,
        "conversation": described,
        "responses": read,
        "unreadable": list(entries.values()),
        "items": [asdict(item) for item in items.values()],
    }


def _response(response: StoredResponse, raw: Any) -> dict[str, Any]:
    names = ("id", "parent_id", "sender", "text", "created", "model", "is_whole", "reasoning")
    members = {name: _plain(getattr(response, name)) for name in names}
    lists = ("citations", "images", "files", "videos", "attachments")
    return members | {name: [asdict(entry) for entry in getattr(response, name)] for name in lists} | {"raw": raw}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


# --- reading


def identity(document: Any) -> tuple[str, str] | None:
    """Which conversation a document is of, and when that was changed, if this version wrote it; else `None`."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    about = get_dict(document, "conversation")
    return get_str(about, "id"), get_str(about, "modified") if document.get("version") == VERSION else ""


def read(document: Any, *, assets_url: str) -> Iterator[tuple[StoredConversation, str]]:
    """The conversations of an export, ours or the site's own, each with its account where that is known.

    Args:
        document: The parsed JSON.
        assets_url: What addresses of pictures and files begin with, where the document does not say.

    Raises:
        GrokWebInvalidRequestError: It is no export that this version reads.
        GrokWebProtocolError: A conversation in it cannot be read.
    """
    if isinstance(document, dict) and document.get("format") == FORMAT:
        if document.get("version") != VERSION:
            raise GrokWebInvalidRequestError(
                "This export was written in another version of the format.",
                next_step="Read it with a newer langchain-grokweb, or export again.",
            )
        yield _read_ours(document, assets_url), get_str(document, "account")
    elif isinstance(document, dict) and isinstance(document.get("conversations"), list):
        for entry in get_objects(document, "conversations"):
            yield _read_sites(entry, assets_url), ""
    else:
        raise GrokWebInvalidRequestError(
            "This is neither an export of langchain-grokweb nor the data export of grok.com.",
            next_step='Pass a JSON file of `GrokWebClient.export(..., format="json")`, or that of the site.',
        )


def _read_ours(document: Fields, assets_url: str) -> StoredConversation:
    about = get_dict(document, "conversation")
    members = {
        "conversationId": about.get("id"),
        "title": about.get("title"),
        "createTime": about.get("created"),
        "modifyTime": about.get("modified"),
        "starred": about.get("starred"),
        "temporary": about.get("temporary"),
    }
    responses = get_objects(document, "responses")
    raw = [entry["raw"] for entry in responses if isinstance(entry.get("raw"), dict)]
    conversation = stored.read_conversation(members, "the export's conversation")
    reply = {"responses": [*raw, *get_list(document, "unreadable")]}
    return stored.with_responses(conversation, reply, assets_url=get_str(document, "assets_url") or assets_url)


def _read_sites(entry: Fields, assets_url: str) -> StoredConversation:
    """A conversation of the site's own export (rest.md 8.14): its records, as the database has them."""
    about = get_dict(entry, "conversation")
    if not (conversation_id := get_str(about, "id", "_id")):
        raise GrokWebProtocolError(where="the site's export: conversation.id", expected="str", got="nothing")
    conversation = stored.read_conversation(
        {**_camel(about), "conversationId": conversation_id}, "the site's export: conversation"
    )
    responses = [_record(get_dict(holder, "response") or holder) for holder in get_objects(entry, "responses")]
    return stored.with_responses(conversation, {"responses": responses}, assets_url=assets_url)


def _record(record: Fields) -> Fields:
    """A record of a response with the members of the wire."""
    steps = [{**_camel(step), **_tagged(step.get("tagged_text"))} for step in get_objects(record, "steps")]
    renamed: dict[str, Any] = {**_camel({name: value for name, value in record.items() if name != "steps"})}
    return {
        **{name: value for name, value in renamed.items() if value is not None},
        "responseId": get_str(record, "_id", "response_id", "id"),
        "metadata": get_dict(record, "metadata"),
        "steps": steps,
    }


def _tagged(tagged: Any) -> dict[str, list[str]]:
    """The texts of a step, each with its tag; the spelling within `tagged_text` is not known, so all likely ones."""
    if isinstance(tagged, str):
        pairs = [("summary", tagged)]
    elif isinstance(tagged, dict):
        pairs = [(get_str(tagged, "tag"), get_str(tagged, "text"))] if "text" in tagged else list(tagged.items())
    else:
        entries = [entry for entry in tagged if isinstance(entry, dict)] if isinstance(tagged, list) else []
        pairs = [(get_str(entry, "tag", "message_tag"), get_str(entry, "text")) for entry in entries]
    kept = [(tag, text) for tag, text in pairs if isinstance(text, str)]
    return {"text": [text for _, text in kept], "tags": [tag for tag, _ in kept]}


def _camel(value: Any) -> Any:
    """The same with all member names as the wire has them."""
    if isinstance(value, dict):
        return {re.sub("_([a-z])", lambda letter: letter[1].upper(), name): _camel(one) for name, one in value.items()}
    return [_camel(one) for one in value] if isinstance(value, list) else value
