"""Detector and embedder on frames that are in device memory. Not run on hardware.

Pixels stay on the GPU: letterbox, detector, face warp and embedder read and write device memory;
only the detector's outputs and the embeddings come to the host. The detector's stream has priority,
so that a new frame does not wait for the embeddings of the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.align import CHIP_SIZE_PX
from engines.detections import Detections
from engines.detector import decode, suppress_overlaps
from engines.embedder import Embeddings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.tensorrt.device import Device, DeviceImage
    from engines.tensorrt.preprocess import Preprocessor
    from engines.tensorrt.runtime import TensorRtEngine


class DeviceDetector:
    """YuNet on device frames.

    Args:
        engine: a YuNet plan with fixed sizes, opened with high priority.
        device: where it runs.
        preprocessor: the kernels.
        min_score: faces below are dropped.
        max_overlap: of two boxes with a larger intersection over union the weaker is dropped.
    """

    def __init__(
        self,
        engine: TensorRtEngine,
        device: Device,
        preprocessor: Preprocessor,
        *,
        min_score: float = 0.6,
        max_overlap: float = 0.3,
    ) -> None:
        self._engine = engine
        self._device = device
        self._preprocessor = preprocessor
        self._min_score = min_score
        self._max_overlap = max_overlap
        ((self._input, ranges),) = engine.input_shapes.items()
        self._sizes_px = sorted((high[3], high[2]) for _, high in ranges)

    def detect(self, image: DeviceImage) -> Detections:
        """Return the faces of a frame, best first, in pixels of the frame."""
        target_px = self._choose(image.width, image.height)
        stream = self._engine.stream
        if image.stream:
            self._device.wait(stream, for_stream=image.stream)
        address = self._engine.input_address(self._input)
        inner = self._preprocessor.letterbox(image, address, target_px, stream)
        width, height = target_px
        outputs = self._engine.run_resident({self._input: (1, 3, height, width)})
        found = decode(outputs, height, width, self._min_score)
        factor = np.array([image.width / inner[0], image.height / inner[1]], np.float32)
        scaled = Detections(
            found.xyxy_px * np.tile(factor, 2), found.scores, found.landmarks_px * factor
        )
        ordered = scaled[np.argsort(-scaled.scores, kind="stable")]
        return ordered[suppress_overlaps(ordered.xyxy_px, self._max_overlap)]

    def _choose(self, width: int, height: int) -> tuple[int, int]:
        """Return the smallest built size that takes the frame whole, or the largest."""
        whole = [s for s in self._sizes_px if s[0] >= width and s[1] >= height]
        return whole[0] if whole else self._sizes_px[-1]


class DeviceEmbedder:
    """SFace and its kin on device frames.

    Args:
        engine: an embedder plan.
        device: where it runs.
        preprocessor: the kernels.
        blue_first: the network takes BGR.
    """

    def __init__(
        self,
        engine: TensorRtEngine,
        device: Device,
        preprocessor: Preprocessor,
        *,
        blue_first: bool = False,
    ) -> None:
        self._engine = engine
        self._device = device
        self._preprocessor = preprocessor
        self._blue_first = blue_first
        ((self._input, ranges),) = engine.input_shapes.items()
        self._max_batch = max(high[0] for _, high in ranges)

    def embed(self, image: DeviceImage, landmarks_px: NDArray[np.float32]) -> Embeddings:
        """Return the unit vectors of the faces of a frame.

        Args:
            image: the frame in device memory.
            landmarks_px: float32 (n, 5, 2), n at least 1, pixels of the frame.
        """
        raw = np.concatenate(
            [
                self._batch(image, landmarks_px[i : i + self._max_batch])
                for i in range(0, len(landmarks_px), self._max_batch)
            ]
        )
        norms = np.linalg.norm(raw, axis=1)
        return Embeddings(raw / np.maximum(norms, 1e-9)[:, None], norms)

    def _batch(self, image: DeviceImage, landmarks_px: NDArray[np.float32]) -> NDArray[np.float32]:
        stream = self._engine.stream
        if image.stream:
            self._device.wait(stream, for_stream=image.stream)
        self._preprocessor.warp_faces(
            image,
            landmarks_px,
            self._engine.input_address(self._input),
            stream,
            blue_first=self._blue_first,
        )
        shape = (len(landmarks_px), 3, CHIP_SIZE_PX, CHIP_SIZE_PX)
        (output,) = self._engine.run_resident({self._input: shape}).values()
        return output
