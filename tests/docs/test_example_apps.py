"""The programs in docs/examples run as a user runs them; those that need a large package only where it is there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from langchain_grokweb.testing import GrokEmulator
from tests.clock import HANG_SECONDS

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"


@pytest.fixture(autouse=True)
def signed_in(grok: GrokEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKWEB_BASE_URL", grok.base_url)
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)


def example(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # FastAPI looks up annotations there
    spec.loader.exec_module(module)
    return module


async def test_the_graph_keeps_a_thread_and_forks(grok: GrokEmulator):
    from langgraph.checkpoint.memory import InMemorySaver

    graph = example("langgraph_app/graph.py").builder.compile(checkpointer=InMemorySaver())
    config: dict[str, Any] = {"configurable": {"thread_id": "1"}}
    for question in ("My name is Ada.", "What is my name?"):
        await graph.ainvoke({"messages": [("user", question)]}, config)
    assert [turn.prompt for turn in grok.turns] == ["My name is Ada.", "What is my name?"]
    assert grok.turns[1].parent_response_id == grok.turns[0].response_id
    # A fork: the thread continues after the first answer with another question.
    history = [state async for state in graph.aget_state_history(config) if len(state.values["messages"]) == 2]
    await graph.ainvoke({"messages": [("user", "And who are you?")]}, history[0].config)
    assert grok.turns[2].parent_response_id == grok.turns[0].response_id


def test_the_graphs_own_configuration_names_it():
    app = EXAMPLES / "langgraph_app"
    configuration = json.loads((app / "langgraph.json").read_text(encoding="utf-8"))
    path, name = configuration["graphs"]["chat"].split(":")
    assert hasattr(example(f"langgraph_app/{Path(path).name}"), name)


class Served:
    """A web application on loopback, as uvicorn serves it."""

    def __init__(self, app: Any) -> None:
        import uvicorn

        started = self._started = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                started.set()

        self._server = Server(uvicorn.Config(app, port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> str:
        self._thread.start()
        assert self._started.wait(HANG_SECONDS)
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def service():
    pytest.importorskip("fastapi")
    with Served(example("fastapi_app.py").app) as address:
        yield address


def test_the_endpoint_streams_an_answer(grok: GrokEmulator, service: str):
    grok.reply("Blue light\nis scattered.", reasoning="Rayleigh?")
    with httpx.stream("POST", f"{service}/ask", json={"text": "Why is the sky blue?"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        body = response.read().decode()
    events = [block.split("\n") for block in body.strip().split("\n\n")]
    said: dict[str, str] = {}
    for name, data in events[:-1]:
        kind = name.removeprefix("event: ")
        said[kind] = said.get(kind, "") + json.loads(data.removeprefix("data: "))
    assert said == {"reasoning": "Rayleigh?", "text": "Blue light\nis scattered."}
    place = {"conversation_id": grok.turns[0].conversation_id, "parent_response_id": grok.turns[0].response_id}
    assert events[-1][0] == "event: done"
    assert json.loads(events[-1][1].removeprefix("data: ")) == place


def test_the_endpoint_continues_where_its_last_answer_ended(grok: GrokEmulator, service: str):
    question: dict[str, str] = {"text": "My name is Ada."}
    for text in ("What is my name?", ""):
        body = httpx.post(f"{service}/ask", json=question).text
        question = {"text": text, **json.loads(body.strip().rpartition("data: ")[2])}
    assert grok.turns[1].parent_response_id == grok.turns[0].response_id
    assert grok.turns[1].prompt == "What is my name?"


def test_the_endpoint_tells_an_error(grok: GrokEmulator, service: str):
    grok.fault("expired")
    body = httpx.post(f"{service}/ask", json={"text": "Hi"}).text
    assert body.startswith("event: error\n")
    assert "Sign in at" in body


def test_a_client_that_leaves_stops_the_answer(grok: GrokEmulator, service: str):
    grok.reply("word " * 200, fault="silence:20")
    with httpx.stream("POST", f"{service}/ask", json={"text": "Tell me a lot."}) as response:
        next(response.iter_bytes())
    grok.wait_for_stop()
    assert list(grok.stops) == [grok.turns[0].response_id]


@pytest.fixture
def agent_service():
    pytest.importorskip("fastapi")
    with Served(example("fastapi_agent.py").app) as address:
        yield address


def test_the_agents_endpoint_streams_an_answer(grok: GrokEmulator, agent_service: str):
    grok.reply("Blue light\nis scattered.", reasoning="Rayleigh?")
    answer = httpx.post(f"{agent_service}/ask", json={"text": "Why is the sky blue?"})
    assert answer.text == "Blue light\nis scattered."


def test_a_client_that_leaves_stops_the_agents_answer(grok: GrokEmulator, agent_service: str):
    grok.reply("word " * 200, fault="silence:20")
    with httpx.stream("POST", f"{agent_service}/ask", json={"text": "Tell me a lot."}) as response:
        next(response.iter_bytes())
    grok.wait_for_stop()
    assert list(grok.stops) == [grok.turns[0].response_id]


async def test_the_rag_chain_sends_what_it_found(grok: GrokEmulator):
    grok.reply("In dens.")
    chain = example("rag.py").rag_chain(["Foxes sleep in dens.", "Where owls sleep is secret.", "Paris is a city."])
    assert await chain.ainvoke("Where do foxes sleep?") == "In dens."
    prompt = grok.turns[0].prompt
    assert "Foxes sleep in dens." in prompt
    assert "Paris" not in prompt
    assert grok.turns[0].temporary


async def test_the_agent_calls_the_tool_of_its_server(grok: GrokEmulator):
    pytest.importorskip("langchain_mcp_adapters.client", exc_type=ImportError)
    grok.reply(tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}}])
    grok.reply("It is sunny in Paris.")
    assert await example("mcp_agent.py").main() == "It is sunny in Paris."
    assert "sunny in Paris" in grok.turns[1].prompt


def test_the_foreign_tests_pass(tmp_path: Path):
    (tmp_path / "test_my_chain.py").write_text((EXAMPLES / "test_my_chain.py").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", str(tmp_path)]
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST_"))}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=foreign)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_every_example_is_tested():
    tests = Path(__file__).read_text(encoding="utf-8")
    # one is started by its agent, the other driven in a browser (tests/browser.py)
    programs = {path.name for path in EXAMPLES.rglob("*.py")} - {"mcp_server.py", "chainlit_app.py"}
    assert {name for name in programs if name not in tests} == set()
