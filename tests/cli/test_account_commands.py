"""`models`, `quota`, `conversations` and `emulator`: on a terminal, in a pipe, and as JSON."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from langchain_grokweb import ChatGrokWeb
from tests.cli.terminal import ENTER

HOSTILE = "a\x1b]0;pwned\x07b\u202ec\td\ne"


@pytest.fixture
def chats(account):
    """Three conversations, the newest last."""
    model = ChatGrokWeb(model="fast")
    for title, text in (("Foxes", "About foxes"), ("Owls", "About owls"), (HOSTILE, "About hostility")):
        account.reply(f"**{text}.**", title=title, reasoning=f"Thinking {text}")
        model.invoke(f"Tell me {text}")
    return [turn.conversation_id for turn in account.turns]


def test_models(account, pipe, terminal):
    rows = [line.split("\t") for line in pipe("models").stdout.decode().splitlines()]
    assert ["fast", "Fast", "yes", "Quick responses"] in rows
    assert {row[0] for row in rows} >= {"auto", "expert", "heavy"}
    listed = json.loads(pipe("models", "--json").stdout)
    assert next(mode for mode in listed if mode["id"] == "fast")["available"] is True
    seen = terminal("models", columns=40)
    assert seen.end() == 0
    assert seen.text.split("\n")[0].split() == ["MODEL", "TITLE", "AVAILABLE", "DESCRIPTION"]
    assert max(map(len, seen.text.split("\n"))) <= 40


def test_quota(account, pipe, terminal):
    account.set_quota("fast", 0, total=30, wait_seconds=4000)
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in pipe("quota").stdout.decode().splitlines()}
    assert rows["fast"][:2] == ["0", "30"]
    assert rows["fast"][3] == "4000"
    listed = json.loads(pipe("quota", "--json").stdout)
    assert next(quota for quota in listed if quota["mode"] == "fast")["resets_in"] == 4000
    seen = terminal("quota")
    assert seen.end() == 0
    line = next(line for line in seen.text.split("\n") if line.startswith("fast"))
    assert "0 of 30" in line
    assert re.search(r"in 1 h [67] min", line)


def test_conversations_are_listed_and_searched(chats, pipe, terminal):
    rows = [line.split("\t") for line in pipe("conversations", "list").stdout.decode().splitlines()]
    assert [row[0] for row in rows] == chats[::-1]
    assert [len(row) for row in rows] == [3, 3, 3]
    assert rows[1][2] == "Owls"
    assert "\x1b" not in rows[0][2]
    assert len(pipe("conversations", "list", "-n", "1").stdout.splitlines()) == 1
    found = json.loads(pipe("conversations", "search", "owls", "--json").stdout)
    assert [one["id"] for one in found] == [chats[1]]
    for columns in (100, 50):
        seen = terminal("conversations", "list", columns=columns)
        assert seen.end() == 0
        assert "Foxes" in seen.text
        assert max(map(len, seen.text.split("\n"))) <= columns
        assert seen.screen.title == ""
        assert all(name in seen.text for name in chats)


def test_a_conversation_is_shown(chats, pipe, terminal):
    shown = pipe("conversations", "show", chats[0], "--thoughts").stdout.decode()
    for part in ("Foxes", "You ", "Tell me About foxes", "Grok ", "Thinking About foxes", "**About foxes.**"):
        assert part in shown
    stored = json.loads(pipe("conversations", "show", chats[0], "--json").stdout)
    assert [response["sender"] for response in stored["responses"]] == ["human", "assistant"]
    seen = terminal("conversations", "show", chats[0])
    assert seen.end() == 0
    assert "\nAbout foxes." in seen.text
    assert "Thinking" not in seen.text
    run = pipe("conversations", "show", "c" * 30)
    assert (run.returncode, run.stdout) == (1, b"")
    assert b"grokweb conversations list" in run.stderr


def test_a_conversation_is_exported(chats, pipe, tmp_path):
    run = pipe("conversations", "export", chats[0], str(tmp_path / "one"))
    assert run.returncode == 0, run.stderr
    path = run.stdout.decode().strip()
    assert "About foxes" in Path(path).read_text(encoding="utf-8")
    run = pipe("conversations", "export", "--all", str(tmp_path / "all"), "--format", "json")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 3
    run = pipe("conversations", "export", chats[0])
    assert run.returncode == 2
    assert b"DIRECTORY" in run.stderr


def test_a_conversation_is_renamed_deleted_and_restored(chats, pipe, terminal):
    assert pipe("conversations", "rename", chats[0], "Red foxes").stdout == b"Renamed to: Red foxes\n"
    seen = terminal("conversations", "delete", chats[0])
    seen.wait_for('Delete "Red foxes"?')
    seen.type("n" + ENTER)
    assert seen.end() == 1
    assert "Nothing was deleted." in seen.text
    seen = terminal("conversations", "delete", chats[0])
    seen.wait_for('Delete "Red foxes"?')
    assert seen.end_by_interrupt() in {1, 130}
    assert len(pipe("conversations", "list").stdout.splitlines()) == 3
    assert pipe("conversations", "delete", "--yes", *chats[:2]).returncode == 0
    assert len(pipe("conversations", "list").stdout.splitlines()) == 1
    assert len(pipe("conversations", "list", "--deleted").stdout.splitlines()) == 2
    assert pipe("conversations", "restore", chats[0]).returncode == 0
    assert len(pipe("conversations", "list").stdout.splitlines()) == 2
    assert pipe("conversations", "delete", chats[2]).returncode == 1  # nobody can be asked
    assert len(pipe("conversations", "list").stdout.splitlines()) == 2


def test_the_emulator_has_the_same_cookies_at_each_start(terminal):
    shown = []
    for _ in range(2):
        seen = terminal("emulator", "--port", "0", columns=200)
        seen.wait_for("worth nothing anywhere else")
        lines = {line.split("=", 1)[0].strip(): line.split("=", 1)[1] for line in seen.text.split("\n") if "=" in line}
        address, cookies = lines["export GROKWEB_BASE_URL"], lines["export GROKWEB_COOKIES"].strip("'")
        assert ChatGrokWeb(base_url=address, cookies=cookies).invoke("Hi").text
        shown.append(cookies)
        assert seen.end_by_interrupt() == 0
    assert shown[0] == shown[1]


def test_a_port_that_is_in_use(pipe):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = pipe("emulator", "--port", str(taken.getsockname()[1]))
    assert run.returncode == 1
    assert b"is in use" in run.stderr
    assert b"Traceback" not in run.stderr


@pytest.mark.parametrize("command", [["models"], ["quota"], ["conversations", "list"], ["chat", "x"]])
def test_a_dead_host(pipe, grok, command):
    run = pipe(*command, GROKWEB_BASE_URL="http://127.0.0.1:9", GROKWEB_COOKIES=grok.cookies)
    assert run.returncode == 1
    assert run.stdout == b""
    assert b"Traceback" not in run.stderr
    assert b"127.0.0.1" in run.stderr
