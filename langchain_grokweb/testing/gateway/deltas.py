"""The delta dialect (gateway.md 0.4 and 4.6 to 4.8): what a client gets that does not ask for chunks.

Marks stand as tags in the text, every second one cut in two, and their cards come after it; thinking is text that
says so; searches and pictures are outputs beside it.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.testing.gateway.events import said
from langchain_grokweb.testing.state.assets import PREVIEW
from langchain_grokweb.testing.state.chunks import PLACEHOLDER, image_chunk
from langchain_grokweb.testing.state.composition import (
    VIDEO_PROGRESS,
    Composition,
    MadeFile,
    Mark,
    Picture,
    Search,
    Text,
    Thought,
    Video,
    tokens_of,
)
from langchain_grokweb.testing.state.inflight import Frame

_PREVIEW_URL = f"data:image/jpeg;base64,{base64.b64encode(PREVIEW).decode()}"


@dataclass(slots=True)
class Deltas:
    """Writes one answer in deltas."""

    response_id: str
    _marks: int = 0

    def head(self) -> Iterator[Frame]:
        """What comes before there is an answer."""
        yield self._delta(PLACEHOLDER, thinking=True)

    def body(self, composition: Composition) -> Iterator[Frame]:
        """The answer itself."""
        for step in composition.steps:
            if isinstance(step, Thought):
                yield from self._thought(step)
            elif isinstance(step, Search):
                yield from _search(step)
            elif isinstance(step, Text):
                yield from (self._delta(token, text=token) for token in step.tokens)
            elif isinstance(step, Mark):
                yield from self._tag(step.tag)
            elif isinstance(step, Picture):
                yield from self._picture(step)
            elif isinstance(step, MadeFile):
                yield output({"card_attachment": step.card})
                yield from self._tag(step.tag)
            elif isinstance(step, Video):  # a guess, by analogy with the other wire
                yield from (output({"generated_video": step.progress(percent)}) for percent in VIDEO_PROGRESS)

    def _thought(self, thought: Thought) -> Iterator[Frame]:
        if thought.header:
            yield self._delta(thought.header, thinking=True)
        yield from (self._delta(token, thinking=True) for token in tokens_of(thought.text))

    def _tag(self, tag: str) -> Iterator[Frame]:
        self._marks += 1
        middle = len(tag) // 2
        pieces = [tag] if self._marks % 2 else [tag[:middle], tag[middle:]]
        yield from (self._delta(piece, text=piece) for piece in pieces)

    def _picture(self, picture: Picture) -> Iterator[Frame]:
        """Intent, tag, preview, picture."""
        yield output({"card_attachment": _card(picture, None)})
        if picture.shape == "b":
            yield from self._tag(picture.tag)
        preview = {**image_chunk(picture, finished=False), "imageUrl": _PREVIEW_URL}
        yield output({"card_attachment": _card(picture, preview)})
        yield output({"card_attachment": _card(picture, image_chunk(picture, finished=True))})

    def _delta(self, delta: str, *, thinking: bool = False, text: str = "") -> Frame:
        ids = {"response_id": self.response_id, "item_id": self.response_id}
        said_so = {"x_grok": {"is_thinking": True}} if thinking else {}
        body = {"type": "response.output_text.delta", **ids, "delta": delta, **said_so}
        return said(body, text=text, is_token=True)


def output(content: Mapping[str, Any]) -> Frame:
    """A `response.grok.output`."""
    return said({"type": "response.grok.output", "output": dict(content)})


def _search(search: Search) -> Iterator[Frame]:
    """Card, result, and the result once more. How X searches are spelled here is a guess."""
    kind = "x_search" if search.kind == "x" else "web_search"
    pages = [_page(result) for result in search.results]
    yield output({"tool_usage_card": {kind: {"query": search.query}}})
    yield said({"type": "response.search.result", "result": {"search_type": kind, "web_results": pages}})
    yield output({"tool_result": {f"{kind}_results": pages}})


def _page(result: Mapping[str, Any]) -> dict[str, Any]:
    if "postId" in result:
        return {"url": f"https://x.com/{result['username']}/status/{result['postId']}", "title": result["text"]}
    return {"url": result["url"], "title": result["title"]}


def _card(picture: Picture, chunk: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": picture.card_id,
        "type": "render_generated_image",
        "cardType": "generated_image_card",
        "prompt": picture.prompt,
        "image_chunk": chunk,
    }
