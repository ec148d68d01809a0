"""Shared by all tests: no variable of the environment reaches them, and only loopback is there."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from testing.asking import Browser

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.client import retry, state, stopping
from langchain_grokweb.testing import GrokEmulator
from tests.clock import CLOCK, HANG_SECONDS, Clock, install
from tests.interpreters import Interpreters

install()
pytest.register_assert_rewrite("truth.outcomes")  # here, since tests of the docs import it too

# The same examples in each run, however long they take; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", settings.get_profile("suite"), derandomize=False)
settings.load_profile("suite")


def _keep_bytecode() -> None:
    """Many tests begin an interpreter; where the environment forbids bytecode, each would compile all it imports."""
    if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
        kept = tempfile.mkdtemp(prefix="langchain-grokweb-bytecode-")
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        os.environ["PYTHONPYCACHEPREFIX"] = kept
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


_keep_bytecode()


def _keep_off_the_developers_own() -> None:
    """No test reads or writes the configuration, the state or the keyring of whoever runs them."""
    own = tempfile.mkdtemp(prefix="langchain-grokweb-home-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "APPDATA"):
        os.environ[name] = str(Path(own, name.lower()))
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"


_keep_off_the_developers_own()

# A shell's background job ignores Ctrl-C, and so would all that it starts: tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


for variable in ("GROKWEB_COOKIES", "GROKWEB_BASE_URL", "GROKWEB_TRANSPORT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(variable, None)
    os.environ.pop(variable.lower(), None)

retry.FIRST_PAUSE_SECONDS = 0.0  # retries do not wait
_LIMITS = {
    limit: getattr(stopping, limit) for limit in ("STOP_SECONDS", "GIVE_UP_SECONDS", "LEARN_SECONDS", "LATE_SECONDS")
}


@pytest.fixture(autouse=True)
def as_in_a_new_process(request: pytest.FixtureRequest) -> None:
    """No test knows what the one before it learned of an account, and without a clock only hangs are given up.

    On a busy machine a stop, or what comes after an answer, may take longer than a user would be held for it. This is
    one fixture, and undoes nothing, since it costs each test what it takes.
    """
    state.reset()
    for limit, seconds in _LIMITS.items():
        setattr(stopping, limit, seconds if "clock" in request.fixturenames else float(HANG_SECONDS))


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Limits and pauses take no time, and are not reached because the machine is slow: see `tests.clock`."""
    with CLOCK.running():
        yield CLOCK


@pytest.fixture(scope="session")
def interpreters() -> Iterator[Interpreters]:
    """Code in a process of its own, which need not import everything first: see `tests.interpreters`."""
    warm = Interpreters()
    yield warm
    warm.close()


@pytest.fixture
def grok(grok_emulator: GrokEmulator) -> GrokEmulator:
    return grok_emulator


@pytest.fixture
def browser(grok: GrokEmulator) -> Iterator[Browser]:
    """Who asks the same emulator by other means than ours."""
    asking = Browser(grok)
    yield asking
    asking.http.close()


WIRES = ("rest", "gateway")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that asks for a model runs over both wires, unless it is marked as one of a single wire."""
    if "wire" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("wire")
        metafunc.parametrize("wire", only.args if only else WIRES)


@pytest.fixture
def make_model(grok: GrokEmulator, wire: str) -> Callable[..., ChatGrokWeb]:
    """Models over the emulator, on the wire of this run."""

    def make(**settings: Any) -> ChatGrokWeb:
        return ChatGrokWeb(**{"base_url": grok.base_url, "cookies": grok.cookies, "transport": wire, **settings})

    return make


@pytest.fixture
def model(make_model: Callable[..., ChatGrokWeb]) -> ChatGrokWeb:
    return make_model()


@pytest.fixture(scope="module")
def shared_grok() -> Iterator[GrokEmulator]:
    with GrokEmulator() as emulator:
        yield emulator
