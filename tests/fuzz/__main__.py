# ruff: noqa: T201 (this program's only face is what it prints)
"""Fuzz the decoders: `python -m tests.fuzz [--seed 7 --count 100000] [--only rest --number 12]`.

Prints its seed and how often each kind of input ended how; an input that gives anything but events, a normal end or a
`GrokWebError` ends the run with its name.
"""

import argparse
import random
import time

from tests.fuzz import targets


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the decoders of both wires.")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", choices=sorted(targets.TARGETS))
    parser.add_argument("--number", type=int, help="one input alone, with --only")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    if asked.number is not None and asked.only:
        print(targets.one(asked.seed, asked.number, asked.only))
        return
    begun = time.monotonic()
    ends = targets.run(asked.seed, asked.count, [asked.only] if asked.only else ())
    for end, times in sorted(ends.items(), key=lambda entry: (entry[0].split(":")[0], -entry[1])):
        print(f"{times:8}  {end}")
    print(f"{sum(ends.values()):8}  inputs, none of which gave anything else, in {time.monotonic() - begun:.0f} s")


main()
