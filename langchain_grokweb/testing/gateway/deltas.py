"""The delta dialect (gateway.md 0.4 and 4.6 to 4.8): what a client gets that does not ask for chunks.

Each chunk is said in the older words. Tags stand in the text, cut in two, and cited pages come after it; thinking is
text that says so; searches and what was made are outputs beside it.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from langchain_grokweb.testing.gateway.events import said
from langchain_grokweb.testing.gateway.writer import GatewayWriter
from langchain_grokweb.testing.state.assets import drawn, preview
from langchain_grokweb.testing.state.chunks import RESPONSE
from langchain_grokweb.testing.state.inflight import Frame

_POST_URL = "https://x.com/{userhandle}/status/{post_id}"


class DeltaWriter(GatewayWriter):
    """Writes the events of one turn in deltas."""

    _text = ""  # of the answer so far

    def _in_dialect(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames in deltas; chunks that name no response (late headers) are left out."""
        cited = list[Frame]()
        for frame in frames:
            self._text += frame.text
            match frame.body:
                case {"type": "response.chunk", "response_id": response_id, "chunk": chunk}:
                    bodies = list(_bodies(chunk, frame.text, response_id)) if response_id else []
                    for body in bodies:
                        part = None if frame.text or body is not bodies[-1] else frame.part
                        yield replace(frame, body=body, text=body.get("delta", "") if frame.text else "", part=part)
                    if page := chunk.get("render_citation"):
                        cited.append(said(_output("card_attachment", {"id": page["id"], "url": page["url"]})))
                case {"type": "response.output_text.done"}:
                    yield replace(frame, body={**frame.body, "text": self._text})
                    yield from cited
                case {"type": "response.content_part.done"}:
                    yield replace(frame, body={**frame.body, "part": {"type": "text", "text": self._text}})
                case {"type": "response.done", "response": {"id": response_id, "status": "completed"}}:
                    content = [{"type": "output_text", "text": self._text}]
                    message = {"type": "message", "role": "assistant", "content": content}
                    response = {"id": response_id, "status": "completed", "output": [message]}
                    yield said({"type": "response.completed", "response": response})
                    yield frame
                case _:
                    yield frame


def _bodies(chunk: Mapping[str, Any], tag: str, response_id: str) -> Iterator[dict[str, Any]]:
    """One chunk, as events. How X searches, files and videos are spelled here is a guess."""
    delta = {"type": "response.output_text.delta", "response_id": response_id, "item_id": response_id}
    match chunk:
        case {"text": {"text": text, **rest}}:
            thinking = {"x_grok": {"is_thinking": True}} if rest.get("channel", RESPONSE) != RESPONSE else {}
            yield {**delta, "delta": text, **thinking}
            return
        case {"tool_usage_card": {"web_search": _} | {"x_search": _} as card}:
            searches = {name: tool["args"] for name, tool in card.items() if name.endswith("_search")}
            yield _output("tool_usage_card", searches)
        case {"tool_result": {"web_search": results}}:
            yield from _results("web_search", [(one["url"], one["title"]) for one in results.get("webpages", ())])
        case {"tool_result": {"x_post": results}}:
            posts = [(_POST_URL.format(**one), one["text"]) for one in results.get("posts", ())]
            yield from _results("x_search", posts)
        case {"render_start": _} | {"render_generated_image": _} | {"render_edited_image": _}:
            yield _picture(chunk)
        case {"render_file_preview": file}:
            yield _output("card_attachment", {"type": "render_file", "cardType": "rendered_file_card", **file})
        case {"render_generated_video": video}:
            yield _output("generated_video", video)
        case {"progress_report": {"message": message}}:
            yield _output("progress_report", {"message": message})
    middle = len(tag) // 2
    yield from ({**delta, "delta": piece} for piece in (tag[:middle], tag[middle:]) if piece)


def _results(kind: str, entries: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """What a search found, twice."""
    pages = [{"url": url, "title": title} for url, title in entries]
    yield {"type": "response.search.result", "result": {"search_type": kind, "web_results": pages}}
    yield _output("tool_result", {f"{kind}_results": pages})


def _picture(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a picture: announced, its preview, or finished.

    The preview comes as a data URL; of an edited picture it shows the wish alone.
    """
    kind = "edited_image" if "edited_image" in str(chunk.keys() | chunk.get("render_start", ())) else "generated_image"
    shown = chunk.get(f"render_{kind}")
    start = shown or chunk["render_start"]
    prompt = shown["query"] if shown else start[kind]["prompt"]
    image = shown["image_chunk"] if shown else None
    if image and not image["seq"]:
        encoded = base64.b64encode(preview(drawn(prompt))).decode()
        image = {**image, "imageUrl": f"data:image/jpeg;base64,{encoded}"}
    card = {"id": start["id"], "type": f"render_{kind}", "cardType": f"{kind}_card", "prompt": prompt}
    return _output("card_attachment", {**card, "image_chunk": image})


def _output(name: str, content: Any) -> dict[str, Any]:
    return {"type": "response.grok.output", "output": {name: content}}
