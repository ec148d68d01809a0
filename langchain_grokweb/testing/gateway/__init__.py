"""The realtime gateway `/ws/mgw/` (gateway.md): one room for each concern.

`door` decides who may upgrade; `sockets` reads what a client says and answers what concerns no turn; `sessions`
takes the turns of one session, one after another; `asking` reads a question out of a client's events; `writer`
renders an answer in chunks, `deltas` in the older dialect; `mischief` spoils it; `events` has the other events of a
turn, and spells them all.
"""
