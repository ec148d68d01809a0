"""The one account of an emulator: who it is, what cookies prove it, what it may use.

Names of models and modes are those of rest.md 3.3; availability and quotas follow the tier, with the numbers
of rest.md 2.5.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal
from uuid import uuid4

from langchain_grokweb.testing.state.faults import Refused

Tier = Literal["basic", "super", "heavy"]

TIERS: tuple[Tier, ...] = ("basic", "super", "heavy")
WINDOW_SECONDS = 7200


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode of the site, the tier from which it can be used, and its quota for each tier."""

    mode_id: str
    title: str
    description: str
    badge: str
    needs: Tier
    upgrade: str
    quotas: tuple[int, int, int]


# The menu of 2026-08 (gateway.md 3.2). Build's quota, and that the highest tier has it, are guesses.
MODES = (
    Mode("auto", "Auto", "Chooses Fast or Expert", "", "basic", "", (20, 50, 150)),
    Mode("fast", "Fast", "Quick responses", "", "basic", "", (30, 140, 400)),
    Mode("expert", "Expert", "Thinks hard", "", "basic", "", (10, 50, 150)),
    Mode("heavy", "Heavy", "Team of Experts", "", "heavy", "TIER_SUPERGROK_HEAVY", (0, 0, 20)),
    Mode("build", "Build", "Build apps and sites", "Beta", "heavy", "TIER_SUPERGROK_PLUS", (0, 0, 50)),
)
MODES_BY_ID = {mode.mode_id: mode for mode in MODES}
# Models, and the modes that they run in (rest.md 3.3; Fast for grok-2 is a guess); the last ones have their own quotas.
MODELS = {
    **dict.fromkeys(("grok-3", "grok-3-auto", "grok-4"), "auto"),
    **dict.fromkeys(("grok-2", "grok-latest", "grok-3-fast"), "fast"),
    "grok-4-heavy": "heavy",
    **dict.fromkeys(("grok-4-mini-thinking-tahoe", "grok-4-1-non-thinking-w-tool", "grok-420"), ""),
    **dict.fromkeys(("grok-4-1-thinking-1108b", "grok-4-1-thinking-1129"), ""),
}


@dataclass(slots=True)
class Quota:
    """What is left of a mode; an emulator enforces only what a test has set (`is_set`)."""

    total: int
    remaining: int
    wait_seconds: int = 2429
    is_set: bool = False


def quota_name(name: str, model_mode: object = "", *, thinks: bool = False) -> str:
    """The quota that a question to this model or mode uses: of the mode in which it runs, or of a model without one.

    `model_mode` is the `modelMode` beside a model. That grok-3 runs in Expert where it `thinks` is a guess.
    """
    named = str(model_mode).removeprefix("MODEL_MODE_").lower()
    mode = named if named in MODES_BY_ID else MODELS.get(name) or name
    return "expert" if thinks and mode == "auto" else mode


def _session_token() -> str:
    """A value in the form of the site's session cookie, worth nothing anywhere else."""
    parts = ({"typ": "JWT", "alg": "HS256"}, {"session_id": str(uuid4())})
    encoded = (base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return ".".join([*(part.decode().rstrip("=") for part in encoded), secrets.token_urlsafe(32)])


@lru_cache(maxsize=64)  # a client sends the same cookies each time
def _session_of(cookie_header: str) -> str | None:
    try:
        morsel = SimpleCookie(cookie_header).get("sso")
    except CookieError:
        return None
    return None if morsel is None else morsel.value


@dataclass(slots=True)
class Account:
    """The account: ids, session, tier, quotas."""

    tier: Tier = "heavy"
    user_id: str = field(default_factory=lambda: str(uuid4()))
    session: str = field(default_factory=_session_token)
    quotas: dict[str, Quota] = field(default_factory=dict)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that a signed-in browser has (rest.md 1.1)."""
        return {"sso": self.session, "sso-rw": self.session, "x-userid": self.user_id}

    def knows(self, cookie_header: str) -> bool:
        """Whether these cookies are this account's session. That `sso` alone decides is a guess."""
        session = _session_of(cookie_header)
        return session is not None and secrets.compare_digest(session.encode(), self.session.encode())

    def may_use(self, mode: Mode) -> bool:
        """Whether the tier suffices."""
        return TIERS.index(self.tier) >= TIERS.index(mode.needs)

    def lacks(self, name: str) -> bool:
        """Whether this is a mode of the menu that the account may not use."""
        return name in MODES_BY_ID and not self.may_use(MODES_BY_ID[name])

    def check_mode(self, name: str, *, is_model: bool) -> None:
        """Refuse a model or mode that this account does not have: 403, code 7, "Model is not found" (rest.md 1.5)."""
        mode = MODES_BY_ID.get(name)
        known = name in MODELS if is_model else mode is not None and self.may_use(mode)
        if not known:
            raise Refused(403, "Model is not found", nested=True)

    def quota(self, name: str) -> Quota:
        """The quota of this name (`quota_name`), made at first use."""
        if name not in self.quotas:
            mode = MODES_BY_ID.get(name)
            total = mode.quotas[TIERS.index(self.tier)] if mode else 100
            self.quotas[name] = Quota(total, total)
        return self.quotas[name]

    def spend(self, name: str) -> None:
        """Count one turn; a quota that no test has set never runs out."""
        quota = self.quota(name)
        quota.remaining = max(quota.remaining - 1, 0 if quota.is_set else 1)

    def modes(self) -> list[dict[str, Any]]:
        """The modes as `POST /rest/modes` lists them."""
        return [
            {
                "id": mode.mode_id,
                "title": mode.title,
                "description": mode.description,
                "badgeText": mode.badge,
                "availability": self._availability(mode),
                "iconHint": "",
                "tags": ["TAG_PRIMARY"],
            }
            for mode in MODES
        ]

    def _availability(self, mode: Mode) -> dict[str, Any]:
        upgrade = {"message": "", "minimumSubscriptionTier": mode.upgrade}
        return {"available": {}} if self.may_use(mode) else {"requiresUpgrade": upgrade}
