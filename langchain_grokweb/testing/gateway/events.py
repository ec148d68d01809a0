"""The events of the server around an answer (gateway.md 4.1, 4.8 to 4.11), and their envelopes (gateway.md 2)."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from langchain_grokweb.testing.rest.stream import reversed_members
from langchain_grokweb.testing.state.faults import ERROR_REPLIES, STREAM_ERRORS
from langchain_grokweb.testing.state.inflight import Frame

MODALITIES = ("text",)

_DECODER = json.JSONDecoder()
_NAMED_CODES = frozenset({"anti_bot", "rate_limited"})
_KINDS: Mapping[str, str] = {"usage_limit": "usage_limit_reached"}
_CAPITAL = re.compile(r"(?<=[a-z])([A-Z])")


def said(body: Mapping[str, Any], **options: Any) -> Frame:
    """An event that concerns the running response; `options` are those of `Frame`."""
    return Frame("response", dict(body), **options)


def beside(body: Mapping[str, Any], **options: Any) -> Frame:
    """An event that stands beside the response, e.g. the conversation's title."""
    return Frame("result", dict(body), **options)


def item(item_id: str, role: str, status: str, **members: Any) -> dict[str, Any]:
    """An item of a conversation. Its `object` is a guess."""
    return {"id": item_id, "object": "realtime.item", "type": "message", "role": role, "status": status, **members}


def created(response_id: str, mode: str, client_event_id: str | None) -> Frame:
    """The first event of a response (captured)."""
    stamp = {"created_at": float(int(time.time() * 1000)), "model": mode}
    response = {"id": response_id, "status": "in_progress", "output_modalities": list(MODALITIES), "x_grok": stamp}
    return said({"type": "response.created", **answering(client_event_id), "response": response})


def answering(client_event_id: str | None) -> dict[str, Any]:
    """The member that names the client's event; nothing where that had no id."""
    return {} if client_event_id is None else {"client_event_id": client_event_id}


def done(response_id: str, status: str = "completed", **members: Any) -> Frame:
    """The end of the answer (captured); what follows comes late."""
    response = {"id": response_id, "status": status, "output_modalities": list(MODALITIES), **members}
    return said({"type": "response.done", "response": response}, completes=True)


def persisted() -> Frame:
    """The safe point for the next turn."""
    return beside({"type": "response.persisted", "status": "ok"})


def stream_error(response_id: str, name: str) -> Frame:
    """An error inside a response. `usage_limit_reached` was captured; the other kinds go by the schema's names."""
    kind = STREAM_ERRORS[name]
    error: dict[str, Any] = {"kind": _KINDS.get(name) or _snake(kind.member or name), "message": kind.message}
    error["severity"] = kind.severity
    if kind.value:
        error["details"] = {_snake(member): value for member, value in kind.value.items()}
    return said({"type": "response.grok.output", "response_id": response_id, "output": {"stream_error": error}})


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()


def failure(code: str | int, message: str, client_event_id: str | None = None) -> dict[str, Any]:
    """A top-level error. That its type is always this is a guess."""
    error = {"type": "invalid_request_error", "code": code, "message": message}
    return {"type": "error", **answering(client_event_id), "error": error}


def refusal(name: str, client_event_id: str | None = None) -> dict[str, Any]:
    """The top-level error that means what this reply or line means on the other wire. Most codes are guesses."""
    error = ERROR_REPLIES[name]
    return failure(name if name in _NAMED_CODES else error.code, error.message, client_event_id)


# -- envelopes


def event_ids() -> Iterator[str]:
    """The event ids of one session: `evt_<32 hex>_<n>`, n from 1."""
    prefix = f"evt_{uuid4().hex}_"
    return (f"{prefix}{number}" for number in itertools.count(1))


def enveloped(event: Mapping[str, Any], event_id: str, session_id: str | None) -> dict[str, Any]:
    """The envelope around an event; its id stands after its type."""
    numbered = {"type": event["type"], "event_id": event_id, **event}
    return {"event": numbered} if session_id is None else {"session_id": session_id, "event": numbered}


def compact(value: Any) -> str:
    """The usual spelling. Lone surrogates become question marks, since a text message cannot hold them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()


SPELLINGS: Mapping[str, Callable[[Any], str]] = {
    "pretty": lambda value: json.dumps(value, ensure_ascii=True, indent=2) + "\n",
    "reordered": lambda value: compact(reversed_members(value)),
}


def objects_in(message: str) -> list[Any]:
    """The JSON values of one message, which may hold several; the message itself where it holds something else."""
    values, rest = [], message.strip()
    try:
        while rest:
            value, end = _DECODER.raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip()
    except ValueError:
        return [message]
    return values or [message]
