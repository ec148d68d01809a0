"""The Chainlit app of docs/examples in a real browser, over the emulator; the screenshot of the docs comes from here.

`nox -s examples` runs it. It needs Chromium and chromedriver on the machine, and is not part of the suite.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from langchain_grokweb.testing import GrokEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
_LIMIT_SECONDS = 60
_PATIENCE_SECONDS = 15
_FLAGS = (
    "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync window-size=1100,950"
)


@contextmanager
def served(grok: GrokEmulator, directory: Path) -> Iterator[str]:
    """The app, served by `chainlit run` from a copy of its file."""
    app = Path(shutil.copy(DOCS / "examples" / "chainlit_app.py", directory))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "GROKWEB_BASE_URL": grok.base_url, "GROKWEB_COOKIES": grok.cookies}
    command = [sys.executable, "-m", "chainlit", "run", app.name, "--headless", "--port", str(port)]
    process = subprocess.Popen(command, cwd=directory, env=environment)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser(directory: Path) -> Iterator[webdriver.Chrome]:
    """Chromium without a window, with an empty profile."""
    options = webdriver.ChromeOptions()
    for flag in _FLAGS.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={directory / 'profile'}")
    options.binary_location = shutil.which("chromium") or ""
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def open_when_served(driver: webdriver.Chrome, address: str) -> None:
    """The page, as soon as it is there."""

    def is_there(driver: webdriver.Chrome) -> bool:
        driver.get(address)
        return bool(driver.find_elements(By.ID, "root"))

    WebDriverWait(driver, _LIMIT_SECONDS, ignored_exceptions=[Exception]).until(is_there)


def shown(driver: webdriver.Chrome) -> str:
    """The words on the page."""
    return driver.find_element(By.TAG_NAME, "body").text


def ask(driver: webdriver.Chrome, question: str, grok: GrokEmulator) -> None:
    """Type a question; the page drops what is sent before its own socket is open, and is then loaded anew."""
    for _ in range(5):
        box = WebDriverWait(driver, _LIMIT_SECONDS).until(lambda driver: driver.find_element(By.ID, "chat-input"))
        box.send_keys(question, Keys.ENTER)
        with suppress(TimeoutException):
            WebDriverWait(driver, _PATIENCE_SECONDS).until(lambda _: grok.turns)
            return
        driver.refresh()
    raise AssertionError("the app took no question")


def main() -> None:
    """Ask, check what the page shows, and keep a picture of it."""
    source = {"url": "https://example.com/foxes", "title": "Foxes at night"}
    with tempfile.TemporaryDirectory() as name, GrokEmulator(pace=0.05) as grok:
        directory = Path(name)
        grok.reply(
            "Foxes sleep in **dens** and hunt at dusk.\n\nHere is a picture.",
            reasoning="The user wants to know about foxes. I should search, then draw one.",
            citations=[source],
            search=[{"query": "foxes", "results": [{**source, "snippet": ""}]}],
            images=["a red fox in the snow"],
        )
        with served(grok, directory) as address, browser(directory) as driver:
            open_when_served(driver, address)
            wait = WebDriverWait(driver, _LIMIT_SECONDS)
            ask(driver, "Tell me about foxes, and draw one.", grok)
            wait.until(lambda driver: "Foxes at night" in shown(driver))
            drawn = "return [...document.images].some(one => one.naturalWidth >= 256 && one.src.includes('/project/'))"
            wait.until(lambda driver: driver.execute_script(drawn))
            driver.find_element(By.XPATH, "//button[contains(., 'Reasoning')]").click()
            wait.until(lambda driver: "I should search" in shown(driver))
            text = shown(driver)
            order = [text.index(part) for part in ("I should search", "Foxes sleep in dens", "[1]", "Foxes at night")]
            assert order == sorted(order), text
            (DOCS / "images").mkdir(exist_ok=True)
            driver.save_screenshot(str(DOCS / "images" / "chainlit.png"))


if __name__ == "__main__":
    main()
