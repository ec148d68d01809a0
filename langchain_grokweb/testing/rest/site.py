"""Quotas, modes, the account, and the pages on which one signs in (rest.md 2.5, 2.6, 1.1)."""

from html import escape
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from langchain_grokweb.testing.rest.replies import body_of, service_of, unary
from langchain_grokweb.testing.state.account import MODES_BY_ID, WINDOW_SECONDS, quota_name

EMAIL = "user@example.com"
OPEN_PATHS = frozenset({"/", "/sign-in"})

_SIGNED_IN_SECONDS = 180 * 24 * 3600  # a guess: weeks to months (rest.md 1.1)

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #111; color: #eee;
  font: 16px/1.5 system-ui, sans-serif; }}
main {{ box-sizing: border-box; width: min(26rem, 100vw); padding: 2rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 1rem; }}
p, li {{ color: #aaa; }} code {{ color: #eee; overflow-wrap: anywhere; }}
label {{ display: block; margin: 1rem 0 .25rem; }}
input, button {{ box-sizing: border-box; width: 100%; padding: .7rem; border-radius: .6rem; border: 1px solid #444;
  background: #1b1b1b; color: inherit; font: inherit; }}
button {{ margin-top: 1.5rem; background: #eee; color: #111; cursor: pointer; }}
</style></head>
<body><main>{content}</main></body></html>
"""
_HOME = """<h1>Signed in</h1>
<p>as <code>{email}</code>, at an emulator of grok.com. This browser has the cookies <code>sso</code>,
<code>sso-rw</code> and <code>x-userid</code> now.</p>
<ol><li>Export them: copy a request as cURL from the network panel, or save a HAR file with sensitive data, or use an
extension that exports cookies.</li>
<li>Run <code>grokweb login FILE --base-url {address}</code></li>
<li>Run <code>grokweb chat "Hello" --base-url {address}</code></li></ol>
"""
_SIGN_IN = """<h1>Sign in</h1>
<p>This is an emulator of grok.com on your own machine, not grok.com. Any name will do: type no real password.
A program sends <code>POST /sign-in</code>.</p>
<form method="post" action="/sign-in">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="off" value="{email}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off" value="not a real one">
<button type="submit">Sign in</button></form>
"""


async def rate_limits(request: HttpRequest) -> Response:
    """What is left of a model or mode; a `requestKind` makes it a request of 2025."""
    body = body_of(request)
    name = str(body.get("modelName", "auto"))
    account = service_of(request).account
    old = "requestKind" in body
    account.check_mode(name, is_model=old or name not in MODES_BY_ID)
    quota = account.quota(quota_name(name, thinks=body.get("requestKind") == "REASONING"))
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
    response = _page("Signed in", _HOME.format(email=EMAIL, address=escape(str(request.base_url).rstrip("/"))))
    response.set_cookie("x-userid", account.user_id, _SIGNED_IN_SECONDS, samesite="lax")
    return response


async def sign_in_page(_request: HttpRequest) -> Response:
    """A form. What is typed into it is not looked at."""
    return _page("Sign in", _SIGN_IN.format(email=EMAIL))


async def sign_in(request: HttpRequest) -> Response:
    """Signs in: sets the cookies, and leads to that page."""
    response = RedirectResponse("/", 303)
    for name, value in service_of(request).account.cookies.items():
        response.set_cookie(name, value, _SIGNED_IN_SECONDS, httponly=name != "x-userid", samesite="lax")
    return response


def _page(title: str, content: str) -> Response:
    return Response(_PAGE.format(title=f"{title} - emulator of grok.com", content=content), media_type="text/html")


ROUTES = (
    Route("/rest/rate-limits", rate_limits, methods=["POST"]),
    Route("/rest/modes", modes, methods=["POST"]),
    Route("/api/auth/session", signed_in),
    Route("/", home),
    Route("/sign-in", sign_in_page),
    Route("/sign-in", sign_in, methods=["POST"]),
)
