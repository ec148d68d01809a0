"""What the service keeps: conversations and the responses in them (rest.md 2.1, 2.3 and 4.9), from parsed JSON.

A stored answer is read by the decoder of the stream, as the frames that would have brought it. So what is loaded says
the same as what was streamed: text without tags, citations in their places, pictures, thoughts and all. The service
leaves out what is empty, so a member that is missing has a default. An entry with a member of another type than it
should have is left out and counted; where nothing can be read that is an error that names the place.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, assert_never

from langchain_grokweb.errors import GrokWebConversationNotFoundError, GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.inflight import frames, prompt_text
from langchain_grokweb.wire.json_fields import (
    Fields,
    get_bool,
    get_list,
    get_objects,
    get_str,
    get_time,
    require_object,
    require_str,
)
from langchain_grokweb.wire.rest import RestDecoder

Sender = Literal["human", "assistant"]

_SENDERS: Mapping[str, Sender] = {"human": "human", "user": "human", "assistant": "assistant", "": "assistant"}
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation of the account, as lists show it.

    Attributes:
        id: The conversation's id, by which it is opened, renamed and deleted.
        title: The title in the site's list.
        created: When it began; `None` if the site does not say.
        modified: When it last changed; lists begin with the newest change.
        starred: Whether the user has starred it.
        temporary: Whether it is a private chat; lists never show those.
    """

    id: str
    title: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    starred: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that came with a question (rest.md 2.4 and 8.2).

    Attributes:
        id: The file's id at the service.
        url: The file's address on the host of pictures and files; empty if the service gives none.
        name: The file's name.
        mime_type: The file's type, such as `image/png`.
        size: The file's size in bytes; `None` if the service does not give it.
    """

    id: str
    url: str = ""
    name: str = ""
    mime_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """A question or an answer of a conversation.

    Attributes:
        id: The response id.
        parent_id: The id of the response that it follows; `None` at the root.
        sender: `"human"` for a question, `"assistant"` for an answer.
        text: The text, without the site's markup.
        created: When it was written, to the microsecond; `None` if the site does not say.
        model: The site's name of the model; empty if the site does not give it.
        is_whole: `False` for an answer that broke off, failed, is empty, or is still being written.
        events: An answer as events; `reasoning`, `citations`, `images`, `files` and `videos` are read from them.
        attachments: The files that were sent with a question.
    """

    id: str
    parent_id: str | None
    sender: Sender
    text: str
    created: datetime | None = None
    model: str = ""
    is_whole: bool = True
    events: tuple[ev.Event, ...] = field(default=(), repr=False)
    attachments: tuple[AttachedFile, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether the response holds text, a picture, a file or a video."""
        return bool(self.text) or any(map(_is_content, self.events))

    @property
    def reasoning(self) -> str:
        """The model's reasoning; empty if the site does not keep it."""
        return "".join(event.text for event in self.events if isinstance(event, ev.ReasoningDelta))

    @property
    def citations(self) -> list[ev.CitationFound]:
        """The sources of an answer, with their places in the text."""
        return [event for event in self.events if isinstance(event, ev.CitationFound)]

    @property
    def images(self) -> list[ev.ImageFinished]:
        """The pictures that Grok made, without those that were moderated."""
        return [event for event in self.events if isinstance(event, ev.ImageFinished)]

    @property
    def files(self) -> list[ev.FileMade]:
        """The files that Grok made."""
        return [event for event in self.events if isinstance(event, ev.FileMade)]

    @property
    def videos(self) -> list[ev.VideoMade]:
        """The videos that Grok made."""
        return [event for event in self.events if isinstance(event, ev.VideoMade)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation(Conversation):
    """A conversation with all its questions and answers.

    Attributes:
        responses: The tree of responses as a list, in the order of the service. Each response has the `parent_id` of
            the response that it follows. Two answers to one question are branches, and so are two questions after one
            answer.
        unreadable: How many more responses could not be read. A response that followed one of these has that one's
            parent instead.
    """

    responses: tuple[StoredResponse, ...] = field(default=(), repr=False)
    unreadable: int = 0

    def leaves(self) -> list[StoredResponse]:
        """The last response of each branch."""
        followed = {response.parent_id for response in self.responses}
        return [response for response in self.responses if response.id not in followed]

    def leaf(self) -> StoredResponse | None:
        """The newest of the leaves, whose branch the site shows (rest.md 2.1); `None` in an empty conversation."""
        newest_first = reversed(self.leaves())
        return max(newest_first, key=lambda response: response.created or _BEFORE_ALL, default=None)

    def path(self, response_id: str | None = None) -> list[StoredResponse]:
        """The responses from the root to this one.

        Args:
            response_id: The last response of the path. By default: the `leaf`.

        Raises:
            GrokWebConversationNotFoundError: The conversation has no such response.
            GrokWebProtocolError: The responses follow each other in a circle.
        """
        known = {response.id: response for response in self.responses}
        if response_id is not None and response_id not in known:
            raise GrokWebConversationNotFoundError(
                "The conversation has no response with this id.", next_step="Choose one of its `responses`."
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


def _is_content(event: ev.Event) -> bool:
    """Whether an event alone makes an answer."""
    match event:
        case (
            ev.TextDelta()
            | ev.AnswerReplaced()
            | ev.ImageFinished()
            | ev.ImageWithheld()
            | ev.FileMade()
            | ev.VideoMade()
        ):
            return True
        case (
            ev.ConversationOpened()
            | ev.PromptStored()
            | ev.AnswerStarted()
            | ev.ReasoningDelta()
            | ev.ToolStarted()
            | ev.ToolFinished()
            | ev.CitationFound()
            | ev.ImagePreview()
            | ev.FollowUpsSuggested()
            | ev.TitleGiven()
            | ev.AnswerFinished()
            | ev.ErrorReported()
            | ev.TurnFailed()
        ):
            return False
        case _:
            assert_never(event)


def _circle() -> GrokWebProtocolError:
    return GrokWebProtocolError(where="responses: parentResponseId", expected="a tree", got="a circle")


# --- conversations


def read_page(reply: Any, where: str) -> tuple[list[Conversation], str]:
    """A page of a list, what the search matched in texts after it, and the token of the next page (rest.md 2.3).

    Raises:
        GrokWebProtocolError: It is not of this form.
    """
    page = require_object(reply, where)
    matches = [match.get("conversation") for match in get_objects(page, "textSearchMatches", where=where)]
    entries = [*get_list(page, "conversations", where=where), *matches]
    conversations = [read_conversation(entry, f"{where}.conversations[]") for entry in entries]
    return conversations, get_str(page, "nextPageToken", where=where)


def read_conversation(value: Any, where: str) -> Conversation:
    """A `Conversation`.

    Raises:
        GrokWebProtocolError: It is not of this form.
    """
    return Conversation(**_described(require_object(value, where), where))


def read_described(reply: Any) -> Conversation:
    """A conversation out of a reply of `conversations_v2`.

    Raises:
        GrokWebProtocolError: It is not of this form.
    """
    where = "conversations_v2: conversation"
    return read_conversation(require_object(reply, "conversations_v2").get("conversation"), where)


def read_stored(conversation: Any, responses: Any, *, assets_url: str) -> StoredConversation:
    """A conversation out of the two replies that describe it: `conversations_v2` and `responses`.

    Raises:
        GrokWebProtocolError: They are not of this form.
    """
    return with_responses(read_described(conversation), responses, assets_url=assets_url)


def with_responses(conversation: Conversation, responses: Any, *, assets_url: str) -> StoredConversation:
    """A conversation with all that is in it, out of a reply of `responses`.

    Raises:
        GrokWebProtocolError: The reply is not of this form.
    """
    reply = require_object(responses, "responses")
    inflight = [_inflight(entry) for entry in get_objects(reply, "inflightResponses", where="responses")]
    running = {response.id: response for response in inflight if not response.is_whole}
    entries = get_objects(reply, "responses", where="responses")
    stored, unreadable = _read_all(entries, running, assets_url)
    known = {response.id for response in stored}
    stored += [response for response in running.values() if response.id not in known]
    described = {name: getattr(conversation, name) for name in Conversation.__slots__}
    return StoredConversation(**described, responses=tuple(_as_tree(stored, entries)), unreadable=unreadable)


def _read_all(entries: list[Fields], running: Container[str], assets_url: str) -> tuple[list[StoredResponse], int]:
    """The responses, and how many could not be read: one entry costs no more than itself, unless none can be read."""
    stored: list[StoredResponse] = []
    failure: GrokWebProtocolError | None = None
    for number, entry in enumerate(entries):
        try:
            stored.append(_response(entry, f"responses[{number}]", running, assets_url))
        except GrokWebProtocolError as error:
            failure = failure or error
    if failure is not None and not stored:
        raise failure
    return stored, len(entries) - len(stored)


def _as_tree(stored: list[StoredResponse], entries: list[Fields]) -> Iterator[StoredResponse]:
    """The responses, each with a parent among them: what followed an unreadable one follows its parent in its place.

    A parent that is no response of the conversation is none (rest.md 8.4).
    """
    known = {response.id for response in stored}
    named = {get_str(entry, "responseId"): entry for entry in entries}
    unreadable = {name: entry for name, entry in named.items() if name not in known}
    for response in stored:
        parent = response.parent_id
        for _ in range(len(unreadable)):
            if parent not in unreadable:
                break
            parent = _parent(unreadable[parent])
        yield (
            response
            if parent == response.parent_id and parent in known
            else replace(response, parent_id=parent if parent in known else None)
        )


def _described(fields: Fields, where: str) -> dict[str, Any]:
    return {
        "id": require_str(fields, "conversationId", where=where),
        "title": get_str(fields, "title", where=where),
        "created": get_time(fields, "createTime"),
        "modified": get_time(fields, "modifyTime"),
        "starred": get_bool(fields, "starred", where=where),
        "temporary": get_bool(fields, "temporary", where=where),
    }


# --- responses


def _inflight(fields: Fields) -> StoredResponse:
    """An answer that is being written, and may not be among the responses yet (rest.md 2.2)."""
    where = "responses: inflightResponses[]"
    return StoredResponse(
        id=require_str(fields, "responseId", where=where),
        parent_id=_parent(fields, where),
        sender="assistant",
        text="",
        created=get_time(fields, "createTime"),
        is_whole=get_str(fields, "status", where=where) == "RESPONSE_STATUS_FINISHED",
    )


def _response(fields: Fields, where: str, running: Container[str], assets_url: str) -> StoredResponse:
    response_id = require_str(fields, "responseId", where=where)
    sender = _SENDERS.get(get_str(fields, "sender", where=where).lower())
    if sender is None:
        raise GrokWebProtocolError(where=f"{where}.sender", expected="human or assistant", got="another word")
    text = prompt_text(fields, where)
    events: tuple[ev.Event, ...] = ()
    is_whole = True
    if sender == "assistant":
        decoder = RestDecoder(assets_url=assets_url)
        events = (*decoder.feed_frames(frames(fields, where)), *decoder.close())
        text = ev.text_of(events)
        is_partial = get_bool(fields, "partial", where=where)
        says_something = any(map(_is_content, events))
        is_whole = decoder.finished and says_something and not is_partial and response_id not in running
    return StoredResponse(
        id=response_id,
        parent_id=_parent(fields, where),
        sender=sender,
        text=text,
        created=get_time(fields, "createTime"),
        model=get_str(fields, "model", where=where),
        is_whole=is_whole,
        events=events,
        attachments=tuple(_attached(fields, assets_url)) if sender == "human" else (),
    )


def _attached(fields: Fields, assets_url: str) -> Iterator[AttachedFile]:
    """The files of a question, each once, by whichever of its two descriptions says more."""
    assets = {get_str(entry, "assetId"): entry for entry in get_objects(fields, "fileAttachmentAssetMetadata")}
    files = {get_str(entry, "fileMetadataId"): entry for entry in get_objects(fields, "fileAttachmentsMetadata")}
    named = [file_id for file_id in get_list(fields, "fileAttachments") if isinstance(file_id, str)]
    for file_id in dict.fromkeys([*named, *files, *assets]):
        file, asset = files.get(file_id, {}), assets.get(file_id, {})
        key = get_str(file, "fileUri") or get_str(asset, "key")
        size = asset.get("sizeBytes")
        yield AttachedFile(
            id=file_id,
            url=f"{assets_url.rstrip('/')}/{key.lstrip('/')}" if key and ":" not in key.partition("/")[0] else "",
            name=get_str(file, "fileName") or get_str(asset, "name"),
            mime_type=get_str(file, "fileMimeType") or get_str(asset, "mimeType"),
            size=int(size) if isinstance(size, int | str) and str(size).isdecimal() else None,
        )


def _parent(fields: Fields, where: str = "") -> str | None:
    """What it follows; the first of a side thread names its place otherwise."""
    parent = get_str(fields, "parentResponseId", where=where) or get_str(fields, "threadParentId", where=where)
    return parent or None
