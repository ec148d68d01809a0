"""The `grokweb` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; without its extra, say how to install it."""
    try:
        from langchain_grokweb.cli.app import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit('The grokweb command needs its extra: pip install "langchain-grokweb[cli]"')
    app()
