"""The command `timeline`: who appears when, in the form that was asked for."""

from __future__ import annotations

import math
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.table import Table
from rich.text import Text

from edge.cli.console import err, graceful_stop, out, print_json, progress_bar, warn_of
from edge.cli.identify import Naming, identify_source
from edge.cli.options import refuse_to_replace
from edge.device import malloc
from edge.errors import UsageError
from edge.offline.film_maker import FilmJob, FilmMade, FilmMaker
from edge.offline.films import FilmsFailedError, FolderReport, each_film, films_in
from edge.offline.films_ray import films_with_ray
from edge.timeline.build import TimelineBuilder
from edge.timeline.page import to_html
from edge.timeline.sidecar import sidecar_path
from edge.timeline.timeline import (
    Timeline,
    clock,
    one_line,
    to_concat,
    to_cut_list,
    to_edl,
    to_json,
    to_vtt,
)
from edge.video.source import DEFAULT_OPTIONS, SourceOptions
from engines.files import write_atomically
from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery
from gallery.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge.timeline.timeline import Appearances


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who reads the films of a folder: this process, or `workers` actors of Ray."""

    engine: Literal["local", "ray"] = "local"
    workers: int = 1
    address: str = "local"


@dataclass(frozen=True, slots=True)
class TimelineOutput:
    """What to print or write; see `edge.cli.main.timeline`."""

    json: bool = False
    vtt: bool = False
    html: Path | None = None
    only: str = ""
    edl: bool = False
    concat: bool = False
    sidecar: bool = False

    def __post_init__(self) -> None:
        """Refuse words that do not fit together."""
        if (self.edl or self.concat) and not self.only:
            raise UsageError("--edl and --concat: expected --only ID too, whose cut list they are")
        if self.json + self.vtt + self.edl + self.concat > 1:
            raise UsageError("--json, --vtt, --edl, --concat: expected one of them")


def write_timeline(
    source: str,
    gallery_dir: Path,
    output: TimelineOutput,
    naming: Naming,
    video: SourceOptions = DEFAULT_OPTIONS,
) -> None:
    """Identify a source and give its timeline out."""
    if output.html is not None:
        refuse_to_replace(source, output.html, "--html")
    if output.sidecar:
        raise UsageError("--sidecar: expected a folder and --out; of one film, identify writes it")
    gallery = open_gallery(gallery_dir)
    if output.only and output.only not in gallery:
        raise GalleryInputError(
            f'--only: {output.only} not in the gallery; see "tvradar gallery inspect"'
        )
    builder = TimelineBuilder()
    found = identify_source(source, gallery_dir, naming, video=video, on_face=builder.add)
    for warning in found.warnings:
        err.print(f"warning: {warning}", markup=False)
    timeline = builder.result(found.source, duration_s=found.duration_s)
    if output.html is not None:
        photos = {p.id: gallery.person(p.id).photo for p in timeline.people}
        page = to_html(
            timeline, {i: photo for i, photo in photos.items() if photo}, lang=naming.lang
        )
        write_atomically(output.html, page.encode())
        err.print(f"{output.html} written", markup=False)
    _print(timeline, output)


def write_timelines(
    folder: Path,
    gallery_dir: Path,
    out_dir: Path,
    output: TimelineOutput,
    naming: Naming,
    cluster: Cluster,
) -> None:
    """Write the timeline of each film of a folder into another one; see `edge.offline.films`."""
    if output.html is not None or output.only:
        raise UsageError("--out: expected --json, --vtt or --sidecar with it, or none")
    malloc.share_one()
    gallery = open_gallery(gallery_dir)
    job = FilmJob(
        str(gallery_dir.resolve() if cluster.engine == "ray" else gallery_dir),
        tuple(sorted(naming.options(gallery).cast)),
        naming.fpir,
        naming.lang,
        tuple(sorted(naming.board().kinds)),
        naming.embedder,
        naming.every_frame,
        "vtt" if output.vtt else "json",
        output.sidecar,
    )
    with (
        closing(FilmMaker(job)) as maker,
        graceful_stop() as stop,
        progress_bar("films") as progress,
    ):
        task = progress.add_task("films", total=len(films_in(folder)))

        def here(paths: Sequence[Path]) -> Iterator[FilmMade]:
            for path in paths:
                progress.update(task, description=path.name)
                yield maker.make(str(path), stop)

        def by_ray(paths: Sequence[Path]) -> Iterator[FilmMade]:
            return films_with_ray(paths, job, cluster.workers, cluster.address, stop)

        make = by_ray if cluster.engine == "ray" else here
        second = sidecar_path if output.sidecar else lambda _: None
        report = FolderReport()
        for report in each_film(folder, out_dir, maker.work, f".{job.form}", make, second):
            progress.update(task, completed=report.count)
    _print_report(report, json=output.json)


def _print_report(report: FolderReport, *, json: bool) -> None:
    warn_of([f"{name}: {why}" for name, why in report.failed.items()])
    if json:
        print_json(report)
    else:
        told = f"{len(report.made)} films done, {len(report.kept)} were done before"
        out.print(told + ("" if report.complete else "; interrupted, the same command goes on"))
    if report.failed:
        raise FilmsFailedError(report)


def _print(timeline: Timeline, output: TimelineOutput) -> None:
    if output.json:
        sys.stdout.write(to_json(timeline).decode() + "\n")
    elif output.vtt:
        sys.stdout.write(to_vtt(timeline))
    elif output.edl:
        sys.stdout.write(to_edl(timeline, output.only))
    elif output.concat:
        sys.stdout.write(to_concat(timeline, output.only))
    elif output.only:
        sys.stdout.write(to_cut_list(timeline, output.only))
    elif output.html is None:
        out.print(to_table(timeline))


def to_table(timeline: Timeline, *, width: int = 28) -> Table:
    """Return a table for the terminal with a bar per person, `width` characters wide."""
    table = Table(title=Text(shown(timeline.source)), title_justify="left")
    table.add_column("person", overflow="fold")
    table.add_column("seen", justify="right")
    table.add_column("times", justify="right")
    table.add_column("first", justify="right")
    table.add_column(f"0 to {clock(timeline.duration_s)}", no_wrap=True, min_width=width)
    for person in timeline.people:
        table.add_row(
            Text(one_line(person.name)),
            f"{person.seconds:.1f} s",
            str(len(person.intervals)),
            clock(person.intervals[0].start_s),
            Text(_bar(person, timeline.duration_s, width), style="cyan"),
        )
    return table


def _bar(person: Appearances, duration_s: float, width: int) -> str:
    cells = [" "] * width
    for interval in person.intervals:
        scale = width / max(duration_s, 1e-9)
        first = min(width - 1, max(0, int(interval.start_s * scale)))
        last = max(first + 1, min(width, math.ceil(interval.end_s * scale)))
        cells[first:last] = "█" * (last - first)
    return "".join(cells).replace(" ", "·")
