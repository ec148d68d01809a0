"""Reads a capture, and decodes again what came: with the readers that read it the first time.

A capture may hold several turns, or several tries of one. Each is read for itself: over REST one is a request and its
stream, over the gateway a session.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from langchain_core.messages import AIMessage

from langchain_grokweb.errors import GrokWebError, GrokWebInterruptedError
from langchain_grokweb.messages.accumulator import Answer
from langchain_grokweb.messages.planner import Plan, RequestInfo
from langchain_grokweb.wire import error_mapping
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.gateway import GatewaySession
from langchain_grokweb.wire.rest import RestDecoder
from langchain_grokweb.wire.turn import Turn

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Played:
    """One decoded turn of a capture.

    Attributes:
        wire: `rest` or `gateway`.
        seconds: Seconds from the request to the last data of its answer.
        events: The events of the answer (`langchain_grokweb.wire.events`).
        message: The answer, or its part before an error; `None` if there is none.
        error: Why the answer is not whole; `None` if it is.
        unknown: How often fields came that this version does not know, by place and type.
    """

    wire: str
    seconds: float = 0.0
    events: list[ev.Event] = field(default_factory=list)
    message: AIMessage | None = None
    error: GrokWebError | None = None
    unknown: Counter[str] = field(default_factory=Counter)


def play(path: str | Path) -> list[Played]:
    """Decode the turns of a capture again.

    Args:
        path: A file that `record` or `grokweb chat --capture` wrote.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is not a capture, or one of a later version.

    Example:
        ```python
        from langchain_grokweb.capture import play

        for turn in play("capture.jsonl"):
            print(turn.wire, turn.message and turn.message.text, turn.error)
        ```
    """
    return [_decoded(turn) for turn in _turns(read_capture(path))]


def read_capture(path: str | Path) -> list[Entry]:
    """What happened, in order.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no capture, or one of a later version.
    """
    lines = Path(path).read_bytes().splitlines()
    try:
        head, *entries = [json.loads(line) for line in lines if line.strip()]
        version = head["grokweb_capture"]
        if version == 1 and all(isinstance(entry["wire"], str) and entry["at"] >= 0 for entry in entries):
            return entries
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a capture of `grokweb chat --capture`.") from None
    raise ValueError(f"{path} is a capture of a later version of langchain-grokweb.")


def _turns(entries: list[Entry]) -> Iterator[list[Entry]]:
    turn: list[Entry] = []
    for entry in entries:
        sent = entry.get("sent")
        begins = sent and (entry["wire"] == "rest" or sent["event"]["type"] == "session.create")
        is_of_upgrade = entry["wire"] == "gateway" and "refused" in entry
        if turn and (begins or is_of_upgrade or turn[0]["wire"] != entry["wire"]):
            yield turn
            turn = []
        turn.append(entry)
    if turn:
        yield turn


def _decoded(turn: list[Entry]) -> Played:
    played = Played(turn[0]["wire"], seconds=turn[-1]["at"] - turn[0]["at"])
    reader = _RestReader() if played.wire == "rest" else _GatewayReader(turn)
    for entry in turn:
        if "refused" in entry:
            played.error = _refused(entry["refused"])
        played.events += reader.read(entry)
    played.events += reader.close()
    played.unknown = reader.unknown
    _answer(played)
    return played


def _answer(played: Played) -> None:
    """Make the message of the events; what failed stays beside it."""
    for event in played.events:
        if isinstance(event, ev.TurnFailed):
            played.error = event.error
    events = [event for event in played.events if not isinstance(event, ev.TurnFailed)]
    plan = Plan(None, [], [], "", "", "new")
    asked = RequestInfo(model="", mode="", account="", plan=plan, transport=played.wire)
    answer = Answer(asked, on_replaced="accept")
    answer.feed(events)
    answer.end_turn()
    if not any(isinstance(event, ev.AnswerFinished) for event in events) and played.error is None:
        played.error = GrokWebInterruptedError("The answer is not whole in this capture.")
    try:
        answer.finish()
    except GrokWebError as error:
        played.error = played.error or error
    else:
        played.message = answer.message()


def _refused(refusal: Mapping[str, Any]) -> GrokWebError:
    if "body" in refusal:
        body = orjson.dumps(refusal["body"])
    else:
        signs = " ".join(refusal.get("page", {}).get("signs", []))
        body = refusal.get("text", f"<!DOCTYPE html><title>{signs}</title>").encode()
    return error_mapping.from_reply(error_mapping.Reply(refusal["status"], refusal.get("headers", {}), body))


class _RestReader:
    def __init__(self) -> None:
        self._decoder = RestDecoder()

    @property
    def unknown(self) -> Counter[str]:
        return self._decoder.unknown

    def read(self, entry: Entry) -> list[ev.Event]:
        lines = [json.dumps(one).encode() + b"\n" for one in entry.get("received", ())]
        if "unreadable" in entry:
            lines.append(entry["unreadable"].encode("utf-8", "replace"))
        return [event for line in lines for event in self._decoder.feed(line)]

    def close(self) -> list[ev.Event]:
        return self._decoder.close()


class _GatewayReader:
    """Plays the client too: its frames have new ids, which take the place of the recorded ones."""

    def __init__(self, turn: list[Entry]) -> None:
        self._session = GatewaySession(Turn(prompt=""))
        self._recorded = [entry["sent"]["event"] for entry in turn if "event" in entry.get("sent", {})]
        self._new_ids: dict[str, str] = {}

    @property
    def unknown(self) -> Counter[str]:
        return self._session.unknown

    def read(self, entry: Entry) -> list[ev.Event]:
        self._send()
        for one in entry.get("received", ()):
            text = json.dumps(one)
            for recorded, new in self._new_ids.items():
                text = text.replace(f'"{recorded}"', f'"{new}"')
            self._session.receive(text)
            if self._session.is_ready:
                self._session.send_prompt()
                self._send()
        if "unreadable" in entry:
            self._session.receive(entry["unreadable"].encode("utf-8", "replace"))
        if "code" in entry.get("ended", {}):
            self._session.closed(entry["ended"]["code"], entry["ended"].get("reason", ""))
        return self._session.take()

    def close(self) -> list[ev.Event]:
        self._session.close()
        return self._session.take()

    def _send(self) -> None:
        for frame in self._session.outgoing():
            event = orjson.loads(frame)["event"]
            recorded = next((one for one in self._recorded if one.get("type") == event["type"]), None)
            if recorded is not None:
                self._recorded.remove(recorded)
                self._new_ids[str(recorded.get("event_id"))] = event["event_id"]
