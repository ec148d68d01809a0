"""What became of a conversation in an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire.stored import Conversation

ExportFormat: TypeAlias = Literal["markdown", "json"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a conversation in an export.

    Attributes:
        conversation: The conversation, as the list has it.
        state: `"written"`; `"unchanged"`, where the file of an earlier export is still right; `"failed"`, where it is
            gone or cannot be read.
        path: Its file; `None` where it failed.
        missing: How many pictures and files the site did not give out; the file says which.
        error: Why it failed.
    """

    conversation: Conversation
    state: Literal["written", "unchanged", "failed"]
    path: Path | None = None
    missing: int = 0
    error: GrokWebError | None = None

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.conversation.id}: {self.error}"
