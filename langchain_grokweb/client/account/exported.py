"""The result of exporting one conversation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from langchain_grokweb.errors import GrokWebError
from langchain_grokweb.wire.stored import Conversation

ExportFormat: TypeAlias = Literal["markdown", "json"]


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of exporting one conversation.

    Attributes:
        conversation: The conversation, as the site lists it.
        state: `"written"`; `"unchanged"` if the file of an earlier export is still current; `"failed"` if the
            conversation is deleted or cannot be read.
        path: The written file; `None` if the export failed.
        missing: How many pictures and files could not be downloaded; the file names them.
        error: The reason of a failure, else `None`.
    """

    conversation: Conversation
    state: Literal["written", "unchanged", "failed"]
    path: Path | None = None
    missing: int = 0
    error: GrokWebError | None = None

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.conversation.id}: {self.error}"
