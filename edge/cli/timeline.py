"""The command `timeline`: who appears when, in the form that was asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from edge.cli.console import err, out
from edge.cli.identify import identify_source
from edge.errors import UsageError
from edge.timeline.page import to_html
from edge.timeline.timeline import (
    Timeline,
    build_timeline,
    to_concat,
    to_cut_list,
    to_edl,
    to_json,
    to_table,
    to_vtt,
)
from engines.files import write_atomically
from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TimelineOutput:
    """What to print or write; see `edge.cli.main.timeline`."""

    json: bool = False
    vtt: bool = False
    html: Path | None = None
    only: str = ""
    edl: bool = False
    concat: bool = False

    def __post_init__(self) -> None:
        """Refuse words that do not fit together."""
        if (self.edl or self.concat) and not self.only:
            raise UsageError("--edl and --concat: expected --only ID too, whose cut list they are")
        if self.json + self.vtt + self.edl + self.concat > 1:
            raise UsageError("--json, --vtt, --edl, --concat: expected one of them")


def write_timeline(
    source: str, gallery_dir: Path, output: TimelineOutput, *, cast: str, fpir: float, lang: str
) -> None:
    """Identify a source and give its timeline out."""
    gallery = open_gallery(gallery_dir)
    if output.only and output.only not in gallery:
        raise GalleryInputError(
            f'--only: {output.only} not in the gallery; see "tvradar gallery inspect"'
        )
    found = identify_source(source, gallery_dir, cast=cast, fpir=fpir, lang=lang)
    for warning in found.warnings:
        err.print(f"warning: {warning}", markup=False)
    faces = msgspec.to_builtins(found.faces)
    timeline = build_timeline(faces, source=source, duration_s=found.duration_s)
    if output.html is not None:
        photos = {p.id: gallery.person(p.id).photo for p in timeline.people}
        page = to_html(timeline, {i: photo for i, photo in photos.items() if photo}, lang=lang)
        write_atomically(output.html, page.encode())
        err.print(f"{output.html} written", markup=False)
    _print(timeline, output)


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
