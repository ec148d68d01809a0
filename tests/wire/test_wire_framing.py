"""Objects out of bytes, however they are laid out and cut."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire.framing import MAX_OBJECT_BYTES, JsonObjects

OBJECTS = [
    {"a": 1},
    {"text": 'brace } and { and "quote" and back\\slash'},
    {"odd": "line\u2028separator \x85next \u2029 end\\"},
    {"nested": {"list": [{}, {"deep": [1, 2, {"x": "}"}]}]}, "emoji": "😀é"},
    {},
]


def compact(found: object) -> bytes:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


LAYOUTS = {
    "lines": b"".join(compact(found) + b"\n" for found in OBJECTS),
    "no last line end": b"\n".join(map(compact, OBJECTS)),
    "windows lines": b"".join(compact(found) + b"\r\n" for found in OBJECTS),
    "concatenated": b"".join(map(compact, OBJECTS)),
    "concatenated, then a line": b"".join(map(compact, OBJECTS[:3])) + b"\n" + b"\n".join(map(compact, OBJECTS[3:])),
    "pretty": b"\n".join(json.dumps(found, indent=2, ensure_ascii=False).encode() for found in OBJECTS),
    "server-sent": b"".join(b"data: " + compact(found) + b"\n\n" for found in OBJECTS) + b"data: [DONE]\n\n",
    "server-sent with comments": b": hello\nevent: message\n"
    + b"".join(b"id: 1\ndata:" + compact(found) + b"\n\n" for found in OBJECTS),
    "blank lines": b"\n\n \n" + b"\n\n".join(map(compact, OBJECTS)) + b"\n\n",
}


def read(pieces: list[bytes]) -> list[object]:
    objects = JsonObjects("a test")
    found: list = []
    for piece in pieces:
        objects.feed(piece, found)
    objects.close()
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_whole_bytewise_and_cut_anywhere(layout: str):
    body = LAYOUTS[layout]
    assert read([body]) == OBJECTS
    assert read([body[i : i + 1] for i in range(len(body))]) == OBJECTS
    assert all(read([body[:cut], body[cut:]]) == OBJECTS for cut in range(len(body)))


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.lists(st.text())), max_size=5),
    st.sampled_from([b"\n", b"", b"\r\n", b"\n\n", b"\ndata: "]),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_any_objects_in_any_pieces(objects: list[dict[str, object]], between: bytes, sizes: list[int]):
    body, pieces, turn = between.join(map(compact, objects)), [], 0
    while body:
        size = sizes[turn % len(sizes)]
        pieces.append(body[:size])
        body, turn = body[size:], turn + 1
    assert read(pieces) == objects


def test_an_object_is_given_as_soon_as_its_last_brace_is_there():
    objects = JsonObjects("a test")
    found: list[object] = []
    objects.feed(b'{"a":1}{"b"', found)
    assert found == [{"a": 1}]
    objects.feed(b":2}", found)
    assert found == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>sorry</body></html>\n",
        b"upstream connect error",
        b"[1, 2]\n",
        b'"text"\n',
        b"{not json}\n",
        b'{"a":1} trailing {"b":2}\n',
        b"x" * 2000,
        b'{"a":"' + b"[" * 3 + b'"]}\n',
    ],
)
def test_what_is_no_object_is_an_error_that_does_not_show_it(body: bytes):
    with pytest.raises(GrokWebProtocolError) as raised:
        read([body])
    assert raised.value.where == "a test"
    assert "sorry" not in str(raised.value)
    assert "upstream" not in str(raised.value)


def test_the_objects_before_garbage_are_given():
    found: list[object] = []
    objects = JsonObjects("a test")
    with pytest.raises(GrokWebProtocolError):
        objects.feed(b'{"a":1}\n{"b":2}\ngarbage\n', found)
    assert found == [{"a": 1}, {"b": 2}]


def test_the_end_inside_an_object_is_an_error():
    with pytest.raises(GrokWebProtocolError, match="the end of the stream"):
        read([b'{"a":1}\n{"b":'])


def test_a_broken_character_does_not_cost_the_object():
    assert read([b'{"a":"x\xffy"}\n']) == [{"a": "x\ufffdy"}]


def test_an_endless_object_is_refused_at_the_bound():
    objects = JsonObjects("a test")
    objects.feed(b'{"a":"', [])
    piece = b"x" * (1024 * 1024)
    with pytest.raises(GrokWebProtocolError, match="16 MiB"):
        for _ in range(MAX_OBJECT_BYTES // len(piece) + 1):
            objects.feed(piece, [])


def steps(pieces: list[bytes]) -> int:
    """How many functions are called to read these pieces."""
    count = 0

    def note(_: Any, what: str, __: Any) -> None:
        nonlocal count
        count += "call" in what

    objects, found = JsonObjects("a test"), []
    sys.setprofile(note)
    try:
        for piece in pieces:
            objects.feed(piece, found)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("cut", [0, 1, 40, 98, 99])
def test_steps_are_taken_for_each_piece_and_not_for_each_line(cut: int):
    line = compact({"text": "x" * 88}) + b"\n"
    assert len(line) == 100

    def cut_up(lines: int) -> list[bytes]:
        body = line * (10 * lines)
        return [body[:cut], *(body[start : start + 100 * lines] for start in range(cut, len(body), 100 * lines))]

    assert len(read(cut_up(100))) == 1000
    assert steps(cut_up(100)) < 2 * steps(cut_up(10)), "ten times the lines in as many pieces"
