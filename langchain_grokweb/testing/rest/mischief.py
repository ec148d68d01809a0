"""Content faults: the frames of an answer, with something wrong or unheard of in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.rest.frame_parts import response_frame, tool_card_token
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame

PROGRESS_SECONDS = 0.05
PROGRESS = {"category": "TOOL_PROCESSING", "state": "PROGRESS_REPORT_STATUS_PENDING", "message": "", "percentage": 0}
AGENTS = ("Grok", "Harper", "Benjamin", "Lucas")

_Change = Callable[[list[Frame], Mapping[str, Any], str], list[Frame]]


def spoiled(frames: Sequence[Frame], fault: Fault, response_id: str) -> list[Frame]:
    """The frames of an answer as this fault leaves them; as they are where it is of another stage."""
    change = _CHANGES.get(fault.name)
    return list(frames) if change is None else change(list(frames), fault.options, response_id)


def _without_model_response(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    return [frame for frame in frames if not _has(frame, "modelResponse") and not _has(frame, "title")]


def _garbage(frames: list[Frame], options: Mapping[str, Any], _id: str) -> list[Frame]:
    """The first response frame of a stream is the question's, which is not among these."""
    place = max(0, int(options["after"]) - 1)
    return [*frames[:place], Frame("raw", b"\x00}{ upstream connect error, not JSON at all\n"), *frames[place:]]


def _unknown_frames(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    strangers = [
        response_frame(response_id, {"keepAlive": {}}),
        response_frame(response_id, {"token": ""}, thinking=True, tag="heartbeat"),
        response_frame(response_id, {"someFutureField": {"x": 1}}),
        Frame("result", {"somethingElse": {"y": [1, None, "z"]}}),
    ]
    mixed: list[Frame] = []
    for number, frame in enumerate(frames):
        mixed += [replace(strangers[number % len(strangers)]), _with_member(frame)]
    return mixed


def _with_member(frame: Frame) -> Frame:
    if frame.kind != "response":
        return frame
    return replace(frame, body={"aFutureMember": {"of": "tomorrow"}, **frame.body, "anotherOne": None})


def _empty_final(frames: list[Frame], _options: Mapping[str, Any], response_id: str) -> list[Frame]:
    """A team of agents (rest.md 4.6): they talk to each other first, and the final message is empty."""
    layout = {"reasoningUiLayout": "UNIFIED", "willThinkLong": True, "rolloutIds": list(AGENTS)}
    team: list[Frame] = [response_frame(response_id, {"uiLayout": layout}, is_opening=True)]
    team += [_talk(response_id, agent) for agent in AGENTS[1:]]
    rest = [_emptied(frame) for frame in frames if not _has(frame, "uiLayout")]
    return [*team, *rest]


def _talk(response_id: str, agent: str) -> Frame:
    card_id = str(uuid4())
    token = tool_card_token(card_id, "chatroom_send", {"message": f"{agent} has a part.", "to": "Grok"})
    return response_frame(
        response_id,
        {"token": token},
        thinking=True,
        tag="tool_usage_card",
        step=0,
        card_id=card_id,
        rollout=agent,
    )


def _emptied(frame: Frame) -> Frame:
    if not _has(frame, "modelResponse"):
        return frame
    return replace(frame, body={**frame.body, "modelResponse": {**frame.body["modelResponse"], "message": ""}})


def _late_title(frames: list[Frame], options: Mapping[str, Any], _id: str) -> list[Frame]:
    return [replace(frame, delay=options["seconds"]) if _has(frame, "title") else frame for frame in frames]


def _early_title(frames: list[Frame], _options: Mapping[str, Any], _id: str) -> list[Frame]:
    return sorted(frames, key=lambda frame: not _has(frame, "title"))


def _long_thinking(frames: list[Frame], options: Mapping[str, Any], response_id: str) -> list[Frame]:
    report = response_frame(response_id, {"progressReport": PROGRESS})
    times = max(1, round(options["seconds"] / PROGRESS_SECONDS))
    return [*(replace(report, delay=PROGRESS_SECONDS) for _ in range(times)), *frames]


def _has(frame: Frame, member: str) -> bool:
    return isinstance(frame.body, dict) and member in frame.body


_CHANGES: Mapping[str, _Change] = {
    "no_model_response": _without_model_response,
    "garbage": _garbage,
    "unknown_frames": _unknown_frames,
    "empty_final": _empty_final,
    "late_title": _late_title,
    "long_thinking": _long_thinking,
    "early_title": _early_title,
}
