"""The chunk dialect (gateway.md 4.3 to 4.7): what the web app asks for with `use_chunk`.

An answer begins in phase 0 with the layout and a header, thinks in phase 1, and speaks in phase 2; the phases are
told only to clients that accept them. Searches go in rounds of two: their cards come in a row, their results the
other way round, and each round is a step of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from langchain_grokweb.testing.gateway.events import said
from langchain_grokweb.testing.state.composition import Composition, Mark, Picture, Search, Text, Thought, tokens_of
from langchain_grokweb.testing.state.inflight import Frame

PLACEHOLDER = "Thinking about your request"
LATE_HEADERS = ("Putting the answer into words", "Looking at the answer once more")
FOLLOW_UPS = (("Tell me more", "DIVE_DEEPER"), ("Give me an example", "TANGENTIAL"))

RESPONSE = "CHANNEL_ASSISTANT_RESPONSE"
THINKING = "CHANNEL_ASSISTANT_THINKING"
HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
SUMMARY = "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY"

_ROUND = 2
_KINDS = {1: "KIND_THINKING_START", 2: "KIND_RESPONSE_START"}


def text_chunk(text: str, channel: str) -> dict[str, Any]:
    """The payload of a text chunk."""
    return {"text": {"text": text, "channel": channel}}


def citation(mark: Mark) -> dict[str, Any]:
    """The payload of a citation: no marker in the text, but a chunk between."""
    url = str(mark.card["url"])
    is_post = "/status/" in url and ("//x.com/" in url or "//twitter.com/" in url)
    kind = f"CITATION_KIND_{'X_POST' if is_post else 'WEB_PAGE'}"
    return {"render_citation": {"id": mark.card["id"], "kind": kind, "url": url, "citation_id": mark.number}}


def image_chunk(picture: Picture, *, finished: bool) -> dict[str, Any]:
    """The `image_chunk` of both dialects, whose members are in camel case; a moderated picture has no URL."""
    chunk = picture.chunk(finished=finished)
    if chunk["moderated"]:
        chunk["imageUrl"] = ""
    prompts = {"prompt": picture.prompt, "upsampledPrompt": f"{picture.prompt}, soft light"}
    return {**chunk, "imageModel": "imagine", "imageIndex": picture.index, "imagePrompt": prompts}


@dataclass(slots=True)
class Chunks:
    """Writes one answer in chunks."""

    response_id: str
    interleaved: bool
    _step: int = 0
    _phase: int = 0
    _waiting: list[Search] = field(default_factory=list)

    def head(self, *, thinks_long: bool, has_files: bool) -> Iterator[Frame]:
        """What comes before there is an answer."""
        layout: dict[str, Any] = {"reasoning_ui_layout": "UNIFIED", "effort": "LOW", "steer_model_id": "grok-4"}
        if thinks_long:
            layout = {"reasoning_ui_layout": "UNIFIED", "will_think_long": True, "effort": "HIGH"}
        phase: Mapping[str, Any] = {"metadata": {"phase_index": 0}} if self.interleaved else {}
        yield self._bare({**phase, "ui_layout": layout})
        if has_files:
            yield self._bare({**phase, "progress_report": _ATTACHMENTS_READ})
        yield self._chunk(text_chunk(PLACEHOLDER, HEADER), is_token=True)

    def body(self, composition: Composition) -> Iterator[Frame]:
        """The answer itself."""
        yield from self._enter(1)
        for step in composition.steps:
            if not isinstance(step, Search):
                yield from self._searched()
            yield from self._said(step)
        yield from self._searched()
        yield from self._enter(2)

    def plain(self, composition: Composition) -> str:
        """The whole text, in which this dialect has no marks."""
        return "".join(step.text for step in composition.of(Text))

    def cards(self, _composition: Composition) -> Iterator[Frame]:
        """What follows the text; here nothing does."""
        return iter(())

    def closing(self, _composition: Composition) -> Iterator[Frame]:
        """What comes right before the end; here nothing does."""
        return iter(())

    def late_headers(self) -> Iterator[Frame]:
        """Headers that come after the end, and name no response (captured)."""
        for number, header in enumerate(LATE_HEADERS, self._step + 1):
            chunk = {"metadata": self._metadata(step=number, phase=1), **text_chunk(header, HEADER)}
            yield said({"type": "response.chunk", "response_id": "", "item_id": "", "chunk": chunk})

    def follow_ups(self) -> Iterator[Frame]:
        """Suggestions for the next question, after the end (captured)."""
        suggestions = [
            {
                "properties": {"message_type": "TEXT", "follow_up_type": kind},
                "label": label,
                "tool_overrides": {"image_gen": False},
            }
            for label, kind in FOLLOW_UPS
        ]
        yield self._bare({"follow_up_suggestions": {"suggestions": suggestions}})

    # -- steps

    def _said(self, step: Any) -> Iterator[Frame]:
        if isinstance(step, Thought):
            yield from self._thought(step)
        elif isinstance(step, Search):
            yield from self._search(step)
        elif isinstance(step, Text):
            yield from self._enter(2)
            for token in step.tokens:
                yield self._chunk(text_chunk(token, RESPONSE), text=token, is_token=True)
        elif isinstance(step, Mark):
            yield from self._enter(2)
            yield self._chunk(citation(step), text=step.tag)
        elif isinstance(step, Picture):
            yield from self._picture(step)

    def _thought(self, thought: Thought) -> Iterator[Frame]:
        if thought.header:
            yield self._chunk(text_chunk(thought.header, HEADER), is_token=True)
        yield from self._tokens(thought.text, SUMMARY if thought.header else THINKING)

    def _tokens(self, text: str, channel: str) -> Iterator[Frame]:
        for token in tokens_of(text):
            yield self._chunk(text_chunk(token, channel), is_token=True)

    def _search(self, search: Search) -> Iterator[Frame]:
        """The card at once; the result when the round is full."""
        tool = "x_search" if search.kind == "x" else "web_search"
        yield self._card(search.card_id, tool, {"query": search.query})
        self._waiting.append(search)
        if len(self._waiting) == _ROUND:
            yield from self._searched()

    def _searched(self) -> Iterator[Frame]:
        """The results of a round, last card first."""
        if not self._waiting:
            return
        for search in reversed(self._waiting):
            yield self._chunk({"tool_result": {"tool_call_id": search.card_id, **_found(search)}})
        self._waiting.clear()
        self._step += 1

    def _picture(self, picture: Picture) -> Iterator[Frame]:
        """The call, the place, the preview, the picture (by the schema; no such frames were captured)."""
        call_id = str(uuid4())
        plan = {"prompt": picture.prompt, "orientation": "ORIENTATION_PORTRAIT"}
        yield self._card(call_id, "generate_image", {"prompt": picture.prompt, "orientation": "portrait"})
        yield from self._enter(2)
        start = {"id": picture.card_id, "generated_image": {**plan, "layout": "LAYOUT_BLOCK"}}
        yield self._chunk({"render_start": start}, text=picture.tag if picture.shape == "b" else "")
        for finished in (False, True):
            image = image_chunk(picture, finished=finished)
            shown = {"id": picture.card_id, "query": picture.prompt, "tool_call_id": call_id, "image_chunk": image}
            yield self._chunk({"render_generated_image": shown})

    def _card(self, card_id: str, tool: str, args: Mapping[str, Any]) -> Frame:
        return self._chunk({"tool_usage_card": {"tool_usage_card_id": card_id, tool: {"args": dict(args)}}})

    # -- chunks

    def _enter(self, phase: Literal[1, 2]) -> Iterator[Frame]:
        """Go on to a later phase, and say so to who wants to know."""
        if self._phase < phase:
            self._phase = phase
            if self.interleaved:
                yield self._chunk({"phase_marker": {"kind": _KINDS[phase], "phase_index": phase}})

    def _chunk(self, payload: Mapping[str, Any], **options: Any) -> Frame:
        return self._bare({"metadata": self._metadata(self._step, self._phase), **payload}, **options)

    def _metadata(self, step: int, phase: int) -> dict[str, Any]:
        return {"step_id": step, "phase_index": phase} if self.interleaved else {"step_id": step}

    def _bare(self, chunk: Mapping[str, Any], **options: Any) -> Frame:
        ids = {"response_id": self.response_id, "item_id": self.response_id}
        return said({"type": "response.chunk", **ids, "chunk": dict(chunk)}, **options)


_ATTACHMENTS_READ = {
    "category": "ATTACHMENTS_PREPROCESSING",
    "state": "SUCCESS",
    "message": "Reading attachments",
    "percentage": 100.0,
}


def _found(search: Search) -> dict[str, Any]:
    if search.kind == "x":
        return {"x_post": _listed("posts", [_post(post) for post in search.results])}
    return {"web_search": _listed("webpages", [_page(page) for page in search.results])}


def _listed(name: str, found: Sequence[Any]) -> dict[str, Any]:
    """Nothing found is an empty object."""
    return {name: list(found)} if found else {}


def _page(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": result["url"], "title": result["title"], "snippet": result["preview"]}


def _post(post: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "userhandle": post["username"],
        "name": post["name"],
        "text": post["text"],
        "create_time": post["createTime"],
        "profile_image_url": post["profileImageUrl"],
        "post_id": post["postId"],
        "view_count": post["viewCount"],
    }
