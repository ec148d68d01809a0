"""What we ask of grok.com, independent of the wire that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Late = Literal["title", "suggestions"]
DeepSearch = Literal["default", "deeper"]

# The service documents no limits. These are what clients keep to: eight files and 64 MiB a message (gateway.md 3.5; one
# client), and 40,000 characters of prompt, above which they send a file (rest.md 5; two clients, a third has 50,000).
MAX_ATTACHMENTS = 8
MAX_ATTACHMENT_BYTES = 64 * 1024 * 1024
LONGEST_PROMPT_CHARS = 40_000


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a prompt.

    Attributes:
        name: A file name without a path.
        mime_type: Such as `image/png`.
        content: Its bytes.
    """

    name: str
    mime_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that is attached by its address alone.

    Attributes:
        key: What it is known by.
        url: The address.
        kind: `"image"`, `"file"`, `"audio"` or `"video"`.
        mime_type: What it should be.
        is_needed: Whether the question has it, so that there is no turn without it.
    """

    key: str
    url: str = field(repr=False)
    kind: str
    mime_type: str
    is_needed: bool


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """A place in a conversation that the service keeps: the answer that the next prompt follows."""

    conversation_id: str
    parent_response_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One prompt and the switches that go with it.

    Attributes:
        prompt: What is asked.
        model: A name or alias of `wire.modes`, or any mode id of the site.
        conversation: Where the turn continues from; `None` begins a new conversation.
        temporary: Keep a new conversation out of the user's history.
        search: Allow the site's own web and X search.
        image_generation: Allow pictures.
        image_count: How many pictures a request makes.
        deep_search: The site's research presets.
        custom_instructions: Sent in the wire's own field.
        follow_ups: Ask for suggested next questions.
        attachments: Files that belong to the prompt.
        file_ids: The ids that the service gave to the attachments, once they are uploaded.
    """

    prompt: str
    model: str = "grok-3"
    conversation: ConversationRef | None = None
    temporary: bool = False
    search: bool = True
    image_generation: bool = True
    image_count: int = 2
    deep_search: DeepSearch | None = None
    custom_instructions: str | None = None
    follow_ups: bool = False
    attachments: tuple[Attachment, ...] = ()
    file_ids: tuple[str, ...] = ()

    @property
    def late(self) -> frozenset[Late]:
        """What the service may send after the whole answer: a title only in the first turn of a kept conversation."""
        is_titled = self.conversation is None and not self.temporary
        late: dict[Late, bool] = {"title": is_titled, "suggestions": self.follow_ups}
        return frozenset(name for name, may_come in late.items() if may_come)
