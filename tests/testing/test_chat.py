"""Asking: the session, parents and branches, models, stopping, what is recorded."""

import asyncio
import json

import httpx
import pytest

from langchain_grokweb.testing import GrokEmulator
from testing.asking import CONVERSATIONS, sample
from tests.clock import HANG_SECONDS


def error_of(response):
    body = response.json()
    return response.status_code, body.get("error", body)["code"], "error" in body


@pytest.mark.parametrize("cookie", [None, "sso=wrong", "x-userid=1; other=2"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{CONVERSATIONS}/new"),
        ("GET", CONVERSATIONS),
        ("POST", "/rest/rate-limits"),
        ("GET", "/api/auth/session"),
    ],
)
def test_without_the_session_cookie_everything_is_refused(grok, cookie, method, path):
    headers = {} if cookie is None else {"cookie": cookie}
    response = httpx.request(method, grok.base_url + path, headers=headers)
    assert response.status_code == 401
    assert response.json() == sample("unary/error_401_bad_credentials.json")
    assert grok.turns == []


def test_every_reply_rotates_a_cookie(browser):
    first, second = (browser.get(CONVERSATIONS).headers for _ in range(2))
    assert first["set-cookie"].startswith("__cf_bm=")
    assert first["set-cookie"] != second["set-cookie"]
    assert first["server"] == "cloudflare"
    assert "cf-ray" in first


def test_replies_are_served_in_order_and_recorded(grok, browser):
    grok.reply("One.")
    grok.reply("Two.")
    first = browser.new("a", temporary=True)
    second = browser.follow(first, "b", modeId="fast")
    assert (first.text, second.text) == ("One.", "Two.")
    one, two = grok.turns
    assert (one.prompt, one.mode, one.temporary, one.parent_response_id) == ("a", "auto", True, None)
    assert (two.prompt, two.mode, two.parent_response_id) == ("b", "fast", first.response_id)
    assert one.conversation_id == two.conversation_id == first.conversation_id
    assert (one.wire, one.status, one.response_id, one.text) == ("rest", "finished", first.response_id, "One.")


def test_requests_are_recorded_with_headers_and_parsed_bodies(grok, browser):
    browser.new("a")
    browser.http.post("/rest/modes", content=b"\xff not json", headers={"X-Own": "1"})
    browser.get(CONVERSATIONS, params={"pageSize": "1"})
    asked, modes, listed = grok.requests
    assert (asked.method, asked.path, asked.body["message"]) == ("POST", f"{CONVERSATIONS}/new", "a")
    assert asked.headers["cookie"] == grok.cookies
    assert modes.body == b"\xff not json"
    assert modes.headers["x-own"] == "1"
    assert (listed.query, listed.body) == ("pageSize=1", None)


def test_the_tree_keeps_branches_apart(grok, browser):
    for text in ("root", "left", "right"):
        grok.reply(text)
    root = browser.new("q0")
    left = browser.follow(root, "q1")
    browser.follow(root, "q2")
    tree = grok.conversations[root.conversation_id]
    questions = tree.children(root.response_id)
    assert [node.message for node in questions] == ["q1", "q2"]
    path = tree.path_to(left.model["responseId"] if left.members("modelResponse") else None)
    assert [node.message for node in path] == ["q0", "root", "q1", "left"]


def test_a_conversation_that_does_not_exist_is_refused(browser):
    body = {"message": "x", "modeId": "auto", "parentResponseId": "y"}
    response = browser.http.post(f"{CONVERSATIONS}/00000000-0000-0000-0000-000000000000/responses", json=body)
    assert error_of(response) == (404, 5, False)


@pytest.mark.parametrize("body", [{}, {"parentResponseId": ""}, {"parentResponseId": None}])
def test_without_a_parent_a_question_follows_the_newest_response(grok, browser, body):
    first = browser.new()
    second = browser.follow(first)
    body = {"message": "x", "modeId": "auto", **body}
    asked = browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body)
    assert asked.status_code == 200
    assert grok.turns[-1].parent_response_id == second.response_id
    question = json.loads(asked.text.splitlines()[0])["result"]["userResponse"]
    assert question["parentResponseId"] == second.response_id


def test_a_parent_that_does_not_exist_is_refused(grok, browser):
    first = browser.new()
    grok.reply("kept")
    body = {"message": "x", "modeId": "auto", "parentResponseId": "00000000-0000-0000-0000-000000000000"}
    response = browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body)
    assert error_of(response) == (400, 3, False)
    assert browser.follow(first).model["message"] == "kept"


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'{"message": 7}'])
def test_a_body_that_is_no_question_is_refused(browser, body):
    assert error_of(browser.http.post(f"{CONVERSATIONS}/new", content=body)) == (400, 3, False)


@pytest.mark.parametrize("body", [{"modelName": "grok-99"}, {"modeId": "nope"}, {"modelName": "auto"}])
def test_an_unknown_model_is_refused(browser, body):
    response = browser.http.post(f"{CONVERSATIONS}/new", json={"message": "x", **body})
    assert response.status_code == 403
    assert response.json() == sample("unary/error_403_model_not_found.json")


@pytest.mark.parametrize(
    ("tier", "allowed"),
    [
        ("basic", {"auto", "fast", "expert"}),
        ("super", {"auto", "fast", "expert"}),
        ("heavy", {"auto", "fast", "expert", "heavy", "build"}),
    ],
)
def test_modes_follow_the_tier(emulator, tier, allowed):
    _, browser = emulator(tier=tier)
    modes = browser.http.post("/rest/modes", json={"locale": "en"}).json()["modes"]
    assert {mode["id"] for mode in modes if "available" in mode["availability"]} == allowed
    for mode in modes:
        answer = browser.http.post(f"{CONVERSATIONS}/new", json={"message": "x", "modeId": mode["id"]})
        assert (answer.status_code == 200) is (mode["id"] in allowed)


@pytest.mark.parametrize("model", ["grok-2", "grok-3", "grok-latest", "grok-4", "grok-4-1-thinking-1129"])
def test_models_of_2025_are_known(browser, model):
    assert browser.new(modelName=model).status == 200


def test_the_smallest_body_is_enough_and_keeps_the_mode(grok, browser):
    first = browser.new(modeId="fast")
    body = {"message": "x", "parentResponseId": first.response_id}
    browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body)
    browser.http.post(f"{CONVERSATIONS}/new", json={"message": "x"})
    assert [turn.mode for turn in grok.turns] == ["fast", "fast", "auto"]


def test_reading_a_finished_conversation(grok, browser):
    grok.reply("The capital of France is Paris.")
    answer = browser.new("What?")
    nodes = browser.node(answer.conversation_id)
    wanted = sample("unary/response_node_done.json")
    assert [list(node) for node in nodes["responseNodes"]] == [list(node) for node in wanted["responseNodes"]]
    assert nodes["inflightResponses"] == []
    (loaded,) = browser.load(answer.conversation_id, answer.response_id, "unknown")
    assert loaded == {**answer.model, "inputChunks": [], "outputChunks": []}
    whole = browser.get(f"{CONVERSATIONS}/{answer.conversation_id}/responses").json()
    assert [one["sender"] for one in whole["responses"]] == ["human", "ASSISTANT"]
    assert browser.reconnect(answer.response_id).status == 404


def test_the_steps_and_picture_sizes_of_an_answer_are_kept(grok, browser):
    grok.reply("Red.", reasoning="Hm.", search=[{"query": "q", "results": [{"url": "https://e.com", "title": "E"}]}])
    thought, search = browser.new().model["steps"]
    assert (thought["text"], thought["tags"]) == (["Hm."], ["summary"])
    assert search["toolUsageCards"][0]["webSearch"] == {"args": {"query": "q"}}
    (result,) = search["toolUsageResults"]
    assert result["toolUsageCardId"] == search["toolUsageCards"][0]["toolUsageCardId"]
    assert result["webSearchResults"]["results"][0]["title"] == "E"
    assert list(thought) == list(search)
    grok.reply(images=[{"prompt": "a fox", "shape": "a"}])
    model = browser.new().model
    assert (model["generatedImageWidth"], model["generatedImageHeight"], model["steps"]) == (512, 512, [])


def test_responses_can_be_added_without_an_answer_being_made(grok, browser):
    answer = browser.new()
    place = f"{CONVERSATIONS}/{answer.conversation_id}"
    body = {"message": "And?", "parentResponseId": answer.response_id}
    asked = browser.http.post(f"{place}/user-responses", json=body).json()
    body = {"message": "Well.", "parentResponseId": asked["responseId"]}
    said = browser.http.post(f"{place}/model-responses", json=body).json()
    assert [one["sender"] for one in (asked, said)] == ["human", "ASSISTANT"]
    stored = browser.load(answer.conversation_id, asked["responseId"], said["responseId"])
    assert stored == [{**one, "inputChunks": [], "outputChunks": []} for one in (asked, said)]
    assert len(grok.turns) == 1
    assert browser.http.post(f"{place}/user-responses", json={"parentResponseId": "unknown"}).status_code == 400


def test_a_conversation_can_be_made_before_it_is_used(browser):
    made = browser.http.post(CONVERSATIONS, json={"temporary": False}).json()
    assert list(made) == list(sample("unary/conversations_list.json")["conversations"][0])
    answer = browser.http.post(
        f"{CONVERSATIONS}/{made['conversationId']}/responses", json={"message": "Hello you", "modeId": "auto"}
    )
    assert "parentResponseId" not in json.loads(answer.text.splitlines()[0])["result"]["userResponse"]


# -- stopping


def signed_in(grok):
    return httpx.AsyncClient(base_url=grok.base_url, headers={"cookie": grok.cookies}, timeout=HANG_SECONDS)


async def stop(client, how, turn):
    if how == "conversation":
        return await client.post(f"{CONVERSATIONS}/{turn.conversation_id}/stop-inflight-responses", json={})
    return await client.delete(f"{CONVERSATIONS}/inflight-response/{turn.response_id}")


@pytest.mark.parametrize("how", ["conversation", "response"])
async def test_a_stopped_answer_ends_with_what_there_is(how):
    async with GrokEmulator(pace=0.01) as grok, signed_in(grok) as client:
        grok.reply("word " * 1000)
        async with client.stream("POST", f"{CONVERSATIONS}/new", json={"message": "x"}) as response:
            lines = response.aiter_lines()
            for _ in range(10):
                await anext(lines)
            (turn,) = grok.turns
            assert turn.status == "active"
            assert (await stop(client, how, turn)).json() == {}
            assert await grok.await_stop() == turn.response_id
            *_, soft, model = [json.loads(line)["result"]["response"] async for line in lines]
        stored = grok.conversations[turn.conversation_id].nodes[turn.response_id]
        assert soft["isSoftStop"] is True
        assert model["modelResponse"]["message"] == turn.text == stored.message
        assert 0 < len(turn.text) < 5000
        assert (turn.status, grok.stops) == ("stopped", [turn.response_id])


async def test_stopping_what_is_over_is_not_found():
    async with GrokEmulator() as grok, signed_in(grok) as client:
        await client.post(f"{CONVERSATIONS}/new", json={"message": "x", "modeId": "auto"})
        (turn,) = grok.turns
        response = await client.delete(f"{CONVERSATIONS}/inflight-response/{turn.response_id}")
        assert error_of(response) == (404, 5, False)
        assert grok.stops == []
        with pytest.raises(TimeoutError, match="no response was stopped"):
            await grok.await_stop(timeout=0.01)


async def test_a_lost_socket_does_not_stop_the_answer():
    async with GrokEmulator(pace=0.002) as grok:
        grok.reply("word " * 30)
        stream = {"method": "POST", "url": f"{CONVERSATIONS}/new", "json": {"message": "x"}}
        async with signed_in(grok) as client, client.stream(**stream) as response:
            await anext(response.aiter_lines())
        (turn,) = await asyncio.to_thread(grok.wait_for_turns, 1, status="finished")
        assert turn.text == "word " * 30
        assert grok.stops == []


@pytest.mark.parametrize(("keep", "status"), [(False, "stopped"), (True, "active")])
def test_a_new_question_cancels_the_running_one_unless_told_not_to(grok, browser, keep, status):
    first = browser.new()
    grok.reply("A long answer.", fault="cut:3")
    browser.follow(first)
    body = {"message": "y", "modeId": "auto", "parentResponseId": first.response_id}
    body["skipCancelCurrentInflightRequests"] = keep
    browser.http.post(f"{CONVERSATIONS}/{first.conversation_id}/responses", json=body)
    assert [turn.status for turn in grok.turns] == ["finished", status, "finished"]
    assert grok.stops == []


async def ask_over_a_socket(grok, number):
    """httpx's pool would take longer for three hundred connections than the emulator does."""
    url = httpx.URL(grok.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = json.dumps({"message": f"n{number}", "modelName": "grok-3"})
    head = f"POST {CONVERSATIONS}/new HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\nCookie: {grok.cookies}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_three_hundred_streams_at_once():
    async with GrokEmulator(pace=0.005, chunk_size=0) as grok:
        for _ in range(300):
            grok.reply("A short answer, ten tokens or so.")
        answers = await asyncio.wait_for(
            asyncio.gather(*(ask_over_a_socket(grok, n) for n in range(300))), HANG_SECONDS
        )
    for number, answer in enumerate(answers):
        assert f'"message":"n{number}"' in answer
        assert '"message":"A short answer, ten tokens or so."' in answer


def test_reset_forgets_everything_but_the_session(grok, browser):
    grok.reply("left over")
    grok.fault("expired", path="/nowhere")
    browser.new()
    grok.set_quota("auto", 0)
    cookies = grok.cookies
    grok.reset()
    assert (grok.turns, grok.requests, grok.stops, grok.conversations, grok.uploads) == ([], [], [], {}, {})
    assert grok.cookies == cookies
    assert "built-in assistant" in browser.new().text


def test_reset_ends_a_running_answer(grok, browser):
    grok.reply("never told", fault="cut:2")
    answer = browser.new()
    grok.reset()
    assert browser.reconnect(answer.frames[-1]["responseId"]).status == 404
    assert grok.conversations == {}
