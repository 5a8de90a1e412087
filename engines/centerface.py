"""CenterFace: a detector without anchors, the second one of the catalog.

Xu et al., "CenterFace: joint face detection and alignment using face as point", 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.detections import Detections
from engines.detector import Detector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engines.engine import Tensor

STRIDE_PX = 4


class CenterFaceDetector(Detector):
    """CenterFace; its score is the height of the heatmap."""

    def _find(self, planes: Tensor, min_score: float) -> Detections:
        # The input of all detectors here is BGR; this network was trained with RGB.
        outputs = self._engine.run({"input": np.ascontiguousarray(planes[:, ::-1])})
        return decode(outputs, min_score)


def decode(outputs: Mapping[str, Tensor], min_score: float) -> Detections:
    """Turn heatmap, sizes, offsets and landmarks into faces in pixels of the network's input.

    Args:
        outputs: `heatmap` (1, 1, h, w), `scale` and `offset` (1, 2, h, w; y, x) and `landmarks`
            (1, 10, h, w; y, x in shares of the box), a cell for every four pixels.
        min_score: cells below are dropped.
    """
    heat = outputs["heatmap"][0, 0]
    rows, columns = np.nonzero(heat >= min_score)
    size = np.exp(outputs["scale"][0][:, rows, columns]) * STRIDE_PX
    offset = outputs["offset"][0][:, rows, columns]
    centre = (np.stack([rows, columns]) + offset + 0.5) * STRIDE_PX
    corner, size = (centre - size / 2).T[:, ::-1], size.T[:, ::-1]
    points = outputs["landmarks"][0][:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]
    return Detections(
        np.concatenate([corner, corner + size], axis=1).astype(np.float32),
        heat[rows, columns].astype(np.float32),
        (points * size[:, None] + corner[:, None]).astype(np.float32),
    )
