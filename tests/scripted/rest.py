"""Steps as the conversations endpoint would stream them: the layout of 2026 (rest.md 4)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripted import steps as s
from scripted.server import HANG_UP, MOMENT, SILENCE, STAY, Piece, Reply, Script

_TIME = "2026-04-20T09:15:02.155903118Z"


def as_json(value: Any) -> str:
    """JSON as the service writes it: no white space, and `<`, `>`, `&` escaped (rest.md 4.1)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    # Half a character cannot stand in UTF-8, so it can come as an escape only.
    return re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def line(value: Any) -> bytes:
    """One object and the end of its line."""
    return as_json(value).encode() + b"\n"


def frame(of: str, /, *, thinking: bool = False, **members: Any) -> bytes:
    """A frame of an answer, with the members that every frame has (rest.md 4.3)."""
    common = {"isThinking": thinking, "isSoftStop": False}
    return line({"result": {"response": {**members, **common, **({"responseId": of} if of else {})}}})


def prelude(conversation: str = s.CONVERSATION) -> list[bytes]:
    """What stands before the answer's first word (rest.md 4.4)."""
    opened = {"conversationId": conversation, "title": "New conversation", "createTime": _TIME, "temporary": False}
    asked = {"responseId": s.QUESTION, "message": "Hi", "sender": "human", "createTime": _TIME, "partial": False}
    header = {"token": "Thinking about your request", "messageTag": "header", "messageStepId": 0}
    return [
        line({"result": {"conversation": opened}}),
        frame(s.QUESTION, userResponse=asked),
        frame(s.ANSWER, uiLayout={"reasoningUiLayout": "UNIFIED", "willThinkLong": False, "rolloutIds": []}),
        frame(s.ANSWER, thinking=True, **header),
    ]


def response(final: s.Final) -> dict[str, Any]:
    """The stored answer, or the frame that says it (rest.md 4.9)."""
    return {
        "responseId": final.of,
        "message": final.text,
        "sender": "ASSISTANT",
        "createTime": _TIME,
        "parentResponseId": s.QUESTION,
        "manual": False,
        "partial": final.partial,
        "webSearchResults": [],
        "generatedImageUrls": [],
        "fileAttachments": [],
        "cardAttachmentsJson": [],
        "metadata": {},
        "streamErrors": [stream_error(error) for error in final.errors],
        **final.members,
    }


def stream_error(error: s.Error) -> dict[str, Any]:
    """A `StreamError` (rest.md 4.11)."""
    found: dict[str, Any] = {"message": error.message} if error.message else {}
    if error.severity:
        found["severity"] = f"STREAM_ERROR_SEVERITY_{error.severity}"
    if error.spelling == "kind":
        return {**found, "kind": error.kind, **error.details}
    return {**found, camel(error.kind): dict(error.details)} if error.kind else found


def camel(name: str) -> str:
    """A member's name as REST writes it."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def card_of(file: s.File) -> dict[str, Any]:
    """The card of a file that Grok made (rest.md 8.2)."""
    return {
        "id": file.id,
        "type": "render_file",
        "cardType": "rendered_file_card",
        "file_name": file.name,
        "mime_type": file.mime_type,
        "file_size": 12,
        "url": f"users/u/generated/{file.id}/{file.name}",
        "file_path": f"/artifacts/{file.name}",
    }


def _token(of: str, text: str, *, agent: str = "", thinking: bool = False) -> bytes:
    tagged = {"messageTag": "summary", "messageStepId": 1} if thinking else {"messageTag": "final"}
    return frame(of, token=text, thinking=thinking, **tagged, **({"rolloutId": agent} if agent else {}))


def _render(card_id: str, card_type: str, kind: str) -> str:
    return f'<grok:render card_id="{card_id}" card_type="{card_type}" type="{kind}"></grok:render>'


def _card(of: str, card: Mapping[str, Any], tag: str) -> list[bytes]:
    attachment = {"jsonData": json.dumps(card, separators=(",", ":"))}
    return [frame(of, cardAttachment=attachment, messageTag="final"), _token(of, tag)]


def _video(step: s.Video) -> list[bytes]:
    base = f"users/u/generated/{step.id}"
    done = {"videoUrl": f"{base}/generated_video.mp4", "thumbnailImageUrl": f"{base}/preview_image.jpg"}
    return [
        frame(step.of, streamingVideoGenerationResponse={"videoId": step.id, "progress": progress, **more})
        for progress, more in [(1, {}), (50, {}), (100, {**done, "moderated": False})]
    ]


def _picture(step: s.Picture) -> list[bytes]:
    if step.edited:
        chunk = {"imageUuid": step.id, "imageUrl": f"users/u/generated/{step.id}/image.jpg", "progress": 100}
        card = {"id": "e1", "type": "render_edited_image", "cardType": "edited_image_card", "image_chunk": chunk}
        return _card(step.of, card, _render("e1", "edited_image_card", "render_edited_image"))
    base = {"imageId": step.id, "imageIndex": 0, "moderated": False}
    return [
        frame(step.of, streamingImageGenerationResponse={**base, "progress": progress, "imageUrl": url})
        for progress, url in [
            (50, f"users/u/generated/{step.id}-part-0/image.jpg"),
            (100, f"users/u/generated/{step.id}/image.jpg"),
        ]
    ]


def pieces_of(step: s.Step) -> list[Piece]:  # noqa: C901, PLR0911, PLR0912 - one row a step
    """One step as lines of the body."""
    match step:
        case s.Text(text=text, agent=agent, of=of):
            return [_token(of, text, agent=agent)]
        case s.Thought(text=text, agent=agent, of=of):
            return [_token(of, text, agent=agent, thinking=True)]
        case s.Other(text=text, of=of):
            return [_token(of, text)]
        case s.Agents(names=names, of=of):
            return [frame(of, uiLayout={"reasoningUiLayout": "HEAVY", "rolloutIds": list(names)})]
        case s.Final():
            return [frame(step.of, modelResponse=response(step))]
        case s.Error():
            return [frame(step.of, error=stream_error(step))]
        case s.Refusal(code=code, message=message, flat=flat):
            status = {"code": code, "message": message, "details": []}
            return [line(status if flat else {"error": status})]
        case s.File():
            return [*_card(step.of, card_of(step), _render(step.id, "rendered_file_card", "render_file"))]
        case s.Citation(url=url, id=card_id):
            kind, card_type = "render_inline_citation", "citation_card"
            card = {"id": card_id, "type": kind, "cardType": card_type, "url": url}
            return [*_card(step.of, card, _render(card_id, card_type, kind))]
        case s.Picture():
            return [*_picture(step)]
        case s.Video():
            return [*_video(step)]
        case s.Conversation(id=conversation):
            return [line({"result": {"conversation": {"conversationId": conversation, "title": "New conversation"}}})]
        case s.Raw(rest=raw):
            return [] if raw is None else [raw]
        case s.Seen():
            return [SILENCE]
        case s.Moment():
            return [MOMENT]
        case s.Hang():
            return [STAY]
        case s.Cut():
            return [HANG_UP]
        case s.Late(step=late):
            return pieces_of(late)
        case s.End():
            return []
        case _:
            raise s.NotOnThisWire(step)


def body(steps: Sequence[s.Step]) -> list[Piece]:
    """The steps of an answer to `new`, its beginning among them."""
    return [*prelude(), *(piece for step in s.with_ending(steps) for piece in pieces_of(step))]


def script(steps: Sequence[s.Step], **replies: Reply | list[Reply]) -> Script:
    """A script that answers with these steps, and further requests with `replies` (`load_responses=...`)."""
    named = {name.replace("_", "-"): reply for name, reply in replies.items()}
    return Script({"turn": Reply(body(steps)), **named})


def stored(final: s.Final) -> dict[str, Reply]:
    """What the service says of an answer that is over: where it stands, and its text (rest.md 2.2)."""
    asked = {"responseId": s.QUESTION, "sender": "human", "message": "Hi"}
    nodes = [asked, {"responseId": final.of, "sender": "ASSISTANT", "parentResponseId": s.QUESTION}]
    whole = {"responses": [asked, response(final)], "inflightResponses": []}
    return {
        "response_node": Reply.of({"responseNodes": nodes, "inflightResponses": []}),
        "load_responses": Reply.of({"responses": [response(final)]}),
        "responses": Reply.of(whole),
    }


def running(steps: Sequence[s.Step]) -> dict[str, Reply]:
    """What the service says of an answer that goes on: where it stands, and its stream once more (rest.md 2.2)."""
    inflight = {"responseId": s.ANSWER, "status": "RESPONSE_STATUS_ACTIVE", "parentResponseId": s.QUESTION}
    nodes = {"responseNodes": [{"responseId": s.QUESTION, "sender": "human"}], "inflightResponses": [inflight]}
    stub = frame(s.ANSWER, modelResponse={**response(s.Final("")), "sender": ""})
    again = [stub, prelude()[-1], *(piece for step in s.with_ending(steps) for piece in pieces_of(step))]
    return {"response_node": Reply.of(nodes), "reconnect": Reply(again)}
