"""Bodies of both eras, against the captured ones of the protocol reference (rest.md 3.1)."""

from __future__ import annotations

import pytest

from langchain_grokweb.wire import rest
from langchain_grokweb.wire.turn import ConversationRef, Turn

REF = ConversationRef("11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000")

# Captured 2025-03-16 from a browser, and the library body of 2025-03-04, which had customInstructions.
SEED_NEW = """temporary modelName message fileAttachments imageAttachments disableSearch enableImageGeneration
    returnImageBytes returnRawGrokInXaiRequest enableImageStreaming imageGenerationCount forceConcise toolOverrides
    enableSideBySide isPreset sendFinalMetadata deepsearchPreset isReasoning webpageUrls customInstructions""".split()
# 2026-07: neither connectors, searchAllConnectors, toolOverrides, modelName nor modelMode may be there.
MODE_NEW = """temporary message fileAttachments imageAttachments disableSearch enableImageGeneration returnImageBytes
    returnRawGrokInXaiRequest enableImageStreaming imageGenerationCount forceConcise enableSideBySide sendFinalMetadata
    disableTextFollowUps responseMetadata disableMemory forceSideBySide isAsyncChat disableSelfHarmShortCircuit
    collectionIds disabledConnectorIds deviceEnvInfo modeId enable420""".split()
MODE_FOLLOW_UP = """message parentResponseId fileAttachments imageAttachments disableSearch enableImageGeneration
    returnImageBytes returnRawGrokInXaiRequest enableImageStreaming imageGenerationCount forceConcise enableSideBySide
    sendFinalMetadata disableTextFollowUps isAsyncChat disableSelfHarmShortCircuit metadata modeId
    skipCancelCurrentInflightRequests""".split()


@pytest.mark.parametrize(
    ("name", "model_name", "reasoning"),
    [
        ("grok-3", "grok-3", False),
        ("grok-3-thinking", "grok-3", True),
        ("grok-3-r1", "grok-3", True),
        ("grok-2", "grok-latest", False),
    ],
)
def test_the_three_seed_names_are_asked_for_in_their_own_era(name: str, model_name: str, reasoning: bool):
    body = rest.payload(Turn(prompt="Hi", model=name))
    assert sorted(body) == sorted(SEED_NEW)
    assert (body["message"], body["modelName"], body["isReasoning"]) == ("Hi", model_name, reasoning)
    assert body["enableSideBySide"] is False


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("auto", "auto"),
        ("expert", "expert"),
        ("grok-4", "auto"),
        ("grok-4-heavy", "heavy"),
        ("grok-9-future", "grok-9-future"),
    ],
)
def test_other_names_are_modes(name: str, mode: str):
    body = rest.payload(Turn(prompt="Hi", model=name))
    assert sorted(body) == sorted(MODE_NEW)
    assert body["modeId"] == mode


def test_a_new_conversation_and_a_follow_up_have_their_own_address():
    assert rest.path(Turn(prompt="Hi")) == "/rest/app-chat/conversations/new"
    assert rest.path(Turn(prompt="Hi", conversation=REF)) == (
        "/rest/app-chat/conversations/11111111-0000-4000-8000-000000000000/responses"
    )


def test_a_follow_up_names_its_parent_and_has_no_members_of_a_new_one():
    seed = rest.payload(Turn(prompt="Hi", conversation=REF))
    assert seed["parentResponseId"] == REF.parent_response_id
    assert set(seed) == set(SEED_NEW) - {"temporary", "isPreset"} | {
        "parentResponseId",
        "skipCancelCurrentInflightRequests",
    }
    mode = rest.payload(Turn(prompt="Hi", model="fast", conversation=REF))
    assert sorted(mode) == sorted(MODE_FOLLOW_UP)


@pytest.mark.parametrize("model", ["grok-3", "auto"])
def test_switches(model: str):
    plain = rest.payload(Turn(prompt="Hi", model=model))
    assert (plain["disableSearch"], plain["enableImageGeneration"], plain["imageGenerationCount"]) == (False, True, 2)
    assert plain["temporary"] is False
    off = rest.payload(
        Turn(
            prompt="Hi",
            model=model,
            temporary=True,
            search=False,
            image_generation=False,
            image_count=1,
            deep_search="deeper",
        )
    )
    assert (off["disableSearch"], off["enableImageGeneration"], off["imageGenerationCount"]) == (True, False, 1)
    assert (off["temporary"], off["deepsearchPreset"]) == (True, "deeper")


def test_custom_instructions_go_in_the_field_of_the_era():
    assert rest.payload(Turn(prompt="Hi", custom_instructions="Be brief."))["customInstructions"] == "Be brief."
    assert (
        rest.payload(Turn(prompt="Hi", model="auto", custom_instructions="Be brief."))["customPersonality"]
        == "Be brief."
    )


@pytest.mark.parametrize("name", ["grok-3", "auto"])
def test_files_are_named_by_their_ids(name: str):
    body = rest.payload(Turn(prompt="Hi", model=name, file_ids=("f1", "f2")))
    assert (body["fileAttachments"], body["imageAttachments"]) == (["f1", "f2"], [])
