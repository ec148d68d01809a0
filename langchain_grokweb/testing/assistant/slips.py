"""How a model writes down its calls and its JSON, and the ways in which it gets them wrong.

A call is spelled as the client's instructions ask for. A slip is one of the things that real models do instead: some
of them a client can understand, some it has to have mended, and some mean no call at all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from langchain_grokweb.testing.assistant.instructions import Brief

Call = Mapping[str, Any]

REFUSAL = "I am sorry, but I cannot do that from here. You would have to look it up yourself."
_PROSE_BEFORE = "Of course! This is what I came up with:"
_PROSE_AFTER = "I hope this helps. Tell me if you need anything else."
_INVENTED = "The result is here already: 22 degrees and sunny. So it is 22 degrees and sunny."


@dataclass(frozen=True, slots=True)
class Spelled:
    """An answer's end, written down.

    Attributes:
        text: The calls or the JSON.
        alone: What stood before it is left away.
        by_character: It is streamed one character a token.
    """

    text: str
    alone: bool = False
    by_character: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """What would be written: calls, or JSON where there are none."""

    calls: tuple[Call, ...]
    value: Any
    brief: Brief

    @property
    def mark(self) -> str | None:
        return self.brief.mark

    def plain(self) -> str:
        """As it should be."""
        return spell(self.calls, self.mark) if self.calls else _dumped(self.value)

    def wrapped(self) -> tuple[Call, ...]:
        """The calls; JSON as the one call that a confused model makes of it."""
        return self.calls or ({"name": "json", "args": self.value},)


def spell(calls: Sequence[Call], mark: str | None) -> str:
    """Calls in the form that the instructions ask for; a fenced block of JSON where there were none."""
    if mark is None:
        return f"```json\n{_dumped({'tool_calls': [dict(call) for call in calls]})}\n```"
    return _tagged(calls, f"tool:{mark}")


def slipped(kind: str, calls: Sequence[Call], value: Any, brief: Brief) -> Spelled:
    """Calls, or the JSON value where there are none, as this slip writes them."""
    return _SLIPS[kind][1](_Said(tuple(calls), value, brief))


def known_slip(kind: str) -> str:
    """The kind itself.

    Raises:
        ValueError: there is none of this name.
    """
    if kind not in _SLIPS:
        raise ValueError(f"No misbehaviour is called {kind!r}; there are: {', '.join(sorted(_SLIPS))}")
    return kind


def descriptions() -> dict[str, str]:
    """All slips, each with what it does."""
    return {name: description for name, (description, _) in sorted(_SLIPS.items())}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tagged(calls: Sequence[Call], tag: str) -> str:
    return "\n".join(f"<{tag}>{_dumped(dict(call))}</{tag.partition(' ')[0]}>" for call in calls)


def _args(call: Call) -> Mapping[str, Any]:
    args = call.get("args")
    return args if isinstance(args, Mapping) else {}


# -- the slips


def _wrong_name(said: _Said) -> Spelled:
    if said.calls:
        calls = [{**call, "name": f"{call.get('name', '')}_tool"} for call in said.calls]
        return Spelled(spell(calls, said.mark))
    renamed = {f"{key}_value": one for key, one in said.value.items()} if isinstance(said.value, dict) else "value"
    return Spelled(_dumped(renamed))


def _broken_json(said: _Said) -> Spelled:
    if not said.calls:
        return Spelled(said.plain()[:-1])
    lines = [f"<tool:{said.mark}>{_dumped(dict(call))[:-2]}</tool:{said.mark}>" for call in said.calls]
    return Spelled("\n".join(lines) if said.mark else said.plain().replace("]}\n```", "\n```"))


def _fenced(said: _Said) -> Spelled:
    text = said.plain()
    return Spelled(text if text.startswith("```") else f"```json\n{text}\n```")


def _openai(said: _Said) -> Spelled:
    calls = [{"type": "function", "function": _function(call)} for call in said.wrapped()]
    return Spelled(_dumped({"tool_calls": calls}), alone=True)


def _openai_function(said: _Said) -> Spelled:
    calls = [{"function_call": _function(call)} for call in said.wrapped()]
    return Spelled(_dumped(calls[0] if len(calls) == 1 else calls), alone=True)


def _function(call: Call) -> dict[str, Any]:
    return {"name": call.get("name"), "arguments": _dumped(call.get("args", {}))}


def _xml(said: _Said) -> Spelled:
    blocks = [
        f"<tool_call name={quoteattr(str(call.get('name')))}>{_dumped(call.get('args', {}))}</tool_call>"
        for call in said.wrapped()
    ]
    return Spelled("\n".join(blocks), alone=True)


def _xai(said: _Said) -> Spelled:
    return Spelled("\n".join(map(_xai_call, said.wrapped())), alone=True)


def _xai_call(call: Call) -> str:
    parameters = "".join(
        f"<parameter name={quoteattr(key)}>{escape(one if isinstance(one, str) else _dumped(one))}</parameter>"
        for key, one in _args(call).items()
    )
    return f"<xai:function_call name={quoteattr(str(call.get('name')))}>{parameters}</xai:function_call>"


def _prose_around(said: _Said) -> Spelled:
    return Spelled(f"{_PROSE_BEFORE}\n\n{said.plain()}\n\n{_PROSE_AFTER}")


def _refusal(_said: _Said) -> Spelled:
    return Spelled(REFUSAL, alone=True)


def _many_frames(said: _Said) -> Spelled:
    return Spelled(said.plain(), by_character=True)


def _made_up_result(said: _Said) -> Spelled:
    return Spelled(f"{said.plain()}\n{_INVENTED}")


def _quoted_markup(said: _Said) -> Spelled:
    wrong = (said.mark or "c0ffee")[::-1]
    wrong = wrong if wrong != said.mark else "".join("1" if digit == "0" else "0" for digit in wrong)
    quoted = spell(said.wrapped(), wrong)
    return Spelled(f"One would write a call like this: {quoted} on a line of its own. I did not do so.", alone=True)


def _wrong_args(said: _Said) -> Spelled:
    if not said.calls:
        return Spelled(_dumped(_without_one(said.value, said.brief.notes.schema or {})))
    calls = [
        {**call, "args": _without_one(_args(call), said.brief.tool(str(call.get("name"))).parameters)}
        for call in said.calls
    ]
    return Spelled(spell(calls, said.mark))


def _without_one(value: Any, schema: Mapping[str, Any]) -> Any:
    """An object without its first required member, or without its first; something else for what is none."""
    if not isinstance(value, Mapping) or not value:
        return ["not what was asked for"]
    missing = next((key for key in schema.get("required", ()) if key in value), next(iter(value)))
    return {key: one for key, one in value.items() if key != missing}


def _two_calls(said: _Said) -> Spelled:
    if not said.calls:
        return Spelled(f"{said.plain()}\n{said.plain()}")
    return Spelled(spell(said.calls if len(said.calls) > 1 else said.calls * 2, said.mark))


def _no_mark(said: _Said) -> Spelled:
    return Spelled(_tagged(said.calls, "tool") if said.calls else f"<json>{said.plain()}</json>", alone=True)


_SLIPS: Mapping[str, tuple[str, Callable[[_Said], Spelled]]] = {
    "wrong_name": ("the call of a tool that does not exist; JSON with other keys", _wrong_name),
    "broken_json": ("JSON without its end", _broken_json),
    "fenced": ("the call or the JSON in a code fence", _fenced),
    "openai": ('{"tool_calls": [{"type": "function", "function": {...}}]}, and nothing else', _openai),
    "openai_function": ('{"function_call": {"name", "arguments"}}, and nothing else', _openai_function),
    "xml": ('<tool_call name="...">{...}</tool_call>, and nothing else', _xml),
    "xai": ("Grok's own <xai:function_call> with parameters as elements, and nothing else", _xai),
    "prose_around": ("words before and behind the call or the JSON", _prose_around),
    "refusal": ("words instead of the call or the JSON", _refusal),
    "many_frames": ("the call or the JSON streamed one character a token", _many_frames),
    "made_up_result": ("a result that was made up, behind the call", _made_up_result),
    "quoted_markup": ("words that quote a call with a wrong mark, and no call", _quoted_markup),
    "wrong_args": ("the call or the JSON without a member that it needs", _wrong_args),
    "two_calls": ("the call or the JSON twice", _two_calls),
    "no_mark": ("<tool>{...}</tool> without the mark, and nothing else", _no_mark),
}
