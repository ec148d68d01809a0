"""A server that costs next to nothing, so that the clients' own cost is what the benchmarks see.

It knows nothing of the package, speaks HTTP/1.1 over asyncio streams, and sends bodies made once at start:

- `POST /rest/app-chat/conversations/new`: newline-delimited JSON as grok.com sent it in 2025-03;
- `POST /v1/chat/completions`: the same words as api.x.ai sends them, server-sent events, or one JSON body
  where the request does not ask for a stream;
- anything else that is posted (a stop, say): `{}`.

One port is opened for each `--frames`: so many frames go into one HTTP chunk and one write. A client therefore
chooses its way of delivery by its base URL alone, and no header or query betrays that this is a benchmark.

"One frame a write" means one HTTP chunk for each frame and one `send` for each chunk: the transport may keep nothing
back (high-water mark 0), and every write is followed by `drain`. No loop turn is forced between the writes. That
would leave the client idle between frames and measure the kernel's wake-ups; a writer ahead of its reader keeps the
client busy, and each chunk still is its own iteration in any HTTP stack. With `--pace` each token frame leaves at its
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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WORDS = (
    "The sky looks blue because air scatters short waves of light far more strongly than long ones , so on a clear "
    "day blue reaches the eye from every side , while red goes almost straight on ; at dusk the path is longer , and "
    "what is left is orange . Naïve as it sounds , that is most of it : the rest is how our eyes weigh violet ."
).split()

CONVERSATION_ID = "7d1f0c52-6a0b-4b39-9f3e-2a5b1c9e4d10"
USER_ID = "3b8e6f0a-94c1-4f7d-8b26-5f0c6f1b7a01"
ANSWER_ID = "c2a4d8e1-0f35-4c6e-9a7b-8d2e4f6a1b02"
CREATED = "2025-03-16T08:13:39.326021Z"
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

    def chunks(self, frames_a_write: int) -> list[bytes]:
        """The whole body as HTTP chunks of so many frames, the closing one left out."""
        frames = [*self.head, *self.tokens, *self.tail]
        groups = (frames[i : i + frames_a_write] for i in range(0, len(frames), frames_a_write))
        return [http_chunk(b"".join(group)) for group in groups]


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


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
            compact({"result": {"title": {"newTitle": "Why the sky is blue"}}}) + b"\n",
        ],
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


# --- the server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes

    @property
    def wants_stream(self) -> bool:
        return b'"stream":true' in self.body.replace(b" ", b"")


class Bodies:
    """Everything that is ever sent, made once."""

    def __init__(self, tokens: int) -> None:
        self.grok = grok_body(tokens)
        self.xai = xai_body(tokens)
        self.xai_whole = xai_whole(tokens)


class Speaker:
    """Answers on one port, with so many frames a write, at full speed or paced."""

    def __init__(self, bodies: Bodies, frames_a_write: int, pace: float) -> None:
        self._bodies = bodies
        self._pace = pace
        self._ready = {id(body): body.chunks(frames_a_write) for body in (bodies.grok, bodies.xai)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive for as many requests as the client likes."""
        writer.transport.set_write_buffer_limits(high=0)
        # A cancelled task at the program's end would be reported as a failure by asyncio before 3.12; it just ends.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._answer(await read_request(reader), writer)
        writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path.startswith("/rest/app-chat/conversations/new"):
            await self._stream(self._bodies.grok, writer)
        elif not request.path.endswith("/chat/completions"):
            await send_whole(b"{}", writer)
        elif request.wants_stream:
            await self._stream(self._bodies.xai, writer)
        else:
            await send_whole(self._bodies.xai_whole, writer)

    async def _stream(self, body: Body, writer: asyncio.StreamWriter) -> None:
        writer.write(stream_head(body.content_type))
        if self._pace:
            await self._send_paced(body, writer)
        else:
            await self._send_at_once(body, writer)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _send_at_once(self, body: Body, writer: asyncio.StreamWriter) -> None:
        for chunk in self._ready[id(body)]:
            writer.write(chunk)
            await writer.drain()

    async def _send_paced(self, body: Body, writer: asyncio.StreamWriter) -> None:
        for frame in body.head:
            writer.write(http_chunk(frame))
        clock = asyncio.get_running_loop().time
        start = clock()
        for number, frame in enumerate(body.tokens, start=1):
            await asyncio.sleep(max(0.0, start + number / self._pace - clock()))
            writer.write(http_chunk(frame))
            await writer.drain()
        for frame in body.tail:
            writer.write(http_chunk(frame))


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    start, *fields = head.decode("latin-1").split("\r\n")
    sizes = [int(f.split(":", 1)[1]) for f in fields if f.lower().startswith("content-length:")]
    body = await reader.readexactly(sizes[0]) if sizes else b""
    return Request(path=start.split(" ")[1], body=body)


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
