"""Content faults that both wires know: the frames of an answer, with something wrong or unheard of among them."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.inflight import Frame

GARBAGE = "\x00}{ upstream connect error, not JSON at all"

_PROGRESS_SECONDS = 0.05


def spoiled(
    frames: list[Frame], fault: Fault, strangers: Sequence[Frame], garbage: str | bytes, *, report: Frame, opened: int
) -> list[Frame]:
    """The frames of an answer as this fault leaves them; as they are where it is another one.

    Args:
        frames: The frames.
        fault: The fault.
        strangers: Frames that no client knows.
        garbage: What is no JSON.
        report: A report of progress.
        opened: How many response frames came before those of the answer.
    """
    options = fault.options
    match fault.name:
        case "garbage":
            place = max(0, int(options["after"]) - opened)
            return [*frames[:place], Frame("raw", garbage), *frames[place:]]
        case "unknown_frames":
            pairs = zip(itertools.cycle(strangers), frames, strict=False)
            return [one for stranger, frame in pairs for one in (replace(stranger), _with_members(frame))]
        case "long_thinking":
            report = replace(report, delay=_PROGRESS_SECONDS)
            return [*(replace(report) for _ in range(max(1, round(options["seconds"] / _PROGRESS_SECONDS)))), *frames]
        case "late_title":
            return [replace(frame, delay=options["seconds"]) if has(frame, "title") else frame for frame in frames]
        case "early_title":
            return sorted(frames, key=lambda frame: not has(frame, "title"))
        case _:
            return frames


def has(frame: Frame, member: str) -> bool:
    """Whether a frame has this member."""
    return isinstance(frame.body, dict) and member in frame.body


def _with_members(frame: Frame) -> Frame:
    if frame.kind == "raw":
        return frame
    return replace(frame, body={"aFutureMember": {"of": "tomorrow"}, **frame.body, "another_one": None})
