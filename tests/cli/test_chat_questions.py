"""What the next question of a dialogue begins with, and what becomes of the last one after errors and `/commands`."""

from __future__ import annotations

import os
import re
import signal

import pytest
from prompt_toolkit import PromptSession

from tests.cli.terminal import CTRL_C, CTRL_D, ENTER, ask

CTRL_U = "\x15"  # empties the line


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the command runs, with two files to attach."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def attached(turn):
    return [file.name for file in turn.files]


def edit(seen, question):
    """Type `/edit`, and wait for the last question in the line."""
    seen.type("/edit" + ENTER)
    wait_for_line(seen, question)


def replace_line(seen, line, answer):
    """Put another line in the place of what stands there, and send it."""
    seen.type(CTRL_U)
    seen.wait_for_prompt()
    ask(seen, line, answer)


def wait_for_line(seen, question):
    seen.wait_for(lambda _: seen.line.rstrip() == f"> {question}")


@pytest.fixture
def begin(account, terminal):
    """Begin a dialogue, where these are answered."""

    def begin(*answers, **settings):
        for answer in answers:
            account.reply(answer) if isinstance(answer, str) else account.reply(**answer)
        seen = terminal("chat", **settings)
        seen.wait_for_prompt()
        return seen

    return begin


FAILS = {"error": "usage_limit"}
FAILED = "limit"


# --- what is attached


@pytest.mark.parametrize("leave", [CTRL_C, CTRL_U + "/new" + ENTER])
def test_an_edit_that_is_left_takes_its_files_along_and_gives_back_what_was_attached(account, begin, leave):
    seen = begin("One.", "Two.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    ask(seen, "Q1", "One.")
    ask(seen, "/attach b.txt", "attached: b.txt (")
    edit(seen, "Q1")
    seen.wait_for("attached: a.txt | changing")
    seen.type(leave)
    seen.wait_for_prompt()
    seen.wait_for(lambda text: text.endswith("attached: b.txt"))
    ask(seen, "Q2", "Two.")
    assert [attached(turn) for turn in account.turns] == [["a.txt"], ["b.txt"]]


@pytest.mark.parametrize("again", ["/retry", "/edit"])
def test_what_is_attached_for_the_next_question_waits_while_the_last_one_is_asked_again(account, begin, again):
    seen = begin("One.", "One again.", "Two.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    ask(seen, "Q1", "One.")
    ask(seen, "/attach b.txt", "attached: b.txt (")
    if again == "/edit":
        edit(seen, "Q1")
        ask(seen, "", "One again.")
    else:
        ask(seen, again, "One again.")
    ask(seen, "Q2", "Two.")
    assert [attached(turn) for turn in account.turns] == [["a.txt"], ["a.txt"], ["b.txt"]]


def test_files_of_a_failed_question_go_with_it_once(account, begin):
    seen = begin(FAILS, "One.", "Two.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    seen.type("Q1" + ENTER)
    seen.wait_for(FAILED)
    wait_for_line(seen, "Q1")
    replace_line(seen, "/retry", "One.")
    ask(seen, "Q2", "Two.")
    assert [attached(turn) for turn in account.turns[-2:]] == [["a.txt"], []]


# --- an edit


@pytest.mark.parametrize(
    ("command", "effect"),
    [("/attach b.txt", "attached: b.txt ("), ("/help", "/detach"), ("/model fast", "fast answers from now on")],
)
def test_a_command_does_not_end_an_edit(account, begin, command, effect):
    seen = begin("One.", "Two.", "Two again.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    edit(seen, "Q2")
    seen.type(CTRL_U)
    seen.wait_for_prompt()
    before = seen.text.count(effect)
    seen.type(command + ENTER)
    seen.wait_for(lambda text: text.count(effect) > before)
    wait_for_line(seen, "Q2")
    ask(seen, " changed", "Two again.")
    _, second, changed = account.turns
    assert changed.prompt == "Q2 changed"
    assert changed.parent_response_id == second.parent_response_id
    assert attached(changed) == (["b.txt"] if "b.txt" in command else [])


def test_a_wrong_command_does_not_cost_what_stood_in_the_line(account, begin):
    seen = begin(FAILS, "One.")
    seen.type("Q1" + ENTER)
    seen.wait_for(FAILED)
    wait_for_line(seen, "Q1")
    seen.type(CTRL_U)
    seen.wait_for_prompt()
    seen.type("/modle fast" + ENTER)
    seen.wait_for("There is no /modle")
    seen.wait_for(">  /modle fast")
    seen.type(CTRL_U + "/model fast" + ENTER)
    seen.wait_for("fast answers from now on")
    wait_for_line(seen, "Q1")
    ask(seen, "", "One.")
    assert (account.turns[-1].prompt, account.turns[-1].mode) == ("Q1", "fast")


def test_a_line_that_begins_with_a_slash_can_be_sent(account, begin):
    seen = begin("One.")
    seen.type("/etc is what?" + ENTER)
    seen.wait_for(">  /etc is what?")
    ask(seen, "", "One.")
    assert account.turns[-1].prompt == "/etc is what?"


# --- an answer that was there stays until there is another


def test_the_old_answer_stays_where_asking_again_fails(account, begin, folder):
    seen = begin("One.", "Two.", FAILS, "Three.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    ask(seen, "/retry", FAILED)
    ask(seen, "Q3", "Three.")
    assert account.turns[-1].parent_response_id == account.turns[1].response_id
    ask(seen, f"/save {folder}", "Saved as")
    (saved,) = folder.glob("*.md")
    assert re.findall(r"^(?:Q\d|\w+\.)$", saved.read_text(), re.MULTILINE) == [
        "Q1",
        "One.",
        "Q2",
        "Two.",
        "Q3",
        "Three.",
    ]


def test_a_changed_question_that_fails_is_still_an_edit(account, begin):
    seen = begin("One.", "Two.", FAILS, "Two again.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    edit(seen, "Q2")
    seen.type(" changed" + ENTER)
    seen.wait_for(FAILED)
    wait_for_line(seen, "Q2 changed")
    seen.wait_for("changing the last question")
    ask(seen, "", "Two again.")
    assert account.turns[-1].parent_response_id == account.turns[0].response_id


def test_the_old_answer_stays_where_a_changed_question_failed_and_was_left(account, begin):
    seen = begin("One.", "Two.", FAILS, "Three.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    edit(seen, "Q2")
    seen.type(" changed" + ENTER)
    seen.wait_for(FAILED)
    wait_for_line(seen, "Q2 changed")
    seen.type(CTRL_C)
    seen.wait_for_prompt()
    ask(seen, "Q3", "Three.")
    assert account.turns[-1].parent_response_id == account.turns[1].response_id


@pytest.mark.parametrize("again", ["Q3", "/retry"])
def test_the_old_answer_stays_where_asking_again_is_stopped_before_a_word(account, begin, monkeypatch, again):
    monkeypatch.setattr("langchain_grokweb.client.stopping.STOP_SECONDS", 0.1)
    seen = begin("One.", "Two.", {"text": "Never.", "fault": "silence:0"}, "Three.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    seen.type("/retry" + ENTER)
    account.wait_for_turns(3)
    seen.type(CTRL_C)
    seen.wait_for("Stopped")
    seen.wait_for_prompt()
    ask(seen, again, "Three.")
    first, second, *_, last = account.turns
    assert last.prompt == ("Q2" if again == "/retry" else "Q3")
    assert last.parent_response_id == (first if again == "/retry" else second).response_id


def test_a_new_answer_that_was_begun_takes_the_place_of_the_old_one(account, begin):
    seen = begin("One.", "Two.", {"text": "Another answer.", "fault": "silence:9"}, "Three.")
    ask(seen, "Q1", "One.")
    ask(seen, "Q2", "Two.")
    seen.type("/retry" + ENTER)
    seen.wait_for("Another")
    seen.type(CTRL_C)
    seen.wait_for("Stopped")
    account.wait_for_stop()
    seen.wait_for_prompt()
    ask(seen, "Q3", "Three.")
    assert account.turns[-1].parent_response_id == account.turns[0].response_id
    assert "Another" in account.turns[-1].prompt


def test_a_question_that_was_answered_is_not_asked_again_after_an_error(account, terminal, folder):
    account.reply("Here it is.", images=["a red fox"])
    account.reply("Two.")
    seen = terminal("chat", "--save", str(folder / "a.txt" / "made"))
    seen.wait_for_prompt()
    ask(seen, "Draw a fox", "cannot be written")
    ask(seen, "Q2", "Two.")
    assert [turn.prompt for turn in account.turns] == ["Draw a fox", "Q2"]


def test_a_new_conversation_in_place_of_the_old_one_does_not_take_its_title(account, begin):
    seen = begin({"text": "One.", "title": "Capitals"}, {"text": "One again.", "title": False})
    ask(seen, "Q1", "One.")
    ask(seen, "/retry", "One again.")
    seen.type(CTRL_D)
    assert seen.end() == 0
    assert account.turns[0].conversation_id != account.turns[1].conversation_id
    assert account.turns[1].conversation_id in seen.text
    assert "Capitals" not in seen.text


# --- Ctrl-C


def test_ctrl_c_just_as_an_answer_ends_goes_on_with_the_prompt(account, begin, monkeypatch):
    """The answer is over and the prompt does not listen yet: Ctrl-C is a signal there, and there is nothing to stop."""
    prompt = PromptSession.prompt_async

    async def interrupted(self, *args, **settings):
        os.kill(os.getpid(), signal.SIGINT)
        return await prompt(self, *args, **settings)

    monkeypatch.setattr(PromptSession, "prompt_async", interrupted)
    seen = begin("One.", FAILS, "Two.")
    ask(seen, "Q1", "One.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    seen.type("Q2" + ENTER)
    seen.wait_for(FAILED)
    wait_for_line(seen, "Q2")
    ask(seen, "", "Two.")
    assert attached(account.turns[-1]) == ["a.txt"]
    seen.type(CTRL_D)
    assert seen.end() == 0


def test_a_second_ctrl_c_does_not_wait_for_the_stop(account, begin, monkeypatch):
    monkeypatch.setattr("langchain_grokweb.client.stopping.STOP_SECONDS", 1000)
    monkeypatch.setattr("langchain_grokweb.client.stopping.LEARN_SECONDS", 1000)
    seen = begin({"text": "Never.", "fault": "silence:0"}, "One.")
    seen.type("Q1" + ENTER)
    account.wait_for_turns()
    seen.type(CTRL_C)
    seconds = waited(seen.text)
    seen.wait_for(lambda text: waited(text) > seconds + 1)  # the first one was seen
    assert "Stopped" not in seen.text
    seen.type(CTRL_C)
    seen.wait_for("Stopped")
    seen.wait_for_prompt()
    ask(seen, "/retry", "One.")


def waited(text):
    return max((int(number) for number in re.findall(r"Waiting (\d+) s", text)), default=0)


# --- a conversation that is continued


@pytest.mark.parametrize("again", ["/retry", "/edit"])
def test_the_last_question_of_an_earlier_dialogue_is_asked_again_with_its_file(account, begin, terminal, again):
    seen = begin("One.", "Two.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    ask(seen, "Q1", "One.")
    seen.type(CTRL_D)
    assert seen.end() == 0
    later = terminal("chat", "-c")
    later.wait_for_prompt()
    if again == "/edit":
        edit(later, "Q1")
        ask(later, "", "Two.")
    else:
        ask(later, again, "Two.")
    assert [(file.name, file.content) for file in account.turns[-1].files] == [("a.txt", b"a.txt")]


def test_the_last_question_of_an_earlier_dialogue_is_not_asked_without_its_file(account, begin, terminal):
    seen = begin("One.")
    ask(seen, "/attach a.txt", "attached: a.txt (")
    ask(seen, "Q1", "One.")
    seen.type(CTRL_D)
    assert seen.end() == 0
    account.fault("blocked", path="/users/", times=9)
    later = terminal("chat", "-c")
    later.wait_for_prompt()
    ask(later, "/retry", "a.txt, which belongs to the last question, cannot be had")
    assert len(account.turns) == 1
