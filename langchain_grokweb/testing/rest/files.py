"""Uploads, and the assets host (rest.md 2.4 and 8.2, gateway.md 3.5).

The emulator's own host plays the assets host as well. Pictures are drawn when they are asked for; uploads come back as
they were. A signed address takes no cookies: it is its own proof.
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
from langchain_grokweb.testing.state.assets import AnnouncedUpload
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
    form = BytesParser(policy=HTTP).parsebytes(head + request.scope["grok.body"])
    parts = {one.get_param("name", header="content-disposition"): one for one in form.iter_parts()}
    part = parts.get("file")
    if part is None:
        raise Refused(400, "Invalid file")
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    upload = AnnouncedUpload(part.get_filename() or "file", part.get_content_type(), content)
    return _kept(request, str(uuid4()), upload)


async def announce(request: HttpRequest) -> Response:
    """The first of three steps: an upload gets an address."""
    body, upload_id = body_of(request), str(uuid4())
    if not isinstance(body.get("fileName"), str):
        raise Refused(400, "Invalid file")
    announced = AnnouncedUpload(body["fileName"], str(body.get("fileMimeType") or "application/octet-stream"))
    service_of(request).announced[upload_id] = announced
    put = {"url": _signed_url(request, upload_id), "requiredHeaders": {"content-type": announced.mime_type}}
    return unary({"uploadId": upload_id, "uploadMethod": "SINGLE_PUT", "singlePut": put})


async def put(request: HttpRequest) -> Response:
    """The second step: the bytes, with the headers that the first asked for. The status is a guess."""
    announced = service_of(request).announced.get(request.path_params["name"])
    if announced is None or request.headers.get("content-type") != announced.mime_type:
        return _denied()
    announced.content = request.scope["grok.body"]
    return Response()


async def complete(request: HttpRequest) -> Response:
    """The third step: the upload becomes a file."""
    presigned = body_of(request).get("presigned")
    upload_id = str(presigned.get("uploadId")) if isinstance(presigned, dict) else ""
    return _kept(request, upload_id, _announced(request, upload_id))


async def status(request: HttpRequest) -> Response:
    """How far an upload in three steps is."""
    upload_id = request.query_params.get("uploadId", "")
    announced = _announced(request, upload_id)
    metadata, error = announced.result.get("fileMetadata", {}), announced.result.get("terminalError", {})
    state = {"uploadId": upload_id, "assetId": metadata.get("fileMetadataId", ""), "status": announced.status}
    return unary({**state, "fileMetadata": metadata, "errorMessage": error.get("message", "")})


def _announced(request: HttpRequest, upload_id: str) -> AnnouncedUpload:
    if upload_id not in service_of(request).announced:
        raise Refused(404, "Upload not found")
    return service_of(request).announced[upload_id]


def _kept(request: HttpRequest, upload_id: str, upload: AnnouncedUpload) -> Response:
    """Keeps an upload once, or refuses it."""
    if upload.content is None:
        raise Refused(400, "Nothing was uploaded")
    if refused := _refused(request):
        upload.result = {"terminalError": refused}
    elif "fileMetadata" not in upload.result:
        file = service_of(request).keep(upload.name, upload.mime_type, upload.content)
        upload.result = {"fileMetadata": file_object(file)}
    return unary({"uploadId": upload_id, **upload.result})


def _signed_url(request: HttpRequest, name: str) -> str:
    return f"http://{request.headers['host']}{SIGNED}{name}?signature={secrets.token_hex(8)}"


def _refused(request: HttpRequest) -> dict[str, Any] | None:
    """Why this upload is not kept; None where it is."""
    fault: Fault | None = request.scope["grok.fault"]
    return stream_error(fault.options["kind"]) if fault is not None and fault.stage == "upload" else None


async def file_metadata(request: HttpRequest) -> Response:
    """What is known of an upload."""
    file = service_of(request).uploads.get(request.path_params["file_id"])
    if file is None:
        raise Refused(404, "File not found")
    return unary(file_object(file))


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
    url = _signed_url(request, file.asset_id)
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
    Route("/{place:path}/upload-file-v2/init", announce, methods=["POST"]),  # `http` and `rest/app-chat`
    Route("/{place:path}/upload-file-v2/complete", complete, methods=["POST"]),
    Route("/{place:path}/upload-file-v2/status", status),
    Route(f"{SIGNED}{{name}}", put, methods=["PUT"]),
    Route(f"{SIGNED}{{name}}", signed),
    Route("/rest/app-chat/file-metadata/{file_id}", file_metadata, methods=["POST"]),
    Route("/rest/conversations/files/content", made_file),
    Route("/users/{path:path}", asset),
)
