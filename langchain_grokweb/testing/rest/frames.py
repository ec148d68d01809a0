"""A composed answer -> the frames of the conversations endpoint (rest.md 4.4 to 4.10).

Two profiles. 2025, the seed era: tokens without tags, then finalMetadata, modelResponse, title. 2026: layout,
model hash and the header placeholder first, a tag on every token, a soft stop before finalMetadata. Citations
exist in the 2026 form only, so both profiles use it. An answer of 2025 with pictures of shape "a" carries its
soft stop on the last token.

`FrameWriter` writes one turn. It yields frames as lists, knows nothing of sockets, and leaves envelopes to
`encoding`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_grokweb.testing.rest.frame_parts import response_frame, search_card, search_results, search_token
from langchain_grokweb.testing.rest.mischief import spoiled
from langchain_grokweb.testing.state.composition import (
    Composition,
    Mark,
    Picture,
    Search,
    Text,
    Thought,
    card_json,
    tokens_of,
)
from langchain_grokweb.testing.state.conversations import Conversation, Node
from langchain_grokweb.testing.state.faults import LINE_ERRORS, Fault
from langchain_grokweb.testing.state.inflight import Frame
from langchain_grokweb.testing.state.responses import (
    MODEL_HASH,
    Era,
    conversation_object,
    response_object,
)
from langchain_grokweb.testing.state.storage import (
    IMAGE_SIDE,
    STORED_LAYOUT,
    keep,
    keep_stopped,
    metadata,
    stream_error,
)

PLACEHOLDER = "Thinking about your request"
FOLLOW_UPS = ("Tell me more", "Give me an example")

_LAYOUT: Mapping[str, Any] = {
    "reasoningUiLayout": "UNIFIED",
    "willThinkLong": False,
    "effort": "LOW",
    "steerModelId": "",
    "rolloutIds": [],
}


def error_line(name: str) -> dict[str, Any]:
    """The content of an `error` line of this kind."""
    kind = LINE_ERRORS[name]
    return {"code": kind.code, "message": kind.message, "details": []}


@dataclass(slots=True)
class FrameWriter:
    """Writes the frames of one turn.

    Attributes:
        era: The profile.
        conversation: Where the turn belongs; its frame is written where `is_new`.
        question: The node of the question.
        answer: The node of the answer; filled in when the answer is composed or stopped.
        is_new: The conversation begins with this turn.
        final_metadata: `sendFinalMetadata` of the request.
        follow_ups: False for `disableTextFollowUps` of the request.
    """

    era: Era
    conversation: Conversation
    question: Node
    answer: Node
    is_new: bool
    final_metadata: bool = True
    follow_ups: bool = True
    _steps: int = 0
    _marks: int = 0
    _rollout: str | None = None

    def opening(self) -> list[Frame]:
        """What comes at once, before there is an answer."""
        said: dict[str, Any] = {"userResponse": response_object(self.question, self.era)}
        frames = [response_frame(self.question.response_id, said, is_opening=True)]
        if self.is_new:
            found = {"conversation": conversation_object(self.conversation, self.era)}
            frames.insert(0, Frame("result", found, is_opening=True))
        return frames

    def answered(self, composition: Composition, title: str | None, faults: Sequence[Fault]) -> list[Frame]:
        """The answer from the first to the last frame; fills in the node."""
        keep(self.answer, composition, self.era)
        frames = [*self._head(composition), *self._body(composition)]
        error = composition.reply.error
        if error is not None and error in LINE_ERRORS:
            frames.append(Frame("error", error_line(error)))
        else:
            frames += self._tail(composition, title)
        for fault in faults:
            frames = spoiled(frames, fault, self.answer.response_id)
        return frames

    def stopped(self, text: str) -> list[Frame]:
        """How a stopped answer ends: a soft stop, and a modelResponse with the text so far. A guess."""
        keep_stopped(self.answer, text, self.era)
        return [self.soft_stop(), self.model_response()]

    def stub(self) -> Frame:
        """The empty modelResponse that opens a reconnected stream (rest.md 2.2)."""
        empty = Node(self.answer.response_id, "", "", self.answer.parent_id, self.answer.create_time)
        if self.era == "2026":
            empty.details = {
                "metadata": metadata(),
                "uiLayout": self.answer.details.get("uiLayout", STORED_LAYOUT),
            }
        return self._frame({"modelResponse": response_object(empty, self.era)})

    def keep_alive(self) -> Frame:
        """A frame that says nothing."""
        return self._frame({"keepAlive": {}})

    def _frame(self, body: Mapping[str, Any], **members: Any) -> Frame:
        return response_frame(self.answer.response_id, body, **members)

    def _head(self, composition: Composition) -> Iterator[Frame]:
        if self.era == "2025":
            return
        self._rollout = "Grok" if composition.of(Search) else None
        yield self._frame({"uiLayout": dict(_LAYOUT)}, is_opening=True)
        yield self._frame({"llmInfo": {"modelHash": MODEL_HASH}}, is_opening=True)
        yield self._thinking_token(PLACEHOLDER, "header")

    def _body(self, composition: Composition) -> list[Frame]:
        frames = list(self._reasoning(composition))
        for step in composition.steps:
            frames += self._step(step, composition)
        if self.era == "2025" and any(one.shape == "a" for one in composition.of(Picture)):
            frames[-1].body["isSoftStop"] = True
        return frames

    def _step(self, step: Any, composition: Composition) -> Iterable[Frame]:
        if isinstance(step, Search):
            return self._search(step)
        if isinstance(step, Text):
            return [self._token(token) for token in step.tokens]
        if isinstance(step, Mark):
            return [self._card(step.card), *self._tag(step.tag)]
        if isinstance(step, Picture) and step.shape == "b":
            return self._picture_card(step)
        if isinstance(step, Picture):
            return self._picture_frames(step, [one for one in composition.of(Picture) if one.shape == "a"])
        return ()

    # -- reasoning and tools

    def _reasoning(self, composition: Composition) -> Iterator[Frame]:
        if self.era == "2025":
            tokens = ["", *tokens_of(composition.trace)] if composition.trace else []
            yield from (self._frame({"token": one}, thinking=True, is_token=True) for one in tokens)
            return
        for thought in composition.of(Thought):
            self._steps += 1
            if thought.header:
                yield self._thinking_token(thought.header, "header")
            yield from (self._thinking_token(token, "summary") for token in tokens_of(thought.text))

    def _thinking_token(self, token: str, tag: str) -> Frame:
        return self._frame(
            {"token": token}, thinking=True, tag=tag, step=self._steps, rollout=self._rollout, is_token=True
        )

    def _search(self, search: Search) -> list[Frame]:
        if self.era == "2025":
            return [self._frame(search_results(search))]
        self._steps += 1
        card = {"token": search_token(search), "toolUsageCard": search_card(search)}
        return [
            self._tool_frame(card, "tool_usage_card", search.card_id),
            self._tool_frame({"token": "", **search_results(search)}, "raw_function_result", search.card_id),
        ]

    def _tool_frame(self, body: Mapping[str, Any], tag: str, card_id: str) -> Frame:
        return self._frame(body, thinking=True, tag=tag, step=self._steps, card_id=card_id, rollout=self._rollout)

    # -- the text and its cards

    def _token(self, token: str) -> Frame:
        tag = None if self.era == "2025" else "final"
        return self._frame({"token": token}, tag=tag, text=token, is_token=True)

    def _card(self, card: Mapping[str, Any]) -> Frame:
        return self._frame({"cardAttachment": {"jsonData": card_json(card)}}, tag="final")

    def _tag(self, tag: str) -> list[Frame]:
        """The tag in one token, every second one in two (rest.md 4.5)."""
        self._marks += 1
        middle = len(tag) // 2
        pieces = [tag] if self._marks % 2 else [tag[:middle], tag[middle:]]
        return [self._frame({"token": one}, tag="final", text=one, is_token=True) for one in pieces]

    # -- pictures

    def _picture_card(self, picture: Picture) -> list[Frame]:
        """Intent, tag, preview, picture; a moderated one never gets beyond its preview."""
        frames = [self._card(picture.card(None)), *self._tag(picture.tag)]
        frames.append(self._card(picture.card(picture.chunk(finished=False))))
        if not picture.moderated:
            frames.append(self._card(picture.card(picture.chunk(finished=True))))
        return frames

    def _picture_frames(self, picture: Picture, pictures: Sequence[Picture]) -> Iterator[Frame]:
        """All pictures at the place of the first one: their previews, then the finished ones."""
        if picture is not pictures[0]:
            return
        yield self._frame({"imageAttachmentInfo": {"imageAttachmentCount": len(pictures)}})
        yield self._progress("PROGRESS_REPORT_STATUS_PENDING", "Generating images", 0)
        yield self._frame({"imageDimensions": {"width": IMAGE_SIDE, "height": IMAGE_SIDE}})
        for finished in (False, True):
            yield from (self._picture_frame(one, finished=finished) for one in pictures)
        yield self._progress("PROGRESS_REPORT_STATUS_SUCCESS", "", 100)

    def _picture_frame(self, picture: Picture, *, finished: bool) -> Frame:
        body: dict[str, Any] = {
            "imageUrl": picture.key if finished else picture.preview_key,
            "seq": int(finished),
            "progress": 100 if finished else 50,
            "moderated": picture.moderated and finished,
            "imageId": picture.image_id,
            "imageIndex": picture.index,
            "imageModel": "imagine_x_1",
        }
        if finished:
            body["assetId"] = picture.image_id
        return self._frame({"streamingImageGenerationResponse": body})

    def _progress(self, state: str, message: str, percentage: int) -> Frame:
        body = {"category": "TOOL_PROCESSING", "state": state, "message": message, "percentage": percentage}
        return self._frame({"progressReport": body})

    # -- the end

    def _tail(self, composition: Composition, title: str | None) -> Iterator[Frame]:
        if composition.reply.error is not None:
            yield self._frame({"error": stream_error(composition.reply.error)})
        if self.era == "2026":
            yield self.soft_stop()
        if self.final_metadata:
            yield self._frame({"finalMetadata": self._final_metadata()})
        yield self.model_response()
        if title is not None:
            yield Frame("result", {"title": {"newTitle": title}})

    def soft_stop(self) -> Frame:
        """The end of the text."""
        tag = None if self.era == "2025" else "final"
        return self._frame({"token": ""}, soft_stop=True, tag=tag)

    def _final_metadata(self) -> dict[str, Any]:
        labels = FOLLOW_UPS if self.follow_ups and self.era == "2026" else ()
        suggestions = [
            {"properties": {"messageType": "", "followUpType": ""}, "label": label, "toolOverrides": {}}
            for label in labels
        ]
        return {
            "followUpSuggestions": suggestions,
            "feedbackLabels": [],
            "toolsUsed": {},
            "disclaimer": "",
        }

    def model_response(self) -> Frame:
        """The definitive answer."""
        return self._frame({"modelResponse": response_object(self.answer, self.era)}, completes=True)
