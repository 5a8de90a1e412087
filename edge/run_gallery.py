"""The commands `gallery enrol` and `gallery search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from edge.console import err, graceful_stop, out, print_json, progress_bar
from edge.errors import UsageError
from edge.recognise.recogniser import policy_for
from engines.faces import load_pipeline
from engines.fetch import write_atomically
from engines.picture import read_picture
from gallery.enrol import (
    EnrolledPerson,
    PersonReport,
    collect,
    enrol_person,
    find_people,
    largest_face,
)
from gallery.store import create_gallery, open_gallery

if TYPE_CHECKING:
    from pathlib import Path


def enrol_gallery(people_dir: Path, output: Path, *, json: bool, report: Path | None) -> None:
    """Enrol everybody in a folder; nothing is written before all pictures were read."""
    folders = find_people(people_dir)
    pipeline = load_pipeline(threads=2, precision="fp32")  # a float gallery serves INT8 probes best
    enrolled: list[EnrolledPerson] = []
    with graceful_stop() as stop, progress_bar("people") as progress:
        for folder in progress.track(folders, description="enrol"):
            enrolled.append(enrol_person(pipeline, folder))
            if stop():
                raise UsageError(f"{output}: interrupted, nothing was written")
    result = collect(enrolled)
    release = create_gallery(output, result.people, result.templates, result.owners, pipeline.model)
    summary = {
        "gallery": str(output),
        "release": release.number,
        "model": pipeline.model,
        "people": len(result.people),
        "templates": len(result.templates),
        "pictures": _count(result.reports),
        "reports": result.reports,
    }
    if report is not None:
        write_atomically(report, msgspec.json.format(msgspec.json.encode(summary)))
    if json:
        print_json(summary)
        return
    _print_reports(result.reports)
    out.print(
        f"{output}: release {release.number}, {len(result.people)} people, "
        f"{summary['pictures']['used']} pictures used, "  # type: ignore[index]
        f"{summary['pictures']['flagged']} to look at, "  # type: ignore[index]
        f"{summary['pictures']['rejected']} rejected"  # type: ignore[index]
    )


def _count(reports: list[PersonReport]) -> dict[str, int]:
    states = [p.status for r in reports for p in r.pictures]
    return {state: states.count(state) for state in ("used", "flagged", "rejected")}


def _print_reports(reports: list[PersonReport]) -> None:
    table = Table("person", "picture", "", "why")
    for report in reports:
        for picture in report.pictures:
            if picture.status != "used":
                table.add_row(report.id, picture.path, picture.status, picture.reason)
        if not report.pictures:
            table.add_row(report.id, "", "rejected", "no picture in the folder")
    if table.row_count:
        out.print(table)
    for report in reports:
        if not report.enrolled:
            err.print(f"warning: {report.id}: not enrolled, no usable picture", markup=False)


def search_gallery(folder: Path, image: Path, *, top: int, json: bool) -> None:
    """Print the people who are most like the largest face of a picture."""
    bgr = read_picture(image)
    pipeline = load_pipeline(threads=2)
    gallery = open_gallery(folder, pipeline.model)
    found = largest_face(pipeline, bgr)
    if found is None:
        raise UsageError(f"{image}: no face in it, expected a picture with a face")
    matches = gallery.search(found[0].vectors, k=top)
    policy = policy_for(gallery, 0.01)
    needed = policy.threshold - policy.impostors.relief(float(found[0].norms[0]))
    rows = [
        {"id": person, "name": gallery.person(person).name(), "score": round(float(score), 4)}
        for person, score in zip(matches.ids[0], matches.scores[0], strict=False)
    ]
    if json:
        print_json({"image": str(image), "threshold": round(needed, 4), "people": rows})
        return
    table = Table("person", "id", "score", "")
    for row in rows:
        sure = "named" if float(str(row["score"])) >= needed else ""
        table.add_row(str(row["name"]), str(row["id"]), f"{row['score']:.2f}", sure)
    out.print(table)
    out.print(f"a name needs a score of {needed:.2f} for this picture")
