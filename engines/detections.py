"""The faces found in one frame, as parallel arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one frame, best first.

    Attributes:
        xyxy_px: float32 (n, 4), left, top, right, bottom in pixels of the frame; may reach past it.
        scores: float32 (n,), 0 to 1.
        landmarks_px: float32 (n, 5, 2), x and y of right eye, left eye, nose tip, right and left
            mouth corner; "right" is the person's own right, the left one in the picture.
    """

    xyxy_px: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks_px: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check the shapes."""
        n = len(self.scores)
        shapes = (self.xyxy_px.shape, self.scores.shape, self.landmarks_px.shape)
        if shapes != ((n, 4), (n,), (n, 5, 2)):
            raise ModelShapeError(f"detections: {shapes}, expected (n, 4), (n,), (n, 5, 2)")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: NDArray[np.generic] | slice | list[int]) -> Detections:
        """Return the chosen faces, as numpy would index each array."""
        return Detections(self.xyxy_px[chosen], self.scores[chosen], self.landmarks_px[chosen])

    def moved(self, right_px: float, down_px: float) -> Detections:
        """Return the same faces in a larger picture, in which this one lies so far right and down.

        The boxes and landmarks are new arrays unless nothing moves.
        """
        if not right_px and not down_px:
            return self
        by = np.array([right_px, down_px], np.float32)
        return Detections(self.xyxy_px + np.tile(by, 2), self.scores, self.landmarks_px + by)

    def scaled(self, factor: NDArray[np.float32]) -> Detections:
        """Return the same faces with all x and y multiplied by a factor, float32 (2,)."""
        if (factor == 1).all():
            return self
        return Detections(
            self.xyxy_px * np.tile(factor, 2), self.scores, self.landmarks_px * factor
        )

    @property
    def sides_px(self) -> NDArray[np.float32]:
        """float32 (n,), the shorter side of each box."""
        return np.asarray((self.xyxy_px[:, 2:] - self.xyxy_px[:, :2]).min(axis=1, initial=np.inf))

    @classmethod
    def empty(cls) -> Detections:
        """No faces."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros((0,), np.float32),
            np.zeros((0, 5, 2), np.float32),
        )

    @classmethod
    def concatenate(cls, parts: list[Detections]) -> Detections:
        """All faces of several lists, in their order."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([p.xyxy_px for p in parts]),
            np.concatenate([p.scores for p in parts]),
            np.concatenate([p.landmarks_px for p in parts]),
        )
