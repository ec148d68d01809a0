"""Mistakes of users, and how they are told."""

from __future__ import annotations

import errno
import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebModelNotFoundError,
    GrokWebRateLimitError,
)
from langchain_grokweb.cli import main, report
from langchain_grokweb.cli.app import app
from langchain_grokweb.cli.options import Common
from langchain_grokweb.wire.reasons import ROWS, Reason, ServiceError, error_for


def run(*words: str):
    return CliRunner().invoke(app, words, prog_name="grokweb")


def told(error: BaseException, *option_names: str) -> str:
    return " ".join(report.explain(error, set(option_names)))


def test_the_librarys_fields_become_options():
    error = GrokWebModelNotFoundError("It is unknown.", next_step="Choose another `model=`.")
    assert told(error, "--model") == "It is unknown. Choose another --model."
    assert told(error) == "It is unknown. Choose another `model=`."


OPTIONS = {"--model", "--conversation", "--base-url", "--cookies-file", "--ask"}


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_speaks_to_a_programmer(reason):
    words = told(error_for(reason, ServiceError(retry_after=6720.0)), *OPTIONS)
    assert not re.search(r"`\w+=|`\.\w|await|\(\)|messages|field|6720", words), words
    assert ("1 h 52 min" in words) == ("{wait}" in ROWS[reason].next_step)


def test_the_quota_of_a_mode_is_told_in_hours():
    error = GrokWebRateLimitError("No more.", next_step="Wait a while.")
    error.mode = "fast"
    error.explain(0, 30, 1234567.0)
    assert told(error) == "No more. The mode fast has 0 of 30 requests left, and more come in 14 d 6 h. Wait 14 d 6 h."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wait 45 seconds.", "Wait 45 seconds."),
        ("Wait 0.5 seconds.", "Wait 0.5 seconds."),
        ("Wait 120 seconds.", "Wait 2 min."),
        ("Wait ... seconds.", "Wait ... seconds."),
        ("Try again, or allow more time with `timeout=`.", "Try again."),
        ("Look at grok.com, or allow more time with `timeout=`.", "Look at grok.com."),
        ("Use `transport='gateway'`, which needs none.", "Use GROKWEB_TRANSPORT=gateway, which needs none."),
        ("Check `base_url=` and `proxy=`.", "Check --base-url and HTTPS_PROXY."),
        ("Pass `conversation_id=` too.", "Pass --conversation too."),
    ],
)
def test_words_of_the_library_in_those_of_the_command(text, shown):
    assert report.in_words(text, OPTIONS) == shown


def test_a_refused_sign_in_leads_to_login():
    assert "run `grokweb login`" in told(GrokWebAuthenticationError("No.", login_url="http://127.0.0.1:1/"))


def test_what_the_extra_lacks_is_named():
    assert "langchain-grokweb[cli]" in told(ModuleNotFoundError("No", name="prompt_toolkit"))


def test_nobody_is_signed_in():
    with pytest.raises(GrokWebAuthenticationError) as caught:
        ChatGrokWeb().invoke("hi")
    assert "or use --cookies-file." in told(caught.value, "--cookies-file")


def test_a_wrong_field_is_told_without_its_value():
    with pytest.raises(ValueError, match="base_url") as caught:
        ChatGrokWeb(base_url="ftp://secret.example")
    assert told(caught.value, "--base-url").startswith("--base-url: ")
    assert "secret" not in told(caught.value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (report.Failure("No.", exit_code=2), 2),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), 1),
        (KeyError("secret"), 1),
        (UnicodeEncodeError("ascii", "secret", 0, 1, "no"), 1),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(error, code, capsys):
    with pytest.raises(typer.Exit) as ended, report.shown(Common(), set):
        raise error
    assert ended.value.exit_code == code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [(["chta"], 2), (["chat", "--nope"], 2), (["emulator", "--port", "99999"], 2), (["--cookies-file"], 2)],
)
def test_wrong_usage(words, code):
    assert run(*words).exit_code == code


def test_a_close_name_is_suggested():
    assert "Did you mean 'chat'" in run("chta").stderr


@pytest.mark.parametrize("words", [["--cookies-file", "nope", "chat", "hi"], ["chat", "hi", "--cookies-file", "nope"]])
def test_common_options_stand_before_or_after(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 1
    assert "nope cannot be read: No such file or directory." in result.stderr


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    result = run("chat", "hi", "--cookies-file", str(tmp_path / "binary"))
    assert (result.exit_code, "is not text" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (["login", "-"], 1, "There is nothing in it."),
        (["chat", "hi", "--save", "FILE"], 2, "is a file"),
        (["conversations", "export", "--all", "FILE"], 2, "is no directory"),
        (["conversations", "rename", "x", " "], 2, "The title is empty."),
    ],
)
def test_what_cannot_be_right_is_told_before_the_site_is_asked(words, code, shown, tmp_path, monkeypatch):
    (tmp_path / "FILE").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROKWEB_COOKIES", "sso=eyJh.eyJi.c; sso-rw=eyJh.eyJi.c; x-userid=u")
    monkeypatch.setenv("GROKWEB_BASE_URL", "http://127.0.0.1:9")
    result = run(*words)
    assert (result.exit_code, shown in " ".join(result.stderr.split())) == (code, True), result.stderr


def test_closed_standard_streams(account, monkeypatch):
    account.reply("Nobody reads it.")
    monkeypatch.setattr(sys, "argv", ["grokweb", "chat", "hi"])
    for name in ("stdout", "stderr", "stdin"):
        monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.close()
    sys.stderr.close()
    assert ended.value.code == 0
    assert len(account.turns) == 1
