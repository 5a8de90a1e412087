"""What is doubtful in a gallery, from its stored templates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

if TYPE_CHECKING:
    from gallery.search.search import Gallery

_BATCH = 8


class Bounds(Protocol):
    """Cosines from where on something is doubtful; the embedder's `LabelScores` has them."""

    @property
    def look_alike(self) -> float:
        """Two people above this are mistaken for each other."""

    @property
    def same_face(self) -> float:
        """Two people above this are likely one."""

    @property
    def weak(self) -> float:
        """Templates of one person that agree less than this in the mean."""


class Pair(msgspec.Struct, frozen=True):
    """Two people who look alike; `likely_same` if they may be one person under two ids."""

    a: str
    b: str
    score: float
    likely_same: bool


class Weak(msgspec.Struct, frozen=True):
    """Somebody whose own templates agree little; `agreement` is their mean cosine."""

    id: str
    templates: int
    agreement: float


class LabelError(msgspec.Struct, frozen=True):
    """A template that is more like another person than like its own person's others."""

    id: str
    template: int
    own: float
    other: str
    other_score: float


class Audit(msgspec.Struct, frozen=True):
    """What `tvradar gallery audit` reports.

    Attributes:
        people: how many the gallery has.
        checked: how many of them were looked at.
        single: who of these was enrolled with one picture only, which nothing confirms.
        look_alikes: most alike first.
        weak: weakest first.
        label_errors: likeliest first.
    """

    people: int
    checked: int
    single: list[str]
    look_alikes: list[Pair]
    weak: list[Weak]
    label_errors: list[LabelError]


def audit(gallery: Gallery, bounds: Bounds, *, at_most: int = 10_000, seed: int = 0) -> Audit:
    """Look at all people, or at a random part of a large gallery, against everybody."""
    ids = list(gallery.ids())
    if len(ids) > at_most:
        chosen = np.random.default_rng(seed).permutation(len(ids))[:at_most]
        ids = [ids[n] for n in sorted(chosen)]
    pairs: dict[tuple[str, str], float] = {}
    weak, errors = [], []
    single: list[str] = []
    for person_id in ids:
        templates = gallery.templates_of(person_id)
        templates = templates / np.linalg.norm(templates, axis=1, keepdims=True)
        others = templates @ templates.T
        count = len(templates)
        if count == 1 and len(gallery.person(person_id).pictures) <= 1:
            single.append(person_id)
        own = (others.sum(axis=1) - 1) / max(count - 1, 1)
        if count > 1 and own.mean() < bounds.weak:
            weak.append(Weak(person_id, count, _round(own.mean())))
        for n, (other, score) in enumerate(_strangers(gallery, person_id, templates)):
            if count > 1 and score > own[n] and score > bounds.weak:
                errors.append(LabelError(person_id, n, _round(own[n]), other, _round(score)))
            elif score >= bounds.look_alike:
                key = min(person_id, other), max(person_id, other)
                pairs[key] = max(score, pairs.get(key, -1.0))
    return Audit(
        gallery.people_count,
        len(ids),
        single,
        [
            Pair(a, b, _round(score), score >= bounds.same_face)
            for (a, b), score in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        sorted(weak, key=lambda w: w.agreement),
        sorted(errors, key=lambda e: e.own - e.other_score),
    )


def _strangers(
    gallery: Gallery, person_id: str, templates: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> list[tuple[str, float]]:
    """Return for each template who else is most like it, ("", -inf) when there is nobody."""
    found = []
    for start in range(0, len(templates), _BATCH):
        matches = gallery.search(templates[start : start + _BATCH], k=2)
        for ids, scores in zip(matches.ids, matches.scores, strict=True):
            others = [(i, float(s)) for i, s in zip(ids, scores, strict=False) if i != person_id]
            found.append(others[0] if others else ("", float("-inf")))
    return found


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)
