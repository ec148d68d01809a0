"""An answer of the gateway, told again in the words of the conversations endpoint.

Whoever reconnects to an answer does so over that endpoint, on whichever wire it was asked for (gateway.md 3.4). How
such an answer is worded there was never captured; that both wires spell the same messages is known (rest.md 0.2), so
each chunk is told as the frame that holds the same thing. A header begins a step of its own. Of the delta dialect,
only the text is told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.testing.rest.frame_parts import response_frame
from langchain_grokweb.testing.rest.frames import FrameWriter
from langchain_grokweb.testing.state.composition import card_json, web_result
from langchain_grokweb.testing.state.inflight import Frame

_HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
_ANSWER = "CHANNEL_ASSISTANT_RESPONSE"
_RESULTS = {"web_search": ("webSearchResults", "webpages"), "x_post": ("xSearchResults", "posts")}


@dataclass(slots=True)
class Retelling:
    """Tells the frames of one answer; `writer` is one of the conversations endpoint for it."""

    writer: FrameWriter
    _headers: int = -1  # the placeholder is the header of step 0

    def frames(self, frame: Frame) -> list[Frame]:
        """What is said in place of a frame of the gateway's log."""
        body = frame.body if isinstance(frame.body, dict) else {}
        if body.get("type") == "conversation.title.updated":
            return [Frame("result", {"title": {"newTitle": body["title"]}})]
        if body.get("response_id") == "":  # a late header, which is of no response
            return []
        told = list(self._told(frame, body.get("chunk") or {}))
        return [*told, self.writer.soft_stop(), self.writer.model_response()] if frame.completes else told

    def _told(self, frame: Frame, chunk: Mapping[str, Any]) -> Iterator[Frame]:
        if "text" in chunk and chunk["text"]["channel"] != _ANSWER:
            yield self._thought(chunk["text"])
        elif "tool_usage_card" in chunk:
            yield self._tool_card(chunk["tool_usage_card"])
        elif "tool_result" in chunk:
            yield from self._tool_result(chunk["tool_result"])
        elif "follow_up_suggestions" in chunk:
            yield self._frame({"finalMetadata": _final_metadata(chunk["follow_up_suggestions"]["suggestions"])})
        else:
            yield from self._spoken(frame, chunk)

    def _spoken(self, frame: Frame, chunk: Mapping[str, Any]) -> Iterator[Frame]:
        if "render_citation" in chunk:
            found = chunk["render_citation"]
            card = {"type": "render_inline_citation", "cardType": "citation_card", "url": found["url"]}
            yield self._card({"id": found["id"], **card})
        elif "render_start" in chunk:
            found = chunk["render_start"]
            yield self._card(_picture(found["id"], found["generated_image"]["prompt"], None))
        elif "render_generated_image" in chunk:
            found = chunk["render_generated_image"]
            yield self._card(_picture(found["id"], found["query"], found["image_chunk"]))
        if frame.text:
            yield self._frame({"token": frame.text}, tag="final", text=frame.text, is_token=True)

    def _thought(self, text: Mapping[str, str]) -> Frame:
        is_header = text["channel"] == _HEADER
        self._headers += is_header
        return self._frame(
            {"token": text["text"]}, thinking=True, tag="header" if is_header else "summary", step=max(0, self._headers)
        )

    def _tool_card(self, card: Mapping[str, Any]) -> Frame:
        card_id = card["tool_usage_card_id"]
        uses = {_camel(name): use for name, use in card.items() if isinstance(use, dict)}
        twin = {"toolUsageCardId": card_id, **uses}
        return self._tool_frame({"token": "", "toolUsageCard": twin}, "tool_usage_card", card_id)

    def _tool_result(self, result: Mapping[str, Any]) -> Iterator[Frame]:
        for kind, (member, inside) in _RESULTS.items():
            if kind in result:
                found = [_found(one) for one in result[kind].get(inside, ())]
                body = {"token": "", member: {"results": found}}
                yield self._tool_frame(body, "raw_function_result", result["tool_call_id"])

    def _tool_frame(self, body: Mapping[str, Any], tag: str, card_id: str) -> Frame:
        return self._frame(body, thinking=True, tag=tag, step=max(0, self._headers), card_id=card_id)

    def _card(self, card: Mapping[str, Any]) -> Frame:
        return self._frame({"cardAttachment": {"jsonData": card_json(card)}}, tag="final")

    def _frame(self, body: Mapping[str, Any], **members: Any) -> Frame:
        return response_frame(self.writer.answer.response_id, body, **members)


def _picture(card_id: str, prompt: str, chunk: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": card_id,
        "type": "render_generated_image",
        "cardType": "generated_image_card",
        "prompt": prompt,
        "image_chunk": chunk,
    }


def _found(result: Mapping[str, Any]) -> dict[str, Any]:
    """A page, or a post of X, as a result of this wire."""
    if "post_id" not in result:
        return web_result(result)
    camel = {_camel(name): value for name, value in result.items()}
    return {"username": camel.pop("userhandle"), **camel}


def _final_metadata(suggestions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    said = [{"label": one["label"], "toolOverrides": {}} for one in suggestions]
    return {"followUpSuggestions": said, "feedbackLabels": [], "toolsUsed": {}, "disclaimer": ""}


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
