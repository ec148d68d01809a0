"""Every sample and case of the protocol's description decodes to what it means.

Whole; byte by byte; and cut at every place, where the rest is had from what the service stored. What is expected was
written by hand from the pages and from `SOURCES.md`; frames that the samples call a guess are not asserted on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted import gateway
from scripted import steps as s
from scripted.server import HANG_UP, Close, Fragments, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebClient
from tests.clock import HANG_SECONDS
from truth.marks import failing
from truth.outcomes import Caller, Outcome

SAMPLES = Path(__file__).parent.parent / "samples"


@dataclass(frozen=True)
class Meaning:
    """What a caller must have of a file.

    Attributes:
        text: The answer.
        reasoning: What the reasoning must hold; none where empty.
        citations: Addresses, in order.
        tools: Names of the site's own tools that were used, each once; `None` where the file is not clear about it.
        images, files, videos: How their addresses end, in order.
        title: The conversation's title.
        error: The class of the error in place of an answer.
        reason: Of a permission error.
        partial: What came before the error.
        stored: The answer as the service stores it, where the file does not hold it.
    """

    text: str = ""
    reasoning: Sequence[str] = ()
    citations: Sequence[str] = ()
    tools: Sequence[str] | None = ()
    images: Sequence[str] = ()
    files: Sequence[str] = ()
    videos: Sequence[str] = ()
    title: str = ""
    error: str = ""
    reason: str = ""
    partial: str = ""
    stored: Mapping[str, Any] = field(default_factory=dict)

    def check(self, outcome: Outcome, *, resumed: bool = False) -> None:
        """Check a call; of one that was resumed, what the stored answer can bring."""
        if self.error:
            self._check_error(outcome.error)
            return
        assert outcome.error is None, f"{type(outcome.error).__name__}: {outcome.error}"
        message = outcome.message
        assert message is not None
        kwargs = message.additional_kwargs
        assert message.text == self.text
        assert [entry["url"] for entry in kwargs.get("citations", [])] == list(self.citations)
        for member in ("images", "files", "videos"):
            urls = [entry["url"] for entry in kwargs.get(member, [])]
            wanted = getattr(self, member)
            assert len(urls) == len(wanted), (member, urls)
            assert all(url.endswith(end) for url, end in zip(urls, wanted, strict=True)), (member, urls)
        tools = [tool["name"] for tool in kwargs.get("server_tools", [])]
        assert len(tools) == len({tool["id"] for tool in kwargs.get("server_tools", [])})
        assert self.tools is None or len(tools) <= len(self.tools), tools
        if resumed:
            return
        assert self.tools is None or tools == list(self.tools)
        reasoning = kwargs.get("reasoning_content", "")
        assert all(part in reasoning for part in self.reasoning), reasoning
        assert bool(reasoning) == bool(self.reasoning), reasoning
        assert "Thinking about your request" not in reasoning
        assert message.response_metadata["grokweb"].get("title", "") == self.title

    def _check_error(self, error: Any) -> None:
        assert type(error).__name__ == self.error, f"{type(error).__name__}: {error}"
        assert not self.reason or getattr(error, "reason", None) == self.reason
        partial = getattr(error, "partial", None)
        assert ("" if partial is None else partial.text) == self.partial


BOOK, LEARN = "https://doc.rust-lang.org/book/", "https://www.rust-lang.org/learn"
DOWNLOADS = "https://www.python.org/downloads/"
FOX = ("1a9c5e37-b2d4-4f60-8e1c-7d3b5a9f0e11/image.jpg", "2b0d6f48-c3e5-4a71-9f2d-8e4c6b0a1f12/image.jpg")
FILE_TAG = '<grok:render card_id="f1" card_type="rendered_file_card" type="render_file"></grok:render>'
FILE_CARD = (
    '{"id": "f1", "type": "render_file", "cardType": "rendered_file_card", "file_name": "table.csv", '
    '"mime_type": "text/csv", "url": "users/u/f1/content", "file_path": "/artifacts/table.csv"}'
)
PYTHON_TAG = (
    '<grok:render card_id="b086be" card_type="citation_card" type="render_inline_citation">'
    '<argument name="citation_id">5</argument></grok:render>'
)

REST: dict[str, Meaning] = {
    "rest/plain_2025-03.ndjson": Meaning("The capital of France is Paris.", title="Capital of France"),
    "rest/plain_2026-04.ndjson": Meaning("The capital of France is Paris.", title="Capital of France"),
    "rest/thinking_2025-03.ndjson": Meaning(
        "17 × 23 = **391**",
        reasoning=["Alright, the user wants 17 × 23. 17*20=340, 17*3=51; total 391."],
        title="Multiplying 17 by 23",
    ),
    "rest/continue_flat_2025-03.ndjson": Meaning("About **2.1 million** people live in Paris."),
    "rest/keepalive_and_unknown.ndjson": Meaning("Hi!"),
    "rest/images_streaming_2025-11.ndjson": Meaning(
        "I generated images with the prompt: 'a red fox in the snow'", images=FOX, title="Red Fox in Snow"
    ),
    "rest/search_citations_2026-05.ndjson": Meaning(
        "Start with **The Book** and the official learning page.",
        citations=[BOOK, LEARN],
        tools=["web_search", "x_keyword_search"],
        title="Learning Rust Resources",
    ),
    "rest/framing_concatenated.txt": Meaning(
        error="GrokWebInterruptedError", partial='A brace } inside and a "quote" { 😀 done'
    ),
    "rest/error_antibot_firstline.ndjson": Meaning(error="GrokWebPermissionError", reason="anti_bot"),
    "rest/error_ratelimit_firstline.ndjson": Meaning(error="GrokWebRateLimitError"),
    "cases/rest_file_only.ndjson": Meaning("", files=["users/u/f1/content"]),
    "cases/rest_video.ndjson": Meaning(
        "I generated a video.",
        videos=["users/u/generated/v/generated_video.mp4"],
        stored={
            "fileAttachmentAssetMetadata": [  # the address is not in `fileAttachments` (rest.md 8.2)
                {
                    "assetId": "v",
                    "key": "users/u/generated/v/generated_video.mp4",
                    "mimeType": "video/mp4",
                    "isModelGenerated": True,
                }
            ]
        },
    ),
}
GATEWAY: dict[str, Meaning] = {
    "gateway/plain_inline.jsonl": Meaning("Pong!", title="Ping Response", stored={"message": "Pong!"}),
    "gateway/attachment.jsonl": Meaning("A cat.", stored={"message": "A cat."}),
    "gateway/resume.jsonl": Meaning("Snow is white.", stored={"message": "Snow is white."}),
    "gateway/thinking.jsonl": Meaning(
        "No. 221 = 13 × 17.",
        reasoning=["Checking small factors\nTrying 13", "221 = 13 × 17, so it is composite."],
        title="Is 221 Prime",
        stored={"message": "No. 221 = 13 × 17."},
    ),
    "gateway/search_delta.jsonl": Meaning(
        "Python 3.14 is current.",
        citations=[DOWNLOADS],
        tools=None,
        stored={
            "message": f"Python 3.14 is current.{PYTHON_TAG}",
            "cardAttachmentsJson": [json.dumps({"id": "b086be", "url": DOWNLOADS, "cardType": "citation_card"})],
        },
    ),
    "gateway/error.jsonl": Meaning(error="GrokWebRateLimitError"),
    "gateway/error_invalid_envelope.jsonl": Meaning(error="GrokWebInvalidRequestError"),
    "gateway/image_delta.jsonl": Meaning(
        images=["generated/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d/image.jpg", "users/test/generated/image.jpg"],
    ),
    "cases/gateway_file_only.jsonl": Meaning(
        files=["users/u/f1/content"], stored={"message": FILE_TAG, "cardAttachmentsJson": [FILE_CARD]}
    ),
    "cases/gateway_heavy_rollouts.jsonl": Meaning("The answer.", stored={"message": "The answer."}),
}
REFUSALS: dict[str, Meaning] = {
    "error_401_bad_credentials.json": Meaning(error="GrokWebAuthenticationError"),
    "error_403_antibot.json": Meaning(error="GrokWebPermissionError", reason="anti_bot"),
    "error_403_blocked_user.json": Meaning(error="GrokWebPermissionError", reason="blocked"),
    "error_403_cloudflare.html": Meaning(error="GrokWebPermissionError", reason="challenge"),
    "error_403_model_not_found.json": Meaning(error="GrokWebModelNotFoundError"),
    "error_429_stream_endpoint.json": Meaning(error="GrokWebRateLimitError"),
    "error_429_unary_endpoint.json": Meaning(error="GrokWebRateLimitError"),
}
HANDSHAKES = [
    Meaning(error="GrokWebAuthenticationError"),
    Meaning(error="GrokWebPermissionError", reason="challenge"),
    Meaning(error="GrokWebPermissionError", reason="challenge"),
    Meaning(error="GrokWebPermissionError", reason="blocked"),
    Meaning(error="GrokWebPermissionError", reason="blocked"),
    Meaning(error="GrokWebContentFilterError"),
    Meaning(error="GrokWebRateLimitError"),
    Meaning(error="GrokWebServerError"),
]
DOES_NOT_END = "rest/multi_agent_cut_at_60s.ndjson"
GOES_ON = "rest/reconnect_v2.ndjson"
STORED = {"cases/stored_chunk_view.jsonl", "cases/stored_error_in_metadata.jsonl"}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def caller(server) -> Iterator[Caller]:
    asking = Caller(server)
    yield asking
    asking.close()


def model_on(server: ScriptedServer, transport: str, **settings: Any) -> ChatGrokWeb:
    common = {"max_retries": 0, "timeout": HANG_SECONDS, "stream_event_timeout": HANG_SECONDS, "model": "fast"}
    return ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=transport, **{**common, **settings})


def every(files: Mapping[str, Meaning], *ways: str) -> list[Any]:
    return [
        pytest.param(name, way, id=f"{name}/{way}", marks=failing(name, way)) for name in sorted(files) for way in ways
    ]


def objects(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


def stored_replies(conversation: Sequence[Mapping[str, Any]]) -> dict[str, Reply]:
    """What the service says of an answer that is over."""
    nodes = [
        {name: entry[name] for name in ("responseId", "sender", "parentResponseId") if name in entry}
        for entry in conversation
    ]
    return {
        "response-node": Reply.of({"responseNodes": nodes, "inflightResponses": []}),
        "load-responses": Reply.of({"responses": [conversation[-1]]}),
        "responses": Reply.of({"responses": list(conversation), "inflightResponses": []}),
    }


# --- the conversations endpoint


def in_bytes(body: bytes) -> list[bytes]:
    return [body[place : place + 1] for place in range(len(body))]


@pytest.mark.parametrize(("name", "way"), every(REST, "whole", "bytes"))
def test_rest(server, caller, name, way):
    body = (SAMPLES / name).read_bytes()
    server.play(Script({"turn": Reply([body] if way == "whole" else in_bytes(body))}))
    REST[name].check(caller.ask(model_on(server, "rest"), "ainvoke"))


def rest_cuts(body: bytes) -> Iterator[bytes]:
    """The body up to every end of a line once the turn is known, and up to the middle of the line after it."""
    lines = body.splitlines(keepends=True)
    for number in range(2, len(lines)):
        whole = b"".join(lines[:number])
        yield whole
        yield whole + lines[number][: len(lines[number]) // 2]


def rest_stored(name: str) -> list[dict[str, Any]]:
    """Question and answer as the service stores them, by the file's own last word."""
    frames = [entry["result"].get("response", entry["result"]) for entry in objects(name)]
    answer = next(frame["modelResponse"] for frame in frames if "modelResponse" in frame)
    asked = next((frame["userResponse"] for frame in frames if "userResponse" in frame), None)
    asked = asked or {"responseId": "q", "sender": "human", "message": "Hi"}
    return [asked, {**answer, "parentResponseId": asked["responseId"], **REST[name].stored}]


CUT_ON_REST = {name: meaning for name, meaning in REST.items() if not meaning.error}


@pytest.mark.parametrize(("name", "way"), every(CUT_ON_REST, "cut"))
def test_rest_cut_anywhere(server, caller, name, way):
    replies = stored_replies(rest_stored(name))
    place = {"conversation_id": s.CONVERSATION, "parent_response_id": s.ANSWER} if "flat" in name else {}
    for start in rest_cuts((SAMPLES / name).read_bytes()):
        if not place or b"userResponse" in start:
            server.play(Script({"turn": Reply([start, HANG_UP]), **replies}))
            REST[name].check(caller.ask(model_on(server, "rest", **place), "ainvoke"), resumed=True)


def test_rest_that_ends_after_a_minute_goes_on_by_its_second_stream(server, caller):
    inflight = (SAMPLES / "rest/unary/response_node_inflight.json").read_bytes()
    script = Script(
        {
            "turn": Reply([(SAMPLES / DOES_NOT_END).read_bytes()]),
            "response-node": Reply.of(inflight),
            "reconnect": Reply([(SAMPLES / GOES_ON).read_bytes()]),
        }
    )
    server.play(script)
    meaning = Meaning("# Report\n\nFindings follow.", tools=["chatroom_send", "chatroom_send"], title="Careful Report")
    meaning.check(caller.ask(model_on(server, "rest"), "ainvoke"))
    assert len(server.asked("reconnect")) == 1


@pytest.mark.parametrize(("name", "way"), every(REFUSALS, "rest"))
def test_rest_refuses(server, caller, name, way):
    html = {"content_type": "text/html; charset=UTF-8"} if name.endswith("html") else {}
    body = (SAMPLES / "rest/unary" / name).read_bytes()
    server.play(Script({"turn": Reply.of(body, int(name.split("_")[1]), **html)}))
    REFUSALS[name].check(caller.ask(model_on(server, "rest"), "ainvoke"))


# --- the gateway


def socket_of(name: str) -> tuple[dict[str, list[Piece]], str, str]:
    """What a recorded session says after which word of the client, the conversation's id, and the answer's."""
    said: dict[str, list[Piece]] = {"session.create": [], "response.create": []}
    last, conversation, answer = "session.create", "", ""
    for entry in objects(name):
        frame = entry.get("frame", entry)
        kind = frame["event"]["type"]
        if entry.get("dir") == "client":
            if kind == "conversation.item.create" and answer:
                break  # the turns after the first are the same once more
            last = "session.create" if kind == "session.create" else "response.create"
            continue
        if "frame" not in entry:  # a case begins with the answer
            last = "response.create"
        conversation = conversation or frame.get("session_id", "")
        if kind == "response.created":
            answer = frame["event"]["response"]["id"]
        if "client_event_id" in frame["event"]:
            frame = {**frame, "event": {**frame["event"], "client_event_id": "$ASKED_BY"}}
        said[last].append(json.dumps(frame, ensure_ascii=False))
    if not said["session.create"]:
        said["session.create"] = [
            piece.replace(s.CONVERSATION, conversation)
            for piece in gateway.Writer().session()
            if isinstance(piece, str)
        ]
    else:
        ready = {"session_id": conversation, "event": {"type": "conversation.commands.updated"}}
        said["session.create"].append(json.dumps(ready))
    return said, conversation, answer


def place_on_gateway(name: str, conversation: str) -> dict[str, str]:
    return {"conversation_id": conversation, "parent_response_id": s.ANSWER} if "resume" in name else {}


@pytest.mark.parametrize(("name", "way"), every(GATEWAY, "whole", "bytes"))
def test_gateway(server, caller, name, way):
    said, conversation, _ = socket_of(name)
    said["response.create"].append(Close(1000))
    if way == "bytes":
        said["response.create"] = [
            Fragments(tuple(in_bytes(piece.encode()))) if isinstance(piece, str) and "$ASKED" not in piece else piece
            for piece in said["response.create"]
        ]
    server.play(Script(socket=said))
    model = model_on(server, "gateway", **place_on_gateway(name, conversation))
    GATEWAY[name].check(caller.ask(model, "ainvoke"))


CUT_ON_GATEWAY = {name: meaning for name, meaning in GATEWAY.items() if meaning.stored}


@pytest.mark.parametrize(("name", "way"), every(CUT_ON_GATEWAY, "cut"))
def test_gateway_cut_anywhere(server, caller, name, way):
    said, conversation, answer = socket_of(name)
    meaning = GATEWAY[name]
    events = said["response.create"]
    asked = next(
        (json.loads(event)["event"]["item"]["id"] for event in events if "conversation.item.added" in event), "q"
    )
    question = {"responseId": asked, "sender": "human", "message": "Hi"}
    stored = {"responseId": answer, "sender": "ASSISTANT", "parentResponseId": asked, **meaning.stored}
    begun = next(number for number, event in enumerate(events) if "response.created" in event)
    over = next(number for number, event in enumerate(events) if "response.done" in event)
    model = model_on(server, "gateway", **place_on_gateway(name, conversation))
    for cut in range(begun + 1, over + 1):
        socket = {**said, "response.create": [*events[:cut], HANG_UP]}
        server.play(Script(stored_replies([question, stored]), socket))
        meaning.check(caller.ask(model, "ainvoke"), resumed=True)


@pytest.mark.parametrize("number", range(len(HANDSHAKES)))
def test_gateway_refuses(server, caller, number):
    refusal = json.loads((SAMPLES / "gateway/handshake_failures.json").read_text())[number]
    reply = Reply.of(refusal["body"], refusal["status"])
    server.play(Script(handshake=Reply(reply.pieces, reply.status, refusal["headers"])))
    HANDSHAKES[number].check(caller.ask(model_on(server, "gateway"), "ainvoke"))


# --- what is stored


def opened(server: ScriptedServer, name: str) -> Any:
    about = {"conversation": {"conversationId": s.CONVERSATION, "title": "T"}}
    path = f"GET /rest/app-chat/conversations_v2/{s.CONVERSATION}?includeWorkspaces=true&includeTaskResult=true"
    server.play(Script({path: Reply.of(about), **stored_replies(objects(name))}))
    client = GrokWebClient(base_url=server.base_url, cookies=server.cookies)
    return client.blocking.conversation(s.CONVERSATION)


def cut_before_stored(server: ScriptedServer, caller: Caller, name: str, transport: str, begun: str) -> Outcome:
    """An answer that breaks off after its first words, and is stored as the file says."""
    question, answer = objects(name)
    ids = (question["responseId"], answer["responseId"])
    turn = [
        {"conversation": {"conversationId": s.CONVERSATION}},
        {"response": {"userResponse": question, "responseId": ids[0], "isThinking": False, "isSoftStop": False}},
        {"response": {"token": begun, "messageTag": "final", "responseId": ids[1], "isThinking": False}},
    ]
    body = "".join(json.dumps({"result": frame}) + "\n" for frame in turn)
    writer = gateway.Writer()
    created: list[Piece] = [
        piece.replace(s.ANSWER, ids[1]).replace(s.QUESTION, ids[0])
        for piece in [*writer.prompt(), *writer.created(), writer.text(s.ANSWER, begun)]
        if isinstance(piece, str)
    ]
    socket = {"session.create": writer.session(), "response.create": [*created, HANG_UP]}
    server.play(Script({"turn": Reply([body, HANG_UP]), **stored_replies([question, answer])}, socket))
    return caller.ask(model_on(server, transport), "ainvoke")


CHUNKS = Meaning("It is 330 m tall.", citations=["https://example.com/t"], tools=["web_search"])
LIMIT = Meaning(error="GrokWebRateLimitError", partial="Well, ")


@pytest.mark.parametrize(
    ("transport", "way"),
    [
        pytest.param(on, "cut", id=f"chunk-view-{on}/cut", marks=failing(f"chunk-view-{on}", "cut"))
        for on in ("rest", "gateway")
    ],
)
def test_stored_as_chunks(server, caller, transport, way):
    outcome = cut_before_stored(server, caller, "cases/stored_chunk_view.jsonl", transport, "It is ")
    CHUNKS.check(outcome, resumed=True)


@pytest.mark.parametrize(
    ("transport", "way"),
    [
        pytest.param(on, "cut", id=f"stored-limit-{on}/cut", marks=failing(f"stored-limit-{on}", "cut"))
        for on in ("rest", "gateway")
    ],
)
def test_stored_with_the_reason_in_its_metadata(server, caller, transport, way):
    LIMIT.check(cut_before_stored(server, caller, "cases/stored_error_in_metadata.jsonl", transport, "Well, "))


@pytest.mark.parametrize("way", [pytest.param("opened", id="chunk-view/opened", marks=failing("chunk-view", "opened"))])
def test_a_conversation_of_chunks(server, way):
    question, answer = opened(server, "cases/stored_chunk_view.jsonl").responses
    assert (question.text, question.sender, answer.sender) == ("How tall is the tower?", "human", "assistant")
    assert answer.text == "It is 330 m tall."
    assert answer.is_whole
    assert question.parent_id is None, "its parent is no response of the conversation"


@pytest.mark.parametrize(
    "way", [pytest.param("opened", id="stored-limit/opened", marks=failing("stored-limit", "opened"))]
)
def test_an_answer_without_text_is_not_whole(server, way):
    question, answer = opened(server, "cases/stored_error_in_metadata.jsonl").responses
    assert question.text == "x"
    assert (answer.text, answer.is_whole) == ("", False)


def test_no_file_is_left_out():
    known = {*REST, *GATEWAY, *STORED, DOES_NOT_END, GOES_ON, "gateway/handshake_failures.json"}
    there = {
        str(path.relative_to(SAMPLES))
        for folder in ("rest", "gateway", "cases")
        for path in (SAMPLES / folder).iterdir()
        if path.is_file() and path.suffix != ".md"
    }
    assert there == known
    assert {path.name for path in (SAMPLES / "rest/unary").glob("error_*")} == set(REFUSALS)
