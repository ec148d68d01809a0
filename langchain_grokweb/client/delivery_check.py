"""Whether a prompt arrived whose reply never came: looked up before it is sent again (`prompt_search`).

Of two prompts that may be ours none is taken.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import anyio

from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.prompt_search import NotListedError, Place, find_prompt
from langchain_grokweb.client.retry import pause_before
from langchain_grokweb.client.service import Wire
from langchain_grokweb.client.stopping import BrokenOff, DeliveryUnknownError, RunningAnswer
from langchain_grokweb.errors import GrokWebError, GrokWebTimeoutError
from langchain_grokweb.wire.events import ConversationOpened, Event, PromptStored
from langchain_grokweb.wire.turn import Turn

_LOOKS = 2
_LOOK_SECONDS = 10.0
_CLOCKS_DIFFER = timedelta(minutes=2)  # by no more than this from the service's


class RecoveredTurn:
    """A `StreamingTurn` whose prompt was found at the service: taken, and without a stream of its own."""

    def __init__(self, http: Http, turn: Turn, wire: Wire, conversation_id: str, prompt_id: str) -> None:
        self.answer = RunningAnswer(http, turn)
        self.transport = wire
        self.unknown: Counter[str] = Counter()
        self._known: list[Event] = [ConversationOpened(conversation_id), PromptStored(prompt_id)]

    async def open(self) -> None:
        """Take note of what is known; nothing is sent."""
        self.answer.note(self._known)
        self.answer.may_run = True

    async def next_batch(self) -> list[Event] | None:
        """What is known of it.

        Raises:
            BrokenOff: Everything else is to be looked for.
        """
        if not self._known:
            raise BrokenOff
        known, self._known = self._known, []
        return known

    def flush(self) -> list[Event]:
        """Nothing was held back."""
        return []

    @property
    def is_over(self) -> bool:
        """There is nothing to close."""
        return True

    async def learn(self) -> None:
        """There is nothing to read."""

    async def aclose(self) -> None:
        """There is no connection."""


class Unknowable(Exception):  # noqa: N818 - becomes the error of the turn
    """Whether the prompt arrived cannot be found out."""


async def look_up(
    http: Http, turn: Turn, doubt: DeliveryUnknownError, sent: datetime, wire: Wire
) -> RecoveredTurn | None:
    """The turn, where its prompt arrived; `None` where it did not. Looked for twice, since it may take a moment.

    Raises:
        Unknowable: That cannot be found out.
    """
    places: list[Place] = []
    try:
        with anyio.fail_after(_LOOK_SECONDS):
            for number in range(_LOOKS):
                await anyio.sleep(pause_before(number))
                if places := await _places(http, turn, doubt, sent - _CLOCKS_DIFFER):
                    break
    except (GrokWebError, NotListedError, TimeoutError):
        raise Unknowable from None
    if len(places) > 1:
        raise Unknowable
    if not places:
        return None
    recovered = RecoveredTurn(http, turn, wire, *places[0])
    await recovered.open()
    return recovered


async def _places(http: Http, turn: Turn, doubt: DeliveryUnknownError, since: datetime) -> list[Place]:
    if doubt.conversation_id is not None and doubt.prompt_id is not None:
        return [Place(doubt.conversation_id, doubt.prompt_id)]
    return await find_prompt(http, turn, since, begun=doubt.conversation_id)


def delivery_unknown(doubt: DeliveryUnknownError) -> GrokWebError:
    """The error of a turn that may have been taken: it is not sent again."""
    error = doubt.error
    happened = str(error).removesuffix(error.next_step).rstrip()
    otherwise = "allow more time with `timeout=`" if isinstance(error, GrokWebTimeoutError) else "ask again"
    return type(error)(
        f"{happened} It is not known whether grok.com received the prompt, so it was not sent again.",
        next_step=f"Look at grok.com, or {otherwise}.",
    )
