"""`grokweb emulator`: a grok.com on this machine."""

from __future__ import annotations

import errno
from typing import Annotated, Any

import typer

from langchain_grokweb.cli.report import Failure

app = typer.Typer()

_USE = """\
An emulator of grok.com listens at {address} (Ctrl-C ends it).

In another terminal:
  export GROKWEB_BASE_URL={address}
  export GROKWEB_COOKIES='{cookies}'
  grokweb chat "Why is the sky blue?"

Or sign in with a browser at {address}/sign-in, and give its cookies to
  grokweb login --base-url {address}

The cookies are the same at each start. They are worth nothing anywhere else."""


@app.command()
def emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any free port.")] = 8765,
) -> None:
    """Run an emulator of grok.com on this machine, to try everything without an account. Ctrl-C ends it."""
    from langchain_grokweb.cli.chat.memory import Memory  # noqa: PLC0415 - see cli.app

    memory = Memory.of("emulator-server")
    grok = emulator_class()(port=port)
    load(grok, memory.emulator_state)
    memory.keep_emulator({**grok.dump(), "conversations": []})
    try:
        grok.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failure(f"Port {port} is in use.", "Use --port with another port, or 0 for any free port.") from None
        raise Failure(
            f"Port {port} cannot be used: {error.strerror or error}.", "Use --port with another port."
        ) from None
    typer.echo(_USE.format(address=grok.base_url, cookies=grok.cookies))
    grok.serve_forever()


def load(grok: Any, state: Any) -> None:
    """Continue from what an emulator left; what cannot be read is forgotten."""
    try:
        grok.load(state)
    except (KeyError, TypeError, ValueError, AttributeError):
        return


def emulator_class() -> Any:
    """`GrokEmulator`.

    Raises:
        Failure: Its extra is not installed.
    """
    try:
        from langchain_grokweb.testing import GrokEmulator  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        raise Failure(str(error)) from None
    return GrokEmulator
