"""What lies on the assets host: uploads, and what Grok made (rest.md 2.4 and 8.2). Knows no wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.state.conversations import conversation_time

Source = bytes | Callable[[], bytes]  # of what is costly to make: how, for when it is asked for

_VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


@dataclass(slots=True)
class AnnouncedUpload:
    """An upload in three steps: announced, its bytes here, then a file or an error; these are in the last reply."""

    name: str
    mime_type: str
    content: bytes | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Its state, in the site's words."""
        if self.result:
            return "ERROR" if "terminalError" in self.result else "SUCCESS"
        return "INITIALIZED" if self.content is None else "UPLOADED"


@dataclass(frozen=True, slots=True)
class Asset:
    """One thing on the assets host.

    Attributes:
        key: Its path there.
        source: Its bytes, or how to make them.
        mime_type: What it is.
        name: The name of a file; empty for pictures and videos.
        path: Where a file that Grok made lies in the conversation: its key is refused, `files/content` has it.
        inline: `files/content` has such a file as a data URL too.
        asset_id: Its id in the asset library.
        create_time: RFC 3339.
    """

    key: str
    source: Source = field(repr=False)
    mime_type: str
    name: str = ""
    path: str = ""
    inline: bool = False
    asset_id: str = field(default_factory=lambda: str(uuid4()))
    create_time: str = field(default_factory=conversation_time)

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return self.source if isinstance(self.source, bytes) else self.source()

    def described(self) -> Mapping[str, Any]:
        """An entry of `fileAttachmentAssetMetadata` (rest.md 8.2)."""
        return {
            "assetId": self.asset_id,
            "key": self.key,
            "previewImageKey": "",
            "sizeBytes": len(self.content),
            "mimeType": self.mime_type,
            "name": self.name,
            "createTime": self.create_time,
            "isModelGenerated": True,
            "isLatest": True,
        }


def video_of(prompt: str) -> bytes:
    """The frame of an MP4 file, with the prompt in place of moving pictures."""
    words = prompt.encode()
    return _VIDEO + (8 + len(words)).to_bytes(4, "big") + b"mdat" + words
