"""Replaces in a recorded turn everything that was said, and everybody's names, and leaves its shape.

What stays is counted out (`vocabulary`): names of members, values of which there are few, numbers that name a place,
the site's own tags. All else is replaced, character by character, by one fixed character of the same kind: each small
Latin letter is an `x`, each digit a `1`. So nothing is left of a text but the lengths of its words and its
punctuation, a text that comes in pieces and the whole text fit together, and places in them stay right. Ids and
addresses are numbered in the order in which they come, so that the same one is the same again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import orjson

from langchain_grokweb.capture import vocabulary as words

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_EVENT_ID = re.compile(r"evt_(?:(?:init|msg|resp|hb|item)_)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_ADDRESS = re.compile(r"(?:https?://|/?(?:anon-)?users/)\S*")
_BASE64 = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,")
_ID_NAME = re.compile(r"(?:^|_)(?:ids?|uid|uuid|key|hash)$")
_ADDRESS_NAME = re.compile(r"(?:^|_)(?:urls?|uris?|link|favicon|thumbnail|original)$")
_ALPHABETS = ("xbcdfghjklmnpqrstvwz", "XBCDFGHJKLMNPQRSTVWZ", "1234567890")
_HEX = re.compile(r"[0-9a-f-]{6,}|[0-9A-F-]{6,}")
_LARGEST_PLACE = 10_000
_DEEPEST = 60  # levels of JSON

# The structure that a text may hold: what grok.com's tags and ours are made of.
_STRUCTURE = re.compile(
    r"""
    (?P<data><!\[CDATA\[(?:(?!\]\]>).)*+(?:\]\]>)?)
    | (?P<tool><xai:tool_name>[\w.-]*(?=<))
    | (?P<tag></?(?:grok:render|xai:\w+|xaiArtifact|argument)\b(?:[^<>"]|"[^"]*")*+>?)
    | (?P<mark></?tool:[0-9a-f]{8}>)
    | (?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<scheme>https?://)
    """,
    re.VERBOSE | re.DOTALL,
)
_TAG_NAME = re.compile(r"</?(?:grok:render|xai:tool_\w+|xaiArtifact|argument)\b")
_ATTRIBUTE = re.compile(r'(?P<name>[\w:-]+)(?P<is>\s*=\s*")(?P<value>[^"]*)(?P<end>"?)')
_IDS = frozenset(["card_id", "artifact_id"])
_COUNTED_OUT = frozenset(["card_type", "type", "name", "contentType"])
_JSON_PARTS = re.compile(
    r'"(?P<name>[A-Za-z_]\w*)"(?=\s*:)|(?P<escape>\\(?:u[0-9a-fA-F]{4}|.))|\b(?:true|false|null)\b'
)


class Done(str):
    """A text that is replaced already."""

    __slots__ = ()


class Anonymizer:
    """Replaces, and remembers what it put in the place of ids and addresses, for one capture."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._used: set[str] = set()

    # --- objects

    def value(self, value: Any, name: str = "", parent: str = "", *, exactly: bool = False, level: int = 0) -> Any:
        """What stands in the place of a JSON value.

        Args:
            value: Any value.
            name: The member that it is of.
            parent: The member that holds the object that has that member.
            exactly: Whether only the protocol's own names stay: in the arguments of a tool anything may be a name.
            level: How deep it stands; what is deeper than anything of the protocol goes.
        """
        if level > _DEEPEST:
            return None
        exactly = exactly or name in {"args", "properties"}
        below = partial(self.value, exactly=exactly, level=level + 1)
        if isinstance(value, dict):
            return {
                self._name(member, exactly=exactly): below(entry, words.plain(member), name)
                for member, entry in value.items()
            }
        if isinstance(value, list):
            return [below(entry, name, parent) for entry in value]
        if isinstance(value, str):
            return str(value) if isinstance(value, Done) else self._string(value, name, parent)
        if isinstance(value, bool) or value is None:
            return value
        return value if name in words.PLACES and abs(value) < _LARGEST_PLACE else _number(value)

    def _name(self, name: str, *, exactly: bool) -> str:
        if words.is_name(name, exactly=exactly):
            return name
        return self.id(name)

    def _string(self, value: str, name: str, parent: str) -> str:
        if value in words.TEXTS or (name in words.COUNTED_OUT and words.is_value(value)):
            return value
        if name in {"message", "error", "reason"} and "error" in parent:
            return self.error(value)
        new = self._nested(value) if name in words.NESTED else None
        if new is None and name not in words.STREAMED and name != "message":
            new = self._by_shape(value, name)
        return self.text(value) if new is None else new

    def _by_shape(self, value: str, name: str) -> str | None:
        """What stands in the place of an id, an address, a time or a picture; `None` for another text."""
        if _BASE64.match(value):
            head, _, data = value.partition(",")
            mime_type = head.removeprefix("data:").removesuffix(";base64")
            return f"data:{mime_type if words.is_value(mime_type) else 'image/png'};base64,{mask(data)}"
        if _ID_NAME.search(name) and not _ADDRESS.match(value):
            return self.id(value)
        if _ADDRESS.fullmatch(value) or _ADDRESS_NAME.search(name):
            return self.address(value)
        return re.sub(r"\d", "1", value) if _TIME.fullmatch(value) else None

    def _nested(self, value: str) -> str | None:
        try:
            entry = orjson.loads(value)
        except ValueError:
            return None
        return orjson.dumps(self.value(entry)).decode() if isinstance(entry, dict) else None

    # --- ids and addresses

    def id(self, value: str) -> str:
        """An id of the same shape, always the same one for the same id."""
        if (prefix := _EVENT_ID.match(value)) is not None and prefix.end() < len(value):
            head, underscore, number = value[prefix.end() :].rpartition("_")
            if underscore and number.isdigit():
                return f"{prefix[0]}{self.id(head)}_{number}"
            return prefix[0] + self.id(value[prefix.end() :])
        if _UUID.search(value) and not _UUID.fullmatch(value):
            return self.text(value)
        if not value:
            return value
        if value not in self._ids:
            self._ids[value] = self._numbered(value)
        return self._ids[value]

    def _numbered(self, value: str) -> str:
        number, tries = len(self._ids) + 1, 64
        while (new := _shaped(value, number)) in self._used and tries:
            number, tries = number + 1, tries - 1
        self._used.add(new)
        return new

    def address(self, value: str) -> str:
        """An address of the same shape; of the service's own paths, and of X, the words stay."""
        scheme, slashes, rest = value.rpartition("://")
        host, slash, path = rest.partition("/") if slashes else ("", "", rest)
        known = not host or host in words.HOSTS
        if slashes and scheme not in {"http", "https"}:
            return self.text(value)
        if not known:
            return f"{scheme}{slashes}{self.id(rest)}"
        return f"{scheme}{slashes}{host}{slash}{'/'.join(self._segment(part) for part in path.split('/'))}"

    def _segment(self, part: str) -> str:
        if part in words.PATHS or not part:
            return part
        name, dash, number = part.partition("-part-")
        if dash and number.isdigit():
            return f"{self.id(name)}{dash}{number}"
        return self.id(part)

    def path(self, value: str) -> str:
        """The path of a request."""
        return "/".join(self._segment(part) for part in value.partition("?")[0].split("/"))

    # --- texts

    def text(self, text: str) -> str:
        """A text of the same length, with the site's tags and ids in it."""
        kept = text[: len(words.HEADLINE)] if text.startswith(words.HEADLINE) else ""
        parts, at = [kept], len(kept)
        for match in _STRUCTURE.finditer(text, at):
            parts += [mask(text[at : match.start()]), self._structure(match)]
            at = match.end()
        return "".join([*parts, mask(text[at:])])

    def pieces(self, pieces: list[str]) -> list[Done]:
        """The pieces of one text: replaced as a whole, and cut where they were cut."""
        whole, at, done = self.text("".join(pieces)), 0, []
        for piece in pieces:
            done.append(Done(whole[at : at + len(piece)]))
            at += len(piece)
        return done

    def error(self, text: str) -> str:
        """The text of an error: what the protocol pages quote stays."""
        return _but(words.ERRORS, text, _known_code)

    def _structure(self, match: re.Match[str]) -> str:
        text = match[0]
        match match.lastgroup:
            case "data":
                inner = text.removeprefix("<![CDATA[").removesuffix("]]>")
                end = "]]>" if text.endswith("]]>") else ""
                return f"<![CDATA[{self._json_text(inner)}{end}"
            case "tool":
                opening, _, name = text.partition(">")
                return f"{opening}>{name if words.is_value(name) else mask(name)}"
            case "tag":
                return self._tag(text)
            case "mark":
                head, _, mark = text.rstrip(">").partition(":")
                return f"{head}:{self.id(mark)}>"
            case "uuid":
                return self.id(text)
            case _:
                return text

    def _tag(self, text: str) -> str:
        name = _TAG_NAME.match(text)
        if name is None:
            return mask(text)

        def attribute(match: re.Match[str]) -> str:
            value = match["value"]
            if match["name"] in _IDS:
                new = self.id(value)
            elif match["name"] in _COUNTED_OUT and (words.is_value(value) or words.is_name(value)):
                new = value
            else:
                new = mask(value)
            shown = match["name"] if match["name"] in {*_IDS, *_COUNTED_OUT, "title"} else mask(match["name"])
            return f"{shown}{match['is']}{new}{match['end']}"

        return name[0] + _but(_ATTRIBUTE, text[name.end() :], attribute)

    def _json_text(self, text: str) -> str:
        """JSON within a text: it stays JSON, and the protocol's names stay in it."""

        def part(match: re.Match[str]) -> str:
            if match["escape"]:
                return match[0] if match[0][1] != "u" else r"\u0078"
            name = match["name"]
            return match[0] if name is None or words.is_name(name, exactly=True) else f'"{mask(name)}"'

        return _but(_JSON_PARTS, text, part)

    def page(self, text: str) -> dict[str, Any]:
        """What stays of a page in place of an answer: its length, and the signs by which it is known."""
        return {"length": len(text), "signs": [sign for sign in words.SIGNS if sign.lower() in text.lower()]}


def mask(text: str) -> str:
    """A text of which only lengths, kinds of characters, white space and punctuation are left."""
    if text.isascii():
        return text.translate(_ASCII)
    return "".join(map(_same_kind, text))


_ASCII = {
    **dict.fromkeys(range(ord("a"), ord("z") + 1), "x"),
    **dict.fromkeys(range(ord("A"), ord("Z") + 1), "X"),
    **dict.fromkeys(range(ord("0"), ord("9") + 1), "1"),
}
_KEPT_KINDS = frozenset("Pc Pd Ps Pe Pi Pf Po Zs Zl Zp Cc Cf".split())
_OF_TWO_HALVES = "\U0001f600"  # 0xD83D 0xDE00
_FIRST_SECOND_HALF = 0xDC00


@lru_cache(maxsize=4096)
def _same_kind(character: str) -> str:
    """The one character that stands for all of its kind: of the same script, category and size in UTF-8."""
    if character.isascii():
        return character.translate(_ASCII)
    kind = unicodedata.category(character)
    if kind in _KEPT_KINDS:
        return character
    if kind == "Cs":  # half a character: its other half may be in another piece
        return chr(0xD83D) if ord(character) < _FIRST_SECOND_HALF else chr(0xDE00)
    if character > "\uffff":
        return _OF_TWO_HALVES
    return _first_of_each_kind()[_kind(character)]


@lru_cache(maxsize=1)
def _first_of_each_kind() -> dict[tuple[Any, ...], str]:
    first: dict[tuple[Any, ...], str] = {}
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x10000)):
        first.setdefault(_kind(chr(code)), chr(code))
    return first


def _kind(character: str) -> tuple[Any, ...]:
    script = unicodedata.name(character, "").partition(" ")[0]
    is_wide = unicodedata.east_asian_width(character) in {"W", "F"}
    is_from_right = unicodedata.bidirectional(character) in {"R", "AL"}
    return script, unicodedata.category(character), is_wide, is_from_right, len(character.encode())


def _but(pattern: re.Pattern[str], text: str, kept: Callable[[re.Match[str]], str]) -> str:
    """A text that is masked but for what matches."""
    parts, at = [], 0
    for match in pattern.finditer(text):
        parts += [mask(text[at : match.start()]), kept(match)]
        at = match.end()
    return "".join([*parts, mask(text[at:])])


def _known_code(match: re.Match[str]) -> str:
    text = match[0]
    is_code = text.upper().startswith("[WKE=")
    return text if not is_code or words.is_value(text[5:-1]) else f"[WKE={mask(text[5:-1])}]"


def _shaped(value: str, number: int) -> str:
    """A value of this shape, with the number written into its last letters and digits."""
    alphabets = dict(zip("xX1", _ALPHABETS, strict=True))
    shape = mask(value)
    if _HEX.fullmatch(value):  # which of its characters are letters says too much of it
        shape = re.sub(r"[xX]", "1", shape)
        alphabets["1"] = "0123456789" if value.isdigit() else "0123456789abcdef"
    shaped: list[str] = []
    for character in reversed(shape):
        alphabet = alphabets.get(character)
        if alphabet is None:
            shaped.append(character)
        else:
            number, digit = divmod(number, len(alphabet))
            shaped.append(alphabet[digit])
    return "".join(reversed(shaped))


def _number(value: float) -> int | float:
    """A number with as many digits, all of them ones; zero stays."""
    if not value:
        return value
    masked = re.sub(r"\d", "1", repr(abs(value)))
    try:
        return (-1 if value < 0 else 1) * (float(masked) if isinstance(value, float) else int(masked))
    except (ValueError, OverflowError):
        return 1
