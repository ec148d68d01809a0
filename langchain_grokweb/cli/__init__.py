"""The `grokweb` command."""

from __future__ import annotations

import os
import sys

from langchain_grokweb._version import __version__


def main() -> None:
    """Run the command; without its extra, say how to install it."""
    if sys.argv[1:] == ["--version"]:  # the question that shells and package tests ask most: nothing is imported for it
        print(f"langchain-grokweb {__version__}")
        return
    try:
        from langchain_grokweb.cli.app import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit('The grokweb command needs its extra: pip install "langchain-grokweb[cli]"')
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell (>&-): what goes there goes nowhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - it lasts as long as we
    app(prog_name="grokweb")
