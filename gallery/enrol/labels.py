"""Which pictures show whom their label says: within one person, and between people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gallery.enrol.choose import consensus
from gallery.enrol.people import EmbeddedPerson, PersonReport, PictureReport, vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.scores.model import LabelScores
    from gallery.enrol.people import Sample, Status

NEARLY_THE_SAME = "nearly the same picture"
"""How the reason of a picture begins that another one repeats."""
_BLOCK = 1 << 24
"""How many scores are computed at once."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one person's pictures.

    Attributes:
        kept: indices of the samples that make the template, empty if there are none.
        template: float32 (dimension,), unit length, or None.
        report: for the user.
    """

    kept: tuple[int, ...]
    template: NDArray[np.float32] | None
    report: PersonReport


class SameFace(msgspec.Struct, frozen=True):
    """Two people who look like one person under two ids."""

    a: str
    b: str
    score: float


def judge(embedded: EmbeddedPerson, labels: LabelScores) -> Judged:
    """Drop pictures that disagree with the others of the same person; flag duplicates.

    Where no two agree nobody is enrolled: see `settle`.

    Args:
        embedded: with one face a picture.
        labels: what cosines between pictures say.
    """
    samples = embedded.samples
    vectors = vectors_of(samples)
    similar = vectors @ vectors.T
    found = _verdicts(samples, similar, labels) if samples else []
    kept = tuple(i for i, (status, _) in enumerate(found) if status != "rejected")
    reports = [
        PictureReport(s.picture.name, status, reason, round(s.quality, 3))
        for s, (status, reason) in zip(samples, found, strict=True)
    ]
    reports = sorted([*embedded.rejected, *reports], key=lambda report: report.path)
    report = PersonReport(embedded.person.id, bool(kept), tuple(reports))
    return Judged(kept, template_of(samples, kept) if kept else None, report)


def template_of(samples: Sequence[Sample], kept: Sequence[int]) -> NDArray[np.float32]:
    """Return the quality-weighted mean of some samples, float32 (dimension,), unit length."""
    chosen = tuple(samples[i] for i in kept)
    weights = np.array([s.quality for s in chosen], np.float32)
    total = (vectors_of(chosen) * weights[:, None]).sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _verdicts(
    samples: Sequence[Sample], similar: NDArray[np.float32], labels: LabelScores
) -> list[tuple[Status, str]]:
    """Return status and reason of each sample; all are rejected where nobody can tell whose."""
    count = len(samples)
    if count == 1:
        return [_kept(samples[0])]
    unclear = _unclear(similar, labels)
    if unclear:
        return [("rejected", unclear)] * count
    group = consensus(similar, labels.agree)
    poorly = len(group) < 2
    if poorly:
        group = consensus(similar, labels.wrong)
    found: list[tuple[Status, str]] = []
    for i in range(count):
        others = [k for k in group if k != i]
        own = float(similar[i, others].mean())
        twins = np.flatnonzero(similar[i, :i] > labels.duplicate)
        if own < labels.wrong:
            found.append(("rejected", f"unlike the others of this person ({own:.2f})"))
        elif poorly:
            found.append(("flagged", f"the pictures agree poorly ({own:.2f}): the same person?"))
        elif 2 * len(group) <= count:
            found.append(("flagged", f"only {len(group)} of {count} pictures agree"))
        elif len(twins):
            twin = samples[int(twins[0])].picture.name
            found.append(("flagged", f"{NEARLY_THE_SAME} as {twin}"))
        else:
            found.append(_kept(samples[i]))
    return found


def _kept(sample: Sample) -> tuple[Status, str]:
    return ("flagged", sample.note) if sample.note else ("used", "")


def _unclear(similar: NDArray[np.float32], labels: LabelScores) -> str:
    """Return why nobody can tell whom the pictures of a person show, or an empty string.

    A mean of people who are not one would be named where neither of them is.
    """
    count = len(similar)
    apart = similar[~np.eye(count, dtype=bool)]
    if float(apart.max()) < labels.wrong:
        return (
            f"no two of the {count} pictures agree (best {apart.max():.2f}): "
            "which one is the person's?"
        )
    group = consensus(similar, labels.agree)
    rest = [k for k in range(count) if k not in group]
    if 2 <= len(group) <= len(rest):
        other = [rest[k] for k in consensus(similar[np.ix_(rest, rest)], labels.agree)]
        between = float(similar[np.ix_(group, other)].mean())
        if len(other) == len(group) and between < labels.wrong:
            return (
                f"{len(group)} pictures show one person and {len(other)} another: "
                "which is the right one?"
            )
    return ""


def compare_people(
    people: Sequence[tuple[int, EmbeddedPerson]],
    judged: list[Judged],
    ids: Sequence[str],
    templates: NDArray[np.float32],
    places: NDArray[np.intp],
    labels: LabelScores,
) -> list[SameFace]:
    """Look for each kept picture among everybody's templates; change what was judged of it.

    A picture that looks more like somebody else is flagged. If it also is unlike the others of
    its own person, it is dropped.

    Args:
        people: some of the people with their place in `judged`.
        judged: of all people; those looked at are replaced.
        ids: of those who have a template, in the templates' order.
        templates: float32 (t, dimension), unit length.
        places: intp (p,), each person's template, -1 for those without one.
        labels: what cosines between pictures say.

    Returns:
        People after whom somebody with the same face comes.
    """
    pairs: list[SameFace] = []
    step = max(1, _BLOCK // max(1, len(templates)))
    rows = [(n, person, i) for n, person in people for i in (*judged[n].kept, -1) if judged[n].kept]
    strangers: dict[int, dict[int, tuple[float, str]]] = {}
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        vectors = np.stack([_vector(person, i, judged[n]) for n, person, i in block])
        scores = vectors @ templates.T
        for (n, person, i), row in zip(block, scores, strict=True):
            row[places[n]] = -1
            if i < 0:
                pairs += [
                    SameFace(person.person.id, ids[m], round(float(row[m]), 4))
                    for m in np.flatnonzero(row >= labels.same_face).tolist()
                    if m > places[n]
                ]
                continue
            other = int(np.argmax(row))
            if row[other] > _needed(person, judged[n], i, labels):
                strangers.setdefault(n, {})[i] = float(row[other]), ids[other]
    by_place = dict(people)
    for n, found in strangers.items():
        judged[n] = _without(by_place[n], judged[n], found, labels)
    return pairs


def _vector(person: EmbeddedPerson, i: int, judged: Judged) -> NDArray[np.float32]:
    if i >= 0:
        return person.samples[i].array()
    assert judged.template is not None
    return judged.template


def _needed(person: EmbeddedPerson, judged: Judged, i: int, labels: LabelScores) -> float:
    """Return the score with somebody else from which a picture is doubtful."""
    others = [k for k in judged.kept if k != i]
    if not others:
        return labels.lone
    own = person.samples[i].array() @ template_of(person.samples, others)
    return max(float(own), labels.agree)


def settle(
    person: EmbeddedPerson,
    ids: Sequence[str],
    templates: NDArray[np.float32],
    labels: LabelScores,
) -> Judged | None:
    """Return the verdict on somebody of whom nobody could tell which picture is right.

    Pictures of other people, who are enrolled, are dropped. Where that leaves pictures that agree,
    those are the person's; None where it does not.

    Args:
        person: nobody of the people enrolled.
        ids: of those enrolled, in the templates' order.
        templates: float32 (t, dimension), unit length.
        labels: what cosines between pictures say.
    """
    scores = vectors_of(person.samples) @ templates.T
    best = scores.argmax(axis=1)
    strange = scores.max(axis=1) > labels.lone
    if not strange.any() or strange.all():
        return None
    left = [int(i) for i in np.flatnonzero(~strange)]
    verdict = judge(
        msgspec.structs.replace(person, samples=tuple(person.samples[i] for i in left)), labels
    )
    if not verdict.kept:
        return None
    told = [
        PictureReport(
            person.samples[i].picture.name,
            "rejected",
            f"looks like {ids[best[i]]} ({scores[i, best[i]]:.2f})",
        )
        for i in np.flatnonzero(strange).tolist()
    ]
    doubtful = [
        msgspec.structs.replace(
            p, status="flagged", reason=p.reason or "its other pictures are of somebody else"
        )
        if p.status == "used"
        else p
        for p in verdict.report.pictures
    ]
    pictures = tuple(sorted([*told, *doubtful], key=lambda report: report.path))
    report = msgspec.structs.replace(verdict.report, pictures=pictures)
    return replace(verdict, kept=tuple(left[i] for i in verdict.kept), report=report)


def _without(
    person: EmbeddedPerson,
    judged: Judged,
    strangers: dict[int, tuple[float, str]],
    labels: LabelScores,
) -> Judged:
    """Return the verdict with pictures of somebody else flagged, and the surest ones dropped."""
    vectors = vectors_of(person.samples)
    dropped = []
    for i in strangers:
        others = [k for k in judged.kept if k != i]
        if others and float((vectors[others] @ vectors[i]).max()) < labels.wrong:
            dropped.append(i)
    kept = tuple(k for k in judged.kept if k not in dropped)
    if not kept:
        dropped, kept = [], judged.kept
    told = {person.samples[i].picture.name: (i, *strangers[i]) for i in strangers}
    pictures = tuple(
        msgspec.structs.replace(
            p,
            status="rejected" if told[p.path][0] in dropped else "flagged",
            reason=f"looks like {told[p.path][2]} ({told[p.path][1]:.2f})",
        )
        if p.path in told
        else p
        for p in judged.report.pictures
    )
    report = msgspec.structs.replace(judged.report, pictures=pictures)
    template = template_of(person.samples, kept) if dropped else judged.template
    return replace(judged, kept=kept, template=template, report=report)
