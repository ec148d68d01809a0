"""Pictures to look at: colours and shapes that follow from the prompt, and the prompt itself drawn into them."""

import io
import random
import textwrap
from contextlib import suppress
from functools import lru_cache
from typing import Any

SIDE = 512  # pixels
PREVIEW_SIDE = 128
_TEXT_WIDTH = 24  # characters
_SHAPES = 7


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
