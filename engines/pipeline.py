"""Detector, aligner and embedder as one: from a picture to faces that can be compared."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.align import TURNED_YAW, align, cut_out, second_landmarks, with_fine_landmarks
from engines.catalog import SECOND_DETECTOR, default_name, find_model, model_identity
from engines.centerface import CenterFaceDetector
from engines.choose import Backend, Precision, open_engine, precision_of_environment
from engines.detector import Detector, YunetDetector
from engines.embedder import MAX_BATCH, Embedder
from engines.errors import EngineError, ModelMissingError
from engines.fetch import present
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.quality import Quality, measure_quality
from engines.scores.model import ScoreModel, score_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detections import Detections
    from engines.engine import Engine
    from engines.tensorrt.pair import TensorRtPair

log = logging.getLogger(__name__)

VIDEO_MIN_SCORE = 0.35
"""A tracker keeps weak detections of a face that it knows; new faces need more."""
STILL_MIN_SCORE = 0.6

CPU_BATCH = 1
"""A batch saves no time on a CPU (one face 9.4 ms, four 40) and costs 15 MB for each face in it."""

DETECTORS: dict[str, type[Detector]] = {
    "yunet": YunetDetector,
    "centerface": CenterFaceDetector,
}
"""By family; embedders differ in nothing but their graph."""

SECOND_MIN_SCORE = 0.35
"""The first detector has found the face; what is left is where its eyes are."""

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
        scores: what its cosines mean; by default what is known of the model.
        why: why these engines were taken, for status lines.
        pair: what runs them on a GPU; None on the CPU.
        second: another detector, whose landmarks turned faces are cut out by as well; None where it
            is not here.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        model: str,
        *,
        scores: ScoreModel | None = None,
        why: str = "",
        pair: TensorRtPair | None = None,
        second: Detector | None = None,
    ) -> None:
        self.detector = detector
        self.embedder = embedder
        self.model = model
        self.scores = scores or score_model(model)
        self.why = why
        self._pair = pair
        self._second = second

    @property
    def kinds(self) -> tuple[str, str]:
        """What runs the detector and the embedder, e.g. `yunet: onnxruntime int8`."""
        return f"detector: {self.detector.kind}", f"embedder: {self.embedder.kind}"

    @property
    def shareable(self) -> bool:
        """Whether several threads may use the models at once."""
        return self._pair is None

    @property
    def looks_twice(self) -> bool:
        """Whether there is a second detector."""
        return self._second is not None

    def activate(self) -> None:
        """Let the calling thread use the models; one thread at a time does."""
        if self._pair is not None:
            self._pair.device.activate()

    def close(self) -> None:
        """Free what the models hold on a GPU, in the thread that used them last."""
        if self._pair is not None:
            self._pair.close()
            self._pair = None

    def still(self, bgr: NDArray[np.uint8]) -> StillFaces:
        """Return all faces of a still picture, each embedded from 24 views.

        The views (landmarks of two detectors, three zooms, mirrored, grey) cost more than one frame
        of a video may, and give templates that suffer less from the detectors' jitter and from
        black-and-white pictures.
        """
        found = self.detector.detect_pyramid(bgr)
        kept = found[found.scores >= STILL_MIN_SCORE]
        return self.still_of(bgr, with_fine_landmarks(self.detector, bgr, kept))

    def looks(
        self, bgr: NDArray[np.uint8], faces: Detections
    ) -> tuple[Detections, list[NDArray[np.uint8]]]:
        """Return faces with the landmarks that they are aligned by, and the chips of each.

        Args:
            bgr: uint8 (height, width, 3), BGR.
            faces: in pixels of it, from a full-resolution pass.

        Returns:
            The faces, and uint8 (1 or 2, 112, 112, 3), BGR, for each: two of a turned one.
        """
        fine = with_fine_landmarks(self.detector, bgr, faces)
        return fine, cut_out(bgr, fine, self.second_px(bgr, fine, from_yaw=TURNED_YAW))

    def still_of(self, bgr: NDArray[np.uint8], faces: Detections) -> StillFaces:
        """Return faces that were already found in a still picture, measured and embedded."""
        chips = align(bgr, faces.landmarks_px)
        second_px = self.second_px(bgr, faces)
        vectors = np.zeros((len(faces), self.embedder.dimension), np.float32)
        norms = np.zeros(len(faces), np.float32)
        for i, landmarks in enumerate(faces.landmarks_px):
            vectors[i], norms[i] = self.embed_views(bgr, landmarks, second_px.get(i))
        return StillFaces(faces, measure_quality(faces, chips), vectors, norms)

    def second_px(
        self, bgr: NDArray[np.uint8], faces: Detections, *, from_yaw: float = 0.0
    ) -> dict[int, NDArray[np.float32]]:
        """Return where the second detector sees landmarks: see `align.second_landmarks`."""
        if self._second is None:
            return {}
        return second_landmarks(self._second, bgr, faces, from_yaw=from_yaw)

    def embed_views(
        self,
        bgr: NDArray[np.uint8],
        landmarks_px: NDArray[np.float32],
        second_px: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], float]:
        """Return the views' mean unit vector, float32 (dimension,), and their mean norm.

        Twelve of them, or six: of a picture without colour the grey ones are the same again. Twice
        as many of a face whose landmarks, float32 (5, 2), a second detector has found, too.
        """
        places = [one[None] for one in (landmarks_px, second_px) if one is not None]
        chips = np.concatenate([align(bgr, at, zoom=zoom) for at in places for zoom in _ZOOMS])
        chips = np.concatenate([chips, chips[:, :, ::-1]])
        grey = np.stack(
            [cv2.cvtColor(cv2.cvtColor(c, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for c in chips]
        )
        views = chips if np.array_equal(chips, grey) else np.concatenate([chips, grey])
        embedded = self.embedder.embed(views)
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
    backend: Backend = "onnxruntime",
    detector: str = "",
    embedder: str = "",
    scores: ScoreModel | None = None,
) -> FacePipeline:
    """Load the models; they are fetched when they are not cached.

    Args:
        threads: threads for one run of a model on the CPU.
        long_side_px: frames of a video with a longer side are shrunk to it before detection.
        precision: `fp32`, `int8` or `auto`; without, what TVRADAR_PRECISION says, else `auto`,
            which takes INT8 where a calibrated file passed the gate and is faster here.
        unverified: load engines that did not pass the gate.
        backend: `auto` takes TensorRT where this device has it and engines were built and proven
            for it, ONNX Runtime on the CPU otherwise; `why` of the result says which and why.
            `tensorrt-rtx` is never taken by itself, and is not run on hardware yet.
        detector: name in the catalog; by default the one that devices run.
        embedder: the same; a gallery belongs to one.
        scores: what its cosines mean, by default what is known of it.

    Raises:
        ModelMissingError: INT8 or TensorRT was asked for and was never made.
        EngineGateError, PlanUnverifiedError: the same, and it did not pass the gate.
        TensorRtMissingError: `tensorrt` or `tensorrt-rtx` was asked for and is not here.
    """
    defaults = default_name("detector"), default_name("embedder")
    detector, embedder = detector or defaults[0], embedder or defaults[1]
    precision = precision or precision_of_environment()
    pair, why = None, "ONNX Runtime was asked for"
    if backend != "onnxruntime" and (detector, embedder) == defaults:
        required = backend != "auto"
        if backend == "tensorrt-rtx":
            from engines.tensorrt.bindings import use_rtx  # noqa: PLC0415

            use_rtx()
        pair, why = _open_tensorrt(precision, unverified=unverified, required=required)
    found: tuple[Engine, Engine]
    if pair is not None:
        found = pair.detector, pair.embedder
    else:
        finder, comparer = (
            open_engine(name, precision=precision, threads=threads, unverified=unverified)
            for name in (detector, embedder)
        )
        found = finder, comparer
    model = find_model(embedder)
    return FacePipeline(
        DETECTORS[find_model(detector).family](
            found[0],
            min_score=VIDEO_MIN_SCORE,
            long_side_px=long_side_px,
            blended=True,
            sizes_px=pair.detector_sizes_px() if pair else (),
        ),
        Embedder(
            found[1],
            dimension=model.dimension,
            colour_order=model.colour_order,
            max_batch=MAX_BATCH if pair else CPU_BATCH,
        ),
        model_identity(embedder),
        scores=scores,
        why=why,
        pair=pair,
        second=None if detector == SECOND_DETECTOR else _open_second(),
    )


def _open_second() -> Detector | None:
    """Return the second detector where it was fetched: a device without it is not made to wait."""
    path = present(SECOND_DETECTOR)
    if path is None:
        return None
    return CenterFaceDetector(OnnxRuntimeEngine(path, keep=True), min_score=SECOND_MIN_SCORE)


def _open_tensorrt(
    precision: Precision, *, unverified: bool, required: bool
) -> tuple[TensorRtPair | None, str]:
    """Return TensorRT's engines and why they are used, or None and why they are not."""
    from engines.tensorrt.errors import TensorRtError, TensorRtMissingError  # noqa: PLC0415
    from engines.tensorrt.pair import open_pair  # noqa: PLC0415

    try:
        pair = open_pair(precision=precision, unverified=unverified)
    except (TensorRtError, ModelMissingError) as error:
        if required:
            raise
        missing = isinstance(error, (TensorRtMissingError, ModelMissingError))
        # An engine that is here and refused is news; a PC without a GPU is not.
        log.log(logging.INFO if missing else logging.WARNING, "%s; runs in ONNX Runtime", error)
        return None, f"TensorRT: {_state_of(error)}: {reason(error)}"
    return pair, f"TensorRT: engines built for {pair.device.name}, through {pair.device.binding}"


def _state_of(error: EngineError) -> str:
    from engines.tensorrt.errors import PlanUnverifiedError, TensorRtMissingError  # noqa: PLC0415

    if isinstance(error, TensorRtMissingError):
        return "not available"
    return "refused" if isinstance(error, PlanUnverifiedError) else "not used"


def reason(error: EngineError) -> str:
    """Return what was found, without what was expected and how to mend it."""
    return str(error).split(", expected", 1)[0]
