"""The command `evaluate`: a folder of labelled pictures against a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from calibration.openset.evaluate import Evaluation, Searches, evaluate
from calibration.openset.report import Findings, Search, searches_of, to_html
from edge.cli.console import err, graceful_stop, out, print_json, progress_bar, warn_of
from edge.errors import UsageError
from edge.recognise.thresholds import policy_for
from engines.errors import PictureError
from engines.files import write_atomically
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline
from engines.scores.probability import reliability
from gallery.enrol.embed import largest_face
from gallery.enrol.folders import find_people
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from calibration.openset.evaluate import Rate
    from engines.scores.probability import CosineModel, Reliability
    from gallery.search.search import Gallery


def run_evaluate(
    dataset: Path,
    gallery_dir: Path,
    *,
    json: bool,
    fpir: float,
    report: Path | None = None,
    embedder: str = "",
) -> None:
    """Search with every picture of a dataset and print the rates; write the report's page."""
    pipeline = load_pipeline(threads=2, embedder=embedder)
    gallery = open_gallery(gallery_dir, pipeline.model)
    found_people = find_people(dataset)
    warn_of(found_people.left_out)
    pictures = [(folder.id, path) for folder in found_people.folders for path in folder.pictures]
    rows, without_face = _search_all(pipeline, gallery, pictures)
    known = set(gallery.ids())
    of_known = [row for row in rows if row.person in known]
    of_strangers = [row for row in rows if row.person not in known]
    mated, nonmated = searches_of(of_known), searches_of(of_strangers)
    found = evaluate(mated, nonmated)
    threshold = policy_for(gallery, fpir).threshold
    people, cosines = gallery.people_count, pipeline.scores.stills.cosines
    notes = _notes(found, threshold, fpir, mated, nonmated, without_face)
    if json:
        print_json(_as_json(found, threshold, fpir, mated, nonmated, without_face, people, cosines))
    else:
        _print(found, notes)
    if report is not None:
        findings = Findings(
            f"{dataset} against release {gallery.release}, {people} people",
            [_figures_of_rank1(found), *(_figures(r, found.nonmated) for r in found.rates)],
            notes,
            of_known,
            of_strangers,
            threshold,
            *_calibration(people, mated, nonmated, cosines),
        )
        write_atomically(report, to_html(findings).encode())
        err.print(f"report: {report}", markup=False)


def _search_all(
    pipeline: FacePipeline, gallery: Gallery, pictures: list[tuple[str, Path]]
) -> tuple[list[Search], int]:
    """Return the search of each picture, and how many had no face."""
    rows: list[Search] = []
    without_face = 0
    with graceful_stop() as stop, progress_bar("pictures") as progress:
        for person, path in progress.track(pictures, description="evaluate"):
            if stop():
                raise UsageError("interrupted: an evaluation of some of the pictures is none")
            try:
                found = largest_face(pipeline, read_picture(path))
            except PictureError as error:
                warn_of([str(error)])
                found = None
            if found is None:
                without_face += 1
                continue
            matches = gallery.search(found[0].vectors, k=1)
            best = matches.ids[0][0] if matches.ids[0] else ""
            rows.append(Search(person, path, float(matches.scores[0][0]), best))
    return rows, without_face


def _as_json(
    found: Evaluation,
    threshold: float,
    fpir: float,
    mated: Searches,
    nonmated: Searches,
    without_face: int,
    people: int,
    cosines: CosineModel,
) -> dict[str, object]:
    at = _at_threshold(threshold, mated, nonmated)
    error, bins = _calibration(people, mated, nonmated, cosines)
    return {
        "rank1": found.rank1,
        "tpir": {str(r.fpir): r.tpir for r in found.rates},
        "interval": {
            "rank1": found.rank1_interval,
            **{str(r.fpir): (r.low, r.high) for r in found.rates},
        },
        "mated": found.mated,
        "nonmated": found.nonmated,
        "threshold": threshold,
        "at_threshold": {"promised_fpir": fpir, "tpir": at[0], "fpir": at[1]},
        "measured_thresholds": {str(r.fpir): r.threshold for r in found.rates},
        "unsupported": [str(r.fpir) for r in found.rates if not r.supported],
        "without_face": without_face,
        "probability": {"ece": error, "in_gallery": _share(mated, nonmated), "bins": bins},
    }


def _share(mated: Searches, nonmated: Searches) -> float:
    return len(mated.scores) / (len(mated.scores) + len(nonmated.scores))


def _calibration(
    people: int, mated: Searches, nonmated: Searches, cosines: CosineModel
) -> tuple[float, list[Reliability]]:
    """Return how well the probabilities of names fit; strangers and enrolled count the same."""
    scores = np.concatenate([mated.scores, nonmated.scores])
    right = np.concatenate([mated.right, np.zeros(len(nonmated.scores), bool)])
    share = _share(mated, nonmated)
    found = np.array([cosines.probability(float(s), people, share) for s in scores])
    return reliability(found, right)


def _at_threshold(threshold: float, mated: Searches, nonmated: Searches) -> tuple[float, float]:
    named = mated.right & (mated.scores >= threshold)
    return float(named.mean()), float((nonmated.scores >= threshold).mean())


def _figures_of_rank1(found: Evaluation) -> tuple[str, ...]:
    low, high = found.rank1_interval
    return "rank-1", f"{found.rank1:.2%}", f"{low:.2%} to {high:.2%}", "", ""


def _figures(rate: Rate, nonmated: int) -> tuple[str, ...]:
    return (
        f"TPIR at FPIR {rate.fpir:.1%}" + ("" if rate.supported else " *"),
        f"{rate.tpir:.2%}",
        f"{rate.low:.2%} to {rate.high:.2%}",
        f"{rate.threshold:.3f}",
        f"{rate.false_names} of {nonmated}",
    )


def _notes(
    found: Evaluation,
    threshold: float,
    fpir: float,
    mated: Searches,
    nonmated: Searches,
    without_face: int,
) -> list[str]:
    tpir, measured = _at_threshold(threshold, mated, nonmated)
    return [
        (
            f"{found.mated} searches of people in the gallery, {found.nonmated} of strangers; "
            f"{without_face} pictures without a face left out"
        ),
        (
            f"at the working threshold {threshold:.3f} (promised FPIR {fpir:.1%}): "
            f"TPIR {tpir:.2%}, measured FPIR {measured:.2%}"
        ),
        *(
            f"* {found.nonmated} searches of strangers cannot show a rate of {r.fpir:.1%}, "
            f"which needs {int(np.ceil(1 / r.fpir))}: the figure is at no false name seen"
            for r in found.rates
            if not r.supported
        ),
    ]


def _print(found: Evaluation, notes: list[str]) -> None:
    table = Table("figure", "value", "95 % interval", "threshold", "strangers named")
    table.add_row(*_figures_of_rank1(found))
    for rate in found.rates:
        table.add_row(*_figures(rate, found.nonmated))
    out.print(table)
    for note in notes:
        out.print(note, markup=False)
