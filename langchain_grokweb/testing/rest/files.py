"""Uploads, the asset library, and the assets host (rest.md 2.4, 8.2 and 8.12; gateway.md 3.5).

The emulator's own host plays the assets host as well. Pictures are one small JPEG, their previews another; uploads come
back as they were. A signed address takes no cookies: it is its own proof.
"""

import base64
import binascii
import secrets
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, service_of, unary
from langchain_grokweb.testing.state.assets import Asset, PendingUpload
from langchain_grokweb.testing.state.faults import INVALID_ARGUMENT, NOT_FOUND, Fault, Refused
from langchain_grokweb.testing.state.script import UploadedFile
from langchain_grokweb.testing.state.stored import file_object, stream_error

SIGNED = "/signed/"  # addresses that need no session

_STEPS = ("/rest/app-chat/upload-file-v2", "/http/upload-file-v2")  # both are named by sources


async def upload(request: HttpRequest) -> Response:
    """The classic upload: base64 inside JSON."""
    body = body_of(request)
    try:
        content = base64.b64decode(body["content"], validate=True)
        name, mime_type = str(body["fileName"]), str(body.get("fileMimeType", ""))
    except (KeyError, TypeError, binascii.Error) as exc:
        raise Refused(400, INVALID_ARGUMENT, "Invalid file") from exc
    refused = _refused(request)
    if refused is not None:
        raise Refused(400, INVALID_ARGUMENT, refused["message"])
    return unary(file_object(service_of(request).keep(name, mime_type, content), is_classic=True))


async def upload_direct(request: HttpRequest) -> Response:
    """The newest upload: a part `file` of a multipart form."""
    head = b"content-type: " + request.headers.get("content-type", "").encode() + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + await request.body())
    part = next((one for one in form.iter_parts() if _field(one) == "file"), None) if form.is_multipart() else None
    if part is None:
        raise Refused(400, INVALID_ARGUMENT, "Invalid file")
    content = part.get_payload(decode=True)
    pending = PendingUpload(part.get_filename() or "file", part.get_content_type())
    pending.content = content if isinstance(content, bytes) else b""
    return _finished(request, pending)


async def upload_init(request: HttpRequest) -> Response:
    """The first of three steps: an upload is announced, and gets an address."""
    body = body_of(request)
    if not isinstance(body.get("fileName"), str):
        raise Refused(400, INVALID_ARGUMENT, "Invalid file")
    pending = PendingUpload(body["fileName"], str(body.get("fileMimeType") or "application/octet-stream"))
    service_of(request).pending[pending.upload_id] = pending
    put = {"url": _signed(request, pending.upload_id), "requiredHeaders": {"content-type": pending.mime_type}}
    return unary({"uploadId": pending.upload_id, "uploadMethod": "SINGLE_PUT", "singlePut": put})


async def upload_put(request: HttpRequest) -> Response:
    """The second step: the bytes, to a signed address, with the headers that it asked for. The status is a guess."""
    pending = service_of(request).pending.get(request.path_params["name"])
    if pending is None or request.headers.get("content-type") != pending.mime_type:
        return _denied()
    pending.content = await request.body()
    return Response()


async def upload_complete(request: HttpRequest) -> Response:
    """The third step: the upload becomes a file."""
    presigned = body_of(request).get("presigned")
    pending = _pending(request, str(presigned.get("uploadId")) if isinstance(presigned, dict) else "")
    if pending.content is None:
        raise Refused(400, INVALID_ARGUMENT, "Nothing was uploaded")
    return _finished(request, pending)


async def upload_status(request: HttpRequest) -> Response:
    """How far an upload is."""
    pending = _pending(request, request.query_params.get("uploadId", ""))
    file = pending.file
    metadata = {} if file is None else {"fileMetadata": file_object(file)}
    state = {"uploadId": pending.upload_id, "assetId": file.file_id if file else "", "status": pending.status}
    return unary({**state, **metadata, "errorMessage": pending.error})


def _pending(request: HttpRequest, upload_id: str) -> PendingUpload:
    pending = service_of(request).pending.get(upload_id)
    if pending is None:
        raise Refused(404, NOT_FOUND, "Upload not found")
    return pending


def _finished(request: HttpRequest, pending: PendingUpload) -> Response:
    """Keeps an upload, or refuses it."""
    service = service_of(request)
    service.pending[pending.upload_id] = pending
    refused = _refused(request)
    if refused is not None:
        pending.error = refused["message"]
        return unary({"uploadId": pending.upload_id, "terminalError": refused})
    pending.file = pending.file or service.keep(pending.name, pending.mime_type, pending.content or b"")
    return unary({"uploadId": pending.upload_id, "fileMetadata": file_object(pending.file)})


def _signed(request: HttpRequest, name: str) -> str:
    return f"http://{request.headers['host']}{SIGNED}{name}?signature={secrets.token_hex(8)}"


def _refused(request: HttpRequest) -> dict[str, Any] | None:
    """Why this upload is not kept; None where it is."""
    fault: Fault | None = request.scope["grok.fault"]
    return stream_error(fault.options["kind"]) if fault is not None and fault.stage == "upload" else None


def _field(part: Message) -> object:
    return part.get_param("name", header="content-disposition")


async def asset(request: HttpRequest) -> Response:
    """Something on the assets host; a file that Grok made is refused even with the cookie (rest.md 8.2)."""
    service = service_of(request)
    asset = service.assets.get(request.url.path.lstrip("/"))
    if not service.account.knows(request.headers.get("cookie", "")) or (asset is not None and asset.path):
        return _denied()
    if asset is None:
        return Response("Not found", 404, media_type="text/plain")
    return Response(asset.content, media_type=asset.mime_type)


async def content(request: HttpRequest) -> Response:
    """An upload, as it came."""
    service = service_of(request)
    if not service.account.knows(request.headers.get("cookie", "")):
        return _denied()
    file = service.uploads.get(request.path_params["file_id"])
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
        raise Refused(404, NOT_FOUND, "File not found")
    encoded = base64.b64encode(file.content).decode()
    inline = {"dataUrl": f"data:{file.mime_type};base64,{encoded}"} if file.inline else {}
    url = _signed(request, file.asset_id)
    rest = {"mimeType": file.mime_type, "size": len(file.content), "isTruncated": False}
    return unary({**inline, **rest, "signedUrl": url, "downloadSignedUrl": f"{url}&download=1"})


async def signed(request: HttpRequest) -> Response:
    """A file by its signed address."""
    name = request.path_params["name"]
    asset = next((one for one in service_of(request).assets.values() if one.asset_id == name), None)
    if asset is None or "signature" not in request.query_params:
        return _denied()
    headers = {"content-disposition": "attachment"} if "download" in request.query_params else {}
    return Response(asset.content, headers=headers, media_type=asset.mime_type)


async def library(request: HttpRequest) -> Response:
    """All uploads and all that Grok made, newest first."""
    service = service_of(request)
    made = [one.described() for one in service.assets.values() if one.name]
    entries = [*map(_uploaded, service.uploads.values()), *made]
    return unary({"assets": sorted(entries, key=lambda one: one["createTime"], reverse=True), "nextPageToken": ""})


async def library_entry(request: HttpRequest) -> Response:
    """One of them, by its id."""
    service, asset_id = service_of(request), request.path_params["asset_id"]
    if asset_id in service.uploads:
        return unary(_uploaded(service.uploads[asset_id]))
    asset = next((one for one in service.assets.values() if one.asset_id == asset_id), None)
    if asset is None:
        raise Refused(404, NOT_FOUND, "Asset not found")
    return unary(asset.described())


def _uploaded(file: UploadedFile) -> dict[str, Any]:
    asset = Asset(
        file.uri, file.content, file.mime_type, file.name, asset_id=file.file_id, create_time=file.create_time
    )
    return {**asset.described(), "isModelGenerated": False}


async def metadata(request: HttpRequest) -> Response:
    """What is known of an upload."""
    file = service_of(request).uploads.get(request.path_params["file_id"])
    if file is None:
        raise Refused(404, NOT_FOUND, "File not found")
    return unary(file_object(file))


def _denied() -> Response:
    return Response("Forbidden", 403, media_type="text/plain")


ROUTES = (
    Route("/rest/app-chat/upload-file", upload, methods=["POST"]),
    Route("/http/upload-file-v2/direct", upload_direct, methods=["POST"]),
    *(Route(f"{prefix}/init", upload_init, methods=["POST"]) for prefix in _STEPS),
    *(Route(f"{prefix}/complete", upload_complete, methods=["POST"]) for prefix in _STEPS),
    *(Route(f"{prefix}/status", upload_status) for prefix in _STEPS),
    Route(f"{SIGNED}{{name}}", upload_put, methods=["PUT"]),
    Route(f"{SIGNED}{{name}}", signed),
    Route("/rest/app-chat/file-metadata/{file_id}", metadata, methods=["POST"]),
    Route("/rest/conversations/files/content", made_file),
    Route("/rest/assets", library),
    Route("/rest/assets/{asset_id}", library_entry),
    Route("/users/{user_id}/generated/{name}/{file}", asset),
    Route("/users/{user_id}/{file_id}/content", content),
)
