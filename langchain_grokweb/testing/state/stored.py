"""What the service keeps of a conversation, in the members of its own records (rest.md 2.3, 2.4, 4.9 and 8.3).

A response has two views: `response_object` with its text as `message`, and `chunk_view` with the chunks that it was
made of. A node's `details` override the members that are empty otherwise; they are the same on whichever wire the turn
was asked for.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from langchain_grokweb.testing.state.assets import SIDE
from langchain_grokweb.testing.state.chunks import RESPONSE, stored_chunks, text_chunk
from langchain_grokweb.testing.state.composition import Composition, Search, Thought, card_json
from langchain_grokweb.testing.state.conversations import ASSISTANT, HUMAN, Conversation, Node
from langchain_grokweb.testing.state.faults import STREAM_ERRORS
from langchain_grokweb.testing.state.script import Era, UploadedFile

MODEL_HASH = "ZW11bGF0b3I="
STORED_LAYOUT: Mapping[str, Any] = {"reasoningUiLayout": "UNIFIED"}

_TOOL_NAMES = {"web": "web_search", "x": "x_keyword_search"}
_CARD_MEMBERS = {"web": "webSearch", "x": "xSearch"}
_RESULT_MEMBERS = {"web": "webSearchResults", "x": "xSearchResults"}

# -- all members in wire order

_MEMBERS = """manual partial shared query queryType webSearchResults xpostIds xposts generatedImageUrls imageAttachments
    fileAttachments cardAttachmentsJson fileUris fileAttachmentsMetadata isControl thinkingTrace steps imageEditUris
    mediaTypes webpageUrls metadata uiLayout citedWebSearchResults toolResponses model ragResults citedRagResults
    searchProductResults connectorSearchResults collectionSearchResults highlightsStories streamErrors
    generatedImageHeight generatedImageWidth fileAttachmentAssetMetadata""".split()
_NOT_IN_2025 = frozenset(
    """imageEditUris metadata uiLayout citedWebSearchResults toolResponses model ragResults citedRagResults
    searchProductResults connectorSearchResults collectionSearchResults highlightsStories
    fileAttachmentAssetMetadata""".split()
)
_ONLY_IF_SET = frozenset(
    "thinkingTrace uiLayout fileAttachmentAssetMetadata generatedImageHeight generatedImageWidth".split()
)
_NOT_LISTS: Mapping[str, Any] = {
    **dict.fromkeys(("manual", "partial", "shared", "isControl"), False),
    **dict.fromkeys(("query", "queryType", "model"), ""),
    "metadata": {},
}

_STEP: Mapping[str, Any] = {  # of `steps`
    **dict.fromkeys("text tags webSearchResults xpostIds xposts toolUsageResults".split(), ()),
    "rolloutId": "",
    **dict.fromkeys("ragResults connectorSearchResults collectionSearchResults toolUsageCards".split(), ()),
}


def response_object(node: Node, era: Era, *, loaded: bool = False) -> dict[str, Any]:
    """The Response of a node in the words of this era; one that is `loaded` has empty chunk lists beside its text."""
    members = response_head(node) | {"message": node.message}
    members = {name: members[name] for name in ("responseId", "message", "sender", "createTime")} | members
    for name in _MEMBERS:
        if _is_present(name, node, era):
            members[name] = node.details.get(name, _NOT_LISTS.get(name, []))
    return members | ({"inputChunks": [], "outputChunks": []} if loaded else {})


def response_head(node: Node) -> dict[str, Any]:
    """Which response it is, and where it stands."""
    head = {"responseId": node.response_id, "sender": node.sender, "createTime": node.create_time}
    return head if node.parent_id is None else {**head, "parentResponseId": node.parent_id}


def _is_present(name: str, node: Node, era: Era) -> bool:
    if era == "2025" and name in _NOT_IN_2025:
        return False
    if name in _ONLY_IF_SET:
        return name in node.details
    if name == "streamErrors":
        return node.sender == ASSISTANT and (era == "2026" or name in node.details)
    return True


def chunk_view(node: Node, conversation: Conversation) -> dict[str, Any]:
    """The Response of a node in chunks, as `useChunk=true` gives it.

    The first question has a parent that no response of the conversation has (rest.md 8.4).
    """
    nowhere = str(uuid5(NAMESPACE_URL, conversation.conversation_id))
    is_question = node.sender == HUMAN
    if is_question:
        files = node.details.get("fileAttachments", ())
        chunks = [{"mention": {"file_mention": {"file_id": one}}} for one in files] + [{"text": {"text": node.message}}]
    else:  # of a response that was put there by hand, its text
        chunks = node.chunks or [{"metadata": {"step_id": 0}, **text_chunk(node.message, RESPONSE)}]
    chunks = camel(chunks)
    view: dict[str, Any] = {"parentResponseId": nowhere, **response_head(node), "query": ""}
    view |= {"inputChunks": chunks if is_question else [], "outputChunks": [] if is_question else chunks}
    for name in ("webSearchResults", "fileAttachments", "fileAttachmentAssetMetadata", "streamErrors"):
        if name == "webSearchResults" or node.details.get(name):
            view[name] = node.details.get(name, [])
    return view


def camel(value: Any) -> Any:
    """The same with all member names in camel case."""
    if isinstance(value, dict):
        return {re.sub("_([a-z])", lambda letter: letter[1].upper(), name): camel(one) for name, one in value.items()}
    return [camel(one) for one in value] if isinstance(value, list) else value


def conversation_object(conversation: Conversation, era: Era = "2026") -> dict[str, Any]:
    """The Conversation (rest.md 2.3); 2025 had neither workspaces nor taskResult."""
    members: dict[str, Any] = {
        "conversationId": conversation.conversation_id,
        "title": conversation.title,
        "starred": conversation.starred,
        "createTime": conversation.create_time,
        "modifyTime": conversation.modify_time,
        "systemPromptName": "",
        "temporary": conversation.temporary,
        "mediaTypes": [],
    }
    return members if era == "2025" else {**members, "workspaces": [], "taskResult": None}


def file_object(file: UploadedFile, *, is_classic: bool = False) -> dict[str, Any]:
    """The FileMetadata of an upload (rest.md 2.4); only the classic reply has `parsedFileUri`."""
    parsed = {"parsedFileUri": ""} if is_classic else {}
    return {
        "fileMetadataId": file.file_id,
        "fileMimeType": file.mime_type,
        "fileName": file.name,
        "fileUri": file.uri,
        **parsed,
        "createTime": file.create_time,
        "fileSource": "SELF_UPLOAD_FILE_SOURCE",
    }


def pictures_of(node: Node) -> Iterator[str]:
    """The keys of the pictures that an answer holds, in their order."""
    yield from node.details.get("generatedImageUrls", ())
    for card in map(json.loads, node.details.get("cardAttachmentsJson", ())):
        if key := (card.get("image_chunk") or {}).get("imageUrl"):
            yield key


# -- filling in nodes


def keep(answer: Node, composition: Composition, era: Era) -> None:
    """Fill in the node of an answer."""
    details: dict[str, Any] = {
        "webSearchResults": composition.results_of("web"),
        "xpostIds": [post["postId"] for post in composition.results_of("x")],
        "xposts": composition.results_of("x"),
        "generatedImageUrls": composition.finished_keys,
        "cardAttachmentsJson": composition.cards,
    }
    if era == "2025" and composition.trace:
        details["thinkingTrace"] = composition.trace
    if era == "2026":
        details["citedWebSearchResults"] = composition.cited
        details["steps"] = list(_steps(composition))
    if composition.finished_keys:
        details |= {"generatedImageHeight": SIDE, "generatedImageWidth": SIDE}
    if composition.made:
        details["fileAttachments"] = [asset.asset_id for asset in composition.made]
        details["fileAttachmentAssetMetadata"] = [asset.described() for asset in composition.made]
    error = composition.reply.error
    if error is not None and error in STREAM_ERRORS:
        details["streamErrors"] = [stream_error(error)]
    answer.message = composition.message
    answer.chunks = stored_chunks(composition)
    answer.details = details | _description(era)


def keep_stopped(answer: Node, text: str, era: Era) -> None:
    """Fill in the node of an answer that was stopped at this text."""
    cards = answer.details.get("cardAttachmentsJson", [])
    answer.message = text
    answer.chunks = []
    answer.details = {"cardAttachmentsJson": cards} | _description(era)


def _steps(composition: Composition) -> Iterator[dict[str, Any]]:
    """What the model did before it answered. That each thought and each search is a step of its own is a guess."""
    for step in composition.steps:
        if isinstance(step, Thought):
            parts = {tag: text for tag, text in (("header", step.header), ("summary", step.text)) if text}
            yield {**_STEP, "text": list(parts.values()), "tags": list(parts)}
        elif isinstance(step, Search):
            result = {"toolUsageCardId": step.card_id, **search_results(step)}
            used = {"toolUsageResults": [result], "rolloutId": "Grok", "toolUsageCards": [search_card(step)]}
            yield {**_STEP, "text": [search_token(step)], "tags": ["tool_usage_card"], **used}


def metadata() -> dict[str, Any]:
    """The member `metadata` of an answer."""
    return {"llm_info": {"modelHash": MODEL_HASH}, "ui_layout": dict(STORED_LAYOUT)}


def stream_error(name: str) -> dict[str, Any]:
    """The StreamError of this kind; the usage limit in the form that was captured, the others as defined."""
    kind = STREAM_ERRORS[name]
    if kind.member is None:
        return {"message": kind.message}
    return {"message": kind.message, "severity": kind.severity, kind.member: dict(kind.value)}


def _description(era: Era) -> dict[str, Any]:
    if era == "2025":
        return {}
    return {"metadata": metadata(), "uiLayout": dict(STORED_LAYOUT), "model": "grok-4-auto"}


# -- searches and tools (rest.md 4.5)


def search_token(search: Search) -> str:
    """The XML-ish text of a search's tool usage card."""
    limit = {"num_results": "10"} if search.kind == "web" else {"limit": "5"}
    return tool_card_token(search.card_id, _TOOL_NAMES[search.kind], {"query": search.query} | limit)


def search_card(search: Search) -> dict[str, Any]:
    """The structured twin of that."""
    return {"toolUsageCardId": search.card_id, _CARD_MEMBERS[search.kind]: {"args": {"query": search.query}}}


def search_results(search: Search) -> dict[str, Any]:
    """What the search gave, under the name of its kind."""
    return {_RESULT_MEMBERS[search.kind]: {"results": list(search.results)}}


def tool_card_token(card_id: str, tool: str, arguments: Mapping[str, str]) -> str:
    """The XML-ish text of a tool usage card."""
    return (
        f"<xai:tool_usage_card>\n  <xai:tool_usage_card_id>{card_id}</xai:tool_usage_card_id>\n"
        f"  <xai:tool_name>{tool}</xai:tool_name>\n"
        f"  <xai:tool_args><![CDATA[{card_json(arguments)}]]></xai:tool_args>\n</xai:tool_usage_card>"
    )
