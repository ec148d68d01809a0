"""Ids and addresses of conversations: what is read, and what is refused before it could get into a path."""

from __future__ import annotations

import pytest

from langchain_grokweb import GrokWebInvalidRequestError
from langchain_grokweb.wire.conversation_ids import parse_conversation

ID = "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10"
RESPONSE = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ID, (ID, None)),
        (f"https://grok.com/c/{ID}", (ID, None)),
        (f"https://grok.com/c/{ID}/", (ID, None)),
        (f"https://Grok.com/chat/{ID}?q=1#end", (ID, None)),
        (f"https://grok.com/c/{ID}?rid={RESPONSE}", (ID, RESPONSE)),
        (f"https://grok.com/c/{ID}?referrer=x&rid={RESPONSE}", (ID, RESPONSE)),
    ],
)
def test_ids_and_addresses_are_read(text, found):
    assert parse_conversation(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        f"{ID}\n",
        f" {ID}",
        f"{ID}?rid={RESPONSE}",
        f"{ID}/soft",
        f"../{ID}",
        "a%2fb",
        "é",
        "x" * 129,
        f"/c/{ID}",
        f"http://grok.com/c/{ID}",
        f"https://grok.com.example.com/c/{ID}",
        f"https://grok.com@example.com/c/{ID}",
        f"https://user@grok.com/c/{ID}",
        f"https://grok.com:8443/c/{ID}",
        f"https://example.com/c/{ID}",
        f"//grok.com/c/{ID}",
        "https://grok.com/c/",
        "https://grok.com/c/..",
        f"https://grok.com/share/{ID}",
        f"https://grok.com/c/{ID}/soft",
        f"https://grok.com/c/a%2f{ID}",
        f"https://grok.com/c/{ID}\x00",
        f"https://grok.com/c/{ID[:9]}\n{ID[9:]}",
        f"https://grok.com/c/{ID}?rid=a%0Ab",
        f"https://grok.com/c/{ID}?rid=../x",
        "https://[grok.com/c/x",
        None,
        7,
        b"x",
    ],
)
def test_everything_else_is_refused_and_not_shown(text):
    with pytest.raises(GrokWebInvalidRequestError, match=r"https://grok\.com/c/<id>") as raised:
        parse_conversation(text)
    assert ID not in str(raised.value)
    assert raised.value.__cause__ is None
