"""An answer that the service is making: what is known of it, and how to stop it (the same on every wire)."""

from __future__ import annotations

import sys
from contextlib import suppress

import anyio

from langchain_grokweb.client.http import Http
from langchain_grokweb.errors import GrokWebError, GrokWebProtocolError
from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire import rest as wire
from langchain_grokweb.wire.turn import Turn

STOP_SECONDS = 2.0


class RunningAnswer:
    """Follows the events of one turn; `stop` ends it at the service where it may still be running."""

    def __init__(self, http: Http, turn: Turn) -> None:
        self.may_run = False
        self._http = http
        self._conversation_id = turn.conversation.conversation_id if turn.conversation else None
        self._prompt_id: str | None = None
        self._answer_id: str | None = None

    def note(self, batch: list[ev.Event]) -> None:
        """Remember what is needed to stop the turn."""
        for event in batch:
            match event:
                case ev.TextDelta():
                    pass
                case ev.ConversationOpened(conversation_id):
                    self._conversation_id = conversation_id
                case ev.PromptStored(response_id):
                    self._prompt_id = response_id
                case ev.AnswerStarted(response_id):
                    self._answer_id = response_id
                case ev.AnswerFinished():
                    self.may_run = False
                case ev.TurnFailed(error):
                    self.may_run = isinstance(error, GrokWebProtocolError)

    async def stop(self) -> None:
        """Stop this answer; where it cannot be told from others, all of its conversation (rest.md 2.1, 7 and 8)."""
        if not self.may_run or not self._conversation_id or sys.is_finalizing():
            return
        self.may_run = False
        try:
            if answer_id := self._answer_id or await self._find():
                await self._http.fetch_json("DELETE", f"{wire.CONVERSATIONS}/inflight-response/{answer_id}")
                return
        except GrokWebError:
            pass  # the other way is the better known one
        except ResourceWarning:
            # The loop is ending, and warnings are errors: httpx's own generators may no longer be begun there.
            return
        with suppress(GrokWebError):
            await self._http.fetch_json("POST", f"{wire.CONVERSATIONS}/{self._conversation_id}/stop-inflight-responses")

    async def _find(self) -> str | None:
        """The running answer to our prompt, which has not told its id yet (rest.md 2.1, 3)."""
        if self._prompt_id is None:
            return None
        path = f"{wire.CONVERSATIONS}/{self._conversation_id}/response-node?includeThreads=true"
        return wire.running_answer(await self._http.fetch_json("GET", path), self._prompt_id)


def bounded() -> anyio.CancelScope:
    """The time in which a turn is let go of, whatever cancels the caller meanwhile."""
    return anyio.move_on_after(STOP_SECONDS, shield=True)


def split_failure(batch: list[ev.Event]) -> tuple[list[ev.Event], GrokWebError | None]:
    """The events of a batch, and the failure that may stand last in it."""
    if batch and isinstance(failed := batch[-1], ev.TurnFailed):
        return batch[:-1], failed.error
    return batch, None
