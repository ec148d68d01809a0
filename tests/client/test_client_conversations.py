"""`GrokWebClient`: the account's own conversations, against the emulator, which saw none of our code make them."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import textwrap
import traceback
from typing import Any

import httpx
import pytest
from testing.asking import CONVERSATIONS, Browser

from langchain_grokweb import (
    GrokCredentials,
    GrokWebAuthenticationError,
    GrokWebClient,
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebProtocolError,
)
from langchain_grokweb.client.client import BlockingClient
from langchain_grokweb.testing import GrokEmulator

MARK = "eyJtYXJrZXI.mArKeR.dGhlLW1hcms"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def grok(shared_grok: GrokEmulator) -> GrokEmulator:
    shared_grok.reset()
    return shared_grok


@pytest.fixture
def client(grok: GrokEmulator) -> GrokWebClient:
    return GrokWebClient(base_url=grok.base_url, cookies=grok.cookies)


def begin(browser: Browser, count: int) -> list[str]:
    """Empty conversations, the newest first."""
    made = [browser.http.post(CONVERSATIONS, json={}).json()["conversationId"] for _ in range(count)]
    return made[::-1]


def pages(grok: GrokEmulator) -> int:
    return len([request for request in grok.requests if request.method == "GET"])


# --- lists


@pytest.mark.parametrize(("size", "requests"), [(25, 3), (1000, 2)])
async def test_all_pages_are_listed_whatever_their_size(grok, browser, client, size, requests):
    made = begin(browser, 62)
    assert [one.id async for one in client.conversations(page_size=size)] == made
    assert pages(grok) == requests


async def test_a_page_is_fetched_when_it_is_reached_and_what_moves_meanwhile_is_listed_once(grok, browser, client):
    made = begin(browser, 5)
    listing = client.conversations(page_size=2)
    found = [(await anext(listing)).id]
    assert pages(grok) == 1
    for moved in (made[0], made[-1]):
        browser.http.put(f"{CONVERSATIONS}/{moved}", json={"starred": True})
    found += [one.id async for one in listing]
    assert sorted(found) == sorted(made[:4])  # the last one is in front now, where the listing has been
    assert len(set(found)) == len(found)


async def test_a_list_is_searched_and_shows_no_private_chat(browser, client):
    answer = browser.new("My foxes are red")
    browser.new("Something else")
    browser.new("My private foxes", temporary=True)
    assert [one.title async for one in client.conversations()] == ["Something else", "My foxes are red"]
    assert [one async for one in client.conversations(search="FOXES & are? no")] == []
    (one,) = [one async for one in client.conversations(search="FOXES are")]
    assert (one.id, one.starred, one.temporary) == (answer.conversation_id, False, False)
    assert one.created.tzinfo is not None
    assert one.created <= one.modified


async def test_an_empty_account_has_nothing_to_list(client):
    assert [one async for one in client.conversations()] == []
    assert [one async for one in client.deleted_conversations()] == []


@pytest.mark.parametrize("size", [0, -1, "x", None])
async def test_a_page_of_nothing_is_refused(grok, client, size):
    with pytest.raises(GrokWebInvalidRequestError, match="page_size="):
        await anext(client.conversations(page_size=size))
    assert grok.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        b"[]",
        b'{"conversations": 5}',
        b'{"conversations": [{"title": "x"}]}',
        b'{"nextPageToken": "again"}',
        b"<p>",
        b"",
    ],
)
async def test_a_list_that_cannot_be_read(grok, reply):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=reply, headers={"content-type": "application/json"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own:
        client = GrokWebClient(base_url=grok.base_url, cookies=grok.cookies, http_client=own)
        with pytest.raises(GrokWebProtocolError, match="conversations"):
            [one async for one in client.conversations()]


# --- one conversation


async def test_a_conversation_is_opened_with_its_tree(grok, browser, client):
    grok.reply("Red.")
    first = browser.new("Which colour?")
    grok.reply("They run.")
    browser.follow(first, "And what do they do?")
    grok.reply("They sleep.")
    regenerated = browser.follow(first, "And what do they do?")
    found = await client.conversation(first.conversation_id)
    assert (found.id, found.title) == (first.conversation_id, "Which colour")
    assert [one.sender for one in found.responses] == ["human", "assistant"] * 3
    assert [one.text for one in found.path()] == ["Which colour?", "Red.", "And what do they do?", "They sleep."]
    assert found.leaf().id == regenerated.response_id
    (run,) = [one for one in found.responses if one.text == "They run."]
    assert [one.text for one in found.path(run.id)][-1] == "They run."
    assert {one.parent_id for one in found.responses if one.text.startswith("And")} == {first.response_id}
    assert (await client.conversation(f"https://grok.com/c/{found.id}?rid={run.id}")) == found


async def test_an_answer_that_is_being_written_is_not_whole(grok, browser, client):
    grok.reply("one two three", fault="cut:5")
    answer = browser.new("Count")
    found = await client.conversation(answer.conversation_id)
    assert [(one.sender, one.is_whole) for one in found.path()] == [("human", True), ("assistant", False)]


# --- what is done to them


async def test_renaming_deleting_and_restoring(grok, browser, client):
    answer = browser.new("Hello")
    name = f"https://grok.com/c/{answer.conversation_id}"
    assert (await client.rename(name, "Töne & 'mehr'")).title == "Töne & 'mehr'"
    assert grok.conversations[answer.conversation_id].title == "Töne & 'mehr'"
    await client.delete(name)
    assert grok.conversations[answer.conversation_id].deleted
    assert [one async for one in client.conversations()] == []
    assert [one.title async for one in client.deleted_conversations()] == ["Töne & 'mehr'"]
    with pytest.raises(GrokWebConversationNotFoundError):
        await client.conversation(name)
    await client.restore(name)
    assert (await client.conversation(name)).title == "Töne & 'mehr'"
    await client.delete(name)
    await client.delete(name, forever=True)
    assert grok.conversations == {}


CALLS = {
    "conversation": lambda client, name: client.conversation(name),
    "rename": lambda client, name: client.rename(name, "x"),
    "delete": lambda client, name: client.delete(name),
    "delete_forever": lambda client, name: client.delete(name, forever=True),
    "restore": lambda client, name: client.restore(name),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_what_is_not_there_expired_or_no_id(grok, client, call):
    with pytest.raises(GrokWebConversationNotFoundError, match="or it is deleted") as raised:
        await call(client, UNKNOWN)
    assert (raised.value.status_code, raised.value.__context__) == (404, None)
    grok.fault("expired", path="/rest/")
    with pytest.raises(GrokWebAuthenticationError):
        await call(client, UNKNOWN)
    before = len(grok.requests)
    for name in ("", "..", f"soft/{UNKNOWN}", f"{UNKNOWN}\r\n", f"https://example.com/c/{UNKNOWN}", None):
        with pytest.raises(GrokWebInvalidRequestError):
            await call(client, name)
    assert len(grok.requests) == before


@pytest.mark.parametrize("title", ["", " \n", None])
async def test_a_conversation_needs_a_title(grok, client, title):
    with pytest.raises(GrokWebInvalidRequestError, match="title"):
        await client.rename(UNKNOWN, title)
    assert grok.requests == []


# --- the blocking face


async def test_the_blocking_face_works_under_a_running_loop(browser, client):
    made = begin(browser, 3)
    blocking = client.blocking
    assert [one.id for one in blocking.conversations(page_size=2)] == made
    assert next(iter(blocking.conversations(search=None))).id == made[0]
    assert blocking.conversation(made[0]).id == made[0]
    assert blocking.rename(made[1], "New").title == "New"
    blocking.delete(made[1])
    assert [one.title for one in blocking.deleted_conversations()] == ["New"]
    blocking.restore(made[1])
    blocking.delete(made[2], forever=True)
    assert sorted(one.id for one in blocking.conversations()) == sorted(made[:2])
    assert {mode.id for mode in blocking.modes()} >= {"auto"}


def test_the_blocking_face_has_the_same_methods():
    def methods(kind: type) -> dict[str, list[Any]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]
            for name, method in found
            if not name.startswith("_") and name not in {"opener", "pictures"}  # for the model
        }

    assert methods(BlockingClient) == methods(GrokWebClient)


async def test_ones_own_client_serves_the_asynchronous_methods_alone(grok, browser):
    begin(browser, 1)
    async with httpx.AsyncClient(headers={"x-mine": "yes"}) as own:
        client = GrokWebClient(base_url=grok.base_url, cookies=grok.cookies, http_client=own)
        assert [one async for one in client.conversations()]
        assert grok.requests[-1].headers["x-mine"] == "yes"
        with pytest.raises(GrokWebInvalidRequestError, match="http_client="):
            client.blocking  # noqa: B018


# --- settings and secrets


async def test_the_environment_says_who_and_where(grok, monkeypatch):
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    client = GrokWebClient(headers=lambda method, path: {"x-what": f"{method} {path}"})
    with pytest.raises(GrokWebAuthenticationError, match="Sign in"):
        await client.modes()
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert await client.modes()
    assert grok.requests[-1].headers["x-what"] == "POST /rest/modes"
    ready = GrokWebClient(credentials=GrokCredentials.parse(grok.cookies))
    assert await ready.modes() == await client.modes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_url": "http://grok.com"}, "TLS"),
        ({"base_url": "grok.com"}, "address"),
        ({"assets_url": "ftp://x"}, "address"),
        ({"proxy": "host:1"}, "proxy"),
    ],
)
def test_settings_are_checked_as_the_models_are(settings, words):
    with pytest.raises(ValueError, match=words):
        GrokWebClient(**settings)


async def test_cookies_show_up_nowhere(grok, monkeypatch):
    secrets: dict[str, Any] = {"proxy": f"http://{MARK}@127.0.0.1:9", "headers": {"x-secret": MARK}}
    marked = f"{grok.cookies}; cf_clearance={MARK}"
    client = GrokWebClient(base_url=grok.base_url, cookies=marked)
    full = GrokWebClient(base_url=grok.base_url, cookies=marked, **secrets)
    places = [repr(full), str(full), f"{vars(full)}", repr(full.blocking), pickle.dumps(full).decode("latin-1")]
    for fault in ("expired", "server_error", "html", "challenge"):
        grok.fault(fault, path="/rest/")
        with pytest.raises(GrokWebError) as raised:
            await client.conversation(UNKNOWN)
        places += [f"{raised.value!r} {vars(raised.value)}", "".join(traceback.format_exception(raised.value))]
    with pytest.raises(GrokWebAuthenticationError) as refused:
        GrokWebClient(cookies=f"nothing={MARK}")
    frames = [frame for frame, _ in traceback.walk_tb(refused.value.__traceback__)][1:]  # without this one
    places += [repr(refused.value), repr([frame.f_locals for frame in frames])]
    assert not [place for place in places if "mArKeR" in place]
    assert MARK in grok.requests[-1].headers["cookie"]


def test_who_only_chats_does_not_import_it():
    code = """
        import sys, langchain_grokweb as package
        ours = {name for name in sys.modules if name.startswith("langchain_grokweb")}
        assert not {name for name in ours if name.endswith("conversations")}, ours
        assert package.StoredConversation.__mro__[1] is package.Conversation
        assert not hasattr(package, "Nothing")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


async def test_a_copy_is_the_same_and_a_pickle_has_no_credentials(grok, client, monkeypatch):
    assert await copy.deepcopy(client).modes()
    assert copy.copy(client) is client
    other = pickle.loads(pickle.dumps(client))
    with pytest.raises(GrokWebAuthenticationError):
        await other.modes()
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert await other.modes()
    assert pickle.loads(pickle.dumps(other.blocking)).modes()
