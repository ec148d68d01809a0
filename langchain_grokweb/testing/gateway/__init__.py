"""The realtime gateway `/ws/mgw/` (gateway.md): one room for each concern.

`sockets` reads what a client says and answers what concerns no turn; `sessions` takes the turns of one session, one
after another, or plays a recorded one; `asking` reads a question out of a client's events; `writer` renders an answer
in chunks, and spoils it; `deltas` says it in the older dialect; `events` has the other events of a turn, and spells
them all.
"""
