"""The edge in front of the routes: records each request, lets faults strike, checks the session, dresses up replies.

The order is the real one: Cloudflare before the session, the session before the endpoint. A request is read whole
before anything else, so that `GrokEmulator.requests` shows also those that were refused. An upgrade to a WebSocket
takes the same way; it is refused with an ordinary HTTP reply.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from uuid import UUID

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from langchain_grokweb.testing.gateway import sockets
from langchain_grokweb.testing.rest import chat, files, site
from langchain_grokweb.testing.rest.replies import error_reply, recorded_refusal, refusal, refused_reply
from langchain_grokweb.testing.server import gone, hung_up
from langchain_grokweb.testing.state import faults
from langchain_grokweb.testing.state.script import Request
from langchain_grokweb.testing.state.service import Service

OAUTH = "Action cannot be performed by OAuth2 token users [WKE=unauthorized:oauth2-auth-forbidden]"
ORIGIN = "https://grok.com"

_OCCASIONS: Mapping[faults.Occasion, re.Pattern[str]] = {
    "chat": re.compile("POST /rest/app-chat/conversations/(?:new|[^/]+/responses)"),
    "reconnect": re.compile("[A-Z]+ /rest/app-chat/conversations/reconnect-response-v2/[^/]+"),
    "upload": re.compile("[A-Z]+ (?:/rest/app-chat|/http)/upload-file(?:-v2/complete|-v2/direct)?"),
}
_BEGINNINGS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
_STREAMS = frozenset({"chat", "reconnect"})
_PLAYED_BY_ENDPOINT: Mapping[faults.Occasion, frozenset[faults.Stage]] = {
    "chat": frozenset({"content", "framing", "delivery"}),
    "reconnect": frozenset({"framing", "delivery"}),
    "upload": frozenset({"upload"}),
}


async def _unknown(_request: HttpRequest, _exc: Exception) -> Response:
    return error_reply(faults.ErrorReply(404, "Not Found"))


class Front:
    """The emulator as an ASGI application: what comes before its routes, and these."""

    def __init__(self, service: Service) -> None:
        routes = [*chat.ROUTES, *files.ROUTES, *site.ROUTES, *sockets.ROUTES]
        handlers = {faults.Refused: refused_reply, HTTPException: _unknown}
        self._app = Starlette(routes=routes, exception_handlers=handlers)
        self._app.state.service = self._service = service
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket; a shutdown may end it at any point, without a word."""
        scope["grok.transport"] = self._service.transport_of(scope["client"])
        serve = self._serve if scope["type"] == "http" else self._upgrade
        with suppress(asyncio.CancelledError, ClientDisconnect):
            await serve(scope, receive, send)

    async def _upgrade(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._record(scope, b"")
        await asyncio.sleep(2 * self._service.settings.latency)
        reply = await self._instead_of_socket(scope, receive)
        await (reply or self._app)(scope, receive, self._dressed(scope, send))

    async def _instead_of_socket(self, scope: Scope, receive: Receive) -> Response | None:
        """The reply to an upgrade that is refused; None where it may go on."""
        path = scope["path"]
        if path != faults.GATEWAY_PATH:
            return error_reply(faults.ErrorReply(404, "Not Found"))
        if (refused := self._service.recorded.take_refused_upgrade()) is not None:
            return recorded_refusal(refused)
        fault = self._service.script.next_fault(path, "upgrade")
        if fault is not None and fault.stage == "refusal":
            return await self._struck(scope, receive, fault)
        if fault is not None:
            await asyncio.sleep(fault.options["seconds"])
        return self._refused_at_door(scope)

    def _refused_at_door(self, scope: Scope) -> Response | None:
        """The reply to an upgrade that is not let in (gateway.md 1.3 and 1.4); None for one that is.

        That the three last checks answer with 403 is a guess.
        """
        headers, account = Headers(scope=scope), self._service.account
        if "authorization" in headers:
            return _forbidden(OAUTH)
        if not account.knows("; ".join(headers.getlist("cookie"))):
            return error_reply(faults.ERROR_REPLIES["expired"])
        if headers.get("origin") not in (ORIGIN, f"http://{headers.get('host')}"):
            return _forbidden("Origin is not allowed")
        try:
            is_own = UUID(QueryParams(scope["query_string"]).get("uid", "")) == UUID(account.user_id)
        except ValueError:
            return _forbidden("Invalid uid")
        return None if is_own else _forbidden("uid does not match the session")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["grok.body"] = await HttpRequest(scope, receive).body()
        record = self._record(scope, scope["grok.body"])
        asked = f"{record.method} {record.path}"
        fitting = (name for name, pattern in _OCCASIONS.items() if pattern.fullmatch(asked))
        occasion: faults.Occasion = next(fitting, "request")
        fault = self._service.script.next_fault(record.path, occasion)
        scope["grok.record"], scope["grok.fault"] = record, fault
        latency = self._service.settings.latency
        await asyncio.sleep(latency if occasion in _STREAMS else 2 * latency)
        reply = await self._instead(scope, receive, fault, occasion)
        await (reply or self._app)(scope, receive, self._dressed(scope, send))

    def _record(self, scope: Scope, body: bytes) -> Request:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        try:
            parsed = json.loads(body) if body else None
        except ValueError:
            parsed = body
        record = Request(scope.get("method", "GET"), scope["path"], query, headers, parsed)
        self._service.saw(self._service.requests, record)
        return record

    async def _instead(
        self, scope: Scope, receive: Receive, fault: faults.Fault | None, occasion: faults.Occasion
    ) -> Response | None:
        """What is answered instead of the endpoint; None where the endpoint may answer."""
        path = scope["path"]
        if fault is not None and fault.stage == "opening":
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.options["seconds"]):
                    return await gone(receive)  # what was asked is not answered then, and uses up no reply
        elif fault is not None and fault.stage not in _PLAYED_BY_ENDPOINT.get(occasion, ()):
            return await self._struck(scope, receive, fault, nested=occasion in _STREAMS)
        is_open = path.startswith(("/users/", files.SIGNED)) or path in site.OPEN_PATHS
        cookies = "; ".join(Headers(scope=scope).getlist("cookie"))
        if not is_open and not self._service.account.knows(cookies):
            return error_reply(faults.ERROR_REPLIES["expired"])
        return None

    async def _struck(self, scope: Scope, receive: Receive, fault: faults.Fault, *, nested: bool = False) -> Response:
        """What a fault answers instead of the endpoint; of a stream's faults only reset and silence make sense here."""
        if fault.name in ("hang_up", "reset"):
            return await hung_up(scope, receive)
        if fault.name == "silence":
            return await gone(receive)
        if fault.stage == "refusal":
            return refusal(fault, nested=nested)
        return error_reply(faults.ErrorReply(500, f"Emulator: {fault.name} cannot strike {scope['path']}"))

    def _dressed(self, scope: Scope, send: Send) -> Send:
        """Cloudflare's headers on every reply, with a cookie that changes each time (rest.md 1.1 and 1.3).

        Where the client has gone, uvicorn is given the chance to notice; else asyncio would complain of the writes.
        """
        transport: asyncio.Transport | None = scope["grok.transport"]

        async def dressed(message: Message) -> None:
            if message["type"] in _BEGINNINGS:
                cookie = f"__cf_bm={secrets.token_urlsafe(12)}; path=/; HttpOnly; SameSite=Lax"
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"date", formatdate(usegmt=True).encode()),
                    (b"server", b"cloudflare"),
                    (b"cf-ray", secrets.token_hex(8).encode() + b"-EMU"),
                    (b"set-cookie", cookie.encode()),
                ]
            if transport is not None and transport.is_closing():
                await asyncio.sleep(0)
            await send(message)

        return dressed


def _forbidden(message: str) -> Response:
    return error_reply(faults.ErrorReply(403, message))
