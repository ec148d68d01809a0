"""What came of a call, by each of the four ways, and what was expected of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessageChunk, message_chunk_to_message
from scripted import steps as s
from scripted.server import ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError, GrokWebInterruptedError

WAYS = ("invoke", "ainvoke", "stream", "astream")


@dataclass
class Outcome:
    """What a caller has in the end.

    Attributes:
        message: The whole message, where there was one.
        error: What was raised.
        streamed: The text of the chunks that came; `None` where nothing is streamed.
    """

    message: AIMessage | None = None
    error: Any = None
    streamed: str | None = None


class Caller:
    """Asks a model by one of the ways; all asynchronous calls share a loop."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.close()

    def ask(self, model: ChatGrokWeb, way: str, messages: Any = "Hi", *, until: str = "") -> Outcome:
        """Ask, and let the server continue after a `Seen` when a stream has shown so much text."""
        outcome = Outcome()
        self._until = until
        try:
            getattr(self, f"_{way}")(model, messages, outcome)
        except GrokWebError as error:
            outcome.error = error
        return outcome

    def _invoke(self, model: ChatGrokWeb, messages: Any, outcome: Outcome) -> None:
        self._server.speak()
        outcome.message = model.invoke(messages)

    def _ainvoke(self, model: ChatGrokWeb, messages: Any, outcome: Outcome) -> None:
        self._server.speak()
        outcome.message = self._runner.run(model.ainvoke(messages))

    def _stream(self, model: ChatGrokWeb, messages: Any, outcome: Outcome) -> None:
        chunks = _Chunks(self._server, outcome, self._until)
        for chunk in model.stream(messages):
            chunks.add(chunk)
        chunks.end()

    def _astream(self, model: ChatGrokWeb, messages: Any, outcome: Outcome) -> None:
        async def read() -> None:
            chunks = _Chunks(self._server, outcome, self._until)
            async for chunk in model.astream(messages):
                chunks.add(chunk)
            chunks.end()

        self._runner.run(read())


class _Chunks:
    def __init__(self, server: ScriptedServer, outcome: Outcome, until: str) -> None:
        self._server, self._outcome, self._until = server, outcome, until
        self._sum: BaseMessageChunk | None = None
        outcome.streamed = ""

    def add(self, chunk: Any) -> None:
        self._outcome.streamed += chunk.text
        if chunk.text and self._outcome.streamed.startswith(self._until):
            self._server.speak()  # the server may continue: what it said was seen
        self._sum = chunk if self._sum is None else self._sum + chunk

    def end(self) -> None:
        assert self._sum is not None
        self._outcome.message = message_chunk_to_message(self._sum)


def words(text: str) -> str:
    """A text whose white space does not count."""
    return " ".join(text.split())


@dataclass(frozen=True)
class Says:
    """A whole answer, the same by all ways.

    Attributes:
        text: Its text.
        loosely: Whether white space does not count.
        holds: What else must be true of the message.
    """

    text: str
    loosely: bool = False
    holds: Callable[[AIMessage], bool] | None = None

    def check(self, outcome: Outcome) -> None:
        assert outcome.error is None, f"{type(outcome.error).__name__}: {outcome.error}"
        message = outcome.message
        assert message is not None
        as_is = words if self.loosely else str
        assert as_is(message.text) == as_is(self.text)
        if outcome.streamed is not None:
            assert outcome.streamed == message.text
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["grokweb"]["response_id"] == s.ANSWER
        assert message.response_metadata["grokweb"]["conversation_id"] == s.CONVERSATION
        assert self.holds is None or self.holds(message), message


@dataclass(frozen=True)
class Replaced:
    """The site's final text is another than what was streamed: it is the answer, and a stream ends in an error."""

    text: str
    streamed: str

    def check(self, outcome: Outcome) -> None:
        if outcome.streamed is None:
            Says(self.text).check(outcome)
            return
        error = outcome.error
        assert outcome.message is None, "passed as whole"
        assert type(error).__name__ == "GrokWebAnswerReplacedError", f"{type(error).__name__}: {error}"
        assert isinstance(error, GrokWebInterruptedError)
        assert error.answer.text == self.text
        assert error.answer.response_metadata["grokweb"]["response_id"] == s.ANSWER
        assert error.partial is not None
        assert error.partial.text == outcome.streamed == self.streamed


@dataclass(frozen=True)
class Fails:
    """An error, the same by all ways.

    Attributes:
        name: Its class, exactly.
        partial: The text that came before it, which is also what a stream gave; empty where there was none.
        reason: Of a permission error.
        retry_after: Bounds of the seconds that the site asks for.
        says: What its message must hold.
        hides: What no message may hold.
    """

    name: str
    partial: str = ""
    reason: str | tuple[str, ...] = ()
    retry_after: tuple[float, float] | None = None
    says: str = ""
    hides: str = "\x1b"

    def check(self, outcome: Outcome) -> None:
        error = outcome.error
        assert outcome.message is None, f"passed as whole: {outcome.message!r}"
        assert type(error).__name__ == self.name, f"{type(error).__name__}: {error}"
        assert self.says in str(error)
        assert self.hides not in str(error)
        if self.reason:
            assert getattr(error, "reason", None) in ((self.reason,) if isinstance(self.reason, str) else self.reason)
        if self.retry_after is not None:
            assert error.retry_after is not None
            assert self.retry_after[0] <= error.retry_after <= self.retry_after[1]
        partial = getattr(error, "partial", None)
        if self.partial:
            assert partial is not None, "no partial"
            assert partial.text == self.partial
        else:
            assert partial is None or not partial.text
        if outcome.streamed is not None:
            assert outcome.streamed == self.partial


@dataclass(frozen=True)
class Either:
    """One of several outcomes: where what is decided leaves them open, and only the others are wrong."""

    options: tuple[Says | Fails, ...]

    def check(self, outcome: Outcome) -> None:
        problems = []
        for option in self.options:
            try:
                option.check(outcome)
            except AssertionError as problem:
                problems.append(str(problem))
            else:
                return
        raise AssertionError("; or ".join(problems))


Expected = Says | Replaced | Fails | Either
