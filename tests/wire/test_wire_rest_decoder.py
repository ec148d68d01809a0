"""Frames of the conversations endpoint that no recording holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb import errors
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.rest import RestDecoder

ANSWER = "aaaaaaaa-0000-4000-8000-000000000001"
PROMPT = "aaaaaaaa-0000-4000-8000-000000000002"


def nested(**members: Any) -> bytes:
    frame = {"isThinking": False, "isSoftStop": False, "responseId": ANSWER, **members}
    return json.dumps({"result": {"response": frame}}).encode() + b"\n"


def token(text: str, **members: Any) -> bytes:
    return nested(token=text, **members)


def thought(text: str, tag: str | None = None, step: int = 0, **members: Any) -> bytes:
    tags = {} if tag is None else {"messageTag": tag, "messageStepId": step}
    return nested(token=text, isThinking=True, **tags, **members)


def card(**data: Any) -> bytes:
    return nested(cardAttachment={"jsonData": json.dumps(data)}, messageTag="final")


def definitive(message: str = "", **members: Any) -> bytes:
    return nested(modelResponse={"responseId": ANSWER, "message": message, "sender": "ASSISTANT", **members})


def events(*frames: bytes) -> list[Any]:
    decoder = RestDecoder(assets_url="https://assets.example")
    return [*decoder.feed(b"".join(frames)), *decoder.close()]


def text(found: list[Any]) -> str:
    return "".join(event.text for event in found if isinstance(event, ev.TextDelta))


def reasoning(found: list[Any]) -> str:
    return "".join(event.text for event in found if isinstance(event, ev.ReasoningDelta))


def of(kind: type, found: list[Any]) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


# --- reasoning


@pytest.mark.parametrize("placeholder", ["Thinking about your request", "Thinking about your request…"])
def test_the_placeholder_headline_is_no_reasoning(placeholder: str):
    assert reasoning(events(thought(placeholder, "header"), token("Hi", messageTag="final"), definitive("Hi"))) == ""


def test_the_placeholder_may_come_in_pieces():
    found = events(thought("Thinking ", "header"), thought("about your request"), thought("• A step", "summary"))
    assert reasoning(found) == "• A step"


def test_a_headline_that_only_begins_like_the_placeholder_is_kept():
    found = events(thought("Thinking about", "header"), thought(" birds", "header"), thought("They fly.", "summary"))
    assert reasoning(found) == "Thinking about birds\nThey fly."


def test_a_short_headline_is_kept_when_its_section_ends():
    assert reasoning(events(thought("Thinking", "header"), thought("A", "summary"))) == "Thinking\nA"


def test_headlines_and_bodies_stand_on_lines_of_their_own():
    found = events(
        thought("First", "header", 0),
        thought("a", "summary", 0),
        thought("b", "summary", 0),
        thought("c"),
        thought("Second", "header", 1),
        thought("d", "summary", 1),
    )
    assert reasoning(found) == "First\nabc\n\nSecond\nd"


def test_a_thinking_trace_serves_where_no_thought_was_streamed():
    assert reasoning(events(token("A"), definitive("A", thinkingTrace="Because."))) == "Because."
    assert reasoning(events(thought("So"), token("A"), definitive("A", thinkingTrace="Because."))) == "So"


def test_late_thoughts_after_text_are_still_reasoning():
    found = events(token("A"), thought("hm", "summary"), token("B"), definitive("AB"))
    assert (text(found), reasoning(found)) == ("AB", "hm")


# --- text, tags, citations


TAG = '<grok:render card_id="c1" card_type="citation_card" type="render_inline_citation">{}</grok:render>'.format(
    '<argument name="citation_id">7</argument>'
)
CARD = {"id": "c1", "type": "render_inline_citation", "cardType": "citation_card", "url": "https://example.com/a"}


@pytest.mark.parametrize("cut", range(len(TAG) + 1))
def test_no_piece_of_a_tag_comes_out_wherever_tokens_cut_it(cut: int):
    found = events(card(**CARD), token("A " + TAG[:cut]), token(TAG[cut:] + " b"), definitive(f"A {TAG} b"))
    assert text(found) == "A  b"
    assert of(ev.CitationFound, found) == [ev.CitationFound("https://example.com/a", "", "web", 2)]


@given(
    st.lists(
        st.sampled_from(["a", "<", "<grok", "<grok:render", " b>", "</grok:render>", TAG, "<b>", "\n"]), max_size=9
    )
)
def test_text_without_tags_is_kept_to_the_letter_and_tags_never_show(parts: list[str]):
    whole = "".join(parts)
    one_by_one = events(token(""), *(token(character) for character in whole))
    at_once = events(token(""), token(whole))
    assert text(one_by_one) == text(at_once)
    assert "card_id" not in text(at_once)
    if "<grok:render" not in whole:
        assert text(at_once) == whole.replace("</grok:render>", "")


def test_a_tag_that_never_closes_costs_its_opening_alone():
    found = events(token('<grok:render card_id="x">'), *(token("word ") for _ in range(2000)))
    assert text(found) == "word " * 2000


def test_a_card_may_follow_its_tag_or_have_none():
    found = events(
        token("A" + TAG), token("b"), card(**CARD), card(id="c2", url="https://example.com/late"), definitive()
    )
    assert of(ev.CitationFound, found) == [
        ev.CitationFound("https://example.com/a", "", "web", 1),
        ev.CitationFound("https://example.com/late", "", "web", None),
    ]


def test_one_card_may_be_cited_twice_and_repeated_cards_count_once():
    found = events(
        card(**CARD),
        token("A" + TAG),
        card(**CARD),
        token("b" + TAG),
        definitive(cardAttachmentsJson=[json.dumps(CARD)]),
    )
    assert [citation.position for citation in of(ev.CitationFound, found)] == [1, 2]


def test_kinds_of_sources():
    found = events(
        card(id="x", url="https://x.com/a/status/1"),
        card(id="i", type="render_searched_image", image={"title": "Fox", "link": "https://example.com/fox"}),
        card(id="f", type="render_file", url="https://example.com/f.pdf"),
        card(id="bad", url="javascript:alert(1)"),
        definitive("A"),
    )
    assert [(c.url, c.title, c.kind) for c in of(ev.CitationFound, found)] == [
        ("https://x.com/a/status/1", "", "x"),
        ("https://example.com/fox", "Fox", "image"),
        ("https://example.com/f.pdf", "", "file"),
    ]


# --- the definitive answer


@pytest.mark.parametrize(
    ("streamed", "stored", "given"),
    [
        ("The capi", "The capital.", "The capital."),
        ("", "All of it.", "All of it."),
        ("Same.", "Same.", "Same."),
        ("With a last space ", "With a last space", "With a last space "),
        ("Other words", "Not these", "Other words"),
        ("No final text", "", "No final text"),
        ("A <b", "A <b>c", "A <b>c"),
    ],
)
def test_what_the_stream_left_out_is_delivered_once(streamed: str, stored: str, given: str):
    assert text(events(token(streamed), definitive(stored))) == given


def test_a_tail_brings_its_citations():
    found = events(token("A"), definitive("A b" + TAG, cardAttachmentsJson=[json.dumps(CARD)]))
    assert text(found) == "A b"
    assert of(ev.CitationFound, found) == [ev.CitationFound("https://example.com/a", "", "web", 3)]


def test_a_stub_at_the_beginning_does_not_finish():
    decoder = RestDecoder()
    decoder.feed(nested(modelResponse={"responseId": ANSWER, "message": "", "sender": ""}))
    assert not decoder.finished


def test_nothing_after_the_definitive_answer_changes_its_text():
    found = events(token("A"), definitive("A"), token("late"), thought("late"), definitive("B late"), definitive("A"))
    assert (text(found), reasoning(found)) == ("A", "")


def test_a_second_definitive_answer_that_continues_the_first_counts():
    found = events(token("A"), definitive("A"), token(" late"), definitive("A late"), definitive("A"))
    assert text(found) == "A late"
    assert not of(ev.AnswerReplaced, found)
    assert len(of(ev.AnswerFinished, found)) == 1


# --- tools


def usage_card(tool_id: str, name: str, args: str) -> str:
    return (
        f"<xai:tool_usage_card>\n  <xai:tool_usage_card_id>{tool_id}</xai:tool_usage_card_id>\n"
        f"  <xai:tool_name>{name}</xai:tool_name>\n  <xai:tool_args><![CDATA[{args}]]></xai:tool_args>\n"
        "</xai:tool_usage_card>"
    )


def test_a_tool_card_may_be_split_over_tokens_and_is_never_reasoning():
    whole = usage_card("t1", "web_search", '{"query":"a ]] b"}')
    tagged = {"messageTag": "tool_usage_card", "toolUsageCardId": "t1", "isThinking": True}
    found = events(*(token(whole[i : i + 11], **tagged) for i in range(0, len(whole), 11)))
    assert of(ev.ToolStarted, found) == [ev.ToolStarted("t1", "web_search", {"query": "a ]] b"})]
    assert reasoning(found) == ""


def test_a_structured_card_alone_is_enough():
    twin = {"toolUsageCardId": "t1", "browsePage": {"args": {"url": "https://example.com"}}}
    found = events(nested(toolUsageCard=twin, messageTag="tool_usage_card"))
    assert of(ev.ToolStarted, found) == [ev.ToolStarted("t1", "browse_page", {"url": "https://example.com"})]


def test_spring_2025_results_have_a_query_frame_and_no_card():
    found = events(
        nested(queryAction={"query": "rust", "type": "webSearch"}),
        nested(webSearchResults={"results": [{"url": "https://e.com", "title": "E", "preview": "p"}]}),
    )
    assert of(ev.ToolStarted, found)[0].args == {"query": "rust"}
    assert of(ev.ToolFinished, found)[0].output == [{"url": "https://e.com", "title": "E", "snippet": "p"}]


def test_a_failed_run_of_code_is_a_failed_tool():
    result = {"stdout": "", "stderr": "boom", "exitCode": 1}
    found = events(nested(codeExecutionResult=result, toolUsageCardId="t9", messageTag="raw_function_result"))
    assert of(ev.ToolFinished, found) == [ev.ToolFinished("t9", result, failed=True)]


# --- pictures


def picture(**members: Any) -> bytes:
    return nested(
        streamingImageGenerationResponse={"imageId": "p1", "imageUrl": "users/u/generated/p1/image.jpg", **members}
    )


def image_card(**chunk: Any) -> bytes:
    return card(
        id="k1",
        cardType="generated_image_card",
        type="render_generated_image",
        prompt="a fox",
        image_chunk=chunk or None,
    )


def test_pictures_as_cards():
    tag = '<grok:render card_id="k1" card_type="generated_image_card" type="render_generated_image"></grok:render>'
    url = "users/u/generated/11111111-2222-3333-4444-555555555555"
    found = events(
        image_card(),
        token(f"Here:{tag}"),
        image_card(imageUuid="i1", imageUrl=f"{url}-part-0/image.jpg", progress=50),
        image_card(imageUuid="i1", imageUrl=f"{url}/image.jpg", progress=100, moderated=False),
        image_card(imageUuid="i1", imageUrl=f"{url}/image.jpg", progress=100, moderated=False),
        definitive("Here:"),
    )
    assert text(found) == "Here:"
    assert of(ev.ImagePreview, found) == [ev.ImagePreview("i1", f"https://assets.example/{url}-part-0/image.jpg", 50)]
    assert of(ev.ImageFinished, found) == [ev.ImageFinished("i1", f"https://assets.example/{url}/image.jpg", "a fox")]
    assert of(ev.CitationFound, found) == []


def test_moderated_pictures_are_withheld_in_both_shapes():
    assert of(
        ev.ImageWithheld, events(picture(progress=100, moderated=True), picture(progress=100, moderated=True))
    ) == [ev.ImageWithheld("p1")]
    assert of(ev.ImageWithheld, events(image_card(), definitive("A"))) == [ev.ImageWithheld("k1")]
    failed = events(image_card(imageUuid="i1", systemErrCode="rate_limit"), definitive("A"))
    assert of(ev.ImageWithheld, failed) == [ev.ImageWithheld("i1", "rate_limit")]


def test_a_picture_known_from_the_definitive_answer_alone_is_given_once():
    key = "users/u/generated/11111111-2222-3333-4444-555555555555/image.jpg"
    found = events(definitive("A", generatedImageUrls=[key, "prompt://a fox", 7]))
    assert [image.url for image in of(ev.ImageFinished, found)] == [f"https://assets.example/{key}"]


# --- errors


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{"error":{"code":8,"message":"Too many requests","details":[]}}\n', errors.GrokWebRateLimitError),
        (b'{"error":{"message":"internal","code":13}}\n', errors.GrokWebServerError),
        (
            nested(error={"message": "You've reached your usage limit. Please try again later."}),
            errors.GrokWebRateLimitError,
        ),
        (nested(error={"message": "no", "contentModerated": {}}), errors.GrokWebContentFilterError),
        (nested(error={"userPromptTooLong": {}}), errors.GrokWebContextOverflowError),
        (nested(error={"severity": "STREAM_ERROR_SEVERITY_FATAL", "toolCallFailed": {}}), errors.GrokWebServerError),
        (definitive("", streamErrors=[{"modelNotAvailable": {}}]), errors.GrokWebModelNotFoundError),
        (definitive("", error="boom"), errors.GrokWebServerError),
        (b'{"result":{"conversation":{"title":"no id"}}}\n', errors.GrokWebProtocolError),
        (b"<html>\n", errors.GrokWebProtocolError),
    ],
)
def test_errors_in_the_stream_end_it_behind_what_came_before(frame: bytes, kind: type):
    found = events(token("so far"), frame, token("never"), definitive("so far never"))
    assert text(found) == "so far"
    assert type(found[-1].error) is kind


@pytest.mark.parametrize(
    "error",
    [
        {"severity": "STREAM_ERROR_SEVERITY_NORMAL", "message": "slower than usual"},
        {"message": "one picture fewer", "renderPerMessageLimitExceeded": {"droppedCount": 1}},
    ],
)
def test_an_error_that_only_informs_does_not_end_the_stream(error: dict[str, Any]):
    assert text(events(token("a"), nested(error=error), token("b"), definitive("ab", streamErrors=[error]))) == "ab"


# --- oddities


@pytest.mark.parametrize(
    "odd",
    [
        nested(token="x", messageTag=["a"]),
        nested(token="x", messageTag="tool_usage_card", toolUsageCardId=["a"]),
        nested(cardAttachment={"jsonData": json.dumps({"id": "c", "cardType": ["x"], "url": ["y"]})}),
        nested(webSearchResults={"results": [{"url": ["a"], "title": {"b": 1}}]}),
        nested(codeExecutionResult=[{"url": ["a"], "title": "t"}]),
        nested(userResponse=["a"]),
        nested(queryAction={"query": ["a"]}),
    ],
)
def test_odd_shapes_do_not_crash_the_reader(odd: bytes):
    assert text(events(token("A"), odd, token("B"))).replace("x", "") == "AB"


def test_half_of_a_character_does_not_cost_the_answer():
    line = b'{"result":{"response":{"token":"a\\ud83d b","isThinking":false,"isSoftStop":false,"responseId":"r"}}}\n'
    assert text(events(line)) == "a\ufffd b"


@pytest.mark.parametrize(
    ("streamed", "expected"),
    [
        ("Use `<grok:render` in html. Next sentence.", "Use `<grok:render` in html. Next sentence."),
        ("Use <grok:renderer> too.", "Use <grok:renderer> too."),
        ('Seen <grok:render card_id="x"> and on.', "Seen  and on."),
        ('Cut <grok:render card_id="x"><argument name="citation_id">9</arg', "Cut "),
        ('Cut <grok:render card_id="x', "Cut "),
    ],
)
def test_what_looks_like_a_tag_at_the_end(streamed: str, expected: str):
    assert text(events(token(streamed))) == expected


def test_a_tag_that_is_cut_in_half_by_the_definitive_answer_neither_leaks_nor_blocks_it():
    found = events(card(**CARD), token("Paris <grok:ren"), definitive(f"Paris {TAG} is nice."))
    assert text(found) == "Paris  is nice."
    assert [citation.position for citation in of(ev.CitationFound, found)] == [6]


def test_an_error_behind_the_definitive_answer_does_not_count():
    found = events(token("A"), definitive("A"), b'{"error":{"code":13,"message":"late"}}\n', b"garbage\n")
    assert of(ev.TurnFailed, found) == []


def test_members_in_any_order_and_both_envelopes_in_one_line():
    line = {"result": {"conversation": {"conversationId": "c"}, "response": {"responseId": ANSWER, "token": "A"}}}
    backwards = {"responseId": ANSWER, "isSoftStop": False, "isThinking": False, "token": "B"}
    found = events(json.dumps(line).encode(), json.dumps({"result": backwards}).encode())
    assert found[0] == ev.ConversationOpened("c")
    assert text(found) == "AB"


def test_the_second_of_two_answers_side_by_side_is_left_out():
    assert text(events(token("A", sideBySideIndex=0), token("X", sideBySideIndex=1), token("B"))) == "AB"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    """token isThinking isSoftStop responseId messageTag messageStepId toolUsageCardId toolUsageCard cardAttachment
    cardAttachments webSearchResults xSearchResults codeExecutionResult citedWebSearchResults queryAction title error
    imageDimensions streamingImageGenerationResponse finalMetadata followUpSuggestions modelResponse userResponse
    conversation generatedTitle sideBySideIndex response result""".split()
)


@given(st.lists(st.dictionaries(MEMBERS, JSON, max_size=5), max_size=4), st.booleans())
def test_members_of_any_type_never_crash_the_reader(frames: list[dict[str, Any]], flat: bool):
    lines = [{"result": frame if flat else {"response": frame}} for frame in frames]
    found = events(token("A"), *(json.dumps(line).encode() + b"\n" for line in lines))
    assert text(found).startswith("A")


@given(
    st.dictionaries(
        st.sampled_from(["responseId", "message", "sender", "streamErrors", "error", "cardAttachmentsJson"]), JSON
    )
)
def test_a_definitive_answer_of_any_type_never_crashes_the_reader(response: dict[str, Any]):
    events(token("A"), nested(modelResponse=response), card(id="x", image_chunk=response))


# --- what an answer that is told again needs


def test_the_beginning_is_known_by_the_placeholder():
    decoder = RestDecoder()
    decoder.feed(thought("Thinking about ", "header"))
    assert not decoder.saw_beginning
    decoder.feed(thought("your request", "header"))
    assert decoder.saw_beginning
    other = RestDecoder()
    other.feed(thought("Looking at a map", "header") + token("Hi"))
    assert not other.saw_beginning


def test_a_picture_is_the_result_of_the_tool_that_makes_it():
    picture = {"imageUuid": "p", "imageUrl": "users/u/generated/p/image.jpg"}
    found = events(
        nested(toolUsageCard={"toolUsageCardId": "t", "generateImage": {"args": {"prompt": "a fox"}}}),
        card(id="c", cardType="generated_image_card", image_chunk=None),
        card(id="c", cardType="generated_image_card", image_chunk={**picture, "progress": 50}),
        card(id="c", cardType="generated_image_card", image_chunk={**picture, "progress": 100}),
        card(id="d", cardType="generated_image_card", image_chunk={**picture, "imageUuid": "q", "progress": 100}),
    )
    assert of(ev.ToolStarted, found) == [ev.ToolStarted("t", "generate_image", {"prompt": "a fox"})]
    assert of(ev.ToolFinished, found) == [ev.ToolFinished("t", [{"image_id": "p"}])]


def test_titles_of_sources_are_known_from_the_definitive_answer_too():
    tag = '<grok:render card_id="c" type="render_inline_citation"></grok:render>'
    found = events(
        definitive(
            f"Hi{tag}",
            cardAttachmentsJson=[json.dumps({"id": "c", "url": "https://e.com"})],
            webSearchResults=[{"url": "https://e.com", "title": "E"}],
        )
    )
    assert of(ev.CitationFound, found) == [ev.CitationFound("https://e.com", "E", position=2)]
