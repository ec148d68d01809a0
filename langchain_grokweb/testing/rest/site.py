"""Quotas, modes, the account, and the pages on which one signs in (rest.md 2.5, 2.6, 1.1)."""

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, service_of, unary
from langchain_grokweb.testing.state.account import WINDOW_SECONDS

EMAIL = "user@example.com"
OPEN_PATHS = frozenset({"/", "/sign-in"})

_HOME = """<!DOCTYPE html>
<html lang="en"><head><title>Emulator of grok.com</title></head>
<body><h1>Signed in</h1><p>This is the emulator of grok.com. You are signed in; there is nothing else to see.</p></body>
</html>
"""
_SIGN_IN = """<!DOCTYPE html>
<html lang="en"><head><title>Sign in to the emulator of grok.com</title></head>
<body><h1>Sign in to the emulator of grok.com</h1>
<p>This is not grok.com, and it needs no password. Press the button, or send POST /sign-in: the reply sets the cookies
sso, sso-rw and x-userid. In a test, take them from <code>GrokEmulator.cookies</code>.</p>
<form method="post" action="/sign-in"><button>Sign in</button></form></body>
</html>
"""


async def rate_limits(request: HttpRequest) -> Response:
    """What is left of a model or mode; a `requestKind` makes it a request of 2025."""
    body = body_of(request)
    name = str(body.get("modelName", "auto"))
    account = service_of(request).account
    old = "requestKind" in body
    is_model = old or name not in {mode["id"] for mode in account.modes()}
    account.check_mode(name, is_model=is_model)
    quota = account.quota(name)
    limits: dict[str, Any] = {"windowSizeSeconds": WINDOW_SECONDS, "remainingQueries": quota.remaining}
    if quota.remaining == 0:
        limits["waitTimeSeconds"] = quota.wait_seconds
    limits["totalQueries"] = quota.total
    return unary(limits if old else {**limits, "lowEffortRateLimits": None, "highEffortRateLimits": None})


async def modes(request: HttpRequest) -> Response:
    """The modes, and what each needs."""
    return unary({"modes": service_of(request).account.modes(), "defaultModeId": "auto"})


async def signed_in(request: HttpRequest) -> Response:
    """Who is signed in."""
    user_id = service_of(request).account.user_id
    session = {"userId": user_id, "email": EMAIL, "organizationId": ""}
    return unary({"status": "authenticated", "session": session, "user": {"id": user_id, "email": EMAIL}})


async def home(request: HttpRequest) -> Response:
    """The page that needs a sign-in; it gives the browser its user id."""
    account = service_of(request).account
    if not account.knows(request.headers.get("cookie", "")):
        return RedirectResponse("/sign-in", 307)
    response = Response(_HOME, media_type="text/html")
    response.set_cookie("x-userid", account.user_id, samesite="lax")
    return response


async def sign_in_page(_request: HttpRequest) -> Response:
    """How to sign in, in plain words."""
    return Response(_SIGN_IN, media_type="text/html")


async def sign_in(request: HttpRequest) -> Response:
    """Signs in: sets the cookies, and leads to that page."""
    response = RedirectResponse("/", 303)
    for name, value in service_of(request).account.cookies.items():
        response.set_cookie(name, value, httponly=name != "x-userid", samesite="lax")
    return response


ROUTES = (
    Route("/rest/rate-limits", rate_limits, methods=["POST"]),
    Route("/rest/modes", modes, methods=["POST"]),
    Route("/api/auth/session", signed_in),
    Route("/", home),
    Route("/sign-in", sign_in_page),
    Route("/sign-in", sign_in, methods=["POST"]),
)
