"""Mistakes of users, and how they are told."""

from __future__ import annotations

import errno

import pytest
import typer
from typer.testing import CliRunner

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebAuthenticationError,
    GrokWebModelNotFoundError,
    GrokWebTimeoutError,
)
from langchain_grokweb.cli import report
from langchain_grokweb.cli.app import app
from langchain_grokweb.cli.options import Common
from langchain_grokweb.wire import reasons


def run(*words: str):
    return CliRunner().invoke(app, words, prog_name="grokweb")


def told(error: BaseException, *option_names: str) -> str:
    return " ".join(report.explain(error, set(option_names)))


def test_the_librarys_fields_become_options():
    error = GrokWebModelNotFoundError("It is unknown.", next_step="Choose another `model=`.")
    assert told(error, "--model") == "It is unknown. Choose another --model."
    assert told(error) == "It is unknown. Choose another `model=`."


def test_the_librarys_methods_and_values_become_commands_and_variables():
    rows = [reasons.error_for(reason, reasons.ServiceError()) for reason in reasons.Reason]
    for error in [
        *rows,
        GrokWebTimeoutError("It took long.", next_step="Try again, or allow more time with `timeout=`."),
    ]:
        text = told(error, "--model")
        assert "=`" not in text.replace("`model=`", ""), text
        assert ".partial" not in text
        assert "`await" not in text


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
