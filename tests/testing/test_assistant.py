"""Who answers when nothing is planned."""

import asyncio
import base64

import pytest

from langchain_grokweb.testing import Reply, TurnContext
from langchain_grokweb.testing.assistant.answers import SIGNATURE, built_in


def context(prompt, history=(), **options):
    given = {"thinking": False, "search": True, "images": True, "temporary": False}
    return TurnContext(prompt, tuple(history), "c", None, "auto", **(given | options))


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
        ("System: be brief\n\nUser: what's the capital of the France", "The capital of France is Paris."),
        ("What is my name?", "You have not told me your name."),
        ("My name is Ada", "Nice to meet you, Ada."),
        ("User: my name is Ada\nUser: what is my name?", "Your name is Ada."),
        ("Tell me something", "You wrote: “Tell me something”"),
        ("", "You wrote: “”"),
    ],
)
def test_what_it_knows(prompt, said):
    reply = built_in(context(prompt))
    assert reply.text == f"{said} {SIGNATURE} This is turn 1 of our conversation."
    assert reply == built_in(context(prompt))


def test_it_never_passes_itself_off_as_grok():
    for prompt in ("Draw a fox", "search for news", "What is 1+1?", "hello"):
        assert "not Grok" in built_in(context(prompt)).text


def test_it_thinks_when_asked_to():
    assert built_in(context("hello")).reasoning is None
    assert built_in(context("hello", thinking=True)).reasoning


def test_it_draws_and_searches_when_allowed():
    assert built_in(context("Draw a fox")).images == ["Draw a fox"]
    assert built_in(context("Draw a fox", images=False)).images == ()
    found = built_in(context("What is the latest news?"))
    assert found.search[0]["query"] == "What is the latest news?"
    assert found.citations[0]["url"] == found.search[0]["results"][0]["url"]
    assert built_in(context("What is the latest news?", search=False)).search == ()


def test_it_remembers_its_own_branch_alone(browser):
    first = browser.new("Hello")
    named = browser.follow(first, "My name is Ada")
    assert "Your name is Ada. " in browser.follow(first, "What is my name?", parent=named).text
    assert "have not told me" in browser.follow(first, "What is my name?", parent=first).text
    assert "turn 3" in browser.follow(first, "What is my name?", parent=named).text


def test_it_names_what_was_attached_and_reads_text(browser):
    body = {"fileName": "a.txt", "fileMimeType": "text/plain", "content": base64.b64encode(b"My name is Ada.").decode()}
    kept = browser.http.post("/rest/app-chat/upload-file", json=body).json()
    assert "You attached a.txt." in browser.new("See", fileAttachments=[kept["fileMetadataId"]]).text
    assert "Ada" in browser.new("What is my name?", fileAttachments=[kept["fileMetadataId"]]).text


def test_a_seed_era_picture_and_search_stream_whole(seed_era):
    _, browser = seed_era
    answer = browser.new("Draw a picture", modelName="grok-3", isReasoning=True)
    assert answer.members("streamingImageGenerationResponse")
    assert answer.reasoning
    answer = browser.new("search the web", modelName="grok-3")
    assert answer.members("webSearchResults")[0]["results"]
    assert answer.reasoning == ""


@pytest.mark.parametrize(
    "body",
    [{"disableSearch": True}, {"toolOverrides": {"webSearch": False, "xSearch": False}}],
)
def test_search_that_is_switched_off_is_not_used(browser, body):
    assert browser.new("search the web", **body).members("toolUsageCard") == []


def test_a_function_can_answer(emulator):
    seen = []

    def answer(turn):
        seen.append(turn)
        return Reply("From a function.", reasoning="why") if turn.turn_number == 1 else f"turn {turn.turn_number}"

    grok, browser = emulator(assistant=answer)
    grok.reply("planned first")
    first = browser.new("q")
    assert first.text == "planned first"
    assert browser.follow(first, "q2", parent=first).text == "turn 2"
    assert browser.new("q3").text == "From a function."
    assert seen[0].messages == [("human", "q"), ("ai", "planned first"), ("human", "q2")]
    assert seen[0].parent_response_id == first.response_id


def test_a_coroutine_function_can_answer(emulator):
    async def answer(turn):
        await asyncio.sleep(0)
        return turn.prompt.upper()

    _, browser = emulator(assistant=answer)
    assert browser.new("loud").text == "LOUD"


class Model:
    def __init__(self, *chunks):
        self.chunks = chunks
        self.seen = None

    async def astream(self, messages):
        self.seen = messages
        for chunk in self.chunks:
            yield chunk


class Message:
    def __init__(self, *blocks):
        self.content_blocks = list(blocks)


SAID = Message({"type": "odd"}, {"type": "text", "text": "said"})


@pytest.mark.parametrize("chunks", [[SAID], ["sa", "id"], ["said"]])
def test_what_streams_messages_or_texts_can_answer(emulator, chunks):
    model = Model(*chunks)
    _, browser = emulator(assistant=model)
    assert browser.new("q").text == "said"
    assert model.seen == [("human", "q")]


def test_a_langchain_model_can_answer(emulator):
    fake = pytest.importorskip("langchain_core.language_models.fake_chat_models")
    _, browser = emulator(assistant=fake.FakeListChatModel(responses=["one", "two"]))
    assert [browser.new("q").text for _ in range(2)] == ["one", "two"]


@pytest.fixture
def failing(emulator):
    """Emulators whose assistant raises this, each with a browser."""

    def start(error, *, model):
        def answer(_turn):
            raise error

        return emulator(assistant=Failing(error) if model else answer)

    return start


class Failing:
    def __init__(self, error):
        self.error = error

    async def astream(self, _messages):
        yield "So far"
        raise self.error


@pytest.mark.parametrize("model", [False, True])
def test_an_assistant_that_fails_is_an_internal_error_and_raised_in_the_test(failing, caplog, model):
    error = KeyError("lost")
    grok, browser = failing(error, model=model)
    answered = browser.new("q")
    assert "internalError" in answered.members("error")[0]
    assert answered.text.startswith("So far") is model
    assert "KeyError('lost')" in answered.text
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("langchain_grokweb.testing", "ERROR")
    assert record.exc_info[1] is error
    with pytest.raises(KeyError) as raised:
        _ = grok.turns
    assert raised.value is error
    assert len(grok.turns) == 1


@pytest.mark.parametrize("ending", ["reset", "stop"])
def test_what_an_assistant_raised_is_raised_at_the_end(failing, ending):
    grok, browser = failing(KeyError("lost"), model=False)
    browser.new("q")
    with pytest.raises(KeyError, match="lost"):
        getattr(grok, ending)()
    grok.reset()
    assert grok.turns == []


def test_an_assistant_can_answer_with_an_error_on_purpose(emulator):
    grok, browser = emulator(assistant=lambda _turn: Reply("So far", error="internal_error"))
    assert "internalError" in browser.new("q").members("error")[0]
    assert len(grok.turns) == 1
