"""The command `evaluate`: a folder of labelled pictures against a gallery."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from calibration.openset.evaluate import Evaluation, evaluate, share_by_person
from calibration.openset.report import Findings, Search, searches_of, to_html
from edge.cli.console import counted, err, graceful_stop, out, print_json, progress_bar, warn_of
from edge.errors import UsageError
from edge.json_output import PicturesEvaluated, Probability, ShippedGroups
from edge.offline.still import decide_still
from edge.recognise.thresholds import policy_for
from edge.video.frame import Frame
from engines.errors import PictureError
from engines.files import write_atomically
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline
from engines.scores.probability import reliability
from gallery.enrol.embed import faces_of
from gallery.enrol.folders import find_people
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from calibration.openset.evaluate import Rate
    from edge.recognise.decide import Policy
    from engines.scores.probability import Reliability
    from gallery.search.search import Gallery

PERSON_AND_GROUP = 2


@dataclass(frozen=True, slots=True)
class Shipped:
    """What `identify` would have said.

    Attributes:
        mated, nonmated: searches of people in the gallery, and of strangers.
        tpir, fpir: share of the former named rightly, of the latter named, each with its 95 %
            interval by person; None without a search.
        false_names: strangers who were named.
        mated_wrong: people in the gallery who were called somebody else.
        least_probability: of all names shown; None without one.
    """

    mated: int
    nonmated: int
    tpir: tuple[float, float, float] | None
    fpir: tuple[float, float, float] | None
    false_names: int
    mated_wrong: int
    least_probability: float | None


def run_evaluate(
    dataset: Path,
    gallery_dir: Path,
    *,
    json: bool,
    fpir: float,
    report: Path | None = None,
    embedder: str = "",
    groups: Path | None = None,
) -> None:
    """Name every picture of a dataset as `identify` does, and print the rates."""
    pipeline = load_pipeline(threads=2, embedder=embedder)
    gallery = open_gallery(gallery_dir, pipeline.model)
    found_people = find_people(dataset)
    warn_of(found_people.left_out)
    missing = check_folders({folder.id for folder in found_people.folders}, set(gallery.ids()))
    if missing:
        if report is not None:
            raise UsageError(f"--report: {dataset} has {missing}; its curves need both")
        warn_of([f"{dataset}: {missing}"])
    pictures = [(folder.id, path) for folder in found_people.folders for path in folder.pictures]
    in_group = read_groups(groups) if groups is not None else {}
    policy = policy_for(gallery, fpir)
    rows, without_face = _search_all(pipeline, gallery, policy, pictures)
    if not rows:
        raise UsageError(f"{dataset}: no face in {counted(without_face, 'picture')}")
    known = set(gallery.ids())
    of_known = [row for row in rows if row.person in known]
    of_strangers = [row for row in rows if row.person not in known]
    mated, nonmated = searches_of(of_known), searches_of(of_strangers)
    found = evaluate(mated, nonmated) if of_known and of_strangers else None
    people = gallery.people_count
    shipped = shipped_by_group(of_known, of_strangers, in_group)
    notes = _notes(found, fpir, shipped["all"], without_face)
    rank1 = share_by_person(list(mated.people), [bool(right) for right in mated.right])
    error, bins = _calibration(rows)
    if json:
        print_json(
            _as_json(
                found,
                rank1[0] if rank1 else None,
                policy.threshold,
                without_face,
                ShippedGroups(fpir, shipped),
                Probability(error, bins),
            )
        )
    else:
        _print(found, rank1, notes)
        _print_shipped(shipped, fpir)
    if report is not None and found is not None:
        findings = Findings(
            f"{dataset} against release {gallery.release}, {people} people",
            [_figures_of_rank1(found), *(_figures(r, found.nonmated) for r in found.rates)],
            notes,
            of_known,
            of_strangers,
            policy.threshold,
            error,
            bins,
        )
        write_atomically(report, to_html(findings).encode())
        err.print(f"report: {report}", markup=False)


def check_folders(folders: set[str], known: set[str]) -> str:
    """Return which half of the figures these folders cannot give, before any work is done."""
    if not folders & known:
        return (
            "nobody of the gallery, so it cannot be told how often people get their name; name "
            'folders by the ids that "tvradar gallery inspect" lists'
        )
    if folders <= known:
        return "no strangers, so there is no rate of false names"
    return ""


def _search_all(
    pipeline: FacePipeline, gallery: Gallery, policy: Policy, pictures: list[tuple[str, Path]]
) -> tuple[list[Search], int]:
    """Return what `identify` says of each picture's largest face, and how many had no face."""
    rows: list[Search] = []
    without_face = 0
    with graceful_stop() as stop, progress_bar("pictures") as progress:
        for person, path in progress.track(pictures, description="evaluate"):
            if stop():
                raise UsageError(
                    "interrupted: an evaluation of only some of the pictures would mean nothing"
                )
            try:
                bgr = faces_of(pipeline, read_picture(path))[1]  # a tight crop has room now
            except PictureError as error:
                warn_of([str(error)])
                without_face += 1
                continue
            frame = Frame(bgr, 0.0, 0, 0)
            claims = decide_still(pipeline, gallery, frame, policy)[1:]
            if not claims[0]:
                without_face += 1
                continue
            claim = max(claims[0], key=lambda one: one.side_px)
            decision = claims[1][claim.track]
            best = claim.candidates[0]
            probability = policy.probability(best, claim.norm, policy.crowding(claim, best))
            rows.append(Search(person, path, best.score, best.id, decision.id, probability))
    return rows, without_face


def read_groups(path: Path) -> dict[str, frozenset[str]]:
    """Return the people of each group, from lines `person,group`.

    Raises:
        UsageError: it cannot be read, or a line is not valid.
    """
    found: dict[str, set[str]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if len(row) != PERSON_AND_GROUP or not all(field.strip() for field in row):
                    raise UsageError(
                        f"{path}: line {number} has {','.join(row)[:60]!a}, expected person,group"
                    )
                found.setdefault(row[1].strip(), set()).add(row[0].strip())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: {error}; expected lines of person,group") from None
    return {group: frozenset(people) for group, people in found.items()}


def shipped_by_group(
    mated: Sequence[Search], nonmated: Sequence[Search], groups: Mapping[str, frozenset[str]]
) -> dict[str, Shipped]:
    """Return what decisions do to everybody, and to the searches of each group."""
    found = {"all": _shipped(mated, nonmated)}
    for group, people in sorted(groups.items()):
        own, others = ([r for r in rows if r.person in people] for rows in (mated, nonmated))
        if own or others:
            found[group] = _shipped(own, others)
    return found


def _shipped(mated: Sequence[Search], nonmated: Sequence[Search]) -> Shipped:
    shown = [row.probability for row in (*mated, *nonmated) if row.named is not None]
    return Shipped(
        len(mated),
        len(nonmated),
        share_by_person([r.person for r in mated], [r.named == r.person for r in mated]),
        share_by_person([r.person for r in nonmated], [r.named is not None for r in nonmated]),
        sum(r.named is not None for r in nonmated),
        sum(r.named not in {None, r.person} for r in mated),
        min(shown, default=None),
    )


def _as_json(
    found: Evaluation | None,
    rank1: float | None,
    threshold: float,
    without_face: int,
    shipped: ShippedGroups,
    probability: Probability,
) -> PicturesEvaluated:
    rates = found.rates if found else ()
    return PicturesEvaluated(
        rank1=rank1,
        tpir={str(r.fpir): r.tpir for r in rates},
        interval={
            **({"rank1": found.rank1_interval} if found else {}),
            **{str(r.fpir): (r.low, r.high) for r in rates},
        },
        mated=shipped.groups["all"].mated,
        nonmated=shipped.groups["all"].nonmated,
        threshold=threshold,
        measured_thresholds={str(r.fpir): r.threshold for r in rates},
        unsupported=[str(r.fpir) for r in rates if not r.supported],
        without_face=without_face,
        shipped=shipped,
        probability=probability,
    )


def _calibration(rows: Sequence[Search]) -> tuple[float, list[Reliability]]:
    """Return how well the probabilities of best candidates fit, shown or not."""
    return reliability(
        np.array([row.probability for row in rows]), np.array([row.right for row in rows])
    )


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


def _notes(found: Evaluation | None, fpir: float, shipped: Shipped, without_face: int) -> list[str]:
    return [
        (
            f"{shipped.mated} searches of people in the gallery, {shipped.nonmated} of strangers; "
            f"{counted(without_face, 'picture')} without a face left out"
        ),
        (
            f"as identify decides, promised {fpir:.1%}: {_share(shipped.tpir)} of the known named "
            f"rightly, {shipped.mated_wrong} wrongly; {_share(shipped.fpir)} of strangers named"
        ),
        *(
            f"* {shipped.nonmated} searches of strangers cannot show a rate of {r.fpir:.1%}, "
            f"which needs {int(np.ceil(1 / r.fpir))}: the figure is at no false name seen"
            for r in (found.rates if found else ())
            if not r.supported
        ),
    ]


def _share(found: tuple[float, float, float] | None) -> str:
    return (
        "none (no searches)"
        if found is None
        else f"{found[0]:.2%} ({found[1]:.2%} to {found[2]:.2%})"
    )


def _print_shipped(shipped: Mapping[str, Shipped], fpir: float) -> None:
    if len(shipped) == 1:
        return
    table = Table("group", f"strangers named, promised {fpir:.1%}", "of", "named rightly", "of")
    for group, row in shipped.items():
        table.add_row(group, _share(row.fpir), str(row.nonmated), _share(row.tpir), str(row.mated))
    out.print(table)


def _print(
    found: Evaluation | None, rank1: tuple[float, float, float] | None, notes: list[str]
) -> None:
    if found is not None:
        table = Table("figure", "value", "95 % interval", "threshold", "strangers named")
        table.add_row(*_figures_of_rank1(found))
        for rate in found.rates:
            table.add_row(*_figures(rate, found.nonmated))
        out.print(table)
    elif rank1 is not None:
        out.print(f"rank-1: {_share(rank1)}")
    for note in notes:
        out.print(note, markup=False)
