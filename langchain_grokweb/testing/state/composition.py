"""A planned reply -> what the answer consists of, step by step. Knows no wire.

A reply is composed once: ids are given out, citations find their place in the text, pictures their keys. The
result is a list of steps in the order in which the service says them, and the totals that it stores with the
answer. Each wire then renders the same steps in its own words; ids and card JSON are the same objects on all
of them.
"""

import json
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any, Literal
from uuid import uuid4
from xml.sax.saxutils import escape

from langchain_grokweb.testing.assistant.slips import WITHOUT_WORDS, written
from langchain_grokweb.testing.state.assets import Asset, Source, drawn, preview, video_of
from langchain_grokweb.testing.state.script import Reply

Shape = Literal["a", "b"]

VIDEO_PROGRESS = (1, 5, 15, 24, 33, 45, 95, 100)  # rest.md 4.8

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s]+)|\s+")


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning: a headline (may be empty) and its text."""

    header: str
    text: str
    is_out: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """One use of the site's own search; `results` are WebSearchResult or XPost objects (rest.md 4.5)."""

    card_id: str
    kind: Literal["web", "x"]
    query: str
    results: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of the answer, streamed in pieces of about a word or by the character."""

    text: str
    by_character: bool = False
    is_out: bool = False

    @property
    def tokens(self) -> list[str]:
        """The pieces in which it is streamed."""
        return list(self.text) if self.by_character else tokens_of(self.text)


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation in the text: the card, its number, and the tag that stands for it."""

    card: Mapping[str, Any]
    number: int
    tag: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its preview, in the shape "a" (frames of its own) or "b" (a card in the text) of rest.md 4.7.

    An edited one is a card of another name.
    """

    asset: Asset
    preview: Asset
    card_id: str
    prompt: str
    moderated: bool
    shape: Shape
    index: int
    edited: bool

    @property
    def kind(self) -> str:
        """What the types of its card are made of."""
        return "edited_image" if self.edited else "generated_image"

    @property
    def tag(self) -> str:
        """The tag that puts a picture of shape "b" into the text. That its argument is the prompt is a guess."""
        if self.shape == "a":
            return ""
        return _render_tag(self.card_id, f"{self.kind}_card", f"render_{self.kind}", "prompt", self.prompt)

    def card(self, chunk: Mapping[str, Any] | None) -> dict[str, Any]:
        """The card's JSON with this image chunk, None for the mere intent."""
        return {
            "id": self.card_id,
            "type": f"render_{self.kind}",
            "cardType": f"{self.kind}_card",
            "prompt": self.prompt,
            "orientation": "square",
            "image_chunk": chunk,
        }

    def state(self, *, finished: bool) -> dict[str, Any]:
        """The preview or the finished picture, in the members that all its forms share."""
        return {
            "imageUrl": (self.asset if finished else self.preview).key,
            "seq": int(finished),
            "progress": 100 if finished else 50,
            "moderated": self.moderated and finished,
        }

    def chunk(self, *, finished: bool) -> dict[str, Any]:
        """The image chunk of the preview or of the finished picture."""
        return {"imageUuid": self.asset.asset_id, **self.state(finished=finished)}


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that Grok made: a card in the text (rest.md 8.2)."""

    asset: Asset
    card_id: str

    @property
    def tag(self) -> str:
        """The tag that puts it into the text."""
        return _render_tag(self.card_id, "rendered_file_card", "render_file", "file_path", self.asset.path)

    @property
    def card(self) -> dict[str, Any]:
        """The card's JSON."""
        return {
            "id": self.card_id,
            "type": "render_file",
            "cardType": "rendered_file_card",
            "file_name": self.asset.name,
            "mime_type": self.asset.mime_type,
            "file_size": len(self.asset.content),
            "file_path": self.asset.path,
            "url": self.asset.key,
        }


@dataclass(frozen=True, slots=True)
class Video:
    """A video with its thumbnail (rest.md 4.8); a moderated one has no address."""

    asset: Asset
    thumbnail: Asset
    prompt: str
    moderated: bool

    def progress(self, percent: int) -> dict[str, Any]:
        """How far it is, in the members of rest.md 4.8; at 100 with its address."""
        state: dict[str, Any] = {"videoId": self.asset.asset_id, "progress": percent, "moderated": False}
        if percent < VIDEO_PROGRESS[-1]:
            return state
        address = {"videoUrl": self.asset.key, "thumbnailImageUrl": self.thumbnail.key, "assetId": self.asset.asset_id}
        return state | ({"moderated": True} if self.moderated else address)


Step = Thought | Search | Text | Mark | Picture | MadeFile | Video


@dataclass(frozen=True, slots=True)
class Composition:
    """The steps of one answer, and what it comes to."""

    steps: tuple[Step, ...]
    reply: Reply

    @property
    def rest(self) -> "Composition":
        """What is not out yet: a model's thoughts and words are sent as they come."""
        steps = [step for step in self.steps if not (isinstance(step, Thought | Text) and step.is_out)]
        return Composition(tuple(steps), self.reply)

    def of(self, kind: type[Any]) -> list[Any]:
        """The steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def message(self) -> str:
        """The whole text with its tags, as the service stores it."""
        parts = [step for step in self.steps if isinstance(step, Text | Mark | Picture | MadeFile)]
        return "".join(part.text if isinstance(part, Text) else part.tag for part in parts)

    @property
    def trace(self) -> str:
        """The whole reasoning as one text."""
        return "\n".join(part for thought in self.of(Thought) for part in (thought.header, thought.text) if part)

    def results_of(self, kind: Literal["web", "x"]) -> list[Mapping[str, Any]]:
        """What the searches of this kind found."""
        return [result for search in self.of(Search) if search.kind == kind for result in search.results]

    @property
    def cited(self) -> list[Mapping[str, Any]]:
        """The cited pages as search results: the only place where the wire names their titles."""
        results = {str(result["url"]): result for result in self.results_of("web")}
        return [results.get(one["url"]) or web_result(one) for one in self.reply.citations]

    @property
    def cards(self) -> list[str]:
        """All cards as JSON texts, pictures in their last state."""
        cards = []
        for step in self.steps:
            if isinstance(step, Mark | MadeFile):
                cards.append(card_json(step.card))
            elif isinstance(step, Picture) and step.shape == "b":
                cards.append(card_json(step.card(None if step.moderated else step.chunk(finished=True))))
        return cards

    @property
    def made(self) -> list[Asset]:
        """The files and videos that the answer has attached."""
        made = [step for step in self.steps if isinstance(step, MadeFile | Video)]
        return [one.asset for one in made if not (isinstance(one, Video) and one.moderated)]

    @property
    def assets(self) -> list[Asset]:
        """Everything that the assets host has of this answer."""
        pictures = self.of(Picture)
        finished = [one.asset for one in pictures if not one.moderated]
        return [*(one.preview for one in pictures), *finished, *self.made, *(one.thumbnail for one in self.of(Video))]

    @property
    def finished_keys(self) -> list[str]:
        """The keys of the pictures of shape "a" that may be shown."""
        return [one.asset.key for one in self.of(Picture) if one.shape == "a" and not one.moderated]


def compose(
    reply: Reply, user_id: str, shape: Shape, mark: str, original: Source | None, *, is_out: bool
) -> Composition:
    """Compose an answer for this account.

    `shape` is the one of pictures that name none; `mark` is the one of tool calls; `original` is what edited pictures
    are made of; `is_out` says that thoughts and words were sent already.
    """
    reply, ending = _with_calls(reply, mark)
    pictures = tuple(_pictures(reply, user_id, shape, original))
    thoughts = [{"summary": reply.reasoning}] if isinstance(reply.reasoning, str) else reply.reasoning or ()
    steps: list[Step] = [
        *(Thought(one.get("header", ""), one.get("summary", "")) for one in thoughts),
        *_searches(reply),
        *(one for one in pictures if one.shape == "a"),
        *_videos(reply, user_id),
        *_marked_text(reply),
        *(one for one in pictures if one.shape == "b"),
        *_files(reply, user_id),
    ]
    if is_out:
        steps = [replace(step, is_out=True) if isinstance(step, Thought | Text) else step for step in steps]
    if ending is not None:
        steps.append(ending)
    elif pictures and not reply.text and all(one.shape == "a" for one in pictures):
        steps.append(Text(f"I generated images with the prompt: '{pictures[0].prompt}'"))
    elif reply.videos and not reply.text:
        steps.append(Text("I generated a video."))
    return Composition(tuple(steps), reply)


def _with_calls(reply: Reply, mark: str) -> tuple[Reply, Text | None]:
    """The answer without its calls, and what its calls or its JSON come to; None where it is words and nothing else."""
    if not reply.tool_calls and reply.slip is None:
        return reply, None
    slip, calls = reply.slip, reply.tool_calls
    text = written(slip, calls, None if calls else json.loads(reply.text), mark)
    if slip in WITHOUT_WORDS or not calls:
        reply = replace(reply, text="", citations=(), slip=None)
    return reply, Text(("\n\n" if reply.text else "") + text, by_character=slip == "many_frames")


def tokens_of(text: str) -> list[str]:
    """Cut a text into pieces of about a word; white space belongs to the piece that follows it (rest.md 4.1)."""
    return _TOKEN.findall(text)


def card_json(card: Mapping[str, Any]) -> str:
    """A card's `jsonData`."""
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"))


def web_result(source: Mapping[str, Any]) -> dict[str, Any]:
    """A WebSearchResult (rest.md 4.5) out of `{"url", "title"?, "snippet"?}`."""
    title = source.get("title", "")
    return {
        "url": source["url"],
        "title": title,
        "preview": source.get("snippet", ""),
        **dict.fromkeys(("searchEngineText", "description", "siteName"), ""),
        "metadataTitle": title,
        **dict.fromkeys(("creator", "image", "favicon", "citationId"), ""),
    }


def _searches(reply: Reply) -> Iterator[Search]:
    """The planned searches, and one for the cited pages that are in none: only a result gives a page its title."""
    yield from map(_search, reply.search)
    known = {result["url"] for plan in reply.search for result in plan.get("results", ())}
    pages = {one["url"]: one for one in reply.citations if one.get("title") and one["url"] not in known}
    if pages:
        yield _search({"query": next(iter(pages.values()))["title"], "results": pages.values()})


def _search(plan: Mapping[str, Any]) -> Search:
    kind: Literal["web", "x"] = "x" if plan.get("kind", "web") == "x" else "web"
    make = _post if kind == "x" else web_result
    return Search(str(uuid4()), kind, plan["query"], tuple(make(result) for result in plan.get("results", ())))


def _post(source: Mapping[str, Any]) -> dict[str, Any]:
    handle, _, post_id = source["url"].rstrip("/").rpartition("/status/")
    username = handle.rpartition("/")[2] or "someone"
    return {
        "username": username,
        "name": source.get("title", username),
        "text": source.get("snippet", ""),
        "createTime": "2026-04-16T14:00:00Z",
        "profileImageUrl": "",
        "postId": post_id or "1912000000000000001",
        **dict.fromkeys(("citationId", "parentPostId", "quotePostId"), ""),
        "viewCount": 0,
        "communityNote": "",
        "verifiedType": "",
    }


def _pictures(reply: Reply, user_id: str, shape: Shape, original: Source | None) -> Iterator[Picture]:
    for index, plan in enumerate(reply.images):
        wanted: Mapping[str, Any] = {"prompt": plan} if isinstance(plan, str) else plan
        image_id, edited = str(uuid4()), bool(wanted.get("edited", reply.edited))
        place = f"users/{user_id}/generated/{image_id}"
        draw = partial(_draw, wanted["prompt"], original if edited else None)
        yield Picture(
            Asset(f"{place}/image.jpg", draw, "image/jpeg", asset_id=image_id),
            Asset(f"{place}-part-0/image.jpg", partial(draw, is_preview=True), "image/jpeg"),
            card_id=uuid4().hex[:5],
            prompt=wanted["prompt"],
            moderated=bool(wanted.get("moderated", False)),
            shape=wanted.get("shape", "b" if edited else shape),  # frames of shape "a" do not say that it was edited
            index=index,
            edited=edited,
        )


def _draw(prompt: str, original: Source | None, *, is_preview: bool = False) -> bytes:
    picture = drawn(prompt, original() if callable(original) else original)
    return preview(picture) if is_preview else picture


def _files(reply: Reply, user_id: str) -> Iterator[MadeFile]:
    for plan in reply.files:
        name, content = plan["name"], plan.get("content", b"")
        mime_type = plan.get("mime_type") or mimetypes.guess_type(name)[0] or "application/octet-stream"
        asset = Asset(
            key=f"users/{user_id}/generated/{uuid4()}/{name}",
            source=content.encode() if isinstance(content, str) else bytes(content),
            mime_type=mime_type,
            name=name,
            path=f"/artifacts/{name}",
            inline=bool(plan.get("inline", False)),
        )
        yield MadeFile(asset, uuid4().hex[:6])


def _videos(reply: Reply, user_id: str) -> Iterator[Video]:
    for plan in reply.videos:
        wanted: Mapping[str, Any] = {"prompt": plan} if isinstance(plan, str) else plan
        video_id = str(uuid4())
        place = f"users/{user_id}/generated/{video_id}"
        content = video_of(wanted["prompt"])
        asset = Asset(f"{place}/generated_video.mp4", content, "video/mp4", "generated_video.mp4", asset_id=video_id)
        thumbnail = Asset(f"{place}/preview_image.jpg", partial(drawn, wanted["prompt"]), "image/jpeg")
        yield Video(asset, thumbnail, wanted["prompt"], bool(wanted.get("moderated", False)))


def _marked_text(reply: Reply) -> Iterator[Text | Mark]:
    """The text, cut where marks of citations stand."""
    marks: list[tuple[int, Mark]] = []
    for index, citation in enumerate(reply.citations):
        after = citation.get("after")
        end = reply.text.index(after) + len(after) if after else len(reply.text)
        card_id = uuid4().hex[:6]
        card = {"id": card_id, "type": "render_inline_citation", "cardType": "citation_card", "url": citation["url"]}
        # citation_id is an opaque number, on purpose not the index of anything (rest.md 4.5)
        number = 9 + 4 * index
        tag = _render_tag(card_id, "citation_card", "render_inline_citation", "citation_id", str(number))
        marks.append((end, Mark(card, number, tag)))
    start = 0
    for end, mark in sorted(marks, key=itemgetter(0)):
        if end > start:
            yield Text(reply.text[start:end])
        yield mark
        start = end
    if reply.text[start:]:
        yield Text(reply.text[start:])


def _render_tag(card_id: str, card_type: str, render_type: str, argument: str, value: str) -> str:
    head = f'<grok:render card_id="{card_id}" card_type="{card_type}" type="{render_type}">'
    return f'{head}<argument name="{argument}">{escape(value)}</argument></grok:render>'
