"""One row of a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CheckState: TypeAlias = Literal["ok", "warn", "fail"]
Fact: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """One row of `GrokWebClient.diagnose`.

    Attributes:
        name: What was checked, such as `"sign-in"`.
        state: `"ok"`, `"fail"`, or `"warn"` for what may matter and for what was not checked.
        detail: The result, as a sentence.
        next_step: The one thing to do; empty if there is nothing to do.
        facts: The result in types and counts, for a public report: no cookie, host, path or text of the site.
    """

    name: str
    state: CheckState
    detail: str
    next_step: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
