"""What went wrong, as the command says it: one short text on standard error, an exit code, and never a traceback.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted. The library's errors speak of its own fields
(`model=`); here they are put in the command's language (`--model`).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from langchain_grokweb.cli.output import duration

if TYPE_CHECKING:
    from langchain_grokweb.cli.options import Common

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

_MINUTES_FROM = 100  # seconds; fewer stay seconds
_QUOTES = "'\""

_FIELD = re.compile(r"`(\w+)=([^`\s]*)`")
_SECONDS = re.compile(r"\b([\d.]+(?:e\+\d+)?) seconds\b")
_IN_WORDS = {
    "cookies": "--cookies-file",
    "credentials": "--cookies-file",
    "conversation_id": "--conversation",
    "proxy": "HTTPS_PROXY",
    "transport": "GROKWEB_TRANSPORT",
}
_EXTRA = {"rich", "prompt_toolkit", "platformdirs", "keyring"}
_PHRASES = {
    "run `grokweb login`, set GROKWEB_COOKIES, or pass `cookies=`": (
        "run `grokweb login`, set GROKWEB_COOKIES, or use --cookies-file"
    ),
    "`await model.alist_modes()` lists": "`grokweb models` lists",
    ", or allow more time with `timeout=`": "",
    ", or allow more time with `stream_event_timeout=`": "",
    " The error's `.partial` has the message so far.": "",
    "send the messages without their links and without `conversation_id=`": "leave out --continue and --conversation",
    "See `conversations()` and `deleted_conversations()` of `GrokWebClient`.": (
        "See `grokweb conversations list`, also with --deleted."
    ),
    "`model=`, another field, or the messages": "`model=`, another option, or the prompt",
    "Shorten the messages, or summarise the older ones.": "Shorten the prompt, or begin a new conversation.",
    "Use the error's `.answer` in place of the streamed text, or set `on_replaced='accept'`.": (
        "Do not use what was printed: `grokweb conversations show` has what the site keeps."
    ),
}
"""What the library advises programs, and what people can do instead."""


class Failure(Exception):  # noqa: N818 - it is shown to people, not to programs
    """A command cannot do what it was asked to.

    Attributes:
        next_step: The one thing to do about it.
        exit_code: What the process ends with.
    """

    def __init__(self, message: str, next_step: str = "", *, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.exit_code = exit_code


@contextlib.contextmanager
def shown(common: Common, option_names: Callable[[], set[str]]) -> Iterator[None]:
    """Show whatever is raised inside, and end with the exit code that fits.

    Args:
        common: Whether to say more.
        option_names: Which options there are, such as `--model`.
    """
    import typer  # noqa: PLC0415 - after the command has begun it is there

    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _close_output()
        raise typer.Exit(FAILED) from None
    except Exception as error:  # the end of every command: a person reads this, not a traceback
        if type(error).__module__.split(".")[0] in {"typer", "click"}:
            raise  # wrong usage, or an exit code: typer shows it
        show(error, option_names())
        if common.verbose:
            traceback.print_exception(error)
        raise typer.Exit(error.exit_code if isinstance(error, Failure) else FAILED) from None


def show(error: BaseException, option_names: set[str] | None = None) -> None:
    """Print an error on standard error, in the command's language."""
    from langchain_grokweb.cli.terminal import print_prose, safe, stderr  # noqa: PLC0415 - rich is imported when something is shown

    what, next_step = explain(error, option_names or set())
    console = stderr()
    print_prose(console, safe(what), "red")  # the site's own words may be in it
    if next_step:
        print_prose(console, safe(next_step))


def explain(error: BaseException, option_names: set[str]) -> tuple[str, str]:
    """What happened, and the one next step; the second may be empty."""
    if isinstance(error, Failure):
        return str(error), error.next_step
    next_step = getattr(error, "next_step", None)
    if isinstance(next_step, str):  # a GrokWebError
        what = str(error).removesuffix(next_step).strip()
        return in_words(what, option_names), _step(error, next_step, option_names)
    if (problems := _of_validation(error)) is not None:
        return in_words(problems, option_names), ""
    match error:
        case ModuleNotFoundError(name=str(name)) if name.split(".")[0] in _EXTRA:
            shown = f"This command needs {name}.", 'Run: pip install "langchain-grokweb[cli]".'
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            shown = f"{place}{error.strerror or error}.", ""
        case UnicodeError():
            shown = "A text cannot be written or read in the encoding of this terminal or file.", "Set PYTHONUTF8=1."
        case _:
            shown = _unexpected(error), "Run it again with --verbose, and report what it prints."
    return shown


def in_words(text: str, option_names: set[str]) -> str:
    """A text of the library with the command's options in place of its fields, and long times in hours."""

    def option(match: re.Match[str]) -> str:
        name = f"--{match[1].replace('_', '-')}"
        if name in option_names:
            return name
        known = _IN_WORDS.get(match[1], match[0])
        return f"{known}={match[2].strip(_QUOTES)}" if known.isupper() and match[2] else known

    for advice, instead in _PHRASES.items():
        text = text.replace(advice, instead)
    return _SECONDS.sub(_time, _FIELD.sub(option, text))


def _time(match: re.Match[str]) -> str:
    try:
        seconds = float(match[1])
    except ValueError:  # dots, in words that are not ours
        return match[0]
    return duration(seconds) if seconds >= _MINUTES_FROM else match[0]


def _step(error: BaseException, next_step: str, option_names: set[str]) -> str:
    login_url = getattr(error, "login_url", None)
    if login_url is not None:
        return f"Sign in at {login_url} with a browser, copy its cookies, and run `grokweb login`."
    return in_words(next_step, option_names)


def _of_validation(error: BaseException) -> str | None:
    """The problems of a pydantic `ValidationError`, by field; `None` for any other error."""
    listed: Any = getattr(error, "errors", None)
    if type(error).__name__ != "ValidationError" or not callable(listed):
        return None
    problems = []
    for problem in listed(include_url=False, include_input=False):
        field = f"`{problem['loc'][0]}=`: " if problem["loc"] else ""
        problems.append(f"{field}{problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(problems)


def _unexpected(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""  # noqa: PTH119
    return f"This is a bug in grokweb: {type(error).__name__}{place}."


def _close_output() -> None:
    """Whoever read our output is gone: what is still buffered goes nowhere, and without a complaint at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
