"""The realtime gateway `/ws/mgw/` (gateway.md): one room for each concern.

`door` decides who may upgrade; `sockets` reads what a client says and answers what concerns no turn; `sessions`
takes the turns of one session, one after another; `asking` reads a question out of a client's events; `writer`
renders an answer with `chunks` or `deltas`, the two dialects; `mischief` spoils it; `events` has the events that both
dialects share, and numbers and spells them.
"""
