"""`grokweb chat`: one answer, or a dialogue.

`command` reads what the user said on the command line. `talk` keeps the messages and asks; it prints nothing. What
comes of an answer goes chunk by chunk to a view: `live_view` on a terminal, `plain_view` everywhere else. `dialogue` is
the loop of questions, with its `/commands`. Everything runs in one event loop, so that Ctrl-C cancels the answer at an
`await` and never in the middle of a line.
"""
