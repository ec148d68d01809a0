"""The service that all wires share: it takes a question, lets an answer be written, and remembers everything.

A wire parses what it was sent into an `Ask`, hands over a writer that renders the answer in its words, and
gets back a generation to read from. Everything here runs in the server's event loop; what a test looks at
from its own thread are lists that only grow, and `watch` wakes it when they did.
"""

import asyncio
import itertools
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import uuid4

from langchain_grokweb.testing.assistant.answers import answer_of, streamed
from langchain_grokweb.testing.assistant.instructions import offered
from langchain_grokweb.testing.state.account import Account
from langchain_grokweb.testing.state.assets import AnnouncedUpload, Asset, Source
from langchain_grokweb.testing.state.composition import Composition, Shape, compose
from langchain_grokweb.testing.state.conversations import (
    ASSISTANT,
    FIRST_TITLE,
    HUMAN,
    Conversations,
    Node,
    conversation_time,
)
from langchain_grokweb.testing.state.delivery import held_after
from langchain_grokweb.testing.state.faults import STREAM_ERRORS, Fault, Occasion, Refused, fault_at
from langchain_grokweb.testing.state.inflight import Ask, Frame, Generation, MakeWriter, Writer
from langchain_grokweb.testing.state.recorded import Recorded
from langchain_grokweb.testing.state.script import (
    Era,
    GatewayEvent,
    GatewaySession,
    PlanError,
    Reply,
    Request,
    Script,
    Turn,
    TurnContext,
    TurnStatus,
    UploadedFile,
)
from langchain_grokweb.testing.state.stored import file_object, pictures_of

_LOGGER = logging.getLogger("langchain_grokweb.testing")
_TITLE_WORDS = 6
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """How an emulator was asked to behave; see `GrokEmulator`."""

    chunk_size: int | None = 7
    era: Era = "2026"
    pace: float = 0.0
    assistant: Any = None
    reconnect: Literal["replay", "continue"] = "replay"
    longest_prompt: int | None = None
    latency: float = 0.0


@dataclass(slots=True)
class Service:
    """Everything that the emulator is and remembers."""

    settings: Settings
    account: Account
    script: Script = field(default_factory=Script)
    recorded: Recorded = field(default_factory=Recorded)
    conversations: Conversations = field(default_factory=Conversations)
    uploads: dict[str, UploadedFile] = field(default_factory=dict)
    announced: dict[str, AnnouncedUpload] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    generations: dict[str, Generation] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    sessions: list[GatewaySession] = field(default_factory=list)
    events: list[GatewayEvent] = field(default_factory=list)
    watch: threading.Condition = field(default_factory=threading.Condition)
    transport_of: Callable[[Any], asyncio.Transport | None] = lambda _client: None
    sockets: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def note(self) -> None:
        """Notify whoever waits that something has changed."""
        with self.watch:
            self.watch.notify_all()

    def saw(self, memory: list[Any], one: Any) -> None:
        """Put one thing into one of the lists that a test looks at."""
        with self.watch:
            memory.append(one)
            self.watch.notify_all()

    def forget(self) -> None:
        """Forget all that happened and all that was planned; the account and its session stay."""
        for generation in list(self.generations.values()):
            generation.lose()
        self.script.clear()
        kept: list[Any] = [self.turns, self.requests, self.stops, self.errors, self.sessions, self.events]
        kept += [self.account.quotas, self.generations, self.uploads, self.announced, self.assets]
        for memory in (*kept, self.recorded.exchanges, self.conversations.by_id):
            memory.clear()

    # -- taking questions

    def check(self, ask: Ask) -> None:
        """Refuse an unknown model (403), conversation (404), parent or file (400)."""
        self.account.check_mode(ask.mode, is_model=ask.is_model)
        if ask.conversation_id is not None:
            self.conversations.find(ask.conversation_id).check_parent(ask.parent_response_id)
        for file_id in ask.file_ids:
            if file_id not in self.uploads:
                raise Refused(400, "Invalid file attachment")

    def instead(self, ask: Ask) -> Reply | None:
        """The error that a stream reports instead of an answer: a used-up quota, or too long a question (rest.md 5)."""
        quota, longest = self.account.quota(ask.quota), self.settings.longest_prompt
        if quota.is_set and quota.remaining == 0:
            return Reply(error="usage_limit")
        return Reply(error="prompt_too_long") if longest is not None and len(ask.prompt) > longest else None

    def plan(self, instead: Reply | None, struck: Fault | None, occasion: Occasion) -> tuple[Reply | None, list[Fault]]:
        """What is to be answered, None for what the assistant says, and the faults that strike it.

        A planned refusal comes alone, and leaves its reply planned for the next try. `instead` is what the service says
        to a question that it does not take on.
        """
        reply = instead
        if reply is None and not (struck is not None and struck.replaces_answer):
            reply = self.script.next_reply()
        own = reply.planned_fault if reply is not None else None
        own = own if own is not None and own.strikes(occasion) else None
        if reply is not None and own is not None and own.stage == "refusal":
            self.script.put_back(reply)
            return None, [own]
        return reply, [fault for fault in (struck, own) if fault is not None]

    def begin(self, ask: Ask, planned: Reply | None, faults: Sequence[Fault], make_writer: MakeWriter) -> Generation:
        """Take a question on: into the tree with it, and an answer under way."""
        if ask.conversation_id is None:
            conversation = self.conversations.start(temporary=ask.temporary)
        else:
            conversation = self.conversations.find(ask.conversation_id)
        conversation.mode = ask.mode
        if not ask.keep_running:  # a new question cancels what is running in its conversation (rest.md 5)
            for generation in self.active(conversation.conversation_id):
                generation.stop()
        files = tuple(self.uploads[file_id] for file_id in ask.file_ids)
        question = Node(str(uuid4()), HUMAN, ask.prompt, ask.parent_response_id)
        if files:
            question.details = {
                "fileAttachments": list(ask.file_ids),
                "fileUris": [file.uri for file in files],
                "fileAttachmentsMetadata": [file_object(file) for file in files],
            }
        self.conversations.add(conversation, question)
        turn = Turn(
            prompt=ask.prompt,
            conversation_id=conversation.conversation_id,
            parent_response_id=ask.parent_response_id,
            response_id=str(uuid4()),
            user_response_id=question.response_id,
            mode=ask.mode,
            temporary=conversation.temporary,
            thinking=ask.thinking,
            files=files,
            wire=ask.wire,
        )
        writer = make_writer(ask, conversation, question, Node(turn.response_id, ASSISTANT, "", question.response_id))
        hold_after = held_after(fault_at("delivery", faults))
        generation = Generation(turn, writer, self._on_end, self.settings.pace, hold_after)
        self.generations[turn.response_id] = generation
        self.account.spend(ask.quota)
        generation.start(self._written(writer, turn, planned, faults))
        self.saw(self.turns, turn)
        return generation

    def active(self, conversation_id: str) -> list[Generation]:
        """The answers of a conversation that are being written."""
        return [one for one in self.generations.values() if one.turn.conversation_id == conversation_id]

    def running(self, response_id: str) -> Generation:
        """The answer of this id that is being written; refused with 404, code 5, where it is unknown or over."""
        generation = self.generations.get(response_id)
        if generation is None:
            raise Refused(404, "Response not found")
        return generation

    def stop(self, response_id: str) -> None:
        """Stop an answer because the client asked for it; refused as by `running`."""
        self.running(response_id).stop()
        self.saw(self.stops, response_id)

    # -- how a turn comes about

    async def _written(
        self, writer: Writer, turn: Turn, planned: Reply | None, faults: Sequence[Fault]
    ) -> AsyncIterator[Frame]:
        for frame in writer.opening():
            yield frame
        context = self._context(writer, turn)
        error = next((fault for fault in faults if fault.name in STREAM_ERRORS), None)
        alone = Reply(error=error.name) if error is not None and error.replaces_answer else None
        reply, is_out = planned or alone, False
        if reply is None and hasattr(self.settings.assistant, "astream"):  # a chat model, or a chain that ends in one
            is_out = True
            async with aclosing(streamed(self.settings.assistant, context, self._failed)) as parts:
                async for part in parts:
                    if isinstance(part, Reply):
                        reply = part
                        break
                    for frame in writer.streamed(part):
                        yield frame
        reply = reply or await answer_of(self.settings.assistant, context, self._failed)
        if error is not None and reply.error is None:
            reply = replace(reply, error=error.name)
        composition = self._composed(writer, context, reply, is_out=is_out)
        title = None  # a planned one, or for a new conversation the first words of its prompt
        if reply.title is not False and (reply.title is not None or writer.ask.begins):
            title = writer.conversation.title = reply.title or _title_of(turn.prompt)
        for frame in writer.answered(composition, title, faults):
            yield frame

    def _failed(self, error: Exception) -> None:
        """Log what an assistant raised, and keep it for the test."""
        _LOGGER.error("The assistant of an emulator failed", exc_info=error)
        self.errors.append(error)

    def _composed(self, writer: Writer, context: TurnContext, reply: Reply, *, is_out: bool) -> Composition:
        shape: Shape = "a" if writer.ask.era == "2025" else "b"
        mark = offered(context.prompt, context.history)[0] if reply.tool_calls else ""
        if mark is None:
            names = ", ".join(str(call.get("name")) for call in reply.tool_calls)
            error = PlanError(
                f"A reply with the tool calls {names} was planned, but neither the prompt nor the conversation before "
                "it offers tools: there is no <tools mark=…> in it. Bind the tools, or plan the text of such a call."
            )
            self.errors.append(error)
            reply, mark, is_out = Reply(f"The emulator failed: {error}", error="internal_error"), "", False
        # an edited picture is made of the newest that is attached, or that was made in this conversation
        path = writer.conversation.path_to(context.parent_response_id) if reply.images else ()
        keys = [key for node in path for key in pictures_of(node) if key in self.assets]
        pictures: list[Source] = [self.assets[key].source for key in keys]
        pictures += [file.content for file in context.files if file.mime_type.startswith("image/")]
        original = pictures[-1] if pictures else None
        composition = compose(reply, self.account.user_id, shape, mark, original, is_out=is_out)
        self.assets |= {asset.key: asset for asset in composition.assets}
        return composition

    def _context(self, writer: Writer, turn: Turn) -> TurnContext:
        ask = writer.ask
        path = writer.conversation.path_to(turn.parent_response_id) if ask.remembers else ()
        return TurnContext(
            prompt=turn.prompt,
            history=tuple(("human" if node.sender == HUMAN else "ai", node.message) for node in path),
            conversation_id=turn.conversation_id,
            parent_response_id=turn.parent_response_id,
            mode=turn.mode,
            thinking=turn.thinking,
            search=ask.search,
            images=ask.images,
            temporary=turn.temporary,
            files=turn.files,
        )

    def _on_end(self, generation: Generation, status: TurnStatus | None) -> None:
        """The answer is over: into the tree with it, unless it is lost."""
        turn, writer = generation.turn, generation.writer
        self.generations.pop(turn.response_id, None)
        if status is None:
            return
        if turn.conversation_id in self.conversations.by_id:
            self.conversations.add(writer.conversation, writer.answer)
        turn.status = status
        self.note()

    # -- files

    def keep(self, name: str, mime_type: str, content: bytes) -> UploadedFile:
        """Keep an upload."""
        file_id = str(uuid4())
        uri = f"users/{self.account.user_id}/{file_id}/content"
        self.uploads[file_id] = UploadedFile(file_id, name, mime_type, content, uri, conversation_time())
        return self.uploads[file_id]


def _title_of(prompt: str) -> str:
    """A title out of the first words of a prompt, or of the question in it (prompt-format.md)."""
    *_, prompt = re.findall(r'<message role="user"[^>]*>\n(.*?)\n</message>', prompt, re.DOTALL) or [prompt]
    title = " ".join(prompt.split()[:_TITLE_WORDS])[:_TITLE_LENGTH].rstrip(" ?!.,:;")
    return title or FIRST_TITLE
