"""What is said late about one turn of a session is not about the next one, and what others ask there is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from scripted import gateway
from scripted.server import HANG_UP, MOMENT, SILENCE, STAY, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def answer_id(number: int) -> str:
    return f"1e0ff1a5-91c5-43f1-9d3f-9f3c6b3a{number:04d}"


def prompt_id(number: int) -> str:
    return f"2e0ff1a5-91c5-43f1-9d3f-9f3c6b3a{number:04d}"


class Writer(gateway.Writer):
    """Speaks of several turns, by their numbers."""

    def prompt(self, number: int, **said: Any) -> str:
        item = {"id": prompt_id(number), "type": "message", "role": "user", **({"x_grok": said} if said else {})}
        return self.event("conversation.item.added", item=item)

    def created(self, number: int) -> str:  # type: ignore[override]
        return self.event("response.created", response={"id": answer_id(number), "status": "in_progress"})

    def piece(self, number: int, text: str) -> str:
        return self.text(answer_id(number), text)

    def suggested(self, number: int, label: str) -> str:
        about = {"response_id": answer_id(number), "item_id": answer_id(number)}
        chunk = {"follow_up_suggestions": {"suggestions": [{"label": label}]}}
        return self.event("response.chunk", **about, chunk=chunk)

    def done(self, number: int, status: str = "completed", **details: Any) -> str:
        return self._done(answer_id(number), status, **details)

    def stored(self) -> str:
        return self.event("response.persisted", status="ok")

    def whole(self, number: int, text: str) -> list[Piece]:
        return [self.prompt(number), self.created(number), self.piece(number, text), self.done(number), self.stored()]


class Turns(dict[str, Sequence[Piece]]):
    """What is said over a socket turn by turn: each list is used once."""

    def __init__(self, writer: Writer, turns: Sequence[Sequence[Piece]]) -> None:
        super().__init__()
        self._left = {"session.create": [writer.session()], "response.create": list(turns)}

    def get(self, kind: str, default: Any = None) -> Any:
        left = self._left.get(kind)
        if kind == "session.create" and left:
            return left[0]
        return left.pop(0) if left else default


def model_on(server: ScriptedServer, **settings: Any) -> ChatGrokWeb:
    common = {"base_url": server.base_url, "cookies": server.cookies, "model": "fast", "transport": "gateway"}
    return ChatGrokWeb(**common, **settings)


async def ask(model: ChatGrokWeb, messages: list[BaseMessage], question: str) -> list[BaseMessage]:
    messages = [*messages, HumanMessage(question)]
    return [*messages, await model.ainvoke(messages)]


def answers(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    return [
        (message.text, message.response_metadata["grokweb"]["response_id"])
        for message in messages
        if isinstance(message, AIMessage)
    ]


FAILING = {"kind": "render_tool_failed", "message": "x", "severity": "STREAM_ERROR_SEVERITY_NORMAL"}
LATE: dict[str, Callable[[Writer], str]] = {
    "its creation": lambda w: w.created(2),
    "its end": lambda w: w.done(2),
    "its failed end": lambda w: w.done(2, "incomplete", reason="stream_error"),
    "an error of it": lambda w: w._output(answer_id(2), {"stream_error": FAILING}),
    "a refusal of it": lambda w: w.event("response.error", response_id=answer_id(2), error={"message": "internal"}),
    "a piece of it": lambda w: w.piece(2, "late"),
    "its prompt": lambda w: w.prompt(2),
    "suggestions": lambda w: w.suggested(2, "Late?"),
    "its storing": lambda w: w.stored(),
}


@pytest.mark.parametrize("is_branch", [False, True], ids=["next", "branch"])
@pytest.mark.parametrize("when", ["before it begins", "while it comes"])
@pytest.mark.parametrize("late", LATE)
async def test_a_late_word_about_an_earlier_turn_changes_nothing(server, clock, late, when, is_branch):
    w = Writer()
    late_word = LATE[late](w)
    third: list[Piece] = [w.prompt(3), w.created(3), w.piece(3, "Th"), w.piece(3, "ree."), w.done(3), w.stored()]
    third.insert(0 if when == "before it begins" else 3, late_word)
    server.play(Script({}, Turns(w, [w.whole(1, "One."), w.whole(2, "Two."), [*third, STAY]])))
    model = model_on(server, follow_ups=True, stream_event_timeout=20)
    first = await ask(model, [], "Question 1")
    second = await ask(model, first, "Question 2")
    third_turn = await ask(model, first if is_branch else second, "Question 3")
    assert answers(third_turn)[-1] == ("Three.", answer_id(3))
    assert third_turn[-1].response_metadata["grokweb"].get("follow_ups") is None
    assert len(server.asked("socket")) == 1


async def test_suggestions_of_the_answer_before_do_not_end_the_wait_for_those_of_this_one(server, clock):
    w = Writer()
    second = [w.prompt(2), w.created(2), w.suggested(1, "One?"), w.piece(2, "Two."), w.done(2), w.stored()]
    server.play(Script({}, Turns(w, [w.whole(1, "One."), [*second, MOMENT, w.suggested(2, "Two?"), STAY]])))
    model = model_on(server, follow_ups=True)
    messages = await ask(model, await ask(model, [], "Question 1"), "Question 2")
    assert messages[-1].response_metadata["grokweb"]["follow_ups"] == ["Two?"]


OTHERS: dict[str, Callable[[Writer], str]] = {
    "the prompt before, once more": lambda w: w.prompt(1),
    "what a browser asks": lambda w: w.prompt(7, input_chunks=[{"text": {"text": "Something else"}}]),
    "what another client asks": lambda w: w.prompt(7, client_message_id="another"),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_a_prompt_of_others_is_not_taken_for_ours_when_that_is_lost(server, clock, other):
    """The socket is lost after the prompt was sent: ours is looked for, and sent again since it is not there."""
    w = Writer()
    answered = {"responses": [{"responseId": answer_id(1), "parentResponseId": prompt_id(1), "sender": "ASSISTANT"}]}
    turns = [w.whole(1, "One."), [OTHERS[other](w), HANG_UP], [*w.whole(2, "Two."), STAY]]
    server.play(
        Script({"responses": Reply.of(answered), "response-node": Reply.of({"responseNodes": []})}, Turns(w, turns))
    )
    model = model_on(server)
    messages = await ask(model, await ask(model, [], "Question 1"), "Question 2")
    assert answers(messages)[-1] == ("Two.", answer_id(2))
    assert len(server.asked("socket")) == 2


def running(number: int) -> dict[str, Any]:
    about = {"responseId": answer_id(number), "parentResponseId": prompt_id(number)}
    return {**about, "sender": "assistant", "status": "RESPONSE_STATUS_IN_PROGRESS"}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"input_chunks": [{"text": {"text": "Question\n 2"}}]},
        {"input_chunks": [{"mention": {}}, {"text": {"text": "Question 2"}}]},
    ],
)
async def test_whoever_leaves_stops_the_answer_to_the_own_prompt_alone(server, clock, said):
    """However the prompt is echoed, and although another client asks in the same conversation."""
    w = Writer()
    others = w.prompt(6, input_chunks=[{"text": {"text": "Something else"}}])
    prompts = [{"responseId": prompt_id(n), "sender": "human", "parentResponseId": answer_id(1)} for n in (6, 7, 2)]
    nodes = {"responseNodes": prompts, "inflightResponses": [running(6), running(7), running(2)]}
    turns = [w.whole(1, "One."), [others, w.prompt(2, **said), w.prompt(7), SILENCE]]
    server.play(Script({"response-node": Reply.of(nodes)}, Turns(w, turns)))
    model = model_on(server)
    messages = await ask(model, [], "Question 1")
    call = asyncio.ensure_future(ask(model, messages, "Question 2"))
    await asyncio.to_thread(server.wait_until, lambda: server.silences)
    await clock.sleep(0.1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await asyncio.to_thread(server.wait_until, lambda: server.asked("stop"))
    assert [request.path.rsplit("/", 1)[-1] for request in server.asked("stop")] == [answer_id(2)]
