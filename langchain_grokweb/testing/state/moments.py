"""Times as the service writes them (rest.md 4.9): RFC 3339, nanoseconds on responses, microseconds on conversations."""

import time
from datetime import UTC, datetime

_NANO = 1_000_000_000


def response_time() -> str:
    """Now, with nine digits, e.g. `2026-04-20T09:15:02.155903118Z`."""
    seconds, nanos = divmod(time.time_ns(), _NANO)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def conversation_time() -> str:
    """Now, with six digits, e.g. `2026-04-20T09:15:02.118203Z`."""
    return response_time()[:-4] + "Z"
