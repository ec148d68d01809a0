"""Signing in, and who is signed in: against the emulator, with a keyring and without."""

from __future__ import annotations

import json
import logging
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from typer.testing import CliRunner

from langchain_grokweb import ChatGrokWeb, GrokCredentials, GrokWebAuthenticationError, GrokWebClient
from langchain_grokweb.cli.app import app
from langchain_grokweb.client import state
from langchain_grokweb.credentials import saved
from langchain_grokweb.testing import GrokEmulator
from tests.cli.terminal import ENTER


class MemoryKeyring(KeyringBackend):
    """A keyring of a system, for one test."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.locked = False

    def get_password(self, service, username):
        self.asked += 1
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service, username):
        self._check()
        del self.kept[service, username]

    def _check(self):
        if self.locked:
            raise KeyringLocked("the passphrase is Zq7SECRETqZ")


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grok: GrokEmulator) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    return tmp_path


@pytest.fixture
def ring() -> MemoryKeyring:
    before = keyring.get_keyring()
    mine = MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def run(*words: str, piped: str = ""):
    return CliRunner().invoke(app, words, input=piped, prog_name="grokweb")


def file_of(home: Path) -> Path:
    return home / "config" / "langchain-grokweb" / "sign-ins.json"


def export(grok: GrokEmulator, expires: float = -1) -> str:
    pairs = (pair.split("=", 1) for pair in grok.cookies.split("; "))
    rows = [
        {"name": name, "value": value, "domain": "127.0.0.1", "path": "/", "expires": expires} for name, value in pairs
    ]
    return json.dumps({"cookies": rows, "origins": []})


def secrets_of(grok: GrokEmulator) -> set[str]:
    """The values, and beginnings of them, that must show nowhere."""
    values = {pair.split("=", 1)[1] for pair in grok.cookies.split("; ") if not pair.startswith("x-userid")}
    return {value[:12] for value in values} | {value[-12:] for value in values}


# --- signing in


@pytest.mark.parametrize("way", ["piped", "dash", "file", "option"])
def test_signed_in_and_chatting(grok, home, way):
    path = home / "state.json"
    path.write_text(export(grok))
    words = {"dash": ["login", "-"], "file": ["login", str(path)], "option": ["login", "--cookies-file", str(path)]}
    result = run(*words.get(way, ["login"]), piped=export(grok))
    assert result.exit_code == 0, result.stderr
    assert f"Signed in at {grok.base_url} as user@example.com." in result.stdout
    assert "which only you can read" in result.stdout
    assert "Paris" in run("chat", "What is the capital of France?").stdout


def test_the_file_is_for_the_user_alone(grok, home):
    run("login", piped=grok.cookies)
    path = file_of(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    run("login", piped=grok.cookies)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_keyring_is_preferred_and_is_then_the_only_place(grok, home, ring):
    result = run("login", piped=grok.cookies)
    assert "Saved in the system's keyring." in result.stdout
    kept = file_of(home).read_text()
    assert not any(secret in kept for secret in secrets_of(grok))
    assert all(secret in "".join(ring.kept.values()) for secret in secrets_of(grok))
    assert "Paris" in run("chat", "What is the capital of France?").stdout
    assert run("login", "--insecure-storage", piped=grok.cookies).exit_code == 0
    assert ring.kept == {}


def test_a_keyring_that_cannot_be_used_counts_as_none(grok, home, ring):
    ring.locked = True
    assert "which only you can read" in run("login", piped=grok.cookies).stdout


def test_each_service_has_an_entry_of_its_own(grok):
    run("login", piped=grok.cookies)
    with GrokEmulator() as other:
        assert run("--base-url", other.base_url, "login", piped=other.cookies).exit_code == 0
        assert run("whoami", "--base-url", other.base_url).exit_code == 0
        assert run("logout", "--base-url", other.base_url).exit_code == 0
        assert run("whoami", "--base-url", other.base_url).exit_code == 1
    assert run("whoami").exit_code == 0


@pytest.mark.parametrize(
    ("paste", "says"),
    [
        ("", "There is nothing in it."),
        ("hunter2", "single word"),
        ("sso=...", "placeholder"),
        ("sso=nobody", "run `grokweb login`"),
        (b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_what_does_not_sign_in_is_not_kept(home, paste, says):
    result = run("login", piped=paste)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not file_of(home).exists()


def test_a_file_that_is_not_there():
    result = run("login", "nope.har")
    assert (result.exit_code, "nope.har cannot be read: No such file" in result.stderr) == (1, True)


@pytest.mark.parametrize("fault", ["expired", "blocked", "challenge", "heavy_load"])
def test_the_site_decides(grok, home, fault):
    grok.fault(fault, times=9, path="/*")
    result = run("login", piped=grok.cookies)
    assert result.exit_code == 1
    assert not file_of(home).exists()
    assert run("login", "--no-check", piped=grok.cookies).exit_code == 0


@pytest.mark.parametrize("fault", ["challenge", "heavy_load"])
def test_without_the_sessions_endpoint_the_conversations_decide(grok, fault):
    grok.fault(fault, times=9, path="/api/auth/session")
    assert f"as user {grok.user_id}." in run("login", piped=grok.cookies).stdout


def test_an_older_good_sign_in_survives_a_bad_one(grok):
    run("login", piped=grok.cookies)
    assert run("login", piped="sso=nobody").exit_code == 1
    assert run("whoami").exit_code == 0


def test_a_narrow_terminal_breaks_no_word(terminal):
    seen = terminal("login", columns=46)
    seen.wait_for("Paste here:")
    shown = seen.text.split("Paste here")[0].split()
    assert {"browser.", "Network,", "extension", "docs/signing-in.md"} <= set(shown)
    assert seen.end_by_interrupt() == 130
    assert "Traceback" not in seen.text


def test_a_long_paste_into_a_terminal_is_taken_whole_and_not_shown(grok, terminal):
    """More than a line that a terminal would edit itself, in several lines, as a terminal pastes it."""
    seen = terminal("login")
    seen.wait_for("Paste here:")
    assert b"\x1b[?2004h" in seen.raw  # it wants pastes marked as such
    seen.paste(json.dumps(json.loads(export(grok)) | {"padding": ["x" * 5000]}, indent=1))
    seen.wait_for("characters]")
    seen.type(ENTER)
    assert seen.end() == 0, seen.text
    assert "Signed in at" in seen.text
    assert not any(secret.encode() in seen.raw for secret in secrets_of(grok))


# --- who, since when, until when


def test_whoami(grok):
    ends = datetime.now(UTC) + timedelta(days=40)
    run("login", piped=export(grok, ends.timestamp()))
    told = json.loads(run("whoami", "--json").stdout)
    assert told["user"] == "user@example.com"
    assert told["source"] == "the saved file"
    assert datetime.fromisoformat(told["expires"]).date() == ends.date()
    assert datetime.fromisoformat(told["since"]) <= datetime.now(UTC)
    shown = run("whoami").stdout
    assert "in 39 days" in shown
    grok.fault("expired", times=9, path="/*")
    assert run("whoami").exit_code == 1
    assert run("whoami", "--offline").exit_code == 0


def test_the_environment_and_a_file_go_first(grok, home, monkeypatch):
    run("login", piped=grok.cookies)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert "GROKWEB_COOKIES is set and is used instead" in run("login", piped=grok.cookies).stderr
    assert "from GROKWEB_COOKIES" in run("whoami").stdout
    (home / "mine").write_text(grok.cookies)
    assert f"from {home / 'mine'}" in run("whoami", "--cookies-file", str(home / "mine")).stdout


def test_nobody():
    for command in ("whoami", "logout"):
        assert run(command).exit_code == 1
    assert "Run `grokweb login`." in run("whoami").stderr


def test_logout(grok, home, ring):
    run("login", piped=grok.cookies)
    assert run("logout").exit_code == 0
    assert ring.kept == {}
    assert run("whoami").exit_code == 1
    assert run("chat", "hi").exit_code == 1


@pytest.mark.parametrize(("days", "warned"), [(40, False), (2, True), (-1, True)])
def test_an_end_that_is_near_is_told(grok, days, warned):
    ends = (datetime.now(UTC) + timedelta(days=days, minutes=1)).timestamp()
    for result in (run("login", piped=export(grok, ends)), run("whoami"), run("chat", "hi")):
        assert result.exit_code == 0
        assert ("Sign in at the site again" in result.stderr) is warned


# --- models and clients find it


@pytest.mark.parametrize("place", ["file", "keyring"])
def test_a_model_and_a_client_find_it(grok, home, ring, place):
    ring.locked = place == "file"
    run("login", piped=grok.cookies)
    state.reset()
    asked = ring.asked
    model = ChatGrokWeb()
    assert ring.asked == asked
    assert "Paris" in model.invoke("What is the capital of France?").text
    client = GrokWebClient()
    assert client.blocking.modes()
    assert ring.asked == asked + (place == "keyring")
    run("logout")
    with pytest.raises(GrokWebAuthenticationError, match="run `grokweb login`"):
        model.invoke("hi")


async def test_it_is_found_in_an_event_loop(grok, ring):
    run("login", piped=grok.cookies)
    assert (await ChatGrokWeb().ainvoke("hi")).text
    assert await ChatGrokWeb().alist_modes()


def test_a_new_sign_in_is_noticed(grok):
    model = ChatGrokWeb()
    run("login", "--no-check", piped="sso=nobody")
    with pytest.raises(GrokWebAuthenticationError):
        model.invoke("hi")
    run("login", piped=grok.cookies)
    assert model.invoke("hi").text


def test_cookies_and_environment_go_before_it(grok, monkeypatch):
    run("login", "--no-check", piped="sso=nobody")
    assert ChatGrokWeb(cookies=grok.cookies).invoke("hi").text
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert ChatGrokWeb().invoke("hi").text
    assert GrokWebClient().blocking.modes()


def test_a_keyring_that_was_locked_meanwhile(grok, ring):
    run("login", piped=grok.cookies)
    ring.locked = True
    state.reset()
    with pytest.raises(GrokWebAuthenticationError) as caught:
        ChatGrokWeb().invoke("hi")
    assert "KeyringLocked" in str(caught.value)
    assert "Zq7SECRETqZ" not in str(caught.value)
    assert run("logout").exit_code == 1
    assert "KeyringLocked" in run("whoami").stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"sign_ins": 5}', '{"sign_ins": {"BASE": {"place": "file"}}}', "\x00"]
)
def test_a_damaged_file_is_told_as_such(grok, home, content):
    file_of(home).parent.mkdir(parents=True)
    file_of(home).write_text(content.replace("BASE", grok.base_url))
    with pytest.raises(GrokWebAuthenticationError, match="damaged"):
        ChatGrokWeb().invoke("hi")
    result = run("whoami")
    assert (result.exit_code, "damaged" in result.stderr) == (1, True)


def test_without_the_extra_nothing_is_found(grok, monkeypatch):
    run("login", piped=grok.cookies)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(GrokWebAuthenticationError, match=r"There are no cookies, .* pip install .*\[cli\]"):
        ChatGrokWeb().invoke("hi")


def test_a_keyring_entry_without_the_keyring(grok, ring, monkeypatch):
    run("login", piped=grok.cookies)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(GrokWebAuthenticationError, match="does not have"):
        ChatGrokWeb().invoke("hi")


# --- which wire


def test_the_wire_that_works_is_remembered_for_a_day(grok, home, monkeypatch):
    run("login", piped=grok.cookies)
    grok.fault("anti_bot", times=99)
    wires = home / "state" / "langchain-grokweb" / "wires.json"

    def refusals() -> int:
        state.reset()
        before = len(grok.requests)
        assert run("chat", "hi").exit_code == 0
        return sum(request.path.endswith("/conversations/new") for request in grok.requests[before:])

    assert refusals() == 1
    kept = wires.read_text()
    assert not any(secret in kept for secret in secrets_of(grok))
    assert refusals() == 0
    monkeypatch.setattr("langchain_grokweb.cli.wires._SECONDS", -1)
    wires.write_text(json.dumps(dict.fromkeys(json.loads(kept), 1)))
    assert refusals() == 1
    wires.write_text("damaged")
    assert refusals() == 1


# --- where cookies show: nowhere


def test_no_cookie_shows_anywhere(grok, home, caplog):
    caplog.set_level(logging.DEBUG)
    shown = []
    for words, piped in [
        (["login"], grok.cookies),
        (["login", "--verbose"], export(grok)),
        (["whoami"], ""),
        (["whoami", "--json"], ""),
        (["chat", "hi", "--verbose"], ""),
        (["login", "--verbose"], f"{grok.cookies}\nand more"),
        (["login", "--verbose"], f"[{export(grok)}"),
        (["login", "--verbose"], grok.cookies.replace("sso=", "sso=sso=", 1)),
        (["logout"], ""),
    ]:
        result = run(*words, piped=piped)
        shown.append(result.stdout + result.stderr)
    grok.fault("expired", times=99, path="/*")
    result = run("login", "--verbose", piped=grok.cookies)
    shown += [result.stdout + result.stderr, caplog.text]
    shown += [path.read_text() for path in (home / "state").rglob("*.json")]
    for secret in secrets_of(grok):
        assert not any(secret in text for text in shown)
    credentials = GrokCredentials.parse(grok.cookies, base_url=grok.base_url)
    kept = saved.SavedSignIn(grok.base_url, credentials, datetime.now(UTC), "file")
    assert not any(secret in repr(kept) for secret in secrets_of(grok))
