"""Life in a process: loops, threads, forks, copies; nothing is left behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from blockbuster import blockbuster_ctx
from pydantic import ValidationError

from langchain_grokweb import (
    ChatGrokWeb,
    GrokCredentials,
    GrokWebAuthenticationError,
    GrokWebError,
    GrokWebInvalidRequestError,
)
from langchain_grokweb.client.stopping import RunningAnswer
from langchain_grokweb.testing import GrokEmulator
from langchain_grokweb.wire.events import Event, TextDelta
from tests.clock import HANG_SECONDS, wait_until_blocked
from tests.interpreters import PLAIN, STRICT


def test_two_event_loops_in_a_row(grok, model):
    for _ in range(3):
        assert asyncio.run(model.ainvoke("Hi")).text


def test_blocking_after_asynchronous_and_back(model):
    assert asyncio.run(model.ainvoke("Hi")).text
    assert model.invoke("Hi").text
    assert "".join(chunk.text for chunk in model.stream("Hi"))
    assert asyncio.run(model.ainvoke("Hi")).text


async def test_a_blocking_call_under_a_running_loop(model):
    assert model.invoke("Hi").text
    assert "".join(chunk.text for chunk in model.stream("Hi"))


def test_eight_threads(grok, model):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: model.invoke(f"Say {n}").text, range(24)))
    assert len(answers) == 24
    assert all(answers)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: asyncio.run(model.ainvoke(f"Say {n}")).text, range(24)))
    assert all(answers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork on this system.")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_after_a_blocking_call(grok, model):
    assert model.invoke("Hi").text
    child = os.fork()
    if child == 0:
        try:
            code = 0 if model.invoke("Hi from the child").text else 1
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            code = 2
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert model.invoke("Hi again").text


def test_a_copy_answers(grok, make_model):
    model = make_model(model="fast", timeout=70)
    for other in (copy.copy(model), copy.deepcopy(model), model.model_copy(update={"timeout": 80})):
        assert other.model == "fast"
        assert other.invoke("Hi").text


def test_a_pickle_answers_with_the_cookies_of_its_new_home(grok, make_model, monkeypatch):
    other = pickle.loads(pickle.dumps(make_model(model="fast")))
    assert (other.model, other.base_url) == ("fast", grok.base_url)
    with pytest.raises(GrokWebAuthenticationError, match="GROKWEB_COOKIES"):
        other.invoke("Hi")
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert other.invoke("Hi").text


def test_configurable_fields_build_a_model_for_every_call(grok, make_model):
    from langchain_core.runnables import ConfigurableField

    model = make_model(timeout=70).configurable_fields(model=ConfigurableField(id="model"))
    assert model.with_config(configurable={"model": "expert"}).invoke("Hi").response_metadata["model_name"] == "expert"
    assert model.invoke("Hi").response_metadata["model_name"] == "grok-3"


NEEDS_VALUE = [name for name in ChatGrokWeb.model_fields if getattr(ChatGrokWeb(), name) is not None]


@pytest.mark.parametrize("name", [*NEEDS_VALUE, "model_name", "stop_sequences"])
def test_none_is_the_default(name):
    assert ChatGrokWeb(**{name: None}) == ChatGrokWeb()


def test_a_copy_of_a_model_that_was_built_with_none_has_the_default(make_model):
    model = make_model(timeout=None, max_retries=None)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.model_copy(update={"model": "fast"})):
        assert (other.timeout, other.max_retries) == (30, 2)


def test_none_reads_the_environment_as_nothing_does(monkeypatch):
    monkeypatch.setenv("GROKWEB_BASE_URL", "http://127.0.0.1:9")
    assert ChatGrokWeb(base_url=os.getenv("NOT_SET")).base_url == "http://127.0.0.1:9"


def test_none_is_no_name_for_a_field():
    with pytest.raises(ValidationError, match="top_p"):
        ChatGrokWeb(top_p=None)


def test_none_in_a_call_or_a_configuration_is_the_default(grok, make_model):
    from langchain_core.runnables import ConfigurableField

    model = make_model(model="fast")
    assert model.invoke("Hi", model=None, timeout=None).response_metadata["model_name"] == "fast"
    configurable = model.configurable_fields(model=ConfigurableField(id="model"))
    answer = configurable.with_config(configurable={"model": None}).invoke("Hi")
    assert answer.response_metadata["model_name"] == "grok-3"


@pytest.mark.wire("rest")
async def test_the_callers_own_client_is_used_and_left_open(grok, make_model):
    async with httpx.AsyncClient(headers={"x-mine": "yes"}) as client:
        model = make_model(http_client=client)
        assert (await copy.deepcopy(model).ainvoke("Hi")).text
        assert grok.requests[-1].headers["x-mine"] == "yes"
        assert not client.is_closed
        with pytest.raises(GrokWebInvalidRequestError, match="http_client"):
            model.invoke("Hi")


async def test_three_hundred_turns_at_once(make_model):
    with GrokEmulator(chunk_size=200) as grok:
        await three_hundred_turns(grok, make_model(base_url=grok.base_url, cookies=grok.cookies))


async def three_hundred_turns(grok: GrokEmulator, model: ChatGrokWeb) -> None:
    before = threading.active_count()
    answers = await asyncio.gather(*(model.ainvoke(f"Say {n}") for n in range(300)))
    assert all(answer.text for answer in answers)
    assert len(grok.turns) == 300
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize("transport", ["rest", "gateway"])
async def test_nothing_blocks_the_loop_first_call_included(grok, transport):
    code = """
        import asyncio, sys, tempfile
        from blockbuster import blockbuster_ctx
        from langchain_grokweb import ChatGrokWeb

        folder = tempfile.mkdtemp()

        async def main():
            with blockbuster_ctx():
                model = ChatGrokWeb(base_url=sys.argv[1], cookies=sys.argv[2], transport=sys.argv[3])
                answer = await model.ainvoke("Hi")
                assert await model.aload_conversation(answer.response_metadata["grokweb"]["conversation_id"])
                picture = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
                assert (await model.ainvoke([("human", [{"type": "text", "text": "What?"}, picture])])).text
                async for chunk in model.astream("Draw a fox"):
                    chunk.content_blocks
                drawn = await model.ainvoke("Draw a fox", image_output="base64")
                assert (await model.adownload(drawn.additional_kwargs["images"][0], folder)).name
                await model.alist_modes()
                city = {"city": {"type": "string"}}
                weather = {"title": "get_weather", "type": "object", "properties": city, "required": ["city"]}
                called = await model.bind_tools([weather], tool_choice="any").ainvoke("The weather in Paris?")
                assert called.tool_calls
                for method in ("json_schema", "function_calling", "json_mode"):
                    structured = model.with_structured_output(weather, method=method)
                    assert await structured.ainvoke("The weather in Paris, as JSON with the key city.")
                async with model:
                    assert (await model.ainvoke("Hi")).text

        asyncio.run(main())
    """
    await run_in_a_fresh_interpreter(code, grok, transport)


LIFE = """
    import asyncio, gc, sys
    from langchain_grokweb import ChatGrokWeb, GrokWebError

    model = ChatGrokWeb(base_url=sys.argv[1], cookies=sys.argv[2], transport=sys.argv[3])

    async def part():
        async for chunk in model.astream("Hi"):
            break

    async def kept(holder):
        holder.append(model.astream("Hi"))
        await anext(holder[0])

    model.invoke("Hi")
    asyncio.run(model.ainvoke("Hi"))
    asyncio.run(part())
    asyncio.run(kept([]))
    next(iter(model.stream("Hi")))
    weather = {"title": "get_weather", "type": "object", "properties": {"city": {"type": "string"}}}
    model.bind_tools([weather]).invoke("What is the weather in Paris?")
    asyncio.run(model.with_structured_output(weather).ainvoke("The weather in Paris, as JSON."))
    left_open = model.stream("Hi")
    next(left_open)
    gc.collect()
"""


@pytest.mark.parametrize("transport", ["rest", "gateway"])
async def test_nothing_is_left_and_nothing_printed_at_the_end(grok, interpreters, transport):
    assert await run_to_its_end(interpreters, LIFE, grok, transport) == ""


LAST_THING = """
    import asyncio, sys
    from langchain_grokweb import ChatGrokWeb
    from langchain_grokweb.client import stopping

    stopping.STOP_SECONDS = float(sys.argv[5]) if len(sys.argv) > 5 else stopping.STOP_SECONDS

    model = ChatGrokWeb(base_url=sys.argv[1], cookies=sys.argv[2], transport=sys.argv[3])
    kept = []

    async def broken_off():
        async for chunk in model.astream("Hi"):
            if chunk.text:
                break

    async def left_open():
        kept.append(model.astream("Hi"))
        async for chunk in kept[0]:
            if chunk.text:
                return

    def blocking():
        kept.append(model.stream("Hi"))
        for chunk in kept[0]:
            if chunk.text:
                return

    if sys.argv[4] == "blocking":
        blocking()
    else:
        asyncio.run({"broken_off": broken_off, "left_open": left_open}[sys.argv[4]]())
"""


@pytest.mark.parametrize(("options", "host"), [(PLAIN, "localhost"), (STRICT, "127.0.0.1")], ids=["plain", "strict"])
@pytest.mark.parametrize("how", ["broken_off", "left_open", "blocking"])
@pytest.mark.parametrize("transport", ["rest", "gateway"])
async def test_an_answer_left_as_the_last_thing_that_is_done_is_stopped_quietly(
    grok, interpreters, transport, how, options, host
):
    """Also where the stop needs a new connection to a name: no thread can be started then to look it up."""
    grok.reply("word " * 50, fault="silence:20")
    grok_there = grok.base_url.replace("127.0.0.1", host)
    assert await run_to_its_end(interpreters, LAST_THING, grok, transport, how, options=options, at=grok_there) == ""
    assert await grok.await_stop() == grok.turns[0].response_id


@pytest.mark.parametrize("how", ["left_open", "blocking"])
async def test_a_stop_that_takes_long_is_finished_before_the_process_ends(grok, interpreters, how):
    grok.reply("word " * 50, fault="silence:20")
    assert await run_to_its_end(interpreters, LAST_THING, grok, "rest", how, "0") == ""
    assert await grok.await_stop() == grok.turns[0].response_id


async def test_idle_connections_are_closed_on_request_and_the_model_lives_on(grok, model):
    from langchain_grokweb.client.network import pool

    def idle() -> list[httpx.AsyncClient]:
        mine = pool._pools[asyncio.get_running_loop()]
        return [client for _, client in mine._idle]

    async with model as same:
        assert same is model
        await model.alist_modes()
        (kept,) = idle()
    assert kept.is_closed
    assert idle() == []
    left = model.astream("Hi")
    await anext(left)
    await model.aclose()  # a turn in flight is not touched
    assert [chunk async for chunk in left][-1].chunk_position == "last"


def test_blocking_connections_are_closed_on_request(grok, model):
    with model:
        assert model.invoke("Hi").text
    model.close()
    assert model.invoke("Hi").text


async def run_in_a_fresh_interpreter(code: str, grok, transport: str) -> None:
    """Where the first imports matter."""
    command = [sys.executable, *STRICT, "-c", textwrap.dedent(code), grok.base_url, grok.cookies, transport]
    ended = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr


async def run_to_its_end(
    interpreters, code: str, grok, *words: str, options: Sequence[str] = STRICT, at: str | None = None
) -> str:
    """What an interpreter prints that runs this and then ends."""
    ended = await asyncio.to_thread(interpreters.run, code, at or grok.base_url, grok.cookies, *words, options=options)
    assert ended.returncode == 0, ended.stderr
    # In development mode asyncio tells of callbacks that took long, which a busy machine brings about.
    return "\n".join(line for line in (ended.stdout + ended.stderr).splitlines() if not line.startswith("Executing <"))


async def test_no_connection_is_left_when_a_loop_ends(grok, make_model):
    def work() -> None:
        asyncio.run(make_model().ainvoke("Hi"))
        gc.collect()

    await asyncio.to_thread(work)  # an unclosed socket would be a ResourceWarning, and so an error


# --- settings


@pytest.mark.parametrize("settings", [{"modle": "grok-3"}, {"cookie": "x"}, {"tools": []}])
def test_a_field_that_does_not_exist_is_refused(settings):
    with pytest.raises(ValidationError, match="Extra inputs"):
        ChatGrokWeb(**settings)


@pytest.mark.parametrize(
    "url", ["http://grok.com", "ftp://grok.com", "grok.com", "https://user:pw@grok.com", "http://10.0.0.1"]
)
def test_an_address_that_would_show_cookies_is_refused(url):
    with pytest.raises(ValidationError):
        ChatGrokWeb(base_url=url)


def test_names_and_aliases():
    model = ChatGrokWeb(model_name="fast", api_key="sso=eyJh.b.c", stop_sequences=["x"], temperature=0.5, max_tokens=5)
    assert (model.model, model.stop) == ("fast", ["x"])
    assert model.cookies.get_secret_value() == "sso=eyJh.b.c"


def test_cookies_as_a_mapping_and_ready_credentials(grok):
    pairs = dict(pair.split("=", 1) for pair in grok.cookies.split("; "))
    assert ChatGrokWeb(base_url=grok.base_url, cookies=pairs).invoke("Hi").text
    credentials = GrokCredentials.parse(grok.cookies)
    assert ChatGrokWeb(base_url=grok.base_url, credentials=credentials).invoke("Hi").text
    with pytest.raises(ValidationError, match="credentials="):
        ChatGrokWeb(cookies=credentials)


def test_the_environment_serves_where_nothing_is_given(grok, monkeypatch):
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    assert ChatGrokWeb().invoke("Hi").text


def test_tokens_are_counted_without_a_download():
    model = ChatGrokWeb()
    with blockbuster_ctx():
        assert 0 < model.get_num_tokens("Some words to count.") < 20
        assert model.get_num_tokens_from_messages([("human", "Hi")]) > 0
    with pytest.raises(NotImplementedError, match="no tokenizer"):
        model.get_token_ids("Hi")
    own = ChatGrokWeb(custom_get_token_ids=lambda text: [1] * len(text))
    assert own.get_num_tokens("four") == 4


def test_what_it_says_of_itself():
    model = ChatGrokWeb(model="grok-3-thinking", cookies="sso=eyJh.b.c")
    assert model._llm_type == "grokweb-chat"
    assert model._get_ls_params()["ls_provider"] == "grokweb"
    assert model._get_ls_params(model="fast")["ls_model_name"] == "fast"
    assert model.profile["reasoning_output"] is True
    assert model.profile["tool_calling"] is True
    assert model.profile["structured_output"] is True
    assert model._identifying_params["model"] == "grok-3-thinking"
    assert model.lc_secrets["cookies"] == "GROKWEB_COOKIES"


# --- what must not be shown, kept or let in


@pytest.mark.parametrize(
    "settings",
    [
        {"cookie": "sso=secret-value"},
        {"cookies": "sso=secret-value", "api_key": "sso=secret-value"},
        {"credentials": "sso=secret-value"},
        {"model": {"sso": "secret-value"}},
        {"cookies": b"sso=secret-value"},
    ],
)
def test_what_is_wrong_with_a_setting_is_told_without_its_value(settings):
    with pytest.raises(ValidationError) as raised:
        ChatGrokWeb(**settings)
    assert "secret-value" not in f"{raised.value} {raised.value!r} {raised.value.errors()} {raised.value.json()}"


@pytest.mark.parametrize("url", ["http://grok.example/", "grok.com"])
def test_the_environments_address_is_checked_too(monkeypatch, url):
    monkeypatch.setenv("GROKWEB_BASE_URL", url)
    with pytest.raises(ValidationError):
        ChatGrokWeb()


def test_the_environments_transport_is_checked(monkeypatch):
    monkeypatch.setenv("GROKWEB_TRANSPORT", "pigeon")
    with pytest.raises(ValidationError, match="transport"):
        ChatGrokWeb()


def test_a_pickle_leaves_behind_what_may_hold_a_secret_or_belongs_to_a_loop():
    model = ChatGrokWeb(
        cookies="sso=eyJh.b.c",
        proxy="http://user:password@proxy.example:3128",
        headers={"x-statsig-id": "proof-value"},
        http_client=httpx.AsyncClient(),
    )
    pickled = pickle.dumps(model)
    assert not [word for word in (b"password", b"proof-value", b"eyJh") if word in pickled]
    assert pickle.loads(pickled).http_client is None


@pytest.mark.parametrize("proxy", ["localhost:3128", "ftp://proxy.example"])
def test_a_proxy_has_a_scheme(proxy):
    with pytest.raises(ValidationError, match="proxy"):
        ChatGrokWeb(proxy=proxy)


def test_every_request_goes_through_the_proxy(grok, make_model):
    """A proxy that is none shows what it is asked for: a tunnel, so that it sees no cookie."""
    asked: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        with pytest.raises(GrokWebError):
            proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
            make_model(base_url="https://127.0.0.1:1", proxy=proxy, max_retries=0).invoke("Hi")
        thread.join()
    assert grok.requests == []
    assert asked[0].startswith(b"CONNECT 127.0.0.1:1 ")
    assert b"cookie" not in asked[0].lower()


def test_loops_that_ended_leave_nothing(make_model):
    from langchain_grokweb.client.network import pool

    for _ in range(5):
        asyncio.run(make_model().ainvoke("Hi"))
    gc.collect()
    assert [loop for loop in pool._pools if loop.is_closed()] == []


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="No signals can be sent to a thread here.")
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_an_interrupt_arrives_as_one_and_stops_the_turn(grok, make_model, monkeypatch, way):
    """Once the client knows of the answer: a question whose reply has not begun has no id by which to stop it."""
    grok.reply("word " * 50, fault="silence:9")
    model = make_model()
    begun, note = threading.Event(), RunningAnswer.note

    def noting(answer: RunningAnswer, batch: list[Event]) -> None:
        note(answer, batch)
        if any(isinstance(event, TextDelta) for event in batch):
            begun.set()

    monkeypatch.setattr(RunningAnswer, "note", noting)

    def interrupt() -> None:
        begun.wait(HANG_SECONDS)
        main = threading.main_thread().ident
        wait_until_blocked(main)  # inside of the call
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        _ = model.invoke("Hi") if way == "invoke" else list(model.stream("Hi"))
    thread.join()
    grok.wait_for_stop()


def test_stop_may_be_one_string_and_must_be_strings(grok, model):
    grok.reply("Hello world")
    assert model.invoke("Hi", stop="wor").text == "Hello "
    with pytest.raises(GrokWebInvalidRequestError, match="stop="):
        model.invoke("Hi", stop=5)
    with pytest.raises(GrokWebInvalidRequestError, match="model="):
        model.invoke("Hi", model={"a": 1})
    assert len(grok.turns) == 1


def test_half_a_character_and_a_huge_number_are_sent_as_well_as_they_can(grok, model):
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    call = {"name": "count", "args": {"n": 2**70}, "id": "c1"}
    model.invoke([HumanMessage("a\ud83d"), AIMessage("", tool_calls=[call]), ToolMessage("ok", tool_call_id="c1")])
    assert str(2**70) in grok.turns[-1].prompt
    assert "a\ufffd" in grok.turns[-1].prompt
