"""What lies on the assets host: uploads, and what Grok made (rest.md 2.4 and 8.2). Knows no wire.

Pictures are to look at: colours and shapes follow from the prompt, and the prompt itself is drawn into them.
"""

import io
import random
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.state.conversations import conversation_time

Source = bytes | Callable[[], bytes]  # of what is costly to make: how, for when it is asked for

SIDE = 512  # pixels
PREVIEW_SIDE = 128
_TEXT_WIDTH = 24  # characters
_SHAPES = 7
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


@lru_cache(maxsize=64)
def drawn(prompt: str, original: bytes | None = None) -> bytes:
    """A JPEG of this prompt, always the same; with an original, that picture in other colours and with these words."""
    from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: PLC0415 - only who asks for pictures needs it

    prompt = prompt.encode("utf-8", "replace").decode()  # half a character cannot be drawn
    dice = random.Random(prompt)  # noqa: S311 - nothing secret
    base = Image.linear_gradient("L").resize((SIDE, SIDE)).rotate(90 * dice.randrange(4))
    dark, light, *others = (f"hsl({dice.randrange(360)}, 70%, {share}%)" for share in (25, 70, *[50] * _SHAPES))
    is_edited = False
    with suppress(OSError, ValueError, SyntaxError), Image.open(io.BytesIO(original or b"")) as before:
        base, is_edited = ImageOps.fit(before.convert("L"), (SIDE, SIDE)), True
    picture = ImageOps.colorize(base, dark, light)
    canvas = ImageDraw.Draw(picture, "RGBA")
    for colour in () if is_edited else others:
        x, y, radius = dice.randrange(SIDE), dice.randrange(SIDE), dice.randrange(SIDE // 16, SIDE // 4)
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    words = "\n".join(textwrap.wrap(prompt[:200], _TEXT_WIDTH)) or "?"
    place = (SIDE // 2, SIDE - SIDE // 8 if is_edited else SIDE // 2)
    font = ImageFont.load_default(size=SIDE // 16)
    canvas.multiline_text(place, words, "white", font, anchor="mm", stroke_width=3, stroke_fill="black")
    return _jpeg(picture)


@lru_cache(maxsize=64)
def preview(finished: bytes) -> bytes:
    """The same, small and blurred."""
    from PIL import Image, ImageFilter  # noqa: PLC0415

    with Image.open(io.BytesIO(finished)) as picture:
        return _jpeg(picture.resize((PREVIEW_SIDE, PREVIEW_SIDE)).filter(ImageFilter.GaussianBlur(4)))


def _jpeg(picture: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80)
    return written.getvalue()
