"""The sign-in page in a real browser, and cookies that come out of that very browser."""

from __future__ import annotations

import asyncio
import json

import pytest
from testing.chromium import PROGRAM, Chromium
from typer.testing import CliRunner

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.cli.app import app
from langchain_grokweb.testing import GrokEmulator

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")


async def test_a_browser_signs_in_and_its_cookies_work(grok: GrokEmulator, tmp_path, monkeypatch):
    async with Chromium(tmp_path / "profile") as browser:
        await browser.open(grok.base_url)
        assert await browser.run("location.pathname") == "/sign-in"
        assert await browser.run("document.querySelector('input[type=password]').labels[0].textContent") == "Password"
        await browser.press("button")
        assert await browser.run("document.querySelector('h1').textContent") == "Signed in"
        assert await browser.run("document.cookie") == f"x-userid={grok.user_id}"  # scripts see no session
        await browser.open(f"{grok.base_url}/")
        cookies, har = await browser.cookies(), browser.har()
        agent = await browser.run("navigator.userAgent")
    session = {cookie["name"]: cookie for cookie in cookies}
    assert {"sso", "sso-rw", "x-userid", "__cf_bm"} == set(session)
    assert all((session[name]["httpOnly"], session[name]["sameSite"]) == (True, "Lax") for name in ("sso", "sso-rw"))
    assert session["sso"]["expires"] > 0
    exports = {
        "CDP": {"cookies": cookies},
        "Playwright": {"cookies": [{**cookie, "sameSite": "Lax"} for cookie in cookies], "origins": []},
        "HAR": har,
    }
    for name, export in exports.items():
        model = ChatGrokWeb(base_url=grok.base_url, cookies=json.dumps(export))
        assert model.invoke("Hi").text, name
    asked = [request for request in grok.requests if request.path.endswith("/new")]
    assert asked[-1].headers["user-agent"] == agent

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name, export in exports.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(export))
        signed_in = await asyncio.to_thread(CliRunner().invoke, app, ["login", str(file), "--base-url", grok.base_url])
        assert signed_in.exit_code == 0, signed_in.output
        asked = await asyncio.to_thread(
            CliRunner().invoke, app, ["chat", "--base-url", grok.base_url, "My name is Ada."]
        )
        assert asked.exit_code == 0, asked.output
        assert "Ada" in asked.stdout
