"""Recorded bodies of the conversations endpoint, read whole, byte by byte, and cut in two at every position."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path

import pytest

from langchain_grokweb.errors import GrokWebPermissionError, GrokWebRateLimitError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.rest import RestDecoder

SAMPLES = Path(__file__).parent.parent / "samples" / "rest"
ASSETS = "https://assets.example"
BLOCK = 128

CONVERSATION = ev.ConversationOpened("7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10")
PROMPT = ev.PromptStored("3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01")
ANSWER_ID = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"
ANSWER = ev.AnswerStarted(ANSWER_ID)
USER = f"{ASSETS}/users/5e0d3c1b-8a7f-4e6d-9c5b-4a3f2e1d0c0b/generated"
FOX_A, FOX_B = "1a9c5e37-b2d4-4f60-8e1c-7d3b5a9f0e11", "2b0d6f48-c3e5-4a71-9f2d-8e4c6b0a1f12"
HARPER = ev.ToolStarted(
    "71c5ff4f-b8dc-4e54-852b-8b252ea5f631", "chatroom_send", {"message": "I drafted the outline.", "to": "Grok"}
)
BENJAMIN = ev.ToolStarted(
    "82d94975-3bca-4746-a0c5-5f4e32098aa2", "chatroom_send", {"message": "Dates verified.", "to": "Grok"}
)
WEB, X = "5f2c1d3e-8b7a-4c96-a0d1-3e5f7b9c1d21", "6a3d2e4f-9c8b-4da7-b1e2-4f6a8c0d2e22"
BOOK = {
    "url": "https://doc.rust-lang.org/book/",
    "title": "The Rust Programming Language",
    "snippet": "by Steve Klabnik and Carol Nichols, with contributions from the Rust Community",
}
LEARN = {"url": "https://www.rust-lang.org/learn", "title": "Learn Rust", "snippet": "Get started with Rust."}
POST = {
    "url": "https://x.com/rustlang/status/1912000000000000001",
    "author": "rustlang",
    "text": "Rust 1.95 is out!",
    "time": "2026-04-16T14:00:00Z",
}

EXPECTED: dict[str, list[object]] = {
    "plain_2025-03.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.TextDelta("The capital of France is Paris."),
        ev.AnswerFinished(ANSWER_ID),
        ev.TitleGiven("Capital of France"),
    ],
    "plain_2026-04.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.TextDelta("The capital of France is Paris."),
        ev.FollowUpsSuggested(["History of Paris", "Largest cities in France"]),
        ev.AnswerFinished(ANSWER_ID, "grok-4-auto"),
        ev.TitleGiven("Capital of France"),
    ],
    "thinking_2025-03.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.ReasoningDelta("Alright, the user wants 17 × 23. 17*20=340, 17*3=51; total 391."),
        ev.TextDelta("17 × 23 = **391**"),
        ev.AnswerFinished(ANSWER_ID),
        ev.TitleGiven("Multiplying 17 by 23"),
    ],
    "continue_flat_2025-03.ndjson": [
        ev.PromptStored("e51b7c9d-2d48-4a63-b0f9-1c3d5e7f9a03"),
        ev.AnswerStarted("90f2a6b4-7c1d-4e58-8f3a-6b9d0c2e4f04"),
        ev.TextDelta("About **2.1 million** people live in Paris."),
        ev.AnswerFinished("90f2a6b4-7c1d-4e58-8f3a-6b9d0c2e4f04"),
    ],
    "images_streaming_2025-11.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.ImagePreview(FOX_A, f"{USER}/{FOX_A}-part-0/image.jpg", 50),
        ev.ImagePreview(FOX_B, f"{USER}/{FOX_B}-part-0/image.jpg", 50),
        ev.ImageFinished(FOX_A, f"{USER}/{FOX_A}/image.jpg", "", 1024, 1024),
        ev.ImageFinished(FOX_B, f"{USER}/{FOX_B}/image.jpg", "", 1024, 1024),
        ev.TextDelta("I generated images with the prompt: 'a red fox in the snow'"),
        ev.AnswerFinished(ANSWER_ID, "grok-3"),
        ev.TitleGiven("Red Fox in Snow"),
    ],
    "keepalive_and_unknown.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.TextDelta("Hi!"),
        ev.AnswerFinished(ANSWER_ID, "grok-4"),
    ],
    "multi_agent_cut_at_60s.ndjson": [CONVERSATION, PROMPT, ANSWER, HARPER, BENJAMIN],
    "reconnect_v2.ndjson": [
        ANSWER,
        HARPER,
        BENJAMIN,
        ev.TextDelta("# Report\n\nFindings follow."),
        ev.AnswerFinished(ANSWER_ID, "grok-4"),
        ev.TitleGiven("Careful Report"),
    ],
    "search_citations_2026-05.ndjson": [
        CONVERSATION,
        PROMPT,
        ANSWER,
        ev.ToolStarted(WEB, "web_search", {"query": "best way to learn Rust 2026", "num_results": "10"}),
        ev.ToolFinished(WEB, [BOOK, LEARN]),
        ev.ToolStarted(X, "x_keyword_search", {"query": "from:rustlang release", "limit": "5"}),
        ev.ToolFinished(X, [POST]),
        ev.TextDelta("Start with **The Book**"),
        ev.CitationFound(BOOK["url"], BOOK["title"], "web", 23),
        ev.TextDelta(" and the official learning page"),
        ev.CitationFound(LEARN["url"], LEARN["title"], "web", 54),
        ev.TextDelta("."),
        ev.FollowUpsSuggested(["Rust vs Go", "Rustlings exercises"]),
        ev.AnswerFinished(ANSWER_ID, "grok-4"),
        ev.TitleGiven("Learning Rust Resources"),
    ],
    "framing_concatenated.txt": [
        CONVERSATION,
        ANSWER,
        ev.TextDelta('A brace } inside and a "quote" { 😀 done'),
    ],
    "error_antibot_firstline.ndjson": [GrokWebPermissionError],
    "error_ratelimit_firstline.ndjson": [GrokWebRateLimitError],
}


def decode(pieces: Iterable[bytes]) -> list[object]:
    """The events of a body, as `joined` gives them."""
    decoder = RestDecoder(assets_url=ASSETS)
    return joined([*map(decoder.feed, pieces), decoder.close()])


def joined(batches: Iterable[Iterable[ev.Event]]) -> list[object]:
    """The events of several reads: neighbouring deltas joined, failures as the class of their error."""
    found: list[object] = []
    for batch in batches:
        for event in batch:
            last = found[-1] if found else None
            if isinstance(event, ev.TextDelta | ev.ReasoningDelta) and type(last) is type(event):
                found[-1] = type(event)(last.text + event.text)
            else:
                found.append(type(event.error) if isinstance(event, ev.TurnFailed) else event)
    return found


def test_every_sample_has_its_expectation():
    assert {path.name for path in SAMPLES.iterdir() if path.is_file()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_whole(name: str):
    assert decode([(SAMPLES / name).read_bytes()]) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_byte_by_byte(name: str):
    body = (SAMPLES / name).read_bytes()
    assert decode(body[i : i + 1] for i in range(len(body))) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_cut_at_every_position(name: str):
    """Each cut is read from the start of its block to the end of the next: the whole body each time takes long."""
    body, decoder = (SAMPLES / name).read_bytes(), RestDecoder(assets_url=ASSETS)
    for start in range(0, len(body), BLOCK):
        end = start + 2 * BLOCK
        kept = pickle.dumps(decoder)
        expected = _read(kept, [body[start:end]])
        cuts = range(start, min(start + BLOCK, len(body)))
        assert [cut for cut in cuts if _read(kept, [body[start:cut], body[cut:end]]) != expected] == []
        decoder.feed(body[start : start + BLOCK])


def _read(decoder: bytes, pieces: Iterable[bytes]) -> list[object]:
    """What a copy of the decoder makes of these pieces as the rest of its stream (a pickle is copied fastest)."""
    reading = pickle.loads(decoder)
    return joined([*map(reading.feed, pieces), reading.close()])


@pytest.mark.parametrize("name", EXPECTED)
def test_only_the_invented_member_is_unknown(name: str):
    decoder = RestDecoder()
    decoder.feed((SAMPLES / name).read_bytes())
    expected = {"result.someFutureField:dict": 1} if name == "keepalive_and_unknown.ndjson" else {}
    assert decoder.unknown == expected


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith("ndjson")])
def test_a_stream_that_ends_anywhere_is_never_taken_for_whole(name: str):
    body = (SAMPLES / name).read_bytes()
    definitive = body.rfind(b'"modelResponse"')
    for end in range(0, definitive, 97):
        decoder = RestDecoder()
        decoder.feed(body[:end])
        decoder.close()
        assert not decoder.finished
