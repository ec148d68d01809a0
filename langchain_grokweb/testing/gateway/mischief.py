"""Content faults of the gateway alone: the events of an answer, with something wrong or unheard of in them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.gateway.events import beside, compact, done, enveloped, event_ids, said
from langchain_grokweb.testing.state import mischief
from langchain_grokweb.testing.state.chunks import RESPONSE, text_chunk
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame

FOREIGN_TEXT = " FOREIGN"
LATE_TEXT = " LATE"


def spoiled(frames: list[Frame], fault: Fault, response_id: str, opened: int) -> list[Frame]:  # noqa: PLR0911 - one each
    """The events of an answer as this fault leaves them; as they are where it is of another stage.

    `opened` response events come before these.
    """
    match fault.name:
        case "duplicate_citations":
            twice = [(frame, replace(frame, text="")) if _is_citation(frame) else (frame,) for frame in frames]
            return [frame for pair in twice for frame in pair]
        case "late_text":
            place = _place_of_end(frames) + 1
            late = [_chunk(one, text_chunk(LATE_TEXT, RESPONSE)) for one in (response_id, "")]
            return [*frames[:place], *late, *frames[place:]]
        case "no_channel":
            for frame in frames:
                match frame.body:
                    case {"chunk": {"text": {"channel": "CHANNEL_ASSISTANT_RESPONSE"} as text}}:
                        del text["channel"]
            return frames
        case "incomplete":
            options = fault.options
            other = done(response_id, options["status"], status_details={"reason": options["reason"]})
            return [other if frame.completes else frame for frame in frames]
        case "wrong_session":
            return _among_foreigners(frames)
        case "no_persisted":
            return [frame for frame in frames if frame.kind == "raw" or frame.body["type"] != "response.persisted"]
        case _:
            return _as_on_both_wires(frames, fault, response_id, opened)


def _is_citation(frame: Frame) -> bool:
    return frame.kind != "raw" and "render_citation" in frame.body.get("chunk", {})


def _place_of_end(frames: list[Frame]) -> int:
    return next((place for place, frame in enumerate(frames) if frame.completes), len(frames))


def _among_foreigners(frames: list[Frame]) -> list[Frame]:
    """A foreign session speaks and ends between the events, and so does a foreign response of this session."""
    foreign, session_id = str(uuid4()), str(uuid4())
    text = _chunk(foreign, text_chunk(FOREIGN_TEXT, RESPONSE))
    numbered = zip((text, done(foreign)), event_ids(), strict=False)
    strangers = [text, *(Frame("raw", compact(enveloped(one.body, name, session_id))) for one, name in numbered)]
    mixed = [one for frame in frames for one in (([frame, text]) if frame.text else [frame])]
    place = _place_of_end(mixed)
    return [*strangers, *mixed[:place], *strangers, *mixed[place:]]


def _as_on_both_wires(frames: list[Frame], fault: Fault, response_id: str, opened: int) -> list[Frame]:
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
    return mischief.spoiled(frames, fault, strangers, mischief.GARBAGE, report=report, opened=opened)


def _chunk(response_id: str, payload: Mapping[str, Any]) -> Frame:
    ids = {"response_id": response_id, "item_id": response_id}
    return said({"type": "response.chunk", **ids, "chunk": {"metadata": {"step_id": 0}, **payload}})
