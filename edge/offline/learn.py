"""Further pictures of people out of a film: faces that are surely one person's.

Sure is a face whose track was named, for longer than a moment, with a score that hardly a stranger
reaches, far from the next in the gallery, of somebody in the title's cast; and that, looked at once
more by itself, is still that person's by far. What is found is a proposal for people to look at.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np

from edge.recognise.thresholds import policy_for
from engines.align import align
from engines.quality import measure_quality

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from edge.offline.summary import IdentifiedFace
    from edge.video.frame import Frame, Picture
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery

SURE_FPIR = 0.001
"""Share of strangers who reach the score that a track needs here."""
MARGIN = 0.15
"""Cosine by which the next person of the gallery must be further away."""
LEAST_S = 1.0
LEAST_SIDE_PX = 48
MOST_YAW = 0.6
LEAST_QUALITY = 0.1
TRIED = 6
"""Views of a track that are looked at."""
ALIKE = 0.9
"""Views with a higher cosine show nothing new."""
MOST_VIEWS = 4
"""Of one person in one film."""
AROUND = 1.7
"""Side of a picture that is kept, in sides of the face's box."""


class View(msgspec.Struct, frozen=True):
    """A face that is offered.

    Attributes:
        number: by which people refer to it, from 1.
        id: whose it surely is.
        name: theirs.
        pts_s: where in the film.
        score: cosine with their template.
        margin: how much nearer than the next person of the gallery.
        png: the picture.
    """

    number: int
    id: str
    name: str
    pts_s: float
    score: float
    margin: float
    png: bytes


@dataclass(frozen=True)
class _Seen:
    """A view while it is chosen; `vector` is float32 (dimension,), of length 1."""

    id: str
    pts_s: float
    score: float
    margin: float
    quality: float
    vector: NDArray[np.float32]
    png: bytes


def sure_faces(
    faces: Iterable[IdentifiedFace], cast: Collection[str], threshold: float
) -> list[IdentifiedFace]:
    """Return faces of tracks that are surely one person's, a few of each, in the film's order.

    Args:
        faces: of a film, as it was identified.
        cast: ids of the title's cast.
        threshold: the cosine that a track needs.
    """
    tracks: dict[tuple[int, int], list[IdentifiedFace]] = defaultdict(list)
    for face in faces:
        tracks[face.shot, face.track].append(face)
    chosen = []
    for seen in tracks.values():
        large = [f for f in seen if min(_size(f)) >= LEAST_SIDE_PX]
        if large and _is_sure(seen, cast, threshold):
            steps = np.linspace(0, len(large) - 1, min(TRIED, len(large)))
            chosen += [large[round(step)] for step in steps]
    return sorted(chosen, key=lambda face: face.frame)


def _size(face: IdentifiedFace) -> tuple[float, float]:
    left, top, right, bottom = face.box
    return right - left, bottom - top


def _is_sure(seen: Sequence[IdentifiedFace], cast: Collection[str], threshold: float) -> bool:
    person = seen[0].id
    if person is None or person not in cast or any(face.id != person for face in seen):
        return False
    best = max(seen, key=lambda face: face.score)
    others = [c.score for c in best.candidates if c.id != person]
    return (
        seen[-1].pts_s - seen[0].pts_s >= LEAST_S
        and bool(best.candidates)
        and best.candidates[0].id == person
        and best.score >= threshold
        and best.score - max(others, default=0.0) >= MARGIN
    )


def propose(
    faces: Iterable[IdentifiedFace],
    pictures: Iterable[Picture],
    cast: Collection[str],
    pipeline: FacePipeline,
    gallery: Gallery,
) -> tuple[View, ...]:
    """Return the views of a film that are offered, person by person.

    Args:
        faces: of the film, as it was identified.
        pictures: of the film, read once more.
        cast: ids of the title's cast.
        pipeline: the loaded models.
        gallery: with which it was identified.
    """
    threshold = policy_for(gallery, SURE_FPIR, stills=False).threshold
    wanted: dict[int, list[IdentifiedFace]] = defaultdict(list)
    for face in sure_faces(faces, cast, threshold):
        wanted[face.frame].append(face)
    found: dict[str, list[_Seen]] = defaultdict(list)
    for picture in pictures:
        if picture.index in wanted:
            for seen in _views(picture.to_frame(), wanted[picture.index], pipeline, gallery):
                found[seen.id].append(seen)
    chosen = [view for person in sorted(found) for view in _different(found[person])]
    return tuple(
        View(
            number,
            seen.id,
            gallery.person(seen.id).name(),
            round(seen.pts_s, 2),
            round(seen.score, 3),
            round(seen.margin, 3),
            seen.png,
        )
        for number, seen in enumerate(chosen, 1)
    )


def _views(
    frame: Frame, faces: Sequence[IdentifiedFace], pipeline: FacePipeline, gallery: Gallery
) -> Iterator[_Seen]:
    """Yield the faces of a frame that are, by themselves too, surely whose they were said to be."""
    found = pipeline.detector.detect(frame.bgr)
    threshold = policy_for(gallery, SURE_FPIR).threshold
    for face in faces:
        place = _place(face, found.xyxy_px)
        if place is None or not _is_whole_and_alone(place, found.xyxy_px, frame.bgr.shape):
            continue
        one = found[[place]]
        chips = align(frame.bgr, one.landmarks_px)
        quality = measure_quality(one, chips)
        if quality.yaw[0] > MOST_YAW or quality.overall[0] < LEAST_QUALITY:
            continue
        vectors = pipeline.embedder.embed(chips).vectors
        matches = gallery.search(vectors, k=2)
        score, margin = float(matches.scores[0, 0]), _margin(matches.scores[0])
        if matches.ids[0][0] == face.id and score >= threshold and margin >= MARGIN:
            png = _cut_out(frame.bgr, one.xyxy_px[0])
            overall = float(quality.overall[0])
            yield _Seen(face.id, frame.pts_s, score, margin, overall, vectors[0], png)


def _margin(scores: NDArray[np.float32]) -> float:
    return float(scores[0] - max(scores[1], 0.0)) if len(scores) > 1 else float(scores[0])


def _place(face: IdentifiedFace, boxes: NDArray[np.float32]) -> int | None:
    """Return which detection is the face, by more than half of both in common."""
    if not len(boxes):
        return None
    box = np.array(face.box, np.float32)
    inner = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    common = np.clip(inner, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - common
    best = int((common / areas).argmax())
    return best if common[best] > 0.5 * areas[best] else None


def _is_whole_and_alone(place: int, boxes: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    """Return whether a face is not cut by the picture's edge, and no other reaches into its own."""
    left, top, right, bottom = boxes[place]
    if min(left, top, shape[1] - right, shape[0] - bottom) < 0:
        return False
    around = _around(boxes[place])
    others = np.delete(boxes, place, axis=0)
    common = np.minimum(others[:, 2:], around[2:]) - np.maximum(others[:, :2], around[:2])
    return not bool((common > 0).all(axis=1).any())


def _around(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the square that is kept of a face, float32 (4,): left, top, right, bottom."""
    centre, half = (box[:2] + box[2:]) / 2, AROUND / 2 * (box[2:] - box[:2]).max()
    return np.concatenate([centre - half, centre + half])


def _cut_out(bgr: NDArray[np.uint8], box: NDArray[np.float32]) -> bytes:
    left, top, right, bottom = np.maximum(np.rint(_around(box)), 0).astype(int)
    done, data = cv2.imencode(".png", bgr[top:bottom, left:right])
    assert done
    return data.tobytes()


def _different(views: Sequence[_Seen]) -> list[_Seen]:
    """Return the best views of a person, none of them much like another."""
    kept: list[_Seen] = []
    for view in sorted(views, key=lambda v: -v.quality):
        if len(kept) < MOST_VIEWS and all(float(view.vector @ k.vector) < ALIKE for k in kept):
            kept.append(view)
    return sorted(kept, key=lambda v: v.pts_s)
