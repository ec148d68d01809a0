"""How often a turn waits for the network before its first token, counted with a clock that only waits move."""

from __future__ import annotations

from tests.benchmarks.round_trips import MOST, round_trips


async def test_round_trips_to_the_first_token(clock, wire):
    found = await round_trips(wire, 1.0, clock.time)
    assert [count <= MOST[wire, number] for number, count in enumerate(found, 1)] == [True, True], found
