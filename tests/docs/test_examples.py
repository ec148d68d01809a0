"""Every example of README and docs is run, against the emulator, in an account that has chats of its own."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from testing.asking import Browser

from langchain_grokweb import errors
from langchain_grokweb.testing import GrokEmulator

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[object]:
    cases = []
    for page in PAGES:
        for number, (kind, code) in enumerate(FENCE.findall(page.read_text(encoding="utf-8"))):
            if kind == language:
                cases.append(pytest.param(code, id=f"{page.stem}-{number}"))
    return cases


class ForeignChats:
    """Chats that the account had before: an example may list them, and must leave them as they are.

    They are what an example would meet by accident: the newest of all at any time, the oldest, some that its searches
    find, and two in the bin.
    """

    def __init__(self, grok: GrokEmulator, browser: Browser) -> None:
        self._grok = grok
        questions = (
            "My name is Eve.",
            "Tell me about foxes.",
            "Tell me about owls.",
            "Hello",
            "What of old foxes?",
            "Owls?",
        )
        self._ids = [browser.new(question).conversation_id for question in questions]
        for binned in self._ids[-2:]:
            browser.http.delete(f"/rest/app-chat/conversations/soft/{binned}").raise_for_status()
        grok.conversations[self._ids[0]].order = 1_000_000
        self._before = self._now()

    def _now(self) -> dict[str, Any]:
        dumped = {entry["conversation_id"]: entry for entry in self._grok.dump()["conversations"]}
        return {name: dumped.get(name) for name in self._ids}

    def check(self) -> None:
        """Fail unless all are as they were: there, or in the bin, with their titles, times and responses."""
        assert sum(entry["deleted"] for entry in self._before.values()) == 2
        assert self._now() == self._before


@pytest.fixture
def foreign_chats(grok: GrokEmulator, browser: Browser) -> ForeignChats:
    return ForeignChats(grok, browser)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("code", blocks("python"))
def test_python(
    code: str,
    grok: GrokEmulator,
    foreign_chats: ForeignChats,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    monkeypatch.chdir(tmp_path)  # where an example may write
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "example", "exec"), names)
    for name, function in names.items():
        if name == "main" and "asyncio.run(main())" not in code:
            asyncio.run(function())
        elif name.startswith("test_"):
            function(grok)
    foreign_chats.check()


@pytest.mark.parametrize(
    "meddling",
    [
        lambda client, newest: client.rename(newest.id, "Mine"),
        lambda client, newest: client.delete(newest.id),
        lambda client, newest: client.delete(newest.id, forever=True),
        lambda client, newest: client.restore(next(client.deleted_conversations()).id),
    ],
    ids=["renamed", "binned", "deleted", "restored"],
)
def test_an_example_that_touches_a_foreign_chat_is_caught(grok: GrokEmulator, foreign_chats: ForeignChats, meddling):
    from langchain_grokweb import GrokWebClient

    client = GrokWebClient(base_url=grok.base_url, cookies=grok.cookies).blocking
    meddling(client, next(client.conversations()))
    with pytest.raises(AssertionError):
        foreign_chats.check()


def test_all_languages_are_known():
    used = {kind for page in PAGES for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert used == {"python", "py", "bash", "console", "mermaid", "text"}  # py: a file of docs/examples


def test_the_two_commands():
    commands = [param.values[0].strip() for param in blocks("bash")]
    assert len(commands) == 2
    assert commands[0].startswith('pip install -e ".[cli,emulator]" && grokweb chat --emulator ')
    assert commands[1] == 'pip install -e ".[test]" && pytest -n auto'


def test_the_shown_error_is_the_real_one(grok: GrokEmulator):
    from langchain_grokweb import ChatGrokWeb

    grok.fault("expired")
    with pytest.raises(errors.GrokWebAuthenticationError) as raised:
        ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies).invoke("Hi")
    shown = next(code for kind, code in FENCE.findall(PAGES[0].read_text()) if kind == "text")
    said = f"{type(raised.value).__name__}: {raised.value}".replace(grok.base_url, "https://grok.com")
    assert said.split() == shown.split()


def test_the_page_of_errors_knows_every_error_and_only_real_names():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    real = {name for name in errors.__all__ if name != "GrokWebError"}
    assert set(re.findall(r"`(GrokWeb\w+Error)`", page)) >= real
    assert set(re.findall(r"fault `(\w+)`", page)) <= set(GrokEmulator.faults())
    for kind in re.findall(r"error `(\w+)`", page):
        GrokEmulator().reply("x", error=kind)


def test_the_page_of_the_model_names_every_field():
    from langchain_core.language_models import BaseChatModel

    from langchain_grokweb import ChatGrokWeb

    page = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    ours = set(ChatGrokWeb.model_fields) - set(BaseChatModel.model_fields)
    assert {name for name in ours if f"`{name}`" not in page} == set()
