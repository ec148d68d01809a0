"""Recorded answers, cut after every byte: with what the service stores they are the whole answer, and nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.inflight import read_definitive
from langchain_grokweb.wire.replay import DeliveredLog, ReplayFilter
from langchain_grokweb.wire.rest import RestDecoder

SAMPLES = Path(__file__).parent.parent / "samples"
ASSETS = "https://assets.example"
MADE = (ev.ImageFinished, ev.FileMade, ev.VideoMade, ev.CitationFound, ev.AnswerFinished)


def stored_in(body: bytes) -> dict[str, Any] | None:
    """The definitive answer that the body ends in."""
    frames = [json.loads(line)["result"] for line in body.splitlines() if b'"result"' in line]
    responses = [frame.get("response", frame).get("modelResponse") for frame in frames]
    return next((response for response in reversed(responses) if response and response.get("sender")), None)


def whole_files() -> list[str]:
    paths = sorted([*SAMPLES.glob("rest/*.ndjson"), *SAMPLES.glob("cases/*.ndjson")])
    return [str(path.relative_to(SAMPLES)) for path in paths if stored_in(path.read_bytes())]


def things(events: Iterable[ev.Event]) -> Counter[Any]:
    """Everything that must be there once, wherever the answer was cut."""
    return Counter(event.key for event in events if isinstance(event, MADE))


@pytest.mark.parametrize("name", whole_files())
def test_a_cut_after_any_byte_costs_nothing_and_doubles_nothing(name: str):
    body = (SAMPLES / name).read_bytes()
    stored = stored_in(body)
    assert stored is not None
    whole = RestDecoder(assets_url=ASSETS).feed(body)
    if any(isinstance(event, ev.VideoMade) for event in whole):  # where it is stored (rest.md 8.2)
        made = {"assetId": "v", "key": "users/u/generated/v/generated_video.mp4", "mimeType": "video/mp4"}
        stored = {**stored, "fileAttachmentAssetMetadata": [{**made, "isModelGenerated": True}]}
    decoder = RestDecoder(assets_url=ASSETS)
    delivered: list[ev.Event] = []
    seams = 0
    for place in range(len(body)):
        fresh = decoder.feed(body[place : place + 1])
        if decoder.finished:
            break
        if fresh or not place:
            delivered += fresh
            seams += 1
            log = DeliveredLog()
            log.follow(delivered)
            resumed = ReplayFilter(log).settle(read_definitive(stored, assets_url=ASSETS))
            assert ev.text_of([*delivered, *resumed]) == ev.text_of(whole)
            assert things([*delivered, *resumed]) == things(whole)
    assert decoder.finished
    assert seams
