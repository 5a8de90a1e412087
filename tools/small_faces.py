"""Small faces that move by parts of a pixel over a still background, through H.264."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration.openset.composed import through_h264
from engines.align import with_fine_landmarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from calibration.openset.composed import SourceFace
    from engines.detector import Detector

SIDES_PX = (20, 24, 32, 48)
CELL_PX, COLUMNS, ROWS = 96, 6, 4
FILM = COLUMNS * ROWS
FRAMES = 18
FINER = 4
"""Frames are drawn so many times as large and shrunk by means, as a camera does."""
CRF = (23, 40)
GRAIN = 2.5


@dataclass(frozen=True)
class Clip:
    """One face in the frames of a shot.

    Attributes:
        person: whose it is.
        size: about how many pixels wide it is.
        seen: uint8 (frames, 96, 96, 3), BGR, around it, decoded.
        drawn: the same before grain and codec.
        marks_px: float32 (frames, 5, 2), as the product finds them, nan where it finds none.
        true_px: the same, as it was drawn.
        side_px, scores: float32 (frames,), of the detections.
    """

    person: str
    size: int
    seen: NDArray[np.uint8]
    drawn: NDArray[np.uint8]
    marks_px: NDArray[np.float32]
    true_px: NDArray[np.float32]
    side_px: NDArray[np.float32]
    scores: NDArray[np.float32]


class _Cell:
    """One face on its way through a cell."""

    def __init__(self, source: SourceFace, size: int, rng: np.random.Generator) -> None:
        self.source, self.size = source, size
        self._side = size * rng.uniform(0.93, 1.07)
        self._turn, self._turning = rng.uniform(-8, 8), rng.uniform(-0.3, 0.3)
        self._growing = rng.uniform(-0.003, 0.003)
        self._drift, self._swing = rng.uniform(-0.5, 0.5, 2), rng.uniform(0, 1.5, 2)
        self._speed, self._phase = rng.uniform(0.1, 0.5, 2), rng.uniform(0, 6.28, 2)
        self._soft = rng.uniform(0.3, 0.8) if rng.random() < 0.6 else 0.0
        back = rng.integers(40, 200, (8, 8, 3)).astype(np.uint8)
        self._back = cv2.resize(back, (CELL_PX, CELL_PX), interpolation=cv2.INTER_CUBIC)
        left, top, right, bottom = source.xyxy_px.tolist()
        self._middle = np.array([(left + right) / 2, (top + bottom) / 2])
        self._shorter = min(right - left, bottom - top)
        mask = np.zeros(source.bgr.shape[:2], np.uint8)
        radii = int(0.95 * (right - left)), int(0.95 * (bottom - top))
        cv2.ellipse(mask, self._middle.astype(int).tolist(), radii, 0, 0, 360, 255, -1)
        self._mask = cv2.GaussianBlur(mask, (0, 0), 0.08 * self._shorter)

    def draw(self, t: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the cell, float32 (96, 96, 3) BGR, and the face's landmarks (5, 2)."""
        age = t - FRAMES / 2
        scale = self._side * (1 + self._growing * age) / self._shorter
        angle = np.deg2rad(self._turn + self._turning * t)
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        at = CELL_PX / 2 + self._drift * age + self._swing * np.sin(self._speed * t + self._phase)
        shift = at - linear @ self._middle
        finer = np.column_stack([FINER * linear, FINER * shift + (FINER - 1) / 2])
        face, mask = (
            self._shrunk(cv2.warpAffine(p, finer, (CELL_PX * FINER,) * 2, borderMode=edge))
            for p, edge in (
                (self.source.bgr, cv2.BORDER_REPLICATE),
                (self._mask, cv2.BORDER_CONSTANT),
            )
        )
        if self._soft:
            face = np.asarray(cv2.GaussianBlur(face, (0, 0), self._soft), np.float32)
        share = mask[..., None] / 255
        marks = self.source.landmarks_px @ linear.T + shift
        return np.asarray(face * share + self._back * (1 - share), np.float32), marks

    @staticmethod
    def _shrunk(large: object) -> NDArray[np.float32]:
        small = cv2.resize(large, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA)  # type: ignore[call-overload]
        return np.asarray(small, np.float32)


def compose(
    detector: Detector, sources: Sequence[SourceFace], rng: np.random.Generator
) -> list[Clip]:
    """Return one clip of each of `FILM` sources, all of one film."""
    cells = [_Cell(s, SIDES_PX[k % len(SIDES_PX)], rng) for k, s in enumerate(sources)]
    corners = [(CELL_PX * (k % COLUMNS), CELL_PX * (k // COLUMNS)) for k in range(len(cells))]
    drawn = np.zeros((FRAMES, ROWS * CELL_PX, COLUMNS * CELL_PX, 3), np.uint8)
    true = np.zeros((FRAMES, len(cells), 5, 2), np.float32)
    for t in range(FRAMES):
        for k, (x, y) in enumerate(corners):
            face, marks = cells[k].draw(t)
            drawn[t, y : y + CELL_PX, x : x + CELL_PX] = np.clip(face, 0, 255)
            true[t, k] = marks + np.array([x, y])
    grain = rng.normal(0, GRAIN, drawn.shape[:3])[..., None]
    grainy = np.clip(drawn + grain, 0, 255).astype(np.uint8)
    seen = np.stack(through_h264(list(grainy), int(rng.integers(*CRF))))
    sizes = [cell.size for cell in cells]
    marks_px, sides, scores = _found(detector, seen, true, sizes)
    clips = []
    for k, (x, y) in enumerate(corners):
        part = np.s_[:, y : y + CELL_PX, x : x + CELL_PX]
        corner = np.array([x, y], np.float32)
        clips.append(
            Clip(
                cells[k].source.person, cells[k].size, seen[part], drawn[part],
                marks_px[:, k] - corner, true[:, k] - corner, sides[:, k], scores[:, k],
            )
        )  # fmt: skip
    return clips


def _found(
    detector: Detector, seen: NDArray[np.uint8], true: NDArray[np.float32], sizes: list[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return landmarks, sides and scores of each face in each frame as a film's pass has them."""
    marks_px = np.full_like(true, np.nan)
    sides, scores = (np.zeros(true.shape[:2], np.float32) for _ in range(2))
    for t, frame in enumerate(seen):
        faces = detector.detect(frame)
        fine = with_fine_landmarks(detector, frame, faces)
        for k, size in enumerate(sizes):
            off = faces.landmarks_px.mean(axis=1) - true[t, k].mean(axis=0)
            apart = np.linalg.norm(off, axis=1)
            if len(faces) and apart.min() < size / 2:
                one = int(apart.argmin())
                marks_px[t, k] = fine.landmarks_px[one]
                sides[t, k], scores[t, k] = faces.sides_px[one], faces.scores[one]
    return marks_px, sides, scores
