"""One run of `grokweb chat`: the talk, and what the user wants to become of its answers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import AIMessage
from rich.console import Console

from langchain_grokweb.capture import record
from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.chat import made
from langchain_grokweb.cli.chat.attachments import Attachment, check_count, read
from langchain_grokweb.cli.chat.live_view import LiveView
from langchain_grokweb.cli.chat.memory import Memory
from langchain_grokweb.cli.chat.plain_view import PlainView
from langchain_grokweb.cli.chat.talk import Question, Talk
from langchain_grokweb.cli.chat.view import View
from langchain_grokweb.cli.output import print_json
from langchain_grokweb.cli.report import Failure
from langchain_grokweb.cli.terminal import safe_line
from langchain_grokweb.client.service import BASE_URL_VARIABLE, GROK_URL
from langchain_grokweb.client.sign_in import saved_credentials
from langchain_grokweb.errors import GrokWebAnswerReplacedError

__all__ = ["ChatGrokWeb", "Session", "check_count", "memory_of", "read", "record", "require_sign_in"]


def memory_of(service: str | None) -> Memory:
    """The memory of a service, by its address, or by a name."""
    service = service or os.environ.get(BASE_URL_VARIABLE) or GROK_URL
    return Memory.of(urlsplit(service).netloc or service)


def require_sign_in(origin: str) -> None:
    """Refuse to begin without cookies, before anything is typed.

    Raises:
        GrokWebAuthenticationError: Nobody has signed in.
    """
    saved_credentials(origin)


class Session:
    """One run of the command.

    Attributes:
        talk: The conversation.
        memory: What is remembered; `None` for a private chat.
        save_to: Where pictures and files are saved; `None` for nowhere.
        verbose: Whether to say more, on standard error.
        out: Standard output.
    """

    def __init__(
        self, model: ChatGrokWeb, *, memory: Memory | None, system: str, save: Path | None, verbose: bool
    ) -> None:
        self.talk = Talk(model, system=system)
        self.memory = memory
        self.save_to = save
        self.verbose = verbose
        self.out = terminal.stdout()
        self.out.soft_wrap = False
        self.is_live = self.out.is_terminal and not self.out.is_dumb_terminal

    def run(
        self,
        question: str | None,
        files: Sequence[Attachment],
        *,
        conversation: str | None,
        go_on: bool,
        as_json: bool,
    ) -> None:
        """Ask one question, or hold a dialogue where there is none.

        Raises:
            Failure: There is nothing to continue.
            GrokWebError: There is no (whole) answer.
            KeyboardInterrupt: Ctrl-C stopped the answer.
        """
        if go_on and (conversation := self.memory.last_conversation if self.memory else None) is None:
            raise Failure("There is no last conversation to continue.", "Begin one without --continue.")
        asyncio.run(self._run(question, files, conversation, as_json=as_json))

    async def _run(
        self, question: str | None, files: Sequence[Attachment], conversation: str | None, *, as_json: bool
    ) -> None:
        if conversation is not None:
            await self.talk.load(conversation)
        if question is None:
            from langchain_grokweb.cli.chat.dialogue import Dialogue  # noqa: PLC0415 - one answer needs no line editing

            await Dialogue(self, files).run()
        elif as_json:
            await self._print_object(Question(question, tuple(files)))
        else:
            await self.answer(Question(question, tuple(files)))
            if self.is_live:
                self._print_place()

    # --- one answer

    async def answer(self, question: Question, *, again: bool = False) -> None:
        """Ask, show the answer while it comes, then what was made and cited. `again` and errors: as of `Talk.ask`."""
        view = self._view()
        try:
            async with view:
                answer = await self.talk.ask(question, view.show, again=again)
        except GrokWebAnswerReplacedError as error:
            if error.answer is None or not self.is_live:
                raise
            answer = error.answer
            view.show_whole(answer)
        finally:
            self._remember()
        await self._show_rest(answer)

    async def _print_object(self, question: Question) -> None:
        answer = await self.talk.ask(question, lambda _: None)
        self._remember()
        things = made.of(answer)
        if self.save_to is not None:
            await made.save(self.talk.model, things, self.save_to)
        print_json(as_object(answer, things))

    def _view(self) -> View:
        if self.is_live:
            return LiveView(self.out)
        return PlainView(terminal.stderr() if self.verbose else None)

    def _remember(self) -> None:
        if self.memory is not None and self.talk.conversation_id:
            self.memory.remember(self.talk.conversation_id)

    # --- what comes after the text

    async def _show_rest(self, answer: AIMessage) -> None:
        things = made.of(answer)
        model = self.talk.model
        if self.save_to is not None:
            await made.save(model, things, self.save_to)
        if not self.is_live:
            for thing in things:
                print(safe_line(thing.place))
        elif things:
            if answer.text:
                self.out.print()
            await made.show_on_terminal(model, things, self.out)
        if self.is_live:
            self._print_sources(self.out, answer)
        elif self.verbose:
            notes = terminal.stderr()
            self._print_sources(notes, answer)
            self._print_ids(notes)
        sys.stdout.flush()

    @staticmethod
    def _print_sources(console: Console, answer: AIMessage) -> None:
        titles: dict[str, str] = {}
        for citation in answer.additional_kwargs.get("citations", []):
            titles[citation["url"]] = titles.get(citation["url"]) or citation.get("title", "")
        if titles:
            console.print()
        for number, (url, title) in enumerate(titles.items(), 1):
            console.print(
                safe_line(f"[{number}] {title}  {url}" if title else f"[{number}] {url}"), style="dim", soft_wrap=True
            )

    def _print_ids(self, console: Console) -> None:
        link = self.talk.messages[-1].response_metadata.get("grokweb", {})
        for name in ("title", "conversation_id", "response_id", "transport"):
            if link.get(name):
                console.print(safe_line(f"{name}: {link[name]}"), style="dim")

    def _print_place(self) -> None:
        """The title and the address of what was said, in one line."""
        link = self.talk.messages[-1].response_metadata.get("grokweb", {})
        parts = [self.talk.title, self.place(), f"wire: {link.get('transport', '')}" if self.verbose else ""]
        if text := " \u00b7 ".join(safe_line(part) for part in parts if part):
            self.out.print()
            self.out.print(text, style="dim", soft_wrap=True)

    def place(self) -> str:
        """The conversation's address, or its id where the service is another than grok.com."""
        name = self.talk.conversation_id
        is_at_grok = self.talk.model.base_url == GROK_URL
        return f"{GROK_URL}/c/{name}" if name and is_at_grok else name


def as_object(answer: AIMessage, things: Sequence[made.Made]) -> dict[str, Any]:
    """An answer as the object that `--json` prints; a member that would be empty is left out."""
    metadata, extra = answer.response_metadata, answer.additional_kwargs
    link = metadata.get("grokweb", {})
    found = {
        "text": str(answer.text),
        "reasoning": extra.get("reasoning_content"),
        **{name: extra.get(name) for name in ("citations", "server_tools", "images", "files", "videos")},
        "saved": [str(thing.path) for thing in things if thing.path],
        "model": metadata.get("model_name"),
        "finish_reason": metadata.get("finish_reason"),
        **{name: link.get(name) for name in ("title", "follow_ups", "conversation_id", "response_id", "transport")},
    }
    return {name: value for name, value in found.items() if value or name == "text"}
