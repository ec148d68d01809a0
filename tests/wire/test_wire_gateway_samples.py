"""Recorded sessions of the gateway: each message alone, several in one message, and the frames we say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from langchain_grokweb.errors import GrokWebInvalidRequestError, GrokWebRateLimitError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import GatewaySession
from langchain_grokweb.wire.turn import ConversationRef, Turn

SAMPLES = Path(__file__).parent.parent / "samples" / "gateway"
ASSETS = "https://assets.example"
USER = "497f19f8-49d4-458a-bee4-43ec3dcaf8ca"
CAT = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
PYTHON = {"url": "https://www.python.org/downloads/", "title": "Download Python", "snippet": ""}
RUST = {"url": "https://doc.rust-lang.org", "title": "The Rust Book", "snippet": ""}


def opened(conversation: str, prompt: str | None, answer: str) -> list[object]:
    stored = [] if prompt is None else [ev.PromptStored(prompt)]
    return [ev.ConversationOpened(conversation), *stored, ev.AnswerStarted(answer)]


EXPECTED: dict[str, list[object]] = {
    "plain_inline": [
        *opened(
            "0f6f7f38-6c5f-4f0b-9a43-6ad1f7a40f01",
            "c7d4a1e0-9d5b-4a2a-8b1a-2d3e4f5a6b7c",
            "b1a5d7a2-1f0a-4c61-8a3f-3b0c6f2d9e10",
        ),
        ev.TextDelta("Pong!"),
        ev.AnswerFinished("b1a5d7a2-1f0a-4c61-8a3f-3b0c6f2d9e10"),
        ev.TitleGiven("Ping Response"),
    ],
    "thinking": [
        *opened(
            "3e0b3a50-95f1-4a7d-8f5e-1d0c7b6a5f43",
            "e0b6a3c4-7f21-4b5d-9d3c-1f2e3d4c5b6a",
            "6d2f7f0e-0c4e-4a7b-9a54-0c5f8d1e2a3b",
        ),
        ev.ReasoningDelta(
            "Checking small factors\nTrying 13\nI test divisibility by 13.\n221 = 13 × 17, so it is composite."
        ),
        ev.TextDelta("No. 221 = 13 × 17."),
        ev.AnswerFinished("6d2f7f0e-0c4e-4a7b-9a54-0c5f8d1e2a3b"),
        ev.TitleGiven("Is 221 Prime"),
    ],
    "attachment": [
        *opened(
            "6a6c2f74-9d30-4f5e-8c81-1a0f9e8d7c62",
            "2b3c4d5e-6f70-4b8c-9dae-1f2a3b4c5d6e",
            "1e1d1c1b-1a19-4817-9615-141312110f1f",
        ),
        ev.TextDelta("A cat."),
        ev.AnswerFinished("1e1d1c1b-1a19-4817-9615-141312110f1f"),
    ],
    "resume": [
        *opened(
            "5ebc2d1e-3f4a-4b5c-8d6e-7f8091a2b3c4",
            "3d4e5f60-7182-4dae-9fc0-3b4c5d6e7f80",
            "a1a2a3a4-b1b2-4c1c-8d2d-e1e2e3e4e5e6",
        ),
        ev.TextDelta("Snow is white."),
        ev.AnswerFinished("a1a2a3a4-b1b2-4c1c-8d2d-e1e2e3e4e5e6"),
    ],
    "search_delta": [
        *opened("2b6c0e7a-11d2-4c3b-9a8f-7e6d5c4b3a29", None, "f00dbabe-0000-4000-8000-000000000001"),
        ev.ToolStarted("web_search_0", "web_search", {"query": "latest stable Python release"}),
        ev.ToolFinished("web_search_0", [PYTHON]),
        ev.ToolFinished("web_search_0", [RUST]),
        ev.TextDelta("Python 3.14 is current."),
        ev.CitationFound(PYTHON["url"], PYTHON["title"], "web", 23),
        ev.AnswerFinished("f00dbabe-0000-4000-8000-000000000001"),
    ],
    "image_delta": [
        *opened("5e5b1e63-8c2f-4e4d-9b70-0f9e8d7c6b51", None, "0d0c0b0a-0908-4706-8504-030201000f0e"),
        ev.ImageFinished(CAT, f"{ASSETS}/users/{USER}/generated/{CAT}/image.jpg", "a cat in the snow"),
        ev.ImageFinished("card_1", f"{ASSETS}/users/test/generated/image.jpg"),
        ev.AnswerFinished("0d0c0b0a-0908-4706-8504-030201000f0e"),
    ],
    "error": [
        *opened("91a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8", None, "02030405-0607-4809-8a0b-0c0d0e0f1011"),
        GrokWebRateLimitError,
    ],
    "error_invalid_envelope": [GrokWebInvalidRequestError],
}


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def turn(name: str) -> Turn:
    """The turn whose prompt the recorded client sent."""
    sent = [line["frame"]["event"].get("item", {}) for line in lines(name) if line["dir"] == "client"]
    pieces = [piece.get("text", {}) for item in sent for piece in item.get("x_grok", {}).get("input_chunks", [])]
    prompt = "".join(piece.get("text", "") for piece in pieces) or "Why that one?"
    place = ConversationRef("5ebc2d1e-3f4a-4b5c-8d6e-7f8091a2b3c4", "e3b5ffb4-9c9f-48d9-a905-d38d41530c99")
    return Turn(prompt=prompt, model="auto", conversation=place if name == "resume" else None)


def play(name: str, together: int, *, as_text: bool = False) -> list[object]:
    """The events of a session; `together` objects arrive in each message, but none before what answers our prompt."""
    session = GatewaySession(turn(name), assets_url=ASSETS)
    found: list[object] = []
    waiting: list[bytes] = []

    def arrive() -> None:
        if waiting:
            message = b"".join(waiting)
            session.receive(message.decode() if as_text else message)
            waiting.clear()
        if session.is_ready:
            session.send_prompt()
        for event in session.take():
            last = found[-1] if found else None
            if isinstance(event, ev.TextDelta | ev.ReasoningDelta) and type(last) is type(event):
                found[-1] = type(event)(last.text + event.text)
            else:
                found.append(type(event.error) if isinstance(event, ev.TurnFailed) else event)

    for line in lines(name):
        if line["dir"] == "client":
            arrive()
            continue
        line["frame"]["event"].pop("client_event_id", None)  # of the recorded client, not of ours
        waiting.append(json.dumps(line["frame"], ensure_ascii=False).encode())
        if len(waiting) == together:
            arrive()
    arrive()
    session.close()
    arrive()
    assert session.unknown == {}
    return found


def test_every_sample_has_its_expectation():
    assert {path.stem for path in SAMPLES.glob("*.jsonl")} == set(EXPECTED)


@pytest.mark.parametrize("together", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_session_plays_to_its_events(name: str, together: int):
    assert play(name, together) == EXPECTED[name]
    assert play(name, together, as_text=True) == EXPECTED[name]
