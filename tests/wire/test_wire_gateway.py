"""What the gateway session says, and how it reads what no recording holds."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb import errors
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import TRANSITIONS, GatewaySession, State
from langchain_grokweb.wire.gateway_chunks import ChunkReader
from langchain_grokweb.wire.gateway_frames import heartbeat
from langchain_grokweb.wire.turn import ConversationRef, Turn

CONV, ANSWER, PROMPT = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
REF = ConversationRef(CONV, "bbbbbbbb-0000-4000-8000-000000000001")


def sent(frames: list[str]) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in frames]


_NUMBERS = itertools.count(1)


def server(kind: str, session_id: str | None = CONV, **members: Any) -> bytes:
    envelope = {} if session_id is None else {"session_id": session_id}
    return json.dumps({**envelope, "event": {"type": kind, "event_id": f"evt_x_{next(_NUMBERS)}", **members}}).encode()


CREATED = server("session.created", session={"id": CONV, "model": "auto"})
ATTACHED = server("conversation.attached", conversation={"id": CONV, "object": "realtime.conversation"}, mode="new")
BEGUN = server("response.created", response={"id": ANSWER, "status": "in_progress"})


def chunk(response_id: str = ANSWER, **members: Any) -> bytes:
    return server("response.chunk", response_id=response_id, item_id=response_id, chunk=members)


def text(piece: str, channel: str | None = "CHANNEL_ASSISTANT_RESPONSE", **metadata: Any) -> bytes:
    channels = {} if channel is None else {"channel": channel}
    return chunk(metadata=metadata, text={"text": piece, **channels})


def done(status: str | None = "completed", **members: Any) -> bytes:
    statuses = {} if status is None else {"status": status}
    return server("response.done", response={"id": ANSWER, **statuses, **members})


def output(**members: Any) -> bytes:
    return server("response.grok.output", response_id=ANSWER, output=members)


def begun(turn: Turn | None = None) -> GatewaySession:
    session = GatewaySession(turn or Turn(prompt="Hi", model="auto"), assets_url="https://assets.example")
    session.receive(CREATED)
    session.receive(ATTACHED)
    session.send_prompt()
    session.receive(BEGUN)
    session.take()
    return session


def test_files_are_mentioned_before_the_text_and_named_on_item_and_event():
    session = GatewaySession(Turn(prompt="Hi", model="auto", file_ids=("f1", "f2")))
    session.receive(CREATED)
    session.receive(ATTACHED)
    session.outgoing()
    session.send_prompt()
    asking, answering = (frame["event"] for frame in sent(session.outgoing()))
    assert asking["item"]["x_grok"]["input_chunks"] == [
        {"mention": {"file_mention": {"file_id": "f1"}}},
        {"mention": {"file_mention": {"file_id": "f2"}}},
        {"text": {"text": "Hi"}},
    ]
    assert asking["file_attachment_ids"] == asking["item"]["file_attachment_ids"] == ["f1", "f2"]
    assert set(answering) == {"type", "event_id"}


def events(*messages: bytes) -> list[Any]:
    session = begun()
    for message in messages:
        session.receive(message)
    session.close()
    return session.take()


def joined(kind: type, batch: list[Any]) -> str:
    return "".join(event.text for event in batch if isinstance(event, kind))


def of(kind: type, batch: list[Any]) -> list[Any]:
    return [event for event in batch if isinstance(event, kind)]


# --- what we say


def test_a_new_conversation():
    session = GatewaySession(Turn(prompt="Hi", model="grok-3-thinking", image_count=1))
    (frame,) = sent(session.outgoing())
    assert "session_id" not in frame
    assert frame["event"]["type"] == "session.create"
    assert frame["event"]["event_id"].startswith("evt_init_")
    assert frame["event"]["session"] == {
        "model": "expert",
        "x_grok": {
            "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
            "use_chunk": True,
            "enable_side_by_side": False,
            "force_side_by_side": False,
            "enable_image_generation": True,
            "image_generation_count": 1,
            "disable_text_follow_ups": True,
            "disable_artifact": True,
            "force_concise": False,
        },
    }


@pytest.mark.parametrize(
    ("name", "mode"), [("grok-3", "auto"), ("grok-2", "fast"), ("grok-4-heavy", "heavy"), ("x", "x")]
)
def test_modes(name: str, mode: str):
    assert sent(GatewaySession(Turn(prompt="Hi", model=name)).outgoing())[0]["event"]["session"]["model"] == mode


def test_a_temporary_conversation_without_search():
    (frame,) = sent(GatewaySession(Turn(prompt="Hi", temporary=True, search=False)).outgoing())
    extension = frame["event"]["session"]["x_grok"]
    assert (extension["is_temporary"], extension["keep_context"], extension["disable_memory"]) == (True, True, True)
    assert (extension["disable_web_search"], extension["disable_x_search"]) == (True, True)


def test_a_continued_conversation_names_itself_and_the_parent():
    session = GatewaySession(Turn(prompt="And?", conversation=REF, temporary=True))
    (frame,) = sent(session.outgoing())
    extension = frame["event"]["session"]["x_grok"]
    assert frame["session_id"] == extension["conversation_id"] == CONV
    assert (extension["load_existing"], extension["needs_history"]) == (True, False)
    assert "is_temporary" not in extension
    session.receive(CREATED)
    session.receive(ATTACHED)
    session.send_prompt()
    item, ask = sent(session.outgoing())
    assert item["event"]["parent_response_id"] == REF.parent_response_id
    assert item["session_id"] == ask["session_id"] == CONV
    assert ask["event"]["type"] == "response.create"


def test_the_prompt_is_said_once_and_only_when_the_session_is_ready():
    for order in ([CREATED, ATTACHED], [ATTACHED, CREATED]):
        session = GatewaySession(Turn(prompt="Hi", custom_instructions="Be brief."))
        session.outgoing()
        session.receive(order[0])
        assert not session.is_ready
        session.receive(order[1])
        assert session.is_ready
        session.send_prompt()
        session.send_prompt()
        item, ask = sent(session.outgoing())
        chunks = item["event"]["item"]["x_grok"]["input_chunks"]
        assert [entry["text"]["text"] for entry in chunks] == ["Be brief.\n\n", "Hi"]
        assert (item["event"]["item"]["role"], ask["event"]["type"]) == ("user", "response.create")
        assert session.outgoing() == []


def test_what_the_wire_does_not_have_is_refused():
    with pytest.raises(errors.GrokWebInvalidRequestError, match="deep_search"):
        GatewaySession(Turn(prompt="Hi", deep_search="default"))


def test_a_heartbeat():
    assert json.loads(heartbeat())["event"]["type"] == "ping"


# --- text and reasoning


@pytest.mark.parametrize("channel", ["CHANNEL_ASSISTANT_RESPONSE", "CHANNEL_UNSPECIFIED", "", None])
def test_channels_of_the_answer(channel: str | None):
    assert joined(ev.TextDelta, events(text("A", channel), text("A", channel), done())) == "AA"


@pytest.mark.parametrize(
    "channel", ["CHANNEL_ASSISTANT_THINKING", "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY", "CHANNEL_ANALYSIS", "CHANNEL_NEW"]
)
def test_every_other_channel_is_reasoning(channel: str):
    batch = events(text("thou", channel, step_id=0), text("ght", channel, step_id=0), text("A"), done())
    assert (joined(ev.ReasoningDelta, batch), joined(ev.TextDelta, batch)) == ("thought", "A")


def test_headlines_stand_on_lines_of_their_own_and_the_placeholder_is_none():
    header = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
    batch = events(
        text("Thinking about your request", header, step_id=0),
        text("One", header, step_id=0),
        text("Two", header, step_id=0),
        text("because", "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY", step_id=0),
        done(),
    )
    assert joined(ev.ReasoningDelta, batch) == "One\n\nTwo\nbecause"


def test_the_delta_dialect():
    batch = events(
        server("response.output_text.delta", delta="Thinking about your request", x_grok={"is_thinking": True}),
        server("response.output_text.delta", delta="hm", x_grok={"is_thinking": True}),
        server("response.reasoning_text.delta", delta="m"),
        server("response.output_text.delta", delta="Hel"),
        server("response.output_text.delta", delta="lo"),
        done(),
    )
    assert (joined(ev.ReasoningDelta, batch), joined(ev.TextDelta, batch)) == ("hmm", "Hello")


@pytest.mark.parametrize(
    "whole",
    [
        server("response.output_text.done", text="Hello."),
        server("response.completed", response={"output": [{"content": [{"type": "output_text", "text": "Hello."}]}]}),
    ],
)
def test_what_the_stream_left_out_is_delivered(whole: bytes):
    assert joined(ev.TextDelta, events(text("Hel"), whole, done())) == "Hello."
    assert joined(ev.TextDelta, events(whole, done())) == "Hello."


def test_several_objects_in_one_message_and_text_frames():
    session = begun()
    session.receive((text("A") + b"\n" + text("B") + done()).decode())
    assert joined(ev.TextDelta, session.take()) == "AB"
    assert session.finished


def test_what_came_together_is_one_delta():
    session = begun()
    for _ in range(64):
        session.receive(text("word "))
    assert session.take() == [ev.TextDelta("word " * 64)]


# --- other sessions, late and unknown events


def test_another_answer_or_session_does_not_touch_ours():
    other = "cccccccc-0000-4000-8000-000000000001"
    batch = events(
        chunk(other, text={"text": "X", "channel": "CHANNEL_ASSISTANT_RESPONSE"}),
        server("response.chunk", other, response_id=ANSWER, chunk={"text": {"text": "X"}}),
        server("response.done", response={"id": other, "status": "completed"}),
        text("A"),
        done(),
    )
    assert joined(ev.TextDelta, batch) == "A"
    assert of(ev.AnswerFinished, batch) == [ev.AnswerFinished(ANSWER)]


def test_only_the_answer_to_our_own_question_is_ours():
    session = GatewaySession(Turn(prompt="Hi"))
    session.receive(CREATED)
    session.receive(ATTACHED)
    session.send_prompt()
    ours = sent(session.outgoing())[-1]["event"]["event_id"]
    other = "cccccccc-0000-4000-8000-000000000001"
    session.receive(chunk(other, text={"text": "late", "channel": "CHANNEL_ASSISTANT_RESPONSE"}))
    session.receive(server("response.output_text.delta", delta="nobody's"))
    session.receive(server("response.created", client_event_id="evt_resp_other", response={"id": other}))
    session.receive(server("response.created", client_event_id=ours, response={"id": ANSWER}))
    session.receive(server("response.completed", response={"id": other, "output": [{"content": [{"text": "X"}]}]}))
    session.receive(server("response.done", response={"id": other, "status": "completed"}))
    session.receive(server("error", client_event_id="evt_hb_1", error={"code": 13, "message": "no heartbeat"}))
    session.receive(text("A"))
    session.receive(done())
    batch = session.take()
    assert joined(ev.TextDelta, batch) == "A"
    assert of(ev.TurnFailed, batch) == []


@pytest.mark.parametrize(
    "failing",
    [
        done("cancelled"),
        server("response.grok.output", response_id=ANSWER, output={"stream_error": {"kind": "request_cancelled"}}),
    ],
)
def test_an_answer_that_fails_before_it_was_created(failing: bytes):
    session = GatewaySession(Turn(prompt="Hi"))
    session.receive(CREATED)
    session.receive(ATTACHED)
    session.send_prompt()
    session.receive(failing)
    assert session.answering
    assert type(session.take()[-1].error) is errors.GrokWebInterruptedError


def test_late_events_add_a_title_and_suggestions_and_nothing_else():
    session = begun()
    for message in (text("A"), done()):
        session.receive(message)
    assert session.finished
    assert not session.settled
    late = [
        chunk("", text={"text": "late", "channel": "CHANNEL_ASSISTANT_NOTETAKER_HEADER"}),
        text("late"),
        server("error", error={"code": "internal", "message": "late"}),
        server("response.persisted", status="ok"),
        chunk(follow_up_suggestions={"suggestions": [{"label": "More?"}]}),
        server("conversation.title.updated", title="A title"),
        server("session.ended"),
    ]
    for message in late:
        session.receive(message)
    batch = session.take()
    assert (joined(ev.TextDelta, batch), joined(ev.ReasoningDelta, batch)) == ("A", "")
    assert of(ev.FollowUpsSuggested, batch) == [ev.FollowUpsSuggested(["More?"])]
    assert of(ev.TitleGiven, batch) == [ev.TitleGiven("A title")]
    assert of(ev.TurnFailed, batch) == []
    assert session.settled


def test_unknown_events_and_members_are_counted_by_kind():
    session = begun()
    session.receive(server("response.future", value="secret"))
    session.receive(chunk(future={"value": "secret"}))
    session.receive(output(future=1))
    assert session.unknown == {"event response.future": 1, "chunk.future:dict": 1, "output.future:int": 1}


@pytest.mark.parametrize(
    ("place", "counted"),
    [
        ((), {"event response.chunk.future:int": 1}),
        (("chunk",), {"chunk.future:int": 1}),
        (("chunk", "text"), {"chunk.text.future:int": 1}),
        (("chunk", "metadata"), {"chunk.metadata.future:int": 1}),
    ],
)
@pytest.mark.parametrize("instead", ["", "item_id", "step_id"])
def test_an_unknown_member_of_plain_text_is_counted(place: tuple[str, ...], counted: dict[str, int], instead: str):
    session = begun()
    session.receive(text("Par", step_id=0, phase_index=2))
    message = json.loads(text("is", step_id=0, phase_index=2))
    holder = message["event"]
    for name in place:
        holder = holder[name]
    holder["future"] = 1
    holder.pop(instead, None)
    session.receive(json.dumps(message))
    session.receive(text(".", step_id=0))
    assert session.unknown == counted
    assert ev.text_of(session.take()) == "Paris."


# --- tools, citations, pictures


def card(tool_id: str, name: str, **args: Any) -> bytes:
    return chunk(tool_usage_card={"tool_usage_card_id": tool_id, name: {"args": args}})


def test_results_out_of_order_find_their_tools():
    page = {"url": "https://e.com", "title": "E", "snippet": "s"}
    post = {"userhandle": "a", "text": "t", "post_id": "7", "create_time": "2026-09-25T12:00:04Z"}
    batch = events(
        card("t1", "web_search", query="q"),
        card("t2", "x_search", query="x"),
        chunk(tool_result={"tool_call_id": "t2", "x_post": {"posts": [post]}}),
        chunk(tool_result={"tool_call_id": "t1", "web_search": {"webpages": [page]}}),
        card("t3", "code_execution", code="1/0"),
        chunk(tool_result={"tool_call_id": "t3", "code_execution": {"stderr": "boom", "exit_code": 1}}),
        chunk(tool_result={"tool_call_id": "t2", "x_post": {}}),
        done(),
    )
    assert [tool.name for tool in of(ev.ToolStarted, batch)] == ["web_search", "x_search", "code_execution"]
    assert [(tool.id, tool.failed) for tool in of(ev.ToolFinished, batch)] == [
        ("t2", False),
        ("t1", False),
        ("t3", True),
        ("t2", False),
    ]
    assert of(ev.ToolFinished, batch)[0].output[0]["url"] == "https://x.com/a/status/7"
    assert of(ev.ToolFinished, batch)[1].output == [page]


def citation(card_id: str, url: str, kind: str = "CITATION_KIND_WEB_PAGE") -> bytes:
    return chunk(render_citation={"id": card_id, "kind": kind, "url": url, "citation_id": 3})


def test_citations_stand_where_they_came_and_repeated_ones_count_once():
    batch = events(
        text("One"),
        citation("a", "https://e.com/1"),
        citation("a", "https://e.com/1"),
        text(" two"),
        citation("b", "https://x.com/a/status/1", "CITATION_KIND_X_POST"),
        citation("a", "https://e.com/1"),
        citation("c", "https://e.com/doc", "CITATION_KIND_CONNECTOR_DOCUMENT"),
        done(),
    )
    assert [(c.url, c.kind, c.position) for c in of(ev.CitationFound, batch)] == [
        ("https://e.com/1", "web", 3),
        ("https://x.com/a/status/1", "x", 7),
        ("https://e.com/1", "web", 7),
        ("https://e.com/doc", "file", 7),
    ]


def test_tool_cards_without_ids_and_found_pictures():
    batch = events(
        *(output(tool_usage_card={"web_search": {"query": query}}) for query in "abc"),
        *(output(tool_result={"web_search_results": [{"url": f"https://e.com/{n}", "title": n}]}) for n in "123"),
        text("x <"),
        chunk(render_searched_image={"id": "i", "image": {"title": "Fox", "link": "https://e.com/fox"}}),
        text(" y"),
        done(),
    )
    assert [tool.args["query"] for tool in of(ev.ToolStarted, batch)] == ["a", "b", "c"]
    assert len({tool.id for tool in of(ev.ToolFinished, batch)}) == 3
    assert of(ev.CitationFound, batch) == [ev.CitationFound("https://e.com/fox", "Fox", "image", 3)]
    assert joined(ev.TextDelta, batch) == "x < y"


def test_pictures():
    url = "users/u/generated/i1"
    batch = events(
        chunk(render_start={"id": "k", "generated_image": {"prompt": "a fox", "orientation": "ORIENTATION_PORTRAIT"}}),
        chunk(
            render_generated_image={
                "id": "k",
                "image_chunk": {"imageUuid": "i1", "imageUrl": "data:image/jpeg;base64,AA", "progress": 10},
            }
        ),
        chunk(
            render_generated_image={
                "id": "k",
                "image_chunk": {"imageUuid": "i1", "imageUrl": f"{url}-part-0/image.jpg", "progress": 50},
            }
        ),
        chunk(
            render_generated_image={
                "id": "k",
                "image_chunk": {
                    "imageUuid": "i1",
                    "imageUrl": f"{url}/image.jpg",
                    "progress": 100,
                    "resolution": {"height": 4, "width": 3},
                },
            }
        ),
        chunk(render_start={"id": "k2", "generated_image": {"prompt": "moderated"}}),
        chunk(render_generated_image={"id": "k3", "image_chunk": {"imageUuid": "i3", "systemErrCode": 1006}}),
        done(),
    )
    assert of(ev.ImagePreview, batch) == [ev.ImagePreview("i1", f"https://assets.example/{url}-part-0/image.jpg", 50)]
    assert of(ev.ImageFinished, batch) == [
        ev.ImageFinished("i1", f"https://assets.example/{url}/image.jpg", "a fox", 3, 4)
    ]
    assert of(ev.ImageWithheld, batch) == [ev.ImageWithheld("i3", "1006"), ev.ImageWithheld("k2")]


def test_a_picture_without_an_id_is_known_by_its_address():
    url = "users/u/generated/p/image.jpg"
    picture = {"imageUrl": url, "progress": 100}
    batch = events(*2 * [chunk(render_generated_image={"image_chunk": picture})], done())
    assert of(ev.ImageFinished, batch) == [ev.ImageFinished(url, f"https://assets.example/{url}")]


# --- errors


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (server("error", error={"code": "anti_bot", "message": "anti-bot rejected"}), errors.GrokWebPermissionError),
        (server("error", error={"code": 7, "message": "no"}), errors.GrokWebPermissionError),
        (server("error", message="You have reached your usage limit"), errors.GrokWebRateLimitError),
        (server("error", error={"code": "conversation_not_found"}), errors.GrokWebConversationNotFoundError),
        (server("error", error={"code": "invalid_envelope"}), errors.GrokWebInvalidRequestError),
        (output(stream_error={"kind": "usage_limit_reached", "message": "m"}), errors.GrokWebRateLimitError),
        (output(stream_error={"kind": "content_moderated"}), errors.GrokWebContentFilterError),
        (output(stream_error={"kind": "user_prompt_too_long"}), errors.GrokWebContextOverflowError),
        (output(stream_error={"kind": "model_not_available"}), errors.GrokWebModelNotFoundError),
        (output(stream_error={"kind": "request_cancelled"}), errors.GrokWebInterruptedError),
        (output(stream_error={"kind": "something_new"}), errors.GrokWebServerError),
        (done("incomplete", status_details={"reason": "stream_error"}), errors.GrokWebInterruptedError),
        (done("failed"), errors.GrokWebInterruptedError),
        (done("cancelled"), errors.GrokWebInterruptedError),
        (b"no json", errors.GrokWebProtocolError),
        (b"[1]", errors.GrokWebProtocolError),
    ],
)
def test_errors_end_the_answer_behind_what_came_before(message: bytes, kind: type):
    batch = events(text("so far"), message, text("never"), done())
    assert joined(ev.TextDelta, batch) == "so far"
    assert type(batch[-1].error) is kind
    assert of(ev.AnswerFinished, batch) == []


def test_an_error_that_only_informs_does_not():
    normal = {"kind": "internal_error", "severity": "STREAM_ERROR_SEVERITY_NORMAL"}
    batch = events(
        text("A"), output(stream_error=normal), output(stream_error={"kind": "render_tool_failed"}), text("B"), done()
    )
    assert joined(ev.TextDelta, batch) == "AB"


def test_a_session_that_ends_is_a_cut_and_no_failure():
    session = begun()
    session.receive(text("so far"))
    session.receive(server("session.ended"))
    assert joined(ev.TextDelta, batch := session.take()) == "so far"
    assert of(ev.TurnFailed, batch) == []
    assert session.ended
    assert not session.finished


def test_a_status_that_is_missing_is_completed():
    assert of(ev.AnswerFinished, events(text("A"), done(None)))


def test_an_answer_that_is_not_done_is_not_finished():
    session = begun()
    session.receive(text("A <"))
    session.receive(server("response.output_text.done", text="A <"))
    session.close()
    assert joined(ev.TextDelta, session.take()) == "A <"
    assert not session.finished


def test_another_conversation_than_the_one_asked_for_is_refused():
    session = GatewaySession(Turn(prompt="And?", conversation=REF))
    session.receive(CREATED)
    session.receive(server("conversation.attached", conversation={"id": "other"}))
    assert not session.is_ready
    assert type(session.take()[-1].error) is errors.GrokWebConversationNotFoundError


@pytest.mark.parametrize("opening", [(CREATED, ATTACHED), (ATTACHED, CREATED)])
def test_a_turn_goes_through_its_states(opening: tuple[bytes, bytes]):
    session = GatewaySession(Turn(prompt="Hi", model="auto"))
    states = [session.state]
    for message in (*opening, None, BEGUN, text("A"), done()):
        session.send_prompt() if message is None else session.receive(message)
        states.append(session.state)
    between = State.CREATED if opening[0] == CREATED else State.ATTACHED
    assert states == [
        *(State.OPENING, between, State.READY, State.PROMPTED),
        *(State.ANSWERING, State.ANSWERING, State.WHOLE),
    ]


@pytest.mark.parametrize("received", range(6))
def test_an_error_ends_a_turn_in_every_state_but_a_whole_one(received: int):
    session = GatewaySession(Turn(prompt="Hi", model="auto"))
    for message in (CREATED, ATTACHED, None, BEGUN, done())[:received]:
        session.send_prompt() if message is None else session.receive(message)
    is_whole = session.state is State.WHOLE
    session.receive(server("error", error={"message": "internal"}))
    assert session.state is (State.WHOLE if is_whole else State.FAILED)
    assert is_whole == (received == 5)
    failures = [event for event in session.take() if isinstance(event, ev.TurnFailed)]
    assert len(failures) == (not is_whole)


def test_every_state_is_reached_and_only_the_last_two_are_final():
    assert {State.OPENING, *TRANSITIONS.values()} == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.WHOLE, State.FAILED}


def test_what_comes_after_a_whole_answer_is_waited_for_by_name():
    session = begun()
    session.receive(server("response.persisted", status="ok"))
    session.receive(done())
    assert not session.settled
    session.receive(chunk(follow_up_suggestions={"suggestions": [{"label": "And?"}]}))
    assert not session.settled
    session.receive(server("conversation.title.updated", title="A title"))
    assert session.settled


@pytest.mark.parametrize(
    "message",
    [server("session.created", None), server("conversation.attached", None), server("response.created", response={})],
)
def test_mandatory_members_are_missed(message: bytes):
    session = GatewaySession(Turn(prompt="Hi"))
    session.receive(message)
    (failed,) = session.take()
    assert type(failed.error) is errors.GrokWebProtocolError
    assert failed.error.got == "NoneType"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.sampled_from(sorted(GatewaySession._EVENTS))
NAMES = st.sampled_from(
    [*sorted(ChunkReader.MEMBERS), "follow_up_suggestions", "metadata", "stream_error", "card_attachment"]
)


@given(
    EVENTS,
    st.dictionaries(
        st.sampled_from(["response", "chunk", "output", "error", "delta", "result", "text", "title"]), JSON
    ),
)
def test_events_of_any_type_never_crash_the_reader(kind: str, members: dict[str, Any]):
    events(server(kind, **members), text("A"))


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_members_of_any_type_never_crash_the_reader(members: dict[str, Any]):
    events(chunk(**members), output(**members), text("A"), done())


@pytest.mark.parametrize("place", [{}, {"output_index": 0, "content_index": 0}, {"content_index": {"odd": []}}])
def test_the_first_final_text_of_a_part_counts_and_an_empty_one_says_nothing(place):
    session = begun()
    for said in (" ", "A whole.", "Another."):
        session.receive(server("response.output_text.done", response_id=ANSWER, text=said, **place))
    session.receive(done())
    assert joined(ev.TextDelta, session.take()) == "A whole."


def test_the_final_texts_of_several_parts_are_one_text():
    session = begun()
    session.receive(text("One two"))
    for number, said in enumerate(("One ", "two.")):
        session.receive(server("response.output_text.done", response_id=ANSWER, text=said, content_index=number))
    session.receive(done())
    assert joined(ev.TextDelta, session.take()) == "One two."
