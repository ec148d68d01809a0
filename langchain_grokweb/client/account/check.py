"""One row of a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CheckState: TypeAlias = Literal["ok", "warn", "fail"]
Fact: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """One row.

    Attributes:
        name: What was looked at.
        state: `ok`; `warn` for what may matter, and for what was not tried; `fail`.
        detail: What was found.
        next_step: The one thing to do about it; empty where there is nothing to do.
        facts: The same in shapes and counts, for a report that others read: no cookie, host, path or word of the site.
    """

    name: str
    state: CheckState
    detail: str
    next_step: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
