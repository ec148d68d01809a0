"""What the service sends that nobody here knows: counted by place and type, never by value.

The tables hold the members that the references describe (rest.md 4.5 to 4.11, gateway.md 4.1 to 4.9), by the place they
stand at. A name that could be a value (an id, a token, text) is counted as `?`, so no text is ever stored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from langchain_grokweb.wire.json_fields import Fields

MOST_NAMES = 200
_ELSEWHERE = "elsewhere:?"
_WORD = r"[A-Za-z][A-Za-z_]{0,39}\d?[A-Za-z_]{0,20}"
_NAME = re.compile(rf"{_WORD}(?:\.{_WORD}){{0,3}}")


class Unknown(Counter[str]):
    """How often something unknown came, by `place.name:type`; of bounded size, whatever comes.

    Attributes:
        redact: Takes secrets out of a text: a name that holds one is none.
    """

    redact: Callable[[str], str] = staticmethod(str)

    def add(self, place: str, name: object, value: Any) -> None:
        """Count a member of this name and kind."""
        self._count(place, name, f":{type(value).__name__}")

    def add_kind(self, place: str, name: object) -> None:
        """Count something that has a name alone."""
        self._count(place, name)

    def look(self, place: str, fields: Fields) -> None:
        """Count the members of `fields` that none of the references has at this place."""
        known = KNOWN.get(place)
        if known is not None and not fields.keys() <= known:
            for name in fields.keys() - known:
                self.add(f"{place}.", name, fields[name])

    def _count(self, place: str, name: object, kind: str = "") -> None:
        key = f"{place}{readable(name)}{kind}"
        if key not in self and self.redact(key) != key:
            key = f"{place}?{kind}"
        self[key if key in self or len(self) < MOST_NAMES else _ELSEWHERE] += 1


def readable(name: object) -> str:
    """A name as it is, where it can be nothing but a name."""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "?"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RESPONSE = _words(
    """
    responseId message sender createTime parentResponseId manual partial shared query queryType webSearchResults
    xpostIds xposts generatedImageUrls imageAttachments fileAttachments cardAttachmentsJson fileUris
    fileAttachmentsMetadata isControl steps imageEditUris mediaTypes webpageUrls metadata uiLayout
    citedWebSearchResults toolResponses model ragResults citedRagResults searchProductResults connectorSearchResults
    collectionSearchResults highlightsStories thinkingTrace thinkingStartTime thinkingEndTime error streamErrors
    requestMetadata threadParentId parentQuotedText imageEditUri generatedImageHeight generatedImageWidth citedXposts
    citedConnectorSearchResults citedCollectionSearchResults sideBySideConfig fastToolResponse selectedFileText
    fileAttachmentAssetMetadata inputChunks outputChunks
    """
)
_IMAGE = _words(
    """
    imageUrl seq progress moderated imageId imageIndex assetId imageModel rRated sideBySideIndex hasWatermark
    isRootUserUploaded rejectionReason isFinal
    """
)
_TITLE = _words("newTitle")
_IDS = _words("type event_id client_event_id session_id response_id item_id output_index content_index")

KNOWN: Mapping[str, frozenset[str]] = {
    # The conversations endpoint: members of a frame.
    "conversation": _words(
        """
        conversationId title starred createTime modifyTime systemPromptName temporary mediaTypes workspaces taskResult
        teamId xUserId templateId
        """
    ),
    "userResponse": _RESPONSE,
    "modelResponse": _RESPONSE,
    "title": _TITLE,
    "generatedTitle": _TITLE,
    "finalMetadata": _words("followUpSuggestions feedbackLabels toolsUsed disclaimer"),
    "followUpSuggestions": _words("suggestions followUpSuggestions"),
    "queryAction": _words("query type"),
    "imageDimensions": _words("width height"),
    "cardAttachment": _words("jsonData"),
    "webSearchResults": _words("results"),
    "xSearchResults": _words("results"),
    "codeExecutionResult": _words("stdout stderr exitCode commandTimedOut"),
    "streamingVideoGenerationResponse": _words(
        """
        videoId progress imageReference mode modelName parentPostId videoPostId resolutionName videoUrl
        thumbnailImageUrl assetId moderated
        """
    ),
    "streamingImageGenerationResponse": _IMAGE,
    "cachedImageGenerationResponse": _IMAGE,
    "error": _words(
        """
        message severity code details globalRateLimit modelNotAvailable systemKillSwitch beyondContextLength
        userPromptTooLong attachmentModerated attachmentImageTooLarge attachmentFileTooLarge attachmentTooManyPages
        attachmentLoadFailed internalError requestCancelled renderToolFailed renderToolRateLimited toolCallFailed
        contentModerated usagePoolExhausted usageLimitReached renderPerMessageLimitExceeded concurrencyLimit
        """
    ),
    # The gateway: members of an event of this type, of a chunk, and of its payloads.
    "event session.created": _IDS | {"session"},
    "event conversation.attached": _IDS | {"conversation", "mode"},
    "event conversation.item.added": _IDS | {"item", "previous_item_id"},
    "event conversation.title.updated": _IDS | {"title", "conversation"},
    "event response.created": _IDS | {"response"},
    "event response.chunk": _IDS | {"chunk"},
    "event response.output_text.delta": _IDS | {"delta", "x_grok"},
    "event response.reasoning_text.delta": _IDS | {"delta", "x_grok"},
    "event response.search.result": _IDS | {"result", "search_result"},
    "event response.grok.output": _IDS | {"output"},
    "event response.output_text.done": _IDS | {"text"},
    "event response.completed": _IDS | {"response"},
    "event response.done": _IDS | {"response"},
    "event response.persisted": _IDS | {"status"},
    "event error": _IDS | {"error", "code", "message"},
    "chunk.metadata": _words("step_id phase_index rollout_id"),
    "chunk.text": _words("text channel"),
    "chunk.render_citation": _words("id kind url citation_id title"),
    "chunk.render_start": _words("id generated_image edited_image layout searched_image file"),
    "chunk.render_generated_image": _words("id query tool_call_id image_chunk"),
    "chunk.render_edited_image": _words("id query tool_call_id image_chunk image_id"),
    "chunk.render_searched_image": _words("id image size"),
    "chunk.render_file_preview": _words("id file_name mime_type file_size file_path url"),
    "chunk.follow_up_suggestions": _words("suggestions"),
}
