"""People in two halves, for learning what an embedder's cosines mean and for proving it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.errors import CalibrationError
from calibration.openset.composed import compose_tracks, read_sources
from engines.align import cut_out
from engines.pipeline import unit
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from calibration.openset.composed import ComposedTracks
    from calibration.pictures.faces import Picture
    from engines.detections import Detections
    from engines.pipeline import FacePipeline

ENROLLED = 3
FEWEST_PEOPLE = 100
FEWEST_SEVERAL = 30
TRACKS_OF = 150
"""Tracks are composed of so many people of each half."""
SEED = 18


@dataclass(frozen=True)
class Faces:
    """Embedded pictures, and composed tracks of some of the same people.

    Attributes:
        person: str (n,).
        vectors: float32 (n, dimension), unit length.
        norms: float32 (n,), before normalisation.
        tracks: of pictures that are in no template.
    """

    person: NDArray[np.str_]
    vectors: NDArray[np.float32]
    norms: NDArray[np.float32]
    tracks: ComposedTracks


@dataclass(frozen=True)
class Probes:
    """Searches with templates of the same half.

    Attributes:
        owner: int (n,), the column of whose it is.
        scores: float32 (n, people), cosines.
        norms: float32 (n,).
        mated: bool (n,), whether it is in no template.
    """

    owner: NDArray[np.intp]
    scores: NDArray[np.float32]
    norms: NDArray[np.float32]
    mated: NDArray[np.bool_]

    @property
    def own(self) -> NDArray[np.float32]:
        """Cosines of the mated ones with their own templates, float32 (k,)."""
        return np.asarray(self.scores[np.arange(len(self.owner)), self.owner][self.mated])

    @property
    def others(self) -> NDArray[np.float32]:
        """Cosines with other people's templates, float32 (n, people); -1 at their own."""
        found = self.scores.copy()
        found[np.arange(len(self.owner)), self.owner] = -1
        return found


@dataclass(frozen=True)
class Half:
    """Some of the people.

    Attributes:
        people: str (m,).
        templates: float32 (m, dimension).
        stills: searches with their pictures.
        tracks: rows of the composed tracks that are theirs.
    """

    people: NDArray[np.str_]
    templates: NDArray[np.float32]
    stills: Probes
    tracks: NDArray[np.intp]

    def neighbours(self, gallery: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Return how near others are to each person, float32 (n, NEIGHBOURS or fewer), best first.

        Args:
            gallery: columns of the n people who are enrolled; all by default.
        """
        enrolled = self.templates if gallery is None else self.templates[gallery]
        return nearest_others(enrolled @ enrolled.T)


def nearest_others(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each one's cosines with others, best first, but for themselves and their nearest.

    Args:
        cosines: between enrolled people, float32 (n, n); of pairs that are left out, -1.
    """
    alike = cosines.copy()
    np.fill_diagonal(alike, np.inf)
    count = min(NEIGHBOURS + 2, len(alike))
    best = -np.partition(-alike, count - 1, axis=1)[:, :count]
    return np.asarray(-np.sort(-best, axis=1)[:, 2:])


def half_of(person: str) -> int:
    """Return 0 for the half that teaches, 1 for the other, by a hash of the name."""
    return zlib.crc32(f"{SEED}:{person}".encode()) & 1


def embed(
    pipeline: FacePipeline,
    pictures: Sequence[Picture],
    looked: Callable[[], None] = lambda: None,
    composed: Callable[[], None] = lambda: None,
) -> Faces:
    """Return all pictures' largest faces, from two views each, and composed tracks.

    Args:
        pipeline: detector and embedder.
        pictures: with `person` set.
        looked: called for each picture.
        composed: called for each part of the tracks.

    Raises:
        CalibrationError: too few people, or too few with two pictures or more.
    """
    sources = read_sources(pipeline.detector, list(pictures), looked)
    of: dict[str, list[int]] = {}
    for k, source in enumerate(sources):
        of.setdefault(source.person, []).append(k)
    several = sum(len(rows) > 1 for rows in of.values())
    if len(of) < FEWEST_PEOPLE or several < FEWEST_SEVERAL:
        raise CalibrationError(
            f"pictures: faces of {len(of)} people, {several} of them with two pictures or more, "
            f"expected {FEWEST_PEOPLE} and {FEWEST_SEVERAL}, in one folder per person; a promise "
            "learned from fewer would not hold"
        )
    vectors, norms = [], []
    for source in sources:
        vector, norm = two_views(pipeline, source.bgr, source.faces)
        vectors.append(vector)
        norms.append(norm)
    left = [k for rows in of.values() for k in (rows[_enrolled(len(rows)) :] or rows)]
    cast = _cast({sources[k].person for k in left}, of)
    tracks = compose_tracks([sources[k] for k in left], cast, pipeline, SEED, composed)
    person = np.array([source.person for source in sources], np.str_)
    return Faces(person, np.stack(vectors), np.array(norms, np.float32), tracks)


def two_views(
    pipeline: FacePipeline, bgr: NDArray[np.uint8], one: Detections
) -> tuple[NDArray[np.float32], float]:
    """Return a face as it is and mirrored, both looked at twice: their mean, and their mean norm.

    Args:
        pipeline: detector and embedder.
        bgr: uint8 (height, width, 3), BGR.
        one: a single face, in pixels of it.

    Returns:
        float32 (dimension,), of length 1, and the norm.
    """
    (chips,) = cut_out(bgr, one, pipeline.second_px(bgr, one))
    views = pipeline.embedder.embed(np.concatenate([chips, chips[:, :, ::-1]]))
    return unit(views.vectors.sum(axis=0)), float(views.norms.mean())


def _enrolled(pictures: int) -> int:
    return max(1, min(ENROLLED, pictures - 1))


def _cast(people: set[str], of: dict[str, list[int]]) -> list[str]:
    """Return whose tracks are composed: of each half, those with the most pictures first."""
    ordered = sorted(people, key=lambda p: (-len(of[p]), zlib.crc32(p.encode())))
    return [p for half in (0, 1) for p in [p for p in ordered if half_of(p) == half][:TRACKS_OF]]


def halves(faces: Faces) -> tuple[Half, Half]:
    """Return the half that teaches and the other."""
    first, second = (_half(faces, side) for side in (0, 1))
    return first, second


def _half(faces: Faces, side: int) -> Half:
    people = np.array([p for p in np.unique(faces.person) if half_of(str(p)) == side], np.str_)
    templates, rows, owner, mated = [], [], [], []
    for column, person in enumerate(people):
        mine = np.flatnonzero(faces.person == person)
        count = _enrolled(len(mine))
        templates.append(unit(faces.vectors[mine[:count]].sum(axis=0)))
        rows += mine.tolist()
        owner += [column] * len(mine)
        mated += [False] * count + [True] * (len(mine) - count)
    stacked = np.stack(templates)
    stills = Probes(
        np.array(owner), faces.vectors[rows] @ stacked.T, faces.norms[rows], np.array(mated)
    )
    return Half(people, stacked, stills, np.flatnonzero(np.isin(faces.tracks.people, people)))
