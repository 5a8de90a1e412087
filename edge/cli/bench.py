"""`tvradar bench …`: measurements, side by side with the peer, in one run."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from edge.cli.console import err, out, print_json, progress_bar
from edge.cli.options import JsonOption, cue_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator


app = typer.Typer(no_args_is_help=True, help="Measure this machine; figures are printed as ratios.")


@contextmanager
def _film(source: str, gallery: Path | None) -> Iterator[tuple[str, Path]]:
    """Give the film and its gallery; where none is named, the composed programme."""
    import tempfile  # noqa: PLC0415

    from edge.demo.material import demo_material, gallery_of  # noqa: PLC0415
    from gallery.search.open import open_gallery  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="tvradar-bench-") as scratch:
        if not source:
            people, video = demo_material()
            source, gallery = str(video), Path(scratch) / "gallery"
            with err.status("enrolling"):
                gallery_of(people, gallery)
        if gallery is None:
            raise typer.BadParameter("with --source, expected --gallery too")
        open_gallery(gallery)  # what is wrong with it is said before anything is sent
        yield source, gallery


@app.command()
def pipeline(
    source: Annotated[str, typer.Option(help="Video file.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery.")],
    labels: Annotated[
        Path | None, typer.Option(help="Who is visible in which frames; for right and wrong.")
    ] = None,
    size: Annotated[
        Literal["source", "360p", "720p", "1080p", "2160p"],
        typer.Option(help="Scale the film to a size of television's first."),
    ] = "source",
    int8: Annotated[
        bool, typer.Option("--int8", help="Run ours in FP32 and in INT8, one after the other.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Name a film our way and the plain OpenCV way, and compare speed, memory and names.

    Beside both: what it costs to decode the film, which no way of naming can pass.
    """
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.pipeline import bench_pipeline  # noqa: PLC0415

    with err.status("measuring all sides"):
        found = bench_pipeline(source, gallery, labels, size, int8=int8)
    if json:
        print_json(found)
        return
    columns = {
        "decode": found.decode,
        "decode, BGR": found.decode_bgr,
        "tvradar": found.ours,
        "tvradar, INT8": found.int8,
        "OpenCV, every face of every frame": found.opencv,
    }
    shown = {title: side for title, side in columns.items() if side is not None}
    table, sides = Table("", *shown), list(shown.values())
    for name, title in (
        ("fps", "frames per second"),
        ("cpu_ms_frame", "CPU milliseconds per frame"),
        ("cpu_s_per_film_min", "CPU seconds per film minute"),
        ("peak_rss_mb", "peak memory, MB"),
        ("right", "right names (frame, person)"),
        ("wrong", "wrong names (frame, person)"),
    ):
        values = [getattr(side, name) for side in sides]
        table.add_row(title, *("" if value is None else str(value) for value in values))
    for stage in sorted({stage for side in sides for stage in side.stage_ms}):
        cells = [
            f"{s.stage_ms[stage]['p50']:.1f} / {s.stage_ms[stage]['p95']:.1f}"
            if stage in s.stage_ms
            else ""
            for s in sides
        ]
        table.add_row(f"{stage}, ms p50 / p95", *cells)
    out.print(table)
    out.print(
        f"{found.ratio_fps:.2f} times the frames per second, {found.ratio_cpu:.2f} of the CPU "
        "time; "
        f"{found.ratio_decode:.1f} times the CPU time of decoding to BGR"
    )
    if found.int8 is not None:
        out.print(
            f"INT8: {found.ratio_fps_int8:.2f} times FP32's frames per second, "
            f"{found.ratio_cpu_int8:.2f} of its CPU time"
        )


@app.command()
def press(
    source: Annotated[
        str, typer.Option(help="Video file; the composed programme by default.")
    ] = "",
    gallery: Annotated[
        Path | None, typer.Option("--gallery", "-g", help="The gallery that goes with it.")
    ] = None,
    presses: Annotated[int, typer.Option(help="How often to press.", min=1)] = 200,
    json: JsonOption = False,
) -> None:
    """Press the button while a film runs, and measure the time to both answers."""
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.press import bench_press  # noqa: PLC0415

    with _film(source, gallery) as (film, known), progress_bar("presses") as progress:
        task = progress.add_task("press", total=presses)
        found = bench_press(film, known, presses, lambda: progress.advance(task))
    if json:
        print_json(found)
        return
    table = Table("press to answer, ms", "p50", "p95", "p99")
    for name, title in (
        ("in_process_ms", "first, in process"),
        ("first_ms", "first, HTTP"),
        ("websocket_ms", "first, WebSocket"),
        ("refined_ms", "refined, HTTP and WebSocket"),
    ):
        spread = getattr(found, name)
        table.add_row(title, f"{spread.p50:.1f}", f"{spread.p95:.1f}", f"{spread.p99:.1f}")
    out.print(table)
    out.print(f"{found.presses} presses of each kind, {found.frames_per_s} frames/s meanwhile")


@app.command()
def live(
    source: Annotated[
        str, typer.Option(help="Video file with faces; the composed programme by default.")
    ] = "",
    gallery: Annotated[
        Path | None, typer.Option("--gallery", "-g", help="The gallery that goes with it.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=2, max=600, help="To measure each row.")] = 30,
    size: Annotated[
        Literal["360p25", "720p50", "1080p25", "1080p50", "2160p25"],
        typer.Option(help="Form of television to send: lines and pictures a second."),
    ] = "1080p25",
    backend: Annotated[
        Literal["pyav", "gstreamer", "both"], typer.Option(help="What reads the stream.")
    ] = "both",
    cues: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND,KIND",
            help="Measure once without cues and once with these; may be given several times.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Send a live stream to the device, and measure how old its scenes are.

    Each picture carries its number, and the sender says when it went out, so "sent to overlay" is
    from the packet to the scene at the overlay. A viewer presses four times a second meanwhile.
    2160p25 is HEVC, the others are H.264.
    """
    from edge.bench.live import bench_live  # noqa: PLC0415
    from edge.bench.live_table import beside_today, summary_of, table_of  # noqa: PLC0415

    sets = (frozenset(), *map(cue_kinds, cues)) if cues else (cue_kinds(None),)
    backends: tuple[Literal["pyav", "gstreamer"], ...] = (
        ("pyav", "gstreamer") if backend == "both" else (backend,)
    )
    with _film(source, gallery) as (film, known), progress_bar("seconds") as progress:
        task = progress.add_task("live", total=len(sets) * len(backends) * int(seconds))
        found = bench_live(
            film,
            known,
            seconds,
            size=size,
            backends=backends,
            cues=sets,
            on_second=lambda: progress.advance(task),
        )
    if json:
        print_json(found)
        return
    out.print(table_of(found))
    out.print(summary_of(found))
    for line in beside_today(found):
        out.print(line, markup=False)
    for row in found.rows:
        if row.missing:
            err.print(f"{row.backend} did not run: {row.missing}", markup=False)


@app.command()
def streams(
    source: Annotated[str, typer.Option(help="Video file, played again and again.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery.")],
    count: Annotated[int, typer.Option(help="How many at once.", min=1, max=64)] = 4,
    seconds: Annotated[float, typer.Option(help="To measure.", min=2, max=3600)] = 30,
    json: JsonOption = False,
) -> None:
    """Run several services at once, each on a stream of its own, and count what they drop."""
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.streams import bench_streams  # noqa: PLC0415

    with progress_bar("seconds") as progress:
        task = progress.add_task("streams", total=int(seconds))
        found = bench_streams(
            source, gallery, count, seconds, on_second=lambda: progress.advance(task)
        )
    if json:
        print_json(found)
        return
    table = Table("stream", "recognised/s", "dropped/s", "cores")
    for number, stream in enumerate(found.streams, 1):
        table.add_row(str(number), *(f"{x:.2f}" for x in msgspec.structs.astuple(stream)))
    out.print(table)
    out.print(
        f"{100 * found.machine:.0f} % of the machine's cores for all of them, "
        f"at most {found.peak_rss_mb:.0f} MB each"
    )


@app.command()
def boot(
    source: Annotated[str, typer.Option(help="Video file that begins with a known face.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery.")],
    starts: Annotated[int, typer.Option(help="How often to start.", min=1, max=100)] = 5,
    cold: Annotated[
        bool, typer.Option("--cold", help="Drop programs, models and gallery from the page cache.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Start the service again and again, and measure the time to the first name.

    Example: tvradar bench boot --source clip.mp4 --gallery mine --cold
    """
    from rich.table import Table  # noqa: PLC0415

    from edge.bench.boot import bench_boot  # noqa: PLC0415

    with progress_bar("starts") as progress:
        task = progress.add_task("boot", total=starts)
        found = bench_boot(
            source, gallery, starts, cold=cold, on_start=lambda: progress.advance(task)
        )
    if json:
        print_json(found)
        return
    table = Table("seconds from the start", "median")
    table.add_row("page served", f"{found.serving_s:.2f}")
    table.add_row("first frame", f"{found.first_frame_s:.2f}")
    table.add_row("first name", f"{found.first_name_s:.2f}")
    table.add_row("first name, slowest start", f"{found.worst_s:.2f}")
    out.print(table)
    out.print(
        f"{starts} {'cold' if found.cold else 'warm'} starts; "
        f"peak memory until then {found.peak_rss_mb:.0f} MB"
    )
