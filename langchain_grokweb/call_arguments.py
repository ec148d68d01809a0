"""What may be given in one call: a closed list, so that no word of the caller's is passed over in silence.

Two kinds of arguments count: the model's own fields, as far as they shape a request, and what LangChain itself passes
through. A field that is given in a call counts for that call. Everything else is an error before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.messages.output_spec import KEEPS_UNFIT, MADE_OF

_Model = TypeVar("_Model", bound=BaseChatModel)

LANGCHAINS = frozenset(
    {
        "ls_structured_output_format",
        "parallel_tool_calls",
        "response_format",
        "stream",
        "strict",
        "tool_choice",
        "tools",
        KEEPS_UNFIT,
        MADE_OF,
    }
)
# Who asks, where and by what connection: the model's alone.
_THE_MODELS_ALONE = frozenset(
    {"assets_url", "base_url", "cookies", "credentials", "headers", "http_client", "proxy", "streaming"}
)
SECOND_NAMES = {"model_name": "model", "stop_sequences": "stop", "api_key": "cookies"}
_SIMILARITY = 0.75  # of a misspelt name; that of `reasoning_effort` and `response_format` is 0.65
# What other chat models take and would be ignored here, and what to use instead.
_INSTEAD = {
    "functions": "Bind them with `bind_tools`.",
    "previous_response_id": "Use `parent_response_id=`, with its `conversation_id=`.",
}


def for_call(model: _Model, arguments: Mapping[str, Any]) -> tuple[_Model, dict[str, Any]]:
    """The model as this call wants it, and the arguments that are LangChain's.

    Args:
        model: The model, which stays as it is.
        arguments: The keyword arguments of the call; a field that is `None` is the model's own.

    Raises:
        GrokWebInvalidRequestError: An argument is unknown, or has a value that it cannot have.
    """
    if not arguments:
        return model, {}
    fields = _fields_of(type(model))
    known = fields | LANGCHAINS
    for name in arguments:
        if SECOND_NAMES.get(name, name) not in known:
            raise _unknown(name, type(model).model_fields.keys(), known | SECOND_NAMES.keys())
    named = {SECOND_NAMES.get(name, name): value for name, value in arguments.items()}
    changes = {name: value for name, value in named.items() if name in fields and value is not None}
    if "conversation_id" in changes and "parent_response_id" in fields:  # an answer belongs to its conversation
        changes.setdefault("parent_response_id", None)
    return _changed(model, changes), {name: value for name, value in named.items() if name in LANGCHAINS}


@cache
def _fields_of(kind: type[BaseChatModel]) -> frozenset[str]:
    """The fields of a model that a call may change."""
    return frozenset(kind.model_fields.keys() - BaseChatModel.model_fields.keys() - _THE_MODELS_ALONE)


def without_values(error: ValidationError) -> ValidationError:
    """The same error, without the values that were given: one may be a cookie in the wrong place."""
    lines = [
        InitErrorDetails(
            type=PydanticCustomError(detail["type"], "{text}", {"text": detail["msg"]}),
            loc=detail["loc"],
            input="[hidden]",
        )
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ValidationError.from_exception_data(error.title, lines, hide_input=True)


def _changed(model: _Model, changes: Mapping[str, Any]) -> _Model:
    if not changes:
        return model
    changed = model.model_copy()
    for name, value in changes.items():
        try:
            changed.__pydantic_validator__.validate_assignment(changed, name, value)
        except ValidationError as error:
            reason = error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"]
            raise GrokWebInvalidRequestError(
                f"The call's argument `{name}=` has a wrong value: {reason}.",
                next_step=f"Correct `{name}=`.",
            ) from None
    return changed


def _unknown(name: str, all_fields: Any, known: Any) -> GrokWebInvalidRequestError:
    field = SECOND_NAMES.get(name, name)
    if name in _INSTEAD:
        next_step = _INSTEAD[name]
    elif field in all_fields:
        next_step = f"Pass it to the model's constructor, as `{field}=`."
    elif similar := get_close_matches(name, sorted(known), n=1, cutoff=_SIMILARITY):
        next_step = f"Leave it out. Perhaps you mean `{similar[0]}=`."
    else:
        next_step = "Leave it out."
    return GrokWebInvalidRequestError(f"A call has no argument `{name}=`.", next_step=next_step)
