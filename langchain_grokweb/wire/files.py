"""Uploads: what is sent to the endpoints, what their replies say, and what a refusal means.

Source: rest.md 2.4 and 8.12, gateway.md 3.5. A file's id is `fileMetadataId`, or `fileId` where that is missing; an
`uploadId` alone is the id of no file, although one client takes it for one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from langchain_grokweb.wire.conversation_ids import is_id
from langchain_grokweb.wire.json_fields import get_dict, get_str, require_str, wrong_type
from langchain_grokweb.wire.turn import Attachment

DIRECT = "/http/upload-file-v2/direct"
CLASSIC = "/rest/app-chat/upload-file"
IN_STEPS = ("/http/upload-file-v2", "/rest/app-chat/upload-file-v2")  # the newer address first
KEPT = "/rest/app-chat/file-metadata"

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_THEIRS = {"cookie", "host", "content-length", "transfer-encoding", "connection", "upgrade"}
_OVER = {"ERROR", "ABORTED", "EXPIRED"}


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
    for value in _ids(reply):
        return value
    raise GrokWebProtocolError(where=f"{where}: fileMetadataId", expected="str", got="nothing")


# --- in three steps: announce it, send its bytes to a signed address, have it made a file


@dataclass(frozen=True, slots=True)
class SignedPlace:
    """Where the bytes of an announced upload go.

    Attributes:
        upload_id: The upload's id.
        url: The address, which is its own proof.
        headers: What it wants to be sent along.
    """

    upload_id: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def announcement(file: Attachment) -> dict[str, Any]:
    """What the first step says; in parts nothing is sent, since their form is not known."""
    about = {"fileName": file.name, "fileMimeType": file.mime_type, "sizeBytes": len(file.content)}
    return {**about, "multipartSupported": False}


def signed_place(reply: Any) -> SignedPlace:
    """Where the reply to the first step sends the bytes.

    Raises:
        GrokWebError: The file was refused, or the reply names no place.
    """
    where = "upload-file-v2/init"
    if isinstance(reply, dict) and (report := reply.get("terminalError")):
        raise error_mapping.from_upload(report)
    if not isinstance(reply, dict):
        raise wrong_type(where, "dict", reply)
    put = get_dict(reply, "singlePut")
    headers = {
        name: value
        for name, value in get_dict(put, "requiredHeaders").items()
        if _HEADER_NAME.fullmatch(name) and name.lower() not in _NOT_THEIRS
        if isinstance(value, str) and value.isascii() and value.isprintable()
    }
    url = require_str(put, "url", where=f"{where}: singlePut")
    return SignedPlace(require_str(reply, "uploadId", where=where), url, headers)


def completion(upload_id: str) -> dict[str, Any]:
    """What the third step says."""
    return {"presigned": {"uploadId": upload_id, "completedParts": []}}


def pending_upload(reply: Any) -> str:
    """The id of an upload that is not a file yet, where the reply names only that; else empty."""
    if not isinstance(reply, dict) or reply.get("terminalError"):
        return ""
    upload_id = get_str(reply, "uploadId")
    return upload_id if is_id(upload_id) and not any(_ids(reply)) else ""


def settled(status: Any) -> bool:
    """Whether an upload is a file now, by its `status`.

    Raises:
        GrokWebError: It failed.
    """
    if get_str(status, "status").rpartition("UPLOAD_STATUS_")[2] in _OVER:
        raise error_mapping.from_upload({"message": get_str(status, "errorMessage")})
    return any(_ids(status))


def is_kept(metadata: Any, known_id: str) -> bool:
    """Whether the service still has a file, by the reply of `KEPT`."""
    return known_id in _ids(metadata)


def _ids(reply: Any) -> list[str]:
    holders = (get_dict(reply, "fileMetadata"), reply)
    return [value for holder in holders for name in ("fileMetadataId", "fileId") if (value := get_str(holder, name))]


def refusal(error: GrokWebError, file: Attachment) -> GrokWebError:
    """The error for an upload that was refused, where it would mean something else for a prompt."""
    details: dict[str, Any] = {"status_code": error.status_code, "error_code": error.error_code}
    if isinstance(error, GrokWebContextOverflowError):
        return GrokWebInvalidRequestError(
            f"The file {file.name} ({len(file.content)} bytes) is too large for grok.com.",
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
            next_step="Uploads use HTTP on either wire: try again later or from another network, or send text "
            "alone, short enough for a prompt.",
            **details,
        )
    return error
