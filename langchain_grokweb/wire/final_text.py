"""The site's own final text beside the text that was streamed (rest.md 4.9, gateway.md 4.1).

Both are compared without markup, with white space as one blank, and with accents as part of their letters (NFC), so
that a harmless spelling never counts as another text. It is done once, at the end, and texts that are the same to the
letter need no look at their words.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\S+")
_EMPTY_BOLD = re.compile(r"(?<!\*)\*{4}(?!\*)")  # left over where a mark stood that came as an event (rest.md 8.2)


def missing_tail(streamed: str, final: str) -> str | None:
    """What the final text has after the streamed one; `None` where it is another text.

    Args:
        streamed: What was delivered, without markup.
        final: The final text, without markup.
    """
    if final.startswith(streamed):
        return final[len(streamed) :]
    streamed, final = (unicodedata.normalize("NFC", text) for text in (streamed, final))
    compared, wanted = _spaced(streamed), _spaced(final)
    if compared.rstrip() == wanted.rstrip():
        return ""
    if not wanted.startswith(compared):
        compared, wanted = (_spaced(_EMPTY_BOLD.sub("", text)).rstrip() for text in (streamed, final))
        return "" if compared == wanted else None
    tail = final[place_after(final, letters(streamed)) :]
    return tail.lstrip() if streamed[-1:].isspace() else tail


def letters(text: str) -> int:
    """How many characters of a text are no white space."""
    return sum(map(len, text.split()))


def place_after(text: str, count: int) -> int:
    """Where in a text so many characters that are no white space have come."""
    for word in _WORD.finditer(text):
        if count <= word.end() - word.start():
            return word.start() + count
        count -= word.end() - word.start()
    return len(text)


def _spaced(text: str) -> str:
    """A text with white space as one blank, none at its beginning."""
    return " ".join(text.split()) + (" " if text[-1:].isspace() else "")


class Halves:
    r"""Feed it text, get it without halves of characters.

    The site cuts tokens within a character that is two UTF-16 units, and writes each half as an escape (`\ud83d`). Half
    a character waits for its other half; one that stands alone becomes U+FFFD.
    """

    def __init__(self) -> None:
        self.pending = ""

    def feed(self, piece: str) -> str:
        """Take a piece, give what is settled."""
        piece, self.pending = self.pending + piece, ""
        if "\ud800" <= piece[-1:] <= "\udbff":
            piece, self.pending = piece[:-1], piece[-1]
        return whole_characters(piece)

    def close(self) -> str:
        """No more comes."""
        pending, self.pending = self.pending, ""
        return "\ufffd" if pending else ""


def whole_characters(text: str) -> str:
    """A text with halves that stand side by side joined, and U+FFFD for others."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
