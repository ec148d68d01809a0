"""The chunks in which the gateway sends an answer, and in which it may be stored (gateway.md 4.3, rest.md 8.3).

A chunk has one payload, which a table names by the method that reads it. Where several agents work at an answer, what
the leader writes is the answer. Of the two dialects that bring text, chunks and deltas, the first to speak counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from langchain_grokweb.wire.event_builder import AnswerReader, ToolResults, as_sent, has_failed, web_results, x_results
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_list, get_objects, get_str, wrong_type

_Readers = Mapping[str, Callable[["ChunkReader", Any, Fields], None]]

_ANSWER_CHANNELS = {"CHANNEL_ASSISTANT_RESPONSE", "CHANNEL_UNSPECIFIED"}
_ABOUT_A_CARD = {"tool_usage_card_id", "intent"}
_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_PLACEHOLDER = "Thinking about your request"


class Dialects:
    """Which dialect brings an answer's text, and which its thoughts: the first that does (gateway.md 9.3)."""

    def __init__(self) -> None:
        self._first: dict[bool, str] = {}

    def counts(self, dialect: Literal["chunk", "delta"], text: str, *, is_thought: bool = False) -> bool:
        """Whether a piece of text in this dialect counts."""
        if not text or (is_thought and text.strip() == _PLACEHOLDER):  # it stands before either
            return True
        return self._first.setdefault(is_thought, dialect) == dialect

    def has_text_in(self, dialect: Literal["chunk", "delta"]) -> bool:
        """Whether the answer's text is known to come in this dialect."""
        return self._first.get(False) == dialect


class ChunkReader:
    """Reads the members of chunks for an `AnswerReader`.

    Attributes:
        leader: The agent whose text is the answer, where there are several.
        tools: The results of tools, which other events bring too.
    """

    def __init__(self, reader: AnswerReader, dialects: Dialects | None = None) -> None:
        self.leader: str | None = None
        self.tools = ToolResults(reader)
        self._reader = reader
        self._dialects = dialects or Dialects()

    def read(self, name: str, value: Any, chunk: Fields) -> bool:
        """Read a member of a chunk; whether it is known.

        Raises:
            GrokWebProtocolError: A piece of the answer is no text.
        """
        reader = self.MEMBERS.get(name)
        if reader is not None and value is not None:
            reader(self, value, chunk)
        return reader is not None

    def is_leader(self, metadata: Any) -> bool:
        """Whether what has this metadata is of the leader, or of nobody."""
        agent = get_str(metadata, "rollout_id")
        return not agent or self.leader is None or agent == self.leader

    def _text(self, value: Any, chunk: Fields) -> None:
        channel = value.get("channel") if isinstance(value, dict) else None
        is_answer = not channel or str(channel) in _ANSWER_CHANNELS
        text = value.get("text", "") if isinstance(value, dict) else value
        if not isinstance(text, str):
            if is_answer:
                raise wrong_type("response.chunk: chunk.text.text", "str", text)
            return
        metadata = get_dict(chunk, "metadata")
        if is_answer:
            if self.is_leader(metadata) and self._dialects.counts("chunk", text):
                self._reader.text(text)
            return
        if not self._dialects.counts("chunk", text, is_thought=True):
            return
        is_headline = str(channel).endswith("HEADER")
        # A headline comes whole, so that two of them in one step are two.
        section = object() if is_headline else (metadata.get("step_id"), metadata.get("rollout_id"))
        self._reader.reasoning(text, tag="header" if is_headline else str(channel), section=section)

    def _tool_card(self, value: Any, _: Fields) -> None:
        for name, card in value.items() if isinstance(value, dict) else ():
            if name not in _ABOUT_A_CARD and isinstance(card, dict):
                args = card.get("args", card)
                tool_id = get_str(value, "tool_usage_card_id")
                self.tools.start(tool_id, name, args if isinstance(args, dict) else {})

    def _tool_result(self, value: Any, _: Fields) -> None:
        for kind, result in value.items() if isinstance(value, dict) else ():
            if kind != "tool_call_id":
                output = _RESULTS.get(kind, as_sent)(result)
                self.tools.finish(get_str(value, "tool_call_id"), kind, output, failed=has_failed(result))

    def _citation(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.cite_here(value, str(value.get("kind") or ""))

    def _render_start(self, value: Any, _: Fields) -> None:
        announced = get_dict(value, "generated_image") or get_dict(value, "edited_image")
        if announced and isinstance(value.get("id"), str):
            self._reader.made_here()
            prompt, edited = str(announced.get("prompt") or ""), "edited_image" in value
            self._reader.made.image_card(value["id"], {}, prompt, edited=edited)

    def _picture(self, value: Any, chunk: Fields) -> None:
        if not isinstance(value, dict):
            return
        card_id = value.get("id") or value.get("tool_call_id") or ""
        picture = get_dict(value, "image_chunk")
        prompt = value.get("query") or get_dict(picture, "imagePrompt").get("prompt")
        edited = "render_edited_image" in chunk
        self._reader.made.image_card(str(card_id), picture, str(prompt or ""), edited=edited)
        tool_id = value.get("tool_call_id")
        if isinstance(tool_id, str) and picture.get("progress") == 100:  # noqa: PLR2004 - percent
            made = "edit_image" if edited else "generate_image"
            self.tools.finish(tool_id, made, [{"image_id": picture.get("imageUuid")}])

    def _made_video(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.made_here()
            chunk = get_dict(value, "video_chunk") or get_dict(value, "videoChunk")
            self._reader.made.video({**value, **chunk}, get_str(value, "id"))

    def _made_file(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.made_here()
            self._reader.made.file(value)

    def _layout(self, value: Any, _: Fields) -> None:
        """The agents, the leader first (gateway.md 9.2); where there is one alone, none is named."""
        agents = get_list(value, "rollout_ids")
        if self.leader is None and agents and isinstance(agents[0], str):
            self.leader = agents[0]

    def _question(self, value: Any, _: Fields) -> None:
        """Grok asks back: what it asks is a part of the answer."""
        question = get_str(get_dict(value, "user_question"), "question", "text") or get_str(value, "description")
        self._reader.ask(question)

    def _searched_picture(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.cite_here(value, "image")

    # Inside the class, so that the methods are named as plain functions.
    MEMBERS: ClassVar[_Readers] = {
        "text": _text,
        "tool_usage_card": _tool_card,
        "tool_result": _tool_result,
        "render_citation": _citation,
        "render_start": _render_start,
        "render_generated_image": _picture,
        "render_edited_image": _picture,
        "render_searched_image": _searched_picture,
        "render_generated_video": _made_video,
        "render_file_preview": _made_file,
        "ui_layout": _layout,
        "user_input_request": _question,
    }


_RESULTS: dict[str, Callable[[Any], Any]] = {
    "web_search": lambda result: web_results(get_list(result, "webpages")),
    "x_post": lambda result: x_results(get_list(result, "posts")),
    "x_thread": lambda result: x_results(get_list(result, "posts")),
}


def stored_chunks(response: Fields) -> list[Fields]:
    """The chunks of a stored answer, by the names that they have in a stream (rest.md 8.3)."""
    return [_by_stream_names(chunk, _LEVELS) for chunk in get_objects(response, "outputChunks")]


def text_of_chunks(chunks: list[Fields]) -> str:
    """The answer's text in chunks, as far as it is the leader's."""
    reader = ChunkReader(AnswerReader(""))
    texts: list[str] = []
    for chunk in chunks:
        if "ui_layout" in chunk:
            reader.read("ui_layout", chunk["ui_layout"], chunk)
        text = chunk.get("text")
        if get_str(text, "channel") in _ANSWER_CHANNELS | {""} and reader.is_leader(chunk.get("metadata")):
            texts.append(get_str(text, "text"))
    return "".join(texts)


_LEVELS = 6  # of names in a chunk; what is deeper is a page's, or a post's


def _by_stream_names(value: Any, levels: int) -> Any:
    if isinstance(value, list):
        return [_by_stream_names(entry, levels) for entry in value]
    if not isinstance(value, dict) or not levels:
        return value
    # What is in a picture has names like `imageUrl` in a stream too (gateway.md 4.7).
    return {
        (plain := _HUMP.sub(r"_\g<0>", name).lower()): (
            entry if plain.endswith("_chunk") else _by_stream_names(entry, levels - 1)
        )
        for name, entry in value.items()
    }
