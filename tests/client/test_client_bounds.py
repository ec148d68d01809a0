"""Bodies that are packed, large or cut into very many parts: they end within bounds, and the loop goes round meanwhile.

How long the loop is held is measured in processor time of its thread, and beside known work: a busy machine changes
neither.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, reduce
from typing import Any, Self

import pytest
from scripted import gateway, rest
from scripted import steps as s
from scripted.server import Close, Piece, Reply, Script, ScriptedServer

from langchain_grokweb import ChatGrokWeb, GrokWebError, GrokWebProtocolError, GrokWebRateLimitError
from langchain_grokweb.wire.rest import RestDecoder

MIB = 1024 * 1024
ANSWER = [*rest.prelude(), rest.frame(s.ANSWER, token="Paris.")]
END = [rest.frame(s.ANSWER, modelResponse={"responseId": s.ANSWER, "message": "Paris.", "sender": "ASSISTANT"})]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        for wire, script in (("rest", streamed([*ANSWER, *END])), ("gateway", gateway.script([s.Text("Paris.")]))):
            scripted.play(script)
            asyncio.run(model_on(scripted, wire).ainvoke("Hi"))  # what is imported and made at first use
        yield scripted


def model_on(server: ScriptedServer, transport: str, **settings: Any) -> ChatGrokWeb:
    common = {"base_url": server.base_url, "cookies": server.cookies, "model": "fast", "max_retries": 0}
    return ChatGrokWeb(**common, transport=transport, **settings)


def packed(data: bytes, *, times: int = 1) -> bytes:
    for _ in range(times):
        data = gzip.compress(data, 9)
    return data


@cache
def bomb(mebibytes: int) -> bytes:
    """Line ends, packed, without ever being in memory; each mebibyte is packed alike, so it is done once."""
    blank = b"\n" * MIB
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    part = packer.compress(blank) + packer.flush(zlib.Z_FULL_FLUSH)
    head, tail = gzip.compress(b"", mtime=0)[:10], packer.flush()
    check = reduce(lambda crc, _: zlib.crc32(blank, crc), range(mebibytes), 0)
    return head + part * mebibytes + tail + struct.pack("<II", check, mebibytes * MIB)


def test_a_bomb_unpacks_to_what_it_says():
    assert gzip.decompress(bomb(2)) == b"\n" * 2 * MIB


def streamed(pieces: Sequence[Piece], **headers: str) -> Script:
    return Script({"turn": Reply(pieces, headers={"content-type": "application/json", **headers})})


MOST_TIMES = (
    12  # of known work, which is about 4 ms; most hold it for less than 2 times, and some without bounds for thousands
)


MOST_TIMES_OF_REFUSALS = 4
MOST_TIMES_OF_FLOODS = 8


class Ticks:
    """A task that runs whenever the loop goes round, and notes for how long it could not."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        gc.disable()
        self._task = asyncio.ensure_future(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        gc.enable()

    async def _tick(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.thread_time() - before)
            before = time.thread_time()


def known_work() -> float:
    """Processor time for 2,000 ordinary frames."""
    frames = b"".join(rest.frame(s.ANSWER, token="word ", messageTag="final") for _ in range(2_000))
    times = []
    for _ in range(5):
        decoder = RestDecoder(assets_url="https://assets.example")
        before = time.thread_time()
        decoder.feed(frames)
        times.append(time.thread_time() - before)
    return min(times)


# --- packed bodies


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", packed),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("gzip, gzip", lambda data: packed(data, times=2)),
        ("deflate, gzip", lambda data: packed(zlib.compress(data))),
        ("identity", bytes),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 100_000])
async def test_a_packed_answer_is_read_however_it_is_cut(server: ScriptedServer, encoding: str, pack: Any, size: int):
    body = pack(b"".join([*ANSWER, *END]))
    server.play(streamed([body[i : i + size] for i in range(0, len(body), size)], **{"content-encoding": encoding}))
    assert (await model_on(server, "rest").ainvoke("Hi")).text == "Paris."
    asked = server.asked("turn")[0].headers["accept-encoding"]
    assert asked == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip, gzip"])
async def test_an_encoding_that_was_not_asked_for_is_refused(server: ScriptedServer, encoding: str):
    server.play(streamed([b"packed"], **{"content-encoding": encoding}))
    with pytest.raises(GrokWebProtocolError, match="gzip, deflate"):
        await model_on(server, "rest").ainvoke("Hi")


async def test_a_refusal_that_is_packed_twice_is_read(server: ScriptedServer):
    body = packed(b'{"error": {"code": 8, "message": "Too many requests"}}', times=2)
    refusal = Reply([body], 429, {"content-type": "application/json", "content-encoding": "gzip, gzip"})
    server.play(Script({"turn": refusal}))
    with pytest.raises(GrokWebRateLimitError):
        await model_on(server, "rest").ainvoke("Hi")


PACKED_BOMBS = {"gzip": ("gzip", 0), "twice": ("gzip, gzip", 1)}  # what it is called, and how often it is packed again


@pytest.mark.parametrize("kind", ["turn", "refusal", "small reply"])
@pytest.mark.parametrize("packing", PACKED_BOMBS)
async def test_a_small_body_that_unpacks_to_a_large_one_holds_the_loop_for_no_longer_than_others(
    server: ScriptedServer, kind: str, packing: str
):
    encoding, times = PACKED_BOMBS[packing]
    status = 403 if kind == "refusal" else 200
    reply = Reply(
        [packed(bomb(300), times=times)], status, {"content-type": "application/json", "content-encoding": encoding}
    )
    server.play(Script({"turn": reply, "modes": reply}))
    model = model_on(server, "rest", timeout=600)
    async with Ticks() as ticks:
        with pytest.raises(GrokWebError):
            await (model.alist_modes() if kind == "small reply" else model.ainvoke("Hi"))
    assert ticks.longest < MOST_TIMES * known_work()


REFUSALS = {
    "blank lines": b"\n" * 65_536,
    "one word": b"a" * 65_536,
    "percent signs": b"%25" * 21_845,
    "names of characters": b"&amp;" * 13_107,
    "escapes": rb"\\u0041" * 10_922,
    "two-byte characters": "é".encode() * 32_768,
    "beginnings of what is known": b"error code: session usage conversation " * 1_680,
    "a page": b"<p>error 101" * 5_461,
    "beginnings of cookies": b"sso=eyJ." * 8_192,
    "a long message": json.dumps({"error": {"code": "x", "message": "y " * 8_000}}).encode(),
    "a long code": json.dumps({"error": {"code": "x_" * 8_000, "message": ""}}).encode(),
    "nesting": b'{"a":' * 13_107,
}


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_no_refusal_holds_the_loop_for_long(server: ScriptedServer, kind: str):
    model, work = model_on(server, "rest"), known_work()
    for name, body in REFUSALS.items():
        server.play(Script({"turn": Reply([body], 403, {"content-type": kind})}))
        async with Ticks() as ticks:
            with pytest.raises(GrokWebError):
                await model.ainvoke("Hi")
        assert ticks.longest < MOST_TIMES_OF_REFUSALS * work, name


# --- very many parts


def tiny_chunks(data: bytes) -> list[Piece]:
    return [data[i : i + 1] for i in range(len(data))]


FLOODS = {
    "objects": [b"{}" * 60_000],
    "lines": [b"{}\n" * 40_000],
    "blank lines": [b"\n" * 200_000],
    "comments": [b":\n" * 100_000],
    "broken characters": [b'{"a":"\xff"}\n' * 10_000],
    "quotes": [b'{"a":[' + b'"",' * 60_000],
    "backslashes": [b'{"a":"' + b"\\n" * 60_000],
    "open braces": [b"{" * 200_000],
    "nesting": [b'{"a":' * 900 + b"1" + b"}" * 900 + b"\n"] * 20,
    "parts": [b'{"a":[' + b"{}," * 200_000 + b"{}]}\n"],
    "unknown members": [b"".join(b'{"result":{"response":{"m%d":1}}}\n' % n for n in range(5_000))],
    "chunks": tiny_chunks(b'{"result":{}}\n' * 400),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_no_flood_holds_the_loop_for_long(server: ScriptedServer, flood: str):
    server.play(streamed([*ANSWER, *FLOODS[flood], *END]))
    async with Ticks() as ticks:
        with suppress(GrokWebError):
            await model_on(server, "rest").ainvoke("Hi")
    assert ticks.longest < MOST_TIMES_OF_FLOODS * known_work()


async def test_an_object_of_very_many_parts_is_refused(server: ScriptedServer):
    server.play(streamed([*ANSWER, *FLOODS["parts"]]))
    with pytest.raises(GrokWebProtocolError, match="at most 100000 parts"):
        await model_on(server, "rest").ainvoke("Hi")


# --- the gateway


def socket_of(*pieces: Piece) -> Script:
    writer = gateway.Writer()
    return Script(
        {},
        {
            "session.create": writer.session(),
            "conversation.item.create": writer.prompt(),
            "response.create": [*writer.created(), writer.text(s.ANSWER, "Paris."), *pieces, Close(1000)],
        },
    )


GATEWAY_FLOODS = {
    "messages": ["{}"] * 3_000,
    "objects in one message": ["{}" * 200_000],
    "lines in one message": ["\n" * 200_000],
    "parts": ['{"a":[' + "{}," * 200_000 + "{}]}"],
    "nesting": ['{"a":' * 2_000 + "1" + "}" * 2_000] * 20,
}


@pytest.mark.parametrize("flood", GATEWAY_FLOODS)
async def test_no_flood_over_the_gateway_holds_the_loop_for_long(server: ScriptedServer, flood: str):
    server.play(socket_of(*GATEWAY_FLOODS[flood]))
    async with Ticks() as ticks:
        with suppress(GrokWebError):
            await model_on(server, "gateway").ainvoke("Hi")
    assert ticks.longest < MOST_TIMES * known_work()
