"""Every fault by name, each as a client would meet it."""

import json
import re

import httpx
import pytest

from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.testing.state.faults import FAULTS
from testing.asking import CONVERSATIONS, SAMPLES, lines_of, sample

NEW = f"{CONVERSATIONS}/new"


def post(browser, **options):
    return browser.http.post(NEW, json={"message": "x", "modeId": "auto"}, **options)


def test_faults_are_listed_and_unknown_ones_refused(grok):
    known = grok.faults()
    assert {"challenge", "anti_bot", "cut", "silence", "usage_limit", "moderated"} <= set(known)
    assert all(known.values())
    with pytest.raises(ValueError, match=r"there are: .*anti_bot, .*cut"):
        grok.fault("earthquake")
    with pytest.raises(ValueError, match="cut has no option 'before'; it has: after, then"):
        grok.fault("cut", before=3)
    with pytest.raises(ValueError, match="at least once"):
        grok.fault("cut", times=0)
    with pytest.raises(ValueError, match="'active', 'finished' or 'lost'"):
        grok.fault("cut", then="gone")
    with pytest.raises(ValueError, match="there are"):
        grok.reply("x", fault="earthquake:1")
    with pytest.raises(ValueError, match="takes nothing"):
        grok.reply("x", fault="blocked:1")
    with pytest.raises(ValueError, match="there are"):
        grok.reply("x", error="earthquake")
    with pytest.raises(ValueError, match="does not contain"):
        grok.reply("x", citations=[{"url": "u", "title": "t", "after": "y"}])


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("anti_bot", 403, "error_403_antibot.json"),
        ("expired", 401, "error_401_bad_credentials.json"),
        ("blocked", 403, "error_403_blocked_user.json"),
        ("model_not_found", 403, "error_403_model_not_found.json"),
        ("rate_limited", 429, "error_429_stream_endpoint.json"),
    ],
)
def test_refusals_have_the_bodies_of_the_samples(grok, browser, name, status, body):
    grok.fault(name)
    grok.reply("kept")
    response = post(browser)
    assert response.status_code == status
    assert response.json() == sample(f"unary/{body}")
    assert grok.turns == []
    assert browser.new().text == "kept"


def test_the_challenge_is_the_page_of_the_sample(grok, browser):
    grok.fault("challenge")
    response = post(browser)
    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cf-mitigated"] == "challenge"
    assert response.text.strip() == (SAMPLES / "unary" / "error_403_cloudflare.html").read_text().strip()


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("challenge", {"status": 503}, 503),
        ("region", {}, 403),
        ("heavy_load", {}, 429),
        ("heavy_load", {"status": 503}, 503),
        ("server_error", {}, 500),
        ("server_error", {"status": 520, "empty": True}, 520),
        ("server_error", {"status": 504}, 504),
        ("html", {}, 200),
        ("login_redirect", {}, 307),
        ("forbidden", {}, 403),
        ("tier", {}, 403),
        ("invalid_request", {}, 400),
        ("not_found", {}, 404),
    ],
)
def test_other_refusals(grok, browser, name, options, status):
    grok.fault(name, **options)
    response = post(browser, follow_redirects=False)
    assert response.status_code == status
    seen = {
        "region": "not available in your region" in response.text,
        "heavy_load": response.text.startswith('{"error":{"code":8, "message":"Grok is under heavy usage'),
        "server_error": response.text == "" if options.get("empty") else "<html>" in response.text,
        "html": response.headers.get("content-type", "").startswith("text/html"),
        "login_redirect": response.headers.get("location", "").startswith("https://accounts.x.ai/"),
        "challenge": "cf-mitigated" in response.headers,
        "forbidden": "Permission denied" in response.text,
        "tier": "subscription" in response.text,
        "invalid_request": '"code":3' in response.text,
        "not_found": '"code":5' in response.text,
    }
    assert seen[name]


def test_retry_after_is_a_header(grok, browser):
    grok.fault("rate_limited", retry_after=2)
    assert post(browser).headers["retry-after"] == "2"
    grok.fault("rate_limited")
    assert "retry-after" not in post(browser).headers


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("anti_bot", "error_antibot_firstline.ndjson"),
        ("rate_limited", "error_ratelimit_firstline.ndjson"),
        ("heavy_load", None),
    ],
)
def test_some_refusals_can_be_the_only_line_of_a_stream(grok, browser, name, text):
    grok.fault(name, in_stream=True)
    response = post(browser)
    assert response.status_code == 200
    (line,) = lines_of(response.text)
    if text is None:
        assert line["error"]["message"].startswith("Grok is under heavy usage")
    else:
        assert line == sample(text)[0]


def test_a_fault_strikes_as_often_as_it_is_told_and_only_its_path(grok, browser):
    grok.fault("rate_limited", times=2, path="/rest/rate-limits")
    grok.fault("expired", path=f"{CONVERSATIONS}/*/response-node")
    answer = browser.new()
    quota = [browser.http.post("/rest/rate-limits", json={"modelName": "auto"}) for _ in range(3)]
    assert [response.status_code for response in quota] == [429, 429, 200]
    assert quota[0].json() == sample("unary/error_429_unary_endpoint.json")
    assert browser.node(answer.conversation_id)["code"] == 16
    assert browser.node(answer.conversation_id)["inflightResponses"] == []


def test_a_refusal_planned_with_a_reply_leaves_it_for_the_next_try(grok, browser):
    grok.reply("at last", fault="server_error:503")
    assert post(browser).status_code == 503
    assert browser.new().text == "at last"


# -- content


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("moderated", "contentModerated"),
        ("prompt_too_long", "userPromptTooLong"),
        ("context_overflow", "beyondContextLength"),
        ("attachment_moderated", "attachmentModerated"),
        ("internal_error", "internalError"),
        ("model_not_available", "modelNotAvailable"),
        ("concurrency", "concurrencyLimit"),
        ("usage_limit", None),
    ],
)
@pytest.mark.parametrize("body", [{"modeId": "auto"}, {"modelName": "grok-3"}])
def test_stream_errors_are_frames_and_stand_in_the_model_response(grok, browser, kind, member, body):
    grok.reply("Half an ans", error=kind)
    answer = browser.new(**body)
    (error,) = answer.members("error")
    assert answer.text == answer.model["message"] == "Half an ans"
    assert answer.model["streamErrors"] == [error]
    if member is None:
        assert error == {"message": "You've reached your usage limit. Please try again later."}
    else:
        assert error[member] == {}
        assert error["severity"] == "STREAM_ERROR_SEVERITY_FATAL"


def every_stream_error():
    names = GrokEmulator.faults()
    return [name for name, description in names.items() if description.startswith("the answer's stream reports")]


@pytest.mark.parametrize("name", every_stream_error())
def test_every_stream_error_is_a_fault_too(grok, browser, name):
    grok.fault(name)
    grok.reply("planned")
    answer = browser.new()
    (error,) = answer.members("error")
    fatal = error.get("severity", "STREAM_ERROR_SEVERITY_FATAL").endswith("FATAL")
    assert answer.text == ("" if fatal else "planned")
    assert (browser.new().text == "planned") is fatal


@pytest.mark.parametrize("kind", ["heavy_load", "rate_limited", "anti_bot", "internal", "unavailable"])
def test_error_lines_come_first_or_behind_the_text(grok, browser, kind):
    grok.reply(error=kind)
    (only,) = browser.new().lines
    assert list(only) == ["error"]
    grok.reply("Half an ans", error=kind)
    answer = browser.new()
    assert answer.lines[-1] == only
    assert answer.text == "Half an ans"
    assert answer.members("modelResponse") == []


def test_unknown_frames_and_members_are_sprinkled_in(grok, browser):
    grok.fault("unknown_frames")
    grok.reply("Hi there.")
    answer = browser.new()
    assert answer.members("keepAlive")
    assert answer.members("someFutureField") == [{"x": 1}] * len(answer.members("someFutureField"))
    assert answer.members("somethingElse")
    assert any(frame.get("messageTag") == "heartbeat" for frame in answer.frames)
    assert all("aFutureMember" in frame for frame in answer.frames if frame.get("token", "").strip())
    assert answer.text == answer.model["message"] == "Hi there."


@pytest.mark.parametrize("after", [1, 4])
def test_garbage_is_a_line_that_is_no_json(grok, browser, after):
    grok.reply("Hi.", fault=f"garbage:{after}")
    rows = post(browser).content.split(b"\n")
    bad = [number for number, row in enumerate(rows) if row and not _is_json(row)]
    assert bad == [1 + after]


def _is_json(row):
    try:
        json.loads(row)
    except ValueError:
        return False
    return True


def test_a_stream_without_model_response_is_still_stored(grok, browser):
    grok.reply("All of it.", fault="no_model_response")
    answer = browser.new()
    assert answer.members("modelResponse") == answer.members("title") == []
    (loaded,) = browser.load(answer.conversation_id, answer.frames[-1]["responseId"])
    assert loaded["message"] == answer.text == "All of it."


def test_a_team_of_agents_has_an_empty_final_message(grok, browser):
    grok.reply("# Report", fault="empty_final")
    answer = browser.new()
    wanted = sample("multi_agent_cut_at_60s.ndjson")
    (layout,) = answer.members("uiLayout")
    assert layout == wanted[2]["result"]["response"]["uiLayout"]
    talks = [frame for frame in answer.frames if frame.get("messageTag") == "tool_usage_card"]
    assert [list(frame) for frame in talks[:2]] == [list(line["result"]["response"]) for line in wanted[4:6]]
    assert (answer.model["message"], answer.text) == ("", "# Report")
    assert browser.load(answer.conversation_id, answer.response_id)[0]["message"] == "# Report"


def test_titles_can_come_late_or_early(clock, grok, browser):
    grok.fault("late_title", seconds=5)
    started = clock.time()
    answer = browser.new("A title")
    assert clock.time() - started == pytest.approx(5)
    assert "title" in answer.lines[-1]["result"]
    grok.fault("early_title")
    answer = browser.new("A title")
    assert "title" in answer.lines[2]["result"]
    assert answer.model["message"]


def test_an_answer_is_stored_while_its_title_is_still_to_come(grok, browser):
    grok.fault("late_title", seconds=60)
    with browser.http.stream("POST", NEW, json={"message": "x", "modeId": "auto"}) as response:
        rows = (json.loads(row)["result"] for row in response.iter_lines())
        conversation = next(rows)["conversation"]["conversationId"]
        model = next(row["response"]["modelResponse"] for row in rows if "modelResponse" in row["response"])
    (turn,) = grok.turns
    assert turn.status == "finished"
    payload = {"message": "y", "modeId": "auto", "parentResponseId": model["responseId"]}
    assert browser.http.post(f"{CONVERSATIONS}/{conversation}/responses", json=payload).status_code == 200


# -- framing


def test_objects_without_line_breaks(grok, browser):
    grok.fault("concatenated")
    text = post(browser).text
    assert "\n" not in text
    assert "}{" in text


def test_objects_over_several_lines(grok, browser):
    grok.fault("pretty")
    text = post(browser).text
    assert text.startswith("{\n  ")
    decoder, place, found = json.JSONDecoder(), 0, []
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
        place += len(text[place:]) - len(text[place:].lstrip())
    assert "modelResponse" in json.dumps(found[-2])


def test_objects_as_server_sent_events(grok, browser):
    grok.fault("sse")
    response = post(browser)
    *events, last = response.text.removesuffix("\n\n").split("\n\n")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert last == "data: [DONE]"
    assert all(json.loads(event.removeprefix("data: ")) for event in events)


def test_members_in_reverse_order(grok, browser):
    grok.fault("reordered")
    answer = browser.new()
    assert list(answer.frames[-2]) == ["responseId", "isSoftStop", "isThinking", "modelResponse"]
    assert next(iter(answer.model)) == "streamErrors"


# -- delivery


def stream_lines(browser, **options):
    """The lines that arrive, and the error that ends them."""
    found = []
    try:
        with browser.http.stream("POST", NEW, json={"message": "x", "modelName": "grok-3"}, **options) as response:
            found += (json.loads(line) for line in response.iter_lines())
    except httpx.TransportError as exc:
        return found, exc
    return found, None


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cut_stream_ends_after_so_many_response_frames(grok, browser, after):
    grok.reply("One two three four.", fault=f"cut:{after}")
    lines, error = stream_lines(browser)
    assert error is None
    assert ["conversation" in line["result"] for line in lines] == [True] + [False] * after
    (turn,) = grok.turns
    assert turn.status == "active"
    nodes = browser.node(turn.conversation_id)
    wanted = sample("unary/response_node_inflight.json")
    assert [list(one) for one in nodes["inflightResponses"]] == [list(one) for one in wanted["inflightResponses"]]
    assert nodes["inflightResponses"][0]["status"] == "RESPONSE_STATUS_ACTIVE"
    assert nodes["inflightResponses"][0]["responseId"] == turn.response_id
    assert [node["sender"] for node in nodes["responseNodes"]] == ["human"]


def test_a_cut_answer_is_replayed_to_who_reconnects(grok, browser):
    grok.reply("One two three four.", reasoning="Counting.", fault="cut:9")
    answer = browser.new()
    again = browser.reconnect(answer.frames[-1]["responseId"])
    wanted = sample("reconnect_v2.ndjson")
    stub, model = again.members("modelResponse")
    assert list(stub) == list(wanted[0]["result"]["response"]["modelResponse"])
    assert (stub["message"], stub["sender"], stub["partial"]) == ("", "", False)
    assert again.frames[1]["messageStepId"] == 0
    assert again.text == model["message"] == "One two three four."
    assert again.members("userResponse") == again.members("uiLayout") == []
    assert "title" in again.lines[-1]["result"]
    assert browser.node(answer.conversation_id)["inflightResponses"] == []
    (stored,) = browser.load(answer.conversation_id, model["responseId"])
    assert stored == {**model, "inputChunks": [], "outputChunks": []}
    assert browser.reconnect(model["responseId"]).status == 404


def test_a_cut_answer_can_be_continued_instead(emulator):
    grok, browser = emulator(reconnect="continue")
    grok.reply("One two three four.", fault="cut:6")
    answer = browser.new()
    again = browser.reconnect(answer.frames[-1]["responseId"])
    assert answer.text == "One two"
    assert again.members("modelResponse")[0]["message"] == ""
    assert again.text == " three four."
    assert again.model["message"] == "One two three four."


@pytest.mark.parametrize(("then", "stored"), [("finished", True), ("lost", False)])
def test_after_a_cut_the_answer_can_be_finished_or_lost(grok, browser, then, stored):
    grok.fault("cut", after=5, then=then)
    answer = browser.new()
    response_id = answer.frames[-1]["responseId"]
    nodes = browser.node(answer.conversation_id)
    assert nodes["inflightResponses"] == []
    assert (response_id in {node["responseId"] for node in nodes["responseNodes"]}) is stored
    assert browser.reconnect(response_id).status == 404
    assert len(browser.load(answer.conversation_id, response_id)) == stored


def test_a_reconnected_stream_can_be_cut_again(grok, browser):
    path = f"{CONVERSATIONS}/reconnect-response-v2"
    grok.reply("One two three four.", fault="cut:6")
    grok.fault("cut", after=4, path=path)
    grok.fault("pretty", path=path)
    answer = browser.new()
    again = browser.reconnect(answer.frames[-1]["responseId"])
    assert len(again.lines) == 4
    assert again.text == "One two"


def test_an_answer_that_somebody_reconnects_to_is_held_where_the_next_fault_strikes(grok, browser):
    path = f"{CONVERSATIONS}/reconnect-response-v2"
    grok.reply("word " * 100, fault="cut:6")
    grok.fault("cut", after=20, path=path)
    answer = browser.new()
    again = browser.reconnect(answer.frames[-1]["responseId"])
    assert len(again.frames) == 20
    assert grok.turns[0].status == "active"
    assert browser.reconnect(answer.frames[-1]["responseId"]).text == "word " * 100


@pytest.mark.parametrize("prompt", ["🗼", "x"])
def test_a_torn_line_ends_within_a_character_or_in_its_middle(grok, browser, prompt):
    grok.fault("cut", after=1, torn=True)
    lines = browser.http.post(NEW, json={"message": prompt, "modelName": "grok-3"}).content.split(b"\n")
    assert [b"conversationId" in line for line in lines] == [True, False]
    assert lines[-1].startswith(b'{"result":{"response":{"userResponse"')
    assert lines[-1].endswith("🗼".encode()[:1]) is (prompt == "🗼")
    assert b"}}" not in lines[-1]


@pytest.mark.parametrize(("then", "inflight", "stored"), [("active", 1, 1), ("finished", 0, 2), ("lost", 0, 1)])
def test_a_reply_that_never_comes(grok, browser, then, inflight, stored):
    grok.fault("no_reply", then=then)
    with pytest.raises(httpx.ReadError):
        browser.new()
    (turn,) = grok.turns
    nodes = browser.node(turn.conversation_id)
    assert (len(nodes["inflightResponses"]), len(nodes["responseNodes"])) == (inflight, stored)


def test_a_question_that_never_arrives(grok, browser):
    grok.reply("Kept.")
    grok.fault("no_reply", taken=False)
    with pytest.raises(httpx.ReadError):
        browser.new()
    assert grok.turns == []
    assert grok.conversations == {}
    assert browser.new().text == "Kept."


def test_a_reset_connection_is_an_error_of_the_transport(grok, browser):
    grok.reply("One two three four.", fault="reset:3")
    lines, error = stream_lines(browser)
    assert isinstance(error, httpx.ReadError)
    assert len(lines) == 4
    assert grok.turns[0].status == "active"


def test_silence_lasts_until_the_answer_is_stopped(grok, browser):
    grok.reply("One two three four.", fault="silence:2")
    with browser.http.stream("POST", NEW, json={"message": "x", "modelName": "grok-3"}) as response:
        rows = response.iter_lines()
        assert [next(rows) for _ in range(3)]
    (turn,) = grok.turns
    grok.reply("One two three four.", fault="silence:2")
    with browser.http.stream("POST", NEW, json={"message": "x", "modelName": "grok-3"}) as response:
        rows = response.iter_lines()
        assert [next(rows) for _ in range(3)]
        other = grok.turns[1]
        with httpx.Client(base_url=grok.base_url, headers={"cookie": grok.cookies}) as second:
            second.delete(f"{CONVERSATIONS}/inflight-response/{other.response_id}")
        assert list(rows) == []
    assert (turn.status, other.status) == ("active", "stopped")
    assert grok.wait_for_stop() == other.response_id


def test_keep_alives_alone_say_nothing(grok, browser):
    grok.reply("One two three four.", fault="keepalive_only:2")
    with browser.http.stream("POST", NEW, json={"message": "x", "modelName": "grok-3"}) as response:
        rows = response.iter_lines()
        lines = [json.loads(next(rows)) for _ in range(6)]
    assert ["keepAlive" in line["result"].get("response", {}) for line in lines] == [False] * 3 + [True] * 3
    assert list(lines[-1]["result"]["response"]) == ["keepAlive", "isThinking", "isSoftStop", "responseId"]


def test_slow_headers(clock, grok, browser):
    grok.fault("slow_open", seconds=50)
    started = clock.time()
    assert browser.new().text
    assert clock.time() - started == pytest.approx(50)


def test_whoever_leaves_before_the_headers_uses_up_no_reply(grok, browser):
    grok.reply("Planned.")
    grok.fault("slow_open", times=2, seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        post(browser, timeout=0.05)
    assert browser.new().text == "Planned."  # after its own wait, which ends later than the first one would
    assert len(grok.turns) == 1


def test_stream_faults_at_other_endpoints(grok, browser):
    grok.fault("reset", path="/rest/modes")
    with pytest.raises(httpx.ReadError):
        browser.http.post("/rest/modes", json={})
    grok.fault("silence", path="/rest/modes")
    with pytest.raises(httpx.ReadTimeout):
        browser.http.post("/rest/modes", json={}, timeout=0.05)
    grok.fault("garbage", path="/rest/modes")
    response = browser.http.post("/rest/modes", json={})
    assert response.status_code == 500
    assert "garbage cannot strike /rest/modes" in response.json()["message"]


AT_ONCE = 0.1  # seconds; nothing comes however long it is waited for


def test_every_fault_can_be_played(grok, browser):
    """A net under the tests above: no name is without an effect of some kind, and none breaks the emulator."""
    for name in set(grok.faults()) - {"keepalive_only", "late_title", "long_thinking"}:
        grok.fault(name)
        try:
            options = {"timeout": AT_ONCE} if name in {"silence", "slow_open"} else {}
            assert "Emulator:" not in post(browser, **options).text, name
        except httpx.TransportError:
            assert name in {"reset", "no_reply", "silence", "slow_open", "hang_up"}
    assert browser.new().text


# -- all of them


ONLY_LATER = {"slow_open", "late_title", "silence", "keepalive_only"}  # the same comes, or its beginning
DIFFERS_EACH_TIME = re.compile(r"[0-9a-f]{8}[0-9a-f-]{24,28}|\b[0-9a-f]{6}\b|\d+")


def spelled(browser):
    """A reply line by line, without ids and times, and how it breaks off."""
    lines = []
    try:
        with browser.http.stream("POST", NEW, json={"message": "x", "modeId": "auto"}) as response:
            lines.append(f"{response.status_code} {response.headers.get('content-type')}")
            lines += (DIFFERS_EACH_TIME.sub("1", row) for row in response.iter_lines())
    except httpx.HTTPError as error:
        lines.append(type(error).__name__)
    return lines


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in FAULTS.items()
        if kind.stage != "upload" and "rest" in kind.wires and name not in ONLY_LATER
    ],
)
def test_no_fault_is_a_name_alone(grok, browser, name):
    """What strikes leaves another reply, and it is played: nothing in the emulator fails."""
    replies = []
    for strikes in (False, False, True):
        grok.reset()
        if strikes:
            grok.fault(name)
        grok.reply("One two three four.", reasoning="Hm.")
        replies.append(spelled(browser))
    assert replies[0] == replies[1] != replies[2]
    assert "Emulator: " not in "".join(replies[2])
