"""Replies of the unary endpoints, how errors are spelled (rest.md 0.2 and 1.5), and refusal faults."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from langchain_grokweb.testing.rest.stream import go_json, line
from langchain_grokweb.testing.state.faults import (
    ANTI_BOT,
    HEAVY_USAGE,
    INVALID_ARGUMENT,
    TOO_MANY_REQUESTS,
    Fault,
    Refused,
)
from langchain_grokweb.testing.state.service import Service

BAD_CREDENTIALS = "Bad credentials. [WKE=unauthenticated:bad-credentials]"
FORBIDDEN = "Permission denied"
OTHER_TIER = "This mode requires another subscription."
INVALID = "Invalid argument"
CHALLENGE_PAGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
    '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8"><meta name="robots" content="noindex,nofollow">'
    '</head><body><div class="main-wrapper" role="main"><noscript>Enable JavaScript and cookies to continue</noscript>'
    '</div><script src="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1?ray=0000000000000000"></script>'
    "</body></html>"
)
_ERROR_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>"
_APP_PAGE = '<!DOCTYPE html><html lang="en"><head><title>Grok</title></head><body><div id="root"></div></body></html>'

_Make = Callable[[Mapping[str, Any]], Response]


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
    """A JSON reply, with a blank after commas but not after colons, as the service writes it."""
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


def refusal(fault: Fault, *, nested: bool) -> Response:
    """The reply of a refusal fault; `nested` on streaming endpoints."""
    return _REFUSALS[fault.name]({**fault.options, "nested": nested})


def only_line(code: int, message: str) -> Response:
    """A stream with status 200 whose first and only line is an error."""
    return Response(line({"error": {"code": code, "message": message, "details": []}}), media_type="application/json")


def bad_credentials() -> Response:
    """The cookie is not accepted."""
    return error_reply(401, 16, BAD_CREDENTIALS, nested=False)


def _challenge(options: Mapping[str, Any]) -> Response:
    headers = {"cf-mitigated": "challenge"}
    return Response(CHALLENGE_PAGE, options["status"], headers, "text/html")


def _anti_bot(options: Mapping[str, Any]) -> Response:
    if options["in_stream"]:
        return only_line(7, ANTI_BOT)
    return error_reply(403, 7, ANTI_BOT, nested=True)


def _rate_limited(options: Mapping[str, Any]) -> Response:
    if options["in_stream"]:
        return only_line(8, TOO_MANY_REQUESTS)
    wait = options["retry_after"]
    headers = {} if wait is None else {"retry-after": str(wait)}
    return error_reply(429, 8, TOO_MANY_REQUESTS, nested=options["nested"], headers=headers)


def _heavy_load(options: Mapping[str, Any]) -> Response:
    if options["in_stream"]:
        return only_line(8, HEAVY_USAGE)
    return error_reply(options["status"], 8, HEAVY_USAGE, nested=True)


def _server_error(options: Mapping[str, Any]) -> Response:
    page = "" if options["empty"] else _ERROR_PAGE.format(f"{options['status']} Error")
    return Response(page, options["status"], media_type="text/html")


_REFUSALS: Mapping[str, _Make] = {
    "challenge": _challenge,
    "anti_bot": _anti_bot,
    "expired": lambda _options: bad_credentials(),
    "blocked": lambda _options: error_reply(403, 7, "User is blocked [WKE=unauthorized:blocked-user]", nested=False),
    "region": lambda _options: Response("This service is not available in your region", 403, media_type="text/plain"),
    "model_not_found": lambda _options: error_reply(403, 7, "Model is not found", nested=True),
    "forbidden": lambda options: error_reply(403, 7, FORBIDDEN, nested=options["nested"]),
    "tier": lambda options: error_reply(403, 7, OTHER_TIER, nested=options["nested"]),
    "invalid_request": lambda options: error_reply(400, 3, INVALID, nested=options["nested"]),
    "not_found": lambda options: error_reply(404, 5, "Not found", nested=options["nested"]),
    "rate_limited": _rate_limited,
    "heavy_load": _heavy_load,
    "server_error": _server_error,
    "html": lambda _options: Response(_APP_PAGE, media_type="text/html"),
    "login_redirect": lambda options: Response(status_code=307, headers={"location": options["location"]}),
}
