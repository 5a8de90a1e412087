"""The command `evaluate`: a folder of labelled pictures against a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from calibration.evaluate import Evaluation, Searches, evaluate
from calibration.probability import STILLS, reliability
from edge.console import graceful_stop, out, print_json, progress_bar
from edge.errors import UsageError
from edge.recognise.thresholds import policy_for
from engines.errors import PictureError
from engines.faces import FacePipeline, load_pipeline
from engines.picture import PICTURE_SUFFIXES, read_picture
from gallery.catalogue.source import find_people
from gallery.enrol import largest_face
from gallery.store import open_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.search import Gallery


def run_evaluate(dataset: Path, gallery_dir: Path, *, json: bool, fpir: float) -> None:
    """Search with every picture of a dataset and print the rates."""
    pipeline = load_pipeline(threads=2)
    gallery = open_gallery(gallery_dir, pipeline.model)
    folders = find_people(dataset)
    pictures = [
        (folder.name, path)
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PICTURE_SUFFIXES
    ]
    rows, without_face = _search_all(pipeline, gallery, pictures)
    known = set(gallery.ids())
    mated = _searches([r for r in rows if r[0] in known])
    nonmated = _searches([r for r in rows if r[0] not in known])
    found = evaluate(mated, nonmated)
    threshold = policy_for(gallery, fpir).threshold
    if json:
        people = gallery.people_count
        print_json(_as_json(found, threshold, fpir, mated, nonmated, without_face, people))
    else:
        _print(found, threshold, fpir, mated, nonmated, without_face)


def _search_all(
    pipeline: FacePipeline, gallery: Gallery, pictures: list[tuple[str, Path]]
) -> tuple[list[tuple[str, float, bool]], int]:
    """Return (person, best score, right) of each picture, and how many had no face."""
    rows: list[tuple[str, float, bool]] = []
    without_face = 0
    with graceful_stop() as stop, progress_bar("pictures") as progress:
        for person, path in progress.track(pictures, description="evaluate"):
            if stop():
                raise UsageError("interrupted: an evaluation of some of the pictures is none")
            try:
                found = largest_face(pipeline, read_picture(path))
            except PictureError:
                found = None
            if found is None:
                without_face += 1
                continue
            matches = gallery.search(found[0].vectors, k=1)
            best = matches.ids[0][0] if matches.ids[0] else ""
            rows.append((person, float(matches.scores[0][0]), best == person))
    return rows, without_face


def _searches(rows: list[tuple[str, float, bool]]) -> Searches:
    people, scores, right = zip(*rows, strict=True) if rows else ((), (), ())
    return Searches(np.array(people, np.str_), np.array(scores, float), np.array(right, bool))


def _as_json(
    found: Evaluation,
    threshold: float,
    fpir: float,
    mated: Searches,
    nonmated: Searches,
    without_face: int,
    people: int,
) -> dict[str, object]:
    at = _at_threshold(threshold, mated, nonmated)
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
        "probability": _calibration(people, mated, nonmated),
    }


def _calibration(people: int, mated: Searches, nonmated: Searches) -> dict[str, object]:
    """Return how well the probabilities of names fit; strangers and enrolled count the same."""
    scores = np.concatenate([mated.scores, nonmated.scores])
    right = np.concatenate([mated.right, np.zeros(len(nonmated.scores), bool)])
    share = len(mated.scores) / len(scores)
    found = np.array([STILLS.probability(float(s), people, share) for s in scores])
    error, bins = reliability(found, right)
    return {"ece": error, "in_gallery": share, "bins": bins}


def _at_threshold(threshold: float, mated: Searches, nonmated: Searches) -> tuple[float, float]:
    named = mated.right & (mated.scores >= threshold)
    return float(named.mean()), float((nonmated.scores >= threshold).mean())


def _print(
    found: Evaluation,
    threshold: float,
    fpir: float,
    mated: Searches,
    nonmated: Searches,
    without_face: int,
) -> None:
    table = Table("figure", "value", "95 % interval", "threshold", "strangers named")
    low, high = found.rank1_interval
    table.add_row("rank-1", f"{found.rank1:.2%}", f"{low:.2%} to {high:.2%}", "", "")
    for r in found.rates:
        table.add_row(
            f"TPIR at FPIR {r.fpir:.1%}" + ("" if r.supported else " *"),
            f"{r.tpir:.2%}",
            f"{r.low:.2%} to {r.high:.2%}",
            f"{r.threshold:.3f}",
            f"{r.false_names} of {found.nonmated}",
        )
    tpir, measured = _at_threshold(threshold, mated, nonmated)
    out.print(table)
    out.print(
        f"{found.mated} searches of people in the gallery, {found.nonmated} of strangers; "
        f"{without_face} pictures without a face left out"
    )
    out.print(
        f"at the working threshold {threshold:.3f} (promised FPIR {fpir:.1%}): "
        f"TPIR {tpir:.2%}, measured FPIR {measured:.2%}"
    )
    for r in found.rates:
        if not r.supported:
            needed = int(np.ceil(1 / r.fpir))
            out.print(
                f"* {found.nonmated} searches of strangers cannot show a rate of {r.fpir:.1%}, "
                f"which needs {needed}: the figure is at no false name seen"
            )
