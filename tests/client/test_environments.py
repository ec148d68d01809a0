"""Environments, addresses and hostile replies, on both wires: they work, or end in an error of ours with the cause.

The tables are read by `test_*` functions of one line. Nothing leaves loopback: the service of the tables of proxies is
grok.com itself, but all that is asked is a proxy of this module, which refuses.
"""

from __future__ import annotations

import base64
import socketserver
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import certifi
import httpx
import pytest
from langchain_core.messages import HumanMessage
from pydantic import ValidationError

from langchain_grokweb import ChatGrokWeb, GrokWebClient, GrokWebConnectionError, GrokWebError
from langchain_grokweb.client.network.environment import is_excepted, proxy_for, read_proxy
from langchain_grokweb.client.network.gateway_socket import _DECODES_PROXY_PASSWORDS
from langchain_grokweb.client.service import check_url
from tests import leaks
from tests.clock import HANG_SECONDS

COOKIES = "sso=marker0123456789; sso-rw=marker0123456789; x-userid=497f19f8-49d4-458a-bee4-43ec3dcaf8ca"
MAX_MESSAGE_CHARS = 700
WIRES = pytest.mark.parametrize("transport", ["rest", "gateway"])


class RefusingProxy(socketserver.ThreadingTCPServer):
    """Refuses whatever it is asked for, and keeps it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), self._Handler)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    class _Handler(socketserver.StreamRequestHandler):
        server: RefusingProxy

        def handle(self) -> None:
            head = b""
            while line := self.rfile.readline().strip():
                head += line + b"\n"
            self.server.asked.append(head.decode())
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def running_proxy() -> Iterator[RefusingProxy]:
    with RefusingProxy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(running_proxy: RefusingProxy) -> RefusingProxy:
    running_proxy.asked.clear()
    return running_proxy


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


def failure(transport: str, **settings: Any) -> Any:
    """The error of a call, which must be one of ours, short, and without a cookie."""
    settings = {
        "base_url": "https://grok.com",
        "cookies": COOKIES,
        "max_retries": 0,
        "timeout": HANG_SECONDS,
        **settings,
    }
    with pytest.raises(GrokWebError) as caught:
        ChatGrokWeb(transport=transport, **settings).invoke("Hi")
    assert len(str(caught.value)) <= MAX_MESSAGE_CHARS
    assert "marker01" not in leaks.told(caught.value)
    return caught.value


# --- proxies of the environment

# What is set, with `{}` for the place of the proxy: each leads to it, with this user and password.
UNDERSTOOD: list[tuple[dict[str, str], str]] = [
    ({"HTTPS_PROXY": "http://{}"}, ""),
    ({"https_proxy": "http://{}/"}, ""),
    ({"ALL_PROXY": "http://{}"}, ""),
    ({"HTTPS_PROXY": "{}"}, ""),
    ({"HTTPS_PROXY": "  http://{}  "}, ""),
    ({"HTTPS_PROXY": "HTTP://{}"}, ""),
    ({"HTTPS_PROXY": "http://{}", "ALL_PROXY": "socks://127.0.0.1:1080/"}, ""),
    ({"HTTPS_PROXY": "http://{}", "HTTP_PROXY": "nonsense://x:y:z"}, ""),
    ({"HTTPS_PROXY": "http://{}", "NO_PROXY": "localhost,127.0.0.0/8,::1"}, ""),
    ({"HTTPS_PROXY": "http://{}", "NO_PROXY": "::1/128;[::1];fd00::/8"}, ""),
    ({"HTTPS_PROXY": "http://{}", "NO_PROXY": " , ;; [::1]:443 , http://x , [ , /8 , *.x.ai"}, ""),
    ({"HTTPS_PROXY": "http://{}", "no_proxy": "notgrok.com grok.com:8443 rok.com"}, ""),
    ({"HTTPS_PROXY": "http://me:p#ss@{}"}, "me:p#ss"),
    ({"HTTPS_PROXY": "http://me:p/ss@{}/"}, "me:p/ss"),
    ({"HTTPS_PROXY": "http://me:p@ss?@{}"}, "me:p@ss?"),
    ({"HTTPS_PROXY": "http://me:p%40s%23s@{}"}, "me:p@s#s"),
    ({"HTTPS_PROXY": "http://me:50%off:x@{}"}, "me:50%off:x"),
    ({"HTTPS_PROXY": "http://me@{}"}, "me:"),
    ({"HTTPS_PROXY": "http://:token@{}"}, ":token"),
]
# What is set, and the variable that the error names.
NOT_USABLE: list[tuple[dict[str, str], str]] = [
    ({"ALL_PROXY": "socks4://127.0.0.1:1080"}, "ALL_PROXY"),
    ({"all_proxy": "socks4a://127.0.0.1:1080"}, "all_proxy"),
    ({"HTTPS_PROXY": "ftp://127.0.0.1:1"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://me:marker01@127.0.0.1:99999"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://me:marker01@127.0.0.1:0"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://me:marker01@127.0.0.1:port"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://127.0.0.1:-1"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://127.0.0.1:1 2"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://127.0.0.1\x01:1"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://["}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://[::x]:1"}, "HTTPS_PROXY"),
    ({"HTTPS_PROXY": "http://pr\u043exy:3128"}, "HTTPS_PROXY"),
    ({"https_proxy": "://"}, "https_proxy"),
]


@WIRES
@pytest.mark.parametrize(("variables", "user"), UNDERSTOOD)
def test_a_proxy_of_the_environment_that_is_understood(monkeypatch, proxy, transport, variables, user):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(proxy.place))
    name = next(iter(variables))
    message = str(failure(transport))
    assert name in message
    if transport == "gateway" and not _DECODES_PROXY_PASSWORDS and quote(user, safe=":") != user:
        assert "websockets>=17.1" in message
        assert not proxy.asked
        return
    assert "the proxy refused" in message
    (head,) = proxy.asked
    assert head.startswith("CONNECT grok.com:443 ")
    assert ("proxy-authorization" in head.lower()) == bool(user)
    assert base64.b64encode(user.encode()).decode() in head
    assert "cookie" not in head.lower()


@WIRES
@pytest.mark.parametrize(("variables", "name"), NOT_USABLE)
def test_a_proxy_of_the_environment_that_cannot_be_used(monkeypatch, transport, variables, name):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    error = failure(transport)
    assert isinstance(error, GrokWebConnectionError)
    assert name in str(error)


@WIRES
@pytest.mark.parametrize("address", ["socks://127.0.0.1:1", "socks5://127.0.0.1:1", "socks5h://me:pw@127.0.0.1:1"])
@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy", "`proxy=`"])
def test_a_socks_proxy_is_understood_and_named(monkeypatch, transport, address, name):
    """Where the packages for it are missing, they are named too."""
    settings = {"proxy": address} if name == "`proxy=`" else {}
    if not settings:
        monkeypatch.setenv(name, address)
    assert name in str(failure(transport, **settings))


@WIRES
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"])
def test_no_proxy_of_the_environment_leads_to_a_service_on_this_machine(monkeypatch, shared_grok, transport, name):
    monkeypatch.setenv(name, "socks4://nowhere:port")
    model = ChatGrokWeb(base_url=shared_grok.base_url, cookies=shared_grok.cookies, transport=transport)
    assert model.invoke("Hi").text


@pytest.mark.parametrize(
    ("url", "exceptions"),
    [
        ("https://grok.com", "*"),
        ("https://grok.com", "a.example;grok.com"),
        ("https://grok.com", "a.example grok.com"),
        ("https://grok.com", " GROK.COM ,"),
        ("https://grok.com", "grok.com:443"),
        ("https://assets.grok.com", ".grok.com"),
        ("https://assets.grok.com", "*.grok.com"),
        ("https://[fd00::1]", "fd00::/8"),
        ("https://[fd00::1]", "[fd00::1]"),
        ("https://[fd00::1]:8443", "[fd00::1]:8443"),
        ("https://[fd00::1]", "FD00:0::1/128"),
        ("https://10.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3", "10.9.9.9/8"),
        ("https://10.1.2.3", "10.1.2.3"),
    ],
)
def test_what_no_proxy_excepts(monkeypatch, url, exceptions):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert proxy_for(url) is not None
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    "exceptions", ["", " ", "rok.com", "grok.com.evil", "grok.com:80", "::1/128", "10.0.0.0/8", "/0"]
)
def test_what_no_proxy_does_not_except(exceptions):
    assert not is_excepted("grok.com", 443, exceptions)
    assert not is_excepted("fd00::1", 443, exceptions)


def test_an_empty_variable_in_small_letters_hides_the_capital_one(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "")
    assert proxy_for("https://grok.com") is None


# --- `proxy=`


@pytest.mark.parametrize(
    "address",
    ["socks4://h:1", "http://h:99999", "http://h:port", "http://", "http://[", "http://u:marker01@h:0", "h:1", "x", ""],
)
def test_a_proxy_that_cannot_be_used_is_refused_by_the_name_of_its_field(address):
    for make in (ChatGrokWeb, GrokWebClient):
        if make is ChatGrokWeb or address:  # to the client, an empty one is none
            with pytest.raises(ValueError, match="proxy") as refused:
                make(proxy=address)
            assert "marker01" not in str(refused.value)


@WIRES
@pytest.mark.parametrize(
    "address", ["http://{}", "http://proxy.example:3128", "https://10.0.0.1", "socks5://127.0.0.1:1"]
)
def test_no_proxy_gets_cookies_in_clear_text(shared_grok, proxy, transport, address):
    shared_grok.reset()
    message = str(failure(transport, base_url=shared_grok.base_url, proxy=address.format(proxy.place)))
    assert "clear text" in message
    assert "`proxy=`" in message
    assert shared_grok.requests == []
    assert proxy.asked == []


@WIRES
def test_the_field_goes_before_the_environment(monkeypatch, proxy, transport):
    monkeypatch.setenv("HTTPS_PROXY", "socks4://x")
    monkeypatch.setenv("NO_PROXY", "*")
    assert "`proxy=`" in str(failure(transport, proxy=f"http://me:pw@{proxy.place}"))
    assert "CONNECT grok.com:443" in proxy.asked[0]


def test_a_proxys_address_has_one_spelling():
    assert read_proxy("socks://u:a b@[0::1]/".replace(" ", "%20"), "x").url == "socks5h://u:a%20b@[::1]:1080"
    assert read_proxy("HTTPS://Proxy.Example.", "x").url == "https://proxy.example:443"


# --- certificates and the key log


@WIRES
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SSL_CERT_FILE", "{}/missing.pem", "not there"),
        ("SSL_CERT_FILE", "{}", "a directory"),
        ("SSL_CERT_FILE", "{}/text.pem", "without certificates"),
        ("SSL_CERT_DIR", "{}/missing", "not there"),
        ("SSL_CERT_DIR", "{}/text.pem", "not a directory"),
        ("SSLKEYLOGFILE", "{}/missing/keys.log", "not there"),
        ("SSLKEYLOGFILE", "{}", "a directory"),
    ],
)
def test_files_for_secure_connections_that_cannot_be_used(
    monkeypatch, tmp_path, shared_grok, transport, name, value, words
):
    (tmp_path / "text.pem").write_text("no certificate")
    monkeypatch.setenv(name, value.format(tmp_path))
    error = failure(transport, base_url="https://127.0.0.1:1")
    assert isinstance(error, GrokWebConnectionError)
    assert name in str(error)
    assert words in str(error)
    model = ChatGrokWeb(base_url=shared_grok.base_url, cookies=shared_grok.cookies, transport=transport)
    assert model.invoke("Hi").text  # no secure connection, so nothing of that matters


@WIRES
def test_files_for_secure_connections_that_can_be_used(monkeypatch, tmp_path, transport):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    for name, value in (("SSL_CERT_DIR", f"{tmp_path}/missing:{tmp_path}"), ("SSL_CERT_FILE", certifi.where())):
        monkeypatch.setenv(name, value)
        message = str(failure(transport, base_url="https://127.0.0.1:1"))
        assert "no connection could be made" in message
        assert name in message


# --- addresses

REFUSED_ADDRESSES = [
    "",
    "grok.com",
    "https://",
    "https:///path",
    "ftp://grok.com",
    "//grok.com",
    " https://grok.com",
    "https://grok.com ",
    "https://grok.com\n",
    "https://gr\tok.com",
    "https://grok.com\x00",
    "https://grok .com",
    "https://grok.com:port",
    "https://grok.com:0",
    "https://grok.com:99999",
    "https://grok.com:-1",
    "https://grok.com:\u0664\u0664\u0663",
    "https://me:marker01@grok.com",
    "https://me@grok.com",
    "https://@grok.com",
    "https://gr\u043ek.com",
    "https://grok\u3002com",
    "https://\uff47rok.com",
    "https://grok.com\\@evil.example",
    "https://grok.com/path",
    "https://grok.com?x",
    "https://grok.com#x",
    "https://grok..com",
    "https://.grok.com",
    "https://[::1",
    "https://[::x]",
    "https://[fe80::1%25eth0]",
    "https://%67rok.com",
    "http://grok.com",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://0.0.0.0",
]


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
@pytest.mark.parametrize("field", ["base_url", "assets_url"])
def test_an_address_that_cannot_be_used_is_refused_by_the_name_of_its_field(address, field):
    """Both wires go to the same checked address."""
    with pytest.raises(ValidationError, match=field) as refused:
        ChatGrokWeb(**{field: address})
    assert "marker01" not in str(refused.value)
    assert "evil" not in str(refused.value)
    if address:  # to the client, an empty one is none
        with pytest.raises(ValueError, match=r"`" + field + "=`|TLS"):
            GrokWebClient(**{field: address})


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("HTTPS://GROK.COM", "https://grok.com"),
        ("https://grok.com/", "https://grok.com"),
        ("https://grok.com.", "https://grok.com"),
        ("https://grok.com:443", "https://grok.com"),
        ("https://grok.com:8443/", "https://grok.com:8443"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("https://xn--grk-sed.com", "https://xn--grk-sed.com"),
    ],
)
def test_an_address_has_one_spelling(address, same):
    assert check_url(address) == same
    assert ChatGrokWeb(base_url=address).base_url == same


def test_grok_com_in_capital_letters_has_the_same_host_for_pictures():
    assert GrokWebClient(base_url="HTTPS://GROK.COM")._service.assets_url == "https://assets.grok.com"


def test_an_address_of_the_environment_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("GROKWEB_BASE_URL", "https://grok.com:port")
    with pytest.raises(ValueError, match="GROKWEB_BASE_URL"):
        GrokWebClient()


# --- the user's own client


@pytest.mark.parametrize("package", ["httpx", "httpx2"])
@WIRES
async def test_the_users_own_client_is_of_either_package(shared_grok, package, transport):
    library = pytest.importorskip(package)
    shared_grok.reset()
    shared_grok.reply("Paris.")
    shared_grok.reply("Rome.", fault="cut:1")
    async with library.AsyncClient() as own:
        model = ChatGrokWeb(
            base_url=shared_grok.base_url, cookies=shared_grok.cookies, http_client=own, transport=transport
        )
        assert (await model.ainvoke("Hi")).text == "Paris."
        assert (await model.ainvoke("Hi")).text == "Rome."
        shared_grok.fault("expired")
        with pytest.raises(GrokWebError, match="cookies"):
            await model.ainvoke("Hi")
        model = ChatGrokWeb(
            base_url="http://127.0.0.1:1", cookies=COOKIES, http_client=own, transport=transport, max_retries=0
        )
        with pytest.raises(GrokWebConnectionError, match="no connection could be made"):
            await model.ainvoke("Hi")
    if transport == "rest":
        with pytest.raises(GrokWebError, match=r"`http_client=` is closed"):
            await model.ainvoke("Hi")


@pytest.mark.parametrize("by", ["field", "environment"])
def test_a_file_of_the_open_web_comes_through_the_proxy_from_the_address_that_was_checked(monkeypatch, proxy, by):
    """And no cookie goes to either."""
    settings: dict[str, Any] = {"proxy": f"http://{proxy.place}"} if by == "field" else {}
    if by == "environment":
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.place}")
    model = ChatGrokWeb(cookies=COOKIES, fetch_urls=True, **settings)
    picture = {"type": "image", "url": "https://93.184.216.34/fox.png"}
    with pytest.raises(GrokWebConnectionError, match="the proxy refused"):
        model.invoke([HumanMessage([{"type": "text", "text": "What is it?"}, picture])])
    (head,) = proxy.asked
    assert head.startswith("CONNECT 93.184.216.34:443 ")
    assert "marker01" not in head
    assert "cookie" not in head.lower()


@pytest.mark.parametrize("own", [httpx, "https://grok.com", 1])
def test_what_is_no_asynchronous_client_is_refused(own):
    own = own.Client() if own is httpx else own
    with pytest.raises(ValidationError, match="http_client"):
        ChatGrokWeb(http_client=own)
    if isinstance(own, httpx.Client):
        own.close()
