"""A request copied as cURL: quoted here as each browser quotes, so that reading is proved against writing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.credentials.curl import headers_for
from langchain_grokweb.credentials.hosts import Site
from langchain_grokweb.errors import GrokWebAuthenticationError

URL = "https://grok.com/rest/app-chat/conversations?pageSize=1&x=%20"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0"
COOKIES = "_ga=GA1!; sso=eyJ.p%2Bq.s; sso-rw=eyJ.p%2Bq.s; cf_clearance=a%3Db&c!d'e; mp_x=%7B^%22; x=$HOME"
WANTED = {"sso": "eyJ.p%2Bq.s", "sso-rw": "eyJ.p%2Bq.s", "cf_clearance": "a%3Db&c!d'e"}
BODY = '{"message":"a \\"b\\" it\'s 100% ^ & | <x>","n":1}'


def bash(text):
    if not re.search(r"[\0-\x1f\x7f-\x9f!']", text):
        return f"'{text}'"
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "$'" + re.sub(r"[\0-\x1f\x7f-\x9f!]", lambda match: f"\\u{ord(match[0]):04x}", text) + "'"


def plain_bash(text):
    return "'" + text.replace("'", "'\\''") + "'"


def carets(text):
    text = re.sub(r"[^a-zA-Z0-9\s_\-:=+~'/.',?;()*`]", r"^\g<0>", text.replace("\\", "\\\\").replace('"', '\\"'))
    return re.sub(r"%(?=[a-zA-Z0-9_])", "%^", text).replace("\n", "^\n\n")


def cmd(text):
    return f'^"{carets(text)}^"'


def cmd_2022(text):
    return f'"{carets(text)}"'


def cmd_firefox(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '""').replace("%", '"%"') + '"'


def command(quote, end, cookie_option, agent="user-agent"):
    parts = [f"curl {quote(URL)}", f"-H {quote('accept: */*')}"]
    if cookie_option == "-H":
        parts.append(f"-H {quote(f'Cookie: {COOKIES}')}")
    else:
        parts.append(f"{cookie_option} {quote(COOKIES)}")
    parts += [f"-H {quote(f'{agent}: {AGENT}')}", f"-H {quote('sec-ch-ua: ' + chr(34) + 'Chromium' + chr(34))}"]
    return end.join([*parts, f"--data-raw {quote(BODY)}"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(command(bash, " \\\n  ", "-b"), id="Chrome, bash"),
        pytest.param(command(bash, " \\\n  ", "-H"), id="Chrome of old, bash"),
        pytest.param(command(bash, " \\\r\n  ", "-b") + " \\", id="bash, CRLF, trailing backslash"),
        pytest.param(command(bash, " \\ \n  ", "--cookie"), id="bash, space after the backslash"),
        pytest.param("$ " + command(bash, " ", "--cookie", agent="USER-AGENT"), id="bash, prompt, one line"),
        pytest.param(command(plain_bash, " \\\n-X 'POST' \\\n", "-H"), id="Safari"),
        pytest.param(command(plain_bash, " ", "-H", agent="User-Agent") + " --compressed", id="Firefox, bash"),
        pytest.param(command(cmd, " ^\n  ", "-b"), id="Chrome, cmd"),
        pytest.param(command(cmd, " ^\r\n  ", "-b") + " ^\r\n", id="Edge, cmd, CRLF, trailing caret"),
        pytest.param("curl.exe" + command(cmd, " ^ \r\n  ", "-H")[4:], id="cmd, curl.exe, space after the caret"),
        pytest.param(command(cmd_2022, " ^\n  ", "-H"), id="Chrome of 2022, cmd"),
        pytest.param(command(cmd_firefox, " ", "-H", agent="User-Agent"), id="Firefox of old, cmd"),
    ],
)
def test_what_browsers_copy(text):
    found = GrokCredentials.parse(text)
    assert found.cookies == WANTED
    assert found.user_agent == AGENT


@pytest.mark.parametrize(
    "text",
    [
        "curl https://grok.com/ -b 'sso=a'",
        'curl "https://grok.com/" -b "sso=a"',
        "curl -XPOST -H'Cookie: sso=a' grok.com/rest",
        "curl --url https://grok.com -H 'COOKIE:sso=a'",
        "curl wss://grok.com/ws/mgw/?uid=x -b sso=a",
        "curl -x http://proxy.example:80 -e https://x.com/ https://grok.com --cookie sso=a",
        "curl --cacert file.pem https://assets.grok.com/ -b sso=a",
        "curl https://grok.com -H $'cookie: \\x73\\u0073\\157=\\U00000061'",
        "curl https://grok.com -d '' -b sso=\\a",
        "curl https://grok.com -b cookies.txt -H 'Cookie: sso=a'",
    ],
)
def test_written_by_hand(text):
    assert GrokCredentials.parse(text).cookies == {"sso": "a", "sso-rw": "a"}


@pytest.mark.parametrize("place", ["http://127.0.0.1:8000/", "http://localhost:8000/", "'http://[::1]:8000/'"])
def test_a_command_for_this_machine_is_for_a_service_on_it_alone(place):
    text = f"curl {place} -b sso=a"
    assert GrokCredentials.parse(text, base_url="http://127.0.0.1:8765").cookies["sso"] == "a"
    with pytest.raises(GrokWebAuthenticationError, match="not for grok"):
        GrokCredentials.parse(text)


def test_the_agent_option():
    assert GrokCredentials.parse(f"curl https://grok.com -A '{AGENT}' -b sso=a").user_agent == AGENT


@pytest.mark.parametrize(("quote", "end", "between"), [(bash, " \\\n  ", " ;\n"), (cmd, " ^\n  ", " &\n")])
def test_of_many_commands_those_for_the_site_are_read(quote, end, between):
    foreign = f"curl {quote('https://x.com/')} -b {quote('sso=foreign; __cf_bm=foreign')} -H {quote('user-agent: F')}"
    found = GrokCredentials.parse(between.join([foreign, command(quote, end, "-b"), foreign]))
    assert found.cookies == WANTED
    assert found.user_agent == AGENT


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("curl https://x.com/ -b sso=a", "a curl command, but not for grok.com"),
        ("curl https://x.com/ https://grok.com/ -b sso=a", "not for grok.com"),
        ("curl https://grok.com@x.com/ -b sso=a", "not for grok.com"),
        ("curl https://grok.com.x.com/ -b sso=a", "not for grok.com"),
        ("curl 'https://[grok.com/' -b sso=a", "not for grok.com"),
        ("curl -b sso=a", "not for grok.com"),
        ("curl -b sso=a -H", "not for grok.com"),
        ("curl https://grok.com -H 'cookie: sso=a", "ends inside a quotation"),
        ('curl ^"https://grok.com^" ^\n -H ^"cookie: sso=a', "ends inside a quotation"),
        ("curl https://grok.com -H 'accept: x'", "a curl command for grok.com with 0 cookies, but none named sso"),
        ("curl https://grok.com -b $'sso=a\\r\\nX-Evil: 1'", "cookie sso cannot be sent"),
        ("curl https://grok.com -b $'sso=a\\Uffffffff'", "cookie sso cannot be sent"),
        ("curl https://grok.com -b sso=a -A $'x\\nX-Evil: 1'", "The User-Agent has a line break"),
    ],
)
def test_commands_that_do_not_serve(text, says):
    with pytest.raises(GrokWebAuthenticationError, match=re.escape(says)):
        GrokCredentials.parse(text)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1)


@given(st.lists(TEXT, max_size=4))
def test_whatever_a_shell_was_told_to_quote_is_read_back(values):
    expected = [("cookie", value) for value in values]
    assert headers_for(f"curl {bash(URL)} " + " \\\n".join(f"-b {bash(value)}" for value in values), Site()) == expected


@given(st.lists(TEXT.filter(lambda text: "\n" not in text and "\\" not in text), max_size=4))
def test_and_so_it_is_for_windows(values):
    expected = [("cookie", value) for value in values]
    assert headers_for(f"curl {cmd(URL)} " + " ^\r\n".join(f"-b {cmd(value)}" for value in values), Site()) == expected
