"""Detector, aligner and embedder as one: from a picture to faces that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.align import align
from engines.catalog import find_model, model_identity
from engines.choose import Precision, open_engine, precision_of_environment
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.quality import Quality, measure_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detections import Detections

VIDEO_MIN_SCORE = 0.35
"""A tracker keeps weak detections of a face that it knows; new faces need more."""
STILL_MIN_SCORE = 0.6

_ZOOMS = (0.95, 1.0, 1.05)


@dataclass(frozen=True, slots=True)
class StillFaces:
    """The faces of a still picture, parallel arrays.

    Attributes:
        faces: where they are.
        quality: what can be read off them.
        vectors: float32 (n, dimension), unit length.
        norms: float32 (n,), mean length of the views' embeddings before normalisation.
    """

    faces: Detections
    quality: Quality
    vectors: NDArray[np.float32]
    norms: NDArray[np.float32]


class FacePipeline:
    """The models that name faces, loaded.

    Args:
        detector: finds faces.
        embedder: compares them.
        model: the embedder's identity, which a gallery must share.
    """

    def __init__(self, detector: YunetDetector, embedder: Embedder, model: str) -> None:
        self.detector = detector
        self.embedder = embedder
        self.model = model

    @property
    def kinds(self) -> tuple[str, str]:
        """What runs the detector and the embedder, e.g. `yunet: onnxruntime int8`."""
        return f"detector: {self.detector.kind}", f"embedder: {self.embedder.kind}"

    def still(self, bgr: NDArray[np.uint8]) -> StillFaces:
        """Return all faces of a still picture, each embedded from twelve views.

        The views (three zooms, mirrored, grey) cost more than one frame of a video may, and give
        templates that suffer less from the detector's jitter and from black-and-white pictures.
        """
        faces = self.detector.detect_pyramid(bgr)
        return self.still_of(bgr, faces[faces.scores >= STILL_MIN_SCORE])

    def still_of(self, bgr: NDArray[np.uint8], faces: Detections) -> StillFaces:
        """Return faces that were already found in a still picture, measured and embedded."""
        chips = align(bgr, faces.landmarks_px)
        vectors = np.zeros((len(faces), self.embedder.dimension), np.float32)
        norms = np.zeros(len(faces), np.float32)
        for i, landmarks in enumerate(faces.landmarks_px):
            vectors[i], norms[i] = self.embed_views(bgr, landmarks)
        return StillFaces(faces, measure_quality(faces, chips), vectors, norms)

    def embed_views(
        self, bgr: NDArray[np.uint8], landmarks_px: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        """Return twelve views' mean unit vector, float32 (dimension,), and their mean norm."""
        chips = np.stack([align(bgr, landmarks_px[None], zoom=zoom)[0] for zoom in _ZOOMS])
        chips = np.concatenate([chips, chips[:, :, ::-1]])
        grey = np.stack(
            [cv2.cvtColor(cv2.cvtColor(c, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for c in chips]
        )
        embedded = self.embedder.embed(np.concatenate([chips, grey]))
        return unit(embedded.vectors.sum(axis=0)), float(embedded.norms.mean())


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors scaled to length 1 along the last axis; zero stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)


def load_pipeline(
    *,
    threads: int = 1,
    long_side_px: int = 0,
    precision: Precision | None = None,
    unverified: bool = False,
) -> FacePipeline:
    """Load the default models in ONNX Runtime; they are fetched when they are not cached.

    Args:
        threads: threads for one run of a model.
        long_side_px: frames of a video with a longer side are shrunk to it before detection.
        precision: `fp32`, `int8` or `auto`; without, what TVRADAR_PRECISION says, else `auto`,
            which takes INT8 where a calibrated file passed the gate and is faster here.
        unverified: load INT8 that did not pass the gate.

    Raises:
        ModelMissingError: `int8` was asked for and was never made.
        EngineGateError: `int8` was asked for and did not pass the gate.
    """
    precision = precision or precision_of_environment()
    model = find_model("sface")
    detector = YunetDetector(
        open_engine("yunet", precision=precision, threads=threads, unverified=unverified),
        min_score=VIDEO_MIN_SCORE,
        long_side_px=long_side_px,
        blended=True,
    )
    embedder = Embedder(
        open_engine("sface", precision=precision, threads=threads, unverified=unverified),
        dimension=model.dimension,
        colour_order=model.colour_order,
    )
    return FacePipeline(detector, embedder, model_identity("sface"))
