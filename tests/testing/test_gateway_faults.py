"""Every fault of the gateway by name, the door, and what is left when an emulator stops."""

import asyncio
import contextlib
import json
import logging
import subprocess
import sys

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus, WebSocketException

from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.faults import FAULTS
from testing.talking import CHUNKS, ORIGIN, SAMPLES, Open, gateway, user_item
from testing.test_faults import DIFFERS_EACH_TIME, ONLY_LATER, every_stream_error
from testing.test_lifecycle import emulator_threads
from tests.clock import HANG_SECONDS

TEXT = "One two three."


async def refused(grok, **options):
    """The HTTP reply to an upgrade."""
    with pytest.raises(InvalidStatus) as caught:
        await gateway(grok, **options).__aenter__()
    return caught.value.response


async def asked(grok, flags=CHUNKS, **options):
    """The beginning of a session and one turn in it."""
    async with Open(grok) as talk:
        begun = await talk.create(flags)
        return begun, await talk.ask(**options)


async def broken(grok, flags=CHUNKS):
    """A turn up to where the socket breaks, and how it does."""
    async with Open(grok) as talk:
        await talk.create(flags)
        await talk.say({"type": "response.create", "item": user_item("x")})
        return await talk.rest()


# -- the door


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"cookies": ""}, 401),
        ({"cookies": "sso=wrong"}, 401),
        ({"uid": ""}, 403),
        ({"uid": "None"}, 403),
        ({"uid": "497f19f8-49d4-458a-bee4-43ec3dcaf8ca"}, 403),
        ({"origin": None}, 403),
        ({"origin": "https://example.com"}, 403),
        ({"headers": {"Authorization": "Bearer x"}}, 403),
        ({"path": "/ws/mgw"}, 404),
        ({"path": "/ws/other/"}, 404),
    ],
)
async def test_the_door(grok, options, status):
    response = await refused(grok, **options)
    assert response.status_code == status
    assert json.loads(response.body)["code"]
    assert ("oauth2-auth-forbidden" in response.body.decode()) is ("headers" in options)
    (request,) = grok.requests
    assert (request.method, request.path) == ("GET", options.get("path", "/ws/mgw/"))
    assert request.headers["upgrade"] == "websocket"
    assert grok.sessions == grok.events == []


async def test_who_is_let_in(grok):
    for origin in (ORIGIN, grok.base_url):
        async with gateway(grok, origin=origin, uid=grok.user_id.upper()):
            pass
    assert [request.query for request in grok.requests] == [f"uid={grok.user_id.upper()}"] * 2
    assert grok.requests[0].headers["cookie"] == grok.cookies
    assert grok.gateway_url == f"{grok.base_url.replace('http', 'ws')}/ws/mgw/?uid={grok.user_id}"


@pytest.mark.parametrize(
    ("name", "options", "status", "said"),
    [
        ("challenge", {}, 403, b"Just a moment..."),
        ("expired", {}, 401, b"bad-credentials"),
        ("blocked", {}, 403, b"blocked-user"),
        ("region", {}, 403, b"not available in your region"),
        ("rate_limited", {"retry_after": 2}, 429, b"Too many requests"),
        ("heavy_load", {"status": 503}, 503, b"heavy usage"),
        ("server_error", {"status": 502}, 502, b"502"),
        ("server_error", {"empty": True}, 500, b""),
        ("html", {}, 200, b"<!DOCTYPE html>"),
        ("login_redirect", {}, 307, b""),
        ("model_not_found", {}, 403, b"Model is not found"),
    ],
)
@pytest.mark.parametrize("path", [None, "/ws/mgw/"])
async def test_refusals_strike_the_upgrade(grok, name, options, status, said, path):
    grok.fault(name, path=path, **options)
    grok.reply("kept")
    if name == "login_redirect":
        with pytest.raises(Exception, match="accounts"):
            await gateway(grok).__aenter__()
    else:
        response = await refused(grok)
        assert response.status_code == status
        assert said in response.body
        assert ("retry-after" in response.headers) is (name == "rate_limited")
        assert response.headers["server"] == "cloudflare"
    assert (await asked(grok))[1].text == "kept"


async def test_the_blocked_user_of_the_sample(grok):
    grok.fault("blocked")
    wanted = [entry["body"] for entry in json.loads((SAMPLES / "handshake_failures.json").read_text())]
    body = json.loads((await refused(grok)).body)
    assert {"code": body["code"], "message": body["message"]} in wanted


async def test_the_anti_bot_rule_is_of_the_other_wire(grok, browser):
    grok.fault("anti_bot")
    assert (await asked(grok))[1].done["status"] == "completed"
    assert browser.new().status == 403
    grok.reply("kept", fault="anti_bot")
    assert (await asked(grok))[1].text == "kept"
    grok.fault("anti_bot", path="/ws/mgw/")
    assert (await refused(grok)).status_code == 403


async def test_a_refusal_planned_with_a_reply_strikes_the_upgrade_and_keeps_the_reply(grok):
    grok.reply("at last", fault="server_error:503")
    assert (await refused(grok)).status_code == 503
    assert (await asked(grok))[1].text == "at last"


@pytest.mark.parametrize("name", ["rate_limited", "heavy_load", "blocked", "expired", "region", "server_error"])
async def test_on_an_open_socket_a_refusal_is_an_error(grok, name):
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        grok.fault(name)
        grok.reply("kept")
        error = (await talk.ask()).one("error")
        assert (await talk.ask()).text == "kept"
        await talk.until("conversation.title.updated")
        grok.reply("kept", fault=name)
        assert (await talk.ask()).one("error")["error"] == error["error"]
        assert (await talk.ask()).text == "kept"
    assert error["client_event_id"] == "evt_resp_1"
    assert len(grok.turns) == 2


async def test_a_challenge_on_an_open_socket_closes_it(grok):
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        grok.fault("challenge")
        await talk.say({"type": "response.create", "item": user_item("x")})
        _, error = await talk.rest()
    assert error.rcvd.code == 1011


async def test_a_refusal_inside_the_stream_lets_the_upgrade_pass(grok):
    grok.fault("rate_limited", in_stream=True)
    assert (await asked(grok))[1].one("error")["error"]["code"] == "rate_limited"


async def test_a_slow_door(clock, grok):
    grok.fault("slow_open", seconds=5)
    started = clock.time()
    assert (await asked(grok))[1].text
    assert clock.time() - started == pytest.approx(5)


def test_faults_of_the_other_wire_are_refused_for_the_gateway(grok):
    with pytest.raises(ValueError, match="sse cannot strike the gateway"):
        grok.fault("sse", path="/ws/mgw/")


# -- errors inside


@pytest.mark.parametrize(("name", "flags"), [*((name, CHUNKS) for name in every_stream_error()), ("moderated", None)])
async def test_stream_errors(grok, flags, name):
    grok.fault(name)
    grok.reply("planned")
    _, told = await asked(grok, flags, until="response.done")
    error = told.one("response.grok.output")["output"]["stream_error"]
    fatal = error["severity"] == "STREAM_ERROR_SEVERITY_FATAL"
    assert error["kind"] == error["kind"].lower()
    assert told.done["status"] == ("incomplete" if fatal else "completed")
    assert told.done.get("status_details") == ({"reason": "stream_error"} if fatal else None)
    assert ("planned" in json.dumps(told.events)) is not fatal


async def test_an_error_behind_some_text(grok):
    grok.reply("Half an ans", error="moderated")
    _, told = await asked(grok, until="response.done")
    assert told.text == "Half an ans"
    assert told.types[-2:] == ["response.grok.output", "response.done"]
    assert told.events[-2]["output"]["stream_error"]["kind"] == "content_moderated"


@pytest.mark.parametrize(
    ("name", "code"), [("anti_bot", "anti_bot"), ("rate_limited", "rate_limited"), ("heavy_load", 8), ("internal", 13)]
)
async def test_error_lines_are_error_events(grok, name, code):
    grok.reply("Half an ans", error=name)
    _, told = await asked(grok)
    assert told.channel("RESPONSE") == "Half an ans"
    assert told.events[-1]["error"]["code"] == code
    assert told.of("response.done") == []


@pytest.mark.parametrize("status", ["incomplete", "failed", "cancelled"])
async def test_other_endings(grok, status):
    grok.fault("incomplete", status=status, reason="max_tokens")
    _, told = await asked(grok)
    assert (told.done["status"], told.done["status_details"]) == (status, {"reason": "max_tokens"})


# -- sessions


async def test_attached_before_created(grok):
    grok.fault("attached_first")
    begun, told = await asked(grok)
    assert begun.types[:2] == ["conversation.attached", "session.created"]
    assert told.done["status"] == "completed"


async def test_what_is_sent_before_a_late_attachment_is_dropped(grok):
    grok.fault("late_attach", seconds=0.05)
    async with Open(grok) as talk:
        await talk.create(CHUNKS, until="session.created")
        await talk.say({"type": "response.create", "item": user_item("lost")})
        assert (await talk.until("conversation.commands.updated")).types[0] == "conversation.attached"
        await talk.ask("heard")
    assert [turn.prompt for turn in grok.turns] == ["heard"]


@pytest.mark.parametrize("how", ["fault", "reply"])
async def test_a_conversation_that_cannot_be_loaded(grok, how):
    if how == "fault":
        grok.fault("conversation_not_found")
        grok.reply("kept")
    else:
        grok.reply("kept", fault="conversation_not_found")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        conversation = talk.session_id
        error = (await talk.resume(conversation)).one("error")
        assert (error["error"]["code"], error["client_event_id"]) == ("conversation_not_found", "evt_init_1")
        await talk.resume(conversation)
        assert (await talk.ask()).text == "kept"


# -- contents and spelling


@pytest.mark.parametrize("flags", [CHUNKS, None])
async def test_unknown_events_members_and_channels(grok, flags):
    grok.reply(TEXT, fault="unknown_frames")
    _, told = await asked(grok, flags)
    assert {"response.of_tomorrow", "conversation.weather.updated"} <= set(told.types)
    assert bool(told.chunks("some_future_payload")) == bool(told.channel("OF_TOMORROW")) == bool(flags)
    assert "aFutureMember" in told.one("response.done")
    assert (told.text or told.deltas(thinking=False)) == TEXT


@pytest.mark.parametrize("after", [1, 9])
async def test_garbage_is_a_message_that_is_no_json(grok, after):
    grok.reply(TEXT, fault=f"garbage:{after}")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "item": user_item("x")})
        messages = [await talk.socket.recv() for _ in range(22)]
    bad = [number for number, message in enumerate(messages) if not message.startswith("{")]
    assert bad == [8 if after == 1 else 12]


async def test_two_objects_in_one_message(grok):
    grok.reply(TEXT, fault="two_objects")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "item": user_item("x")})
        assert (await talk.socket.recv()).count('}{"session_id"') == 1
        told = await talk.until("response.persisted")
    assert told.text == TEXT


@pytest.mark.parametrize("name", ["pretty", "reordered"])
async def test_other_spellings(grok, name):
    grok.reply(TEXT, fault=name)
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "item": user_item("x")})
        message = await talk.socket.recv()
        assert message.startswith('{\n  "' if name == "pretty" else '{"event":')
        assert (await talk.until("response.persisted")).text == TEXT


@pytest.mark.parametrize("flags", [CHUNKS, None])
async def test_citations_twice_in_a_row(grok, flags):
    grok.reply(TEXT, citations=[{"url": "https://example.com"}], fault="duplicate_citations")
    _, told = await asked(grok, flags)
    found = told.chunks("render_citation") or told.of("response.grok.output")
    first, second = ({key: one[key] for key in one if key != "event_id"} for one in found)
    assert first == second
    assert grok.turns[0].text.count("<grok:render") == 1


@pytest.mark.parametrize("flags", [CHUNKS, None])
async def test_text_after_the_end(grok, flags):
    grok.reply(TEXT, fault="late_text")
    _, told = await asked(grok, flags)
    late = told.events[told.types.index("response.done") + 1 :]
    ids = [event["response_id"] for event in late if "LATE" in json.dumps(event)]
    assert ids == [told.response_id, ""][: 2 if flags else 1]
    assert grok.turns[0].text == TEXT


async def test_text_without_channel(grok):
    grok.reply(TEXT, reasoning="Hm.", fault="no_channel")
    _, told = await asked(grok)
    texts = [chunk["text"] for chunk in told.chunks("text")]
    assert "".join(text["text"] for text in texts if "channel" not in text) == TEXT
    assert "Hm." in "".join(text["text"] for text in texts if "channel" in text)


@pytest.mark.parametrize("flags", [CHUNKS, None])
async def test_foreign_sessions_and_responses(grok, flags):
    grok.reply(TEXT, fault="wrong_session")
    _, told = await asked(grok, flags)
    own = told[0]["session_id"]
    foreign = [envelope["event"] for envelope in told if envelope["session_id"] != own]
    assert [event["type"] for event in foreign if event["type"] == "response.done"] == ["response.done"] * 2
    others = {event["response_id"] for event in told.events if event.get("response_id")} - {told.response_id}
    assert len(others) == 1
    mine = [envelope["event"] for envelope in told if envelope["session_id"] == own]
    texts = [event for event in mine if event.get("response_id") == told.response_id]
    assert "FOREIGN" in json.dumps(mine)
    assert "FOREIGN" not in json.dumps(texts)


async def test_an_answer_that_is_never_persisted(grok):
    grok.fault("no_persisted")
    _, told = await asked(grok, until="conversation.title.updated")
    assert told.of("response.persisted") == []
    assert grok.turns[0].status == "finished"


async def test_titles_late_and_early(clock, grok, browser):
    grok.reply(TEXT, fault="late_title:5")
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        started = clock.time()
        told = await talk.ask()
        # the answer is stored, though its title is still to come
        assert grok.turns[0].status == "finished"
        assert browser.load(talk.session_id, told.response_id)[0]["message"] == TEXT
        await talk.until("conversation.title.updated")
        assert clock.time() - started == pytest.approx(5)
    grok.fault("early_title")
    _, told = await asked(grok)
    assert told.types.index("conversation.title.updated") < told.types.index("response.output_text.done")


# -- delivery


@pytest.mark.parametrize("flags", [CHUNKS, None])
@pytest.mark.parametrize("after", [0, 1, 5])
async def test_a_cut_ends_the_socket_after_so_many_response_events(grok, flags, after):
    grok.reply(TEXT, fault=f"cut:{after}")
    told, error = await broken(grok, flags)
    assert isinstance(error, ConnectionClosedOK)
    assert len([kind for kind in told.types if kind.startswith("response.")]) == after
    assert grok.turns[0].status == "active"


@pytest.mark.parametrize(("then", "stored"), [("finished", True), ("lost", False)])
async def test_what_becomes_of_a_cut_answer(grok, browser, then, stored):
    grok.reply(TEXT)
    grok.fault("cut", after=7, then=then)
    told, _ = await broken(grok)
    (turn,) = grok.turns
    assert browser.node(turn.conversation_id)["inflightResponses"] == []
    assert len(browser.load(turn.conversation_id, told.response_id)) == stored
    grok.reply("Next.")
    async with Open(grok) as talk:
        await talk.resume(turn.conversation_id)
        await talk.ask("again")
    assert grok.turns[1].parent_response_id == (told.response_id if stored else turn.user_response_id)


async def test_a_reset(grok):
    grok.reply(TEXT, fault="reset:3")
    told, error = await broken(grok)
    assert isinstance(error, ConnectionClosedError)
    assert error.rcvd is None
    assert told.types[-1] == "response.content_part.added"


@pytest.mark.parametrize("taken", [True, False])
async def test_a_reply_that_never_comes(grok, taken):
    grok.fault("no_reply", taken=taken)
    grok.reply(TEXT)
    told, error = await broken(grok)
    assert isinstance(error, ConnectionClosedError)
    assert [kind for kind in told.types if "item" in kind or "response" in kind] == []
    assert [turn.status for turn in grok.turns] == ["active"] * taken


async def test_a_close_where_the_end_was_due(grok):
    grok.fault("close_without_done", code=1001)
    grok.reply(TEXT)
    told, error = await broken(grok)
    assert error.rcvd.code == 1001
    assert told.types[-1] == "response.output_item.done"
    assert told.text == TEXT
    assert grok.wait_for_turns(1, status="finished")[0].text == TEXT


async def test_a_session_that_is_ended(grok):
    grok.fault("session_ended", after=7, then="finished")
    told, error = await broken(grok)
    assert told.types[-1] == "session.ended"
    assert list(told.events[-1]) == ["type", "event_id"]
    assert error.rcvd.code == 1000
    assert grok.turns[0].status == "finished"


async def test_silence(clock, grok):
    grok.fault("silence", after=2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(broken(grok), 3)
    assert grok.turns[0].status == "active"


async def test_pongs_alone_say_nothing(grok):
    grok.fault("keepalive_only", after=2)
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        await talk.say({"type": "response.create", "item": user_item("x")})
        told = await talk.until("response.output_item.added")
        assert [(await talk.hear())["event"]["type"] for _ in range(3)] == ["pong"] * 3
        await talk.say({"type": "ping", "event_id": "evt_hb_1"})
        while "client_event_id" not in (await talk.hear())["event"]:
            pass
    assert told.of("response.created")


async def test_a_bug_of_the_emulator_is_an_error_event(grok, monkeypatch):
    monkeypatch.setattr("langchain_grokweb.testing.state.chunks._citation", None)
    grok.reply(TEXT, citations=[{"url": "https://example.com", "title": "E"}])
    _, told = await asked(grok)
    assert told.one("error")["error"]["message"].startswith("Emulator: TypeError")


async def test_every_fault_can_be_played(grok, caplog):
    """A net under the tests above: none breaks the emulator, and what it leaves waiting is of the other wire."""
    for name in set(grok.faults()) - {"keepalive_only", "slow_open", "late_title", "silence", "long_thinking"}:
        grok.fault(name)
        with contextlib.suppress(Exception):  # whatever a client makes of it
            async with Open(grok) as talk:
                await talk.create(CHUNKS)
                await talk.say({"type": "response.create", "item": user_item("x")})
                assert "Emulator" not in json.dumps(await talk.until("response.done", "error"))
    assert (await asked(grok))[1].done["status"] == "completed"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# -- all of them

# Over REST alone; where a conversation is loaded; what is waited for here comes too late or never; tested above.
NOT_HERE = {"anti_bot", "conversation_not_found", "late_attach", "no_persisted", *ONLY_LATER, *every_stream_error()}


async def spelled(grok):
    """The messages of a session and a turn, without ids and times, and how they break off."""
    lines = []
    try:
        async with Open(grok) as talk:
            asked = {"type": "session.create", "session": {"model": "auto", "x_grok": CHUNKS}}
            begun = {"type": "response.create", "item": user_item("x")}
            for event, end in ((asked, "conversation.commands.updated"), (begun, "response.persisted")):
                await talk.say(event)
                while not lines or not any(f'"{kind}"' in lines[-1] for kind in (end, "error")):
                    message = await asyncio.wait_for(talk.socket.recv(), HANG_SECONDS)
                    talk.session_id = talk.session_id or json.loads(message)["session_id"]
                    lines.append(DIFFERS_EACH_TIME.sub("1", message))
    except (WebSocketException, ConnectionError, EOFError) as error:
        lines.append(type(error).__name__)
    return lines


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in FAULTS.items()
        if kind.stage != "upload" and "gateway" in kind.wires and name not in NOT_HERE
    ],
)
async def test_no_fault_is_a_name_alone(grok, name):
    """What strikes leaves another turn, and it is played: nothing in the emulator fails."""
    replies = []
    for strikes in (False, False, True):
        grok.reset()
        if strikes:
            grok.fault(name)
        grok.reply("One two three four.", reasoning="Hm.", citations=[{"url": "https://a.example/", "after": "two"}])
        replies.append(await spelled(grok))
    assert replies[0] == replies[1] != replies[2]
    assert "Emulator: " not in "".join(replies[2])


# -- stopping


async def test_stopping_is_prompt_with_open_sockets_and_running_answers(caplog):
    caplog.set_level(logging.INFO)
    async with GrokEmulator(pace=0.01) as grok:
        grok.reply("word " * 500)
        grok.reply("x", fault="silence:1")
        grok.reply("x", fault="late_title:60")
        sockets = [Open(grok) for _ in range(5)]
        talks = [await one.__aenter__() for one in sockets]
        for talk in talks[:3]:
            await talk.create(CHUNKS)
            await talk.say({"type": "response.create", "item": user_item("x")})
        await talks[3].create(CHUNKS)
        await asyncio.to_thread(grok.wait_for_turns, 3)
        grok.fault("slow_open", seconds=60)
        waiting = asyncio.create_task(gateway(grok).__aenter__())
        await asyncio.to_thread(grok.wait_for_requests, 6)
    for talk in talks:
        _, error = await talk.rest()
        assert isinstance(error, ConnectionClosedError)
    with pytest.raises(Exception, match="HTTP response"):
        await waiting
    for one in sockets:
        await one.__aexit__(None, None, None)
    assert emulator_threads() == []
    assert [record.getMessage() for record in caplog.records] == []


STOPPING = """
import asyncio, logging, sys, gc
logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of slow machines, too
sys.path[:0] = {path!r}
from langchain_grokweb.testing import GrokEmulator
from testing.talking import CHUNKS, Open, user_item

async def main():
    with GrokEmulator(pace=0.01) as grok:
        grok.reply("word " * 500)
        async with Open(grok) as talk:
            await talk.create(CHUNKS)
            await talk.ask(until="response.created")
            await talk.socket.close()
        async with Open(grok) as talk:
            await talk.create(CHUNKS)
            await talk.ask(until="response.created")
            grok.stop()
asyncio.run(main())
gc.collect()
"""


def test_nothing_is_left_behind():
    root = SAMPLES.parent.parent
    code = STOPPING.format(path=[str(root), str(root.parent)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    # In development mode asyncio reports callbacks that took long, which a busy machine brings about.
    errors = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, done.stdout, errors) == (0, "", [])
