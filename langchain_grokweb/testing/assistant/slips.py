"""How a model writes down its calls and its JSON, and the ways in which it gets them wrong.

A slip is one of the things that real models do instead of what the prompt asks for: some of them a client can
understand, some it has to have repaired, and some mean no call at all.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Call = Mapping[str, Any]

SLIPS: Mapping[str, str] = {
    "broken_json": "JSON without its end",
    "fenced": "the call or the JSON in a code fence",
    "made_up_result": "a result that was made up, after the call",
    "many_frames": "the call or the JSON streamed one character a token",
    "no_mark": "<tool>{...}</tool> without the mark, and nothing else",
    "openai": '{"tool_calls": [{"type": "function", ...}]}, and nothing else',
    "openai_function": '{"function_call": {...}}, and nothing else',
    "prose_around": "words before and after the call or the JSON",
    "refusal": "words instead of the call or the JSON",
    "wrong_args": "the call or the JSON without its first member",
    "wrong_name": "the call of a tool that does not exist; JSON with other keys",
    "xai": "Grok's own <xai:function_call> with parameters as elements, and nothing else",
    "xml": '<tool_call name="...">{...}</tool_call>, and nothing else',
}
WITHOUT_WORDS = frozenset({"no_mark", "openai", "openai_function", "refusal", "xai", "xml"})  # the answer's text goes

_REFUSAL = "I am sorry, but I cannot do that from here. You would have to look it up yourself."
_PROSE = "Of course! This is what I came up with:\n\n{}\n\nI hope this helps. Let me know if you need anything else."
_INVENTED = "The result is here already: 22 degrees and sunny. So it is 22 degrees and sunny."


def written(kind: str | None, calls: Sequence[Call], value: Any, mark: str) -> str:
    """Calls, or the JSON value where there are none, as the prompt wants them, or as this kind of slip has them."""
    plain = _marked(calls, mark) if calls else _json(value)
    common = {
        None: plain,
        "fenced": f"```json\n{plain}\n```",
        "made_up_result": f"{plain}\n{_INVENTED}",
        "many_frames": plain,
        "prose_around": _PROSE.format(plain),
        "refusal": _REFUSAL,
    }
    own = _wrong_calls(calls, plain, mark) if calls else _wrong_json(value, plain)
    # a confused model makes one call of JSON
    return (common | own | _foreign(calls or [{"name": "json", "args": value}]))[kind]


def _marked(calls: Sequence[Call], mark: str) -> str:
    return "\n".join(f"<tool:{mark}>{_json(call)}</tool:{mark}>" for call in calls)


def _wrong_calls(calls: Sequence[Call], plain: str, mark: str) -> dict[str, str]:
    return {
        "broken_json": plain.replace("}}</", "</"),
        "no_mark": "\n".join(f"<tool>{_json(call)}</tool>" for call in calls),
        "wrong_args": _marked([{**call, "args": _without_one(call.get("args"))} for call in calls], mark),
        "wrong_name": _marked([{**call, "name": f"{call.get('name', '')}_tool"} for call in calls], mark),
    }


def _wrong_json(value: Any, plain: str) -> dict[str, str]:
    renamed = isinstance(value, dict) and {f"{key}_value": member for key, member in value.items()}
    return {
        "broken_json": plain[:-1],
        "no_mark": f"<json>{plain}</json>",
        "wrong_args": _json(_without_one(value)),
        "wrong_name": _json(renamed or "value"),
    }


def _foreign(calls: Sequence[Call]) -> dict[str, str]:
    """Calls in forms that the prompt did not ask for."""
    functions = [{"name": call.get("name"), "arguments": _json(call.get("args", {}))} for call in calls]
    legacy = [{"function_call": function} for function in functions]
    elements = [
        f"<tool_call name={quoteattr(str(function['name']))}>{function['arguments']}</tool_call>"
        for function in functions
    ]
    return {
        "openai": _json({"tool_calls": [{"type": "function", "function": function} for function in functions]}),
        "openai_function": _json(legacy[0] if len(legacy) == 1 else legacy),
        "xai": "\n".join(map(_xai, calls)),
        "xml": "\n".join(elements),
    }


def _xai(call: Call) -> str:
    args = call.get("args")
    parameters = "".join(
        f"<parameter name={quoteattr(str(key))}>{escape(value if isinstance(value, str) else _json(value))}</parameter>"
        for key, value in (args.items() if isinstance(args, Mapping) else ())
    )
    return f"<xai:function_call name={quoteattr(str(call.get('name')))}>{parameters}</xai:function_call>"


def _without_one(value: Any) -> Any:
    """An object without its first member; something else for what is none."""
    if not isinstance(value, Mapping) or not value:
        return ["not what was asked for"]
    return dict(list(value.items())[1:])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
