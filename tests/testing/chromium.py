"""Chromium without a window, driven over its DevTools protocol: a browser that did not read our code."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.clock import HANG_SECONDS

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
# Standard input is a pipe from us, which closes when we end, even if we are killed; then the whole group is killed.
_WHILE_READ = ["/bin/sh", "-c", '"$@" & cat >/dev/null; kill -9 0', "sh"]
_OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
_OPTIONS += ["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]


class Chromium:
    """One page of a browser with a profile of its own; an asynchronous context manager.

    The browser and all that it starts end with it, and with this process, however that ends.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = iter(range(1, 1_000_000))
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.seen: list[tuple[str, dict[str, Any]]] = []  # what the network reported

    async def __aenter__(self) -> Self:
        assert PROGRAM is not None
        command = [*_WHILE_READ, PROGRAM, *_OPTIONS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True
        )
        try:
            await self._look_at_page()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            self._listening.cancel()
            await asyncio.wait_for(self._socket.close(), HANG_SECONDS)
        finally:
            await self._end()

    async def _end(self) -> None:
        """Let the shell end the browser: its standard input closes."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # `communicate` does so only since Python 3.12
        await asyncio.wait_for(self._process.communicate(), HANG_SECONDS)

    async def _look_at_page(self) -> None:
        address = await asyncio.wait_for(self._address(), HANG_SECONDS)
        async with httpx.AsyncClient(trust_env=False) as client:
            pages = (await client.get(f"http://{address}/json")).json()
        page = next(page for page in pages if page["type"] == "page")
        self._socket: ClientConnection = await connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None)
        self._listening = asyncio.create_task(self._listen())
        for domain in ("Page", "Network", "Runtime"):
            await self.call(f"{domain}.enable")

    async def _address(self) -> str:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"DevTools listening on ws://" in line:
                return line.decode().partition("ws://")[2].partition("/")[0]
        raise AssertionError("the browser did not begin")

    async def _listen(self) -> None:
        async for message in self._socket:
            event = json.loads(message)
            if "id" in event:
                self._replies[event["id"]].set_result(event)
            elif event["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif event["method"].startswith("Network."):
                self.seen.append((event["method"], event["params"]))

    async def call(self, method: str, **params: Any) -> Any:
        """What the browser answers."""
        number = next(self._numbers)
        self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        reply = await asyncio.wait_for(self._replies[number], HANG_SECONDS)
        assert "error" not in reply, reply
        return reply["result"]

    async def open(self, url: str) -> None:
        """Go there, and wait until the page is loaded."""
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), HANG_SECONDS)

    async def run(self, script: str) -> Any:
        """The value of a script in the page."""
        return (await self.call("Runtime.evaluate", expression=script, returnByValue=True))["result"].get("value")

    async def press(self, selector: str) -> None:
        """Press something that leads to another page."""
        self._loaded.clear()
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")
        await asyncio.wait_for(self._loaded.wait(), HANG_SECONDS)

    async def picture(self, width: int, height: int) -> bytes:
        """A picture of the page, as it looks in a window of this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def cookies(self) -> list[dict[str, Any]]:
        """All cookies of the profile, as CDP gives them."""
        return (await self.call("Network.getAllCookies"))["cookies"]

    def har(self) -> dict[str, Any]:
        """What the network panel saves "with sensitive data": each request with the headers that really left."""
        asked = [event for name, event in self.seen if name == "Network.requestWillBeSent"]
        extra = [event for name, event in self.seen if name == "Network.requestWillBeSentExtraInfo"]
        requests = {event["requestId"]: event["request"] for event in asked}
        sent = {event["requestId"]: event["headers"] for event in extra}
        entries = [
            {
                "request": {
                    "method": request["method"],
                    "url": request["url"],
                    "headers": [{"name": name, "value": value} for name, value in sent.get(number, {}).items()],
                    "cookies": [],
                },
                "response": {"status": 200, "headers": [], "cookies": []},
            }
            for number, request in requests.items()
        ]
        return {"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "entries": entries}}
