"""LangChain's own suites, against the emulator. What they would load from the network is made up here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd, load
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import SecretStr
from scripted.server import Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.testing import GrokEmulator
from tests.open_web import open_web

COOKIES = "sso=eyJhbGciOiJIUzI1NiJ9.e30.c2ln"


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGrokWeb

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": "http://127.0.0.1:9"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        variables = {"GROKWEB_COOKIES": COOKIES, "GROKWEB_BASE_URL": "http://127.0.0.1:9"}
        return variables, {}, {"cookies": COOKIES, "base_url": "http://127.0.0.1:9"}

    @pytest.mark.xfail(reason="The suite lets only classes of LangChain's own mapping be loaded; see the test below.")
    def test_serdes(self, model: BaseChatModel, snapshot: Any) -> None:
        super().test_serdes(model, snapshot)


PNG = b"\x89PNG\r\n\x1a\n or %PDF"


@pytest.fixture(scope="module")
def pictures() -> Iterator[ScriptedServer]:
    """What GitHub would give."""
    path = "/langchain-ai/docs/4d11d08b6b0e210bd456943f7a22febbd168b543/src/images/agentic-rag-output.png"
    with ScriptedServer() as server:
        server.play(Script({f"GET {path}": Reply.of(PNG, content_type="image/png")}))
        yield server


class TestIntegration(ChatModelIntegrationTests):
    transport = "rest"
    method = "function_calling"

    @pytest.fixture(autouse=True)
    def _emulator(self, shared_grok: GrokEmulator) -> None:
        type(self).grok = shared_grok

    @pytest.fixture(autouse=True)
    def _no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def get(_url: str, **_kwargs: Any) -> httpx.Response:
            return httpx.Response(200, content=PNG)

        monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx.get", get)

    @pytest.fixture(autouse=True)
    def _open_web(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        if request.node.originalname != "test_image_inputs":
            yield
            return
        server: ScriptedServer = request.getfixturevalue("pictures")
        with open_web(monkeypatch, server.base_url) as web:
            web.names = {"raw.githubusercontent.com": [["185.199.108.133"]]}
            yield
        assert web.certified == ["raw.githubusercontent.com"]

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGrokWeb

    @property
    def chat_model_params(self) -> dict[str, Any]:
        own = {"base_url": self.grok.base_url, "cookies": self.grok.cookies, "transport": self.transport}
        return {**own, "fetch_urls": True}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": self.method}

    @property
    def returns_usage_metadata(self) -> bool:
        return False

    @property
    def model_override_value(self) -> str:
        return "fast"


class TestIntegrationOverTheGateway(TestIntegration):
    transport = "gateway"


class TestStructuredAsJson(TestIntegration):
    method = "json_schema"


class TestStructuredAsJsonOverTheGateway(TestStructuredAsJson):
    transport = "gateway"


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_serialized_it_loads_where_its_class_is_allowed_with_the_cookies_from_the_environment():
    model = ChatGrokWeb(model="fast", cookies=COOKIES, base_url="http://127.0.0.1:9")
    dumped = dumpd(model)
    assert COOKIES not in str(dumped)
    secrets = {"GROKWEB_COOKIES": "sso=eyJhbGciOiJIUzI1NiJ9.e30.b3RoZXI"}
    loaded = load(dumped, secrets_map=secrets, valid_namespaces=["langchain_grokweb"], allowed_objects=[ChatGrokWeb])
    assert (loaded.model, loaded.base_url) == ("fast", "http://127.0.0.1:9")
    assert loaded.cookies == SecretStr(secrets["GROKWEB_COOKIES"])


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_serialized_it_asks_with_the_cookies_of_its_new_home(grok, monkeypatch):
    dumped = dumpd(ChatGrokWeb(model="fast", cookies=COOKIES, base_url=grok.base_url))
    loaded = load(dumped, valid_namespaces=["langchain_grokweb"], allowed_objects=[ChatGrokWeb])
    monkeypatch.setenv("GROKWEB_COOKIES", grok.cookies)
    assert loaded.invoke("Hi").response_metadata["model_name"] == "fast"
