"""An answer's calls, written down as this conversation wants them, or as a misbehaving model would."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_grokweb.testing.assistant.instructions import Brief
from langchain_grokweb.testing.assistant.slips import Spelled, slipped, spell
from langchain_grokweb.testing.state.composition import Text
from langchain_grokweb.testing.state.script import Reply

_NOTHING = object()


def written(reply: Reply, read: Callable[[], Brief], next_slip: Callable[[], str | None]) -> tuple[Reply, Text | None]:
    """The answer without its calls, and what its calls or its JSON come to; None where it is mere words.

    Args:
        reply: The answer.
        read: Reads what the turn asks for; only done where it matters.
        next_slip: Takes the misbehaviour that is due; only done where there is something to get wrong.
    """
    value = _json_of(reply)
    if not reply.tool_calls and value is _NOTHING:
        return reply, None
    brief = read()
    if not reply.tool_calls and not brief.notes.is_json and reply.slip is None:
        return reply, None
    kind = reply.slip or next_slip()
    if kind is not None:
        spelled = slipped(kind, reply.tool_calls, value, brief)
    elif reply.tool_calls:
        spelled = Spelled(spell(reply.tool_calls, brief.mark))
    else:
        return reply, None
    if spelled.alone or not reply.tool_calls:
        reply = replace(reply, text="", citations=(), slip=None)
    return reply, Text(("\n\n" if reply.text else "") + spelled.text, by_character=spelled.by_character)


def _json_of(reply: Reply) -> Any:
    if reply.tool_calls or not reply.text.lstrip().startswith(("{", "[", '"')):
        return _NOTHING
    try:
        return json.loads(reply.text)
    except ValueError:
        return _NOTHING
