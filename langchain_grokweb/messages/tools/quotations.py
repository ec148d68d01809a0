"""What a model may quote of the instructions: a call that stands in them as an example is not meant by itself."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from langchain_grokweb.messages.tools.toolbox import Toolbox

_SHORTEST_LINE = 12  # characters; shorter lines stand in other texts too


class Quotations:
    """The examples and the lines of the instructions of these tools."""

    def __init__(self, box: Toolbox, mark: str) -> None:
        self._box = box
        self._mark = mark

    @cached_property
    def _examples(self) -> set[Any]:
        tag = re.escape(f"tool:{self._mark}")
        text = "\n".join(self._box.examples(self._mark))
        return {_canonical(body) for body in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)}

    @cached_property
    def _lines(self) -> set[str]:
        lines = "\n".join([self._box.instructions(self._mark), *self._box.examples(self._mark)]).splitlines()
        return {line.strip() for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("<")}

    def is_example(self, body: str) -> bool:
        """Whether the inside of a call repeats an example, however it is spaced."""
        return _canonical(body) in self._examples

    def is_quoted_in(self, text: str) -> bool:
        """Whether a text holds a line of the instructions."""
        return any(line.strip() in self._lines for line in text.splitlines())


def _canonical(body: str) -> Any:
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return " ".join(body.split())
