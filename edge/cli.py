"""The command line, `tvradar …`."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)
engines_app = typer.Typer(no_args_is_help=True)
app.add_typer(engines_app, name="engines")


@engines_app.command("fetch")
def engines_fetch() -> None:
    """Download and verify the models, and fold them to FP32 ONNX files."""
    from engines.catalog import load_catalog  # noqa: PLC0415
    from engines.fetch import fetch  # noqa: PLC0415

    for name in load_catalog():
        typer.echo(f"{name}: {fetch(name)}")


@app.callback()
def _root() -> None:
    """Press a button on the remote; the TV says who is on screen."""


def main() -> None:
    """Run the command line."""
    app()
