"""Every example of README and docs is run, against the emulator."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from langchain_grokweb import errors
from langchain_grokweb.testing import GrokEmulator

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[object]:
    found = []
    for page in PAGES:
        for number, (kind, code) in enumerate(FENCE.findall(page.read_text(encoding="utf-8"))):
            if kind == language:
                found.append(pytest.param(code, id=f"{page.stem}-{number}"))
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code: str, grok: GrokEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, "example", "exec"), names)
    for name, found in names.items():
        if name == "main":
            asyncio.run(found())
        elif name.startswith("test_"):
            found(grok)


def test_all_languages_are_known():
    used = {kind for page in PAGES for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert used == {"python", "bash", "console", "text"}


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
