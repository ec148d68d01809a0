"""Where a conversation stands."""

from __future__ import annotations

from langchain_grokweb.client.http import Http
from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.wire import inflight, tree


async def newest_answer(http: Http, conversation_id: str) -> str:
    """The newest answer of a conversation (`response-node`, rest.md 2.1).

    Raises:
        GrokWebInvalidRequestError: It has none yet.
    """
    told = await http.fetch_json("GET", inflight.nodes_path(conversation_id))
    if (found := tree.newest_answer(told)) is None:
        raise GrokWebInvalidRequestError(
            "This conversation has no answer to go on from.",
            next_step="Wait until its first answer is whole, or leave `conversation_id=` out.",
        )
    return found
