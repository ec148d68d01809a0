"""Plans: which answer a turn goes on from, and what is said anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from histories import CASES, NEXT, Case, Messages, edited, q, say, thread
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_grokweb import GrokWebInvalidRequestError
from langchain_grokweb.messages import planner
from langchain_grokweb.messages.planner import Plan, Start, hash_answer, hash_messages, plan
from langchain_grokweb.wire.turn import ConversationRef

ACCOUNT = "acc"
BROWSER = ConversationRef("browser", "seen")


NAMED = [None, Start("browser"), Start("browser", "seen")]


class Paper:
    """A service on paper: it answers what was planned, and links the answer."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.answered = 0

    def plan(self, messages: Sequence[BaseMessage], start: Start | None = None) -> Plan:
        strict = self.settings.get("conversation") == "strict"
        on_truncated = self.settings.get("on_truncated", "continue")
        found = plan(messages, ACCOUNT, on_truncated=on_truncated, whole=strict, start=start)
        return found.starting_at(BROWSER) if start and found.conversation is None else found

    def __call__(
        self, messages: Sequence[BaseMessage], call: Mapping[str, Any] | None = None, start: Start | None = None
    ) -> AIMessage:
        found, number = self.plan(messages, start), self.answered
        self.answered += 1
        message = AIMessage(f"answer {number}", tool_calls=[{**call, "id": "call_1"}] if call else [])
        place = found.conversation
        message.response_metadata["grokweb"] = {
            "v": 1,
            "account": ACCOUNT,
            "conversation_id": place.conversation_id if place else f"c{number}",
            "response_id": f"r{number}",
            **({"parent_response_id": place.parent_response_id} if place else {}),
            **({"started": True} if found.started else {}),
            "turn_hash": found.turn_hash,
            "self_hash": hash_answer(message),
            "system_hash": found.system_hash,
        }
        return message


def parent(found: Plan) -> str | None:
    return found.conversation.parent_response_id if found.conversation else None


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [message.text for message in messages]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_history_and_its_plan(case: Case):
    paper = Paper(**case.settings)
    found = paper.plan(case.build(paper))
    assert (found.reason, parent(found)) == (case.reason, None if case.parent is None else f"r{case.parent}")
    assert texts(found.messages) == case.sent
    assert texts(found.system) == case.system


@pytest.mark.parametrize(
    "change",
    [
        {"account": "other"},
        {"v": 2},
        {"self_hash": None},
        {"conversation_id": None},
        {"conversation_id": "../../rest/modes?"},
        {"response_id": "r0/../x"},
        {"self_hash": "0" * 16},
        {"turn_hash": "x"},
        {"turn_hash": ""},
        {"interrupted": True},
    ],
)
def test_a_link_that_is_not_ours_or_not_whole_is_not_used(change):
    messages = thread(Paper(), 1)
    messages[1].response_metadata["grokweb"].update(change)
    found = plan([*messages, NEXT], ACCOUNT)
    assert (found.conversation, found.reason) == (None, "replayed")


def test_answers_that_name_each_other_as_parents_end():
    messages = thread(Paper(), 2)[1::2]
    for number, message in enumerate(messages):
        message.response_metadata["grokweb"] |= {
            "parent_response_id": f"r{1 - number}",
            "turn_hash": hash_messages([]),
        }
    assert plan([*messages, NEXT], ACCOUNT).reason in {"truncated", "replayed"}


def test_half_a_character_does_not_break_a_proof():
    messages = say(Paper(), [], HumanMessage("half \ud83e"))
    assert plan([*messages, NEXT], ACCOUNT).reason == "continued"


def test_another_picture_is_an_edit():
    def shown(address: str) -> HumanMessage:
        return HumanMessage([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": address}}])

    _, answer = say(Paper(), [], shown("https://example.com/fox.png"))
    assert plan([shown("https://example.com/fox.png"), answer, NEXT], ACCOUNT).reason == "continued"
    assert plan([shown("https://example.com/cat.png"), answer, NEXT], ACCOUNT).reason == "replayed"


def test_a_long_turn_is_known_by_its_last_messages():
    messages = say(paper := Paper(), [], *map(q, range(100)))
    messages = say(paper, messages, NEXT)
    assert paper.plan([*messages[40:], NEXT]).reason == "truncated"
    assert paper.plan([*messages[20:], NEXT]).reason == "replayed"  # more than the link remembers one by one


@pytest.mark.parametrize(("how", "reason"), [({}, "truncated"), ({"whole": True}, "replayed")])
def test_a_very_long_history_is_checked_as_far_as_the_limit(monkeypatch, how, reason):
    monkeypatch.setattr(planner, "CHECKED_CHARACTERS", 400)
    messages = thread(Paper(), 20)
    assert plan([*messages, NEXT], ACCOUNT).reason == "truncated"
    assert plan([*messages, NEXT], ACCOUNT, whole=True).reason == "continued"
    messages[0] = HumanMessage("edited")
    assert plan([*messages, NEXT], ACCOUNT, **how).reason == reason
    messages[-3] = edited(messages[-3], "edited")
    assert plan([*messages, NEXT], ACCOUNT, **how).reason == reason


@pytest.mark.parametrize("size", [40, 80])
def test_what_is_hashed_grows_with_the_history_alone(monkeypatch, size):
    """Even where no link holds, and every answer began a conversation of its own."""
    messages: Messages = []
    paper = Paper(on_truncated="replay")
    for number in range(size):
        messages = say(paper, messages, q(number))
        messages[0] = edited(messages[0], f"edited {number}")
    hashed = []
    monkeypatch.setattr("langchain_grokweb.messages.history.digest", lambda text: hashed.append(text) or text[:16])
    assert plan([*messages, NEXT], ACCOUNT).reason == "replayed"
    assert len(hashed) <= 4 * len(messages)


# --- whatever is done to a history


class Ledger(Paper):
    """A service on paper that remembers what it was told on the way to each answer."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.told: dict[str | None, list[str]] = {None: [], "seen": ["the browser's part"]}

    def ask(self, messages: Messages, start: Start | None = None) -> Messages:
        found = self.plan(messages, start)
        answer = self(messages, start=start)
        answer.content = "AB"[self.answered % 2]  # few different texts, so that many are alike
        link = answer.response_metadata["grokweb"]
        link["self_hash"] = hash_answer(answer)
        said = [message.text for message in [*found.messages, answer]]
        self.told[link["response_id"]] = [*self.told[parent(found)], *said]
        return [*messages, answer]


PLACE = st.integers(0, 7)
CHANGES = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from("ab")),
    st.tuples(st.just("ask"), st.sampled_from("ab")),
    st.tuples(st.just("ask at the browser's place"), st.sampled_from("ab")),
    st.tuples(st.sampled_from(["say", "answer elsewhere", "edit"]), PLACE, st.sampled_from("ab")),
    st.tuples(st.sampled_from(["remove", "trim", "rewind", "copy"]), PLACE),
)


def changed(ledger: Ledger, messages: Messages, change: tuple[Any, ...]) -> Messages:
    kind, *place, text = (*change, "") if isinstance(change[-1], int) else change
    before, after = (messages[: place[0]], messages[place[0] :]) if place else (messages, [])
    asked = [*messages, HumanMessage(text)]
    done: dict[str, Callable[[], Messages]] = {
        "ask": lambda: ledger.ask(asked),
        "ask at the browser's place": lambda: ledger.ask(asked, Start("browser", "seen")),
        "say": lambda: [*before, HumanMessage(text), *after],
        "answer elsewhere": lambda: [*before, AIMessage(text.upper()), *after],
        "edit": lambda: [*before, *(edited(message, text) for message in after[:1]), *after[1:]],
        "remove": lambda: [*before, *after[1:]],
        "trim": lambda: after,
        "rewind": lambda: before,
        "copy": lambda: [*messages, *after[:2]],
    }
    return done[kind]()


@given(st.lists(CHANGES, max_size=14), st.sampled_from(["continue", "replay"]), st.sampled_from(NAMED))
@settings(max_examples=150, deadline=None)
def test_what_the_service_was_told_is_what_stands_before_that_which_is_sent(changes, on_truncated, start):
    ledger, messages = Ledger(on_truncated=on_truncated), Messages()
    for change in changes:
        messages = changed(ledger, messages, change)
    messages = [*messages, NEXT]
    found = ledger.plan(messages, start)
    before = texts(messages[: len(messages) - len(found.messages)])
    told = ledger.told[parent(found)]
    if found.reason == "truncated":
        assert start or on_truncated == "continue"
        assert told[len(told) - len(before) :] == before
    else:
        assert told in (before, ["the browser's part", *before])
    assert texts(found.messages)[-1] == "next question"


# --- a place that the caller names


def started(paper: Paper, turns: int = 2, start: Start | None = None) -> Messages:
    """A thread that began at the browser's place; `start` is named in every turn."""
    messages: Messages = []
    for number in range(turns):
        messages = [*messages, q(number)]
        messages.append(paper(messages, start=start or (None if number else Start("browser", "seen"))))
    return messages


@pytest.mark.parametrize("start", NAMED)
@pytest.mark.parametrize("fields", [{}, {"on_truncated": "replay"}, {"conversation": "strict"}])
def test_a_thread_that_started_at_a_named_place_goes_on_from_its_own_answers(start, fields):
    paper = Paper(**fields)
    messages = started(paper, 3, start)
    found = paper.plan([*messages, NEXT], start)
    assert (found.reason, found.conversation) == ("continued", ConversationRef("browser", "r2"))
    assert texts(found.messages) == ["next question"]


@pytest.mark.parametrize("start", NAMED)
def test_its_first_question_edited_branches_from_the_named_place(start):
    messages = started(paper := Paper())
    found = paper.plan([HumanMessage("edited"), *messages[1:], NEXT], start)
    assert (found.reason, found.conversation, found.started) == ("branched", BROWSER, True)
    assert texts(found.messages) == ["edited", "answer 0", "question 1", "answer 1", "next question"]


@pytest.mark.parametrize("on_truncated", ["continue", "replay"])
@pytest.mark.parametrize("start", NAMED)
def test_its_head_gone_is_a_head_gone_unless_it_is_named(start, on_truncated):
    messages = started(paper := Paper(on_truncated=on_truncated))
    reason = "truncated" if start or on_truncated == "continue" else "replayed"
    assert paper.plan([*messages[2:], NEXT], start).reason == reason


def test_answers_of_other_conversations_are_told_at_a_named_place():
    messages = thread(paper := Paper(), 1)
    found = paper.plan([*messages, NEXT], Start("browser", "seen"))
    assert (found.reason, found.conversation) == ("started", BROWSER)
    assert texts(found.messages) == ["question 0", "answer 0", "next question"]
    messages = [*messages, NEXT]
    messages.append(paper(messages, start=Start("browser", "seen")))
    found = paper.plan([*messages, q(9)], Start("browser", "seen"))
    assert (found.reason, texts(found.messages)) == ("continued", ["question 9"])


def test_an_edit_in_a_thread_that_moved_to_a_named_conversation_branches_from_the_named_place():
    messages = [*thread(paper := Paper(), 1), q(1)]
    messages.append(paper(messages, start=Start("browser", "seen")))
    messages[2] = HumanMessage("edited")
    found = paper.plan([*messages, NEXT], Start("browser"))
    assert (found.reason, found.conversation) == ("branched", BROWSER)
    assert texts(found.messages) == ["question 0", "answer 0", "edited", "answer 1", "next question"]


def test_answers_on_another_branch_than_the_named_one_are_told():
    messages = thread(paper := Paper(), 2)
    found = paper.plan([*messages, NEXT], Start("c0", "elsewhere"))
    assert found.reason == "started"
    assert paper.plan([*messages, NEXT], Start("c0", "r0")).conversation == ConversationRef("c0", "r1")


def test_a_place_is_an_id_or_an_address():
    assert Start.named("c1") == Start("c1")
    assert Start.named("c1", "r1") == Start("c1", "r1")
    assert Start.named("https://grok.com/c/c1?rid=r1") == Start("c1", "r1")
    assert Start.named("https://grok.com/c/c1?rid=r1", "r2") == Start("c1", "r2")
    assert Start.named(None, "") is None
    for wrong in [("c1/../x", None), ("https://example.com/c/c1", None), (None, "r1"), (7, None), ("c1", "a/b")]:
        with pytest.raises(GrokWebInvalidRequestError):
            Start.named(*wrong)
