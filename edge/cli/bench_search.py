"""`tvradar bench search`: time, memory and agreement of search in synthetic galleries."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def search(
    people: Annotated[int, typer.Option(help="How many people.", min=10)] = 100_000,
    dim: Annotated[int, typer.Option(help="Length of a template.", min=32, max=4096)] = 128,
    probes: Annotated[
        int, typer.Option(help="Decisions compared with float exact search.", min=100)
    ] = 10_000,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for machines.")
    ] = False,
) -> None:
    """Build a gallery of synthetic people and measure search in it, in a process of its own.

    The people have the score statistics of real faces; half of the probes are strangers.

    Example: tvradar bench search --people 1000000 --dim 128
    """
    import msgspec  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.search import bench_search  # noqa: PLC0415
    from edge.cli.console import err, out, print_json  # noqa: PLC0415

    with err.status("") as status:
        found = bench_search(people, dim, probes=probes, say=status.update)
    if json:
        print_json(found)
        return
    table = Table("figure", "value")
    for name, value in msgspec.structs.asdict(found).items():
        table.add_row(name, str(value))
    out.print(table)
