"""What browsers and tools export, written from their documentation and sources, not from our reader."""

from __future__ import annotations

import http.cookiejar
import http.cookies
import json
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import GrokWebAuthenticationError

SSO = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiN2E3YSJ9.c2lnbmF0dXJl-_"
USER = "0b7c2f6e-1d3a-4c55-9a77-2f1e0d9c8b7a"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
FOREIGN = "FOREIGNvalueOfAnotherSite"
OURS = {"sso": SSO, "sso-rw": SSO, "x-userid": USER}
HEADER = f"_ga=GA1.1.5; sso={SSO}; sso-rw={SSO}; x-userid={USER}"
LATER, PAST = 2_200_000_000, 1_500_000_000


def har_entry(url, cookies, *, started="2026-11-01T10:00:00.000Z", set_cookie="", cookie_list=True):
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = [{"name": "accept", "value": "*/*"}, {"name": "user-agent", "value": AGENT}]
    if header:
        headers.append({"name": "cookie", "value": header})
    rows = [
        {"name": name, "value": value, "path": "/", "domain": ".grok.com" if "grok" in url else ".x.com",
         "expires": "2037-01-01T00:00:00.000Z", "httpOnly": True, "secure": True}
        for name, value in cookies.items()
    ]  # fmt: skip
    return {
        "startedDateTime": started,
        "time": 12.3,
        "request": {
            "method": "GET",
            "url": url,
            "httpVersion": "http/2.0",
            "headers": headers,
            "queryString": [{"name": "sso", "value": FOREIGN}],
            "postData": {"mimeType": "x", "params": [{"name": "sso", "value": FOREIGN}], "text": f"sso={FOREIGN}"},
            "cookies": rows if cookie_list else [],
        },
        "response": {
            "status": 200,
            "headers": [{"name": "set-cookie", "value": set_cookie}] if set_cookie else [],
            "cookies": [],
            "content": {"mimeType": "application/json", "text": json.dumps({"name": "sso", "value": FOREIGN})},
        },
    }


def har(*entries):
    creator = {"name": "WebInspector", "version": "537.36"}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "pages": [], "entries": list(entries)}})


def postman_rows(cookies, domain="grok.com"):
    return [
        {"key": name, "value": value, "expires": "2037-01-01T00:00:00.000Z", "domain": domain, "path": "/",
         "secure": True, "httpOnly": True, "hostOnly": False, "creation": "2026-11-01T10:00:00.000Z",
         "lastAccessed": "2026-11-01T10:00:00.000Z"}
        for name, value in cookies.items()
    ]  # fmt: skip


TOUGH = {"version": "tough-cookie@4.1.3", "storeType": "MemoryCookieStore", "rejectPublicSuffixes": True}


def quick_manager(cookies, host="https://.grok.com/"):
    return [
        {"Host raw": host, "Name raw": name, "Path raw": "/", "Content raw": value, "Expires": "19-09-2039 00:00:00",
         "Expires raw": str(LATER), "Send for": "Encrypted connections only", "Send for raw": "true",
         "HTTP only raw": "true", "SameSite raw": "lax", "This domain only": "Valid for subdomains",
         "This domain only raw": "false", "Store raw": "firefox-default", "First Party Domain": ""}
        for name, value in cookies.items()
    ]  # fmt: skip


def playwright(cookies, domain=".grok.com", expires=float(LATER)):
    return [
        {"name": name, "value": value, "domain": domain, "path": "/", "expires": expires, "httpOnly": True,
         "secure": True, "sameSite": "Lax"}
        for name, value in cookies.items()
    ]  # fmt: skip


def chrome_table(cookies, domain=".grok.com", expires="2037-01-01T00:00:00.000Z"):
    return "\n".join(
        "\t".join([name, value, domain, "/", expires, str(len(value)), "✓", "✓", "Lax", "", "", "Medium"])
        for name, value in cookies.items()
    )


CHROME_PANE = f""":authority
grok.com
:method
GET
:path
/rest/app-chat/conversations?pageSize=60
:scheme
https
accept
*/*
cookie
{HEADER}
priority
u=1, i
user-agent
{AGENT}
"""

SET_COOKIE = "\n".join(
    f"set-cookie: {name}={value}; Domain=.grok.com; Path=/; Expires=Tue, 01 Jan 2037 00:00:00 GMT; Secure; HttpOnly"
    for name, value in OURS.items()
)


def jar(cookies, domain=".grok.com", expires=LATER):
    made = http.cookiejar.CookieJar()
    for name, value in cookies.items():
        made.set_cookie(
            http.cookiejar.Cookie(
                0, name, value, None, False, domain, True, True, "/", True, True, expires, False, None, None, {}
            )
        )
    return made


def httpx_cookies(cookies, domain=".grok.com"):
    made = httpx.Cookies()
    for name, value in cookies.items():
        made.set(name, value, domain=domain)
    made.set("sso", FOREIGN, domain="x.com")
    return made


def requests_cookies(cookies, domain=".grok.com"):
    made = requests.cookies.RequestsCookieJar()
    made.set("sso", FOREIGN, domain="x.com")
    for name, value in cookies.items():
        made.set(name, value, domain=domain)
    return made


def morsels(cookies, domain=".grok.com"):
    made = http.cookies.SimpleCookie()
    for name, value in cookies.items():
        made[name] = value
        made[name]["domain"] = domain
    return made


@dataclass
class BrowserCookie:
    name: str
    value: str
    host_key: str


CookieTuple = namedtuple("CookieTuple", "name value host")  # noqa: PYI024 - as somebody's own code has it

ROWS = playwright(OURS)
FORMS = {
    "HAR": har(har_entry("https://x.com/", {"sso": FOREIGN}), har_entry("https://grok.com/rest/x?a=1", OURS)),
    "HAR with headers alone": har(har_entry("https://grok.com/", OURS, cookie_list=False)),
    "HAR with a reply that sets them": har(
        har_entry("https://grok.com/", {}, set_cookie=SET_COOKIE.replace("set-cookie: ", ""))
    ),
    "tough-cookie": json.dumps(TOUGH | {"cookies": postman_rows(OURS)}),
    "Postman's rows": json.dumps(postman_rows(OURS)),
    "Postman collection": json.dumps(
        {"info": {"name": "grok", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
         "item": [{"name": "modes", "request": {"method": "POST", "url": {"raw": "https://grok.com/rest/modes"},
                                                "header": [{"key": "Cookie", "value": HEADER}]}, "response": []}]}
    ),
    "Cookie Quick Manager": json.dumps(quick_manager(OURS)),
    "Firefox, Copy All of cookies": json.dumps({"Request Cookies": {"_ga": "1", **OURS}}),
    "Firefox in German": json.dumps({"Anfrage-Cookies": OURS}),
    "Firefox, Copy All of reply cookies": json.dumps(
        {"Response Cookies": {name: {"domain": ".grok.com", "expires": "2037-01-01T00:00:00.000Z", "httpOnly": True,
                                     "path": "/", "secure": True, "value": value} for name, value in OURS.items()}}
    ),
    "Firefox, Copy All of headers": json.dumps(
        {"Request Headers (1.514 KB)": {"headers": [{"name": "Host", "value": "grok.com"},
                                                    {"name": "Cookie", "value": HEADER}]}}
    ),
    "Chrome's table": chrome_table(OURS | {"_ga": "1"}),
    "Chrome's table with its head": "Name\tValue\tDomain\tPath\tExpires / Max-Age\tSize\n" + chrome_table(OURS),
    "two columns of a table": "\n".join(f"{name}\t{value}" for name, value in OURS.items()),
    "Chrome's headers pane": CHROME_PANE,
    "Chrome's older headers pane": CHROME_PANE.replace("\ncookie\n", "\ncookie:\n").replace(":method\n", ":method:\n"),
    "Playwright": json.dumps(
        {"cookies": ROWS, "origins": [{"origin": "https://grok.com",
                                       "localStorage": [{"name": "sso", "value": FOREIGN}]}]}
    ),
    "DevTools protocol": json.dumps({"id": 1, "result": {"cookies": [row | {"size": 9} for row in ROWS]}}),
    "Selenium": [{**row, "expiry": LATER} for row in ROWS],
    "J2Team": json.dumps({"url": "https://grok.com", "cookies": [{**row, "domain": None} for row in ROWS]}),
    "by domain": json.dumps({"x.com": {"sso": FOREIGN}, "grok.com": OURS}),
    "Set-Cookie lines": SET_COOKIE,
    "Set-Cookie lines without the name": SET_COOKIE.replace("set-cookie: ", ""),
    "a whole reply": f"HTTP/2 200 OK\nserver: cloudflare\n{SET_COOKIE}\n",
    "code fence": f"```\n{HEADER}\n```",
    "code fence with a language": f"```json\n{json.dumps(ROWS, indent=2)}\n```\n",
    "export": f"export GROKWEB_COOKIES='{HEADER}'",
    "export of another name": f'export X="{HEADER}"\n',
    "line of an environment file": f"GROKWEB_COOKIES={HEADER}",
    "PowerShell": f"$env:GROKWEB_COOKIES = '{HEADER}'",
    "fence and export": f"```sh\nexport GROKWEB_COOKIES='{HEADER}'\n```",
    "escaped lines": SET_COOKIE.replace("\n", "\\n"),
    "escaped table": chrome_table(OURS).replace("\n", "\\n").replace("\t", "\\t"),
    "escaped JSON": json.dumps(ROWS, indent=1).replace("\n", "\\n"),
    "CookieJar": jar(OURS),
    "httpx.Cookies": httpx_cookies(OURS),
    "requests": requests_cookies(OURS),
    "SimpleCookie": morsels(OURS),
    "list of morsels": list(morsels(OURS).values()),
    "list of objects": [BrowserCookie(name, value, ".grok.com") for name, value in OURS.items()],
    "list of tuples with names": [CookieTuple(name, value, "grok.com") for name, value in OURS.items()],
    "list of cookiejar's cookies": list(jar(OURS)),
}  # fmt: skip


@pytest.mark.parametrize("source", FORMS.values(), ids=FORMS)
def test_every_export_signs_in(source):
    found = GrokCredentials.parse(source)
    assert {name: value for name, value in found.cookies.items() if name in OURS} == OURS
    assert FOREIGN not in found.cookie_header


@pytest.mark.parametrize(
    "name", ["CookieJar", "httpx.Cookies", "requests", "SimpleCookie", "list of objects", "Selenium"]
)
def test_a_model_takes_objects_too(name):
    model = ChatGrokWeb(cookies=FORMS[name])
    assert model._credentials().cookies == OURS


@pytest.mark.parametrize("name", ["Chrome's headers pane", "HAR"])
def test_the_browser_comes_along(name):
    assert GrokCredentials.parse(FORMS[name]).user_agent == AGENT


# --- rows of other sites, however they say so

SPELLINGS = [
    "domain", "Domain", "DOMAIN", "host", "Host", "host_key", "hostKey", "HOST_KEY", "Host raw", "host-raw", "hostname",
    "url", "URL", "uri", "origin", "cookie_domain", "cookieDomain", "site",
]  # fmt: skip
ELSEWHERE = [
    "x.com",
    ".x.ai",
    "evilgrok.com",
    "grok.com.evil.net",
    "https://x.com/",
    "http://127.0.0.1:3000",
    "localhost:1",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_row_of_another_site_is_never_taken(spelling):
    for place in ELSEWHERE:
        row = {"name": "sso", "value": FOREIGN, spelling: place}
        for source in (row, [row], {"cookies": [row]}, json.dumps([row]), [SimpleNamespace(**row)]):
            with pytest.raises(GrokWebAuthenticationError, match="of other sites left out"):
                GrokCredentials.parse(source)
        good = {"name": "sso", "value": SSO, spelling: "https://grok.com/" if "ur" in spelling.lower() else ".grok.com"}
        assert GrokCredentials.parse([row, good]).cookies["sso"] == SSO


@pytest.mark.parametrize(
    "source",
    [
        jar({"sso": FOREIGN}, "x.com"),
        httpx_cookies({}),
        requests_cookies({}),
        morsels({"sso": FOREIGN}, "x.com"),
        chrome_table({"sso": FOREIGN}, ".x.com"),
        f"set-cookie: sso={FOREIGN}; domain=x.com",
        f"sso={FOREIGN}; Domain=x.com; Path=/",
        {"x.com": {"sso": FOREIGN}},
        {"https://x.com/": [{"name": "sso", "value": FOREIGN}]},
        {"url": "https://x.com", "cookies": [{"name": "sso", "value": FOREIGN}]},
        {"profile": {"twitter": [{"name": "sso", "value": FOREIGN}]}},
        {"sites": {"twitter": {"sso": FOREIGN}}},
        har(har_entry("https://x.com/", {"sso": FOREIGN})),
        har({"request": {"headers": [{"name": "cookie", "value": f"sso={FOREIGN}"}]}, "response": {}}),
        har(har_entry("https://grok.com/", {}, set_cookie=f"sso={FOREIGN}; Domain=.x.com")),
    ],
)
def test_nor_is_one_whose_surroundings_are_of_another_site(source):
    with pytest.raises(GrokWebAuthenticationError) as caught:
        GrokCredentials.parse(source)
    assert FOREIGN not in str(caught.value)


PLACES = st.sampled_from(
    ["x.com", "x.ai", "accounts.x.ai", "notgrok.com", "grok.com.example", "localhost", "127.0.0.1"]
)
FOREIGN_ROWS = st.builds(
    lambda name, spelling, place, more: {"name": name, "value": FOREIGN, spelling: place, **more},
    st.sampled_from(["sso", "sso-rw", "x-userid", "cf_clearance", "__cf_bm"]),
    st.sampled_from(SPELLINGS),
    PLACES | PLACES.map(lambda place: f"https://{place}/"),
    st.dictionaries(
        st.sampled_from(["path", "expires", "sameSite", "hostOnly"]), st.sampled_from(["/", True, LATER, ""])
    ),
)


@given(
    st.lists(FOREIGN_ROWS, max_size=6), st.booleans(), st.sampled_from(["list", "cookies", "json", "nested", "objects"])
)
def test_no_mixture_yields_a_foreign_value(foreign, is_first, wrapping):
    ours = [{"name": name, "value": value, "domain": ".grok.com"} for name, value in OURS.items()]
    rows = [*ours, *foreign] if is_first else [*foreign, *ours]
    source = {
        "list": rows,
        "cookies": {"cookies": rows},
        "json": json.dumps(rows),
        "nested": {"a": {"b": rows}},
        "objects": [
            SimpleNamespace(**{key.replace(" ", "_").replace("-", "_"): row[key] for key in row}) for row in rows
        ],
    }[wrapping]
    assert GrokCredentials.parse(source).cookies == OURS


@given(st.lists(st.tuples(st.sampled_from([*OURS, "cf_clearance"]), PLACES), max_size=6), st.integers(0, 6), st.data())
def test_no_mixture_of_lines_does_either(foreign, place, data):
    form = data.draw(st.sampled_from(["table", "netscape", "set-cookie", "har"]))
    lines = {
        "table": lambda name, value, domain: chrome_table({name: value}, domain),
        "netscape": lambda name, value, domain: f"#HttpOnly_{domain}\tTRUE\t/\tTRUE\t{LATER}\t{name}\t{value}",
        "set-cookie": lambda name, value, domain: f"Set-Cookie: {name}={value}; Path=/; Domain={domain}; HttpOnly",
        "har": lambda name, value, domain: har_entry(f"https://{domain.strip('.')}/", {name: value}, cookie_list=False),
    }
    rows = [lines[form](name, FOREIGN, domain) for name, domain in foreign]
    rows[place:place] = [lines[form](name, value, ".grok.com") for name, value in OURS.items()]
    assert GrokCredentials.parse(har(*rows) if form == "har" else "\n".join(rows)).cookies == OURS


def test_a_service_on_this_machine_has_cookies_of_its_own():
    rows = playwright({"sso": SSO}, "127.0.0.1")
    assert GrokCredentials.parse(rows, base_url="http://127.0.0.1:8765").cookies["sso"] == SSO
    assert GrokCredentials.parse(rows, base_url="http://localhost:1").cookies["sso"] == SSO
    with pytest.raises(GrokWebAuthenticationError, match="1 of other sites left out"):
        GrokCredentials.parse(rows)


# --- which of several


@pytest.mark.parametrize(
    "rows",
    [
        [*playwright({"sso": "eyJ.old"}, expires=PAST), *playwright({"sso": SSO})],
        [*playwright({"sso": SSO}), *playwright({"sso": "eyJ.old"}, expires=PAST)],
        [*playwright({"sso": "eyJ.old"}, expires=PAST), *playwright({"sso": SSO}, expires=-1)],
        [*playwright({"sso": "eyJ.old"}, expires=LATER - 9), *playwright({"sso": SSO})],
        har(
            har_entry("https://grok.com/1", {"sso": "eyJ.old"}),
            har_entry("https://grok.com/2", {"sso": SSO}, started="2026-11-01T11:00:00.000Z"),
        ),
        "set-cookie: sso=eyJ.old; Path=/\nset-cookie: sso=eyJ.x; Max-Age=0\n" + f"set-cookie: sso={SSO}; Path=/",
        [{**row, "lastAccessed": time} for row, time in zip(
            playwright({"sso": "eyJ.old"}) + playwright({"sso": SSO}), (PAST, PAST + 9), strict=True)],
    ],
)  # fmt: skip
def test_an_expired_or_older_one_loses(rows):
    assert GrokCredentials.parse(rows).cookies["sso"] == SSO


@pytest.mark.parametrize(
    ("expires", "year"),
    [
        (LATER, 2039),
        (LATER * 1000, 2039),
        (str(LATER), 2039),
        ("2037-01-01T00:00:00.000Z", 2037),
        ("Tue, 01 Jan 2037 00:00:00 GMT", 2037),
        ((LATER + 11_644_473_600) * 1_000_000, 2039),
        (-1, None),
        (0, None),
        ("Session", None),
        ("Infinity", None),
        (None, None),
        (True, None),
        ("1e999", None),
    ],
)
def test_when_the_session_ends(expires, year):
    found = GrokCredentials.parse([{"name": "sso", "value": SSO, "domain": "grok.com", "expires": expires}])
    assert (found.expires and found.expires.year) == year


def test_a_token_may_say_when_it_ends():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiYSIsImV4cCI6MjIwMDAwMDAwMH0.c2ln"
    assert GrokCredentials.parse(f"sso={token}").expires.year == 2039


# --- what is no value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("...", "placeholder"),
        ("…", "placeholder"),
        ("YOUR_TOKEN", "placeholder"),
        ("your-sso-cookie-here", "placeholder"),
        ("<sso>", "placeholder"),
        ("<your token>", "placeholder"),
        ("xxx", "placeholder"),
        ("XXXXXXXX", "placeholder"),
        ("${SSO}", "placeholder"),
        ("[REDACTED]", "placeholder"),
        ("null", "placeholder"),
        ("undefined", "placeholder"),
        ("***", "placeholder"),
        ("eyJ0eXAiOiJKV1Qi...", "cut short"),
        ("eyJ0eXAiOiJKV1Qi…", "cut short"),
        (f"sso={SSO}", "begins with a name again"),
        (f"Cookie: sso={SSO}", "begins with a name again"),
        (f"`{SSO}`", "backtick"),
        (f"{SSO}`", "backtick"),
    ],
)
def test_what_is_no_value_is_refused_by_name(value, says):
    for source in ({"sso": value}, [{"name": "sso", "value": value, "domain": "grok.com"}], f"sso={value}; _ga=1"):
        with pytest.raises(GrokWebAuthenticationError) as caught:
            GrokCredentials.parse(source)
        assert f"The value of the cookie sso {'has a ' if says == 'backtick' else ''}" in str(caught.value)
        assert says in str(caught.value)
        assert len(value) < 12 or value not in str(caught.value)


@pytest.mark.parametrize("value", ["xyz", "eyJ..x", "x", "a", "abc.def", "sso1", "token9"])
def test_what_may_be_one_is_taken(value):
    assert GrokCredentials.parse(f"sso={value}").cookies["sso"] == value


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (f"`{HEADER}`", "backticks"),
        (f"Cookie: Cookie: {HEADER[HEADER.index('sso') :]}", "name is there twice"),
        (
            har(*[har_entry("https://grok.com/", {})] * 12),
            "This is a HAR file with 12 requests to grok.com, but none named sso: Chrome",
        ),
        (har(har_entry("https://x.com/", {})), "a HAR file with 0 requests to grok.com (1 to other sites left out)"),
        (json.dumps(TOUGH | {"cookies": postman_rows({"a": "b"})}), "a tough-cookie jar with 1 cookie for grok.com"),
        (
            json.dumps(quick_manager({"a": "b"}, "https://x.com/")),
            "a Cookie Quick Manager export with 0 cookies for grok.com (1 of other sites left out)",
        ),
        (json.dumps({"Request Cookies": {"a": "b"}}), "cookies copied in Firefox with 1 cookie, but none named sso"),
        (json.dumps({"cookies": [], "origins": []}), "a Playwright storage state with 0 cookies, but none"),
        (chrome_table({"a": "b", "sso": ""}), "a browser's table of cookies with 2 cookies for grok.com, but none"),
        ("```\n```", "There are no cookies"),
        ("export GROKWEB_COOKIES=''", "There are no cookies"),
    ],
)
def test_a_refusal_names_what_was_recognised_and_what_is_missing(source, says):
    with pytest.raises(GrokWebAuthenticationError) as caught:
        GrokCredentials.parse(source)
    assert says in str(caught.value)
    assert SSO not in str(caught.value)


# --- what a browser really exported, after signing in at the emulator (tests/samples/sign_in)

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "sign_in").iterdir())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_what_chromium_exported(path):
    text = path.read_text(encoding="utf-8")
    found = GrokCredentials.parse(text, base_url="http://127.0.0.1:43069")
    assert found.user_id == "87b29f59-6c6b-465d-bd52-6e33c96a6658"
    assert found.cookies["sso"].startswith("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lk")
    assert found.expires is None or found.expires.year == 2027
    if path.suffix == ".har":
        assert "HeadlessChrome" in found.user_agent
    else:
        assert found.expires is not None
    with pytest.raises(GrokWebAuthenticationError, match=r"left out"):
        GrokCredentials.parse(text)
