"""Records turns as they go over the wire, and writes them with their texts replaced.

Nothing is written before it is replaced: what came is kept in memory until the end. A capture is a file of JSON lines.
The first names the format; each of the others is one thing that happened, `at` so many seconds after the first one, on
a `wire`: `sent`, `received` (a list of objects), `unreadable`, `refused` or `ended`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

from langchain_grokweb._version import __version__
from langchain_grokweb.capture import vocabulary as words
from langchain_grokweb.capture.anonymizer import Anonymizer, mask
from langchain_grokweb.client.network.tap import Heard
from langchain_grokweb.errors import LOGIN_URL, GrokWebProtocolError
from langchain_grokweb.wire.error_mapping import is_sign_in
from langchain_grokweb.wire.framing import JsonObjects
from langchain_grokweb.wire.json_fields import get_dict, get_str

FORMAT = 1
_Model = TypeVar("_Model")
_HEADERS = ("cf-mitigated", "retry-after", "content-type", "location")
_MAX_HEADER_DIGITS = 6

Entry = dict[str, Any]


@contextmanager
def record(model: _Model, path: str | Path) -> Iterator[_Model]:
    """Record the turns of a model: a context manager that writes a capture when its block ends.

    The texts of questions and answers are replaced before anything is written.

    Args:
        model: A `ChatGrokWeb`. The block gets a copy of it that is recorded.
        path: The file to write. An existing file is replaced.

    Raises:
        OSError: The file cannot be written.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb
        from langchain_grokweb.capture import record

        with record(ChatGrokWeb(), "capture.jsonl") as model:
            model.invoke("Why is the sky blue?")
        ```
    """
    path = Path(path)
    with path.open("a", encoding="ascii"):
        pass  # better now than after the turn
    recorder = Recorder()
    copy: Any = model.model_copy()  # type: ignore[attr-defined]
    copy._tap = recorder.hear  # noqa: SLF001 - the model's own place for it
    if hasattr(copy, "keep_session"):
        copy.keep_session = 0  # a socket of another turn would not be heard
    try:
        yield copy
    finally:
        path.write_text(recorder.text(), encoding="ascii")


class Recorder:
    """Hears what turns send and get (`hear` is a `Tap`)."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._entries: list[Entry] = []
        self._objects: JsonObjects | None = None  # of the stream that is under way
        self._unread = bytearray()  # what of it cannot be read

    def hear(self, wire: Literal["rest", "gateway"], heard: Heard, what: Any) -> None:
        """Keep one thing that happened."""
        match heard:
            case "sent":
                self._close()
                self._objects = JsonObjects("") if wire == "rest" else None
                self._add(wire, "sent", what if wire == "rest" else orjson.loads(what))
            case "received" if wire == "rest":
                self._read_on(what)
            case "received":
                self._read_message(what)
            case "refused" | "ended":
                self._close()
                self._add(wire, heard, what)

    def text(self) -> str:
        """The capture."""
        self._close()
        head = {"grokweb_capture": FORMAT, "version": __version__}
        lines = [head, *anonymous(self._entries)]
        return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def _add(self, wire: str, heard: str, what: Any) -> None:
        if not self._entries:
            self._began = time.monotonic()
        self._entries.append({"at": round(time.monotonic() - self._began, 3), "wire": wire, heard: what})

    def _read_on(self, piece: bytes) -> None:
        if self._objects is None:
            self._unread += piece
            return
        objects: list[Any] = []
        try:
            self._objects.feed(piece, objects)
        except GrokWebProtocolError:
            self._unread += b"\n".join(piece.split(b"\n")[len(objects) :])
            self._objects = None
        if objects:
            self._add("rest", "received", objects)

    def _close(self) -> None:
        """The stream is over: an object that is not complete cannot be read."""
        if self._objects is not None:
            self._unread += self._objects.unfinished
        if self._unread.strip():
            self._add("rest", "unreadable", self._unread.decode("utf-8", "replace"))
        self._unread, self._objects = bytearray(), None

    def _read_message(self, message: bytes) -> None:
        objects: list[Any] = []
        reader = JsonObjects("")
        try:
            reader.feed(message, objects)
            reader.close()
        except GrokWebProtocolError:
            self._add("gateway", "unreadable", message.decode("utf-8", "replace"))
        else:
            self._add("gateway", "received", objects)


# --- with texts replaced


def anonymous(entries: list[Entry]) -> list[Entry]:
    """What happened, with its texts replaced."""
    anonymizer = Anonymizer()
    _replace_streams(entries, anonymizer)
    return [_anonymous(entry, anonymizer) for entry in entries]


def _anonymous(entry: Entry, anonymizer: Anonymizer) -> Entry:
    shown: Entry = {"at": entry["at"], "wire": entry["wire"]}
    if "sent" in entry and entry["wire"] == "rest":
        request = entry["sent"]
        path, body = anonymizer.path(request["path"]), anonymizer.value(request["body"])
        return {**shown, "sent": {"method": request["method"], "path": path, "body": body}}
    if "refused" in entry:
        return {**shown, "refused": _refusal(entry["refused"], anonymizer)}
    if "unreadable" in entry:
        return {**shown, "unreadable": mask(entry["unreadable"])}
    if "ended" in entry:
        return {**shown, "ended": _end(entry["ended"], anonymizer)}
    heard = "sent" if "sent" in entry else "received"
    return {**shown, heard: anonymizer.value(entry[heard])}


def _end(end: Any, anonymizer: Anonymizer) -> Entry:
    shown = {name: end[name] for name in ("code", "error") if name in end}
    return {**shown, "reason": anonymizer.error(end["reason"])} if end.get("reason") else shown


def _refusal(refusal: Any, anonymizer: Anonymizer) -> Entry:
    headers = {name.lower(): value for name, value in refusal["headers"] if name.lower() in _HEADERS}
    kind = headers.pop("content-type", "").partition(";")[0].strip().lower()
    shown = {"content-type": kind} if words.is_value(kind) else {}
    if headers.get("cf-mitigated") == "challenge":
        shown["cf-mitigated"] = "challenge"
    wait = headers.get("retry-after", "")
    if wait.isdigit() and len(wait) <= _MAX_HEADER_DIGITS:
        shown["retry-after"] = wait
    if is_sign_in(headers.get("location", "")):
        shown["location"] = LOGIN_URL + "sign-in"
    text = refusal["body"].decode("utf-8", "replace")
    try:
        body = orjson.loads(text)
    except ValueError:
        rest = {"page": anonymizer.page(text)} if "<" in text else {"text": anonymizer.error(text)}
        return {"status": refusal["status"], "headers": shown, **rest}
    return {"status": refusal["status"], "headers": shown, "body": anonymizer.value(body, "error", "error")}


def _replace_streams(entries: list[Entry], anonymizer: Anonymizer) -> None:
    """Replace the texts that come in pieces: each as a whole, since a tag may be cut anywhere."""
    streams: dict[tuple[Any, ...], list[tuple[dict[str, Any], str]]] = {}
    for number, entry in enumerate(entries):
        for received in entry.get("received", ()):
            for stream, place, name in _pieces(received, number if "sent" in entry else 0):
                if place[name] not in words.TEXTS:
                    streams.setdefault(stream, []).append((place, name))
    for places in streams.values():
        done = anonymizer.pieces([place[name] for place, name in places])
        for (place, name), piece in zip(places, done, strict=True):
            place[name] = piece


def _pieces(received: Any, number: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """The pieces of streamed texts in an object: which text, and where the piece stands."""
    frame: Any = get_dict(received, "result")
    frame = get_dict(frame, "response") or frame
    if isinstance(frame.get("token"), str):
        tag, is_thought = get_str(frame, "messageTag"), frame.get("isThinking") is True
        of_step = (tag, frame.get("messageStepId"), frame.get("toolUsageCardId"))
        section = () if tag in {"", "final"} and not is_thought else of_step
        yield (number, str(frame.get("responseId")), is_thought, section, str(frame.get("rolloutId"))), frame, "token"
    event: Any = get_dict(received, "event")
    about = str(event.get("response_id"))
    if isinstance(event.get("delta"), str):
        is_thought = bool(get_dict(event, "x_grok").get("is_thinking"))
        yield (number, about, str(event.get("type")), is_thought), event, "delta"
    chunk = get_dict(event, "chunk")
    text: Any = get_dict(chunk, "text")
    if isinstance(text.get("text"), str):
        rollout = get_str(get_dict(chunk, "metadata"), "rollout_id")
        yield (number, about, str(text.get("channel")), rollout), text, "text"
