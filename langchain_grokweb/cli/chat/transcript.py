"""A dialogue as a file of Markdown, with what was made in it beside it."""

from __future__ import annotations

from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage

from langchain_grokweb.cli.chat import made
from langchain_grokweb.cli.chat.talk import Talk
from langchain_grokweb.cli.report import Failure


async def save(talk: Talk, directory: Path) -> Path:
    """Write a dialogue into a directory, under a name that is free.

    Raises:
        Failure: Nothing was said yet, or the directory cannot be written.
    """
    if not talk.messages:
        raise Failure("Nothing was said yet.")
    parts = [f"# {talk.title or 'A dialogue with Grok'}"]
    for message in talk.messages:
        parts += await _entry(talk, message, directory)
    text = "\n\n".join(parts) + "\n"
    return made.write_new(directory, f"{made.slug(talk.title) or 'grok-dialogue'}.md", text.encode("utf-8", "replace"))


async def _entry(talk: Talk, message: BaseMessage, directory: Path) -> list[str]:
    if not isinstance(message, AIMessage):
        return ["## You", str(message.text)]
    things = made.of(message)
    await made.save(talk.model, things, directory)
    links = []
    for thing in things:
        target = thing.path.name if thing.path else thing.place
        links.append(f"{'!' if thing.kind == 'picture' else ''}[{thing.kind}](<{target}>)")
    sources = [f"- <{citation['url']}>" for citation in message.additional_kwargs.get("citations", [])]
    return [
        "## Grok",
        *([str(message.text)] if message.text else []),
        *links,
        *(["\n".join(sources)] if sources else []),
    ]
