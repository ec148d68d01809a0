"""Content faults of the gateway alone: the events of an answer, with something wrong or unheard of in them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.gateway.events import beside, compact, done, enveloped, event_ids, said
from langchain_grokweb.testing.state import mischief
from langchain_grokweb.testing.state.chunks import RESPONSE, text_chunk
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame
from langchain_grokweb.testing.state.mischief import Oddities

FOREIGN_TEXT = " FOREIGN"
LATE_TEXT = " LATE"

_Change = Callable[[list[Frame], Mapping[str, Any], str], list[Frame]]


def spoiled(frames: list[Frame], fault: Fault, response_id: str, opened: int) -> list[Frame]:
    """The events of an answer as this fault leaves them; as they are where it is of another stage.

    `opened` response events come before these.
    """
    change = _CHANGES.get(fault.name)
    if change is not None:
        return change(frames, fault.options, response_id)
    strangers = (
        _chunk(response_id, {"some_future_payload": {"x": [1, None]}}),
        _chunk(response_id, text_chunk("not for the answer", "CHANNEL_ASSISTANT_OF_TOMORROW")),
        _chunk(response_id, {}),
        said({"type": "response.of_tomorrow", "response_id": response_id, "delta": "not for the answer"}),
        said({"type": "response.grok.output", "response_id": response_id, "output": {"something_else": {}}}),
        beside({"type": "conversation.weather.updated", "weather": "fair"}),
        beside({"type": "ping"}),
    )
    report = _chunk(
        response_id,
        {"progress_report": {"category": "TOOL_PROCESSING", "state": "PENDING", "message": "", "percentage": 0}},
    )
    return mischief.spoiled(frames, fault, Oddities(strangers, mischief.GARBAGE, report, opened))


def _duplicate_citations(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    doubled: list[Frame] = []
    for frame in frames:
        doubled.append(frame)
        body = {} if frame.kind == "raw" else frame.body
        if "render_citation" in body.get("chunk", {}):
            doubled.append(replace(frame, text=""))
    return doubled


def _late_text(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    texts = [_chunk(one, text_chunk(LATE_TEXT, RESPONSE)) for one in (response_id, "")]
    return [one for frame in frames for one in ([frame, *texts] if frame.completes else [frame])]


def _no_channel(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    return [_without_channel(frame) for frame in frames]


def _without_channel(frame: Frame) -> Frame:
    chunk = frame.body.get("chunk", {}) if frame.kind != "raw" else {}
    if chunk.get("text", {}).get("channel") != RESPONSE:
        return frame
    return replace(frame, body={**frame.body, "chunk": {**chunk, "text": {"text": chunk["text"]["text"]}}})


def _incomplete(frames: list[Frame], options: Mapping[str, Any], response_id: str) -> list[Frame]:
    other = done(response_id, options["status"], status_details={"reason": options["reason"]})
    return [other if frame.completes else frame for frame in frames]


def _wrong_session(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    """A foreign session speaks and ends between the events, and so does a foreign response of this session."""
    foreign, session_id, numbering = str(uuid4()), str(uuid4()), event_ids()
    text = _chunk(foreign, text_chunk(FOREIGN_TEXT, RESPONSE))
    strangers = [text, *(_spelled(one, session_id, numbering) for one in (text, done(foreign)))]
    mixed = [one for frame in frames for one in (([frame, text]) if frame.text else [frame])]
    place = next((place for place, frame in enumerate(mixed) if frame.completes), len(mixed))
    return [*strangers, *mixed[:place], *strangers, *mixed[place:]]


def _spelled(frame: Frame, session_id: str, numbering: Iterator[str]) -> Frame:
    return Frame("raw", compact(enveloped(frame.body, next(numbering), session_id)))


def _no_persisted(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    return [frame for frame in frames if _type(frame) != "response.persisted"]


def _type(frame: Frame) -> str:
    return "" if frame.kind == "raw" else str(frame.body["type"])


def _chunk(response_id: str, payload: Mapping[str, Any]) -> Frame:
    ids = {"response_id": response_id, "item_id": response_id}
    return said({"type": "response.chunk", **ids, "chunk": {"metadata": {"step_id": 0}, **payload}})


_CHANGES: Mapping[str, _Change] = {
    "duplicate_citations": _duplicate_citations,
    "late_text": _late_text,
    "no_channel": _no_channel,
    "incomplete": _incomplete,
    "wrong_session": _wrong_session,
    "no_persisted": _no_persisted,
}
