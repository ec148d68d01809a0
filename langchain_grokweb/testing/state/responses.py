"""Response objects: how one node of a conversation is written out (rest.md 4.9).

Both eras' members stand in two tables, in wire order, with the value that they have when there is nothing to
say. A node's `details` override these; members of `_ONLY_IF_SET` are left out where the node has none.
"""

from collections.abc import Mapping
from typing import Any, Literal

from langchain_grokweb.testing.state.conversations import ASSISTANT, Conversation, Node
from langchain_grokweb.testing.state.script import UploadedFile

Era = Literal["2025", "2026"]

MODEL_HASH = "ZW11bGF0b3I="

_SIZES = ("generatedImageHeight", "generatedImageWidth")

_SEED_MEMBERS: Mapping[str, Any] = {
    "manual": False,
    "partial": False,
    "shared": False,
    "query": "",
    "queryType": "",
    "webSearchResults": [],
    "xpostIds": [],
    "xposts": [],
    "generatedImageUrls": [],
    "imageAttachments": [],
    "fileAttachments": [],
    "cardAttachmentsJson": [],
    "fileUris": [],
    "fileAttachmentsMetadata": [],
    "isControl": False,
    "thinkingTrace": "",
    "steps": [],
    "mediaTypes": [],
    "webpageUrls": [],
    "streamErrors": [],
    **dict.fromkeys(_SIZES, 0),
}

_MEMBERS: Mapping[str, Any] = {
    **{
        name: value
        for name, value in _SEED_MEMBERS.items()
        if name not in ("mediaTypes", "webpageUrls", "streamErrors", *_SIZES)
    },
    "imageEditUris": [],
    "mediaTypes": [],
    "webpageUrls": [],
    "metadata": {},
    "uiLayout": None,
    "citedWebSearchResults": [],
    "toolResponses": [],
    "model": "",
    "ragResults": [],
    "citedRagResults": [],
    "searchProductResults": [],
    "connectorSearchResults": [],
    "collectionSearchResults": [],
    "highlightsStories": [],
    "streamErrors": [],
    **dict.fromkeys(_SIZES, 0),
}

_ONLY_IF_SET = frozenset({"thinkingTrace", "uiLayout", *_SIZES})


def response_object(node: Node, era: Era) -> dict[str, Any]:
    """The Response of a node in the words of this era."""
    found: dict[str, Any] = {
        "responseId": node.response_id,
        "message": node.message,
        "sender": node.sender,
        "createTime": node.create_time,
    }
    if node.parent_id is not None:
        found["parentResponseId"] = node.parent_id
    for name, empty in (_SEED_MEMBERS if era == "2025" else _MEMBERS).items():
        if _is_said(name, node, era):
            found[name] = node.details.get(name, empty)
    return found


def _is_said(name: str, node: Node, era: Era) -> bool:
    if name in _ONLY_IF_SET:
        return name in node.details
    if name == "streamErrors":
        return node.sender == ASSISTANT and (era == "2026" or name in node.details)
    return True


def conversation_object(conversation: Conversation, era: Era = "2026") -> dict[str, Any]:
    """The Conversation (rest.md 2.3); 2025 had neither workspaces nor taskResult."""
    found: dict[str, Any] = {
        "conversationId": conversation.conversation_id,
        "title": conversation.title,
        "starred": conversation.starred,
        "createTime": conversation.create_time,
        "modifyTime": conversation.modify_time,
        "systemPromptName": "",
        "temporary": conversation.temporary,
        "mediaTypes": [],
    }
    return found if era == "2025" else {**found, "workspaces": [], "taskResult": None}


def file_object(file: UploadedFile, *, is_classic: bool = False) -> dict[str, Any]:
    """The FileMetadata of an upload (rest.md 2.4); only the classic reply has `parsedFileUri`."""
    found = {
        "fileMetadataId": file.file_id,
        "fileMimeType": file.mime_type,
        "fileName": file.name,
        "fileUri": file.uri,
        "parsedFileUri": "",
        "createTime": file.create_time,
        "fileSource": "SELF_UPLOAD_FILE_SOURCE",
    }
    if not is_classic:
        del found["parsedFileUri"]
    return found
