"""`tvradar bench …`: measurements, side by side with the peer, in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from edge.console import err, out, print_json

app = typer.Typer(no_args_is_help=True, help="Measure this machine; figures are printed as ratios.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


@app.command()
def pipeline(
    source: Annotated[str, typer.Option(help="Video file.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery.")],
    labels: Annotated[
        Path | None, typer.Option(help="Who is visible in which frames; for right and wrong.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Name a film our way and the plain OpenCV way, and compare speed, memory and names."""
    from edge.bench.pipeline import bench_pipeline  # noqa: PLC0415

    with err.status("measuring both sides"):
        found = bench_pipeline(source, gallery, labels)
    if json:
        print_json(found)
        return
    table = Table("", "tvradar", "OpenCV, every face of every frame")
    for name, title in (
        ("fps", "frames per second"),
        ("cpu_s_per_film_min", "CPU seconds per film minute"),
        ("peak_rss_mb", "peak memory, MB"),
        ("right", "right names (frame, person)"),
        ("wrong", "wrong names (frame, person)"),
    ):
        ours, theirs = getattr(found.ours, name), getattr(found.opencv, name)
        table.add_row(
            title, "" if ours is None else str(ours), "" if theirs is None else str(theirs)
        )
    for stage in sorted({*found.ours.stage_ms, *found.opencv.stage_ms}):
        cells = [
            f"{s[stage]['p50']:.1f} / {s[stage]['p95']:.1f}" if stage in s else ""
            for s in (found.ours.stage_ms, found.opencv.stage_ms)
        ]
        table.add_row(f"{stage}, ms p50 / p95", *cells)
    out.print(table)
    out.print(
        f"{found.ratio_fps:.2f} times the frames per second, {found.ratio_cpu:.2f} of the CPU time"
    )
