"""A server that costs next to nothing, so that the clients' own cost is what the benchmarks see.

It knows nothing of the package, speaks HTTP/1.1 over asyncio streams, and sends bodies made once at start:

- `POST /rest/app-chat/conversations/new`: newline-delimited JSON as grok.com sent it in 2025-03;
- `GET /ws/mgw/`, a WebSocket: grok.com's realtime gateway of 2026 in its chunk dialect, for one turn or several;
- `POST /v1/chat/completions`: the same words as api.x.ai sends them, server-sent events, or one JSON body
  where the request does not ask for a stream;
- `POST /api/chat`: the same words as a local Ollama sends them;
- anything else that is posted (a stop, say): `{}`.

One port is opened for each `--frames`: so many frames go into one HTTP chunk and one write; on a WebSocket they keep
their own frames, and share the write. A client therefore chooses its way of delivery by its base URL alone, and no
header or query betrays that this is a benchmark.

"One frame a write" means one HTTP chunk (or WebSocket frame) for each frame and one `send` for each chunk: the
transport may keep nothing back (high-water mark 0), and every write is followed by `drain`. No loop turn is forced
between the writes. That would leave the client idle between frames and measure the kernel's wake-ups; a writer ahead
of its reader keeps the client busy, and each chunk still is its own iteration in any HTTP stack. (Not so on a
WebSocket, where one read of the client takes whatever frames have come.) With `--pace` each token frame leaves at its
own moment of an absolute timetable.

    python -m tests.benchmarks.server --tokens 2000 --frames 64 --frames 1

prints `{"64": port, "1": port}` and serves until its standard input ends.
"""

import argparse
import asyncio
import contextlib
import functools
import gc
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.benchmarks import websocket

WORDS = (
    "The sky looks blue because air scatters short waves of light far more strongly than long ones , so on a clear "
    "day blue reaches the eye from every side , while red goes almost straight on ; at dusk the path is longer , and "
    "what is left is orange . Naïve as it sounds , that is most of it : the rest is how our eyes weigh violet ."
).split()

CONVERSATION_ID = "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10"
CONVERSATIONS = "/rest/app-chat/conversations"
USER_ID = "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01"
QUIET_USER_ID = "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a02"  # who gets no event over the gateway that is optional
ANSWER_ID = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"
LATER_ANSWER_ID = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f000000"  # from the second turn of a socket on: its end is the number
EVENT_ID = "evt_440cd062965c487b92c0da2b381f92d1"
TITLE = "Why the sky is blue"
CREATED = "2025-03-16T08:13:39.326021Z"
ANSWER_IDS = {"response_id": ANSWER_ID, "item_id": ANSWER_ID}
EMPTY_LISTS = (
    "webSearchResults xpostIds xposts generatedImageUrls imageAttachments fileAttachments cardAttachmentsJson "
    "fileUris fileAttachmentsMetadata steps mediaTypes webpageUrls"
).split()


def words(count: int) -> list[str]:
    """The answer's tokens; white space belongs to the token, and the first has none."""
    some = itertools.islice(itertools.cycle(WORDS), count)
    return [word if first or word in ",;.:" else f" {word}" for first, word in zip(_first(), some, strict=False)]


def answer_text(count: int) -> str:
    """What a client must have in the end."""
    return "".join(words(count))


def _first() -> Iterable[bool]:
    return itertools.chain((True,), itertools.repeat(False))


@dataclass(frozen=True)
class Body:
    """The frames of one answer: those before the tokens, the tokens, those after them."""

    content_type: str
    head: Sequence[bytes]
    tokens: Sequence[bytes]
    tail: Sequence[bytes]
    wrap: Callable[[bytes], bytes]  # from frames to what is written at once

    def writes(self, frames_a_write: int) -> list[bytes]:
        """The whole body in writes of so many frames; what closes an HTTP body is left out."""
        frames = [*self.head, *self.tokens, *self.tail]
        groups = (frames[i : i + frames_a_write] for i in range(0, len(frames), frames_a_write))
        return [self.wrap(b"".join(group)) for group in groups]


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def as_it_is(data: bytes) -> bytes:
    """For frames that are WebSocket frames already."""
    return data


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- grok.com -------------------------------------------------------------------------------------------------------


def grok_body(count: int) -> Body:
    """Conversation, user response, tokens, final metadata, model response, title (protocol/rest.md 4.4)."""
    final = {"followUpSuggestions": [], "feedbackLabels": [], "toolsUsed": {}, "disclaimer": ""}
    asked = grok_response(USER_ID, "Why is the sky blue?", "human")
    answered = grok_response(ANSWER_ID, answer_text(count), "ASSISTANT", parentResponseId=USER_ID)
    return Body(
        content_type="application/json",
        head=[
            grok_conversation(),
            grok_frame({"userResponse": asked}, USER_ID),
        ],
        tokens=[grok_frame({"token": word}, ANSWER_ID) for word in words(count)],
        tail=[
            grok_frame({"finalMetadata": final}, ANSWER_ID),
            grok_frame({"modelResponse": answered}, ANSWER_ID),
            compact({"result": {"title": {"newTitle": TITLE}}}) + b"\n",
        ],
        wrap=http_chunk,
    )


def grok_conversation() -> bytes:
    conversation = {
        "conversationId": CONVERSATION_ID,
        "title": "New conversation",
        "starred": False,
        "createTime": CREATED,
        "modifyTime": CREATED,
        "systemPromptName": "",
        "temporary": False,
        "mediaTypes": [],
    }
    return compact({"result": {"conversation": conversation}}) + b"\n"


def grok_frame(member: dict[str, object], response_id: str) -> bytes:
    common = {"isThinking": False, "isSoftStop": False, "responseId": response_id}
    return compact({"result": {"response": member | common}}) + b"\n"


def grok_response(response_id: str, message: str, sender: str, **more: object) -> dict[str, object]:
    told = {"responseId": response_id, "message": message, "sender": sender, "createTime": CREATED}
    flags = {"manual": False, "partial": False, "shared": False, "query": "", "queryType": "", "isControl": False}
    return told | more | flags | {name: [] for name in EMPTY_LISTS}


# --- grok.com's realtime gateway (protocol/gateway.md 4.2) ----------------------------------------------------------


def gateway_opening() -> bytes:
    """What follows a `session.create`, in one write."""
    extension = {"protocol_capabilities": ["conversation_attached", "custom_methods_v1"], "use_chunk": True}
    conversation = {"id": CONVERSATION_ID, "object": "realtime.conversation"}
    return b"".join(
        (
            gateway_event(1, "session.created", session={"model": "auto", "x_grok": extension}),
            gateway_event(2, "conversation.attached", conversation=conversation, mode="new"),
            gateway_event(3, "conversation.commands.updated", commands=[]),
        )
    )


def gateway_body(count: int) -> Body:
    """What follows a `response.create`: item, response, a chunk a token, the end, and what comes late."""
    started = {"created_at": 1791450479839.0, "model": "auto"}
    told = words(count)
    done = 6 + count
    return Body(
        content_type="",
        head=[
            gateway_event(4, "conversation.item.added", item=gateway_item()),
            gateway_event(5, "response.created", response=gateway_response("in_progress", x_grok=started)),
        ],
        tokens=[gateway_chunk(6 + number, gateway_text(word)) for number, word in enumerate(told)],
        tail=[
            gateway_event(done, "response.output_text.done", **ANSWER_IDS, text=answer_text(count)),
            gateway_event(done + 1, "response.done", response=gateway_response("completed")),
            gateway_event(done + 2, "response.persisted", **ANSWER_IDS, status="ok"),
            gateway_chunk(done + 3, {"follow_up_suggestions": {"suggestions": [gateway_suggestion()]}}),
            gateway_event(done + 4, "conversation.title.updated", title=TITLE),
        ],
        wrap=as_it_is,
    )


def later_id(number: int) -> bytes:
    return f"{LATER_ANSWER_ID[:-6]}{number:06x}".encode()


def later(body: Body) -> Body:
    """The same as the answer of a further turn."""
    head, tokens, tail = (
        [frame.replace(ANSWER_ID.encode(), LATER_ANSWER_ID.encode()) for frame in frames]
        for frames in (body.head, body.tokens, body.tail)
    )
    return replace(body, head=head, tokens=tokens, tail=tail)


def without_options(body: Body) -> Body:
    """The same without what may come after an answer: that it is stored, suggestions, a title."""
    return replace(body, tail=body.tail[:2])


def gateway_event(number: int, kind: str, **members: object) -> bytes:
    event = {"type": kind, "event_id": f"{EVENT_ID}_{number}"} | members
    return websocket.frame(websocket.TEXT, compact({"session_id": CONVERSATION_ID, "event": event}))


def gateway_chunk(number: int, chunk: dict[str, object]) -> bytes:
    return gateway_event(number, "response.chunk", **ANSWER_IDS, chunk=chunk)


def gateway_text(token: str) -> dict[str, object]:
    return {"metadata": {"step_id": 0}, "text": {"text": token, "channel": "CHANNEL_ASSISTANT_RESPONSE"}}


def gateway_item() -> dict[str, object]:
    return {"id": USER_ID, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}


def gateway_response(status: str, **more: object) -> dict[str, object]:
    return {"id": ANSWER_ID, "status": status, "output_modalities": ["text"]} | more


def gateway_suggestion() -> dict[str, object]:
    properties = {"message_type": "TEXT", "follow_up_type": "DIVE_DEEPER"}
    return {"properties": properties, "label": "And on Mars?", "tool_overrides": {"image_gen": False}}


# --- api.x.ai -------------------------------------------------------------------------------------------------------


def xai_body(count: int) -> Body:
    """One event a token; the usage comes once, at the end, which is the cheapest form for the client."""
    told = words(count)
    return Body(
        content_type="text/event-stream",
        head=[xai_event([xai_delta({"role": "assistant", "content": ""})])],
        tokens=[xai_event([xai_delta({"content": word})]) for word in told],
        tail=[
            xai_event([xai_delta({}, "stop")]),
            xai_event([], usage=xai_usage(count)),
            b"data: [DONE]\n\n",
        ],
        wrap=http_chunk,
    )


def xai_event(choices: list[object], **more: object) -> bytes:
    return b"data: %b\n\n" % compact(xai_object("chat.completion.chunk", choices) | more)


def xai_object(kind: str, choices: list[object]) -> dict[str, object]:
    return {
        "id": ANSWER_ID,
        "object": kind,
        "created": 1742112819,
        "model": "grok-3",
        "choices": choices,
        "system_fingerprint": "fp_1e5cf3d5c4",
    }


def xai_delta(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def xai_usage(count: int) -> dict[str, int]:
    return {"prompt_tokens": 12, "completion_tokens": count, "total_tokens": count + 12}


def xai_whole(count: int) -> bytes:
    """The answer to a request without `stream`."""
    message = {"role": "assistant", "content": answer_text(count)}
    choices: list[object] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return compact(xai_object("chat.completion", choices) | {"usage": xai_usage(count)})


# --- Ollama ----------------------------------------------------------------------------------------------------------


def ollama_body(count: int) -> Body:
    """One line a token, as a local Ollama writes `/api/chat`."""
    common = {"model": "grok-3", "created_at": CREATED}
    said = ({**common, "message": {"role": "assistant", "content": word}, "done": False} for word in words(count))
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "eval_count": count}
    return Body(
        content_type="application/x-ndjson",
        head=[],
        tokens=[compact(line) + b"\n" for line in said],
        tail=[compact(common | end) + b"\n"],
        wrap=http_chunk,
    )


# --- the server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def wants_stream(self) -> bool:
        return b'"stream":true' in self.body.replace(b" ", b"")

    @property
    def websocket_key(self) -> str | None:
        """Set where this asks to become a WebSocket to the gateway."""
        return self.headers.get("sec-websocket-key") if self.path.startswith("/ws/mgw/") else None


class Bodies:
    """Everything that is ever sent, made once."""

    def __init__(self, tokens: int) -> None:
        self.grok = grok_body(tokens)
        self.gateway_opening = gateway_opening()
        whole = gateway_body(tokens)
        quiet = without_options(whole)
        self.gateway = (whole, later(whole))  # of a first turn, and of those after it
        self.gateway_quiet = (quiet, later(quiet))
        self.gateway_pong = gateway_event(0, "pong")
        self.xai = xai_body(tokens)
        self.xai_whole = xai_whole(tokens)
        self.ollama = ollama_body(tokens)


class Speaker:
    """Answers on one port, with so many frames a write, at full speed or paced."""

    def __init__(self, bodies: Bodies, frames_a_write: int, pace: float) -> None:
        self._bodies = bodies
        self._pace = pace
        self._ready = {
            id(body): body.writes(frames_a_write)
            for body in (bodies.grok, *bodies.gateway, *bodies.gateway_quiet, bodies.xai, bodies.ollama)
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive for as many requests as the client likes, or until it was a WebSocket."""
        writer.transport.set_write_buffer_limits(high=0)
        # A cancelled task at the program's end would be reported as a failure by asyncio before 3.12; it just ends.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (key := (request := await read_request(reader)).websocket_key) is None:
                await self._answer(request, writer)
            quiet = QUIET_USER_ID in request.path
            await self._converse(key, reader, writer, self._bodies.gateway_quiet if quiet else self._bodies.gateway)
        writer.close()

    async def _converse(
        self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bodies: tuple[Body, Body]
    ) -> None:
        """The gateway's side of a socket. Answers are tasks, so that pings and a close are heard meanwhile."""
        writer.write(websocket.switching_protocols(key))
        answers: list[asyncio.Task[None]] = []
        try:
            async for message in websocket.messages(reader, writer):
                kind = json.loads(message)["event"]["type"]
                if kind == "session.create":
                    writer.write(self._bodies.gateway_opening)
                elif kind == "response.create":
                    answers.append(asyncio.create_task(self._send(bodies[bool(answers)], writer, len(answers))))
                elif kind == "ping":
                    writer.write(self._bodies.gateway_pong)
        finally:
            for answer in answers:
                answer.cancel()
            await asyncio.gather(*answers, return_exceptions=True)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path in {f"{CONVERSATIONS}/new", f"{CONVERSATIONS}/{CONVERSATION_ID}/responses"}:
            await self._stream(self._bodies.grok, writer)
        elif request.path == "/api/chat":
            await self._stream(self._bodies.ollama, writer)
        elif not request.path.endswith("/chat/completions"):
            await send_whole(b"{}", writer)
        elif request.wants_stream:
            await self._stream(self._bodies.xai, writer)
        else:
            await send_whole(self._bodies.xai_whole, writer)

    async def _stream(self, body: Body, writer: asyncio.StreamWriter) -> None:
        writer.write(stream_head(body.content_type))
        await self._send(body, writer)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _send(self, body: Body, writer: asyncio.StreamWriter, number: int = 0) -> None:
        """Send an answer: over the gateway the one with this number on its socket, whose id is its own."""
        own_id = later_id(number)

        def named(data: bytes) -> bytes:
            return data.replace(LATER_ANSWER_ID.encode(), own_id) if number else data

        if self._pace:
            await self._send_paced(body, writer, named)
        else:
            await self._send_at_once(body, writer, named)

    async def _send_at_once(self, body: Body, writer: asyncio.StreamWriter, named: Callable[[bytes], bytes]) -> None:
        for data in self._ready[id(body)]:
            writer.write(named(data))
            await writer.drain()

    async def _send_paced(self, body: Body, writer: asyncio.StreamWriter, named: Callable[[bytes], bytes]) -> None:
        for frame in body.head:
            writer.write(body.wrap(named(frame)))
        clock = asyncio.get_running_loop().time
        start = clock()
        for number, frame in enumerate(body.tokens, start=1):
            await asyncio.sleep(max(0.0, start + number / self._pace - clock()))
            writer.write(body.wrap(named(frame)))
            await writer.drain()
        for frame in body.tail:
            writer.write(body.wrap(named(frame)))


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    start, *fields = head.decode("latin-1").split("\r\n")
    named = (field.partition(":") for field in fields)
    headers = {name.lower(): value.strip() for name, _, value in named}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(path=start.split(" ")[1], headers=headers, body=body)


@functools.cache
def stream_head(content_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()


async def send_whole(data: bytes, writer: asyncio.StreamWriter) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()


async def wait_for_end_of_input() -> None:
    """The harness holds our standard input; when it goes, however it goes, so do we."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def serve_all(options: argparse.Namespace) -> None:
    bodies = Bodies(options.tokens)
    ports = {}
    for frames in options.frames or [64, 1]:
        speaker = Speaker(bodies, frames, options.pace)
        # The backlog holds a whole crowd: a dropped SYN would be a second's stall that is no client's fault.
        server = await asyncio.start_server(speaker.serve, "127.0.0.1", 0, backlog=4096)
        ports[frames] = server.sockets[0].getsockname()[1]
    gc.freeze()
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await wait_for_end_of_input()


def main() -> None:
    parser = argparse.ArgumentParser(description="The benchmarks' server; see the module's docstring.")
    parser.add_argument("--tokens", type=int, default=2000, help="tokens an answer has")
    parser.add_argument("--frames", type=int, action="append", help="frames a write; repeat for more ports")
    parser.add_argument("--pace", type=float, default=0, help="tokens a second, one frame a write; 0: at once")
    asyncio.run(serve_all(parser.parse_args()))


if __name__ == "__main__":
    main()
