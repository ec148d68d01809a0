"""`grokweb chat` in a terminal, as a person uses it."""

from __future__ import annotations

import re
import stat
from itertools import pairwise

import pytest
from scripted import rest
from scripted import steps as s
from scripted.server import ScriptedServer

from tests.cli.terminal import CTRL_C, CTRL_D, CTRL_J, ENTER, TAB, UP, ask

PARIS = "What is the capital of France?"


def complete(seen, typed, completed, effect):
    before = seen.text.count(effect)
    seen.type(typed)
    seen.wait_for(typed)
    seen.type(TAB)
    seen.wait_for(completed)
    seen.type(ENTER)
    seen.wait_for(lambda text: text.count(effect) > before)
    seen.wait_for_prompt()


def test_a_dialogue_continues_its_conversation_and_tells_how_to_continue_it_later(account, terminal):
    account.reply("Paris.", title="Capitals")
    account.reply("About two million.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    ask(seen, PARIS, "Paris.")
    ask(seen, "How many live there?", "About two million.")
    seen.type(CTRL_D)
    assert seen.end() == 0
    first, second = account.turns
    assert second.conversation_id == first.conversation_id
    assert second.parent_response_id == first.response_id
    assert "Capitals" in seen.text
    assert "grokweb chat -c" in seen.text
    account.reply("Yes.")
    later = terminal("chat", "-c")
    later.wait_for("How many live there?")
    later.wait_for_prompt()
    ask(later, "Is it old?", "Yes.")
    assert account.turns[-1].conversation_id == first.conversation_id
    later.type("/quit" + ENTER)
    assert later.end() == 0


def test_one_answer_ends_with_its_title_and_its_place(account, terminal):
    account.reply("**Paris.**", title="Capitals", reasoning="Of France?", citations=[{"url": "https://e.com/a"}])
    seen = terminal("chat", PARIS)
    assert seen.end() == 0
    lines = [line for line in seen.text.split("\n") if line]
    assert lines[0].endswith("Of France?")
    assert lines[0] != "Of France?"
    assert lines[1:3] == ["Paris.", "[1] https://e.com/a"]
    assert lines[3].startswith("Capitals")
    assert account.turns[0].conversation_id in lines[3]


def test_ctrl_c_stops_the_answer_at_the_site_too_and_the_dialogue_goes_on(account, terminal):
    account.reply("One, two, three, four.", fault="silence:7")
    account.reply("Because you asked.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    seen.type("Count" + ENTER)
    seen.wait_for("One")
    seen.type(CTRL_C)
    seen.wait_for("Stopped")
    account.wait_for_stop()
    seen.wait_for_prompt()
    ask(seen, "Why?", "Because you asked.")
    assert "One" in account.turns[-1].prompt  # what was said before it was stopped is known to the next turn
    seen.type(CTRL_C)
    seen.wait_for("Ctrl-D or /quit")
    seen.type(CTRL_D)
    assert seen.end() == 0


def test_ctrl_c_before_anything_came(account, terminal, monkeypatch):
    """The stop waits for the answer's id, which never comes here; the user waits for the stop, but not for long."""
    monkeypatch.setattr("langchain_grokweb.client.stopping.STOP_SECONDS", 0.1)
    account.reply("Never.", fault="silence:0")
    seen = terminal("chat")
    seen.wait_for_prompt()
    seen.type("Hello" + ENTER)
    seen.wait_for("Waiting")
    account.wait_for_turns()  # the question is at the site
    seen.type(CTRL_C)
    seen.wait_for("Stopped")
    account.reply("Hi.")
    seen.wait_for_prompt()
    ask(seen, "/retry", "Hi.")
    assert account.turns[-1].prompt == "Hello"


def test_ctrl_c_ends_a_single_answer_with_130(account, terminal):
    account.reply("One, two, three, four.", fault="silence:7")
    seen = terminal("chat", "Count")
    seen.wait_for("One")
    seen.type(CTRL_C)
    assert seen.end() == 130
    account.wait_for_stop()
    assert "Traceback" not in seen.text


def test_an_error_keeps_the_dialogue_and_what_was_typed(account, terminal, tmp_path):
    (tmp_path / "note.txt").write_text("A note")
    account.reply(error="usage_limit")
    account.reply("At last.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    seen.type(f"/attach {tmp_path / 'note.txt'}{ENTER}")
    seen.wait_for("attached: note.txt (6 bytes")
    seen.wait_for_prompt()
    seen.type("A long question" + ENTER)
    seen.wait_for("> A long question\n\n")
    seen.wait_for(lambda text: text.count("> A long question") == 2)
    seen.type(ENTER)
    seen.wait_for("At last.")
    assert [turn.prompt for turn in account.turns][-1] == "A long question"
    assert len(account.turns[-1].files) == 1
    assert "Traceback" not in seen.text


def test_a_question_of_several_lines(account, terminal):
    account.reply("Typed.")
    account.reply("Pasted.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    ask(seen, f"one{CTRL_J}two", "Typed.")
    seen.paste("three\nfour\n/five")
    ask(seen, "", "Pasted.")
    assert [turn.prompt for turn in account.turns] == ["one\ntwo", "three\nfour\n/five"]


def test_what_was_typed_is_there_in_the_next_dialogue_but_not_of_a_private_one(account, terminal, state):
    seen = terminal("chat")
    seen.wait_for_prompt()
    ask(seen, PARIS, "Paris")
    seen.type(CTRL_D)
    assert seen.end() == 0
    kept = {path.name for path in state.rglob("*") if path.is_file()}
    assert kept == {"prompts", "last.json"}
    for path in state.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or "sso" not in path.read_text()
    again = terminal("chat", "--temporary")
    again.wait_for_prompt()
    again.type("A secret" + ENTER)
    again.wait_for("A secret")
    again.wait_for_prompt()
    again.type(CTRL_D)
    assert again.end() == 0
    assert account.turns[-1].temporary
    assert "grokweb chat -c" not in again.text
    assert all("A secret" not in path.read_text() for path in state.rglob("*") if path.is_file())
    third = terminal("chat")
    third.wait_for_prompt()
    third.type(UP)
    third.wait_for(f"> {PARIS}")


def test_the_first_private_chat_leaves_nothing_on_the_disk(account, terminal, tmp_path):
    seen = terminal("chat", "--temporary", HOME=str(tmp_path))
    seen.wait_for_prompt()
    ask(seen, PARIS, "Paris")
    seen.type(CTRL_D)
    assert seen.end() == 0
    assert terminal("chat", "--temporary", "--emulator", "Hi", HOME=str(tmp_path)).end() == 0
    assert list(tmp_path.rglob("*")) == []


def test_the_commands(account, terminal, tmp_path):
    for text in ("Before.", "First.", "Second.", "Third.", "Fourth."):
        account.reply(text)
    seen = terminal("chat")
    seen.wait_for_prompt()
    ask(seen, "/help", "/detach")
    ask(seen, "/retry", "Nothing was asked yet.")
    seen.type("/frob" + ENTER)
    seen.wait_for(">  /frob")
    seen.type(CTRL_C)
    seen.wait_for_prompt()
    ask(seen, "Earlier", "Before.")
    ask(seen, "Question", "First.")
    ask(seen, "/retry", "Second.")
    ask(seen, "/model fast", "fast answers from now on")
    seen.type("/edit" + ENTER)
    seen.wait_for("changing the last question")
    ask(seen, " with more", "Third.")
    ask(seen, "/system Be brief.", "Instructions: Be brief.")
    ask(seen, "/new", "A new conversation begins.")
    ask(seen, "Another", "Fourth.")
    ask(seen, f"/save {tmp_path}", "Saved as")
    seen.type("/q" + ENTER)
    assert seen.end() == 0
    before, first, retried, edited, new = account.turns
    assert retried.prompt == first.prompt == "Question"
    assert {turn.parent_response_id for turn in (first, retried, edited)} == {before.response_id}
    assert edited.prompt == "Question with more"
    assert edited.mode == "fast"
    assert new.conversation_id != first.conversation_id
    assert "Be brief." in new.prompt
    assert "Fourth." in next(tmp_path.glob("*.md")).read_text()


def test_a_dialogue_is_saved_with_its_pictures_and_sources(account, terminal, tmp_path):
    account.reply("Here it is.", images=["a red fox"], title="Foxes / red", citations=[{"url": "https://e.com/a"}])
    account.reply("No picture.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    ask(seen, "Draw a fox", "picture  http")
    ask(seen, "And now?", "No picture.")
    for _ in range(2):  # what is there already stays as it is
        ask(seen, f"/save {tmp_path / 'kept'}", "Saved as")
    seen.type("/quit" + ENTER)
    assert seen.end() == 0
    texts = sorted((tmp_path / "kept").glob("*.md"))
    pictures = {path.name for path in (tmp_path / "kept").iterdir()} - {path.name for path in texts}
    assert [path.name for path in texts] == ["Foxes red-2.md", "Foxes red.md"]
    assert len(pictures) == 2
    text = texts[1].read_text()
    assert text.startswith("# Foxes / red\n\n## You\n\nDraw a fox\n\n## Grok\n\nHere it is.\n\n![picture](<a red fox")
    assert re.findall(r"!\[picture\]\(<(.+)>\)", text)[0] in pictures
    assert text.endswith("- <https://e.com/a>\n\n## You\n\nAnd now?\n\n## Grok\n\nNo picture.\n")


def test_commands_models_and_paths_are_completed(account, terminal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a path of its length would be broken at the edge of the screen
    (tmp_path / "only-one.txt").write_text("x")
    seen = terminal("chat")
    seen.wait_for_prompt()
    complete(seen, "/det", "> /detach", "Nothing is attached.")
    complete(seen, "/model exp", "> /model expert", "expert answers from now on")
    complete(seen, "/attach on", "> /attach only-one.txt", "attached: only-one.txt")


def test_the_tools_of_the_site_have_a_line_of_their_own(account, terminal):
    found = [{"url": "https://e.com", "title": "E", "snippet": "s"}]
    account.reply("Found.", reasoning="Let me look.", search=[{"query": "red foxes", "results": found}])
    seen = terminal("chat", "Search")
    assert seen.end() == 0
    assert seen.text.split("\n")[1:5] == ["", "\u25cf web_search  red foxes", "", "Found."]


def test_markdown_is_rendered_and_html_is_shown(account, terminal):
    account.reply("# Head\n\n- one **bold**\n- <b>two</b>\n\n```python\nx = 1\n```\n\n[page](https://e.com/p)")
    seen = terminal("chat", "Render", columns=60)
    assert seen.end() == 0
    shown = [line for line in seen.text.split("\n") if line]
    assert shown[:5] == ["Head", " \u2022 one bold", " \u2022 <b>two</b>", " x = 1", "page (https://e.com/p)"]


@pytest.mark.parametrize("columns", [20, 120])
def test_a_long_answer_scrolls_and_is_all_there(account, terminal, columns):
    text = "\n".join(f"- item {number}" for number in range(100)) + "\n\n" + " ".join(f"w{n}" for n in range(400))
    account.reply(text)
    seen = terminal("chat", "Much", rows=12, columns=columns)
    assert seen.end() == 0
    shown = seen.text.split()
    assert [word for before, word in pairwise(shown) if before == "item"] == [str(number) for number in range(100)]
    assert [word for word in shown if re.fullmatch(r"w\d+", word)] == [f"w{number}" for number in range(400)]


def test_a_window_that_changes_its_size(account, terminal):
    account.reply("One two three. " * 20 + "\n\n" + "End of it. " * 20, fault="silence:12")
    seen = terminal("chat", "Much", columns=100)
    seen.wait_for("One two")
    seen.resize(24, 40)
    account.reply("Narrow.")
    seen.type(CTRL_C)
    assert seen.end() == 130
    assert "Traceback" not in seen.text


def test_without_colour(account, terminal):
    account.reply("**Paris**", reasoning="Hm.")
    seen = terminal("chat", PARIS, NO_COLOR="1")
    assert seen.end() == 0
    colours = [part for part in seen.raw.decode().split("\x1b[")[1:] if part.split("m")[0].startswith(("3", "4", "9"))]
    assert [part for part in colours if part[:1] == "3" and part[:2] != "3m"] == []


def test_an_ascii_terminal(account, terminal):
    text = "- caf\u00e9 \u2192 \u2028\n\n> it\u2019s \u2014\n\n| a |\n|---|\n| b |"
    account.reply(text, reasoning="Hm.", search=[{"query": "x", "results": []}])
    seen = terminal("chat", PARIS, encoding="ascii")
    assert seen.end() == 0
    assert seen.raw.isascii()
    assert " * caf? ?" in seen.text
    assert "| it's -" in seen.text
    assert "| Hm." in seen.text


def test_a_dumb_terminal(account, terminal):
    account.reply("**Paris**", reasoning="Hm.")
    seen = terminal("chat", PARIS, TERM="dumb")
    assert seen.end() == 0
    assert seen.text == "**Paris**"


HOSTILE = "a\x1b]0;pwned\x07b\x1b[2Jc\u202ed\x9b31me\x7ff\rg&#8238;h\x08"


@pytest.mark.parametrize("place", ["text", "reasoning", "title", "query", "citation"])
def test_nothing_that_the_site_says_acts_on_the_terminal(account, terminal, place):
    """Answers arrive in pieces of a character, so the sequences are cut everywhere."""
    plan = {
        "text": {"text": HOSTILE},
        "reasoning": {"text": "x", "reasoning": HOSTILE},
        "title": {"text": "x", "title": HOSTILE},
        "query": {"text": "x", "search": [{"query": HOSTILE, "results": []}]},
        "citation": {"text": "x", "citations": [{"url": "https://e.com/" + HOSTILE, "title": HOSTILE}]},
    }
    account.reply(**plan[place], chunk_size=1)
    seen = terminal("chat", "x")
    assert seen.end() == 0
    shown = seen.raw.decode()
    for bad in ("\x1b]0", "\x07", "\x1b[2J", "\u202e", "\x9b", "\x7f", "\x08"):
        assert bad not in shown, repr(bad)
    assert seen.screen.title == ""
    if place != "citation":
        assert "pwned" in seen.text.replace("\n", "")


def test_pictures_are_saved_and_their_paths_shown(account, terminal, tmp_path):
    account.reply("Here.", images=["a red fox"])
    seen = terminal("chat", "Draw", "--save", str(tmp_path / "made"))
    assert seen.end() == 0
    (path,) = (tmp_path / "made").iterdir()
    assert path.name.startswith("a red fox")
    assert path.stat().st_size > 0
    assert str(path) in seen.text.replace("\n", "")


def test_a_picture_is_shown_where_the_terminal_says_that_it_can(account, terminal):
    account.reply("Here.", images=["a red fox"])
    seen = terminal("chat", "Draw", sixel=True)
    assert seen.end() == 0
    assert b"\x1bP" in seen.raw  # a sixel picture begins
    account.reply("Here.", images=["a red fox"])
    plain = terminal("chat", "Draw")
    assert plain.end() == 0
    assert b"\x1bP" not in plain.raw
    assert "picture  http" in plain.text


def test_a_picture_that_cannot_be_had(account, terminal, tmp_path):
    account.reply("Here.", images=["a red fox"])
    account.fault("blocked", path="/users/", times=9)
    seen = terminal("chat", "Draw", "--save", str(tmp_path / "made"))
    assert seen.end() == 0
    assert "picture  http" in seen.text
    assert "Traceback" not in seen.text


def test_an_answer_that_the_site_replaces(terminal):
    with ScriptedServer() as server:
        server.play(rest.script([s.Text("Take "), s.Text("this."), s.Seen(), s.Final("Do not take this.")]))
        seen = terminal("chat", "x", "-m", "fast", GROKWEB_BASE_URL=server.base_url, GROKWEB_COOKIES=server.cookies)
        seen.wait_for("Take this.")
        server.speak()
        assert seen.end() == 0
    assert "The site has replaced this answer by another:\n\nDo not take this." in seen.text


def test_without_an_account_the_first_line_says_what_to_do(terminal, monkeypatch):
    seen = terminal("chat", GROKWEB_BASE_URL="http://127.0.0.1:9")
    assert seen.end() == 1
    assert "grokweb login" in seen.text
    assert "Traceback" not in seen.text


@pytest.mark.parametrize(
    "reply",
    ["\x1b[?62c", "\x1b[?62;4;22c", "\x1b[6;20;10t", "\x1b_Gi=31;OK\x1b\\\x1b[?62;4c", "\x1b_Gi=31;EINVAL:no c\x1b\\"],
)
def test_a_terminal_that_answers_late_types_nothing_into_the_question(account, terminal, reply):
    """A slow terminal says what it can show only when the next question is asked."""
    account.reply("Paris.")
    seen = terminal("chat")
    seen.wait_for_prompt()
    seen.type("What is ")
    seen.wait_for("What is")
    seen.type(reply)
    seen.type("the capital of France?" + ENTER)
    seen.wait_for("Paris.")
    seen.wait_for_prompt()
    assert account.turns[0].prompt == PARIS
    seen.type(CTRL_D)
    assert seen.end() == 0
