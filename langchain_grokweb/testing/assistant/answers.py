"""Who answers when no reply is planned.

The built-in assistant is deterministic, knows next to nothing, and says in every answer that it is not Grok.
It looks only at the text of the turn, at text files attached to it, and at the history of this branch as the
service keeps it, so that a client's mistakes with conversations show. It takes the prompt as it comes, be it a bare
question or a transcript of several roles, and follows what that says of tools and of JSON. In its place stands, if one
likes, a function `(TurnContext) -> Reply | str` or any LangChain chat model.
"""

import ast
import inspect
import operator
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio.to_thread

from langchain_grokweb.testing.assistant.instructions import messages_of, read
from langchain_grokweb.testing.assistant.tools import decide
from langchain_grokweb.testing.state.script import Reply, UploadedFile

Assistant = Callable[["TurnContext"], "Reply | str | Awaitable[Reply | str]"]

SIGNATURE = "I am the built-in assistant of the grok.com emulator, not Grok."
CAPITALS = {
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "spain": "Madrid",
    "portugal": "Lisbon",
    "austria": "Vienna",
    "poland": "Warsaw",
    "japan": "Tokyo",
    "china": "Beijing",
    "india": "New Delhi",
    "canada": "Ottawa",
    "australia": "Canberra",
    "brazil": "Brasília",
    "egypt": "Cairo",
    "kenya": "Nairobi",
    "england": "London",
}

_CAPITAL = re.compile(r"\bcapital (?:city )?of (?:the )?(\w+)", re.IGNORECASE)
_NAME_GIVEN = re.compile(r"\bmy name is (\w+)", re.IGNORECASE)
_NAME_ASKED = re.compile(r"\bwhat(?:'s| is|\u2019s) my name\b|\bdo you (?:know|remember) my name\b", re.IGNORECASE)
_PICTURE = re.compile(r"\b(?:draw|paint|sketch|picture|image|photo)\b", re.IGNORECASE)
_SEARCH = re.compile(r"\b(?:search|news|latest|look up)\b", re.IGNORECASE)
_SUM = re.compile(
    r"(?:what(?:'s| is)|calculate|compute|how much is|^)\s*([-\d(][-+*/%^\u00d7x().\d\s]*\d\)*)", re.IGNORECASE
)

_LONGEST_SUM = 80
_LARGEST = 10**9
_HIGHEST_POWER = 12
_LONGEST_QUOTE = 200
_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What an assistant is told about the turn that it answers.

    Attributes:
        prompt: The text of this turn, as the client sent it.
        history: `("human" | "ai", text)` from the conversation's root down to the parent of this turn.
        conversation_id: The conversation.
        parent_response_id: The answer that this turn continues; None for the first turn.
        mode: The mode id, or the model name of a body of 2025.
        thinking: Reasoning was asked for.
        search: The site's own search is allowed.
        images: Pictures are allowed.
        temporary: The chat is private.
        files: What was attached to this turn.
    """

    prompt: str
    history: tuple[tuple[str, str], ...]
    conversation_id: str
    parent_response_id: str | None
    mode: str
    thinking: bool
    search: bool
    images: bool
    temporary: bool
    files: tuple[UploadedFile, ...] = ()

    @property
    def messages(self) -> list[tuple[str, str]]:
        """The history and this turn, as LangChain's chat models take them."""
        return [*self.history, ("human", self.prompt)]

    @property
    def turn_number(self) -> int:
        """1 for the first turn of a branch."""
        return 1 + sum(role == "human" for role, _ in self.history)


async def answer_of(assistant: Any, context: TurnContext) -> Reply:
    """Ask an assistant: None for the built-in one, a LangChain chat model, or a function.

    What may block is asked in a thread. Whatever it raises becomes an answer with an internal error, for a
    service never breaks down in front of its client.
    """
    if assistant is None:
        return built_in(context)
    ask = partial(_ask_model, assistant) if hasattr(assistant, "invoke") else assistant
    try:
        said = await anyio.to_thread.run_sync(ask, context, abandon_on_cancel=True)
        if inspect.isawaitable(said):
            said = await said
    except Exception as exc:  # noqa: BLE001 - it is the user's code, and its failure is told where he looks
        return Reply(f"The emulator's assistant failed: {exc!r}", error="internal_error")
    return said if isinstance(said, Reply) else Reply(str(said))


def _ask_model(model: Any, context: TurnContext) -> str:
    result = model.invoke(context.messages)
    text = getattr(result, "text", None)
    return text if isinstance(text, str) else str(getattr(result, "content", result))


def built_in(context: TurnContext) -> Reply:
    """The built-in assistant's answer: a call or JSON where the prompt wants it, else words."""
    brief = read(context.prompt, context.history)
    act = decide(brief)
    place = f"This is turn {context.turn_number} of our conversation."
    reasoning = f"Someone wrote {len(context.prompt)} characters. I look for words that I know."
    thought = reasoning if context.thinking else None
    if act.calls or act.value is not None:
        return Reply(act.value or act.before, reasoning=thought, tool_calls=act.calls)
    if act.words is not None:
        return Reply(f"{act.words} {SIGNATURE} {place}", reasoning=thought)
    said = [one for text in (*_texts(context), context.prompt) for one in messages_of(text)]
    told = [("human" if one.role == "user" else "ai", one.text) for one in said]
    asked = replace(context, prompt=brief.question, history=(*context.history, *told))
    return _in_words(asked, place, thought)


def _in_words(context: TurnContext, place: str, thought: str | None) -> Reply:
    said = _known(context)
    if said is None and context.images and _PICTURE.search(context.prompt):
        return Reply(f"Here is a picture. {SIGNATURE} {place}", reasoning=thought, images=[_quote(context.prompt)])
    if said is None and context.search and _SEARCH.search(context.prompt):
        return _searched(_quote(context.prompt), place, thought)
    said = said or f"You wrote: “{_quote(context.prompt)}”"
    return Reply(f"{said}{_files(context)} {SIGNATURE} {place}", reasoning=thought)


def _searched(query: str, place: str, reasoning: str | None) -> Reply:
    page = {
        "url": "https://example.com/emulator/result",
        "title": "A page that the emulator made up",
        "snippet": f"About: {query}",
    }
    found = "I searched, and found one made-up page."
    return Reply(
        f"{found} {SIGNATURE} {place}",
        reasoning=reasoning,
        search=[{"query": query, "results": [page]}],
        citations=[page | {"after": found}],
    )


def _known(context: TurnContext) -> str | None:
    return _name(context) or _capital(context.prompt) or _arithmetic(_last_line(context.prompt))


def _name(context: TurnContext) -> str | None:
    told = [text for role, text in context.messages if role == "human"]
    names = [name for text in told for name in _NAME_GIVEN.findall(text)]
    if _NAME_ASKED.search(context.prompt):
        return f"Your name is {names[-1]}." if names else "You have not told me your name."
    given = _NAME_GIVEN.search(_last_line(context.prompt))
    return f"Nice to meet you, {given[1]}." if given else None


def _capital(prompt: str) -> str | None:
    known = [country for country in _CAPITAL.findall(prompt) if country.lower() in CAPITALS]
    if not known:
        return None
    country = known[-1].lower()
    return f"The capital of {country.capitalize()} is {CAPITALS[country]}."


def _arithmetic(line: str) -> str | None:
    found = _SUM.search(line)
    if found is None or len(found[1]) > _LONGEST_SUM:
        return None
    written = " ".join(found[1].split())
    try:
        tree = ast.parse(re.sub("[x\u00d7]", "*", written).replace("^", "**"), mode="eval")
        value = _value(tree.body)
    except (SyntaxError, ValueError, ArithmeticError):
        return None
    return None if isinstance(tree.body, ast.Constant) else f"{written} = {value:.10g}."


def _value(node: ast.expr) -> float:
    """The value of an expression that holds numbers and the operators of school alone."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = node.value
    elif isinstance(node, ast.UnaryOp):
        value = _operation(node.op)(_value(node.operand))
    elif isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and abs(right) > _HIGHEST_POWER:
            raise ValueError("too large a power")
        value = _operation(node.op)(left, right)
    else:
        return _not_arithmetic()
    if isinstance(value, complex) or abs(value) > _LARGEST:
        raise ValueError("too large a number")
    return value


def _operation(symbol: ast.AST) -> Callable[..., Any]:
    return _OPERATORS.get(type(symbol), _not_arithmetic)


def _not_arithmetic(*_values: float) -> float:
    raise ValueError("not arithmetic")


def _texts(context: TurnContext) -> list[str]:
    """The attached text files, which it has read."""
    return [file.content.decode("utf-8", "replace") for file in context.files if file.mime_type == "text/plain"]


def _files(context: TurnContext) -> str:
    names = ", ".join(file.name for file in context.files)
    return f" You attached {names}." if names else ""


def _last_line(prompt: str) -> str:
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _quote(prompt: str) -> str:
    line = _last_line(prompt)
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "…"
