"""The final text in place of the streamed one: what is out by then decides, and nothing is said or called twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, message_chunk_to_message

from langchain_grokweb import GrokWebAnswerReplacedError
from langchain_grokweb.messages.accumulator import Answer
from langchain_grokweb.messages.output_spec import OutputSpec
from langchain_grokweb.messages.planner import RequestInfo, fresh
from langchain_grokweb.wire import events as ev

SECRET, SALT = b"secret", "0123456789abcdef"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
        },
    },
}
TOOLS = OutputSpec.of({"tools": [WEATHER]}).marked(SECRET, SALT)
FORCED = OutputSpec.of({"tools": [WEATHER], "tool_choice": "any"}).marked(SECRET, SALT)
JSON = OutputSpec.of({"response_format": PERSON}).marked(SECRET, SALT)
BEGINNING = [ev.ConversationOpened("c"), ev.AnswerStarted("r")]
END = ev.AnswerFinished("r")


def call(city: str) -> str:
    return f'<tool:{TOOLS.mark}>{{"name": "get_weather", "args": {{"city": "{city}"}}}}</tool:{TOOLS.mark}>'


BROKEN = f"<tool:{TOOLS.mark}>get the weather</tool:{TOOLS.mark}>"


def answer(spec: OutputSpec | None = None, **settings: Any) -> Answer:
    request = RequestInfo(model="m", mode="m", account="a", plan=fresh([HumanMessage("Hi")]), transport="rest")
    return Answer(request, wanted=spec, **settings)


def texts(*pieces: str) -> list[list[ev.Event]]:
    """Each piece in a batch of its own."""
    return [[ev.TextDelta(piece)] for piece in pieces]


def whole(batches: Sequence[Sequence[ev.Event]], *args: Any, **settings: Any) -> AIMessage:
    """What `invoke` gives."""
    read = answer(*args, **settings)
    for batch in [BEGINNING, *batches]:
        read.feed(batch)
        if read.stopped:
            break
    read.end_turn()
    assert read.repair_prompt() is None
    read.finish()
    assert read.contradiction() is None
    return read.message()


class Shown:
    """What a stream shows of batches: a sum of chunks, or the error."""

    def __init__(self, batches: Sequence[Sequence[ev.Event]], *args: Any, **settings: Any) -> None:
        read = answer(*args, **settings)
        chunks = []
        for batch in [BEGINNING, *batches]:
            chunks += read.chunks(read.feed(batch))
            if read.stopped:
                break
        if (last := read.end_turn()) is not None:
            chunks += read.chunks([last])
        assert read.repair_prompt() is None
        read.finish()
        self.error = read.contradiction()
        if self.error is None:
            chunks.append(read.last_chunk())
        self.text = "".join(chunk.text for chunk in chunks)
        self.calls = [entry for chunk in chunks for entry in chunk.message.tool_call_chunks]
        messages = [chunk.message for chunk in chunks]
        total = sum(messages[1:], messages[0]) if messages else None
        self.message = None if total is None or self.error else message_chunk_to_message(total)


def same(one: Any, other: AIMessage) -> bool:
    """Whether two messages say the same; calls have ids of their own each time."""
    return (
        one.text == other.text
        and one.additional_kwargs == other.additional_kwargs
        and [(c["name"], c["args"]) for c in one.tool_calls] == [(c["name"], c["args"]) for c in other.tool_calls]
        and one.response_metadata == other.response_metadata
    )


# --- words


def test_what_is_not_out_yet_is_taken_back_without_an_error():
    batches = [[ev.TextDelta("Take this."), ev.AnswerReplaced("Do not take this."), END]]
    shown = Shown(batches)
    assert shown.message.text == "Do not take this."
    assert same(shown.message, whole(batches))
    assert shown.message.response_metadata["grokweb"]["replaced"] is True


def test_what_is_out_may_be_the_beginning_of_the_final_text():
    batches = [*texts("Take "), [ev.TextDelta("this."), ev.AnswerReplaced("Take NOT this."), END]]
    shown = Shown(batches)
    assert shown.message.text == "Take NOT this."
    assert same(shown.message, whole(batches))


def test_what_is_out_and_was_withdrawn_is_an_error_with_both():
    batches = [*texts("Take ", "this."), [ev.AnswerReplaced("Take that."), END], [ev.TitleGiven("T")]]
    shown = Shown(batches)
    assert isinstance(shown.error, GrokWebAnswerReplacedError)
    assert shown.error.partial.text == shown.text == "Take this."
    assert shown.error.partial.response_metadata["grokweb"]["interrupted"] is True
    assert same(shown.error.answer, whole(batches))
    assert shown.error.answer.response_metadata["grokweb"]["title"] == "T"
    assert "interrupted" not in shown.error.answer.response_metadata["grokweb"]
    assert "Take that" not in str(shown.error)


def test_an_accepted_answer_is_what_was_streamed():
    source = ev.CitationFound("https://example.com/a", position=5)
    again = ev.CitationFound("https://example.com/a", position=9)
    new = ev.CitationFound("https://example.com/b", position=9)
    batches = [*texts("Take ", "this."), [source], [ev.AnswerReplaced("Take that."), again, new, END]]
    shown = Shown(batches, on_replaced="accept")
    assert shown.message.text == shown.text == "Take this."
    assert shown.message.response_metadata["grokweb"]["replaced"] is True
    cited = shown.message.additional_kwargs["citations"]
    assert [(entry["url"], entry.get("start_index")) for entry in cited] == [(source.url, 5), (new.url, None)]
    assert whole(batches, on_replaced="accept").text == "Take that."


def test_the_sources_of_the_final_text_take_the_place_of_the_others():
    batches = [
        [ev.TextDelta("Paris"), ev.CitationFound("https://example.com/a", position=5), ev.ReasoningDelta("Hm.")],
        [ev.AnswerReplaced("London"), ev.CitationFound("https://example.com/b", position=6), END],
    ]
    message = whole(batches)
    assert [entry["url"] for entry in message.additional_kwargs["citations"]] == ["https://example.com/b"]
    assert message.additional_kwargs["reasoning_content"] == "Hm."


def test_a_second_replacement_counts():
    batches = [*texts("A"), [ev.AnswerReplaced("B"), END, ev.AnswerReplaced("B C")]]
    assert whole(batches).text == "B C"
    shown = Shown(batches)
    assert (shown.text, shown.error.partial.text, shown.error.answer.text) == ("A", "A", "B C")
    both_continue = [*texts("A"), [ev.TextDelta("x"), ev.AnswerReplaced("A B"), END, ev.AnswerReplaced("A B C")]]
    assert same(Shown(both_continue).message, whole(both_continue))
    assert Shown(both_continue).text == "A B C"


def test_stop_sequences_cut_the_final_text_alike():
    batches = [[ev.TextDelta("One STOP"), ev.AnswerReplaced("One two STOP three"), END]]
    assert whole(batches, stop=["STOP"]).text == "One two "
    assert Shown(batches, stop=["STOP"]).text == "One two "
    without = [[ev.TextDelta("One STOP"), ev.AnswerReplaced("One two"), END]]
    assert Shown(without, stop=["STOP"]).text == whole(without, stop=["STOP"]).text == "One two"


WORDS = st.lists(st.sampled_from(["One ", "two ", "three ", "ST", "OP", " ", "x"]), max_size=6)


@settings(max_examples=120, deadline=None)
@given(pieces=WORDS, final=WORDS, cuts=st.lists(st.integers(0, 7), max_size=3), stop=st.sampled_from([(), ("STOP",)]))
@example(pieces=["One ", "two "], final=["One ", "three "], cuts=[1], stop=())
@example(pieces=["ST", "x"], final=["ST", "OP", "x"], cuts=[1], stop=("STOP",))
def test_however_batches_fall_a_stream_says_the_final_text_or_an_error(pieces, final, cuts, stop):
    text = "".join(final) or "."
    events = [*map(ev.TextDelta, pieces), ev.AnswerReplaced(text), END]
    edges = sorted({0, len(events), *(min(place, len(events)) for place in cuts)})
    batches = [events[start:end] for start, end in pairwise(edges)]
    shown = Shown(batches, stop=stop)
    message = whole(batches, stop=stop)
    if shown.error is None:
        assert shown.text == message.text
        assert same(shown.message, message)
    else:
        assert shown.error.partial.text == shown.text
        assert not message.text.startswith(shown.text)
        assert same(shown.error.answer, message)
    if "replaced" in message.response_metadata["grokweb"]:
        assert message.text == (text.split("STOP")[0] if stop else text)


# --- calls


def test_a_call_of_the_withdrawn_text_is_not_left_and_none_is_made_twice():
    batches = [[ev.TextDelta(f"Look. {call('Paris')}"), ev.AnswerReplaced(f"Let me look. {call('Rome')}"), END]]
    shown = Shown(batches, TOOLS)
    assert [entry["args"] for entry in shown.message.tool_calls] == [{"city": "Rome"}]
    assert same(shown.message, whole(batches, TOOLS))
    assert [entry["index"] for entry in shown.calls] == [0]


def test_a_call_that_is_out_and_stays_keeps_its_id():
    said = f"Look. {call('Paris')}"
    batches = [*texts(said), [ev.TextDelta("x"), ev.AnswerReplaced(f"{said}{call('Rome')}"), END]]
    shown = Shown(batches, TOOLS)
    assert shown.error is None
    assert [(entry["index"], entry["args"]) for entry in shown.calls] == [
        (0, '{"city": "Paris"}'),
        (1, '{"city": "Rome"}'),
    ]
    assert [entry["id"] for entry in shown.message.tool_calls] == [entry["id"] for entry in shown.calls]
    assert same(shown.message, whole(batches, TOOLS))


@pytest.mark.parametrize("final", ["It is sunny.", f"Look. {call('Rome')}"], ids=["words", "another"])
def test_a_call_that_is_out_and_was_withdrawn_is_an_error(final):
    batches = [*texts(f"Look. {call('Paris')}"), [ev.AnswerReplaced(final), END]]
    shown = Shown(batches, TOOLS)
    assert [entry["args"] for entry in shown.error.partial.tool_calls] == [{"city": "Paris"}]
    assert same(shown.error.answer, whole(batches, TOOLS))
    assert {"city": "Paris"} not in [entry["args"] for entry in shown.error.answer.tool_calls]


def test_a_stream_that_ends_in_the_error_asks_for_no_repair():
    shown = Shown([*texts(f"Look. {call('Paris')}"), [ev.AnswerReplaced(BROKEN), END]], FORCED)
    assert not shown.error.answer.tool_calls
    assert len(shown.error.answer.invalid_tool_calls) == 1


def test_a_broken_call_of_the_withdrawn_text_is_forgotten():
    batches = [[ev.TextDelta(BROKEN), ev.AnswerReplaced(call("Paris")), END]]
    assert [entry["args"] for entry in whole(batches, FORCED).tool_calls] == [{"city": "Paris"}]
    assert not Shown(batches, FORCED).message.invalid_tool_calls


def test_a_replaced_repair_leaves_what_came_before_it():
    read = answer(FORCED)
    chunks = read.chunks(read.feed([*BEGINNING, ev.TextDelta(f"Look. {BROKEN}"), END]))
    chunks += read.chunks([delta for delta in [read.end_turn()] if delta])
    assert read.repair_prompt() is not None
    read.start_repair()
    chunks += read.chunks(read.feed([ev.TextDelta(call("Paris")), ev.AnswerReplaced(call("Rome")), END]))
    chunks += read.chunks([delta for delta in [read.end_turn()] if delta])
    assert read.repair_prompt() is None
    read.finish()
    assert read.contradiction() is None
    message = read.message()
    assert message.text == "".join(chunk.text for chunk in chunks) == "Look."
    assert [entry["args"] for entry in message.tool_calls] == [{"city": "Rome"}]


# --- JSON


def test_json_that_was_withdrawn_before_it_is_out():
    batches = [[ev.TextDelta('{"name": "Ad'), ev.AnswerReplaced('{"name": "Eva", "age": 3}'), END]]
    assert whole(batches, JSON).text == '{"name": "Eva", "age": 3}'
    assert same(Shown(batches, JSON).message, whole(batches, JSON))


def test_json_whose_beginning_is_out_continues():
    batches = [*texts('{"name": "Ad'), [ev.TextDelta('x"'), ev.AnswerReplaced('{"name": "Ada", "age": 3}'), END]]
    shown = Shown(batches, JSON)
    assert shown.error is None
    assert shown.text == whole(batches, JSON).text == '{"name": "Ada", "age": 3}'


def test_json_that_is_out_and_another():
    batches = [*texts('{"name": "Ada", "age": 36'), [ev.AnswerReplaced('{"name": "Eva", "age": 3}'), END]]
    shown = Shown(batches, JSON)
    assert shown.error.answer.text == '{"name": "Eva", "age": 3}'
    assert shown.error.partial.text == shown.text
