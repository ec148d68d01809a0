"""What the command remembers from one run to the next: which conversation was the last, and what was typed.

Kept in the user's state folder, readable by the user alone. Neither answers nor cookies are in it; a private chat
leaves nothing. A folder that cannot be written costs the memory and nothing else.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_state_path


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one service.

    Attributes:
        folder: Where its files are.
    """

    folder: Path

    @classmethod
    def of(cls, service: str) -> Memory:
        """The memory of a service, by its host or name."""
        return cls(user_state_path("langchain-grokweb", appauthor=False) / re.sub(r"[^\w.-]", "_", service))

    @property
    def last_conversation(self) -> str | None:
        """The id of the last conversation; `None` where there was none."""
        kept = self._read("last.json")
        name = kept.get("conversation") if isinstance(kept, dict) else None
        return name if isinstance(name, str) else None

    def remember(self, conversation_id: str) -> None:
        """Keep this as the last conversation."""
        self._write("last.json", {"conversation": conversation_id})

    def prompts_file(self) -> Path | None:
        """The file of what was typed, made ready to be written; `None` where that cannot be."""
        path = self.folder / "prompts"
        try:
            self._make(path)
            with path.open("ab"):
                return path
        except OSError:
            return None

    @property
    def emulator_state(self) -> Any:
        """The chats of the last emulator."""
        return self._read("emulator.json")

    def keep_emulator(self, state: Any) -> None:
        """Keep the chats of an emulator."""
        self._write("emulator.json", state)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _write(self, name: str, content: Any) -> None:
        with suppress(OSError):
            path = self.folder / name
            self._make(path)
            path.write_text(json.dumps(content), encoding="utf-8")

    def _make(self, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
