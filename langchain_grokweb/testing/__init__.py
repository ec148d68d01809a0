"""`GrokEmulator`, an emulator of grok.com on this machine, and the records of what it received.

It needs the extra `emulator` (starlette and uvicorn): `pip install "langchain-grokweb[emulator]"`. The pytest fixture
`grok_emulator` is a running one. It shares no code with the client.
"""

from typing import TYPE_CHECKING, Any

from langchain_grokweb.testing.state.conversations import Conversation, Node
from langchain_grokweb.testing.state.script import (
    GatewayEvent,
    GatewaySession,
    PlanError,
    Reply,
    Request,
    Turn,
    TurnContext,
    UploadedFile,
)

if TYPE_CHECKING:
    from langchain_grokweb.testing.emulator import GrokEmulator

__all__ = [
    "Conversation",
    "GatewayEvent",
    "GatewaySession",
    "GrokEmulator",
    "Node",
    "PlanError",
    "Reply",
    "Request",
    "Turn",
    "TurnContext",
    "UploadedFile",
]

_EXTRA = frozenset({"starlette", "uvicorn", "websockets"})


def __getattr__(name: str) -> Any:
    if name != "GrokEmulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from langchain_grokweb.testing.emulator import GrokEmulator  # noqa: PLC0415 - see the module's docstring
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ImportError(
            'GrokEmulator needs starlette, uvicorn and websockets: pip install "langchain-grokweb[emulator]"'
        ) from exc
    return GrokEmulator
