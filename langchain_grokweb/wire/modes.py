"""Model names: what users write, what each wire sends (the three seed names in the body of their own era)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """How one model is asked for.

    Attributes:
        id: The site's mode id, as the gateway and the 2026 body take it.
        model_name: `modelName` of the seed-era body; `None` where the 2026 body with `modeId` is sent.
        reasoning: `isReasoning` of the seed-era body.
    """

    id: str
    model_name: str | None = None
    reasoning: bool = False

    @property
    def thinks(self) -> bool:
        """Whether reasoning is asked for, as far as the name shows."""
        return self.reasoning or self.id in {"expert", "heavy"}


_MODES = {
    "grok-3": Mode("auto", "grok-3"),
    "grok-3-thinking": Mode("expert", "grok-3", reasoning=True),
    "grok-2": Mode("fast", "grok-latest"),
}
_ALIASES = {"grok-3-r1": "grok-3-thinking", "grok-4": "auto", "grok-4-heavy": "heavy"}


def resolve(name: str) -> Mode:
    """The mode that a model name stands for; an unknown name is a mode id, sent as it is."""
    name = _ALIASES.get(name, name)
    return _MODES.get(name) or Mode(name)
