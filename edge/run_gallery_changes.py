"""The commands `gallery add`, `update`, `remove` and `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.console import err, graceful_stop, out, print_json, progress_bar
from edge.errors import UsageError
from gallery import update
from gallery.store import current_release

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.release import Release


def change_gallery(folder: Path, people_dir: Path, *, replace: bool, json: bool) -> None:
    """Enrol the people of a folder and add them, or put them in the place of those there."""
    from engines.faces import load_pipeline  # noqa: PLC0415
    from gallery.enrol import EnrolledPerson, collect, enrol_person, find_people  # noqa: PLC0415

    current_release(folder)
    folders = find_people(people_dir)
    pipeline = load_pipeline(threads=2, precision="fp32")
    enrolled: list[EnrolledPerson] = []
    with graceful_stop() as stop, progress_bar("people") as progress:
        for one in progress.track(folders, description="enrol"):
            enrolled.append(enrol_person(pipeline, one))
            if stop():
                raise UsageError(f"{folder}: interrupted, nothing was written")
    found = collect(enrolled)
    for report in found.reports:
        if not report.enrolled:
            err.print(f"warning: {report.id}: not enrolled, no usable picture", markup=False)
    entries = update.Entries(found.people, found.templates, found.owners, pipeline.model)
    release = (update.update if replace else update.add)(folder, entries)
    _tell(folder, release, json=json)


def remove_people(folder: Path, ids: list[str], *, erase: bool, json: bool) -> None:
    """Remove people, and on request erase them."""
    release = update.remove(folder, ids)
    if erase and release.tombstones:
        release = update.compact(folder)
    _tell(folder, release, json=json)
    if not json and release.tombstones:
        out.print(
            "their templates and texts stay in the files until segments are merged: "
            f'"tvradar gallery compact {folder}"',
            markup=False,
        )


def compact_gallery(folder: Path, *, json: bool) -> None:
    """Merge all segments."""
    _tell(folder, update.compact(folder), json=json)


def _tell(folder: Path, release: Release, *, json: bool) -> None:
    summary = {
        "gallery": str(folder),
        "release": release.number,
        "people": release.people_count,
        "segments": len(release.segments),
        "tombstones": len(release.tombstones),
    }
    if json:
        print_json(summary)
    else:
        out.print(
            f"{folder}: release {release.number}, {release.people_count} people, "
            f"{len(release.segments)} segments, {len(release.tombstones)} tombstones",
            markup=False,
        )
