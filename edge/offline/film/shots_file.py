"""The shots of a film that are over, on the disk: numbers only, until the film is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.offline.film.shot import Moments, ShownFace, scenes_of
from edge.offline.track_file import TrackFile
from edge.scratch import Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edge.offline.film.shot import FinishedShot
    from edge.recognise.decide import Decision
    from edge.recognise.scene import Scene
    from gallery.search.search import Gallery


class _Face(msgspec.Struct, frozen=True, array_like=True):
    """A `ShownFace`, its arrays as bytes."""

    track: int
    frames: bytes
    boxes: bytes
    scores: bytes


class _Shot(msgspec.Struct, frozen=True, array_like=True):
    """A `FinishedShot` without its tracks."""

    shot: int
    size: tuple[int, int]
    times_s: bytes
    indices: bytes
    faces: list[_Face]


class ShotsFile:
    """Takes shots in order.

    Attributes:
        tracks: those of all shots.
    """

    def __init__(self) -> None:
        self._shots = Records()
        self.tracks = TrackFile()

    def add(self, shot: FinishedShot) -> None:
        """Take a shot, or a part of one.

        Raises:
            OSError: the disk is full; the error names the folder.
        """
        faces = [
            _Face(f.track, f.frames.tobytes(), f.boxes.tobytes(), f.scores.tobytes())
            for f in shot.shown
        ]
        m = shot.moments
        record = _Shot(m.shot, m.size, m.times_s.tobytes(), m.indices.tobytes(), faces)
        self._shots.add(msgspec.msgpack.encode(record))
        self.tracks.add(m.shot, shot.tracks)

    def scenes(self, decisions: Mapping[int, Decision], gallery: Gallery) -> Iterator[Scene]:
        """Yield the scene of each frame, with what was decided of its tracks, by number."""
        for record in self._shots:
            shot = msgspec.msgpack.decode(record, type=_Shot)
            moments = Moments(
                shot.shot,
                shot.size,
                np.frombuffer(shot.times_s, np.float64),
                np.frombuffer(shot.indices, np.int64),
            )
            yield from scenes_of(moments, [_shown(f) for f in shot.faces], decisions, gallery)


def _shown(face: _Face) -> ShownFace:
    return ShownFace(
        face.track,
        np.frombuffer(face.frames, np.int32),
        np.frombuffer(face.boxes, np.float32).reshape(-1, 4),
        np.frombuffer(face.scores, np.float32),
    )
