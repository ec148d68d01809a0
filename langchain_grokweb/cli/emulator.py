"""`grokweb emulator`: a grok.com on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from langchain_grokweb.cli.report import Failure

app = typer.Typer()


@app.command()
def emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes any free port.")] = 8765,
) -> None:
    """Run an emulator of grok.com on this machine until interrupted."""
    with emulator_class()(port=port) as grok:
        typer.echo(f"An emulator of grok.com listens at {grok.base_url}. Use it with:")
        typer.echo(f"  export GROKWEB_BASE_URL={grok.base_url}")
        typer.echo(f"  export GROKWEB_COOKIES='{grok.cookies}'")
        typer.echo("Interrupt (Ctrl-C) to end it.")
        grok.serve_forever()


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
