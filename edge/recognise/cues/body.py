"""Clothes as a cue: a face that is hard to see is likely whoever wore the same a moment ago.

A histogram of the torso hands on a name that the face alone made sure, for a while, and only where
nobody else in the picture, and nobody else who was seen of late, wears nearly the same. It never
names anybody: what it says is an expectation, and a name needs a face that speaks for it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ALIKE = 0.8
"""Torsos less alike are of different clothes; the same man after a cut back has 0.86 to 0.88 ..."""
MARGIN = 0.1
"""... and people in dark suits 0.91 to each other: the best must be this much ahead of all."""
SAME_PERSON = 0.7
"""So probably somebody in the same clothes is the same person; an assumption, with two films behind
it. It falls by half every `HALF_LIFE_S`."""
HALF_LIFE_S = 20.0
FORGOTTEN_S = 60.0
MOST_LEFT = 32
EVERY_S = 0.4
"""A torso is looked at this often."""
LEAST_PX = 16
LEAST_INSIDE = 0.5
_BINS, _GREYS = (12, 4, 4), 8
_COLOURED = (40, 40)
"""Of what has less saturation or is darker than this the hue is noise: greys are counted apart."""
_SIZE = (32, 32)
_RENEWED = 0.3
"""Weight of the newest look in a torso's histogram."""


def torso_histogram(
    bgr: NDArray[np.uint8], face_px: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the colours below a face, float32 (200,), 1 in sum; None where too little is seen.

    Args:
        bgr: uint8 (height, width, 3).
        face_px: float32 (4,), left, top, right, bottom.
    """
    height, width = bgr.shape[:2]
    left, top, right, bottom = (float(v) for v in face_px)
    side, tall = right - left, bottom - top
    wanted = np.array(
        [left - 0.4 * side, bottom + 0.4 * tall, right + 0.4 * side, bottom + 2 * tall]
    )
    limits = np.array([width, height, width, height], float)
    x0, y0, x1, y1 = np.clip(wanted, 0, limits).round().astype(int).tolist()
    area = float((wanted[2] - wanted[0]) * (wanted[3] - wanted[1]))
    if min(x1 - x0, y1 - y0) < LEAST_PX or (x1 - x0) * (y1 - y0) < LEAST_INSIDE * area:
        return None
    part = cv2.resize(bgr[y0:y1, x0:x1], _SIZE, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(part, cv2.COLOR_BGR2HSV)
    coloured = cv2.inRange(hsv, (0, *_COLOURED), (180, 255, 255))
    colours = cv2.calcHist([hsv], [0, 1, 2], coloured, _BINS, [0, 180, 0, 256, 0, 256])
    greys = cv2.calcHist([hsv], [2], cv2.bitwise_not(coloured), [_GREYS], [0, 256])
    found = np.concatenate([colours.ravel(), greys.ravel()])
    return np.asarray(found / found.sum(), np.float32)


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Bhattacharyya coefficients, float32 (n, m), 0 to 1, of (n, 200) and (m, 200)."""
    return np.asarray(np.sqrt(a) @ np.sqrt(b).T)


@dataclass(slots=True)
class _Torso:
    histogram: NDArray[np.float32]
    seen_s: float


@dataclass(frozen=True, slots=True)
class _Left:
    person: str | None
    histogram: NDArray[np.float32]
    seen_s: float


@dataclass(slots=True)
class BodyCue:
    """Remembers what people wore whose tracks have ended; one thread uses it."""

    _torsos: dict[int, _Torso] = field(default_factory=dict)
    _left: deque[_Left] = field(default_factory=lambda: deque(maxlen=MOST_LEFT))

    def look(
        self, bgr: NDArray[np.uint8], faces_px: Mapping[int, NDArray[np.float32]], pts_s: float
    ) -> None:
        """Take the faces of a frame.

        Args:
            bgr: uint8 (height, width, 3).
            faces_px: float32 (4,) of each, by the number of its track.
            pts_s: of the frame.
        """
        for track, box in faces_px.items():
            known = self._torsos.get(track)
            if known is not None and 0 <= pts_s - known.seen_s < EVERY_S:
                continue
            histogram = torso_histogram(bgr, box)
            if histogram is None:
                continue
            if known is None:
                self._torsos[track] = _Torso(histogram, pts_s)
            else:
                known.histogram = (1 - _RENEWED) * known.histogram + _RENEWED * histogram
                known.seen_s = pts_s

    def end(self, track: int, person: str | None) -> None:
        """Take that a track has ended; `person` is whom its face alone made sure, or None."""
        torso = self._torsos.pop(track, None)
        if torso is not None:
            self._left.append(_Left(person, torso.histogram, torso.seen_s))

    def evidence(self, pts_s: float, people: int) -> dict[int, dict[str, float]]:
        """Return the log-likelihood ratio of whom each track may be, by its number.

        Args:
            pts_s: now.
            people: size of the gallery.
        """
        left = [one for one in self._left if 0 <= pts_s - one.seen_s <= FORGOTTEN_S]
        if len(left) < len(self._left):  # nothing is kept that nobody asks for
            self._left = deque(left, maxlen=MOST_LEFT)
        if not left or not self._torsos or people < 2:
            return {}
        tracks = list(self._torsos)
        scores = alike(
            np.stack([self._torsos[track].histogram for track in tracks]),
            np.stack([one.histogram for one in left]),
        )
        found = {}
        for row, track in enumerate(tracks):
            column = int(scores[row].argmax())
            best, person = float(scores[row, column]), left[column].person
            others = [i for i, one in enumerate(left) if one.person is None or one.person != person]
            rivals = (*scores[row, others], *np.delete(scores[:, column], row))
            if person is None or best < ALIKE or best - max(rivals, default=0.0) < MARGIN:
                continue
            expected = SAME_PERSON * 0.5 ** ((pts_s - left[column].seen_s) / HALF_LIFE_S)
            llr = math.log(expected / (1 - expected) * (people - 1))
            if llr > 0:
                found[track] = {person: round(llr * 2) / 2}  # or each frame would say another
        told = [person for llr in found.values() for person in llr]
        return {t: llr for t, llr in found.items() if told.count(next(iter(llr))) == 1}
