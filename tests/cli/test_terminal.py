"""What the site says does nothing to a terminal."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from langchain_grokweb.cli import terminal

ACTS = [chr(code) for code in range(0x20) if chr(code) not in "\n\t"] + [chr(code) for code in range(0x7F, 0xA0)]
TURNS = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("clean", [terminal.safe, terminal.safe_line])
def test_nothing_acts_on_the_terminal(clean):
    shown = clean("a".join([*ACTS, *TURNS, "\ud800", "\udfff"]))
    assert {unicodedata.category(character) for character in shown} <= {"Ll", "Lu", "So", "Sm", "Ps", "Pe", "Nd"} | {
        unicodedata.category(character) for character in "+[]\\^_`{|}~ @"
    }
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x9b31m", "␛[31m"),
        ("a\r\nb\rc\td\n", "a\nb␍c\td\n"),
        ("x\u202etxt.exe", "x<U+202E>txt.exe"),
        ("שלום\u200f, 👩‍👩‍👧 café", "שלום\u200f, 👩‍👩‍👧 café"),
    ],
)
def test_what_is_shown_instead(text, shown):
    assert terminal.safe(text) == shown


def test_a_line_stays_one():
    assert terminal.safe_line("a\r\nb\nc\td\u2028e") == "a b c d e"


def test_an_ascii_terminal_shows_what_it_can(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console = terminal.stdout()
    console.print("café [bold] :smile:")
    console.file.flush()
    assert raw.getvalue() == b"caf? [bold] :smile:\n"
