"""A call's own arguments take effect, or are refused by name before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from paths import PATHS
from pydantic import AliasChoices

from langchain_grokweb import ChatGrokWeb, GrokWebInvalidRequestError, GrokWebToolCallError
from langchain_grokweb.call_arguments import LANGCHAINS, SECOND_NAMES

TOOL = {"type": "function", "function": {"name": "now", "description": "The time."}}


@pytest.mark.parametrize("way", PATHS)
def test_a_secret_stays_out_of_the_history(grok, model, way):
    answer = PATHS[way](model, "secret", temporary=True)
    assert grok.turns[0].temporary
    assert answer.response_metadata["grokweb"]["temporary"] is True
    PATHS[way](model, "no secret")
    assert not grok.turns[1].temporary


@pytest.mark.parametrize("is_bound", [False, True])
def test_a_field_counts_for_its_call_alone(grok, model, is_bound):
    def ask(**kwargs: Any) -> Any:
        return model.bind(**kwargs).invoke("Hi") if is_bound else model.invoke("Hi", **kwargs)

    ask(model="expert")
    assert grok.turns[-1].mode == "expert"
    ask(model_name="expert")
    assert grok.turns[-1].mode == "expert"
    ask(conversation="stateless")
    assert grok.turns[-1].temporary
    grok.reply("one two three")
    assert ask(stop_sequences=["two"]).text == "one "
    grok.reply("one two three")
    assert ask(stop_sequences="two").text == "one "
    before = len(grok.turns)
    grok.reply("No.")
    with pytest.raises(GrokWebToolCallError):
        ask(tools=[TOOL], tool_choice="any", tool_repair_attempts=0)
    assert len(grok.turns) == before + 1
    grok.reply("Here.", images=["a cat"])
    assert "![" in ask(image_markdown=True).text
    ask()
    assert (grok.turns[-1].mode == "expert", grok.turns[-1].temporary) == (False, False)


@pytest.mark.wire("rest")
def test_what_shapes_the_request_is_in_it(grok, model):
    model.invoke("Hi", search=False, image_generation=False, image_count=5, custom_instructions="Be brief.")
    body = next(request.body for request in grok.requests if request.path.endswith("/new"))
    assert "Be brief." in str(body)
    model.invoke("Hi")
    plain = [request.body for request in grok.requests if request.path.endswith("/new")][-1]
    assert "Be brief." not in str(plain)
    assert {name for name in body if body[name] != plain.get(name)} >= {"disableSearch", "enableImageGeneration"}


def test_a_conversation_of_a_call_is_not_looked_for_beside_the_models_answer(grok, make_model):
    first = make_model().invoke([HumanMessage("Hi")]).response_metadata["grokweb"]
    other = make_model().invoke([HumanMessage("Ho")]).response_metadata["grokweb"]
    place = {"conversation_id": first["conversation_id"], "parent_response_id": first["response_id"]}
    make_model(**place).invoke("Go on.", conversation_id=other["conversation_id"])
    assert grok.turns[-1].parent_response_id == other["response_id"]
    make_model(**place).invoke("Go on.", conversation_id=None)
    assert grok.turns[-1].parent_response_id == first["response_id"]


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temporay": True}, r"no argument `temporay=`.*`temporary=`"),
        ({"custom_instruction": "x"}, r"no argument `custom_instruction=`.*`custom_instructions=`"),
        ({"deepsearch": "deeper"}, r"no argument `deepsearch=`.*`deep_search=`"),
        ({"tool": [TOOL]}, r"no argument `tool=`.*`tools=`"),
        ({"top_p": 0.5}, r"no argument `top_p=`"),
        ({"functions": [TOOL]}, r"no argument `functions=`.*bind_tools"),
        ({"previous_response_id": "x"}, r"no argument `previous_response_id=`.*parent_response_id"),
        ({"cookies": "sso=other"}, r"no argument `cookies=`.*to the model's constructor"),
        ({"api_key": "sso=other"}, r"no argument `api_key=`.*to the model's constructor, as `cookies=`"),
        ({"rate_limiter": None}, r"no argument `rate_limiter=`.*to the model's constructor"),
        ({"base_url": "http://localhost"}, r"no argument `base_url=`.*to the model"),
        ({"temporary": "perhaps"}, r"`temporary=` has a wrong value"),
        ({"image_count": 99}, r"`image_count=` has a wrong value"),
        ({"model": {"a": 1}}, r"`model=` has a wrong value"),
        ({"conversation": "sometimes"}, r"`conversation=` has a wrong value"),
    ],
)
def test_anything_else_is_refused_by_name(grok, model, way, arguments, message):
    with pytest.raises(GrokWebInvalidRequestError, match=message) as raised:
        PATHS[way](model.bind(**arguments), "secret")
    assert "sso=other" not in str(raised.value)
    assert grok.requests == []


@pytest.mark.parametrize("name", ["n", "logprobs", "top_p", "top_k", "seed", "user", "reasoning_effort", "cookie"])
def test_nothing_is_suggested_that_is_not_alike(model, name):
    with pytest.raises(GrokWebInvalidRequestError) as raised:
        model.invoke("Hi", **{name: 1})
    assert str(raised.value) == f"A call has no argument `{name}=`. Leave it out."


def test_what_langchain_passes_through_is_no_field():
    assert not LANGCHAINS & ChatGrokWeb.model_fields.keys()


def test_the_second_names_are_those_of_the_fields():
    names = {
        name: field.validation_alias.choices
        for name, field in ChatGrokWeb.model_fields.items()
        if isinstance(field.validation_alias, AliasChoices)
    }
    assert {second: name for name, (_, *others) in names.items() for second in others} == SECOND_NAMES
