"""Calls that are cancelled while they are being opened, and what becomes of them at the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scripted import gateway, rest
from scripted import steps as s
from scripted.server import SILENCE, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb
from truth.cases import CHUNK, REST

_LINES = rest.body([s.Text("Paris ")])
_STOP = f"DELETE /rest/app-chat/conversations/inflight-response/{s.ANSWER}"


@dataclass(frozen=True)
class Moment:
    """When a call is left: the server is silent then, and continues once the call is cancelled.

    Attributes:
        script: What the server says before and after.
        reached: Whether the server has come so far.
    """

    script: Script
    reached: Callable[[ScriptedServer], bool] = lambda server: server.silences == 1


def _on_rest(lines: int) -> Moment:
    return Moment(Script({"turn": Reply([*_LINES[:lines], SILENCE, *_LINES[lines:], SILENCE])}))


def _on_gateway(silent: str) -> Moment:
    writer = gateway.Writer()
    said: dict[str, list[Piece]] = {
        "session.create": writer.session(),
        "conversation.item.create": writer.prompt(),
        "response.create": [*writer.created(), writer.text(s.ANSWER, "Paris "), SILENCE],
    }
    return Moment(
        Script(socket={kind: [SILENCE, *pieces] if kind == silent else pieces for kind, pieces in said.items()})
    )


MOMENTS: Mapping[str, Mapping[str, Moment]] = {
    "left-before-the-session": {CHUNK: _on_gateway("session.create")},
    "left-before-the-reply": {
        REST: Moment(Script({"turn": Reply([*_LINES, SILENCE], held=True)}), lambda server: bool(server.asked("turn")))
    },
    "left-before-the-first-line": {REST: _on_rest(0)},
    "left-before-the-prompt-is-stored": {REST: _on_rest(1), CHUNK: _on_gateway("conversation.item.create")},
    "left-before-the-answer-begins": {REST: _on_rest(2), CHUNK: _on_gateway("response.create")},
    "left-before-the-first-word": {REST: _on_rest(len(_LINES) - 1)},
}


def verdict(server: ScriptedServer, name: str, wire: str) -> str:
    """What becomes of a call that is left then, by both asynchronous ways."""
    ways = {asyncio.run(_leave(server, MOMENTS[name][wire], wire, ask)) for ask in (_ainvoke, _astream)}
    assert len(ways) == 1, ways
    return ways.pop()


async def _ainvoke(model: ChatGrokWeb) -> Any:
    await model.ainvoke("Hi")


async def _astream(model: ChatGrokWeb) -> Any:
    async for _ in model.astream("Hi"):
        pass


async def _leave(server: ScriptedServer, moment: Moment, wire: str, ask: Callable[[ChatGrokWeb], Any]) -> str:
    server.play(moment.script)
    transport = "rest" if wire == REST else "gateway"
    model = ChatGrokWeb(base_url=server.base_url, cookies=server.cookies, transport=transport, model="fast")
    task = asyncio.ensure_future(ask(model))
    await asyncio.to_thread(server.wait_until, lambda: moment.reached(server))
    task.cancel()
    await asyncio.sleep(0)
    server.speak()
    with suppress(asyncio.CancelledError):
        await task
    was_sent = bool(server.asked("turn")) or any(frame["event"]["type"] == "response.create" for frame in server.frames)
    if was_sent:
        await asyncio.to_thread(server.wait_until, lambda: bool(server.asked("stop")))
    stops = [f"{request.method} {request.path}" for request in server.asked("stop")]
    assert stops == ([_STOP] if was_sent else []), stops
    return "stopped" if stops else "not sent"
