"""What is sent over the realtime gateway: a turn becomes frames."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from langchain_grokweb.errors import GrokWebInvalidRequestError
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_objects, get_str
from langchain_grokweb.wire.turn import Turn

PATH = "/ws/mgw/"


def heartbeat() -> str:
    """A sign of life (gateway.md 3.7)."""
    return _frame(None, "ping", f"evt_hb_{uuid.uuid4()}")


def check_turn(turn: Turn) -> None:
    """Whether this wire can carry a turn.

    Raises:
        GrokWebInvalidRequestError: The turn asks for something that this wire does not have.
    """
    if turn.deep_search:
        raise GrokWebInvalidRequestError(
            "The realtime gateway has no deep search.", next_step='Leave `deep_search=` out, or use `transport="rest"`.'
        )


def session_settings(turn: Turn) -> dict[str, Any]:
    """What a session is created with, besides its conversation: none of it can be changed later (gateway.md 3.1)."""
    extension: dict[str, Any] = {
        "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
        "use_chunk": True,
        "enable_side_by_side": False,
        "force_side_by_side": False,
        "enable_image_generation": turn.image_generation,
        "image_generation_count": turn.image_count,
        "disable_text_follow_ups": not turn.follow_ups,
        "disable_artifact": True,
        "force_concise": False,
    }
    if not turn.search:
        extension |= {"disable_web_search": True, "disable_x_search": True}
    return {"model": modes.resolve(turn.model).id, "x_grok": extension}


def session_frame(turn: Turn, event_id: str) -> str:
    """The first frame: a new, a temporary or a continued conversation (gateway.md 3.1 and 3.4)."""
    session, place = session_settings(turn), turn.conversation
    if place is not None:
        session["x_grok"] |= {
            "conversation_id": place.conversation_id,
            "load_existing": True,
            "needs_history": False,
        }
    elif turn.temporary:
        session["x_grok"] |= {"is_temporary": True, "keep_context": True, "disable_memory": True}
    return _frame(place.conversation_id if place else None, "session.create", event_id, session=session)


def prompt_frames(turn: Turn, session_id: str, message_id: str, request_id: str) -> tuple[str, str]:
    """The frame that holds the prompt, by the id `message_id`, and the one that asks for an answer, by `request_id`.

    This is the split form (gateway.md 3.3).

    Of the four shapes that refer to a file (gateway.md 3.5) this is the schema's mention, with which alone one client
    works, together with `file_attachment_ids` on item and event, which the three others have in common.
    """
    mentions = [{"mention": {"file_mention": {"file_id": file_id}}} for file_id in turn.file_ids]
    files = {"file_attachment_ids": list(turn.file_ids)} if turn.file_ids else {}
    item = {
        "type": "message",
        "role": "user",
        "x_grok": {
            "client_message_id": message_id,
            "input_chunks": [*mentions, *({"text": {"text": text}} for text in _texts(turn))],
        },
        **files,
    }
    parent = {} if turn.conversation is None else {"parent_response_id": turn.conversation.parent_response_id}
    return (
        _frame(session_id, "conversation.item.create", f"evt_msg_{message_id}", item=item, **files, **parent),
        _frame(session_id, "response.create", request_id),
    )


def is_item_of(turn: Turn, message_id: str, item: Fields) -> bool:
    """Whether an item that was added holds the prompt of this turn, as far as it says.

    Args:
        turn: The turn.
        message_id: What `prompt_frames` called its prompt.
        item: The item, whose members beside id and role nobody has captured (gateway.md 8).
    """
    said = get_dict(item, "x_grok")
    if isinstance(named := said.get("client_message_id"), str):
        return named == message_id
    texts = [get_str(get_dict(chunk, "text"), "text") for chunk in get_objects(said, "input_chunks")]
    written = "".join(texts).split()
    return not written or written == "".join(_texts(turn)).split()


def _texts(turn: Turn) -> list[str]:
    """The pieces of the prompt; the wire has no field of its own for instructions."""
    has_instructions = turn.custom_instructions and turn.conversation is None
    return [f"{turn.custom_instructions}\n\n", turn.prompt] if has_instructions else [turn.prompt]


def _frame(session_id: str | None, kind: str, event_id: str, **members: Any) -> str:
    envelope = {} if session_id is None else {"session_id": session_id}
    event = {"type": kind, "event_id": event_id, **members}
    return orjson.dumps({**envelope, "event": event}).decode()
