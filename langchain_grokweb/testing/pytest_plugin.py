"""The pytest fixture `grok_emulator`: a running `GrokEmulator` for one test.

pytest loads this file in every environment that has the package, so it imports nothing of the `emulator`
extra before a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from langchain_grokweb.testing.emulator import GrokEmulator


@pytest.fixture
def grok_emulator() -> "Iterator[GrokEmulator]":
    """An emulator of grok.com, started for this test and stopped after it."""
    from langchain_grokweb import testing  # noqa: PLC0415 - see the module's docstring

    with testing.GrokEmulator() as grok:
        yield grok
