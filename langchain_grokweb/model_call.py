"""One model call: which conversation its messages continue, the turn that says them, its answer, and repairs of it.

A call plans its turn (`messages.planner`), writes the prompt (`messages.prompt`), has the turn opened (`client.opener`)
and passes on what `messages.accumulator` makes of its events. Where the answer lacks what was demanded of it, the model
is asked to repair it in a further turn of the same conversation.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Protocol, Self, TypeAlias

import anyio.to_thread
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from tenacity import AsyncRetrying, RetryCallState

from langchain_grokweb.client import Fetched, GrokWebClient, Opener, Pictures, ResumableStream, Service
from langchain_grokweb.client.retry import OnRetry
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import (
    GrokWebConversationNotFoundError,
    GrokWebError,
    GrokWebInvalidRequestError,
)
from langchain_grokweb.messages import json_schema, prompt
from langchain_grokweb.messages.accumulator import PREVIEWS_KEY, Answer, OnReplaced
from langchain_grokweb.messages.answer_content import DATA_KEY, Delta
from langchain_grokweb.messages.history import private_conversations
from langchain_grokweb.messages.output_spec import OutputSpec, unfit
from langchain_grokweb.messages.planner import OnTruncated, Plan, RequestInfo, Start, fresh
from langchain_grokweb.messages.planner import plan as plan_turn
from langchain_grokweb.messages.prompt_format import holds_element
from langchain_grokweb.messages.tools.mark_cut import MarkCut
from langchain_grokweb.wire import modes
from langchain_grokweb.wire.events import Event
from langchain_grokweb.wire.turn import Attachment, ConversationRef, DeepSearch, Turn

logger = logging.getLogger("langchain_grokweb")


class CallSettings(Protocol):
    """What of a model's fields decides how a call goes, with what the call itself says; see `ChatGrokWeb`."""

    model: str
    conversation: Literal["auto", "stateless", "strict"]
    on_truncated: OnTruncated
    on_replaced: OnReplaced
    conversation_id: str | None
    parent_response_id: str | None
    temporary: bool
    search: bool
    image_generation: bool
    image_count: int
    image_markdown: bool
    image_output: Literal["url", "base64"]
    fetch_urls: bool
    deep_search: DeepSearch | None
    custom_instructions: str | None
    follow_ups: bool
    stop: list[str] | str | None
    tool_repair_attempts: int


class ModelCall:
    """A turn that is open, and its answer as it comes; `async with` leaves the turn at the end."""

    def __init__(
        self,
        opener: Opener,
        turn: Turn,
        stream: ResumableStream,
        answer: Answer,
        pictures: Pictures | None = None,
        *,
        repair_attempts: int,
        on_retry: OnRetry | None,
    ) -> None:
        self._opener = opener
        self._turn = turn
        self._stream = stream
        self._answer = answer
        self._pictures = pictures  # whose bytes are wanted
        self._repair_attempts = repair_attempts
        self._on_retry = on_retry
        self._repairs = 0
        self._turn_ended = False
        self._closed = False

    @classmethod
    async def open(
        cls,
        settings: CallSettings,
        service: Service,
        credentials: GrokCredentials,
        messages: Sequence[BaseMessage],
        *,
        stop: Sequence[str] | str | None,
        arguments: Mapping[str, Any],
        may_keep: bool = False,
        run_manager: RunManager | None = None,
    ) -> Self:
        """Open a turn that says these messages.

        Where the conversation that they continue is gone at the service, all of them are sent to a new one, once.

        Args:
            settings: The model's own.
            service: Where to ask.
            credentials: Who asks.
            messages: The history, and what is to be answered.
            stop: Stop sequences of this call, instead of the model's own.
            arguments: The keyword arguments of the call that are no fields of the model: tools and the like.
            run_manager: The run that tries and repairs are reported to.
            may_keep: Whether what was said in a private chat may go into one that is kept.

        Raises:
            GrokWebError: The turn cannot be planned, was refused, or could not be opened.
            ValueError: A tool is to be called that is not among the call's tools.
        """
        client = GrokWebClient.over(service, credentials)
        sequences = _stop_sequences(stop or settings.stop)
        if (arguments.get("tools") or arguments.get("response_format")) and not json_schema.is_loaded():
            await anyio.to_thread.run_sync(json_schema.load)
        wanted = OutputSpec.of(arguments)
        secret = credentials.secret_for("tool calls") if wanted.box.tools else b""
        start = _named_start(settings)
        temporary = _is_private(settings, messages, start, may_keep=may_keep)
        plan = await _plan(settings, messages, client, credentials.account, start, temporary=temporary)
        spec = wanted.marked(secret, plan.tools_salt, plan.tools_hash)
        turn = _turn(settings, plan, spec, await _fetched(settings, plan, service), temporary=temporary)
        on_retry = None if run_manager is None else partial(_report, run_manager, spec.mark_cut())
        opener = client.opener(on_retry)
        try:
            stream = await _open(opener, turn, spec)
        except GrokWebConversationNotFoundError:
            if plan.conversation is None or start or settings.conversation == "strict":
                raise
            logger.info("The conversation of these messages is gone at grok.com: it is sent again to a new one.")
            plan = fresh(messages, "replayed")
            spec = wanted.marked(secret)
            turn = _turn(settings, plan, spec, await _fetched(settings, plan, service), temporary=temporary)
            stream = await _open(opener, turn, spec)
        request = RequestInfo(
            model=turn.model,
            mode=modes.resolve(turn.model).id,
            account=credentials.account,
            plan=plan,
            transport=stream.transport,
            temporary=turn.temporary,
        )
        if plan.conversation is not None or holds_element(turn.prompt):
            spec = replace(spec, cuts_roles=True)
        answer = Answer(
            request,
            wanted=spec,
            stop=sequences,
            image_markdown=settings.image_markdown,
            image_bytes=settings.image_output == "base64",
            on_replaced=settings.on_replaced,
        )
        pictures = client.pictures() if settings.image_output == "base64" else None
        return cls(
            opener, turn, stream, answer, pictures, repair_attempts=settings.tool_repair_attempts, on_retry=on_retry
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is GeneratorExit and sys.get_asyncgen_hooks().finalizer is None:
            self._stream.abandon()  # no loop looks after generators, as under nest_asyncio: nothing can be awaited
            return
        try:
            if self._pictures is not None:
                await self._pictures.aclose()
        finally:
            await self._stream.leave()

    async def next_chunks(self) -> list[ChatGenerationChunk] | None:
        """The chunks of what arrived together; after the one that closes the stream, `None`.

        Raises:
            GrokWebAnswerReplacedError: Other words are out than the site keeps.
            GrokWebError: The answer failed, broke off, fell silent, or lacks what was demanded of it. If it had begun,
                the error's `partial` is the message so far.
        """
        if self._closed:
            return None
        deltas = await self._next_deltas()
        if deltas is not None:
            return self._answer.chunks(deltas)
        self._closed = True
        if (contradiction := self._answer.contradiction()) is not None:
            raise contradiction
        return [self._answer.last_chunk()]

    async def whole_message(self) -> AIMessage:
        """The answer when it is finished; no chunk is made on the way. Raises as `next_chunks` does."""
        while await self._next_deltas() is not None:
            pass
        return self._answer.message()

    async def _next_deltas(self) -> list[Delta] | None:
        """What the next read adds to the answer; `None` when it is finished."""
        try:
            return await self._read_on()
        except GrokWebError as error:
            await self._opener.note_failure(error, self._turn)
            self._answer.without_mark(error)
            if self._answer.has_begun:
                error.partial = self._redacted(self._answer.partial())
            raise

    def _redacted(self, message: AIMessage) -> AIMessage:
        """The message as an error may hold it: without cookies that the service repeated, and without bytes."""
        redact = self._opener.redact
        message.additional_kwargs.pop(DATA_KEY, None)
        texts = ("content", "additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls")
        return message.model_copy(update={name: redact(getattr(message, name)) for name in texts})

    async def _read_on(self) -> list[Delta] | None:
        pictures = self._pictures
        if not self._turn_ended:
            if pictures is not None and (fetched := pictures.ready()):
                return self._delivered(fetched)
            batch = None if self._answer.stopped else await self._next_batch()
            if batch is not None:
                deltas = self._answer.feed(batch)
                if pictures is not None:
                    pictures.begin(self._answer.unfetched())
                return deltas
            self._turn_ended = True
            if last := self._answer.end_turn():
                return [last]
        if await self._repair():
            return []
        if pictures is not None and pictures.is_fetching:
            return self._delivered(await pictures.rest())
        self._answer.finish()
        return None

    async def _next_batch(self) -> list[Event] | None:
        """The turn's next events; `None` at its end, or where a repair failed and the answer can be used as it is."""
        try:
            if self._pictures is not None and self._pictures.is_busy:
                return await self._pictures.beside(self._stream.next_batch, otherwise=[])
            return await self._stream.next_batch()
        except GrokWebError:
            if self._answer.abandon_repair():
                self._repair_attempts = 0
                return None
            raise

    def _delivered(self, fetched: Iterable[Fetched]) -> list[Delta]:
        return [self._answer.deliver(one.id, one.mime_type, one.base64, one.error) for one in fetched]

    async def _repair(self) -> bool:
        """Have the answer repaired in a further turn, where it needs that and may have it."""
        ref = self._answer.conversation_ref()
        if not self._repair_attempts or ref is None or (text := self._answer.repair_prompt()) is None:
            return False
        self._repair_attempts -= 1
        await self._stream.leave()
        await self._report_repair(self._answer.what_is_wrong)
        self._answer.start_repair()
        try:
            self._stream = await self._opener.open(replace(self._turn, conversation=ref, prompt=text))
        except GrokWebError:
            if self._answer.abandon_repair():
                return False
            raise
        self._turn_ended = False
        return True

    async def _report_repair(self, reasons: str) -> None:
        self._repairs += 1
        logger.info("Repair %d of an answer: %s.", self._repairs, reasons)
        if self._on_retry is not None:
            attempt = RetryCallState(AsyncRetrying(), None, (), {})
            attempt.attempt_number = self._repairs
            error = unfit(reasons)
            attempt.set_exception((type(error), error, None))
            await self._on_retry(attempt)


RunManager: TypeAlias = AsyncCallbackManagerForLLMRun | CallbackManagerForLLMRun


async def _open(opener: Opener, turn: Turn, spec: OutputSpec) -> ResumableStream:
    """Open a turn; a refusal may repeat its prompt, and so the mark."""
    try:
        return await opener.open(turn)
    except GrokWebError as error:
        spec.mark_cut().hide(error)
        raise


async def _report(run_manager: RunManager, mark_cut: MarkCut, attempt: RetryCallState) -> None:
    """Write into a run's trace that something is tried again."""
    if attempt.outcome is not None and isinstance(error := attempt.outcome.exception(), GrokWebError):
        mark_cut.hide(error)
    if isinstance(run_manager, AsyncCallbackManagerForLLMRun):
        await run_manager.on_retry(attempt)
    else:  # its handlers may block
        await anyio.to_thread.run_sync(run_manager.on_retry, attempt)


def shown(chunks: list[ChatGenerationChunk], run_manager: RunManager | None) -> list[ChatGenerationChunk]:
    """The chunks for whoever reads them; a finished message holds no previews.

    LangChain passes a run manager only where it makes events (v3) of chunks: then no one sees the chunks, and all that
    is in them goes into the message.
    """
    if run_manager is None:
        return chunks
    return [chunk for chunk in chunks if PREVIEWS_KEY not in chunk.message.additional_kwargs]


# --- from settings, messages and arguments to a turn


def _named_start(settings: CallSettings) -> Start | None:
    """The place that the caller names."""
    start = Start.named(settings.conversation_id, settings.parent_response_id)
    if start and settings.conversation == "stateless":
        raise GrokWebInvalidRequestError(
            '`conversation="stateless"` continues no conversation, but `conversation_id=` names one.',
            next_step='Leave `conversation_id=` out, or use `conversation="auto"`.',
        )
    return start


def _is_private(
    settings: CallSettings, messages: Sequence[BaseMessage], start: Start | None, *, may_keep: bool
) -> bool:
    """Whether the turn goes to a private chat: also where something of its messages was said in one."""
    if settings.temporary or settings.conversation == "stateless" or may_keep:
        return settings.temporary or settings.conversation == "stateless"
    private = private_conversations(messages)
    if start and private - {start.conversation_id}:
        raise GrokWebInvalidRequestError(
            "Some of these messages are from a private chat, but `conversation_id=` names another conversation.",
            next_step="Pass `temporary=False` in the call to allow this, or leave `conversation_id=` out.",
        )
    if private:
        logger.info("Something of these messages was said in a private chat: they are answered in a private chat too.")
    return bool(private)


async def _plan(
    settings: CallSettings,
    messages: Sequence[BaseMessage],
    client: GrokWebClient,
    account: str,
    start: Start | None,
    *,
    temporary: bool,
) -> Plan:
    """What to send, and which answer it follows."""
    if settings.conversation == "stateless":
        return fresh(messages)
    strict = settings.conversation == "strict"
    plan = plan_turn(
        messages,
        account,
        on_truncated=settings.on_truncated,
        temporary=temporary,
        whole=strict,
        start=start,
    )
    if start and plan.conversation is None:
        response_id = start.response_id or await client.latest_response(start.conversation_id)
        plan = plan.starting_at(ConversationRef(start.conversation_id, response_id))
    logger.debug("The turn's place: %s.", plan.reason)
    if strict and plan.reason == "replayed":
        raise GrokWebConversationNotFoundError(
            "These messages do not prove a conversation to continue: they were edited, are another account's, or "
            "were sent with another `temporary=`.",
            next_step='Send them as they were, or use `conversation="auto"`.',
        )
    return plan


async def _fetched(settings: CallSettings, plan: Plan, service: Service) -> Mapping[str, Attachment]:
    """What is attached by an address alone, where that is to be fetched."""
    files = prompt.named_by_address(plan.system, plan.messages) if settings.fetch_urls else []
    if not files:
        return {}
    from langchain_grokweb.client.web_files import fetch_files  # noqa: PLC0415 - few calls fetch anything

    return await fetch_files(service, files)


def _turn(
    settings: CallSettings, plan: Plan, spec: OutputSpec, fetched: Mapping[str, Attachment], *, temporary: bool
) -> Turn:
    """The turn that carries out a plan."""
    instructions = spec.instructions(plan.tools_hash)
    rendered = prompt.render(plan.system, plan.messages, instructions, fetched, ending=spec.ending)
    return Turn(
        prompt=rendered.text,
        attachments=rendered.attachments,
        model=settings.model,
        conversation=plan.conversation,
        temporary=temporary,
        search=settings.search or bool(spec.box.site_tools & {"web_search", "x_search"}),
        image_generation=settings.image_generation or "image_generation" in spec.box.site_tools,
        image_count=settings.image_count,
        deep_search=settings.deep_search,
        custom_instructions=settings.custom_instructions,
        follow_ups=settings.follow_ups,
    )


def _stop_sequences(stop: Any) -> list[str]:
    """Stop sequences, checked before anything is sent."""
    sequences = list(stop) if isinstance(stop, list | tuple) else [stop] if stop else []
    if not all(isinstance(sequence, str) for sequence in sequences):
        raise GrokWebInvalidRequestError("Stop sequences must be strings.", next_step="Correct `stop=`.")
    return sequences
