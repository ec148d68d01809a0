"""The end of an answer: its calls, written down as this conversation wants them, or as a model gets them wrong."""

import json
from collections.abc import Callable
from dataclasses import replace

from langchain_grokweb.testing.assistant.slips import WITHOUT_WORDS, slipped, spell
from langchain_grokweb.testing.state.composition import Text
from langchain_grokweb.testing.state.script import PlanError, Reply


def written(reply: Reply, call_mark: Callable[[], str | None]) -> tuple[Reply, Text | None]:
    """The answer without its calls, and what its calls or its JSON come to; None where it is words and nothing else.

    Args:
        reply: The answer.
        call_mark: Reads the mark of calls from the prompt; only done where there are calls.

    Raises:
        PlanError: There are calls, and the prompt offers no tools.
    """
    if not reply.tool_calls and reply.slip is None:
        return reply, None
    mark = call_mark() if reply.tool_calls else ""
    if mark is None:
        names = ", ".join(str(call.get("name")) for call in reply.tool_calls)
        raise PlanError(
            f"A reply with the tool calls {names} was planned, but neither the prompt nor the conversation before it "
            "offers tools: there is no <tools mark=…> in it. Bind the tools, or plan the text of such a call."
        )
    if reply.slip is None:
        return reply, Text(("\n\n" if reply.text else "") + spell(reply.tool_calls, mark))
    kind, value = reply.slip, None if reply.tool_calls else json.loads(reply.text)
    text = slipped(kind, reply.tool_calls, value, mark)
    if kind in WITHOUT_WORDS or not reply.tool_calls:
        reply = replace(reply, text="", citations=(), slip=None)
    return reply, Text(("\n\n" if reply.text else "") + text, by_character=kind == "many_frames")
