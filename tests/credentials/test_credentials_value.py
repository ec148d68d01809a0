"""The value itself: what it tells, what it refuses, and what it never shows."""

import base64
import copy
import json
import operator
import pickle
import re
import string
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import GrokWebAuthenticationError

MARKER = "Zq7SECRETqZ"
USER = "0B7C2F6E-1d3a-4c55-9a77-2f1e0d9c8b7a"
NAMES = ["sso", "sso-rw", "x-userid", "cf_clearance", "__cf_bm"]
TOKEN_SAFE = "".join(set(string.digits + string.ascii_letters + string.punctuation) - set('";,\\'))


def token(session, signature="sig"):
    payload = base64.urlsafe_b64encode(json.dumps({"session_id": session}).encode()).decode().rstrip("=")
    return f"eyJh.{payload}.{signature}"


def everything_told(error):
    report = traceback.TracebackException.from_exception(error, capture_locals=False)
    held = [str(error), repr(error), repr(error.args), repr(vars(error)), *report.format()]
    frames = [
        frame for frame, _ in traceback.walk_tb(error.__traceback__) if "langchain_grokweb" in frame.f_code.co_filename
    ]
    return "\n".join([*held, *(repr(frame.f_locals) for frame in frames)])


BAD = {
    "line break": f"{MARKER}\nx",
    "header injection": f"{MARKER}\r\nX-Evil: 1",
    "lone CR": f"{MARKER}\rx",
    "NUL": f"{MARKER}\0",
    "escape": f"{MARKER}\x1b[0m",
    "semicolon": f"{MARKER};x",
    "comma": f"{MARKER},x",
    "space": f"{MARKER} x",
    "tab": f"{MARKER}\tx",
    "no-break space": f"{MARKER}\xa0",
    "line separator": f"{MARKER}\u2028",
    "umlaut": f"{MARKER}ä",
    "Cyrillic": f"{MARKER}ж",
    "surrogate": f"{MARKER}\ud800",
    "quote inside": f'{MARKER}"x',
    "backslash": f"{MARKER}\\x",
    "delete": f"{MARKER}\x7f",
    "too long": MARKER * 1000,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_value_that_cannot_be_sent_is_refused_by_the_cookies_name(name, value):
    with pytest.raises(GrokWebAuthenticationError) as caught:
        GrokCredentials.parse({"sso": "a", "sso-rw": "a"} | {name: value})
    assert f"The value of the cookie {name} cannot be sent" in str(caught.value)
    assert MARKER not in everything_told(caught.value)


@pytest.mark.parametrize("agent", ["x\ny", "x\r\nCookie: y", "x\0", "x\ty", "x\x7f", "ж", "x" * 2000])
def test_a_user_agent_that_cannot_be_sent_is_refused(agent):
    with pytest.raises(GrokWebAuthenticationError, match="The User-Agent has"):
        GrokCredentials.parse({"sso": "a", "user-agent": agent})


def test_no_way_of_making_one_goes_around_the_checks():
    for cookies, agent in [({"sso": "a\r\nb"}, None), ({"sso": "a"}, "x\r\ny"), ({"_ga": "x"}, None), ({}, None)]:
        with pytest.raises(ValueError, match=r"cookie|User-Agent"):
            GrokCredentials(cookies, agent)


@pytest.mark.parametrize(
    "source",
    [
        MARKER,
        f"name={MARKER}",
        f"{MARKER}={MARKER}",
        f"sso={MARKER} {MARKER}",
        f"Cookie: sso={MARKER}\n{MARKER}",
        f"Cookie: {MARKER}=x",
        f"<html>{MARKER}",
        f'{{"sso": "{MARKER}"',
        f'[{{"name": "sso", "value": "{MARKER}", "domain": "x.com"}}]',
        f'{{"sso": ["{MARKER}"]}}',
        f"{MARKER}.txt",
        f"curl https://{MARKER}.com -b sso={MARKER}",
        f"curl https://grok.com -b 'sso={MARKER}",
        f"curl https://grok.com -b '{MARKER}=x'",
        f".grok.com\tTRUE\t/\tTRUE\t0\t{MARKER}\t{MARKER}",
        f"Host: {MARKER}\nCookie: sso={MARKER}",
        f"{MARKER} in words",
        {MARKER: MARKER},
        [{"name": MARKER, "value": MARKER}],
        {"sso": {MARKER: 1}},
        MARKER.encode(),
        {MARKER},
    ],
)
def test_no_error_tells_what_was_pasted(source):
    with pytest.raises(GrokWebAuthenticationError) as caught:
        GrokCredentials.parse(source)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert MARKER not in everything_told(caught.value)
    assert MARKER not in str(pickle.loads(pickle.dumps(caught.value)))


def test_it_shows_which_cookies_there_are_and_no_more():
    found = GrokCredentials.parse({**dict.fromkeys(NAMES, MARKER), "user-agent": MARKER})
    shown = f"GrokCredentials(account='{found.account}', cookies={NAMES})"
    assert [repr(found), str(found), f"{found}", f"{found!r}", "%s" % found] == [shown] * 5  # noqa: UP031
    assert f"{found:>400}" == shown.rjust(400)
    for reveal in (vars, list, dict, iter, json.dumps, len):
        with pytest.raises(TypeError) as caught:
            reveal(found)
        assert MARKER not in str(caught.value)


def test_it_cannot_be_changed():
    found = GrokCredentials.parse(f"sso={MARKER}")
    for name in ("cookies", "user_agent", "account", "cookie_header", "anything"):
        with pytest.raises(AttributeError):
            setattr(found, name, "x")
    found.cookies["sso"] = "x"
    assert found.cookies["sso"] == MARKER


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol):
    with pytest.raises(TypeError, match="Set GROKWEB_COOKIES in the other process") as caught:
        pickle.dumps({"deep": [GrokCredentials.parse(f"sso={MARKER}")]}, protocol)
    assert MARKER not in str(caught.value)


def test_a_copy_is_the_same():
    found = GrokCredentials.parse("sso=a")
    assert copy.copy(found) is found
    assert copy.deepcopy({"deep": [found]})["deep"][0] is found


def test_equality_and_hash_go_by_value():
    one, same = GrokCredentials.parse("sso=a; __cf_bm=b"), GrokCredentials.parse({"__cf_bm": "b", "sso-rw": "a"})
    assert one == same
    assert hash(one) == hash(same)
    others = ["sso=a", "sso=b; __cf_bm=b", {"sso": "a", "__cf_bm": "b", "user-agent": "x"}]
    assert len({one, same, *map(GrokCredentials.parse, others)}) == 4
    assert one != one.cookie_header


def test_the_user_id_is_a_uuid_or_nothing():
    assert GrokCredentials.parse(f"sso=a; x-userid={USER}").user_id == USER
    assert GrokCredentials.parse(f"sso=a; x-userid={USER}x").user_id is None
    assert GrokCredentials.parse("sso=a").user_id is None


def test_the_account_is_stable():
    """The literals hold it still: it stands in the chain state that users keep."""
    assert GrokCredentials.parse(f"sso=a; x-userid={USER}").account == "b7ec2e63b963"
    assert GrokCredentials.parse(f"sso=b; __cf_bm=c; x-userid={USER.lower()}").account == "b7ec2e63b963"
    assert GrokCredentials.parse("sso=a").account == "52e2bee74c56"


def test_without_a_user_the_account_is_the_session():
    accounts = {GrokCredentials.parse(token("one", signature)).account for signature in ("x", "y")}
    assert len(accounts) == 1
    assert GrokCredentials.parse(token("two")).account not in accounts
    for odd in ("a.!!.c", "a.WzFd.c", "a.NQ.c", "a..c", "a.____.c"):
        assert len(GrokCredentials.parse(f"sso={odd}").account) == 12


def test_rotated_cookies_are_merged():
    old = GrokCredentials.parse({"sso": "a", "__cf_bm": "b", "x-userid": USER, "user-agent": "agent"})
    new = old.with_cookies({"__cf_bm": "c", "cf_clearance": "d", "_ga": "e", "x-userid": "", "sso-rw": "f\r\ng"})
    assert new.cookies == {"sso": "a", "sso-rw": "a", "x-userid": USER, "cf_clearance": "d", "__cf_bm": "c"}
    assert new.user_agent == "agent"
    assert old.cookies["__cf_bm"] == "b"
    assert old.with_cookies({}) == old


def test_a_rotated_session_serves_as_both_where_one_did():
    assert GrokCredentials.parse("sso=a").with_cookies({"sso": "b"}).cookies == {"sso": "b", "sso-rw": "b"}
    assert GrokCredentials.parse("sso=a; sso-rw=b").with_cookies({"sso": "c"}).cookies == {"sso": "c", "sso-rw": "b"}


def test_the_account_outlives_rotation():
    old = GrokCredentials.parse("sso=a")
    assert old.with_cookies({"x-userid": USER, "sso": "b"}).account == old.account


VALUES = st.text(TOKEN_SAFE, max_size=40).map(lambda text: f"eyJ{text}.z")
SIGNED_IN = st.dictionaries(st.sampled_from(["sso", "sso-rw"]), VALUES, min_size=1)
COOKIES = st.builds(operator.or_, st.dictionaries(st.sampled_from(NAMES), VALUES), SIGNED_IN)


def names_an_agent(name):
    """What stands there must be a value that a header can hold."""
    return re.sub("[-_]", "", name).lower() == "useragent"


@given(COOKIES, st.dictionaries(st.text(), st.text()))
def test_any_cookies_survive_the_way_through_the_header(cookies, noise):
    noise = {name: value for name, value in noise.items() if name not in NAMES and not names_an_agent(name)}
    found = GrokCredentials.parse({**noise, **cookies})
    assert cookies.items() <= found.cookies.items()
    assert set(found.cookies) <= {*cookies, "sso", "sso-rw"}
    again = GrokCredentials.parse(found.cookie_header)
    assert again.cookie_header == found.cookie_header
    assert again.account == found.account


STARTS = [
    "",
    "Cookie: ",
    "curl https://grok.com ",
    "curl ",
    'curl ^"',
    "{",
    "[",
    "sso=",
    "<",
    ".grok.com\tTRUE\t/\tTRUE\t0\t",
    "sso\t",
    "Name\tValue\n",
    "cookie\n",
    "set-cookie: sso=a; max-age=",
    "sso=a; expires=",
    "```\n",
    "export X='",
    "GROKWEB_COOKIES=",
    "\\n",
]


MEMBERS = st.sampled_from(
    "name value key domain host_key url expires creation cookies sso log entries request headers cookie User-Agent "
    "response result startedDateTime origins x.com grok.com Request-Cookies path".split()
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(
    [MARKER, f"sso={MARKER}", "grok.com", "sso", "cookie", 10**400, 1e300, 9e17, -1, "9e17", "0001-01-01", "inf"]
)  # fmt: skip
OBJECTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4), max_leaves=12
)


@given(OBJECTS | OBJECTS.map(json.dumps))
def test_nor_does_any_object(source):
    try:
        told = repr(GrokCredentials.parse(source))
    except GrokWebAuthenticationError as error:
        told = everything_told(error)
    assert MARKER not in told


@given(st.sampled_from(STARTS), st.text(), st.text())
def test_no_text_raises_anything_else_or_is_echoed(start, text, rest):
    told = ""
    try:
        told = repr(GrokCredentials.parse(start + text + MARKER + rest))
    except GrokWebAuthenticationError as error:
        told = everything_told(error)
    assert told
    assert MARKER not in told
