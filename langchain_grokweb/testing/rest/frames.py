"""A composed answer -> the frames of the conversations endpoint (rest.md 4.4 to 4.10).

Two profiles. 2025, the seed era: tokens without tags, then finalMetadata, modelResponse, title. 2026: layout,
model hash and the header placeholder first, a tag on every token, a soft stop before finalMetadata. Citations
exist in the 2026 form only, so both profiles use it. Pictures of shape "a" in 2025, and videos, carry the soft stop on
the last token of their text.

`FrameWriter` writes one turn, or says an answer of the gateway again in the words of this wire. It yields frames as
lists, knows nothing of sockets, and leaves envelopes to `stream`. Content faults change its frames at the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import uuid4

from langchain_grokweb.testing.state import stored
from langchain_grokweb.testing.state.assets import SIDE
from langchain_grokweb.testing.state.chunks import PLACEHOLDER
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
    card_json,
    tokens_of,
)
from langchain_grokweb.testing.state.conversations import Node
from langchain_grokweb.testing.state.faults import LINE_ERRORS, Fault
from langchain_grokweb.testing.state.inflight import Frame, Writer
from langchain_grokweb.testing.state.mischief import GARBAGE, has, spoiled

AGENTS = ("Grok", "Harper", "Benjamin", "Lucas")
FOLLOW_UPS = ("Tell me more", "Give me an example")

_CARD = "tool_usage_card"
_MEMBERS_OF_2026 = frozenset({"messageTag", "messageStepId", "toolUsageCardId", "rolloutId"})
_LAYOUT = {**stored.STORED_LAYOUT, "willThinkLong": False, "effort": "LOW", "steerModelId": "", "rolloutIds": []}


@dataclass(slots=True)
class FrameWriter(Writer):
    """Writes the frames of one turn; `steps` is the number of the step that is under way."""

    steps: int = 0
    _marks: int = 0
    _rollout: str | None = None
    _has_begun: bool = False

    def opening(self) -> list[Frame]:
        """What comes at once, before there is an answer."""
        asked: dict[str, Any] = {"userResponse": stored.response_object(self.question, self.ask.era)}
        frames = [self._frame(asked, response_id=self.question.response_id, is_opening=True)]
        if self.ask.conversation_id is None:
            begun = {"conversation": stored.conversation_object(self.conversation, self.ask.era)}
            frames.insert(0, Frame("result", begun, is_opening=True))
        if self.ask.era == "2026" and "fileAttachments" in self.question.details:
            reading = ("PROGRESS_REPORT_CATEGORY_ATTACHMENTS_PREPROCESSING", "Reading attachments")
            frames += [self._progress(*reading, percentage, is_opening=True) for percentage in (0, 100)]
        return frames

    def answered(self, composition: Composition, title: str | None, faults: Sequence[Fault]) -> list[Frame]:
        """The answer from the first to the last frame; fills in the node."""
        stored.keep(self.answer, composition, self.ask.era)
        frames = [*self._head(has_searched=bool(composition.of(Search))), *self._body(composition.rest)]
        error = composition.reply.error
        if error is not None and error in LINE_ERRORS:
            frames.append(Frame("error", LINE_ERRORS[error].body))
        else:
            frames += self._tail(composition, title)
        for fault in faults:
            frames = self._spoiled(frames, fault)
        return frames

    def stopped(self, text: str) -> list[Frame]:
        """How a stopped answer ends: a soft stop, and a modelResponse with the text so far. A guess."""
        stored.keep_stopped(self.answer, text, self.ask.era)
        return [self._soft_stop(), self._model_response()]

    def stub(self) -> Frame:
        """The empty modelResponse that opens a reconnected stream (rest.md 2.2)."""
        empty = Node(self.answer.response_id, "", "", self.answer.parent_id, self.answer.create_time)
        if self.ask.era == "2026":
            layout = self.answer.details.get("uiLayout", stored.STORED_LAYOUT)
            empty.details = {"metadata": stored.metadata(), "uiLayout": layout}
        return self._frame({"modelResponse": stored.response_object(empty, self.ask.era)})

    def keep_alive(self) -> Frame:
        """A frame that says nothing."""
        return self._frame({"keepAlive": {}})

    def _frame(
        self,
        body: Mapping[str, Any],
        *,
        response_id: str = "",
        thinking: bool = False,
        soft_stop: bool = False,
        tag: str | None = None,
        step: int | None = None,
        card_id: str | None = None,
        rollout: str | None = None,
        **options: Any,
    ) -> Frame:
        """A response frame with the members that all of them share, in wire order (rest.md 4.3).

        `response_id` is the answer's where it is left out; `options` are those of `Frame`.
        """
        optional = {"messageTag": tag, "messageStepId": step, "responseId": response_id or self.answer.response_id}
        optional |= {"toolUsageCardId": card_id, "rolloutId": rollout}
        left_out = _MEMBERS_OF_2026 if self.ask.era == "2025" else ()
        members = {**body, "isThinking": thinking, "isSoftStop": soft_stop}
        members |= {name: one for name, one in optional.items() if one is not None and name not in left_out}
        return Frame("response", members, **options)

    def streamed(self, part: Thought | Text) -> list[Frame]:
        """A thought or words of an answer that is not whole yet."""
        frames = list(self._head())
        if isinstance(part, Thought):
            self.steps = 1
            return [*frames, *(self._thinking_token(token, "summary") for token in tokens_of(part.text))]
        return [*frames, *map(self._token, part.tokens)]

    def _head(self, *, has_searched: bool = False) -> Iterator[Frame]:
        if self.ask.era == "2025" or self._has_begun:
            return
        self._has_begun = True
        self._rollout = "Grok" if has_searched else None
        yield self._frame({"uiLayout": dict(_LAYOUT)}, is_opening=True)
        yield self._frame({"llmInfo": {"modelHash": stored.MODEL_HASH}}, is_opening=True)
        yield self._thinking_token(PLACEHOLDER, "header")

    def _body(self, composition: Composition) -> list[Frame]:
        frames = list(self._reasoning(composition))
        apart = [one for one in composition.of(Picture) if one.shape == "a"]
        for step in composition.steps:
            frames += self._step(step, apart)
        if (apart and self.ask.era == "2025") or composition.of(Video):
            frames[-1].body["isSoftStop"] = True
        return frames

    def _step(self, step: Step, apart: Sequence[Picture] = ()) -> Iterable[Frame]:  # noqa: PLR0911 - one for each kind
        """One step of an answer; the pictures in frames of their own, `apart`, all stand where the first one does."""
        match step:
            case Search():
                if self.ask.era == "2025":
                    return [self._results(step)]
                self.steps += 1
                card = {"token": stored.search_token(step), "toolUsageCard": stored.search_card(step)}
                return [self._tool_frame(card, _CARD, step.card_id), self._results(step)]
            case Text():
                return [self._token(token) for token in step.tokens]
            case Mark() | MadeFile():
                return [self._card(step.card), *self._tag(step.tag)]
            case Video():
                states = [{**step.progress(percent), "modelName": "imagine_x_1"} for percent in VIDEO_PROGRESS]
                return [self._frame({"streamingVideoGenerationResponse": state}) for state in states]
            case Picture(shape="b"):
                return self._picture_card(step)
            case Picture() if step is apart[0]:
                return self._picture_frames(apart)
            case Thought() | Picture():  # reasoning comes before all else, and so do the other pictures apart
                return ()
            case _:
                assert_never(step)

    def translate(self, frame: Frame) -> list[Frame]:
        """An answer of the gateway in the frames of this wire, one by one; the part of a frame says what it stands for.

        How such an answer is worded here was never captured; that both wires spell the same messages is known
        (rest.md 0.2). Parts that take several frames there are said with the last of them.
        """
        body = frame.body if isinstance(frame.body, dict) else {}
        if body.get("type") == "conversation.title.updated":
            return [Frame("result", {"title": {"newTitle": body["title"]}})]
        card = body.get("chunk", {}).get("tool_usage_card")
        if card is not None:
            return [
                self._tool_frame({"token": "", "toolUsageCard": stored.camel(card)}, _CARD, card["tool_usage_card_id"])
            ]
        match frame.part:
            case Thought():
                frames = list(self._thought(frame.part))
            case Search():
                frames = [self._results(frame.part)]
            case Picture(shape="a"):
                frames = [self._picture_frame(frame.part, finished=finished) for finished in (False, True)]
            case Picture():
                frames = [one for one in self._picture_card(frame.part) if not one.text]  # the tag came before
            case None:
                frames = [self._token(frame.text)] if frame.text else []
            case _:
                frames = list(self._step(frame.part))
        return [*frames, self._soft_stop(), *self._follow_ups(), self._model_response()] if frame.completes else frames

    # -- reasoning and tools

    def _reasoning(self, composition: Composition) -> Iterator[Frame]:
        if self.ask.era == "2025":
            tokens = ["", *tokens_of(composition.trace)] if composition.trace else []
            yield from (self._frame({"token": one}, thinking=True, is_token=True) for one in tokens)
            return
        for thought in composition.of(Thought):
            self.steps += not thought.header
            yield from self._thought(thought)

    def _thought(self, thought: Thought) -> Iterator[Frame]:
        if thought.header:
            self.steps += 1
            yield self._thinking_token(thought.header, "header")
        yield from (self._thinking_token(token, "summary") for token in tokens_of(thought.text))

    def _thinking_token(self, token: str, tag: str) -> Frame:
        return self._frame(
            {"token": token}, thinking=True, tag=tag, step=self.steps, rollout=self._rollout, is_token=True
        )

    def _results(self, search: Search) -> Frame:
        return self._tool_frame({"token": "", **stored.search_results(search)}, "raw_function_result", search.card_id)

    def _tool_frame(self, body: Mapping[str, Any], tag: str, card_id: str) -> Frame:
        return self._frame(body, thinking=True, tag=tag, step=self.steps, card_id=card_id, rollout=self._rollout)

    # -- the text and its cards

    def _token(self, token: str) -> Frame:
        return self._frame({"token": token}, tag="final", text=token, is_token=True)

    def _card(self, card: Mapping[str, Any]) -> Frame:
        return self._frame({"cardAttachment": {"jsonData": card_json(card)}}, tag="final")

    def _tag(self, tag: str) -> list[Frame]:
        """The tag in one token, every second one in two (rest.md 4.5)."""
        self._marks += 1
        middle = len(tag) // 2
        return [self._token(one) for one in ([tag] if self._marks % 2 else [tag[:middle], tag[middle:]])]

    # -- pictures

    def _picture_card(self, picture: Picture) -> list[Frame]:
        """Intent, tag, preview, picture; a moderated one never gets beyond its preview."""
        chunks = [picture.chunk(finished=finished) for finished in ((False,) if picture.moderated else (False, True))]
        return [self._card(picture.card(None)), *self._tag(picture.tag), *map(self._card, map(picture.card, chunks))]

    def _picture_frames(self, pictures: Sequence[Picture]) -> Iterator[Frame]:
        """The previews of all pictures, then the finished ones."""
        yield self._frame({"imageAttachmentInfo": {"imageAttachmentCount": len(pictures)}})
        yield self._progress("TOOL_PROCESSING", "Generating images", 0)
        yield self._frame({"imageDimensions": {"width": SIDE, "height": SIDE}})
        for finished in (False, True):
            yield from (self._picture_frame(one, finished=finished) for one in pictures)
        yield self._progress("TOOL_PROCESSING", "", 100)

    def _picture_frame(self, picture: Picture, *, finished: bool) -> Frame:
        state = picture.state(finished=finished)
        body = {**state, "imageId": picture.asset.asset_id, "imageIndex": picture.index, "imageModel": "imagine_x_1"}
        if finished:
            body["assetId"] = picture.asset.asset_id
        return self._frame({"streamingImageGenerationResponse": body})

    def _progress(self, category: str, message: str, percentage: int, **options: Any) -> Frame:
        state = f"PROGRESS_REPORT_STATUS_{'PENDING' if percentage < VIDEO_PROGRESS[-1] else 'SUCCESS'}"
        body = {"category": category, "state": state, "message": message, "percentage": percentage}
        return self._frame({"progressReport": body}, **options)

    # -- the end

    def _tail(self, composition: Composition, title: str | None) -> Iterator[Frame]:
        if composition.reply.error is not None:
            yield self._frame({"error": stored.stream_error(composition.reply.error)})
        if self.ask.era == "2026" and not composition.of(Video):
            yield self._soft_stop()
        yield from self._follow_ups()
        yield self._model_response()
        if title is not None:
            yield Frame("result", {"title": {"newTitle": title}})

    def _soft_stop(self) -> Frame:
        return self._frame({"token": ""}, soft_stop=True, tag="final")

    def _follow_ups(self) -> Iterator[Frame]:
        if not self.ask.final_metadata:
            return
        labels = FOLLOW_UPS if self.ask.follow_ups and self.ask.era == "2026" else ()
        suggestions = [
            {"properties": {"messageType": "", "followUpType": ""}, "label": label, "toolOverrides": {}}
            for label in labels
        ]
        rest: dict[str, Any] = {"feedbackLabels": [], "toolsUsed": {}, "disclaimer": ""}
        yield self._frame({"finalMetadata": {"followUpSuggestions": suggestions, **rest}})

    def _model_response(self) -> Frame:
        return self._frame({"modelResponse": stored.response_object(self.answer, self.ask.era)}, completes=True)

    # -- content faults

    def _spoiled(self, frames: list[Frame], fault: Fault) -> list[Frame]:
        if fault.name == "no_model_response":
            return [frame for frame in frames if not has(frame, "modelResponse") and not has(frame, "title")]
        if fault.name == "empty_final":
            return self._of_a_team(frames)
        strangers = (
            self.keep_alive(),
            self._frame({"token": ""}, thinking=True, tag="heartbeat"),
            self._frame({"someFutureField": {"x": 1}}),
            Frame("result", {"somethingElse": {"y": [1, None, "z"]}}),
        )
        report = self._progress("TOOL_PROCESSING", "", 0)
        opened = 1  # the question's frame
        return spoiled(frames, fault, strangers, f"{GARBAGE}\n".encode(), report=report, opened=opened)

    def _of_a_team(self, frames: list[Frame]) -> list[Frame]:
        """A team of agents (rest.md 4.6): they talk to each other first, and the final message is empty."""
        layout = {"reasoningUiLayout": "UNIFIED", "willThinkLong": True, "rolloutIds": list(AGENTS)}
        team = [self._frame({"uiLayout": layout}, is_opening=True)]
        for agent in AGENTS[1:]:
            card_id, message = str(uuid4()), {"message": f"{agent} has a part.", "to": "Grok"}
            body = {"token": stored.tool_card_token(card_id, "chatroom_send", message)}
            team.append(self._frame(body, thinking=True, tag=_CARD, step=0, card_id=card_id, rollout=agent))
        for frame in frames:
            if has(frame, "modelResponse"):
                frame.body["modelResponse"]["message"] = ""
        return [*team, *(frame for frame in frames if not has(frame, "uiLayout"))]
