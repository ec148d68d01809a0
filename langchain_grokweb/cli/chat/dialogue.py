"""A dialogue on a terminal: questions with line editing and history, answers, and `/commands`.

What was typed is never lost: after an error it stands in the next line again, to be sent with Enter. Ctrl-C stops a
running answer, here and at the site; at the prompt it empties the line. Ctrl-D on an empty line ends the dialogue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style
from rich.table import Table
from rich.text import Text

from langchain_grokweb.cli.chat import attachments, transcript
from langchain_grokweb.cli.chat.attachments import Attachment
from langchain_grokweb.cli.chat.draft import Draft
from langchain_grokweb.cli.chat.interrupts import Interrupts
from langchain_grokweb.cli.chat.late_replies import LateReplies
from langchain_grokweb.cli.chat.slash_commands import COMMANDS, SlashCompleter, parse
from langchain_grokweb.cli.chat.talk import Question
from langchain_grokweb.cli.models import NAMES
from langchain_grokweb.cli.report import Failure, explain
from langchain_grokweb.cli.terminal import safe, safe_line

if TYPE_CHECKING:
    from langchain_grokweb.cli.chat.run import Session

_STYLE = Style.from_dict(
    {
        "prompt": "ansicyan bold",
        "placeholder": "ansibrightblack",
        "bottom-toolbar": "noreverse ansibrightblack",
        "bottom-toolbar.text": "noreverse ansibrightblack",
    }
)
_HINT = "Ask anything, or /help"
_KEYS = {
    "Enter": "send",
    "Alt-Enter, Ctrl-J": "begin a new line",
    "Ctrl-R": "search what was typed",
    "Ctrl-X Ctrl-E": "write in your editor",
    "Ctrl-C": "stop the answer",
    "Ctrl-D": "end the dialogue",
}


class Dialogue:
    """The loop of questions and answers."""

    def __init__(self, session: Session, files: Sequence[Attachment]) -> None:
        self._session = session
        self._talk = session.talk
        self._out = session.out
        self._draft = Draft(files=tuple(files))
        self._unknown = ""  # a line that is no command, to be corrected before the draft comes back
        self._interrupts = Interrupts()
        self._model_names = list(NAMES)
        self._prompt: PromptSession[str] = self._make_prompt()
        self._has_ended = False

    async def run(self) -> None:
        """Ask until the user ends it."""
        with self._interrupts:
            await self._run()

    async def _run(self) -> None:
        self._greet()
        while not self._has_ended:
            try:
                line = await self._read()
            except EOFError:
                break
            except KeyboardInterrupt:
                self._draft = self._draft.before or replace(self._draft, text="")
                self._note("Ctrl-D or /quit ends the dialogue.")
                continue
            if line.strip():
                await self._handle(line)
        self._say_goodbye()

    # --- reading a line

    def _make_prompt(self) -> PromptSession[str]:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.validate_and_handle()

        @keys.add("escape", "enter")
        @keys.add("c-j")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        LateReplies().bind(keys)
        begins_command = Condition(lambda: self._prompt.default_buffer.text.startswith("/"))
        return PromptSession(
            [("class:prompt", "> ")],
            multiline=True,
            prompt_continuation="  ",
            key_bindings=keys,
            history=self._history(),
            enable_history_search=False,
            completer=SlashCompleter(lambda: self._model_names),
            complete_while_typing=begins_command,
            enable_open_in_editor=True,
            reserve_space_for_menu=5,
            style=_STYLE,
            placeholder=lambda: [] if get_app().is_done else [("class:placeholder", _HINT)],
            bottom_toolbar=self._toolbar,
            include_default_pygments_style=False,
        )

    def _history(self) -> History:
        path = self._session.memory.prompts_file() if self._session.memory else None
        return FileHistory(str(path)) if path else InMemoryHistory()

    async def _read(self) -> str:
        text, self._unknown = self._unknown or self._draft.text, ""
        line = await self._prompt.prompt_async(default=text, handle_sigint=False)
        # A paste in another encoding holds halves of characters, which nothing can send.
        return line.encode("utf-8", "replace").decode("utf-8")

    def _toolbar(self) -> AnyFormattedText:
        parts = [self._talk.model_name]
        if self._talk.is_temporary:
            parts.append("private")
        if self._draft.files:
            parts.append("attached: " + ", ".join(safe_line(file.name) for file in self._draft.files))
        if self._draft.is_edit:
            parts.append("changing the last question (Ctrl-C leaves it)")
        return [("class:bottom-toolbar.text", " | ".join(parts))]

    # --- answering

    async def _handle(self, line: str) -> None:
        command = parse(line.rstrip())
        try:
            if command is None:
                await self._answer(replace(self._draft, text=line.strip()))
            else:
                await self._run_command(line, *command)
        except KeyboardInterrupt:
            self._note("Stopped.")
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - the dialogue goes on, whatever fails in one line of it
            self._show(error)

    async def _answer(self, draft: Draft) -> None:
        """One answer. After an error without any, the draft comes back."""
        self._draft = draft.sent()
        self._out.print()
        question = Question(draft.text, draft.files)
        try:
            await self._interrupts.wait(self._session.answer(question, again=draft.is_edit))
        except KeyboardInterrupt:
            self._note("Stopped. /retry asks again.")
        except Exception:  # whatever failed, nothing that was typed is lost
            if not self._talk.is_answered:
                self._draft = draft
            raise
        self._out.print()

    # --- commands

    async def _run_command(self, line: str, name: str, argument: str) -> None:
        method = getattr(self, f"_do_{name}", None) if name in COMMANDS else None
        if method is None:
            self._unknown = f" {line}"
            raise Failure(
                f"There is no /{safe_line(name)}.", "/help lists what there is; with a blank before it, it is sent."
            )
        outcome: Any = method(argument)
        if isinstance(outcome, Awaitable):
            await self._interrupts.wait(outcome)

    def _do_help(self, _: str) -> None:
        table = Table.grid(padding=(0, 2))
        for name, command in COMMANDS.items():
            table.add_row(Text(f"  /{name} {command.argument}"), Text(command.help))
        table.add_row()
        for key, effect in _KEYS.items():
            table.add_row(Text(f"  {key}", style="dim"), Text(effect, style="dim"))
        self._out.print(table, "")

    def _do_new(self, _: str) -> None:
        self._talk.begin_again()
        self._draft = self._draft.left()
        self._note("A new conversation begins.")

    async def _do_model(self, name: str) -> None:
        if name:
            self._talk.model_name = name
            self._note(f"{name} answers from now on.")
            return
        modes = await self._talk.model.alist_modes()
        self._model_names = [*NAMES, *(mode.id for mode in modes if mode.id not in NAMES)]
        for mode in modes:
            mark = "*" if mode.id == self._talk.model_name else " "
            needs = "" if mode.available else f" (needs {mode.requires})"
            self._out.print(
                safe_line(f"{mark} {mode.id:<10} {mode.description}{needs}"), style=None if mode.available else "dim"
            )
        self._note(f"{self._talk.model_name} answers now; /model NAME chooses another.")

    def _do_attach(self, argument: str) -> None:
        if argument:
            file = attachments.read(_path(argument))
            attachments.check_count([*self._draft.files, file])
            self._draft = replace(self._draft, files=(*self._draft.files, file))
        if not self._draft.files:
            self._note("Nothing is attached; /attach FILE attaches one.")
        for file in self._draft.files:
            self._note(f"attached: {file.name} ({len(file.content):,} bytes, {file.mime_type})")

    def _do_detach(self, _: str) -> None:
        self._draft = replace(self._draft, files=())
        self._note("Nothing is attached.")

    def _do_system(self, text: str) -> None:
        if text:
            self._talk.system = "" if text == "-" else text
        self._note(f"Instructions: {self._talk.system or 'none'}")

    async def _do_retry(self, _: str) -> None:
        draft = self._draft.edit(await self._last_question())
        self._note(f"> {draft.text}")
        await self._answer(draft)

    async def _do_edit(self, _: str) -> None:
        self._draft = self._draft.edit(await self._last_question())

    async def _do_save(self, directory: str) -> None:
        path = await transcript.save(self._talk, directory=_path(directory or "."))
        self._note(f"Saved as {path}")

    def _do_quit(self, _: str) -> None:
        self._has_ended = True

    async def _last_question(self) -> Question:
        await self._talk.fetch_files()
        if self._talk.question is None:
            raise Failure("Nothing was asked yet.")
        return self._talk.question

    # --- beside the answers

    def _greet(self) -> None:
        if self._talk.messages:
            last = self._talk.question.text if self._talk.question else ""
            self._note(f"Continues after: {last}")
        self._out.print()

    def _say_goodbye(self) -> None:
        if self._talk.conversation_id and not self._talk.is_temporary:
            parts = [part for part in (self._talk.title, self._session.place()) if part]
            self._note(f"{' - '.join(parts)}\n`grokweb chat -c` continues it.")

    def _show(self, error: Exception) -> None:
        for part, style in zip(explain(error, {"--model"}), ("red", None), strict=True):
            if part:
                self._out.print(safe(part).replace("--model", "/model"), style=style)
        self._out.print()

    def _note(self, text: str) -> None:
        for line in text.split("\n"):
            self._out.print(safe_line(line), style="dim", soft_wrap=True)


def _path(text: str) -> Path:
    """A path without the quotes or backslashes that a shell would want; terminals write them when a file is dropped."""
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return Path(text[1:-1] if is_quoted else text.replace("\\ ", " ")).expanduser()
