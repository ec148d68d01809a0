"""The conversations endpoint: a turn becomes a path and a payload, bytes become events.

Strategy of the reader: `framing` makes objects of bytes. An object's `result` holds frames, nested under `response`
(the reply to `new`) or flat (to `responses`), so both are read as one mapping (rest.md 4.2). The members of a frame
say what it is, and a table names the method that reads each. Tokens of plain answer text, nearly all frames of a long
answer, take a short cut and are joined, so that what arrived together leaves as one event. Nothing here raises: what
cannot be read becomes `TurnFailed`, after the events that came before it, and nothing follows it. Members nobody
knows are counted, never stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from langchain_grokweb.errors import GrokWebProtocolError
from langchain_grokweb.wire import error_mapping, modes
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.conversation_ids import is_id, require_id
from langchain_grokweb.wire.event_builder import AnswerReader, as_sent, has_failed, web_results, x_results
from langchain_grokweb.wire.final_text import whole_characters
from langchain_grokweb.wire.framing import JsonObjects
from langchain_grokweb.wire.gateway_chunks import ChunkReader, stored_chunks, text_of_chunks
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_list, get_str, wrong_type
from langchain_grokweb.wire.markup import ToolCard, ToolCards
from langchain_grokweb.wire.turn import Turn
from langchain_grokweb.wire.unknown_fields import Unknown

CONVERSATIONS = "/rest/app-chat/conversations"

# --- what we send


def path(turn: Turn) -> str:
    """Where the turn is posted to (rest.md 2.1)."""
    if turn.conversation is None:
        return f"{CONVERSATIONS}/new"
    return f"{CONVERSATIONS}/{turn.conversation.conversation_id}/responses"


def payload(turn: Turn) -> dict[str, Any]:
    """The body of the turn, in the era of its model name (rest.md 3.1)."""
    mode = modes.resolve(turn.model)
    body = _seed_payload(turn, mode) if mode.model_name else _mode_payload(turn, mode)
    if turn.conversation is not None:
        body["parentResponseId"] = turn.conversation.parent_response_id
        # Without it, siblings asked at the same time would cancel each other.
        body["skipCancelCurrentInflightRequests"] = True
    return body


def _common_payload(turn: Turn) -> dict[str, Any]:
    return {
        "message": turn.prompt,
        "fileAttachments": list(turn.file_ids),
        "imageAttachments": [],
        "disableSearch": not turn.search,
        "enableImageGeneration": turn.image_generation,
        "returnImageBytes": False,
        "returnRawGrokInXaiRequest": False,
        "enableImageStreaming": True,
        "imageGenerationCount": turn.image_count,
        "forceConcise": False,
        "enableSideBySide": False,  # two answers woven into one stream are of no use here (rest.md 3.2)
        "sendFinalMetadata": True,
    }


def _seed_payload(turn: Turn, mode: modes.Mode) -> dict[str, Any]:
    body = _common_payload(turn) | {
        "modelName": mode.model_name,
        "toolOverrides": {},
        "deepsearchPreset": turn.deep_search or "",
        "isReasoning": mode.reasoning,
        "webpageUrls": [],
        "customInstructions": turn.custom_instructions or "",
    }
    if turn.conversation is None:
        body |= {"temporary": turn.temporary, "isPreset": False}
    return body


def _mode_payload(turn: Turn, mode: modes.Mode) -> dict[str, Any]:
    body = _common_payload(turn) | {
        "disableTextFollowUps": not turn.follow_ups,
        "isAsyncChat": False,
        "disableSelfHarmShortCircuit": False,
        "modeId": mode.id,
    }
    if turn.deep_search:
        body["deepsearchPreset"] = turn.deep_search
    if turn.custom_instructions:
        body["customPersonality"] = turn.custom_instructions
    if turn.conversation is not None:
        return body | {"metadata": {}}
    return body | {
        "temporary": turn.temporary,
        "responseMetadata": {},
        "disableMemory": False,
        "forceSideBySide": False,
        "collectionIds": [],
        "disabledConnectorIds": [],
        "deviceEnvInfo": {
            "darkModeEnabled": False,
            "devicePixelRatio": 1,
            "screenWidth": 1920,
            "screenHeight": 1080,
            "viewportWidth": 1920,
            "viewportHeight": 970,
        },
        "enable420": False,
    }


# --- what we read

_Readers = Mapping[str, Callable[["RestDecoder", Any, Fields], None]]

# Beside every frame (rest.md 4.3), or known and of no use here (4.5).
_SILENT = frozenset(
    """
    isThinking isSoftStop responseId messageTag messageStepId rolloutId toolUsageCardId sideBySideIndex response
    streamingMetadata llmInfo effortDecision imageAttachmentInfo progressReport bannerMessage disclaimer
    memoryReferences followUpSuggestedMode sideBySideConfig authNotification survey throttle keepAlive toolRequest
    fastToolResponse memoryV2UpdateResult
    """.split()
)
_ABOUT_NO_ANSWER = frozenset(
    ["keepAlive", "conversation", "title", "generatedTitle", "responseId", "isThinking", "isSoftStop", "messageTag"]
)
_PICTURE_TOOLS = {"generateImage", "editImage"}
_RESULTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "webSearchResults": ("web_search", web_results),
    "xSearchResults": ("x_search", x_results),
    "codeExecutionResult": ("code_execution", as_sent),
    "ragResults": ("document_search", as_sent),
    "connectorSearchResults": ("connector_search", as_sent),
    "collectionSearchResults": ("collection_search", as_sent),
    "searchProductResults": ("product_search", as_sent),
}


class RestDecoder:
    """Feed it the body of a reply as it arrives, get events."""

    def __init__(
        self,
        *,
        assets_url: str = "https://assets.grok.com",
        conversation_id: str | None = None,
        answer_id: str | None = None,
    ) -> None:
        self.unknown = Unknown()
        self.heard = 0  # frames of our answer that are more than a sign of life
        self.definitive: Fields | None = None  # the service's own whole answer, as it came
        self._objects = JsonObjects("the stream of the conversations endpoint")
        self._is_broken = False  # the body cannot be read any further
        self._reader = AnswerReader(assets_url)
        self._cards = ToolCards()
        self._run: list[str] = []  # tokens of answer text that follow each other
        self._conversation_id = conversation_id
        self._prompt_id: str | None = None
        self._answer_id = answer_id
        self._has_started = False
        self._leader: str | None = None  # whose text is the answer, where several agents work at it
        self._query = ""
        self._drawing: list[str] = []  # tools that are making pictures

    @property
    def finished(self) -> bool:
        """Whether the definitive answer has come."""
        return self._reader.finished

    @property
    def saw_beginning(self) -> bool:
        """Whether what nearly every answer begins with was among what came (rest.md 4.5)."""
        return self._reader.saw_placeholder

    def feed(self, data: bytes) -> list[ev.Event]:
        """Take a piece of the body, cut anywhere; give the events it completes."""
        if self._is_broken or self._reader.failed:
            return []
        objects: list[dict[str, Any]] = []
        failure: GrokWebProtocolError | None = None
        try:
            self._objects.feed(data, objects)
        except GrokWebProtocolError as error:
            failure = error
        run = self._run
        for fields in objects:
            if (token := _plain_token(fields, self._answer_id)) is not None and self._has_started:
                self.heard += 1
                run.append(token)
                continue
            self._join_run()
            self._object(fields)
            if self._reader.failed:
                break
        self._join_run()
        if failure is not None:
            self._reader.fail(failure)
            self._is_broken = True  # where the next object begins is not known, also after a whole answer
        return self._reader.take()

    def feed_frames(self, frames: Iterable[Fields]) -> list[ev.Event]:
        """Take frames that are parsed already; give the events they make."""
        for frame in frames:
            if not self._reader.failed:
                self._object({"result": frame})
        return self._reader.take()

    def close(self) -> list[ev.Event]:
        """The body is over; what was held back comes out."""
        self._reader.close()
        return self._reader.take()

    def _join_run(self) -> None:
        if run := self._run:
            self._reader.text("".join(run))
            run.clear()

    # --- objects and frames

    def _object(self, fields: Fields) -> None:
        try:
            self._read(fields)
        except GrokWebProtocolError as error:
            self._reader.fail(error)

    def _read(self, fields: Fields) -> None:
        if fields.get("error") or ("result" not in fields and error_mapping.is_status(fields)):
            self._reader.fail(error_mapping.from_error(fields))
            return
        result = fields.get("result")
        if not isinstance(result, dict):
            self._count("", {key: value for key, value in fields.items() if key not in {"result", "error"}})
            return
        if isinstance(nested := result.get("response"), dict):
            self._members(result, self._AROUND)
            self._frame(nested)
        else:
            self._frame(result)

    def _frame(self, frame: Fields) -> None:
        if frame.get("sideBySideIndex") or not self._is_ours(frame):
            return  # the other of two answers (rest.md 4.12), or another answer's
        if not frame.keys() <= _ABOUT_NO_ANSWER and frame.get("messageTag") != "heartbeat":
            self.heard += 1
        self._members(frame, self._MEMBERS)

    def _is_ours(self, frame: Fields) -> bool:
        """Whether a frame is of our turn: one that names no response, or our prompt, or the first answer named."""
        response_id = frame.get("responseId") or get_str(frame.get("modelResponse"), "responseId")
        if not isinstance(response_id, str) or not response_id:
            return True
        if "userResponse" in frame or response_id == self._prompt_id:
            return self._prompt_id in {None, response_id}
        return self._start(response_id)

    def _members(self, frame: Fields, readers: _Readers) -> None:
        answer = self._reader
        for name, value in frame.items():
            if answer.failed:
                return
            if name in _SILENT or value is None:
                continue
            if value.__class__ is dict:
                self.unknown.look(name, value)
            if (reader := readers.get(name)) is not None:
                reader(self, value, frame)
            elif name in _RESULTS:
                self._tool_result(name, value, frame)
            else:
                self._count("result.", {name: value})

    def _count(self, where: str, members: Fields) -> None:
        for name, value in members.items():
            self.unknown.add(where, name, value)

    def _start(self, response_id: str) -> bool:
        """The answer has an id; whether it is this one."""
        if self._answer_id not in {None, response_id}:
            return False
        if not self._has_started:
            self._has_started = True
            self._answer_id = require_id(response_id, "result.response.responseId")
            self._reader.add(ev.AnswerStarted(response_id))
        return True

    # --- one method a member

    def _conversation(self, value: Any, _: Fields) -> None:
        conversation_id = value.get("conversationId") if isinstance(value, dict) else None
        conversation_id = require_id(conversation_id, "result.conversation.conversationId")
        if self._conversation_id not in {None, conversation_id}:
            return  # the conversation of a turn does not change
        self._conversation_id = conversation_id
        self._reader.add(ev.ConversationOpened(conversation_id))

    def _user_response(self, value: Any, _: Fields) -> None:
        response_id = value.get("responseId") if isinstance(value, dict) else None
        if is_id(response_id) and self._prompt_id is None:
            self._prompt_id = response_id
            self._reader.add(ev.PromptStored(response_id))

    def _title(self, value: Any, _: Fields) -> None:
        self._reader.title(get_str(value, "newTitle"))

    def _token(self, value: Any, frame: Fields) -> None:
        tag = frame.get("messageTag")
        tag = tag if tag.__class__ is str else ""
        if not isinstance(value, str):
            if tag in {"", "final"} and frame.get("isThinking") is not True:
                raise wrong_type("result.response.token", "str", value)
            self._count("result.", {"token": value})
            return
        card_id = str(frame.get("toolUsageCardId") or frame.get("rolloutId") or "")
        if tag == "tool_usage_card":
            self._tool_cards(value, card_id, frame.get("toolUsageCard"))
        elif tag in {"raw_function_result", "heartbeat"}:
            pass  # the result stands beside it; a heartbeat says nothing
        elif frame.get("isThinking") is True:
            if value and not self.finished:
                section = (frame.get("messageStepId"), frame.get("rolloutId"))
                self._reader.reasoning(value, tag=tag or None, section=section)
        elif self._leader is None or get_str(frame, "rolloutId") in {"", self._leader}:
            self._reader.text(value)

    def _layout(self, value: Any, _: Fields) -> None:
        """The agents, the leader first (rest.md 8.7); where there is one alone, none is named."""
        agents = get_list(value, "rolloutIds")
        if self._leader is None and agents and isinstance(agents[0], str):
            self._leader = agents[0]

    def _stored_chunks(self, value: Any, _: Fields) -> None:
        """A stored answer in the gateway's chunks (rest.md 8.3)."""
        chunks = ChunkReader(self._reader)
        for chunk in value if isinstance(value, list) else []:
            for name, member in chunk.items() if isinstance(chunk, dict) else ():
                chunks.read(name, member, chunk)

    def _tool_cards(self, token: str, card_id: str, twin: Any) -> None:
        for card in self._cards.feed(whole_characters(token), card_id):
            self._reader.tool_started(card)
        if isinstance(twin, dict):
            self._tool_card(twin)

    def _lone_tool_card(self, value: Any, frame: Fields) -> None:
        if "token" not in frame and isinstance(value, dict):
            self._tool_card(value)

    def _tool_card(self, twin: Fields) -> None:
        """The structured form: an id, and one member named after the tool."""
        card_id = twin.get("toolUsageCardId")
        for name, value in twin.items():
            if isinstance(value, dict) and isinstance(card_id, str):
                args = value.get("args", value)
                self._reader.tool_started(ToolCard(card_id, _snake(name), args if isinstance(args, dict) else {}))
                if name in _PICTURE_TOOLS and card_id not in self._drawing:
                    self._drawing.append(card_id)

    def _query_action(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict) and isinstance(value.get("query"), str):
            self._query = value["query"]

    def _tool_result(self, name: str, value: Any, frame: Fields) -> None:
        tool, read = _RESULTS[name]
        card_id = get_str(frame, "toolUsageCardId")
        if not card_id and self._query:  # spring 2025: the query came before, in a frame of its own
            card_id, query, self._query = f"{tool}_{self._query}", self._query, ""
            self._reader.tool_started(ToolCard(card_id, tool, {"query": query}))
        self._reader.tool_finished(card_id, tool, read(value), failed=has_failed(value))

    def _card_attachment(self, value: Any, _: Fields) -> None:
        pictures = self._reader.made.pictures
        self._reader.card_json(value.get("jsonData") if isinstance(value, dict) else value)
        if self._drawing and len(self._reader.made.pictures) > len(pictures):  # a picture is the result of its tool
            made = [{"image_id": self._reader.made.pictures[-1]}]
            self._reader.tool_finished(self._drawing.pop(0), "generate_image", made)

    def _card_attachments(self, value: Any, frame: Fields) -> None:
        for entry in value if isinstance(value, list) else []:
            self._card_attachment(entry, frame)

    def _cited_pages(self, value: Any, _: Fields) -> None:
        for source in web_results(value):
            self._reader.cited(source["url"], source["title"])

    def _image_size(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.made.image_size(value.get("width"), value.get("height"))

    def _image(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict) and not value.get("sideBySideIndex"):
            self._reader.made.image(
                picture_id=str(value.get("imageId") or ""),
                url=get_str(value, "imageUrl"),
                progress=100 if value.get("isFinal") else value.get("progress"),
                moderated=bool(value.get("moderated")),
            )

    def _video(self, value: Any, _: Fields) -> None:
        if isinstance(value, dict):
            self._reader.made.video(value)

    def _follow_ups(self, value: Any, _: Fields) -> None:
        """`finalMetadata.followUpSuggestions`, or a frame `followUpSuggestions`."""
        self._reader.follow_ups(value)

    def _stream_error(self, value: Any, _: Fields) -> None:
        if value:
            self._reader.report(error_mapping.from_stream_error(value))

    def _model_response(self, value: Any, frame: Fields) -> None:
        """The definitive answer; with neither text nor sender it is only the stub at the beginning (rest.md 4.9).

        One that says `partial` is not definitive. That others say it is not means nothing.
        """
        if not isinstance(value, dict):
            return
        response_id = value.get("responseId") or frame.get("responseId")
        if not isinstance(response_id, str):
            raise wrong_type("result.modelResponse.responseId", "str", response_id)
        if not self._start(response_id):
            return
        is_whole = bool(value.get("message")) and not value.get("partial")
        for meaning in map(error_mapping.from_stream_error, stream_errors(value)):
            self._reader.report(meaning, whole=is_whole and meaning.is_mild)
        is_stub = not (value.get("message") or value.get("sender"))
        if not (is_stub or value.get("partial") is True or self._reader.failed):
            self._definitive(response_id, value)

    def _definitive(self, response_id: str, value: Fields) -> None:
        if self.definitive is None or len(get_str(value, "message")) > len(get_str(self.definitive, "message")):
            self.definitive = value
        self._reader.know_titles(web_results(value.get("webSearchResults")))
        for card in get_list(value, "cardAttachmentsJson"):
            self._reader.card_json(card)
        self._reader.made.listed(value)
        self._reader.finish(
            response_id,
            get_str(value, "message") or text_of_chunks(stored_chunks(value)),
            model=get_str(value, "model"),
            thoughts=get_str(value, "thinkingTrace"),
            may_continue=True,
        )

    # Inside the class, so that the methods are named as plain functions.
    _AROUND: ClassVar[_Readers] = {"conversation": _conversation, "title": _title}
    _MEMBERS: ClassVar[_Readers] = {
        **_AROUND,
        "userResponse": _user_response,
        "generatedTitle": _title,
        "token": _token,
        "uiLayout": _layout,
        "outputChunks": _stored_chunks,
        "toolUsageCard": _lone_tool_card,
        "queryAction": _query_action,
        "cardAttachment": _card_attachment,
        "cardAttachments": _card_attachments,
        "citedWebSearchResults": _cited_pages,
        "imageDimensions": _image_size,
        "streamingImageGenerationResponse": _image,
        "cachedImageGenerationResponse": _image,
        "streamingVideoGenerationResponse": _video,
        "finalMetadata": _follow_ups,
        "followUpSuggestions": _follow_ups,
        "modelResponse": _model_response,
        "error": _stream_error,
    }


def stream_errors(response: Fields) -> list[Any]:
    """What went wrong with an answer, as its definitive form says it, in any of three places (rest.md 4.11 and 8.1)."""
    about = get_dict(get_dict(response, "metadata"), "request_metadata") or get_dict(response, "requestMetadata")
    reports = [response.get("error"), *get_list(response, "streamErrors")]
    reports += [*get_list(about, "stream_errors"), *get_list(about, "streamErrors")]
    return [report for report in reports if report]


def _plain_token(fields: Fields, answer_id: str | None) -> str | None:
    """The token of a frame that holds plain answer text and nothing else: the short cut for nearly all frames."""
    try:
        result = fields["result"]
        frame = result.get("response", result)
        if frame["responseId"] == answer_id and frame["isThinking"] is False and "isSoftStop" in frame:
            token = frame["token"]
            if len(frame) == (5 if frame.get("messageTag") == "final" else 4) and token.__class__ is str:
                return token
    except (KeyError, TypeError, AttributeError):
        pass
    return None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
