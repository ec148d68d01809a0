"""What every frame of the conversations endpoint has in common, and how a search is told (rest.md 4.3 and 4.5)."""

from collections.abc import Mapping
from typing import Any

from langchain_grokweb.testing.state.composition import Search, card_json
from langchain_grokweb.testing.state.inflight import Frame

_TOOL_NAMES = {"web": "web_search", "x": "x_keyword_search"}
_CARD_MEMBERS = {"web": "webSearch", "x": "xSearch"}
_RESULT_MEMBERS = {"web": "webSearchResults", "x": "xSearchResults"}


def response_frame(
    response_id: str,
    body: Mapping[str, Any],
    *,
    thinking: bool = False,
    soft_stop: bool = False,
    tag: str | None = None,
    step: int | None = None,
    card_id: str | None = None,
    rollout: str | None = None,
    **options: Any,
) -> Frame:
    """A response frame with the members that all of them share, in wire order (rest.md 4.3).

    `options` are those of `Frame`.
    """
    members = dict(body) | {"isThinking": thinking, "isSoftStop": soft_stop}
    if tag is not None:
        members["messageTag"] = tag
    if step is not None:
        members["messageStepId"] = step
    members["responseId"] = response_id
    if card_id is not None:
        members["toolUsageCardId"] = card_id
    if rollout is not None:
        members["rolloutId"] = rollout
    return Frame("response", members, **options)


def search_token(search: Search) -> str:
    """The XML-ish text of a search's tool usage card."""
    limit = {"num_results": "10"} if search.kind == "web" else {"limit": "5"}
    return tool_card_token(search.card_id, _TOOL_NAMES[search.kind], {"query": search.query} | limit)


def search_card(search: Search) -> dict[str, Any]:
    """The structured twin of that."""
    return {"toolUsageCardId": search.card_id, _CARD_MEMBERS[search.kind]: {"args": {"query": search.query}}}


def search_results(search: Search) -> dict[str, Any]:
    """What the search found, under the name of its kind."""
    return {_RESULT_MEMBERS[search.kind]: {"results": list(search.results)}}


def tool_card_token(card_id: str, tool: str, arguments: Mapping[str, str]) -> str:
    """The XML-ish text of a tool usage card (rest.md 4.5)."""
    return (
        f"<xai:tool_usage_card>\n  <xai:tool_usage_card_id>{card_id}</xai:tool_usage_card_id>\n"
        f"  <xai:tool_name>{tool}</xai:tool_name>\n"
        f"  <xai:tool_args><![CDATA[{card_json(arguments)}]]></xai:tool_args>\n</xai:tool_usage_card>"
    )
