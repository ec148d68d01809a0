"""Uploads: what is sent to the two endpoints, what their replies say, and what a refusal means.

Source: rest.md 2.4 and gateway.md 3.5. A file's id is `fileMetadataId`, or `fileId` where that is missing; an
`uploadId` alone is the id of no file, although one client takes it for one.
"""

from __future__ import annotations

import base64
from typing import Any

from langchain_grokweb.errors import (
    GrokWebContextOverflowError,
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebPermissionError,
    GrokWebProtocolError,
)
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire.json_fields import get_dict, get_str
from langchain_grokweb.wire.turn import Attachment

DIRECT = "/http/upload-file-v2/direct"
CLASSIC = "/rest/app-chat/upload-file"


def classic_body(file: Attachment) -> dict[str, str]:
    """The JSON that the classic endpoint takes."""
    return {
        "fileName": file.name,
        "fileMimeType": file.mime_type,
        "content": base64.b64encode(file.content).decode(),
    }


def file_id(reply: Any, where: str) -> str:
    """The id in the reply of either endpoint.

    Raises:
        GrokWebError: The file was refused, or the reply holds no id.
    """
    if isinstance(reply, dict) and (report := reply.get("terminalError")):
        raise error_mapping.from_upload(report)
    for holder in (get_dict(reply, "fileMetadata"), reply):
        for name in ("fileMetadataId", "fileId"):
            if value := get_str(holder, name):
                return value
    raise GrokWebProtocolError(where=f"{where}: fileMetadataId", expected="str", got="nothing")


def refusal(error: GrokWebError, file: Attachment) -> GrokWebError:
    """The error for an upload that was refused, where it would mean something else for a prompt."""
    details: dict[str, Any] = {"status_code": error.status_code, "error_code": error.error_code}
    if isinstance(error, GrokWebContextOverflowError):
        return GrokWebInvalidRequestError(
            f"grok.com takes no file as large as {file.name} ({len(file.content)} bytes).",
            next_step="Make it smaller, or send a part of it.",
            **details,
        )
    if isinstance(error, GrokWebConversationNotFoundError):
        return GrokWebInvalidRequestError(
            "This service has no endpoint for uploads.", next_step="Check `base_url=`, or send text alone.", **details
        )
    if isinstance(error, GrokWebPermissionError) and error.reason == "anti_bot":
        return GrokWebPermissionError(
            "grok.com's anti-bot rule turned an upload away.",
            reason="anti_bot",
            next_step="Files go up over HTTP on either wire: try again later or from another network, or send text "
            "alone, short enough for a prompt.",
            **details,
        )
    return error
