"""Stop sequences, cut here because the service knows none."""

from __future__ import annotations

from collections.abc import Sequence


class StopCut:
    """Feed it text, get the text before the first stop sequence; only what may begin one is held back."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = [sequence for sequence in sequences if sequence]
        self.held = ""
        self.reached = False

    def feed(self, text: str) -> str:
        """Take a piece of text, give what is settled."""
        if not self._sequences or self.reached:
            return "" if self.reached else text
        text, self.held = self.held + text, ""
        places = [place for sequence in self._sequences if (place := text.find(sequence)) >= 0]
        if places:
            self.reached = True
            return text[: min(places)]
        keep = max(_overlap(text, sequence) for sequence in self._sequences)
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def close(self) -> str:
        """No more text comes: what was held back."""
        text, self.held = self.held, ""
        return text


def _overlap(text: str, sequence: str) -> int:
    """How many characters at the text's end may begin the sequence."""
    longest = min(len(text), len(sequence) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(sequence[:size])), 0)
