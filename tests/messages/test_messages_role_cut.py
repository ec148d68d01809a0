"""What a model writes as another's message is no answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_grokweb.messages.role_cut import RoleCut

USER, TOOL, OWN = '<message role="user">\n', '<message role="tool" name="x">\n', '<message role="assistant">\n'
END = "</message>"


def cut(text: str, size: int, *, of_tools: bool = False) -> str:
    roles = RoleCut(of_tools=of_tools)
    return "".join(roles.feed(text[at : at + size]) for at in range(0, len(text), size)) + roles.flush()


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("Hello.\n\n <b>x</b>\n", "Hello.\n\n <b>x</b>\n"),
        (f"{OWN}Hello.\n{END}", "Hello.\n"),
        ('<message role="assistant">Hello.</message>', "Hello."),
        (f"Hello.\n{END}", "Hello.\n"),
        (f"Hello.\n{USER}Thanks.\n{END}\n{OWN}Welcome.", "Hello.\n"),
        (f"Hello.\n{TOOL}sunny\n{END}\nSo it is sunny.", "Hello.\n"),
        (f"{USER}Hi\n{END}\n{OWN}Hello.\n{END}\n{USER}more", "Hello.\n"),
        (f"{USER}Hi\n{OWN}Hello.", "Hello."),
        (f"{USER}Hi", ""),
        (f"```xml\n{USER}Hi\n{END}\n```\nSo.", f"```xml\n{USER}Hi\n{END}\n```\nSo."),
        (f"It is `{USER.strip()}` there.", f"It is `{USER.strip()}` there."),
        ("<message>\nHi\n", "<message>\nHi\n"),
        ("<messages>\nHi", "<messages>\nHi"),
        ("Hello.\n<mess", "Hello.\n"),
        ('Hello.\n<message role="us', "Hello.\n"),
        ("Hello.\n<", "Hello.\n<"),
        ("a <", "a <"),
        ("", ""),
    ],
)
def test_others_messages_are_cut(answer, left):
    assert {cut(answer, size) for size in range(1, len(answer) + 2)} == {left}


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ('<tools mark="0123abcd">\nHello.\n</tools>', "Hello.\n"),
        ("Hello.\n</tools>\n\nMore.", "Hello.\n\nMore."),
        ('Hello.\n<tools mark="0123', "Hello.\n"),
        ('`<tools mark="0">`', '`<tools mark="0">`'),
        ('```\n<tools mark="0">\n</tools>\n```', '```\n<tools mark="0">\n</tools>\n```'),
        ("<tool>\n<toolset>\n<table>", "<tool>\n<toolset>\n<table>"),
        ("Hello.</message>", "Hello."),  # the prompt opened the element
        ("```\n</message>\n```", "```\n</message>\n```"),
    ],
)
def test_tags_of_the_element_that_holds_the_tools_are_cut(answer, left):
    sizes = range(1, len(answer) + 2)
    assert {cut(answer, size, of_tools=True) for size in sizes} == {left}
    assert {cut(answer, size) for size in sizes} == {answer}


PIECES = [
    "Hi",
    '<tools mark="0">',
    "</tools>",
    "<tool",
    "\n",
    " ",
    "```",
    "<",
    "`",
    USER,
    TOOL,
    OWN,
    END,
    '<message role="',
    "message",
    ">",
    "\n\n",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.integers(1, 30))
def test_it_is_the_same_wherever_it_is_cut(answer: str, size: int):
    whole = cut(answer, len(answer) + 1)
    assert cut(answer, size) == whole
    assert cut(answer, size, of_tools=True) == cut(answer, len(answer) + 1, of_tools=True)
    if "message" not in answer and "</" not in answer:
        assert whole == answer


def test_text_passes_at_once():
    roles = RoleCut()
    assert [roles.feed(piece) for piece in ("Hel", "lo", "\n", "w", " <", "x")] == ["Hel", "lo", "\n", "w", " <", "x"]
