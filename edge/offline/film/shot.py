"""A shot that is over, or a part of a long one: its faces embedded, and laid on its frames."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edge.hindsight.claims import claims_of
from edge.hindsight.join_tracks import FinishedTrack
from edge.offline.film.beside import Begun
from edge.offline.film.place import Place, without_doubles
from edge.recognise.scene import Scene
from edge.recognise.step import face_of
from edge.recognise.track import MIN_HITS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from numpy.typing import NDArray

    from edge.offline.film.evidence import EmbeddedView, Evidence
    from edge.offline.film.face import FollowedFace
    from edge.recognise.decide import Decision
    from edge.recognise.scene import Face
    from gallery.search.search import Gallery


@dataclass(frozen=True, slots=True)
class Moments:
    """The frames of a shot.

    Attributes:
        shot: its number, from 0.
        size: width and height of its frames.
        times_s: float64 (n,), rising.
        indices: int64 (n,), of the frames.
    """

    shot: int
    size: tuple[int, int]
    times_s: NDArray[np.float64]
    indices: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShownFace:
    """Where one track is shown.

    Attributes:
        track: its number.
        frames: int32 (k,), places among the shot's frames.
        boxes: float32 (k, 4).
        scores: float32 (k,), the detector's.
    """

    track: int
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FinishedShot:
    """What is left of a shot.

    Attributes:
        moments: its frames.
        shown: who is where in them.
        tracks: what its tracks say.
        seen_s: for how long each track was seen, shown or not, by number.
    """

    moments: Moments
    shown: tuple[ShownFace, ...]
    tracks: tuple[FinishedTrack, ...]
    seen_s: Mapping[int, float]


def scenes_of(
    moments: Moments,
    shown: Iterable[ShownFace],
    decisions: Mapping[int, Decision],
    gallery: Gallery,
) -> Iterator[Scene]:
    """Yield the scene of each frame of a shot.

    Args:
        moments: its frames.
        shown: who is where in them.
        decisions: of all tracks, by number.
        gallery: where names come from.
    """
    there: dict[int, list[Face]] = defaultdict(list)
    for face in shown:
        decision = decisions[face.track]
        for i, frame in enumerate(face.frames.tolist()):
            box, score = face.boxes[i], float(face.scores[i])
            there[frame].append(face_of(face.track, box, score, decision))
    times = zip(moments.times_s.tolist(), moments.indices.tolist(), strict=True)
    for place, (pts_s, index) in enumerate(times):
        faces = tuple(there.pop(place, ()))
        yield Scene(
            pts_s, index, *moments.size, moments.shot, faces, gallery.release, gallery.identity
        )


class EndedShot:
    """A shot that is over, or a part of one, whose faces are being embedded.

    Args:
        moments: its frames.
        faces: what was followed in it.
        alive: numbers of those that are followed further.
        evidence: embeds their views.
        worker: begins to; without one it is done when the shot is finished.
    """

    def __init__(
        self,
        moments: Moments,
        faces: Sequence[FollowedFace],
        alive: Collection[int],
        evidence: Evidence,
        worker: ThreadPoolExecutor | None,
    ) -> None:
        self._moments, self._faces, self._evidence = moments, faces, evidence
        self.alive = alive
        # faces that were found less often are shown nowhere, and not embedded
        self._least = MIN_HITS if len(moments.times_s) > 1 else 1
        views = [f.views.best() if f.state.track.hits >= self._least else [] for f in faces]
        self._embedded: Begun[list[EmbeddedView]] = Begun(
            [partial(evidence.embedded, those) for those in views], worker
        )

    def finished(self, gallery: Gallery) -> FinishedShot:
        """Return what is left of it; its faces are given their evidence."""
        faces = self._evidence.of(self._faces, self._embedded.results())
        return _finished(self._moments, faces, self._least, gallery)


def _finished(
    moments: Moments, faces: Sequence[FollowedFace], least: int, gallery: Gallery
) -> FinishedShot:
    times_s = moments.times_s
    places = [Place.of(face, times_s) for face in faces if face.state.track.hits >= least]
    places = [place for place in without_doubles(places, times_s) if len(place.frames)]
    states = {place.face.state.track.number: place.face.state for place in places}
    seen = {number: place.seen(times_s) for number, place in zip(states, places, strict=True)}
    tracks = [
        FinishedTrack(
            claim,
            states[claim.track].template,
            frozenset(
                other
                for other, frames in seen.items()
                if other != claim.track and not frames.isdisjoint(seen[claim.track])
            ),
        )
        for claim in claims_of(list(states.values()), gallery)
    ]
    shown = tuple(
        ShownFace(
            place.face.state.track.number,
            place.frames.astype(np.int32),
            place.boxes,
            place.face.scores_at(times_s[place.frames]),
        )
        for place in places
    )
    seen_s = {face.state.track.number: face.seen_s for face in faces}
    return FinishedShot(moments, shown, tuple(tracks), seen_s)
