"""Names of files made of what others wrote: titles, prompts, names of files. And files that appear whole.

A name is safe on every usual system: no separator, no reserved name or character, nothing that cannot be seen or turns
the direction of writing, no dot or hyphen at its beginning, no dot or blank at its end, and short.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
import secrets
import unicodedata
from pathlib import Path

_MAX_BYTES = 120  # of the 255 that file systems take, so that endings fit
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\.|\s*$)", re.IGNORECASE)
_ENDING = re.compile(r"\.[a-z0-9]{1,8}", re.IGNORECASE)
_UNSEEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_name(text: str, otherwise: str) -> str:
    """A text as a name without an ending; `otherwise` where nothing is left of it."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(char) in _UNSEEN_CATEGORIES else char for char in text)
    text = " ".join(_NOT_IN_NAMES.sub("-", text).split())
    text = text.encode()[:_MAX_BYTES].decode("utf-8", "ignore").lstrip(".-~ ").rstrip(". ")
    return f"_{text}" if _RESERVED.match(text) else text or otherwise


def item_name(name: str, item_id: str, mime_type: str, otherwise: str) -> str:
    """The name of a picture or a file in an export: what it is called, a mark of its id, and its ending."""
    stem, dot, last = name.rpartition(".")
    ending = f".{last}" if dot and stem and _ENDING.fullmatch(f".{last}") else ""
    known = ending or mimetypes.guess_extension(mime_type.partition(";")[0].strip()) or ""
    mark = hashlib.sha256(item_id.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{safe_name(stem if ending else name, otherwise)} {mark}{known.lower()}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears when it is whole, in place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except BaseException:  # Ctrl-C too must leave nothing
        part.unlink(missing_ok=True)
        raise
