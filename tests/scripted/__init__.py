"""A server that says what a test tells it, byte for byte: the emulator is too well-behaved to find some faults.

`server` knows bytes alone. `steps` is a notation for what happens in an answer, and `rest` and `gateway` turn it into
what each wire would carry, so that a case is written once and played on both. All of it is written from the protocol's
description and imports nothing of the package, neither of the client nor of the emulator.
"""
