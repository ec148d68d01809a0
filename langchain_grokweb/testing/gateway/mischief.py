"""Content faults of the gateway alone: the events of an answer, with something wrong or unheard of in them."""

from collections.abc import Callable, Mapping
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
    progress = {"category": "TOOL_PROCESSING", "state": "PENDING", "message": "", "percentage": 0}
    report = _chunk(response_id, {"progress_report": progress})
    return mischief.spoiled(frames, fault, Oddities(strangers, mischief.GARBAGE, report, opened))


def _duplicate_citations(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    cited = (frame.kind != "raw" and "render_citation" in frame.body.get("chunk", {}) for frame in frames)
    pairs = zip(frames, cited, strict=True)
    return [one for frame, twice in pairs for one in ([frame, replace(frame, text="")] if twice else [frame])]


def _late_text(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    texts = [_chunk(one, text_chunk(LATE_TEXT, RESPONSE)) for one in (response_id, "")]
    return [one for frame in frames for one in ([frame, *texts] if frame.completes else [frame])]


def _no_channel(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    for frame in frames:
        match frame.body:
            case {"chunk": {"text": {"channel": "CHANNEL_ASSISTANT_RESPONSE"} as text}}:
                del text["channel"]
    return frames


def _incomplete(frames: list[Frame], options: Mapping[str, Any], response_id: str) -> list[Frame]:
    other = done(response_id, options["status"], status_details={"reason": options["reason"]})
    return [other if frame.completes else frame for frame in frames]


def _wrong_session(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    """A foreign session speaks and ends between the events, and so does a foreign response of this session."""
    foreign, session_id = str(uuid4()), str(uuid4())
    text = _chunk(foreign, text_chunk(FOREIGN_TEXT, RESPONSE))
    numbered = zip((text, done(foreign)), event_ids(), strict=False)
    strangers = [text, *(Frame("raw", compact(enveloped(one.body, name, session_id))) for one, name in numbered)]
    mixed = [one for frame in frames for one in (([frame, text]) if frame.text else [frame])]
    place = next((place for place, frame in enumerate(mixed) if frame.completes), len(mixed))
    return [*strangers, *mixed[:place], *strangers, *mixed[place:]]


def _no_persisted(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    return [frame for frame in frames if frame.kind == "raw" or frame.body["type"] != "response.persisted"]


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
