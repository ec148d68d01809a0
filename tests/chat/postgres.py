"""A PostgreSQL server of Debian's packages, for one test: in a directory of its own, and on no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clock import HANG_SECONDS

_OPTIONS = "-c listen_addresses= -c fsync=off -c shared_buffers=8MB"


def binaries() -> Path | None:
    """The directory of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def why_not() -> str | None:
    """Why no server can be started here, or None."""
    if binaries() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if os.geteuid() == 0 and not (shutil.which("runuser") and _has_user()):
        return "PostgreSQL does not run as root, and there is no user postgres to run it as"
    return None


def _has_user() -> bool:
    import pwd

    return any(entry.pw_name == "postgres" for entry in pwd.getpwall())


@contextmanager
def running() -> Iterator[str]:
    """A server; its address, by a socket in its directory."""
    place = tempfile.mkdtemp(prefix="pg")
    programs = binaries()
    try:
        if os.geteuid() == 0:
            shutil.chown(place, "postgres")
        _run(
            f"{programs}/initdb",
            "-D",
            f"{place}/data",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-N",
            "--no-locale",
            "-E",
            "UTF8",
        )
        control = [f"{programs}/pg_ctl", "-D", f"{place}/data", "-s", "-w"]
        _run(*control, "-l", f"{place}/log", "-o", f"-k {place} {_OPTIONS}", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={place}"
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(*command: str) -> None:
    other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*other, *command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=HANG_SECONDS,
    )
