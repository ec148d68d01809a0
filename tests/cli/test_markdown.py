"""Markdown that grows piece by piece: in the end the screen is what the whole text looks like, wherever it was cut."""

from __future__ import annotations

import io
import re

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from langchain_grokweb.cli.chat.markdown import Growing, Lines, print_lines, show_markdown
from langchain_grokweb.cli.chat.view import SafeText

OURS = re.compile(r"\x1b\[[\d;]*m")  # colours are all that we send

BLOCKS = [
    "# Head",
    "Under\n===",
    "Words **bold** and *thin*, `code`, ~~gone~~.",
    "- one\n- two\n  - three\n\n  more of two",
    "3. three\n4. four",
    "> said\n> more",
    "```python\nx = 1\n\ny = '''\n```",
    "```\nnever closed\n\n- no list",
    "| a | b |\n|---|:-:|\n| 1 | 2 |",
    "[page](https://e.com/p) <https://e.com/q> ![picture](https://e.com/r)",
    "<div>\n\n<b>tags</b> &amp; &#8238; &#27;[2J",
    "    indented\n\n    code",
    "---",
    "[reference]: https://e.com/s",
    "\x1b]0;pwned\x07 \x9b2J a\rb \u202e",
    "caf\u00e9 \u6c49\u5b57 \U0001f98a",
    "* * *\n*",
    "\\[1] [x] - [ ]",
    "",
]
texts = st.lists(
    st.sampled_from(BLOCKS) | st.text(st.sampled_from("ab *_`~#>-|[]()<>!\\&;:\n\r\t1.\x1b\x9b\u202e"), max_size=30)
).map("\n\n".join) | st.lists(st.sampled_from(BLOCKS), max_size=4).map("\n".join)


def console_of(width: int) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="standard", legacy_windows=False, emoji=False
    )


def written(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


def grown(text: str, cuts: list[int], width: int, room: int) -> str:
    """All that is printed for good, while a text comes in pieces and every piece is drawn."""
    console, safe = console_of(width), SafeText()
    growing = Growing(console)
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    for begin, end in zip([0, *places], [*places, len(text)], strict=True):
        growing.add(safe.feed(text[begin:end]))
        lines, live = growing.take(room)
        assert len(live) <= room
        print_lines(console, lines)
        print_lines(Console(file=io.StringIO(), width=width), Lines(live).lines)
    growing.add(safe.close())
    print_lines(console, growing.close())
    return written(console)


def whole(text: str, width: int) -> str:
    console, safe = console_of(width), SafeText()
    show_markdown(console, safe.feed(text) + safe.close())
    return written(console)


def test_pieces_look_as_the_whole():
    @settings(max_examples=60)
    @given(texts, st.lists(st.integers(0, 2000), max_size=25), st.sampled_from([12, 40, 100]))
    @example("- a\n\n\n- b", list(range(9)), 40)
    def check(text, cuts, width):
        shown = grown(text, cuts, width, room=10_000)
        assert shown == whole(text, width)
        assert not set("\x1b\x07\x9b\u202e\r") & set(OURS.sub("", shown))

    check()


def test_a_text_that_scrolls_loses_no_word():
    """Lines that have left the screen cannot be drawn again, but nothing is missing from them."""

    @settings(max_examples=25)
    @given(st.lists(st.integers(0, 2000), max_size=25), st.integers(1, 5))
    def check(cuts, room):
        text = (
            "\n".join(f"- w{number}" for number in range(30)) + "\n\n" + " ".join(f"v{number}" for number in range(60))
        )
        shown = OURS.sub("", grown(text, cuts, 30, room))
        assert re.findall(r"[wv]\d+", shown) == re.findall(r"[wv]\d+", text)

    check()


@pytest.mark.parametrize("source", ["`code`", "> quoted", "```python\nx = 1\n```", "    indented"])
def test_nothing_has_a_background(source):
    """A black one is a hole in a light terminal."""
    shown = whole(source, 40)
    screen = pyte.Screen(40, 5)
    pyte.Stream(screen).feed(shown)
    assert {screen.buffer[row][column].bg for row in range(5) for column in range(40)} == {"default"}
