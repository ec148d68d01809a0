"""Replies of the unary endpoints, how errors are spelled (rest.md 0.2 and 1.5), and refusal faults."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from langchain_grokweb.testing.rest.stream import go_json, line
from langchain_grokweb.testing.state.faults import ERROR_REPLIES, LINE_ERRORS, ErrorReply, Fault, Refused
from langchain_grokweb.testing.state.service import Service

CHALLENGE_PAGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
    '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8"><meta name="robots" content="noindex,nofollow">'
    '</head><body><div class="main-wrapper" role="main"><noscript>Enable JavaScript and cookies to continue</noscript>'
    '</div><script src="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1?ray=0000000000000000"></script>'
    "</body></html>"
)
_ERROR_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>"
_APP_PAGE = '<!DOCTYPE html><html lang="en"><head><title>Grok</title></head><body><div id="root"></div></body></html>'


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
        raise Refused(400, "Invalid JSON body")
    return body


def unary(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply, with a blank after commas but not after colons, as the service writes it."""
    return Response(go_json(body, (", ", ":")), status, headers, "application/json")


def error_reply(
    error: ErrorReply, *, nested: bool = False, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in the flat envelope of unary endpoints, or in the nested one of streaming endpoints."""
    is_nested = nested if error.nested is None else error.nested
    return unary({"error": error.body} if is_nested else error.body, status or error.status, headers)


async def refused_reply(_request: HttpRequest, refused: Exception) -> Response:
    """The reply to a request that was refused."""
    if not isinstance(refused, Refused):
        raise refused
    return error_reply(refused.reply)


def refusal(fault: Fault, *, nested: bool) -> Response:
    """The reply of a refusal fault; `nested` on streaming endpoints."""
    options = fault.options
    if options.get("in_stream"):
        return only_line(fault.name)
    if options.get("empty"):
        return Response(status_code=options.get("status", 401))
    if fault.name in _PAGES:
        return _PAGES[fault.name](options)
    wait = options.get("retry_after")
    headers = {} if wait is None else {"retry-after": str(wait)}
    return error_reply(ERROR_REPLIES[fault.name], nested=nested, status=options.get("status"), headers=headers)


def only_line(name: str) -> Response:
    """A stream with status 200 whose first and only line is this error."""
    return Response(line({"error": LINE_ERRORS[name].body}), media_type="application/json")


_OF_CODES = {1015: 429}  # Cloudflare's codes, and their statuses (rest.md 8.15)
_PAGES: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
    "challenge": lambda options: Response(
        CHALLENGE_PAGE, options["status"], {"cf-mitigated": "challenge"}, "text/html"
    ),
    "cloudflare": lambda options: Response(
        _ERROR_PAGE.format(f"Error {options['code']}"), _OF_CODES.get(options["code"], 403), media_type="text/html"
    ),
    "server_error": lambda options: Response(
        _ERROR_PAGE.format(f"{options['status']} Error"), options["status"], media_type="text/html"
    ),
    "html": lambda _options: Response(_APP_PAGE, media_type="text/html"),
    "login_redirect": lambda options: Response(status_code=307, headers={"location": options["location"]}),
    "region": lambda _options: Response(ERROR_REPLIES["region"].message, 403, media_type="text/plain"),
}


def recorded_refusal(refused: Mapping[str, Any]) -> Response:
    """A refusal as a capture has it: with its body, or with a page that has the signs of the one that came."""
    headers = dict(refused.get("headers", {}))
    kind = headers.pop("content-type", "application/json" if "body" in refused else "text/html")
    signs = " ".join(refused.get("page", {}).get("signs", ()))
    page = f"<!DOCTYPE html><html><head><title>{signs}</title></head><body></body></html>"
    body = go_json(refused["body"]) if "body" in refused else str(refused.get("text", page))
    return Response(body, refused["status"], headers, kind)
