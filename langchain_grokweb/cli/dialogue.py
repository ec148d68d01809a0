"""One conversation in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, message_chunk_to_message
from rich.console import Console

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.cli.history import History


class Chat:
    """Asks, shows the answer as it comes, and keeps the messages."""

    def __init__(self, model: ChatGrokWeb, history: History, console: Console, *, go_on: bool) -> None:
        self._model = model
        self._history = history
        self._out = console
        self._messages: list[BaseMessage] = history.messages if go_on else []

    def load(self, conversation: str) -> None:
        """Continue a conversation that the service keeps.

        Raises:
            GrokWebError: It could not be had.
        """
        self._messages = self._model.load_conversation(conversation)

    def ask(self, question: str) -> None:
        """Ask one question and show its answer.

        Raises:
            GrokWebError: There is no (whole) answer.
        """
        self._messages = [*self._messages, HumanMessage(question)]
        answer = self._show(self._model.stream(self._messages))
        self._messages.append(message_chunk_to_message(answer))
        self._history.save_messages(self._messages)
        self._show_rest(answer)

    def _show(self, chunks: Iterable[BaseMessage]) -> AIMessageChunk:
        """Print reasoning dimly, then the text."""
        whole: AIMessageChunk | None = None
        thinking = False
        for chunk in chunks:
            if not isinstance(chunk, AIMessageChunk):
                continue
            whole = chunk if whole is None else whole + chunk
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                self._say(thought, style="dim italic")
                thinking = True
            for tool in chunk.additional_kwargs.get("server_tools", []):
                self._line(f"[{tool['name']}: {_briefly(tool['args'])}]", style="cyan")
            if chunk.content:
                if thinking:
                    self._out.print("\n")
                    thinking = False
                self._say(str(chunk.content))
        self._out.print()
        return whole or AIMessageChunk(content="")

    def _show_rest(self, answer: AIMessageChunk) -> None:
        extra, link = answer.additional_kwargs, answer.response_metadata.get("grokweb", {})
        self._out.print()
        for image in extra.get("images", []):
            self._line(f"picture       {image['url']}", style="green")
        for citation in extra.get("citations", []):
            self._line(f"source        {citation['title'] or 'untitled'}  {citation['url']}", style="blue")
        if title := link.get("title"):
            self._line(f"title         {title}", style="dim")
        if conversation_id := link.get("conversation_id"):
            self._line(f"conversation  {conversation_id}", style="dim")

    def _say(self, text: str, style: str | None = None) -> None:
        self._out.print(text, style=style, end="", markup=False)
        self._out.file.flush()

    def _line(self, text: str, style: str) -> None:
        self._out.print(text, style=style, markup=False)


def _briefly(args: dict[str, Any]) -> str:
    return ", ".join(str(value) for value in args.values())[:80]
