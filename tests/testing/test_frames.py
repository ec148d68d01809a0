"""Frames against the samples: the same members in the same order, for both eras."""

import json

import pytest

from testing.asking import CONVERSATIONS, sample

SEARCH = {
    "query": "best way to learn Rust 2026",
    "results": [{"url": "https://doc.rust-lang.org/book/", "title": "The Book", "snippet": "by Steve"}],
}
POSTS = {
    "query": "from:rustlang release",
    "kind": "x",
    "results": [{"url": "https://x.com/rustlang/status/19", "title": "Rust", "snippet": "Rust 1.95 is out!"}],
}


def shape(value):
    """Member names in order, all the way down; of a list only whether its first element has a shape."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def frame_with(lines, member):
    return next(line for line in lines if member in json.dumps(line))


def kinds(lines):
    """What each line is about, repetitions dropped."""
    found = []
    for line in lines:
        inner = line["result"].get("response", line["result"])
        name = next(iter(inner))
        if not found or found[-1] != name:
            found.append(name)
    return found


def test_a_stream_of_2025_has_the_frames_of_the_sample(seed_era):
    grok, browser = seed_era
    grok.reply("The capital of France is Paris.", title="Capital of France")
    answer = browser.new("What is the capital of France?", modelName="grok-3", isReasoning=False)
    wanted = sample("plain_2025-03.ndjson")
    assert [shape(line) for line in answer.lines] == [shape(line) for line in wanted]
    assert answer.text == answer.model["message"] == "The capital of France is Paris."
    assert answer.lines[-1] == wanted[-1]


def test_a_thinking_stream_of_2025_has_the_frames_of_the_sample(seed_era):
    grok, browser = seed_era
    reasoning = "Alright, the user wants it."
    grok.reply("17 \u00d7 23 = **391**", reasoning=reasoning)
    answer = browser.new("What is 17 * 23?", modelName="grok-3", isReasoning=True)
    wanted = sample("thinking_2025-03.ndjson")
    assert kinds(answer.lines) == kinds(wanted)
    assert shape(answer.lines[2]) == shape(wanted[2])
    assert answer.frames[2]["token"] == ""
    assert shape(frame_with(answer.lines, "thinkingTrace")) == shape(frame_with(wanted, "thinkingTrace"))
    assert answer.reasoning == answer.model["thinkingTrace"] == reasoning


def test_a_follow_up_is_flat_and_names_its_parent(seed_era):
    grok, browser = seed_era
    grok.reply("One.")
    grok.reply("About **2.1 million** people live in Paris.")
    first = browser.new(modelName="grok-3")
    body = {"message": "How many?", "modelName": "grok-3", "parentResponseId": first.response_id}
    raw = browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body).text
    lines = [json.loads(line) for line in raw.splitlines()]
    wanted = sample("continue_flat_2025-03.ndjson")
    assert kinds(lines) == kinds(wanted)
    assert shape(lines[0]) == shape(wanted[0])
    assert shape(lines[-1]) == shape(wanted[-1])
    assert lines[0]["result"]["userResponse"]["parentResponseId"] == first.response_id


def test_a_follow_up_of_2026_is_flat_too(grok, browser):
    first = browser.new()
    body = {"message": "x", "modeId": "auto", "parentResponseId": first.response_id}
    raw = browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body).text
    results = [json.loads(line)["result"] for line in raw.splitlines()]
    assert not any("response" in result for result in results)
    assert kinds([{"result": result} for result in results])[:4] == ["userResponse", "uiLayout", "llmInfo", "token"]


def test_a_plan_that_cannot_be_composed_is_told_in_the_stream(grok, browser):
    grok.reply("x", search=[{"results": []}])
    assert browser.new().lines[-1]["error"]["message"] == "Emulator: KeyError('query')"
    assert browser.new().text


def test_a_stream_of_2026_has_the_frames_of_the_sample(grok, browser):
    grok.reply("The capital of France is Paris.", title="Capital of France")
    answer = browser.new("What is the capital of France?")
    wanted = sample("plain_2026-04.ndjson")
    assert [shape(line) for line in answer.lines] == [shape(line) for line in wanted]
    assert answer.frames[4]["token"] == "Thinking about your request"


def test_reasoning_steps_of_2026_are_tagged_headers_and_summaries(grok, browser):
    grok.reply("Yes.", reasoning=[{"header": "Looking", "summary": "At the sky."}, {"summary": "It is blue."}])
    answer = browser.new()
    thoughts = [frame for frame in answer.frames if frame.get("isThinking")]
    seen = [(frame["messageTag"], frame["messageStepId"]) for frame in thoughts]
    assert seen[:2] == [("header", 0), ("header", 1)]
    assert {place for place in seen if place[0] == "summary"} == {("summary", 1), ("summary", 2)}
    assert answer.reasoning == "Thinking about your requestLookingAt the sky.It is blue."


def test_searches_and_citations_have_the_frames_of_the_sample(grok, browser):
    url = "https://doc.rust-lang.org/book/"
    grok.reply(
        "Start with **The Book** now.",
        search=[SEARCH, POSTS],
        citations=[{"url": url, "title": "The Book", "after": "**The Book**"}, {"url": "https://else", "title": "E"}],
    )
    answer = browser.new("Where should I learn Rust?")
    wanted = sample("search_citations_2026-05.ndjson")
    for member in ('"webSearch"', '"webSearchResults": {', '"xSearch"', '"xSearchResults"', '"cardAttachment"'):
        assert shape(frame_with(answer.lines, member)) == shape(frame_with(wanted, member)), member
    model = next(line["result"]["response"]["modelResponse"] for line in wanted if "modelResponse" in json.dumps(line))
    assert list(answer.model) == [*list(model)[:25], "uiLayout", *list(model)[25:]]
    assert [one["title"] for one in answer.model["citedWebSearchResults"]] == ["The Book", "E"]
    assert answer.model["xpostIds"] == ["19"]


def test_a_cited_page_that_no_search_found_is_found_by_one_more(grok, browser):
    known = {"url": "https://doc.rust-lang.org/book/", "title": "Another name"}
    others = [{"url": "https://else", "title": "E", "snippet": "Of E"}] * 2
    grok.reply("Yes.", search=[SEARCH, POSTS], citations=[known, *others, {"url": "https://untitled"}])
    first, last = browser.new().members("webSearchResults")
    assert len(first["results"]) == len(SEARCH["results"])
    assert [(one["url"], one["title"], one["preview"]) for one in last["results"]] == [("https://else", "E", "Of E")]
    grok.reply("Yes.", citations=[{"url": "https://untitled"}])
    assert browser.new().members("webSearchResults") == []


@pytest.mark.parametrize("url", ["https://e.com/a", "https://x.com/someone/status/42"])
def test_the_title_of_a_planned_citation_reaches_the_client(grok, make_model, url):
    grok.reply("Paris.", citations=[{"url": url, "title": "A"}])
    message = make_model().invoke("Hi")
    assert message.text == "Paris."
    assert [(one["url"], one["title"]) for one in message.additional_kwargs["citations"]] == [(url, "A")]


def test_a_citation_stands_right_behind_its_words_and_every_second_tag_is_split(grok, browser):
    cited = [{"url": f"https://e/{n}", "title": "E", "after": word} for n, word in enumerate(("One", "two"))]
    grok.reply("One and two.", citations=cited)
    answer = browser.new()
    first, second = [json.loads(card["jsonData"]) for card in answer.members("cardAttachment")]
    assert (first["url"], second["url"]) == ("https://e/0", "https://e/1")
    before, _, rest = answer.model["message"].partition("<grok:render")
    assert before == "One"
    assert rest.startswith(f' card_id="{first["id"]}" card_type="citation_card" type="render_inline_citation">')
    tokens = [frame["token"] for frame in answer.frames if "token" in frame]
    assert sum(token.startswith("<grok:render") and token.endswith("</grok:render>") for token in tokens) == 1
    assert "".join(tokens).endswith(answer.model["message"])
    assert [json.loads(card)["id"] for card in answer.model["cardAttachmentsJson"]] == [first["id"], second["id"]]


def test_pictures_of_the_first_shape_have_the_frames_of_the_sample(seed_era):
    grok, browser = seed_era
    grok.reply(images=["a red fox in the snow", "another"])
    answer = browser.new("Draw a red fox", modelName="grok-3")
    wanted = sample("images_streaming_2025-11.ndjson")
    assert [shape(line) for line in answer.lines[2:9]] == [shape(line) for line in wanted[2:9]]
    assert shape(answer.lines[9]) == shape(wanted[9])
    assert answer.text == "I generated images with the prompt: 'a red fox in the snow'"
    soft = [frame for frame in answer.frames if frame.get("isSoftStop")]
    assert [frame["token"] for frame in soft] == ["'"]
    finals = [one["imageUrl"] for one in answer.members("streamingImageGenerationResponse") if one["progress"] == 100]
    assert answer.model["generatedImageUrls"] == finals


def test_pictures_of_the_second_shape_are_cards(grok, browser):
    grok.reply("Here.", images=["a fox & a <hen>", {"prompt": "b", "moderated": True}])
    answer = browser.new("Draw")
    cards = [json.loads(card["jsonData"]) for card in answer.members("cardAttachment")]
    assert [card["image_chunk"] and card["image_chunk"]["progress"] for card in cards] == [None, 50, 100, None, 50]
    assert all(card["cardType"] == "generated_image_card" for card in cards)
    assert f'card_id="{cards[0]["id"]}" card_type="generated_image_card" type="render_generated_image"' in answer.text
    assert "a fox &amp; a &lt;hen&gt;" in answer.text
    stored = [json.loads(card)["image_chunk"] for card in answer.model["cardAttachmentsJson"]]
    assert stored[0]["progress"] == 100
    assert stored[1] is None


def test_the_shape_of_a_picture_can_be_chosen(grok, browser):
    grok.reply("Here.", images=[{"prompt": "x", "shape": "a", "moderated": True}])
    answer = browser.new("Draw")
    last = answer.members("streamingImageGenerationResponse")[-1]
    assert (last["progress"], last["moderated"]) == (100, True)
    assert answer.model["generatedImageUrls"] == []


def test_every_response_frame_names_its_response(grok, browser):
    grok.reply("Yes.", search=[SEARCH], images=["x"], citations=[{"url": "https://e", "title": "E"}])
    answer = browser.new()
    responses = [line["result"]["response"] for line in answer.lines if "response" in line["result"]]
    user, *model = responses
    assert user["responseId"] == user["userResponse"]["responseId"]
    assert {frame["responseId"] for frame in model} == {answer.response_id}
    assert all("isThinking" in frame and "isSoftStop" in frame for frame in responses)


def test_times_have_nanoseconds_on_responses_and_microseconds_on_conversations(browser):
    answer = browser.new()
    assert len(answer.model["createTime"]) == len("2026-04-20T09:15:02.155903118Z")
    assert len(answer.members("conversation")[0]["createTime"]) == len("2026-04-20T09:15:02.118203Z")
    assert "partial" in answer.model
    assert answer.model["partial"] is False


@pytest.mark.parametrize("body", [{"modelName": "grok-3"}, {"modeId": "auto"}])
def test_the_era_is_the_services_whatever_the_payload(emulator, browser, body):
    answer = browser.new(**body)
    assert "uiLayout" in kinds(answer.lines)
    assert {one["messageTag"] for one in answer.frames if one.get("token")} >= {"header", "final"}
    _, older = emulator(era="2025")
    answer = older.new(**body)
    assert "uiLayout" not in kinds(answer.lines)
    assert answer.members("messageTag") == []


def test_final_metadata_and_follow_ups_are_left_out_on_demand(browser):
    assert browser.new(sendFinalMetadata=False).members("finalMetadata") == []
    assert browser.new().members("finalMetadata")[0]["followUpSuggestions"]
    assert browser.new(disableTextFollowUps=True).members("finalMetadata")[0]["followUpSuggestions"] == []


@pytest.mark.parametrize(("title", "wanted"), [("Mine", ["Mine"]), (None, ["What is"]), (False, [])])
def test_titles(grok, browser, title, wanted):
    grok.reply("x", title=title)
    answer = browser.new("What is?")
    assert [one["newTitle"] for one in answer.members("title")] == wanted
    stored = grok.conversations[answer.conversation_id].title
    assert stored == (wanted[0] if wanted else "New conversation")


def test_a_follow_up_has_a_title_only_when_planned(grok, browser):
    first = browser.new()
    grok.reply("x")
    assert browser.follow(first).members("title") == []
    grok.reply("y", title="Renamed")
    again = browser.http.post(
        f"{CONVERSATIONS}/{first.conversation_id}/responses",
        json={"message": "z", "modeId": "auto", "parentResponseId": first.response_id},
    )
    assert json.loads(again.text.splitlines()[-1]) == {"result": {"title": {"newTitle": "Renamed"}}}
