"""The `/commands` of a dialogue: their names and what the help says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One of them.

    Attributes:
        argument: What may follow it, as the help shows it.
        help: What it does.
    """

    argument: str
    help: str


COMMANDS = {
    "help": SlashCommand("", "show this list"),
    "new": SlashCommand("", "begin a new conversation"),
    "model": SlashCommand("[NAME]", "show the models, or choose one"),
    "attach": SlashCommand("[FILE]", "attach a file to the next question, or list what is attached"),
    "detach": SlashCommand("", "attach nothing after all"),
    "system": SlashCommand("[TEXT]", "show or set instructions for the chat (- for none)"),
    "retry": SlashCommand("", "ask the last question again"),
    "edit": SlashCommand("", "change the last question, and ask it again"),
    "save": SlashCommand("[DIR]", "write the dialogue as Markdown, with its pictures and files"),
    "quit": SlashCommand("", "end the dialogue (also Ctrl-D)"),
}
ALIASES = {"exit": "quit", "bye": "quit", "q": "quit", "?": "help", "h": "help", "file": "attach", "clear": "new"}


def parse(line: str) -> tuple[str, str] | None:
    """The command of a line and what follows it; `None` for a question. It may be unknown."""
    if not line.startswith("/"):
        return None
    name, _, rest = line[1:].partition(" ")
    name = ALIASES.get(name, name)
    return name, rest.strip()


class SlashCompleter(Completer):
    """Completes commands, models and paths."""

    def __init__(self, model_names: Callable[[], Iterable[str]]) -> None:
        self._model_names = model_names
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may come next."""
        line = document.text_before_cursor
        if not line.startswith("/") or "\n" in line:
            return
        name, blank, rest = line[1:].partition(" ")
        if not blank:
            for known, command in COMMANDS.items():
                if known.startswith(name):
                    yield Completion(known, start_position=-len(name), display_meta=command.help)
        elif name == "model":
            for model in self._model_names():
                if model.startswith(rest):
                    yield Completion(model, start_position=-len(rest))
        elif ALIASES.get(name, name) in {"attach", "save"}:
            yield from self._paths.get_completions(Document(rest, len(rest)), complete_event)
