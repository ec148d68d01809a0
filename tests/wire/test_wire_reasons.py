"""Errors within an answer, at its end and in refusals: the reason by what is said, in whatever spelling."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb import errors
from langchain_grokweb.wire import error_mapping as em
from langchain_grokweb.wire.reasons import ROWS, Reason, ServiceError, error_for, harmless

KINDS = {
    "global_rate_limit": Reason.RATE_LIMITED,
    "usage_limit_reached": Reason.QUOTA_USED_UP,
    "usage_pool_exhausted": Reason.QUOTA_USED_UP,
    "concurrency_limit": Reason.TOO_MANY_AT_ONCE,
    "model_not_available": Reason.MODEL_NOT_FOUND,
    "beyond_context_length": Reason.TOO_LONG,
    "user_prompt_too_long": Reason.TOO_LONG,
    "attachment_moderated": Reason.MODERATED,
    "content_moderated": Reason.MODERATED,
    "attachment_image_too_large": Reason.ATTACHMENT,
    "attachment_file_too_large": Reason.ATTACHMENT,
    "attachment_too_many_pages": Reason.ATTACHMENT,
    "attachment_load_failed": Reason.ATTACHMENT_LOST,
    "request_cancelled": Reason.CANCELLED,
    "system_kill_switch": Reason.SWITCHED_OFF,
}
MILD = {
    "internal_error": Reason.INTERNAL,
    "tool_call_failed": Reason.TOOL_FAILED,
    "render_tool_failed": Reason.TOOL_FAILED,
    "render_tool_rate_limited": Reason.TOOL_LIMITED,
    "render_per_message_limit_exceeded": Reason.TOOL_LIMITED,
}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


SPELLINGS = [str, camel, str.upper, lambda name: camel(name).capitalize(), lambda name: name.replace("_", "-")]
NORMAL = ["STREAM_ERROR_SEVERITY_NORMAL", "SEVERITY_NORMAL", "NORMAL", "normal", "stream_error_severity_normal", 1]
FATAL = ["STREAM_ERROR_SEVERITY_FATAL", "FATAL", "fatal", "Severity_Fatal", 2]
UNSAID = ["STREAM_ERROR_SEVERITY_UNKNOWN", "", None, 0, "SEVERE", [], {}, 3.5, True]


@st.composite
def reports(draw: st.DrawFn, kinds: dict[str, Reason], severities: list[object]) -> tuple[Reason, object]:
    """A `StreamError` of one of the kinds, spelled somehow, with members that mean nothing around it."""
    kind = draw(st.sampled_from(sorted(kinds)))
    name = draw(st.sampled_from(SPELLINGS))(kind)
    details = draw(st.sampled_from([{}, {"midTurn": False}, {"of_tomorrow": [1]}]))
    report = draw(
        st.sampled_from(
            [
                {name: details},
                {"kind": name},
                {"kind": name, "details": details},
                {"kind": {name: details}},
                {"kind": name, name: details},
                {"code": name},
                {"details": {"reason": name}},
                {name: details, "modelMoon": {}, "internalTide": None},
            ]
        )
    )
    report = {"message": draw(st.sampled_from(["", "It said so.", None, 7])), **report}
    severity = draw(st.sampled_from(severities))
    if severity is not None:
        report["severity"] = severity
    unset = {
        camel(other): None for other in draw(st.sets(st.sampled_from(sorted(KINDS)))) if camel(other) not in report
    }
    return kinds[kind], {**unset, **report}


@given(reports(KINDS, [*NORMAL, *FATAL, *UNSAID]))
def test_a_kind_that_ends_an_answer_does_so_at_every_severity_and_in_every_spelling(drawn):
    reason, report = drawn
    found = em.from_stream_error(report)
    assert type(found.error) is ROWS[reason].error
    assert em.happened(found.error).startswith(ROWS[reason].happened)
    assert found.ends


@given(reports(MILD, NORMAL))
def test_what_only_informs_ends_nothing(drawn):
    reason, report = drawn
    found = em.from_stream_error(report)
    assert type(found.error) is ROWS[reason].error
    assert (found.ends, found.spoils, found.is_mild) == (False, False, True)


@given(reports(MILD, FATAL))
def test_what_is_fatal_ends_all(drawn):
    found = em.from_stream_error(drawn[1])
    assert (found.ends, found.spoils, found.is_mild) == (True, True, False)


@given(reports(KINDS, [*NORMAL, *UNSAID]))
def test_after_the_final_text_only_a_fatal_one_counts_or_one_in_the_middle_of_the_turn(drawn):
    _, report = drawn
    assert not em.from_stream_error(report).spoils
    assert em.from_stream_error({**report, "midTurn": True}).spoils
    assert em.from_stream_error({**report, "details": {"mid_turn": True}, "kind": "usage_limit_reached"}).spoils


@pytest.mark.parametrize(
    ("message", "ends"),
    [
        ("You've reached your usage limit.", True),
        ("Too many requests", True),
        ("Your session has expired.", True),
        ("Content was moderated.", True),
        ("A subscription gives you more of this.", False),
        ("A tool took long.", False),
    ],
)
def test_words_alone_show_the_kind(message, ends):
    assert em.from_stream_error({"message": message, "severity": "STREAM_ERROR_SEVERITY_NORMAL"}).ends is ends
    assert em.from_stream_error({"message": message}).ends
    assert em.from_stream_error(message).ends


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "kind", "details", "reason", "severity", "waitTimeSeconds", "x"]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_escapes_whatever_is_sent(value):
    objects = value if isinstance(value, dict) else {}
    close = em.from_close(4401, str(value)[:120])
    found = [
        em.from_error(value),
        em.from_stream_error(value).error,
        em.from_upload(value),
        em.from_status(value, objects),
        em.from_status("incomplete", {"reason": value}),
        em.from_status("failed", {"error": value}),
        *([close.error] if close else []),
        em.from_reply(em.Reply(429, {"retry-after": str(value)}, json.dumps(value).encode())),
    ]
    em.is_status(objects)
    em.is_without_reason(value, {"reason": value})
    for error in found:
        assert isinstance(error, errors.GrokWebError)
        assert str(error).isprintable()
        assert len(str(error)) < 1000
        wait = getattr(error, "retry_after", None)
        assert wait is None or 0 <= wait <= 366 * 24 * 3600
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


# --- how long to wait


def waits(value: str) -> float | None:
    return em.Reply(429, {"retry-after": value}, b"").retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("61.5", 61.5),
        (" 3 ", 3),
        ("-1", None),
        ("-0", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("9" * 400, None),
        ("99999999999", None),
        ("3,5", None),
        ("\u0663", None),
        ("", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Mon, 01 Jan 0001 00:00:00 +1200", 0),
    ],
)
def test_retry_after(value, seconds):
    assert waits(value) == seconds


@given(st.integers(-14 * 60, 14 * 60))
def test_a_date_counts_in_its_zone(minutes):
    later = datetime.now(UTC) + timedelta(seconds=1000)
    seconds = waits(format_datetime(later.astimezone(timezone(timedelta(minutes=minutes)))))
    assert seconds is not None
    assert 900 < seconds <= 1000


@given(st.floats() | st.integers() | st.text(max_size=9) | st.booleans() | st.none())
def test_a_wait_time_is_seconds_or_none(value):
    wait = em.from_error({"code": 8, "waitTimeSeconds": value, "message": "Too many requests"}).retry_after
    assert wait is None or (0 <= wait <= 366 * 24 * 3600 and math.isfinite(wait))
    assert not isinstance(wait, bool)


@pytest.mark.parametrize("wait", ["120", 120, "120s", 120.0, " 120.0 "])
@pytest.mark.parametrize("name", ["waitTimeSeconds", "wait_time_seconds"])
def test_a_wait_time_is_read_where_it_stands(wait, name):
    report = {"code": 8, "message": "Too many requests"}
    assert em.from_error({**report, name: wait}).retry_after == 120
    assert em.from_error({"error": {**report, name: wait}}).retry_after == 120
    assert em.from_error({"error": report, name: wait}, retry_after=3.0).retry_after == 120
    assert em.from_stream_error({"usageLimitReached": {name: wait}}).error.retry_after == 120


def test_the_advice_names_the_seconds():
    assert "Wait 61.5 seconds" in str(error_for(Reason.RATE_LIMITED, ServiceError(retry_after=61.5)))
    assert "Wait a while" in str(error_for(Reason.QUOTA_USED_UP, ServiceError()))


# --- pages of Cloudflare's


@pytest.mark.parametrize(
    ("page", "status", "reason"),
    [
        ("<title>Just a moment...</title>", 403, Reason.CHALLENGE),
        ("<script>window._cf_chl_opt={}</script>", 503, Reason.CHALLENGE),
        ("<title>Access denied</title>Error 1020", 403, Reason.NETWORK_BLOCKED),
        ("error code: 1006", 403, Reason.NETWORK_BLOCKED),
        ("error code: 1009", 403, Reason.REGION),
        ("error code: 1015", 429, Reason.NETWORK_RATE_LIMITED),
        ("error code: 1015", 403, Reason.NETWORK_RATE_LIMITED),
        ("error code: 521", 521, Reason.ORIGIN_NOT_REACHED),
        (
            "<title>Forbidden</title><script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'>",
            403,
            Reason.FORBIDDEN,
        ),
    ],
)
def test_pages_of_cloudflare(page, status, reason):
    error = em.from_reply(em.Reply(status, {"content-type": "text/html"}, page.encode()))
    assert type(error) is ROWS[reason].error
    assert error.next_step == ROWS[reason].next_step.format(wait="Wait a while", login_url="")
    assert "<" not in str(error)


def test_what_grok_says_of_a_block_in_json_is_no_page():
    body = json.dumps({"error": {"code": 7, "message": "You have been blocked, error 1020. Just a moment"}})
    error = em.from_reply(em.Reply(403, {"content-type": "application/json"}, body.encode()))
    assert error.reason == "other"


# --- how it ends


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, "", None),
        (1001, "", None),
        (1006, "", None),
        (1011, "", errors.GrokWebConnectionError),
        (1000, "bye", errors.GrokWebConnectionError),
        (4401, "", errors.GrokWebAuthenticationError),
        (4429, "", errors.GrokWebRateLimitError),
        (4404, "", errors.GrokWebConnectionError),
        (1008, "session_expired", errors.GrokWebAuthenticationError),
        (1008, "Session expired", errors.GrokWebAuthenticationError),
        (1008, "unauthorized", errors.GrokWebAuthenticationError),
        (1008, "usage limit reached", errors.GrokWebRateLimitError),
        (1013, "unavailable", errors.GrokWebServerError),
        (1008, "User is blocked [WKE=unauthorized:blocked-user]", errors.GrokWebPermissionError),
    ],
)
def test_close_codes_and_reasons(code, reason, expected):
    found = em.from_close(code, reason)
    assert (type(found.error) if found else None) is expected
    assert found is None or found.ends is (expected is not errors.GrokWebConnectionError)


@pytest.mark.parametrize(
    ("status", "details", "expected", "words"),
    [
        ("incomplete", {"reason": "stream_error"}, errors.GrokWebInterruptedError, "incomplete, stream_error"),
        ("incomplete", {}, errors.GrokWebInterruptedError, "incomplete"),
        ("cancelled", {}, errors.GrokWebInterruptedError, "cancelled"),
        ("failed", {"reason": "usage_limit_reached"}, errors.GrokWebRateLimitError, "quota"),
        ("failed", {"error": "You've reached your usage limit."}, errors.GrokWebRateLimitError, "quota"),
        ("failed", {"error": {"code": 16}}, errors.GrokWebAuthenticationError, "cookies"),
        ("failed", {"error": {"message": "Hm."}}, errors.GrokWebServerError, "Hm."),
        ("failed", {"error": {}}, errors.GrokWebInterruptedError, "failed"),
    ],
)
def test_statuses(status, details, expected, words):
    error = em.from_status(status, details)
    assert type(error) is expected
    assert words in str(error)


def test_what_was_reported_before_is_said():
    before = em.from_stream_error({"toolCallFailed": {}, "message": "The tool broke."}).error
    error = em.from_status("incomplete", {"reason": "stream_error"}, before)
    assert "The tool broke." in str(error)
    assert str(error).endswith(error.next_step)
    assert before.next_step not in str(error)


# --- what is quoted


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=700))
def test_what_is_quoted_is_printable_and_short(text):
    assert harmless(text).isprintable()
    assert len(harmless(text)) <= 301


@given(st.text(alphabet="ab c", max_size=400), st.text(alphabet="xyz", min_size=20, max_size=400))
def test_no_word_is_cut_so_no_beginning_of_a_secret_is_quoted(before, secret):
    quoted = harmless(f"{before} {secret} after")
    assert secret in quoted or secret[:1] not in quoted


@pytest.mark.parametrize("name", ["sso", "sso-rw", "cf_clearance", "__cf_bm", "x-userid"])
def test_cookies_are_not_quoted(name):
    error = em.from_close(1008, f"bad token {name}=abc.def-secret; and more")
    assert error is not None
    assert "secret" not in str(error.error)
    assert "[cookie]" in str(error.error)
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiMSJ9.abc-_def"
    assert jwt[:12] not in str(em.from_error({"code": 13, "message": f"bad {jwt}", "details": []}))


# --- the table


def test_every_reason_has_a_row_and_says_what_to_do():
    assert set(ROWS) == set(Reason)
    for row in ROWS.values():
        assert row.happened.replace("{status}", "").endswith(".")
        assert row.next_step.endswith(".")


AGAIN_HELPS = {Reason.CANCELLED, Reason.INCOMPLETE, Reason.TOOL_FAILED}


def test_nobody_is_sent_to_ask_again_where_that_cannot_help():
    asks_again = {reason for reason, row in ROWS.items() if "ask again" in row.next_step.lower()}
    assert asks_again == AGAIN_HELPS
