"""A body that is read ahead of whoever takes it: what has come leaves together, and nothing waits for more."""

import asyncio

import pytest

from langchain_grokweb.client.network.read_ahead import MAX_BYTES, MAX_PIECES, ReadAhead


class Body:
    """A body that brings pieces as they are put into it; an exception ends it."""

    def __init__(self, *pieces):
        self.pieces = asyncio.Queue()
        self.taken = 0
        self.was_cancelled = False
        for piece in pieces:
            self.pieces.put_nowait(piece)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            piece = await self.pieces.get()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if isinstance(piece, Exception):
            raise piece
        self.taken += 1
        return piece


async def turns_of_the_loop(number=5):
    for _ in range(number):
        await asyncio.sleep(0)


async def everything_of(ahead):
    taken = []
    while (data := await ahead.take()) is not None:
        taken.append(data)
    return taken


async def test_what_came_meanwhile_is_taken_together_and_nothing_waits_for_more():
    body = Body(b'{"a":1}\n')
    ahead = ReadAhead()
    ahead.start(body)
    assert await ahead.take() == b'{"a":1}\n'  # though the body has not ended
    for _ in range(3):
        body.pieces.put_nowait(b"{}\n")
    await turns_of_the_loop()
    assert ahead.is_ready
    assert await ahead.take() == b"{}\n" * 3
    assert not ahead.is_ready
    await ahead.close()


async def test_pieces_that_take_long_to_read_are_not_taken_together():
    body = Body(*[b"{}" * 400] * 4, *[b" " * 40_000] * 4, StopAsyncIteration())
    ahead = ReadAhead()
    ahead.start(body)
    await turns_of_the_loop()
    assert [len(data) for data in await everything_of(ahead)] == [800, 800, 800, 40_800, 40_000, 40_000, 40_000]


@pytest.mark.parametrize(("piece", "most"), [(b"{}\n", MAX_PIECES), (b" " * 16_000, MAX_BYTES // 16_000 + 1)])
async def test_a_reader_that_is_far_ahead_waits(piece, most):
    body = Body(*[piece] * 1000, StopAsyncIteration())
    ahead = ReadAhead()
    ahead.start(body)
    await turns_of_the_loop()
    assert body.taken == most
    assert b"".join(await everything_of(ahead)) == piece * 1000


async def test_an_error_comes_after_what_came_before_it():
    ahead = ReadAhead()
    ahead.start(Body(b"{}\n", ValueError("broken off")))
    await turns_of_the_loop()
    assert await ahead.take() == b"{}\n"
    with pytest.raises(ValueError, match="broken off"):
        await ahead.take()
    assert await ahead.take() is None


async def test_a_cancelled_taker_loses_nothing():
    body = Body()
    ahead = ReadAhead()
    ahead.start(body)
    taking = asyncio.ensure_future(ahead.take())
    await turns_of_the_loop()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    body.pieces.put_nowait(b"{}\n")
    assert await ahead.take() == b"{}\n"
    await ahead.close()


async def test_closing_ends_the_read_that_is_under_way():
    body = Body()
    ahead = ReadAhead()
    ahead.start(body)
    await turns_of_the_loop()
    await ahead.close()
    assert body.was_cancelled
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert await ahead.take() is None


async def test_what_never_began_can_be_closed():
    await ReadAhead().close()
