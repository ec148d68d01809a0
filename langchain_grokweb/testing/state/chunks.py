"""A composed answer -> chunks, the form in which the service itself makes and keeps an answer (gateway.md 4.3 to 4.7).

The gateway sends them one by one, a stored answer holds them (`useChunk=true`). An
answer begins in phase 0 with the layout and a header, thinks in phase 1, and speaks in phase 2; the phases are
named only for clients that accept them. Searches go in rounds of two: their cards come in a row, their results the
other way round, and each round is a step of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never
from uuid import uuid4

from langchain_grokweb.testing.state.composition import (
    VIDEO_PROGRESS,
    Composition,
    MadeFile,
    Mark,
    Picture,
    Search,
    Step,
    Text,
    Thought,
    Video,
    tokens_of,
)
from langchain_grokweb.testing.state.inflight import Frame

PLACEHOLDER = "Thinking about your request"

RESPONSE = "CHANNEL_ASSISTANT_RESPONSE"
THINKING = "CHANNEL_ASSISTANT_THINKING"
HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
SUMMARY = "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY"

_ROUND = 2
_KINDS = {1: "KIND_THINKING_START", 2: "KIND_RESPONSE_START"}
_POST_MEMBERS = {
    "userhandle": "username",
    "name": "name",
    "text": "text",
    "create_time": "createTime",
    "profile_image_url": "profileImageUrl",
    "post_id": "postId",
    "view_count": "viewCount",
}
_READ = {"category": "ATTACHMENTS_PREPROCESSING", "state": "SUCCESS", "message": "Reading attachments"}


def text_chunk(text: str, channel: str) -> dict[str, Any]:
    """The payload of a text chunk."""
    return {"text": {"text": text, "channel": channel}}


def stored_chunks(composition: Composition) -> list[dict[str, Any]]:
    """All chunks of an answer as they are kept: text in one piece each, pictures and videos in their last state."""
    writer = Chunks(interleaved=True, whole=True)
    return [frame.body for frame in (*writer.head(), *writer.body(composition)) if not _is_preview(frame.body)]


def _is_preview(chunk: Mapping[str, Any]) -> bool:
    picture = chunk.get("render_generated_image") or chunk.get("render_edited_image") or {}
    state = picture.get("image_chunk") or chunk.get("render_generated_video", {})
    return bool(state.get("progress", 100) < VIDEO_PROGRESS[-1])


@dataclass(slots=True)
class Chunks:
    """Writes one answer in chunks, text in tokens or `whole`; the body of each frame is a chunk."""

    interleaved: bool
    whole: bool = False
    step: int = 0
    _phase: int = 0
    _waiting: list[Search] = field(default_factory=list)

    def head(self, *, thinks_long: bool = False, has_files: bool = False) -> Iterator[Frame]:
        """What comes before there is an answer."""
        layout: dict[str, Any] = {"reasoning_ui_layout": "UNIFIED", "effort": "LOW", "steer_model_id": "grok-4"}
        if thinks_long:
            layout = {"reasoning_ui_layout": "UNIFIED", "will_think_long": True, "effort": "HIGH"}
        phase: Mapping[str, Any] = {"metadata": {"phase_index": 0}} if self.interleaved else {}
        yield Frame("response", {**phase, "ui_layout": layout})
        if has_files:
            yield Frame("response", {**phase, "progress_report": {**_READ, "percentage": 100.0}})
        yield self._chunk(text_chunk(PLACEHOLDER, HEADER), is_token=True, part=Thought(PLACEHOLDER, ""))

    def body(self, composition: Composition) -> Iterator[Frame]:
        """The answer itself."""
        yield from self._enter(1)
        for step in composition.steps:
            if not isinstance(step, Search):
                yield from self._searched()
            yield from self._of_step(step)
        yield from self._searched()
        yield from self._enter(2)

    def streamed(self, part: Thought | Text) -> Iterator[Frame]:
        """A thought or words of an answer that is not whole yet."""
        yield from self._enter(1)
        yield from self._of_step(part)

    def metadata(self, step: int, phase: int) -> dict[str, Any]:
        """The `metadata` of a chunk."""
        return {"step_id": step, "phase_index": phase} if self.interleaved else {"step_id": step}

    def _of_step(self, step: Step) -> Iterator[Frame]:
        match step:
            case Thought():
                yield from self._thought(step)
            case Search():
                yield from self._search(step)
            case Text():
                yield from self._enter(2)
                for token in [step.text] if self.whole else step.tokens:
                    yield self._chunk(text_chunk(token, RESPONSE), text=token, is_token=True)
            case Mark():
                yield from self._enter(2)
                yield self._chunk(_citation(step), text=step.tag, part=step)
            case MadeFile():  # its card without the two types; that all its members are here is a guess
                yield from self._enter(2)
                members = {name: value for name, value in step.card.items() if name not in ("type", "cardType")}
                yield self._chunk({"render_file_preview": members}, text=step.tag, part=step)
            case Picture():
                yield from self._picture(step)
            case Video():
                yield from self._video(step)
            case _:
                assert_never(step)

    def _thought(self, thought: Thought) -> Iterator[Frame]:
        if thought.header:
            yield self._chunk(text_chunk(thought.header, HEADER), is_token=True, part=Thought(thought.header, ""))
        channel = SUMMARY if thought.header else THINKING
        for token in [thought.text] if self.whole and thought.text else tokens_of(thought.text):
            yield self._chunk(text_chunk(token, channel), is_token=True, part=Thought("", token))

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
            yield self._chunk({"tool_result": {"tool_call_id": search.card_id, **_results(search)}}, part=search)
        self._waiting.clear()
        self.step += 1

    def _picture(self, picture: Picture) -> Iterator[Frame]:
        """The call, the place, the preview, the picture (by the schema; no such frames were captured)."""
        call_id, prompt = str(uuid4()), picture.prompt
        tool = "edit_image" if picture.edited else "generate_image"
        yield self._card(call_id, tool, {"prompt": prompt, "orientation": "portrait"})
        yield from self._enter(2)
        plan = {"prompt": prompt, "orientation": "ORIENTATION_PORTRAIT", "layout": "LAYOUT_BLOCK"}
        yield self._chunk({"render_start": {"id": picture.card_id, picture.kind: plan}}, text=picture.tag)
        for finished in (False, True):
            image = picture.chunk(finished=finished)
            if image["moderated"]:
                image["imageUrl"] = ""
            prompts = {"prompt": prompt, "upsampledPrompt": f"{prompt}, soft light"}
            image |= {"imageModel": "imagine", "imageIndex": picture.index, "imagePrompt": prompts}
            shown = {"id": picture.card_id, "query": prompt, "tool_call_id": call_id, "image_chunk": image}
            shown |= {"image_id": picture.asset.asset_id} if picture.edited else {}
            yield self._chunk({f"render_{picture.kind}": shown}, part=picture if finished else None)

    def _video(self, video: Video) -> Iterator[Frame]:
        """The video in its states. Only the name of this payload is known (gateway.md 9.4); its members are a guess."""
        yield from self._enter(2)
        for percent in VIDEO_PROGRESS:
            state = {"id": video.asset.asset_id, "prompt": video.prompt, **video.progress(percent)}
            done = percent == VIDEO_PROGRESS[-1]
            yield self._chunk({"render_generated_video": state}, part=video if done else None)

    def _card(self, card_id: str, tool: str, args: Mapping[str, Any]) -> Frame:
        return self._chunk({"tool_usage_card": {"tool_usage_card_id": card_id, tool: {"args": dict(args)}}})

    def _enter(self, phase: Literal[1, 2]) -> Iterator[Frame]:
        """Go on to a later phase, and say so to who wants to know."""
        if self._phase < phase:
            self._phase = phase
            if self.interleaved:
                yield self._chunk({"phase_marker": {"kind": _KINDS[phase], "phase_index": phase}})

    def _chunk(self, payload: Mapping[str, Any], **options: Any) -> Frame:
        return Frame("response", {"metadata": self.metadata(self.step, self._phase), **payload}, **options)


def _citation(mark: Mark) -> dict[str, Any]:
    """The payload of a citation: no marker in the text, but a chunk between."""
    url = str(mark.card["url"])
    is_post = "/status/" in url and ("//x.com/" in url or "//twitter.com/" in url)
    kind = f"CITATION_KIND_{'X_POST' if is_post else 'WEB_PAGE'}"
    return {"render_citation": {"id": mark.card["id"], "kind": kind, "url": url, "citation_id": mark.number}}


def _results(search: Search) -> dict[str, Any]:
    """What a search gave; nothing is an empty object."""
    if search.kind == "x":
        posts = [{name: post[member] for name, member in _POST_MEMBERS.items()} for post in search.results]
        return {"x_post": {"posts": posts} if posts else {}}
    pages = [{"url": one["url"], "title": one["title"], "snippet": one["preview"]} for one in search.results]
    return {"web_search": {"webpages": pages} if pages else {}}
