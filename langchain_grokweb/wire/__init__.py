"""What is said to grok.com and what it says: bytes and frames in, events out. No I/O, no LangChain.

`turn` is what we ask, `events` is what we hear, `rest` puts the one into bytes and reads the other from them;
`modes` knows model names, `rejection` knows refusals.
"""
