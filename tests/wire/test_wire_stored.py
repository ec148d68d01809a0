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
from langchain_grokweb.wire.events import CitationFound, ImageFinished, ToolFinished

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
    assert tree(("q", "gone")).path()[0].parent_id == "gone"
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
        ({"responses": [{"responseId": "r", "createTime": "soon"}]}, "responses[0].createTime: expected a time"),
        ({"inflightResponses": [{}]}, "inflightResponses[].responseId: expected str"),
        ([], "responses: expected dict, got list"),
    ],
)
def test_a_wrong_shape_is_named_by_its_place_without_its_value(change, where):
    with pytest.raises(GrokWebProtocolError) as raised:
        stored.read_stored(ABOUT, change, assets_url="")
    assert where in str(raised.value)
    assert "soon" not in str(raised.value)


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
