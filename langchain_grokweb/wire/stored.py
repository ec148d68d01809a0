"""What the service keeps: conversations and the responses in them (rest.md 2.1, 2.3 and 4.9), from parsed JSON.

An answer that is stored is read by the decoder of the stream, as frames that would have brought it: so what is loaded
says the same as what was heard, text without tags, citations in their places, pictures, thoughts and all. The service
leaves out what is empty, so a member that is missing has a default; one of another type than it should have is an error
that names its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from langchain_grokweb.errors import GrokWebConversationNotFoundError, GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.json_fields import as_object, read, read_entries, read_id, read_list, read_time
from langchain_grokweb.wire.rest import RestDecoder
from langchain_grokweb.wire.retold import frames

Sender = Literal["human", "assistant"]

_SENDERS: Mapping[str, Sender] = {"human": "human", "user": "human", "assistant": "assistant", "": "assistant"}
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_SAYING = (ev.TextDelta, ev.ImageFinished, ev.ImageWithheld)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation of the account, as lists show it.

    Attributes:
        id: What it is opened, renamed and deleted by.
        title: Its title in the site's list.
        created: When it began.
        modified: When it last changed; lists have the newest change first.
        starred: Whether the user has marked it.
        temporary: Whether it is a private chat; lists never show those.
    """

    id: str
    title: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    starred: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """A question or an answer of a conversation.

    Attributes:
        id: The response id.
        parent_id: The response that it follows; `None` at the root.
        sender: `"human"` or `"assistant"`.
        text: What it says, without the site's markup.
        created: When it was written, to the microsecond.
        model: The site's own name of the model, where it tells it.
        is_whole: `False` for an answer that broke off, failed, or is still being written.
        events: An answer in the words of `wire.events`.
    """

    id: str
    parent_id: str | None
    sender: Sender
    text: str
    created: datetime | None = None
    model: str = ""
    is_whole: bool = True
    events: tuple[ev.Event, ...] = field(default=(), repr=False)

    @property
    def says_something(self) -> bool:
        """Whether there is anything in it: text or pictures."""
        return bool(self.text) or any(isinstance(event, _SAYING) for event in self.events)

    @property
    def reasoning(self) -> str:
        """What the model thought, where it is kept."""
        return "".join(event.text for event in self.events if isinstance(event, ev.ReasoningDelta))

    @property
    def citations(self) -> list[ev.CitationFound]:
        """The sources, with their places in the text."""
        return [event for event in self.events if isinstance(event, ev.CitationFound)]

    @property
    def images(self) -> list[ev.ImageFinished]:
        """The pictures that may be shown."""
        return [event for event in self.events if isinstance(event, ev.ImageFinished)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation(Conversation):
    """A conversation with all that was said in it.

    Attributes:
        responses: A tree in a list, in the order of the service: each response names the one that it follows. Two
            answers to one question are branches, and so are two questions behind one answer.
    """

    responses: tuple[StoredResponse, ...] = field(default=(), repr=False)

    def leaves(self) -> list[StoredResponse]:
        """The responses that nothing follows: the end of each branch."""
        followed = {response.parent_id for response in self.responses}
        return [response for response in self.responses if response.id not in followed]

    def leaf(self) -> StoredResponse | None:
        """The newest of the leaves, which the site shows (rest.md 2.1); `None` in an empty conversation."""
        newest_first = reversed(self.leaves())
        return max(newest_first, key=lambda response: response.created or _BEFORE_ALL, default=None)

    def path(self, response_id: str | None = None) -> list[StoredResponse]:
        """What was said up to a response, from the root down to it; without an id, to the `leaf`.

        Raises:
            GrokWebConversationNotFoundError: The conversation has no such response.
            GrokWebProtocolError: The responses follow each other in a circle.
        """
        known = {response.id: response for response in self.responses}
        if response_id is not None and response_id not in known:
            raise GrokWebConversationNotFoundError(
                "The conversation has no response of this id.", next_step="Look for it among its `responses`."
            )
        response = self.leaf() if response_id is None else known[response_id]
        if response is None and known:
            raise _circle()
        path: list[StoredResponse] = []
        while response is not None:
            if len(path) == len(known):
                raise _circle()
            path.append(response)
            response = known.get(response.parent_id or "")
        return path[::-1]


def _circle() -> GrokWebProtocolError:
    return GrokWebProtocolError(where="responses: parentResponseId", expected="a tree", got="a circle")


# --- conversations


def read_page(reply: Any, where: str) -> tuple[list[Conversation], str]:
    """A page of a list, what the search found in texts behind it, and the token of the next page (rest.md 2.3).

    Raises:
        GrokWebProtocolError: It is not of this form.
    """
    found = as_object(reply, where)
    entries: list[Any] = read_list(found, "conversations", where)
    matched = [match.get("conversation") for match in read_entries(found, "textSearchMatches", where)]
    page = [read_conversation(entry, f"{where}.conversations[]") for entry in [*entries, *matched]]
    return page, read(found, "nextPageToken", "", where)


def read_conversation(value: Any, where: str) -> Conversation:
    """A `Conversation`.

    Raises:
        GrokWebProtocolError: It is not of this form.
    """
    return Conversation(**_described(as_object(value, where), where))


def read_stored(conversation: Any, responses: Any, *, assets_url: str) -> StoredConversation:
    """A conversation out of the two replies that describe it: `conversations_v2` and `responses`.

    Raises:
        GrokWebProtocolError: They are not of this form.
    """
    where = "conversations_v2: conversation"
    about = as_object(as_object(conversation, "conversations_v2").get("conversation"), where)
    found = as_object(responses, "responses")
    running = [_running(entry) for entry in read_entries(found, "inflightResponses", "responses")]
    unfinished = {one.id for one in running if not one.is_whole}
    said = [
        _response(entry, f"responses[{number}]", unfinished, assets_url)
        for number, entry in enumerate(read_entries(found, "responses", "responses"))
    ]
    known = {response.id for response in said}
    said += [one for one in running if not one.is_whole and one.id not in known]
    return StoredConversation(**_described(about, where), responses=tuple(said))


def _described(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        "id": read_id(found, "conversationId", where),
        "title": read(found, "title", "", where),
        "created": read_time(found, "createTime", where),
        "modified": read_time(found, "modifyTime", where),
        "starred": read(found, "starred", False, where),  # noqa: FBT003 - a default
        "temporary": read(found, "temporary", False, where),  # noqa: FBT003
    }


# --- responses


def _running(found: Mapping[str, Any]) -> StoredResponse:
    """An answer that is being written, and may not be among the responses yet (rest.md 2.2)."""
    where = "responses: inflightResponses[]"
    return StoredResponse(
        id=read_id(found, "responseId", where),
        parent_id=_parent(found, where),
        sender="assistant",
        text="",
        created=read_time(found, "createTime", where),
        is_whole=read(found, "status", "", where) == "RESPONSE_STATUS_FINISHED",
    )


def _response(found: Mapping[str, Any], where: str, unfinished: set[str], assets_url: str) -> StoredResponse:
    response_id = read_id(found, "responseId", where)
    sender = _SENDERS.get(read(found, "sender", "", where).lower())
    if sender is None:
        raise GrokWebProtocolError(where=f"{where}.sender", expected="human or assistant", got="another word")
    text = read(found, "message", "", where)
    events: tuple[ev.Event, ...] = ()
    is_whole = True
    if sender == "assistant":
        decoder = RestDecoder(assets_url=assets_url)
        events = (*decoder.feed_frames(frames(found, where)), *decoder.close())
        text = "".join(event.text for event in events if isinstance(event, ev.TextDelta))
        is_partial = read(found, "partial", False, where)  # noqa: FBT003 - a default
        is_whole = decoder.finished and not is_partial and response_id not in unfinished
    return StoredResponse(
        id=response_id,
        parent_id=_parent(found, where),
        sender=sender,
        text=text,
        created=read_time(found, "createTime", where),
        model=read(found, "model", "", where),
        is_whole=is_whole,
        events=events,
    )


def _parent(found: Mapping[str, Any], where: str) -> str | None:
    """What it follows; the first of a side thread names its place otherwise."""
    return read(found, "parentResponseId", "", where) or read(found, "threadParentId", "", where) or None
