"""Where a prompt stands at the service whose reply never came (rest.md 2.1 and 2.3).

In a conversation that is known, the prompts that follow the same answer show it. A new conversation is looked for among
the newest ones; a temporary one is not listed, so nothing can be learned of it. Prompts that are known to be of another
turn of this process are left alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.wire import inflight
from langchain_grokweb.wire.rest import CONVERSATIONS
from langchain_grokweb.wire.turn import Turn

_NEWEST = 5  # conversations to look into


class Place(NamedTuple):
    """A prompt that may be the one."""

    conversation_id: str
    prompt_id: str


class NotListedError(Exception):
    """The service does not list where the prompt would be."""


async def find_prompt(http: Http, turn: Turn, since: datetime, *, begun: str | None = None) -> list[Place]:
    """All places that may be the turn's.

    Args:
        http: Whom to ask.
        turn: What was sent.
        since: The earliest time by the service's clock at which it can have arrived.
        begun: The conversation that began with this turn, where that is known: any prompt in it is the turn's.

    Raises:
        NotListedError: It would be in a temporary conversation.
        GrokWebError: The service did not say.
    """
    if turn.conversation is not None:
        return await _prompts(http, turn, turn.conversation.conversation_id, since)
    if begun is not None:
        return await _prompts(http, turn, begun, since, any_text=True)
    if turn.temporary:
        raise NotListedError
    listed = await http.fetch_json("GET", f"{CONVERSATIONS}?pageSize={_NEWEST}")
    newest = inflight.conversations_since(listed, since)
    return [place for conversation_id in newest for place in await _prompts(http, turn, conversation_id, since)]


async def _prompts(
    http: Http, turn: Turn, conversation_id: str, since: datetime, *, any_text: bool = False
) -> list[Place]:
    stored = await http.fetch_json("GET", inflight.whole_path(conversation_id))
    parent = turn.conversation.parent_response_id if turn.conversation else None
    prompt = None if any_text else turn.prompt
    prompt_ids = inflight.prompts_in(stored, prompt, parent=parent, since=since, known=http.account.prompt_ids)
    return [Place(conversation_id, prompt_id) for prompt_id in prompt_ids]
