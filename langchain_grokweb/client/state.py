"""What the process remembers: one record for each account of each service, and what was unknown on the wire.

Only what would cost a request, a refusal or a wrong guess to learn again, for the life of the process and nowhere
else; nothing here is written down. `reset` forgets all of it. There is no lock, which a fork could leave held for ever:
where threads race, something is learned twice, or a count is a little too low.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from math import inf

from langchain_grokweb.credentials import GrokCredentials

logger = logging.getLogger("langchain_grokweb")

_MAX_PROMPT_IDS = 4096
_MAX_UNKNOWN_NAMES = 1000
_MAX_FILE_IDS = 1000


def _newest_prompt_ids() -> deque[str]:
    return deque(maxlen=_MAX_PROMPT_IDS)


@dataclass(slots=True)
class AccountState:
    """What is remembered of one account at one service.

    Attributes:
        user_id: The account's id, once it was asked for; it does not change (gateway.md 1.2).
        refused_by_anti_bot: Whether the conversations endpoint turned this account away: it goes over the gateway.
        confirms_stored: Whether the gateway says when it has stored an answer (gateway.md 5.2), so that the next prompt
            of the conversation waits for it: until one has waited in vain, and again once such a word came late.
        untitled: How many new conversations in a row had no title in the moment after the answer: then few wait for it.
        quota_refused: Whether the anti-bot rule turned the question for quotas away, which was said once.
        uploads_by_classic: Whether the service has no multipart endpoint for uploads (rest.md 2.4).
        too_large_for_direct: The size in bytes of the smallest upload that this endpoint found too large.
        file_ids: The newest uploads, by a hash of name, type and content: whether the service still has one, it is
            asked.
        renewed_cookies: The newest `__cf_bm` (rest.md 1.1), by the pasted one, so that a newer paste is not overruled.
        prompt_ids: The newest prompts that are known to be of a turn of this process. Whoever looks for the prompt of
            another turn leaves them alone.
    """

    user_id: str | None = field(default=None, repr=False)
    refused_by_anti_bot: bool = False
    confirms_stored: bool = True
    untitled: int = 0
    quota_refused: bool = False
    uploads_by_classic: bool = False
    too_large_for_direct: float = inf
    file_ids: dict[bytes, str] = field(default_factory=dict, repr=False)
    renewed_cookies: dict[str, str] = field(default_factory=dict, repr=False)
    prompt_ids: deque[str] = field(default_factory=_newest_prompt_ids, repr=False)

    def note_file(self, key: bytes, file_id: str) -> None:
        """Remember an upload, and forget the oldest where there are too many."""
        self.file_ids[key] = file_id
        for oldest in list(self.file_ids)[:-_MAX_FILE_IDS]:
            self.file_ids.pop(oldest, None)


_accounts: dict[tuple[str, str], AccountState] = {}
_sign_ins: dict[str, tuple[object, GrokCredentials]] = {}
_unknown: Counter[str] = Counter()


def of_account(base_url: str, account: str) -> AccountState:
    """The record of an account (`GrokCredentials.account`) at the service with this address."""
    return _accounts.setdefault((base_url, account), AccountState())


def saved_sign_in(base_url: str, stamp: object) -> GrokCredentials | None:
    """The sign-in that was read for a service, unless another was saved since then (`credentials.saved.stamp`)."""
    known_stamp, credentials = _sign_ins.get(base_url, (None, None))
    return credentials if known_stamp == stamp else None


def keep_sign_in(base_url: str, stamp: object, credentials: GrokCredentials) -> None:
    """Remember a saved sign-in that was read."""
    _sign_ins[base_url] = stamp, credentials


def reset() -> None:
    """Forget everything, as a new process would know it."""
    _accounts.clear()
    _sign_ins.clear()
    _unknown.clear()


# --- what nobody here knows: by place and type, never by value


def note_unknown(unknown: Counter[str]) -> None:
    """Move what a turn brought into the count; each name is logged when it comes for the first time."""
    if not unknown:
        return
    new_names = sorted(unknown.keys() - _unknown.keys())[: max(0, _MAX_UNKNOWN_NAMES - len(_unknown))]
    _unknown.update({name: count for name, count in unknown.items() if name in _unknown or name in new_names})
    unknown.clear()  # a turn may be left twice
    if new_names:
        logger.info("grok.com sent something unknown, which was ignored: %s.", ", ".join(new_names))


def drift() -> dict[str, int]:
    """How often something unknown has come, by its name; the most frequent first."""
    return dict(_unknown.most_common())
