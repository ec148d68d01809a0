"""What grok.com tells us during a turn, one small class for each thing.

One event means one thing on every wire. Texts are deltas: joined in order they are the whole. Positions are counted
in characters of the answer's text as it was given out, that is without any render tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_grokweb.errors import GrokWebError


@dataclass(slots=True)
class ConversationOpened:
    """The conversation in which the answer will stand."""

    conversation_id: str


@dataclass(slots=True)
class PromptStored:
    """Our prompt is in the conversation."""

    response_id: str


@dataclass(slots=True)
class AnswerStarted:
    """The service has given the answer its id; with it the turn can be stopped."""

    response_id: str


@dataclass(slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(slots=True)
class ReasoningDelta:
    """More of what the model thought; not part of the answer."""

    text: str


@dataclass(slots=True)
class ToolStarted:
    """The service began to use one of its own tools."""

    id: str
    name: str
    args: dict[str, Any]


@dataclass(slots=True)
class ToolFinished:
    """What that tool brought: plain JSON."""

    id: str
    output: Any
    failed: bool = False


@dataclass(slots=True)
class CitationFound:
    """A source of the answer.

    `kind` is `"web"`, `"x"`, `"image"` or `"file"`; `position` is where in the text the mark stood, `None` where the
    service gave none.
    """

    url: str
    title: str = ""
    kind: str = "web"
    position: int | None = None


@dataclass(slots=True)
class ImagePreview:
    """An unfinished picture; `progress` in percent."""

    id: str
    url: str
    progress: int


@dataclass(slots=True)
class ImageFinished:
    """A finished picture; `width` and `height` in pixels where the service said them."""

    id: str
    url: str
    prompt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(slots=True)
class ImageWithheld:
    """A picture that will not come; `reason` is `"moderated"` or the service's own code."""

    id: str
    reason: str = "moderated"


@dataclass(slots=True)
class FollowUpsSuggested:
    """Questions that the service suggests to ask next."""

    labels: list[str]


@dataclass(slots=True)
class TitleGiven:
    """The conversation's title."""

    title: str


@dataclass(slots=True)
class AnswerFinished:
    """The answer is whole: every delta of its text came before this."""

    response_id: str
    model: str = ""


@dataclass(slots=True)
class TurnFailed:
    """The service reported an error instead of (the rest of) an answer."""

    error: GrokWebError


Event = (
    ConversationOpened
    | PromptStored
    | AnswerStarted
    | TextDelta
    | ReasoningDelta
    | ToolStarted
    | ToolFinished
    | CitationFound
    | ImagePreview
    | ImageFinished
    | ImageWithheld
    | FollowUpsSuggested
    | TitleGiven
    | AnswerFinished
    | TurnFailed
)
