"""A face as a viewer may name it: its template and a small picture, copied out of a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.recognise.template import TrackTemplate
    from edge.recognise.track import Track
    from edge.video.frame import Frame

PHOTO_PX = 224
PHOTO_QUALITY = 85
ROOM = 0.45
"""Around the box, in units of its size."""
SEEN_S = 0.25

WhyNot = Literal["gone", "poor"]


@dataclass(frozen=True, slots=True)
class FaceCopy:
    """A copy that nothing else writes to.

    Attributes:
        track: the track's number.
        template: float32 (dimension,), unit length.
        photo: a JPEG, empty where the face was not in the picture any more.
        model: identity of the embedder.
    """

    track: int
    template: NDArray[np.float32]
    photo: bytes
    model: str


def copy_face(
    number: int,
    template: TrackTemplate | None,
    track: Track | None,
    frame: Frame,
    model: str,
    least_norm: float,
) -> FaceCopy | WhyNot:
    """Return a face, or why it cannot be named.

    Args:
        number: of the track.
        template: what is known of its face, None where that was forgotten.
        track: where it is, None where it is over.
        frame: the newest.
        model: identity of the embedder.
        least_norm: poor faces are all alike; those below are not for enrolment.
    """
    if template is None:
        return "gone"
    if not template.vectors or template.norm() < least_norm:
        return "poor"
    seen = track is not None and abs(frame.pts_s - track.last_s) <= SEEN_S
    photo = _photo(frame, track.at(frame.pts_s)) if track is not None and seen else b""
    return FaceCopy(number, np.array(template.overall(), np.float32), photo, model)


def _photo(frame: Frame, xyxy_px: NDArray[np.float32]) -> bytes:
    left, top, right, bottom = (float(v) for v in xyxy_px)
    side = max(right - left, bottom - top) * (1 + 2 * ROOM)
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    width, height = frame.size
    x0, y0 = max(0, round(x)), max(0, round(y))
    x1, y1 = min(width, round(x + side)), min(height, round(y + side))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return b""
    part = frame.bgr[y0:y1, x0:x1]
    scale = min(1.0, PHOTO_PX / max(part.shape[:2]))
    size = (max(1, round(scale * (x1 - x0))), max(1, round(scale * (y1 - y0))))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, PHOTO_QUALITY])[1].tobytes()
