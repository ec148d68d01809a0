"""`grokweb chat` in pipes, byte for byte."""

from __future__ import annotations

import json
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from scripted import rest
from scripted import steps as s
from scripted.server import ScriptedServer

from tests.interpreters import PLAIN

ALONE = """
import json, os, signal, sys, warnings
os.environ.update(json.loads(sys.argv.pop(1)))
warnings.simplefilter("error")
from langchain_grokweb.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
os.dup2(os.open(sys.argv.pop(1), os.O_WRONLY), 1)
os.write(1, b"%d\\n" % os.getpid())
main()
"""


def test_the_answer_alone_goes_to_standard_output(account, pipe):
    account.reply("**Paris**, caf\u00e9.", reasoning="Hm.", title="Capitals", citations=[{"url": "https://e.com"}])
    run = pipe("chat", "x")
    assert (run.returncode, run.stdout, run.stderr) == (0, "**Paris**, caf\u00e9.\n".encode(), b"")


def test_the_rest_goes_to_standard_error_where_it_is_asked_for(account, pipe):
    found = [{"query": "q", "results": []}]
    account.reply("Paris.\n", reasoning="Hm.", title="Capitals", search=found, citations=[{"url": "https://e.com/a"}])
    run = pipe("chat", "x", "--verbose")
    assert run.stdout == b"Paris.\n"
    told = run.stderr.decode()
    for part in ("Hm.", "[web_search]", "https://e.com/a", "title: Capitals", account.turns[0].response_id):
        assert part in told


def test_standard_input_stands_before_the_prompt(account, pipe):
    for _ in range(3):
        account.reply("x")
    pipe("chat", "Sum up.", piped=b"\xef\xbb\xbfLine one\r\nLine two\n")
    pipe("chat", piped="caf\u00e9\n".encode())
    pipe("chat", "Only this.", piped=b"")
    assert [turn.prompt for turn in account.turns] == ["Line one\r\nLine two\n\nSum up.", "caf\u00e9", "Only this."]


def test_json_is_one_object_with_exact_texts(account, pipe, tmp_path):
    text = "a\x1b[31mb\u202ec\x9b"
    account.reply(text, reasoning="Hm.", title="T", images=["a fox"])
    run = pipe("chat", "x", "--json", "--save", str(tmp_path / "made"))
    assert run.returncode == 0
    assert run.stderr == b""
    assert not any(bad in run.stdout.decode() for bad in ("\x1b", "\u202e", "\x9b"))
    answer = json.loads(run.stdout)
    assert answer["text"] == text
    assert answer["reasoning"] == "Hm."
    assert answer["title"] == "T"
    assert answer["conversation_id"] == account.turns[0].conversation_id
    assert answer["saved"] == [str(path) for path in (tmp_path / "made").iterdir()]
    assert "files" not in answer


def test_what_acts_on_a_terminal_is_a_symbol_in_a_pipe_too(account, pipe):
    account.reply("a\x1b[31mb\r\nc", chunk_size=1)
    assert pipe("chat", "x").stdout.decode() == "a\u241b[31mb\nc\n"


def test_a_picture_is_its_place(account, pipe, tmp_path):
    account.reply("Here.", images=["a fox"])
    assert pipe("chat", "x").stdout.startswith(b"Here.\nhttp://127.0.0.1")
    account.reply("Here.", images=["a fox"])
    run = pipe("chat", "x", "--save", str(tmp_path / "made"))
    assert run.stdout.decode() == f"Here.\n{next((tmp_path / 'made').iterdir())}\n"


def test_a_conversation_is_continued(account, pipe, state):
    pipe("chat", "My name is Ada.")
    assert b"Ada" in pipe("chat", "-c", "What is my name?").stdout
    name = account.turns[0].conversation_id
    assert b"Ada" in pipe("chat", "--conversation", name, "What is my name?").stdout
    assert {turn.conversation_id for turn in account.turns} == {name}
    (kept,) = state.rglob("last.json")
    assert json.loads(kept.read_text()) == {"conversation": name}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    pipe("chat", "--temporary", "A secret.")
    assert json.loads(kept.read_text()) == {"conversation": name}


def test_the_emulator_of_the_command_remembers_its_chats(pipe, state):
    assert pipe("chat", "--emulator", "My name is Ada.").returncode == 0
    assert b"Ada" in pipe("chat", "--emulator", "-c", "What is my name?").stdout
    next(state.rglob("emulator.json")).write_text('{"user_id": 3}')
    assert pipe("chat", "--emulator", "What is the capital of France?").returncode == 0


def test_files_go_up(account, pipe, tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    account.reply("x")
    run = pipe("chat", "x", "--file", str(tmp_path / "a.txt"), "-f", str(tmp_path / "b.png"), "--system", "Be brief.")
    assert run.returncode == 0, run.stderr
    assert len(account.turns[0].files) == 2
    assert "Be brief." in account.turns[0].prompt
    assert {upload.name for upload in account.uploads.values()} == {"a.txt", "b.png"}


def test_a_capture_holds_nothing_of_what_was_said(account, pipe, tmp_path):
    account.reply("Paris is the capital.", reasoning="France means Paris.")
    run = pipe("chat", "Which town is it?", "--capture", str(tmp_path / "turn.jsonl"))
    assert run.returncode == 0, run.stderr
    captured = (tmp_path / "turn.jsonl").read_text()
    assert len(captured) > 500
    assert not any(word in captured for word in ("Paris", "capital", "France", "town"))
    assert pipe("replay", str(tmp_path / "turn.jsonl")).returncode == 0


MISTAKES = {
    "missing file": (["x", "--file", "/no/such.txt"], b"", 1, "/no/such.txt cannot be read: No such file"),
    "a directory": (["x", "--file", "/"], b"", 1, "is a directory"),
    "an empty file": (["x", "--file", os.devnull], b"", 1, "is empty"),
    "too many files": (["x", *["--file", __file__] * 9], b"", 1, "8 files at most"),
    "no text on stdin": ([], b"\xff\xfe\x00", 1, "not text in UTF-8"),
    "nothing on stdin": ([], b"\n", 2, "standard input is empty"),
    "an empty prompt": ([" "], b"", 2, "The prompt is empty"),
    "nothing to continue": (["x", "-c"], b"", 1, "no last conversation"),
    "no such conversation": (["x", "--conversation", "c" * 30], b"", 1, "no such conversation"),
    "no conversation's name": (["x", "--conversation", "https://e.com/c/a"], b"", 1, "not one of https://grok.com"),
    "a private chat that continues": (["x", "-c", "--temporary"], b"", 2, "new private chat"),
    "an unknown option": (["x", "--frob"], b"", 2, "No such option"),
    "an unwritable place": (["x", "--save", "/proc/none"], b"", 1, "/proc/none cannot be written"),
    "no cookies in the file": (["x", "--cookies-file", "/no/such.txt"], b"", 1, "/no/such.txt cannot be read"),
    "an unwritable capture": (["x", "--capture", "/no/such/file"], b"", 1, "/no/such/file"),
    "a bad address": (["x", "--base-url", "ftp://e.com"], b"", 2, "--base-url"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line_and_never_as_a_traceback(account, pipe, mistake):
    words, piped, code, told = MISTAKES[mistake]
    account.reply("x", images=["a fox"])
    run = pipe("chat", *words, piped=piped)
    assert run.returncode == code, run.stderr
    assert told in " ".join(run.stderr.decode().replace("\u2502", " ").split())
    assert b"Traceback" not in run.stderr
    assert run.stdout in {b"", b"x\n"}


def test_refusals_end_with_1_and_their_next_step(account, pipe):
    account.fault("usage_limit")
    run = pipe("chat", "x")
    assert run.returncode == 1
    assert run.stdout == b""
    assert b"limit" in run.stderr
    account.fault("model_not_found")
    run = pipe("chat", "x", "--model", "nonsense")
    assert run.returncode == 1
    assert b"grokweb models" in run.stderr
    assert b"model=" not in run.stderr


def test_without_an_account(pipe):
    run = pipe("chat", "x", GROKWEB_BASE_URL="http://127.0.0.1:9")
    assert run.returncode == 1
    assert run.stdout == b""
    assert b"grokweb login" in run.stderr


def test_an_ascii_pipe(account, pipe):
    account.reply("caf\u00e9 \u2192")
    assert pipe("chat", "x", encoding="ascii").stdout == b"caf? ?\n"
    account.reply("caf\u00e9 \u2192")
    assert json.loads(pipe("chat", "x", "--json", encoding="ascii").stdout)["text"] == "caf\u00e9 \u2192"


def test_an_answer_that_the_site_replaces_is_not_passed_as_whole(pipe):
    with ScriptedServer() as server:
        server.play(rest.script([s.Text("Take this."), s.Final("Do not take this.")]))
        run = pipe("chat", "x", "-m", "fast", GROKWEB_BASE_URL=server.base_url, GROKWEB_COOKIES=server.cookies)
    assert (run.returncode, run.stdout) in {(1, b"Take this.\n"), (0, b"Do not take this.\n")}


@pytest.fixture
def begin(interpreters, tmp_path):
    """Begin the command with a pipe as its standard output, in an interpreter of its own that ends as any does."""
    with ThreadPoolExecutor(1) as waiting:

        def begin(*words: str):
            place = str(tmp_path / f"pipe-{uuid4()}")
            os.mkfifo(place)
            ended = waiting.submit(interpreters.run, ALONE, json.dumps(dict(os.environ)), place, *words, options=PLAIN)
            out = Path(place).open("rb", buffering=0)  # noqa: SIM115 - the test closes it, as readers do
            return out, int(out.readline()), ended

        yield begin


def test_ctrl_c_while_the_answer_comes(account, begin):
    account.reply("One, two, three, four.", fault="silence:7")
    out, pid, ended = begin("chat", "x")
    with out:
        assert out.read(3) == b"One"  # before the answer is whole
        os.kill(pid, signal.SIGINT)
        assert (ended.result().returncode, ended.result().stderr) == (130, "")
    account.wait_for_stop()


def test_a_reader_that_has_seen_enough(account, begin):
    account.reply("\n".join("A line of the answer." for _ in range(9000)))
    out, _, ended = begin("chat", "x")
    with out:
        assert out.read(2) == b"A ", ended.result()
    assert (ended.result().returncode, ended.result().stderr) == (1, "")
