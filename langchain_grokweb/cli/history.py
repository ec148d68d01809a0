"""What the command remembers from one run to the next: the messages of the last conversation.

Kept in the user's state folder, readable by the user alone. Cookies are never in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, messages_from_dict, messages_to_dict


@dataclass(frozen=True, slots=True)
class History:
    """The memory of one service.

    Attributes:
        folder: Where its files are.
    """

    folder: Path

    @classmethod
    def of(cls, service: str) -> History:
        """The memory of a service, by its name."""
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return cls(Path(base) / "langchain-grokweb" / service)

    @property
    def messages(self) -> list[BaseMessage]:
        """The last conversation; empty where there is none that can be read."""
        messages = self._read("messages.json")
        return messages_from_dict(messages) if isinstance(messages, list) else []

    @property
    def service_state(self) -> Any:
        """The last state of the emulator."""
        return self._read("emulator.json")

    def save_messages(self, messages: list[BaseMessage]) -> None:
        """Keep these as the last conversation."""
        self._write("messages.json", messages_to_dict(messages))

    def save_service(self, state: Any) -> None:
        """Keep the state of the emulator."""
        self._write("emulator.json", state)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _write(self, name: str, content: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
