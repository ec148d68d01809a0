"""`grokweb doctor` and `grokweb replay`, as they are shown and as they are read by programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.capture import record
from langchain_grokweb.cli.app import app
from langchain_grokweb.testing import GrokEmulator

Run = Callable[..., Result]
MARKER = "marker0123456789"


@pytest.fixture
def grokweb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, grok: GrokEmulator) -> Run:
    """The command, with an emulator for its service and nobody signed in elsewhere."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)

    def run(*words: str, columns: int = 100) -> Result:
        monkeypatch.setenv("COLUMNS", str(columns))
        return CliRunner().invoke(app, words, prog_name="grokweb")

    return run


def test_all_is_well(grokweb, grok):
    shown = grokweb("doctor")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert [line[:6].strip() for line in lines if not line.startswith(" ") and line][:10] == ["ok"] * 10
    assert "Use --ask to see" in shown.stdout
    assert "Everything that was checked works." in shown.stdout
    assert grok.turns == []
    assert shown.stderr == ""


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_no_line_is_wider_than_the_terminal(grokweb, grok, columns):
    grok.fault("challenge", 99, path="/*")
    shown = grokweb("doctor", columns=columns)
    assert shown.exit_code == 1
    assert max(map(len, shown.stdout.splitlines())) <= max(columns, 26)
    words = " ".join(shown.stdout.split())
    assert "answered with a challenge page." in words
    assert "copy a request as cURL" in words
    assert words.count("not tried, because of: sign-in") == 4
    assert words.endswith("Failed: sign-in.")


def test_steps_are_in_the_commands_language(grokweb, grok, monkeypatch):
    assert "Choose another --model: auto, fast" in grokweb("doctor", "--model", "nonsense").stdout
    monkeypatch.setenv("GROKWEB_COOKIES", f"sso={MARKER}")
    shown = " ".join(grokweb("doctor").stdout.split())
    assert f"Sign in at {grok.base_url}/ with a browser, copy its cookies, and run `grokweb login`." in shown
    monkeypatch.delenv("GROKWEB_COOKIES")
    shown = grokweb("doctor")
    assert shown.exit_code == 1
    assert "grokweb login" in shown.stdout
    assert "FAIL  cookies" in shown.stdout
    assert "set GROKWEB_COOKIES, or use --cookies-file." in " ".join(shown.stdout.split())


def test_prompts_go_out_where_they_are_asked_for(grokweb, grok):
    assert grokweb("doctor", "--ask").exit_code == 0
    assert {turn.wire for turn in grok.turns} == {"rest", "gateway"}


def test_a_program_reads_the_rows(grokweb, grok):
    grok.set_quota("fast", 0)
    shown = grokweb("doctor", "--json", "--model", "fast")
    rows = {row["name"]: row for row in json.loads(shown.stdout)}
    assert (rows["quota"]["state"], shown.exit_code) == ("fail", 1)
    assert "--model" in rows["quota"]["next_step"]


def test_the_report_holds_no_value(grokweb, grok, monkeypatch, tmp_path):
    secrets = [grok.user_id, MARKER, "127.0.0.1", str(tmp_path), "me:", "secret-host"]
    secrets += re.findall(r"=([^;]+)", grok.cookies)
    home = tmp_path / "home"
    home.mkdir()
    cookies_file = home / "cookies.txt"
    cookies_file.write_text(f"{grok.cookies}; cf_clearance={MARKER}")
    spoils: list[Callable[[], Any]] = [
        lambda: None,
        lambda: grok.fault("challenge", 99, path="/*"),
        lambda: grok.fault("unknown_frames", 2),
        lambda: grok.fault("usage_limit", 2),
        lambda: monkeypatch.setenv("GROKWEB_BASE_URL", "https://secret-host.invalid"),
        lambda: monkeypatch.setenv("SSL_CERT_FILE", str(home / "certificate.pem")),
        lambda: monkeypatch.setenv("HTTPS_PROXY", f"http://me:{MARKER}@127.0.0.1:1"),
    ]
    for number, spoil in enumerate(spoils):
        grok.reset()
        spoil()
        path = tmp_path / f"report{number}.json"
        shown = grokweb("--cookies-file", str(cookies_file), "doctor", "--ask", "--report", str(path))
        assert "Read it before you send it" in shown.stderr
        report = path.read_text(encoding="utf-8")
        assert [secret for secret in secrets if secret in report] == []
        assert "It said" not in report
        told = json.loads(report)
        assert told["versions"]["langchain-grokweb"]
        assert len(told["checks"]) == 10


def test_a_place_that_cannot_be_written_is_known_at_once(grokweb, grok, tmp_path):
    shown = grokweb("doctor", "--report", str(tmp_path / "missing" / "report.json"))
    assert shown.exit_code == 1
    assert "No such file" in shown.stderr
    assert grok.requests == []


# --- replay


@pytest.fixture
def capture(grok: GrokEmulator, tmp_path: Path) -> Path:
    path = tmp_path / "capture.jsonl"
    grok.reply("Narwhals swim.", reasoning="Ponder.", citations=[{"url": "https://a.example", "after": "swim"}])
    with record(ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies), path) as recorded:
        recorded.invoke("Where?")
    return path


def test_a_capture_is_decoded_again(grokweb, capture):
    shown = grokweb("replay", str(capture))
    assert shown.exit_code == 0
    assert "Xxxxxxxx xxxx." in shown.stdout
    assert "1 citations" in shown.stdout
    assert "TextDelta" not in shown.stdout
    assert "TextDelta(text='Xxxxxxxx" in grokweb("replay", str(capture), "--events").stdout
    (turn,) = json.loads(grokweb("replay", str(capture), "--json").stdout)
    assert turn["message"]["content"] == "Xxxxxxxx xxxx."
    assert turn["error"] is None


def test_what_went_wrong_goes_wrong_again(grokweb, grok, tmp_path):
    path = tmp_path / "capture.jsonl"
    grok.fault("unknown_frames")
    grok.reply("Half of it.", fault="cut:3")
    model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport="rest")
    with record(model, path) as recorded:
        recorded.invoke("Hi")  # resumed
    grok.fault("blocked")
    with pytest.raises(GrokWebError), record(model, path) as recorded:
        recorded.invoke("Hi")
    shown = grokweb("replay", str(path))
    assert shown.exit_code == 1
    assert "GrokWebPermissionError: grok.com has blocked this account." in shown.stdout


@pytest.mark.parametrize("text", [None, "", "hello", b"\xff\xfe"])
def test_no_capture_is_no_traceback(grokweb, tmp_path, text):
    path = tmp_path / "other.jsonl"
    if isinstance(text, str):
        path.write_text(text)
    elif text is not None:
        path.write_bytes(text)
    shown = grokweb("replay", str(path))
    assert shown.exit_code == 1
    assert "Traceback" not in shown.output
    assert ("No such file" if text is None else "is not a capture") in shown.stderr


def test_a_chat_is_captured(grokweb, grok, tmp_path):
    path = tmp_path / "capture.jsonl"
    grok.reply("Narwhals swim.", reasoning="Ponder.", title="Tusks")
    shown = grokweb("chat", "--capture", str(path), "Where are Ljubljana's narwhals?")
    assert (shown.exit_code, shown.stdout) == (0, "Narwhals swim.\n")
    assert not re.search("narwhal|swim|ponder|tusks|ljubljana", path.read_text(encoding="ascii"), re.IGNORECASE)
    assert "Xxxxxxxx xxxx." in grokweb("replay", str(path)).stdout
