"""What grok.com sends during a turn, one small class for each thing.

One event means one thing on every wire. Texts are deltas: joined in order they are the whole. Positions are counted
in characters of the answer's text as it was delivered, that is without any render tag.

Every class has a `key`, by which an event is known when the service sends it again (`wire.replay`). It is `None` for
what has no identity of its own: texts are compared as texts, and a tool's results are counted. A new class needs a
place in the union `Event` and a `key`; mypy then names every other place that must know it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from langchain_grokweb.errors import GrokWebError

Key: TypeAlias = tuple[Hashable, ...]
CitationKind: TypeAlias = Literal["web", "x", "image", "file"]


@dataclass(slots=True)
class ConversationOpened:
    """The conversation in which the answer will stand."""

    conversation_id: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("conversation",)


@dataclass(slots=True)
class PromptStored:
    """Our prompt is in the conversation."""

    response_id: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("prompt",)


@dataclass(slots=True)
class AnswerStarted:
    """The service has given the answer its id; with it the turn can be stopped."""

    response_id: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("answer",)


@dataclass(slots=True)
class TextDelta:
    """More of the answer."""

    text: str

    @property
    def key(self) -> None:
        """None: texts are compared as texts."""
        return None


@dataclass(slots=True)
class ReasoningDelta:
    """More of what the model thought; not part of the answer."""

    text: str

    @property
    def key(self) -> None:
        """None: texts are compared as texts."""
        return None


@dataclass(slots=True)
class ToolStarted:
    """The service began to use one of its own tools."""

    id: str
    name: str
    args: dict[str, Any]

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("tool", self.id)


@dataclass(slots=True)
class ToolFinished:
    """What that tool brought: plain JSON."""

    id: str
    output: Any
    failed: bool = False

    @property
    def key(self) -> None:
        """None: the results of a tool are counted."""
        return None


@dataclass(slots=True)
class CitationFound:
    """A source of the answer.

    `kind` is what it points to; `position` is where in the text the mark stood, `None` where the
    service gave none.
    """

    url: str
    title: str = ""
    kind: CitationKind = "web"
    position: int | None = None

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("citation", self.url, self.position)


@dataclass(slots=True)
class ImagePreview:
    """An unfinished picture; `progress` in percent."""

    id: str
    url: str
    progress: int

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("preview", self.id, self.progress)


@dataclass(slots=True)
class ImageFinished:
    """A finished picture; `width` and `height` in pixels where the service names them.

    `edited` says that it was made of a picture that was there before (gateway.md 4.7).
    """

    id: str
    url: str
    prompt: str = ""
    width: int | None = None
    height: int | None = None
    edited: bool = False

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("picture", self.id)


@dataclass(slots=True)
class FileMade:
    """A file that Grok made (rest.md 8.2).

    `size` is in bytes. `path` is the service's own name of the file within the conversation; each is left at its
    default where the service does not name it.
    """

    id: str
    url: str
    name: str = ""
    mime_type: str = ""
    size: int | None = None
    path: str = ""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("file", self.id)


@dataclass(slots=True)
class VideoMade:
    """A finished video (rest.md 4.8)."""

    id: str
    url: str
    mime_type: str = "video/mp4"
    prompt: str = ""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("video", self.id)


@dataclass(slots=True)
class ImageWithheld:
    """A picture or a video that will not come; `reason` is `"moderated"` or the service's own code."""

    id: str
    reason: str = "moderated"

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("picture", self.id)


@dataclass(slots=True)
class FollowUpsSuggested:
    """Questions that the service suggests to ask next."""

    labels: list[str]

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("follow-ups", *self.labels)


@dataclass(slots=True)
class TitleGiven:
    """The conversation's title."""

    title: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("title", self.title)


@dataclass(slots=True)
class AnswerReplaced:
    """The site's final text is another than the text that was streamed.

    `text` is the whole of it, without tags, and takes the place of every delta of text before it; so do the citations
    after it of those before it. Thoughts, tools and pictures stay.
    """

    text: str

    @property
    def key(self) -> None:
        """None: texts are compared as texts."""
        return None


@dataclass(slots=True)
class AnswerFinished:
    """The answer is whole: its text came before this, unless the site corrects itself with a longer final text."""

    response_id: str
    model: str = ""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("end",)


@dataclass(slots=True)
class ErrorReported:
    """The service reported an error that alone does not end the answer: the reason, if it turns out empty or cut."""

    error: GrokWebError

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("error", str(self.error))


@dataclass(slots=True)
class TurnFailed:
    """The service reported an error instead of (the rest of) an answer."""

    error: GrokWebError

    @property
    def key(self) -> Key:
        """What it is known by."""
        return ("failure",)


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
    | FileMade
    | VideoMade
    | FollowUpsSuggested
    | TitleGiven
    | AnswerReplaced
    | AnswerFinished
    | ErrorReported
    | TurnFailed
)


def text_of(events: Iterable[Event]) -> str:
    """The text of an answer by its events: joined, from the final text on where that took its place."""
    texts: list[str] = []
    for event in events:
        if isinstance(event, AnswerReplaced):
            texts = [event.text]
        elif isinstance(event, TextDelta):
            texts.append(event.text)
    return "".join(texts)
