"""Files that go up with a question."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.cli.report import Failure
from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire.turn import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of the user's.

    Attributes:
        name: Its name, without its folder.
        content: Its bytes.
        mime_type: Its type, by its name.
    """

    name: str
    content: bytes = field(repr=False)
    mime_type: str = "application/octet-stream"

    def block(self) -> dict[str, Any]:
        """As LangChain's block of content."""
        kind = self.mime_type.partition("/")[0]
        return {
            "type": kind if kind in {"image", "audio", "video"} else "file",
            "base64": base64.b64encode(self.content).decode("ascii"),
            "mime_type": self.mime_type,
            "filename": self.name,
        }


def read(path: Path) -> Attachment:
    """A file, read.

    Raises:
        Failure: It is not there, is empty or too big, or may not be read.
    """
    path = path.expanduser()
    try:
        if path.is_dir():
            raise Failure(f"{path} is a directory.", "Attach its files one by one.")
        size = path.stat().st_size
        if size > MAX_ATTACHMENT_BYTES:
            raise Failure(
                f"{path} has {size / _MEGABYTE:.0f} MB, and at most {MAX_ATTACHMENT_BYTES // _MEGABYTE} MB can go up."
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a NUL in a name is a ValueError
        raise Failure(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not content:
        raise Failure(f"{path} is empty.", "Leave it out.")
    return Attachment(path.name, content, mimetypes.guess_type(path.name)[0] or "application/octet-stream")


async def fetch(model: ChatGrokWeb, entry: Mapping[str, Any]) -> Attachment:
    """A file of the last question that the site keeps.

    Raises:
        Failure: It cannot be had.
    """
    name = str(entry.get("name") or "a file")
    try:
        content = await model.adownload(entry, max_bytes=MAX_ATTACHMENT_BYTES)
    except GrokWebError as error:
        raise Failure(
            f"{name}, which belongs to the last question, cannot be had: {error}",
            "/attach it, and ask as a new question.",
        ) from None
    return Attachment(name, content, str(entry.get("mime_type") or "application/octet-stream"))


def check_count(files: Sequence[Any]) -> None:
    """Refuse more files than a question takes.

    Raises:
        Failure: There are too many.
    """
    if len(files) > MAX_ATTACHMENTS:
        raise Failure(f"A question takes {MAX_ATTACHMENTS} files at most; these are {len(files)}.")
