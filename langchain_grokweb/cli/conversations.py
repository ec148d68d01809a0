"""`grokweb conversations`: the account's conversations with Grok."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from langchain_grokweb.cli import terminal
from langchain_grokweb.cli.options import Common
from langchain_grokweb.cli.output import duration, print_json, print_rows
from langchain_grokweb.cli.report import WRONG_USAGE, Failure
from langchain_grokweb.cli.terminal import safe, safe_line

if TYPE_CHECKING:
    from langchain_grokweb.client.client import BlockingClient
    from langchain_grokweb.wire.stored import Conversation, StoredConversation, StoredResponse

app = typer.Typer(help="List, read, export, rename and delete your conversations.", no_args_is_help=True)

_DAY = 24 * 60 * 60
_WIDE = 76  # columns that an id, a time and a title need

Id = Annotated[str, typer.Argument(metavar="ID", help="The conversation's id, or its address at grok.com.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="The most conversations to list.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 20,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="List deleted conversations that can be restored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List conversations, the last changed first. In a pipe: id, time of the change and title, separated by tabs."""
    client = _client(ctx)
    _print_list(client.deleted_conversations() if deleted else client.conversations(), limit, as_json=as_json)


@app.command()
def search(
    ctx: typer.Context,
    words: Annotated[str, typer.Argument(help="Words to search for in titles and texts.")],
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Search conversations. The output is that of `list`."""
    _print_list(_client(ctx).conversations(search=words), limit, as_json=as_json)


@app.command()
def show(
    ctx: typer.Context,
    conversation: Id,
    thoughts: Annotated[bool, typer.Option("--thoughts", help="Also print Grok's reasoning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a conversation: the branch with its newest answer. As JSON: all branches."""
    stored = _client(ctx).conversation(conversation)
    if as_json:
        print_json(_as_object(stored))
        return
    console = terminal.stdout()
    console.print(safe_line(stored.title or "(no title)"), style="bold")
    for response in stored.path():
        who = "You" if response.sender == "human" else "Grok"
        when = f"{response.created.astimezone():%Y-%m-%d %H:%M}" if response.created else ""
        console.print(f"\n{who}  {when}".rstrip(), style="cyan" if who == "You" else "green")
        if thoughts and response.reasoning:
            console.print(safe(response.reasoning), style="dim italic")
        _print_text(console, response)


@app.command()
def export(
    ctx: typer.Context,
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] DIRECTORY", help="The conversation's id or address, and the directory to write to."
        ),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Export all conversations; give only the directory.")
    ] = False,
    form: Annotated[Literal["markdown", "json"], typer.Option("--format", help="The format to write.")] = "markdown",
) -> None:
    """Write a conversation to a directory, with its pictures and files, and print the paths."""
    if len(targets) != (1 if everything else 2):
        raise Failure("Give an ID and a DIRECTORY, or --all and a DIRECTORY.", exit_code=WRONG_USAGE)
    client, directory = _client(ctx), Path(targets[-1])
    if directory.exists() and not directory.is_dir():
        raise Failure(f"{directory} is no directory.", exit_code=WRONG_USAGE)
    if not everything:
        print(safe_line(str(client.export(targets[0], directory, form))))
        return
    failed = 0
    with closing(cast("Any", client.export_all(directory, form))) as exported:
        for one in exported:
            if one.path is not None:
                print(safe_line(str(one.path)))
            else:
                failed += 1
                terminal.stderr().print(safe_line(f"{one.conversation.title}: {one.error}"), style="red")
    if failed:
        raise Failure(f"{failed} could not be exported.", "Run it again: it skips what is already written.")


@app.command()
def rename(ctx: typer.Context, conversation: Id, title: Annotated[str, typer.Argument(help="Its new title.")]) -> None:
    """Change the title of a conversation."""
    if not title.strip():
        raise Failure("The title is empty.", exit_code=WRONG_USAGE)
    renamed = _client(ctx).rename(conversation, title)
    print(f"Renamed to: {safe_line(renamed.title)}")


@app.command()
def delete(
    ctx: typer.Context,
    conversations: Annotated[list[str], typer.Argument(metavar="ID...", help="Which ones.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    forever: Annotated[bool, typer.Option("--forever", help="Delete permanently: they cannot be restored.")] = False,
) -> None:
    """Delete conversations, after a question. `restore` brings them back, except after --forever."""
    client = _client(ctx)
    if not yes:
        for conversation in conversations:
            _confirm(client, conversation, forever=forever)
    for conversation in conversations:
        client.delete(conversation, forever=forever)
        print(f"Deleted {safe_line(conversation)}")


@app.command()
def restore(
    ctx: typer.Context, conversations: Annotated[list[str], typer.Argument(metavar="ID...", help="Which ones.")]
) -> None:
    """Restore deleted conversations."""
    client = _client(ctx)
    for conversation in conversations:
        client.restore(conversation)
        print(f"Restored {safe_line(conversation)}")


def _client(ctx: typer.Context) -> BlockingClient:
    from langchain_grokweb.client import GrokWebClient  # noqa: PLC0415 - see cli.app

    return GrokWebClient(**Common.of(ctx).settings()).blocking


def _confirm(client: BlockingClient, conversation: str, *, forever: bool) -> None:
    """Ask whether this one shall be deleted, by its title."""
    from langchain_grokweb.errors import GrokWebConversationNotFoundError  # noqa: PLC0415 - see cli.app

    try:
        title = client.conversation(conversation).title
    except GrokWebConversationNotFoundError:
        if not forever:
            raise
        title = conversation  # one that is deleted already can be deleted forever, but not opened
    words = " forever" if forever else ""
    if not typer.confirm(f'Delete "{safe_line(title or conversation)}"{words}?', err=True):
        raise Failure("Nothing was deleted.")


def _print_list(conversations: Any, limit: int, *, as_json: bool) -> None:
    with closing(conversations):
        listed: list[Conversation] = list(islice(conversations, limit))
    if as_json:
        print_json([_head(conversation) for conversation in listed])
    elif terminal.stdout().is_terminal:
        _print_table(listed)
    else:
        rows = [[one.id, one.modified.isoformat() if one.modified else "", one.title] for one in listed]
        print_rows([], rows)


def _print_table(conversations: list[Conversation]) -> None:
    """A row for each; two lines where the terminal is too narrow for its id and a title."""
    console = terminal.stdout()
    if not conversations:
        terminal.stderr().print("There are none.", style="dim")
    elif console.width >= _WIDE:
        rows = [[_ago(conversation), _titled(conversation), conversation.id] for conversation in conversations]
        print_rows(["CHANGED", "TITLE", "ID"], rows, grows=1)
    else:
        for conversation in conversations:
            console.print(safe_line(f"{_titled(conversation)}  {_ago(conversation)}"), soft_wrap=False)
            console.print(safe_line(conversation.id), style="dim")


def _titled(conversation: Conversation) -> str:
    return f"{'* ' if conversation.starred else ''}{conversation.title or '(no title)'}"


def _ago(conversation: Conversation) -> str:
    """When it changed: how long ago on its first day, then the date."""
    from datetime import UTC, datetime  # noqa: PLC0415

    if conversation.modified is None:
        return ""
    seconds = (datetime.now(UTC) - conversation.modified).total_seconds()
    if 0 <= seconds < _DAY:
        return f"{duration(seconds)} ago"
    return f"{conversation.modified.astimezone():%Y-%m-%d}"


def _print_text(console: Any, response: StoredResponse) -> None:
    if not console.is_terminal:
        console.print(safe(response.text))
    elif response.text:
        from langchain_grokweb.cli.chat.markdown import show_markdown  # noqa: PLC0415 - a pipe does not need it

        show_markdown(console, safe(response.text))
    made: Iterable[Any] = [*response.images, *response.files, *response.videos]
    for thing in made:
        console.print(safe_line(thing.url), style="green")
    if not response.is_whole and response.sender == "assistant":
        console.print("(this answer broke off)", style="dim")


def _head(conversation: Conversation) -> dict[str, Any]:
    times = {name: getattr(conversation, name) for name in ("created", "modified")}
    return {
        "id": conversation.id,
        "title": conversation.title,
        **{name: value.isoformat() for name, value in times.items() if value},
        "starred": conversation.starred,
    }


def _as_object(stored: StoredConversation) -> dict[str, Any]:
    return {**_head(stored), "responses": [_response(response) for response in stored.responses]}


def _response(response: StoredResponse) -> dict[str, Any]:
    members = {
        "id": response.id,
        "parent_id": response.parent_id,
        "sender": response.sender,
        "text": response.text,
        "created": response.created.isoformat() if response.created else None,
        "model": response.model,
        "is_whole": response.is_whole,
        "reasoning": response.reasoning,
        "citations": [{"url": one.url, "title": one.title} for one in response.citations],
        "images": [{"url": one.url, "prompt": one.prompt} for one in response.images],
        "files": [{"url": one.url, "name": one.name} for one in response.files],
        "videos": [{"url": one.url, "prompt": one.prompt} for one in response.videos],
    }
    return {name: value for name, value in members.items() if value not in (None, "", [])}
