"""The commands `gallery enrol` and `gallery search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from edge.cli.console import graceful_stop, out, print_json, progress_bar, warn_of
from edge.config import DEFAULT_FPIR
from edge.errors import UsageError
from edge.json_output import Enrolled, Match, Matches
from edge.recognise.search import CANDIDATES
from edge.recognise.thresholds import policy_for
from engines.catalog import name_of
from engines.files import write_atomically
from engines.pictures.read import read_picture
from engines.pipeline import load_pipeline
from gallery.enrol.embed import largest_face
from gallery.enrol.enrolment import enrol_catalogue, write_release
from gallery.enrol.few import few_pictures, what_few_cost
from gallery.enrol.shards import ShardStore
from gallery.enrol.source import read_catalogue
from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gallery.enrol.enrolment import Enrolment, EnrolmentOptions
    from gallery.enrol.people import PersonReport
    from gallery.enrol.source import Catalogue


def enrol_gallery(
    people: str,
    output: Path,
    options: EnrolmentOptions,
    *,
    json: bool,
    report: Path | None,
    work: Path | None,
) -> None:
    """Enrol everybody in a catalogue; the gallery is not touched before all pictures were read."""
    catalogue = read_catalogue(people)
    warn_of(catalogue.left_out)
    store = ShardStore(work) if work else ShardStore.beside(output)
    result = embed_with_progress(catalogue, store, options)
    release = write_release(output, result)
    store.remove()
    summary = Enrolled(
        gallery=str(output),
        release=release.number,
        model=result.model,
        people=release.people_count,
        templates=sum(segment.rows for segment in release.segments),
        pictures=_count(result.reports),
        left_out=list(catalogue.left_out),
        same_faces=list(result.same_faces),
        few_pictures=few_pictures(result.reports),
        reports=list(result.reports),
    )
    if report is not None:
        write_atomically(report, msgspec.json.format(msgspec.json.encode(summary)))
    if json:
        print_json(summary)
        return
    _print_reports(result)
    counts = _count(result.reports)
    out.print(
        f"{output}: release {release.number}, {release.people_count} people, "
        f"{counts['used']} pictures used, {counts['flagged']} to look at, "
        f"{counts['rejected']} rejected",
        markup=False,
    )
    say_who_has_few(result.reports)


def embed_with_progress(
    catalogue: Catalogue, store: ShardStore, options: EnrolmentOptions | None = None
) -> Enrolment:
    """Embed and judge a catalogue under a progress bar; Ctrl-C keeps what is done.

    A catalogue that gives nobody leaves no parts behind, since no run could go on with them, and
    what ends before its first part is done leaves nothing at all.
    """
    entries = catalogue.entries
    with graceful_stop() as stop, progress_bar("pictures") as progress:
        task = progress.add_task("enrol", total=sum(len(entry.pictures) for entry in entries))

        def on_pictures(count: int) -> None:
            progress.advance(task, count)

        try:
            return enrol_catalogue(entries, store, options, on_pictures=on_pictures, stopped=stop)
        except GalleryInputError:
            store.remove()
            raise
        except BaseException:
            store.remove_unless_useful()
            raise


def _count(reports: list[PersonReport]) -> dict[str, int]:
    states = [p.status for r in reports for p in r.pictures]
    return {state: states.count(state) for state in ("used", "flagged", "rejected")}


def _print_reports(result: Enrolment) -> None:
    table = Table("person", "picture", "", "why")
    for report in result.reports:
        for picture in report.pictures:
            if picture.status != "used":
                table.add_row(report.id, picture.path, picture.status, picture.reason)
        if not report.pictures:
            table.add_row(report.id, "", "rejected", "no picture of them")
    for pair in result.same_faces:
        table.add_row(pair.a, "", "flagged", f"likely the same person as {pair.b} ({pair.score})")
    if table.row_count:
        out.print(table)
    warn_of_missing(result.reports)


def say_who_has_few(reports: Sequence[PersonReport]) -> None:
    """Say what it costs that people have few pictures."""
    told = what_few_cost(few_pictures(reports))
    if told:
        out.print(told, markup=False)


def warn_of_missing(reports: Sequence[PersonReport]) -> None:
    """Say who was not enrolled, and why."""
    missing = [report for report in reports if not report.enrolled]
    warn_of([f"{r.id}: not enrolled, no usable picture{_why(r)}" for r in missing])


def _why(report: PersonReport) -> str:
    told = [f"{picture.path}: {picture.reason}" for picture in report.pictures[:3]]
    return f" ({'; '.join(told)})" if told else ""


def search_gallery(folder: Path, image: Path, *, top: int, json: bool) -> None:
    """Print the people who are most like the largest face of a picture."""
    bgr = read_picture(image)
    gallery = open_gallery(folder)
    pipeline = load_pipeline(threads=2, embedder=name_of(gallery.model))
    found = largest_face(pipeline, bgr)
    if found is None:
        raise UsageError(f"{image}: no face in it, expected a picture with a face")
    if found[2] > 1:
        warn_of([f"{image}: {found[2]} faces in it, the largest is searched"])
    matches = gallery.search(found[0].vectors, k=max(top, CANDIDATES))
    policy = policy_for(gallery, DEFAULT_FPIR)
    ids, scores = matches.ids[0], [float(score) for score in matches.scores[0]]
    others = scores[1 : len(ids)]
    best = ids[0] if ids else ""
    crowding = policy.scores.crowding(
        others, policy.around(best), policy.people, stills=True, impostor_mean=None
    )
    needed = policy.threshold_of(best, float(found[0].norms[0]), crowding)
    rows = [
        Match(person, gallery.person(person).name(), round(score, 4))
        for person, score in zip(ids[:top], scores, strict=False)
    ]
    if json:
        print_json(Matches(str(image), round(needed, 4), rows))
        return
    table = Table("person", "id", "score", "")
    for row in rows:
        sure = "named" if row.score >= needed else ""
        table.add_row(row.name, row.id, f"{row.score:.2f}", sure)
    out.print(table)
    out.print(f"a name needs a score of {needed:.2f} for this picture")
