"""JSON replies: given out as they come, never anything that does not fit, and mended without taking anything back."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.messages.structured.response_format import JsonFormat
from langchain_grokweb.messages.structured.stream import EmittedObject, JsonFault, JsonReader

PERSON = JsonFormat(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 0},
            "tags": {"type": "array", "items": {"type": "string"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["name", "age"],
    }
)
ANY = JsonFormat()


def read(wanted: JsonFormat, pieces: list[str], given_before: EmittedObject | None = None) -> tuple[list[str], str]:
    """What is given out, piece by piece, and the fault."""
    reader = JsonReader(wanted, EmittedObject() if given_before is None else given_before)
    said, fault = [], ""
    for found in [*(reader.feed(piece) for piece in pieces), reader.flush()]:
        said.append("".join(piece for piece in found if isinstance(piece, str)))
        fault = next((piece.reason for piece in found if isinstance(piece, JsonFault)), fault)
    return said, fault


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(edges)]


REPLIES = [
    '{"name": "Ada", "age": 36}',
    '{"name": "A \\"{}[]\\\\ \\u00e9 \\ud83d\\ude00 é 😀", "age": "36", "tags": ["a,b", "}"]}',
    '{\n  "age": 36.0,\n  "note": null,\n  "name": "",\n  "more": {"x": [1, {"y": "z"}]}\n}',
    '```json\n{"name": "Ada", "age": 36}\n```\nThat is all.',
    'Here it is: {"name": "Ada", "age": 36}',
    '{"name": "Ada", "age": -1}',
    '{"name": "Ada"}',
    '{"name": "Ada", "age": 36, }',
    '{"name": "Ada", "name": "Eva", "age": 36}',
    '{"name": "line\nbreak", "age": 36}',
    '{"name": "Ada", "age"',
    '{"name": "Ad',
    "{}",
    "[1, 2]",
    "no JSON",
    "",
]


@pytest.mark.parametrize("wanted", [PERSON, ANY], ids=["person", "any"])
@pytest.mark.parametrize("reply", REPLIES)
@settings(max_examples=25, deadline=None)
@given(places=st.lists(st.integers(0, 200), max_size=40))
def test_however_a_reply_is_cut_the_outcome_is_the_same(wanted, reply, places):
    whole, fault = read(wanted, [reply])
    said, again = read(wanted, cut(reply, places))
    assert again == fault
    if fault:
        return
    assert json.loads("".join(said)) == json.loads("".join(whole))
    found, wrong = wanted.fit(json.loads("".join(said)))
    assert not wrong
    assert json.dumps(found) == json.dumps(json.loads("".join(said)))


@pytest.mark.parametrize("reply", [reply for reply in REPLIES if read(PERSON, [reply])[1]])
@settings(max_examples=25, deadline=None)
@given(places=st.lists(st.integers(0, 200), max_size=40))
def test_a_further_turn_gives_what_is_missing(reply, places):
    given_out = EmittedObject()
    before, _ = read(PERSON, cut(reply, places), given_out)
    after, fault = read(PERSON, cut('{"name": "Ada", "age": 36, "tags": ["x"]}', places), given_out)
    expected = {"name": "Ada", "age": 36, "tags": ["x"]}
    if fault:  # what is out is the beginning of another object
        assert "continue" in fault
        assert not all(expected.get(name) == value for name, value in given_out.members.items()) or given_out.begun
        return
    assert json.loads("".join([*before, *after])) == expected


COMPLETE_OR_NOTHING = {
    "never closed": ('{"name": "Ada", "age": 1, "child": {"name": "Eva", "age": 2}', "complete"),
    "never closed, after words": ('Here: {"child": {"name": "Eva", "age": 2}', "complete"),
    "a list that broke off": ('[{"name": "Ada", "age": 1}, {"name": "Eva"', "complete"),
    "a list in words that broke off": ('All: [{"name": "Ada", "age": 1}, {"name": "Eva"', "complete"),
    "inside of what is no JSON": ('{\'x\': {"name": "Ada", "age": 1}}', "complete"),
    "inside of a complete list": ('[{"name": "Ada", "age": 1}]', "object"),
    "the next one is cut": ('{"name": "Ada", "age": 1}\n{"name": "Eva", "ag', "complete"),
    "two answers": ('{"name": "Ada", "age": 1}\n{"name": "Eva", "age": 2}', "more than one"),
    "two answers in fences": (
        '```json\n{"name": "Ada", "age": 1}\n```\nor\n```json\n{"name": "Eva", "age": 2}\n```',
        "more than one",
    ),
    "within a sentence": ('I would write {"name": "Ada", "age": 1} if I knew.', "words"),
    "an example": ('For example: {"name": "Ada", "age": 1}', "words"),
    "an example in a fence": ('An example:\n```json\n{"name": "Ada", "age": 1}\n```\nWho is it?', "words"),
    "called an example after it": ('{"name": "Ada", "age": 1} is only an example.', "words"),
    "the schema": (json.dumps(PERSON.schema), "repeats the schema"),
}


@pytest.mark.parametrize("piece_size", [1, 7, 10_000])
@pytest.mark.parametrize("row", COMPLETE_OR_NOTHING)
def test_only_a_complete_answer_counts(row, piece_size):
    reply, reason = COMPLETE_OR_NOTHING[row]
    said, fault = read(PERSON, [reply[at : at + piece_size] for at in range(0, len(reply), piece_size)])
    assert re.search(reason, fault)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads("".join(said))


ANSWERS = {
    "words before": 'Here it is: {"name": "Ada", "age": 1}',
    "words before and after a fence": 'Sure!\n```json\n{"name": "Ada", "age": 1}\n```\nAnything else?',
    "words before and after a block": 'Sure!\n\n{\n"name": "Ada",\n"age": 1\n}\n\nAnything else?',
    "words after": '{"name": "Ada", "age": 1} That is all.',
    "twice the same": '{"name": "Ada", "age": 1}\n{"age": 1, "name": "Ada"}',
    "a draft that does not fit": 'Draft: {"name": "Ada"}\nFinal: {"name": "Ada", "age": 1}',
    "brackets in words": 'See [1] and {x}: {"name": "Ada", "age": 1}',
}


@pytest.mark.parametrize("row", ANSWERS)
def test_words_around_an_answer_are_left_out(row):
    said, fault = read(PERSON, list(ANSWERS[row]))
    assert not fault
    assert json.loads("".join(said)) == {"name": "Ada", "age": 1}


def test_a_member_that_may_be_null_and_is_left_out_is_null():
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "nick": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "home": {"$ref": "#/$defs/Home"},
        },
        "$defs": {"Home": {"type": ["object", "null"], "properties": {"city": {}}, "required": ["city"]}},
        "required": ["name", "nick", "home"],
    }
    said, fault = read(JsonFormat(schema), ['{"name": "Ada"}'])
    assert not fault
    assert json.loads("".join(said)) == {"name": "Ada", "nick": None, "home": None}
    assert "name" in read(JsonFormat(schema), ['{"nick": "A"}'])[1]
    assert "city" in read(JsonFormat(schema), ['{"name": "A", "home": {}}'])[1]  # it may be anything, and is not null


def test_a_string_that_may_be_anything_grows_and_others_come_whole():
    said, fault = read(PERSON, list('{"name": "Ada", "note": "long", "age": 36}'))
    assert not fault
    assert [piece for piece in said if piece] == [
        *('{"name": "A', "d", "a"),
        '",'[:1],
        ', "note": "long"',
        ', "age": 36',
        "}",
    ]


def test_half_a_character_is_not_given():
    said, _ = read(ANY, ['{"a": "x\\ud83d', '\\ude00y"}'])
    assert said == ['{"a": "x', '\\ud83d\\ude00y"', "}"]


def test_a_null_that_says_nothing_is_left_out():
    said, fault = read(PERSON, ['{"name": "Ada", "age": 36, "tags": null}'])
    assert not fault
    assert json.loads("".join(said)) == {"name": "Ada", "age": 36}


def test_a_long_reply_is_read_in_linear_time():
    value = "x" * 2_000_000
    pieces = cut(json.dumps({"name": value, "age": 1}), list(range(0, 2_000_000, 500)))
    said, fault = read(PERSON, pieces)
    assert not fault
    assert "".join(said) == "".join(pieces)


def test_what_is_held_is_what_was_not_given_out():
    for reply in ('{"name": "Ada", "tags": ["a"', "Prose, and", '{"name": "Ad'):
        reader = JsonReader(PERSON, EmittedObject())
        said = [piece for char in reply for piece in reader.feed(char)]
        assert "".join(str(piece) for piece in said) + reader.held == reply.replace(', "tags"', ' "tags"')
