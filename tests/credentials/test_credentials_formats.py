"""Every form that people paste, as the tools that make them write it."""

import json
from types import MappingProxyType

import pytest

from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import GrokWebAuthenticationError

SSO = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiN2E3YSJ9.c2lnbmF0dXJl-_"
RW = SSO + "w"
USER = "0b7c2f6e-1d3a-4c55-9a77-2f1e0d9c8b7a"
CLEARANCE = "ab.C_d-1754000000-1.2.1.1-x%2By"
BM = "q+/=.Z-1754000000-1.0.1.1-k"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
ALL = {"sso": SSO, "sso-rw": RW, "x-userid": USER, "cf_clearance": CLEARANCE, "__cf_bm": BM}
NOISE = {"_ga": "GA1.1.5", "x-challenge": "a%3D", "i18nextLng": "en", "mp_x": '{"a":1}'}
HEADER = "; ".join(f"{name}={value}" for name, value in (NOISE | ALL).items())


def cookie(name, value, domain=".grok.com", **more):
    return {"name": name, "value": value, "domain": domain, "path": "/", "httpOnly": True, "secure": True, **more}


EXPORT = [cookie(name, value) for name, value in (NOISE | ALL).items()]


def netscape(cookies, domain=".grok.com", prefix="#HttpOnly_", separator="\t"):
    rows = ((f"{prefix}{domain}", "TRUE", "/", "TRUE", "1790000000", name, value) for name, value in cookies.items())
    return "\n".join(separator.join(row) for row in rows)


TXT = "# Netscape HTTP Cookie File\n# http://curl.haxx.se/rfc/cookie_spec.html\n\n" + netscape(NOISE | ALL)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(HEADER, id="header"),
        pytest.param(f"Cookie: {HEADER}", id="header with its name"),
        pytest.param(f"cookie:{HEADER}\r\n", id="header, small name, line end"),
        pytest.param(f'  "{HEADER};"  ', id="header in quotes"),
        pytest.param(HEADER.replace("; ", ";\n  "), id="header wrapped between cookies"),
        pytest.param("; ".join(f'{name}="{value}"' for name, value in ALL.items()), id="values in quotes"),
        pytest.param(ALL, id="dict"),
        pytest.param(MappingProxyType(NOISE | ALL), id="mapping"),
        pytest.param({"cookies": NOISE | ALL}, id="mapping one level down"),
        pytest.param(ALL | {"cookies": "x", "name": "n", "value": "v"}, id="mapping with confusing names"),
        pytest.param({"cookies": HEADER}, id="header one level down"),
        pytest.param(EXPORT, id="list"),
        pytest.param(tuple(EXPORT), id="tuple"),
        pytest.param(json.dumps(EXPORT), id="extension's JSON"),
        pytest.param("\ufeff" + json.dumps(EXPORT, indent=4).replace("\n", "\r\n"), id="JSON with BOM and CRLF"),
        pytest.param(json.dumps({"cookies": EXPORT, "origins": []}), id="Playwright's storage state"),
        pytest.param(json.dumps(NOISE | ALL), id="JSON object by name"),
        pytest.param(TXT, id="cookies.txt"),
        pytest.param(TXT.replace("\n", "\r\n") + "\r\n", id="cookies.txt with CRLF"),
        pytest.param(TXT.replace("\t", "    "), id="cookies.txt with spaces for tabs"),
        pytest.param(netscape(ALL, prefix=""), id="cookies.txt without head"),
        pytest.param(
            f"GET /rest/x HTTP/2\r\nHost: grok.com\r\nAccept: */*\r\nCookie: {HEADER}\r\n\r\n", id="request headers"
        ),
        pytest.param(
            ":authority: grok.com\n" + "\n".join(f"cookie: {name}={value}" for name, value in ALL.items()), id="HTTP/2"
        ),
    ],
)
def test_every_form_yields_the_five_cookies_and_nothing_else(source):
    found = GrokCredentials.parse(source)
    assert found.cookies == ALL
    assert list(found.cookies) == list(ALL)
    assert found.cookie_header == "; ".join(f"{name}={value}" for name, value in ALL.items())
    assert found.user_agent is None


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({**ALL, "User-Agent": AGENT}, id="mapping"),
        pytest.param({**ALL, "user_agent": AGENT}, id="mapping, Python's way"),
        pytest.param(json.dumps({"cookies": EXPORT, "userAgent": f" {AGENT} "}), id="JSON"),
        pytest.param(f"Host: grok.com\nUser-Agent: {AGENT}\nCookie: {HEADER}", id="request headers"),
    ],
)
def test_the_user_agent_is_taken_where_a_form_has_it(source):
    found = GrokCredentials.parse(source)
    assert found.user_agent == AGENT
    assert found.cookies == ALL


@pytest.mark.parametrize("source", [SSO, f" {SSO}\n", f'"{SSO}"', f"sso={SSO}", {"sso-rw": SSO}, f"sso=; sso-rw={SSO}"])
def test_one_session_cookie_serves_as_both(source):
    assert GrokCredentials.parse(source).cookies == {"sso": SSO, "sso-rw": SSO}


def test_none_and_empty_values_are_absent():
    found = GrokCredentials.parse({"sso": SSO, "cf_clearance": None, "__cf_bm": "", "user-agent": None})
    assert found.cookies == {"sso": SSO, "sso-rw": SSO}


def test_credentials_are_taken_as_they_are():
    found = GrokCredentials.parse(HEADER)
    assert GrokCredentials.parse(found) is found


@pytest.mark.parametrize("domain", ["x.com", ".x.ai", "evilgrok.com", "grok.com.evil.net", "com", "."])
def test_cookies_of_other_sites_are_left_out(domain):
    foreign = [cookie("sso", "foreign", domain), cookie("cf_clearance", "foreign", domain)]
    assert GrokCredentials.parse([*foreign, cookie("sso", SSO)]).cookies == {"sso": SSO, "sso-rw": SSO}
    text = f"{netscape({'sso': 'foreign', '__cf_bm': 'foreign'}, domain)}\n{netscape({'sso': SSO})}"
    assert GrokCredentials.parse(text).cookies == {"sso": SSO, "sso-rw": SSO}
    with pytest.raises(GrokWebAuthenticationError, match=r"2 of other sites left out"):
        GrokCredentials.parse(foreign)


@pytest.mark.parametrize("domain", ["grok.com", ".grok.com", "GROK.com", ".assets.grok.com", "", None])
def test_cookies_of_the_site_are_taken(domain):
    assert GrokCredentials.parse([cookie("sso", SSO, domain)]).cookies["sso"] == SSO


def test_an_address_may_stand_for_the_domain():
    rows = [
        {"name": "sso", "value": SSO, "url": "https://grok.com/x"},
        {"name": "__cf_bm", "value": "foreign", "url": "https://x.com/"},
    ]
    assert set(GrokCredentials.parse(rows).cookies) == {"sso", "sso-rw"}
    assert GrokCredentials.parse(rows[0]).cookies["sso"] == SSO


def test_the_sites_own_cookie_goes_before_that_of_a_subdomain():
    rows = [cookie("sso", "sub", ".assets.grok.com"), cookie("sso", SSO), cookie("sso", "later")]
    assert GrokCredentials.parse(rows).cookies["sso"] == SSO
    assert GrokCredentials.parse(f"sso={SSO}; sso=later").cookies["sso"] == SSO


def test_a_reply_header_reads_like_a_cookie():
    assert GrokCredentials.parse(f"sso={SSO}; Domain=.grok.com; Path=/; HttpOnly").cookies["sso"] == SSO


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (None, "There are no cookies: run `grokweb login`, set GROKWEB_COOKIES, or pass `cookies=`"),
        ("", "There are no cookies"),
        (" \r\n", "There are no cookies"),
        ('""', "There are no cookies"),
        ({}, "There are no cookies"),
        ([], "There are no cookies"),
        (b"", "There are no cookies"),
        ("_ga=1; x-userid=2", "a Cookie header with 2 cookies, but none named sso"),
        ("SSO=1", "a Cookie header with 1 cookie, but none named sso"),
        (f"Cookie: x-userid={USER}", "a Cookie header with 1 cookie, but none"),
        (netscape({f"c{n}": "1" for n in range(12)}), "a Netscape cookies.txt with 12 cookies for grok.com, but none"),
        ("# Netscape HTTP Cookie File\n", "a Netscape cookies.txt with 0 cookies"),
        (json.dumps([cookie("a", "b")]), "a JSON export with 1 cookie for grok.com, but none named sso"),
        ({"a": "b"}, "a dict with 1 cookie, but none named sso"),
        (["sso=1"], "a list with 0 cookies"),
        ("[1, 2", "looks like JSON, but it is cut off"),
        ("{'sso': 'x'}", "looks like JSON"),
        ("[" * 100_000, "looks like JSON"),
        ('{"cookies": 5}', "a JSON export, in which no cookies"),
        ("<!doctype html><a href='x'>", "looks like HTML"),
        ("\n<cookies sso=1>", "looks like HTML"),
        ('fetch("https://grok.com", {})', "fetch call"),
        ("$s = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n$s.a=1", "PowerShell"),
        ("~/Downloads/cookies.txt", "name of a file"),
        ("www.grok.com", "single word"),
        ("hunter2", "sso="),
        ("please sign me in", "The text is not a Cookie header, a cookies.txt"),
        ("Host: x.com\nCookie: sso=1", "not for grok.com"),
        ("Cookie: sso=1\nand then some", "line break"),
        (b"sso=1", "a bytes, in which no cookies"),
        ({"sso"}, "a set, in which no cookies"),
        (5, "a int, in which"),
        ({"sso": 5}, "value of sso is not text"),
        ({"sso": "1", "user-agent": ["x"]}, "value of User-Agent is not text"),
        ("x" * 2_000_000, "longer than 1048576 characters"),
    ],
)
def test_what_cannot_sign_in_says_what_it_is_and_what_to_do(source, says):
    with pytest.raises(GrokWebAuthenticationError) as caught:
        GrokCredentials.parse(source, login_url="https://login.example/")
    assert says in str(caught.value)
    assert "Sign in at https://login.example/" in str(caught.value)
    assert caught.value.login_url == "https://login.example/"
