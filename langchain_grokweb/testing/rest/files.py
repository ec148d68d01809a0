"""Uploads, and the assets host (rest.md 2.4 and 8.2).

The emulator's own host plays the assets host as well. Pictures are one small JPEG, their previews another; uploads come
back as they were. A signed address takes no cookies: it is its own proof.
"""

import base64
import binascii
import secrets
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from uuid import uuid4

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, service_of, unary
from langchain_grokweb.testing.state.faults import Fault, Refused
from langchain_grokweb.testing.state.stored import file_object, stream_error

SIGNED = "/signed/"  # addresses that need no session


async def upload(request: HttpRequest) -> Response:
    """The classic upload: base64 inside JSON."""
    body = body_of(request)
    try:
        content = base64.b64decode(body["content"], validate=True)
        name, mime_type = str(body["fileName"]), str(body.get("fileMimeType", ""))
    except (KeyError, TypeError, binascii.Error) as exc:
        raise Refused(400, "Invalid file") from exc
    refused = _refused(request)
    if refused is not None:
        raise Refused(400, refused["message"])
    return unary(file_object(service_of(request).keep(name, mime_type, content), is_classic=True))


async def upload_direct(request: HttpRequest) -> Response:
    """The newest upload: a part `file` of a multipart form."""
    head = b"content-type: " + request.headers.get("content-type", "").encode() + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + await request.body())
    parts = {one.get_param("name", header="content-disposition"): one for one in form.iter_parts()}
    part = parts.get("file")
    if part is None:
        raise Refused(400, "Invalid file")
    reply: dict[str, Any] = {"uploadId": str(uuid4())}
    refused = _refused(request)
    if refused is not None:
        return unary({**reply, "terminalError": refused})
    content = part.get_payload(decode=True)
    kept = content if isinstance(content, bytes) else b""
    file = service_of(request).keep(part.get_filename() or "file", part.get_content_type(), kept)
    return unary({**reply, "fileMetadata": file_object(file)})


def _refused(request: HttpRequest) -> dict[str, Any] | None:
    """Why this upload is not kept; None where it is."""
    fault: Fault | None = request.scope["grok.fault"]
    return stream_error(fault.options["kind"]) if fault is not None and fault.stage == "upload" else None


async def asset(request: HttpRequest) -> Response:
    """Something on the assets host; a file that Grok made is refused even with the cookie (rest.md 8.2)."""
    service, key = service_of(request), request.url.path.lstrip("/")
    made = service.assets.get(key)
    if not service.account.knows(request.headers.get("cookie", "")) or (made is not None and made.path):
        return _denied()
    file = made or next((one for one in service.uploads.values() if one.uri == key), None)
    if file is None:
        return Response("Not found", 404, media_type="text/plain")
    return Response(file.content, media_type=file.mime_type or "application/octet-stream")


async def made_file(request: HttpRequest) -> Response:
    """Where the bytes of a file are that Grok made: a signed address, or a data URL too."""
    service, query = service_of(request), request.query_params
    conversation = service.conversations.find(query.get("conversationId", ""))
    named = {one for node in conversation.nodes.values() for one in node.details.get("fileAttachments", ())}
    files = (one for one in service.assets.values() if one.asset_id in named and one.path == query.get("path"))
    file = next(files, None)
    if file is None or not file.path:
        raise Refused(404, "File not found")
    encoded = base64.b64encode(file.content).decode()
    inline = {"dataUrl": f"data:{file.mime_type};base64,{encoded}"} if file.inline else {}
    url = f"http://{request.headers['host']}{SIGNED}{file.asset_id}?signature={secrets.token_hex(8)}"
    rest = {"mimeType": file.mime_type, "size": len(file.content), "isTruncated": False}
    return unary({**inline, **rest, "signedUrl": url, "downloadSignedUrl": f"{url}&download=1"})


async def signed(request: HttpRequest) -> Response:
    """A file by its signed address."""
    name = request.path_params["name"]
    file = next((one for one in service_of(request).assets.values() if one.asset_id == name), None)
    if file is None or "signature" not in request.query_params:
        return _denied()
    headers = {"content-disposition": "attachment"} if "download" in request.query_params else {}
    return Response(file.content, headers=headers, media_type=file.mime_type)


def _denied() -> Response:
    return Response("Forbidden", 403, media_type="text/plain")


ROUTES = (
    Route("/rest/app-chat/upload-file", upload, methods=["POST"]),
    Route("/http/upload-file-v2/direct", upload_direct, methods=["POST"]),
    Route(f"{SIGNED}{{name}}", signed),
    Route("/rest/conversations/files/content", made_file),
    Route("/users/{path:path}", asset),
)
