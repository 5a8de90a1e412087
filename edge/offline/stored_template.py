"""The template of a finished track: its faces on the disk until they count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.recognise.template import TrackTemplate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.hindsight.join_tracks import FinishedTrack
    from edge.scratch import Scratch
    from engines.scores.model import ScoreModel


class _Faces(msgspec.Struct, frozen=True, array_like=True):
    """The columns of a `TrackTemplate`; vectors are float32 (n, dimension), in C order."""

    vectors: bytes
    qualities: list[float]
    norms: list[float]
    times_s: list[float]
    merged: list[bool]


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """What a film keeps of a track that is over; see `edge.hindsight.join_tracks.Template`."""

    scores: ScoreModel
    count: int
    _quality: float
    _norm: float
    _scratch: Scratch
    _place: tuple[int, int]

    @classmethod
    def of(cls, template: TrackTemplate, scratch: Scratch) -> StoredTemplate | TrackTemplate:
        """Put the faces of a template, where it has any, on the disk."""
        if not template.count:
            return template
        faces = _Faces(
            np.stack(template.vectors).tobytes(),
            template.qualities,
            template.norms,
            template.times_s,
            template.merged,
        )
        return cls(
            template.scores,
            template.count,
            template.quality(),
            template.norm(),
            scratch,
            scratch.put(msgspec.msgpack.encode(faces)),
        )

    def quality(self) -> float:
        """Return the sum of its faces' qualities."""
        return self._quality

    def norm(self) -> float:
        """Return the weighted mean of the norms."""
        return self._norm

    def total(self) -> NDArray[np.float32]:
        """Return the weighted sum over the whole track, float32 (dimension,); reads its faces."""
        return self.whole().total()

    def whole(self) -> TrackTemplate:
        """Return the template with its faces, read from the disk."""
        faces = msgspec.msgpack.decode(self._scratch.get(self._place), type=_Faces)
        vectors = np.frombuffer(faces.vectors, np.float32).reshape(self.count, -1)
        return TrackTemplate(
            self.scores, list(vectors), faces.qualities, faces.norms, faces.times_s, faces.merged
        )


def stored(track: FinishedTrack, scratch: Scratch) -> FinishedTrack:
    """Return a track with its faces on the disk."""
    return replace(track, template=StoredTemplate.of(track.template.whole(), scratch))
