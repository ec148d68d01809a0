"""What happens in an answer, said once for both wires.

A case is a list of steps. Each wire's module says how a step looks there; one that a wire does not have raises
`NotOnThisWire`, so that a table cannot test less than it says. An answer ends as an answer does, unless one of its
steps is another ending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CONVERSATION = "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10"
QUESTION = "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01"
ANSWER = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"
OTHER = "90f2a6b4-7c1d-4e58-8f3a-6b9d0c2e4f04"  # an answer that was not asked for here
OTHER_CONVERSATION = "495b0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d"
USAGE_LIMIT = "You've reached your usage limit."


class NotOnThisWire(Exception):  # noqa: N818 - says what it means
    """The wire has nothing for this step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happens in an answer.

    Attributes:
        of: The id of the answer that it is about; empty for none.
    """

    of: str = ANSWER


@dataclass(frozen=True, slots=True)
class Text(Step):
    """A piece of the answer's text; `agent` is one of several."""

    text: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Thought(Step):
    """A piece of what the model thinks."""

    text: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Agents(Step):
    """Several agents work at it, the leader first."""

    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Final(Step):
    """The site's own final text.

    Attributes:
        partial: Whether the site says that it is not all.
        errors: What went wrong, as `streamErrors` of the stored answer.
        members: Further members of the stored answer.
    """

    text: str
    partial: bool = False
    errors: Sequence[Error] = ()
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Error(Step):
    """An error within the answer.

    Attributes:
        kind: As the gateway spells it, in snake case.
        severity: `NORMAL`, `FATAL`, or empty where it is left out.
        spelling: `member` (a member named after the kind), or `kind`.
        details: What stands beside the kind, in camel case.
    """

    kind: str
    message: str = ""
    severity: str = ""
    spelling: str = "member"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal(Step):
    """An error that is not about an answer: a line of the stream, or an `error` event."""

    code: int | str
    message: str
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Other(Step):
    """Text of another answer."""

    text: str
    of: str = field(default=OTHER, kw_only=True)


@dataclass(frozen=True, slots=True)
class Again(Step):
    """The last events once more, with the same event ids."""

    events: int = 1


@dataclass(frozen=True, slots=True)
class File(Step):
    """A file that Grok made."""

    name: str
    mime_type: str = "text/csv"
    id: str = "f1"


@dataclass(frozen=True, slots=True)
class Picture(Step):
    """A finished picture; an edited one comes as a card on both wires."""

    edited: bool = False
    id: str = "1a9c5e37-b2d4-4f60-8e1c-7d3b5a9f0e11"


@dataclass(frozen=True, slots=True)
class Video(Step):
    """A finished video."""

    id: str = "v"


@dataclass(frozen=True, slots=True)
class Citation(Step):
    """A source at this place of the text."""

    url: str
    id: str = "a1b2c3"


@dataclass(frozen=True, slots=True)
class Ask(Step):
    """Grok asks back."""

    question: str


@dataclass(frozen=True, slots=True)
class Conversation(Step):
    """The service names a conversation, once more."""

    id: str


@dataclass(frozen=True, slots=True)
class Raw(Step):
    """What a wire says, as it is; `None` where it says nothing."""

    rest: bytes | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Seen(Step):
    """What comes after it waits until the test has seen what came before, and says so (`ScriptedServer.speak`)."""


@dataclass(frozen=True, slots=True)
class Moment(Step):
    """A twentieth of a second, by the tests' clock."""


# --- endings


@dataclass(frozen=True, slots=True)
class Hang(Step):
    """Nothing more is said, and the connection stays."""


@dataclass(frozen=True, slots=True)
class End(Step):
    """The answer is over, as the wire says it where all went well: the body's end, `response.done`."""


@dataclass(frozen=True, slots=True)
class Done(Step):
    """The gateway's end with a status of its own (gateway.md 4.10)."""

    status: str
    reason: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut(Step):
    """The connection breaks."""


@dataclass(frozen=True, slots=True)
class Closed(Step):
    """The gateway closes the socket, with a code and a reason."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ended(Step):
    """The gateway says that the session is over."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Late(Step):
    """A step after the answer is over."""

    step: Step


ENDINGS = (Hang, End, Done, Cut, Closed, Ended, Late)


def with_ending(steps: Sequence[Step]) -> list[Step]:
    """The steps, with an ordinary ending where there is none."""
    if any(isinstance(step, ENDINGS) for step in steps):
        return list(steps)
    return [*steps, End()]
