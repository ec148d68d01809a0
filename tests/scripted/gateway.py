"""Steps as the realtime gateway would send them, in either of its dialects (gateway.md 0.4 and 4)."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripted import rest
from scripted import steps as s
from scripted.server import HANG_UP, MOMENT, SILENCE, STAY, Close, Piece, Reply, Script

_RESPONSE = "CHANNEL_ASSISTANT_RESPONSE"


class Writer:
    """The events of one session, numbered as the service numbers them (gateway.md 2)."""

    def __init__(self, *, delta: bool = False) -> None:
        self._delta = delta
        self._name = uuid.uuid4().hex  # what two writers say in one session are different events
        self._numbers: Iterator[int] = itertools.count(1)
        self._text_is_over = False

    def event(self, kind: str, on: str = s.CONVERSATION, /, **members: Any) -> str:
        """One message."""
        event_id = f"evt_{self._name}_{next(self._numbers)}"
        return rest.as_json({"session_id": on, "event": {"type": kind, "event_id": event_id, **members}})

    # --- before the answer

    def session(self, conversation: str = s.CONVERSATION) -> list[Piece]:
        """What comes when a session is asked for."""
        return [
            self.event("session.created", conversation, client_event_id="$ASKED_BY", session={"model": "fast"}),
            self.event("conversation.attached", conversation, conversation={"id": conversation}, mode="new"),
            self.event("conversation.commands.updated", conversation),
        ]

    def prompt(self) -> list[Piece]:
        """What comes when the prompt was said."""
        item = {"id": s.QUESTION, "type": "message", "role": "user", "status": "completed"}
        return [self.event("conversation.queue.updated"), self.event("conversation.item.added", item=item)]

    def created(self) -> list[Piece]:
        """The answer begins."""
        response = {"id": s.ANSWER, "status": "in_progress", "output_modalities": ["text"]}
        item = {"id": s.ANSWER, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        layout = {"metadata": {"phase_index": 0}, "ui_layout": {"reasoning_ui_layout": "UNIFIED"}}
        return [
            self.event("response.created", client_event_id="$ASKED_BY", response=response),
            self.event("response.output_item.added", **_about(s.ANSWER), item=item),
            self.event("response.content_part.added", **_about(s.ANSWER), part={"type": "text", "text": ""}),
            *([] if self._delta else [self._chunk(s.ANSWER, layout)]),
            self._thought(s.ANSWER, "Thinking about your request", header=True),
        ]

    # --- the answer

    def _chunk(self, of: str, chunk: Mapping[str, Any]) -> str:
        return self.event("response.chunk", **_about(of), chunk=chunk)

    def _output(self, of: str, output: Mapping[str, Any]) -> str:
        return self.event("response.grok.output", **_about(of), output=output)

    def text(self, of: str, text: str, agent: str = "") -> str:
        """A piece of the answer."""
        if self._delta:
            if agent:
                raise s.NotOnThisWire(agent)
            return self.event("response.output_text.delta", **_about(of), delta=text)
        metadata = {"step_id": 0, "phase_index": 2, **({"rollout_id": agent} if agent else {})}
        return self._chunk(of, {"metadata": metadata, "text": {"text": text, "channel": _RESPONSE}})

    def _thought(self, of: str, text: str, agent: str = "", *, header: bool = False) -> str:
        if self._delta:
            return self.event("response.output_text.delta", **_about(of), delta=text, x_grok={"is_thinking": True})
        metadata = {"step_id": 0, "phase_index": 1, **({"rollout_id": agent} if agent else {})}
        channel = f"CHANNEL_ASSISTANT_{'NOTETAKER_HEADER' if header else 'THINKING'}"
        return self._chunk(of, {"metadata": metadata, "text": {"text": text, "channel": channel}})

    def _final(self, step: s.Final) -> list[Piece]:
        if step.partial or step.errors or step.members:
            raise s.NotOnThisWire(step)
        part = {"type": "text", "text": step.text}
        item = {"id": step.of, "type": "message", "role": "assistant", "status": "completed"}
        said: list[Piece] = [
            self.event("response.output_text.done", **_about(step.of), text=step.text),
            self.event("response.content_part.done", **_about(step.of), part=part),
            self.event("response.output_item.done", **_about(step.of), item=item),
        ]
        if self._delta:
            output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": step.text}]}]
            response = {"id": step.of, "status": "completed", "output": output}
            said.append(self.event("response.completed", response=response))
        return said

    def _error(self, step: s.Error) -> str:
        error: dict[str, Any] = {"message": step.message} if step.message else {}
        if step.severity:
            error["severity"] = f"STREAM_ERROR_SEVERITY_{step.severity}"
        details = {_snake(name): value for name, value in step.details.items()}
        if step.spelling == "kind":
            error |= {"kind": step.kind, **({"details": details} if details else {})}
        elif step.kind:
            error[step.kind] = details
        return self._output(step.of, {"stream_error": error})

    def _card(self, of: str, chunk: Mapping[str, Any], card: Mapping[str, Any]) -> str:
        """A thing that the chunk dialect has a member for, and the delta dialect a card."""
        if self._delta:
            return self._output(of, {"card_attachment": card})
        return self._chunk(of, {"metadata": {"step_id": 1}, **chunk})

    def _file(self, step: s.File) -> list[Piece]:
        card = rest.card_of(step)
        preview = {name: card[name] for name in ("id", "file_name", "mime_type", "url", "file_path")}
        said: list[Piece] = [self._card(step.of, {"render_file_preview": preview}, card)]
        if self._delta:
            said.append(self.text(step.of, _tag(step.id, "rendered_file_card", "render_file")))
        return said

    def _picture(self, step: s.Picture) -> list[Piece]:
        url = f"users/u/generated/{step.id}/image.jpg"
        picture = {"imageUuid": step.id, "imageUrl": url, "progress": 100, "moderated": False}
        kind, card_id = ("edited", "e1") if step.edited else ("generated", "x1Xyo")
        card = {"id": card_id, "type": f"render_{kind}_image", "cardType": f"{kind}_image_card"}
        chunk = {f"render_{kind}_image": {"id": card_id, "image_chunk": picture}}
        return [self._card(step.of, chunk, {**card, "image_chunk": picture})]

    def _video(self, step: s.Video) -> list[Piece]:
        video = {"id": step.id, "videoUrl": f"users/u/generated/{step.id}/generated_video.mp4", "progress": 100}
        if self._delta:
            return [self._output(step.of, {"generated_video": video})]
        return [self._chunk(step.of, {"metadata": {"step_id": 1}, "render_generated_video": video})]

    def _citation(self, step: s.Citation) -> list[Piece]:
        if self._delta:
            tag = _tag(step.id, "citation_card", "render_inline_citation")
            return [
                self.text(step.of, tag),
                self._output(step.of, {"card_attachment": {"id": step.id, "url": step.url}}),
            ]
        citation = {"id": step.id, "kind": "CITATION_KIND_WEB_PAGE", "url": step.url, "citation_id": 0}
        return [self._chunk(step.of, {"metadata": {"step_id": 3}, "render_citation": citation})]

    def _ask(self, step: s.Ask) -> str:
        if self._delta:
            raise s.NotOnThisWire(step)
        asked = {"question": step.question}
        request = {"tool_call_id": "call_1", "tool_name": "ask_user", "description": step.question}
        return self._chunk(
            step.of, {"metadata": {"step_id": 1}, "user_input_request": {**request, "user_question": asked}}
        )

    def _done(self, of: str, status: str, **details: Any) -> str:
        response = {"id": of, "status": status, "output_modalities": ["text"]}
        return self.event("response.done", response={**response, **({"status_details": details} if details else {})})

    def pieces_of(self, step: s.Step) -> list[Piece]:  # noqa: C901, PLR0911, PLR0912 - one row a step
        """One step as messages."""
        match step:
            case s.Text(text=text, agent=agent, of=of):
                return [self.text(of, text, agent)]
            case s.Thought(text=text, agent=agent, of=of):
                return [self._thought(of, text, agent)]
            case s.Other(text=text, of=of):
                return [self.text(of, text)]
            case s.Agents(names=names, of=of):
                if self._delta:
                    raise s.NotOnThisWire(step)
                return [self._chunk(of, {"ui_layout": {"reasoning_ui_layout": "HEAVY", "rollout_ids": list(names)}})]
            case s.Final():
                return self._final(step)
            case s.Error():
                return [self._error(step)]
            case s.Refusal(code=code, message=message, flat=flat):
                if flat:
                    raise s.NotOnThisWire(step)
                return [self.event("error", error={"code": code, "message": message})]
            case s.File():
                return self._file(step)
            case s.Citation():
                return self._citation(step)
            case s.Picture():
                return self._picture(step)
            case s.Video():
                return self._video(step)
            case s.Ask():
                return [self._ask(step)]
            case s.Conversation(id=conversation):
                return [self.event("conversation.attached", conversation={"id": conversation}, mode="new")]
            case s.Raw(gateway=raw):
                return [] if raw is None else [raw]
            case s.Seen():
                return [SILENCE]
            case s.Moment():
                return [MOMENT]
            case s.Hang():
                return [STAY]
            case s.Cut():
                return [HANG_UP]
            case s.Closed(code=code, reason=reason):
                return [Close(code, reason)]
            case s.Ended(reason=reason):
                return [self.event("session.ended", **({"reason": reason} if reason else {})), Close(1000)]
            case s.Done(status=status, reason=reason, error=error, of=of):
                details = {"reason": reason} if reason else {}
                return [self._done(of, status, **details, **({"error": dict(error)} if error else {}))]
            case s.End(of=of):
                return [self._done(of, "completed")]
            case s.Late(step=late):
                return self.pieces_of(late)
            case _:
                raise s.NotOnThisWire(step)

    def answer(self, steps: Sequence[s.Step]) -> list[Piece]:
        """The steps up to the ending; what is late comes after it."""
        said: list[Piece] = []
        is_over = False
        for step in s.with_ending(steps):
            if isinstance(step, s.Late) and not is_over:
                said.append(self._done(s.ANSWER, "completed"))
            is_over = is_over or isinstance(step, s.ENDINGS)
            said += [said[-1]] * step.events if isinstance(step, s.Again) else self.pieces_of(step)
        if not isinstance(said[-1], Close) and said[-1] not in (HANG_UP, STAY):
            said += [self.event("response.persisted", status="ok"), Close(1000)]
        return said


def _about(of: str) -> dict[str, str]:
    return {"response_id": of, "item_id": of}


def _tag(card_id: str, card_type: str, kind: str) -> str:
    return f'<grok:render card_id="{card_id}" card_type="{card_type}" type="{kind}"></grok:render>'


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def script(
    steps: Sequence[s.Step],
    *,
    delta: bool = False,
    before: Sequence[s.Step] = (),
    unbegun: bool = False,
    **replies: Reply | list[Reply],
) -> Script:
    """A script that answers with these steps.

    Args:
        steps: The answer.
        delta: Whether in the delta dialect.
        before: What comes before the answer is created.
        unbegun: Whether it never is.
        replies: To further requests (`response_node=...`).
    """
    writer = Writer(delta=delta)
    socket: dict[str, list[Piece]] = {
        "session.create": writer.session(),
        "conversation.item.create": writer.prompt(),
        "response.create": [
            *(piece for step in before for piece in writer.pieces_of(step)),
            *([] if unbegun else writer.created()),
            *(writer.answer(steps) if steps or not unbegun else []),
        ],
    }
    return Script({name.replace("_", "-"): reply for name, reply in replies.items()}, socket)
