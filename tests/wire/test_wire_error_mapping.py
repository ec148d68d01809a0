"""Refusals, by body first and status second (rest.md 1.5)."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from langchain_core.exceptions import ModelError

from langchain_grokweb import errors
from langchain_grokweb.wire.error_mapping import Reply, from_reply, from_stream_error

UNARY = Path(__file__).parent.parent / "samples" / "rest" / "unary"
JSON, HTML, TEXT = "application/json", "text/html; charset=UTF-8", "text/plain"


def refused(
    status: int, body: bytes | str | dict[str, object], kind: str = JSON, **headers: str
) -> errors.GrokWebError:
    raw = json.dumps(body) if isinstance(body, dict) else body
    raw = raw.encode() if isinstance(raw, str) else raw
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_reply(Reply(status, {"content-type": kind, **named}, raw, "https://grok.example/"))


def sample(name: str) -> bytes:
    return (UNARY / name).read_bytes()


CASES = [
    (401, sample("error_401_bad_credentials.json"), JSON, errors.GrokWebAuthenticationError, None),
    (403, sample("error_401_bad_credentials.json"), JSON, errors.GrokWebAuthenticationError, None),
    (400, sample("error_401_bad_credentials.json"), JSON, errors.GrokWebAuthenticationError, None),
    (401, "failed to look up session id", TEXT, errors.GrokWebAuthenticationError, None),
    (401, b"", JSON, errors.GrokWebAuthenticationError, None),
    (403, sample("error_403_antibot.json"), JSON, errors.GrokWebPermissionError, "anti_bot"),
    (403, sample("error_403_blocked_user.json"), JSON, errors.GrokWebPermissionError, "blocked"),
    (
        403,
        {"code": "unauthorized:blocked-user", "error": "User is blocked"},
        JSON,
        errors.GrokWebPermissionError,
        "blocked",
    ),
    (403, sample("error_403_cloudflare.html"), HTML, errors.GrokWebPermissionError, "challenge"),
    (429, sample("error_403_cloudflare.html"), HTML, errors.GrokWebPermissionError, "challenge"),
    (503, sample("error_403_cloudflare.html"), HTML, errors.GrokWebPermissionError, "challenge"),
    (200, sample("error_403_cloudflare.html"), HTML, errors.GrokWebPermissionError, "challenge"),
    (403, "This service is not available in your region", TEXT, errors.GrokWebPermissionError, "region"),
    (403, b"", JSON, errors.GrokWebPermissionError, "other"),
    (403, {"code": 7, "message": "This needs a SuperGrok subscription"}, JSON, errors.GrokWebPermissionError, "tier"),
    (403, sample("error_403_model_not_found.json"), JSON, errors.GrokWebModelNotFoundError, None),
    (404, {"code": 5, "message": "not found", "details": []}, JSON, errors.GrokWebConversationNotFoundError, None),
    (404, b"", TEXT, errors.GrokWebConversationNotFoundError, None),
    (400, {"code": 3, "message": "unknown parentResponseId"}, JSON, errors.GrokWebConversationNotFoundError, None),
    (400, {"code": 3, "message": "bad enum"}, JSON, errors.GrokWebInvalidRequestError, None),
    (422, b"", TEXT, errors.GrokWebInvalidRequestError, None),
    (413, b"", HTML, errors.GrokWebContextOverflowError, None),
    (429, sample("error_429_stream_endpoint.json"), JSON, errors.GrokWebRateLimitError, "requests"),
    (429, sample("error_429_unary_endpoint.json"), JSON, errors.GrokWebRateLimitError, "requests"),
    (429, {"error": {"code": "8", "message": "Too many requests"}}, JSON, errors.GrokWebRateLimitError, "requests"),
    (200, {"error": {"name": "RateLimitError"}}, JSON, errors.GrokWebRateLimitError, "requests"),
    (429, b"", HTML, errors.GrokWebRateLimitError, "requests"),
    (
        429,
        {"code": 8, "message": "Birth date is locked once set. [WKE=account:birth-date-change-limit-reached]"},
        JSON,
        errors.GrokWebInvalidRequestError,
        None,
    ),
    (
        429,
        {
            "error": {
                "code": 8,
                "message": "Grok is under heavy usage right now. Please try again later, or upgrade plan.",
            }
        },
        JSON,
        errors.GrokWebServerError,
        None,
    ),
    (
        403,
        {"error": {"code": "content-moderated", "message": "rejected"}},
        JSON,
        errors.GrokWebContentFilterError,
        None,
    ),
    (500, {"code": 13, "message": "internal"}, JSON, errors.GrokWebServerError, None),
    (502, "<html>bad gateway</html>", HTML, errors.GrokWebServerError, None),
    (520, b"", HTML, errors.GrokWebServerError, None),
    (200, "<html><title>A portal</title></html>", HTML, errors.GrokWebProtocolError, None),
]


@pytest.mark.parametrize(("status", "body", "kind", "expected", "reason"), CASES)
def test_every_refusal_has_its_error(status, body, kind, expected, reason):
    error = refused(status, body, kind)
    assert type(error) is expected
    assert getattr(error, "reason", None) == reason
    assert error.next_step
    assert str(error).endswith(error.next_step)
    assert error.status_code == status
    assert isinstance(error, ModelError)


def test_the_challenge_header_is_enough():
    assert refused(403, b"", HTML, cf_mitigated="challenge").reason == "challenge"


def test_the_well_known_name_is_the_code():
    assert refused(401, sample("error_401_bad_credentials.json")).error_code == "unauthenticated:bad-credentials"
    assert refused(403, sample("error_403_antibot.json")).error_code == "7"


def test_where_to_sign_in_is_told():
    assert refused(401, b"").login_url == "https://grok.example/"
    assert refused(307, b"", TEXT, location="https://accounts.x.ai/sign-in").login_url == "https://grok.example/"


def test_a_redirect_elsewhere_is_not_followed_nor_taken_for_a_sign_in():
    error = refused(302, b"", TEXT, location="https://elsewhere.example/?token=secret")
    assert type(error) is errors.GrokWebServerError
    assert "elsewhere" not in str(error)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"message": "No.", "attachmentImageTooLarge": {"maxSizeBytes": 5}}, "At most 5 bytes are allowed."),
        ({"message": "No.", "attachmentTooManyPages": {"max_pages": 9}}, "At most 9 pages are allowed."),
        ({"message": "No.", "attachmentLoadFailed": {}}, "Attach it again"),
        ({"message": "No.", "concurrencyLimit": {}}, "ask fewer questions at once"),
        ({"message": "No.", "usageLimitReached": {}}, "is used up"),
        ({"message": "No.", "systemKillSwitch": {}}, "switched this off"),
        ({"message": "No.", "kind": "usage_limit_reached", "details": {}}, "is used up"),
        ({"kind": "attachment_image_too_large", "details": {"max_size_bytes": 5}}, "At most 5 bytes are allowed."),
    ],
)
def test_each_kind_has_words_of_its_own(report, words):
    assert words in str(from_stream_error(report))


def test_how_long_to_wait():
    body = sample("error_429_stream_endpoint.json")
    assert refused(429, body).retry_after is None
    assert refused(429, body, retry_after="17").retry_after == 17
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < refused(429, body, retry_after=soon).retry_after <= 60
    assert refused(429, body, retry_after="soon").retry_after is None
    assert refused(429, {"code": 8, "message": "Too many requests", "waitTimeSeconds": 2429}).retry_after == 2429


def test_a_page_is_never_quoted_and_a_long_message_is_cut():
    assert "gateway" not in str(refused(502, "<html>bad gateway</html>", HTML))
    assert len(str(refused(500, {"code": 13, "message": "x" * 5000}))) < 500
    assert "\x1b" not in str(refused(500, {"code": 13, "message": "a\x1b[31mb\r\nc"}))


@pytest.mark.parametrize(("status", "body", "kind", "expected", "reason"), CASES)
def test_every_error_pickles_whole(status, body, kind, expected, reason):
    error = refused(status, body, kind)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
