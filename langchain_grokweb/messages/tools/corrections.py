"""The call that a repair prompt shows: the example of the tool that was meant, with what was right in the wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from langchain_grokweb.messages.tools.call_json import read_calls, read_json
from langchain_grokweb.messages.tools.call_parser import ToolFault
from langchain_grokweb.messages.tools.example_values import example_args
from langchain_grokweb.messages.tools.toolbox import Tool, Toolbox

_LONGEST_CALL = 500  # characters; a longer one is shown with the example's arguments alone
_MOST_ARGUMENTS = 20


def corrected_call(box: Toolbox, faults: Sequence[ToolFault]) -> str:
    """What stands between the marks of the call that was meant first, as far as that can be made out."""
    fault = next(iter(faults), ToolFault("", ""))
    args = _arguments(fault.raw)
    tool = box.find(box.choice) or _nearest(box, fault.name, args)
    call = tool.written(_with_what_fits(tool, args))
    return call if len(call) <= _LONGEST_CALL else tool.example


def _nearest(box: Toolbox, name: str, args: Mapping[str, Any]) -> Tool:
    """The tool with a name like this, else the one that takes most of these arguments."""
    near = difflib.get_close_matches(name, box.names, n=1, cutoff=0.5)
    named = box.find(near[0]) if near else None
    return named or max(box.tools, key=lambda tool: len(args.keys() & (tool.parameters.get("properties") or {}).keys()))


def _with_what_fits(tool: Tool, args: Mapping[str, Any]) -> dict[str, Any]:
    """The example's arguments, and of these each that its schema allows."""
    corrected = example_args(tool.parameters)
    for name, value in islice(args.items(), _MOST_ARGUMENTS):
        fitted, _ = tool.fit({**corrected, name: value})
        if fitted is not None and name in (tool.parameters.get("properties") or {}):
            corrected = fitted
    return corrected


def _arguments(raw: str) -> Mapping[str, Any]:
    """The arguments of a call as it was written, where they can be read."""
    try:
        calls = read_calls(read_json(raw)[0], bare=False)
    except ValueError:
        return {}
    args = calls[0][1] if calls else None
    return args if isinstance(args, Mapping) else {}
