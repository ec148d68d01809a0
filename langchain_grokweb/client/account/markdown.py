"""A conversation as Markdown to read: who said what, thoughts folded, sources as footnotes, pictures in their places.

It begins with what it is of, as YAML that any tool for notes reads; a later export finds itself by it. First comes what
the site shows, then what stands on other branches. What an answer leaves open, a block of code or a comment, is closed
at its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from langchain_grokweb.wire.events import FileMade
from langchain_grokweb.wire.export_format import SavedItem
from langchain_grokweb.wire.footnotes import Footnotes, escaped, plain
from langchain_grokweb.wire.stored import AttachedFile, StoredConversation, StoredResponse

VERSION = 1
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_FOLD = re.compile(r"<(?=/?(?:details|summary)\b)", re.IGNORECASE)
_LONGEST_QUOTATION_CHARS = 80


def document(conversation: StoredConversation, items: Mapping[str, SavedItem], *, address: str) -> str:
    """The whole of it.

    Args:
        conversation: The conversation.
        items: What became of its pictures and files, by id.
        address: Where the site shows it.
    """
    head = {
        "title": conversation.title,
        "id": conversation.id,
        "address": address,
        "created": _iso(conversation.created),
        "modified": _iso(conversation.modified),
        "export_version": VERSION,
    }
    lines = ["---", *(f"{name}: {_yaml(value)}" for name, value in head.items()), "---"]
    footnotes = Footnotes("footnotes")
    parts = ["\n".join(lines), f"# {escaped(plain(conversation.title)) or 'Untitled'}"]
    written: dict[str, StoredResponse] = {}
    newest = conversation.leaf()
    leaves = [newest, *(leaf for leaf in reversed(conversation.leaves()) if leaf is not newest)]
    for leaf in filter(None, leaves):
        path = [response for response in conversation.path(leaf.id) if response.id not in written]
        if written and path:
            parts.append(_branch(written.get(path[0].parent_id or "")))
        for response in path:
            written[response.id] = response
            parts += _response(response, items, footnotes)
    if sources := footnotes.sources():
        parts.append(sources)
    return "\n\n".join(parts) + "\n"


def identity(head: str) -> tuple[str, str] | None:
    """Which conversation a document is of, and when that was changed, if this version wrote it; else `None`."""
    if not head.startswith("---\n"):
        return None
    members: dict[str, Any] = {}
    for line in head[4:].partition("\n---\n")[0].splitlines():
        name, _, value = line.partition(": ")
        try:
            members[name] = json.loads(value)
        except ValueError:
            return None
    if "export_version" not in members:
        return None
    is_current = members["export_version"] == VERSION
    return str(members.get("id", "")), str(members.get("modified", "")) if is_current else ""


def _branch(parent: StoredResponse | None) -> str:
    if parent is None:
        return "---\n\n*Another beginning of this conversation:*"
    words = plain(parent.text)
    shown = words if len(words) <= _LONGEST_QUOTATION_CHARS else f"{words[:_LONGEST_QUOTATION_CHARS].rstrip()}…"
    return f"---\n\n*Another branch, after “{escaped(shown)}”:*"


def _response(response: StoredResponse, items: Mapping[str, SavedItem], footnotes: Footnotes) -> Iterator[str]:
    who = "You" if response.sender == "human" else "Grok"
    when = f"{response.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if response.created else ""
    yield "## " + " · ".join(filter(None, [who, escaped(plain(response.model)), when]))
    if response.reasoning:
        thoughts = _closed(_FOLD.sub("&lt;", response.reasoning))
        yield f"<details>\n<summary>Thinking</summary>\n\n{thoughts}\n\n</details>"
    citations = [
        {"url": source.url, "title": source.title, "end_index": source.position} for source in response.citations
    ]
    if text := footnotes.mark(response.text, citations).strip():
        yield _closed(text)
    for image in response.images:
        yield f"!{_link(image.prompt or 'picture', items.get(image.id))}"
    files: list[AttachedFile | FileMade] = [*response.attachments, *response.files]
    for file in files:
        saved = items.get(file.id)
        is_picture = file.mime_type.startswith("image/") and saved is not None and saved.path
        yield f"{'!' if is_picture else ''}{_link(file.name or 'file', saved)}"
    for video in response.videos:
        yield _link(video.prompt or "video", items.get(video.id))
    if response.sender == "assistant" and not response.is_whole:
        yield "*This answer is not whole.*"


def _link(name: str, item: SavedItem | None) -> str:
    """A link to what was saved; where that could not be had, to its place at the service."""
    label = escaped(plain(name))
    if item is None or not (item.path or item.url):
        return f"[{label}]()"
    if item.path:
        return f"[{label}](<{quote(item.path, safe='/')}>)"
    return f"[{label} (not saved)](<{quote(item.url, safe='/:?&=%')}>)"


def _closed(text: str) -> str:
    """A text that leaves no block of code and no comment open."""
    fence = ""
    for line in text.splitlines():
        if (match := _FENCE.match(line)) is None:
            continue
        if not fence:
            fence = match[1]
        elif match[1].startswith(fence) and not match[2].strip():
            fence = ""
    if fence:
        text += f"\n{fence}"
    return f"{text}\n\n-->" if text.rfind("<!--") > text.rfind("-->") else text


def _yaml(value: Any) -> str:
    """A value as JSON, which is YAML; what cannot be seen is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
