"""A capture is free of what was said, and plays again as the same answer but for its letters."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.capture import play, record, vocabulary
from langchain_grokweb.capture.anonymizer import Anonymizer, mask
from langchain_grokweb.capture.recorder import Recorder, anonymous
from langchain_grokweb.client import state
from langchain_grokweb.errors import LOGIN_URL
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.faults import FAULTS, Fault

SAMPLES = Path(__file__).parent.parent / "samples"
QUESTION = "Why is the evening sky orange, asks Margarethe (margarethe@kumquat.example)?"
ANSWER = (
    "Because **Rayleigh** scattering removes blue; see https://quokka.example/Zephyr?q=1.\n\n"
    "- Überall Straße, пароль секрет, 夕焼け空, שלום — 42 °C 😀\n- `const wombat = 7`"
)
WORDS = re.compile(r"[^\W\d_]{3,}")


OURS = set(vocabulary.words_of(Path(vocabulary.__file__).read_text(encoding="utf-8"))) | {"https", "http"}


def words_said(*texts: str) -> set[str]:
    """Every word that was said, in small letters, but for the protocol's own: those stand in every capture."""
    return {word.lower() for text in texts for word in WORDS.findall(text)} - OURS


def assert_free_of(capture: str, *said: str) -> None:
    """Whether no word that was said stands in a capture, as it is or escaped, nor as a part of another word."""
    words = WORDS.findall(capture + capture.encode().decode("unicode_escape", "replace"))
    foreign = " ".join(word for word in words if not OURS.issuperset(vocabulary.words_of(word))).lower()
    assert {word for word in words_said(*said) if word in foreign} == set()


def shape(value: Any) -> Any:
    """What must be the same: all but letters, digits and ids."""
    if isinstance(value, dict):
        return [shape(entry) for name, entry in value.items() if name not in {"turn_hash", "self_hash", "system_hash"}]
    if isinstance(value, list | tuple):
        return [shape(entry) for entry in value]
    if not isinstance(value, str):
        return type(value) if value != 0 else 0
    value = re.sub(r"http://127\.0\.0\.1:\d+", "https://assets.grok.com", value)
    value = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", value)
    return re.sub(r"[^\W_]", "x", re.sub(r"[\U0001f000-\U0001ffff]", "E", value))


@pytest.fixture
def plan(grok: GrokEmulator) -> Callable[[], None]:
    """Have the emulator answer with one of everything."""

    def plan_one() -> None:
        grok.reply(
            ANSWER,
            reasoning="Ponder the atmosphere. Then elaborate.",
            citations=[{"url": "https://quokka.example/Zephyr", "title": "Zephyr gazette", "after": "blue"}],
            search=[
                {
                    "query": "sunset colours",
                    "results": [
                        {"url": "https://quokka.example/Zephyr", "title": "Zephyr gazette", "snippet": "Dusk glows."},
                        {"url": "https://narwhal.example/a/b", "title": "Narwhal digest", "snippet": "Tusks gleam."},
                    ],
                }
            ],
            images=["an orange firmament over Ljubljana"],
            title="Vespertine hues",
            files=[{"name": "ledger.csv", "content": "saffron;ochre"}],
        )

    return plan_one


SAID = [
    QUESTION,
    ANSWER,
    "Ponder the atmosphere. Then elaborate. sunset colours Zephyr gazette Dusk glows Narwhal digest Tusks gleam",
    "an orange firmament over Ljubljana Vespertine hues ledger saffron ochre quokka narwhal kumquat margarethe",
]


def test_an_answer_with_everything_plays_again_but_for_its_letters(make_model, grok, plan, tmp_path, wire):
    path, model = tmp_path / "capture.jsonl", make_model()
    plan()
    with record(model, path) as recorded:
        original = recorded.invoke(QUESTION)
    assert {"reasoning_content", "citations", "images", "server_tools", "files"} <= set(original.additional_kwargs)
    text = path.read_text(encoding="ascii")
    assert_free_of(text, *SAID)
    secrets = [grok.user_id, *grok.cookies.replace("; ", "=").split("=")[1::2], *grok.conversations]
    assert [secret for secret in secrets if secret in text] == []
    assert "127.0.0.1" not in text

    (played,) = play(path)
    assert played.error is None
    assert played.unknown == {}
    for message in (played.message, _over_a_socket(make_model, grok, path)):
        assert shape(message.content) == shape(original.content)
        assert len(message.content) == len(original.content)
        assert set(message.additional_kwargs) - {"image_previews"} == set(original.additional_kwargs)
        for name, value in original.additional_kwargs.items():
            assert shape(message.additional_kwargs[name]) == shape(value), name
        places = [(one.get("start_index"), one.get("kind")) for one in original.additional_kwargs["citations"]]
        assert [(one.get("start_index"), one.get("kind")) for one in message.additional_kwargs["citations"]] == places
        assert len({one["url"] for one in message.additional_kwargs["server_tools"][0]["output"]}) == 2
        link = message.response_metadata["grokweb"]
        assert shape(link["title"]) == shape(original.response_metadata["grokweb"]["title"])
        assert link["transport"] == wire


def _over_a_socket(make_model: Callable[..., ChatGrokWeb], grok: GrokEmulator, path: Path) -> Any:
    grok.replay(path)
    whole = None
    for chunk in make_model().stream("Anything"):
        whole = chunk if whole is None else whole + chunk
    return whole


@pytest.mark.wire("rest")
def test_the_model_is_left_as_it_is(make_model, grok, tmp_path):
    model = make_model()
    with record(model, tmp_path / "capture.jsonl") as recorded:
        recorded.invoke("Hi")
        pickle.loads(pickle.dumps(recorded)).model_copy()
    before = (tmp_path / "capture.jsonl").read_text()
    model.invoke("Hi")
    recorded.invoke("Hi")
    assert (tmp_path / "capture.jsonl").read_text() == before
    assert pickle.loads(pickle.dumps(recorded))._tap is None


@pytest.mark.wire("rest")
def test_turns_of_one_capture_come_one_by_one(make_model, grok, tmp_path):
    path = tmp_path / "capture.jsonl"
    with record(make_model(transport="auto"), path) as recorded:
        grok.reply("First.")
        messages = [("human", "Hi"), recorded.invoke("Hi")]
        grok.fault("anti_bot", 9)
        grok.reply("Second, longer.")
        recorded.invoke([*messages, ("human", "Again")])
    first, refused, second = play(path)
    assert (first.wire, first.message.content) == ("rest", "Xxxxx.")
    assert refused.error.reason == "anti_bot"
    assert (second.wire, second.message.content) == ("gateway", "Xxxxxx, xxxxxx.")
    grok.reset()
    state.reset()
    grok.replay(path, paced=True)
    model = make_model(transport="auto")
    assert [model.invoke("Hi").content, model.invoke("Hi").content] == ["Xxxxx.", "Xxxxxx, xxxxxx."]


REFUSALS = sorted(name for name, kind in FAULTS.items() if kind.stage == "refusal" or Fault(name, {}).replaces_answer)
# No reply comes; over REST alone (see the test above); a new conversation cannot meet it.
NOT_HERE = {"hang_up", "anti_bot", "not_found"}


@pytest.mark.parametrize("fault", [name for name in REFUSALS if name not in NOT_HERE])
def test_what_was_refused_is_refused_again(make_model, grok, tmp_path, wire, fault):
    path = tmp_path / "capture.jsonl"
    grok.fault(fault)
    model = make_model(max_retries=0)
    with pytest.raises(GrokWebError) as first, record(model, path) as recorded:
        recorded.invoke("Hi")
    error = play(path)[-1].error
    grok.reset()
    grok.replay(path)
    with pytest.raises(GrokWebError) as second:
        model.invoke("Hi")
    for again in (error, second.value):
        assert type(again) is type(first.value)
        assert (again.status_code, again.error_code) == (first.value.status_code, first.value.error_code)
        assert getattr(again, "reason", None) == getattr(first.value, "reason", None)
        told, again_told = (one.next_step.replace(grok.base_url + "/", LOGIN_URL) for one in (first.value, again))
        assert again_told == told, "the capture lost what decides the reason: see `capture/vocabulary.py`"


@pytest.mark.parametrize("fault", [("cut", {"then": "lost"}), ("reset", {"then": "lost"}), ("garbage", {})])
def test_what_broke_off_breaks_off_again(make_model, grok, tmp_path, fault):
    path, (name, options) = tmp_path / "capture.jsonl", fault
    grok.reply("Some words that nobody hears in full.")
    grok.fault(name, **options)
    model = make_model(max_retries=0)
    with pytest.raises(GrokWebError) as first, record(model, path) as recorded:
        recorded.invoke("Hi")
    assert_free_of(path.read_text(), "words nobody hears in full")
    assert play(path)[0].error is not None
    grok.reset()
    grok.replay(path)
    with pytest.raises(GrokWebError) as second:
        model.invoke("Hi")
    assert type(second.value) is type(first.value)


# --- witnesses that this package did not write: captured samples, and the scripted server


def _sample_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("rest/*.ndjson")), ids=lambda path: path.stem)
def test_captured_streams_read_the_same(path, tmp_path):
    recorder = Recorder()
    recorder.hear("rest", "sent", {"method": "POST", "path": "/rest/app-chat/conversations/new", "body": {}})
    recorder.hear("rest", "received", path.read_bytes())
    capture = tmp_path / "capture.jsonl"
    capture.write_text(recorder.text())
    from langchain_grokweb.wire.rest import RestDecoder

    decoder = RestDecoder()
    expected = [*decoder.feed(path.read_bytes()), *decoder.close()]
    (played,) = play(capture)
    assert _kinds(played.events) == _kinds(expected)
    assert played.unknown.total() == decoder.unknown.total()
    texts = ["".join(getattr(event, "text", "") for event in events) for events in (expected, played.events)]
    assert shape(texts[0]) == shape(texts[1])
    said = [text for line in _sample_lines(path) for text in _texts(line)]
    assert_free_of(capture.read_text(), *said)


def _kinds(events: list[Any]) -> list[str]:
    """What kinds of events come; pieces of texts may be joined."""
    return [kind for kind in (type(event).__name__ for event in events) if not kind.endswith("Delta")]


_OF_PEOPLE = {"title", "newTitle", "query", "preview", "snippet", "username", "fileName"}


def _texts(value: Any, name: str = "") -> Iterator[str]:
    """The texts of a sample that people said or wrote."""
    if isinstance(value, dict):
        for member, entry in value.items():
            yield from _texts(entry, member)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry, name)
    elif isinstance(value, str) and name in {
        "title",
        "newTitle",
        "query",
        "preview",
        "snippet",
        "username",
        "fileName",
    }:
        yield value


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("gateway/*.jsonl")), ids=lambda path: path.stem)
def test_captured_sessions_read_the_same(path, tmp_path):
    """The sample as it is, and with its texts replaced, come to the same events."""
    lines = list(_sample_lines(path))
    heard = [("sent", line["frame"]) if line["dir"] == "client" else ("received", [line["frame"]]) for line in lines]
    entries = [{"at": 0.0, "wire": "gateway", name: value} for name, value in heard]
    files = [tmp_path / "as_it_is.jsonl", tmp_path / "capture.jsonl"]
    for file, told in zip(files, [copy.deepcopy(entries), anonymous(copy.deepcopy(entries))], strict=True):
        file.write_text("".join(f"{json.dumps(line)}\n" for line in [{"grokweb_capture": 1}, *told]))
    ((original,), (replaced,)) = map(play, files)
    assert [type(event) for event in replaced.events] == [type(event) for event in original.events]
    assert len(original.events) > 0
    assert type(replaced.error) is type(original.error)
    if original.message is not None:
        assert shape(replaced.message.content) == shape(original.message.content)
        assert shape(replaced.message.additional_kwargs) == shape(original.message.additional_kwargs)
    assert replaced.unknown.total() == original.unknown.total()
    assert_free_of(files[1].read_text(), *(text for line in lines for text in _texts(line["frame"])))


STEPS = [
    s.Thought("Consider kumquats."),
    s.Text("The **quok"),
    s.Text("ka** sleeps"),
    s.Citation("407f7b", "https://wombat.example/burrow"),
    s.Text(" all day."),
    s.File("b086be", "diary.txt", "text/plain"),
    s.Final("The **quokka** sleeps all day."),
]


@pytest.mark.parametrize("delta", [False, True])
def test_what_a_scripted_server_says(tmp_path, wire, delta):
    path = tmp_path / "capture.jsonl"
    if wire == "rest" and delta:
        return
    script = rest.script(STEPS) if wire == "rest" else gateway.script(STEPS, delta=delta)
    with ScriptedServer() as server:
        server.play(script)
        model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=wire)
        with record(model, path) as recorded:
            original = recorded.invoke("Hi")
    (played,) = play(path)
    assert played.error is None
    assert played.message.content == mask(original.content)
    assert shape(played.message.additional_kwargs) == shape(original.additional_kwargs)
    assert_free_of(path.read_text(), "kumquats quokka sleeps wombat burrow diary")


def test_a_tag_and_a_character_cut_anywhere_stay_whole():
    tag = '<grok:render card_id="b086be" card_type="citation_card" type="render_inline_citation"></grok:render>'
    text = f"Wombats {tag}\ud83d\ude00 sleep <tool:0123abcd>{{}}</tool:0123abcd>"
    frames = [
        {"result": {"response": {"token": piece, "isThinking": False, "responseId": "r", "messageTag": "final"}}}
        for piece in text
    ]
    frames.append({"result": {"response": {"modelResponse": {"message": text, "responseId": "r"}, "responseId": "r"}}})
    (entry,) = anonymous([{"at": 0, "wire": "rest", "received": frames}])
    *tokens, last = [frame["result"]["response"] for frame in entry["received"]]
    final = last["modelResponse"]["message"]
    assert "".join(token["token"] for token in tokens) == final
    assert re.fullmatch(
        r'Xxxxxxx <grok:render card_id="00000\d" card_type="citation_card" type="render_inline_citation"></grok:render>'
        r"\ud83d\ude00 xxxxx <tool:0000000\d>{}</tool:0000000\d>",
        final,
    )


# --- nothing that was said can pass

_SECRETS = ["kumquat", "Geheimnis", "пароль", "天空の城ラピュタ", "quokka.example", "a@narwhal.io", "+49 170 5551234"]
_SECRETS += [
    "http://127.0.0.1:80/wombat",
    "users/u/wombat.txt",
    "evt_wombat_7",
    "<wombat>",
    '{"wombat": "x"}',
    "response.wombat",
]
_NAMES = st.sampled_from(
    """
    type id url token text message kind args jsonData channel title error code result response event chunk metadata
    modelResponse messageTag fileMimeType imageUrl someWombat wombat kumquat_narwhal wom-bat createTime query
    stream_error delta model
    """.split()
)
_SAID = st.one_of(st.sampled_from(_SECRETS), st.sampled_from(_SECRETS).map(lambda text: f"{text} {text}!"))
_VALUES = st.recursive(
    st.one_of(_SAID, st.integers(10_000), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES | _SAID, inner, max_size=4)),
    max_leaves=12,
)
_FORBIDDEN = re.compile(
    r"kumquat|geheimnis|пароль|ラピュタ|天空|quokka|narwhal|wombat|\\u043f\\u0430|5551234|170 |127\.0", re.IGNORECASE
)


@given(_VALUES)
def test_nothing_said_passes_wherever_it_stands(value):
    for heard in ("received", "sent"):
        entry = {"at": 0.0, "wire": "gateway", heard: [value] if heard == "received" else value}
        assert not _FORBIDDEN.search(json.dumps(anonymous([entry]), ensure_ascii=False))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["rest", "gateway"]), st.binary(max_size=30) | _VALUES), max_size=5))
def test_whatever_comes_can_be_recorded(pieces):
    recorder = Recorder()
    for wire, piece in pieces:
        recorder.hear(wire, "received", piece if isinstance(piece, bytes) else json.dumps({"result": piece}).encode())
        recorder.hear(wire, "ended", {})
    assert not _FORBIDDEN.search(recorder.text())


def test_what_is_too_deep_goes():
    recorder = Recorder()
    recorder.hear("gateway", "received", b'{"event":' * 300 + b"{}" + b"}" * 300)
    recorder.hear("gateway", "received", b'{"event":' * 5000 + b"{}" + b"}" * 5000)
    assert len(recorder.text().splitlines()) == 3


@given(st.text(max_size=40))
def test_a_text_keeps_its_length_its_kinds_and_nothing_else(text):
    replaced = mask(text)
    assert len(replaced) == len(text)
    assert mask(replaced) == replaced
    for before, after in zip(text, replaced, strict=True):
        if before <= "\uffff":
            assert (before.isalpha(), before.isdigit(), before.isspace()) == (
                after.isalpha(),
                after.isdigit(),
                after.isspace(),
            )
            assert (before.isupper(), before.islower()) == (after.isupper(), after.islower())
    assert mask("".join(reversed(text))) == "".join(reversed(replaced))


@given(
    st.lists(st.sampled_from(["a", "B", "9", "<grok:render ", 'card_id="a1"', "/>", "<", '"', "\n", "é"]), max_size=12)
)
def test_a_text_in_pieces_is_the_text_in_one(pieces):
    anonymizer = Anonymizer()
    assert "".join(anonymizer.pieces(pieces)) == anonymizer.text("".join(pieces))


def test_ids_and_addresses_stay_the_same_ones():
    anonymizer = Anonymizer()
    one, other = "497f19f8-49d4-458a-bee4-43ec3dcaf8ca", "01dcf263-9185-4c03-a568-f5be04da26a7"
    value = {
        "responseId": one,
        "url": f"users/{one}/generated/{other}-part-0/image.jpg",
        "imageUrl": f"https://assets.grok.com/users/{one}/{other}/content",
        "text": f"see {one}",
        "rolloutIds": ["Harper", "Lucas", "Harper"],
        "citations": [{"url": "https://a.example/x"}, {"url": "https://b.example/x"}, {"url": "https://a.example/x"}],
        "event_id": "evt_440cd062965c487b92c0da2b381f92d1_15",
    }
    new = anonymizer.value(value)
    first, second = anonymizer.id(one), anonymizer.id(other)
    assert new["responseId"] == first != second
    assert new["url"] == f"users/{first}/generated/{second}-part-0/image.jpg"
    assert new["imageUrl"] == f"https://assets.grok.com/users/{first}/{second}/content"
    assert new["text"] == f"xxx {first}"
    assert new["rolloutIds"][0] == new["rolloutIds"][2] != new["rolloutIds"][1]
    urls = [entry["url"] for entry in new["citations"]] if "citations" in new else []
    assert urls == [] or urls[0] == urls[2] != urls[1]
    assert re.fullmatch(r"evt_[0-9a-f]{32}_15", new["event_id"])


def test_every_word_that_stays_is_one_of_the_protocol_pages():
    pages = "".join(
        (SAMPLES.parent.parent / "docs" / "protocol" / f"{wire}.md").read_text() for wire in ("rest", "gateway")
    )
    described = set(vocabulary.words_of(pages))
    media_types = set("csv gif mpeg octet svg wav webm webp zip".split())
    assert {word for name in vocabulary.NAMES for word in name.split("_")} - described <= {"video"}
    assert vocabulary._VALUE_WORDS - described - media_types == set()


@pytest.mark.parametrize("text", ["", "hello", "{}", '{"grokweb_capture":2}', '{"grokweb_capture":1}\n{"at":0}'])
def test_what_is_no_capture_is_told(tmp_path, text):
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match="capture"):
        play(path)
    with GrokEmulator() as grok, pytest.raises(ValueError, match="capture"):
        grok.replay(path)


@pytest.mark.parametrize(
    "data",
    [
        b'{"result":{"title":{"newTitle":"Wombat"}}}{"result":{"title":{"newTitle":"Quokka"}}}',
        b'{"result":{"title":{"newTitle":"Wombat"}}}\n{"result":{"title":{"newTitle":"Quokka"}}}\n{"result":{"tok',
        b'{"result":{"title":{"newTitle":"Wombat"}}}\n{"result":{"title":{"newTitle":"Quokka"}}}\n<html>narwhal',
    ],
    ids=["side by side", "torn", "garbage"],
)
@pytest.mark.parametrize("size", [7, 1000])
def test_what_could_be_read_stands_once_and_the_rest_as_it_came(data, size):
    recorder = Recorder()
    recorder.hear("rest", "sent", {"method": "POST", "path": "/rest/app-chat/conversations/new", "body": {}})
    for start in range(0, len(data), size):
        recorder.hear("rest", "received", data[start : start + size])
    recorder.hear("rest", "ended", {})
    entries = [json.loads(line) for line in recorder.text().splitlines()[2:]]
    titles = [one["result"]["title"]["newTitle"] for entry in entries for one in entry.get("received", ())]
    assert titles == ["Xxxxxx", "Xxxxxx"]
    unread = [entry["unreadable"] for entry in entries if "unreadable" in entry]
    assert "".join(unread) in {"", '{"xxxxxx":{"xxx', "<xxxx>xxxxxxx"}
    assert bool(unread) == (not data.endswith(b"}"))


@pytest.mark.wire("gateway")
def test_why_a_socket_was_closed_stays(tmp_path, wire):
    from scripted.server import Close

    path = tmp_path / "capture.jsonl"
    script = gateway.script([])
    script.socket["response.create"] = [Close(4003, "usage limit reached by margarethe")]
    with ScriptedServer() as server:
        server.play(script)
        model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=wire, max_retries=0)
        with pytest.raises(GrokWebError) as first, record(model, path) as recorded:
            recorded.invoke("Hi")
    played = play(path)[0]
    assert type(played.error) is type(first.value)
    assert_free_of(path.read_text(), "margarethe")
    with GrokEmulator() as grok:
        grok.replay(path)
        with pytest.raises(type(first.value)):
            ChatGrokWeb(base_url=grok.base_url, cookies=grok.cookies, transport=wire, max_retries=0).invoke("Hi")
