"""Small faces that a pass has seen, but not surely: they are looked at again, from close by.

The network sees a small face well or badly by where it lies in its grid, and in a picture that
stands still that would stay so; a film read frame by frame has many chances more. Where it is worst
off hardly anything is left of a face that is sure when it is enlarged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.offline.film.closer import SAME_FACE, Target, in_crops
from edge.recognise.track import MAX_DISTANCE, SURE_SCORE
from engines.box_voting import overlaps
from engines.detections import Detections
from engines.detector import suppress_overlaps
from engines.pipeline import VIDEO_MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.detector import Detector

SMALL_PX = 80.0
FAINT = 0.15
"""What may be a face: of the composed films' full passes two or three other places have it."""
MOST = 6
"""Faces of a pass that are looked at again, the likeliest first."""
LOOKS = 3
"""Passes after which a face that was never seen surely is none."""
STEP_PX = 3
"""The next look lets a face lie elsewhere in the network's grid, whose cells are 8 pixels wide."""


class Suspects:
    """Where a full pass was not sure, for the next few passes."""

    def __init__(self) -> None:
        self._boxes: list[NDArray[np.float32]] = []
        self._looks = 0

    def searched(self, faces: Detections) -> None:
        """Take what a full pass has found."""
        self._boxes, self._looks = weak(faces), LOOKS

    def targets(self, known: Sequence[NDArray[np.float32]]) -> list[Target]:
        """Return where to look again; not where faces are followed already.

        Args:
            known: boxes of those, float32 (4,) each.
        """
        self._looks -= 1
        if self._looks < 0:
            self._boxes = []
        there = np.array(known, np.float32).reshape(-1, 4)
        self._boxes = [b for b in self._boxes if not (overlaps(b, there) > SAME_FACE).any()]
        step_px = STEP_PX * (1 + self._looks)
        return [Target(box + step_px, MAX_DISTANCE) for box in self._boxes]


def weak(faces: Detections) -> list[NDArray[np.float32]]:
    """Return the boxes of small faces that may be none, the likeliest first."""
    found = np.flatnonzero((faces.scores < SURE_SCORE) & (faces.sides_px < SMALL_PX))
    return list(faces.xyxy_px[found[np.argsort(-faces.scores[found], kind="stable")][:MOST]])


def with_second_look(detector: Detector, bgr: NDArray[np.uint8], faces: Detections) -> Detections:
    """Return the faces of a frame, the doubtful ones seen again, and none that is only faint.

    Args:
        detector: finds them.
        bgr: uint8 (height, width, 3), BGR.
        faces: of it, from `FAINT` on.
    """
    places = weak(faces)
    near = in_crops(detector, bgr, [Target(box) for box in places])
    both = Detections.concatenate([faces[np.flatnonzero(faces.scores >= VIDEO_MIN_SCORE)], near])
    both = both[np.argsort(-both.scores, kind="stable")]
    return both[suppress_overlaps(both.xyxy_px, SAME_FACE)] if places else both
