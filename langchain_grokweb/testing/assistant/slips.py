"""How a model writes down its calls and its JSON, and the ways in which it gets them wrong.

A slip is one of the things that real models do instead of what the prompt asks for: some of them a client can
understand, some it has to have repaired, and some mean no call at all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Call = Mapping[str, Any]

REFUSAL = "I am sorry, but I cannot do that from here. You would have to look it up yourself."
_PROSE = "Of course! This is what I came up with:\n\n{}\n\nI hope this helps. Let me know if you need anything else."
_INVENTED = "The result is here already: 22 degrees and sunny. So it is 22 degrees and sunny."


@dataclass(frozen=True, slots=True)
class _Answer:
    """What would be written: calls with their mark, or a JSON value where there are none."""

    calls: Sequence[Call]
    value: Any
    mark: str

    def plain(self) -> str:
        """As it should be."""
        return spell(self.calls, self.mark) if self.calls else _json(self.value)

    def as_calls(self) -> Sequence[Call]:
        """The calls; JSON as the one call that a confused model makes of it."""
        return self.calls or ({"name": "json", "args": self.value},)


def spell(calls: Sequence[Call], mark: str) -> str:
    """Calls in the form of the prompt's format, one a line."""
    return "\n".join(f"<tool:{mark}>{_json(dict(call))}</tool:{mark}>" for call in calls)


def slipped(kind: str, calls: Sequence[Call], value: Any, mark: str) -> tuple[str, bool]:
    """Calls, or the JSON value where there are none, as this slip writes them; and whether no words come before."""
    slip = _SLIPS[kind]
    return slip.write(_Answer(calls, value, mark)), slip.is_alone


def descriptions() -> dict[str, str]:
    """All slips, each with what it does."""
    return {name: slip.description for name, slip in sorted(_SLIPS.items())}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# -- the slips


def _wrong_name(answer: _Answer) -> str:
    if answer.calls:
        return spell([{**call, "name": f"{call.get('name', '')}_tool"} for call in answer.calls], answer.mark)
    renamed = isinstance(answer.value, dict) and {f"{key}_value": value for key, value in answer.value.items()}
    return _json(renamed or "value")


def _broken_json(answer: _Answer) -> str:
    return answer.plain().replace("}}</", "</") if answer.calls else answer.plain()[:-1]


def _wrong_args(answer: _Answer) -> str:
    if not answer.calls:
        return _json(_without_one(answer.value))
    return spell([{**call, "args": _without_one(call.get("args"))} for call in answer.calls], answer.mark)


def _without_one(value: Any) -> Any:
    """An object without its first member; something else for what is none."""
    if not isinstance(value, Mapping) or not value:
        return ["not what was asked for"]
    return dict(list(value.items())[1:])


def _openai(answer: _Answer) -> str:
    return _json({"tool_calls": [{"type": "function", "function": _function(call)} for call in answer.as_calls()]})


def _openai_function(answer: _Answer) -> str:
    calls = [{"function_call": _function(call)} for call in answer.as_calls()]
    return _json(calls[0] if len(calls) == 1 else calls)


def _function(call: Call) -> dict[str, Any]:
    return {"name": call.get("name"), "arguments": _json(call.get("args", {}))}


def _xml(answer: _Answer) -> str:
    return "\n".join(
        f"<tool_call name={quoteattr(str(call.get('name')))}>{_json(call.get('args', {}))}</tool_call>"
        for call in answer.as_calls()
    )


def _xai(answer: _Answer) -> str:
    return "\n".join(map(_xai_call, answer.as_calls()))


def _xai_call(call: Call) -> str:
    args = call.get("args")
    parameters = "".join(
        f"<parameter name={quoteattr(key)}>{escape(value if isinstance(value, str) else _json(value))}</parameter>"
        for key, value in (args.items() if isinstance(args, Mapping) else ())
    )
    return f"<xai:function_call name={quoteattr(str(call.get('name')))}>{parameters}</xai:function_call>"


def _no_mark(answer: _Answer) -> str:
    if not answer.calls:
        return f"<json>{answer.plain()}</json>"
    return "\n".join(f"<tool>{_json(dict(call))}</tool>" for call in answer.calls)


@dataclass(frozen=True, slots=True)
class _Slip:
    """One slip; what stood before the calls is left out where it `is_alone`."""

    description: str
    write: Callable[[_Answer], str]
    is_alone: bool = False


_SLIPS: Mapping[str, _Slip] = {
    "broken_json": _Slip("JSON without its end", _broken_json),
    "fenced": _Slip("the call or the JSON in a code fence", lambda answer: f"```json\n{answer.plain()}\n```"),
    "made_up_result": _Slip("a result that was made up, after the call", lambda a: f"{a.plain()}\n{_INVENTED}"),
    "many_frames": _Slip("the call or the JSON streamed one character a token", _Answer.plain),
    "no_mark": _Slip("<tool>{...}</tool> without the mark, and nothing else", _no_mark, is_alone=True),
    "openai": _Slip('{"tool_calls": [{"type": "function", ...}]}, and nothing else', _openai, is_alone=True),
    "openai_function": _Slip('{"function_call": {...}}, and nothing else', _openai_function, is_alone=True),
    "prose_around": _Slip("words before and after the call or the JSON", lambda a: _PROSE.format(a.plain())),
    "refusal": _Slip("words instead of the call or the JSON", lambda _: REFUSAL, is_alone=True),
    "wrong_args": _Slip("the call or the JSON without its first member", _wrong_args),
    "wrong_name": _Slip("the call of a tool that does not exist; JSON with other keys", _wrong_name),
    "xai": _Slip("Grok's own <xai:function_call> with parameters as elements, and nothing else", _xai, is_alone=True),
    "xml": _Slip('<tool_call name="...">{...}</tool_call>, and nothing else', _xml, is_alone=True),
}
