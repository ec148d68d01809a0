"""Everything that tells of an error: what tracebacks with local variables, reprs, pickles and logs show."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

MARK = "mArKeR"  # part of a cookie, which must be found nowhere


def signed_in(cookies: str) -> str:
    """An account's cookies with a mark in two that the emulator does not look at."""
    return f"{cookies}; cf_clearance={MARK}1; __cf_bm={MARK}2"


def told(error: BaseException) -> str:
    """What is told of an error by those who look closely: pytest and rich show the variables of every frame."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    frames = [frame for one in chain for frame in _frames(one)]
    told = [f"{one!r} {one} {one.__dict__}" for one in chain]
    return "\n".join([*frames, *told, pickle.dumps(error).decode("latin-1")])


def _frames(error: BaseException) -> Iterator[str]:
    """Frame by frame, without those of the tests, which know the mark."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "/tests/" not in frame.f_code.co_filename:
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_name}: {name} = {_repr(value)}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - as tracebacks do
        return f"<{type(error).__name__}>"


@contextmanager
def logged() -> Iterator[list[str]]:
    """What all libraries log meanwhile, at DEBUG; the servers of the tests are not of the client."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("uvicorn", "websockets.server", "langchain_grokweb.testing")):
                lines.append(record.getMessage())

    lines: list[str] = []
    root, handler = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def check_error(error: BaseException) -> None:
    """Nothing that is told of it holds the mark.

    Raises:
        AssertionError: Something does; it says where.
    """
    shown = [line[:300] for line in told(error).splitlines() if MARK in line]
    assert not shown, f"a cookie is shown: {shown[:3]}"
