"""Emulators to ask, each with a browser."""

import pytest

from langchain_grokweb.testing import GrokEmulator
from testing.asking import Browser


@pytest.fixture
def emulator():
    """Starts emulators with options, each with a browser, and stops them all."""
    started = []

    def start(**options):
        grok = GrokEmulator(**options).start()
        browser = Browser(grok)
        started.append((grok, browser))
        return grok, browser

    yield start
    for grok, browser in started:
        browser.http.close()
        grok.stop()


@pytest.fixture
def seed_era(emulator):
    """An emulator that answers as in 2025, with a browser."""
    return emulator(era="2025")


@pytest.fixture
def running(emulator):
    return emulator()


@pytest.fixture
def grok(running):
    return running[0]


@pytest.fixture
def browser(running):
    return running[1]
