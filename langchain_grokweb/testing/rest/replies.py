"""Replies of the unary endpoints, and how errors are spelled (rest.md 0.2 and 1.5)."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from langchain_grokweb.testing.rest.encoding import go_json
from langchain_grokweb.testing.state.refused import INVALID_ARGUMENT, Refused
from langchain_grokweb.testing.state.service import Service


def service_of(request: HttpRequest) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent, empty where nothing was.

    Raises:
        Refused: 400, code 3, for anything else.
    """
    body = request.scope["grok.record"].body
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Refused(400, INVALID_ARGUMENT, "Invalid JSON body")
    return body


def unary(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply, with a blank behind commas but not behind colons, as the service writes it."""
    return Response(go_json(body, (", ", ":")), status, headers, "application/json")


def error_reply(
    status: int, code: int, message: str, *, nested: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in the flat envelope of unary endpoints, or in the nested one of streaming endpoints."""
    body: Mapping[str, Any] = {"code": code, "message": message, "details": []}
    return unary({"error": body} if nested else body, status, headers)


def refused_reply(_request: HttpRequest, refused: Exception) -> Response:
    """The reply to a request that was refused."""
    if not isinstance(refused, Refused):
        raise refused
    return error_reply(refused.status, refused.code, refused.message, nested=refused.nested)
