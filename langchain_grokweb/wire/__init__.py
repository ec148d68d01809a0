"""What goes to grok.com and what comes back: bytes and frames in, events out. No I/O, no LangChain.

`turn` is what we ask, `events` is what the service sends. `rest` and `gateway` put the one into bytes and read the
other from them, by way of `event_builder`. `modes` knows model names, `error_mapping` refusals, `stored` and `inflight`
what the service keeps, `replay` how a broken stream is joined.
"""
