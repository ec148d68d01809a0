"""Who answers when no reply is planned.

The built-in assistant is deterministic, knows next to nothing, and says in every answer that it is not Grok. It looks
only at the text of the turn, at text files attached to it, and at the history of this branch as the service keeps it,
so that a client's mistakes with conversations show. It calls the tool that the question names, fills in the JSON that
the prompt asks for, and answers a few questions. In its place stands, if one likes, a function
`(TurnContext) -> Reply | str` or any LangChain chat model.
"""

import base64
import inspect
import mimetypes
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio.to_thread

from langchain_grokweb.testing.assistant.instructions import messages_of, read
from langchain_grokweb.testing.assistant.tools import decide
from langchain_grokweb.testing.state.composition import Text, Thought
from langchain_grokweb.testing.state.script import Reply, TurnContext

SIGNATURE = "I am the built-in assistant of the grok.com emulator, not Grok."
CAPITALS = {
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "spain": "Madrid",
    "japan": "Tokyo",
    "india": "New Delhi",
    "brazil": "Brasília",
}

_CAPITAL = re.compile(r"\bcapital (?:city )?of (?:the )?(\w+)", re.IGNORECASE)
_NAME_GIVEN = re.compile(r"\bmy name is (\w+)", re.IGNORECASE)
_NAME_ASKED = re.compile(r"\bwhat(?:'s| is|\u2019s) my name\b|\bdo you (?:know|remember) my name\b", re.IGNORECASE)
_PICTURE = re.compile(r"\b(?:draw|paint|sketch|picture|image|photo)\b", re.IGNORECASE)
_EDIT = re.compile(r"\b(?:edit|make (?:it|this)|turn (?:it|this)|change|add|remove)\b", re.IGNORECASE)
_SEARCH = re.compile(r"\b(?:search|news|latest|look up)\b", re.IGNORECASE)

_PAGE = "https://example.com/emulator/result"
_LONGEST_QUOTE = 200
_FAILED = "The emulator's assistant failed: {!r}"


async def answer_of(assistant: Any, context: TurnContext, failed: Callable[[Exception], None]) -> Reply:
    """Ask an assistant: None for the built-in one, or a function, which may block and is asked in a thread.

    What it raises is given to `failed`, and is an internal error for the client: a service never breaks down.
    """
    if assistant is None:
        return built_in(context)
    try:
        answer = await anyio.to_thread.run_sync(assistant, context, abandon_on_cancel=True)
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception as exc:  # noqa: BLE001 - it is the user's code, and its failure is shown where the user looks
        failed(exc)
        return Reply(_FAILED.format(exc), error="internal_error")
    return answer if isinstance(answer, Reply) else Reply(str(answer))


async def streamed(
    model: Any, context: TurnContext, failed: Callable[[Exception], None]
) -> AsyncGenerator[Thought | Text | Reply, None]:
    """What a chat model thinks and says, as it comes, and in the end all of it with its calls and files.

    What it raises is given to `failed`, and becomes an internal error after what it had said.
    """
    said: list[Thought | Text] = []
    whole, error = None, None
    try:
        async with aclosing(model.astream(_messages(context))) as chunks:
            async for chunk in chunks:
                whole = chunk if whole is None else whole + chunk
                for part in _parts(chunk):
                    said.append(part)
                    yield part
    except Exception as exc:  # noqa: BLE001 - as above
        failed(exc)
        failure = Text(("\n\n" if said else "") + _FAILED.format(exc))
        said.append(failure)
        error = "internal_error"
        yield failure
    calls = [] if error else getattr(whole, "tool_calls", [])
    yield Reply(
        "".join(part.text for part in said if isinstance(part, Text)),
        reasoning="".join(part.text for part in said if isinstance(part, Thought)) or None,
        tool_calls=[{"name": call["name"], "args": call["args"]} for call in calls],
        files=[_file(number, block) for number, block in enumerate(_blocks(whole), 1) if block.get("base64")],
        error=error,
    )


def _messages(context: TurnContext) -> list[Any]:
    """The history and the question; what is attached to it as blocks."""
    if not context.files:
        return list(context.messages)
    blocks: list[dict[str, Any]] = [{"type": "text", "text": context.prompt}]
    for file in context.files:
        kind = "image" if file.mime_type.startswith("image/") else "file"
        content, extras = base64.b64encode(file.content).decode(), {"filename": file.name}
        blocks.append({"type": kind, "base64": content, "mime_type": file.mime_type, "extras": extras})
    return [*context.messages[:-1], ("human", blocks)]


def _blocks(chunk: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": chunk}] if isinstance(chunk, str) else getattr(chunk, "content_blocks", [])


def _parts(chunk: Any) -> Iterator[Thought | Text]:
    """The thoughts and the words of a chunk."""
    for block in _blocks(chunk):
        if block["type"] == "reasoning" and block.get("reasoning"):
            yield Thought("", block["reasoning"])
        elif block["type"] == "text" and block["text"]:
            yield Text(block["text"])


def _file(number: int, block: Mapping[str, Any]) -> dict[str, Any]:
    """A picture, a file, or another thing in base64 that a model made, as one of Grok's files."""
    kind = block.get("mime_type") or "application/octet-stream"
    default = f"{block['type']}-{number}{mimetypes.guess_extension(kind) or ''}"
    name = (block.get("extras") or {}).get("filename") or default
    return {"name": name, "content": base64.b64decode(block["base64"]), "mime_type": kind}


def built_in(context: TurnContext) -> Reply:
    """The built-in assistant's answer: a call or JSON where the prompt asks for it, else words."""
    brief = read(context.prompt, context.history)
    ending = f"{SIGNATURE} This is turn {context.turn_number} of our conversation."
    reply = decide(brief, ending) or _in_words(context, brief.question, ending)
    thought = f"Someone wrote {len(context.prompt)} characters. I look for words that I know."
    return replace(reply, reasoning=thought) if context.thinking else reply


def _in_words(context: TurnContext, question: str, ending: str) -> Reply:
    """What it knows, a picture, something that it found, or an echo."""
    line = _last_line(question)
    quote = line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "…"
    words = _known(context, question)
    if words is None and context.images:
        has_picture = any(file.mime_type.startswith("image/") for file in context.files)
        if has_picture and _EDIT.search(question):
            return Reply(f"Here is your picture, edited. {ending}", images=[quote], edited=True)
        if _PICTURE.search(question):
            return Reply(f"Here is a picture. {ending}", images=[quote])
    if words is None and context.search and _SEARCH.search(question):
        page = {"url": _PAGE, "title": "A page that the emulator made up", "snippet": f"About: {quote}"}
        words = "I searched, and found one made-up page."
        search = [{"query": quote, "results": [page]}]
        return Reply(f"{words} {ending}", search=search, citations=[page | {"after": words}])
    names = ", ".join(file.name for file in context.files)
    attached = f" You attached {names}." if names else ""
    return Reply(f"{words or f'You wrote: “{quote}”'}{attached} {ending}")


def _known(context: TurnContext, question: str) -> str | None:
    """What it knows: some capitals, and the user's name from this branch and the text files that are attached."""
    files = [file.content.decode("utf-8", "replace") for file in context.files if file.mime_type == "text/plain"]
    texts = [*(text for role, text in context.history if role == "human"), *files, context.prompt]
    spoken = [message.text for text in texts for message in messages_of(text) if message.role == "user"]
    names = [name for text in spoken for name in _NAME_GIVEN.findall(text)]
    if _NAME_ASKED.search(question):
        return f"Your name is {names[-1]}." if names else "You have not told me your name."
    given = _NAME_GIVEN.search(_last_line(question))
    if given:
        return f"Nice to meet you, {given[1]}."
    countries = [country for country in _CAPITAL.findall(question.lower()) if country in CAPITALS]
    return f"The capital of {countries[-1].capitalize()} is {CAPITALS[countries[-1]]}." if countries else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
