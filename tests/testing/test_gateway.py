"""The gateway: sessions, turns in both dialects, shapes, order, resuming, changing wires."""

import asyncio
import json
import re

import pytest

from langchain_grokweb.testing import GrokEmulator
from testing.asking import CONVERSATIONS
from testing.talking import CAPTURED, CHUNKS, Open, gateway, sample, user_item
from tests.clock import HANG_SECONDS

CITED = {"url": "https://example.com/a", "title": "A", "after": "Paris"}
POST = {"url": "https://x.com/someone/status/42", "title": "Someone", "snippet": "A post"}
PAGE = {"url": "https://example.com/a", "title": "A", "snippet": "About Paris"}
ORDER = [
    "conversation.queue.updated",
    "conversation.item.added",
    "conversation.queue.updated",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
]
WITH_CAPTURES = ["attachment", "error", "image_delta", "plain_inline", "resume", "thinking"]
END = ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.done"]


# -- plain turns


async def test_a_new_session_is_a_new_conversation(grok):
    async with Open(grok) as talk:
        begun = await talk.create(CHUNKS)
    assert begun.types == ["session.created", "conversation.attached", "conversation.commands.updated"]
    created, attached, _ = begun.events
    (conversation,) = grok.conversations
    assert created["client_event_id"] == "evt_init_1"
    assert created["session"] == {"id": conversation, "model": "auto", "x_grok": CHUNKS}
    assert attached["conversation"] == {"id": conversation, "object": "realtime.conversation"}
    assert attached["mode"] == "new"
    assert {envelope["session_id"] for envelope in begun} == {conversation}


async def test_two_turns_in_chunks(grok):
    grok.reply("Paris, of course.", reasoning="Capital of France?")
    grok.reply("And Berlin.")
    async with Open(grok) as talk:
        begun = await talk.create(CHUNKS)
        first = await talk.ask("One?", until="conversation.title.updated")
        second = await talk.ask("Two?", parent_response_id=first.response_id)
    assert first.types[:6] == ORDER
    place = first.types.index("response.output_text.done")
    assert first.types[place:] == [
        *END,
        "response.chunk",
        "response.chunk",
        "response.persisted",
        "response.chunk",
        "conversation.title.updated",
    ]
    assert first.text == first.one("response.output_text.done")["text"] == "Paris, of course."
    assert first.channel("THINKING") == "Capital of France?"
    assert first.done == {"id": first.response_id, "status": "completed", "output_modalities": ["text"]}
    assert first.one("response.created")["client_event_id"] == "evt_resp_1"
    late = [event for event in first.of("response.chunk") if event["response_id"] == event["item_id"] == ""]
    assert [event["chunk"]["text"]["channel"] for event in late] == ["CHANNEL_ASSISTANT_NOTETAKER_HEADER"] * 2
    assert first.chunks("follow_up_suggestions")
    assert second.text == "And Berlin."
    numbers = begun.numbers + first.numbers + second.numbers
    assert numbers == list(range(1, len(numbers) + 1))
    prefixes = {event["event_id"].rpartition("_")[0] for event in begun.events + first.events + second.events}
    assert len(prefixes) == 1
    assert re.fullmatch("evt_[0-9a-f]{32}", prefixes.pop())
    one, two = grok.turns
    assert (one.prompt, one.mode, one.wire, one.status, one.parent_response_id) == (
        "One?",
        "auto",
        "gateway",
        "finished",
        None,
    )
    assert (two.parent_response_id, two.conversation_id) == (first.response_id, one.conversation_id)
    assert one.conversation_id == talk.session_id
    assert one.user_response_id == first.one("conversation.item.added")["item"]["id"]


async def test_two_turns_in_deltas(grok):
    grok.reply("Paris, of course.", reasoning=[{"header": "Looking", "summary": "It is old."}])
    grok.reply("And Berlin.")
    async with Open(grok) as talk:
        await talk.create()
        first = await talk.ask("One?")
        await talk.until("conversation.title.updated")
        await talk.say({"type": "conversation.item.create", "item": {
            "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Two?"}]}})  # fmt: skip
        await talk.say({"type": "response.create", "response": {"model": "fast"}})
        second = await talk.until("response.persisted")
    assert first.types[:6] == ORDER
    assert first.deltas(thinking=False) == first.one("response.output_text.done")["text"] == "Paris, of course."
    assert first.deltas(thinking=True) == "Thinking about your requestLookingIt is old."
    assert first.of("response.chunk") == []
    assert first.types[-6:] == [*END[:3], "response.completed", "response.done", "response.persisted"]
    content = first.one("response.completed")["response"]["output"][0]["content"]
    assert content == [{"type": "output_text", "text": "Paris, of course."}]
    assert "client_event_id" not in second.one("response.created")
    assert [(turn.prompt, turn.mode) for turn in grok.turns] == [("One?", "auto"), ("Two?", "fast")]
    assert grok.turns[1].parent_response_id == first.response_id


async def test_phases_are_told_to_who_accepts_them(grok):
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask()
        await talk.until("conversation.title.updated")
        await talk.create({"use_chunk": True})
        untold = await talk.ask()
    markers = [chunk["phase_marker"] for chunk in told.chunks("phase_marker")]
    assert markers == [
        {"kind": "KIND_THINKING_START", "phase_index": 1},
        {"kind": "KIND_RESPONSE_START", "phase_index": 2},
    ]
    assert [chunk["metadata"]["phase_index"] for chunk in told.chunks("text")[:2]] == [0, 1]
    assert untold.chunks("phase_marker") == []
    assert not any("phase_index" in json.dumps(event) for event in untold.events)


async def test_reasoning_goes_through_three_channels(grok):
    steps = [{"header": "First", "summary": "a b"}, {"header": "", "summary": "c"}]
    grok.reply("X.", reasoning=steps)
    async with Open(grok) as talk:
        await talk.create(CHUNKS, model="expert")
        told = await talk.ask()
    assert told.channel("NOTETAKER_HEADER") == "Thinking about your requestFirst"
    assert (told.channel("NOTETAKER_SUMMARY"), told.channel("THINKING"), told.text) == ("a b", "c", "X.")
    assert told.chunks("ui_layout")[0]["ui_layout"]["will_think_long"] is True


# -- shapes


def kind_of(event):
    if event["type"] != "response.chunk":
        return event["type"]
    payload = next(name for name in event["chunk"] if name != "metadata")
    channel = event["chunk"][payload].get("channel", "")
    return f"response.chunk {payload} {channel} {'late' if event['response_id'] == '' else ''}"


def names(value):
    """The names of all members, in order; `usage` came in August and not in October."""
    if isinstance(value, dict):
        return [(name, names(value[name])) for name in value if name != "usage"]
    return None


@pytest.mark.parametrize("name", WITH_CAPTURES)
async def test_events_have_the_members_of_the_captured_ones(grok, name):
    lines = sample(f"{name}.jsonl")
    flags = lines[0]["frame"]["event"]["session"].get("x_grok", {})
    grok.reply("No.", reasoning=[{"header": "Thinking", "summary": "x"}])
    async with Open(grok) as talk:
        found = await talk.create({key: flags[key] for key in flags if key != "conversation_id"} or None)
        found += await talk.ask("Is 221 prime?")
        if not flags.get("is_temporary"):
            found += await talk.until("conversation.title.updated")
    shapes = {}
    for envelope in found:
        shapes.setdefault(kind_of(envelope["event"]), []).append(names(envelope))
    captured = [line["frame"] for line in lines if line["dir"] == "server" and line["shape"] in CAPTURED]
    for frame in captured:
        assert names(frame) in shapes[kind_of(frame["event"])]


async def test_a_malformed_envelope_is_refused_as_in_the_sample(grok):
    wanted = sample("error_invalid_envelope.jsonl")[1]["frame"]
    async with Open(grok) as talk:
        await talk.say({"type": "session.create", "event_id": "evt_1"})
        refused = await talk.hear()
        assert names(refused) == names(wanted)
        assert refused["event"]["error"]["code"] == "invalid_envelope"
        for message in ("{", "", "[]", '{"event": 1}', '{"event": {}}', b"\xff"):
            await talk.socket.send(message)
            assert (await talk.hear())["event"]["error"]["code"] == "invalid_envelope"
        await talk.say({"type": "response.cancel", "event_id": "evt_2"})
        assert (await talk.hear())["event"]["client_event_id"] == "evt_2"
        await talk.create(CHUNKS)
        assert (await talk.ask()).done["status"] == "completed"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.create", "session": {"x_grok": [], "model": {}}},
        {"type": "session.create", "session": {"x_grok": {"conversation_id": {}, "initial_leaf_id": []}}},
        {"type": "conversation.item.create", "item": 1},
        {"type": "conversation.item.create", "item": {"x_grok": 1, "content": 1, "file_attachment_ids": 1}},
        {"type": "response.create", "item": {"x_grok": {"input_chunks": [1, {"mention": []}, {"text": 2}]}}},
        {"type": "response.create", "item": user_item("x"), "response": 1, "parent_response_id": {}},
    ],
)
async def test_nothing_that_a_client_says_breaks_a_socket(grok, event, caplog):
    async with Open(grok) as talk:
        await talk.create(CHUNKS | {"tool_overrides": 1})
        session_id = talk.session_id
        await talk.say(event)
        await talk.say({"type": "ping", "event_id": "evt_hb_1"})
        await talk.until("pong")
        talk.session_id = session_id
        await talk.ask()
    assert caplog.records == []


# -- contents


async def test_searches_come_in_rounds_with_results_out_of_order(grok):
    searches = [
        {"query": "one", "results": [PAGE]},
        {"query": "two", "kind": "x", "results": [POST]},
        {"query": "three", "kind": "x", "results": []},
    ]
    grok.reply("Found.", search=searches)
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask()
    chunks = [
        chunk for event in told.of("response.chunk") for chunk in [event["chunk"]] if "tool_" in json.dumps(chunk)
    ]
    cards = [chunk["tool_usage_card"] for chunk in chunks if "tool_usage_card" in chunk]
    results = [chunk["tool_result"] for chunk in chunks if "tool_result" in chunk]
    ids = [card["tool_usage_card_id"] for card in cards]
    assert [next(iter(chunk.keys() - {"metadata"}))[5:] for chunk in chunks] == [
        *["usage_card"] * 2,
        *["result"] * 2,
        "usage_card",
        "result",
    ]
    assert cards[0]["web_search"] == {"args": {"query": "one"}}
    assert [result["tool_call_id"] for result in results] == [ids[1], ids[0], ids[2]]
    assert results[1]["web_search"] == {"webpages": [PAGE]}
    post = results[0]["x_post"]["posts"][0]
    assert (post["userhandle"], post["post_id"], post["text"]) == ("someone", "42", "A post")
    assert results[2]["x_post"] == {}
    assert [chunk["metadata"]["step_id"] for chunk in chunks] == [0, 0, 0, 0, 1, 1]
    assert told.chunks("text")[-3]["metadata"]["step_id"] == 2


async def test_citations_stand_between_the_text(grok):
    grok.reply("Paris is old.", citations=[CITED, {"url": POST["url"], "title": "P"}])
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask()
    places = [next(iter(event["chunk"].keys() - {"metadata"})) for event in told.of("response.chunk")]
    begin = places.index("tool_usage_card")
    assert places[begin : begin + 5] == ["tool_usage_card", "tool_result", "phase_marker", "text", "render_citation"]
    (found,) = told.chunks("tool_result")
    assert [(page["url"], page["title"]) for page in found["tool_result"]["web_search"]["webpages"]] == [
        (CITED["url"], "A"),
        (POST["url"], "P"),
    ]
    first, second = (chunk["render_citation"] for chunk in told.chunks("render_citation"))
    assert (first["url"], first["kind"]) == (CITED["url"], "CITATION_KIND_WEB_PAGE")
    assert (second["url"], second["kind"]) == (POST["url"], "CITATION_KIND_X_POST")
    assert re.fullmatch("[0-9a-f]{6}", first["id"])
    assert told.text == told.one("response.output_text.done")["text"] == "Paris is old."
    assert grok.turns[0].text.startswith("Paris<grok:render ")


async def test_citations_and_searches_in_deltas(grok):
    grok.reply("Paris is old.", citations=[CITED, CITED], search=[{"query": "one", "results": [PAGE]}])
    async with Open(grok) as talk:
        await talk.create()
        told = await talk.ask()
    outputs = [event["output"] for event in told.of("response.grok.output")]
    assert outputs[0] == {"tool_usage_card": {"web_search": {"query": "one"}}}
    found = {"url": PAGE["url"], "title": PAGE["title"]}
    assert outputs[1] == {"tool_result": {"web_search_results": [found]}}
    assert told.one("response.search.result")["result"] == {"search_type": "web_search", "web_results": [found]}
    text = told.one("response.output_text.done")["text"]
    ids = re.findall('<grok:render card_id="(.{6})" card_type="citation_card" type="render_inline_citation">', text)
    assert outputs[2:] == [{"card_attachment": {"id": one, "url": CITED["url"]}} for one in ids]
    assert told.deltas(thinking=False) == text
    assert told.types.index("response.output_text.done") < len(told) - 1 - told.types[::-1].index(
        "response.grok.output"
    )


@pytest.mark.parametrize("flags", [CHUNKS, None])
async def test_pictures_and_their_previews(grok, browser, flags):
    grok.reply("Here.", images=["a cat", {"prompt": "a dog", "moderated": True}])
    async with Open(grok) as talk:
        await talk.create(flags)
        told = await talk.ask("Draw")
    if flags:
        shown = [chunk["render_generated_image"] for chunk in told.chunks("render_generated_image")]
        starts = [chunk["render_start"] for chunk in told.chunks("render_start")]
        cards = [chunk["tool_usage_card"] for chunk in told.chunks("tool_usage_card")]
        assert [one["id"] for one in shown[::2]] == [one["id"] for one in starts]
        assert shown[0]["tool_call_id"] == cards[0]["tool_usage_card_id"]
        assert cards[0]["generate_image"]["args"]["prompt"] == "a cat"
    else:
        attached = [event["output"]["card_attachment"] for event in told.of("response.grok.output")]
        assert attached[0]["image_chunk"] is None
        shown = [one for one in attached if one["image_chunk"]]
        assert shown[0]["image_chunk"]["imageUrl"].startswith("data:image/jpeg;base64,")
    preview, final, _, refused = (one["image_chunk"] for one in shown)
    assert (preview["progress"], final["progress"], final["moderated"]) == (50, 100, False)
    assert preview["imageUuid"] == final["imageUuid"]
    assert (refused["moderated"], refused["imageUrl"]) == (True, "")
    picture = browser.get(f"/{final['imageUrl']}")
    assert picture.headers["content-type"] == "image/jpeg"


# -- asking


def mentions(file_id):
    return [
        {"mention": {"target": {"file_mention": {"file_id": file_id}}}},
        {"mention": {"file_mention": {"file_id": file_id}}},
    ]


@pytest.mark.parametrize("shape", range(5))
async def test_attachments_in_all_spellings(grok, browser, shape):
    body = {"fileName": "a.txt", "fileMimeType": "text/plain", "content": "aGk="}
    file_id = browser.http.post("/rest/app-chat/upload-file", json=body).json()["fileMetadataId"]
    event = {"type": "response.create", "event_id": "evt_resp_1"}
    if shape < 2:
        event["item"] = user_item("What is it?", mentions(file_id)[shape])
    elif shape == 2:
        event["item"] = user_item("What is it?", file_attachment_ids=[file_id])
    elif shape == 3:
        event |= {"item": user_item("What is it?"), "file_attachment_ids": [file_id]}
    else:
        item = user_item("What is it?", mentions(file_id)[0], file_attachment_ids=[file_id])
        event |= {"item": item, "file_attachment_ids": [file_id]}
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say(event)
        told = await talk.until("response.done")
    (turn,) = grok.turns
    assert [file.name for file in turn.files] == ["a.txt"]
    assert turn.prompt == "What is it?"
    assert told.chunks("progress_report")


async def test_a_question_that_is_too_long_ends_with_an_error():
    async with GrokEmulator(longest_prompt=3) as grok, Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask("long", until="response.done")
    assert told.one("response.grok.output")["output"]["stream_error"]["kind"] == "user_prompt_too_long"
    assert told.one("response.done")["response"]["status"] == "incomplete"


async def test_unknown_files_modes_and_empty_quotas_end_incomplete(grok):
    grok.set_quota("expert", 0)
    grok.reply("kept")
    async with Open(grok) as talk:
        await talk.create(CHUNKS, model="grok-3")
        model = await talk.ask(until="response.done")
        await talk.create(CHUNKS, model="expert")
        quota = await talk.ask(until="response.done")
        await talk.create(CHUNKS)
        file = await talk.ask(until="response.done", file_attachment_ids=["nothing"])
        told = await talk.ask()
    errors = [one.one("response.grok.output")["output"]["stream_error"] for one in (model, quota, file)]
    assert [one["kind"] for one in errors] == ["model_not_available", "usage_limit_reached", "attachment_load_failed"]
    assert {one["severity"] for one in errors} == {"STREAM_ERROR_SEVERITY_FATAL"}
    for one in (model, quota, file):
        assert (one.done["status"], one.done["status_details"]) == ("incomplete", {"reason": "stream_error"})
    assert told.text == "kept"


async def test_a_tier_that_may_not_use_a_mode(emulator):
    grok, _ = emulator(tier="basic")
    async with Open(grok) as talk:
        await talk.create(CHUNKS, model="heavy")
        told = await talk.ask(until="response.done")
    assert (told.done["status"], told.done["status_details"]) == ("incomplete", {"reason": "stream_error"})
    assert told.of("response.grok.output") == []


async def test_several_chunks_several_objects_and_presence(grok):
    item = user_item("first ", {"text": {"text": "zeroth "}})
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        one = {"session_id": talk.session_id, "event": {"type": "conversation.item.create", "item": item}}
        two = {"session_id": talk.session_id, "event": {"type": "response.create"}}
        three = {"session_id": talk.session_id, "event": {"type": "presence.update", "visible": True}}
        await talk.socket.send(json.dumps(one) + json.dumps(two) + "\n" + json.dumps(three))
        told = await talk.until("response.persisted")
    assert grok.turns[0].prompt == "zeroth first "
    assert told.done["status"] == "completed"
    assert [event.type for event in grok.events] == [
        "session.create",
        "conversation.item.create",
        "response.create",
        "presence.update",
    ]
    assert grok.events[1].body["item"] == item
    assert {event.session_id for event in grok.events} == {None, talk.session_id}
    (session,) = grok.sessions
    assert (session.model, session.options, session.socket, session.resumed) == ("auto", CHUNKS, 1, False)


async def test_what_comes_before_its_session_is_dropped(grok):
    async with Open(grok) as talk:
        await talk.say({"type": "conversation.item.create", "item": user_item("lost")})
        await talk.say({"type": "response.create"}, "8a0d4d52-7b0f-4a39-a7d5-8f6d2a1f6a11")
        await talk.say({"type": "ping", "event_id": "evt_hb_1"})
        pong = await talk.hear()
        assert pong["event"]["type"] == "pong"
        assert "session_id" not in pong
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "event_id": "evt_2"})
        assert (await talk.until("error")).events[-1]["client_event_id"] == "evt_2"
    assert grok.turns == []


async def test_branches_and_parents(grok):
    for text in ("root", "left", "right", "below"):
        grok.reply(text)
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        root = await talk.ask("q0")
        left = await talk.ask("q1")
        right = await talk.ask("q2", parent_response_id=root.response_id)
        below = await talk.ask("q3")
        refused = await talk.ask("q4", parent_response_id="nobody")
    assert [turn.parent_response_id for turn in grok.turns] == [
        None,
        root.response_id,
        root.response_id,
        right.response_id,
    ]
    assert refused.types[-1] == "error"
    tree = grok.conversations[talk.session_id]
    assert [node.message for node in tree.path_to(below.response_id)][1::2] == ["root", "right", "below"]
    assert left.response_id in tree.nodes


@pytest.mark.parametrize(("keep", "name"), [(False, "You have not told me"), (True, "Your name is Ada.")])
async def test_a_temporary_session_remembers_if_it_shall(grok, browser, keep, name):
    async with Open(grok) as talk:
        await talk.create(CHUNKS | {"is_temporary": True, "keep_context": keep, "disable_memory": True})
        told = await talk.ask("My name is Ada.")
        assert name in (await talk.ask("What is my name?")).text
    assert told.of("conversation.title.updated") == []
    assert all(turn.temporary for turn in grok.turns)
    assert browser.get(CONVERSATIONS).json()["conversations"] == []


async def test_questions_of_one_session_wait_for_each_other(emulator):
    grok, _ = emulator(pace=0.005)
    grok.reply("One two three.")
    grok.reply("Four.")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        for prompt in ("a", "b"):
            await talk.say({"type": "response.create", "item": user_item(prompt)})
        first = await talk.until("response.persisted")
        second = await talk.until("response.persisted")
    assert (first.text, second.text) == ("One two three.", "Four.")
    assert [turn.status for turn in grok.turns] == ["finished"] * 2


async def test_several_sessions_on_one_socket(grok):
    grok.reply("One.")
    grok.reply("Two.")
    async with Open(grok) as talk:
        await talk.create(CHUNKS, session_id="11111111-0000-4000-8000-000000000000")
        first = await talk.ask()
        await talk.until("conversation.title.updated")
        begun = await talk.create(CHUNKS, session_id="22222222-0000-4000-8000-000000000000")
        second = await talk.ask()
    assert {envelope["session_id"][0] for envelope in first} == {"1"}
    assert {envelope["session_id"][0] for envelope in second} == {"2"}
    assert second.numbers[0] == 4
    assert "id" not in begun.one("session.created")["session"]
    one, two = grok.sessions
    assert one.conversation_id != two.conversation_id
    assert begun.one("conversation.attached")["conversation"]["id"] == two.conversation_id
    assert [turn.conversation_id for turn in grok.turns] == [one.conversation_id, two.conversation_id]


async def test_closing_the_socket_does_not_stop_the_answer(emulator):
    grok, browser = emulator(pace=0.002)
    grok.reply("One two three four five.")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask(until="response.created")
    (turn,) = await asyncio.to_thread(grok.wait_for_turns, 1, status="finished")
    (loaded,) = browser.load(turn.conversation_id, told.response_id)
    assert loaded["message"] == turn.text == "One two three four five."
    assert [session.is_open for session in grok.sessions] == [False]


# -- resuming, and changing wires


async def test_a_conversation_is_resumed_on_another_socket(grok):
    grok.reply("Paris.", citations=[{"url": CITED["url"], "title": "A"}])
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        first = await talk.ask("One?")
        conversation = talk.session_id
    async with Open(grok) as talk:
        begun = await talk.resume(conversation, initial_load_id=f"{first.response_id}:0")
        assert begun.types == ["session.created", "conversation.attached", "conversation.commands.updated"]
        await talk.ask("Two?")
    async with Open(grok) as talk:
        begun = await talk.resume(conversation)
        third = await talk.ask("Three?", parent_response_id=first.response_id)
    assert {envelope["session_id"] for envelope in begun} == {conversation}
    assert [turn.parent_response_id for turn in grok.turns] == [None, first.response_id, first.response_id]
    assert third.of("conversation.title.updated") == []
    assert [session.resumed for session in grok.sessions] == [False, True, True]


async def test_an_unknown_conversation_is_not_found(grok, browser):
    async with Open(grok) as talk:
        refused = await talk.resume("5ebc9b2d-0000-4000-8000-000000000000")
        assert refused.one("error")["error"]["code"] == "conversation_not_found"
        await talk.create(CHUNKS)
        await talk.ask()
        browser.http.delete(f"{CONVERSATIONS}/soft/{talk.session_id}")
        await talk.until("conversation.title.updated")
        assert (await talk.ask()).events[-1]["error"]["code"] == "conversation_not_found"
        assert (await talk.resume(talk.session_id)).types == ["error"]


async def test_a_conversation_changes_wires_both_ways(grok, browser):
    for text in ("One.", "Two.", "Three."):
        grok.reply(text)
    first = browser.new("a")
    async with Open(grok) as talk:
        await talk.resume(first.conversation_id)
        second = await talk.ask("b", parent_response_id=first.response_id)
    payload = {"message": "c", "modeId": "auto", "parentResponseId": second.response_id}
    third = browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=payload)
    assert "Three." in third.text
    assert [turn.wire for turn in grok.turns] == ["rest", "gateway", "rest"]
    tree = grok.conversations[first.conversation_id]
    last = grok.turns[-1].response_id
    assert [node.message for node in tree.path_to(last)] == ["a", "One.", "b", "Two.", "c", "Three."]
    loaded = browser.load(first.conversation_id, first.response_id, second.response_id)
    assert [list(one) for one in loaded] == [list(loaded[0])] * 2


async def test_an_answer_is_stopped_through_the_other_wire(grok, browser):
    grok.reply("One two three four.", fault="silence:9")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.ask(until="response.created")
        grok.wait_for_turns(1)
        browser.http.delete(f"{CONVERSATIONS}/inflight-response/{grok.turns[0].response_id}")
        assert grok.turns[0].status == "stopped"


@pytest.mark.parametrize("whole", [True, False])
async def test_a_stopped_answer_ends_cancelled_and_the_talk_goes_on(emulator, whole):
    grok, browser = emulator(pace=0.01)
    grok.reply("word " * 500)
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "item": user_item("go")})
        await talk.until("response.created")
        (turn,) = grok.turns
        if whole:
            path = f"{CONVERSATIONS}/{turn.conversation_id}/stop-inflight-responses"
            await asyncio.to_thread(browser.http.post, path)
        else:
            path = f"{CONVERSATIONS}/inflight-response/{turn.response_id}"
            await asyncio.to_thread(browser.http.delete, path)
        told = await talk.until("response.persisted")
        assert told.types[-3:] == ["response.grok.output", "response.done", "response.persisted"]
        assert told.events[-3]["output"]["stream_error"]["kind"] == "request_cancelled"
        assert told.events[-2]["response"]["status"] == "cancelled"
        grok.reply("Still here.")
        again = await talk.ask("more")
    assert (turn.status, grok.wait_for_stop()) == ("stopped", turn.response_id)
    assert again.text == "Still here."
    assert grok.turns[1].parent_response_id == turn.response_id
    (loaded,) = browser.load(turn.conversation_id, turn.response_id)
    assert loaded["message"] == turn.text


async def test_an_answer_that_is_cut_is_told_again_on_the_other_wire(grok, browser):
    grok.reply("One two three four.", citations=[{"url": CITED["url"], "title": "A", "after": "two"}], fault="cut:9")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask(until="response.created")
        rest, error = await talk.rest()
    assert error.rcvd.code == 1000
    assert rest.of("response.done") == []
    node = browser.node(talk.session_id)
    assert node["inflightResponses"][0]["responseId"] == told.response_id
    again = browser.reconnect(told.response_id)
    stub, model = again.members("modelResponse")
    assert stub["message"] == ""
    assert again.text == model["message"] == grok.turns[0].text
    assert browser.node(talk.session_id)["inflightResponses"] == []
    assert browser.reconnect(told.response_id).status == 404


async def test_an_answer_is_told_again_with_all_that_it_holds(grok, browser):
    found = {"url": CITED["url"], "title": "A", "snippet": "An A."}
    grok.reply(
        "One two.",
        reasoning=[{"header": "Counting", "summary": "Slowly."}],
        search=[{"query": "two", "results": [found]}],
        citations=[{"url": CITED["url"], "title": "A", "after": "two"}],
        images=["a two"],
        fault="cut:5",
    )
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask(until="response.created")
        await talk.rest()
    again = browser.reconnect(told.response_id)
    thoughts = [
        (one["messageTag"], one["messageStepId"], one["token"]) for one in again.frames if one.get("isThinking")
    ]
    assert [thought for thought in thoughts if thought[0] in ("header", "summary")] == [
        ("header", 0, "Thinking about your request"),
        ("header", 1, "Counting"),
        ("summary", 1, "Slowly"),
        ("summary", 1, "."),
    ]
    search, picture = again.members("toolUsageCard")
    assert search["webSearch"] == {"args": {"query": "two"}}
    assert picture["generateImage"]["args"]["prompt"] == "a two"
    (results,) = again.members("webSearchResults")
    assert (results["results"][0]["url"], results["results"][0]["preview"]) == (CITED["url"], "An A.")
    cards = [json.loads(card["jsonData"]) for card in again.members("cardAttachment")]
    assert [card["cardType"] for card in cards] == ["citation_card", *["generated_image_card"] * 3]
    assert [card["image_chunk"] and card["image_chunk"]["progress"] for card in cards[1:]] == [None, 50, 100]
    assert again.text == again.model["message"] == grok.turns[0].text


async def test_a_held_answer_goes_on_when_its_conversation_is_resumed(grok):
    grok.reply("One two three four.", fault="cut:5")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.ask(until="response.created")
        await talk.rest()
    assert grok.turns[0].status == "active"
    async with Open(grok) as talk:
        await talk.resume(grok.turns[0].conversation_id)
        await asyncio.to_thread(grok.wait_for_turns, 1, status="finished")
    assert grok.turns[0].text == "One two three four."


async def test_another_question_elsewhere_waits_for_its_turn(emulator):
    grok, _ = emulator(pace=0.005)
    grok.reply("word " * 20)
    grok.reply("New.")
    async with Open(grok) as one, Open(grok) as two:
        await one.create(CHUNKS)
        await one.ask(until="response.created")
        await two.resume(one.session_id)
        assert (await two.ask()).text == "New."
        assert (await one.until("response.done")).done["status"] == "completed"
    assert [turn.status for turn in grok.turns] == ["finished", "finished"]


# -- many, and the settings


async def test_many_turns_at_once(grok):
    async def turn(number):
        async with Open(grok, open_timeout=HANG_SECONDS) as talk:
            await talk.create(CHUNKS if number % 2 else None)
            return (await talk.ask(f"What is {number} + 1?")).done["status"]

    assert await asyncio.gather(*(turn(number) for number in range(300))) == ["completed"] * 300
    assert len({turn.conversation_id for turn in grok.turns}) == 300


async def test_a_subprotocol_is_echoed(grok):
    async with gateway(grok, subprotocols=["json"]) as socket:
        assert socket.subprotocol == "json"


async def test_events_can_be_waited_for(grok):
    async with Open(grok) as talk:
        await talk.say({"type": "ping"})
        assert (await asyncio.to_thread(grok.wait_for_events, 1, kind="ping"))[0].socket == 1
    with pytest.raises(TimeoutError, match="fewer than 2 events"):
        grok.wait_for_events(2, timeout=0.01)
    grok.reset()
    assert grok.events == grok.sessions == []


async def test_memory_is_forgotten_under_a_running_session():
    async with GrokEmulator() as grok, Open(grok) as talk:
        await talk.create(CHUNKS)
        grok.reset()
        assert (await talk.ask()).events[-1]["error"]["code"] == "conversation_not_found"
