"""`tvradar bench search` and `tvradar bench sync`: galleries that are searched, and replaced."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import JsonOption

app = typer.Typer()


@app.command()
def search(
    people: Annotated[int, typer.Option(help="How many people.", min=10)] = 100_000,
    dim: Annotated[int, typer.Option(help="Length of a template.", min=32, max=4096)] = 128,
    probes: Annotated[
        int, typer.Option(help="Decisions compared with float exact search.", min=100)
    ] = 10_000,
    json: JsonOption = False,
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


@app.command()
def sync(
    mib: Annotated[float, typer.Option(help="Size of the snapshot.", min=1, max=4096)] = 128.0,
    presses: Annotated[
        int, typer.Option(help="How often to press without a sync, and during syncs.", min=5)
    ] = 100,
    json: JsonOption = False,
) -> None:
    """Press the button while the gallery is replaced by a large one, and without, in one run.

    The demonstration's film plays; mosquitto, a chunk server and the publisher run on this machine
    at the lowest priority, in place of a cloud. Snapshots follow each other until there are enough
    presses.

    Example: tvradar bench sync --mib 128 --presses 100
    """
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.sync import bench_sync  # noqa: PLC0415
    from edge.cli.console import out, print_json, progress_bar  # noqa: PLC0415

    with progress_bar("presses") as progress:
        task = progress.add_task("making two snapshots", total=None)
        found = bench_sync(
            mib, presses, lambda: progress.update(task, advance=1, description="press")
        )
    if json:
        print_json(found)
        return
    table = Table("press to answer, ms", "p50", "p95", "p99", "frames/s")
    for title, side in (("alone", found.alone), ("syncing", found.syncing)):
        for kind, spread in (("first", side.first_ms), ("refined", side.refined_ms)):
            cells = (f"{spread.p50:.1f}", f"{spread.p95:.1f}", f"{spread.p99:.1f}")
            table.add_row(f"{title}, {kind}", *cells, f"{side.frames_per_s}")
    out.print(table)
    out.print(
        f"p95 during a sync: {found.ratio_first_p95} times (first), "
        f"{found.ratio_refined_p95} times (refined)"
    )
    out.print(
        f"{found.syncs} syncs of {found.mb} MB at {found.sync_mb_s} MB/s, updater at nice "
        f"{found.updater_nice}, {found.cores} cores"
    )
