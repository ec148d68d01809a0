"""One conversation: its messages, and who answers them. Prints nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
)

from langchain_grokweb.chat_models import ChatGrokWeb
from langchain_grokweb.cli.chat.attachments import Attachment, fetch
from langchain_grokweb.errors import GrokWebAnswerReplacedError


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks.

    Attributes:
        text: In words.
        files: What is attached.
        at_site: What was attached, if only the site has it: entries of a loaded message.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    at_site: Sequence[dict[str, Any]] = ()

    def message(self) -> HumanMessage:
        """As a message."""
        if not self.files:
            return HumanMessage(self.text)
        return HumanMessage([{"type": "text", "text": self.text}, *(file.block() for file in self.files)])


class Talk:
    """Asks the questions of one conversation, and keeps its messages.

    Attributes:
        model: The model of the next turn.
        messages: What was said, without the system's instructions.
        system: The system's instructions; may be empty.
        question: The last question, answered or not.
        is_answered: Whether it stands among the messages, with an answer. An answer stays until there is a new one.
        title: The conversation's title, once the site has named one.
        conversation_id: Where it stands at the site, once that is known.
    """

    def __init__(self, model: ChatGrokWeb, *, system: str = "") -> None:
        self.model = model
        self.system = system
        self.messages: list[BaseMessage] = []
        self.question: Question | None = None
        self.title = ""
        self.conversation_id = ""
        self.is_answered = False
        self._before: list[BaseMessage] = []  # what was said before the last question

    @property
    def model_name(self) -> str:
        """The name of the model that is asked."""
        return self.model.model

    @model_name.setter
    def model_name(self, name: str) -> None:
        self.model = self.model.model_copy(update={"model": name})

    @property
    def is_temporary(self) -> bool:
        """Whether it is a private chat."""
        return self.model.temporary

    # --- where it begins

    async def load(self, conversation: str) -> None:
        """Continue a conversation that the site keeps.

        Raises:
            GrokWebError: It could not be had.
        """
        self.messages = await self.model.aload_conversation(conversation)
        self.conversation_id = conversation
        places = [place for place, message in enumerate(self.messages) if isinstance(message, HumanMessage)]
        if places:
            last = self.messages[places[-1]]
            self._before, self.is_answered = self.messages[: places[-1]], True
            self.question = Question(str(last.text), at_site=last.additional_kwargs.get("files", ()))

    async def fetch_files(self) -> None:
        """Fetch the files of the last question if only the site has them, so that it can be asked again.

        Raises:
            Failure: One of them could not be had.
        """
        if self.question is not None and self.question.at_site:
            files = [await fetch(self.model, entry) for entry in self.question.at_site]
            self.question = Question(self.question.text, tuple(files))

    def begin_again(self) -> None:
        """Forget what was said: the next question begins a new conversation."""
        self.messages, self._before, self.question, self.is_answered = [], [], None, False
        self.title = self.conversation_id = ""

    # --- asking

    async def ask(
        self, question: Question, show: Callable[[AIMessageChunk], None], *, again: bool = False
    ) -> AIMessage:
        """Ask, and show each chunk of the answer.

        A question whose answer was cancelled is kept with as much of the answer as there is; one that failed is not.

        Args:
            question: What to ask.
            show: Called with each chunk.
            again: Ask it in place of the last question, whose answer is forgotten when there is a new one: the site
                makes a branch of it.

        Raises:
            GrokWebError: There is no whole answer.
        """
        if not again:
            self._before = self.messages
        self.is_answered = self.is_answered and again and question == self.question
        self.question = question
        messages = [*self._before, question.message()]
        chunks: list[AIMessageChunk] = []
        head = [SystemMessage(self.system)] if self.system else []
        try:
            async with aclosing(cast("Any", self.model.astream([*head, *messages]))) as stream:
                async for chunk in stream:
                    chunks.append(chunk)
                    show(chunk)
        except asyncio.CancelledError:
            if text := "".join(chunk.text for chunk in chunks):
                self._keep([*messages, AIMessage(text)])
            raise
        except GrokWebAnswerReplacedError as error:
            if error.answer is not None:
                self._keep([*messages, error.answer])
            raise
        answer = cast("AIMessage", message_chunk_to_message(chunks[0] + chunks[1:]))
        self._keep([*messages, answer])
        return answer

    def _keep(self, messages: list[BaseMessage]) -> None:
        self.messages, self.is_answered = messages, True
        link = messages[-1].response_metadata.get("grokweb", {})
        before, self.conversation_id = self.conversation_id, link.get("conversation_id") or self.conversation_id
        self.title = link.get("title") or (self.title if self.conversation_id == before else "")
