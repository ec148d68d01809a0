"""Exports: an account's conversations as files, and back."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import (
    ChatGrokWeb,
    GrokWebClient,
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
    GrokWebRateLimitError,
    GrokWebServerError,
    read_export,
)
from langchain_grokweb.client.account.file_names import item_name, safe_name
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.wire import export_format

TRIES = 5  # of each conversation in an export
FORMS = {"json": ".json", "markdown": ".md"}


@pytest.fixture
def client(grok: GrokEmulator) -> Any:
    return GrokWebClient(base_url=grok.base_url, cookies=grok.cookies).blocking


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def put(grok: GrokEmulator, *titles: str) -> list[str]:
    """Conversations that are there already, the newest first: each with one question and its answer."""
    entries = []
    for number, title in enumerate(titles):
        question, answer = str(uuid4()), str(uuid4())
        nodes = {
            question: {"sender": "human", "message": f"My number is {number}.", "parent_id": None},
            answer: {"sender": "ASSISTANT", "message": f"Noted: {number}.", "parent_id": question},
        }
        nodes = {name: {"response_id": name, **node} for name, node in nodes.items()}
        entries.append({"conversation_id": str(uuid4()), "title": title, "nodes": nodes})
    grok.load({"user_id": grok.user_id, "conversations": entries[::-1]})
    return [entry["conversation_id"] for entry in entries]


def fetched(grok: GrokEmulator) -> list[str]:
    """The conversations whose texts were asked for, in order."""
    paths = (request.path.split("/") for request in grok.requests)
    return [path[-2] for path in paths if path[-1] == "responses"]


# --- many of them


def test_an_account_of_many_is_broken_off_finished_and_continued(grok, client, tmp_path):
    ids = put(grok, *(f"Chat {number}" for number in range(300)))
    done = list(islice(client.export_all(tmp_path, "json"), 120))  # and then left
    assert [(entry.state, entry.conversation.id) for entry in done] == [("written", name) for name in ids[:120]]
    grok.conversations[ids[7]].modify_time = "2030-01-01T00:00:00.000001Z"
    grok.fault("server_error", times=TRIES, path=f"/rest/app-chat/conversations/{ids[200]}/responses")
    with pytest.raises(GrokWebServerError):
        list(client.export_all(tmp_path, "json"))
    states = [entry.state for entry in client.export_all(tmp_path, "json")]
    assert states == ["unchanged"] * 200 + ["written"] * 100
    assert fetched(grok) == [*ids[:120], ids[7], *ids[120:200], *[ids[200]] * TRIES, *ids[200:]]
    assert len(list(tmp_path.iterdir())) == 300
    assert not list(tmp_path.rglob("*.part"))

    read = {exported.id: exported for exported in read_export(tmp_path)}
    assert read.keys() == set(ids)
    for number, name in enumerate(ids):
        assert [message.text for message in read[name].messages()] == [f"My number is {number}.", f"Noted: {number}."]
    for number, wire in ((3, "rest"), (150, "gateway"), (299, "rest"), (4, "gateway"), (5, "rest"), (6, "gateway")):
        model = ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport=wire)
        model.invoke([*read[ids[number]].messages(), HumanMessage("And now?")])
        assert (grok.turns[-1].conversation_id, grok.turns[-1].prompt) == (ids[number], "And now?")


@pytest.mark.parametrize("form", FORMS)
def test_a_second_export_fetches_what_changed_and_keeps_its_file(grok, client, tmp_path, form):
    ids = put(grok, *"abcdef")
    paths = {entry.conversation.id: entry.path for entry in client.export_all(tmp_path, form)}
    client.rename(ids[2], "Another title")
    before = len(fetched(grok))
    states = {entry.conversation.id: (entry.state, entry.path) for entry in client.export_all(tmp_path, form)}
    assert states == {name: ("written" if name == ids[2] else "unchanged", paths[name]) for name in ids}
    assert fetched(grok)[before:] == [ids[2]]
    assert "Another title" in paths[ids[2]].read_text()
    paths[ids[3]].write_text(paths[ids[3]].read_text()[:-40] if form == "json" else "---\nbroken")
    paths[ids[4]].unlink()
    states = {entry.conversation.id: entry.state for entry in client.export_all(tmp_path, form)}
    assert {name for name, state in states.items() if state == "written"} == {ids[3], ids[4]}


def test_one_that_is_gone_costs_only_itself(grok, client, tmp_path):
    ids = put(grok, *"abc")
    grok.fault("not_found", path=f"/rest/app-chat/conversations/{ids[1]}/responses")
    entries = {entry.conversation.id: entry for entry in client.export_all(tmp_path)}
    assert [entries[name].state for name in ids] == ["written", "failed", "written"]
    assert isinstance(entries[ids[1]].error, GrokWebConversationNotFoundError)
    assert str(entries[ids[0]]) == str(entries[ids[0]].path)


def test_a_rate_limit_is_waited_for_and_ends_the_export_at_last(grok, client, tmp_path):
    put(grok, *"abc")
    grok.fault("rate_limited", times=TRIES - 1, path="*/responses", retry_after=0)
    assert [entry.state for entry in client.export_all(tmp_path)] == ["written"] * 3
    grok.fault("rate_limited", times=TRIES, path="*/responses")
    with pytest.raises(GrokWebRateLimitError):
        list(client.export_all(tmp_path / "other"))


async def test_an_export_that_is_left_leaves_nothing_half(grok, tmp_path):
    put(grok, *"abc")
    client = GrokWebClient(base_url=grok.base_url, cookies=grok.cookies)
    exporting = client.export_all(tmp_path)
    await anext(exporting)
    await exporting.aclose()
    assert len(list(tmp_path.iterdir())) == 1


# --- one of them, with all that may be in it


def talk(grok: GrokEmulator, model: ChatGrokWeb) -> str:
    """A conversation with two branches, thoughts, sources, a picture, a file, and a question with a file."""
    grok.reply(
        "Foxes are quick. See below.",
        reasoning="Think </details> hard.",
        search=[{"query": "fox", "results": [{"url": "https://e.com/f", "title": "Foxes [1]", "snippet": ""}]}],
        citations=[{"url": "https://e.com/f", "after": "quick"}],
        images=["A red fox / at dawn"],
        title='Foxes: "quick" --- or\nnot',
    )
    data = {"type": "file", "base64": "aGVsbG8=", "mime_type": "text/plain", "filename": "notes.txt"}
    question = HumanMessage([{"type": "text", "text": "Tell me of foxes."}, data])
    first = model.invoke([question])
    grok.reply("Here it is.", files=[{"name": "fox.csv", "content": "a,b\n", "mime_type": "text/csv"}])
    model.invoke([question, first, HumanMessage("As a table")])
    grok.reply("No.\n\n```py\nleft = open")
    model.invoke([question, first, HumanMessage("As a song")])
    return first.response_metadata["grokweb"]["conversation_id"]


def test_markdown_is_complete_and_reads_well(grok, client, model, tmp_path):
    chat = talk(grok, model)
    path = client.export(chat, tmp_path)
    text = path.read_text()
    assert path.name == f"Foxes- -quick- --- or not {chat[:8]}.md"
    head, body = text.split("\n---\n\n", 1)
    assert f'title: "Foxes: \\"quick\\" --- or\\nnot"\nid: "{chat}"' in head
    assert "<summary>Thinking</summary>\n\nThink &lt;/details> hard.\n\n</details>" in body
    assert "Foxes are quick[^1]." in body
    assert "left = open\n```\n" in body
    assert "[^1]: [Foxes \\[1\\]](<https://e.com/f>)" in body
    order = [
        "Tell me of foxes.",
        "Foxes are quick",
        "As a song",
        "No.",
        "Another branch, after “Foxes are",
        "As a table",
    ]
    places = [body.index(words) for words in order]
    assert places == sorted(places)
    saved = {unquote(link) for link in re.findall(r"\]\(<([^>]+)>\)", body) if "://" not in link}
    contents = {Path(link).suffix: (tmp_path / link).read_bytes() for link in saved}
    assert {link.split("/")[0] for link in saved} == {path.with_suffix(".files").name}
    assert contents.keys() == {".txt", ".csv", ".jpg"}
    assert (contents[".txt"], contents[".csv"]) == (b"hello", b"a,b\n")
    assert contents[".jpg"].startswith(b"\xff\xd8")


def test_json_is_whole_and_reads_back_with_all_branches(grok, client, model, tmp_path):
    chat = talk(grok, model)
    path = client.export(f"https://grok.com/c/{chat}", tmp_path / "new" / "place", "json")
    written = json.loads(path.read_text())
    assert (written["format"], written["version"]) == ("langchain-grokweb export", 1)
    assert len(written["responses"]) == 6
    assert all((path.parent / item["path"]).is_file() for item in written["items"])
    assert {item["kind"] for item in written["items"]} == {"image", "file", "attachment"}
    (exported,) = read_export(path)
    stored = client.conversation(chat)
    assert exported.conversation == stored
    for leaf in stored.leaves():
        loaded = model.load_conversation(chat, leaf.id)
        assert [message.model_dump() for message in exported.messages(leaf.id)] == [one.model_dump() for one in loaded]
    model.invoke([*exported.messages(), HumanMessage("And?")])
    assert (grok.turns[-1].conversation_id, grok.turns[-1].prompt) == (chat, "And?")


def test_another_account_gets_all_of_it_in_a_new_conversation(grok, client, model, tmp_path):
    chat = talk(grok, model)
    (exported,) = read_export(client.export(chat, tmp_path, "json"), account="another")
    model.invoke([*exported.messages(), HumanMessage("And?")])
    assert grok.turns[-1].conversation_id != chat
    assert "Foxes are quick" in grok.turns[-1].prompt


def test_what_the_site_does_not_give_out_is_named_and_costs_nothing_else(grok, client, model, tmp_path):
    chat = talk(grok, model)
    grok.fault("forbidden", path="/users/*/generated/*")
    (entry,) = client.export_all(tmp_path)
    assert (entry.state, entry.missing) == ("written", 1)
    text = entry.path.read_text()
    assert "A red fox / at dawn (not saved)](<http" in text
    written = json.loads(client.export(chat, tmp_path, "json").read_text())
    assert [bool(item["path"]) for item in written["items"]] == [True] * 3


def test_a_picture_that_fails_for_now_ends_the_export_and_is_not_fetched_twice(grok, client, model, tmp_path):
    talk(grok, model)
    grok.fault("server_error", times=3, path="/users/*/generated/*")
    with pytest.raises(GrokWebServerError):
        list(client.export_all(tmp_path))
    assert not list(tmp_path.glob("*.md"))
    assert [entry.state for entry in client.export_all(tmp_path)] == ["written"]
    uploads = [request for request in grok.requests if request.path.endswith("/content") and "/users/" in request.path]
    assert len(uploads) == 1


def test_an_unknown_format_is_refused(client, tmp_path):
    with pytest.raises(GrokWebInvalidRequestError, match="format"):
        client.export("x", tmp_path, "pdf")


# --- names

HOSTILE = [
    "../../etc/passwd",
    "..",
    ".",
    "",
    "  ",
    "CON",
    "nul.txt",
    "COM1",
    'a/b\\c:d*e?f"g<h>i|j',
    "-rf",
    "~root",
    ".hidden",
    "ends with dots...",
    "x" * 500,
    "🦊" * 200,
    "abc\u202etxt.exe",
    "zero\u200bwidth\x00null\nnewline",
    "\ud800 half",
    "e\u0301",
    "$(touch x)`id`",
]


def test_hostile_titles_become_names_in_the_directory(grok, client, tmp_path):
    titles = [title for title in HOSTILE if "\ud800" not in title]
    put(grok, *titles, "Same", "Same")
    inside = tmp_path / "inside"
    for form in FORMS:
        entries = list(client.export_all(inside, form))
        assert len({str(entry.path).lower() for entry in entries}) == len(titles) + 2
        assert all(entry.path.parent == inside and entry.path.is_file() for entry in entries)
    assert list(tmp_path.iterdir()) == [inside]
    assert {exported.title for exported in read_export(inside)} == {*titles, "Same"}


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_is_safe(title):
    check_name(safe_name(title, "Untitled"))
    check_name(item_name(title, "id", "image/png", "picture"))


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_title_is_safe(title):
    check_name(safe_name(title, "Untitled"))
    check_name(item_name(title, title, title, "picture"))


def check_name(name: str) -> None:
    assert name
    assert not set(name) & set('/\\:*?"<>|')
    assert name.isprintable()
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "
    assert len(name.encode()) <= 150
    assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE)
    assert os.path.basename(name) == name  # noqa: PTH119


# --- other servers, and the site's own export


def test_an_impolite_server_makes_no_file_outside(server, tmp_path):
    hostile = {"imageUrl": "users/u/generated/../../../../etc/x.jpg", "imageUuid": "../../up", "progress": 100}
    card = {"id": "../c", "cardType": "generated_image_card", "image_chunk": hostile, "prompt": "../../../x\n](evil)"}
    file = {"id": "f", "cardType": "rendered_file_card", "file_name": "../../f.sh", "url": "https://evil.example/f"}
    cards = [json.dumps(card), json.dumps(file)]
    question = {"responseId": "q", "sender": "human", "message": "Hi", "fileAttachments": ["../a"]}
    answer = {"responseId": "a", "sender": "ASSISTANT", "message": "Yo", "parentResponseId": "q"}
    listed = {"conversations": [{"conversationId": "c-1", "title": "../t"}], "nextPageToken": ""}
    replies = {
        "conversations": Reply.of(listed),
        "responses": Reply.of({"responses": [question, {**answer, "cardAttachmentsJson": cards}]}),
    }
    server.play(Script(replies))
    client = GrokWebClient(base_url=server.base_url, cookies=server.cookies, assets_url=server.base_url).blocking
    inside = tmp_path / "a" / "b" / "c"
    for form in FORMS:
        (entry,) = client.export_all(inside, form)
        assert entry.missing == 3
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {inside}
    (exported,) = read_export(inside)
    assert [message.text for message in exported.messages()] == ["Hi", "Yo"]


NESTED = '{"a":' * 300 + "1" + "}" * 300


@pytest.mark.parametrize(
    "odd", ["12345678901234567890123", "NaN", '"\\ud800"', NESTED], ids=["number", "nan", "half", "nested"]
)
def test_what_is_odd_json_is_kept_too(server, tmp_path, odd):
    entry = f'{{"responseId":"q","sender":"human","message":"Hi","odd":{odd}}}'
    replies = {
        "conversations": Reply.of({"conversations": [{"conversationId": "c-1", "title": "T"}]}),
        "responses": Reply.of(f'{{"responses": [{entry}]}}'),
    }
    server.play(Script(replies))
    client = GrokWebClient(base_url=server.base_url, cookies=server.cookies).blocking
    for form in FORMS:
        (entry,) = client.export_all(tmp_path, form)
        assert entry.state == "written"
    (exported,) = read_export(tmp_path)
    assert exported.messages()[0].text == "Hi"


def test_what_is_nested_too_deeply_to_be_written_fails_alone(server, tmp_path):
    nested = '{"a":' * 1005 + "1" + "}" * 1005
    entry = f'{{"responseId":"q","sender":"human","message":"Hi","odd":{nested}}}'
    replies = {
        "conversations": Reply.of({"conversations": [{"conversationId": "c-1", "title": "T"}]}),
        "responses": Reply.of(f'{{"responses": [{entry}]}}'),
    }
    server.play(Script(replies))
    client = GrokWebClient(base_url=server.base_url, cookies=server.cookies).blocking
    assert [entry.state for entry in client.export_all(tmp_path, "json")] in (["failed"], ["written"])


SITE = {
    "conversations": [
        {
            "conversation": {
                "id": "11111111-2222-4333-8444-555555555555",
                "title": "Tides",
                "create_time": "2026-01-02T03:04:05Z",
            },
            "responses": [
                {
                    "response": {
                        "_id": "q1",
                        "sender": "human",
                        "message": "Why tides?",
                        "parent_response_id": None,
                        "create_time": {"$date": {"$numberLong": "1767323045000"}},
                    }
                },
                {
                    "response": {
                        "_id": "a1",
                        "sender": "ASSISTANT",
                        "message": "The moon.",
                        "parent_response_id": "q1",
                        "steps": [{"tagged_text": {"summary": "Gravity."}}],
                        "card_attachments_json": [],
                        "create_time": {"$date": {"$numberLong": "1767323050000"}},
                    }
                },
            ],
        },
        {"conversation": {"id": "22222222-2222-4333-8444-555555555555", "title": "Empty"}, "responses": []},
    ]
}


@pytest.mark.parametrize(
    "tagged",
    [
        {"summary": "Gravity."},
        [{"tag": "summary", "text": "Gravity."}],
        {"tag": "summary", "text": "Gravity."},
        "Gravity.",
    ],
)
def test_the_sites_own_export_is_read(tmp_path, tagged):
    SITE["conversations"][0]["responses"][1]["response"]["steps"] = [{"tagged_text": tagged}]
    (tmp_path / "export.json").write_text(json.dumps(SITE))
    tides, empty = read_export(tmp_path / "export.json")
    assert (tides.title, empty.messages()) == ("Tides", [])
    question, answer = tides.messages()
    assert (question.text, answer.text) == ("Why tides?", "The moon.")
    assert answer.additional_kwargs["reasoning_content"] == "Gravity."
    assert answer.response_metadata["grokweb"]["response_id"] == "a1"
    assert tides.conversation.responses[0].created.year == 2026


def test_a_conversation_of_the_sites_own_export_continues_where_it_was(grok, model, tmp_path):
    (chat,) = put(grok, "Tides")
    question, answer = grok.conversations[chat].nodes.values()
    records = [
        {"_id": node.response_id, "sender": node.sender, "message": node.message, "parent_response_id": node.parent_id}
        for node in (question, answer)
    ]
    whole = {"conversations": [{"conversation": {"id": chat}, "responses": [{"response": one} for one in records]}]}
    (tmp_path / "export.json").write_text(json.dumps(whole))
    (exported,) = read_export(tmp_path / "export.json", account=model._credentials().account)
    model.invoke([*exported.messages(), HumanMessage("And?")])
    assert (grok.turns[-1].conversation_id, grok.turns[-1].prompt) == (chat, "And?")


SPOILED = st.sampled_from([None, True, 7, -1.5, "", "\x00", "../x", [], {}, [None], {"a": 1}])


@st.composite
def spoiled(draw: st.DrawFn, document: Any) -> Any:
    """A document of which some values are others."""
    if draw(st.integers(0, 19)) == 0:
        return draw(SPOILED)
    if isinstance(document, dict):
        return {name: draw(spoiled(value)) for name, value in document.items()}
    return [draw(spoiled(value)) for value in document] if isinstance(document, list) else document


@settings(deadline=None, max_examples=40)
@given(spoiled(SITE))
def test_a_spoiled_export_is_read_or_a_clear_error(document):
    for conversation, _ in _read_or_nothing(document):
        assert isinstance(conversation.title, str)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_spoiled_export_of_ours_is_read_or_a_clear_error(data):
    ((conversation, _),) = export_format.read({"conversations": SITE["conversations"][:1]}, assets_url="")
    raw = {
        "responses": [
            {"responseId": one.id, "sender": one.sender, "message": one.text} for one in conversation.responses
        ]
    }
    document = export_format.write(conversation, raw, {}, account="a", assets_url="https://assets.example")
    for read, _ in _read_or_nothing(data.draw(spoiled(json.loads(json.dumps(document))))):
        assert isinstance(read.title, str)


def _read_or_nothing(document: Any) -> list[Any]:
    with contextlib.suppress(GrokWebError):
        return list(export_format.read(document, assets_url="https://assets.example"))
    return []


def test_an_export_that_is_nested_too_deeply_is_refused(tmp_path):
    nested = '{"a":' * 1010 + "1" + "}" * 1010
    (tmp_path / "x.json").write_text(f'{{"conversations": [{{"conversation": {{"id": "c", "b": {nested}}}}}]}}')
    with pytest.raises(GrokWebInvalidRequestError):
        list(read_export(tmp_path / "x.json"))


@pytest.mark.parametrize(
    "content", ["", "no", "[]", "{}", '{"conversations": 3}', '{"format": "langchain-grokweb export", "version": 2}']
)
def test_what_is_no_export_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(GrokWebInvalidRequestError):
        list(read_export(tmp_path / "x.json"))
