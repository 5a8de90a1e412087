"""`tvradar engines …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from edge.console import out, print_json

app = typer.Typer(no_args_is_help=True, help="The models: list, fetch, check, build, measure.")


@app.command("list")
def list_engines(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models, their licences, and whether they are here."""
    from engines.catalog import load_catalog  # noqa: PLC0415
    from engines.fetch import fp32_path  # noqa: PLC0415

    rows = [
        {
            "model": name,
            "version": model.version,
            "task": model.task,
            "licence": model.licence,
            "path": str(fp32_path(name)),
            "present": fp32_path(name).is_file(),
        }
        for name, model in load_catalog().items()
    ]
    if json:
        print_json({"engines": rows})
        return
    table = Table("model", "version", "task", "licence", "here")
    for row in rows:
        here = "yes" if row["present"] else 'no: run "tvradar engines fetch"'
        table.add_row(
            str(row["model"]), str(row["version"]), str(row["task"]), str(row["licence"]), here
        )
    out.print(table)


@app.command("fetch")
def fetch_engines() -> None:
    """Download and verify the models and make FP32 ONNX files; works offline afterwards."""
    from engines.catalog import load_catalog  # noqa: PLC0415
    from engines.fetch import fetch  # noqa: PLC0415

    for name in load_catalog():
        typer.echo(f"{name}: {fetch(name)}")
