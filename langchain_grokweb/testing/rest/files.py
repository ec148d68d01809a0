"""Uploads, and the assets behind the cookie (rest.md 2.4).

The emulator's own host plays the asset host as well. Pictures are one small JPEG, their previews another;
uploads come back as they were.
"""

import base64
import binascii
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from uuid import uuid4

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, service_of, unary
from langchain_grokweb.testing.state.faults import Fault
from langchain_grokweb.testing.state.refused import INVALID_ARGUMENT, Refused
from langchain_grokweb.testing.state.responses import file_object
from langchain_grokweb.testing.state.storage import stream_error

PICTURE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
    "CAgICAgICAj/wAALCABAAEABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgB"
    "AQAAPwDydcXFxcXFxcebri4uLi4uLjzdcXFxcXFxcebri4uLi4uLjzdcXFxcXFxcebri4uLi4uLjzdcXFxcXFxcebri4uLi4uLj/2Q=="
)
PREVIEW = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
    "CAgICAgICAj/wAALCABAAEABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgB"
    "AQAAPwDmQA6AAOfAdAAHQPPw6AAOgDz90AAdAA58AOgADnwHQAB0Dz8OgADoA8/dAAHQAP/Z"
)


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
    refused = _refused(request)
    if refused is not None:
        return unary({"uploadId": str(uuid4()), "terminalError": refused})
    content = part.get_payload(decode=True)
    file = service_of(request).keep(
        part.get_filename() or "file", part.get_content_type(), content if isinstance(content, bytes) else b""
    )
    return unary({"uploadId": str(uuid4()), "fileMetadata": file_object(file)})


def _refused(request: HttpRequest) -> dict[str, Any] | None:
    """Why this upload is not kept; None where it is."""
    fault: Fault | None = request.scope["grok.fault"]
    return stream_error(fault.options["kind"]) if fault is not None and fault.stage == "upload" else None


def _field(part: Message) -> object:
    return part.get_param("name", header="content-disposition")


async def picture(request: HttpRequest) -> Response:
    """A generated picture or its preview."""
    service = service_of(request)
    key = request.url.path.lstrip("/")
    if not service.account.knows(request.headers.get("cookie", "")):
        return _denied()
    if key not in service.pictures:
        return Response("Not found", 404, media_type="text/plain")
    return Response(PICTURE if service.pictures[key] else PREVIEW, media_type="image/jpeg")


async def content(request: HttpRequest) -> Response:
    """An upload, as it came."""
    service = service_of(request)
    if not service.account.knows(request.headers.get("cookie", "")):
        return _denied()
    file = service.uploads.get(request.path_params["file_id"])
    if file is None:
        return Response("Not found", 404, media_type="text/plain")
    return Response(file.content, media_type=file.mime_type or "application/octet-stream")


async def metadata(request: HttpRequest) -> Response:
    """What is known of an upload."""
    file = service_of(request).uploads.get(request.path_params["file_id"])
    if file is None:
        raise Refused(404, 5, "File not found")
    return unary(file_object(file))


def _denied() -> Response:
    return Response("Forbidden", 403, media_type="text/plain")


ROUTES = (
    Route("/rest/app-chat/upload-file", upload, methods=["POST"]),
    Route("/http/upload-file-v2/direct", upload_direct, methods=["POST"]),
    Route("/rest/app-chat/file-metadata/{file_id}", metadata, methods=["POST"]),
    Route("/users/{user_id}/generated/{name}/image.jpg", picture),
    Route("/users/{user_id}/{file_id}/content", content),
)
