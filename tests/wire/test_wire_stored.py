"""What the service keeps, read: members with defaults, markup taken out, wrong shapes named by their place."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb import (
    Conversation,
    GrokWebConversationNotFoundError,
    GrokWebProtocolError,
    StoredConversation,
    StoredResponse,
)
from langchain_grokweb.wire import stored
from langchain_grokweb.wire.events import CitationFound, ImageFinished, ToolFinished, ToolStarted

SAMPLES = Path(__file__).parent.parent / "samples" / "rest" / "unary"
ABOUT = {"conversation": {"conversationId": "c"}}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text("utf-8"))


def answer(**members: Any) -> StoredResponse:
    """One answer with these members, read."""
    entry = {"responseId": "a", "sender": "ASSISTANT", **members}
    return stored.read_stored(ABOUT, {"responses": [entry]}, assets_url="https://assets.example").responses[0]


def tree(*links: tuple[str, str | None], **times: str) -> StoredConversation:
    """A conversation of responses by their ids and parents."""
    entries = [
        {"responseId": one, "parentResponseId": parent, "sender": "human", "createTime": times.get(one)}
        for one, parent in links
    ]
    return stored.read_stored(ABOUT, {"responses": entries}, assets_url="")


def test_the_samples_are_read():
    page, token = stored.read_page(sample("conversations_list.json"), "list")
    whole = stored.read_stored(
        sample("conversations_v2_get.json"), sample("load_responses.json"), assets_url="https://assets.grok.com"
    )
    (one,) = page
    assert (one.title, one.starred, token) == ("Capital of France", False, "")
    assert one.created == datetime(2026, 4, 20, 9, 15, 2, 118203, tzinfo=UTC)
    assert (whole.id, whole.title, whole.modified) == (one.id, one.title, one.modified)
    (said,) = whole.responses
    assert (said.text, said.sender, said.model, said.is_whole) == (
        "The capital of France is Paris.",
        "assistant",
        "grok-4-auto",
        True,
    )
    assert said.created == datetime(2026, 4, 20, 9, 15, 2, 155903, tzinfo=UTC)


def test_members_may_be_missing():
    page, token = stored.read_page({"conversations": [{"conversationId": "c"}]}, "list")
    assert (page, token) == ([Conversation(id="c")], "")
    assert stored.read_page({}, "list") == ([], "")
    assert stored.read_stored(ABOUT, {}, assets_url="") == StoredConversation(id="c")
    conversation = stored.read_stored(ABOUT, {"responses": [{"responseId": "r", "sender": "human"}]}, assets_url="")
    assert conversation.responses == (StoredResponse(id="r", parent_id=None, sender="human", text=""),)


def test_what_a_search_found_in_texts_is_listed_too():
    reply = {"conversations": [], "textSearchMatches": [{"conversation": {"conversationId": "c"}, "matchType": "x"}]}
    assert stored.read_page(reply, "list")[0] == [Conversation(id="c")]


@pytest.mark.parametrize(
    ("sender", "read"),
    [("human", "human"), ("HUMAN", "human"), ("ASSISTANT", "assistant"), ("assistant", "assistant")],
)
def test_senders_are_compared_without_regard_to_case(sender, read):
    assert answer(sender=sender, message="x").sender == read


def test_tags_are_taken_out_and_cited_where_they_stood():
    said = answer(
        message='Foxes<grok:render card_id="k" card_type="citation_card" type="render_inline_citation">'
        '<argument name="citation_id">9</argument></grok:render> run.',
        cardAttachmentsJson=['{"id":"k","cardType":"citation_card","url":"https://e.com/a"}', "no JSON"],
        webSearchResults=[{"url": "https://e.com/a", "title": "A", "preview": "p"}],
        xposts=[{"username": "u", "postId": "1", "text": "t"}],
    )
    assert said.text == "Foxes run."
    assert said.citations == [CitationFound("https://e.com/a", "A", "web", 5)]
    outputs = [event.output for event in said.events if isinstance(event, ToolFinished)]
    assert outputs[0] == [{"url": "https://e.com/a", "title": "A", "snippet": "p"}]
    assert outputs[1][0]["url"] == "https://x.com/u/status/1"


def test_a_question_keeps_what_the_user_wrote():
    assert answer(sender="human", message="What is <grok:render>?").text == "What is <grok:render>?"


def test_pictures_have_addresses_and_prompts_are_none():
    key = "users/u/generated/01234567-89ab-cdef-0123-456789abcdef/image.jpg"
    said = answer(
        generatedImageUrls=["prompt://a fox", key, 7],
        generatedImageWidth=640,
        generatedImageHeight=480,
        message="Here.",
    )
    assert said.images == [
        ImageFinished("01234567-89ab-cdef-0123-456789abcdef", f"https://assets.example/{key}", "", 640, 480)
    ]


def test_thoughts_of_either_era():
    assert answer(message="x", thinkingTrace="Hm.").reasoning == "Hm."
    steps = [
        {"text": ["Thinking about your request"], "tags": ["header"]},
        {"text": ["Look", "- here"], "tags": ["header", "summary"], "rolloutId": "Grok"},
        {
            "text": [None, "other"],
            "tags": ["final"],
            "toolUsageCards": [{"toolUsageCardId": "t", "webSearch": {"args": {}}}],
        },
        {
            "toolUsageResults": [
                {"toolUsageCardId": "t", "webSearchResults": {"results": [{"url": "https://e.com"}]}, "error": "no"}
            ]
        },
    ]
    said = answer(message="x", steps=steps)
    assert (said.text, said.reasoning, said.is_whole) == ("x", "Look\n- here", True)
    assert [event.id for event in said.events if isinstance(event, ToolFinished)] == ["t"]


def test_the_answer_of_several_agents_stands_in_their_steps():
    said = answer(message="", steps=[{"text": ["It is ", "Paris."], "tags": ["final"]}])
    assert (said.text, said.is_whole) == ("It is Paris.", True)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"message": "Paris is", "partial": True}, "Paris is"),
        ({"message": "Paris is", "streamErrors": [{"message": "no", "internalError": {}}]}, "Paris is"),
        ({"message": "Paris is", "error": {"message": "usage limit"}}, "Paris is"),
        ({"message": "", "sender": ""}, ""),
    ],
)
def test_an_answer_that_is_not_whole_says_what_there_is(members, text):
    said = answer(**members)
    assert (said.is_whole, said.text, said.says_something) == (False, text, bool(text))


def test_what_only_informs_does_not_spoil_an_answer():
    reports = [{"message": "m", "severity": "STREAM_ERROR_SEVERITY_NORMAL"}]
    assert answer(message="x", streamErrors=reports).is_whole


def test_what_is_being_written_is_in_the_tree():
    running = [
        {"responseId": "a", "parentResponseId": "q", "status": "RESPONSE_STATUS_ACTIVE"},
        {"responseId": "b", "parentResponseId": "q", "status": "RESPONSE_STATUS_ACTIVE"},
        {"responseId": "d", "parentResponseId": "q", "status": "RESPONSE_STATUS_FINISHED"},
    ]
    entries = [
        {"responseId": "q", "sender": "human", "message": "?"},
        {"responseId": "a", "parentResponseId": "q", "sender": "ASSISTANT", "message": "so far"},
    ]
    conversation = stored.read_stored(ABOUT, {"responses": entries, "inflightResponses": running}, assets_url="")
    assert [(response.id, response.parent_id, response.is_whole) for response in conversation.responses] == [
        ("q", None, True),
        ("a", "q", False),
        ("b", "q", False),
    ]


def test_the_newest_leaf_is_the_one_and_paths_lead_to_any():
    conversation = tree(("q", None), ("a", "q"), ("b", "q"), ("r", "a"))
    assert [response.id for response in conversation.leaves()] == ["b", "r"]
    assert conversation.leaf().id == "r"
    assert [response.id for response in conversation.path()] == ["q", "a", "r"]
    assert [response.id for response in conversation.path("b")] == ["q", "b"]
    assert tree(("q", None), ("a", "q"), ("b", "q"), a="2026-04-20T09:15:03Z", b="2026-04-20T09:15:02").leaf().id == "a"
    assert tree(("q", "gone")).path()[0].parent_id is None
    assert (tree().leaf(), tree().path()) == (None, [])
    with pytest.raises(GrokWebConversationNotFoundError, match="no response"):
        conversation.path("x")


@pytest.mark.parametrize(
    ("links", "to"), [([("q", "a"), ("a", "q")], None), ([("q", "a"), ("a", "q"), ("r", "a")], "r")]
)
def test_a_circle_is_no_tree(links, to):
    with pytest.raises(GrokWebProtocolError, match="a tree"):
        tree(*links).path(to)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"responses": {}}, "responses.responses: expected list, got dict"),
        ({"responses": ["x"]}, "responses.responses[]: expected dict, got str"),
        ({"responses": [{}]}, "responses[0].responseId: expected str, got NoneType"),
        ({"responses": [{"responseId": "r", "sender": 5}]}, "responses[0].sender: expected str, got int"),
        ({"responses": [{"responseId": "r", "sender": "cat"}]}, "responses[0].sender: expected human or assistant"),
        ({"responses": [{"responseId": "r", "message": []}]}, "responses[0].message: expected str, got list"),
        ({"responses": [{"responseId": "r", "steps": [{"text": "x"}]}]}, "responses[0].steps[0].text: expected list"),
        ({"responses": [{"responseId": "r", "cardAttachmentsJson": "x"}]}, "responses[0].cardAttachmentsJson"),
        ({"inflightResponses": [{}]}, "inflightResponses[].responseId: expected str"),
        ([], "responses: expected dict, got list"),
    ],
)
def test_a_wrong_shape_is_named_by_its_place_without_its_value(change, where):
    with pytest.raises(GrokWebProtocolError) as raised:
        stored.read_stored(ABOUT, change, assets_url="")
    assert where in str(raised.value)


def chunked(**members: Any) -> dict[str, Any]:
    """An answer as it is stored with `?useChunk=true` (rest.md 8.3)."""
    return {"responseId": "a", "sender": "assistant", "parentResponseId": "q", "inputChunks": [], **members}


def said(text: str, channel: str = "CHANNEL_ASSISTANT_RESPONSE", **metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata, "text": {"text": text, "channel": channel}}


QUESTION = {"responseId": "q", "sender": "human", "message": "Hi"}


def read(*entries: dict[str, Any], **reply: Any) -> stored.StoredConversation:
    return stored.read_stored(ABOUT, {"responses": list(entries), **reply}, assets_url="https://assets.example")


def test_an_answer_in_chunks_says_what_it_says_as_text():
    picture = {"imageUuid": "i", "imageUrl": "users/u/generated/i/image.jpg", "progress": 100}
    chunks = [
        {"uiLayout": {"reasoningUiLayout": "HEAVY", "rolloutIds": ["Grok", "Agent 1"]}},
        said("Thinking about your request", "CHANNEL_ASSISTANT_NOTETAKER_HEADER", stepId=0),
        said("Looking", "CHANNEL_ASSISTANT_NOTETAKER_HEADER", stepId=1),
        {"toolUsageCard": {"toolUsageCardId": "t", "imageSearch": {"args": {"imageDescription": "a fox"}}}},
        {"toolResult": {"toolCallId": "t", "codeExecution": {"stdout": "1", "exitCode": 0}}},
        said("Draft.", rolloutId="Agent 1"),
        said("It is", rolloutId="Grok"),
        {"renderCitation": {"id": "k", "kind": "CITATION_KIND_X_POST", "url": "https://x.com/a/status/1"}},
        said(" so."),
        {"renderGeneratedImage": {"id": "p", "query": "a fox", "imageChunk": picture}},
        {"renderFilePreview": {"id": "f", "fileName": "t.csv", "mimeType": "text/csv", "url": "users/u/f/t.csv"}},
        {"somethingNew": {"x": 1}},
        "no chunk",
    ]
    _, answer = read(QUESTION, chunked(outputChunks=chunks)).responses
    assert (answer.text, answer.reasoning, answer.is_whole) == ("It is so.", "Looking", True)
    assert [(source.url, source.kind, source.position) for source in answer.citations] == [
        ("https://x.com/a/status/1", "x", 5)
    ]
    assert [image.prompt for image in answer.images] == ["a fox"]
    assert [(file.name, file.mime_type) for file in answer.files] == [("t.csv", "text/csv")]
    (tool,) = (event for event in answer.events if isinstance(event, ToolStarted))
    assert (tool.id, tool.name, tool.args) == ("t", "image_search", {"image_description": "a fox"})


def test_a_question_in_chunks():
    asked = {"responseId": "q", "sender": "human", "inputChunks": [{"mention": {}}, {"text": {"text": "Hi"}}]}
    assert read(asked).responses[0].text == "Hi"


@pytest.mark.parametrize(
    "bad",
    [
        {"sender": "moderator"},
        {"sender": 5},
        {"sender": "assistant", "message": ["x"]},
        {"sender": "assistant", "steps": "x"},
        {"responseId": 5},
        {"responseId": ["bad"]},
    ],
)
def test_one_entry_that_cannot_be_read_costs_itself_alone(bad):
    after = {"responseId": "q2", "sender": "human", "message": "And?", "parentResponseId": "bad"}
    conversation = read(QUESTION, {"responseId": "bad", "parentResponseId": "q", **bad}, after)
    assert [response.id for response in conversation.responses] == ["q", "q2"]
    assert conversation.responses[1].parent_id == (None if "responseId" in bad else "q")
    assert conversation.unreadable == 1


@pytest.mark.parametrize(
    ("time", "created"),
    [
        ("2026-10-02T09:00:00.302Z", datetime(2026, 10, 2, 9, 0, 0, 302000, tzinfo=UTC)),
        ("2026-10-02 09:00:00", datetime(2026, 10, 2, 9, tzinfo=UTC)),
        (1790931600, datetime(2026, 10, 2, 9, tzinfo=UTC)),
        (1790931600000.0, datetime(2026, 10, 2, 9, tzinfo=UTC)),
        ("1790931600", datetime(2026, 10, 2, 9, tzinfo=UTC)),
        ({"$date": {"$numberLong": "1790931600000"}}, datetime(2026, 10, 2, 9, tzinfo=UTC)),
        ({"$date": "2026-10-02T09:00:00Z"}, datetime(2026, 10, 2, 9, tzinfo=UTC)),
        *((odd, None) for odd in ("soon", "", True, [], {}, {"$date": []}, 1e300, "9" * 400, float("nan"))),
    ],
)
def test_a_time_in_any_spelling_and_none_in_another(time, created):
    assert read({**QUESTION, "createTime": time}).responses[0].created == created


@pytest.mark.parametrize("parent", ["12345678-0000-5000-8000-000000000000", "", None])
def test_a_parent_that_is_no_response_is_none(parent):
    conversation = read({**QUESTION, "parentResponseId": parent}, chunked(outputChunks=[said("Yes.")]))
    assert [response.parent_id for response in conversation.path()] == [None, "q"]


@pytest.mark.parametrize(
    "nothing",
    [
        {"message": ""},
        {"message": " \n"},
        {"message": "</grok:render>"},
        {"message": "", "thinkingTrace": "Hm."},
        {"outputChunks": [said("Hm.", "CHANNEL_ASSISTANT_THINKING")]},
        {"message": "", "metadata": {"request_metadata": {"stream_errors": [{"message": "usage limit"}]}}},
    ],
)
def test_an_answer_with_nothing_in_it_is_not_whole(nothing):
    answer = read(QUESTION, chunked(**{"sender": "ASSISTANT", **nothing})).responses[1]
    assert not answer.is_whole


def test_a_file_alone_is_whole():
    made = {"assetId": "s", "key": "users/u/generated/s/t.csv", "name": "t.csv", "isModelGenerated": True}
    answer = read(QUESTION, chunked(message="", fileAttachmentAssetMetadata=[made])).responses[1]
    assert answer.is_whole
    assert [file.url for file in answer.files] == ["https://assets.example/users/u/generated/s/t.csv"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.sampled_from(["", "x", "final", "<grok:render", "ASSISTANT"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "error", "results", "text", "tags", "token", "args"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
FULL = sample("load_responses.json")["responses"][0] | {
    "cardAttachmentsJson": ['{"id":"k","url":"https://e.com"}'],
    "steps": [{"text": ["x"], "tags": ["summary"], "toolUsageCards": [], "toolUsageResults": []}],
    "generatedImageUrls": [],
    "error": None,
    "generatedImageWidth": 5,
    "thinkingTrace": "",
}


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(FULL)), value=JSON, step=st.none() | st.sampled_from(["text", "tags", "toolUsageCards"])
)
def test_no_shape_makes_it_crash(name, value, step):
    entry = copy.deepcopy(FULL)
    if step:
        entry["steps"][0][step] = value
    else:
        entry[name] = value
    with suppress(GrokWebProtocolError):
        read = stored.read_stored(ABOUT, {"responses": [entry]}, assets_url="https://e.com")
        assert read.path()[-1].says_something in {True, False}
