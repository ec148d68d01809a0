"""What Grok made in an answer: pictures, files and videos, shown and saved."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from rich.console import Console

from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.cli.report import Failure, show
from langchain_grokweb.cli.terminal import safe_line
from langchain_grokweb.errors import GrokWebError

_KINDS = {"images": "picture", "files": "file", "videos": "video"}
_LONGEST_NAME = 60
_PICTURE_ROWS = 24
_UNSAFE_IN_NAME = re.compile(r"[^\w.() -]+")


@dataclass(slots=True)
class Made:
    """One thing that Grok made.

    Attributes:
        kind: `"picture"`, `"file"` or `"video"`.
        item: The entry of the message.
        path: Where it was saved.
    """

    kind: str
    item: dict[str, Any]
    path: Path | None = None

    @property
    def place(self) -> str:
        """Where it can be had: its file, or its address."""
        return str(self.path or self.item.get("url", ""))


def of(answer: AIMessage) -> list[Made]:
    """What was made in an answer."""
    return [Made(kind, item) for key, kind in _KINDS.items() for item in answer.additional_kwargs.get(key, [])]


async def save(model: ChatGrokWeb, things: list[Made], directory: Path) -> None:
    """Save them in a directory, each under a name that is free there. What cannot be had is reported, and left out.

    Raises:
        Failure: The directory cannot be written.
    """
    for thing in things:
        if (content := await _content(model, thing)) is not None:
            thing.path = write_new(directory, _name(thing), content)


async def show_on_terminal(model: ChatGrokWeb, things: list[Made], console: Console) -> None:
    """Show pictures where the terminal can, and the place of each thing in a line of its own."""
    picture = _picture_class() if any(thing.kind == "picture" for thing in things) else None
    for thing in things:
        if picture is not None and thing.kind == "picture":
            content = thing.path.read_bytes() if thing.path else await _content(model, thing)
            if content is not None:
                _print_picture(picture, content, console)
        console.print(f"{thing.kind:<9}{safe_line(thing.place)}", style="green", soft_wrap=True)


def write_new(directory: Path, name: str, content: bytes) -> Path:
    """Write a file under a name that is free.

    Raises:
        Failure: It cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path in _free_paths(directory / name):
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise Failure(f"{directory} cannot be written: {error.strerror or error}.") from None
    raise AssertionError  # there is always one more path


def slug(text: str) -> str:
    """A text as the name of a file, without what a name must not hold; may be empty."""
    return " ".join(_UNSAFE_IN_NAME.sub(" ", text).split()).strip(" .")[:_LONGEST_NAME].strip(" .")


def _free_paths(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def _name(thing: Made) -> str:
    """A name for its file, made of what the site calls it, which is nothing that leads elsewhere."""
    item = thing.item
    if given := slug(str(item.get("name") or "").replace("\\", "/").rpartition("/")[2]):
        return given
    ending = mimetypes.guess_extension(str(item.get("mime_type") or "")) or ""
    return f"{slug(str(item.get('prompt') or '')) or thing.kind}{ending}"


async def _content(model: ChatGrokWeb, thing: Made) -> bytes | None:
    try:
        return await model.adownload(thing.item)
    except GrokWebError as error:
        show(error)
        return None


def _picture_class() -> Any:
    """What shows pictures on this terminal, over sixels or kitty's protocol; `None` where it can do neither.

    The library asks the terminal when it is imported, so it is imported when the first picture is there.
    """
    if os.environ.get("TERM") in {None, "linux", "vt100"}:  # which would show the question instead of answering it
        return None
    try:
        from textual_image import renderable  # noqa: PLC0415
    except ImportError:
        return None
    shown = (renderable.SixelImage, renderable.TGPImage)
    return renderable.Image if renderable.Image in shown else None


def _print_picture(picture: Any, content: bytes, console: Console) -> None:
    height = max(4, min(_PICTURE_ROWS, console.height - 4))
    try:
        console.print(picture(BytesIO(content), width="auto", height=height), soft_wrap=False)
    except (OSError, ValueError):  # not a picture that Pillow reads
        return
