"""Which face of a picture with several is the person's.

"The largest" is a guess: in a group photograph, before a poster or with somebody walking by it is
somebody else's as often as not, who would then be named as this person. What the person's other
pictures show decides; where they cannot, the picture is left out and said to be unclear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gallery.enrol.people import EmbeddedPerson, OtherFace, PictureReport, vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.scores.model import LabelScores
    from gallery.enrol.people import Sample

LARGER = 2.0
"""A face this many times as large as any other is the person's, if nothing else decides."""


def consensus(similar: NDArray[np.float32], agree_at: float) -> list[int]:
    """Return the largest group of pictures that agree with one of them, in order.

    Args:
        similar: float32 (n, n), cosines.
        agree_at: from where on two agree.
    """
    agree = similar >= agree_at
    sizes, sums = agree.sum(axis=1), np.where(agree, similar, 0).sum(axis=1)
    best = max(range(len(similar)), key=lambda i: (int(sizes[i]), float(sums[i])))
    return [int(k) for k in np.flatnonzero(agree[best])]


def choose_faces(person: EmbeddedPerson, labels: LabelScores) -> EmbeddedPerson:
    """Return the person with one face a picture; pictures of which nobody can tell are rejected.

    Args:
        person: with all faces of each picture.
        labels: what cosines between pictures say.
    """
    crowded = [i for i, sample in enumerate(person.samples) if sample.rival_px > 0]
    if not crowded:
        return person
    alone = [sample for i, sample in enumerate(person.samples) if i not in crowded]
    some = [person.samples[i] for i in crowded]
    chosen = _by_others(some, alone, labels.agree) if alone else _by_each_other(some, labels.agree)
    taken = dict(zip(crowded, chosen, strict=True))
    samples = []
    rejected = list(person.rejected)
    for i, sample in enumerate(person.samples):
        choice = taken.get(i)
        if choice is None:
            samples.append(sample)
        elif choice.face < 0:
            rejected.append(PictureReport(sample.picture.name, "rejected", choice.why))
        else:
            samples.append(_with_face(sample, choice))
    return msgspec.structs.replace(person, samples=tuple(samples), rejected=tuple(rejected))


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which face of a picture: 0 its own, then the others; -1 none. And why, for the user."""

    face: int
    why: str


def _by_others(
    crowded: Sequence[Sample], alone: Sequence[Sample], agree_at: float
) -> list[_Choice]:
    """Choose what looks like the pictures that show one face only."""
    vectors = vectors_of(tuple(alone))
    group = consensus(vectors @ vectors.T, agree_at)
    agreed = len(group) > 1
    vectors = vectors[group] if agreed else vectors
    found = []
    for sample in crowded:
        scores = _vectors(sample) @ vectors.T
        each = scores.mean(axis=1) if agreed else scores.max(axis=1)
        best = int(np.argmax(each))
        if each[best] >= agree_at:
            why = f"{_faces(sample)}; the one like the other pictures is taken ({each[best]:.2f})"
            found.append(_Choice(best, why))
        else:
            why = f"{_faces(sample)}, none like the person in the other pictures ({each[best]:.2f})"
            found.append(_Choice(-1, why))
    return found


def _by_each_other(crowded: Sequence[Sample], agree_at: float) -> list[_Choice]:
    """Choose whom most of the pictures show, if it is one person."""
    vectors = np.concatenate([_vectors(sample) for sample in crowded])
    owners = np.repeat(np.arange(len(crowded)), [1 + len(s.others) for s in crowded])
    # The best score of each face with each picture: float32 (faces, pictures).
    similar = vectors @ vectors.T
    best = np.stack([similar[:, owners == n].max(axis=1) for n in range(len(crowded))], axis=1)
    support = (best >= agree_at).sum(axis=1)
    leader = max(range(len(vectors)), key=lambda i: (int(support[i]), float(best[i].sum())))
    if support[leader] < 2:
        return [_largest(sample) for sample in crowded]
    rivals = (support == support[leader]) & (similar[leader] < agree_at)
    if rivals.any():
        why = "the same people are together in all pictures: whose are they? Add one of this person"
        return [_Choice(-1, f"{_faces(sample)}; {why} alone") for sample in crowded]
    found = []
    for n, sample in enumerate(crowded):
        scores = similar[leader, owners == n]
        face = int(np.argmax(scores))
        if scores[face] >= agree_at:
            found.append(_Choice(face, f"{_faces(sample)}; the one in most pictures is taken"))
        else:
            found.append(_Choice(-1, f"{_faces(sample)}, none like the one in most pictures"))
    return found


def _largest(sample: Sample) -> _Choice:
    if sample.side_px >= LARGER * sample.rival_px:
        return _Choice(0, f"{_faces(sample)}; the largest by far is taken")
    why = f"{_faces(sample)} of like size: which is the person's? Add a picture of them alone"
    return _Choice(-1, why)


def _with_face(sample: Sample, choice: _Choice) -> Sample:
    own = OtherFace(sample.vector, sample.quality, sample.photo, sample.side_px)
    face = (own, *sample.others)[choice.face]
    return msgspec.structs.replace(
        sample,
        vector=face.vector,
        quality=face.quality,
        photo=face.photo,
        side_px=face.side_px,
        others=(),
        note=choice.why,
    )


def _vectors(sample: Sample) -> NDArray[np.float32]:
    return np.stack([sample.array(), *(face.array() for face in sample.others)])


def _faces(sample: Sample) -> str:
    # What is too blurred or turned away to be enrolled is a face, too.
    return f"{max(2, 1 + len(sample.others))} faces"
